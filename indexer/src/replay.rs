//! A JSON-RPC server over recorded or made-up chains, so that recorded data takes the same path as a live node.
//!
//! It answers `eth_chainId`, `eth_blockNumber`, `eth_getBlockByNumber`, `eth_getProof`, `eth_getLogs` (none), and requests for receipts and
//! transactions, and nothing it was not given. The chain behind it can change while it runs: tests reorganise it and damage its answers.

use alloy::consensus::{Header as ConsensusHeader, ReceiptEnvelope, TxEnvelope, TxReceipt};
use alloy::eips::eip2718::Decodable2718;
use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::rlp::Decodable;
use alloy::rpc::types::{EIP1186AccountProofResponse, Header};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use thiserror::Error;
use tokio::net::TcpListener;

/// Why a recording cannot be served.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The file cannot be read.
    #[error("recording {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a recording.
    #[error("recording {path} does not parse: {detail}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where parsing stopped.
        detail: String,
    },
}

/// The chain that is served.
#[derive(Debug, Default)]
pub struct Chain {
    /// `eth_chainId`.
    pub chain_id: u64,
    /// Headers by number, as they will be sent.
    pub headers: BTreeMap<u64, Header>,
    /// Proofs by block and account; a request gets the part of it that it asks for.
    pub proofs: HashMap<(u64, Address), EIP1186AccountProofResponse>,
    /// The next requests that are answered with HTTP 503.
    pub outage_requests: u32,
    /// When set, `eth_getProof` is refused with this message.
    pub refuse_proofs: Option<String>,
    /// Receipts of a block, as they are sent; each has a `transactionHash`.
    pub receipts: HashMap<u64, Vec<Value>>,
    /// Transactions of a block, encoded.
    pub transactions: HashMap<u64, Vec<Bytes>>,
    /// Hashes of a block's transactions, where neither receipts nor transactions tell.
    pub hashes: HashMap<u64, Vec<Value>>,
    /// Whole transactions are sent in a form that nobody knows.
    pub unknown_forms: bool,
    /// Batches are refused, as some nodes do.
    pub refuse_batches: bool,
    /// Methods that are refused as if the node did not have them.
    pub refuse_methods: BTreeSet<&'static str>,
    /// Requests answered so far.
    pub requests: u64,
}

impl Chain {
    /// Adds a header under its own number and hash.
    pub fn push(&mut self, header: ConsensusHeader) {
        self.headers.insert(header.number, Header::new(header));
    }

    /// Gives block `number` these receipts (as they stand in the trie), under made-up transaction hashes. What is no receipt is left out.
    pub fn put_receipts(&mut self, number: u64, entries: &[Bytes]) {
        let answers = entries.iter().enumerate().filter_map(|(index, entry)| receipt_answer(number, index, entry));
        self.receipts.insert(number, answers.collect());
    }

    /// Removes the blocks above `number`.
    pub fn truncate(&mut self, number: u64) {
        self.headers.retain(|n, _| *n <= number);
    }
}

/// A recording: `eth_getProof` answers of one block with its header.
#[derive(Deserialize)]
struct Recording {
    header_rlp: Bytes,
    proofs: Vec<EIP1186AccountProofResponse>,
}

/// A served chain. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    chain: Arc<Mutex<Chain>>,
}

impl Replay {
    /// An empty chain.
    pub fn new(chain_id: u64) -> Self {
        Self { chain: Arc::new(Mutex::new(Chain { chain_id, ..Chain::default() })) }
    }

