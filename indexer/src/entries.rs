//! Receipts and transactions of a block: all of them, as its header commits to them.
//!
//! Statement: the entries in their order have the root that the header names, so none is missing, added, changed or moved, whoever sent
//! them. Of an answer only what is hashed is read, in any client's form; the root decides. An endpoint whose answer is refused is passed
//! over for the next one.

use crate::answer::{bytes, exact, list, number, said};
use crate::node::{Node, NodeError};
use alloy::eips::eip2718::Encodable2718;
use alloy::primitives::{Address, B256, Bloom, Bytes, U64, U256};
use alloy::rlp::{Encodable, Header as RlpHeader};
use alloy::rpc::types::Transaction;
use alloy_trie::root::ordered_trie_root_encoded;
use futures::{StreamExt, TryStreamExt};
use serde::Deserialize;
use serde_json::Value;

/// What a block has one trie of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// Receipts, under the header's receipts root.
    Receipts,
    /// Transactions, under the header's transactions root.
    Transactions,
}

impl EntryKind {
    /// For messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Receipts => "receipts",
            Self::Transactions => "transactions",
        }
    }
}

/// The block whose entries are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Block number.
    pub number: u64,
    /// Receipts or transactions.
    pub kind: EntryKind,
    /// The root in its header.
    pub root: B256,
}

/// Requests for single entries under way at one time; the endpoints have a bound of their own, too.
const PARALLEL: usize = 16;

impl Node {
    /// All entries of a block, in order, compared with their root: in one answer, or, from nodes that cannot give one, entry by entry.
    ///
    /// # Errors
    /// [`NodeError::NotOfBlock`] names block and endpoint; what [`NodeError`] says of nodes that do not answer.
    pub(crate) async fn entries(&self, asked: Asked) -> Result<Vec<Bytes>, NodeError> {
        let whole = match asked.kind {
            EntryKind::Receipts => {
                let read = |answer: &Value| asked.check(receipts(answer)?);
                self.entry_call("eth_getBlockReceipts", asked.number, [U64::from(asked.number)], read).await
            }
            EntryKind::Transactions => {
                let read = |answer: &Value| asked.check(transactions(answer)?);
                self.entry_call("eth_getBlockByNumber", asked.number, (U64::from(asked.number), true), read).await
            }
        };
        match whole {
            // a method that is off, an answer of null, transactions of a form that is not known
            Err(first @ (NodeError::Refused { .. } | NodeError::NotOfBlock { .. })) => {
                self.entries_one_by_one(asked).await.map_err(|second| match (&first, &second) {
                    (NodeError::NotOfBlock { .. }, NodeError::NotOfBlock { .. }) | (_, NodeError::Refused { .. }) => {
                        first
                    }
                    _ => second,
                })
            }
            whole => whole,
        }
    }

    async fn entries_one_by_one(&self, asked: Asked) -> Result<Vec<Bytes>, NodeError> {
        let number = U64::from(asked.number);
        let hashes = self.entry_call("eth_getBlockByNumber", asked.number, (number, false), hashes).await?;
        let one = |(index, hash): (usize, B256)| async move {
            match asked.kind {
                EntryKind::Receipts => {
                    let read = |answer: &Value| receipt("the receipt", answer).map(Bytes::from);
                    self.entry_call("eth_getTransactionReceipt", asked.number, [hash], read).await
                }
                EntryKind::Transactions => {
                    let read = |answer: &Value| bytes("the transaction", answer);
                    let method = "eth_getRawTransactionByBlockNumberAndIndex";
                    self.entry_call(method, asked.number, (number, U64::from(index)), read).await
                }
            }
        };
        let entries = futures::stream::iter(hashes.into_iter().enumerate()).map(one).buffered(PARALLEL);
        let entries: Vec<Bytes> = entries.try_collect().await?;
        let method = match asked.kind {
            EntryKind::Receipts => "eth_getTransactionReceipt",
            EntryKind::Transactions => "eth_getRawTransactionByBlockNumberAndIndex",
        };
        let not_of_block = |detail| {
            let (node, number) = (self.label().to_owned(), asked.number);
            NodeError::NotOfBlock { node, method, number, detail }
        };
        asked.check(entries).map_err(not_of_block)
    }
}

impl Asked {
    /// `entries`, if they are the block's.
    fn check(&self, entries: Vec<Bytes>) -> Result<Vec<Bytes>, String> {
        let got = ordered_trie_root_encoded(&entries);
        match got == self.root {
            true => Ok(entries),
            false => Err(format!(
                "{} {} have the root {got}, the header says {}: one is missing, changed or of another block",
                entries.len(),
                self.kind.name(),
                self.root
            )),
        }
    }
}

