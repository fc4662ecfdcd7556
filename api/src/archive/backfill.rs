//! The worker that fills an archive: the highest run that is not proven, then the one below it.
//!
//! The last block of a run must be known to the contract: it is recent, pinned, or the parent that the run above it left. So new
//! blocks come first, and old ones from there down. Only final blocks are proven.

use super::contract::Archive;
use super::progress::{Pending, Progress};
use super::{ArchiveError, Member};
use crate::chain::calldata::Call;
use crate::chain::contracts::BlockArchive;
use crate::chain::sender::Sender;
use alloy::primitives::{B256, U256};
use alloy::sol_types::SolCall;
use serde::Serialize;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vouch_circuits::history::ancestry::Size;
use vouch_indexer::Indexer;
use vouch_prover::ancestries::{self, AncestryProof};
use vouch_prover::engine::EngineError;
use vouch_prover::keys::Keys;
use vouch_prover::srs::Srs;

/// Runs appended to the mountain range in one transaction, some 40,000 gas each.
const APPEND: u64 = 64;
/// Wait when there is nothing to do.
const IDLE_WAIT: Duration = Duration::from_secs(2);
/// Longest wait after failures: what reverts or is wrong does not become right by asking.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Which runs are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The newest block; the newest final one if none is named.
    pub from: Option<u64>,
    /// The oldest block.
    pub to: u64,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "did")]
pub enum Did {
    /// A run was proven and sent.
    Proven {
        /// Its first block.
        first: u64,
        /// The block after its last.
        end: u64,
        /// The transaction.
        transaction: B256,
        /// Seconds for the proof; none if it was proven before the program was stopped.
        seconds: Option<f64>,
    },
    /// A run was on the chain already.
    Found {
        /// Its first block.
        first: u64,
    },
    /// Runs joined the mountain range.
    Appended {
        /// Blocks of the range now.
        length: u64,
        /// The transaction.
        transaction: B256,
    },
    /// Nothing is to be done.
    Nothing,
}

/// The worker.
pub struct Backfill {
    indexer: Indexer,
    archive: Archive,
    sender: Sender,
    progress: Progress,
    bounds: Bounds,
    size: Size,
    dir: PathBuf,
    srs: Srs,
    keys: Option<Arc<Keys>>,
}

impl Backfill {
    /// A worker that proves runs of `size` with keys in `dir` under the string `srs`. The archive has to take them.
    pub fn new(
        indexer: Indexer,
        archive: Archive,
        sender: Sender,
        progress: Progress,
        (bounds, size): (Bounds, Size),
        (dir, srs): (PathBuf, Srs),
    ) -> Self {
        Self { indexer, archive, sender, progress, bounds, size, dir, srs, keys: None }
    }

    /// Blocks of a run.
    fn run_blocks(&self) -> u64 {
        self.size.headers() as u64
    }

    /// The block after the last one that can be in a run now.
    pub fn top(&self) -> Result<u64, ArchiveError> {
        let newest = match self.bounds.from {
            Some(from) => Some(from),
            None => self.indexer.store().finalized()?,
        };
        let blocks = self.run_blocks();
        Ok(newest.map_or(0, |newest| newest.saturating_add(1)) / blocks * blocks)
    }

    /// Runs that are not proven yet.
    pub fn open(&self) -> Result<u64, ArchiveError> {
        Ok(self.progress.spans()?.open(self.bounds.to, self.top()?, self.run_blocks()))
    }

