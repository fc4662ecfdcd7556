import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ledger, UNIT } from "./ledger.mjs";
import { Random } from "./random.mjs";
import { tell } from "./story.mjs";
import { snapshot, snapshotReader } from "./snapshot.mjs";
import { readPlan, extract, blocksOf, computeFeatures } from "./plan.mjs";
import { marketRows } from "./dataset.mjs";
import { mappingSlot } from "./chain.mjs";
import { loadModel } from "./onnx.mjs";

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const STORY = { seed: "test", borrowers: 6, blocks: 600, start: 1_700_000_000 };

const openLedger = () => {
  const ledger = new Ledger(2000n * UNIT);
  ledger.open("a", 10n * UNIT);
  ledger.open("b", 100n * UNIT);
  ledger.deposit("a", UNIT);
  return ledger;
};

test("the same seed tells the same story, another seed another", () => {
  const end = (seed) => JSON.stringify([...tell({ ...STORY, seed })].flatMap((b) => b.transactions), (_, v) => `${v}`);
  assert.equal(end("x"), end("x"));
  assert.notEqual(end("x"), end("y"));
});

test("random numbers are the recorded ones", () => {
  const random = new Random("vouch");
  assert.deepEqual([random.next(), random.integer(1, 6), random.chance(0)], [0.34495142893865705, 3, false]);
});

test("a debt reaches 75 percent of the collateral's worth and not one unit more", () => {
  const ledger = openLedger();
  assert.throws(() => ledger.borrow("a", 1500n * UNIT + 1n), /borrow above the limit/);
  ledger.borrow("a", 1500n * UNIT);
  assert.equal(ledger.leverage("a"), 0.75);
});

test("a position is liquidated above 85 percent, not at it", () => {
  const ledger = openLedger();
  ledger.borrow("a", 1500n * UNIT);
  ledger.deposit("b", 50n * UNIT);
  ledger.borrow("b", 5000n * UNIT);
  ledger.setPrice((1500n * UNIT * 100n) / 85n + 1n);
  assert.throws(() => ledger.liquidate("b", "a"), /position is healthy/);
  ledger.setPrice((1500n * UNIT * 100n) / 85n);
  ledger.liquidate("b", "a");
  const { debt, liquidations } = ledger.users.get("a");
  assert.deepEqual([debt, liquidations], [0n, 1n]);
});

test("collateral, debt and totals agree after a story", () => {
  let ledger;
  for (const block of tell(STORY)) ledger = block.ledger;
  const sum = (field) => [...ledger.users.values()].reduce((all, user) => all + user[field], 0n);
  assert.deepEqual(ledger.totals, { collateral: sum("collateral"), debt: sum("debt") });
});

test("words are packed as Solidity packs them", () => {
  const ledger = openLedger();
  ledger.timestamp = 7n;
  ledger.borrow("a", 100n);
  ledger.repay("a", 40n);
  const { mapping } = snapshot(ledger, "a");
  assert.equal(mapping[2], UNIT + (60n << 128n));
  assert.equal(mapping[3], 1n + (1n << 32n) + (7n << 96n) + (40n << 160n));
});

test("a bit field and decimals make a number", () => {
  assert.equal(extract((25n << 128n) + 3n, { bits: "128..256", decimals: 1 }), 2.5);
  assert.equal(extract((25n << 128n) + 3n, { bits: "0..128" }), 3);
});

test("a window holds its ends", () => {
  assert.deepEqual(blocksOf({ back: 1800, every: 600 }, 2000), [2000, 1400, 800, 200]);
});

test("every transform, by hand", async () => {
  const words = new Map([[10, 8n], [9, 2n], [8, 5n]].map(([block, price]) => [block, { slot: [price] }]));
  const source = { kind: "slot", slot: 0 };
  const features = ["last", "delta", "mean", "min", "max"].map((make) => ({ name: make, make, source, back: 2, every: 1 }));
  features.push({ name: "ratio", make: "ratio", over: "min", source, back: 0, every: 1 });
  features.push({ name: "zero", make: "delta", source, back: 0, every: 1 });
  features.push({ name: "none", make: "ratio", over: "zero", source, back: 0, every: 1 });
  const got = await computeFeatures({ missing: -1, features }, 10, snapshotReader(words));
  assert.deepEqual(got, [8, 3, 5, 2, 8, 4, 0, -1]);
});

test("the slot of a mapping is keccak(key, slot)", () => {
  // Value from `cast index address`.
  assert.equal(mappingSlot("0x0000000000000000000000000000000000000001", 2), "0xe90b7bceb6e7df5418fb78d8ee546e97c83a08bbccc01a0644d599ccd2a7c2e0");
});

test("the first rows of the training data are the recorded ones", async () => {
  const plan = readPlan(file("../risk/plan.toml"));
  const [row] = await marketRows(plan, "train 0");
  const recorded = JSON.parse(readFileSync(file("./recorded.json"), "utf8"));
  assert.deepEqual({ liquidated: row.liquidated, features: row.features.map((x) => +x.toFixed(6)) }, recorded);
});

test("the float evaluator agrees with the reference evaluator of the onnx package", () => {
  const recorded = { risk: [0.00069, 0.0512, 0.00003, 0.00124], logistic: [0.08451, 0.15429, 0.03317, 0.06568] };
  for (const [name, expected] of Object.entries(recorded)) {
    const model = loadModel(file(`../${name}/model.onnx`));
    const lines = readFileSync(file(`../${name}/calibrate.csv`), "utf8").trim().split("\n").slice(1, 5);
    const scores = lines.map((line) => model(line.split(",").slice(0, -1).map(Number))[0]);
    assert.deepEqual(scores.map((score) => +score.toFixed(5)), expected);
  }
});