/// The receipts of a block, encoded, in the order of their transactions.
fn receipts(answer: &Value) -> Result<Vec<Bytes>, String> {
    let mut all = Vec::new();
    for (i, entry) in whole_list("the answer", answer)?.iter().enumerate() {
        let place = format!("receipt {i}");
        let index = match entry.get("transactionIndex") {
            None => U256::from(i),
            Some(index) => number(&format!("{place}.transactionIndex"), index)?,
        };
        all.push((index, Bytes::from(receipt(&place, entry)?)));
    }
    all.sort_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, receipt)| receipt).collect())
}

/// A receipt as it stands in the trie (Yellow Paper 4.3.1, EIP-658, EIP-2718). The bloom filter follows from the logs.
fn receipt(place: &str, answer: &Value) -> Result<Vec<u8>, String> {
    let object = answer.as_object().ok_or_else(|| said(place, "an object", answer))?;
    let field = |name: &str| (format!("{place}.{name}"), object.get(name).unwrap_or(&Value::Null));
    let integer = |name: &str| {
        let (place, value) = field(name);
        number(&place, value)
    };
    let kind = u8::try_from(integer("type")?).map_err(|_| said(&field("type").0, "a byte", field("type").1))?;
    let mut payload = Vec::new();
    match (field("status"), field("root")) {
        ((_, Value::Null), (_, Value::Null)) => return Err(said(place, "a status or a root", answer)),
        ((_, Value::Null), (place, root)) => B256::from(exact::<32>(&place, root)?).encode(&mut payload),
        ((place, status), _) => number(&place, status)?.encode(&mut payload),
    }
    integer("cumulativeGasUsed")?.encode(&mut payload);
    let (mut bloom, mut logs) = (Bloom::ZERO, Vec::new());
    let (logs_place, said_logs) = field("logs");
    for (i, entry) in whole_list(&logs_place, said_logs)?.iter().enumerate() {
        log(&format!("{logs_place}[{i}]"), entry, &mut bloom, &mut logs)?;
    }
    bloom.encode(&mut payload);
    wrap(&logs, &mut payload);
    let mut encoded = if kind == 0 { Vec::new() } else { vec![kind] };
    wrap(&payload, &mut encoded);
    Ok(encoded)
}

fn log(place: &str, answer: &Value, bloom: &mut Bloom, out: &mut Vec<u8>) -> Result<(), String> {
    let field = |name: &str| (format!("{place}.{name}"), answer.get(name).unwrap_or(&Value::Null));
    let (address_place, address) = field("address");
    let address = Address::from(exact::<20>(&address_place, address)?);
    let (topics_place, topics) = field("topics");
    let topic = |(i, topic)| exact::<32>(&format!("{topics_place}[{i}]"), topic).map(B256::from);
    let topics: Vec<B256> =
        whole_list(&topics_place, topics)?.iter().enumerate().map(topic).collect::<Result<_, _>>()?;
    let (data_place, data) = field("data");
    bloom.accrue_raw_log(address, &topics);
    let mut payload = Vec::new();
    address.encode(&mut payload);
    topics.encode(&mut payload);
    bytes(&data_place, data)?.encode(&mut payload);
    wrap(&payload, out);
    Ok(())
}

/// The transactions of a block with all their fields, encoded.
fn transactions(answer: &Value) -> Result<Vec<Bytes>, String> {
    let encode = |(i, transaction): (usize, &Value)| {
        let transaction: Transaction =
            Deserialize::deserialize(transaction).map_err(|e| format!("transactions[{i}]: {e}"))?;
        Ok(Bytes::from(transaction.inner.encoded_2718()))
    };
    block_list(answer)?.iter().enumerate().map(encode).collect()
}

/// The hashes of a block's transactions.
fn hashes(answer: &Value) -> Result<Vec<B256>, String> {
    let hash = |(i, hash)| exact::<32>(&format!("transactions[{i}]"), hash).map(B256::from);
    block_list(answer)?.iter().enumerate().map(hash).collect()
}

fn block_list(answer: &Value) -> Result<&[Value], String> {
    let block = answer.as_object().ok_or_else(|| said("the answer", "a block", answer))?;
    whole_list("transactions", block.get("transactions").unwrap_or(&Value::Null))
}

/// A list that has to be there: nothing is not an empty one.
fn whole_list<'a>(place: &str, value: &'a Value) -> Result<&'a [Value], String> {
    if value.is_null() { Err(said(place, "a list", value)) } else { list(place, value) }
}

