//! Transactions under way: what was sent and not yet seen in a block is sent again with its nonce and a higher price, never as a second one.
//!
//! Forgotten at a restart: then the state of the contract tells whether something is left to do.

use super::sender::{SendError, chain};
use alloy::network::TransactionBuilder;
use alloy::primitives::{Address, B256};
use alloy::providers::{DynProvider, PendingTransactionBuilder, Provider};
use alloy::rpc::types::TransactionRequest;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Longest wait for a transaction to be mined.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(120);

/// What was sent for a purpose.
#[derive(Clone, Debug)]
struct Sent {
    hash: B256,
    nonce: u64,
    request: TransactionRequest,
}

/// The transactions of one account. Copies share them.
#[derive(Clone, Debug)]
pub struct Outbox {
    provider: DynProvider,
    address: Address,
    timeout: Duration,
    /// By purpose. Held while a transaction gets its nonce, so that two never take one.
    sent: Arc<Mutex<HashMap<B256, Sent>>>,
}

impl Outbox {
    /// Nothing sent yet; `provider` signs for `address`.
    pub fn new(provider: DynProvider, address: Address) -> Self {
        Self { provider, address, timeout: RECEIPT_TIMEOUT, sent: Arc::default() }
    }

    /// The same with another wait for a transaction to be mined.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sends `request` for `purpose` and waits until it is mined.
    ///
    /// # Errors
    /// [`SendError::Reverted`]; [`SendError::Chain`], after which [`Outbox::follow`] knows how it went on.
    pub async fn send(&self, purpose: B256, mut request: TransactionRequest) -> Result<B256, SendError> {
        let pending = {
            let mut sent = self.sent.lock().await;
            let nonce = self.provider.get_transaction_count(self.address).pending().await.map_err(chain)?;
            request.set_nonce(nonce);
            // chains without a base fee have their price filled in
            if let Ok(fees) = self.provider.estimate_eip1559_fees().await {
                request.set_max_fee_per_gas(fees.max_fee_per_gas);
                request.set_max_priority_fee_per_gas(fees.max_priority_fee_per_gas);
            }
            self.broadcast(&mut sent, purpose, nonce, request).await?
        };
        self.wait(purpose, pending).await
    }

    /// What became of the transaction sent for `purpose`: its result, after sending it once more at a higher price if it is not mined yet;
    /// `None` if nothing is under way.
    ///
    /// # Errors
    /// As [`Outbox::send`].
    pub async fn follow(&self, purpose: B256) -> Result<Option<B256>, SendError> {
        let pending = {
            let mut sent = self.sent.lock().await;
            let Some(Sent { hash, nonce, mut request }) = sent.get(&purpose).cloned() else { return Ok(None) };
            if let Some(receipt) = self.provider.get_transaction_receipt(hash).await.map_err(chain)? {
                sent.remove(&purpose);
                return outcome(hash, receipt.status()).map(Some);
            }
            if self.provider.get_transaction_count(self.address).await.map_err(chain)? > nonce {
                // an earlier price was mined, or the account is used elsewhere
                sent.remove(&purpose);
                return Ok(None);
            }
            // nodes ask for a tenth more
            let raise = |fee: u128| fee.saturating_add(fee / 4).saturating_add(1);
            if let (Some(fee), Some(tip)) = (request.max_fee_per_gas, request.max_priority_fee_per_gas) {
                let now = self.provider.estimate_eip1559_fees().await.map_err(chain)?;
                request.set_max_fee_per_gas(raise(fee).max(now.max_fee_per_gas));
                request.set_max_priority_fee_per_gas(raise(tip).max(now.max_priority_fee_per_gas));
            }
            tracing::warn!(transaction = %hash, nonce, "not mined yet, sent again at a higher price");
            self.broadcast(&mut sent, purpose, nonce, request).await?
        };
        self.wait(purpose, pending).await.map(Some)
    }

    async fn broadcast(
        &self,
        sent: &mut HashMap<B256, Sent>,
        purpose: B256,
        nonce: u64,
        request: TransactionRequest,
    ) -> Result<PendingTransactionBuilder<alloy::network::Ethereum>, SendError> {
        let pending = self.provider.send_transaction(request.clone()).await.map_err(chain)?;
        sent.insert(purpose, Sent { hash: *pending.tx_hash(), nonce, request });
        Ok(pending)
    }

    async fn wait(
        &self,
        purpose: B256,
        pending: PendingTransactionBuilder<alloy::network::Ethereum>,
    ) -> Result<B256, SendError> {
        let receipt = pending.with_timeout(Some(self.timeout)).get_receipt().await.map_err(chain)?;
        self.sent.lock().await.remove(&purpose);
        outcome(receipt.transaction_hash, receipt.status())
    }
}

fn outcome(hash: B256, is_accepted: bool) -> Result<B256, SendError> {
    if is_accepted { Ok(hash) } else { Err(SendError::Reverted { hash }) }
}