    /// The chain, to read or to change.
    pub fn chain(&self) -> MutexGuard<'_, Chain> {
        self.chain.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Adds a recorded block: a JSON object with `header_rlp` and `proofs`.
    ///
    /// Returns its number.
    pub fn add_recording(&self, path: &Path) -> Result<u64, ReplayError> {
        let parse = |detail: String| ReplayError::Parse { path: path.to_path_buf(), detail };
        let text = std::fs::read(path).map_err(|source| ReplayError::Read { path: path.to_path_buf(), source })?;
        let recording: Recording = serde_json::from_slice(&text).map_err(|e| parse(e.to_string()))?;
        let header = ConsensusHeader::decode(&mut recording.header_rlp.as_ref()).map_err(|e| parse(e.to_string()))?;
        let number = header.number;
        let mut chain = self.chain();
        chain.push(header);
        for proof in recording.proofs {
            chain.proofs.insert((number, proof.address), proof);
        }
        Ok(number)
    }

    /// Serves until the task is dropped.
    ///
    /// # Errors
    /// Those of the listener.
    pub async fn serve(self, listener: TcpListener) -> std::io::Result<()> {
        axum::serve(listener, Router::new().route("/", post(answer)).with_state(self)).await
    }

    /// Serves on a free local port in a background task and returns the URL.
    ///
    /// # Errors
    /// Those of the listener.
    pub async fn spawn(&self) -> std::io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(self.clone().serve(listener));
        Ok(url)
    }
}

async fn answer(State(replay): State<Replay>, Json(request): Json<Value>) -> Response {
    let mut chain = replay.chain();
    chain.requests += 1;
    if chain.outage_requests > 0 {
        chain.outage_requests -= 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let single = |request: &Value| {
        let id = request.get("id").cloned().unwrap_or(Value::Null);
        let method = request.get("method").and_then(Value::as_str).unwrap_or_default();
        match call(&chain, method, request.get("params").unwrap_or(&Value::Null)) {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err((code, message)) => {
                json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
            }
        }
    };
    Json(match &request {
        Value::Array(_) if chain.refuse_batches => {
            json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "batches are not supported"}})
        }
        Value::Array(batch) => Value::Array(batch.iter().map(single).collect()),
        one => single(one),
    })
    .into_response()
}

type Refusal = (i64, String);

fn call(chain: &Chain, method: &str, params: &Value) -> Result<Value, Refusal> {
    if chain.refuse_methods.contains(method) {
        return Err((-32601, format!("the method {method} does not exist")));
    }
    match method {
        "eth_chainId" => Ok(json!(format!("{:#x}", chain.chain_id))),
        "eth_blockNumber" => Ok(json!(format!("{:#x}", head(chain)))),
        "eth_getBlockByNumber" => {
            let number = block_number(chain, &params[0])?;
            let Some(header) = number.and_then(|number| chain.headers.get(&number)) else { return Ok(Value::Null) };
            let mut block = serde_json::to_value(header).map_err(|e| (-32603, e.to_string()))?;
            block["transactions"] = json!(listed(chain, header.inner.number, params[1] == true)?);
            block["uncles"] = json!([]);
            Ok(block)
        }
        "eth_getProof" => proof(chain, params),
        "eth_getBlockReceipts" => {
            let number = block_number(chain, &params[0])?;
            Ok(number.and_then(|number| chain.receipts.get(&number)).map_or(Value::Null, |receipts| json!(receipts)))
        }
        "eth_getTransactionReceipt" => {
            let found = chain.receipts.values().flatten().find(|receipt| receipt["transactionHash"] == params[0]);
            Ok(found.cloned().unwrap_or_default())
        }
        "eth_getRawTransactionByBlockNumberAndIndex" => {
            let number = block_number(chain, &params[0])?.unwrap_or_default();
            let index = block_number(chain, &params[1])?.and_then(|index| usize::try_from(index).ok());
            let found = chain.transactions.get(&number).zip(index).and_then(|(all, index)| all.get(index));
            Ok(json!(found))
        }
        "eth_getLogs" => Ok(json!([])),
        other => Err((-32601, format!("replay: method {other} is not recorded"))),
    }
}

