// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {HistoryVerifier} from "../../src/HistoryVerifier.sol";
import {IHistoryVerifier} from "../../src/IHistoryVerifier.sol";
import {IScoreVerifier} from "../../src/IScoreVerifier.sol";
import {Anchor, Claim} from "../../src/Instances.sol";
import {ScoreVerifier} from "../../src/ScoreVerifier.sol";
import {OneHistoryStatement} from "./OneStatement.sol";
import {VouchTest} from "./VouchTest.sol";

/// @title RealProofTest
/// @notice Base of Foundry tests with real proofs from JSON files, through the real verifiers.
/// @dev Files as `vouch prove --out` writes them; paths are relative to the folder of foundry.toml.
abstract contract RealProofTest is VouchTest {
    struct HistoryProof {
        uint256 class;
        uint256 root;
        Anchor[] anchors;
        address payee;
        bytes proof;
    }

    struct ScoreProof {
        uint256 chainId;
        address subject;
        uint64 asOf;
        Claim claim;
        bytes proof;
    }

    /// @notice Deploys everything behind the verifiers named in the two files, registers the model of the second, and
    /// makes the chain know the anchors of the first.
    function deployVouchFor(string memory historyJson, string memory scoreJson) internal {
        vm.chainId(vm.parseJsonUint(scoreJson, ".chain_id"));
        deployVouch(deployHistoryVerifier(historyJson), deployScoreVerifier(scoreJson));
        key = vm.parseJsonBytes(scoreJson, ".key");
        modelId = registry.register(vm.parseJsonBytes32(scoreJson, ".class_id"), key, "");

        Anchor[] memory anchors = readHistory(historyJson).anchors;
        uint256 head = vm.parseJsonUint(scoreJson, ".as_of");
        for (uint256 i = 0; i < anchors.length; ++i) {
            vm.roll(anchors[i].number + 1);
            vm.setBlockhash(anchors[i].number, anchors[i].hash);
            blockHashes.pin(anchors[i].number);
            if (anchors[i].number > head) head = anchors[i].number;
        }
        vm.roll(head + 1);
    }

    /// @notice The same for a model that reads no facts: there is no history.
    function deployVouchFor(string memory scoreJson) internal {
        vm.chainId(vm.parseJsonUint(scoreJson, ".chain_id"));
        deployVouch(new OneHistoryStatement(), deployScoreVerifier(scoreJson));
        key = vm.parseJsonBytes(scoreJson, ".key");
        modelId = registry.register(vm.parseJsonBytes32(scoreJson, ".class_id"), key, "");
        vm.roll(vm.parseJsonUint(scoreJson, ".as_of") + 1);
    }

    function readHistory(string memory json) internal view returns (HistoryProof memory) {
        return readHistory(json, "");
    }

    /// @param at JSON path of the object that holds the fields, "" for the whole file
    function readHistory(string memory json, string memory at) internal view returns (HistoryProof memory read) {
        read.class = vm.parseJsonUint(json, string.concat(at, ".class"));
        read.root = vm.parseJsonUint(json, string.concat(at, ".root"));
        read.payee = vm.parseJsonAddress(json, string.concat(at, ".payee"));
        read.proof = vm.parseJsonBytes(json, string.concat(at, ".proof"));
        read.anchors = readAnchors(json, at);
    }

    function readScore(string memory json) internal view returns (ScoreProof memory read) {
        read.chainId = vm.parseJsonUint(json, ".chain_id");
        read.subject = vm.parseJsonAddress(json, ".subject");
        read.asOf = uint64(vm.parseJsonUint(json, ".as_of"));
        read.claim = readClaim(json, "");
        read.proof = vm.parseJsonBytes(json, ".proof");
    }

    /// @param at JSON path of the object that holds the fields, "" for the whole file
    function readAnchors(string memory json, string memory at) internal view returns (Anchor[] memory anchors) {
        uint256 count = 0;
        while (vm.keyExistsJson(json, element(at, "anchors", count))) {
            ++count;
        }
        anchors = new Anchor[](count);
        for (uint256 i = 0; i < count; ++i) {
            string memory anchor = element(at, "anchors", i);
            anchors[i].number = uint64(vm.parseJsonUint(json, string.concat(anchor, ".number")));
            anchors[i].hash = vm.parseJsonBytes32(json, string.concat(anchor, ".hash"));
            string memory linked = string.concat(anchor, ".linked");
            anchors[i].linked = vm.keyExistsJson(json, linked) && vm.parseJsonBool(json, linked);
        }
    }

    function readClaim(string memory json, string memory at) internal view returns (Claim memory claim) {
        claim.payee = vm.parseJsonAddress(json, string.concat(at, ".payee"));
        if (vm.keyExistsJson(json, string.concat(at, ".inputs"))) {
            claim.inputs = vm.parseJsonUint(json, string.concat(at, ".inputs"));
            claim.digest = vm.parseJsonUint(json, string.concat(at, ".digest"));
        }
        for (uint256 i = 0; i < 4; ++i) {
            claim.roots[i] = vm.parseJsonUint(json, element(at, "roots", i));
            claim.outputs[i] = int128(vm.parseJsonInt(json, element(at, "outputs", i)));
        }
    }

    function element(string memory at, string memory name, uint256 index) internal pure returns (string memory) {
        return string.concat(at, ".", name, "[", vm.toString(index), "]");
    }

    function deployHistoryVerifier(string memory json) internal returns (IHistoryVerifier) {
        return new HistoryVerifier(
            deployRaw(json),
            vm.parseJsonUint(json, ".verifier.num_instances"),
            vm.parseJsonUint(json, ".verifier.proof_bytes")
        );
    }

    function deployScoreVerifier(string memory json) private returns (IScoreVerifier) {
        return new ScoreVerifier(
            deployRaw(json),
            vm.parseJsonBytes32(json, ".class_id"),
            vm.parseJsonUint(json, ".structure_points"),
            vm.parseJsonUint(json, ".weight_points"),
            vm.parseJsonUint(json, ".verifier.num_instances"),
            vm.parseJsonUint(json, ".verifier.proof_bytes")
        );
    }

    function deployRaw(string memory json) private returns (address raw) {
        bytes memory creation = vm.parseJsonBytes(json, ".verifier.bytecode");
        assembly ("memory-safe") {
            raw := create(0, add(creation, 0x20), mload(creation))
        }
        require(raw != address(0), "raw verifier did not deploy");
    }
}
