// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {LendingMarket} from "../../examples/LendingMarket.sol";
import {Test} from "forge-std/Test.sol";

contract LendingMarketTest is Test {
    uint256 private constant PRICE = 2_000e18;

    LendingMarket private market;
    address private oracle = makeAddr("oracle");
    address private alice = makeAddr("alice");
    address private bob = makeAddr("bob");

    function setUp() public {
        vm.warp(1_700_000_000);
        market = new LendingMarket(oracle, PRICE);
        deposit(alice, 10 ether);
    }

    /// @dev The layout that plans name, read as a history proof reads it.
    function test_storage_layout() public {
        vm.startPrank(alice);
        market.borrow(1_000e18);
        market.borrow(500e18);
        market.repay(300e18);
        vm.stopPrank();

        assertEq(plain(0), PRICE);
        assertEq(plain(1), 1_200e18 << 128 | 10 ether);
        assertEq(mapped(2, alice), 1_200e18 << 128 | 10 ether);
        assertEq(mapped(3, alice), 300e18 << 160 | 1_700_000_000 << 96 | 0 << 64 | 1 << 32 | 2);
        assertEq(mapped(4, alice), 1_200e18);

        crash();
        assertEq(mapped(3, alice), 300e18 << 160 | 1_700_000_000 << 96 | 1 << 64 | 1 << 32 | 2);
    }

    function test_lends_75_percent_and_no_more() public {
        vm.startPrank(alice);
        market.borrow(15_000e18);
        vm.expectRevert(
            abi.encodeWithSelector(LendingMarket.Undercollateralised.selector, 10 ether, 15_000e18 + 1, PRICE)
        );
        market.borrow(1);
        vm.expectRevert(
            abi.encodeWithSelector(LendingMarket.Undercollateralised.selector, 10 ether - 1, 15_000e18, PRICE)
        );
        market.withdraw(1);
        assertEq(market.cashOf(alice), 15_000e18);
    }

    function test_returns_collateral_that_is_not_needed() public {
        vm.startPrank(alice);
        market.borrow(7_500e18);
        market.withdraw(5 ether);
        assertEq(alice.balance, 5 ether);
        (uint128 collateral,) = market.totals();
        assertEq(collateral, 5 ether);
        vm.expectRevert(abi.encodeWithSelector(LendingMarket.Exceeds.selector, 5 ether, 5 ether + 1));
        market.withdraw(5 ether + 1);
    }

    function test_takes_repayments_up_to_the_debt_and_the_cash() public {
        vm.startPrank(alice);
        market.borrow(1_000e18);
        vm.expectRevert(abi.encodeWithSelector(LendingMarket.Exceeds.selector, 1_000e18, 1_000e18 + 1));
        market.repay(1_000e18 + 1);
        market.transfer(bob, 600e18);
        vm.expectRevert(abi.encodeWithSelector(LendingMarket.Exceeds.selector, 400e18, 401e18));
        market.repay(401e18);
        market.repay(400e18);
        (, uint128 debt) = market.positionOf(alice);
        assertEq(debt, 600e18);
        assertEq(market.cashOf(bob), 600e18);
    }

    function test_liquidates_above_85_percent_only() public {
        vm.prank(alice);
        market.borrow(15_000e18);
        fundLiquidator();
        uint256 edge = uint256(15_000e18) * 100 / 85 / 10 + 1; // price at which the debt is 85 % of 10 ETH
        setPrice(edge);
        vm.expectRevert(abi.encodeWithSelector(LendingMarket.Healthy.selector, alice));
        vm.prank(bob);
        market.liquidate(alice);
        setPrice(edge - 1);
        vm.prank(bob);
        market.liquidate(alice);
        (, uint128 debt) = market.positionOf(alice);
        assertEq(debt, 0);
    }

    function test_a_liquidator_gets_105_percent() public {
        vm.prank(alice);
        market.borrow(15_000e18);
        fundLiquidator();
        setPrice(1_750e18);
        (uint128 before,) = market.positionOf(bob);
        vm.expectEmit();
        emit LendingMarket.Liquidated(alice, bob, 15_000e18, 9 ether);
        vm.prank(bob);
        market.liquidate(alice);
        (uint128 collateral,) = market.positionOf(bob);
        assertEq(collateral - before, 9 ether);
        (collateral,) = market.positionOf(alice);
        assertEq(collateral, 1 ether);
        assertEq(market.cashOf(bob), 0);
    }

    function test_a_liquidator_gets_at_most_the_collateral() public {
        vm.prank(alice);
        market.borrow(15_000e18);
        fundLiquidator();
        setPrice(1_000e18);
        vm.prank(bob);
        market.liquidate(alice);
        (uint128 collateral, uint128 debt) = market.positionOf(alice);
        assertEq(collateral, 0);
        assertEq(debt, 0);
    }

    function test_only_the_oracle_sets_a_price() public {
        vm.expectRevert(abi.encodeWithSelector(LendingMarket.NotTheOracle.selector, oracle, address(this)));
        market.setPrice(1);
        vm.expectRevert(LendingMarket.Zero.selector);
        setPrice(0);
        vm.expectRevert(LendingMarket.Zero.selector);
        new LendingMarket(oracle, 0);
    }

    function test_refuses_zero_amounts() public {
        vm.startPrank(alice);
        vm.expectRevert(LendingMarket.Zero.selector);
        market.deposit();
        vm.expectRevert(LendingMarket.Zero.selector);
        market.borrow(0);
        vm.expectRevert(LendingMarket.Zero.selector);
        market.repay(0);
    }

    /// @dev Cash exists only against debt, and every deposit is still there.
    function testFuzz_books_balance(uint256 seed) public {
        address[3] memory users = [alice, bob, makeAddr("carol")];
        for (uint256 i = 0; i < 40; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            address user = users[seed % 3];
            uint128 amount = uint128((seed >> 8) % 5_000e18);
            if (seed % 7 == 0) setPrice(1_000e18 + amount);
            else if (seed % 7 == 1) deposit(user, amount / 1_000 + 1);
            else act(user, seed % 7, amount, users[(seed >> 4) % 3]);
        }
        uint256 collateral;
        uint256 debt;
        uint256 cash;
        for (uint256 i = 0; i < 3; ++i) {
            (uint128 c, uint128 d) = market.positionOf(users[i]);
            (collateral, debt, cash) = (collateral + c, debt + d, cash + market.cashOf(users[i]));
        }
        (uint128 allCollateral, uint128 allDebt) = market.totals();
        assertEq(collateral, allCollateral);
        assertEq(collateral, address(market).balance);
        assertEq(debt, allDebt);
        assertEq(cash, debt);
    }

    /// @dev Tries one thing; being refused is fine.
    function act(address user, uint256 what, uint128 amount, address other) private {
        bytes memory data;
        if (what == 2) data = abi.encodeCall(LendingMarket.borrow, (amount));
        if (what == 3) data = abi.encodeCall(LendingMarket.repay, (amount));
        if (what == 4) data = abi.encodeCall(LendingMarket.withdraw, (amount / 1_000));
        if (what == 5) data = abi.encodeCall(LendingMarket.transfer, (other, amount));
        if (what == 6) data = abi.encodeCall(LendingMarket.liquidate, (other));
        vm.prank(user);
        (bool done,) = address(market).call(data);
        done;
    }

    function deposit(address user, uint256 amount) private {
        hoax(user, amount);
        market.deposit{value: amount}();
    }

    function setPrice(uint256 price) private {
        vm.prank(oracle);
        market.setPrice(price);
    }

    /// @dev Bob has 15,000 cash, from a loan of his own that stays healthy.
    function fundLiquidator() private {
        deposit(bob, 100 ether);
        vm.prank(bob);
        market.borrow(15_000e18);
    }

    function crash() private {
        fundLiquidator();
        setPrice(100e18);
        vm.prank(bob);
        market.liquidate(alice);
    }

    function plain(uint256 slot) private view returns (uint256) {
        return uint256(vm.load(address(market), bytes32(slot)));
    }

    function mapped(uint256 slot, address who) private view returns (uint256) {
        return uint256(vm.load(address(market), keccak256(abi.encode(who, slot))));
    }
}
