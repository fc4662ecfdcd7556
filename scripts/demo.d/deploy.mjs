// The contracts of Vouch, deployed in the order in which they trust each other.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { send } from "./chain.mjs";
import { grouped } from "./report.mjs";

/**
 * Deploys everything but the market and the desk. Returns the contracts by name.
 * @param {{ history: object[], score: object[] }} verifiers what `vouch setup --json` says: creation code and lengths
 */
export async function deployVouch({ deployer, report }, verifiers) {
  const adapter = async (name, contract, { bytecode, instances, proof_bytes, ...verifier }) => {
    const raw = await deployer.deployCode([], bytecode);
    const bytes = ((await deployer.signer.provider.getCode(raw)).length - 2) / 2;
    report.figure(`${name}_verifier_bytes`, bytes, `verifier of ${name}`, `${grouped(bytes)} bytes of code`);
    const { class_id, structure_points, weight_points } = verifier;
    const key = class_id ? [class_id, structure_points, weight_points] : [];
    return deployer.deploy(contract, [raw, ...key, instances, proof_bytes]);
  };
  const blockHashes = await deployer.deploy("BlockHashes", []);
  const histories = [];
  for (const verifier of verifiers.history) {
    histories.push(await adapter(`history_${verifier.class.toLowerCase()}`, "HistoryVerifier", verifier));
  }
  const roots = await deployer.deploy("HistoryRoots", [blockHashes, histories]);
  const scores = [];
  for (const verifier of verifiers.score) scores.push(await adapter(verifier.class, "ScoreVerifier", verifier));
  const registry = await deployer.deploy("ModelRegistry", [scores]);
  const vouch = await deployer.deploy("Vouch", [registry, roots]);
  return { blockHashes, roots, registry, vouch };
}

/** Adds a model to the node and registers its key on the chain; `change` may alter its plan. Returns what the node says of it. */
export async function registerModel({ root, client, registry, report }, name, change = (plan) => plan) {
  const file = (path) => readFileSync(join(root, "models", name, path));
  const model = await client.post("/v1/models", {
    name,
    onnx: file("model.onnx").toString("base64"),
    plan: change(file("plan.toml").toString("utf8")),
    calibration: file("calibrate.csv").toString("utf8"),
  });
  const receipt = await send(registry, "register", [model.class_id, model.key, ""]);
  report.say(`model ${name}: ${model.model_id}, key of ${grouped((model.key.length - 2) / 2)} bytes`);
  report.figure(`register_${name}_gas`, Number(receipt.gasUsed), `gas of registering ${name}`, grouped(receipt.gasUsed));
  return model;
}
