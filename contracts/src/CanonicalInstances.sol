// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

/// @dev Order of the scalar field of BN254. A generated verifier reduces what it is given, so `x` and `x + SCALAR_MODULUS`
/// would be the same statement to it and two statements to a contract.
uint256 constant SCALAR_MODULUS = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;

/// @notice A verifier of `expected` public inputs was given `got`.
error InstanceCount(uint256 expected, uint256 got);
/// @notice Public input `index` is not below the scalar modulus.
error InstanceTooLarge(uint256 index, uint256 value);
/// @notice A proof of this circuit has `expected` bytes, this one `got`.
error ProofLength(uint256 expected, uint256 got);

/// @dev Reverts unless there are `count` instances, each the one canonical name of its field element.
function requireCanonical(uint256[] calldata instances, uint256 count) pure {
    if (instances.length != count) revert InstanceCount(count, instances.length);
    for (uint256 i = 0; i < count; ++i) {
        uint256 instance;
        // In bounds, since `count` is the length: the compiler would check it again each time.
        assembly ("memory-safe") {
            instance := calldataload(add(instances.offset, shl(5, i)))
        }
        if (instance >= SCALAR_MODULUS) revert InstanceTooLarge(i, instance);
    }
}

/// @dev Reverts unless `proof` has exactly `length` bytes: a generated verifier reads missing bytes as zeros and ignores
/// trailing ones.
function requireLength(bytes calldata proof, uint256 length) pure {
    if (proof.length != length) revert ProofLength(length, proof.length);
}
