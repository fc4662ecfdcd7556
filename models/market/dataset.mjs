#!/usr/bin/env node
// Writes the training data: thousands of simulated borrowers, their features as the plan computes them, and what
// happened to them next.
//
//   node dataset.mjs [--plan FILE] [--markets N] [--seed TEXT] > dataset.csv
//
// One row a borrower and market: `market`, the features in the plan's order, `liquidated` (1: within the
// next HORIZON_BLOCKS, 0: not).

import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { readPlan, blocksOf, computeFeatures } from "./plan.mjs";
import { snapshot, snapshotReader } from "./snapshot.mjs";
import { tell, borrowerNames } from "./story.mjs";

/** Block at which each market is looked at, and how far ahead the label looks. */
export const AS_OF = 2200;
export const HORIZON_BLOCKS = 1000;
const BORROWERS = 24;
const START_SECONDS = 1_700_000_000;

/** All rows of one market: `[{ features, liquidated }]`, in the order of `borrowerNames`. */
export async function marketRows(plan, seed) {
  const names = borrowerNames(BORROWERS);
  const wanted = new Set(plan.features.flatMap((feature) => blocksOf(feature, AS_OF)));
  const snapshots = new Map(names.map((name) => [name, new Map()]));
  const lost = new Set();
  const story = { seed, borrowers: BORROWERS, blocks: AS_OF + HORIZON_BLOCKS, start: START_SECONDS };
  for (const { block, transactions, ledger } of tell(story)) {
    if (wanted.has(block)) for (const name of names) snapshots.get(name).set(block, snapshot(ledger, name));
    if (block <= AS_OF) continue;
    for (const { kind, borrower } of transactions) if (kind === "liquidate") lost.add(borrower);
  }
  return Promise.all(names.map(async (name) => ({
    features: await computeFeatures(plan, AS_OF, snapshotReader(snapshots.get(name))),
    liquidated: lost.has(name) ? 1 : 0,
  })));
}

async function main() {
  const { values } = parseArgs({ options: {
    plan: { type: "string", default: fileURLToPath(new URL("../risk/plan.toml", import.meta.url)) },
    markets: { type: "string", default: "400" },
    seed: { type: "string", default: "train" },
  } });
  const plan = readPlan(values.plan);
  const lines = [["market", ...plan.features.map(({ name }) => name), "liquidated"].join(",")];
  for (let market = 0; market < Number(values.markets); market++) {
    for (const { features, liquidated } of await marketRows(plan, `${values.seed} ${market}`)) {
      lines.push([market, ...features.map((x) => +x.toFixed(9)), liquidated].join(","));
    }
  }
  process.stdout.write(lines.join("\n") + "\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
