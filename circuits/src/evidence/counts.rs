//! Counts: how many logs of a range of blocks have an address, a first topic, and perhaps another topic.
//!
//! Statement: nothing is left out. Of each block of the range either the bloom filter in its header lacks a bit of the address or of a topic,
//! so no log of the block has it; or all receipts are read, from number 0 to the last one, after which the receipts trie proves that there
//! is no other.

use std::collections::BTreeMap;

use super::{EvidenceError, Found, entries};
use crate::bloom;
use crate::digest::Hash;
use crate::entry::MAX_ENTRIES;
use crate::facts::{Fact, FactKind, LogRange};
use crate::header::{Header, field};
use crate::receipt::{Log, Receipt, small};
use crate::trie::{Nodes, Walk};

/// How the logs of one block are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockCount {
    /// There are none: bit `bit` (0 to 2) of thing `thing` of [`query_things`] is not in the bloom filter.
    Bloom {
        /// Position of the thing.
        thing: usize,
        /// Which of its bits.
        bit: usize,
    },
    /// All receipts are read.
    Scan {
        /// The way to each receipt.
        receipts: Vec<Walk>,
        /// The proof that there is no other.
        end: Walk,
        /// Matching logs.
        count: u64,
    },
}

/// What was counted, block by block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// By rising block number.
    pub blocks: Vec<(u64, BlockCount)>,
    /// Which logs count.
    pub range: LogRange,
}

impl Count {
    /// All walks through receipts tries.
    pub fn walks(&self) -> impl Iterator<Item = &Walk> {
        self.blocks.iter().flat_map(|(_, block)| {
            let (receipts, end): (&[Walk], _) = match block {
                BlockCount::Bloom { .. } => (&[], None),
                BlockCount::Scan { receipts, end, .. } => (receipts, Some(end)),
            };
            receipts.iter().chain(end)
        })
    }
}

/// The things of which a block's bloom filter holds bits if the block has a matching log: the address, the first topic, the other topic
/// (the address again if there is none). Empty for facts of other kinds.
pub fn query_things(fact: &Fact) -> Vec<Vec<u8>> {
    match LogRange::of(&fact.slot).filter(|_| fact.kind == FactKind::LogCount) {
        None => vec![],
        Some(range) => {
            let address = fact.address.to_vec();
            let other = if range.topic == 0 { address.clone() } else { fact.key2.to_vec() };
            vec![address, fact.key.to_vec(), other]
        }
    }
}

/// Whether the count `fact` over `range` counts `log`.
pub(crate) fn matches(fact: &Fact, range: LogRange, log: &Log) -> bool {
    let other = usize::from(range.topic);
    let has = |index: usize, topic: &Hash| log.topics.get(index) == Some(topic);
    log.address == fact.address && has(0, &fact.key) && (other == 0 || has(other, &fact.key2))
}

fn count_block(
    fact: &Fact,
    range: LogRange,
    position: usize,
    header: &Header<'_>,
    nodes: &Nodes,
) -> Result<BlockCount, EvidenceError> {
    let filter = header.field_bytes(field::LOGS_BLOOM).expect("every header that was read has one");
    for (thing, bytes) in query_things(fact).iter().enumerate() {
        if let Some(bit) = bloom::missing_bit(filter, bytes) {
            return Ok(BlockCount::Bloom { thing, bit });
        }
    }
    let (block, mut receipts, mut count) = (header.number, vec![], 0);
    for entry in 0..MAX_ENTRIES {
        let walk = entries::walk(position, header, field::RECEIPTS_ROOT, entry, nodes)?;
        let Some(bytes) = &walk.value else {
            return Ok(BlockCount::Scan { receipts, end: walk, count });
        };
        let receipt = Receipt::read(bytes).map_err(|source| EvidenceError::Entry { position, block, entry, source })?;
        count += receipt.logs.iter().filter(|log| matches(fact, range, log)).count() as u64;
        receipts.push(walk);
    }
    Err(EvidenceError::NoEntry { position, block, got: MAX_ENTRIES })
}

/// Counts.
///
/// # Errors
/// [`EvidenceError`] when the range is none, or a header or a node is missing.
pub(super) fn find(
    fact: &Fact,
    position: usize,
    blocks: &BTreeMap<u64, Header<'_>>,
    nodes: &Nodes,
) -> Result<Found, EvidenceError> {
    let wrong = EvidenceError::Range { position, block: fact.block, slot: fact.slot };
    let range = LogRange::of(&fact.slot).filter(|range| range.blocks <= fact.block.saturating_add(1)).ok_or(wrong)?;
    if range.topic == 0 && fact.key2 != [0; 32] {
        return Err(EvidenceError::Shape { position, kind: fact.kind, part: "key2" });
    }
    let mut counted = vec![];
    for block in super::blocks_of(fact) {
        let header = blocks.get(&block).ok_or(EvidenceError::NoHeader { position, block })?;
        counted.push((block, count_block(fact, range, position, header, nodes)?));
    }
    let total: u64 =
        counted.iter().map(|(_, block)| if let BlockCount::Scan { count, .. } = block { *count } else { 0 }).sum();
    Ok(Found { count: Some(Count { blocks: counted, range }), ..Found::value(small(total as usize)) })
}
