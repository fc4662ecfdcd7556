// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {Claim} from "../../src/Instances.sol";
import {Vouch} from "../../src/Vouch.sol";
import {Listener, Moody, Reentrant, Saboteur, Taker} from "../kit/Callbacks.sol";
import {VouchTest} from "../kit/VouchTest.sol";

contract CallbackTest is VouchTest {
    uint256 private constant ROOT = 0xa0;
    address private subject = makeAddr("subject");

    function setUp() public {
        deployVouch();
        postRoot(ROOT);
        acceptScore(subject, 990, claimOf(ONE, ROOT));
    }

    function testFuzz_a_failing_callback_does_not_block(uint8 way) public {
        address target = address(new Saboteur(Saboteur.Way(bound(way, 0, 2))));
        uint256 id = ask(target, 200_000);
        vm.expectEmit();
        emit Vouch.CallbackFailed(id, target);
        vouch.fulfil(id, claimOf(ONE, ROOT), PROOF);
        assertEq(payee.balance, 1 ether);
        (int128 score,) = vouch.scoreOf(modelId, subject);
        assertEq(score, ONE);
    }

    function test_a_working_callback_does_not_fail() public {
        uint256 id = ask(address(new Listener()), 200_000);
        vm.recordLogs();
        vouch.fulfil(id, claimOf(ONE, ROOT), PROOF);
        assertEq(vm.getRecordedLogs().length, 2); // Scored, Fulfilled
    }

    /// @dev With any amount of gas, either everything reverts or the callback had what it was promised.
    function testFuzz_a_fulfiller_cannot_starve_the_callback(uint256 gasSent, uint32 gasLimit) public {
        gasLimit = uint32(bound(gasLimit, 180_000, 2_000_000));
        gasSent = bound(gasSent, 50_000, 2_500_000);
        Listener listener = new Listener();
        uint256 id = ask(address(listener), gasLimit);
        try vouch.fulfil{gas: gasSent}(id, claimOf(ONE, ROOT), PROOF) {
            assertEq(listener.calls(), 1);
            // Between the call and the first line of the callback it decodes its arguments.
            assertGe(listener.gasGiven() + 2_000, gasLimit);
        } catch {
            assertEq(uint8(vouch.requestOf(id).status), uint8(Vouch.Status.Open));
            assertEq(listener.calls(), 0);
        }
    }

    function test_too_little_gas_is_named() public {
        uint256 id = ask(address(new Listener()), 1_000_000);
        Claim memory claim = claimOf(ONE, ROOT);
        (bool done, bytes memory why) =
            address(vouch).call{gas: 900_000}(abi.encodeCall(Vouch.fulfil, (id, claim, PROOF)));
        assertFalse(done);
        assertEq(bytes4(why), Vouch.CallbackGas.selector);
        vouch.fulfil{gas: 1_300_000}(id, claim, PROOF);
    }

    /// @dev At the least gas that is accepted the callback has as much as with plenty, even when its account is cold.
    function test_the_least_gas_is_enough_for_the_callback() public {
        Listener listener = new Listener();
        uint256 id = ask(address(listener), 2_000_000);
        uint256 start = vm.snapshotState();
        assertTrue(fulfilsWith(10_000_000, start, id, listener));
        uint256 plenty = listener.gasGiven();

        uint256 tooLittle = 1_000_000;
        uint256 least = 10_000_000;
        while (least - tooLittle > 1) {
            uint256 middle = (least + tooLittle) / 2;
            if (fulfilsWith(middle, start, id, listener)) least = middle;
            else tooLittle = middle;
        }
        for (uint256 more = 0; more < 4_000; more += 50) {
            assertTrue(fulfilsWith(least + more, start, id, listener));
            assertEq(listener.gasGiven(), plenty);
        }
    }

    /// @dev The callback chooses what it burns, knowing a gas estimate from the transaction. At the least gas that a quiet callback
    /// needs, one that burns all it may leaves enough to pay any payee.
    function testFuzz_a_callback_that_burns_its_gas_cannot_stop_the_payment(uint256 limit, uint8 kind) public {
        limit = bound(limit, 2_000, 500_000);
        Moody moody = new Moody();
        payee = [makeAddr("empty"), address(new Taker()), address(new Saboteur(Saboteur.Way.Burn))][kind % 3];
        acceptScore(subject, 990, claimOf(ONE, ROOT));
        uint256 id = ask(address(moody), uint32(limit));
        uint256 start = vm.snapshotState();

        (uint256 low, uint256 least) = (30_000, 2_000_000);
        while (least - low > 500) {
            uint256 middle = (least + low) / 2;
            if (fulfilsFrom(start, middle, id, moody, false)) least = middle;
            else low = middle;
        }
        for (uint256 more = 0; more < 3_000; more += 500) {
            assertTrue(fulfilsFrom(start, least + more, id, moody, true), "burnt");
        }
        assertEq(payee.balance + vouch.owedWei(payee), 1 ether);
    }

    /// @dev Either everything reverts, or a payee that can take its fee has it.
    function testFuzz_a_fulfiller_cannot_starve_the_payee(uint256 gasSent) public {
        gasSent = bound(gasSent, 50_000, 500_000);
        payee = address(new Taker());
        acceptScore(subject, 990, claimOf(ONE, ROOT));
        uint256 id = ask(address(0), 0);
        try vouch.fulfil{gas: gasSent}(id, claimOf(ONE, ROOT), PROOF) {
            assertEq(payee.balance, 1 ether);
        } catch {
            assertEq(uint8(vouch.requestOf(id).status), uint8(Vouch.Status.Open));
        }
    }

    function test_too_little_gas_for_the_payee_is_named() public {
        uint256 id = ask(address(0), 0);
        bytes memory call = abi.encodeCall(Vouch.fulfil, (id, claimOf(ONE, ROOT), PROOF));
        uint256 start = vm.snapshotState();
        (bool done, bytes memory why) = (false, bytes(""));
        bytes memory before;
        for (uint256 gasSent = 100_000; !done; gasSent += 5_000) {
            vm.revertToState(start);
            before = why;
            (done, why) = address(vouch).call{gas: gasSent}(call);
        }
        assertEq(bytes4(before), Vouch.PayeeGas.selector);
    }

    function fulfilsFrom(uint256 start, uint256 gasSent, uint256 id, Moody moody, bool burns)
        private
        returns (bool done)
    {
        vm.revertToState(start);
        moody.set(burns);
        vm.cool(payee);
        vm.cool(address(moody));
        bytes memory call = abi.encodeCall(Vouch.fulfil, (id, claimOf(ONE, ROOT), PROOF));
        (done,) = address(vouch).call{gas: gasSent}(call);
    }

    function testFuzz_the_callback_cannot_take_money_again(uint256 which) public {
        Reentrant target = new Reentrant(address(vouch));
        uint256 id = ask(address(target), 500_000);
        bytes[3] memory calls = [
            abi.encodeCall(Vouch.fulfil, (id, claimOf(ONE, ROOT), PROOF)),
            abi.encodeCall(Vouch.refund, (id)),
            abi.encodeCall(Vouch.withdraw, (payee))
        ];
        target.plan(calls[bound(which, 0, 2)]);
        vouch.fulfil(id, claimOf(ONE, ROOT), PROOF);
        assertFalse(target.succeeded());
        assertEq(target.reason(), abi.encodeWithSignature("Reentrancy()"));
        assertEq(payee.balance, 1 ether);
    }

    function test_the_callback_may_ask_again_and_sees_the_score() public {
        Reentrant target = new Reentrant(address(vouch));
        uint256 id = ask(address(target), 500_000);
        target.plan(
            abi.encodeCall(Vouch.request, (modelId, subject, 991, address(0), 0, uint64(block.timestamp + 1 hours)))
        );
        vouch.fulfil(id, claimOf(ONE, ROOT), PROOF);
        assertTrue(target.succeeded());
        assertEq(vouch.requestCount(), id + 1);
    }

    function fulfilsWith(uint256 gasSent, uint256 start, uint256 id, Listener listener) private returns (bool) {
        vm.revertToState(start);
        vm.cool(address(listener));
        try vouch.fulfil{gas: gasSent}(id, claimOf(ONE, ROOT), PROOF) {
            return true;
        } catch {
            return false;
        }
    }

    function ask(address target, uint32 gasLimit) private returns (uint256) {
        hoax(makeAddr("requester"), 1 ether);
        return vouch.request{value: 1 ether}(modelId, subject, 990, target, gasLimit, uint64(block.timestamp + 1 hours));
    }
}
