// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {InstanceCount, InstanceTooLarge, ProofLength, SCALAR_MODULUS} from "../src/CanonicalInstances.sol";
import {NotAContract} from "../src/Code.sol";
import {ScoreVerifier} from "../src/ScoreVerifier.sol";
import {Test} from "forge-std/Test.sol";

/// @dev In place of generated code: accepts one calldata only, so a test fails if the adapter passes anything else.
contract OneCalldata {
    bytes32 private immutable accepted;

    constructor(bytes memory data) {
        accepted = keccak256(data);
    }

    fallback(bytes calldata data) external returns (bytes memory) {
        require(keccak256(data) == accepted);
        return "";
    }
}

contract ScoreVerifierTest is Test {
    bytes private key = new bytes(3 * 64);
    bytes private proof = hex"0102030405";
    uint256[] private instances = [uint256(7), SCALAR_MODULUS - 1];
    ScoreVerifier private verifier;

    function setUp() public {
        key[0] = 0x11;
        key[191] = 0x22;
        OneCalldata generated = new OneCalldata(abi.encodePacked(key, uint256(7), SCALAR_MODULUS - 1, proof));
        verifier = new ScoreVerifier(address(generated), "class", 2, 1, 2, 5);
    }

    function test_hands_key_instances_and_proof_to_the_generated_code() public {
        assertTrue(verifier.verify(key, instances, proof));
        instances[0] = 8;
        assertFalse(verifier.verify(key, instances, proof));
    }

    function testFuzz_refuses_an_instance_that_is_not_canonical(uint256 value) public {
        value = bound(value, SCALAR_MODULUS, type(uint256).max);
        instances[1] = value;
        vm.expectRevert(abi.encodeWithSelector(InstanceTooLarge.selector, 1, value));
        verifier.verify(key, instances, proof);
    }

    function testFuzz_refuses_other_lengths(uint8 keyBytes, uint8 count, uint8 proofBytes) public {
        vm.assume(keyBytes != 192 && count != 2 && proofBytes != 5);
        vm.expectRevert(abi.encodeWithSelector(ScoreVerifier.KeyLength.selector, 192, keyBytes));
        verifier.verify(new bytes(keyBytes), instances, proof);
        vm.expectRevert(abi.encodeWithSelector(ScoreVerifier.KeyLength.selector, 192, keyBytes));
        verifier.ids(new bytes(keyBytes));
        vm.expectRevert(abi.encodeWithSelector(InstanceCount.selector, 2, count));
        verifier.verify(key, new uint256[](count), proof);
        vm.expectRevert(abi.encodeWithSelector(ProofLength.selector, 5, proofBytes));
        verifier.verify(key, instances, new bytes(proofBytes));
    }

    function test_refuses_an_address_without_code() public {
        vm.expectRevert(abi.encodeWithSelector(NotAContract.selector, address(9)));
        new ScoreVerifier(address(9), "class", 2, 1, 2, 5);
    }

    /// @dev The vector is written by the prover's test of the same name; see prover/src/model_key.rs.
    function test_ids_are_those_of_the_shared_vector() public {
        string memory json = vm.readFile("test/vectors/model_id.json");
        for (uint256 i = 0; i < 2; ++i) {
            string memory at = string.concat(".models[", vm.toString(i), "]");
            ScoreVerifier ofClass = new ScoreVerifier(
                verifier.generated(),
                vm.parseJsonBytes32(json, string.concat(at, ".class_id")),
                vm.parseJsonUint(json, string.concat(at, ".structure_points")),
                vm.parseJsonUint(json, string.concat(at, ".weight_points")),
                2,
                5
            );
            (bytes32 structureId, bytes32 modelId) = ofClass.ids(vm.parseJsonBytes(json, string.concat(at, ".key")));
            assertEq(structureId, vm.parseJsonBytes32(json, string.concat(at, ".structure_id")));
            assertEq(modelId, vm.parseJsonBytes32(json, string.concat(at, ".model_id")));
        }
    }
}
