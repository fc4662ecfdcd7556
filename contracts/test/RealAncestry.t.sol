// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {BlockArchive} from "../src/BlockArchive.sol";
import {HistoryVerifier} from "../src/HistoryVerifier.sol";
import {IHistoryVerifier} from "../src/IHistoryVerifier.sol";
import {Test} from "forge-std/Test.sol";

/// @dev A real proof of the first headers of mainnet, through the generated verifier (`examples/prove_headers`).
abstract contract RealAncestry is Test {
    uint256 private immutable depth;
    uint256 private immutable last;
    string private file;
    BlockArchive private archive;
    string private json;
    bytes32 private root;
    bytes32 private parent;
    bytes private proof;

    constructor(string memory file_, uint256 depth_) {
        (file, depth, last) = (file_, depth_, 2 ** depth_ - 1);
    }

    function setUp() public {
        if (!vm.exists(file)) vm.skip(true, string.concat("no ", file, ": prove_headers has not written it yet"));
        json = vm.readFile(file);
        bytes memory creation = vm.parseJsonBytes(json, ".verifier.bytecode");
        address generated;
        assembly ("memory-safe") {
            generated := create(0, add(creation, 0x20), mload(creation))
        }
        uint256 instances = vm.parseJsonUint(json, ".verifier.num_instances");
        uint256 bytes_ = vm.parseJsonUint(json, ".verifier.proof_bytes");
        assertLe(generated.code.length, 24_576);
        (IHistoryVerifier[] memory verifiers, uint256[] memory depths) = (new IHistoryVerifier[](1), new uint256[](1));
        (verifiers[0], depths[0]) = (new HistoryVerifier(generated, instances, bytes_), depth);
        archive = new BlockArchive(verifiers, depths);
        root = vm.parseJsonBytes32(json, ".root");
        parent = vm.parseJsonBytes32(json, ".parent");
        proof = vm.parseJsonBytes(json, ".proof");
        vm.roll(last + 1);
        vm.setBlockhash(last, vm.parseJsonBytes32(json, ".last"));
    }

    function test_mainnet_genesis_becomes_an_anchor() public {
        archive.prove(0, depth, root, parent, proof);
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
        archive.prove(0, depth, root, parent, proof);
    }

    function test_rejects_another_statement() public {
        vm.expectRevert(BlockArchive.ProofRejected.selector);
        archive.prove(0, depth, root, bytes32(uint256(1)), proof);
        vm.expectRevert(BlockArchive.ProofRejected.selector);
        archive.prove(0, depth, bytes32(uint256(root) ^ 1), parent, proof);
        vm.setBlockhash(last, bytes32(uint256(5)));
        vm.expectRevert(BlockArchive.ProofRejected.selector);
        archive.prove(0, depth, root, parent, proof);
    }
}

/// @dev 128 headers.
contract RealAncestry7 is RealAncestry("test/vectors/real_ancestry.json", 7) {}

/// @dev 1,024 headers.
contract RealAncestry10 is RealAncestry("test/vectors/real_ancestry_10.json", 10) {}
