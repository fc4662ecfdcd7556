//! Several nodes of one chain as one: each request goes to the preferred one, and to the next when that fails.
//!
//! A round asks every endpoint once; between rounds the wait doubles. An endpoint that is down stops being preferred; one that refuses
//! (pruned, method off), or whose answer is not true, is passed over for that request only. With more than one, each must be on the chain
//! of the first that answered.

use crate::config::Retry;
use crate::node::NodeError;
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::client::BatchRequest;
use alloy::transports::{RpcError, TransportErrorKind};
use futures::future::BoxFuture;
use serde_json::value::RawValue;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use tokio::sync::{OnceCell, Semaphore};

/// One endpoint; connected at its first request.
#[derive(Debug)]
struct Endpoint {
    rpc: String,
    label: String,
    provider: OnceCell<DynProvider>,
    is_of_this_chain: OnceCell<()>,
    /// Batches in a row that got no answer at all, or were not sent for that reason.
    failed_batches: AtomicU32,
}

/// Batches without an answer after which an endpoint is sent only one of [`RETRIED_BATCH`]: it may have been down for a while.
const MOST_FAILED_BATCHES: u32 = 3;
const RETRIED_BATCH: u32 = 8;

/// The endpoints of one chain. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    all: Arc<[Endpoint]>,
    preferred: Arc<AtomicUsize>,
    chain_id: Arc<OnceCell<u64>>,
    slots: Arc<Semaphore>,
    retry: Retry,
}

/// Why a reply is no answer.
pub(crate) enum Unfit<E> {
    /// It does not have the form of one: what was expected, and what came.
    Form(String),
    /// It has, and says what is not so.
    Untrue(E),
}

/// Why one attempt gave nothing.
enum Failure {
    /// Another attempt may help.
    Passing(String),
    /// The endpoint means it.
    Final(NodeError),
}

impl Endpoints {
    /// The endpoints of a comma list.
    pub(crate) fn new(rpc: &str, retry: Retry) -> Self {
        let endpoint = |rpc: &str| Endpoint {
            rpc: rpc.into(),
            label: label(rpc),
            provider: OnceCell::new(),
            is_of_this_chain: OnceCell::new(),
            failed_batches: AtomicU32::new(0),
        };
        let names: Vec<&str> = rpc.split(',').map(str::trim).filter(|rpc| !rpc.is_empty()).collect();
        let names = if names.is_empty() { vec![rpc] } else { names };
        Self {
            all: names.into_iter().map(endpoint).collect(),
            preferred: Arc::default(),
            chain_id: Arc::default(),
            slots: Arc::new(Semaphore::new(retry.parallel_requests.clamp(1, Semaphore::MAX_PERMITS))),
            retry,
        }
    }

    /// The preferred endpoint's address without credentials and path.
    pub(crate) fn label(&self) -> &str {
        &self.all[self.preferred.load(Ordering::Relaxed) % self.all.len()].label
    }

    /// Connects to the first endpoint that can be connected to and prefers it.
    ///
    /// # Errors
    /// [`NodeError::Unreachable`] after every attempt.
    pub(crate) async fn connect(&self) -> Result<DynProvider, NodeError> {
        let mut delay = self.retry.first_delay;
        let mut last = String::new();
        let tries = self.retry.tries.max(1);
        for _ in 0..tries {
            for (i, endpoint) in self.all.iter().enumerate() {
                match endpoint.provider().await {
                    Ok(provider) => {
                        self.preferred.store(i, Ordering::Relaxed);
                        return Ok(provider.clone());
                    }
                    Err(error) => last = error,
                }
            }
            tokio::time::sleep(delay).await;
            delay = (delay * 2).min(self.retry.max_delay);
        }
        Err(NodeError::Unreachable { node: self.label().into(), method: "connect", tries, last })
    }

