// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {SCALAR_MODULUS} from "./CanonicalInstances.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

/// @notice A block that a history proof ends in, or one that it leads to and that is to be remembered: a *linked* anchor.
struct Anchor {
    uint64 number;
    bytes32 hash;
    /// Whether the proof itself leads to the block from its other anchors.
    bool linked;
}

/// @notice What a prover says about a subject. Model, subject and block come from elsewhere.
struct Claim {
    /// Signed fixed point, `65536` is 1.0; outputs the model does not have are 0.
    int128[4] outputs;
    /// Posted history roots; unused ones repeat the first. All 0 for a model that reads no facts.
    uint256[4] roots;
    /// Who is paid for the proof.
    address payee;
    /// Commitment to the private inputs of the model; 0 if it has none.
    uint256 inputs;
    /// Digest of all outputs if the model has more than four, else 0.
    uint256 digest;
}

/// @title Instances
/// @notice The public inputs of the circuits. Their order is written here and in `circuits/src/instances.rs` only;
/// `test/vectors/instances.json` pins both.
library Instances {
    /// @notice Anchors a history proof has room for.
    uint256 internal constant MAX_ANCHORS = 8;

    /// @notice More anchors than the circuit has room for, or none.
    error AnchorCount(uint256 max, uint256 got);

    /// @return out [root, payee, then 8 times (number * 2^128 + upper half of the hash, lower half)]; unused anchors are 0, linked
    /// ones have bit 72 set in their number
    function history(uint256 root, address payee, Anchor[] calldata anchors)
        internal
        pure
        returns (uint256[] memory out)
    {
        if (anchors.length == 0 || anchors.length > MAX_ANCHORS) revert AnchorCount(MAX_ANCHORS, anchors.length);
        out = new uint256[](2 + 2 * MAX_ANCHORS);
        out[0] = root;
        out[1] = uint160(payee);
        for (uint256 i = 0; i < anchors.length; ++i) {
            Anchor calldata anchor = anchors[i];
            uint256 hash = uint256(anchor.hash);
            out[2 + 2 * i] = uint256(anchor.number) << 128 | hash >> 128;
            if (anchor.linked) out[2 + 2 * i] |= 1 << 200;
            out[3 + 2 * i] = hash & type(uint128).max;
        }
    }

    /// @param depth log2 of the blocks of a run
    /// @return out upper and lower half of the root of a run, of the parent hash of its first block, of the hash of its last; depth
    function ancestry(bytes32 root, bytes32 parent, bytes32 last, uint256 depth)
        internal
        pure
        returns (uint256[] memory out)
    {
        out = new uint256[](7);
        bytes32[3] memory words = [root, parent, last];
        for (uint256 i = 0; i < 3; ++i) {
            out[2 * i] = uint256(words[i]) >> 128;
            out[2 * i + 1] = uint256(words[i]) & type(uint128).max;
        }
        out[6] = depth;
    }

    /// @return out [chain id, payee, subject, asOf, 4 roots, 4 outputs, inputs, digest]; a negative output `o` is the modulus - |o|
    function score(uint256 chainId, address subject, uint64 asOf, Claim calldata claim)
        internal
        pure
        returns (uint256[] memory out)
    {
        out = new uint256[](14);
        out[0] = chainId;
        out[1] = uint160(claim.payee);
        out[2] = uint160(subject);
        out[3] = asOf;
        for (uint256 i = 0; i < 4; ++i) {
            out[4 + i] = claim.roots[i];
            out[8 + i] = toField(claim.outputs[i]);
        }
        out[12] = claim.inputs;
        out[13] = claim.digest;
    }

    /// @dev Injective: `|value|` is far below half the modulus.
    function toField(int128 value) private pure returns (uint256) {
        return value < 0 ? SCALAR_MODULUS - SignedMath.abs(value) : SignedMath.abs(value);
    }
}
