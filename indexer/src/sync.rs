//! The loop: follow the head, find forks, unwind, move finality, fetch proofs.
//!
//! One [`Indexer::step`] does one atomic thing; a process killed between or inside steps continues at the next start.

use crate::config::{Config, Finality, Start};
use crate::db::Db;
use crate::entries::{Asked, EntryKind};
use crate::error::IndexError;
use crate::headers::{CheckedHeader, HeaderStage};
use crate::node::Node;
use crate::store::{AccountProof, SlotProof, Store, StoredHeader};
use alloy::primitives::{Address, B256, Bytes};
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;
use std::future::Future;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

/// Slots asked for in one `eth_getProof`.
const SLOTS_PER_REQUEST: usize = 128;

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The index ends at the node's head.
    Idle,
    /// Blocks were appended.
    Advanced {
        /// First new block.
        from: u64,
        /// Last new block.
        to: u64,
    },
    /// Blocks of an abandoned fork were removed.
    Unwound {
        /// Old tip.
        from: u64,
        /// New tip: the last block both chains share.
        to: u64,
    },
}

/// Where the index stands.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Status {
    /// Chain of the data directory.
    pub chain_id: Option<u64>,
    /// First indexed block.
    pub first: Option<u64>,
    /// Last indexed block.
    pub tip: Option<u64>,
    /// Last final block.
    pub finalized: Option<u64>,
    /// Head the node announced last.
    pub head: Option<u64>,
    /// Blocks removed by reorgs since the start of the process.
    pub unwound_blocks: u64,
    /// What kept the last step from succeeding, if it failed.
    pub error: Option<String>,
}

#[derive(Debug, Default)]
struct Progress {
    head: Option<u64>,
    unwound_blocks: u64,
    error: Option<String>,
}

/// An account and slots of one block, proven under its state root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateProof {
    /// The block; its header's state root is what the proofs lead from.
    pub header: StoredHeader,
    /// The account, present or absent.
    pub account: AccountProof,
    /// The slots, in the order asked for.
    pub slots: Vec<SlotProof>,
}

/// The indexer: a node, a store, and the stage between them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Indexer {
    node: Node,
    store: Store,
    stage: HeaderStage,
    config: Arc<Config>,
    progress: Arc<RwLock<Progress>>,
}

