// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {BlockHashes} from "../src/BlockHashes.sol";
import {HistoryRoots} from "../src/HistoryRoots.sol";
import {IHistoryVerifier} from "../src/IHistoryVerifier.sol";
import {Anchor} from "../src/Instances.sol";
import {RealProofTest} from "./kit/RealProofTest.sol";

/// @dev Two real proofs of class H through the generated verifier: the first leads from block 16,445 to block 8,251, where the second starts.
/// `VOUCH_WRITE_LINKED=$PWD/contracts/test/vectors/real_linked.json cargo test --release -p vouch-prover --test chained` makes the file.
contract RealLinked is RealProofTest {
    string private json;
    HistoryRoots private history;

    function setUp() public {
        json = vm.readFile("test/vectors/real_linked.json");
        IHistoryVerifier[] memory verifiers = new IHistoryVerifier[](1);
        verifiers[0] = deployHistoryVerifier(json);
        history = new HistoryRoots(new BlockHashes(), verifiers);
        // so far up that the chain no longer tells the block between them
        Anchor memory recent = first().anchors[1];
        vm.roll(recent.number + 1);
        vm.setBlockhash(recent.number, recent.hash);
    }

    function test_the_second_proof_starts_where_the_first_ended() public {
        (HistoryProof memory one, HistoryProof memory two) = (first(), second());
        Anchor memory link = one.anchors[0];
        assertEq(history.hashOf(link.number), 0);
        vm.expectEmit();
        emit HistoryRoots.BlockLinked(link.number, link.hash);
        assertTrue(post(one));
        assertEq(history.hashOf(link.number), link.hash);
        assertEq(two.anchors.length, 1);
        assertEq(two.anchors[0].hash, link.hash);
        assertTrue(post(two));
        assertTrue(history.isPosted(one.root) && history.isPosted(two.root));
    }

    function test_the_second_alone_is_refused() public {
        HistoryProof memory proof = second();
        Anchor memory start = proof.anchors[0];
        vm.expectRevert(
            abi.encodeWithSelector(HistoryRoots.UnknownBlock.selector, start.number, bytes32(0), start.hash)
        );
        post(proof);
    }

    /// @dev Else a proof from a block that nobody knows would vouch for itself.
    function test_the_second_does_not_vouch_for_its_own_start() public {
        HistoryProof memory proof = second();
        proof.anchors[0].linked = true;
        expectRejected(proof);
    }

    function test_the_first_without_its_flag_is_asked_for_an_unknown_block() public {
        HistoryProof memory proof = first();
        Anchor memory link = proof.anchors[0];
        proof.anchors[0].linked = false;
        vm.expectRevert(abi.encodeWithSelector(HistoryRoots.UnknownBlock.selector, link.number, bytes32(0), link.hash));
        post(proof);
    }

    function testFuzz_refuses_another_linked_block(bytes32 hash, uint64 number) public {
        HistoryProof memory proof = first();
        (uint64 known, bytes32 right) = (proof.anchors[0].number, proof.anchors[0].hash);
        number = uint64(bound(number, 0, proof.anchors[1].number - 1));
        vm.assume(hash != right && number != known);
        proof.anchors[0].hash = hash;
        expectRejected(proof);
        proof.anchors[0] = Anchor(number, right, true);
        expectRejected(proof);
    }

    function test_refuses_the_recent_block_as_a_linked_one() public {
        HistoryProof memory proof = first();
        proof.anchors[1].linked = true;
        expectRejected(proof);
    }

    function first() private view returns (HistoryProof memory) {
        return readHistory(json, ".first");
    }

    function second() private view returns (HistoryProof memory) {
        return readHistory(json, ".second");
    }

    function post(HistoryProof memory proof) private returns (bool) {
        return history.post(proof.class, proof.root, proof.anchors, proof.payee, proof.proof);
    }

    function expectRejected(HistoryProof memory proof) private {
        vm.expectRevert(HistoryRoots.ProofRejected.selector);
        post(proof);
        assertFalse(history.isPosted(proof.root));
    }
}
