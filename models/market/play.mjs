// Plays a story on an anvil node: real transactions from real accounts, block for block as `story.mjs` tells it.

import { Interface, toQuantity } from "ethers";
import { tell, drawCast, LIQUIDATOR, MERCHANT, borrowerNames } from "./story.mjs";
import { snapshot } from "./snapshot.mjs";
import { chainReader } from "./chain.mjs";

/** What the story calls. The contract's full interface is in contracts/examples/LendingMarket.sol. */
export const MARKET_ABI = [
  "function setPrice(uint256 price)",
  "function deposit() payable",
  "function withdraw(uint128 amount)",
  "function borrow(uint128 amount)",
  "function repay(uint128 amount)",
  "function transfer(address to, uint256 amount)",
  "function liquidate(address user)",
  "function price() view returns (uint256)",
  "function positionOf(address user) view returns (uint128 collateral, uint128 debt)",
];

/** Gas limit of a story's transaction: each uses less than half. */
const GAS = toQuantity(300_000);
const market = new Interface(MARKET_ABI);

/** Gives each role of the story an account: oracle, liquidator, merchant, then the borrowers. */
export function castAccounts(accounts, borrowers) {
  const roles = ["oracle", LIQUIDATOR, MERCHANT, ...borrowerNames(borrowers)];
  if (accounts.length < roles.length) {
    throw new Error(`expected at least ${roles.length} accounts, got ${accounts.length}: start anvil with --accounts`);
  }
  return new Map(roles.map((role, i) => [role, accounts[i]]));
}

/**
 * Plays `story` (the options of `tell`) against the market at `address`, and checks that the chain ends up holding the
 * ledger's state.
 *
 * Users' balances are set to what the story gives them. Between stories the node mines by itself, during one it does not.
 * @param {{ provider, address: string, cast: Map<string, string>, story: object, onBlock?: (n: number) => void }} options
 * @returns {Promise<{ base: number, transactions: number, ledger: object }>} story block `b` is chain block `base + b`
 */
export async function play({ provider, address, cast, story, onBlock = () => {} }) {
  await provider.send("evm_setAutomine", [false]);
  const base = Number(await provider.send("eth_blockNumber", []));
  let transactions = 0;
  let ledger;
  for (const block of tell(story)) {
    ledger = block.ledger;
    if (block.block === 1) await endow(provider, cast, story);
    const sent = block.transactions.map((t) => provider.send("eth_sendTransaction", [request(t, address, cast)]));
    transactions += (await Promise.all(sent)).length;
    await provider.send("evm_mine", [block.timestamp]);
    if (block.block % 100 === 0) onBlock(block.block);
  }
  await provider.send("evm_setAutomine", [true]);
  await compare(provider, address, cast, ledger, base + story.blocks);
  return { base, transactions, ledger };
}

/** Gives every user the ether that the story starts with. */
async function endow(provider, cast, story) {
  for (const [name, { wealth }] of drawCast(story)) {
    await provider.send("anvil_setBalance", [cast.get(name), toQuantity(wealth)]);
  }
}

/** The JSON-RPC form of one transaction of the story. */
function request({ from, kind, amount, to, borrower }, address, cast) {
  const call = (...args) => market.encodeFunctionData(kind, args);
  const shape = { from: cast.get(from), to: address, gas: GAS };
  if (kind === "deposit") return { ...shape, value: toQuantity(amount), data: call() };
  if (kind === "transfer") return { ...shape, data: call(cast.get(to), amount) };
  if (kind === "liquidate") return { ...shape, data: call(cast.get(borrower)) };
  return { ...shape, data: call(amount) };
}

/** Every word a plan may read must be the ledger's; a balance may be lower by the fees paid. */
async function compare(provider, address, cast, ledger, block) {
  for (const name of ledger.users.keys()) {
    const read = chainReader(provider, address, cast.get(name));
    const { mapping, slot } = snapshot(ledger, name);
    const pairs = [
      ...slot.map((word, i) => [`slot ${i}`, word, { kind: "slot", slot: i }]),
      ...Object.entries(mapping).map(([i, word]) => [`mapping ${i}`, word, { kind: "mapping", slot: Number(i) }]),
    ];
    for (const [where, expected, source] of pairs) {
      const got = await read({ contract: address, ...source }, block);
      if (got !== expected) throw new Error(`${name}, ${where}: expected ${expected} as in the ledger, got ${got}`);
    }
  }
}
