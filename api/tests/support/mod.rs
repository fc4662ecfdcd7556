//! A chain with a made-up `Vouch`: answers what the watcher and the sender ask over JSON-RPC, and counts the questions.
#![allow(dead_code, reason = "each test file uses a part")]

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::sol_types::{SolCall, SolValue};
use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use vouch_api::chain::contracts::{FULFILLED, ModelRegistry, OPEN, Vouch};

/// A request as the contract keeps it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub model: B256,
    pub subject: Address,
    pub as_of: u64,
    pub callback_gas: u32,
    pub target: Address,
    pub deadline: u64,
    pub status: u8,
    pub fee_wei: u128,
    pub inputs: U256,
}

/// What the chain is like now.
#[derive(Debug, Default)]
pub struct Known {
    pub requests: Vec<Asked>,
    /// Unix seconds of the newest block.
    pub now: u64,
    pub gas_price_wei: u128,
    /// What `eth_estimateGas` answers.
    pub gas: u64,
    /// Whether transactions are mined and revert.
    pub reverts: bool,
    /// The class that the registry has a verifier of; a transaction registers the only model.
    pub class: B256,
    /// Whether transactions stay out of blocks.
    pub is_stuck: bool,
    /// Transactions that were sent.
    pub sent: Vec<Bytes>,
    /// Questions, by method; `eth_call` by the function.
    pub asked: BTreeMap<String, u32>,
}

/// The chain. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct FakeChain(Arc<Mutex<Known>>);

impl FakeChain {
    pub fn state(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap()
    }

    /// Questions of one kind so far.
    pub fn asked(&self, method: &str) -> u32 {
        self.state().asked.get(method).copied().unwrap_or_default()
    }

    /// Serves on a free local port and returns the URL.
    pub async fn spawn(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(answer)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }
}

async fn answer(State(chain): State<FakeChain>, Json(request): Json<Value>) -> Json<Value> {
    let mut state = chain.state();
    let single = |state: &mut Known, request: &Value| {
        let method = request["method"].as_str().unwrap();
        json!({"jsonrpc": "2.0", "id": request["id"], "result": call(state, method, &request["params"])})
    };
    Json(match &request {
        Value::Array(batch) => Value::Array(batch.iter().map(|one| single(&mut state, one)).collect()),
        one => single(&mut state, one),
    })
}

fn call(state: &mut Known, method: &str, params: &Value) -> Value {
    let hex = |n: u128| json!(format!("{n:#x}"));
    let mut name = method.to_owned();
    let result = match method {
        "eth_call" => {
            let call = &params[0];
            let data: Bytes = serde_json::from_value(call.get("input").unwrap_or(&call["data"]).clone()).unwrap();
            let (function, result) = view(state, &data);
            name = function.to_owned();
            json!(result)
        }
        "eth_chainId" => hex(31_337),
        "eth_gasPrice" => hex(state.gas_price_wei),
        "eth_maxPriorityFeePerGas" => hex(1),
        "eth_estimateGas" => hex(state.gas.into()),
        "eth_getTransactionCount" if state.is_stuck && params[1] != "pending" => hex(0),
        "eth_getTransactionCount" => hex(state.sent.len() as u128),
        "eth_blockNumber" => hex(7),
        "eth_feeHistory" => json!({
            "oldestBlock": "0x1", "baseFeePerGas": ["0x1", "0x1"], "gasUsedRatio": [0.5], "reward": [["0x1"]],
        }),
        "eth_getBlockByNumber" => {
            let header = alloy::consensus::Header { number: 7, timestamp: state.now, ..Default::default() };
            let header = alloy::consensus::Header { base_fee_per_gas: Some(1), ..header };
            let mut block = serde_json::to_value(alloy::rpc::types::Header::new(header)).unwrap();
            (block["transactions"], block["uncles"]) = (json!([]), json!([]));
            block
        }
        "eth_sendRawTransaction" => {
            let raw: Bytes = serde_json::from_value(params[0].clone()).unwrap();
            let hash = keccak256(&raw);
            state.sent.push(raw);
            json!(hash)
        }
        "eth_getTransactionReceipt" if state.is_stuck => Value::Null,
        "eth_getTransactionReceipt" => {
            let zero = B256::ZERO;
            json!({
                "transactionHash": params[0], "transactionIndex": "0x0", "blockHash": zero, "blockNumber": "0x7",
                "from": Address::ZERO, "to": Address::ZERO, "cumulativeGasUsed": "0x1", "gasUsed": "0x1",
                "effectiveGasPrice": "0x1", "contractAddress": null, "logs": [], "status": if state.reverts { "0x0" } else { "0x1" }, "type": "0x2",
                "logsBloom": Bytes::from(vec![0; 256]),
            })
        }
        other => panic!("the made-up chain was asked {other}"),
    };
    *state.asked.entry(name).or_default() += 1;
    result
}

/// The view functions of `Vouch` and `HistoryRoots`.
fn view(state: &Known, data: &[u8]) -> (&'static str, Bytes) {
    let argument = U256::try_from_be_slice(data.get(4..36).unwrap_or_default()).unwrap_or_default();
    match data[..4].try_into().unwrap() {
        Vouch::requestCountCall::SELECTOR => ("requestCount", U256::from(state.requests.len()).abi_encode().into()),
        Vouch::requestOfCall::SELECTOR => {
            let asked = argument.to::<usize>().checked_sub(1).and_then(|i| state.requests.get(i)).cloned();
            let asked = asked.unwrap_or(Asked { status: 0, ..open(B256::ZERO, 0) });
            let Asked { model, subject, as_of, callback_gas, target, deadline, status, fee_wei, inputs } = asked;
            let (status, fee) = (U256::from(status), U256::from(fee_wei));
            let words = (model, subject, as_of, callback_gas, target, deadline, status, Address::ZERO, fee, inputs);
            ("requestOf", words.abi_encode_params().into())
        }
        ModelRegistry::isRegisteredCall::SELECTOR => ("isRegistered", (!state.sent.is_empty()).abi_encode().into()),
        ModelRegistry::verifierOfCall::SELECTOR => {
            let is_known = data[4..36] == state.class.0;
            let verifier = if is_known { Address::repeat_byte(9) } else { Address::ZERO };
            ("verifierOf", verifier.abi_encode().into())
        }
        // isPosted(uint256), and calls that a transaction makes
        _ => ("isPosted", false.abi_encode().into()),
    }
}

/// An open request about `0x0101…01` with a callback, an hour of time, and no fee.
pub fn open(model: B256, as_of: u64) -> Asked {
    Asked {
        model,
        subject: Address::repeat_byte(1),
        as_of,
        callback_gas: 100_000,
        target: Address::repeat_byte(7),
        deadline: NOW + 3_600,
        status: OPEN,
        fee_wei: 0,
        inputs: U256::ZERO,
    }
}

/// The same, answered.
pub fn closed(model: B256, as_of: u64) -> Asked {
    Asked { status: FULFILLED, ..open(model, as_of) }
}

/// The clock of the chain at the start.
pub const NOW: u64 = 1_700_000_000;
