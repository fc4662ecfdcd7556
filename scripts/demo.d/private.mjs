// Act four: a loan for an income that nobody sees. An issuer commits to it, the borrower proves that a model calls the risk small.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEther } from "ethers";
import { revertOf, send } from "./chain.mjs";
import { registerModel } from "./deploy.mjs";
import { run } from "./process.mjs";
import { grouped } from "./report.mjs";

/** What the issuer knows, as people write it. */
const HOUSEHOLD = { income: 112_345, debts: 3_456, job_months: 198, rent: 22 };
const FEE_WEI = parseEther("0.01");
const PATIENCE_MS = 120_000;

/** Runs the act; an income in the node's log or answers is an error. */
export async function lendPrivately(stage, { binary, directory, deployer, borrower }) {
  const { provider, report, client, vouch } = stage;
  const file = (name) => join(directory, name);
  const cli = async (...args) => JSON.parse(await run(binary, [...args, "--node", client.url, "--json"]));
  const model = await registerModel(stage, "affordability", (plan) => `disclose = { below = 0.2 }\n${plan}`);
  const issuer = await provider.getSigner(0);
  const desk = await deployer.deploy("IncomeDesk", [vouch, model.model_id, issuer.address], { value: parseEther("1") });

  writeFileSync(file("household.json"), JSON.stringify(HOUSEHOLD), { mode: 0o600 });
  const { commitment } = await cli("commit", "--model", "affordability", "--inputs", file("household.json"), "--out", file("opening.json"));
  report.say(`commitment ${commitment}`);
  await send(desk, "attest", [borrower, commitment]);

  const asOf = (await provider.getBlockNumber()) - 1;
  const question = ["--model", "affordability", "--subject", borrower, "--as-of", `${asOf}`, "--private", file("opening.json")];
  const start = performance.now();
  await cli("prove", ...question, "--out", file("income.json"));
  const took = (performance.now() - start) / 1000;
  const { claim, proof } = JSON.parse(readFileSync(file("income.json"), "utf8"));
  report.figure("private_s", took, "from question to proof", `${took.toFixed(1)} s`);

  const mine = desk.connect(await provider.getSigner(borrower));
  const other = { ...claim, inputs: `0x${(BigInt(claim.inputs) ^ 1n).toString(16).padStart(64, "0")}` };
  const refused = await revertOf(mine, "prove", [asOf, other, proof]);
  report.say(`under another commitment          ${refused ?? "ACCEPTED"}`);
  const receipt = await send(mine, "prove", [asOf, claim, proof]);
  report.figure("private_prove_gas", Number(receipt.gasUsed), "gas of the desk's check", grouped(receipt.gasUsed));
  await send(mine, "draw", []);
  report.say("loan drawn: the risk is below 0.2, and nobody has seen income or risk");

  // the same, asked by the contract and answered by the node that has the opening
  await client.post("/v1/openings", JSON.parse(readFileSync(file("opening.json"), "utf8")));
  const asked = await (await mine.ask((await provider.getBlockNumber()) - 1, { value: FEE_WEI })).wait();
  const approved = await decided(desk, borrower, asked.blockNumber);
  report.say(`asked by the contract: ${approved ? "approved" : "refused"}`);

  const { values } = JSON.parse(readFileSync(file("opening.json"), "utf8"));
  const said = readFileSync(file("vouch.log"), "utf8") + JSON.stringify([await client.get("/v1/queries"), await client.get("/v1/models")]);
  const told = [...values, HOUSEHOLD.income].filter((value) => new RegExp(`\\b${value}\\b`).test(said));
  report.figure("private_inputs_told", told.length, "private inputs in logs and answers", `${told.length}`);
  if (refused !== "OtherInputs" || !approved || told.length) throw new Error("private inputs: expected a loan under the commitment alone, and silence");
}

/** Waits for the desk's decision after block `from`. */
async function decided(desk, borrower, from) {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    const [event] = await desk.queryFilter(desk.filters.Decided(borrower), from);
    if (event) return event.args.approved;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`income of ${borrower}: expected an answer within ${PATIENCE_MS / 1000} s, got none`);
}
