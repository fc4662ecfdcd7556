//! Sends proofs to the contracts with the node's own key.

use super::calldata::{Call, calldata, post, register};
use super::contracts::BlockArchive::BlockArchiveErrors;
use super::contracts::{Addresses, BlockHashes, HistoryRoots, ModelRegistry, OPEN, Vouch};
use super::outbox::Outbox;
use super::policy::{MinFee, Policy, Refusal};
use alloy::eips::BlockNumberOrTag;
use alloy::network::{EthereumWallet, TransactionBuilder};
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::types::TransactionRequest;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolInterface;
use alloy::transports::TransportError;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;
use vouch_prover::engine::HistoryProof;
use vouch_prover::queue::Served;

/// Why nothing was sent, or what was sent did not succeed.
#[derive(Debug, Error)]
pub enum SendError {
    /// The key file cannot be read.
    #[error("signer key {path}: {source}")]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key is no private key. The key itself is never shown.
    #[error("signer key does not parse: expected 32 bytes in hex, got {got_chars} characters")]
    Key {
        /// Length of what was given.
        got_chars: usize,
    },
    /// A contract address that this needs was not given.
    #[error("no address of contract {contract} was given")]
    NoContract {
        /// Its name.
        contract: &'static str,
    },
    /// The request is not open any more: answered by another node, or refunded, or changed by a reorg.
    #[error("request {id} is not open any more (status {status})")]
    NotOpen {
        /// Its id.
        id: U256,
        /// Its status on chain.
        status: u8,
    },
    /// The deadline of the request has passed.
    #[error("the deadline of request {id} has passed: it was {deadline}, it is {now}")]
    Late {
        /// Its id.
        id: U256,
        /// Unix seconds.
        deadline: u64,
        /// Unix seconds by the chain's clock.
        now: u64,
    },
    /// The answer would cost more than the request pays. Recoverable: gas may become cheaper.
    #[error("request {id}: {refusal}")]
    Underpaid {
        /// Its id.
        id: U256,
        /// The fee, and the cost.
        refusal: Refusal,
    },
    /// The node refused or could not be reached.
    #[error("chain: {detail}")]
    Chain {
        /// What it said.
        detail: String,
    },
    /// The node's own store failed.
    #[error("store: {detail}")]
    Store {
        /// What it said.
        detail: String,
    },
    /// The registry serves no models of this size. Not recoverable: deploy one with the verifier of the class.
    #[error(
        "registry {registry} has no verifier of class {class}: it was deployed with other classes or another reference string"
    )]
    NoClass {
        /// Where it was to be registered.
        registry: Address,
        /// The class of the model.
        class: B256,
    },
    /// The transaction succeeded, but the registry names the key otherwise.
    #[error(
        "transaction {transaction} registered the key, but not as model {model}: the registry reads keys otherwise"
    )]
    OtherId {
        /// The id that was expected.
        model: B256,
        /// What was sent.
        transaction: B256,
    },
    /// The transaction was mined and reverted.
    #[error("transaction {hash} was reverted")]
    Reverted {
        /// Its hash.
        hash: B256,
    },
}

pub(super) fn chain(e: impl std::fmt::Display) -> SendError {
    let text = e.to_string();
    SendError::Chain { detail: text.lines().next().unwrap_or_default().chars().take(400).collect() }
}

/// Reads a private key: from `file` if given, else from the value of an environment variable.
///
/// # Errors
/// [`SendError::KeyFile`], [`SendError::Key`]. Returns `None` if neither is given.
pub fn read_key(file: Option<&Path>, value: Option<&str>) -> Result<Option<PrivateKeySigner>, SendError> {
    let text = match (file, value) {
        (Some(path), _) => {
            std::fs::read_to_string(path).map_err(|source| SendError::KeyFile { path: path.to_path_buf(), source })?
        }
        (None, Some(value)) => value.to_owned(),
        (None, None) => return Ok(None),
    };
    let text = text.trim();
    text.parse().map(Some).map_err(|_| SendError::Key { got_chars: text.len() })
}

/// Gas limit above what an answer should use; what is not used costs nothing.
const SPARE_GAS: u64 = 150_000;

/// A signer on a chain with the contracts.
#[derive(Clone, Debug)]
pub struct Sender {
    provider: DynProvider,
    address: Address,
    contracts: Addresses,
    outbox: Outbox,
}

impl Sender {
    /// Connects to `rpc` with `key`.
    ///
    /// # Errors
    /// [`SendError::Chain`].
    pub async fn connect(rpc: &str, key: PrivateKeySigner, contracts: Addresses) -> Result<Self, SendError> {
        let address = key.address();
        let builder = ProviderBuilder::new().with_simple_nonce_management().wallet(EthereumWallet::from(key));
        let provider = builder.connect(rpc).await.map_err(chain)?.erased();
        let outbox = Outbox::new(provider.clone(), address);
        Ok(Self { provider, address, contracts, outbox })
    }

