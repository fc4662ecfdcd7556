//! Which facts of a question proven roots hold already.

use super::setback::Setback;
use super::{Queue, gone_text};
use crate::engine::{Anchor, Engine, HistoryProof};
use alloy::primitives::B256;
use std::collections::{BTreeMap, BTreeSet};
use vouch_circuits::facts::Fact;
use vouch_circuits::instances::MAX_ROOTS;

/// Roots that hold facts, and the facts that none of them holds.
pub(super) struct Cover {
    /// At most [`MAX_ROOTS`], none without a fact that those before it miss.
    pub held: Vec<HistoryProof>,
    /// In order.
    pub missing: Vec<Fact>,
}

impl<E: Engine + ?Sized> Queue<E> {
    /// Proven roots of blocks that are still on the chain; again and again the one that holds the most of what is missing.
    pub(super) fn cover(&self, asked: &[Fact]) -> Result<Cover, Setback> {
        let mut candidates: BTreeMap<B256, BTreeSet<usize>> = BTreeMap::new();
        for (i, fact) in asked.iter().enumerate() {
            for root in self.store.roots_with(fact)? {
                candidates.entry(root).or_default().insert(i);
            }
        }
        let (mut held, mut missing) = (Vec::new(), (0..asked.len()).collect::<BTreeSet<usize>>());
        while held.len() < MAX_ROOTS && !missing.is_empty() {
            let gain = |facts: &BTreeSet<usize>| facts.intersection(&missing).count();
            let best = candidates.iter().map(|(root, facts)| (gain(facts), *root)).filter(|(gain, _)| *gain > 0).max();
            let Some((_, root)) = best else { break };
            let facts = candidates.remove(&root).unwrap_or_default();
            let Some(history) = self.store.root(root)? else { continue };
            if let Some(anchor) = self.gone(&history.anchors).map_err(Setback::Stop)? {
                tracing::debug!(%root, reason = gone_text(anchor), "root is not used");
                continue;
            }
            missing.retain(|i| !facts.contains(i));
            held.push(history);
        }
        Ok(Cover { held, missing: missing.into_iter().map(|i| asked[i]).collect() })
    }
}

/// The blocks that `histories` hang on, each once.
pub(super) fn anchors_of(histories: &[HistoryProof]) -> Vec<Anchor> {
    union(histories.iter().flat_map(|history| history.anchors.iter().copied()))
}

/// Each anchor once, in order.
pub(super) fn union(anchors: impl IntoIterator<Item = Anchor>) -> Vec<Anchor> {
    anchors.into_iter().collect::<BTreeSet<Anchor>>().into_iter().collect()
}
