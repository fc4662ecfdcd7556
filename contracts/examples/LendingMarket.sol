// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title LendingMarket
/// @notice An example with a history worth scoring: ETH is collateral, cash is minted by borrowing and burned by
/// repaying. No interest.
/// @dev For demos. Storage, bits counted from the low end, as plans name it (`test/LendingMarket.t.sol` pins it):
///
///     slot | kind    | bits
///     0    | plain   | 0..256 price
///     1    | plain   | 0..128 collateral of all, 128..256 debt of all
///     2    | mapping | 0..128 collateral, 128..256 debt
///     3    | mapping | 0..32 borrows, 32..64 repayments, 64..96 liquidations, 96..160 lastAction, 160..256 repaid
///     4    | mapping | 0..256 cash
contract LendingMarket {
    using SafeCast for uint256;

    struct Position {
        uint128 collateral; // wei
        uint128 debt; // cash, 18 decimals
    }

    struct Record {
        uint32 borrows;
        uint32 repayments;
        uint32 liquidations;
        uint64 lastAction; // unix seconds of the last borrow or repayment
        uint96 repaid; // cash, 18 decimals, all repayments together
    }

    /// @notice A borrower may borrow up to this part of the value of the collateral.
    uint256 public constant BORROW_PERCENT = 75;
    /// @notice Above this part anyone may liquidate.
    uint256 public constant LIQUIDATION_PERCENT = 85;
    /// @notice What a liquidator gets for 100 of debt, in collateral, as far as there is any.
    uint256 public constant SEIZED_PERCENT = 105;

    uint256 private constant ONE = 1e18;

    /// @notice The only account that sets the price.
    address public immutable oracle;

    /// @notice Cash per ETH, 18 decimals.
    uint256 public price;
    Position public totals;
    mapping(address account => Position) public positionOf;
    mapping(address account => Record) public recordOf;
    /// @notice Cash, 18 decimals.
    mapping(address account => uint256) public cashOf;

    event PriceSet(uint256 price);
    event Deposited(address indexed account, uint256 amount);
    event Withdrawn(address indexed account, uint256 amount);
    event Borrowed(address indexed account, uint256 amount);
    event Repaid(address indexed account, uint256 amount);
    event Transferred(address indexed from, address indexed to, uint256 amount);
    event Liquidated(address indexed borrower, address indexed liquidator, uint256 debt, uint256 seized);

    error NotTheOracle(address expected, address got);
    error Zero();
    error Exceeds(uint256 available, uint256 wanted);
    error Undercollateralised(uint256 collateral, uint256 debt, uint256 price);
    error Healthy(address borrower);
    error TransferFailed(address to, uint256 amount);

    constructor(address oracle_, uint256 price_) {
        if (price_ == 0) revert Zero();
        oracle = oracle_;
        price = price_;
        emit PriceSet(price_);
    }

    function setPrice(uint256 price_) external {
        if (msg.sender != oracle) revert NotTheOracle(oracle, msg.sender);
        if (price_ == 0) revert Zero();
        price = price_;
        emit PriceSet(price_);
    }

    function deposit() external payable {
        uint128 amount = msg.value.toUint128();
        if (amount == 0) revert Zero();
        positionOf[msg.sender].collateral += amount;
        totals.collateral += amount;
        emit Deposited(msg.sender, amount);
    }

    function withdraw(uint128 amount) external {
        Position storage position = positionOf[msg.sender];
        if (amount > position.collateral) revert Exceeds(position.collateral, amount);
        position.collateral -= amount;
        totals.collateral -= amount;
        _requireCovered(position, BORROW_PERCENT);
        emit Withdrawn(msg.sender, amount);
        (bool sent,) = msg.sender.call{value: amount}("");
        if (!sent) revert TransferFailed(msg.sender, amount);
    }

    function borrow(uint128 amount) external {
        if (amount == 0) revert Zero();
        Position storage position = positionOf[msg.sender];
        position.debt += amount;
        totals.debt += amount;
        _requireCovered(position, BORROW_PERCENT);
        cashOf[msg.sender] += amount;
        Record storage record = recordOf[msg.sender];
        record.borrows += 1;
        record.lastAction = uint64(block.timestamp);
        emit Borrowed(msg.sender, amount);
    }

    function repay(uint128 amount) external {
        if (amount == 0) revert Zero();
        Position storage position = positionOf[msg.sender];
        if (amount > position.debt) revert Exceeds(position.debt, amount);
        _burn(msg.sender, amount);
        position.debt -= amount;
        totals.debt -= amount;
        Record storage record = recordOf[msg.sender];
        record.repayments += 1;
        record.repaid += uint256(amount).toUint96();
        record.lastAction = uint64(block.timestamp);
        emit Repaid(msg.sender, amount);
    }

    /// @notice Moves cash.
    function transfer(address to, uint256 amount) external {
        _burn(msg.sender, amount);
        cashOf[to] += amount;
        emit Transferred(msg.sender, to, amount);
    }

    /// @notice Pays the whole debt of `borrower` with the caller's cash for collateral, added to the caller's position.
    function liquidate(address borrower) external {
        Position storage position = positionOf[borrower];
        (uint128 collateral, uint128 debt) = (position.collateral, position.debt);
        if (_isCovered(collateral, debt, LIQUIDATION_PERCENT)) revert Healthy(borrower);
        _burn(msg.sender, debt);
        uint256 worth = uint256(debt) * SEIZED_PERCENT / 100 * ONE / price;
        uint128 seized = worth < collateral ? worth.toUint128() : collateral;
        position.collateral = collateral - seized;
        position.debt = 0;
        positionOf[msg.sender].collateral += seized;
        totals.debt -= debt;
        recordOf[borrower].liquidations += 1;
        emit Liquidated(borrower, msg.sender, debt, seized);
    }

    function _burn(address account, uint256 amount) private {
        uint256 cash = cashOf[account];
        if (amount > cash) revert Exceeds(cash, amount);
        cashOf[account] = cash - amount;
    }

    function _requireCovered(Position storage position, uint256 percent) private view {
        if (!_isCovered(position.collateral, position.debt, percent)) {
            revert Undercollateralised(position.collateral, position.debt, price);
        }
    }

    function _isCovered(uint256 collateral, uint256 debt, uint256 percent) private view returns (bool) {
        return debt * ONE * 100 <= collateral * price * percent;
    }
}
