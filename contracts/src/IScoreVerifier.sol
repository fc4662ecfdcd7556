// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

/// @title IScoreVerifier
/// @notice Checks proofs of every model of one score circuit class. The verifying key is data.
/// @dev An implementation refuses what is not canonical: a key or a proof of another length, a wrong number of
/// instances, an instance of the scalar modulus or more.
interface IScoreVerifier {
    /// @notice Commitment to the constraint system that all models of this class share.
    function classId() external view returns (bytes32);

    /// @notice The two commitments to `key`; reverts if the length is not that of the class.
    /// @param key structure points ‖ weight points, each 64 bytes: x ‖ y big-endian
    /// @return structureId `keccak256(classId ‖ structure points)`: plan, layers and, per layer, the
    /// fraction bits and the range that the weights lead to; recomputed from the ONNX file and the plan
    /// @return modelId `keccak256(structureId ‖ weight points)`
    function ids(bytes calldata key) external view returns (bytes32 structureId, bytes32 modelId);

    /// @param instances public inputs in the order of `Instances.score`
    /// @return whether `proof` proves them under `key`; malformed input may revert instead
    function verify(bytes calldata key, uint256[] calldata instances, bytes calldata proof) external view returns (bool);
}
