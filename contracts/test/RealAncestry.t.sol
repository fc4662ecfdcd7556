// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {BlockArchive} from "../src/BlockArchive.sol";
import {HistoryVerifier} from "../src/HistoryVerifier.sol";
import {Test} from "forge-std/Test.sol";

/// @dev One real proof, of the first 128 headers of mainnet, through the generated verifier (`examples/prove_headers`).
contract RealAncestry is Test {
    string private constant FILE = "test/vectors/real_ancestry.json";
    BlockArchive private archive;
    string private json;
    bytes32 private root;
    bytes32 private parent;
    bytes private proof;

    function setUp() public {
        if (!vm.exists(FILE)) {
            vm.skip(true, "no test/vectors/real_ancestry.json: prove_headers has not written it yet");
        }
        json = vm.readFile(FILE);
        bytes memory creation = vm.parseJsonBytes(json, ".verifier.bytecode");
        address generated;
        assembly ("memory-safe") {
            generated := create(0, add(creation, 0x20), mload(creation))
        }
        uint256 instances = vm.parseJsonUint(json, ".verifier.num_instances");
        uint256 bytes_ = vm.parseJsonUint(json, ".verifier.proof_bytes");
        archive = new BlockArchive(new HistoryVerifier(generated, instances, bytes_), 7);
        root = vm.parseJsonBytes32(json, ".root");
        parent = vm.parseJsonBytes32(json, ".parent");
        proof = vm.parseJsonBytes(json, ".proof");
        vm.roll(128);
        vm.setBlockhash(127, vm.parseJsonBytes32(json, ".last"));
    }

    function test_mainnet_genesis_becomes_an_anchor() public {
        archive.prove(0, root, parent, proof);
        assertEq(archive.append(1), 1);
        bytes32 genesis = 0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3;
        archive.pinMember(0, genesis, vm.parseJsonBytes32Array(json, ".path"));
        vm.roll(1_000_000);
        assertEq(archive.hashOf(0), genesis);
    }

    function testFuzz_rejects_a_damaged_proof(uint256 at, uint8 damage) public {
        at = bound(at, 0, proof.length - 1);
        vm.assume(damage != 0);
        proof[at] ^= bytes1(damage);
        vm.expectRevert(BlockArchive.ProofRejected.selector);
        archive.prove(0, root, parent, proof);
    }

    function test_rejects_another_statement() public {
        vm.expectRevert(BlockArchive.ProofRejected.selector);
        archive.prove(0, root, bytes32(uint256(1)), proof);
        vm.expectRevert(BlockArchive.ProofRejected.selector);
        archive.prove(0, bytes32(uint256(root) ^ 1), parent, proof);
        vm.setBlockhash(127, bytes32(uint256(5)));
        vm.expectRevert(BlockArchive.ProofRejected.selector);
        archive.prove(0, root, parent, proof);
    }
}
