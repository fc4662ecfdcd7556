// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {BlockHashes} from "../src/BlockHashes.sol";
import {HistoryRoots} from "../src/HistoryRoots.sol";
import {IHistoryVerifier} from "../src/IHistoryVerifier.sol";
import {Anchor} from "../src/Instances.sol";
import {OneHistoryStatement} from "./kit/OneStatement.sol";
import {Test} from "forge-std/Test.sol";

/// @dev Block 900 is beyond what the chain tells; a proof from block 9,999 leads to it, and a second proof starts there.
contract LinkedAnchorsTest is Test {
    bytes32 private constant OLD = keccak256("block 900");
    bytes32 private constant NEW = keccak256("block 9999");
    uint256 private constant FIRST = 0x1234;
    uint256 private constant SECOND = 0x5678;

    BlockHashes private hashes = new BlockHashes();
    OneHistoryStatement private verifier = new OneHistoryStatement();
    OneHistoryStatement private other = new OneHistoryStatement();
    HistoryRoots private roots;
    Anchor[] private anchors;
    address private payee = makeAddr("payee");

    function setUp() public {
        IHistoryVerifier[] memory verifiers = new IHistoryVerifier[](2);
        (verifiers[0], verifiers[1]) = (verifier, other);
        roots = new HistoryRoots(hashes, verifiers);
        vm.roll(10_000);
        vm.setBlockhash(9_999, NEW);
        anchors.push(Anchor(900, OLD, true));
        anchors.push(Anchor(9_999, NEW, false));

        // the statement, written out by hand: bit 72 of the number is bit 200 of the word
        uint256[] memory statement = new uint256[](18);
        statement[0] = FIRST;
        statement[1] = uint256(uint160(payee));
        statement[2] = 2 ** 200 + 900 * 2 ** 128 + uint256(OLD) / 2 ** 128;
        statement[3] = uint256(OLD) % 2 ** 128;
        statement[4] = 9_999 * 2 ** 128 + uint256(NEW) / 2 ** 128;
        statement[5] = uint256(NEW) % 2 ** 128;
        verifier.accept(statement, "proof");
    }

    function test_the_second_proof_starts_where_the_first_ended() public {
        assertEq(roots.hashOf(900), 0);
        vm.expectEmit();
        emit HistoryRoots.BlockLinked(900, OLD);
        vm.expectEmit();
        emit HistoryRoots.RootPosted(FIRST, 0, payee, anchors);
        assertTrue(roots.post(0, FIRST, anchors, payee, "proof"));
        assertEq(roots.hashOf(900), OLD);
        assertEq(hashes.hashOf(900), 0, "the chain's word only");

        (Anchor[] memory second, uint256[] memory statement) = secondProof(900);
        verifier.accept(statement, "second");
        assertTrue(roots.post(0, SECOND, second, payee, "second"));
        assertTrue(roots.isPosted(SECOND));
    }

    function test_the_second_proof_waits_for_the_first() public {
        (Anchor[] memory second, uint256[] memory statement) = secondProof(900);
        verifier.accept(statement, "second");
        vm.expectRevert(abi.encodeWithSelector(HistoryRoots.UnknownBlock.selector, 900, bytes32(0), OLD));
        roots.post(0, SECOND, second, payee, "second");
    }

    function test_without_the_flag_the_chain_is_asked() public {
        anchors[0].linked = false;
        vm.expectRevert(abi.encodeWithSelector(HistoryRoots.UnknownBlock.selector, 900, bytes32(0), OLD));
        roots.post(0, FIRST, anchors, payee, "proof");
    }

    /// @dev The flag takes an anchor out of the contract's hands, so the proof has to say it too.
    function test_refuses_the_flag_on_an_anchor_that_the_proof_does_not_link() public {
        anchors[1].linked = true;
        expectRejected();
        anchors[1].hash = keccak256("no block");
        expectRejected();
    }

    function testFuzz_refuses_another_linked_hash_or_number(bytes32 hash, uint64 number) public {
        number = uint64(bound(number, 0, 9_000));
        vm.assume(hash != OLD && number != 900);
        anchors[0].hash = hash;
        expectRejected();
        anchors[0] = Anchor(number, OLD, true);
        expectRejected();
    }

    function test_what_is_remembered_stays() public {
        roots.post(0, FIRST, anchors, payee, "proof");
        vm.recordLogs();
        assertFalse(roots.post(0, FIRST, anchors, payee, "proof"), "all is known");
        assertEq(vm.getRecordedLogs().length, 0);
        vm.roll(1_000_000);
        assertEq(roots.hashOf(900), OLD);
    }

    /// @dev Somebody posted the same root from another anchor: the linked one is learnt all the same, and proven first.
    function test_a_posted_root_does_not_keep_a_hash_out() public {
        hashes.pin(9_999);
        (Anchor[] memory plain, uint256[] memory statement) = secondProof(9_999);
        statement[0] = FIRST;
        other.accept(statement, "other");
        roots.post(1, FIRST, plain, payee, "other");
        vm.expectRevert(HistoryRoots.ProofRejected.selector);
        roots.post(0, FIRST, anchors, payee, "no proof");
        assertTrue(roots.post(0, FIRST, anchors, payee, "proof"));
        assertEq(roots.hashOf(900), OLD);
    }

    /// @dev What the chain tells goes before what a proof has led to.
    function test_the_chain_is_asked_first() public {
        roots.post(0, FIRST, anchors, payee, "proof");
        assertEq(roots.hashOf(9_999), NEW);
    }

    /// @dev A proof from one plain anchor.
    function secondProof(uint64 number) private view returns (Anchor[] memory second, uint256[] memory statement) {
        bytes32 hash = number == 900 ? OLD : NEW;
        second = new Anchor[](1);
        second[0] = Anchor(number, hash, false);
        statement = new uint256[](18);
        statement[0] = SECOND;
        statement[1] = uint256(uint160(payee));
        statement[2] = uint256(number) * 2 ** 128 + uint256(hash) / 2 ** 128;
        statement[3] = uint256(hash) % 2 ** 128;
    }

    function expectRejected() private {
        vm.expectRevert(HistoryRoots.ProofRejected.selector);
        roots.post(0, FIRST, anchors, payee, "proof");
        assertEq(roots.hashOf(anchors[0].number), 0);
        assertFalse(roots.isPosted(FIRST));
    }
}