    /// The same with another wait for a transaction to be mined, before it is sent again at a higher price.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { outbox: self.outbox.with_timeout(timeout), ..self }
    }

    /// Whose key it is.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Posts what is not posted yet and answers the request of `served`, in one transaction, if the request is still open and
    /// pays for it.
    ///
    /// # Errors
    /// [`SendError::NotOpen`] if somebody else was faster, [`SendError::Late`], [`SendError::Underpaid`],
    /// [`SendError::Reverted`], [`SendError::Chain`].
    pub async fn fulfil(&self, served: &Served, policy: &Policy) -> Result<B256, SendError> {
        let vouch = self.contracts.vouch.ok_or(SendError::NoContract { contract: "Vouch" })?;
        let query = &served.job.query;
        let id = query.request.unwrap_or_default();
        let asked = Vouch::new(vouch, &self.provider).requestOf(id).call().await.map_err(chain)?;
        let is_same = (asked.modelId, asked.subject, asked.asOf, B256::from(asked.inputs))
            == (query.model, query.subject, query.as_of, query.inputs.unwrap_or_default());
        if asked.status != OPEN || !is_same {
            return Err(SendError::NotOpen { id, status: asked.status });
        }
        let now = now(&self.provider).await?;
        if asked.deadline < now {
            return Err(SendError::Late { id, deadline: asked.deadline, now });
        }
        let purpose = keccak256([b"answer".as_slice(), &id.to_be_bytes::<32>()].concat());
        if let Some(transaction) = self.outbox.follow(purpose).await? {
            return Ok(transaction);
        }
        let posted = posted(&self.provider, self.contracts, served).await?;
        let call = calldata(served, self.contracts, &posted).multicall;
        let request = self.transaction(call.ok_or(SendError::NoContract { contract: "Vouch" })?);
        let estimate = self.provider.estimate_gas(request.clone()).await.map_err(chain)?;
        // A callback may tell an estimate from the transaction: it can use all that it is promised.
        let callback = if asked.target.is_zero() { 0 } else { u64::from(asked.callbackGasLimit) };
        let gas = estimate.saturating_add(callback.saturating_mul(64) / 63);
        if policy.min_fee != MinFee::Free {
            let price = self.provider.get_gas_price().await.map_err(chain)?;
            let refused = policy.covers(asked.feeWei.to(), gas, price);
            refused.map_err(|refusal| SendError::Underpaid { id, refusal })?;
        }
        self.outbox.send(purpose, request.with_gas_limit(gas.saturating_add(SPARE_GAS))).await
    }

    /// Makes calls that an answer needs before it, each unless its request pays for less.
    ///
    /// # Errors
    /// [`SendError::Underpaid`], [`SendError::Chain`], [`SendError::Reverted`].
    pub async fn prepare(&self, served: &Served, calls: Vec<Call>, policy: &Policy) -> Result<(), SendError> {
        let (Some(vouch), false) = (self.contracts.vouch, calls.is_empty()) else { return Ok(()) };
        let id = served.job.query.request.unwrap_or_default();
        let fee = Vouch::new(vouch, &self.provider).requestOf(id).call().await.map_err(chain)?.feeWei;
        let price = self.provider.get_gas_price().await.map_err(chain)?;
        let mut spent = 0;
        for call in calls {
            let gas = self.provider.estimate_gas(self.transaction(call.clone())).await.map_err(|e| refusal(&e))?;
            spent += gas;
            policy.covers(fee.to(), spent, price).map_err(|refusal| SendError::Underpaid { id, refusal })?;
            let transaction = self.call(call).await?;
            tracing::info!(%id, %transaction, "an old anchor was made known");
        }
        Ok(())
    }

    /// Posts a root, whoever asks for scores under it later.
    ///
    /// # Errors
    /// [`SendError::Reverted`], [`SendError::Chain`] with the contract's reason.
    pub async fn post(&self, history: &HistoryProof) -> Result<B256, SendError> {
        let to = self.contracts.history_roots.ok_or(SendError::NoContract { contract: "HistoryRoots" })?;
        let purpose = keccak256([b"post".as_slice(), history.root.as_slice()].concat());
        if let Some(transaction) = self.outbox.follow(purpose).await? {
            return Ok(transaction);
        }
        let request = self.transaction(Call { to, data: post(history) });
        let gas = self.provider.estimate_gas(request.clone()).await.map_err(chain)?;
        self.outbox.send(purpose, request.with_gas_limit(gas.saturating_add(SPARE_GAS))).await
    }

    fn transaction(&self, call: Call) -> TransactionRequest {
        TransactionRequest::default().with_from(self.address).with_to(call.to).with_input(call.data)
    }

    /// Makes a call, after trying whether it would succeed.
    ///
    /// # Errors
    /// [`SendError::Chain`] with the contract's reason, [`SendError::Reverted`].
    pub async fn call(&self, call: Call) -> Result<B256, SendError> {
        let purpose = keccak256([call.to.as_slice(), &call.data].concat());
        if let Some(transaction) = self.outbox.follow(purpose).await? {
            return Ok(transaction);
        }
        let request = self.transaction(call);
        self.provider.call(request.clone()).await.map_err(|e| refusal(&e))?;
        let gas = self.provider.estimate_gas(request.clone()).await.map_err(|e| refusal(&e))?;
        self.outbox.send(purpose, request.with_gas_limit(gas.saturating_add(SPARE_GAS))).await
    }

    /// Registers a model's key under its class, unless it is registered: then `None`.
    ///
    /// # Errors
    /// [`SendError::NoClass`], [`SendError::OtherId`], [`SendError::NoContract`], [`SendError::Chain`], [`SendError::Reverted`].
    pub async fn register(&self, model: B256, class: B256, key: Bytes) -> Result<Option<B256>, SendError> {
        let to = self.contracts.registry.ok_or(SendError::NoContract { contract: "ModelRegistry" })?;
        let registry = ModelRegistry::new(to, &self.provider);
        if registry.isRegistered(model).call().await.map_err(chain)? {
            return Ok(None);
        }
        if registry.verifierOf(class).call().await.map_err(chain)?.is_zero() {
            return Err(SendError::NoClass { registry: to, class });
        }
        let transaction = self.call(Call { to, data: register(class, key) }).await?;
        match registry.isRegistered(model).call().await.map_err(chain)? {
            true => Ok(Some(transaction)),
            false => Err(SendError::OtherId { model, transaction }),
        }
    }

    /// Pins the hash of block `number` for ever.
    ///
    /// # Errors
    /// [`SendError::Chain`] with the contract's reason if the block is out of the window.
    pub async fn pin(&self, block_hashes: Address, number: u64) -> Result<B256, SendError> {
        let contract = BlockHashes::new(block_hashes, &self.provider);
        let call = contract.pin(U256::from(number));
        call.call().await.map_err(chain)?;
        let receipt = call.send().await.map_err(chain)?.get_receipt().await.map_err(chain)?;
        Ok(receipt.transaction_hash)
    }
}

