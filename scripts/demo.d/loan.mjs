// Act three: a contract asks by itself. The node sees the request, proves, fulfils, and the callback decides.

import { getBytes, parseEther } from "ethers";
import { grouped } from "./report.mjs";

/** Highest risk that gets a loan, `65536` is 1.0. */
export const MAX_RISK = BigInt(Math.round(0.2 * 65536));
const FEE_WEI = parseEther("0.01");
/** A block old enough that the demo need not wait for it, young enough for the desk. */
const CONFIRMATIONS = 2;
const PATIENCE_MS = 300_000;

/**
 * Lets `borrower` apply at the desk and waits for the answer.
 * @returns {{ opened: boolean, took: number }} seconds from the request's receipt to the callback
 */
export async function apply({ provider, report, desk, vouch, cast }, key, borrower) {
  const subject = cast.get(borrower);
  const asOf = (await provider.getBlockNumber()) - CONFIRMATIONS;
  const signer = await provider.getSigner(subject);
  const response = await desk.connect(signer).applyForLoan(asOf, { value: FEE_WEI });
  const receipt = await response.wait();
  const start = performance.now();
  report.say(`${borrower} asks for a loan in block ${receipt.blockNumber}, to be judged as of block ${asOf}`);
  const answer = await answered(provider, desk, subject, receipt.blockNumber);
  const took = (performance.now() - start) / 1000;
  const { gasUsed } = await provider.getTransactionReceipt(answer.transactionHash);
  const opened = answer.eventName === "LoanOpened";
  const risk = Number(answer.args.risk) / 65536;
  report.say(`  ${opened ? "loan opened" : "refused"} after ${took.toFixed(1)} s: risk ${risk.toFixed(5)}`);
  report.figure(`${key}_loan`, opened, `loan of ${borrower}`, `${opened ? "opened" : "refused"}, ${took.toFixed(1)} s from request to callback`);
  report.figure(`${key}_transaction_gas`, Number(gasUsed), "  gas of the node's transaction", grouped(gasUsed));
  const alone = await fulfilGas(provider, vouch, answer.transactionHash);
  report.figure(`${key}_fulfil_gas`, alone, "  of it fulfil with its callback, alone", grouped(alone));
  if (await vouch.requestOf(answer.args.id).then(({ status }) => status !== 2n)) throw new Error(`request ${answer.args.id} is not fulfilled`);
  return { opened, took };
}

/** What the `fulfil` inside a transaction would cost as a transaction of its own: its execution, its calldata, 21,000. */
async function fulfilGas(provider, vouch, hash) {
  const { selector } = vouch.interface.getFunction("fulfil");
  const find = (call) => (call.input.startsWith(selector) ? call : (call.calls ?? []).map(find).find(Boolean));
  const call = find(await provider.send("debug_traceTransaction", [hash, { tracer: "callTracer" }]));
  if (!call) throw new Error(`transaction ${hash}: expected a call of fulfil, found none`);
  const calldata = getBytes(call.input).reduce((sum, byte) => sum + (byte ? 16 : 4), 0);
  return Number(call.gasUsed) + 21_000 + calldata;
}

/** Waits for the desk's decision about `subject`. */
async function answered(provider, desk, subject, fromBlock) {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    for (const name of ["LoanOpened", "LoanRefused"]) {
      const [event] = await desk.queryFilter(desk.filters[name](subject), fromBlock);
      if (event) return event;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`loan of ${subject}: expected an answer within ${PATIENCE_MS / 1000} s, got none`);
}
