// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {requireCanonical, requireLength} from "./CanonicalInstances.sol";
import {requireCode} from "./Code.sol";
import {IHistoryVerifier} from "./IHistoryVerifier.sol";

/// @title HistoryVerifier
/// @notice Thin adapter before the generated verifier of one history circuit class.
/// @dev Trusts `generated` for the statement. Adds what generated code does not check: lengths, and instances below the
/// modulus. The three constructor arguments stand in the passport `contracts/generated/history_*.json`.
contract HistoryVerifier is IHistoryVerifier {
    /// @notice Generated code: calldata is instances ‖ proof; it reverts unless the proof is valid.
    address public immutable generated;
    uint256 public immutable instanceCount;
    uint256 public immutable proofBytes;

    constructor(address generated_, uint256 instanceCount_, uint256 proofBytes_) {
        requireCode(generated_);
        generated = generated_;
        instanceCount = instanceCount_;
        proofBytes = proofBytes_;
    }

    /// @inheritdoc IHistoryVerifier
    function verify(uint256[] calldata instances, bytes calldata proof) external view returns (bool accepted) {
        requireCanonical(instances, instanceCount);
        requireLength(proof, proofBytes);
        // A low-level call, because generated code has only a fallback; `generated` has code (constructor).
        (accepted,) = generated.staticcall(abi.encodePacked(instances, proof));
    }
}
