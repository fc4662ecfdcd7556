// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {BlockArchive} from "../src/BlockArchive.sol";
import {BlockHashes} from "../src/BlockHashes.sol";
import {NotAContract} from "../src/Code.sol";
import {IHistoryVerifier} from "../src/IHistoryVerifier.sol";
import {OneHistoryStatement} from "./kit/OneStatement.sol";
import {Test} from "forge-std/Test.sol";

/// @dev Runs of four blocks, and of sixteen.
contract BlockArchiveTest is Test {
    uint256 private constant DEPTH = 2;
    uint256 private constant BLOCKS = 4;
    uint256 private constant LARGE = 4;
    uint256 private constant HEAD = 28;

    OneHistoryStatement private verifier = new OneHistoryStatement();
    OneHistoryStatement private large = new OneHistoryStatement();
    BlockArchive private archive = deploy(DEPTH, LARGE);

    function setUp() public {
        vm.roll(HEAD);
        vm.setBlockhash(HEAD - 1, hashOf(HEAD - 1));
        archive.pin(HEAD - 1);
        vm.roll(HEAD + 10_000);
    }

    function test_proves_runs_downwards_and_pins_their_parents() public {
        assertEq(archive.hashOf(23), 0);
        accept(24);
        vm.expectEmit();
        emit BlockHashes.Pinned(23, hashOf(23));
        vm.expectEmit();
        emit BlockArchive.RunProven(24, DEPTH, tree(24, DEPTH));
        archive.prove(24, DEPTH, tree(24, DEPTH), hashOf(23), "proof");
        assertEq(archive.runRoot(DEPTH, 24), tree(24, DEPTH));
        assertEq(archive.hashOf(23), hashOf(23));
        prove(20);
        assertEq(archive.hashOf(19), hashOf(19));
    }

    function test_the_first_run_has_no_parent_to_pin() public {
        proveFrom(0);
        assertEq(archive.runRoot(DEPTH, 0), tree(0, DEPTH));
        assertEq(archive.hashOf(type(uint256).max), 0);
    }

    function test_refuses_a_run_whose_last_block_is_not_known() public {
        vm.expectRevert(abi.encodeWithSelector(BlockHashes.HashUnavailable.selector, 23, HEAD + 10_000));
        archive.prove(20, DEPTH, tree(20, DEPTH), hashOf(19), "proof");
    }

    function testFuzz_refuses_a_run_that_is_not_aligned(uint256 first) public {
        vm.assume(first % BLOCKS != 0);
        vm.expectRevert(abi.encodeWithSelector(BlockArchive.NotTheStartOfARun.selector, first, BLOCKS));
        archive.prove(first, DEPTH, tree(24, DEPTH), hashOf(23), "proof");
    }

    /// @dev Each field that the proof binds, changed alone.
    function testFuzz_refuses_what_the_proof_does_not_say(bytes32 other, uint256 field) public {
        accept(24);
        (bytes32 root, bytes32 parent, bytes memory proof) = (tree(24, DEPTH), hashOf(23), "proof");
        field = bound(field, 0, 2);
        vm.assume(other != root && other != parent);
        if (field == 0) root = other;
        if (field == 1) parent = other;
        if (field == 2) proof = abi.encode(other);
        vm.expectRevert(BlockArchive.ProofRejected.selector);
        archive.prove(24, DEPTH, root, parent, proof);
    }

    function test_refuses_a_proof_about_another_last_block() public {
        accept(20);
        vm.expectRevert(BlockArchive.ProofRejected.selector);
        archive.prove(24, DEPTH, tree(20, DEPTH), hashOf(19), "proof");
    }

    function test_appends_runs_without_gap() public {
        prove(24);
        assertEq(archive.append(9), 0);
        assertEq(archive.length(), 0);
        proveFrom(0);
        vm.expectEmit();
        emit BlockArchive.RangeGrown(8);
        assertEq(archive.append(2), 2);
        assertEq(archive.append(9), 5);
        assertEq(archive.length(), 28);
        assertEq(archive.append(9), 0);
    }

    /// @dev 28 = 16 + 8 + 4: mountains of heights 4, 3 and 2.
    function test_mountains_are_those_of_the_length() public {
        proveFrom(0);
        archive.append(9);
        assertEq(archive.rootOf(15, 4), tree(0, 4));
        assertEq(archive.rootOf(16, 3), tree(16, 3));
        assertEq(archive.rootOf(27, 2), tree(24, 2));
        assertEq(archive.rootOf(16, 4), 0, "beyond its mountain");
        assertEq(archive.rootOf(15, 3), 0, "a height that is merged");
        assertEq(archive.rootOf(24, 3), 0, "not there yet");
        assertEq(archive.rootOf(0, 255), 0);
        assertEq(archive.rootOf(0, 300), 0);
    }

    function testFuzz_pins_members_of_the_range(uint256 number) public {
        number = bound(number, 0, 27);
        proveFrom(0);
        archive.append(9);
        uint256 height = number < 16 ? 4 : number < 24 ? 3 : 2;
        archive.pinMember(number, hashOf(number), path(number, height));
        assertEq(archive.hashOf(number), hashOf(number));
    }

    function testFuzz_pins_members_of_a_run(uint256 number) public {
        number = bound(number, 24, 27);
        prove(24);
        archive.pinMember(number, hashOf(number), path(number, DEPTH));
        assertEq(archive.hashOf(number), hashOf(number));
    }

    function testFuzz_refuses_another_hash_number_or_path(uint256 number, uint256 other, bytes32 lie, uint256 at)
        public
    {
        proveFrom(0);
        archive.append(9);
        number = bound(number, 0, 15);
        other = bound(other, 0, 1_000_000);
        vm.assume(other != number && lie != hashOf(number));
        bytes32[] memory siblings = path(number, 4);
        refuse(number, lie, siblings);
        refuse(other, hashOf(number), siblings);
        at = bound(at, 0, 3);
        vm.assume(lie != siblings[at]);
        siblings[at] = lie;
        refuse(number, hashOf(number), siblings);
    }

    /// @dev A node is no leaf: the length of the path says at which height it ends.
    function testFuzz_refuses_paths_of_another_length(uint256 number, uint256 height) public {
        proveFrom(0);
        archive.append(9);
        number = bound(number, 0, 15);
        height = bound(height, 0, 3);
        vm.assume(height != DEPTH);
        refuse(number, hashOf(number), path(number, height));
        bytes32[] memory upper = new bytes32[](4 - 1);
        for (uint256 i = 0; i < 3; ++i) {
            upper[i] = path(number, 4)[i + 1];
        }
        refuse(number >> 1, tree(number & ~uint256(1), 1), upper);
        refuse(0, 0, new bytes32[](0));
    }

    /// @dev A verifier of runs of another length than the archive was told.
    function testFuzz_refuses_proofs_of_another_depth(uint256 depth) public {
        depth = bound(depth, 0, DEPTH);
        BlockArchive other = deploy(depth, LARGE);
        vm.roll(HEAD);
        other.pin(HEAD - 1);
        accept(24);
        if (depth != DEPTH) vm.expectRevert(BlockArchive.ProofRejected.selector);
        other.prove(HEAD - 2 ** depth, depth, tree(24, DEPTH), hashOf(23), "proof");
    }

    function testFuzz_refuses_a_depth_without_verifier(uint256 depth) public {
        vm.assume(depth != DEPTH && depth != LARGE);
        vm.expectRevert(abi.encodeWithSelector(BlockArchive.NoVerifier.selector, depth));
        archive.prove(0, depth, tree(24, DEPTH), hashOf(23), "proof");
    }

    function test_refuses_depths_that_are_no_depths() public {
        expectBadDepths(64, 65);
        expectBadDepths(4, 4);
        expectBadDepths(5, 4);
        vm.expectRevert(BlockArchive.BadDepths.selector);
        new BlockArchive(new IHistoryVerifier[](0), new uint256[](0));
        vm.expectRevert(BlockArchive.BadDepths.selector);
        new BlockArchive(new IHistoryVerifier[](1), new uint256[](2));
    }

    /// @dev Large runs where they are, small ones elsewhere: one range, whose mountains do not tell which it was made of.
    function test_runs_of_both_depths_join_in_one_range() public {
        prove(24);
        prove(20);
        prove(16);
        proveLarge(0);
        assertEq(archive.append(1), 1);
        assertEq(archive.length(), 16);
        assertEq(archive.append(9), 3);
        assertEq(archive.length(), 28);
        assertEq(archive.rootOf(3, 4), tree(0, 4));
        assertEq(archive.rootOf(16, 3), tree(16, 3));
        assertEq(archive.rootOf(27, 2), tree(24, 2));
    }

    /// @dev A large run over small ones that are in the range already: it takes their place.
    function test_a_large_run_goes_on_where_small_ones_end() public {
        proveFrom(0);
        assertEq(archive.append(2), 2, "eight blocks of small runs");
        proveLarge(0);
        assertEq(archive.append(1), 1);
        assertEq(archive.length(), 16);
        assertEq(archive.rootOf(9, 4), tree(0, 4));
        assertEq(archive.rootOf(0, 3), 0, "the mountain of eight is merged");
        assertEq(archive.append(9), 3);
        assertEq(archive.rootOf(16, 3), tree(16, 3));
        assertEq(archive.rootOf(0, 5), 0);
        assertEq(archive.length(), 28);
    }

    function testFuzz_members_of_large_runs(uint256 number, bytes32 lie) public {
        number = bound(number, 0, 15);
        proveFrom(12);
        prove(12);
        proveLarge(0);
        assertTrue(archive.isMember(number, hashOf(number), path(number, LARGE)));
        vm.assume(lie != hashOf(number));
        refuse(number, lie, path(number, LARGE));
        refuse(number + 16, hashOf(number), path(number, LARGE));
        assertEq(archive.isMember(number, hashOf(number), path(number, DEPTH)), number > 11);
    }

    /// @dev Any order and mixture of runs of a complete chain makes the same range in the end.
    function testFuzz_any_mixture_makes_the_same_range(uint256 seed) public {
        bool late = seed & 1 == 1;
        if (late) proveFrom(0);
        else proveFrom(16);
        for (uint256 steps = (seed >> 8) % 5; steps > 0; --steps) {
            archive.append(1);
        }
        proveLarge(0);
        archive.append(99);
        assertEq(archive.length(), 28);
        assertEq(archive.rootOf(5, 4), tree(0, 4));
        assertEq(archive.rootOf(23, 3), tree(16, 3));
        assertEq(archive.rootOf(24, 2), tree(24, 2));
    }

    function test_proves_a_run_again_after_it_was_appended() public {
        proveFrom(0);
        archive.append(9);
        prove(4);
        assertEq(archive.append(9), 0);
        assertEq(archive.length(), 28);
        assertEq(archive.rootOf(15, 4), tree(0, 4));
    }

    /// @dev A run beyond the range, of the height of a mountain: both are asked for by the length of the path alone.
    function test_a_run_beyond_the_range_is_no_mountain() public {
        proveFrom(0);
        archive.append(1);
        assertEq(archive.rootOf(3, DEPTH), tree(0, DEPTH));
        assertEq(archive.rootOf(4, DEPTH), tree(4, DEPTH), "the run itself");
        assertEq(archive.rootOf(28, DEPTH), 0);
        archive.append(1);
        assertEq(archive.rootOf(8, DEPTH + 1), 0, "two runs beyond it");
    }

    function testFuzz_refuses_numbers_that_are_no_block_numbers(uint256 number) public {
        proveFrom(0);
        archive.append(9);
        number = bound(number, 1 << 64, type(uint256).max);
        refuse(number, hashOf(number & 15), path(number & 15, 4));
    }

    function test_refuses_a_verifier_without_code() public {
        IHistoryVerifier[] memory verifiers = new IHistoryVerifier[](1);
        verifiers[0] = IHistoryVerifier(address(1));
        vm.expectRevert(abi.encodeWithSelector(NotAContract.selector, address(1)));
        new BlockArchive(verifiers, new uint256[](1));
    }

    function deploy(uint256 small, uint256 tall) private returns (BlockArchive) {
        (IHistoryVerifier[] memory verifiers, uint256[] memory depths) = (new IHistoryVerifier[](2), new uint256[](2));
        (verifiers[0], depths[0]) = (verifier, small);
        (verifiers[1], depths[1]) = (large, tall);
        return new BlockArchive(verifiers, depths);
    }

    function expectBadDepths(uint256 small, uint256 tall) private {
        vm.expectRevert(BlockArchive.BadDepths.selector);
        deploy(small, tall);
    }

    function refuse(uint256 number, bytes32 hash, bytes32[] memory siblings) private {
        assertFalse(archive.isMember(number, hash, siblings));
        vm.expectRevert(abi.encodeWithSelector(BlockArchive.NotAMember.selector, number, hash));
        archive.pinMember(number, hash, siblings);
    }

    function proveFrom(uint256 first) private {
        for (uint256 run = HEAD; run > first; run -= BLOCKS) {
            prove(run - BLOCKS);
        }
    }

    function prove(uint256 first) private {
        accept(first);
        archive.prove(first, DEPTH, tree(first, DEPTH), first == 0 ? bytes32(0) : hashOf(first - 1), "proof");
    }

    function proveLarge(uint256 first) private {
        accept(large, first, LARGE);
        archive.prove(first, LARGE, tree(first, LARGE), first == 0 ? bytes32(0) : hashOf(first - 1), "proof");
    }

    function accept(uint256 first) private {
        accept(verifier, first, DEPTH);
    }

    /// @dev The statement, written out by hand.
    function accept(OneHistoryStatement by, uint256 first, uint256 depth) private {
        bytes32[3] memory words =
            [tree(first, depth), first == 0 ? bytes32(0) : hashOf(first - 1), hashOf(first + 2 ** depth - 1)];
        uint256[] memory statement = new uint256[](7);
        for (uint256 i = 0; i < 3; ++i) {
            statement[2 * i] = uint256(words[i]) / 2 ** 128;
            statement[2 * i + 1] = uint256(words[i]) % 2 ** 128;
        }
        statement[6] = depth;
        by.accept(statement, "proof");
    }

    function hashOf(uint256 number) private pure returns (bytes32) {
        return keccak256(abi.encode("block", number));
    }

    function tree(uint256 first, uint256 height) private pure returns (bytes32) {
        if (height == 0) return hashOf(first);
        return keccak256(abi.encode(tree(first, height - 1), tree(first + 2 ** (height - 1), height - 1)));
    }

    function path(uint256 number, uint256 height) private pure returns (bytes32[] memory siblings) {
        siblings = new bytes32[](height);
        for (uint256 i = 0; i < height; ++i) {
            siblings[i] = tree(((number >> i) ^ 1) << i, i);
        }
    }
}
