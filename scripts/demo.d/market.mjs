// Act one: a chain on which a lending market has lived for a while.

import { play, castAccounts } from "../../models/market/play.mjs";
import { chainReader } from "../../models/market/chain.mjs";
import { computeFeatures, readPlan } from "../../models/market/plan.mjs";
import { loadModel } from "../../models/market/onnx.mjs";
import { FIRST_PRICE } from "../../models/market/story.mjs";
import { GENESIS_SECONDS } from "./chain.mjs";
import { grouped, timed } from "./report.mjs";

/** The story that the demo plays: always the same one. */
export const STORY = { seed: "demo", borrowers: 20, blocks: 2200, start: GENESIS_SECONDS + 60 };
/** Who is scored. The first two keep their positions safe, the third does not; see models/market. */
export const SUBJECTS = { good: "borrower 3", second: "borrower 16", bad: "borrower 2" };
/** Accounts the story needs, and one for the node. */
export const ACCOUNTS = 24;
export const NODE_ACCOUNT = 23;

/** Deploys the market, first of all contracts, so that its address is the one the plans name. */
export async function deployMarket(deployer, plan) {
  const market = await deployer.deploy("LendingMarket", [await deployer.signer.getAddress(), FIRST_PRICE]);
  const address = await market.getAddress();
  const named = plan.features.map(({ source }) => source.contract).find((name) => name?.startsWith("0x"));
  if (named.toLowerCase() !== address.toLowerCase()) throw new Error(`market: expected at ${named} as the plan says, got ${address}`);
  return address;
}

/** Plays the story on the market. Returns the accounts by role. */
export async function playMarket({ report, provider, market }) {
  const cast = castAccounts(await provider.send("eth_accounts", []), STORY.borrowers);
  const onBlock = (n) => report.progress(n, STORY.blocks, "blocks of market history");
  const [{ transactions, ledger }, took] = await timed(() =>
    play({ provider, address: market, cast, story: STORY, onBlock }));
  const liquidations = [...ledger.users.values()].reduce((sum, user) => sum + Number(user.liquidations), 0);
  report.say(`${STORY.borrowers} borrowers sent ${transactions} transactions; ${liquidations} liquidations; every word of the`);
  report.say("market's storage equals the offline ledger that the model was trained with");
  report.figure("history_blocks", STORY.blocks, "blocks of market history", grouped(STORY.blocks));
  report.figure("history_s", took, "  made in", `${took.toFixed(1)} s`);
  return cast;
}

/** The float model's answer, from the node's RPC alone: no part of Vouch takes part in it. */
export async function floatScore({ root, provider, market, model, subject, asOf }) {
  const plan = readPlan(`${root}/models/${model}/plan.toml`);
  const features = await computeFeatures(plan, asOf, chainReader(provider, market, subject));
  return loadModel(`${root}/models/${model}/model.onnx`)(features)[0];
}
