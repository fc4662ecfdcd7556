// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {Anchor, Claim, Instances} from "../src/Instances.sol";
import {RealProofTest} from "./kit/RealProofTest.sol";

/// @dev Makes the library's calldata functions callable.
contract InstancesCaller {
    function history(uint256 root, address payee, Anchor[] calldata anchors) external pure returns (uint256[] memory) {
        return Instances.history(root, payee, anchors);
    }

    function ancestry(bytes32 root, bytes32 parent, bytes32 last, uint256 depth)
        external
        pure
        returns (uint256[] memory)
    {
        return Instances.ancestry(root, parent, last, depth);
    }

    function score(uint256 chainId, address subject, uint64 asOf, Claim calldata claim)
        external
        pure
        returns (uint256[] memory)
    {
        return Instances.score(chainId, subject, asOf, claim);
    }
}

/// @dev `test/vectors/instances.json` is shared with `circuits/src/instances.rs`.
contract InstancesTest is RealProofTest {
    InstancesCaller private instances = new InstancesCaller();
    string private json = vm.readFile("test/vectors/instances.json");

    function test_history_equals_the_shared_vector() public view {
        uint256 i = 0;
        for (; vm.keyExistsJson(json, element("", "history", i)); ++i) {
            string memory at = element("", "history", i);
            uint256[] memory out = instances.history(
                vm.parseJsonUint(json, string.concat(at, ".root")),
                vm.parseJsonAddress(json, string.concat(at, ".payee")),
                readAnchors(json, at)
            );
            assertEq(out, vm.parseJsonUintArray(json, string.concat(at, ".instances")), at);
            assertEq(out.length, 18);
        }
        assertGe(i, 1, "no history case in the vector");
    }

    function test_ancestry_equals_the_shared_vector() public view {
        uint256 i = 0;
        for (; vm.keyExistsJson(json, element("", "ancestry", i)); ++i) {
            string memory at = element("", "ancestry", i);
            uint256[] memory out = instances.ancestry(
                vm.parseJsonBytes32(json, string.concat(at, ".root")),
                vm.parseJsonBytes32(json, string.concat(at, ".parent")),
                vm.parseJsonBytes32(json, string.concat(at, ".last")),
                vm.parseJsonUint(json, string.concat(at, ".depth"))
            );
            assertEq(out, vm.parseJsonUintArray(json, string.concat(at, ".instances")), at);
            assertEq(out.length, 7);
        }
        assertGe(i, 1, "no ancestry case in the vector");
    }

    function test_score_equals_the_shared_vector() public view {
        uint256 i = 0;
        for (; vm.keyExistsJson(json, element("", "score", i)); ++i) {
            string memory at = element("", "score", i);
            uint256[] memory out = instances.score(
                vm.parseJsonUint(json, string.concat(at, ".chain_id")),
                vm.parseJsonAddress(json, string.concat(at, ".subject")),
                uint64(vm.parseJsonUint(json, string.concat(at, ".as_of"))),
                readClaim(json, at)
            );
            assertEq(out, vm.parseJsonUintArray(json, string.concat(at, ".instances")), at);
            assertEq(out.length, 14);
        }
        assertGe(i, 1, "no score case in the vector");
    }

    function testFuzz_outputs_are_canonical_and_injective(int128 a, int128 b) public view {
        Claim memory claim;
        claim.outputs = [a, b, type(int128).min, type(int128).max];
        uint256[] memory out = instances.score(1, address(1), 1, claim);
        for (uint256 i = 8; i < 12; ++i) {
            assertLt(out[i], MODULUS);
        }
        assertEq(out[8] == out[9], a == b);
        assertEq(addmod(out[10], 1 << 127, MODULUS), 0);
        assertEq(out[11], (1 << 127) - 1);
    }

    function test_history_takes_one_to_eight_anchors() public {
        instances.history(1, payee, new Anchor[](1));
        instances.history(1, payee, new Anchor[](8));
        vm.expectRevert(abi.encodeWithSelector(Instances.AnchorCount.selector, 8, 9));
        instances.history(1, payee, new Anchor[](9));
        vm.expectRevert(abi.encodeWithSelector(Instances.AnchorCount.selector, 8, 0));
        instances.history(1, payee, new Anchor[](0));
    }
}
