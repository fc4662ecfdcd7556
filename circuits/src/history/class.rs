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
    /// Keys of words at the end of a path; each once, whatever the block.
    pub paths: usize,
    /// Slots where paths start.
    pub path_starts: usize,
    /// Steps of paths by the key of a mapping; what paths share is counted once.
    pub path_mappings: usize,
    /// Steps of paths to the elements of an array.
    pub path_arrays: usize,
    /// Facts.
    pub facts: usize,
    /// What is said of receipts, transactions and logs.
    pub receipts: Receipts,
}

/// How much one proof has room for of receipts, transactions and logs; one of each is a filler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipts {
    /// Receipts, each counted once.
    pub receipts: usize,
    /// Transactions, each counted once.
    pub transactions: usize,
    /// Leaves of the receipts and transactions tries.
    pub leaves: usize,
    /// Logs: of a receipt, all up to the last one needed.
    pub logs: usize,
    /// Words of the data of logs and transactions.
    pub words: usize,
    /// Fields of receipts, transactions and logs that facts are about.
    pub positions: usize,
    /// Proofs that a block has no further receipt.
    pub absences: usize,
    /// Counts.
    pub counts: usize,
    /// Blocks that a bloom filter excludes, once for each count.
    pub bloom_steps: usize,
    /// Blocks that are scanned, once for each count.
    pub scan_steps: usize,
    /// Logs that are looked at, once for each count.
    pub tallies: usize,
    /// Receipts of scanned blocks, once for each count.
    pub receipt_ends: usize,
}

impl Receipts {
    /// No room.
    pub const NONE: Self = Self {
        receipts: 0,
        transactions: 0,
        leaves: 0,
        logs: 0,
        words: 0,
        positions: 0,
        absences: 0,
        counts: 0,
        bloom_steps: 0,
        scan_steps: 0,
        tallies: 0,
        receipt_ends: 0,
    };

    /// Whether there is any room.
    pub fn is_some(&self) -> bool {
        *self != Self::NONE
    }
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
        paths: 6,
        path_starts: 3,
        path_mappings: 6,
        path_arrays: 2,
        facts: 27,
        receipts: Receipts::NONE,
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
        paths: 16,
        path_starts: 8,
        path_mappings: 24,
        path_arrays: 8,
        facts: 81,
        receipts: Receipts::NONE,
    };

    /// Blocks that no anchor names: some fifteen of mainnet, with an account and a slot each, linked by hops.
    pub const H: Self = Self {
        name: "H",
        k: 18,
        blocks: 1558,
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
        paths: 16,
        path_starts: 8,
        path_mappings: 24,
        path_arrays: 8,
        facts: 81,
        receipts: Receipts::NONE,
    };

    /// Receipts, transactions and logs of a few blocks of mainnet, all logs of one or two of them.
    pub const R: Self = Self {
        name: "R",
        k: 18,
        blocks: 1536,
        links: 32,
        hops: 2,
        roots: 24,
        branches: 128,
        pairs: 40,
        steps: 512,
        addresses: 6,
        accounts: 5,
        slots: 6,
        plain_keys: 6,
        mapping_keys: 2,
        nested_keys: 1,
        paths: 2,
        path_starts: 1,
        path_mappings: 2,
        path_arrays: 1,
        facts: 81,
        receipts: Receipts {
            receipts: 256,
            transactions: 16,
            leaves: 272,
            logs: 768,
            words: 81,
            positions: 81,
            absences: 6,
            counts: 5,
            bloom_steps: 64,
            scan_steps: 9,
            tallies: 1536,
            receipt_ends: 512,
        },
    };

    /// As [`Class::R`], with room for all receipts and logs of the larger blocks of mainnet.
    pub const B: Self = Self {
        name: "B",
        k: 19,
        blocks: 3072,
        branches: 256,
        steps: 1024,
        receipts: Receipts {
            receipts: 512,
            leaves: 528,
            logs: 2048,
            tallies: 3072,
            receipt_ends: 1024,
            ..Self::R.receipts
        },
        ..Self::R
    };

    /// All classes, in the order of `HistoryRoots`: the first that has room is taken.
    pub const ALL: [Self; 5] = [Self::S, Self::M, Self::H, Self::R, Self::B];

    /// Keys of storage slots.
    pub(super) fn storage_keys(&self) -> usize {
        self.plain_keys + self.mapping_keys + self.nested_keys + self.paths
    }

    /// Headers, anchors and linked ones.
    pub(super) fn headers(&self) -> usize {
        ANCHORS + self.links
    }

    /// Place of count `number`: after those of headers and accounts.
    pub(super) fn count_place(&self, number: u64) -> u64 {
        (self.headers() + self.accounts + 1) as u64 + number
    }

    /// Place of the header of the blocks that fill unused room.
    pub(super) fn filler_place(&self) -> u64 {
        self.count_place(self.receipts.counts as u64)
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
