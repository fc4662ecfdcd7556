// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {Claim} from "../../src/Instances.sol";
import {Vouch} from "../../src/Vouch.sol";
import {Listener} from "../kit/Callbacks.sol";
import {VouchTest} from "../kit/VouchTest.sol";

/// @dev Requests about private inputs.
contract PrivateTest is VouchTest {
    uint256 private constant INPUTS = 0xc0;
    uint256 private constant ROOT = 0xa0;
    address private subject = makeAddr("subject");
    Listener private listener = new Listener();
    uint256 private id;
    Claim private claim;

    function setUp() public {
        deployVouch();
        postRoot(ROOT);
        id = ask(INPUTS);
        claim = claimOf(6_554, ROOT);
        claim.inputs = INPUTS;
        acceptScore(subject, 990, claim);
    }

    function test_keeps_and_announces_the_commitment() public {
        vm.expectEmit();
        emit Vouch.RequestedPrivate(2, INPUTS + 1);
        id = ask(INPUTS + 1);
        Vouch.Request memory kept = vouch.requestOf(id);
        assertEq(kept.inputs, INPUTS + 1);
        assertEq(kept.modelId, modelId);
        assertEq(kept.feeWei, 1 ether);
        assertEq(uint8(kept.status), uint8(Vouch.Status.Open));
    }

    /// @dev The requester chose the commitment, so the answer is theirs alone: the record of the subject stays as it is.
    function test_answers_without_a_record() public {
        vouch.fulfil(id, claim, PROOF);
        assertEq(listener.calls(), 1);
        assertEq(payee.balance, 1 ether);
        (, uint64 asOf) = vouch.tryScoreOf(modelId, subject);
        assertEq(asOf, 0);
    }

    function testFuzz_rejects_other_inputs(uint256 inputs) public {
        vm.assume(inputs != INPUTS);
        claim.inputs = inputs;
        acceptScore(subject, 990, claim);
        vm.expectRevert(abi.encodeWithSelector(Vouch.OtherInputs.selector, INPUTS, inputs));
        vouch.fulfil(id, claim, PROOF);
    }

    function test_rejects_a_proof_of_other_inputs_under_this_name() public {
        claim.inputs = INPUTS + 1;
        acceptScore(subject, 990, claim);
        claim.inputs = INPUTS;
        vm.expectRevert(Vouch.ProofRejected.selector);
        vouch.fulfil(id, claim, PROOF);
    }

    function test_rejects_inputs_where_the_request_names_none() public {
        id = ask(0);
        vm.expectRevert(abi.encodeWithSelector(Vouch.OtherInputs.selector, 0, INPUTS));
        vouch.fulfil(id, claim, PROOF);
    }

    function test_an_unanswered_fee_comes_back() public {
        uint64 deadline = vouch.requestOf(id).deadline;
        vm.warp(deadline + 1);
        vm.prank(makeAddr("requester"));
        vouch.refund(id);
        assertEq(makeAddr("requester").balance, 1 ether);
    }

    function ask(uint256 inputs) private returns (uint256) {
        hoax(makeAddr("requester"), 1 ether);
        uint64 deadline = uint64(block.timestamp + 1 hours);
        return vouch.requestPrivate{value: 1 ether}(modelId, subject, 990, address(listener), 200_000, deadline, inputs);
    }
}
