// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {Deploy} from "../script/Deploy.s.sol";
import {HistoryVerifier} from "../src/HistoryVerifier.sol";
import {ScoreVerifier} from "../src/ScoreVerifier.sol";
import {Test} from "forge-std/Test.sol";

contract DeployTest is Test {
    /// @dev Creation code of a contract of one byte, STOP.
    string private constant STOP = "\"bytecode\": \"0x6001600081805260206000f3\"";

    function test_deploys_all_classes_in_order() public {
        Deploy.Deployment memory made = new Deploy()
            .deploy(
                string.concat(
                    "{\"history\": [{\"num_instances\": 18, \"proof_bytes\": 100,",
                    STOP,
                    "}, {\"num_instances\": 18, \"proof_bytes\": 200,",
                    STOP,
                    "}], \"score\": [{\"class_id\": \"",
                    vm.toString(bytes32("c")),
                    "\", \"structure_points\": 3, \"weight_points\": 2, \"num_instances\": 12, \"proof_bytes\": 300,",
                    STOP,
                    "}]}"
                )
            );
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

    function test_names_a_verifier_that_does_not_deploy() public {
        Deploy deploy = new Deploy();
        vm.expectRevert(abi.encodeWithSelector(Deploy.NotDeployed.selector, ".history[0]"));
        deploy.deploy(
            "{\"history\": [{\"num_instances\": 18, \"proof_bytes\": 100, \"bytecode\": \"0xfe\"}], \"score\": []}"
        );
    }
}
