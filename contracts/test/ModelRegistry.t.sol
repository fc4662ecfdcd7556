// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {NotAContract} from "../src/Code.sol";
import {IScoreVerifier} from "../src/IScoreVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {OneScoreStatement} from "./kit/OneStatement.sol";
import {Test} from "forge-std/Test.sol";

contract ModelRegistryTest is Test {
    OneScoreStatement private small = new OneScoreStatement("small");
    OneScoreStatement private large = new OneScoreStatement("large");
    ModelRegistry private registry;
    bytes private structure = abi.encode(keccak256("1"), keccak256("2"), keccak256("3"), keccak256("4"));
    bytes private weights = abi.encode(keccak256("5"), keccak256("6"));
    bytes private key = bytes.concat(structure, weights);
    bytes32 private structureId = keccak256(bytes.concat(bytes32("large"), structure));
    bytes32 private modelId = keccak256(bytes.concat(structureId, weights));

    function setUp() public {
        IScoreVerifier[] memory verifiers = new IScoreVerifier[](2);
        verifiers[0] = small;
        verifiers[1] = large;
        registry = new ModelRegistry(verifiers);
    }

    function test_registers_a_key_under_its_hash() public {
        assertFalse(registry.isRegistered(modelId));
        vm.expectEmit(true, true, true, false);
        emit ModelRegistry.ModelRegistered(modelId, structureId, "large", address(0));
        assertEq(registry.register("large", key, ""), modelId);

        assertTrue(registry.isRegistered(modelId));
        assertEq(registry.keyOf(modelId), key);
        assertEq(registry.structureOf(modelId), structureId);
        assertEq(registry.classOf(modelId), "large");
    }

    function testFuzz_keeps_every_byte_of_the_key(bytes32[6] calldata words) public {
        bytes memory any = abi.encode(words);
        assertEq(registry.keyOf(registry.register("small", any, "")), any);
    }

    function test_models_of_one_structure_share_its_id() public {
        bytes memory other = bytes.concat(structure, abi.encode(keccak256("7"), keccak256("8")));
        bytes32 otherId = registry.register("large", other, "");
        registry.register("large", key, "");
        assertNotEq(otherId, modelId);
        assertEq(registry.structureOf(otherId), registry.structureOf(modelId));
    }

    function test_the_class_is_part_of_the_id() public {
        assertNotEq(registry.register("small", key, ""), registry.register("large", key, ""));
    }

    function test_registering_again_only_describes() public {
        registry.register("large", key, "ipfs://first");
        vm.prank(makeAddr("second author"));
        vm.recordLogs();
        assertEq(registry.register("large", key, "ipfs://second"), modelId);
        assertEq(vm.getRecordedLogs().length, 1);
    }

    function test_a_description_names_its_author() public {
        address author = makeAddr("author");
        vm.expectEmit();
        emit ModelRegistry.ModelDescribed(modelId, author, "ipfs://it");
        vm.prank(author);
        registry.register("large", key, "ipfs://it");
    }

    function test_verifies_under_the_key_of_the_model_only() public {
        bytes32 otherId = registry.register("large", bytes.concat(structure, abi.encode(0, 0)), "");
        registry.register("large", key, "");
        uint256[] memory instances = new uint256[](12);
        large.accept(key, instances, "proof");
        assertTrue(registry.verify(modelId, instances, "proof"));
        assertFalse(registry.verify(otherId, instances, "proof"));
        assertFalse(registry.verify(modelId, instances, "other"));
        instances[0] = 1;
        assertFalse(registry.verify(modelId, instances, "proof"));
    }

    function test_uses_the_verifier_of_the_class() public {
        bytes32 smallId = registry.register("small", key, "");
        uint256[] memory instances = new uint256[](12);
        large.accept(key, instances, "proof");
        assertFalse(registry.verify(smallId, instances, "proof"));
        small.accept(key, instances, "proof");
        assertTrue(registry.verify(smallId, instances, "proof"));
    }

    function testFuzz_rejects_an_unknown_class(bytes32 classId) public {
        vm.assume(classId != "small" && classId != "large");
        vm.expectRevert(abi.encodeWithSelector(ModelRegistry.UnknownClass.selector, classId));
        registry.register(classId, key, "");
    }

    function test_rejects_a_key_of_another_length() public {
        vm.expectRevert(abi.encodeWithSelector(OneScoreStatement.KeyLength.selector, 192, 193));
        registry.register("large", bytes.concat(key, hex"00"), "");
    }

    function test_unknown_models_revert_everywhere() public {
        bytes memory unknown = abi.encodeWithSelector(ModelRegistry.UnknownModel.selector, modelId);
        vm.expectRevert(unknown);
        registry.keyOf(modelId);
        vm.expectRevert(unknown);
        registry.structureOf(modelId);
        vm.expectRevert(unknown);
        registry.classOf(modelId);
        vm.expectRevert(unknown);
        registry.verify(modelId, new uint256[](12), "");
    }

    function test_constructor_refuses_addresses_without_code() public {
        IScoreVerifier[] memory verifiers = new IScoreVerifier[](1);
        verifiers[0] = IScoreVerifier(makeAddr("nobody"));
        vm.expectRevert(abi.encodeWithSelector(NotAContract.selector, verifiers[0]));
        new ModelRegistry(verifiers);
    }

    function test_constructor_refuses_a_class_twice() public {
        IScoreVerifier[] memory verifiers = new IScoreVerifier[](2);
        verifiers[0] = small;
        verifiers[1] = new OneScoreStatement("small");
        vm.expectRevert(abi.encodeWithSelector(ModelRegistry.DuplicateClass.selector, bytes32("small")));
        new ModelRegistry(verifiers);
    }
}
