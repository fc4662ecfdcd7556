// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {NotAContract} from "../../src/Code.sol";
import {HistoryRoots} from "../../src/HistoryRoots.sol";
import {ModelRegistry} from "../../src/ModelRegistry.sol";
import {Vouch} from "../../src/Vouch.sol";
import {Listener} from "../kit/Callbacks.sol";
import {VouchTest} from "../kit/VouchTest.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

contract RequestTest is VouchTest {
    address private subject = makeAddr("subject");
    address private requester = makeAddr("requester");
    address private listener = address(new Listener());
    uint64 private deadline;

    function setUp() public {
        deployVouch();
        deadline = uint64(block.timestamp + 1 hours);
        vm.deal(requester, type(uint128).max);
    }

    function test_keeps_and_announces_a_request() public {
        vm.expectEmit();
        emit Vouch.Requested(1, modelId, subject, 990, listener, 100_000, deadline, requester, 3 ether);
        vm.prank(requester);
        uint256 id = vouch.request{value: 3 ether}(modelId, subject, 990, listener, 100_000, deadline);

        assertEq(id, 1);
        assertEq(vouch.requestCount(), 1);
        Vouch.Request memory kept = vouch.requestOf(1);
        assertEq(kept.modelId, modelId);
        assertEq(kept.subject, subject);
        assertEq(kept.asOf, 990);
        assertEq(kept.callbackGasLimit, 100_000);
        assertEq(kept.target, listener);
        assertEq(kept.deadline, deadline);
        assertEq(uint8(kept.status), uint8(Vouch.Status.Open));
        assertEq(kept.requester, requester);
        assertEq(kept.feeWei, 3 ether);
    }

    function test_needs_neither_a_fee_nor_a_target() public {
        assertEq(vouch.request(modelId, subject, 990, address(0), 0, deadline), 1);
        assertEq(vouch.request(modelId, subject, 990, address(0), 0, deadline), 2);
    }

    function testFuzz_rejects_an_unknown_model(bytes32 other) public {
        vm.assume(other != modelId);
        vm.expectRevert(abi.encodeWithSelector(Vouch.UnknownModel.selector, other));
        vouch.request(other, subject, 990, listener, 100_000, deadline);
    }

    function testFuzz_rejects_a_block_that_is_not_past(uint64 asOf) public {
        asOf = uint64(bound(asOf, block.number, type(uint64).max));
        vm.expectRevert(abi.encodeWithSelector(Vouch.NotAPastBlock.selector, asOf, block.number));
        vouch.request(modelId, subject, asOf, listener, 100_000, deadline);
        vouch.request(modelId, subject, uint64(block.number - 1), listener, 100_000, deadline);
    }

    function test_rejects_block_zero() public {
        vm.expectRevert(abi.encodeWithSelector(Vouch.NotAPastBlock.selector, 0, block.number));
        vouch.request(modelId, subject, 0, listener, 100_000, deadline);
        vouch.request(modelId, subject, 1, listener, 100_000, deadline);
    }

    function test_rejects_a_deadline_in_the_past() public {
        vm.warp(deadline);
        vouch.request(modelId, subject, 990, listener, 100_000, deadline);
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(Vouch.DeadlinePassed.selector, deadline, deadline + 1));
        vouch.request(modelId, subject, 990, listener, 100_000, deadline);
    }

    function test_rejects_a_target_without_code() public {
        vm.expectRevert(abi.encodeWithSelector(NotAContract.selector, requester));
        vouch.request(modelId, subject, 990, requester, 100_000, deadline);
    }

    function test_rejects_a_fee_beyond_96_bits() public {
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, 96, 1 << 96));
        vouch.request{value: 1 << 96}(modelId, subject, 990, listener, 100_000, deadline);
    }

    function test_takes_no_ether_otherwise() public {
        vm.startPrank(requester);
        (bool sent,) = address(vouch).call{value: 1}("");
        assertFalse(sent);
        vm.expectRevert();
        vouch.multicall{value: 1}(new bytes[](0));
    }

    function test_constructor_refuses_addresses_without_code() public {
        vm.expectRevert(abi.encodeWithSelector(NotAContract.selector, address(7)));
        new Vouch(ModelRegistry(address(7)), roots);
        vm.expectRevert(abi.encodeWithSelector(NotAContract.selector, address(7)));
        new Vouch(registry, HistoryRoots(address(7)));
    }
}
