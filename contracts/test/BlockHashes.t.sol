// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {BlockHashes} from "../src/BlockHashes.sol";
import {Test} from "forge-std/Test.sol";

contract BlockHashesTest is Test {
    /// @dev EIP-2935: address, caller of the system call, and the deployed code, as the EIP gives them.
    address private constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;
    address private constant SYSTEM = 0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE;
    bytes private constant HISTORY_CODE =
        hex"3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500";
    uint256 private constant HEAD = 20_000;

    BlockHashes private hashes = new BlockHashes();

    function setUp() public {
        vm.etch(HISTORY, HISTORY_CODE);
        vm.roll(HEAD);
    }

    function test_knows_the_last_256_blocks_by_blockhash() public {
        vm.setBlockhash(HEAD - 256, "old");
        vm.setBlockhash(HEAD - 1, "parent");
        assertEq(hashes.hashOf(HEAD - 256), "old");
        assertEq(hashes.hashOf(HEAD - 1), "parent");
    }

    function test_knows_the_last_8191_blocks_by_the_history_contract() public {
        writeHistory(HEAD - 8_191, "oldest");
        writeHistory(HEAD - 257, "just beyond blockhash");
        assertEq(hashes.hashOf(HEAD - 8_191), "oldest");
        assertEq(hashes.hashOf(HEAD - 257), "just beyond blockhash");
    }

    /// @dev Slot `n % 8191` holds a newer block's hash by then; it must not be given for the older one.
    function test_does_not_know_block_8192_back() public {
        writeHistory(HEAD - 8_192, "gone");
        assertEq(hashes.hashOf(HEAD - 8_192), 0);
        writeHistory(HEAD - 1, "newer, same slot");
        assertEq(hashes.hashOf(HEAD - 8_192), 0);
    }

    function testFuzz_does_not_know_this_block_or_the_future(uint256 number) public {
        number = bound(number, HEAD, type(uint256).max);
        writeHistory(HEAD - 1, "parent");
        assertEq(hashes.hashOf(number), 0);
    }

    function test_a_pin_outlives_the_window() public {
        writeHistory(HEAD - 8_191, "oldest");
        vm.expectEmit();
        emit BlockHashes.Pinned(HEAD - 8_191, "oldest");
        assertEq(hashes.pin(HEAD - 8_191), "oldest");
        vm.roll(HEAD + 1_000_000);
        assertEq(hashes.hashOf(HEAD - 8_191), "oldest");
    }

    function test_pinning_again_does_nothing() public {
        vm.setBlockhash(HEAD - 1, "parent");
        hashes.pin(HEAD - 1);
        vm.roll(HEAD + 1_000_000);
        vm.recordLogs();
        assertEq(hashes.pin(HEAD - 1), "parent");
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function testFuzz_refuses_to_pin_what_it_cannot_know(uint256 number) public {
        vm.assume(number >= HEAD || number < HEAD - 8_191);
        vm.expectRevert(abi.encodeWithSelector(BlockHashes.HashUnavailable.selector, number, HEAD));
        hashes.pin(number);
    }

    function test_works_without_the_history_contract() public {
        vm.etch(HISTORY, "");
        vm.setBlockhash(HEAD - 256, "old");
        assertEq(hashes.hashOf(HEAD - 256), "old");
        assertEq(hashes.hashOf(HEAD - 257), 0);
    }

    /// @dev The system call at the start of block `number + 1`.
    function writeHistory(uint256 number, bytes32 hash) private {
        vm.roll(number + 1);
        vm.prank(SYSTEM);
        (bool done,) = HISTORY.call(abi.encode(hash));
        assertTrue(done);
        vm.roll(HEAD);
    }
}
