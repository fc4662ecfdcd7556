// Histories longer than one proof, roots proven ahead of time, counts of logs: real proofs, a local chain, kills and reorganisations.
//
//   node histories.mjs ROOT VOUCH_BINARY KEYS [--json]    (scripts/histories calls it after the build)

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseEther } from "ethers";
import { readPlan } from "../../models/market/plan.mjs";
import { Deployer, privateKey, send, startChain } from "./chain.mjs";
import { countLogs } from "./counts.mjs";
import { deployVouch, registerModel } from "./deploy.mjs";
import { apply, MAX_RISK } from "./loan.mjs";
import { deployMarket } from "./market.mjs";
import { startNode } from "./node.mjs";
import { run } from "./process.mjs";
import { Report, timed } from "./report.mjs";

const [root, binary, keys, ...args] = process.argv.slice(2);
const { values: flags } = parseArgs({ args, options: { json: { type: "boolean" } } });
const report = new Report(flags.json);
const directory = mkdtempSync(join(tmpdir(), "vouch-histories-"));
/** What has to be ended, last first. */
const running = [];
/** Twelve blocks: a history proof has eight anchors. */
const LONG = (plan) => plan.replace(/^blocks .*$/m, "blocks  = { back = 22, every = 2 }");
/** A window that one proof holds, and a fact that differs on every fork. */
const SHORT = (plan) =>
  plan
    .replace(/^blocks .*$/m, "blocks  = { back = 6, every = 2 }")
    .replace(/("price_delta"\nsource = ).*/, '$1{ kind = "header", field = "timestamp", decimals = 4 }');
/** Cadence of what is watched. */
const EVERY = 20;
const NODE_ACCOUNT = 5;

function expect(what, expected, got) {
  if (expected !== got) throw new Error(`${what}: expected ${expected}, got ${got}`);
}

