// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {LoanDesk} from "../../examples/LoanDesk.sol";
import {NotAContract} from "../../src/Code.sol";
import {Vouch} from "../../src/Vouch.sol";
import {VouchTest} from "../kit/VouchTest.sol";

/// @dev Also the example of how to test a consumer with `VouchTest`.
contract LoanDeskTest is VouchTest {
    int128 private constant MAX_RISK = ONE / 5;

    LoanDesk private desk;
    address private alice = makeAddr("alice");

    function setUp() public {
        deployVouch();
        desk = new LoanDesk{value: 1 ether}(vouch, modelId, MAX_RISK);
        vm.deal(alice, 1 ether);
    }

    function testFuzz_lends_to_low_risk_only(int128 risk) public {
        answer(ask(990), risk);
        (LoanDesk.Status status, uint64 asOf, int128 kept) = desk.loanOf(alice);
        assertEq(uint8(status), uint8(risk <= MAX_RISK ? LoanDesk.Status.Open : LoanDesk.Status.Refused));
        assertEq(asOf, 990);
        assertEq(kept, risk);
    }

    function test_a_good_borrower_draws_once() public {
        answer(ask(990), MAX_RISK);
        vm.startPrank(alice);
        uint256 before = alice.balance;
        desk.draw();
        assertEq(alice.balance - before, desk.PRINCIPAL_WEI());
        vm.expectRevert(abi.encodeWithSelector(LoanDesk.NotOpen.selector, alice, LoanDesk.Status.Drawn));
        desk.draw();
    }

    function test_a_refused_borrower_draws_nothing_but_may_ask_again() public {
        answer(ask(990), MAX_RISK + 1);
        vm.expectRevert(abi.encodeWithSelector(LoanDesk.NotOpen.selector, alice, LoanDesk.Status.Refused));
        vm.prank(alice);
        desk.draw();
        answer(ask(991), MAX_RISK);
        vm.prank(alice);
        desk.draw();
    }

    function test_a_borrower_holds_one_loan() public {
        uint256 id = ask(990);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(LoanDesk.AlreadyApplied.selector, alice, LoanDesk.Status.Pending));
        desk.applyForLoan(990);
        answer(id, 0);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(LoanDesk.AlreadyApplied.selector, alice, LoanDesk.Status.Open));
        desk.applyForLoan(990);
    }

    function test_an_approval_can_be_drawn_in_its_last_block() public {
        answer(ask(990), MAX_RISK);
        vm.roll(990 + 1_800);
        vm.prank(alice);
        desk.draw();
        assertEq(alice.balance, 1 ether - 0.01 ether + desk.PRINCIPAL_WEI());
    }

    /// @dev Counted from the block that was judged, not from the answer: a proof held back gains nothing.
    function testFuzz_an_approval_expires(uint64 late) public {
        late = uint64(bound(late, 990 + 1_801, type(uint32).max));
        answer(ask(990), MAX_RISK);
        vm.roll(late);
        vm.expectRevert(abi.encodeWithSelector(LoanDesk.Expired.selector, 990 + 1_800, late));
        vm.prank(alice);
        desk.draw();
    }

    function test_an_expired_approval_must_be_asked_for_again() public {
        answer(ask(990), MAX_RISK);
        vm.roll(990 + 1_801);
        answer(ask(2_700), MAX_RISK + 1);
        vm.expectRevert(abi.encodeWithSelector(LoanDesk.NotOpen.selector, alice, LoanDesk.Status.Refused));
        vm.prank(alice);
        desk.draw();
        answer(ask(2_701), MAX_RISK);
        vm.prank(alice);
        desk.draw();
    }

    function test_refuses_to_judge_by_an_old_block() public {
        vm.roll(10_000);
        vm.expectRevert(abi.encodeWithSelector(LoanDesk.TooOld.selector, 9_743, 9_744));
        vm.prank(alice);
        desk.applyForLoan(9_743);
        ask(9_744);
    }

    /// @dev Anyone may make a request that names the desk as target, about themselves and under any model.
    function test_ignores_answers_to_what_it_did_not_ask() public {
        uint256 id = vouch.request(modelId, alice, 990, address(desk), 200_000, uint64(block.timestamp));
        answer(id, 0);
        (LoanDesk.Status status,,) = desk.loanOf(alice);
        assertEq(uint8(status), uint8(LoanDesk.Status.None));
        vm.expectRevert(abi.encodeWithSelector(LoanDesk.UnknownRequest.selector, id));
        vm.prank(address(vouch));
        desk.onScore(id, modelId, alice, 990, [int128(0), 0, 0, 0]);
    }

    function testFuzz_listens_to_vouch_only(address other) public {
        vm.assume(other != address(vouch));
        uint256 id = ask(990);
        vm.expectRevert(abi.encodeWithSelector(LoanDesk.NotVouch.selector, other));
        vm.prank(other);
        desk.onScore(id, modelId, alice, 990, [int128(0), 0, 0, 0]);
    }

    function test_gives_an_unanswered_fee_back() public {
        uint256 id = ask(990);
        vm.expectRevert();
        desk.cancel(id);
        vm.warp(block.timestamp + desk.PATIENCE_SECONDS() + 1);
        desk.cancel(id);
        assertEq(alice.balance, 1 ether);
        (LoanDesk.Status status,,) = desk.loanOf(alice);
        assertEq(uint8(status), uint8(LoanDesk.Status.None));
        vm.expectRevert(abi.encodeWithSelector(LoanDesk.UnknownRequest.selector, id));
        desk.cancel(id);
    }

    function test_an_empty_desk_pays_later() public {
        desk = new LoanDesk(vouch, modelId, MAX_RISK);
        answer(ask(990), 0);
        vm.expectRevert(abi.encodeWithSelector(LoanDesk.DeskEmpty.selector, 0));
        vm.prank(alice);
        desk.draw();
        vm.deal(address(desk), 1 ether);
        vm.prank(alice);
        desk.draw();
    }

    function test_constructor_refuses_addresses_without_code() public {
        vm.expectRevert(abi.encodeWithSelector(NotAContract.selector, address(7)));
        new LoanDesk(Vouch(address(7)), modelId, MAX_RISK);
    }

    function ask(uint64 asOf) private returns (uint256) {
        vm.prank(alice);
        return desk.applyForLoan{value: 0.01 ether}(asOf);
    }
}
