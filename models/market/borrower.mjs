// Who the borrowers are and what they do when they look at their position.
//
// Two kinds, careful and reckless, drawn from overlapping ranges: no single number tells them apart.
// The kind is never an input of the model and never the label; the label is what happens later.

import { UNIT, BORROW_PERCENT } from "./ledger.mjs";

/** Share of reckless borrowers. */
const RECKLESS_SHARE = 0.4;

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
/** `x` of ether or cash, to six decimals, as an integer of 18. */
export const units = (x) => BigInt(Math.round(x * 1e6)) * (UNIT / 1_000_000n);

/**
 * Draws a borrower.
 *
 * | field     | meaning                                             | range        |
 * |-----------|-----------------------------------------------------|--------------|
 * | wealth    | ether at the start                                  | about 5..120 |
 * | invested  | share of it that becomes collateral                 | 0.3..0.95    |
 * | target    | debt they aim at, share of the collateral's worth   | 0.05..0.74   |
 * | attention | chance to look at the position in a round           | 0.01..0.2    |
 * | panic     | debt share above which they mean to act             | 0.5..0.84    |
 * | discipline| chance that they then do act                        | 0.05..1      |
 * | thrift    | share of borrowed cash they keep                    | 0..1         |
 */
export function drawBorrower(random) {
  const reckless = random.chance(RECKLESS_SHARE);
  const pick = (careful, wild, deviation, low, high) =>
    clamp(random.normal(reckless ? wild : careful, deviation), low, high);
  return {
    reckless,
    wealth: 20 * Math.exp(random.normal(0, 0.6)),
    invested: pick(0.55, 0.8, 0.13, 0.3, 0.95),
    target: pick(0.42, 0.68, 0.1, 0.05, 0.74),
    attention: clamp(Math.exp(random.normal(reckless ? -3.4 : -3, 0.5)), 0.01, 0.2),
    panic: pick(0.65, 0.78, 0.07, 0.5, 0.84),
    discipline: pick(0.85, 0.25, 0.2, 0.05, 1),
    thrift: pick(0.65, 0.25, 0.2, 0, 1),
  };
}

/**
 * The one transaction `borrower` sends this round, or null.
 * @returns {{kind: string, amount: bigint} | null} valid in the ledger's present state
 */
export function decide(borrower, name, ledger, random) {
  const user = ledger.users.get(name);
  if (user.collateral === 0n) {
    return random.chance(0.1) ? deposit(user, units(borrower.wealth * borrower.invested)) : null;
  }
  const leverage = ledger.leverage(name);
  if (leverage > borrower.panic) {
    const acts = random.chance(borrower.attention * 4) && random.chance(borrower.discipline);
    return acts ? rescue(user, ledger) : null;
  }
  if (!random.chance(borrower.attention)) return null;
  return routine(borrower, user, ledger, leverage, random);
}

/** Brings a weak position back: with cash first, then with more collateral. */
function rescue(user, ledger) {
  const third = user.debt / 3n;
  if (user.cash >= third) return repay(user, third);
  const missing = (third * UNIT) / ledger.price;
  return deposit(user, missing < user.balance ? missing : user.balance / 2n) ?? repay(user, user.cash);
}

/** An ordinary day. */
function routine(borrower, user, ledger, leverage, random) {
  const worth = (user.collateral * ledger.price) / UNIT;
  const room = (worth * BORROW_PERCENT) / 100n - user.debt;
  const wanted = (worth * BigInt(Math.round(1000 * (borrower.target - leverage)))) / 1000n;
  const unspent = units(Number(user.debt / 10n ** 12n) / 1e6 * borrower.thrift);
  if (user.cash > unspent + unspent / 4n && random.chance(0.5)) {
    return { kind: "transfer", amount: user.cash - unspent };
  }
  if (wanted > worth / 50n) {
    const amount = (wanted * BigInt(random.integer(30, 100))) / 100n;
    return amount > 0n && amount <= room ? { kind: "borrow", amount } : null;
  }
  if (random.chance(0.6)) return repay(user, (user.debt * BigInt(random.integer(2, 15))) / 100n);
  if (random.chance(0.2)) return deposit(user, (user.balance * BigInt(random.integer(2, 10))) / 100n);
  const amount = user.collateral / 50n;
  return leverage < borrower.target - 0.05 && amount > 0n ? { kind: "withdraw", amount } : null;
}

const deposit = (user, amount) =>
  amount > 0n && amount <= user.balance ? { kind: "deposit", amount } : null;

function repay(user, wanted) {
  const amount = wanted < user.cash ? wanted : user.cash;
  return amount > 0n && amount <= user.debt ? { kind: "repay", amount } : null;
}
