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
    /// @notice Number of size classes.
    uint256 public immutable classCount;

    /// @dev Written by the constructor only. Index: the size class of the circuit, small first.
    mapping(uint256 class => IHistoryVerifier) private verifiers;

    /// @notice Whether every fact under `root` has been proven.
    mapping(uint256 root => bool) public isPosted;

    event RootPosted(uint256 indexed root, uint256 indexed class, address indexed payee, Anchor[] anchors);

    error UnknownClass(uint256 class, uint256 count);
    error UnknownBlock(uint64 number, bytes32 expected, bytes32 got);
    error ProofRejected();

    constructor(BlockHashes blockHashes_, IHistoryVerifier[] memory verifiers_) {
        requireCode(address(blockHashes_));
        blockHashes = blockHashes_;
        classCount = verifiers_.length;
        for (uint256 i = 0; i < verifiers_.length; ++i) {
            requireCode(address(verifiers_[i]));
            verifiers[i] = verifiers_[i];
        }
    }

    /// @notice Remembers `root` if `proof` proves it from `anchors`. Anyone may call; a second time does nothing.
    /// @dev A known root has been proven, and it stays true: the facts under it are those of blocks that this chain holds.
    /// So a second call returns before it looks at its other arguments, and one who sends `post` and `fulfil` together
    /// is not stopped by another who posted first. Hence a call that did not revert says that `root` is posted, and no
    /// more: nothing about `class`, `anchors`, `payee` and `proof` unless `posted` is true. Pay for posts by `RootPosted`.
    /// @param class size class of the proof, an index of the verifiers
    /// @param payee bound by the proof, so that nobody can take the credit for it
    /// @return posted true if this call proved and remembered `root`; false if it was known and nothing was checked
    function post(uint256 class, uint256 root, Anchor[] calldata anchors, address payee, bytes calldata proof)
        external
        returns (bool posted)
    {
        if (isPosted[root]) return false;
        IHistoryVerifier verifier = verifierOf(class);
        for (uint256 i = 0; i < anchors.length; ++i) {
            bytes32 expected = blockHashes.hashOf(anchors[i].number);
            if (expected == 0 || anchors[i].hash != expected) {
                revert UnknownBlock(anchors[i].number, expected, anchors[i].hash);
            }
        }
        if (!verifier.verify(Instances.history(root, payee, anchors), proof)) revert ProofRejected();

        isPosted[root] = true;
        emit RootPosted(root, class, payee, anchors);
        return true;
    }

    /// @notice The verifier of size class `class`.
    function verifierOf(uint256 class) public view returns (IHistoryVerifier) {
        if (class >= classCount) revert UnknownClass(class, classCount);
        return verifiers[class];
    }
}
