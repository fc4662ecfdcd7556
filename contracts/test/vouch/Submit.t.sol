// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {Claim} from "../../src/Instances.sol";
import {ModelRegistry} from "../../src/ModelRegistry.sol";
import {Vouch} from "../../src/Vouch.sol";
import {VouchTest} from "../kit/VouchTest.sol";

contract SubmitTest is VouchTest {
    uint256 private constant ROOT = 0xa0;
    address private subject = makeAddr("subject");
    Claim private claim;

    function setUp() public {
        deployVouch();
        postRoot(ROOT);
        claim = claimOf(-6_554, ROOT);
        acceptScore(subject, 990, claim);
    }

    function test_records_a_score() public {
        vm.expectEmit();
        emit Vouch.Scored(modelId, subject, 990, claim.outputs);
        vouch.submit(modelId, subject, 990, claim, PROOF);
        (int128 score, uint64 asOf) = vouch.scoreOf(modelId, subject);
        assertEq(score, -6_554);
        assertEq(asOf, 990);
    }

    /// @dev 0 is a score: the absence of one must not read as 0.
    function testFuzz_there_is_no_score_before(bytes32 model, address anyone) public {
        vm.expectRevert(abi.encodeWithSelector(Vouch.NoScore.selector, model, anyone));
        vouch.scoreOf(model, anyone);
        (int128 score, uint64 asOf) = vouch.tryScoreOf(model, anyone);
        assertEq(score, 0);
        assertEq(asOf, 0);
    }

    function test_a_score_of_zero_is_a_score() public {
        claim = claimOf(0, ROOT);
        acceptScore(subject, 990, claim);
        vouch.submit(modelId, subject, 990, claim, PROOF);
        (int128 score, uint64 asOf) = vouch.scoreOf(modelId, subject);
        assertEq(score, 0);
        assertEq(asOf, 990);
    }

    function testFuzz_rejects_any_other_subject(address other) public {
        vm.assume(other != subject);
        vm.expectRevert(Vouch.ProofRejected.selector);
        vouch.submit(modelId, other, 990, claim, PROOF);
    }

    function testFuzz_rejects_any_other_block(uint64 other) public {
        other = uint64(bound(other, 1, block.number - 1));
        vm.assume(other != 990);
        vm.expectRevert(Vouch.ProofRejected.selector);
        vouch.submit(modelId, subject, other, claim, PROOF);
    }

    function testFuzz_rejects_an_unknown_model(bytes32 other) public {
        vm.assume(other != modelId);
        vm.expectRevert(abi.encodeWithSelector(ModelRegistry.UnknownModel.selector, other));
        vouch.submit(other, subject, 990, claim, PROOF);
    }

    function testFuzz_rejects_a_block_that_is_not_past(uint64 asOf) public {
        vm.assume(asOf == 0 || asOf >= block.number);
        vm.expectRevert(abi.encodeWithSelector(Vouch.NotAPastBlock.selector, asOf, block.number));
        vouch.submit(modelId, subject, asOf, claim, PROOF);
    }

    function test_rejects_a_root_that_is_not_posted() public {
        claim = claimOf(-6_554, ROOT + 1);
        acceptScore(subject, 990, claim);
        vm.expectRevert(abi.encodeWithSelector(Vouch.RootNotPosted.selector, ROOT + 1));
        vouch.submit(modelId, subject, 990, claim, PROOF);
    }

    function test_the_block_on_record_does_not_replace_itself() public {
        vouch.submit(modelId, subject, 990, claim, PROOF);
        vm.expectRevert(abi.encodeWithSelector(Vouch.NotNewerThanRecord.selector, 990, 990));
        vouch.submit(modelId, subject, 990, claim, PROOF);
    }

    function testFuzz_only_a_newer_block_replaces_the_record(uint64 asOf) public {
        asOf = uint64(bound(asOf, 1, block.number - 1));
        vouch.submit(modelId, subject, 990, claim, PROOF);

        claim.outputs[0] = 1;
        acceptScore(subject, asOf, claim);
        if (asOf <= 990) vm.expectRevert(abi.encodeWithSelector(Vouch.NotNewerThanRecord.selector, asOf, 990));
        vouch.submit(modelId, subject, asOf, claim, PROOF);
        (int128 score, uint64 recorded) = vouch.scoreOf(modelId, subject);
        assertEq(score, asOf <= 990 ? -6_554 : int128(1));
        assertEq(recorded, asOf <= 990 ? 990 : asOf);
    }
}
