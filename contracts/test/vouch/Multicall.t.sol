// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {HistoryRoots} from "../../src/HistoryRoots.sol";
import {Anchor, Claim} from "../../src/Instances.sol";
import {Vouch} from "../../src/Vouch.sol";
import {Listener} from "../kit/Callbacks.sol";
import {VouchTest} from "../kit/VouchTest.sol";

/// @dev Post and fulfil in one transaction.
contract MulticallTest is VouchTest {
    uint256 private constant ROOT = 0xa0;
    address private subject = makeAddr("subject");
    Listener private listener = new Listener();
    Anchor[] private anchors;
    Claim private claim;
    uint256 private id;

    function setUp() public {
        deployVouch();
        vm.setBlockhash(999, keccak256("block 999"));
        anchors.push(Anchor(999, keccak256("block 999"), false));
        uint256[] memory statement = new uint256[](18);
        statement[0] = ROOT;
        statement[1] = uint160(payee);
        statement[2] = 999 * 2 ** 128 + uint256(keccak256("block 999")) / 2 ** 128;
        statement[3] = uint256(keccak256("block 999")) % 2 ** 128;
        historyVerifier.accept(statement, PROOF);

        claim = claimOf(ONE, ROOT);
        acceptScore(subject, 990, claim);
        hoax(makeAddr("requester"), 1 ether);
        id = vouch.request{value: 1 ether}(
            modelId, subject, 990, address(listener), 200_000, uint64(block.timestamp + 1 hours)
        );
    }

    function test_posts_and_fulfils_at_once() public {
        vouch.multicall(calls());
        assertTrue(roots.isPosted(ROOT));
        assertEq(listener.calls(), 1);
        assertEq(payee.balance, 1 ether);
    }

    function test_fulfils_when_someone_else_has_posted() public {
        roots.post(0, ROOT, anchors, payee, PROOF);
        vouch.multicall(calls());
        assertEq(listener.calls(), 1);
    }

    function test_the_order_matters() public {
        bytes[] memory data = calls();
        (data[0], data[1]) = (data[1], data[0]);
        vm.expectRevert(abi.encodeWithSelector(Vouch.RootNotPosted.selector, ROOT));
        vouch.multicall(data);
    }

    function test_all_or_nothing() public {
        bytes[] memory data = calls();
        claim.outputs[0] = 0;
        data[1] = abi.encodeCall(Vouch.fulfil, (id, claim, PROOF));
        vm.expectRevert(Vouch.ProofRejected.selector);
        vouch.multicall(data);
        assertFalse(roots.isPosted(ROOT));
    }

    function test_post_passes_errors_on() public {
        vm.expectRevert(HistoryRoots.ProofRejected.selector);
        vouch.post(0, ROOT, anchors, payee, "other");
    }

    function calls() private view returns (bytes[] memory data) {
        data = new bytes[](2);
        data[0] = abi.encodeCall(Vouch.post, (0, ROOT, anchors, payee, PROOF));
        data[1] = abi.encodeCall(Vouch.fulfil, (id, claim, PROOF));
    }
}
