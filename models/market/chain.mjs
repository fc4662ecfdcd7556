// Reads a plan's words from a node, for one subject.

import { AbiCoder, keccak256, zeroPadValue, toBeHex, toQuantity } from "ethers";

/**
 * A reader (see `plan.mjs`) over a JSON-RPC provider. `market` stands in for a source that names no contract.
 * @param {string} subject the address that `key = "subject"` and `contract = "subject"` mean
 */
export function chainReader(provider, market, subject) {
  const account = (name) => (name === "subject" ? subject : name ?? market);
  return async (source, block) => {
    const at = toQuantity(block);
    switch (source.kind) {
      case "slot": return storage(provider, account(source.contract), toBeHex(source.slot, 32), at);
      case "mapping": return storage(provider, account(source.contract), mappingSlot(subject, source.slot), at);
      case "account": {
        const method = source.field === "nonce" ? "eth_getTransactionCount" : "eth_getBalance";
        return BigInt(await provider.send(method, [account(source.contract), at]));
      }
      case "header": return BigInt((await provider.send("eth_getBlockByNumber", [at, false]))[source.field]);
      default: throw new Error(`source kind: expected slot, mapping, account or header, got ${source.kind}`);
    }
  };
}

/** Slot of `mapping[key]` for a mapping at `slot`: keccak256(key ‖ slot). */
export function mappingSlot(key, slot) {
  return keccak256(AbiCoder.defaultAbiCoder().encode(["bytes32", "uint256"], [zeroPadValue(key, 32), slot]));
}

async function storage(provider, address, slot, at) {
  return BigInt(await provider.send("eth_getStorageAt", [address, slot, at]));
}
