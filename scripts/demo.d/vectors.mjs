// Keeps the demo's first proofs as files for contract tests: contracts/test/kit/RealProofTest.sol reads them.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHAIN_ID } from "./chain.mjs";

/** Writes `real_history.json` and `real_score.json` into `directory`. */
export function writeVectors(directory, { verifiers, model, first: { answer } }) {
  const of = ({ bytecode, instances, proof_bytes }) => ({ bytecode, num_instances: instances, proof_bytes });
  const [{ class: size, root, anchors, payee, proof }] = answer.histories;
  write(directory, "real_history.json", { class: size, root, payee, anchors, proof, verifier: of(verifiers.history[size]) });
  const verifier = verifiers.score.find(({ class_id }) => class_id === model.class_id);
  const { structure_points, weight_points } = verifier;
  const { class_id, key, model_id, structure_id } = model;
  const { subject, as_of } = answer.query;
  write(directory, "real_score.json", {
    chain_id: CHAIN_ID, subject, as_of, ...answer.claim, class_id, structure_points, weight_points, key, model_id,
    structure_id, proof: answer.proof, verifier: of(verifier),
  });
}

function write(directory, name, content) {
  writeFileSync(join(directory, name), JSON.stringify(content, null, 2) + "\n");
}
