// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {Claim} from "../../src/Instances.sol";
import {Vouch} from "../../src/Vouch.sol";
import {Listener} from "../kit/Callbacks.sol";
import {VouchTest} from "../kit/VouchTest.sol";

/// @dev The stub accepts one statement, written out in `setUp`; each fuzz test changes one field of the claim.
contract FulfilTest is VouchTest {
    uint256[4] private four = [uint256(0xa0), 0xa1, 0xa2, 0xa0];
    int128[4] private outputs = [int128(6_554), -3, 70_000, 0];
    address private subject = makeAddr("subject");
    Listener private listener = new Listener();
    Claim private claim;
    uint256 private id;

    function setUp() public {
        deployVouch();
        claim = Claim(outputs, four, payee, 0, 0);
        for (uint256 i = 0; i < 3; ++i) {
            postRoot(four[i]);
        }
        id = ask(subject, 990);

        uint256[] memory statement = new uint256[](14);
        statement[0] = 31_337;
        statement[1] = uint160(payee);
        statement[2] = uint160(subject);
        statement[3] = 990;
        statement[4] = 0xa0;
        statement[5] = 0xa1;
        statement[6] = 0xa2;
        statement[7] = 0xa0;
        statement[8] = 6_554;
        statement[9] = MODULUS - 3;
        statement[10] = 70_000;
        statement[11] = 0;
        scoreVerifier.accept(key, statement, PROOF);
    }

    function test_records_pays_and_tells() public {
        vm.expectEmit();
        emit Vouch.Scored(modelId, subject, 990, outputs);
        vm.expectEmit();
        emit Vouch.Fulfilled(id, payee, 1 ether, outputs);
        vm.prank(makeAddr("anyone"));
        vouch.fulfil(id, claim, PROOF);

        (int128 score, uint64 asOf) = vouch.scoreOf(modelId, subject);
        assertEq(score, 6_554);
        assertEq(asOf, 990);
        assertEq(payee.balance, 1 ether);
        assertEq(address(vouch).balance, 0);
        assertEq(uint8(vouch.requestOf(id).status), uint8(Vouch.Status.Fulfilled));
        assertEq(listener.calls(), 1);
        assertEq(listener.told(), keccak256(abi.encode(address(vouch), id, modelId, subject, uint64(990), outputs)));
    }

    function testFuzz_rejects_any_other_output(uint256 which, int128 other) public {
        which = bound(which, 0, 3);
        vm.assume(other != outputs[which]);
        claim.outputs[which] = other;
        expectRejected(PROOF);
    }

    function testFuzz_rejects_any_other_posted_root(uint256 which, uint256 other) public {
        which = bound(which, 0, 3);
        other = bound(other, 0, 2);
        vm.assume(four[other] != four[which]);
        claim.roots[which] = four[other];
        expectRejected(PROOF);
    }

    function testFuzz_rejects_a_root_that_is_not_posted(uint256 which, uint256 other) public {
        which = bound(which, 0, 3);
        vm.assume(other != 0 && other != 0xa0 && other != 0xa1 && other != 0xa2);
        claim.roots[which] = other;
        // With one root in place of all, so that the check cannot be skipped as a repetition either.
        vm.expectRevert(abi.encodeWithSelector(Vouch.RootNotPosted.selector, other));
        vouch.fulfil(id, claim, PROOF);
        claim.roots = [other, other, other, other];
        vm.expectRevert(abi.encodeWithSelector(Vouch.RootNotPosted.selector, other));
        vouch.fulfil(id, claim, PROOF);
    }

    /// @dev The verifier here knows one statement, which has these roots: a root 0 is not looked for, and fails there.
    function test_rejects_no_root_in_place_of_a_posted_one() public {
        claim.roots[1] = 0;
        expectRejected(PROOF);
    }

    function testFuzz_rejects_private_inputs(uint256 commitment) public {
        vm.assume(commitment != 0);
        claim.inputs = commitment;
        vm.expectRevert(abi.encodeWithSelector(Vouch.OtherInputs.selector, 0, commitment));
        vouch.fulfil(id, claim, PROOF);
        vm.expectRevert(abi.encodeWithSelector(Vouch.PrivateInputs.selector, commitment));
        vouch.submit(modelId, subject, 990, claim, PROOF);
    }

    function testFuzz_rejects_any_other_digest(uint256 digest) public {
        vm.assume(digest != 0);
        claim.digest = digest;
        expectRejected(PROOF);
    }

    function test_check_takes_the_statement_of_the_proof_and_no_other() public {
        vouch.check(modelId, subject, 990, claim, PROOF);
        claim.inputs = 1;
        vm.expectRevert(Vouch.ProofRejected.selector);
        vouch.check(modelId, subject, 990, claim, PROOF);
    }

    function testFuzz_rejects_any_other_payee(address other) public {
        vm.assume(other != payee);
        claim.payee = other;
        expectRejected(PROOF);
    }

    function testFuzz_rejects_any_other_proof(bytes calldata proof) public {
        vm.assume(keccak256(proof) != keccak256(PROOF));
        expectRejected(proof);
    }

    function testFuzz_rejects_any_other_subject(address other) public {
        vm.assume(other != subject);
        id = ask(other, 990);
        expectRejected(PROOF);
    }

    function testFuzz_rejects_any_other_block(uint64 other) public {
        other = uint64(bound(other, 1, block.number - 1));
        vm.assume(other != 990);
        id = ask(subject, other);
        expectRejected(PROOF);
    }

    function testFuzz_rejects_any_other_chain(uint64 other) public {
        vm.assume(other != 31_337 && other != 0);
        vm.chainId(other);
        expectRejected(PROOF);
    }

    function test_rejects_any_other_model() public {
        bytes32 mine = modelId;
        modelId = registry.register(CLASS_ID, bytes.concat(abi.encode(1, 2, 3, 4, 5, 6)), "");
        assertNotEq(modelId, mine);
        id = ask(subject, 990);
        expectRejected(PROOF);
    }

    function test_answers_once() public {
        vouch.fulfil(id, claim, PROOF);
        vm.expectRevert(abi.encodeWithSelector(Vouch.NotOpen.selector, id, Vouch.Status.Fulfilled));
        vouch.fulfil(id, claim, PROOF);
    }

    function test_does_not_answer_what_nobody_asked() public {
        vm.expectRevert(abi.encodeWithSelector(Vouch.NotOpen.selector, id + 1, Vouch.Status.None));
        vouch.fulfil(id + 1, claim, PROOF);
    }

    function test_answers_until_the_deadline() public {
        uint64 deadline = vouch.requestOf(id).deadline;
        uint256 before = vm.snapshotState();
        vm.warp(deadline);
        vouch.fulfil(id, claim, PROOF);
        assertTrue(vm.revertToState(before));
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(Vouch.DeadlinePassed.selector, deadline, deadline + 1));
        vouch.fulfil(id, claim, PROOF);
    }

    function test_one_proof_answers_two_requests() public {
        uint256 second = ask(subject, 990);
        vouch.fulfil(second, claim, PROOF);
        vouch.fulfil(id, claim, PROOF);
        assertEq(payee.balance, 2 ether);
        assertEq(listener.calls(), 2);
    }

    function test_an_older_answer_does_not_replace_the_record() public {
        vouch.fulfil(id, claim, PROOF);
        uint256 older = ask(subject, 989);
        answer(older, 1);
        (int128 score, uint64 asOf) = vouch.scoreOf(modelId, subject);
        assertEq(score, 6_554);
        assertEq(asOf, 990);
        assertEq(listener.calls(), 2);
    }

    function expectRejected(bytes memory proof) private {
        vm.expectRevert(Vouch.ProofRejected.selector);
        vouch.fulfil(id, claim, proof);
        assertEq(uint8(vouch.requestOf(id).status), uint8(Vouch.Status.Open));
    }

    function ask(address about, uint64 asOf) private returns (uint256) {
        hoax(makeAddr("requester"), 1 ether);
        uint64 deadline = uint64(block.timestamp + 1 hours);
        return vouch.request{value: 1 ether}(modelId, about, asOf, address(listener), 200_000, deadline);
    }
}