/// A block's transactions: their hashes, or they themselves.
fn listed(chain: &Chain, number: u64, is_full: bool) -> Result<Vec<Value>, Refusal> {
    let Some(transactions) = chain.transactions.get(&number) else {
        if let Some(hashes) = chain.hashes.get(&number) {
            return Ok(hashes.clone());
        }
        let receipts = chain.receipts.get(&number).into_iter().flatten();
        return Ok(receipts.map(|receipt| receipt["transactionHash"].clone()).collect());
    };
    let invalid = |e: String| (-32603, format!("replay: transaction of block {number}: {e}"));
    let one = |entry: &Bytes| {
        let read = TxEnvelope::decode_2718(&mut entry.as_ref()).map_err(|e| invalid(e.to_string()))?;
        if !is_full {
            return Ok(json!(read.tx_hash()));
        }
        serde_json::to_value(&read)
            .map(|mut full| {
                full["from"] = json!(Address::ZERO);
                if chain.unknown_forms {
                    full["type"] = json!("0x7b");
                }
                full
            })
            .map_err(|e| invalid(e.to_string()))
    };
    transactions.iter().map(one).collect()
}

/// What a node says of a receipt.
fn receipt_answer(number: u64, index: usize, entry: &Bytes) -> Option<Value> {
    let receipt = ReceiptEnvelope::decode_2718(&mut entry.as_ref()).ok()?;
    let logs: Vec<Value> = receipt
        .logs()
        .iter()
        .map(|log| json!({"address": log.address, "topics": log.topics(), "data": log.data.data, "removed": false}))
        .collect();
    Some(json!({
        "type": format!("{:#x}", receipt.tx_type() as u8),
        "status": format!("{:#x}", u8::from(receipt.status())),
        "cumulativeGasUsed": format!("{:#x}", receipt.cumulative_gas_used()),
        "logs": logs,
        "logsBloom": receipt.bloom(),
        "transactionHash": keccak256([number.to_be_bytes(), (index as u64).to_be_bytes()].concat()),
        "transactionIndex": format!("{index:#x}"),
        "blockNumber": format!("{number:#x}"),
    }))
}

fn head(chain: &Chain) -> u64 {
    chain.headers.last_key_value().map_or(0, |(number, _)| *number)
}

fn block_number(chain: &Chain, param: &Value) -> Result<Option<u64>, Refusal> {
    match param.as_str().unwrap_or_default() {
        "latest" | "pending" => Ok(Some(head(chain))),
        "finalized" | "safe" => Ok(None),
        "earliest" => Ok(chain.headers.first_key_value().map(|(number, _)| *number)),
        hex => {
            let digits = hex.strip_prefix("0x").unwrap_or(hex);
            u64::from_str_radix(digits, 16).map(Some).map_err(|e| (-32602, format!("replay: block {hex}: {e}")))
        }
    }
}

fn proof(chain: &Chain, params: &Value) -> Result<Value, Refusal> {
    if let Some(message) = &chain.refuse_proofs {
        return Err((-32000, message.clone()));
    }
    let invalid = |e: serde_json::Error| (-32602, format!("replay: {e}"));
    let address = Address::deserialize(&params[0]).map_err(invalid)?;
    let slots = Vec::<B256>::deserialize(&params[1]).map_err(invalid)?;
    let number = block_number(chain, &params[2])?.unwrap_or_default();
    let recorded = chain
        .proofs
        .get(&(number, address))
        .ok_or_else(|| (-32000, format!("replay: account {address} at block {number} is not recorded")))?;
    let mut answer = recorded.clone();
    answer.storage_proof = slots
        .iter()
        .map(|slot| {
            let found = recorded.storage_proof.iter().find(|p| p.key.as_b256() == *slot);
            found.cloned().ok_or_else(|| (-32000, format!("replay: slot {slot} of {address} is not recorded")))
        })
        .collect::<Result<_, _>>()?;
    serde_json::to_value(answer).map_err(|e| (-32603, e.to_string()))
}
