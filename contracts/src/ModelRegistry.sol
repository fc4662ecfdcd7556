// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {requireCode} from "./Code.sol";
import {IScoreVerifier} from "./IScoreVerifier.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";

/// @title ModelRegistry
/// @notice Keeps the verifying keys of models and checks proofs under them. Registering is open to everyone and deploys
/// no verifier.
/// @dev Trusts the verifiers of its classes for the statement. A model is named by the hash of its key, so nobody can
/// register a wrong key under a right name. A key proves only what its *structure* says, and under one
/// structure its author may put any weights: a consumer pins a `modelId`, after recomputing it from the ONNX file and the
/// plan (`vouch model verify`). `structureOf` alone says nothing about the weights.
contract ModelRegistry {
    /// @dev A model is one contract whose code is: STOP, verifier (20 bytes), structureId (32 bytes), key. Offsets as
    /// `SSTORE2` counts them, without the STOP.
    uint256 private constant STRUCTURE_AT = 20;
    uint256 private constant KEY_AT = 52;

    /// @notice The verifier of a class; 0 if there is no such class. Never changes after construction.
    mapping(bytes32 classId => IScoreVerifier) public verifierOf;

    mapping(bytes32 modelId => address) private models;

    event ClassAdded(bytes32 indexed classId, IScoreVerifier verifier);
    event ModelRegistered(bytes32 indexed modelId, bytes32 indexed structureId, bytes32 indexed classId, address code);
    /// @notice What `author` says about a model. Not checked: filter by authors you trust.
    event ModelDescribed(bytes32 indexed modelId, address indexed author, string uri);

    error DuplicateClass(bytes32 classId);
    error UnknownClass(bytes32 classId);
    error UnknownModel(bytes32 modelId);

    constructor(IScoreVerifier[] memory verifiers) {
        for (uint256 i = 0; i < verifiers.length; ++i) {
            requireCode(address(verifiers[i]));
            bytes32 classId = verifiers[i].classId();
            if (address(verifierOf[classId]) != address(0)) revert DuplicateClass(classId);
            verifierOf[classId] = verifiers[i];
            emit ClassAdded(classId, verifiers[i]);
        }
    }

    /// @notice Stores `key` and names it. Anyone may call; a second time only describes.
    /// @param key structure points ‖ weight points, as `IScoreVerifier.ids` takes it
    /// @param uri where the model is described (its content hash included), or empty
    function register(bytes32 classId, bytes calldata key, string calldata uri) external returns (bytes32 modelId) {
        IScoreVerifier verifier = verifierOf[classId];
        if (address(verifier) == address(0)) revert UnknownClass(classId);
        bytes32 structureId;
        (structureId, modelId) = verifier.ids(key);

        if (models[modelId] == address(0)) {
            address model = SSTORE2.write(abi.encodePacked(verifier, structureId, key));
            models[modelId] = model;
            emit ModelRegistered(modelId, structureId, classId, model);
        }
        if (bytes(uri).length != 0) emit ModelDescribed(modelId, msg.sender, uri);
    }

    /// @notice Whether `proof` proves `instances` under the key of `modelId`.
    function verify(bytes32 modelId, uint256[] calldata instances, bytes calldata proof) external view returns (bool) {
        address model = _model(modelId);
        return _verifier(model).verify(SSTORE2.read(model, KEY_AT), instances, proof);
    }

    function isRegistered(bytes32 modelId) external view returns (bool) {
        return models[modelId] != address(0);
    }

    function keyOf(bytes32 modelId) external view returns (bytes memory) {
        return SSTORE2.read(_model(modelId), KEY_AT);
    }

    function structureOf(bytes32 modelId) external view returns (bytes32) {
        return bytes32(SSTORE2.read(_model(modelId), STRUCTURE_AT, KEY_AT));
    }

    function classOf(bytes32 modelId) external view returns (bytes32) {
        return _verifier(_model(modelId)).classId();
    }

    function _model(bytes32 modelId) private view returns (address model) {
        model = models[modelId];
        if (model == address(0)) revert UnknownModel(modelId);
    }

    function _verifier(address model) private view returns (IScoreVerifier) {
        return IScoreVerifier(address(bytes20(SSTORE2.read(model, 0, STRUCTURE_AT))));
    }
}
