// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {DrawingBoard} from "../../examples/DrawingBoard.sol";
import {Test} from "forge-std/Test.sol";

contract DrawingBoardTest is Test {
    /// @dev The layout that the plan names, read as a history proof reads it.
    function testFuzz_storage_layout(address artist, uint256 drawing) public {
        DrawingBoard board = new DrawingBoard();
        vm.prank(artist);
        board.draw(drawing);
        assertEq(board.drawingOf(artist), drawing);
        assertEq(uint256(vm.load(address(board), keccak256(abi.encode(artist, 0)))), drawing);
    }
}
