//! Links: why a block's hash is believed although no anchor names it.
//!
//! A link says: block `from` names the hash of block `block`, an older one. It does so by its parent hash, or, as a *hop*, by slot
//! `block % 8191` of the history contract (EIP-2935) in its state. Links lead upwards, so they end in anchors.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{EvidenceError, find};
use crate::digest::Hash;
use crate::facts::{Fact, FactKind};
use crate::header::{Header, field};
use crate::path::Path;
use crate::trie::Nodes;

/// The contract that keeps the last [`WINDOW`] block hashes in its storage (EIP-2935).
pub const HISTORY_CONTRACT: [u8; 20] = [
    0x00, 0x00, 0xf9, 0x08, 0x27, 0xf1, 0xc5, 0x3a, 0x10, 0xcb, 0x7a, 0x02, 0x33, 0x5b, 0x17, 0x53, 0x20, 0x00, 0x29,
    0x35,
];
/// Block hashes that the history contract keeps: in the state after block `m`, those of `m - 8191` to `m - 1`.
pub const WINDOW: u64 = 8191;
/// Parent links that are taken rather than a hop, which costs about as many permutations.
const PARENTS: u64 = 8;

/// Block `from` names the hash of block `block`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The older block.
    pub block: u64,
    /// The block that names its hash: the next one by its parent hash, another one by the history contract.
    pub from: u64,
}

impl Link {
    /// Whether it is by the parent hash.
    pub fn is_parent(&self) -> bool {
        self.block.checked_add(1) == Some(self.from)
    }

    /// The slot of the history contract that holds `hash` for the block, at the block that names it.
    pub fn fact(&self, hash: Hash) -> Fact {
        let mut slot = [0; 32];
        slot[24..].copy_from_slice(&(self.block % WINDOW).to_be_bytes());
        let zero = [0; 32];
        let (kind, address) = (FactKind::Slot, HISTORY_CONTRACT);
        Fact { kind, block: self.from, address, slot, key: zero, key2: zero, path: Path::NONE, value: hash }
    }

    /// The hash that `from` names for `block`.
    fn says(&self, blocks: &BTreeMap<u64, Header<'_>>, nodes: &Nodes) -> Result<Hash, EvidenceError> {
        let missing = EvidenceError::NoLink { block: self.block, from: self.from };
        let Some(header) =
            blocks.get(&self.from).filter(|_| (1..=WINDOW).contains(&self.from.wrapping_sub(self.block)))
        else {
            return Err(missing);
        };
        if self.is_parent() {
            return header.field_word(field::PARENT_HASH).map_err(|_| missing);
        }
        Ok(find(&self.fact([0; 32]), 0, blocks, nodes)?.value)
    }
}

/// Checks every link.
///
/// # Errors
/// [`EvidenceError::NoLink`], [`EvidenceError::WrongLink`], or what a walk reports.
pub(super) fn check(links: &[Link], blocks: &BTreeMap<u64, Header<'_>>, nodes: &Nodes) -> Result<(), EvidenceError> {
    let mut above = None;
    for Link { block, from } in links.iter().copied() {
        let header = blocks.get(&block).filter(|_| above < Some(block));
        above = Some(block);
        let expected = header.ok_or(EvidenceError::NoLink { block, from })?.hash();
        let got = Link { block, from }.says(blocks, nodes)?;
        if got != expected {
            return Err(EvidenceError::WrongLink { block, from, expected, got });
        }
    }
    Ok(())
}

/// Links that lead from anchors to all of `wanted`: a few parents where they suffice, else hops as wide as possible, through blocks that
/// are needed anyway if there are any.
///
/// # Errors
/// [`EvidenceError::Unreachable`].
pub(super) fn choose(
    wanted: &BTreeSet<u64>,
    blocks: &BTreeMap<u64, Header<'_>>,
    nodes: &Nodes,
    is_anchor: impl Fn(u64) -> bool,
) -> Result<Vec<Link>, EvidenceError> {
    let mut links = BTreeMap::new();
    let mut reached = BTreeSet::new();
    for block in wanted.iter().rev() {
        let mut block = *block;
        // each step leads to a later block
        while reached.insert(block) && !is_anchor(block) {
            let is_end = |other: u64| reached.contains(&other) || is_anchor(other) && blocks.contains_key(&other);
            let from = next(block, blocks, nodes, is_end).ok_or(EvidenceError::Unreachable { block })?;
            links.insert(block, from);
            block = from;
        }
    }
    Ok(links.into_iter().map(|(block, from)| Link { block, from }).collect())
}

/// The block that names `block`.
fn next(block: u64, blocks: &BTreeMap<u64, Header<'_>>, nodes: &Nodes, is_end: impl Fn(u64) -> bool) -> Option<u64> {
    let hash = blocks.get(&block)?.hash();
    let near = (block + 1..=block + PARENTS).take_while(|other| blocks.contains_key(other)).any(&is_end);
    let names = |from: &u64| Link { block, from: *from }.says(blocks, nodes).is_ok_and(|says| says == hash);
    if near && names(&(block + 1)) {
        return Some(block + 1);
    }
    let above: Vec<u64> = blocks.range(block + 2..=block + WINDOW).rev().map(|(number, _)| *number).collect();
    let (ends, others): (Vec<u64>, Vec<u64>) = above.into_iter().partition(|other| is_end(*other));
    ends.into_iter().chain(others).find(names).or_else(|| Some(block + 1).filter(names))
}