    /// The answer to `method`, made of the first reply that `read` takes.
    ///
    /// # Errors
    /// What the first endpoint that answered said for good ([`NodeError::Refused`], [`NodeError::Malformed`], what `read` refuses), else
    /// [`NodeError::Unreachable`] after every round.
    pub(crate) async fn call<R, E: From<NodeError> + Display>(
        &self,
        method: &'static str,
        params: &RawValue,
        read: impl Fn(&RawValue) -> Result<R, Unfit<E>>,
        meaning: impl Fn(NodeError) -> NodeError,
    ) -> Result<R, E> {
        let tries = self.retry.tries.max(1);
        let mut delay = self.retry.first_delay;
        let mut last = String::new();
        let mut refusal: Option<E> = None;
        for attempt in 1..=tries {
            let first = self.preferred.load(Ordering::Relaxed);
            let mut is_down = false;
            for i in (0..self.all.len()).map(|i| (first + i) % self.all.len()) {
                let endpoint = &self.all[i];
                let failure = match self.attempt(endpoint, method, params).await {
                    Ok(reply) => match read(&reply) {
                        Ok(answer) => {
                            if is_down {
                                self.preferred.store(i, Ordering::Relaxed);
                            }
                            return Ok(answer);
                        }
                        Err(Unfit::Form(detail)) => {
                            Failure::Final(NodeError::Malformed { node: endpoint.label.clone(), method, detail })
                        }
                        Err(Unfit::Untrue(error)) => {
                            tracing::warn!(method, node = endpoint.label, %error, "node is not believed");
                            refusal.get_or_insert(error);
                            continue;
                        }
                    },
                    Err(failure) => failure,
                };
                match failure {
                    Failure::Passing(text) => {
                        tracing::debug!(method, attempt, node = endpoint.label, %text, "node did not answer");
                        is_down = true;
                        last = text;
                    }
                    Failure::Final(error) => {
                        refusal.get_or_insert_with(|| meaning(error).into());
                    }
                }
            }
            if !is_down && let Some(error) = refusal {
                return Err(error);
            }
            if attempt < tries {
                tokio::time::sleep(delay).await;
                delay = (delay * 2).min(self.retry.max_delay);
            }
        }
        Err(refusal.unwrap_or_else(|| NodeError::Unreachable { node: self.label().into(), method, tries, last }.into()))
    }

