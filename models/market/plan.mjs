// The plan, read a second time and independently of the Rust engine: facts in, floating-point features out.
//
// A reader is `async (source, block) => bigint`, the 256-bit word of a source at a block; there is one for the offline
// ledger (`snapshot.mjs`) and one for a node (`chain.mjs`).

import { readFileSync } from "node:fs";
import { parse } from "smol-toml";

/** Reads `plan.toml`. Returns `{ missing, features: [{ name, source, back, every, make, over? }] }`. */
export function readPlan(path) {
  const { missing = 0, blocks, feature } = parse(readFileSync(path, "utf8"));
  const features = feature.map((f) => ({ ...(f.blocks ?? blocks), ...f }));
  return { missing, features };
}

/** Blocks that a feature reads, newest first. */
export function blocksOf({ back, every }, asOf) {
  return Array.from({ length: Math.floor(back / every) + 1 }, (_, i) => asOf - i * every);
}

/** Computes all features of `plan` at `asOf`, in the plan's order. */
export async function computeFeatures(plan, asOf, reader) {
  const values = {};
  for (const feature of plan.features) {
    const series = [];
    for (const block of blocksOf(feature, asOf)) {
      series.push(extract(await reader(feature.source, block), feature.source));
    }
    values[feature.name] = make(feature, series, values, plan.missing);
  }
  return plan.features.map(({ name }) => values[name]);
}

/** The number inside a word: its bit field, divided by `10^decimals`. */
export function extract(word, { bits = "0..256", decimals = 0 }) {
  const [low, high] = bits.split("..").map(BigInt);
  const field = (word >> low) & ((1n << (high - low)) - 1n);
  const scale = 10n ** BigInt(decimals);
  return Number(field / scale) + Number(field % scale) / Number(scale);
}

function make(feature, series, values, missing) {
  switch (feature.make) {
    case "last": return series[0];
    case "delta": return series[0] - series[series.length - 1];
    case "mean": return series.reduce((a, b) => a + b, 0) / series.length;
    case "min": return Math.min(...series);
    case "max": return Math.max(...series);
    case "ratio": return values[feature.over] > 0 ? series[0] / values[feature.over] : missing;
    default: throw new Error(`feature ${feature.name}: expected last, delta, mean, min, max or ratio, got ${feature.make}`);
  }
}
