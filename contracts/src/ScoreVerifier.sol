// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {requireCanonical, requireLength} from "./CanonicalInstances.sol";
import {requireCode} from "./Code.sol";
import {IScoreVerifier} from "./IScoreVerifier.sol";

/// @title ScoreVerifier
/// @notice Thin adapter before the generated verifier of one score circuit class; serves every model of that class.
/// @dev Trusts `generated` for the statement. `generated` absorbs `classId` and each key point before its first challenge,
/// so a key cannot be fitted to a proof, and refuses a point that is the identity, not on the curve, or not canonical.
/// Adds what generated code does not check: lengths, and instances below the modulus. The constructor arguments stand in
/// the passport `contracts/generated/score_*.json`.
contract ScoreVerifier is IScoreVerifier {
    uint256 private constant POINT_BYTES = 64;

    /// @inheritdoc IScoreVerifier
    bytes32 public immutable classId;
    /// @notice Generated code: calldata is key ‖ instances ‖ proof; it reverts unless the proof is valid.
    address public immutable generated;
    uint256 public immutable structurePoints;
    uint256 public immutable weightPoints;
    uint256 public immutable instanceCount;
    uint256 public immutable proofBytes;

    /// @notice A key of this class has `expected` bytes, this one `got`.
    error KeyLength(uint256 expected, uint256 got);

    constructor(
        address generated_,
        bytes32 classId_,
        uint256 structurePoints_,
        uint256 weightPoints_,
        uint256 instanceCount_,
        uint256 proofBytes_
    ) {
        requireCode(generated_);
        generated = generated_;
        classId = classId_;
        structurePoints = structurePoints_;
        weightPoints = weightPoints_;
        instanceCount = instanceCount_;
        proofBytes = proofBytes_;
    }

    /// @inheritdoc IScoreVerifier
    function ids(bytes calldata key) external view returns (bytes32 structureId, bytes32 modelId) {
        _requireKeyLength(key);
        uint256 split = structurePoints * POINT_BYTES;
        structureId = keccak256(abi.encodePacked(classId, key[:split]));
        modelId = keccak256(abi.encodePacked(structureId, key[split:]));
    }

    /// @inheritdoc IScoreVerifier
    function verify(bytes calldata key, uint256[] calldata instances, bytes calldata proof)
        external
        view
        returns (bool accepted)
    {
        _requireKeyLength(key);
        requireCanonical(instances, instanceCount);
        requireLength(proof, proofBytes);
        // A low-level call, because generated code has only a fallback; `generated` has code (constructor).
        (accepted,) = generated.staticcall(abi.encodePacked(key, instances, proof));
    }

    function _requireKeyLength(bytes calldata key) private view {
        uint256 expected = (structurePoints + weightPoints) * POINT_BYTES;
        if (key.length != expected) revert KeyLength(expected, key.length);
    }
}
