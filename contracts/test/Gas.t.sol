// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {Claim} from "../src/Instances.sol";
import {VouchTest} from "./kit/VouchTest.sol";

/// @dev Gas of everything around the verifiers, which are stubs here. Kept in `snapshots/`; a changed file shows in a
/// review. Each call is a transaction of its own, so that storage is cold as it is in reality.
/// forge-config: default.isolate = true
contract GasTest is VouchTest {
    address private subject = makeAddr("subject");
    address private requester = makeAddr("requester");

    function setUp() public {
        deployVouch();
        vm.deal(requester, 10 ether);
    }

    function test_gas_post() public {
        postRoot(1);
        vm.snapshotGasLastCall("around the verifiers", "post, one anchor");
    }

    function test_gas_submit() public {
        postRoot(1);
        Claim memory claim = claimOf(ONE, 1);
        acceptScore(subject, 990, claim);
        vouch.submit(modelId, subject, 990, claim, PROOF);
        vm.snapshotGasLastCall("around the verifiers", "submit, first score");
    }

    function test_gas_request_and_fulfil() public {
        postRoot(1);
        Claim memory claim = claimOf(ONE, 1);
        acceptScore(subject, 990, claim);
        vm.prank(requester);
        uint256 id = vouch.request{value: 1 ether}(modelId, subject, 990, address(0), 0, uint64(block.timestamp));
        vm.snapshotGasLastCall("around the verifiers", "request, first");
        vouch.fulfil(id, claim, PROOF);
        vm.snapshotGasLastCall("around the verifiers", "fulfil, first score, new payee, no callback");
    }

    function test_gas_register() public {
        bytes memory other = abi.encode(1, 2, 3, 4, 5, 6);
        registry.register(CLASS_ID, other, "");
        vm.snapshotGasLastCall("around the verifiers", "register, key of 192 bytes");
    }
}
