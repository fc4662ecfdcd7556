// Five lies, each one change away from a proof that is accepted.

import { revertOf } from "./chain.mjs";

/** The arguments of `Vouch.submit` as one object, so that a forgery can name what it changes. */
const list = ({ modelId, subject, asOf, claim, proof }) => [modelId, subject, asOf, claim, proof];

/**
 * Tries each forgery of `honest` against the contract without sending it.
 * @returns how many were rejected; an honest submission that is not accepted is an error
 */
export async function tryForgeries({ report, vouch, honest, otherSubject, otherModel }) {
  const accepted = await revertOf(vouch, "submit", list(honest));
  if (accepted !== null) throw new Error(`the honest proof: expected to be accepted, got ${accepted}`);
  const outputs = [BigInt(honest.claim.outputs[0]) - 1n, ...honest.claim.outputs.slice(1)];
  const forgeries = {
    "another score (one unit lower)": { claim: { ...honest.claim, outputs } },
    "another subject": { subject: otherSubject },
    "another block": { asOf: honest.asOf - 1 },
    "another model": { modelId: otherModel },
    "one byte of the proof": { proof: flip(honest.proof, 100) },
  };
  let rejected = 0;
  for (const [what, change] of Object.entries(forgeries)) {
    const reason = await revertOf(vouch, "submit", list({ ...honest, ...change }));
    if (reason === "ProofRejected") rejected += 1;
    report.say(`${what.padEnd(32)} ${reason ?? "ACCEPTED"}`);
  }
  report.figure("forgeries_rejected", rejected, "forgeries rejected", `${rejected} of ${Object.keys(forgeries).length}`);
  return rejected === Object.keys(forgeries).length;
}

/** `hex` with the lowest bit of byte `index` turned. */
export function flip(hex, index) {
  const bytes = Buffer.from(hex.slice(2), "hex");
  bytes[index] ^= 1;
  return `0x${bytes.toString("hex")}`;
}
