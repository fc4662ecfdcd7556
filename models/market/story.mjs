// One story of the market: price, borrowers, liquidator, block by block.
//
// A round is ROUND_BLOCKS blocks. In its first the price may move, in its second the borrowers act, in its third
// the liquidator does; so the order of transactions inside a block never matters.

import { Ledger, UNIT } from "./ledger.mjs";
import { Random } from "./random.mjs";
import { drawBorrower, decide, units } from "./borrower.mjs";

/** Blocks of one round. */
export const ROUND_BLOCKS = 4;
/** Rounds between two moves of the price. */
const PRICE_ROUNDS = 3;
/** Standard deviation of the price's logarithm in one move. */
const VOLATILITY = 0.028;
/** Names of the two users who are not borrowers. */
export const LIQUIDATOR = "liquidator";
export const MERCHANT = "merchant";
/** First price and the liquidator's wealth. */
export const FIRST_PRICE = units(2000);
export const LIQUIDATOR_WEALTH = units(8000);

/** Names of `count` borrowers, in order. */
export const borrowerNames = (count) => Array.from({ length: count }, (_, i) => `borrower ${i}`);

/** Everyone with an account: `name → { wealth in wei, traits of a borrower }`. */
export function drawCast({ seed, borrowers }) {
  const random = new Random(`${seed}, cast`);
  const people = borrowerNames(borrowers).map((name) => {
    const traits = drawBorrower(random);
    return [name, { wealth: units(traits.wealth), traits }];
  });
  return new Map([...people, [LIQUIDATOR, { wealth: LIQUIDATOR_WEALTH }], [MERCHANT, { wealth: 0n }]]);
}

/**
 * Tells the story of `seed`.
 *
 * Yields one block at a time: `{ block, timestamp, transactions, ledger }`, `block` counted from 1, the ledger as it
 * stands after the block. A transaction is `{ from, kind, amount?, to?, borrower? }`; the oracle's has `from: "oracle"`.
 *
 * @param {{ seed: string, borrowers: number, blocks: number, start: number }} options `start` in unix seconds
 */
export function* tell({ seed, borrowers, blocks, start }) {
  const random = new Random(seed);
  const ledger = new Ledger(FIRST_PRICE);
  const people = drawCast({ seed, borrowers });
  for (const [name, { wealth }] of people) ledger.open(name, wealth);
  const cast = new Map([...people].filter(([, { traits }]) => traits).map(([name, { traits }]) => [name, traits]));
  const market = { mood: random.normal(0, 0.002), crash: random.chance(0.5) ? random.integer(0, blocks) : -1 };

  let timestamp = start;
  let interval = 12;
  for (let block = 1; block <= blocks; block++) {
    const phase = (block - 1) % ROUND_BLOCKS;
    const round = Math.floor((block - 1) / ROUND_BLOCKS);
    if (phase === 0) interval = random.integer(9, 15);
    timestamp += interval;
    ledger.timestamp = BigInt(timestamp);
    const transactions = [];
    const act = (transaction) => {
      transactions.push(transaction);
      apply(ledger, transaction);
    };
    if (phase === 0 && round % PRICE_ROUNDS === 0) {
      act({ from: "oracle", kind: "setPrice", amount: nextPrice(ledger.price, market, block, random) });
    }
    if (phase === 1) actBorrowers(cast, ledger, random, act);
    if (phase === 2) actLiquidator(round, cast, ledger, act);
    yield { block, timestamp, transactions, ledger };
  }
}

function nextPrice(price, market, block, random) {
  const crashing = market.crash >= 0 && block >= market.crash && block < market.crash + 120;
  const step = random.normal(market.mood - (crashing ? 0.025 : 0), VOLATILITY);
  const next = units((Number(price / 10n ** 12n) / 1e6) * Math.exp(step));
  return next > UNIT ? next : UNIT;
}

function actBorrowers(cast, ledger, random, act) {
  for (const [name, borrower] of cast) {
    const move = decide(borrower, name, ledger, random);
    if (move) act({ from: name, ...move, ...(move.kind === "transfer" && { to: MERCHANT }) });
  }
}

/** Deposits, borrows, and from then on liquidates one position a round. */
function actLiquidator(round, cast, ledger, act) {
  if (round === 0) return act({ from: LIQUIDATOR, kind: "deposit", amount: (LIQUIDATOR_WEALTH * 9n) / 10n });
  if (round === 1) return act({ from: LIQUIDATOR, kind: "borrow", amount: units(2_000_000) });
  const cash = ledger.users.get(LIQUIDATOR).cash;
  for (const borrower of cast.keys()) {
    if (ledger.liquidatable(borrower) && ledger.users.get(borrower).debt <= cash) {
      return act({ from: LIQUIDATOR, kind: "liquidate", borrower });
    }
  }
}

/** One transaction, on the offline state. */
export function apply(ledger, { from, kind, amount, to, borrower }) {
  if (kind === "setPrice") return ledger.setPrice(amount);
  if (kind === "transfer") return ledger.transfer(from, to, amount);
  if (kind === "liquidate") return ledger.liquidate(from, borrower);
  return ledger[kind](from, amount);
}
