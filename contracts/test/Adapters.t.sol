// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {InstanceCount, InstanceTooLarge, ProofLength} from "../src/CanonicalInstances.sol";
import {NotAContract} from "../src/Code.sol";
import {HistoryVerifier} from "../src/HistoryVerifier.sol";
import {ScoreVerifier} from "../src/ScoreVerifier.sol";
import {Test} from "forge-std/Test.sol";

/// @dev Stands for generated code: takes one calldata only, reverts otherwise, returns nothing.
contract OneCalldata {
    bytes32 private immutable accepted;

    error Rejected();

    constructor(bytes memory data) {
        accepted = keccak256(data);
    }

    fallback() external {
        if (keccak256(msg.data) != accepted) revert Rejected();
    }
}

/// @dev The adapters: what the generated verifiers are given, and what never reaches them.
contract AdaptersTest is Test {
    uint256 private constant MODULUS = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    bytes32 private constant CLASS_ID = keccak256("class");

    uint256[] private instances = [uint256(1), MODULUS - 1];
    bytes private key = abi.encode(11, 12, 13, 14, 15, 16);
    bytes private proof = "a proof of 20 bytes.";
    HistoryVerifier private history;
    ScoreVerifier private score;

    function setUp() public {
        bytes memory tail = bytes.concat(abi.encode(1, MODULUS - 1), proof);
        history = new HistoryVerifier(address(new OneCalldata(tail)), 2, 20);
        score = new ScoreVerifier(address(new OneCalldata(bytes.concat(key, tail))), CLASS_ID, 2, 1, 2, 20);
    }

    function test_hands_on_key_instances_proof() public view {
        assertTrue(history.verify(instances, proof));
        assertTrue(score.verify(key, instances, proof));
    }

    function testFuzz_a_rejected_proof_is_false(uint256 at) public {
        at = bound(at, 0, 19);
        proof[at] ^= 0x01;
        assertFalse(history.verify(instances, proof));
        assertFalse(score.verify(key, instances, proof));
    }

    function testFuzz_rejects_any_other_key(uint256 at) public {
        at = bound(at, 0, 191);
        key[at] ^= 0x01;
        assertFalse(score.verify(key, instances, proof));
    }

    function testFuzz_refuses_instances_that_are_not_canonical(uint256 which, uint256 value) public {
        which = bound(which, 0, 1);
        value = bound(value, MODULUS, type(uint256).max);
        instances[which] = value;
        vm.expectRevert(abi.encodeWithSelector(InstanceTooLarge.selector, which, value));
        history.verify(instances, proof);
        vm.expectRevert(abi.encodeWithSelector(InstanceTooLarge.selector, which, value));
        score.verify(key, instances, proof);
    }

    function test_refuses_another_number_of_instances() public {
        instances.push(0);
        vm.expectRevert(abi.encodeWithSelector(InstanceCount.selector, 2, 3));
        history.verify(instances, proof);
        instances.pop();
        instances.pop();
        vm.expectRevert(abi.encodeWithSelector(InstanceCount.selector, 2, 1));
        score.verify(key, instances, proof);
    }

    function test_refuses_a_proof_of_another_length() public {
        vm.expectRevert(abi.encodeWithSelector(ProofLength.selector, 20, 21));
        history.verify(instances, bytes.concat(proof, hex"00"));
        vm.expectRevert(abi.encodeWithSelector(ProofLength.selector, 20, 0));
        score.verify(key, instances, "");
    }

    function test_refuses_a_key_of_another_length() public {
        key = bytes.concat(key, bytes32(0));
        vm.expectRevert(abi.encodeWithSelector(ScoreVerifier.KeyLength.selector, 192, 224));
        score.verify(key, instances, proof);
        vm.expectRevert(abi.encodeWithSelector(ScoreVerifier.KeyLength.selector, 192, 224));
        score.ids(key);
    }

    function testFuzz_ids(bytes32[6] calldata words) public view {
        (bytes32 structureId, bytes32 modelId) = score.ids(abi.encode(words));
        assertEq(structureId, keccak256(abi.encode(CLASS_ID, words[0], words[1], words[2], words[3])));
        assertEq(modelId, keccak256(abi.encode(structureId, words[4], words[5])));
    }

    function test_constructors_refuse_addresses_without_code() public {
        vm.expectRevert(abi.encodeWithSelector(NotAContract.selector, address(7)));
        new HistoryVerifier(address(7), 2, 20);
        vm.expectRevert(abi.encodeWithSelector(NotAContract.selector, address(7)));
        new ScoreVerifier(address(7), CLASS_ID, 2, 1, 2, 20);
    }
}
