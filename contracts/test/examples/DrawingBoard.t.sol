// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {DrawingBoard} from "../../examples/DrawingBoard.sol";
import {Claim} from "../../src/Instances.sol";
import {Vouch} from "../../src/Vouch.sol";
import {VouchTest} from "../kit/VouchTest.sol";

contract DrawingBoardTest is VouchTest {
    uint256 private constant DRAWING = 0xd4a3;

    DrawingBoard private board;
    address private artist = makeAddr("artist");

    function setUp() public {
        deployVouch();
        board = new DrawingBoard(vouch, modelId);
        vm.prank(artist);
        board.draw(DRAWING);
    }

    /// @dev A claim that `digit` is drawn under the commitment `drawing`, which the verifier accepts about `artist`.
    function proven(int128 digit, uint256 drawing) private returns (Claim memory claim) {
        claim = claimOf(digit * ONE, 0);
        claim.inputs = drawing;
        uint256[] memory statement = new uint256[](14);
        statement[0] = block.chainid;
        statement[1] = uint160(payee);
        statement[2] = uint160(artist);
        statement[3] = 990;
        statement[8] = toField(claim.outputs[0]);
        statement[12] = drawing;
        scoreVerifier.accept(key, statement, PROOF);
    }

    function testFuzz_shows_a_digit(uint8 digit) public {
        digit = uint8(bound(digit, 0, 9));
        Claim memory claim = proven(int128(uint128(digit)), DRAWING);
        vm.expectEmit();
        emit DrawingBoard.Shown(artist, digit);
        board.show(artist, 990, claim, PROOF);
        assertEq(board.shownOf(artist), uint256(digit) + 1);
    }

    function test_refuses_a_proof_about_another_drawing() public {
        Claim memory claim = proven(7, DRAWING + 1);
        vm.expectRevert(abi.encodeWithSelector(DrawingBoard.OtherDrawing.selector, DRAWING, DRAWING + 1));
        board.show(artist, 990, claim, PROOF);
    }

    function test_refuses_a_claim_that_is_not_proven() public {
        Claim memory claim = proven(7, DRAWING);
        claim.outputs[0] = 8 * ONE;
        vm.expectRevert(Vouch.ProofRejected.selector);
        board.show(artist, 990, claim, PROOF);
        claim.outputs[0] = 7 * ONE;
        vm.expectRevert(Vouch.ProofRejected.selector);
        board.show(artist, 991, claim, PROOF);
        board.show(artist, 990, claim, PROOF);
    }

    function test_refuses_who_has_not_drawn() public {
        Claim memory claim = proven(7, 0);
        vm.expectRevert(abi.encodeWithSelector(DrawingBoard.NoDrawing.selector, payee));
        board.show(payee, 990, claim, PROOF);
    }

    function test_a_new_drawing_has_not_been_shown() public {
        board.show(artist, 990, proven(7, DRAWING), PROOF);
        vm.prank(artist);
        board.draw(DRAWING + 1);
        assertEq(board.shownOf(artist), 0);
    }
}
