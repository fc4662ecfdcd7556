//! A node over JSON-RPC: HTTP, WebSocket or IPC, with retries, back-off and typed errors.
//!
//! Answers are returned as they came; [`crate::headers`] and [`crate::proofs`] check them.

use crate::config::Retry;
use crate::error::IndexError;
use crate::headers::CheckedHeader;
use alloy::primitives::{Address, B256, U64};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::types::{EIP1186AccountProofResponse, Header};
use alloy::transports::{RpcError, TransportErrorKind};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
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
}

/// A connected node.
#[derive(Clone, Debug)]
pub struct Node {
    provider: DynProvider,
    label: String,
    retry: Retry,
}

impl Node {
    /// Connects to `rpc`. HTTP connects with the first request; WebSocket and IPC connect here.
    ///
    /// # Errors
    /// [`NodeError::Unreachable`] if the socket cannot be opened in `retry.tries` attempts.
    pub async fn connect(rpc: &str, retry: Retry) -> Result<Self, NodeError> {
        let label = label(rpc);
        let mut delay = retry.first_delay;
        let mut last = String::new();
        for _ in 0..retry.tries.max(1) {
            match ProviderBuilder::new().disable_recommended_fillers().connect(rpc).await {
                Ok(provider) => return Ok(Self { provider: provider.erased(), label, retry }),
                Err(e) => last = first_line(&e.to_string()),
            }
            tokio::time::sleep(delay).await;
            delay = (delay * 2).min(retry.max_delay);
        }
        Err(NodeError::Unreachable { node: label, method: "connect", tries: retry.tries.max(1), last })
    }

    /// The alloy provider, for contract calls of higher crates.
    pub fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// The address without credentials and path, for messages.
    pub fn label(&self) -> &str {
        &self.label
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
    /// [`IndexError::HashMismatch`], [`IndexError::NumberMismatch`] if the answer is a lie.
    pub async fn header(&self, number: u64) -> Result<Option<CheckedHeader>, IndexError> {
        let params = (U64::from(number), false);
        let answer: Option<Header> = self.call("eth_getBlockByNumber", params).await?;
        answer.map(|h| CheckedHeader::check(number, h.hash, h.inner)).transpose()
    }

    /// `eth_getProof` as the node gave it; not checked here.
    pub async fn proof(
        &self,
        number: u64,
        address: Address,
        slots: &[B256],
    ) -> Result<EIP1186AccountProofResponse, NodeError> {
        match self.call("eth_getProof", (address, slots, U64::from(number))).await {
            Err(NodeError::Refused { node, message, .. }) if speaks_of_missing_state(&message) => {
                Err(NodeError::MissingState { node, number, message })
            }
            other => other,
        }
    }

    async fn call<R: DeserializeOwned>(&self, method: &'static str, params: impl Serialize) -> Result<R, NodeError> {
        let malformed = |detail: String| NodeError::Malformed { node: self.label.clone(), method, detail };
        let params = serde_json::value::to_raw_value(&params).map_err(|e| malformed(e.to_string()))?;
        let answer = self.repeat(method, &params).await?;
        serde_json::from_str(answer.get()).map_err(|e| malformed(e.to_string()))
    }

    async fn repeat(&self, method: &'static str, params: &RawValue) -> Result<Box<RawValue>, NodeError> {
        let tries = self.retry.tries.max(1);
        let mut delay = self.retry.first_delay;
        let mut last = String::new();
        for attempt in 1..=tries {
            let request = self.provider.raw_request_dyn(method.into(), params);
            last = match tokio::time::timeout(self.retry.timeout, request).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(e)) => self.worth_repeating(method, e)?,
                Err(_) => format!("no answer in {} s", self.retry.timeout.as_secs_f32()),
            };
            if attempt < tries {
                tracing::debug!(method, attempt, %last, "node did not answer, waiting");
                tokio::time::sleep(delay).await;
                delay = (delay * 2).min(self.retry.max_delay);
            }
        }
        Err(NodeError::Unreachable { node: self.label.clone(), method, tries, last })
    }

    /// The failure as text if another attempt may help, else the error to return.
    fn worth_repeating(&self, method: &'static str, e: RpcError<TransportErrorKind>) -> Result<String, NodeError> {
        let node = self.label.clone();
        match e {
            RpcError::ErrorResp(p) if is_overload(p.code, &p.message) => Ok(first_line(&p.message)),
            RpcError::ErrorResp(p) => {
                Err(NodeError::Refused { node, method, code: p.code, message: first_line(&p.message) })
            }
            RpcError::Transport(kind) => match kind.as_http_error() {
                Some(http) if (400..500).contains(&http.status) && ![408, 429].contains(&http.status) => {
                    let message = format!("http status {}", http.status);
                    Err(NodeError::Refused { node, method, code: i64::from(http.status), message })
                }
                _ => Ok(first_line(&kind.to_string())),
            },
            RpcError::DeserError { err, .. } => {
                Err(NodeError::Malformed { node, method, detail: first_line(&err.to_string()) })
            }
            other => Ok(first_line(&other.to_string())),
        }
    }
}

/// JSON-RPC codes and words for "too many requests, come back later".
fn is_overload(code: i64, message: &str) -> bool {
    let message = message.to_lowercase();
    code == -32005 || code == 429 || message.contains("rate limit") || message.contains("too many requests")
}

/// What geth, reth, nethermind, besu, erigon and anvil say when the state of an old block is gone.
fn speaks_of_missing_state(message: &str) -> bool {
    const SIGNS: [&str; 9] = [
        "missing trie node",
        "state is not available",
        "state not available",
        "state is pruned",
        "state at block",
        "no state available",
        "historical state",
        "world state unavailable",
        "distance to target block exceeds",
    ];
    let message = message.to_lowercase();
    SIGNS.iter().any(|sign| message.contains(sign))
}

/// Scheme and host of a URL: user, password, path and query may hold keys.
fn label(rpc: &str) -> String {
    match rpc.split_once("://") {
        None => rpc.to_owned(),
        Some((scheme, rest)) => {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            format!("{scheme}://{}", host.rsplit('@').next().unwrap_or_default())
        }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_hides_credentials_and_keys() {
        assert_eq!(label("https://user:pw@eth.example:8545/v3/secret?k=1"), "https://eth.example:8545");
        assert_eq!(label("ws://localhost:8546"), "ws://localhost:8546");
        assert_eq!(label("/run/geth.ipc"), "/run/geth.ipc");
    }

    #[test]
    fn missing_state_is_told_from_other_refusals() {
        assert!(speaks_of_missing_state("missing trie node 12ab (path )"));
        assert!(speaks_of_missing_state("distance to target block exceeds maximum proof window"));
        assert!(!speaks_of_missing_state("method not found"));
    }

    #[tokio::test]
    async fn silent_node_is_unreachable_after_every_attempt() {
        let retry = Retry { tries: 3, first_delay: std::time::Duration::from_millis(1), ..Retry::default() };
        let node = Node::connect("http://127.0.0.1:9", retry).await.unwrap();
        let error = node.head().await.unwrap_err();
        assert!(matches!(error, NodeError::Unreachable { tries: 3, .. }), "{error}");
    }
}
