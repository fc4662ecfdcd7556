// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {SpotMarket} from "../../examples/SpotMarket.sol";
import {TrendVault} from "../../examples/TrendVault.sol";
import {VouchTest} from "../kit/VouchTest.sol";

contract TrendVaultTest is VouchTest {
    uint256 private constant PRICE = 2_000e18;
    int128 private constant RISE = ONE * 6 / 10;
    int128 private constant FALL = ONE * 4 / 10;

    SpotMarket private market;
    TrendVault private vault;
    address private oracle = makeAddr("oracle");
    address private owner = makeAddr("owner");
    address private keeper = makeAddr("keeper");

    function setUp() public {
        deployVouch();
        market = new SpotMarket{value: 1_000 ether}(oracle, PRICE);
        hoax(owner, 10 ether);
        vault = new TrendVault{value: 10 ether}(vouch, modelId, market);
        vm.deal(keeper, 1 ether);
    }

    function test_leaves_before_a_fall_and_comes_back() public {
        answer(ask(990), FALL);
        vault.trade();
        assertEq(address(vault).balance, 0);
        assertEq(market.cashOf(address(vault)), 19_990e18);
        setPrice(PRICE / 2);
        answer(ask(995), RISE);
        vault.trade();
        assertEq(market.cashOf(address(vault)), 0);
        assertEq(address(vault).balance, 19.980005 ether);
        vm.prank(owner);
        vault.withdraw();
        assertEq(owner.balance, 19.980005 ether);
    }

    function testFuzz_trades_only_beyond_the_margin(int128 chance) public {
        answer(ask(990), chance);
        vault.trade();
        assertEq(address(vault).balance == 0, chance <= ONE / 2 - vault.MARGIN());
    }

    function test_a_signal_is_used_once() public {
        vm.expectRevert(TrendVault.NoSignal.selector);
        vault.trade();
        answer(ask(990), FALL);
        vault.trade();
        vm.expectRevert(TrendVault.NoSignal.selector);
        vault.trade();
    }

    function testFuzz_a_signal_expires(uint32 late) public {
        answer(ask(990), FALL);
        uint256 last = 990 + vault.SIGNAL_BLOCKS();
        vm.roll(last + 1 + late);
        vm.expectRevert(abi.encodeWithSelector(TrendVault.Expired.selector, last, block.number));
        vault.trade();
        vm.roll(last);
        vault.trade();
    }

    function test_older_answers_do_not_overtake() public {
        (uint256 first, uint256 second) = (ask(985), ask(990));
        answer(second, RISE);
        answer(first, FALL);
        assertEq(vault.asOf(), 990);
        assertEq(vault.chance(), RISE);
        vm.expectRevert(abi.encodeWithSelector(TrendVault.TooOld.selector, 990, 991));
        ask(990);
    }

    function test_refuses_to_ask_about_old_blocks() public {
        vm.expectRevert(abi.encodeWithSelector(TrendVault.TooOld.selector, 974, 975));
        ask(974);
        ask(975);
    }

    /// @dev Anyone may make a request that names the vault as target, about a market of their own.
    function test_ignores_answers_to_what_it_did_not_ask() public {
        uint256 id = vouch.request(modelId, keeper, 990, address(vault), 200_000, uint64(block.timestamp));
        answer(id, FALL);
        assertFalse(vault.open());
        vm.expectRevert(abi.encodeWithSelector(TrendVault.NotVouch.selector, address(this)));
        vault.onScore(id, modelId, keeper, 990, [FALL, 0, 0, 0]);
    }

    function test_gives_an_unanswered_fee_back() public {
        uint256 id = ask(990);
        vm.expectRevert();
        vault.cancel(id);
        vm.warp(block.timestamp + vault.PATIENCE_SECONDS() + 1);
        vault.cancel(id);
        assertEq(keeper.balance, 1 ether);
        assertEq(address(vault).balance, 10 ether);
        vm.expectRevert(abi.encodeWithSelector(TrendVault.UnknownRequest.selector, id));
        vault.cancel(id);
    }

    function test_only_the_owner_withdraws() public {
        vm.expectRevert(abi.encodeWithSelector(TrendVault.NotTheOwner.selector, owner, address(this)));
        vault.withdraw();
        answer(ask(990), FALL);
        vault.trade();
        vm.prank(owner);
        vault.withdraw();
        assertEq(owner.balance, 9.9900025 ether);
    }

    function ask(uint64 asOf) private returns (uint256) {
        vm.prank(keeper);
        return vault.ask{value: 0.01 ether}(asOf);
    }

    function setPrice(uint256 price) private {
        vm.prank(oracle);
        market.setPrice(price);
    }
}
