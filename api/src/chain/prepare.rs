//! What has to be on the chain before a history proof can be posted: the hashes of its old anchors.
//!
//! The chain tells the hashes of recent blocks. An older one is told after one more transaction: by the post of the proof that leads to it as
//! a linked anchor, or by showing it to be a member of the archive.

use super::calldata::{Call, post};
use super::contracts::{Addresses, HistoryRoots};
use crate::archive::ArchiveError;
use crate::archive::backfill::pin_member;
use crate::archive::contract::Archive;
use alloy::primitives::{B256, U256};
use alloy::providers::DynProvider;
use futures::StreamExt;
use futures::future::BoxFuture;
use std::collections::BTreeSet;
use vouch_indexer::node::Node;
use vouch_prover::engine::{Engine, HistoryProof};
use vouch_prover::queue::{HOP_REACH_BLOCKS, OldAnchors, Queue, Served};

/// Most proofs in a row that lead from one to the next: each reaches some hundred thousand blocks.
const MAX_CHAIN: usize = 64;
/// Blocks that the contracts know of the chain itself, some minutes from now too.
const RECENT: u64 = HOP_REACH_BLOCKS;
/// Blocks asked for at one time.
const PARALLEL: usize = 8;

/// Looks at the contracts for what they know of old blocks.
#[derive(Clone, Debug)]
pub struct OldBlocks {
    node: Node,
    contracts: Addresses,
    archive: Option<Archive>,
}

impl OldBlocks {
    /// Over the contracts of `node`'s chain. `BlockHashes` is an archive if it says so.
    pub async fn open(node: Node, contracts: Addresses) -> Self {
        let provider = node.provider().clone();
        let address = match (contracts.block_hashes, contracts.history_roots) {
            (Some(address), _) => Some(address),
            (None, Some(roots)) => HistoryRoots::new(roots, &provider).blockHashes().call().await.ok(),
            (None, None) => None,
        };
        let archive = match address {
            Some(address) => Archive::open(address, provider).await.ok(),
            None => None,
        };
        Self { node, contracts, archive }
    }

    fn provider(&self) -> &DynProvider {
        self.node.provider()
    }

    /// The hash that `HistoryRoots` knows of a block; `None` if it knows none, or there is no such contract.
    ///
    /// # Errors
    /// What went wrong, if it cannot be asked.
    async fn told(&self, number: u64) -> Result<Option<B256>, String> {
        let Some(roots) = self.contracts.history_roots else { return Ok(None) };
        let hash = HistoryRoots::new(roots, self.provider()).hashOf(U256::from(number)).call().await;
        hash.map(|hash| (!hash.is_zero()).then_some(hash)).map_err(|e| e.to_string())
    }

    /// Whether block `number` can be an anchor: the contracts know it, or can be shown it.
    async fn is_known(&self, number: u64) -> bool {
        match (self.told(number).await, &self.archive) {
            (Ok(Some(_)), _) => true,
            (_, Some(archive)) => archive.holds(number).await.unwrap_or(false),
            (_, None) => false,
        }
    }

    /// The calls after which the proofs of `served` can be posted.
    pub async fn needed(&self, queue: &Queue<dyn Engine>, served: &Served) -> Vec<Call> {
        let tip = queue.indexer().store().last_header().ok().flatten().map_or(0, |tip| tip.number);
        let is_old = |h: &HistoryProof| h.anchors.iter().any(|anchor| anchor.number + RECENT <= tip);
        if !served.histories.iter().any(is_old) {
            return Vec::new();
        }
        self.calls(&served.histories, &queue.store().roots().unwrap_or_default(), tip).await
    }

    /// The calls, in their order, after which `histories` can be posted in theirs. An anchor that nothing leads to is left out: then the post says so.
    ///
    /// - `stored`: proofs that could be posted too
    /// - `tip`: the newest block; the contracts know the `RECENT` ones before it
    pub async fn calls(&self, histories: &[HistoryProof], stored: &[HistoryProof], tip: u64) -> Vec<Call> {
        let Some(roots) = self.contracts.history_roots else { return Vec::new() };
        let (mut calls, mut settled) = (Vec::new(), BTreeSet::new());
        // what is to be known, the last first: a proof that leads there has anchors of its own
        let mut open: Vec<(u64, B256)> = Vec::new();
        for history in histories {
            open.extend(history.anchors.iter().filter(|a| !a.linked).map(|a| (a.number, a.hash)));
        }
        let own: BTreeSet<(u64, B256)> = linked(histories).collect();
        open.retain(|anchor| !own.contains(anchor));
        for _ in 0..MAX_CHAIN {
            let mut next = Vec::new();
            for (number, hash) in open {
                if number + RECENT > tip || !settled.insert(number) || matches!(self.told(number).await, Ok(Some(_))) {
                    continue;
                }
                if let Some(leads) =
                    stored.iter().find(|h| linked(std::slice::from_ref(h)).any(|a| a == (number, hash)))
                {
                    calls.push(Call { to: roots, data: post(leads) });
                    next.extend(leads.anchors.iter().filter(|a| !a.linked).map(|a| (a.number, a.hash)));
                } else if let Some(archive) = &self.archive
                    && let Ok(member) = archive.member(&self.node, number, &|_, _| ()).await
                {
                    calls.push(pin_member(archive, &member));
                }
            }
            if next.is_empty() {
                break;
            }
            open = next;
        }
        calls.reverse();
        calls
    }
}

impl OldAnchors for OldBlocks {
    fn known<'a>(&'a self, blocks: &'a BTreeSet<u64>) -> BoxFuture<'a, BTreeSet<u64>> {
        Box::pin(async move {
            let looked = futures::stream::iter(blocks.iter().copied())
                .map(|block| async move { self.is_known(block).await.then_some(block) })
                .buffered(PARALLEL);
            looked.filter_map(std::future::ready).collect().await
        })
    }

    fn hash_of(&self, block: u64) -> BoxFuture<'_, Result<Option<B256>, String>> {
        Box::pin(async move {
            match (self.told(block).await?, &self.archive) {
                (Some(hash), _) => Ok(Some(hash)),
                (None, None) => Ok(None),
                (None, Some(archive)) => match archive.member(&self.node, block, &|_, _| ()).await {
                    Ok(member) => Ok(Some(member.hash)),
                    Err(ArchiveError::NotAMember { .. }) => Ok(None),
                    Err(e) => Err(e.to_string()),
                },
            }
        })
    }
}

/// The linked anchors of proofs.
fn linked(histories: &[HistoryProof]) -> impl Iterator<Item = (u64, B256)> {
    histories.iter().flat_map(|h| h.anchors.iter().filter(|a| a.linked).map(|a| (a.number, a.hash)))
}
