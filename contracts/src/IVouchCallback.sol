// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

/// @title IVouchCallback
/// @notice What a contract implements to be told a score.
interface IVouchCallback {
    /// @notice Called once by `Vouch` with the proven answer to request `id`.
    /// @dev Check that the sender is `Vouch` and that `id` is a request you made: anyone may name you as target.
    /// The answer was true as of block `asOf`: bound its age when you *use* the answer, not only when you ask.
    /// A revert here is recorded (`CallbackFailed`) and undoes nothing but itself.
    /// @param outputs signed fixed point, `65536` is 1.0; outputs the model does not have are 0
    function onScore(uint256 id, bytes32 modelId, address subject, uint64 asOf, int128[4] calldata outputs) external;
}
