// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {SpotMarket} from "../../examples/SpotMarket.sol";
import {Test} from "forge-std/Test.sol";

contract SpotMarketTest is Test {
    uint256 private constant PRICE = 2_000e18;

    SpotMarket private market;
    address private oracle = makeAddr("oracle");
    address private alice = makeAddr("alice");

    function setUp() public {
        market = new SpotMarket{value: 100 ether}(oracle, PRICE);
    }

    /// @dev The layout that plans name, read as a history proof reads it.
    function test_storage_layout() public {
        uint256 cash = sell(3 ether);
        vm.prank(alice);
        uint256 got = market.buy(1_000e18);
        assertEq(plain(0), PRICE);
        assertEq(plain(1), 3 ether << 128 | got);
        assertEq(uint256(vm.load(address(market), keccak256(abi.encode(alice, 2)))), cash - 1_000e18);
    }

    function test_takes_its_fee_both_ways() public {
        assertEq(sell(1 ether), 1_999e18); // 2,000 less 5 bps
        vm.prank(alice);
        assertEq(market.buy(1_999e18), 0.99900025 ether);
    }

    /// @dev Nobody gains by going to and fro at one price.
    function testFuzz_a_round_trip_loses(uint96 amountWei, uint128 price) public {
        vm.assume(amountWei > 1e9);
        price = uint128(bound(price, 1e18, 1e24));
        vm.prank(oracle);
        market.setPrice(price);
        uint256 cash = sell(amountWei);
        vm.prank(alice);
        assertLt(market.buy(cash), amountWei);
    }

    function test_pays_what_it_has() public {
        uint256 cash = sell(1 ether);
        vm.prank(oracle);
        market.setPrice(PRICE / 1_000);
        vm.expectPartialRevert(SpotMarket.Exceeds.selector);
        vm.prank(alice);
        market.buy(cash);
        vm.expectRevert(abi.encodeWithSelector(SpotMarket.Exceeds.selector, cash, cash + 1));
        vm.prank(alice);
        market.buy(cash + 1);
    }

    function test_refuses_others_and_zero() public {
        vm.expectRevert(abi.encodeWithSelector(SpotMarket.NotTheOracle.selector, oracle, address(this)));
        market.setPrice(1);
        vm.startPrank(oracle);
        vm.expectRevert(SpotMarket.Zero.selector);
        market.setPrice(0);
        vm.expectRevert(SpotMarket.Zero.selector);
        market.sell();
        vm.expectRevert(SpotMarket.Zero.selector);
        market.buy(0);
        vm.expectRevert(SpotMarket.Zero.selector);
        new SpotMarket(oracle, 0);
    }

    function sell(uint256 amountWei) private returns (uint256) {
        hoax(alice, amountWei);
        return market.sell{value: amountWei}();
    }

    function plain(uint256 slot) private view returns (uint256) {
        return uint256(vm.load(address(market), bytes32(slot)));
    }
}
