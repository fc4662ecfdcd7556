// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {BlockHashes} from "./BlockHashes.sol";
import {requireCode} from "./Code.sol";
import {IHistoryVerifier} from "./IHistoryVerifier.sol";
import {Instances} from "./Instances.sol";
import {LibBit} from "solady/utils/LibBit.sol";

/// @title BlockArchive
/// @notice Block hashes back to genesis. A *run* is `2 ** depth` consecutive blocks, of a few depths; from a block that is known,
/// proofs of parent hashes lead downwards, run by run, and leave a keccak Merkle root of each run. Runs from block 0 on, without a
/// gap, join in a Merkle mountain range. A member of either can be pinned, and is then an anchor like any other block.
/// @dev Trusts each verifier for what a run of its depth is, and `BlockHashes` for its last block. Trees are aligned: the tree of
/// height h that holds block n starts at a multiple of 2 ** h, so the bits of n are its path, a path's length says which tree is
/// meant, and the tree of a run is the same whether one proof made it or several did.
contract BlockArchive is BlockHashes {
    /// @notice Proves runs of a depth: public inputs in the order of `Instances.ancestry`, of which the depth is one, so that
    /// proofs of runs of another length are refused. 0 if no runs of this depth are taken.
    mapping(uint256 depth => IHistoryVerifier) public verifierOf;
    /// @notice The depths, each as a bit.
    uint256 public immutable depths;

    /// @notice Merkle root of the run of this depth whose first block is `first`; 0 if it is not proven.
    mapping(uint256 depth => mapping(uint256 first => bytes32)) public runRoot;
    /// @notice Blocks in the mountain range: it holds 0 to `length - 1`.
    uint256 public length;

    /// @dev The mountain of a height; in use if that bit of `length` is set.
    mapping(uint256 height => bytes32) private mountains;

    event RunProven(uint256 indexed first, uint256 depth, bytes32 root);
    event RangeGrown(uint256 length);

    error NotTheStartOfARun(uint256 number, uint256 blocksOfARun);
    error NotAMember(uint256 number, bytes32 hash);
    error NoVerifier(uint256 depth);
    error BadDepths();
    error ProofRejected();

    /// @param verifiers one for each depth
    /// @param depths_ below 64, rising
    constructor(IHistoryVerifier[] memory verifiers, uint256[] memory depths_) {
        if (verifiers.length == 0 || verifiers.length != depths_.length) revert BadDepths();
        uint256 all;
        for (uint256 i = 0; i < depths_.length; ++i) {
            requireCode(address(verifiers[i]));
            if (depths_[i] >= 64 || all >> depths_[i] != 0) revert BadDepths();
            verifierOf[depths_[i]] = verifiers[i];
            all |= 1 << depths_[i];
        }
        depths = all;
    }

    /// @notice Proves the run of `2 ** depth` blocks that starts at `first`. Its last block must be known: recent, pinned, or the
    /// parent of a run proven before, which this pins in its turn. Anyone may call, again too.
    /// @param root Merkle root of the run's block hashes
    /// @param parent parent hash of block `first`
    function prove(uint256 first, uint256 depth, bytes32 root, bytes32 parent, bytes calldata proof) external {
        IHistoryVerifier verifier = verifierOf[depth];
        if (address(verifier) == address(0)) revert NoVerifier(depth);
        uint256 blocks = 1 << depth;
        if (first % blocks != 0) revert NotTheStartOfARun(first, blocks);
        uint256 last = first + blocks - 1;
        bytes32 hash = hashOf(last);
        if (hash == 0) revert HashUnavailable(last, block.number);
        if (!verifier.verify(Instances.ancestry(root, parent, hash, depth), proof)) revert ProofRejected();

        runRoot[depth][first] = root;
        if (first != 0) remember(first - 1, parent);
        emit RunProven(first, depth, root);
    }

    /// @notice Appends proven runs to the mountain range, at most `most`, as long as the next block is in one.
    /// @return appended how many
    function append(uint256 most) external returns (uint256 appended) {
        uint256 size = length;
        for (; appended < most; ++appended) {
            (uint256 first, uint256 height, bytes32 node) = runAt(size);
            if (node == 0) break;
            size = first + (1 << height);
            // what the range holds of the run already is part of it; below `first` the mountains are the bits of `first`
            for (; (first >> height) & 1 == 1; ++height) {
                node = keccak256(abi.encode(mountains[height], node));
            }
            mountains[height] = node;
        }
        if (appended == 0) return 0;
        length = size;
        emit RangeGrown(size);
    }

    /// @dev The longest proven run that holds block `number`; `root` is 0 if there is none.
    function runAt(uint256 number) private view returns (uint256 first, uint256 depth, bytes32 root) {
        for (uint256 rest = depths; rest != 0; rest ^= 1 << depth) {
            depth = LibBit.fls(rest);
            first = (number >> depth) << depth;
            root = runRoot[depth][first];
            if (root != 0) break;
        }
    }

    /// @notice Pins a block of a run or of the range. Anyone may call, again too.
    function pinMember(uint256 number, bytes32 hash, bytes32[] calldata path) external {
        if (!isMember(number, hash, path)) revert NotAMember(number, hash);
        remember(number, hash);
    }

    /// @notice Whether `path` proves that block `number` has this hash.
    /// @param path siblings from the leaf upwards: as many as the depth of a run, or as the height of a mountain of the range
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
        bytes32 root = runRoot[height][(number >> height) << height];
        if (root != 0) return root;
        if ((length >> height) & 1 == 0) return 0;
        // the mountains are the set bits of `length`, the highest first
        bool holds = number >> height == (length >> height) - 1;
        return holds ? mountains[height] : bytes32(0);
    }
}
