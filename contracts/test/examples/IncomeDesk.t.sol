// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {IncomeDesk} from "../../examples/IncomeDesk.sol";
import {Claim} from "../../src/Instances.sol";
import {Vouch} from "../../src/Vouch.sol";
import {VouchTest} from "../kit/VouchTest.sol";

contract IncomeDeskTest is VouchTest {
    uint256 private constant INPUTS = 0xc0;

    IncomeDesk private desk;
    address private issuer = makeAddr("issuer");
    address private borrower = makeAddr("borrower");

    function setUp() public {
        deployVouch();
        desk = new IncomeDesk{value: 1 ether}(vouch, modelId, issuer);
        vm.prank(issuer);
        desk.attest(borrower, INPUTS);
        vm.deal(borrower, 1 ether);
    }

    function test_lends_to_who_proves_under_the_commitment() public {
        Claim memory claim = accepted(borrower, ONE, INPUTS);
        vm.startPrank(borrower);
        desk.prove(990, claim, PROOF);
        desk.draw();
        assertEq(borrower.balance, 1.1 ether);
        vm.expectRevert(abi.encodeWithSelector(IncomeDesk.HasBorrowed.selector, borrower));
        desk.draw();
    }

    function test_lends_to_who_asks_a_node() public {
        vm.prank(borrower);
        uint256 id = desk.ask{value: 0.1 ether}(990);
        assertEq(vouch.requestOf(id).inputs, INPUTS);
        answer(id, ONE);
        assertTrue(desk.isApproved(borrower));
        vm.prank(borrower);
        desk.draw();
    }

    function testFuzz_any_other_answer_is_a_no(int128 output) public {
        vm.assume(output != ONE);
        Claim memory claim = accepted(borrower, output, INPUTS);
        vm.prank(borrower);
        vm.expectRevert(IncomeDesk.NotAffordable.selector);
        desk.prove(990, claim, PROOF);
        vm.prank(borrower);
        answer(desk.ask(990), output);
        assertFalse(desk.isApproved(borrower));
    }

    function testFuzz_refuses_other_inputs(uint256 inputs) public {
        vm.assume(inputs != INPUTS);
        Claim memory claim = accepted(borrower, ONE, inputs);
        vm.prank(borrower);
        vm.expectRevert(abi.encodeWithSelector(IncomeDesk.OtherInputs.selector, INPUTS, inputs));
        desk.prove(990, claim, PROOF);
        // and naming the right ones does not help: the proof is of others
        claim.inputs = INPUTS;
        vm.prank(borrower);
        vm.expectRevert(Vouch.ProofRejected.selector);
        desk.prove(990, claim, PROOF);
    }

    function test_refuses_the_proof_of_somebody_else() public {
        Claim memory claim = accepted(makeAddr("another"), ONE, INPUTS);
        vm.prank(borrower);
        vm.expectRevert(Vouch.ProofRejected.selector);
        desk.prove(990, claim, PROOF);
    }

    function test_only_the_issuer_attests_and_a_new_word_of_his_counts() public {
        vm.expectRevert(abi.encodeWithSelector(IncomeDesk.NotTheIssuer.selector, address(this)));
        desk.attest(borrower, 1);
        Claim memory claim = accepted(borrower, ONE, INPUTS);
        vm.prank(borrower);
        desk.prove(990, claim, PROOF);
        vm.prank(borrower);
        uint256 id = desk.ask(990);
        vm.prank(issuer);
        desk.attest(borrower, INPUTS + 1);
        vm.prank(borrower);
        vm.expectRevert(abi.encodeWithSelector(IncomeDesk.NotApproved.selector, borrower));
        desk.draw();
        // the answer about the old commitment comes too late
        answer(id, ONE);
        assertFalse(desk.isApproved(borrower));
    }

    function test_an_attestation_ends() public {
        Claim memory claim = accepted(borrower, ONE, INPUTS);
        vm.roll(block.number + desk.ATTESTED_BLOCKS() + 1);
        vm.prank(borrower);
        vm.expectRevert(abi.encodeWithSelector(IncomeDesk.NotAttested.selector, borrower));
        desk.prove(990, claim, PROOF);
    }

    /// @dev Anybody may ask with the desk as target: it listens to its own requests alone.
    function test_ignores_requests_of_others() public {
        uint64 deadline = uint64(block.timestamp + 1);
        uint256 id = vouch.requestPrivate(modelId, borrower, 990, address(desk), 200_000, deadline, 7);
        answer(id, ONE);
        assertFalse(desk.isApproved(borrower));
        vm.expectRevert(abi.encodeWithSelector(IncomeDesk.NotVouch.selector, address(this)));
        desk.onScore(id, modelId, borrower, 990, [ONE, 0, 0, 0]);
    }

    function accepted(address subject, int128 output, uint256 inputs) private returns (Claim memory claim) {
        claim = claimOf(output, 0xa0);
        claim.inputs = inputs;
        if (!roots.isPosted(0xa0)) postRoot(0xa0);
        acceptScore(subject, 990, claim);
    }
}
