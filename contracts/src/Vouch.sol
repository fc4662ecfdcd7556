// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {requireCode} from "./Code.sol";
import {HistoryRoots} from "./HistoryRoots.sol";
import {IVouchCallback} from "./IVouchCallback.sol";
import {Anchor, Claim, Instances} from "./Instances.sol";
import {ModelRegistry} from "./ModelRegistry.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {LibCall} from "solady/utils/LibCall.sol";
import {Multicallable} from "solady/utils/Multicallable.sol";
import {ReentrancyGuardTransient} from "solady/utils/ReentrancyGuardTransient.sol";

/// @title Vouch
/// @notice Answers "what does model M say about subject S as of block B?" with a proven score: stored, or handed to the
/// contract that asked and paid.
/// @dev Trusts `registry` for the statement under a model and `roots` for the facts; nobody else. No owner, no pause.
/// `multicall` sends a post and a fulfilment in one transaction.
contract Vouch is Multicallable, ReentrancyGuardTransient {
    enum Status {
        None,
        Open,
        Fulfilled,
        Refunded
    }

    struct Request {
        bytes32 modelId;
        address subject;
        uint64 asOf;
        /// Gas the callback is given, at least.
        uint32 callbackGasLimit;
        /// Who is told the answer; 0 for nobody.
        address target;
        /// Unix seconds, the last at which the request can be fulfilled.
        uint64 deadline;
        Status status;
        address requester;
        uint96 feeWei;
        /// Commitment to the private inputs that are scored; 0 for a model without.
        uint256 inputs;
    }

    struct Record {
        uint64 asOf;
        /// First output of the model, signed fixed point, `65536` is 1.0.
        int128 score;
    }

    /// @notice Gas a payee is given to take its fee; if that fails the fee waits in `owedWei`.
    uint256 public constant PAYEE_GAS = 50_000;
    /// @dev Gas between the check of what is left and the start of the callback, a cold account and the event of a failed
    /// callback included.
    uint256 private constant CALL_GAS = 15_000;
    /// @dev Gas that a payment can need: 64/63 of `PAYEE_GAS`, the value, a cold and empty account, and `owedWei` anew.
    uint256 private constant PAY_GAS = 120_000;

    ModelRegistry public immutable registry;
    HistoryRoots public immutable roots;

    /// @notice Number of requests ever made; also the id of the last one.
    uint256 public requestCount;
    mapping(uint256 id => Request) private requests;
    mapping(bytes32 modelId => mapping(address subject => Record)) private records;

    /// @notice What could not be delivered and waits for `withdraw`.
    mapping(address account => uint256) public owedWei;

    event Requested(
        uint256 indexed id,
        bytes32 indexed modelId,
        address indexed subject,
        uint64 asOf,
        address target,
        uint32 callbackGasLimit,
        uint64 deadline,
        address requester,
        uint96 feeWei
    );
    /// @notice Request `id` is about the private inputs under this commitment.
    event RequestedPrivate(uint256 indexed id, uint256 indexed inputs);
    event Fulfilled(uint256 indexed id, address indexed payee, uint96 feeWei, int128[4] outputs);
    /// @notice The answer was delivered but `target` reverted. The request stays fulfilled.
    event CallbackFailed(uint256 indexed id, address indexed target);
    event Refunded(uint256 indexed id, address indexed requester, uint96 feeWei);
    /// @notice A newer score is on record.
    event Scored(bytes32 indexed modelId, address indexed subject, uint64 indexed asOf, int128[4] outputs);
    event Owed(address indexed account, uint256 amountWei);
    event Withdrawn(address indexed account, address indexed to, uint256 amountWei);

    error UnknownModel(bytes32 modelId);
    error RootNotPosted(uint256 root);
    error ProofRejected();
    /// @notice Whoever answers would choose the private inputs: such a score is checked by who knows the commitment, with `check`.
    error PrivateInputs(uint256 commitment);
    /// @notice The score is of other private inputs than the request names.
    error OtherInputs(uint256 expected, uint256 got);
    /// @notice `asOf` must name a block before this one, and not block 0.
    error NotAPastBlock(uint64 asOf, uint256 head);
    /// @notice A record is replaced by a newer block only.
    error NotNewerThanRecord(uint64 asOf, uint64 recorded);
    error NoScore(bytes32 modelId, address subject);
    error NotOpen(uint256 id, Status status);
    error DeadlinePassed(uint64 deadline, uint256 time);
    error DeadlineAhead(uint64 deadline, uint256 time);
    error NotTheRequester(address expected, address got);
    /// @notice Send the transaction with more gas: the callback is promised its limit.
    error CallbackGas(uint256 expected, uint256 got);
    error PayeeGas(uint256 expected, uint256 got);
    error NothingOwed(address account);
    error TransferFailed(address to, uint256 amountWei);

    constructor(ModelRegistry registry_, HistoryRoots roots_) {
        requireCode(address(registry_));
        requireCode(address(roots_));
        registry = registry_;
        roots = roots_;
    }

    /// @notice Asks for a score; `msg.value` is the fee for the proof.
    /// @param asOf block number; the caller chooses how final it must be
    /// @param target implements `IVouchCallback`, or 0 to only have the score recorded
    /// @param callbackGasLimit gas promised to the callback
    /// @param deadline unix seconds; afterwards the fee can be had back
    function request(
        bytes32 modelId,
        address subject,
        uint64 asOf,
        address target,
        uint32 callbackGasLimit,
        uint64 deadline
    ) external payable returns (uint256 id) {
        return _request(
            Request(modelId, subject, asOf, callbackGasLimit, target, deadline, Status.Open, msg.sender, 0, 0)
        );
    }

    /// @notice Asks for the score of private inputs; otherwise as `request`. It is answered by who has their opening, and it is not
    /// recorded: the requester chose the commitment.
    /// @param inputs Poseidon commitment to the inputs, from an issuer or the subject (`vouch commit`); what is none is never answered
    function requestPrivate(
        bytes32 modelId,
        address subject,
        uint64 asOf,
        address target,
        uint32 callbackGasLimit,
        uint64 deadline,
        uint256 inputs
    ) external payable returns (uint256 id) {
        id = _request(
            Request(modelId, subject, asOf, callbackGasLimit, target, deadline, Status.Open, msg.sender, 0, inputs)
        );
        emit RequestedPrivate(id, inputs);
    }

    /// @notice Answers request `id` if `proof` proves `claim`. Anyone may call: the fee goes to the payee in the proof.
    function fulfil(uint256 id, Claim calldata claim, bytes calldata proof) external nonReentrant {
        Request memory asked = requests[id];
        if (asked.status != Status.Open) revert NotOpen(id, asked.status);
        if (block.timestamp > asked.deadline) revert DeadlinePassed(asked.deadline, block.timestamp);
        if (claim.inputs != asked.inputs) revert OtherInputs(asked.inputs, claim.inputs);
        _verify(asked.modelId, asked.subject, asked.asOf, claim, proof);

        requests[id].status = Status.Fulfilled;
        if (asked.inputs == 0 && asked.asOf > records[asked.modelId][asked.subject].asOf) {
            _record(asked.modelId, asked.subject, asked.asOf, claim.outputs);
        }
        emit Fulfilled(id, claim.payee, asked.feeWei, claim.outputs);
        if (asked.target != address(0)) _callBack(id, asked, claim.outputs);
        _pay(claim.payee, asked.feeWei);
    }

    /// @notice Records a score that nobody asked for on-chain. Anyone may call.
    function submit(bytes32 modelId, address subject, uint64 asOf, Claim calldata claim, bytes calldata proof)
        external
    {
        _requirePast(asOf);
        uint64 recorded = records[modelId][subject].asOf;
        if (asOf <= recorded) revert NotNewerThanRecord(asOf, recorded);
        _requirePublic(claim);
        _verify(modelId, subject, asOf, claim, proof);

        _record(modelId, subject, asOf, claim.outputs);
    }

    /// @notice Gives the fee of request `id` back to its requester, once the deadline has passed unanswered.
    function refund(uint256 id) external nonReentrant {
        Request memory asked = requests[id];
        if (asked.status != Status.Open) revert NotOpen(id, asked.status);
        if (msg.sender != asked.requester) revert NotTheRequester(asked.requester, msg.sender);
        if (block.timestamp <= asked.deadline) revert DeadlineAhead(asked.deadline, block.timestamp);

        requests[id].status = Status.Refunded;
        emit Refunded(id, asked.requester, asked.feeWei);
        _pay(asked.requester, asked.feeWei);
    }

    /// @notice Sends everything owed to the caller to `to`.
    function withdraw(address to) external nonReentrant {
        uint256 amountWei = owedWei[msg.sender];
        if (amountWei == 0) revert NothingOwed(msg.sender);

        owedWei[msg.sender] = 0;
        emit Withdrawn(msg.sender, to, amountWei);
        (bool sent,,) = LibCall.tryCall(to, amountWei, gasleft(), 0, "");
        if (!sent) revert TransferFailed(to, amountWei);
    }

    /// @notice Posts a history root: `HistoryRoots.post`, here so that `multicall` can post and fulfil at once.
    /// @return posted false if `root` was known, and then nothing else was checked
    function post(uint256 class, uint256 root, Anchor[] calldata anchors, address payee, bytes calldata proof)
        external
        returns (bool posted)
    {
        return roots.post(class, root, anchors, payee, proof);
    }

    /// @notice Latest recorded score of `subject` under `modelId`; reverts with `NoScore` if there is none, since 0 is a
    /// score too, and the best one of a model of risk.
    /// @dev Whoever submits chooses the moment, so a reader bounds the age as well:
    ///
    ///     (int128 risk, uint64 asOf) = vouch.scoreOf(modelId, borrower);
    ///     require(asOf + MAX_AGE_BLOCKS >= block.number && risk <= maxRisk);
    function scoreOf(bytes32 modelId, address subject) external view returns (int128 score, uint64 asOf) {
        (score, asOf) = tryScoreOf(modelId, subject);
        if (asOf == 0) revert NoScore(modelId, subject);
    }

    /// @notice As `scoreOf`, but (0, 0) if there is no score: check `asOf != 0` before using `score`.
    function tryScoreOf(bytes32 modelId, address subject) public view returns (int128 score, uint64 asOf) {
        Record memory record = records[modelId][subject];
        return (record.score, record.asOf);
    }

    /// @notice Reverts unless `proof` proves `claim`. Nothing is recorded.
    /// @dev For models with private inputs: the caller compares `claim.inputs` with the commitment it knows, from an issuer or from
    /// the subject; any other says what its prover likes.
    function check(bytes32 modelId, address subject, uint64 asOf, Claim calldata claim, bytes calldata proof)
        external
        view
    {
        _requirePast(asOf);
        _verify(modelId, subject, asOf, claim, proof);
    }

    function requestOf(uint256 id) external view returns (Request memory) {
        return requests[id];
    }

    function _request(Request memory asked) private returns (uint256 id) {
        if (!registry.isRegistered(asked.modelId)) revert UnknownModel(asked.modelId);
        _requirePast(asked.asOf);
        if (asked.deadline < block.timestamp) revert DeadlinePassed(asked.deadline, block.timestamp);
        if (asked.target != address(0)) requireCode(asked.target);
        asked.feeWei = SafeCast.toUint96(msg.value);

        id = ++requestCount;
        requests[id] = asked;
        emit Requested(
            id,
            asked.modelId,
            asked.subject,
            asked.asOf,
            asked.target,
            asked.callbackGasLimit,
            asked.deadline,
            asked.requester,
            asked.feeWei
        );
    }

    /// @dev Reverts unless every root is posted and `proof` proves the statement.
    function _verify(bytes32 modelId, address subject, uint64 asOf, Claim calldata claim, bytes calldata proof)
        private
        view
    {
        for (uint256 i = 0; i < claim.roots.length; ++i) {
            // no tree has the root 0: under it no fact can be opened, and a model without facts needs none
            if (claim.roots[i] == 0 || (i != 0 && claim.roots[i] == claim.roots[0])) continue;
            if (!roots.isPosted(claim.roots[i])) revert RootNotPosted(claim.roots[i]);
        }
        uint256[] memory instances = Instances.score(block.chainid, subject, asOf, claim);
        if (!registry.verify(modelId, instances, proof)) revert ProofRejected();
    }

    function _requirePublic(Claim calldata claim) private pure {
        if (claim.inputs != 0) revert PrivateInputs(claim.inputs);
    }

    function _requirePast(uint64 asOf) private view {
        if (asOf == 0 || asOf >= block.number) revert NotAPastBlock(asOf, block.number);
    }

    function _record(bytes32 modelId, address subject, uint64 asOf, int128[4] calldata outputs) private {
        records[modelId][subject] = Record(asOf, outputs[0]);
        emit Scored(modelId, subject, asOf, outputs);
    }

    /// @dev A callee gets at most 63/64 of what is left (EIP-150): without the check a fulfiller could starve the
    /// callback and still take the fee. What the payment needs afterwards is asked for here too: a callback that behaves in a
    /// gas estimate and burns everything in the transaction must not make the transaction fail. Return data is not copied.
    function _callBack(uint256 id, Request memory asked, int128[4] calldata outputs) private {
        bytes memory data =
            abi.encodeCall(IVouchCallback.onScore, (id, asked.modelId, asked.subject, asked.asOf, outputs));
        uint256 needed = uint256(asked.callbackGasLimit) * 64 / 63 + CALL_GAS + (asked.feeWei == 0 ? 0 : PAY_GAS);
        if (gasleft() < needed) revert CallbackGas(needed, gasleft());

        (bool taken,,) = LibCall.tryCall(asked.target, 0, asked.callbackGasLimit, 0, data);
        if (!taken) emit CallbackFailed(id, asked.target);
    }

    /// @dev The compiler targets a chain with transient storage anyway.
    function _useTransientReentrancyGuardOnlyOnMainnet() internal pure override returns (bool) {
        return false;
    }

    /// @dev Sends, or keeps for `withdraw` what the receiver would not take. Without the check a fulfiller could give a
    /// payee too little gas to take its fee.
    function _pay(address to, uint256 amountWei) private {
        if (amountWei == 0) return;
        // After a callback this much is left: see `_callBack`.
        if (gasleft() < PAY_GAS - CALL_GAS) revert PayeeGas(PAY_GAS - CALL_GAS, gasleft());
        (bool sent,,) = LibCall.tryCall(to, amountWei, PAYEE_GAS, 0, "");
        if (sent) return;
        owedWei[to] += amountWei;
        emit Owed(to, amountWei);
    }
}
