//! Classes: the capacities of a history circuit. The shape of the circuit depends on nothing else.

use thiserror::Error;

use super::layout::{Layout, LayoutError};
use crate::evidence::Evidence;
use crate::grid::Shape;

/// Public anchors of every class.
pub const ANCHORS: usize = 8;

/// How much one proof has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Name of the class.
    pub name: &'static str,
    /// log2 of the circuit's rows.
    pub k: u32,
    /// Keccak-f permutations.
    pub blocks: usize,
    /// Headers that are no anchors, but linked to one.
    pub links: usize,
    /// Links by the history contract's storage.
    pub hops: usize,
    /// Tries.
    pub roots: usize,
    /// Branch nodes, each counted once.
    pub branches: usize,
    /// Leaves and extensions, each counted once.
    pub pairs: usize,
    /// Nodes below their root, counted once for each trie.
    pub steps: usize,
    /// Addresses.
    pub addresses: usize,
    /// Accounts, once for each block; one is a filler.
    pub accounts: usize,
    /// Storage slots, once for each account and block.
    pub slots: usize,
    /// Keys of plain slots.
    pub plain_keys: usize,
    /// Keys of mappings.
    pub mapping_keys: usize,
    /// Keys of mappings of mappings.
    pub nested_keys: usize,
    /// Facts.
    pub facts: usize,
}

impl Class {
    /// A few accounts of a small chain at four blocks, or one account and one slot of mainnet.
    pub const S: Self = Self {
        name: "S",
        k: 16,
        blocks: 128,
        links: 0,
        hops: 0,
        roots: 16,
        branches: 40,
        pairs: 36,
        steps: 64,
        addresses: 5,
        accounts: 11,
        slots: 24,
        plain_keys: 4,
        mapping_keys: 8,
        nested_keys: 1,
        facts: 27,
    };

    /// A few accounts of mainnet with several slots.
    pub const M: Self = Self {
        name: "M",
        k: 17,
        blocks: 512,
        links: 0,
        hops: 0,
        roots: 40,
        branches: 180,
        pairs: 130,
        steps: 300,
        addresses: 24,
        accounts: 41,
        slots: 96,
        plain_keys: 48,
        mapping_keys: 48,
        nested_keys: 8,
        facts: 81,
    };

    /// Blocks that no anchor names: some fifteen of mainnet, with an account and a slot each, linked by hops.
    pub const H: Self = Self {
        name: "H",
        k: 18,
        blocks: 1536,
        links: 32,
        hops: 24,
        roots: 72,
        branches: 480,
        pairs: 240,
        steps: 640,
        addresses: 24,
        accounts: 57,
        slots: 112,
        plain_keys: 56,
        mapping_keys: 32,
        nested_keys: 8,
        facts: 81,
    };

    /// All classes, smallest first.
    pub const ALL: [Self; 3] = [Self::S, Self::M, Self::H];

    /// Headers, anchors and linked ones.
    pub(super) fn headers(&self) -> usize {
        ANCHORS + self.links
    }

    /// Size of the grid.
    pub fn shape(&self) -> Shape {
        Shape { k: self.k, blocks: self.blocks }
    }

    /// Checks that `evidence` fits.
    ///
    /// # Errors
    /// What [`Layout::new`] returns; [`LayoutError::Overflow`] names the capacity that is too small.
    pub fn fits(&self, evidence: &Evidence) -> Result<(), LayoutError> {
        Layout::new(self, evidence).map(|_| ())
    }
}

/// A class has no room for the evidence. Recoverable: take a larger class, or split the facts over several roots.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("class {class} has room for {expected} {what}, the evidence needs {got}")]
pub struct Overflow {
    /// Name of the class.
    pub class: &'static str,
    /// What there is too much of.
    pub what: &'static str,
    /// The capacity.
    pub expected: usize,
    /// What is needed.
    pub got: usize,
}
