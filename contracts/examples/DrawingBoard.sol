// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

/// @title DrawingBoard
/// @notice An example of an image on the chain: everyone has one drawing of 8 by 8 points.
/// @dev `models/digits` reads it. Storage: slot 0, mapping, one word a drawing: point (x, y) is bits `4 (8 y + x)` to `4 (8 y + x) + 4`, from
/// the low end; 0 is paper, 15 is ink.
contract DrawingBoard {
    mapping(address account => uint256) public drawingOf;

    event Drawn(address indexed account, uint256 drawing);

    function draw(uint256 drawing) external {
        drawingOf[msg.sender] = drawing;
        emit Drawn(msg.sender, drawing);
    }
}
