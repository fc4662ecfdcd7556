// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {BlockHashes} from "./BlockHashes.sol";
import {requireCode} from "./Code.sol";
import {IHistoryVerifier} from "./IHistoryVerifier.sol";
import {Anchor, Instances} from "./Instances.sol";

/// @title HistoryRoots
/// @notice Remembers Poseidon Merkle roots of chain facts, each backed by one proof that ends in canonical blocks; and hashes of
/// older blocks that such a proof has led to, where later proofs may start.
/// @dev Trusts its verifiers for the statement and for linked anchors, and `blockHashes` for all other anchors; nobody else.
/// Linked hashes are kept here and not in `blockHashes`, which so needs to trust nobody but the chain.
contract HistoryRoots {
    BlockHashes public immutable blockHashes;
    /// @notice Number of size classes.
    uint256 public immutable classCount;

    /// @notice Size classes that there is room for.
    uint256 public constant MAX_CLASSES = 8;

    /// @dev By size class of the circuit, small first. In the code and not in storage: each post saves a cold read.
    IHistoryVerifier private immutable verifier0;
    IHistoryVerifier private immutable verifier1;
    IHistoryVerifier private immutable verifier2;
    IHistoryVerifier private immutable verifier3;
    IHistoryVerifier private immutable verifier4;
    IHistoryVerifier private immutable verifier5;
    IHistoryVerifier private immutable verifier6;
    IHistoryVerifier private immutable verifier7;

    /// @notice Whether every fact under `root` has been proven.
    mapping(uint256 root => bool) public isPosted;

    /// @dev Hashes of blocks that were linked anchors.
    mapping(uint256 number => bytes32) private linked;

    event RootPosted(uint256 indexed root, uint256 indexed class, address indexed payee, Anchor[] anchors);
    event BlockLinked(uint256 indexed number, bytes32 hash);

    error TooManyClasses(uint256 max, uint256 got);
    error UnknownClass(uint256 class, uint256 count);
    error UnknownBlock(uint64 number, bytes32 expected, bytes32 got);
    error ProofRejected();

    constructor(BlockHashes blockHashes_, IHistoryVerifier[] memory verifiers_) {
        requireCode(address(blockHashes_));
        blockHashes = blockHashes_;
        classCount = verifiers_.length;
        if (verifiers_.length > MAX_CLASSES) revert TooManyClasses(MAX_CLASSES, verifiers_.length);
        IHistoryVerifier[MAX_CLASSES] memory padded;
        for (uint256 i = 0; i < verifiers_.length; ++i) {
            requireCode(address(verifiers_[i]));
            padded[i] = verifiers_[i];
        }
        (verifier0, verifier1, verifier2, verifier3) = (padded[0], padded[1], padded[2], padded[3]);
        (verifier4, verifier5, verifier6, verifier7) = (padded[4], padded[5], padded[6], padded[7]);
    }

    /// @notice Remembers `root` if `proof` proves it from `anchors`, and the hashes of linked anchors. Anyone may call; a second
    /// time does nothing.
    /// @dev A linked anchor is not asked of the chain: the proof says that its other anchors lead to it, so its hash is as
    /// canonical as theirs.
    /// A known root has been proven, and it stays true: the facts under it are those of blocks that this chain holds.
    /// So a second call returns before it looks at its other arguments, and one who sends `post` and `fulfil` together
    /// is not stopped by another who posted first. Hence a call that did not revert says that `root` is posted, and no
    /// more: nothing about `class`, `anchors`, `payee` and `proof` unless `posted` is true. Pay for posts by `RootPosted`.
    /// A known root is looked at again if a linked anchor is new: nobody can keep a hash out by posting the root another way.
    /// @param class size class of the proof, an index of the verifiers
    /// @param payee bound by the proof, so that nobody can take the credit for it
    /// @return posted true if this call proved `root`; false if everything was known and nothing was checked
    function post(uint256 class, uint256 root, Anchor[] calldata anchors, address payee, bytes calldata proof)
        external
        returns (bool posted)
    {
        if (isPosted[root] && !isNews(anchors)) return false;
        IHistoryVerifier verifier = verifierOf(class);
        for (uint256 i = 0; i < anchors.length; ++i) {
            Anchor calldata anchor = anchors[i];
            if (anchor.linked) continue;
            bytes32 expected = hashOf(anchor.number);
            if (expected == 0 || anchor.hash != expected) {
                revert UnknownBlock(anchor.number, expected, anchor.hash);
            }
        }
        if (!verifier.verify(Instances.history(root, payee, anchors), proof)) revert ProofRejected();

        isPosted[root] = true;
        for (uint256 i = 0; i < anchors.length; ++i) {
            if (anchors[i].linked) remember(anchors[i]);
        }
        emit RootPosted(root, class, payee, anchors);
        return true;
    }

    /// @notice Canonical hash of block `number`, or 0 if neither the chain nor a proof has told it.
    function hashOf(uint256 number) public view returns (bytes32 hash) {
        hash = blockHashes.hashOf(number);
        if (hash == 0) hash = linked[number];
    }

    /// @notice The verifier of size class `class`.
    function verifierOf(uint256 class) public view returns (IHistoryVerifier) {
        if (class >= classCount) revert UnknownClass(class, classCount);
        if (class < 4) {
            if (class < 2) return class == 0 ? verifier0 : verifier1;
            return class == 2 ? verifier2 : verifier3;
        }
        if (class < 6) return class == 4 ? verifier4 : verifier5;
        return class == 6 ? verifier6 : verifier7;
    }

    /// @dev The proof of this linked anchor was accepted.
    function remember(Anchor calldata anchor) private {
        if (linked[anchor.number] != 0) return;
        linked[anchor.number] = anchor.hash;
        emit BlockLinked(anchor.number, anchor.hash);
    }

    /// @dev Whether a linked anchor names a block that is not remembered.
    function isNews(Anchor[] calldata anchors) private view returns (bool) {
        for (uint256 i = 0; i < anchors.length; ++i) {
            if (anchors[i].linked && linked[anchors[i].number] == 0) return true;
        }
        return false;
    }
}
