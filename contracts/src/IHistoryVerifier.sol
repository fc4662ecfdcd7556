// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

/// @title IHistoryVerifier
/// @notice Checks proofs of one history circuit class.
/// @dev The verifying key is part of the code. An implementation refuses what is not canonical: a wrong number of
/// instances, an instance of the scalar modulus or more, a proof of another length.
interface IHistoryVerifier {
    /// @param instances public inputs in the order of `Instances.history`
    /// @return whether `proof` proves them; malformed input may revert instead
    function verify(uint256[] calldata instances, bytes calldata proof) external view returns (bool);
}
