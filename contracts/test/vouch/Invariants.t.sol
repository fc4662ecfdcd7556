// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {Claim} from "../../src/Instances.sol";
import {Vouch} from "../../src/Vouch.sol";
import {Saboteur} from "../kit/Callbacks.sol";
import {VouchTest} from "../kit/VouchTest.sol";
import {Test} from "forge-std/Test.sol";

/// @dev Everybody who uses Vouch, in any order. Counts what goes in and out on its own books.
contract VouchHandler is VouchTest {
    uint256 public inWei;
    uint256 public outWei;
    /// Newest block ever proven, and the score there.
    mapping(address subject => uint64) public newest;
    mapping(address subject => int128) public scoreThen;
    address[3] public subjects = [address(0x51), address(0x52), address(0x53)];
    /// The last of each takes no ether.
    address[3] public payees = [address(0xa1), address(0xa2), address(new Saboteur(Saboteur.Way.Revert))];
    address[3] public requesters = [address(0xb1), address(0xb2), address(new Saboteur(Saboteur.Way.Revert))];
    uint256[3] public calls;

    constructor() {
        deployVouch();
        postRoot(1);
    }

    function system() external view returns (Vouch, bytes32) {
        return (vouch, modelId);
    }

    function request(uint256 who, uint256 about, uint64 asOf, uint96 feeWei, uint64 patience) external {
        feeWei = uint96(bound(feeWei, 0, 10 ether));
        inWei += feeWei;
        address target = about % 2 == 0 ? address(0) : payees[2];
        uint64 deadline = uint64(block.timestamp + bound(patience, 0, 1 hours));
        hoax(requesters[who % 3], feeWei);
        vouch.request{value: feeWei}(modelId, subjects[about % 3], past(asOf), target, 50_000, deadline);
    }

    function fulfil(uint256 id, uint256 to, int128 score) external {
        id = open(id);
        Vouch.Request memory asked = vouch.requestOf(id);
        if (asked.status != Vouch.Status.Open || block.timestamp > asked.deadline) return;
        ++calls[0];
        uint256 before = payees[to % 3].balance;
        vouch.fulfil(id, prove(asked.subject, asked.asOf, to, score), PROOF);
        outWei += payees[to % 3].balance - before;
    }

    function submit(uint256 about, uint64 asOf, int128 score) external {
        asOf = past(asOf);
        address subject = subjects[about % 3];
        (, uint64 recorded) = vouch.tryScoreOf(modelId, subject);
        if (asOf <= recorded) return;
        vouch.submit(modelId, subject, asOf, prove(subject, asOf, 0, score), PROOF);
    }

    function refund(uint256 id) external {
        id = open(id);
        Vouch.Request memory asked = vouch.requestOf(id);
        if (asked.status != Vouch.Status.Open || block.timestamp <= asked.deadline) return;
        ++calls[1];
        uint256 before = asked.requester.balance;
        vm.prank(asked.requester);
        vouch.refund(id);
        outWei += asked.requester.balance - before;
    }

    function withdraw(bool asPayee) external {
        address who = asPayee ? payees[2] : requesters[2];
        uint256 owed = vouch.owedWei(who);
        if (owed == 0) return;
        ++calls[2];
        vm.prank(who);
        vouch.withdraw(address(0xdead));
        outWei += owed;
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 0, 1 hours));
    }

    function heldWei() external view returns (uint256 sum) {
        for (uint256 id = 1; id <= vouch.requestCount(); ++id) {
            Vouch.Request memory asked = vouch.requestOf(id);
            if (asked.status == Vouch.Status.Open) sum += asked.feeWei;
        }
        sum += vouch.owedWei(payees[2]) + vouch.owedWei(requesters[2]);
    }

    /// @dev The first open request at or after a random one.
    function open(uint256 id) private view returns (uint256) {
        uint256 count = vouch.requestCount();
        if (count == 0) return 1;
        for (uint256 i = 0; i < count; ++i) {
            uint256 candidate = (id % count + i) % count + 1;
            if (vouch.requestOf(candidate).status == Vouch.Status.Open) return candidate;
        }
        return 1;
    }

    function past(uint64 asOf) private view returns (uint64) {
        return uint64(bound(asOf, block.number - 20, block.number - 1));
    }

    /// @dev Models are deterministic: one score for a subject at a block. Here: what was proven first for the newest.
    function prove(address subject, uint64 asOf, uint256 to, int128 score) private returns (Claim memory claim) {
        if (asOf == newest[subject]) score = scoreThen[subject];
        if (asOf > newest[subject]) (newest[subject], scoreThen[subject]) = (asOf, score);
        claim = claimOf(score, 1);
        claim.payee = payees[to % 3];
        acceptScore(subject, asOf, claim);
    }
}

contract VouchInvariants is Test {
    VouchHandler private handler;
    Vouch private vouch;
    bytes32 private modelId;

    function setUp() public {
        handler = new VouchHandler();
        (vouch, modelId) = handler.system();
        targetContract(address(handler));
        bytes4[] memory selectors = new bytes4[](7);
        selectors[0] = VouchHandler.request.selector;
        selectors[1] = VouchHandler.fulfil.selector;
        selectors[2] = VouchHandler.submit.selector;
        selectors[3] = VouchHandler.refund.selector;
        selectors[4] = VouchHandler.withdraw.selector;
        selectors[5] = VouchHandler.wait.selector;
        selectors[6] = VouchHandler.request.selector;
        targetSelector(FuzzSelector(address(handler), selectors));
    }

    /// @dev Fees in = fees out + held, and held is what the contract has.
    function invariant_no_fee_is_lost_or_made() public view {
        assertEq(handler.inWei(), handler.outWei() + handler.heldWei());
        assertEq(address(vouch).balance, handler.heldWei());
    }

    /// @dev The record is the newest block ever proven, never replaced by an older one.
    function invariant_the_record_is_the_newest() public view {
        for (uint256 i = 0; i < 3; ++i) {
            address subject = handler.subjects(i);
            (int128 score, uint64 asOf) = vouch.tryScoreOf(modelId, subject);
            assertEq(asOf, handler.newest(subject));
            assertEq(score, handler.scoreThen(subject));
        }
    }
}
