// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {Deploy} from "../script/Deploy.s.sol";
import {BlockArchive} from "../src/BlockArchive.sol";
import {HistoryVerifier} from "../src/HistoryVerifier.sol";
import {ScoreVerifier} from "../src/ScoreVerifier.sol";
import {Test} from "forge-std/Test.sol";

contract DeployTest is Test {
    /// @dev Creation code of a contract of one byte, STOP.
    string private constant STOP = "\"bytecode\": \"0x6001600081805260206000f3\"";

    Deploy private script = new Deploy();

    function test_deploys_all_classes_in_order() public {
        Deploy.Deployment memory made = script.deploy(setup("\"is_development\": true,"));
        assertEq(address(made.vouch.registry()), address(made.registry));
        assertEq(address(made.vouch.roots()), address(made.roots));
        assertEq(address(made.roots.blockHashes()), address(made.blockHashes));

        assertEq(made.roots.classCount(), 2);
        assertEq(HistoryVerifier(address(made.roots.verifierOf(0))).proofBytes(), 100);
        assertEq(HistoryVerifier(address(made.roots.verifierOf(1))).proofBytes(), 200);
        assertEq(HistoryVerifier(address(made.roots.verifierOf(1))).instanceCount(), 18);
        ScoreVerifier score = ScoreVerifier(address(made.registry.verifierOf("c")));
        assertEq(score.structurePoints(), 3);
        assertEq(score.weightPoints(), 2);
        assertEq(score.instanceCount(), 12);
        assertEq(score.proofBytes(), 300);
    }

    /// @dev The committed verifiers, under the names of their passports, in the order of a deployment.
    function test_deploys_the_generated_verifiers() public {
        string[4] memory histories = ["history_s", "history_m", "history_h", "history_r"];
        string memory list;
        for (uint256 i = 0; i < histories.length; ++i) {
            histories[i] = vm.readFile(string.concat("generated/", histories[i], ".json"));
            list = string.concat(list, i == 0 ? "" : ",", histories[i]);
        }
        string memory score = vm.readFile("generated/score_12.json");
        Deploy.Deployment memory made =
            script.deploy(string.concat("{\"history\": [", list, "], \"score\": [", score, "]}"));
        assertEq(made.roots.classCount(), 4);
        for (uint256 i = 0; i < histories.length; ++i) {
            HistoryVerifier adapter = HistoryVerifier(address(made.roots.verifierOf(i)));
            assertEq(adapter.instanceCount(), 18);
            assertEq(adapter.proofBytes(), vm.parseJsonUint(histories[i], ".proof_bytes"));
            assertEq(adapter.generated().code.length, vm.parseJsonUint(histories[i], ".runtime_bytes"));
            assertLe(adapter.generated().code.length, 24_576);
        }
        ScoreVerifier mlp = ScoreVerifier(address(made.registry.verifierOf(vm.parseJsonBytes32(score, ".class_id"))));
        assertEq(mlp.instanceCount(), 14);
        assertEq(mlp.generated().code.length, vm.parseJsonUint(score, ".runtime_bytes"));
    }

    function testFuzz_refuses_a_development_setup_on_public_chains(uint64 chainId) public {
        vm.assume(chainId != 31337 && chainId != 1337);
        vm.chainId(chainId);
        vm.expectRevert(abi.encodeWithSelector(Deploy.DevelopmentSetup.selector, chainId));
        script.deploy(setup("\"is_development\": true,"));
        vm.expectRevert(abi.encodeWithSelector(Deploy.DevelopmentSetup.selector, chainId));
        script.deploy(setup(""));
        script.deploy(setup("\"is_development\": false,"));
    }

    function test_deploys_an_archive_if_there_is_a_verifier_of_runs() public {
        string memory more = string.concat(
            "\"ancestry\": [",
            verifier("ancestry_7", 7, 50, ", \"depth\": 7"),
            ", ",
            verifier("ancestry_10", 7, 60, ", \"depth\": 10"),
            "], \"is_development\": true,"
        );
        Deploy.Deployment memory made = script.deploy(setup(more));
        BlockArchive archive = BlockArchive(address(made.blockHashes));
        assertEq(archive.depths(), 1 << 7 | 1 << 10);
        assertEq(HistoryVerifier(address(archive.verifierOf(7))).proofBytes(), 50);
        assertEq(HistoryVerifier(address(archive.verifierOf(10))).proofBytes(), 60);
        assertEq(HistoryVerifier(address(archive.verifierOf(7))).instanceCount(), 7);
        assertEq(address(made.roots.blockHashes()), address(archive));
    }

    function test_deploys_a_development_setup_on_local_chains() public {
        vm.chainId(1337);
        script.deploy(setup("\"is_development\": true,"));
        vm.chainId(31337);
        script.deploy(setup(""));
    }

    function test_names_a_verifier_that_does_not_deploy() public {
        vm.expectRevert(abi.encodeWithSelector(Deploy.NotDeployed.selector, ".history[0]"));
        script.deploy(
            "{\"history\": [{\"instances\": 18, \"proof_bytes\": 100, \"bytecode\": \"0xfe\"}], \"score\": []}"
        );
    }

    /// @dev All that `vouch setup --json` prints (`SetupView` of `api/src/cli/setup.rs`), with small numbers.
    function setup(string memory development) private pure returns (string memory) {
        return string.concat(
            "{\"keys\": \"keys\", \"srs\": \"sha256:00\",",
            development,
            "\"history\": [",
            verifier("S", 18, 100, ""),
            ",",
            verifier("M", 18, 200, ""),
            "], \"score\": [",
            verifier(
                "score_12",
                12,
                300,
                string.concat(
                    ", \"class_id\": \"", vm.toString(bytes32("c")), "\", \"structure_points\": 3, \"weight_points\": 2"
                )
            ),
            "]}"
        );
    }

    function verifier(string memory class, uint256 instances, uint256 proofBytes, string memory key)
        private
        pure
        returns (string memory)
    {
        return string.concat(
            "{\"class\": \"",
            class,
            "\", \"instances\": ",
            vm.toString(instances),
            ", \"proof_bytes\": ",
            vm.toString(proofBytes),
            ", \"verifier_bytes\": 1, \"k\": 16, \"key_mb\": 1.5, ",
            STOP,
            key,
            "}"
        );
    }
}
