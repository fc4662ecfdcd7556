// Act two: scores asked for over HTTP, proven, and sent to the contracts.

import { send } from "./chain.mjs";
import { floatScore } from "./market.mjs";
import { grouped, timed } from "./report.mjs";

/** What the states of a query are called here. */
const WORDS = {
  queued: "waiting",
  evidence: "collecting headers and state proofs",
  proving_history: "proving the history",
  proving_score: "proving the score",
  proven: "proven, and verified natively and in an EVM",
};
/** A score may differ from the float model by less than this. */
const TOLERANCE = 1e-3;

/**
 * Asks for a score and waits for its proof.
 * @returns {{ query, answer, took }} the finished query, its proofs, seconds from question to proof
 */
export async function ask({ client, report }, question) {
  let shown;
  const [query, took] = await timed(async () => {
    const { id } = await client.post("/v1/queries", question);
    return client.finish(id, ({ stage }) => {
      if (stage !== shown) report.say(`  ${WORDS[stage] ?? stage}`);
      shown = stage;
    });
  });
  return { query, took, answer: await client.get(`/v1/queries/${query.id}/proof`) };
}

/** Prints score, float score, sizes and the cost of each stage; a score too far from the float model is an error. */
export async function show(stage, key, { query, took }) {
  const { report } = stage;
  const { score, costs, query: { subject, as_of: asOf } } = query;
  const float = await floatScore({ ...stage, model: "risk", subject, asOf });
  const difference = Math.abs(score - float);
  report.figure(`${key}_score`, score, `score of the ${key} borrower`, `${score.toFixed(5)} (float model ${float.toFixed(5)})`);
  report.figure(`${key}_float_score`, float, "  difference", difference.toExponential(1));
  report.figure(`${key}_s`, took, "  from question to proof", `${took.toFixed(1)} s`);
  for (const { stage: name, wall_seconds, cpu_seconds, peak_mb } of costs) {
    const shown = `${wall_seconds.toFixed(1)} s, ${cpu_seconds.toFixed(1)} CPU-s, ${grouped(peak_mb)} MB`;
    report.figure(`${key}_${name}`, { wall_s: wall_seconds, cpu_s: cpu_seconds, peak_mb }, `  ${WORDS[name] ?? name}`, shown);
  }
  if (difference >= TOLERANCE) throw new Error(`score of ${key}: expected within ${TOLERANCE} of ${float}, got ${score}`);
}

/** The arguments of `Vouch.submit` for an answer. */
export function submission({ answer: { query, claim, proof } }) {
  return { modelId: query.model, subject: query.subject, asOf: query.as_of, claim, proof };
}

/** Posts the roots of an answer that the contract does not know yet. Returns how many it posted. */
export async function post({ report, roots }, key, { answer }) {
  let posted = 0;
  for (const history of answer.histories) {
    if (await roots.isPosted(history.root)) continue;
    const { class: size, root, anchors, payee, proof } = history;
    const receipt = await send(roots, "post", [size, root, anchors, payee, proof]);
    const bytes = (proof.length - 2) / 2;
    report.say(`root ${root} posted: ${grouped(bytes)} bytes of proof, ${grouped(receipt.gasUsed)} gas`);
    report.figure(`${key}_history_proof_bytes`, bytes, "  history proof", `${grouped(bytes)} bytes`);
    report.figure(`${key}_post_gas`, Number(receipt.gasUsed), "  gas of the post", grouped(receipt.gasUsed));
    posted += 1;
  }
  return posted;
}

/** Submits a score. */
export async function submit({ report, vouch }, key, { modelId, subject, asOf, claim, proof }) {
  const receipt = await send(vouch, "submit", [modelId, subject, asOf, claim, proof]);
  const bytes = (proof.length - 2) / 2;
  report.say(`score of ${key} on record: ${grouped(bytes)} bytes of proof, ${grouped(receipt.gasUsed)} gas`);
  report.figure(`${key}_score_proof_bytes`, bytes, "  score proof", `${grouped(bytes)} bytes`);
  report.figure(`${key}_submit_gas`, Number(receipt.gasUsed), "  gas of the submission", grouped(receipt.gasUsed));
}
