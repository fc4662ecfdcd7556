// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {IHistoryVerifier} from "../../src/IHistoryVerifier.sol";
import {IScoreVerifier} from "../../src/IScoreVerifier.sol";

/// @dev Accepts one statement only, so a test fails if `HistoryRoots` forgets to bind a field.
contract OneHistoryStatement is IHistoryVerifier {
    bytes32 private accepted;

    function accept(uint256[] calldata instances, bytes calldata proof) external {
        accepted = keccak256(abi.encode(instances, proof));
    }

    function verify(uint256[] calldata instances, bytes calldata proof) external view returns (bool) {
        return keccak256(abi.encode(instances, proof)) == accepted;
    }
}

/// @dev Accepts one statement under one key only. Its keys are two structure points and one weight point.
contract OneScoreStatement is IScoreVerifier {
    bytes32 public immutable classId;
    bytes32 private accepted;

    error KeyLength(uint256 expected, uint256 got);

    constructor(bytes32 classId_) {
        classId = classId_;
    }

    function accept(bytes calldata key, uint256[] calldata instances, bytes calldata proof) external {
        accepted = keccak256(abi.encode(key, instances, proof));
    }

    function ids(bytes calldata key) external view returns (bytes32 structureId, bytes32 modelId) {
        if (key.length != 192) revert KeyLength(192, key.length);
        structureId = keccak256(abi.encodePacked(classId, key[:128]));
        modelId = keccak256(abi.encodePacked(structureId, key[128:]));
    }

    function verify(bytes calldata key, uint256[] calldata instances, bytes calldata proof)
        external
        view
        returns (bool)
    {
        return keccak256(abi.encode(key, instances, proof)) == accepted;
    }
}
