// A score that counts logs: a contract asks how often an account moved cash in the last blocks, a history proof of class R answers that no
// transfer was left out and none was added.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEther } from "ethers";
import { chainReader } from "../../models/market/chain.mjs";
import { loadModel } from "../../models/market/onnx.mjs";
import { computeFeatures, readPlan } from "../../models/market/plan.mjs";
import { revertOf, send } from "./chain.mjs";
import { registerModel } from "./deploy.mjs";
import { apply, MAX_RISK } from "./loan.mjs";

/** Blocks over which transfers are counted; a history proof has eight anchors, the others are linked by parent hashes. */
const SPAN = 12;
/** Index of class R in `HistoryRoots`. */
const CLASS_R = 3;

/** The plan of models/logistic at two blocks, with transfers of cash instead of repayments, and balances in the size that these accounts have. */
function counting(plan) {
  const repayments = /("repayments_delta"\nsource = \{)[^}]*contract = ("0x\w+")[^}]*(\}\nmake   = )"delta"/;
  const source = `kind = "log_count", event = "Transferred(address,address,uint256)", topic = 1, key = "subject", span = ${SPAN}, decimals = 1`;
  return plan
    .replace(/^blocks .*$/m, "blocks  = { back = 2, every = 2 }")
    .replace(/("balance", decimals =) \d+/, "$1 22")
    .replace(repayments, `$1 ${source}, contract = $2 $3"last"`);
}

/** Plays the act. `desk(model)` deploys a consumer; the subject is an account without history, `other` one more. */
export async function countLogs({ root, directory, provider, report, client, market, desk, subject, other, ...contracts }) {
  const model = await registerModel({ root, client, report, ...contracts }, "logistic", counting);
  const transfers = await moveCash(provider, market, subject, other);
  const consumer = await desk(model.model_id);
  await provider.send("anvil_mine", ["0x2"]);
  const { took } = await apply({ provider, report, desk: consumer, cast: new Map([["sender", subject]]), ...contracts }, "counts", "sender");
  report.figure("counts_request_to_callback_s", took, "request to callback over a count of logs", `${took.toFixed(1)} s`);

  const asOf = Number((await contracts.vouch.scoreOf(model.model_id, subject)).asOf);
  const { id } = await client.post("/v1/queries", { model: model.model_id, subject, as_of: asOf });
  const query = await client.finish(id);
  if (!query.reused_root) throw new Error("the same question over HTTP: expected no second history proof");
  const { claim, histories } = await client.get(`/v1/queries/${id}/proof`);
  if (histories.length !== 1 || histories[0].class !== CLASS_R) throw new Error(`expected one proof of class R, got classes ${histories.map((h) => h.class)}`);

  const score = Number(claim.outputs[0]) / 65536;
  const file = join(directory, "counting.toml");
  writeFileSync(file, counting(readFileSync(join(root, "models/logistic/plan.toml"), "utf8")));
  const [few, exact, many] = await Promise.all([-1, 0, 1].map((more) => expected({ root, provider, market, subject, asOf, file, transfers, more })));
  const off = (value) => Math.abs(value - score);
  report.say(`${transfers} transfers among ${SPAN} blocks: score ${score.toFixed(5)}, off the float model's by ${off(exact).toExponential(1)}; ` +
    `one less or more would be off by ${off(few).toExponential(1)}, ${off(many).toExponential(1)}`);
  if (!(off(exact) < 1e-3 && 4 * off(exact) < Math.min(off(few), off(many)))) throw new Error("the score is not that of this number of logs");

  const [history] = histories;
  const root0 = history.root.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
  const refused = await revertOf(contracts.roots, "post", [history.class, root0, history.anchors, history.payee, history.proof]);
  if (!refused) throw new Error("the proof was accepted for another root");
  report.say(`the same proof for other facts: ${refused}`);
}

/**
 * The subject moves cash a few times, and is sent some by `other`, which is not counted. Returns how often. Each of these blocks is looked at
 * log by log, and a proof has room for five.
 */
async function moveCash(provider, market, subject, other) {
  for (const account of [subject, other]) {
    const own = market.connect(await provider.getSigner(account));
    await send(own, "deposit", [], { value: parseEther("1") });
    await send(own, "borrow", [parseEther("10")]);
  }
  await send(market.connect(await provider.getSigner(other)), "transfer", [subject, 1n]);
  const own = market.connect(await provider.getSigner(subject));
  const times = 3;
  for (let i = 0; i < times; i++) await send(own, "transfer", [other, parseEther("1")]);
  return times;
}

/** The float model's answer for a number of transfers that is off by `more`, from the chain's own logs and state. */
async function expected({ root, provider, market, subject, asOf, file, transfers, more }) {
  const words = chainReader(provider, market.target, subject);
  const reader = async (source, block) => {
    if (source.kind !== "log_count") return words(source, block);
    const logs = await market.queryFilter(market.filters.Transferred(subject), block - source.span + 1, block);
    if (block === asOf && logs.length !== transfers) throw new Error(`transfers in blocks up to ${block}: expected ${transfers}, got ${logs.length}`);
    return BigInt(logs.length + more);
  };
  const features = await computeFeatures(readPlan(file), asOf, reader);
  return loadModel(join(root, "models/logistic/model.onnx"))(features)[0];
}