/// What the archive said when it refused, by name; else what the node said.
fn refusal(error: &TransportError) -> SendError {
    let data = error.as_error_resp().and_then(|answer| answer.as_revert_data());
    match data.and_then(|data| BlockArchiveErrors::abi_decode(&data).ok()) {
        Some(reason) => chain(format!("refused: {reason:?}")),
        None => chain(error),
    }
}

/// Unix seconds by the clock of the contracts, which is the newest block's.
///
/// # Errors
/// [`SendError::Chain`].
pub async fn now(provider: &DynProvider) -> Result<u64, SendError> {
    let head = provider.get_block_by_number(BlockNumberOrTag::Latest).await.map_err(chain)?;
    Ok(head.map_or(0, |block| block.header.timestamp))
}

/// Which roots of `served` are posted, and their linked anchors remembered. Without a `HistoryRoots` address none counts as posted.
///
/// # Errors
/// [`SendError::Chain`].
pub async fn posted(provider: &DynProvider, contracts: Addresses, served: &Served) -> Result<Vec<bool>, SendError> {
    let Some(address) = contracts.history_roots else { return Ok(vec![false; served.histories.len()]) };
    let roots = HistoryRoots::new(address, provider);
    let mut posted = Vec::new();
    for history in &served.histories {
        let mut is_posted = roots.isPosted(U256::from_be_bytes(history.root.0)).call().await.map_err(chain)?;
        for anchor in history.anchors.iter().filter(|anchor| anchor.linked) {
            is_posted &= !roots.hashOf(U256::from(anchor.number)).call().await.map_err(chain)?.is_zero();
        }
        posted.push(is_posted);
    }
    Ok(posted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_read_from_file_or_value_and_never_shown() {
        assert!(read_key(None, None).unwrap().is_none());
        let key = format!("0x{}\n", "11".repeat(32));
        let signer = read_key(None, Some(&key)).unwrap().unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("k"), &key).unwrap();
        assert_eq!(read_key(Some(&dir.path().join("k")), None).unwrap().unwrap().address(), signer.address());
        let error = read_key(None, Some("0x1234secret")).unwrap_err().to_string();
        assert_eq!(error, "signer key does not parse: expected 32 bytes in hex, got 12 characters");
        assert!(matches!(read_key(Some(Path::new("/no/such/file")), None), Err(SendError::KeyFile { .. })));
    }
}
