// The state of `LendingMarket.sol` and of its users' accounts, kept offline.
//
// Same rules, same integers: `play.mjs` checks after every story that the chain holds exactly this state.
// Fees are the one difference: an account's balance here never pays gas.

/** 1.0 of ether, of cash, and of the price (cash for one ether). */
export const UNIT = 10n ** 18n;
/** A new debt may reach this share of the collateral's worth, in percent. */
export const BORROW_PERCENT = 75n;
/** Above this share of the collateral's worth a position may be liquidated, in percent. */
export const LIQUIDATION_PERCENT = 85n;
/** Worth of the seized collateral, in percent of the debt paid. */
export const SEIZE_PERCENT = 105n;

const newUser = (balance) => ({
  balance, nonce: 0n, collateral: 0n, debt: 0n, cash: 0n,
  borrows: 0n, repayments: 0n, liquidations: 0n, lastAction: 0n, repaid: 0n,
});

/** The market and its users. Every method is one transaction; a wrong one throws, as the contract reverts. */
export class Ledger {
  /** @param {bigint} price cash for one ether, 18 decimals */
  constructor(price) {
    this.price = price;
    this.totals = { collateral: 0n, debt: 0n };
    this.users = new Map();
    /** Seconds since 1970 of the block being made. */
    this.timestamp = 0n;
  }

  /** Adds a user with `balance` wei outside the market. */
  open(name, balance) {
    this.users.set(name, newUser(balance));
  }

  setPrice(price) {
    this.price = price;
  }

  deposit(name, amount) {
    const user = this.#sender(name);
    expect(amount > 0n && amount <= user.balance, "deposit above the balance");
    user.balance -= amount;
    user.collateral += amount;
    this.totals.collateral += amount;
  }

  withdraw(name, amount) {
    const user = this.#sender(name);
    expect(amount > 0n && amount <= user.collateral, "withdraw above the collateral");
    expect(this.#healthy(user.collateral - amount, user.debt), "withdraw leaves too little");
    user.collateral -= amount;
    this.totals.collateral -= amount;
    user.balance += amount;
  }

  borrow(name, amount) {
    const user = this.#sender(name);
    expect(amount > 0n && this.#healthy(user.collateral, user.debt + amount), "borrow above the limit");
    user.debt += amount;
    this.totals.debt += amount;
    user.cash += amount;
    user.borrows += 1n;
    user.lastAction = this.timestamp;
  }

  repay(name, amount) {
    const user = this.#sender(name);
    expect(amount > 0n && amount <= user.debt && amount <= user.cash, "repay above debt or cash");
    user.debt -= amount;
    this.totals.debt -= amount;
    user.cash -= amount;
    user.repayments += 1n;
    user.repaid += amount;
    user.lastAction = this.timestamp;
  }

  transfer(name, to, amount) {
    const user = this.#sender(name);
    expect(amount <= user.cash, "transfer above the cash");
    user.cash -= amount;
    this.users.get(to).cash += amount;
  }

  liquidate(name, borrower) {
    const payer = this.#sender(name);
    const user = this.users.get(borrower);
    expect(this.liquidatable(borrower), "position is healthy");
    expect(payer.cash >= user.debt, "liquidator lacks cash");
    const worth = (((user.debt * SEIZE_PERCENT) / 100n) * UNIT) / this.price;
    const seized = worth < user.collateral ? worth : user.collateral;
    payer.cash -= user.debt;
    this.totals.debt -= user.debt;
    user.collateral -= seized;
    payer.collateral += seized;
    user.debt = 0n;
    user.liquidations += 1n;
  }

  /** Whether anyone may liquidate `borrower` now. */
  liquidatable(borrower) {
    const { collateral, debt } = this.users.get(borrower);
    return debt * UNIT * 100n > collateral * this.price * LIQUIDATION_PERCENT;
  }

  /** Debt as a share of the collateral's worth; 0 without debt. */
  leverage(name) {
    const { collateral, debt } = this.users.get(name);
    if (debt === 0n) return 0;
    return Number((debt * UNIT * 1_000_000n) / (collateral * this.price || 1n)) / 1e6;
  }

  #healthy(collateral, debt) {
    return debt * UNIT * 100n <= collateral * this.price * BORROW_PERCENT;
  }

  #sender(name) {
    const user = this.users.get(name);
    user.nonce += 1n;
    return user;
  }
}

function expect(condition, sentence) {
  if (!condition) throw new Error(`ledger: ${sentence}`);
}
