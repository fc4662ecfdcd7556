// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {requireCode} from "../src/Code.sol";
import {Claim} from "../src/Instances.sol";
import {Vouch} from "../src/Vouch.sol";

/// @title DrawingBoard
/// @notice An example of an image that stays private: everyone has one drawing of 28 by 28 points, of which the chain has a commitment only,
/// and can show which digit it is.
/// @dev The model is `models/digits`, which reads nothing from the chain. A proof says that the digit is the model's answer on *some* drawing
/// under the commitment: an artist chooses both, so it is worth what a drawing is.
contract DrawingBoard {
    /// @notice The output 1.0.
    int128 public constant ONE = 65_536;

    Vouch public immutable vouch;
    /// @notice The board's owner has recomputed the id with `vouch model verify`.
    bytes32 public immutable modelId;

    /// @notice Poseidon commitment to an artist's drawing, 0 before the first.
    mapping(address artist => uint256) public drawingOf;
    /// @notice The digit that was shown of the present drawing, plus 1; 0 if none was.
    mapping(address artist => uint256) public shownOf;

    event Drawn(address indexed artist, uint256 drawing);
    event Shown(address indexed artist, uint256 digit);

    error NoDrawing(address artist);
    error OtherDrawing(uint256 expected, uint256 got);

    constructor(Vouch vouch_, bytes32 modelId_) {
        requireCode(address(vouch_));
        vouch = vouch_;
        modelId = modelId_;
    }

    /// @notice Replaces the caller's drawing; `drawing` is a commitment to it.
    function draw(uint256 drawing) external {
        drawingOf[msg.sender] = drawing;
        delete shownOf[msg.sender];
        emit Drawn(msg.sender, drawing);
    }

    /// @notice Shows which digit `artist` has drawn. Anyone may call who has the proof.
    function show(address artist, uint64 asOf, Claim calldata claim, bytes calldata proof) external {
        uint256 drawing = drawingOf[artist];
        if (drawing == 0) revert NoDrawing(artist);
        if (claim.inputs != drawing) revert OtherDrawing(drawing, claim.inputs);
        vouch.check(modelId, artist, asOf, claim, proof);
        // an index among ten
        uint256 digit = uint256(int256(claim.outputs[0] / ONE));
        shownOf[artist] = digit + 1;
        emit Shown(artist, digit);
    }
}
