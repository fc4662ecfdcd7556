//! Posts what was proven ahead of time, so that later scores find their roots on the chain.
//!
//! A root is posted once, and looked at again after a reorg until it is buried under `FINAL_BLOCKS`. Roots wait while gas is dearer than the
//! operator pays.

use super::contracts::{Addresses, HistoryRoots};
use super::prepare::OldBlocks;
use super::sender::{SendError, Sender, chain};
use alloy::primitives::{B256, U256};
use alloy::providers::{DynProvider, Provider};
use std::collections::HashMap;
use std::future::Future;
use std::time::{Duration, Instant};
use vouch_prover::engine::{Engine, HistoryProof};
use vouch_prover::queue::Queue;

/// Blocks after which a post is not looked at any more.
const FINAL_BLOCKS: u64 = 128;
/// Wait after a post that failed, at first; then twice as long each time.
const SECOND_TRY: Duration = Duration::from_secs(5);
/// Attempts after which a root is given up: as a rule its blocks are too old for the contract.
const MAX_TRIES: u32 = 6;

/// Posts the roots of one node.
pub struct Poster {
    queue: Queue<dyn Engine>,
    provider: DynProvider,
    contracts: Addresses,
    sender: Sender,
    max_gas_price_wei: Option<u128>,
    old_blocks: Option<OldBlocks>,
    unwound: u64,
    failed: HashMap<B256, (u32, Instant)>,
}

impl Poster {
    /// A poster that sends with `sender` while gas costs at most `max_gas_price_wei`.
    pub fn new(
        queue: Queue<dyn Engine>,
        provider: DynProvider,
        contracts: Addresses,
        sender: Sender,
        max_gas_price_wei: Option<u128>,
    ) -> Self {
        let (old_blocks, unwound, failed) = (None, 0, HashMap::new());
        Self { queue, provider, contracts, sender, max_gas_price_wei, old_blocks, unwound, failed }
    }

    /// Makes old anchors known before it posts.
    pub fn with_old_blocks(self, old_blocks: OldBlocks) -> Self {
        Self { old_blocks: Some(old_blocks), ..self }
    }

    /// Looks every `poll_interval` until `stop` resolves.
    pub async fn run(mut self, poll_interval: Duration, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                posted = self.look() => if let Err(error) = posted {
                    tracing::warn!(%error, "roots could not be posted");
                }
            }
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(poll_interval) => {}
            }
        }
    }

    /// Posts what is new.
    ///
    /// # Errors
    /// [`SendError::Chain`] if the node behind the RPC fails, [`SendError::NoContract`], [`SendError::Store`].
    pub async fn look(&mut self) -> Result<(), SendError> {
        let store = self.queue.store();
        let to_post = store.to_post().map_err(stored)?;
        if to_post.is_empty() {
            return Ok(());
        }
        let address = self.contracts.history_roots.ok_or(SendError::NoContract { contract: "HistoryRoots" })?;
        let roots = HistoryRoots::new(address, self.provider.clone());
        let status = self.queue.indexer().status().map_err(stored)?;
        let is_reorg = status.unwound_blocks != self.unwound;
        self.unwound = status.unwound_blocks;
        let tip = status.tip.unwrap_or_default();
        for (root, seen) in to_post {
            let Some(history) = store.root(root).map_err(stored)? else {
                // its blocks left the chain
                store.set_posted(root, None).map_err(stored)?;
                continue;
            };
            if seen > 0 && !is_reorg {
                if tip > seen.saturating_add(FINAL_BLOCKS) {
                    store.set_posted(root, None).map_err(stored)?;
                }
                continue;
            }
            if roots.isPosted(U256::from_be_bytes(root.0)).call().await.map_err(chain)? {
                store.set_posted(root, Some(tip.max(1))).map_err(stored)?;
                continue;
            }
            let tries = match self.failed.get(&root) {
                Some((_, until)) if *until > Instant::now() => continue,
                Some((tries, _)) => *tries,
                None => 0,
            };
            if self.is_too_dear().await? {
                continue;
            }
            match self.post(&history, tip).await {
                Ok(transaction) => {
                    tracing::info!(%root, %transaction, "root posted ahead of time");
                    metrics::counter!("vouch_roots_posted_total").increment(1);
                    self.failed.remove(&root);
                    store.set_posted(root, Some(tip.max(1))).map_err(stored)?;
                }
                Err(error) if tries + 1 >= MAX_TRIES => {
                    tracing::error!(%root, %error, "root is not posted");
                    self.failed.remove(&root);
                    store.set_posted(root, None).map_err(stored)?;
                }
                Err(error) => {
                    tracing::warn!(%root, %error, "root could not be posted, will be tried again");
                    self.failed.insert(root, (tries + 1, Instant::now() + SECOND_TRY * (1 << tries)));
                }
            }
        }
        Ok(())
    }

    async fn post(&self, history: &HistoryProof, tip: u64) -> Result<B256, SendError> {
        if let Some(old_blocks) = &self.old_blocks {
            let stored = self.queue.store().roots().map_err(stored)?;
            for call in old_blocks.calls(std::slice::from_ref(history), &stored, tip).await {
                self.sender.call(call).await?;
            }
        }
        self.sender.post(history).await
    }

    async fn is_too_dear(&self) -> Result<bool, SendError> {
        let Some(most) = self.max_gas_price_wei else { return Ok(false) };
        Ok(self.provider.get_gas_price().await.map_err(chain)? > most)
    }
}

fn stored(e: impl std::fmt::Display) -> SendError {
    SendError::Store { detail: e.to_string() }
}