/** Waits until `probe` gives something, at most `seconds`. */
async function until(what, probe, seconds = 240) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function test() {
  report.act("a chain, contracts, two models");
  const setup = JSON.parse(await run(binary, ["setup", "--dev", "--hops", "--keys", keys, "--json"]));
  const { anvil, provider, url } = await startChain(8, directory);
  running.unshift(anvil);
  const deployer = new Deployer(root, await provider.getSigner(0));
  const market = deployer.at("LendingMarket", await deployMarket(deployer, readPlan(join(root, "models/logistic/plan.toml"))));
  const contracts = await deployVouch({ deployer, report }, setup);
  await provider.send("anvil_mine", ["0x140"]);
  const findings = JSON.parse(await run(binary, ["doctor", "--rpc", url, "--hops", "--keys", keys, "--history-roots", contracts.roots.target, "--registry", contracts.registry.target, "--json"]));
  for (const { detail } of findings.filter(({ what }) => what === "verifier")) report.say(detail);
  const start = async (more) => {
    const { node, client } = await startNode({ binary, keys, directory, url, contracts, key: privateKey(NODE_ACCOUNT), finality: 64, more });
    running.unshift(node);
    return { node, client };
  };
  const stop = async (node, signal) => {
    running.splice(running.indexOf(node), 1);
    await node.stop(signal);
  };
  let { node, client } = await start();
  const accounts = await provider.send("eth_accounts", []);
  const subjects = accounts.slice(1, 4);
  const long = await registerModel({ root, client, report, ...contracts }, "logistic", LONG);
  const short = await registerModel({ root, client, report, ...contracts }, "logistic", SHORT);

  report.act("a score whose history needs two proofs, the node killed between them");
  const asOf = await provider.getBlockNumber();
  await provider.send("anvil_mine", ["0x2"]);
  await client.indexed(asOf);
  const question = { model: long.model_id, subject: subjects[0], as_of: asOf };
  const { id } = await client.post("/v1/queries", question);
  const half = await until("the first of two proofs", async () => {
    const query = await client.get(`/v1/queries/${id}`);
    if (query.state === "failed") throw new Error(query.error);
    return query.parts_done === 1 && query;
  });
  expect("history proofs", 2, half.parts);
  await stop(node, "SIGKILL");
  ({ node, client } = await start());
  const told = new Set();
  const query = await client.finish(id, (event) => told.add(`${event.stage} ${event.histories_done}/${event.histories}`));
  report.say(`after the kill: ${[...told].join(", ")}`);
  expect("first root, kept through the kill", half.roots[0], query.roots[0]);
  const { histories, calldata, claim } = await client.get(`/v1/queries/${id}/proof`);
  expect("roots of the claim", 2, new Set(claim.roots).size);
  expect("posts that are ready", 2, calldata.posts.length);
  const seconds = query.costs.map(({ stage, cpu_seconds: cpu }) => `${stage} ${cpu.toFixed(1)}`).join(", ");
  report.say(`CPU-s: ${seconds}`);
  const signer = await provider.getSigner(6);
  const receipt = await (await signer.sendTransaction({ to: calldata.multicall.to, data: calldata.multicall.data })).wait();
  report.figure("two_posts_and_submit_gas", Number(receipt.gasUsed), "gas of two posts and the score in one transaction");
  for (const history of histories) expect(`root ${history.root} is posted`, true, await contracts.roots.isPosted(history.root));
  expect("block of the score on record", BigInt(asOf), (await contracts.vouch.scoreOf(long.model_id, subjects[0])).asOf);

  report.act("a contract asks for such a score");
  const desk = await deployer.deploy("LoanDesk", [contracts.vouch, long.model_id, MAX_RISK], { value: parseEther("1") });
  const cast = new Map([["borrower", subjects[1]]]);
  const stage = { provider, report, desk, vouch: contracts.vouch, cast };
  const { took } = await apply(stage, "long", "borrower");
  report.figure("long_request_to_callback_s", took, "request to callback over two history proofs", `${took.toFixed(1)} s`);

  report.act("roots ahead of time");
  await stop(node);
  const file = join(directory, "watch.toml");
  writeFileSync(file, `[[watch]]
name = "short"
every = ${EVERY}
model = "${short.model_id}"
subjects = ${JSON.stringify(subjects)}
`);
  await run(binary, ["watch", "check", file]);
  ({ node, client } = await start(["--watch", file]));
  const newest = async () => (await client.get("/v1/watch"))[0];
  const next = (block) => (Math.floor(block / EVERY) + 1) * EVERY;
  /** Mines to two blocks above `block`, waits until it is proven and posted, and scores as of it. */
  const watched = async (key, block, subject = subjects[2]) => {
    await until(`root of block ${block}`, async () => {
      const { newest: proven, failure } = await newest();
      if (failure) throw new Error(`block ${failure.block}: ${failure.detail}`);
      return proven >= block;
    });
    const [answer, seconds] = await timed(async () => {
      const asked = await client.post("/v1/queries", { model: short.model_id, subject, as_of: block });
      await client.finish(asked.id);
      return client.get(`/v1/queries/${asked.id}/proof`);
    });
    expect("a history proof was spared", true, answer.reused_root);
    await until("the post", async () => contracts.roots.isPosted(answer.histories[0].root));
    report.figure(`${key}_score_s`, seconds, `score under a root proven ahead, ${key}`, `${seconds.toFixed(1)} s`);
    return answer;
  };
  const mineTo = async (block) => {
    const missing = block - (await provider.getBlockNumber());
    if (missing > 0) await provider.send("anvil_mine", [`0x${missing.toString(16)}`]);
  };
  let block = next(await provider.getBlockNumber());
  await mineTo(block + 2);
  await watched("live", block);

  report.act("downtime");
  await stop(node);
  await mineTo(block + 3 * EVERY + 2);
  ({ node, client } = await start(["--watch", file]));
  block += 3 * EVERY;
  await watched("downtime", block);
  const { proven } = await newest();
  report.say(`${proven} blocks proven ahead`);
  if (proven < 4) throw new Error(`blocks proven ahead: expected those that were missed too, got ${proven}`);

  report.act("a reorganisation");
  const snapshot = await provider.send("evm_snapshot", []);
  block = next(await provider.getBlockNumber());
  await mineTo(block + 2);
  const before = await watched("reorg_before", block);
  await provider.send("evm_revert", [snapshot]);
  await provider.send("evm_increaseTime", [3]);
  const other = await provider.getSigner(7);
  await (await other.sendTransaction({ to: subjects[2], value: 1n })).wait();
  expect("root of the lost block is posted", false, await contracts.roots.isPosted(before.histories[0].root));
  await mineTo(block + 3);
  await until("the lost root is forgotten", async () => (await newest()).newest < block);
  // about another subject: the question of before the reorganisation is proven anew by itself
  const after = await watched("reorg_after", block, subjects[1]);
  if (after.histories[0].root === before.histories[0].root) throw new Error("a root of the lost block was served");
  await until("the new root is posted", async () => contracts.roots.isPosted(after.histories[0].root));
  report.say("proven and posted anew");

  report.act("a contract asks for a score that counts logs");
  await stop(node);
  ({ node, client } = await start(["--hops"]));
  const newDesk = (model) => deployer.deploy("LoanDesk", [contracts.vouch, model, MAX_RISK], { value: parseEther("1") });
  await countLogs({ root, directory, provider, report, client, market, desk: newDesk, subject: accounts[6], other: accounts[7], ...contracts });
  report.end();
}

async function stopAll() {
  for (const program of running.splice(0)) await program.stop();
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => stopAll().finally(() => process.exit(130)));
}
try {
  await test();
  await stopAll();
  rmSync(directory, { recursive: true });
} catch (error) {
  process.exitCode = 1;
  report.say(`failed: ${error.stack}`);
  report.say(`logs: ${directory}`);
} finally {
  await stopAll();
}
