//! Receipts, logs, transactions and counts of logs: which blocks have to be read, and the trie nodes that prove what they say.
//!
//! A count reads the receipts of those blocks only whose bloom filter does not already exclude a matching log.

use super::{EvidenceError, PARALLEL};
use alloy::primitives::Bytes;
use futures::{StreamExt, TryStreamExt};
use std::collections::{BTreeMap, BTreeSet};
use vouch_circuits::bloom;
use vouch_circuits::digest::Hash;
use vouch_circuits::entry;
use vouch_circuits::evidence::{EvidenceError as CircuitError, blocks_of, find, query_things};
use vouch_circuits::facts::{Fact, FactKey, FactKind};
use vouch_circuits::header::{Header, field};
use vouch_circuits::trie::Nodes;
use vouch_indexer::Indexer;
use vouch_indexer::entries::EntryKind;
use vouch_indexer::store::StoredHeader;

/// What was found.
#[derive(Default)]
pub(super) struct Entries {
    /// Nodes on the walks, each once, by block.
    pub nodes: BTreeMap<u64, Vec<Bytes>>,
    /// Values of the facts about entries.
    pub values: BTreeMap<FactKey, Hash>,
}

/// Which tries have to be read.
fn wanted(asked: &[&Fact], blocks: &BTreeMap<u64, Header<'_>>) -> BTreeSet<(u64, EntryKind)> {
    let mut wanted = BTreeSet::new();
    for fact in asked {
        match fact.kind {
            FactKind::Transaction => drop(wanted.insert((fact.block, EntryKind::Transactions))),
            FactKind::LogCount => {
                let things = query_things(fact);
                let may_have_some = |block: &u64| {
                    let filter = blocks.get(block).and_then(|header| header.field_bytes(field::LOGS_BLOOM));
                    filter.is_none_or(|filter| things.iter().all(|thing| bloom::missing_bit(filter, thing).is_none()))
                };
                wanted.extend(blocks_of(fact).filter(may_have_some).map(|block| (block, EntryKind::Receipts)));
            }
            _ => drop(wanted.insert((fact.block, EntryKind::Receipts))),
        }
    }
    wanted
}

/// Values and nodes for those of `questions` that are about entries; `headers` are those of all their blocks.
///
/// # Errors
/// [`EvidenceError::Entry`] if a block has no such entry; [`EvidenceError::Index`] from the index.
pub(super) async fn collect(
    indexer: &Indexer,
    questions: &[Fact],
    headers: &[StoredHeader],
) -> Result<Entries, EvidenceError> {
    let asked: Vec<&Fact> = questions.iter().filter(|fact| fact.kind.needs_entries()).collect();
    let mut found = Entries::default();
    if asked.is_empty() {
        return Ok(found);
    }
    let mut blocks = BTreeMap::new();
    for StoredHeader { number, rlp, .. } in headers {
        let unreadable =
            |source| EvidenceError::Entry { block: *number, source: CircuitError::Header { position: 0, source } };
        blocks.insert(*number, Header::read(rlp).map_err(unreadable)?);
    }
    let fetched: Vec<Vec<Bytes>> = futures::stream::iter(wanted(&asked, &blocks))
        .map(|(block, kind)| indexer.entries(block, kind))
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    let mut nodes = Nodes::default();
    for entries in fetched {
        let entries: Vec<Vec<u8>> = entries.into_iter().map(|entry| entry.to_vec()).collect();
        for node in entry::trie(&entries).1.iter() {
            nodes.insert(node.to_vec());
        }
    }
    let mut seen = BTreeSet::new();
    for (position, fact) in asked.into_iter().enumerate() {
        let wrong = |source| EvidenceError::Entry { block: fact.block, source };
        let walked = find(fact, position, &blocks, &nodes).map_err(wrong)?;
        let of_block = found.nodes.entry(fact.block).or_default();
        for step in walked.walks().flat_map(|walk| &walk.steps) {
            if let Some(node) = nodes.get(&step.place.message).filter(|_| seen.insert(step.place.message)) {
                of_block.push(node.to_vec().into());
            }
        }
        found.values.insert(fact.place(), walked.value);
    }
    Ok(found)
}
