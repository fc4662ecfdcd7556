// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {BlockHashes} from "../../src/BlockHashes.sol";
import {HistoryRoots} from "../../src/HistoryRoots.sol";
import {IHistoryVerifier} from "../../src/IHistoryVerifier.sol";
import {IScoreVerifier} from "../../src/IScoreVerifier.sol";
import {Anchor, Claim} from "../../src/Instances.sol";
import {ModelRegistry} from "../../src/ModelRegistry.sol";
import {Vouch} from "../../src/Vouch.sol";
import {OneHistoryStatement, OneScoreStatement} from "./OneStatement.sol";
import {Test} from "forge-std/Test.sol";

/// @title VouchTest
/// @notice Base of Foundry tests for contracts that use Vouch: a whole deployment, with one registered model.
/// @dev Call `deployVouch()` in `setUp`, let your contract ask, then `answer(id, score)`. The verifiers are stubs that
/// accept the one statement they are told, so a wrong subject, block or model still fails. For real proofs see
/// `RealProofTest`.
abstract contract VouchTest is Test {
    /// @notice The score 1.0.
    int128 internal constant ONE = 65_536;
    /// @dev Scalar modulus of BN254, written out again: a test does not ask the code under test.
    uint256 internal constant MODULUS = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    bytes32 internal constant CLASS_ID = "stub class";
    /// @dev What the stubs take for a proof.
    bytes internal constant PROOF = "proof";

    BlockHashes internal blockHashes;
    HistoryRoots internal roots;
    ModelRegistry internal registry;
    Vouch internal vouch;
    OneHistoryStatement internal historyVerifier;
    OneScoreStatement internal scoreVerifier;
    bytes internal key;
    bytes32 internal modelId;
    address internal payee = makeAddr("payee");

    /// @notice Deploys everything behind stub verifiers and registers a model: `modelId`.
    function deployVouch() internal {
        if (block.number < 1000) vm.roll(1000);
        historyVerifier = new OneHistoryStatement();
        scoreVerifier = new OneScoreStatement(CLASS_ID);
        deployVouch(historyVerifier, scoreVerifier);
        key = abi.encodePacked(
            keccak256("k0"), keccak256("k1"), keccak256("k2"), bytes32("k3"), bytes32("k4"), bytes32(0)
        );
        modelId = registry.register(CLASS_ID, key, "");
    }

    function deployVouch(IHistoryVerifier history, IScoreVerifier score) internal {
        blockHashes = new BlockHashes();
        IHistoryVerifier[] memory histories = new IHistoryVerifier[](1);
        histories[0] = history;
        roots = new HistoryRoots(blockHashes, histories);
        IScoreVerifier[] memory scores = new IScoreVerifier[](1);
        scores[0] = score;
        registry = new ModelRegistry(scores);
        vouch = new Vouch(registry, roots);
    }

    /// @notice Fulfils request `id` with `score`, `65536` being 1.0, on a root posted for it.
    function answer(uint256 id, int128 score) internal {
        Claim memory claim = claimOf(score, uint256(keccak256(abi.encode("root", id))) >> 8);
        Vouch.Request memory asked = vouch.requestOf(id);
        claim.inputs = asked.inputs;
        postRoot(claim.roots[0]);
        acceptScore(asked.subject, asked.asOf, claim);
        vouch.fulfil(id, claim, PROOF);
    }

    /// @notice Posts `root`, anchored in the previous block.
    function postRoot(uint256 root) internal {
        Anchor[] memory anchors = new Anchor[](1);
        anchors[0] = Anchor(uint64(block.number - 1), bytes32("hash of the previous block"), false);
        vm.setBlockhash(anchors[0].number, anchors[0].hash);

        uint256[] memory statement = new uint256[](18);
        statement[0] = root;
        statement[1] = uint160(payee);
        statement[2] = (uint256(anchors[0].number) << 128) + (uint256(anchors[0].hash) >> 128);
        statement[3] = uint256(anchors[0].hash) % (1 << 128);
        historyVerifier.accept(statement, PROOF);
        roots.post(0, root, anchors, payee, PROOF);
    }

    /// @notice Makes the stub accept `claim` about (`subject`, `asOf`) under `modelId`, and nothing else.
    function acceptScore(address subject, uint64 asOf, Claim memory claim) internal {
        uint256[] memory statement = new uint256[](14);
        statement[0] = block.chainid;
        statement[1] = uint160(claim.payee);
        statement[2] = uint160(subject);
        statement[3] = asOf;
        statement[4] = claim.roots[0];
        statement[5] = claim.roots[1];
        statement[6] = claim.roots[2];
        statement[7] = claim.roots[3];
        statement[8] = toField(claim.outputs[0]);
        statement[9] = toField(claim.outputs[1]);
        statement[10] = toField(claim.outputs[2]);
        statement[11] = toField(claim.outputs[3]);
        statement[12] = claim.inputs;
        statement[13] = claim.digest;
        scoreVerifier.accept(key, statement, PROOF);
    }

    /// @notice A claim of one output under one root, paid to `payee`.
    function claimOf(int128 score, uint256 root) internal view returns (Claim memory claim) {
        claim.outputs[0] = score;
        claim.roots = [root, root, root, root];
        claim.payee = payee;
    }

    function toField(int256 value) internal pure returns (uint256) {
        return value >= 0 ? uint256(value) : MODULUS - uint256(-value);
    }
}
