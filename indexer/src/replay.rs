//! A JSON-RPC server over recorded or made-up chains, so that recorded data takes the same path as a live node.
//!
//! It answers `eth_chainId`, `eth_blockNumber`, `eth_getBlockByNumber`, `eth_getProof` and `eth_getLogs` (none), and
//! nothing it was not given. The chain behind it can change while it runs: tests reorganise it and damage its answers.

use alloy::consensus::Header as ConsensusHeader;
use alloy::primitives::{Address, B256, Bytes};
use alloy::rlp::Decodable;
use alloy::rpc::types::{EIP1186AccountProofResponse, Header};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
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
    /// Requests answered so far.
    pub requests: u64,
}

impl Chain {
    /// Adds a header under its own number and hash.
    pub fn push(&mut self, header: ConsensusHeader) {
        self.headers.insert(header.number, Header::new(header));
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
        Value::Array(batch) => Value::Array(batch.iter().map(single).collect()),
        one => single(one),
    })
    .into_response()
}

type Refusal = (i64, String);

fn call(chain: &Chain, method: &str, params: &Value) -> Result<Value, Refusal> {
    match method {
        "eth_chainId" => Ok(json!(format!("{:#x}", chain.chain_id))),
        "eth_blockNumber" => Ok(json!(format!("{:#x}", head(chain)))),
        "eth_getBlockByNumber" => {
            let header = block_number(chain, &params[0])?.and_then(|number| chain.headers.get(&number));
            let Some(header) = header else { return Ok(Value::Null) };
            let mut block = serde_json::to_value(header).map_err(|e| (-32603, e.to_string()))?;
            block["transactions"] = json!([]);
            block["uncles"] = json!([]);
            Ok(block)
        }
        "eth_getProof" => proof(chain, params),
        "eth_getLogs" => Ok(json!([])),
        other => Err((-32601, format!("replay: method {other} is not recorded"))),
    }
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
