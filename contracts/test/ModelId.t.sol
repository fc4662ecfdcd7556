// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {ScoreVerifier} from "../src/ScoreVerifier.sol";
import {Test} from "forge-std/Test.sol";

/// @dev The vector holds real keys of two models of one structure. It is written and read by `prover/src/model_key.rs`.
contract ModelIdTest is Test {
    function test_ids_are_those_of_the_prover() public {
        string memory json = vm.readFile("test/vectors/model_id.json");
        bytes32[2] memory models;
        bytes32[2] memory structures;
        for (uint256 i = 0; i < 2; ++i) {
            string memory at = string.concat(".models[", vm.toString(i), "]");
            ScoreVerifier verifier = new ScoreVerifier(
                address(this),
                vm.parseJsonBytes32(json, string.concat(at, ".class_id")),
                vm.parseJsonUint(json, string.concat(at, ".structure_points")),
                vm.parseJsonUint(json, string.concat(at, ".weight_points")),
                0,
                0
            );
            (structures[i], models[i]) = verifier.ids(vm.parseJsonBytes(json, string.concat(at, ".key")));
            assertEq(structures[i], vm.parseJsonBytes32(json, string.concat(at, ".structure_id")));
            assertEq(models[i], vm.parseJsonBytes32(json, string.concat(at, ".model_id")));
        }
        assertEq(structures[0], structures[1]);
        assertNotEq(models[0], models[1]);
    }
}
