//! Blocks below the index: each is fetched by a hash that a block above it, or the contracts, name.
//!
//! Statement: every header returned is the index's, the parent of one returned, named by the history contract under the state of one returned,
//! or of the hash that the contracts tell or can be shown, now or when it was stored. So an endpoint that makes up an old block is passed over, and
//! what a proof names takes the place of what was told.

use super::reach::Route;
use super::{EvidenceError, Reach};
use alloy::primitives::B256;
use std::collections::{BTreeMap, BTreeSet};
use vouch_circuits::evidence::{HISTORY_CONTRACT, Link, blocks_of};
use vouch_circuits::facts::Fact;
use vouch_circuits::history::Class;
use vouch_circuits::instances::MAX_ROOTS;
use vouch_indexer::store::StoredHeader;
use vouch_indexer::{IndexError, Indexer};

/// Fetches the headers below the index that `questions` are about, with those that lead to them.
///
/// # Errors
/// [`EvidenceError`]: nothing leads there, or the node has other blocks.
pub(crate) async fn link(indexer: &Indexer, questions: &[Fact], reach: &Reach) -> Result<(), EvidenceError> {
    let mut blocks: BTreeSet<u64> = questions.iter().flat_map(blocks_of).collect();
    let route = reach.route(&blocks);
    let (expected, got) = (MAX_ROOTS * Class::H.hops, route.hops.len());
    if got > expected {
        return Err(EvidenceError::TooManyHops { expected, got });
    }
    blocks.extend(route.hops.iter().map(|(_, from)| *from));
    headers(indexer, &blocks, &route, reach).await.map(drop)
}

/// The headers of `blocks`, which hold every block that `route` leads over, by rising number.
///
/// # Errors
/// [`EvidenceError::Nameless`], [`EvidenceError::Untold`]; [`EvidenceError::Index`] with [`IndexError::BeforeWindow`] where nothing leads to a
/// block, with [`IndexError::OtherBlock`] where no endpoint has the one that something leads to.
pub(super) async fn headers(
    indexer: &Indexer,
    blocks: &BTreeSet<u64>,
    route: &Route,
    reach: &Reach,
) -> Result<Vec<StoredHeader>, EvidenceError> {
    let hops: BTreeMap<u64, u64> = route.hops.iter().copied().collect();
    let mut found: BTreeMap<u64, StoredHeader> = BTreeMap::new();
    let first = indexer.store().first().map_err(IndexError::Db)?.unwrap_or_default();
    for block in blocks.iter().rev().copied() {
        let hash = match (found.get(&(block + 1)), hops.get(&block)) {
            _ if block >= first => None,
            (Some(child), _) => Some(child.decode().map_err(IndexError::Db)?.parent_hash),
            (None, Some(from)) => Some(named(indexer, block, *from).await?),
            (None, None) => None,
        };
        let header = match (hash, indexer.header(block)) {
            (Some(hash), _) => indexer.header_of(block, hash).await?,
            (None, Err(before @ IndexError::BeforeWindow { .. })) => {
                let hash = told(block, reach).await?.ok_or(before)?;
                indexer.header_of(block, hash).await?
            }
            (None, header) => header?,
        };
        found.insert(block, header);
    }
    Ok(found.into_values().collect())
}

/// The hash of `block` in the storage of the history contract at block `from`, whose header is in the store.
async fn named(indexer: &Indexer, block: u64, from: u64) -> Result<B256, EvidenceError> {
    let slot = B256::from(Link { block, from }.fact([0; 32]).slot);
    let proof = indexer.state_proof(from, HISTORY_CONTRACT.into(), &[slot]).await?;
    let hash = proof.slots.first().map(|slot| slot.value).filter(|value| !value.is_zero());
    hash.map(B256::from).ok_or(EvidenceError::Nameless { block, from })
}

/// What the contracts say; `None` if nobody can be asked.
async fn told(block: u64, reach: &Reach) -> Result<Option<B256>, EvidenceError> {
    let Some(contracts) = &reach.contracts else { return Ok(None) };
    contracts.hash_of(block).await.map_err(|detail| EvidenceError::Untold { block, detail })
}
