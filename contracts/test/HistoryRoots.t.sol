// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {BlockHashes} from "../src/BlockHashes.sol";
import {NotAContract} from "../src/Code.sol";
import {HistoryRoots} from "../src/HistoryRoots.sol";
import {IHistoryVerifier} from "../src/IHistoryVerifier.sol";
import {Anchor, Instances} from "../src/Instances.sol";
import {OneHistoryStatement} from "./kit/OneStatement.sol";
import {Test} from "forge-std/Test.sol";

contract HistoryRootsTest is Test {
    bytes32 private constant HASH_A = keccak256("block 900");
    bytes32 private constant HASH_B = keccak256("block 999");
    uint256 private constant ROOT = 0x1234;

    BlockHashes private hashes = new BlockHashes();
    OneHistoryStatement private small = new OneHistoryStatement();
    OneHistoryStatement private medium = new OneHistoryStatement();
    HistoryRoots private roots;
    Anchor[] private anchors;
    address private payee = makeAddr("payee");

    function setUp() public {
        IHistoryVerifier[] memory verifiers = new IHistoryVerifier[](2);
        verifiers[0] = small;
        verifiers[1] = medium;
        roots = new HistoryRoots(hashes, verifiers);

        vm.roll(1_000);
        vm.setBlockhash(900, HASH_A);
        vm.setBlockhash(999, HASH_B);
        anchors.push(Anchor(900, HASH_A, false));
        anchors.push(Anchor(999, HASH_B, false));

        uint256[] memory statement = new uint256[](18);
        statement[0] = ROOT;
        statement[1] = uint256(uint160(payee));
        statement[2] = 900 * 2 ** 128 + uint256(HASH_A) / 2 ** 128;
        statement[3] = uint256(HASH_A) % 2 ** 128;
        statement[4] = 999 * 2 ** 128 + uint256(HASH_B) / 2 ** 128;
        statement[5] = uint256(HASH_B) % 2 ** 128;
        medium.accept(statement, "proof");
    }

    function test_remembers_a_proven_root() public {
        assertFalse(roots.isPosted(ROOT));
        vm.expectEmit();
        emit HistoryRoots.RootPosted(ROOT, 1, payee, anchors);
        assertTrue(roots.post(1, ROOT, anchors, payee, "proof"), "posted");
        assertTrue(roots.isPosted(ROOT));
    }

    /// @dev Nor does it vouch for anything: class, payee and proof are lies here, and the answer is false.
    function testFuzz_posting_again_does_nothing(uint256 class, address other, bytes calldata proof) public {
        roots.post(1, ROOT, anchors, payee, "proof");
        vm.recordLogs();
        assertFalse(roots.post(class, ROOT, new Anchor[](0), other, proof), "posted");
        assertEq(vm.getRecordedLogs().length, 0);
        assertTrue(roots.isPosted(ROOT));
    }

    function testFuzz_rejects_any_other_root(uint256 root) public {
        vm.assume(root != ROOT);
        expectRejected(1, root, payee, "proof");
    }

    function testFuzz_rejects_any_other_payee(address other) public {
        vm.assume(other != payee);
        expectRejected(1, ROOT, other, "proof");
    }

    function testFuzz_rejects_any_other_proof(bytes calldata proof) public {
        vm.assume(keccak256(proof) != keccak256("proof"));
        expectRejected(1, ROOT, payee, proof);
    }

    function test_each_class_has_its_verifier() public {
        IHistoryVerifier[] memory verifiers = new IHistoryVerifier[](8);
        for (uint256 i = 0; i < 8; ++i) {
            verifiers[i] = new OneHistoryStatement();
        }
        HistoryRoots full = new HistoryRoots(hashes, verifiers);
        for (uint256 i = 0; i < 8; ++i) {
            assertEq(address(full.verifierOf(i)), address(verifiers[i]));
        }
        vm.expectRevert(abi.encodeWithSelector(HistoryRoots.UnknownClass.selector, 8, 8));
        full.verifierOf(8);
    }

    function test_rejects_more_classes_than_there_is_room_for() public {
        IHistoryVerifier[] memory verifiers = new IHistoryVerifier[](9);
        vm.expectRevert(abi.encodeWithSelector(HistoryRoots.TooManyClasses.selector, 8, 9));
        new HistoryRoots(hashes, verifiers);
    }

    function test_rejects_another_class() public {
        expectRejected(0, ROOT, payee, "proof");
    }

    function test_rejects_fewer_anchors() public {
        anchors.pop();
        expectRejected(1, ROOT, payee, "proof");
    }

    function test_rejects_anchors_in_another_order() public {
        (anchors[0], anchors[1]) = (anchors[1], anchors[0]);
        expectRejected(1, ROOT, payee, "proof");
    }

    function testFuzz_rejects_any_other_anchor_hash(bytes32 hash, uint256 which) public {
        which = bound(which, 0, 1);
        bytes32 expected = anchors[which].hash;
        vm.assume(hash != expected);
        anchors[which].hash = hash;
        vm.expectRevert(
            abi.encodeWithSelector(HistoryRoots.UnknownBlock.selector, anchors[which].number, expected, hash)
        );
        roots.post(1, ROOT, anchors, payee, "proof");
    }

    /// @dev Another number whose hash is known: the hash must be that of the number.
    function test_rejects_another_anchor_number() public {
        anchors[0].number = 999;
        vm.expectRevert(abi.encodeWithSelector(HistoryRoots.UnknownBlock.selector, 999, HASH_B, HASH_A));
        roots.post(1, ROOT, anchors, payee, "proof");
    }

    /// @dev `hashOf` says 0 for a block it does not know; a claimed hash of 0 must not match that.
    function testFuzz_rejects_an_unknown_block_with_hash_zero(uint64 number) public {
        vm.assume(number >= 1_000 || number < 1_000 - 256);
        anchors[1] = Anchor(number, 0, false);
        vm.expectRevert(abi.encodeWithSelector(HistoryRoots.UnknownBlock.selector, number, bytes32(0), bytes32(0)));
        roots.post(1, ROOT, anchors, payee, "proof");
    }

    function test_rejects_no_anchors() public {
        vm.expectRevert(abi.encodeWithSelector(Instances.AnchorCount.selector, 8, 0));
        roots.post(1, ROOT, new Anchor[](0), payee, "proof");
    }

    function testFuzz_rejects_an_unknown_class(uint256 class) public {
        class = bound(class, 2, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(HistoryRoots.UnknownClass.selector, class, 2));
        roots.post(class, ROOT, anchors, payee, "proof");
        vm.expectRevert(abi.encodeWithSelector(HistoryRoots.UnknownClass.selector, class, 2));
        roots.verifierOf(class);
    }

    function test_names_its_verifiers() public view {
        assertEq(roots.classCount(), 2);
        assertEq(address(roots.verifierOf(0)), address(small));
        assertEq(address(roots.verifierOf(1)), address(medium));
    }

    function test_constructor_refuses_addresses_without_code() public {
        IHistoryVerifier[] memory verifiers = new IHistoryVerifier[](1);
        verifiers[0] = IHistoryVerifier(makeAddr("nobody"));
        vm.expectRevert(abi.encodeWithSelector(NotAContract.selector, verifiers[0]));
        new HistoryRoots(hashes, verifiers);
        vm.expectRevert(abi.encodeWithSelector(NotAContract.selector, address(7)));
        new HistoryRoots(BlockHashes(address(7)), new IHistoryVerifier[](0));
    }

    function expectRejected(uint256 class, uint256 root, address to, bytes memory proof) private {
        vm.expectRevert(HistoryRoots.ProofRejected.selector);
        roots.post(class, root, anchors, to, proof);
        assertFalse(roots.isPosted(root));
    }
}
