//! Receipts as a node gives them (`eth_getBlockReceipts`), rebuilt into the trie that the block's header names.

use alloy::consensus::ReceiptEnvelope;
use alloy::eips::eip2718::Encodable2718;
use alloy::primitives::B256;
use alloy::rpc::types::TransactionReceipt;
use thiserror::Error;
use vouch_circuits::entry;
use vouch_circuits::trie::Nodes;

/// The receipts are not those of the block.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{receipts} receipts of block {block} have the root {got}, its header says {expected}")]
pub struct WrongReceipts {
    /// The block.
    pub block: u64,
    /// How many there are.
    pub receipts: usize,
    /// Root in the header.
    pub expected: B256,
    /// Root of the receipts.
    pub got: B256,
}

/// The nodes of the receipts trie of `block`, whose header names the root `expected`. The order of the receipts does not matter.
///
/// # Errors
/// [`WrongReceipts`]: one is missing or wrong. Recoverable: ask another node.
pub fn nodes(block: u64, expected: B256, mut receipts: Vec<TransactionReceipt>) -> Result<Nodes, WrongReceipts> {
    receipts.sort_by_key(|receipt| receipt.transaction_index);
    let encode = |receipt: TransactionReceipt| -> Vec<u8> {
        let receipt: ReceiptEnvelope = receipt.into_primitives_receipt().inner;
        receipt.encoded_2718()
    };
    let entries: Vec<Vec<u8>> = receipts.into_iter().map(encode).collect();
    let (root, nodes) = entry::trie(&entries);
    let got = B256::from(root);
    if got != expected {
        return Err(WrongReceipts { block, receipts: entries.len(), expected, got });
    }
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::hex;
    use serde_json::{Value, json};
    use vouch_circuits::receipt::Receipt;

    /// What a node says of the receipts of a fixture's block.
    fn answer(file: &Value) -> Vec<Value> {
        let hash = format!("0x{}", "22".repeat(32));
        let receipts = file["receipts"].as_array().unwrap().iter().enumerate();
        let answer = |(index, bytes): (usize, &Value)| {
            let bytes = hex::decode(bytes.as_str().unwrap()).unwrap();
            let receipt = Receipt::read(&bytes).unwrap();
            let bloom = vouch_circuits::rlp::list(&bytes, usize::from(receipt.kind != 0)).unwrap()[2].payload.clone();
            let log = |log: &vouch_circuits::receipt::Log| {
                json!({
                    "address": hex::encode_prefixed(log.address),
                    "topics": log.topics.iter().map(hex::encode_prefixed).collect::<Vec<_>>(),
                    "data": hex::encode_prefixed(&bytes[log.data.clone()]),
                    "blockHash": hash,
                    "blockNumber": "0x1",
                    "blockTimestamp": "0x1",
                    "transactionHash": hash,
                    "transactionIndex": format!("0x{index:x}"),
                    "logIndex": "0x0",
                    "removed": false,
                })
            };
            let number = |word: &[u8; 32]| format!("0x{:x}", alloy::primitives::U256::from_be_bytes(*word));
            json!({
                "type": format!("0x{:x}", receipt.kind),
                "status": number(&receipt.status),
                "cumulativeGasUsed": number(&receipt.cumulative_gas),
                "logs": receipt.logs.iter().map(log).collect::<Vec<_>>(),
                "logsBloom": hex::encode_prefixed(&bytes[bloom]),
                "transactionHash": hash,
                "transactionIndex": format!("0x{index:x}"),
                "blockHash": hash,
                "blockNumber": "0x1",
                "gasUsed": "0x0",
                "effectiveGasPrice": "0x0",
                "from": "0x0000000000000000000000000000000000000000",
                "to": null,
                "contractAddress": null,
            })
        };
        receipts.map(answer).collect()
    }

    #[test]
    fn rebuilds_the_tries_of_mainnet_blocks() {
        let fixtures =
            std::env::var_os("VOUCH_FIXTURES").map_or_else(|| "../../shared/fixtures".into(), std::path::PathBuf::from);
        for name in ["14764013", "15537393", "15573637", "17034870", "19426587", "22869878"] {
            let Ok(text) = std::fs::read_to_string(fixtures.join(format!("receipts/{name}.json"))) else {
                eprintln!("skipped: fixture receipts/{name}.json is not there");
                return;
            };
            let file: Value = serde_json::from_str(&text).unwrap();
            let root: B256 = file["receipts_root"].as_str().unwrap().parse().unwrap();
            let mut receipts: Vec<TransactionReceipt> =
                answer(&file).into_iter().map(|receipt| serde_json::from_value(receipt).unwrap()).collect();
            receipts.reverse();
            assert!(!nodes(1, root, receipts.clone()).unwrap().is_empty(), "{name}");
            receipts.pop();
            let error = nodes(1, root, receipts).unwrap_err();
            assert_eq!(error.expected, root);
        }
    }
}
