// The demo: a lending market lives for a while, a model judges its users, contracts believe only proofs.
//
//   node main.mjs ROOT VOUCH_BINARY KEYS [--json] [--vectors DIR]    (scripts/demo calls it after the build)

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseEther } from "ethers";
import { readPlan } from "../../models/market/plan.mjs";
import { Deployer, privateKey, startChain } from "./chain.mjs";
import { deployVouch, registerModel } from "./deploy.mjs";
import { tryForgeries } from "./forgeries.mjs";
import { apply, MAX_RISK } from "./loan.mjs";
import { ACCOUNTS, deployMarket, NODE_ACCOUNT, playMarket, SUBJECTS } from "./market.mjs";
import { startNode } from "./node.mjs";
import { lendPrivately } from "./private.mjs";
import { run } from "./process.mjs";
import { Report, timed } from "./report.mjs";
import { ask, post, show, submission, submit } from "./score.mjs";
import { writeVectors } from "./vectors.mjs";

const [root, binary, keys, ...args] = process.argv.slice(2);
const { values: flags } = parseArgs({ args, options: { json: { type: "boolean" }, vectors: { type: "string" } } });
const report = new Report(flags.json);
const directory = mkdtempSync(join(tmpdir(), "vouch-demo-"));
/** What has to be ended, last first. */
const running = [];

async function demo() {
  report.act("reference string and keys");
  const [verifiers, setup] = await timed(async () => JSON.parse(await run(binary, ["setup", "--dev", "--keys", keys, "--json"])));
  report.figure("setup_s", setup, "reference string and keys", `${setup.toFixed(1)} s`);

  report.act("a chain with a lending market");
  const { anvil, provider, url } = await startChain(ACCOUNTS, directory);
  running.unshift(anvil);
  const deployer = new Deployer(root, await provider.getSigner(0));
  const market = await deployMarket(deployer, readPlan(join(root, "models/risk/plan.toml")));
  const cast = await playMarket({ report, provider, market });

  report.act("contracts, node, models");
  const contracts = await deployVouch({ deployer, report }, verifiers);
  const key = privateKey(NODE_ACCOUNT);
  const { node, client } = await startNode({ binary, keys, directory, url, contracts, key });
  running.unshift(node);
  const stage = { root, provider, report, market, cast, client, ...contracts };
  const risk = await registerModel(stage, "risk");
  const logistic = await registerModel(stage, "logistic");

  report.act("a score over HTTP");
  const asOf = await provider.getBlockNumber();
  await provider.send("anvil_mine", ["0x2"]);
  await client.indexed(asOf);
  const [good, second, bad] = ["good", "second", "bad"].map((name) => cast.get(SUBJECTS[name]));
  const first = await ask(stage, { model: risk.model_id, subject: good, as_of: asOf, also: [second] });
  await show(stage, "first", first);
  if (flags.vectors) writeVectors(flags.vectors, { verifiers, model: risk, first });
  await post(stage, "first", first);

  report.act("five forgeries");
  const honest = submission(first);
  const rejected = await tryForgeries({ ...stage, honest, otherSubject: bad, otherModel: logistic.model_id });
  await submit(stage, "first", honest);

  report.act("another borrower under the same root");
  const next = await ask(stage, { model: risk.model_id, subject: second, as_of: asOf });
  await show(stage, "second", next);
  if (await post(stage, "second", next)) throw new Error("second borrower: expected the posted root, got a new history proof");
  await submit(stage, "second", submission(next));
  report.figure("score_on_posted_root_s", next.took, "score under a posted root", `${next.took.toFixed(1)} s`);

  report.act("a contract asks");
  const desk = await deployer.deploy("LoanDesk", [contracts.vouch, risk.model_id, MAX_RISK], { value: parseEther("10") });
  const opened = await apply({ ...stage, desk }, "good", SUBJECTS.good);
  const refused = await apply({ ...stage, desk }, "bad", SUBJECTS.bad);
  report.figure("request_to_callback_s", opened.took, "request to callback", `${opened.took.toFixed(1)} s`);

  report.act("a loan for an income that nobody sees");
  await lendPrivately(stage, { binary, directory, deployer, borrower: good });

  report.end();
  if (!rejected) throw new Error("a forgery was accepted");
  if (!opened.opened || refused.opened) throw new Error("loans: expected the good borrower's alone");
}

async function stop() {
  for (const program of running.splice(0)) await program.stop();
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => stop().finally(() => process.exit(130)));
}
try {
  await demo();
  await stop();
  rmSync(directory, { recursive: true });
} catch (error) {
  process.exitCode = 1;
  report.say(`failed: ${error.message}`);
  report.say(`logs: ${directory}`);
} finally {
  await stop();
}
