// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {requireCode} from "../src/Code.sol";
import {IVouchCallback} from "../src/IVouchCallback.sol";
import {Vouch} from "../src/Vouch.sol";
import {SpotMarket} from "./SpotMarket.sol";

/// @title TrendVault
/// @notice An example consumer: holds its owner's money as ether or as cash, as a model of the price's direction says.
/// @dev The score is the chance that the price is higher 100 blocks after `asOf`, `65536` is 1.0 (`models/direction`). Anyone may pay for
/// a signal and carry it out; nobody can choose what it says, only when it is asked, so each signal is about a newer block than the last
/// and is used at most once.
/// For demos: the model learned simulated prices. Do not give it money.
contract TrendVault is IVouchCallback {
    /// @notice Oldest block to ask about.
    uint64 public constant MAX_AGE_BLOCKS = 25;
    /// @notice Blocks after `asOf` in which a signal can be traded: half of what it looks ahead.
    uint64 public constant SIGNAL_BLOCKS = 50;
    /// @notice What the chance must be away from one half, `65536` is 1.0: less does not earn the fee.
    int128 public constant MARGIN = 3_277; // 5 %
    /// @notice What the callback may use.
    uint32 public constant CALLBACK_GAS = 100_000;
    /// @notice How long a prover has.
    uint64 public constant PATIENCE_SECONDS = 10 minutes;

    int128 private constant HALF = 32_768;

    Vouch public immutable vouch;
    bytes32 public immutable modelId;
    SpotMarket public immutable market;
    address public immutable owner;

    /// @notice Who pays for a request, until it is answered or cancelled.
    mapping(uint256 id => address) public askedBy;
    /// @notice The newest signal: chance of a rise, and the block it is about.
    int128 public chance;
    uint64 public asOf;
    /// @notice Whether the newest signal still has to be carried out.
    bool public open;

    event Asked(uint256 indexed id, uint64 asOf);
    event Signal(uint64 indexed asOf, int128 chance);
    event Traded(uint64 indexed asOf, bool isLong, uint256 paid, uint256 got);
    event Cancelled(uint256 indexed id);

    error NotTheOwner(address expected, address got);
    error NotVouch(address got);
    error UnknownRequest(uint256 id);
    error TooOld(uint64 asOf, uint256 oldest);
    error NoSignal();
    error Expired(uint256 last, uint256 head);
    error TransferFailed(address to, uint256 amountWei);

    constructor(Vouch vouch_, bytes32 modelId_, SpotMarket market_) payable {
        requireCode(address(vouch_));
        requireCode(address(market_));
        vouch = vouch_;
        modelId = modelId_;
        market = market_;
        owner = msg.sender;
    }

    /// @notice Adds money; also takes ether from the market and refunds from `vouch`.
    receive() external payable {}

    /// @notice Asks for a signal; `msg.value` is the fee for the proof.
    function ask(uint64 asOf_) external payable returns (uint256 id) {
        if (uint256(asOf_) + MAX_AGE_BLOCKS < block.number) revert TooOld(asOf_, block.number - MAX_AGE_BLOCKS);
        if (asOf_ <= asOf) revert TooOld(asOf_, uint256(asOf) + 1);
        uint64 deadline = uint64(block.timestamp) + PATIENCE_SECONDS;
        id = vouch.request{value: msg.value}(modelId, address(market), asOf_, address(this), CALLBACK_GAS, deadline);
        askedBy[id] = msg.sender;
        emit Asked(id, asOf_);
    }

    /// @inheritdoc IVouchCallback
    function onScore(uint256 id, bytes32, address, uint64 asOf_, int128[4] calldata outputs) external {
        if (msg.sender != address(vouch)) revert NotVouch(msg.sender);
        if (askedBy[id] == address(0)) revert UnknownRequest(id);
        delete askedBy[id];
        if (asOf_ <= asOf) return; // overtaken by an answer about a newer block
        asOf = asOf_;
        chance = outputs[0];
        open = true;
        emit Signal(asOf_, outputs[0]);
    }

    /// @notice Carries the newest signal out: all into ether, all into cash, or neither if it says little.
    function trade() external {
        if (!open) revert NoSignal();
        if (block.number > uint256(asOf) + SIGNAL_BLOCKS) revert Expired(uint256(asOf) + SIGNAL_BLOCKS, block.number);
        open = false;
        uint256 cash = market.cashOf(address(this));
        if (chance >= HALF + MARGIN && cash > 0) {
            emit Traded(asOf, true, cash, market.buy(cash));
        } else if (chance <= HALF - MARGIN && address(this).balance > 0) {
            uint256 amountWei = address(this).balance;
            emit Traded(asOf, false, amountWei, market.sell{value: amountWei}());
        }
    }

    /// @notice Takes back a request that nobody answered in time, and its fee.
    function cancel(uint256 id) external {
        address asker = askedBy[id];
        if (asker == address(0)) revert UnknownRequest(id);
        uint256 feeWei = vouch.requestOf(id).feeWei;
        delete askedBy[id];
        emit Cancelled(id);
        vouch.refund(id);
        _send(asker, feeWei);
    }

    /// @notice Pays everything out to the owner, in ether.
    function withdraw() external {
        if (msg.sender != owner) revert NotTheOwner(owner, msg.sender);
        uint256 cash = market.cashOf(address(this));
        if (cash > 0) market.buy(cash);
        _send(owner, address(this).balance);
    }

    function _send(address to, uint256 amountWei) private {
        (bool sent,) = to.call{value: amountWei}("");
        if (!sent) revert TransferFailed(to, amountWei);
    }
}
