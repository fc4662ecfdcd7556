// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {requireCode} from "../src/Code.sol";
import {IVouchCallback} from "../src/IVouchCallback.sol";
import {Vouch} from "../src/Vouch.sol";

/// @title LoanDesk
/// @notice An example consumer: lends without collateral to whom a risk model finds unlikely to default.
/// @dev The score is a probability of default, `65536` is 1.0: *low is good*, above `maxRisk` is refused.
/// The callback only decides; the borrower draws the money, so that no receiver can make the callback fail.
/// For demos: a borrower gets at most one loan, and nothing forces repayment.
contract LoanDesk is IVouchCallback {
    enum Status {
        None,
        Pending,
        Open,
        Drawn,
        Refused
    }

    struct Loan {
        Status status;
        uint64 asOf;
        /// Probability of default, `65536` is 1.0. Known once the answer has come.
        int128 risk;
    }

    /// @notice Size of every loan.
    uint256 public constant PRINCIPAL_WEI = 0.1 ether;
    /// @notice Oldest block a borrower may be judged by; otherwise they would choose the day they looked best.
    uint64 public constant MAX_AGE_BLOCKS = 256;
    /// @notice Blocks after `asOf` in which an approval can be drawn, six hours on Ethereum; otherwise a borrower would keep
    /// the good answer of one day and draw it after the default. More than `MAX_AGE_BLOCKS` and the time a proof takes.
    uint64 public constant APPROVAL_BLOCKS = 1_800;
    /// @notice What the callback may use.
    uint32 public constant CALLBACK_GAS = 100_000;
    /// @notice How long a prover has.
    uint64 public constant PATIENCE_SECONDS = 1 hours;

    Vouch public immutable vouch;
    bytes32 public immutable modelId;
    /// @notice Highest probability of default that gets a loan, `65536` is 1.0.
    int128 public immutable maxRisk;

    mapping(address borrower => Loan) public loanOf;
    mapping(uint256 id => address) public borrowerOf;

    event Applied(address indexed borrower, uint256 indexed id, uint64 asOf);
    event LoanOpened(address indexed borrower, uint256 indexed id, int128 risk);
    event LoanRefused(address indexed borrower, uint256 indexed id, int128 risk);
    event LoanDrawn(address indexed borrower);
    event Cancelled(address indexed borrower, uint256 indexed id);

    error TooOld(uint64 asOf, uint256 oldest);
    error AlreadyApplied(address borrower, Status status);
    error NotOpen(address borrower, Status status);
    /// @notice The approval could be drawn up to block `last`; now apply again.
    error Expired(uint256 last, uint256 head);
    error NotVouch(address got);
    error UnknownRequest(uint256 id);
    error DeskEmpty(uint256 balanceWei);
    error TransferFailed(address to, uint256 amountWei);

    constructor(Vouch vouch_, bytes32 modelId_, int128 maxRisk_) payable {
        requireCode(address(vouch_));
        vouch = vouch_;
        modelId = modelId_;
        maxRisk = maxRisk_;
    }

    /// @notice Funds the desk; also takes refunds from `vouch`.
    receive() external payable {}

    /// @notice Asks for a loan; `msg.value` is the fee for the proof. One who was refused, or let an approval
    /// expire, may ask again.
    function applyForLoan(uint64 asOf) external payable returns (uint256 id) {
        if (uint256(asOf) + MAX_AGE_BLOCKS < block.number) revert TooOld(asOf, block.number - MAX_AGE_BLOCKS);
        Loan memory loan = loanOf[msg.sender];
        bool expired = loan.status == Status.Open && block.number > lastDraw(loan.asOf);
        if (loan.status != Status.None && loan.status != Status.Refused && !expired) {
            revert AlreadyApplied(msg.sender, loan.status);
        }

        loanOf[msg.sender] = Loan(Status.Pending, asOf, 0);
        uint64 deadline = uint64(block.timestamp) + PATIENCE_SECONDS;
        id = vouch.request{value: msg.value}(modelId, msg.sender, asOf, address(this), CALLBACK_GAS, deadline);
        borrowerOf[id] = msg.sender;
        emit Applied(msg.sender, id, asOf);
    }

    /// @inheritdoc IVouchCallback
    function onScore(uint256 id, bytes32, address, uint64, int128[4] calldata outputs) external {
        if (msg.sender != address(vouch)) revert NotVouch(msg.sender);
        address borrower = borrowerOf[id];
        if (borrower == address(0)) revert UnknownRequest(id);
        delete borrowerOf[id];

        int128 risk = outputs[0];
        loanOf[borrower].risk = risk;
        if (risk > maxRisk) {
            loanOf[borrower].status = Status.Refused;
            emit LoanRefused(borrower, id, risk);
            return;
        }
        loanOf[borrower].status = Status.Open;
        emit LoanOpened(borrower, id, risk);
    }

    /// @notice Pays an open loan out to the caller, unless its answer has become too old.
    function draw() external {
        Loan storage loan = loanOf[msg.sender];
        if (loan.status != Status.Open) revert NotOpen(msg.sender, loan.status);
        if (block.number > lastDraw(loan.asOf)) revert Expired(lastDraw(loan.asOf), block.number);
        if (address(this).balance < PRINCIPAL_WEI) revert DeskEmpty(address(this).balance);
        loan.status = Status.Drawn;
        emit LoanDrawn(msg.sender);
        _send(msg.sender, PRINCIPAL_WEI);
    }

    /// @notice Takes back an application that nobody answered in time, and its fee.
    function cancel(uint256 id) external {
        address borrower = borrowerOf[id];
        if (borrower == address(0)) revert UnknownRequest(id);
        uint256 feeWei = vouch.requestOf(id).feeWei;
        delete borrowerOf[id];
        delete loanOf[borrower];
        emit Cancelled(borrower, id);
        vouch.refund(id);
        _send(borrower, feeWei);
    }

    /// @notice Last block in which an approval by block `asOf` can be drawn.
    function lastDraw(uint64 asOf) public pure returns (uint256) {
        return uint256(asOf) + APPROVAL_BLOCKS;
    }

    function _send(address to, uint256 amountWei) private {
        (bool sent,) = to.call{value: amountWei}("");
        if (!sent) revert TransferFailed(to, amountWei);
    }
}
