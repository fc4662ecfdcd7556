// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {GuardedVault} from "../../examples/GuardedVault.sol";
import {VouchTest} from "../kit/VouchTest.sol";

contract GuardedVaultTest is VouchTest {
    int128 private constant LIMIT = ONE / 2;

    GuardedVault private vault;
    address private alice = makeAddr("alice");
    address private watchman = makeAddr("watchman");

    function setUp() public {
        deployVouch();
        vault = new GuardedVault(vouch, modelId);
        hoax(alice, 10 ether);
        vault.deposit{value: 10 ether}();
        vm.deal(watchman, 1 ether);
    }

    /// @dev The layout that the plan names, read as a history proof reads it.
    function test_storage_layout() public {
        withdraw(4 ether);
        withdraw(1 ether);
        assertEq(plain(0), uint256(2) << 192 | uint256(1) << 128 | 5 ether);
        assertEq(plain(1), 5 ether << 128 | 10 ether);
        assertEq(uint256(vm.load(address(vault), keccak256(abi.encode(alice, 2)))), 5 ether);
        assertEq(address(vault).balance, 5 ether);
    }

    function testFuzz_pauses_above_the_limit_only(int128 anomaly) public {
        answer(check(990), anomaly);
        if (anomaly > LIMIT) {
            uint64 until = uint64(block.number) + vault.PAUSE_BLOCKS();
            vm.expectRevert(abi.encodeWithSelector(GuardedVault.IsPaused.selector, until, block.number));
        }
        withdraw(1 ether);
    }

    function test_takes_deposits_while_paused() public {
        answer(check(990), LIMIT + 1);
        hoax(alice, 1 ether);
        vault.deposit{value: 1 ether}();
        assertEq(vault.balanceOf(alice), 11 ether);
    }

    /// @dev A false alarm, repeated for ever, cannot keep the vault closed.
    function test_opens_again_and_rests() public {
        answer(check(990), LIMIT + 1);
        uint256 until = vault.pausedUntil();
        vm.roll(until - 1);
        vm.expectPartialRevert(GuardedVault.IsPaused.selector);
        withdraw(1 ether);
        vm.roll(until);
        withdraw(1 ether);
        vm.roll(until + vault.REST_BLOCKS() - 1);
        answer(check(uint64(block.number) - 1), LIMIT + 1);
        withdraw(1 ether);
        vm.roll(until + vault.REST_BLOCKS());
        answer(check(uint64(block.number) - 1), LIMIT + 1);
        vm.expectPartialRevert(GuardedVault.IsPaused.selector);
        withdraw(1 ether);
    }

    function test_refuses_to_ask_about_old_blocks() public {
        vm.expectRevert(abi.encodeWithSelector(GuardedVault.TooOld.selector, 899, 900));
        check(899);
        check(900);
    }

    function test_a_late_answer_pauses_nothing() public {
        uint256 id = check(990);
        vm.roll(1_091);
        answer(id, LIMIT + 1);
        assertEq(vault.pausedUntil(), 0);
    }

    /// @dev Anyone may make a request that names the vault as target, about a vault of their own.
    function test_ignores_answers_to_what_it_did_not_ask() public {
        uint256 id = vouch.request(modelId, alice, 990, address(vault), 200_000, uint64(block.timestamp));
        answer(id, LIMIT + 1);
        assertEq(vault.pausedUntil(), 0);
        vm.expectRevert(abi.encodeWithSelector(GuardedVault.NotVouch.selector, address(this)));
        vault.onScore(id, modelId, address(vault), 990, [LIMIT + 1, 0, 0, 0]);
    }

    function test_gives_an_unanswered_fee_back() public {
        uint256 id = check(990);
        vm.expectRevert();
        vault.cancel(id);
        vm.warp(block.timestamp + vault.PATIENCE_SECONDS() + 1);
        vault.cancel(id);
        assertEq(watchman.balance, 1 ether);
        assertEq(address(vault).balance, 10 ether);
        vm.expectRevert(abi.encodeWithSelector(GuardedVault.UnknownRequest.selector, id));
        vault.cancel(id);
    }

    function test_keeps_its_books() public {
        vm.expectRevert(abi.encodeWithSelector(GuardedVault.Exceeds.selector, 10 ether, 10 ether + 1));
        withdraw(10 ether + 1);
        vm.expectRevert(GuardedVault.Zero.selector);
        withdraw(0);
        vm.expectRevert(GuardedVault.Zero.selector);
        vault.deposit();
        (bool sent,) = address(vault).call{value: 1}("");
        assertFalse(sent);
    }

    function check(uint64 asOf) private returns (uint256) {
        vm.prank(watchman);
        return vault.check{value: 0.01 ether}(asOf);
    }

    function withdraw(uint256 amountWei) private {
        vm.prank(alice);
        vault.withdraw(amountWei);
    }

    function plain(uint256 slot) private view returns (uint256) {
        return uint256(vm.load(address(vault), bytes32(slot)));
    }
}
