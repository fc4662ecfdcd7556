// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title SpotMarket
/// @notice An example with prices and volumes worth scoring: ether against cash at an oracle's price, less a fee.
/// @dev For demos: cash is minted for ether and burned for ether, and exists only here. Storage, bits counted from the low end, as
/// plans name it (`test/examples/SpotMarket.t.sol` pins it):
///
///     slot | kind    | bits
///     0    | plain   | 0..256 price
///     1    | plain   | 0..128 ether ever bought, 128..256 ether ever sold, by users
///     2    | mapping | 0..256 cash
contract SpotMarket {
    using SafeCast for uint256;

    /// @notice Of each trade, in hundredths of a percent.
    uint256 public constant FEE_BPS = 5;

    uint256 private constant ONE = 1e18;
    uint256 private constant BPS = 10_000;

    /// @notice The only account that sets the price.
    address public immutable oracle;

    /// @notice Cash per ETH, 18 decimals.
    uint256 public price;
    /// @notice Wei that users ever bought.
    uint128 public bought;
    /// @notice Wei that users ever sold.
    uint128 public sold;
    /// @notice Cash, 18 decimals.
    mapping(address account => uint256) public cashOf;

    event PriceSet(uint256 price);
    event Bought(address indexed account, uint256 amountWei, uint256 cash);
    event Sold(address indexed account, uint256 amountWei, uint256 cash);

    error NotTheOracle(address expected, address got);
    error Zero();
    error Exceeds(uint256 available, uint256 wanted);
    error TransferFailed(address to, uint256 amountWei);

    constructor(address oracle_, uint256 price_) payable {
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

    /// @notice Sells `msg.value` for cash.
    function sell() external payable returns (uint256 cash) {
        if (msg.value == 0) revert Zero();
        cash = msg.value * price / ONE * (BPS - FEE_BPS) / BPS;
        sold += msg.value.toUint128();
        cashOf[msg.sender] += cash;
        emit Sold(msg.sender, msg.value, cash);
    }

    /// @notice Buys ether for `cash`.
    function buy(uint256 cash) external returns (uint256 amountWei) {
        if (cash == 0) revert Zero();
        if (cash > cashOf[msg.sender]) revert Exceeds(cashOf[msg.sender], cash);
        amountWei = cash * ONE / price * (BPS - FEE_BPS) / BPS;
        if (amountWei > address(this).balance) revert Exceeds(address(this).balance, amountWei);
        bought += amountWei.toUint128();
        cashOf[msg.sender] -= cash;
        emit Bought(msg.sender, amountWei, cash);
        (bool sent,) = msg.sender.call{value: amountWei}("");
        if (!sent) revert TransferFailed(msg.sender, amountWei);
    }
}
