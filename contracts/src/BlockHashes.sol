// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {BlockHashLib} from "solady/utils/BlockHashLib.sol";

/// @title BlockHashes
/// @notice Tells the canonical hash of past blocks: the last 256 by BLOCKHASH, the last 8,191 by the EIP-2935 history
/// contract, and for ever those which somebody pinned in time.
/// @dev Trusts the chain only. A pin is a copy of what the chain said, so who makes it does not matter.
contract BlockHashes {
    mapping(uint256 number => bytes32) private pinned;

    event Pinned(uint256 indexed number, bytes32 hash);

    /// @notice The hash of `number` cannot be read in block `head`: not yet, no more, or the chain has no EIP-2935.
    error HashUnavailable(uint256 number, uint256 head);

    /// @notice Keeps the hash of block `number` for ever. Anyone may call, again too.
    function pin(uint256 number) external returns (bytes32 hash) {
        hash = hashOf(number);
        if (hash == 0) revert HashUnavailable(number, block.number);
        remember(number, hash);
    }

    /// @notice Canonical hash of block `number`, or 0 if it cannot be known here.
    function hashOf(uint256 number) public view returns (bytes32 hash) {
        hash = BlockHashLib.blockHash(number);
        if (hash == 0) hash = pinned[number];
    }

    /// @dev The caller knows that `hash` is the canonical hash of block `number`.
    function remember(uint256 number, bytes32 hash) internal {
        if (pinned[number] != 0) return;
        pinned[number] = hash;
        emit Pinned(number, hash);
    }
}
