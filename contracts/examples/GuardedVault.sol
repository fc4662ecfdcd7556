// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {requireCode} from "../src/Code.sol";
import {IVouchCallback} from "../src/IVouchCallback.sol";
import {Vouch} from "../src/Vouch.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title GuardedVault
/// @notice An example consumer: keeps ether for its users, and stops paying out for some hours when a model proves that its traffic is
/// unlike what it was.
/// @dev The score measures the distance from normal traffic, `65536` is 1.0 and one half is the line (`models/guard`). Anyone may pay
/// for a check: an attacker cannot prevent it, and a false alarm costs its users `PAUSE_BLOCKS` at most, then the vault is open for
/// `REST_BLOCKS` whatever a model says. A pause is no remedy: it gives people time.
/// For demos. Storage, bits counted from the low end, as the plan names it (`test/examples/GuardedVault.t.sol` pins it):
///
///     slot | kind    | bits
///     0    | plain   | 0..128 held, 128..192 deposits, 192..256 withdrawals
///     1    | plain   | 0..128 ever paid in, 128..256 ever paid out
///     2    | mapping | 0..256 balance
contract GuardedVault is IVouchCallback {
    using SafeCast for uint256;

    struct Books {
        uint128 heldWei;
        uint64 deposits;
        uint64 withdrawals;
        uint128 paidInWei;
        uint128 paidOutWei;
    }

    /// @notice Above this the traffic is an anomaly, `65536` is 1.0.
    int128 public constant LIMIT = 32_768;
    /// @notice Oldest block to ask about, and oldest an answer may be when it comes: what was odd hours ago is no reason to pause.
    uint64 public constant MAX_AGE_BLOCKS = 100;
    /// @notice Length of a pause, six hours on Ethereum.
    uint64 public constant PAUSE_BLOCKS = 1_800;
    /// @notice Blocks after a pause without another.
    uint64 public constant REST_BLOCKS = 600;
    /// @notice What the callback may use.
    uint32 public constant CALLBACK_GAS = 100_000;
    /// @notice How long a prover has.
    uint64 public constant PATIENCE_SECONDS = 20 minutes;

    /// @notice Totals, in slots 0 and 1.
    Books public books;
    /// @notice Wei of each user.
    mapping(address account => uint256) public balanceOf;
    /// @notice Who asked, until the answer comes.
    mapping(uint256 id => address) public askedBy;
    /// @notice First block in which a paused vault pays again; 0 before the first pause.
    uint64 public pausedUntil;

    Vouch public immutable vouch;
    bytes32 public immutable modelId;

    event Deposited(address indexed account, uint256 amountWei);
    event Withdrawn(address indexed account, uint256 amountWei);
    event Asked(uint256 indexed id, uint64 asOf);
    event Checked(uint256 indexed id, uint64 asOf, int128 anomaly);
    event Paused(uint64 asOf, int128 anomaly, uint64 until);
    event Cancelled(uint256 indexed id);

    error Zero();
    error Exceeds(uint256 available, uint256 wanted);
    error IsPaused(uint64 until, uint256 head);
    error TooOld(uint64 asOf, uint256 oldest);
    error NotVouch(address got);
    error UnknownRequest(uint256 id);
    error TransferFailed(address to, uint256 amountWei);

    constructor(Vouch vouch_, bytes32 modelId_) {
        requireCode(address(vouch_));
        vouch = vouch_;
        modelId = modelId_;
    }

    /// @notice Takes refunds from `vouch`.
    receive() external payable {
        if (msg.sender != address(vouch)) revert NotVouch(msg.sender);
    }

    function deposit() external payable {
        if (msg.value == 0) revert Zero();
        uint128 amount = msg.value.toUint128();
        books.heldWei += amount;
        books.paidInWei += amount;
        ++books.deposits;
        balanceOf[msg.sender] += msg.value;
        emit Deposited(msg.sender, msg.value);
    }

    function withdraw(uint256 amountWei) external {
        if (block.number < pausedUntil) revert IsPaused(pausedUntil, block.number);
        if (amountWei == 0) revert Zero();
        if (amountWei > balanceOf[msg.sender]) revert Exceeds(balanceOf[msg.sender], amountWei);
        uint128 amount = amountWei.toUint128();
        books.heldWei -= amount;
        books.paidOutWei += amount;
        ++books.withdrawals;
        balanceOf[msg.sender] -= amountWei;
        emit Withdrawn(msg.sender, amountWei);
        _send(msg.sender, amountWei);
    }

    /// @notice Asks the model about this vault at block `asOf`; `msg.value` is the fee for the proof.
    function check(uint64 asOf) external payable returns (uint256 id) {
        _requireRecent(asOf);
        uint64 deadline = uint64(block.timestamp) + PATIENCE_SECONDS;
        id = vouch.request{value: msg.value}(modelId, address(this), asOf, address(this), CALLBACK_GAS, deadline);
        askedBy[id] = msg.sender;
        emit Asked(id, asOf);
    }

    /// @inheritdoc IVouchCallback
    function onScore(uint256 id, bytes32, address, uint64 asOf, int128[4] calldata outputs) external {
        if (msg.sender != address(vouch)) revert NotVouch(msg.sender);
        if (askedBy[id] == address(0)) revert UnknownRequest(id);
        _requireRecent(asOf);
        delete askedBy[id];
        emit Checked(id, asOf, outputs[0]);
        if (outputs[0] <= LIMIT || block.number < uint256(pausedUntil) + REST_BLOCKS && pausedUntil != 0) return;
        pausedUntil = uint64(block.number) + PAUSE_BLOCKS;
        emit Paused(asOf, outputs[0], pausedUntil);
    }

    /// @notice Takes back a check that nobody answered in time, and its fee.
    function cancel(uint256 id) external {
        address asker = askedBy[id];
        if (asker == address(0)) revert UnknownRequest(id);
        uint256 feeWei = vouch.requestOf(id).feeWei;
        delete askedBy[id];
        emit Cancelled(id);
        vouch.refund(id);
        _send(asker, feeWei);
    }

    function _requireRecent(uint64 asOf) private view {
        if (uint256(asOf) + MAX_AGE_BLOCKS < block.number) revert TooOld(asOf, block.number - MAX_AGE_BLOCKS);
    }

    function _send(address to, uint256 amountWei) private {
        (bool sent,) = to.call{value: amountWei}("");
        if (!sent) revert TransferFailed(to, amountWei);
    }
}
