// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

/// @notice `account` was expected to be a contract and has no code.
error NotAContract(address account);

/// @dev Reverts unless `account` has code. A typed call to an address without code would revert with no reason, a
/// low-level one would succeed.
function requireCode(address account) view {
    if (account.code.length == 0) revert NotAContract(account);
}
