// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {Vouch} from "../../src/Vouch.sol";
import {Reentrant, Saboteur} from "../kit/Callbacks.sol";
import {VouchTest} from "../kit/VouchTest.sol";
import {Vm} from "forge-std/Vm.sol";

/// @dev Refunds, fees that their receiver does not take, and attempts to be paid twice.
contract MoneyTest is VouchTest {
    address private subject = makeAddr("subject");
    address private requester = makeAddr("requester");

    function setUp() public {
        deployVouch();
        vm.deal(requester, 100 ether);
    }

    function test_refunds_after_the_deadline() public {
        uint256 id = ask(address(0));
        vm.warp(vouch.requestOf(id).deadline + 1);
        vm.expectEmit();
        emit Vouch.Refunded(id, requester, 1 ether);
        vm.prank(requester);
        vouch.refund(id);
        assertEq(requester.balance, 100 ether);
        assertEq(vouch.owedWei(requester), 0);
        assertEq(uint8(vouch.requestOf(id).status), uint8(Vouch.Status.Refunded));
    }

    function test_refunds_once_and_never_what_was_answered() public {
        uint256 refunded = ask(address(0));
        uint256 answered = ask(address(0));
        answer(answered, ONE);
        vm.warp(block.timestamp + 1 days);
        vm.startPrank(requester);
        vouch.refund(refunded);
        vm.expectRevert(abi.encodeWithSelector(Vouch.NotOpen.selector, refunded, Vouch.Status.Refunded));
        vouch.refund(refunded);
        vm.expectRevert(abi.encodeWithSelector(Vouch.NotOpen.selector, answered, Vouch.Status.Fulfilled));
        vouch.refund(answered);
    }

    function test_does_not_refund_before_the_deadline_has_passed() public {
        uint256 id = ask(address(0));
        uint64 deadline = vouch.requestOf(id).deadline;
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(Vouch.DeadlineAhead.selector, deadline, deadline));
        vm.prank(requester);
        vouch.refund(id);
    }

    function testFuzz_refunds_the_requester_only(address other) public {
        vm.assume(other != requester);
        uint256 id = ask(address(0));
        vm.warp(vouch.requestOf(id).deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(Vouch.NotTheRequester.selector, requester, other));
        vm.prank(other);
        vouch.refund(id);
    }

    function test_a_fee_that_is_not_taken_waits() public {
        payee = address(new Saboteur(Saboteur.Way.Revert)); // has no receive function
        uint256 id = ask(address(0));
        vm.recordLogs();
        answer(id, ONE);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs[logs.length - 1].topics[0], Vouch.Owed.selector);
        assertEq(vouch.owedWei(payee), 1 ether);

        address elsewhere = makeAddr("elsewhere");
        vm.expectEmit();
        emit Vouch.Withdrawn(payee, elsewhere, 1 ether);
        vm.prank(payee);
        vouch.withdraw(elsewhere);
        assertEq(elsewhere.balance, 1 ether);
        assertEq(vouch.owedWei(payee), 0);
        vm.expectRevert(abi.encodeWithSelector(Vouch.NothingOwed.selector, payee));
        vm.prank(payee);
        vouch.withdraw(elsewhere);
    }

    function test_a_failed_withdrawal_loses_nothing() public {
        payee = address(new Saboteur(Saboteur.Way.Revert));
        answer(ask(address(0)), ONE);
        vm.expectRevert(abi.encodeWithSelector(Vouch.TransferFailed.selector, payee, 1 ether));
        vm.prank(payee);
        vouch.withdraw(payee);
        assertEq(vouch.owedWei(payee), 1 ether);
    }

    function test_a_requester_that_takes_no_ether_withdraws_its_refund() public {
        requester = address(new Saboteur(Saboteur.Way.Revert));
        vm.deal(requester, 1 ether);
        uint256 id = ask(address(0));
        vm.warp(vouch.requestOf(id).deadline + 1);
        vm.prank(requester);
        vouch.refund(id);
        assertEq(vouch.owedWei(requester), 1 ether);
    }

    function test_a_payee_cannot_burn_more_than_its_gas() public {
        payee = address(new GasEater());
        uint256 id = ask(address(0));
        uint256 before = gasleft();
        answer(id, ONE);
        assertLt(before - gasleft(), 1_000_000);
        assertEq(vouch.owedWei(payee), 1 ether);
    }

    function test_a_payee_cannot_be_paid_twice() public {
        Reentrant thief = new Reentrant(address(vouch));
        payee = address(thief);
        ask(address(0));
        uint256 id = ask(address(0));
        thief.plan(
            abi.encodeCall(Vouch.fulfil, (1, claimOf(ONE, uint256(keccak256(abi.encode("root", id))) >> 8), PROOF))
        );
        answer(id, ONE);
        assertEq(payee.balance, 1 ether);
        assertFalse(thief.succeeded());
        // The same call is good when it does not come from inside another one.
        vouch.fulfil(1, claimOf(ONE, uint256(keccak256(abi.encode("root", id))) >> 8), PROOF);
        assertEq(payee.balance, 2 ether);
    }

    function test_a_refund_cannot_be_taken_twice() public {
        Reentrant thief = new Reentrant(address(vouch));
        requester = address(thief);
        vm.deal(requester, 1 ether);
        uint256 id = ask(address(0));
        vm.deal(address(vouch), 10 ether);
        vm.warp(vouch.requestOf(id).deadline + 1);
        thief.plan(abi.encodeCall(Vouch.refund, (id)));
        thief.run(abi.encodeCall(Vouch.refund, (id)));
        assertFalse(thief.succeeded());
        assertEq(requester.balance, 1 ether);
    }

    function ask(address target) private returns (uint256) {
        vm.prank(requester);
        return vouch.request{value: 1 ether}(modelId, subject, 990, target, 100_000, uint64(block.timestamp + 1 hours));
    }
}

/// @dev Takes no ether and all gas.
contract GasEater {
    receive() external payable {
        while (true) {}
    }
}
