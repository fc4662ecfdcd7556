//! The blocks that a query may read: those of the index, and older ones that something leads to.

use super::setback::Setback;
use super::{Queue, QueueError};
use crate::engine::Engine;
use crate::evidence::{EvidenceError, Reach};
use std::collections::BTreeSet;
use std::time::Duration;
use vouch_circuits::evidence::blocks_of;
use vouch_circuits::facts::Fact;
use vouch_indexer::IndexError;

/// Longest wait for the index to reach a block that the node has already.
const INDEX_PATIENCE: Duration = Duration::from_secs(10);

impl<E: Engine + ?Sized> Queue<E> {
    /// Waits for the newest blocks, and refuses those below the index that nothing can lead to.
    pub(super) async fn wait_for(&self, questions: &[Fact]) -> Result<(), QueueError> {
        let mut below = BTreeSet::new();
        for block in questions.iter().flat_map(|fact| [fact.block, *blocks_of(fact).start()]) {
            match self.indexer.wait_for(block, INDEX_PATIENCE).await {
                Err(IndexError::BeforeWindow { .. }) => drop(below.insert(block)),
                waited => waited?,
            }
        }
        // hops are tried when the evidence is collected
        if self.config.reach_blocks.is_none() {
            let known = match &self.old_anchors {
                Some(contracts) => contracts.known(&below).await,
                None => BTreeSet::new(),
            };
            if let Some(block) = below.difference(&known).next() {
                self.indexer.header(*block)?;
            }
        }
        Ok(())
    }

    /// Blocks that can still be anchors when the proof is posted, of those that may be of use for `questions`.
    pub(super) async fn reach(&self, questions: &[Fact]) -> Result<Reach, Setback> {
        let contracts = self.old_anchors.clone();
        let Some(back) = self.config.reach_blocks else { return Ok(Reach { contracts, ..Reach::ALL }) };
        let index = || {
            let store = self.indexer.store();
            let tip = store.last_header()?.ok_or(IndexError::Empty)?;
            Ok::<_, IndexError>((store.first()?.unwrap_or_default(), tip.number))
        };
        let (first, newest) = index().map_err(EvidenceError::Index)?;
        let mut reach = Reach { contracts, ..Reach::window(newest.saturating_sub(back).max(first), newest) };
        if let Some(old_anchors) = &self.old_anchors {
            let mut blocks: BTreeSet<u64> = questions.iter().flat_map(blocks_of).collect();
            let stored = self.store.roots()?;
            blocks.extend(stored.iter().flat_map(|h| h.anchors.iter().filter(|a| a.linked).map(|a| a.number)));
            blocks.retain(|block| *block < reach.oldest);
            reach.known = old_anchors.known(&blocks).await;
        }
        Ok(reach)
    }
}
