//! A node over JSON-RPC: HTTP, WebSocket or IPC, with typed errors; retries and fail-over are in `endpoints`.
//!
//! Headers and state proofs are checked as they come, by [`crate::headers`] and [`crate::proofs`]: an endpoint whose answer is not true is
//! passed over for the next one.

use crate::answer;
use crate::config::Retry;
use crate::endpoints::{Endpoints, Unfit};
use crate::error::IndexError;
use crate::headers::CheckedHeader;
use crate::proofs;
use crate::store::{AccountProof, SlotProof};
use crate::together::Part;
use alloy::primitives::{Address, B256, U64};
use alloy::providers::DynProvider;
use alloy::rpc::types::{EIP1186AccountProofResponse, Header};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt::Display;
use thiserror::Error;

/// Why a node gave no usable answer.
#[derive(Debug, Error)]
pub enum NodeError {
    /// No answer after every attempt. Recoverable: start the node, or give the right address.
    #[error("node {node} does not answer {method} after {tries} attempts: {last}")]
    Unreachable {
        /// Address without credentials.
        node: String,
        /// JSON-RPC method.
        method: &'static str,
        /// Attempts made.
        tries: u32,
        /// The last failure.
        last: String,
    },
    /// The node has the block but no longer its state. Recoverable: ask an archive node.
    #[error("node {node} has no state for block {number} (pruned; an archive node is needed): {message}")]
    MissingState {
        /// Address without credentials.
        node: String,
        /// Block asked for.
        number: u64,
        /// What the node said.
        message: String,
    },
    /// The node answered with an error.
    #[error("node {node} refused {method}: code {code}, {message}")]
    Refused {
        /// Address without credentials.
        node: String,
        /// JSON-RPC method.
        method: &'static str,
        /// JSON-RPC error code.
        code: i64,
        /// What the node said.
        message: String,
    },
    /// The endpoint is of another chain than the first that answered. Not recoverable: correct the list.
    #[error("node {node} is on chain {got}, the others on chain {expected}")]
    OtherChain {
        /// Address without credentials.
        node: String,
        /// Chain of the first endpoint that answered.
        expected: u64,
        /// Chain of this one.
        got: u64,
    },
    /// The answer does not have the form the method prescribes. Not recoverable: change the node.
    #[error("node {node} answered {method} in a form that does not parse: {detail}")]
    Malformed {
        /// Address without credentials.
        node: String,
        /// JSON-RPC method.
        method: &'static str,
        /// Where parsing stopped.
        detail: String,
    },
    /// The receipts or transactions are not those that the block's header commits to. Recoverable when the answer raced with a reorg:
    /// ask again; a node that keeps saying so lies, or has lost the block.
    #[error("node {node} answered {method} of block {number} with what is not the block's: {detail}")]
    NotOfBlock {
        /// Address without credentials.
        node: String,
        /// JSON-RPC method.
        method: &'static str,
        /// Block asked for.
        number: u64,
        /// What does not fit.
        detail: String,
    },
}

/// A connected node, or several of one chain.
#[derive(Clone, Debug)]
pub struct Node {
    provider: DynProvider,
    endpoints: Endpoints,
}

impl Node {
    /// Connects to `rpc`: one address, or several of one chain with commas between, in the order of preference. HTTP connects with the
    /// first request; WebSocket and IPC connect here, or when they are first needed.
    ///
    /// # Errors
    /// [`NodeError::Unreachable`] if no socket can be opened in `retry.tries` attempts.
    pub async fn connect(rpc: &str, retry: Retry) -> Result<Self, NodeError> {
        let endpoints = Endpoints::new(rpc, retry);
        Ok(Self { provider: endpoints.connect().await?, endpoints })
    }

    /// The alloy provider of the first endpoint, for contract calls of higher crates; it does not fail over.
    pub fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// The address without credentials and path, for messages.
    pub fn label(&self) -> &str {
        self.endpoints.label()
    }

    /// `eth_chainId`.
    pub async fn chain_id(&self) -> Result<u64, NodeError> {
        Ok(self.call::<U64>("eth_chainId", [(); 0]).await?.to())
    }

