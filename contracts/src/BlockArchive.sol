// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {BlockHashes} from "./BlockHashes.sol";
import {requireCode} from "./Code.sol";
import {IHistoryVerifier} from "./IHistoryVerifier.sol";
import {Instances} from "./Instances.sol";

/// @title BlockArchive
/// @notice Block hashes back to genesis. A *run* is `2 ** runDepth` consecutive blocks; from a block that is known, proofs of
/// parent hashes lead downwards, run by run, and leave a keccak Merkle root of each run. Runs from block 0 on, without a gap, join
/// in a Merkle mountain range. A member of either can be pinned, and is then an anchor like any other block.
/// @dev Trusts `verifier` for what a run is, and `BlockHashes` for its last block. Trees are aligned: the tree of height h that
/// holds block n starts at a multiple of 2 ** h, so the bits of n are its path, and a path's length says which tree is meant.
contract BlockArchive is BlockHashes {
    /// @notice Proves runs: public inputs in the order of `Instances.ancestry`.
    IHistoryVerifier public immutable verifier;
    /// @notice log2 of the blocks of a run. A public input too: proofs of runs of another length are refused.
    uint256 public immutable runDepth;

    /// @notice Merkle root of the run whose first block is `first`; 0 if it is not proven.
    mapping(uint256 first => bytes32) public runRoot;
    /// @notice Blocks in the mountain range: it holds 0 to `length - 1`.
    uint256 public length;

    /// @dev The mountain of a height; in use if that bit of `length` is set.
    mapping(uint256 height => bytes32) private mountains;

    event RunProven(uint256 indexed first, bytes32 root);
    event RangeGrown(uint256 length);

    error NotTheStartOfARun(uint256 number, uint256 blocksOfARun);
    error NotAMember(uint256 number, bytes32 hash);
    error ProofRejected();

    constructor(IHistoryVerifier verifier_, uint256 runDepth_) {
        requireCode(address(verifier_));
        verifier = verifier_;
        runDepth = runDepth_;
    }

    /// @notice Proves the run that starts at `first`. Its last block must be known: recent, pinned, or the parent of a run proven
    /// before, which this pins in its turn. Anyone may call, again too.
    /// @param root Merkle root of the run's block hashes
    /// @param parent parent hash of block `first`
    function prove(uint256 first, bytes32 root, bytes32 parent, bytes calldata proof) external {
        uint256 blocks = 1 << runDepth;
        if (first % blocks != 0) revert NotTheStartOfARun(first, blocks);
        uint256 last = first + blocks - 1;
        bytes32 hash = hashOf(last);
        if (hash == 0) revert HashUnavailable(last, block.number);
        if (!verifier.verify(Instances.ancestry(root, parent, hash, runDepth), proof)) revert ProofRejected();

        runRoot[first] = root;
        if (first != 0) remember(first - 1, parent);
        emit RunProven(first, root);
    }

    /// @notice Appends proven runs to the mountain range, at most `most`, as long as the next one is there.
    /// @return appended how many
    function append(uint256 most) external returns (uint256 appended) {
        uint256 size = length;
        for (; appended < most; ++appended) {
            bytes32 node = runRoot[size];
            if (node == 0) break;
            uint256 height = runDepth;
            for (; (size >> height) & 1 == 1; ++height) {
                node = keccak256(abi.encode(mountains[height], node));
            }
            mountains[height] = node;
            size += 1 << runDepth;
        }
        if (appended == 0) return 0;
        length = size;
        emit RangeGrown(size);
    }

    /// @notice Pins a block of a run or of the range. Anyone may call, again too.
    function pinMember(uint256 number, bytes32 hash, bytes32[] calldata path) external {
        if (!isMember(number, hash, path)) revert NotAMember(number, hash);
        remember(number, hash);
    }

    /// @notice Whether `path` proves that block `number` has this hash.
    /// @param path siblings from the leaf upwards: `runDepth` of them for a run, more for a mountain of the range
    function isMember(uint256 number, bytes32 hash, bytes32[] calldata path) public view returns (bool) {
        bytes32 node = hash;
        for (uint256 i = 0; i < path.length; ++i) {
            node = (number >> i) & 1 == 0 ? keccak256(abi.encode(node, path[i])) : keccak256(abi.encode(path[i], node));
        }
        bytes32 root = rootOf(number, path.length);
        return root != 0 && node == root;
    }

    /// @notice Root of the tree of this height that holds block `number`: of a run, or of a mountain; 0 if there is none.
    function rootOf(uint256 number, uint256 height) public view returns (bytes32) {
        if (height == runDepth) return runRoot[(number >> height) << height];
        if ((length >> height) & 1 == 0) return 0;
        // the mountains are the set bits of `length`, the highest first
        bool holds = number >> height == (length >> height) - 1;
        return holds ? mountains[height] : bytes32(0);
    }
}
