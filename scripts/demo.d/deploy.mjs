// The contracts of Vouch, deployed in the order in which they trust each other.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { send } from "./chain.mjs";
import { grouped } from "./report.mjs";

/** Passports of the generated verifiers, by file name: `history_s`, `history_m`, `score_mlp_s`. */
function passports(root) {
  const folder = join(root, "contracts/generated");
  const names = readdirSync(folder).filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));
  return new Map(names.map((name) => [name, JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"))]));
}

/** Deploys everything but the market and the desk. Returns the contracts by name. */
export async function deployVouch({ root, deployer, report }) {
  const known = passports(root);
  const adapter = async (name, contract, ...middle) => {
    const { instances, proof_bytes } = known.get(name);
    const raw = await deployer.deploy(known.get(name).contract, []);
    const size = ((await deployer.signer.provider.getCode(raw)).length - 2) / 2;
    report.figure(`${name}_verifier_bytes`, size, `verifier of ${name}`, `${grouped(size)} bytes of code`);
    return deployer.deploy(contract, [raw, ...middle, instances, proof_bytes]);
  };
  const histories = [...known.keys()].filter((name) => name.startsWith("history_"))
    .sort((a, b) => known.get(a).k - known.get(b).k);
  const blockHashes = await deployer.deploy("BlockHashes", []);
  const historyVerifiers = [];
  for (const name of histories) historyVerifiers.push(await adapter(name, "HistoryVerifier"));
  const roots = await deployer.deploy("HistoryRoots", [blockHashes, historyVerifiers]);
  const { class_id, structure_points, weight_points } = known.get("score_mlp_s");
  const score = await adapter("score_mlp_s", "ScoreVerifier", class_id, structure_points, weight_points);
  const registry = await deployer.deploy("ModelRegistry", [[score]]);
  const vouch = await deployer.deploy("Vouch", [registry, roots]);
  return { blockHashes, roots, registry, vouch };
}

/** Adds a model to the node and registers its key on the chain. Returns what the node says of it. */
export async function registerModel({ root, client, registry, report }, name) {
  const file = (path) => readFileSync(join(root, "models", name, path));
  const model = await client.post("/v1/models", {
    name,
    onnx: file("model.onnx").toString("base64"),
    plan: file("plan.toml").toString("utf8"),
    calibration: file("calibrate.csv").toString("utf8"),
  });
  const receipt = await send(registry, "register", [model.class_id, model.key, ""]);
  report.say(`model ${name}: ${model.model_id}, key of ${grouped((model.key.length - 2) / 2)} bytes`);
  report.figure(`register_${name}_gas`, Number(receipt.gasUsed), `gas of registering ${name}`, grouped(receipt.gasUsed));
  return model;
}
