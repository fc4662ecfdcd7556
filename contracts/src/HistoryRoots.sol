// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {BlockHashes} from "./BlockHashes.sol";
import {requireCode} from "./Code.sol";
import {IHistoryVerifier} from "./IHistoryVerifier.sol";
import {Anchor, Instances} from "./Instances.sol";

/// @title HistoryRoots
/// @notice Remembers Poseidon Merkle roots of chain facts, each backed by one proof that ends in canonical blocks.
/// @dev Trusts its verifiers for the statement and `blockHashes` for the anchors; nobody else.
contract HistoryRoots {
    BlockHashes public immutable blockHashes;

    /// @dev Written by the constructor only. Index: the size class of the circuit, small first.
    IHistoryVerifier[] private verifiers;

    /// @notice Whether every fact under `root` has been proven.
    mapping(uint256 root => bool) public isPosted;

    event RootPosted(uint256 indexed root, uint256 indexed class, address indexed payee, Anchor[] anchors);

    error UnknownClass(uint256 class, uint256 count);
    error UnknownBlock(uint64 number, bytes32 expected, bytes32 got);
    error ProofRejected();

    constructor(BlockHashes blockHashes_, IHistoryVerifier[] memory verifiers_) {
        requireCode(address(blockHashes_));
        blockHashes = blockHashes_;
        for (uint256 i = 0; i < verifiers_.length; ++i) {
            requireCode(address(verifiers_[i]));
        }
        verifiers = verifiers_;
    }

    /// @notice Remembers `root` if `proof` proves it from `anchors`. Anyone may call; a second time does nothing.
    /// @param class size class of the proof, an index of the verifiers
    /// @param payee bound by the proof, so that nobody can take the credit for it
    function post(uint256 class, uint256 root, Anchor[] calldata anchors, address payee, bytes calldata proof)
        external
    {
        if (isPosted[root]) return;
        if (class >= verifiers.length) revert UnknownClass(class, verifiers.length);
        for (uint256 i = 0; i < anchors.length; ++i) {
            bytes32 expected = blockHashes.hashOf(anchors[i].number);
            if (expected == 0 || anchors[i].hash != expected) {
                revert UnknownBlock(anchors[i].number, expected, anchors[i].hash);
            }
        }
        if (!verifiers[class].verify(Instances.history(root, payee, anchors), proof)) revert ProofRejected();

        isPosted[root] = true;
        emit RootPosted(root, class, payee, anchors);
    }

    /// @notice The verifier of size class `class`.
    function verifierOf(uint256 class) external view returns (IHistoryVerifier) {
        if (class >= verifiers.length) revert UnknownClass(class, verifiers.length);
        return verifiers[class];
    }

    /// @notice Number of size classes.
    function classCount() external view returns (uint256) {
        return verifiers.length;
    }
}