impl Indexer {
    /// Connects to the node of `config` and binds `db` to its chain.
    ///
    /// # Errors
    /// [`IndexError::ChainMismatch`] if `db` was used with another chain.
    pub async fn open(db: Db, config: Config) -> Result<Self, IndexError> {
        let node = Node::connect(&config.rpc, config.retry).await?;
        let store = Store::new(db);
        let got = node.chain_id().await?;
        match store.chain_id()? {
            Some(expected) if expected != got => return Err(IndexError::ChainMismatch { expected, got }),
            Some(_) => {}
            None => {
                let first = match config.start {
                    Start::Block(number) => number,
                    Start::BelowHead { blocks } => node.head().await?.saturating_sub(blocks).max(1),
                };
                store.begin(got, first)?;
            }
        }
        let stage = HeaderStage::new(store.clone());
        Ok(Self { node, store, stage, config: Arc::new(config), progress: Arc::default() })
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The node.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Steps until `stop` resolves. Failures are kept in [`Status::error`] and tried again.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            let wait = match self.step().await {
                Ok(Step::Idle) => true,
                Ok(step) => {
                    tracing::debug!(?step, "index moved");
                    false
                }
                Err(error) => {
                    tracing::warn!(%error, "index could not advance");
                    true
                }
            };
            let pause = if wait { self.config.poll_interval } else { Duration::ZERO };
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Steps until the index ends at the node's head.
    pub async fn catch_up(&self) -> Result<(), IndexError> {
        while self.step().await? != Step::Idle {}
        Ok(())
    }

    /// Does one atomic thing: append a batch, or unwind to a fork, or nothing.
    ///
    /// # Errors
    /// [`IndexError`]; nothing half-done is stored.
    pub async fn step(&self) -> Result<Step, IndexError> {
        let result = self.step_inner().await;
        if let Ok(mut progress) = self.progress.write() {
            progress.error = result.as_ref().err().map(ToString::to_string);
            if let Ok(Step::Unwound { from, to }) = result {
                progress.unwound_blocks += from - to;
            }
        }
        result
    }

    async fn step_inner(&self) -> Result<Step, IndexError> {
        let head = self.node.head().await?;
        if let Ok(mut progress) = self.progress.write() {
            progress.head = Some(head);
        }
        let tip = self.stage.tip()?;
        let first = self.store.first()?.unwrap_or_default();
        let from = tip.as_ref().map_or(first, |t| t.number + 1);
        if from > head {
            return match tip {
                Some(tip) => self.compare_at_head(head, &tip).await,
                None => Ok(Step::Idle),
            };
        }
        let to = head.min(from + self.config.batch_blocks.max(1) - 1);
        let headers: Vec<CheckedHeader> = futures::stream::iter(from..=to)
            .map(|number| self.fetch(number, head))
            .buffered(self.config.parallel_requests.max(1))
            .try_collect()
            .await?;
        match self.stage.execute(&headers) {
            Ok(stored) => {
                let to = from + stored as u64 - 1;
                self.advance_finality(to, head).await?;
                Ok(Step::Advanced { from, to })
            }
            Err(error @ IndexError::ParentMismatch { .. }) => match tip {
                Some(tip) => self.unwind_to_fork(&tip, error).await,
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn fetch(&self, number: u64, head: u64) -> Result<CheckedHeader, IndexError> {
        self.node.header(number).await?.ok_or(IndexError::MissingBlock { number, head })
    }

    /// No block above the tip: has the chain below it changed? A node that is merely behind has our block at its head.
    async fn compare_at_head(&self, head: u64, tip: &StoredHeader) -> Result<Step, IndexError> {
        let Some(ours) = self.store.header(head)? else { return Ok(Step::Idle) };
        let theirs = self.fetch(head, head).await?;
        if theirs.hash() == ours.hash {
            self.advance_finality(tip.number, head).await?;
            return Ok(Step::Idle);
        }
        let error = IndexError::ParentMismatch { number: head, expected: ours.hash, got: theirs.hash() };
        self.unwind_to_fork(tip, error).await
    }

    /// Walks down from the tip to the last block that the node shares with us, and cuts there.
    async fn unwind_to_fork(&self, tip: &StoredHeader, error: IndexError) -> Result<Step, IndexError> {
        let first = self.store.first()?.unwrap_or_default();
        let finalized = self.store.finalized()?;
        let mut number = tip.number;
        loop {
            let ours = self.store.header(number)?.ok_or(IndexError::Empty)?;
            let theirs = self.node.header(number).await?;
            if theirs.is_some_and(|t| t.hash() == ours.hash) {
                break;
            }
            if finalized == Some(number) || number <= first {
                let fork_at_most = number.saturating_sub(1);
                return Err(IndexError::ForkBelowFinalized { fork_at_most, finalized: number, expected: ours.hash });
            }
            number -= 1;
        }
        if number == tip.number {
            // The node agrees about our tip and still gave a child that does not fit: it lies, or raced with a reorg.
            return Err(error);
        }
        self.stage.unwind(number)?;
        tracing::info!(from = tip.number, to = number, "reorg: unwound");
        Ok(Step::Unwound { from: tip.number, to: number })
    }

    async fn advance_finality(&self, tip: u64, head: u64) -> Result<(), IndexError> {
        let finalized = match self.config.finality {
            Finality::Depth { blocks } => head.checked_sub(blocks),
            Finality::Tag => self.node.finalized().await?,
        };
        let first = self.store.first()?.unwrap_or_default();
        match finalized.map(|f| f.min(tip)) {
            Some(number) if number >= first => Ok(self.store.finalize(number)?),
            _ => Ok(()),
        }
    }

    /// Where the index stands.
    pub fn status(&self) -> Result<Status, IndexError> {
        let progress = self.progress.read().map(|p| (p.head, p.unwound_blocks, p.error.clone()));
        let (head, unwound_blocks, error) = progress.unwrap_or_default();
        Ok(Status {
            chain_id: self.store.chain_id()?,
            first: self.store.first()?,
            tip: self.store.last_header()?.map(|t| t.number),
            finalized: self.store.finalized()?,
            head,
            unwound_blocks,
            error,
        })
    }

    /// The indexed header of block `number`.
    ///
    /// # Errors
    /// [`IndexError::Future`], [`IndexError::BeforeWindow`], [`IndexError::Empty`].
    pub fn header(&self, number: u64) -> Result<StoredHeader, IndexError> {
        if let Some(header) = self.store.header(number)? {
            return Ok(header);
        }
        let first = self.store.first()?.unwrap_or_default();
        if number < first {
            return Err(IndexError::BeforeWindow { number, first });
        }
        let tip = self.store.last_header()?.ok_or(IndexError::Empty)?.number;
        Err(IndexError::Future { number, tip })
    }

    /// Waits until block `number` is indexed, if the node has it already and [`Indexer::run`] is about to fetch it.
    ///
    /// # Errors
    /// [`IndexError::Future`] at once if the node has no such block, or after `patience`.
    pub async fn wait_for(&self, number: u64, patience: Duration) -> Result<(), IndexError> {
        let start = Instant::now();
        let mut is_announced = false;
        loop {
            match self.header(number) {
                Err(IndexError::Future { .. } | IndexError::Empty) if start.elapsed() < patience => {}
                other => return other.map(drop),
            }
            if !is_announced && self.node.head().await? < number {
                return self.header(number).map(drop);
            }
            is_announced = true;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// True while the block with this hash is on the indexed chain.
    pub fn is_canonical(&self, number: u64, hash: B256) -> Result<bool, IndexError> {
        Ok(self.store.header(number)?.is_some_and(|h| h.hash == hash))
    }

    /// An account and slots of block `number`, from the store or fetched, verified and stored.
    ///
    /// # Errors
    /// [`IndexError::Proof`] if no endpoint's answer is true; then nothing is stored.
    pub async fn state_proof(&self, number: u64, address: Address, slots: &[B256]) -> Result<StateProof, IndexError> {
        let header = self.header(number)?;
        if let Some(missing) = self.missing(&header, address, slots)? {
            let root = header.decode()?.state_root;
            for part in parts(&missing) {
                let (account, proven) = self.node.proven(number, root, address, part).await?;
                self.store.put_proofs(header.hash, &account, &proven)?;
            }
        }
        let gone = || IndexError::MissingNode { number, hash: header.hash };
        let account = self.store.account(header.hash, address)?.ok_or_else(gone)?;
        let slots = slots
            .iter()
            .map(|&slot| self.store.slot(header.hash, address, slot)?.ok_or_else(gone))
            .collect::<Result<_, _>>()?;
        Ok(StateProof { header, account, slots })
    }

    /// Those of `slots` that are not stored with their proofs; `None` if nothing is missing, the account neither.
    pub(crate) fn missing(
        &self,
        header: &StoredHeader,
        address: Address,
        slots: &[B256],
    ) -> Result<Option<Vec<B256>>, IndexError> {
        let stored = self.store.account(header.hash, address)?;
        let mut missing = Vec::new();
        for &slot in slots {
            if self.store.slot(header.hash, address, slot)?.is_none() && !missing.contains(&slot) {
                missing.push(slot);
            }
        }
        Ok((stored.is_none() || !missing.is_empty()).then_some(missing))
    }

    /// All receipts or transactions of block `number`, encoded and in order, from the store or fetched, compared with the root in the header
    /// and stored.
    ///
    /// # Errors
    /// [`NodeError::NotOfBlock`](crate::node::NodeError::NotOfBlock) if the node's answer is not the block's; then nothing is stored.
    pub async fn entries(&self, number: u64, kind: EntryKind) -> Result<Vec<Bytes>, IndexError> {
        let header = self.header(number)?;
        if let Some(entries) = self.store.entries(header.hash, kind)? {
            return Ok(entries);
        }
        let decoded = header.decode()?;
        let root = match kind {
            EntryKind::Receipts => decoded.receipts_root,
            EntryKind::Transactions => decoded.transactions_root,
        };
        let entries = self.node.entries(Asked { number, kind, root }).await?;
        self.store.put_entries(header.hash, kind, &entries)?;
        Ok(entries)
    }
}

/// Slots in as many requests as they need, one if there are none.
pub(crate) fn parts(slots: &[B256]) -> impl Iterator<Item = &[B256]> {
    slots.chunks(SLOTS_PER_REQUEST).chain(slots.is_empty().then_some(&[][..]))
}
