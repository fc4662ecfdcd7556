// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {InstanceTooLarge, ProofLength} from "../src/CanonicalInstances.sol";
import {HistoryRoots} from "../src/HistoryRoots.sol";
import {Vouch} from "../src/Vouch.sol";
import {Listener} from "./kit/Callbacks.sol";
import {RealProofTest} from "./kit/RealProofTest.sol";

/// @dev One real history proof and one real score proof, made by the prover, through the generated verifiers.
/// Skipped with a message where the files are missing.
contract RealProof is RealProofTest {
    Listener private listener = new Listener();
    string private historyJson;
    string private scoreJson;
    uint256 private id;

    function setUp() public {
        string memory folder = "test/vectors/";
        if (!vm.exists(string.concat(folder, "real_score.json"))) {
            vm.skip(true, "no test/vectors/real_score.json: the prover has not written it yet");
        }
        historyJson = vm.readFile(string.concat(folder, "real_history.json"));
        scoreJson = vm.readFile(string.concat(folder, "real_score.json"));
        deployVouchFor(historyJson, scoreJson);
        ScoreProof memory score = readScore(scoreJson);
        id = ask(score.subject, score.asOf);
    }

    function test_real_proofs_end_in_a_callback() public {
        HistoryProof memory history = readHistory(historyJson);
        ScoreProof memory score = readScore(scoreJson);
        post(history);
        assertTrue(roots.isPosted(history.root));
        fulfil(score);
        assertEq(listener.calls(), 1);
        assertEq(score.claim.payee.balance, 1 ether);
        (int128 recorded, uint64 asOf) = vouch.scoreOf(modelId, score.subject);
        assertEq(recorded, score.claim.outputs[0]);
        assertEq(asOf, score.asOf);
    }

    function test_real_proofs_in_one_transaction() public {
        HistoryProof memory history = readHistory(historyJson);
        ScoreProof memory score = readScore(scoreJson);
        bytes[] memory calls = new bytes[](2);
        calls[0] =
            abi.encodeCall(Vouch.post, (history.class, history.root, history.anchors, history.payee, history.proof));
        calls[1] = abi.encodeCall(Vouch.fulfil, (id, score.claim, score.proof));
        vouch.multicall(calls);
        assertEq(listener.calls(), 1);
    }

    function test_ids_are_those_of_the_prover() public view {
        assertEq(modelId, vm.parseJsonBytes32(scoreJson, ".model_id"));
        assertEq(registry.structureOf(modelId), vm.parseJsonBytes32(scoreJson, ".structure_id"));
    }

    function testFuzz_rejects_a_damaged_history_proof(uint256 at, uint8 damage) public {
        HistoryProof memory history = readHistory(historyJson);
        at = bound(at, 0, history.proof.length - 1);
        history.proof[at] ^= bytes1(uint8(bound(damage, 1, 255)));
        vm.expectRevert(HistoryRoots.ProofRejected.selector);
        post(history);
    }

    function testFuzz_rejects_a_damaged_score_proof(uint256 at, uint8 damage) public {
        ScoreProof memory score = posted();
        at = bound(at, 0, score.proof.length - 1);
        score.proof[at] ^= bytes1(uint8(bound(damage, 1, 255)));
        expectRejected(score);
    }

    function testFuzz_rejects_any_other_output(uint256 which, int128 other) public {
        ScoreProof memory score = posted();
        which = bound(which, 0, 3);
        vm.assume(other != score.claim.outputs[which]);
        score.claim.outputs[which] = other;
        expectRejected(score);
    }

    function test_rejects_any_other_history_payee_and_root() public {
        HistoryProof memory history = readHistory(historyJson);
        history.payee = address(uint160(history.payee) ^ 1);
        vm.expectRevert(HistoryRoots.ProofRejected.selector);
        post(history);
        history = readHistory(historyJson);
        history.root = addmod(history.root, 1, MODULUS);
        vm.expectRevert(HistoryRoots.ProofRejected.selector);
        post(history);
    }

    function test_rejects_any_other_score_payee() public {
        ScoreProof memory score = posted();
        score.claim.payee = address(uint160(score.claim.payee) ^ 1);
        expectRejected(score);
    }

    function test_rejects_any_other_subject() public {
        ScoreProof memory score = posted();
        id = ask(address(uint160(score.subject) ^ 1), score.asOf);
        expectRejected(score);
    }

    function test_rejects_any_other_block() public {
        ScoreProof memory score = posted();
        id = ask(score.subject, score.asOf - 1);
        expectRejected(score);
    }

    function test_rejects_any_other_chain() public {
        ScoreProof memory score = posted();
        vm.chainId(block.chainid + 1);
        expectRejected(score);
    }

    /// @dev The same field element under another name would be another root to `HistoryRoots`.
    function test_rejects_a_root_plus_the_modulus() public {
        HistoryProof memory history = readHistory(historyJson);
        history.root += MODULUS;
        vm.expectRevert(abi.encodeWithSelector(InstanceTooLarge.selector, 0, history.root));
        post(history);
    }

    function testFuzz_rejects_a_proof_of_another_length(uint256 length) public {
        HistoryProof memory history = readHistory(historyJson);
        uint256 expected = history.proof.length;
        length = bound(length, 0, expected + 64);
        vm.assume(length != expected);
        history.proof = resized(history.proof, length);
        vm.expectRevert(abi.encodeWithSelector(ProofLength.selector, expected, length));
        post(history);
    }

    function resized(bytes memory data, uint256 length) private pure returns (bytes memory out) {
        out = new bytes(length);
        for (uint256 i = 0; i < length && i < data.length; ++i) {
            out[i] = data[i];
        }
    }

    function ask(address subject, uint64 asOf) private returns (uint256) {
        hoax(makeAddr("requester"), 1 ether);
        uint64 deadline = uint64(block.timestamp + 1 hours);
        return vouch.request{value: 1 ether}(modelId, subject, asOf, address(listener), 200_000, deadline);
    }

    function posted() private returns (ScoreProof memory) {
        post(readHistory(historyJson));
        return readScore(scoreJson);
    }

    function post(HistoryProof memory history) private {
        roots.post(history.class, history.root, history.anchors, history.payee, history.proof);
    }

    function fulfil(ScoreProof memory score) private {
        vouch.fulfil(id, score.claim, score.proof);
    }

    function expectRejected(ScoreProof memory score) private {
        vm.expectRevert(Vouch.ProofRejected.selector);
        fulfil(score);
    }
}
