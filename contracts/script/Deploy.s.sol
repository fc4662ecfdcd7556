// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {BlockArchive} from "../src/BlockArchive.sol";
import {BlockHashes} from "../src/BlockHashes.sol";
import {HistoryRoots} from "../src/HistoryRoots.sol";
import {HistoryVerifier} from "../src/HistoryVerifier.sol";
import {IHistoryVerifier} from "../src/IHistoryVerifier.sol";
import {IScoreVerifier} from "../src/IScoreVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {ScoreVerifier} from "../src/ScoreVerifier.sol";
import {Vouch} from "../src/Vouch.sol";
import {Script} from "forge-std/Script.sol";

/// @title Deploy
/// @notice Deploys Vouch. Nobody owns the result; the order is that of the constructors:
///
///     BlockHashes(), or with verifiers of runs BlockArchive([HistoryVerifier(...), …], [depth, …])
///     generated history verifiers, each then HistoryVerifier(generated, instanceCount, proofBytes), small first
///     HistoryRoots(blockHashes, historyVerifiers)
///     generated score verifiers, each then
///         ScoreVerifier(generated, classId, structurePoints, weightPoints, instanceCount, proofBytes)
///     ModelRegistry(scoreVerifiers)
///     Vouch(registry, historyRoots)
///
/// @dev `forge script script/Deploy.s.sol --sig 'run(string)' verifiers.json --rpc-url … --broadcast`, where the file is
/// what `vouch setup --json` prints: `is_development`; `history[]` and `score[]` of creation code (`bytecode`), `instances`,
/// `proof_bytes`, and for scores `class_id`, `structure_points`, `weight_points`; with `--archive` also `ancestry[]`, each
/// with the `depth` of its runs, which rise. The passports of `generated/` call the
/// number of instances `num_instances`; both names are understood. Any other tool may do the same from `out/`.
contract Deploy is Script {
    /// @notice What a deployment consists of.
    struct Deployment {
        BlockHashes blockHashes;
        HistoryRoots roots;
        ModelRegistry registry;
        Vouch vouch;
    }

    /// @notice The secret of the development setup is public: on a public chain anybody could forge every score, and
    /// what is deployed cannot be paused. Refused unless the file says `"is_development": false`, or the chain is local.
    error DevelopmentSetup(uint256 chainId);
    error NotDeployed(string verifier);

    /// @param file path of the JSON file, relative to the folder of foundry.toml
    function run(string calldata file) external returns (Deployment memory deployed) {
        string memory json = vm.readFile(file);
        vm.startBroadcast();
        deployed = deploy(json);
        vm.stopBroadcast();
    }

    function deploy(string memory json) public returns (Deployment memory deployed) {
        if (isDevelopment(json) && !isLocal(block.chainid)) revert DevelopmentSetup(block.chainid);
        deployed.blockHashes = blockHashes(json);
        IHistoryVerifier[] memory histories = new IHistoryVerifier[](count(json, ".history"));
        for (uint256 i = 0; i < histories.length; ++i) {
            histories[i] = historyVerifier(json, element(".history", i));
        }
        deployed.roots = new HistoryRoots(deployed.blockHashes, histories);

        IScoreVerifier[] memory scores = new IScoreVerifier[](count(json, ".score"));
        for (uint256 i = 0; i < scores.length; ++i) {
            scores[i] = scoreVerifier(json, element(".score", i));
        }
        deployed.registry = new ModelRegistry(scores);
        deployed.vouch = new Vouch(deployed.registry, deployed.roots);
    }

    function blockHashes(string memory json) private returns (BlockHashes) {
        uint256 sizes = count(json, ".ancestry");
        if (sizes == 0) return new BlockHashes();
        IHistoryVerifier[] memory verifiers = new IHistoryVerifier[](sizes);
        uint256[] memory depths = new uint256[](sizes);
        for (uint256 i = 0; i < sizes; ++i) {
            string memory at = element(".ancestry", i);
            verifiers[i] = historyVerifier(json, at);
            depths[i] = number(json, at, ".depth");
        }
        return new BlockArchive(verifiers, depths);
    }

    function historyVerifier(string memory json, string memory at) private returns (IHistoryVerifier) {
        return new HistoryVerifier(create(json, at), instanceCount(json, at), number(json, at, ".proof_bytes"));
    }

    function scoreVerifier(string memory json, string memory at) private returns (IScoreVerifier) {
        return new ScoreVerifier(
            create(json, at),
            vm.parseJsonBytes32(json, string.concat(at, ".class_id")),
            number(json, at, ".structure_points"),
            number(json, at, ".weight_points"),
            instanceCount(json, at),
            number(json, at, ".proof_bytes")
        );
    }

    /// @dev Generated verifiers come as creation code: they are compiled by another solc (`scripts/gen-verifier`).
    function create(string memory json, string memory at) private returns (address generated) {
        bytes memory code = vm.parseJsonBytes(json, string.concat(at, ".bytecode"));
        assembly ("memory-safe") {
            generated := create(0, add(code, 0x20), mload(code))
        }
        if (generated == address(0)) revert NotDeployed(at);
    }

    /// @dev A file that does not say is taken for a development setup.
    function isDevelopment(string memory json) private view returns (bool) {
        return !vm.keyExistsJson(json, ".is_development") || vm.parseJsonBool(json, ".is_development");
    }

    /// @dev The same chain ids as the node's, `prover/src/srs`.
    function isLocal(uint256 chainId) private pure returns (bool) {
        return chainId == 31337 || chainId == 1337;
    }

    function instanceCount(string memory json, string memory at) private view returns (uint256) {
        bool printed = vm.keyExistsJson(json, string.concat(at, ".instances"));
        return number(json, at, printed ? ".instances" : ".num_instances");
    }

    function number(string memory json, string memory at, string memory name) private pure returns (uint256) {
        return vm.parseJsonUint(json, string.concat(at, name));
    }

    function count(string memory json, string memory at) private view returns (uint256 n) {
        while (vm.keyExistsJson(json, element(at, n))) {
            ++n;
        }
    }

    function element(string memory at, uint256 index) private pure returns (string memory) {
        return string.concat(at, "[", vm.toString(index), "]");
    }
}
