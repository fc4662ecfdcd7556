// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {InstanceCount, InstanceTooLarge, ProofLength, SCALAR_MODULUS} from "../src/CanonicalInstances.sol";
import {NotAContract} from "../src/Code.sol";
import {HistoryVerifier} from "../src/HistoryVerifier.sol";
import {OneCalldata} from "./ScoreVerifier.t.sol";
import {Test} from "forge-std/Test.sol";

contract HistoryVerifierTest is Test {
    bytes private proof = hex"0102030405";
    uint256[] private instances = [uint256(7), SCALAR_MODULUS - 1];
    HistoryVerifier private verifier;

    function setUp() public {
        OneCalldata generated = new OneCalldata(abi.encodePacked(uint256(7), SCALAR_MODULUS - 1, proof));
        verifier = new HistoryVerifier(address(generated), 2, 5);
    }

    function test_hands_instances_and_proof_to_the_generated_code() public {
        assertTrue(verifier.verify(instances, proof));
        instances[0] = 8;
        assertFalse(verifier.verify(instances, proof));
    }

    function testFuzz_refuses_an_instance_that_is_not_canonical(uint256 value) public {
        value = bound(value, SCALAR_MODULUS, type(uint256).max);
        instances[0] = value;
        vm.expectRevert(abi.encodeWithSelector(InstanceTooLarge.selector, 0, value));
        verifier.verify(instances, proof);
    }

    function testFuzz_refuses_other_lengths(uint8 count, uint8 proofBytes) public {
        vm.assume(count != 2 && proofBytes != 5);
        vm.expectRevert(abi.encodeWithSelector(InstanceCount.selector, 2, count));
        verifier.verify(new uint256[](count), proof);
        vm.expectRevert(abi.encodeWithSelector(ProofLength.selector, 5, proofBytes));
        verifier.verify(instances, new bytes(proofBytes));
    }

    function test_refuses_an_address_without_code() public {
        vm.expectRevert(abi.encodeWithSelector(NotAContract.selector, address(9)));
        new HistoryVerifier(address(9), 2, 5);
    }
}