    /// Steps until `stop` resolves, but begins nothing while `is_busy`. A proof under way is abandoned then; everything before it stays.
    pub async fn run(mut self, is_busy: impl Fn() -> bool, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut wait = IDLE_WAIT;
        loop {
            let did = tokio::select! {
                () = &mut stop => return,
                did = async { if is_busy() { Ok(Did::Nothing) } else { self.step().await } } => did,
            };
            wait = match did {
                Ok(Did::Nothing) => IDLE_WAIT,
                Ok(did) => {
                    tracing::info!(?did, "archive");
                    Duration::ZERO
                }
                Err(error) => {
                    tracing::warn!(%error, "the archive could not be filled, it will be tried again");
                    wait.max(IDLE_WAIT).saturating_mul(2).min(LONGEST_WAIT)
                }
            };
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Does one thing: sends a proof, proves a run, or appends runs to the range.
    ///
    /// # Errors
    /// [`ArchiveError`]; what was finished before stays.
    pub async fn step(&mut self) -> Result<Did, ArchiveError> {
        if let Some(pending) = self.progress.pending()? {
            return self.send(pending, None).await;
        }
        if let Some(did) = self.append().await? {
            return Ok(did);
        }
        let Some(first) = self.progress.spans()?.next(self.bounds.to, self.top()?, self.run_blocks()) else {
            return Ok(Did::Nothing);
        };
        if let Some(did) = self.found(first, first + self.run_blocks()).await? {
            return Ok(did);
        }
        let last = first + self.run_blocks() - 1;
        let hash = self.archive.hash_of(last).await?;
        if hash.is_zero() {
            let above = last + 1;
            if self.progress.spans()?.holds(above) && !self.archive.holds(above).await? {
                tracing::warn!(first = above, "a proven run is gone from the chain, it is proven again");
                self.progress.undo(above, above + self.run_blocks())?;
                return Ok(Did::Nothing);
            }
            return Err(ArchiveError::UnknownBlock { archive: self.archive.address(), block: last, first });
        }
        let headers = self.indexer.ancestors(first, last, hash).await?;
        let headers: Vec<Vec<u8>> = headers.into_iter().map(|header| header.rlp).collect();
        let start = Instant::now();
        let proof = self.prove(headers).await?;
        let pending = Pending { first, proof };
        self.progress.keep(&pending)?;
        self.send(pending, Some(start.elapsed().as_secs_f64())).await
    }

    /// Notes blocks that are in runs on the chain, whatever their length.
    async fn found(&self, first: u64, end: u64) -> Result<Option<Did>, ArchiveError> {
        if !self.archive.covers(first, end).await? {
            return Ok(None);
        }
        self.progress.done(first, end)?;
        Ok(Some(Did::Found { first }))
    }

    async fn prove(&mut self, headers: Vec<Vec<u8>>) -> Result<AncestryProof, ArchiveError> {
        let (dir, srs, held, size) = (self.dir.clone(), self.srs.clone(), self.keys.clone(), self.size);
        let work = move || {
            let keys = match held {
                Some(keys) => keys,
                None => Arc::new(ancestries::keys(&dir, &srs, &size)?),
            };
            let proof = ancestries::prove(&keys, &size, &headers)?;
            ancestries::check(&dir, &keys, &proof)?;
            Ok::<_, EngineError>((keys, proof))
        };
        let ended = |e: tokio::task::JoinError| EngineError::Prover { detail: format!("prover thread ended: {e}") };
        let (keys, proof) = tokio::task::spawn_blocking(work).await.map_err(ended)??;
        self.keys = Some(keys);
        Ok(proof)
    }

    /// Sends a proof, unless its run is on the chain.
    async fn send(&self, Pending { first, proof }: Pending, seconds: Option<f64>) -> Result<Did, ArchiveError> {
        let end = first + (1 << proof.depth);
        if let Some(did) = self.found(first, end).await? {
            return Ok(did);
        }
        let last = end - 1;
        let known = self.archive.hash_of(last).await?;
        if known != proof.last {
            // reorganised away, or the run above it is: the proof is of no use
            self.progress.drop_pending()?;
            return match known.is_zero() {
                true => Ok(Did::Nothing),
                false => Err(ArchiveError::OtherChain { block: last, expected: known, got: proof.last }),
            };
        }
        let AncestryProof { depth, root, parent, proof, .. } = proof;
        let (start, depth) = (U256::from(first), U256::from(depth));
        let call = BlockArchive::proveCall { first: start, depth, root, parent, proof };
        let transaction = self.call(call).await?;
        self.progress.done(first, end)?;
        metrics::counter!("vouch_archive_runs_total").increment(1);
        Ok(Did::Proven { first, end, transaction, seconds })
    }

    /// Appends to the range what can be appended.
    async fn append(&self) -> Result<Option<Did>, ArchiveError> {
        let length = self.archive.length().await?;
        if !self.archive.holds(length).await? {
            return Ok(None);
        }
        let transaction = self.call(BlockArchive::appendCall { most: U256::from(APPEND) }).await?;
        Ok(Some(Did::Appended { length: self.archive.length().await?, transaction }))
    }

    async fn call(&self, call: impl SolCall) -> Result<B256, ArchiveError> {
        let call = Call { to: self.archive.address(), data: call.abi_encode().into() };
        Ok(self.sender.call(call).await?)
    }
}

/// The call that pins a member.
pub fn pin_member(archive: &Archive, member: &Member) -> Call {
    let Member { number, hash, path } = member.clone();
    let call = BlockArchive::pinMemberCall { number: U256::from(number), hash, path };
    Call { to: archive.address(), data: call.abi_encode().into() }
}