/// `payload` as an RLP list.
fn wrap(payload: &[u8], out: &mut Vec<u8>) {
    RlpHeader { list: true, payload_length: payload.len() }.encode(out);
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;
    use alloy::consensus::{ReceiptEnvelope, TxEnvelope};
    use alloy::eips::eip2718::Decodable2718;
    use alloy::primitives::Log;
    use proptest::prelude::*;
    use serde_json::json;

    fn said_receipt() -> Value {
        json!({
            "type": "0x2", "status": "0x1", "cumulativeGasUsed": "0x5208", "transactionIndex": "0x0", "logs": [
                {"address": Address::repeat_byte(1), "topics": [B256::repeat_byte(2), B256::repeat_byte(3)], "data": "0x0102"},
                {"address": Address::repeat_byte(4), "topics": [], "data": "0x"},
            ],
        })
    }

    fn said_block() -> Value {
        let dynamic = json!({
            "type": "0x2", "chainId": "0x1", "nonce": "0x5", "gas": "0x5208", "maxFeePerGas": "0x9", "maxPriorityFeePerGas": "0x1",
            "to": Address::repeat_byte(2), "value": "0x7", "accessList": [], "input": "0x01", "r": "0x5", "s": "0x7", "yParity": "0x1",
            "v": "0x1", "hash": B256::ZERO, "from": Address::ZERO,
        });
        let legacy = json!({
            "type": "0x0", "chainId": "0x1", "nonce": "0x5", "gas": "0x5208", "gasPrice": "0x9", "to": null, "value": "0x7", "input": "0x",
            "r": "0x5", "s": "0x7", "v": "0x25", "hash": B256::ZERO, "from": Address::ZERO,
        });
        json!({"transactions": [dynamic, legacy]})
    }

    #[test]
    fn the_answers_that_are_changed_below_are_read() {
        assert_eq!(receipts(&json!([said_receipt()])).unwrap().len(), 1);
        assert_eq!(transactions(&said_block()).unwrap().len(), 2);
    }

    /// A whole RLP list, after the byte of a type.
    fn is_one_list(mut entry: &[u8]) -> bool {
        if entry.first().is_some_and(|kind| *kind < 0xc0) {
            entry = &entry[1..];
        }
        RlpHeader::decode_bytes(&mut entry, true).is_ok() && entry.is_empty()
    }

    fn any_log() -> impl Strategy<Value = Log> {
        let topics = proptest::collection::vec(any::<[u8; 32]>().prop_map(B256::from), 0..5);
        let data = proptest::collection::vec(any::<u8>(), 0..80);
        (any::<[u8; 20]>(), topics, data)
            .prop_map(|(address, topics, data)| Log::new_unchecked(address.into(), topics, data.into()))
    }

    proptest! {
        #[test]
        fn any_receipts_are_read_or_refused(answer in prop_oneof![fuzz::json(), fuzz::mutants(json!([said_receipt()]))]) {
            match receipts(&answer) {
                Ok(all) => prop_assert!(all.iter().all(|entry| is_one_list(entry)), "{:?}", all),
                Err(said) => prop_assert!(said.contains(": expected "), "{}", said),
            }
        }

        /// What a node says of a receipt is the receipt that alloy, which knows nothing of this file, reads.
        #[test]
        fn receipts_are_encoded_as_alloy_reads_them(
            (kind, status, gas) in (0u8..5, any::<bool>(), any::<u64>()),
            logs in proptest::collection::vec(any_log(), 0..4),
        ) {
            let said: Vec<Value> = logs.iter().map(|log| json!({"address": log.address, "topics": log.topics(), "data": log.data.data})).collect();
            let said = json!({"type": format!("{kind:#x}"), "status": u8::from(status), "cumulativeGasUsed": gas, "logs": said});
            let entry = receipt("it", &said).unwrap();
            let read = ReceiptEnvelope::decode_2718(&mut entry.as_slice()).unwrap();
            prop_assert_eq!((read.tx_type() as u8, read.status(), read.cumulative_gas_used()), (kind, status, gas));
            prop_assert_eq!(read.logs(), logs.as_slice());
            prop_assert_eq!(read.encoded_2718(), entry);
        }

        #[test]
        fn any_transactions_are_read_or_refused(answer in prop_oneof![fuzz::json(), fuzz::mutants(said_block())]) {
            let _ = hashes(&answer);
            for entry in transactions(&answer).unwrap_or_default() {
                let read = TxEnvelope::decode_2718(&mut entry.as_ref()).unwrap();
                prop_assert_eq!(Bytes::from(read.encoded_2718()), entry);
            }
        }
    }
}
