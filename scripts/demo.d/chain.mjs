// The local chain and the contracts on it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ContractFactory, Contract, HDNodeWallet, JsonRpcProvider, Network } from "ethers";
import { Background, freePort } from "./process.mjs";

/** anvil's development phrase: its accounts hold nothing of worth. */
const PHRASE = "test test test test test test test test test test test junk";
/** anvil's chain id. */
export const CHAIN_ID = 31337;
/** Time of block 0, so that every demo makes the same chain. */
export const GENESIS_SECONDS = 1_700_000_000;

/** Starts anvil with `accounts` unlocked accounts. Returns `{ anvil, provider, url }`. */
export async function startChain(accounts, directory) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = ["--hardfork", "prague", "--port", `${port}`, "--accounts", `${accounts}`, "--mnemonic", PHRASE,
    "--timestamp", `${GENESIS_SECONDS}`, "--order", "fifo"];
  const anvil = new Background("anvil", "anvil", args, { log: join(directory, "anvil.log") });
  const options = { staticNetwork: Network.from(CHAIN_ID), cacheTimeout: -1, batchStallTime: 0, pollingInterval: 200 };
  const provider = new JsonRpcProvider(url, CHAIN_ID, options);
  await anvil.ready(() => provider.send("eth_blockNumber", []));
  return { anvil, provider, url };
}

/** Private key of anvil's account `index`, for a program that signs by itself. */
export function privateKey(index) {
  return HDNodeWallet.fromPhrase(PHRASE, "", `m/44'/60'/0'/0/${index}`).privateKey;
}

/** Deploys contracts that forge has built, one after another, from one account. */
export class Deployer {
  constructor(root, signer) {
    Object.assign(this, { root, signer });
  }

  /** ABI and creation code of `name`, as forge wrote them. */
  artifact(name) {
    const path = join(this.root, "contracts/out", `${name}.sol`, `${name}.json`);
    const { abi, bytecode } = JSON.parse(readFileSync(path, "utf8"));
    return { abi, bytecode: bytecode.object };
  }

  /** Deploys the built contract `name`. */
  async deploy(name, args, overrides = {}) {
    const { abi, bytecode } = this.artifact(name);
    return this.deployCode(abi, bytecode, args, overrides);
  }

  /** Deploys creation code that forge did not build: a generated verifier. */
  async deployCode(abi, bytecode, args = [], overrides = {}) {
    const contract = await new ContractFactory(abi, bytecode, this.signer).deploy(...args, overrides);
    await contract.waitForDeployment();
    return contract;
  }

  /** The contract `name` at an address. */
  at(name, address) {
    return new Contract(address, this.artifact(name).abi, this.signer);
  }
}

/** Sends a transaction and returns the receipt; a revert is an error with the contract's reason. */
export async function send(contract, method, args, overrides = {}) {
  const response = await contract[method](...args, overrides);
  return response.wait();
}

/** Name of the custom error that a call reverts with, or null if it succeeds. */
export async function revertOf(contract, method, args) {
  try {
    await contract[method].staticCall(...args);
    return null;
  } catch (error) {
    if (error.code !== "CALL_EXCEPTION") throw error;
    return error.revert?.name ?? error.shortMessage;
  }
}
