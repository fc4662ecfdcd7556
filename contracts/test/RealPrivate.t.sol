// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {IncomeDesk} from "../examples/IncomeDesk.sol";
import {Vouch} from "../src/Vouch.sol";
import {RealProofTest} from "./kit/RealProofTest.sol";

/// @dev A real proof about private inputs, through the generated verifier: `models/affordability` below 0.2, under a commitment that an issuer
/// attested to. `cargo run --release -p vouch-prover --example prove_private -- --out contracts/test/vectors/real_private.json` makes it.
contract RealPrivate is RealProofTest {
    string private json;
    IncomeDesk private desk;
    address private issuer = makeAddr("issuer");
    ScoreProof private score;

    function setUp() public {
        json = vm.readFile("test/vectors/real_private.json");
        deployVouchFor(json);
        score = readScore(json);
        desk = new IncomeDesk{value: 1 ether}(vouch, modelId, issuer);
        vm.prank(issuer);
        desk.attest(score.subject, score.claim.inputs);
    }

    function test_a_loan_for_an_income_that_nobody_saw() public {
        vm.startPrank(score.subject);
        desk.prove(score.asOf, score.claim, score.proof);
        desk.draw();
        assertEq(score.subject.balance, 0.1 ether);
    }

    function test_the_same_through_a_request() public {
        vm.prank(score.subject);
        uint256 id = desk.ask(score.asOf);
        vouch.fulfil(id, score.claim, score.proof);
        assertTrue(desk.isApproved(score.subject));
    }

    function test_the_claim_has_the_answer_and_not_the_score() public view {
        assertEq(score.claim.outputs[0], ONE);
        assertEq(score.claim.digest, 0);
        assertNotEq(score.claim.inputs, 0);
        for (uint256 i = 0; i < 4; ++i) {
            assertEq(score.claim.roots[i], 0);
            if (i != 0) assertEq(score.claim.outputs[i], 0);
        }
    }

    function testFuzz_the_proof_is_of_no_other_commitment(uint256 other) public {
        other = bound(other, 1, MODULUS - 1);
        vm.assume(other != score.claim.inputs);
        vm.prank(issuer);
        desk.attest(score.subject, other);
        vm.startPrank(score.subject);
        vm.expectRevert(abi.encodeWithSelector(IncomeDesk.OtherInputs.selector, other, score.claim.inputs));
        desk.prove(score.asOf, score.claim, score.proof);
        score.claim.inputs = other;
        vm.expectRevert(Vouch.ProofRejected.selector);
        desk.prove(score.asOf, score.claim, score.proof);
    }

    function test_no_cannot_be_made_a_yes_nor_the_other_way() public {
        score.claim.outputs[0] = 0;
        vm.expectRevert(Vouch.ProofRejected.selector);
        vouch.check(modelId, score.subject, score.asOf, score.claim, score.proof);
    }

    /// @dev Anybody could have submitted it with inputs of their own.
    function test_it_is_not_put_on_record() public {
        vm.expectRevert(abi.encodeWithSelector(Vouch.PrivateInputs.selector, score.claim.inputs));
        vouch.submit(modelId, score.subject, score.asOf, score.claim, score.proof);
    }
}