    /// `eth_blockNumber`.
    pub async fn head(&self) -> Result<u64, NodeError> {
        Ok(self.call::<U64>("eth_blockNumber", [(); 0]).await?.to())
    }

    /// Number of the block with the `finalized` tag; `None` if the node has none.
    pub async fn finalized(&self) -> Result<Option<u64>, NodeError> {
        match self.call::<Option<Header>>("eth_getBlockByNumber", ("finalized", false)).await {
            Ok(header) => Ok(header.map(|h| h.inner.number)),
            Err(NodeError::Refused { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Block `number`, its header hashed here; `None` if the node has no such block.
    ///
    /// # Errors
    /// [`IndexError::HashMismatch`], [`IndexError::NumberMismatch`] if no endpoint's answer is true.
    pub async fn header(&self, number: u64) -> Result<Option<CheckedHeader>, IndexError> {
        let read = |reply: &RawValue| read_header(number, reply);
        self.request("eth_getBlockByNumber", (U64::from(number), false), read, |error| error).await
    }

    /// Block `number`, which has `hash`: endpoints of another opinion are passed over.
    ///
    /// # Errors
    /// [`IndexError::OtherBlock`] if no endpoint has it.
    pub async fn header_of(&self, number: u64, hash: B256) -> Result<CheckedHeader, IndexError> {
        let read = |reply: &RawValue| {
            let header = read_header(number, reply)?;
            let got = header.as_ref().map(CheckedHeader::hash);
            let other = Unfit::Untrue(IndexError::OtherBlock { number, expected: hash, got });
            header.filter(|header| header.hash() == hash).ok_or(other)
        };
        self.request("eth_getBlockByNumber", (U64::from(number), false), read, |error| error).await
    }

    /// `eth_getProof` in any client's form ([`answer::read`]); not checked here, as [`Node::proven`] is.
    ///
    /// # Errors
    /// [`NodeError::MissingState`] if no endpoint has the state of that block any more.
    pub async fn proof(
        &self,
        number: u64,
        address: Address,
        slots: &[B256],
    ) -> Result<EIP1186AccountProofResponse, NodeError> {
        let read = |reply: &RawValue| read_proof(address, reply);
        self.request("eth_getProof", (address, slots, U64::from(number)), read, missing_state(number)).await
    }

    /// An account and slots of block `number`, proven under its state root `root`.
    ///
    /// # Errors
    /// [`IndexError::Proof`] if no endpoint's answer is true, [`NodeError::MissingState`] if none has the state any more.
    pub async fn proven(
        &self,
        number: u64,
        root: B256,
        address: Address,
        slots: &[B256],
    ) -> Result<(AccountProof, Vec<SlotProof>), IndexError> {
        let read = |reply: &RawValue| {
            let answer = read_proof(address, reply)?;
            proofs::check(number, root, address, slots, &answer).map_err(|e| Unfit::Untrue(e.into()))
        };
        self.request("eth_getProof", (address, slots, U64::from(number)), read, missing_state(number)).await
    }

    /// As [`Node::proven`], many in one message to one endpoint; `None` where it does not answer, or not truly: ask that by itself.
    pub(crate) async fn proven_together(&self, asked: &[Part]) -> Vec<Option<(AccountProof, Vec<SlotProof>)>> {
        let mut params = Vec::new();
        for part in asked {
            match serde_json::value::to_raw_value(&(part.address, &part.slots, U64::from(part.number))) {
                Ok(raw) => params.push(raw),
                Err(_) => return vec![None; asked.len()],
            }
        }
        let replies = self.endpoints.batch("eth_getProof", &params).await;
        let check = |(part, reply): (&Part, Option<Box<RawValue>>)| {
            let answer = read_proof::<IndexError>(part.address, &reply?).ok()?;
            proofs::check(part.number, part.root, part.address, &part.slots, &answer).ok()
        };
        asked.iter().zip(replies).map(check).collect()
    }

    /// A request about the entries of block `number`; whatever `read` refuses is not the block's.
    pub(crate) async fn entry_call<R>(
        &self,
        method: &'static str,
        number: u64,
        params: impl Serialize,
        read: impl Fn(&Value) -> Result<R, String>,
    ) -> Result<R, NodeError> {
        let read = |reply: &RawValue| {
            let value = serde_json::from_str(reply.get()).map_err(|e| e.to_string());
            value.and_then(|value| read(&value)).map_err(Unfit::Form)
        };
        let meaning = |error| match error {
            NodeError::Malformed { node, method, detail } => NodeError::NotOfBlock { node, method, number, detail },
            other => other,
        };
        self.request(method, params, read, meaning).await
    }

    async fn call<R: DeserializeOwned>(&self, method: &'static str, params: impl Serialize) -> Result<R, NodeError> {
        self.request(method, params, form, |error| error).await
    }

    async fn request<R, E: From<NodeError> + Display>(
        &self,
        method: &'static str,
        params: impl Serialize,
        read: impl Fn(&RawValue) -> Result<R, Unfit<E>>,
        meaning: impl Fn(NodeError) -> NodeError,
    ) -> Result<R, E> {
        let params = serde_json::value::to_raw_value(&params).map_err(|e| NodeError::Malformed {
            node: self.label().into(),
            method,
            detail: e.to_string(),
        })?;
        self.endpoints.call(method, &params, read, meaning).await
    }
}

/// A reply as JSON says it.
fn form<R: DeserializeOwned, E>(reply: &RawValue) -> Result<R, Unfit<E>> {
    serde_json::from_str(reply.get()).map_err(|e| Unfit::Form(e.to_string()))
}

fn read_header(number: u64, reply: &RawValue) -> Result<Option<CheckedHeader>, Unfit<IndexError>> {
    let header: Option<Header> = form(reply)?;
    header.map(|h| CheckedHeader::check(number, h.hash, h.inner)).transpose().map_err(Unfit::Untrue)
}

fn read_proof<E>(asked: Address, reply: &RawValue) -> Result<EIP1186AccountProofResponse, Unfit<E>> {
    answer::read(asked, &form(reply)?).map_err(Unfit::Form)
}

/// Tells a pruned node from one that refuses.
fn missing_state(number: u64) -> impl Fn(NodeError) -> NodeError {
    move |error| match error {
        NodeError::Refused { node, message, .. } if speaks_of_missing_state(&message) => {
            NodeError::MissingState { node, number, message }
        }
        other => other,
    }
}

/// What geth, reth, nethermind, besu, erigon, anvil and ethereumjs say when the state of an old block is gone.
fn speaks_of_missing_state(message: &str) -> bool {
    const SIGNS: [&str; 17] = [
        "missing trie node",
        "state is not available",
        "state not available",
        "state is pruned",
        "state at block",
        "no state available",
        "historical state",
        "state histories haven't been fully indexed",
        "world state unavailable",
        "distance to target block exceeds",
        "old data not available due to pruning",
        "requested block is too old",
        "only available for the 'latest' block",
        "state root does not exist",
        "state root not found",
        "block is pruned",
        "pruned history",
    ];
    let message = message.to_lowercase();
    SIGNS.iter().any(|sign| message.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_state_is_told_from_other_refusals() {
        for message in [
            "missing trie node 12ab (path ) state 0x12ab is not available",
            "historical state 0x12ab is not available",
            "required historical state unavailable (reexec=128)",
            "distance to target block exceeds maximum proof window",
            "state at block #100 is pruned",
            "requested block is too old, block must be within 100000 blocks of the head block number (currently 9)",
            "proofs are only available for the 'latest' block",
            "No state available for block 0x64",
            "World state unavailable",
            "State root does not exist",
        ] {
            assert!(speaks_of_missing_state(message), "{message}");
        }
        for message in ["method not found", "header not found", "execution reverted", "block not found"] {
            assert!(!speaks_of_missing_state(message), "{message}");
        }
    }

    #[tokio::test]
    async fn silent_node_is_unreachable_after_every_attempt() {
        let retry = Retry { tries: 3, first_delay: std::time::Duration::from_millis(1), ..Retry::default() };
        let node = Node::connect("http://127.0.0.1:9", retry).await.unwrap();
        let error = node.head().await.unwrap_err();
        assert!(matches!(error, NodeError::Unreachable { tries: 3, .. }), "{error}");
    }
}