    /// Replies to requests of one method, sent as one message to the preferred endpoint; `None` where it gave none. Nothing is tried again
    /// and no other endpoint asked: what is missing is left to [`Endpoints::call`].
    pub(crate) fn batch<'a>(
        &'a self,
        method: &'static str,
        params: &'a [Box<RawValue>],
    ) -> BoxFuture<'a, Vec<Option<Box<RawValue>>>> {
        Box::pin(async move {
            let endpoint = &self.all[self.preferred.load(Ordering::Relaxed) % self.all.len()];
            let failed = endpoint.failed_batches.load(Ordering::Relaxed);
            if failed >= MOST_FAILED_BATCHES && !failed.is_multiple_of(RETRIED_BATCH) {
                endpoint.failed_batches.fetch_add(1, Ordering::Relaxed);
                return vec![None; params.len()];
            }
            match self.send_batch(endpoint, method, params).await {
                Some(replies) => {
                    endpoint.failed_batches.store(0, Ordering::Relaxed);
                    replies
                }
                None => {
                    endpoint.failed_batches.fetch_add(1, Ordering::Relaxed);
                    tracing::debug!(method, node = endpoint.label, "node did not answer a batch");
                    vec![None; params.len()]
                }
            }
        })
    }

    /// `None` if the endpoint answered none of the requests, not even with an error.
    async fn send_batch(
        &self,
        endpoint: &Endpoint,
        method: &'static str,
        params: &[Box<RawValue>],
    ) -> Option<Vec<Option<Box<RawValue>>>> {
        let _slot = self.slots.acquire().await.ok()?;
        if self.all.len() > 1 {
            endpoint.is_of_this_chain.get_or_try_init(|| self.compare_chains(endpoint)).await.ok()?;
        }
        let mut batch = BatchRequest::new(endpoint.provider().await.ok()?.client());
        let add = |params| batch.add_call::<_, Box<RawValue>>(method, params).ok();
        let waiters: Vec<_> = params.iter().map(add).collect::<Option<_>>()?;
        tokio::time::timeout(self.retry.timeout, batch.send()).await.ok()?.ok()?;
        let replies = futures::future::join_all(waiters).await;
        let is_answer = |reply: &Result<_, RpcError<_>>| matches!(reply, Ok(_) | Err(RpcError::ErrorResp(_)));
        replies.iter().any(is_answer).then(|| replies.into_iter().map(Result::ok).collect())
    }

    /// One request to one endpoint. Boxed: the futures of higher crates would nest too deep for the compiler.
    fn attempt<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        method: &'static str,
        params: &'a RawValue,
    ) -> BoxFuture<'a, Result<Box<RawValue>, Failure>> {
        Box::pin(async move {
            let _slot = self.slots.acquire().await.map_err(|e| Failure::Passing(e.to_string()))?;
            if self.all.len() > 1 {
                endpoint.is_of_this_chain.get_or_try_init(|| self.compare_chains(endpoint)).await?;
            }
            self.request(endpoint, method, params).await
        })
    }

    async fn request(
        &self,
        endpoint: &Endpoint,
        method: &'static str,
        params: &RawValue,
    ) -> Result<Box<RawValue>, Failure> {
        let provider = endpoint.provider().await.map_err(Failure::Passing)?;
        match tokio::time::timeout(self.retry.timeout, provider.raw_request_dyn(method.into(), params)).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(failure(endpoint, method, error)),
            Err(_) => Err(Failure::Passing(format!("no answer in {} s", self.retry.timeout.as_secs_f32()))),
        }
    }

    async fn compare_chains(&self, endpoint: &Endpoint) -> Result<(), Failure> {
        let malformed = |detail: String| {
            Failure::Final(NodeError::Malformed { node: endpoint.label.clone(), method: "eth_chainId", detail })
        };
        let none = serde_json::value::to_raw_value(&[(); 0]).map_err(|e| malformed(e.to_string()))?;
        let reply = self.request(endpoint, "eth_chainId", &none).await?;
        let got: alloy::primitives::U64 = serde_json::from_str(reply.get()).map_err(|e| malformed(e.to_string()))?;
        let got: u64 = got.to();
        let expected = *self.chain_id.get_or_init(|| async { got }).await;
        if got == expected {
            return Ok(());
        }
        Err(Failure::Final(NodeError::OtherChain { node: endpoint.label.clone(), expected, got }))
    }
}

impl Endpoint {
    async fn provider(&self) -> Result<&DynProvider, String> {
        let connect = || async {
            let provider = ProviderBuilder::new().disable_recommended_fillers().connect(&self.rpc).await;
            provider.map(|provider| provider.erased()).map_err(|e| first_line(&e.to_string()))
        };
        self.provider.get_or_try_init(connect).await
    }
}

/// What the failure of a request means: HTTP 4xx and JSON-RPC errors are meant, but for those that say "later".
fn failure(endpoint: &Endpoint, method: &'static str, error: RpcError<TransportErrorKind>) -> Failure {
    let node = endpoint.label.clone();
    match error {
        RpcError::ErrorResp(p) if is_overload(p.code, &p.message) => Failure::Passing(first_line(&p.message)),
        RpcError::ErrorResp(p) => {
            Failure::Final(NodeError::Refused { node, method, code: p.code, message: first_line(&p.message) })
        }
        RpcError::Transport(kind) => match kind.as_http_error() {
            Some(http) if (400..500).contains(&http.status) && ![408, 429].contains(&http.status) => {
                let message = format!("http status {}", http.status);
                Failure::Final(NodeError::Refused { node, method, code: i64::from(http.status), message })
            }
            _ => Failure::Passing(first_line(&kind.to_string())),
        },
        RpcError::DeserError { err, .. } => {
            Failure::Final(NodeError::Malformed { node, method, detail: first_line(&err.to_string()) })
        }
        other => Failure::Passing(first_line(&other.to_string())),
    }
}

/// JSON-RPC codes and words for "too many requests, come back later".
fn is_overload(code: i64, message: &str) -> bool {
    let message = message.to_lowercase();
    code == -32005 || code == 429 || message.contains("rate limit") || message.contains("too many requests")
}

/// Scheme and host of a URL: user, password, path and query may hold keys.
pub fn label(rpc: &str) -> String {
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
}
