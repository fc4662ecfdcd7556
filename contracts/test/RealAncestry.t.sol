// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {BlockArchive} from "../src/BlockArchive.sol";
import {BlockHashes} from "../src/BlockHashes.sol";
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

/// @dev The first 1,056 headers: the run of the last 32, whose parent hash tells the last block of the run of 1,024 below it.
contract RealAncestryRange is Test {
    string private constant UPPER = "test/vectors/real_ancestry_5.json";
    string private constant LOWER = "test/vectors/real_ancestry_10.json";
    bytes32 private constant GENESIS = 0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3;
    bytes32 private constant BLOCK_1024 = 0xb055593f14d994d333d4a7fbf6251c8fef00d24ca74e1355de90729ca9b6d7f5;

    function test_mainnet_from_genesis_to_block_1055_is_one_range() public {
        (string memory upper, string memory lower) = (vm.readFile(UPPER), vm.readFile(LOWER));
        (IHistoryVerifier[] memory verifiers, uint256[] memory depths) = (new IHistoryVerifier[](2), new uint256[](2));
        (verifiers[0], depths[0]) = (verifierOf(upper), 5);
        (verifiers[1], depths[1]) = (verifierOf(lower), 10);
        BlockArchive archive = new BlockArchive(verifiers, depths);
        vm.roll(1055 + 256);
        vm.setBlockhash(1055, vm.parseJsonBytes32(upper, ".last"));

        vm.expectRevert(abi.encodeWithSelector(BlockHashes.HashUnavailable.selector, 1023, 1055 + 256));
        prove(archive, lower, 0, 10);
        prove(archive, upper, 1024, 5);
        prove(archive, lower, 0, 10);
        assertEq(archive.append(3), 2);
        assertEq(archive.length(), 1056);

        assertTrue(archive.isMember(0, GENESIS, vm.parseJsonBytes32Array(lower, ".path")));
        assertTrue(archive.isMember(1024, BLOCK_1024, vm.parseJsonBytes32Array(upper, ".path")));
        assertFalse(archive.isMember(1024, GENESIS, vm.parseJsonBytes32Array(upper, ".path")));
        assertFalse(archive.isMember(0, BLOCK_1024, vm.parseJsonBytes32Array(upper, ".path")));
    }

    function prove(BlockArchive archive, string memory json, uint256 first, uint256 depth) private {
        bytes32 root = vm.parseJsonBytes32(json, ".root");
        archive.prove(first, depth, root, vm.parseJsonBytes32(json, ".parent"), vm.parseJsonBytes(json, ".proof"));
    }

    function verifierOf(string memory json) private returns (IHistoryVerifier) {
        bytes memory creation = vm.parseJsonBytes(json, ".verifier.bytecode");
        address generated;
        assembly ("memory-safe") {
            generated := create(0, add(creation, 0x20), mload(creation))
        }
        uint256 instances = vm.parseJsonUint(json, ".verifier.num_instances");
        return new HistoryVerifier(generated, instances, vm.parseJsonUint(json, ".verifier.proof_bytes"));
    }
}
