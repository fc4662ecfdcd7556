//! Facts: what one leaf of a posted root says, how it is hashed, and the tree above it.
//!
//! Statement: leaf = Poseidon(LEAF, six elements that hold every bit of the fact); node = Poseidon(NODE, three children).
//! The encoding is injective: each field has its own bits of an element that stays below 2^240 < p.

use crate::{
    fixed::power_of_two,
    path::Path,
    poseidon::{self, LEAF, NODE},
};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Children of an inner node.
pub const ARITY: usize = 3;
/// Levels between a leaf and the root.
pub const DEPTH: usize = 4;
/// Leaves of a tree; those without a fact are the field element 0.
pub const LEAVES: usize = 81;
/// Blocks are below `2^BLOCK_BITS`.
pub const BLOCK_BITS: usize = 40;

/// Bit at which each field starts in element 0 of a leaf.
pub mod at_bit {
    /// Block number, 40 bits, above the kind (8 bits).
    pub const BLOCK: usize = 8;
    /// Address, 160 bits.
    pub const ADDRESS: usize = 48;
    /// Top byte of the slot.
    pub const SLOT: usize = 208;
    /// Top byte of the key.
    pub const KEY: usize = 216;
    /// Top byte of the value.
    pub const VALUE: usize = 224;
    /// Top byte of the second key.
    pub const KEY2: usize = 232;
}

/// What kind of thing a fact is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum FactKind {
    /// Field `slot` of the block header's RLP list; address and keys are zero.
    Header = 1,
    /// Field `slot` of an account: 0 nonce, 1 balance, 2 storage root, 3 code hash; keys are zero.
    Account = 2,
    /// Storage slot `slot`; keys are zero.
    Slot = 3,
    /// Storage slot `keccak(key ‖ slot)`; the second key is zero.
    Mapping = 4,
    /// Storage slot `keccak(key2 ‖ keccak(key ‖ slot))`.
    Nested = 5,
    /// Field `slot` ([`crate::receipt::field`]) of the receipt of transaction `key` of the block; address and second key are zero.
    Receipt = 6,
    /// Field `slot` ([`crate::receipt::log_field`]) of log `key2` of the receipt of transaction `key`; the address is zero.
    Log = 7,
    /// Field `slot` ([`crate::transaction::field`]) of transaction `key` of the block; address and second key are zero.
    Transaction = 8,
    /// How many logs of `address` have `key` as topic 0, in all of the blocks that end with this one: see [`LogRange`].
    LogCount = 9,
    /// Storage slot at the end of `path` from `slot` on; keys are zero.
    Path = 10,
}

impl FactKind {
    /// Whether facts of the kind are about an account.
    pub fn has_address(self) -> bool {
        matches!(self, Self::Account | Self::LogCount) || self.is_storage()
    }

    /// Whether facts of the kind are about a storage slot.
    pub fn is_storage(self) -> bool {
        matches!(self, Self::Slot | Self::Mapping | Self::Nested | Self::Path)
    }

    /// Whether facts of the kind are about receipts or transactions, of which only some classes of the history circuit have room.
    pub fn needs_entries(self) -> bool {
        self.is_entry() || self == Self::LogCount
    }

    /// Whether facts of the kind are about one entry of the receipts or transactions trie.
    pub fn is_entry(self) -> bool {
        matches!(self, Self::Receipt | Self::Log | Self::Transaction)
    }
}

/// What a fact of kind `log_count` counts, besides the address and topic 0: its `slot`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRange {
    /// Blocks: those from `block + 1 - blocks` to `block`; at least 1.
    pub blocks: u64,
    /// Which other topic must be `key2`, 1 to 3; 0 if none must, and then `key2` is zero.
    pub topic: u8,
}

impl LogRange {
    /// Bit of the slot at which the topic's number starts, above the number of blocks.
    pub const TOPIC_BIT: usize = 48;

    /// As a slot: `blocks + topic · 2^48`.
    pub fn slot(self) -> [u8; 32] {
        let mut slot = [0; 32];
        slot[24..].copy_from_slice(&(self.blocks | u64::from(self.topic) << Self::TOPIC_BIT).to_be_bytes());
        slot
    }

    /// The range of a slot; `None` if the slot is none.
    pub fn of(slot: &[u8; 32]) -> Option<Self> {
        let number = u64::from_be_bytes(slot[24..].try_into().expect("eight bytes"));
        let (blocks, topic) = (number & ((1 << Self::TOPIC_BIT) - 1), number >> Self::TOPIC_BIT);
        let known = slot[..24] == [0; 24] && blocks > 0 && blocks >> BLOCK_BITS == 0 && topic < 4;
        known.then_some(Self { blocks, topic: topic as u8 })
    }
}

/// One true statement about the chain: at `block`, this place holds `value`. Words are 32 bytes big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fact {
    /// What it is about.
    pub kind: FactKind,
    /// Block number, below `2^40`.
    pub block: u64,
    /// Account; zero for what is about none ([`FactKind::has_address`]).
    pub address: [u8; 20],
    /// Index of the field, (base) slot, or range of a count.
    pub slot: [u8; 32],
    /// Mapping key, position of a transaction, or topic 0.
    pub key: [u8; 32],
    /// Second key of a nested mapping, position of a log in its receipt, or another topic.
    pub key2: [u8; 32],
    /// Steps from the base slot to the word, for facts of kind `path`.
    #[serde(default, skip_serializing_if = "Path::is_none")]
    pub path: Path<[u8; 32]>,
    /// What the place holds; zero if the account or the slot is absent.
    pub value: [u8; 32],
}

/// The place and time of a fact, without its value: what a plan asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FactKey {
    /// What it is about.
    pub kind: FactKind,
    /// Block number, below `2^40`.
    pub block: u64,
    /// Account; zero for what is about none ([`FactKind::has_address`]).
    pub address: [u8; 20],
    /// Index of the field, (base) slot, or range of a count.
    pub slot: [u8; 32],
    /// Mapping key, position of a transaction, or topic 0.
    pub key: [u8; 32],
    /// Second key of a nested mapping, position of a log in its receipt, or another topic.
    pub key2: [u8; 32],
    /// Steps from the base slot to the word, for facts of kind `path`.
    #[serde(default, skip_serializing_if = "Path::is_none")]
    pub path: Path<[u8; 32]>,
}

impl FactKey {
    /// The fact that this place holds `value`.
    pub fn holds(self, value: [u8; 32]) -> Fact {
        let Self { kind, block, address, slot, key, key2, path } = self;
        Fact { kind, block, address, slot, key, key2, path, value }
    }
}

/// A fact that no leaf can hold. Not recoverable: ask for other facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FactError {
    /// The block number does not fit the leaf.
    #[error("fact of block {got}: expected a block below 2^40")]
    BlockTooLarge {
        /// The block asked for.
        got: u64,
    },
    /// More facts than the tree has leaves.
    #[error("{got} facts for one root: expected at most {expected}")]
    TooMany {
        /// Leaves of a tree.
        expected: usize,
        /// Facts given.
        got: usize,
    },
}

/// Big-endian bytes (at most 31) as a field element.
pub fn field(bytes: &[u8]) -> Fr {
    let base = Fr::from(256);
    bytes.iter().fold(Fr::ZERO, |acc, byte| acc * base + Fr::from(u64::from(*byte)))
}

/// The top byte and the low 248 bits of a word.
pub fn split(word: &[u8; 32]) -> (u8, Fr) {
    (word[0], field(&word[1..]))
}

impl Fact {
    /// The fact without its value.
    pub fn place(&self) -> FactKey {
        let Self { kind, block, address, slot, key, key2, path, .. } = *self;
        FactKey { kind, block, address, slot, key, key2, path }
    }

    /// What the leaf says of slot and keys: three top bytes, and three elements. For a path these are its name and the words beyond its
    /// last hash.
    pub fn names(&self) -> [(u8, Fr); 3] {
        match self.kind {
            FactKind::Path => [self.path.name(self.slot), Fr::from(self.path.over()), Fr::ZERO].map(|name| (0, name)),
            _ => [&self.slot, &self.key, &self.key2].map(split),
        }
    }

    /// The six elements that the leaf hashes.
    pub fn elements(&self) -> [Fr; 6] {
        let [(slot_top, slot), (key_top, key), (key2_top, key2)] = self.names();
        let (value_top, value) = split(&self.value);
        let byte = |b: u8, at: usize| Fr::from(u64::from(b)) * power_of_two(at);
        let head = Fr::from(self.kind as u64)
            + Fr::from(self.block) * power_of_two(at_bit::BLOCK)
            + field(&self.address) * power_of_two(at_bit::ADDRESS)
            + byte(slot_top, at_bit::SLOT)
            + byte(key_top, at_bit::KEY)
            + byte(value_top, at_bit::VALUE)
            + byte(key2_top, at_bit::KEY2);
        [head, slot, key, value, key2, Fr::ZERO]
    }

    /// The leaf. Injective for blocks below `2^40`; larger ones are refused by [`FactTree::new`].
    pub fn leaf(&self) -> Fr {
        poseidon::hash(LEAF, &self.elements())
    }
}

/// The way from a leaf to the root: the three children of each inner node on it, leaf level first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactPath {
    /// Position of the leaf, most significant base-3 digit at the root.
    pub index: usize,
    /// Children of the nodes on the way; one of the three is the node (or leaf) below.
    pub levels: [[Fr; ARITY]; DEPTH],
}

/// The tree above at most [`LEAVES`] leaves.
#[derive(Clone, Debug)]
pub struct FactTree {
    /// `levels[0]` are the leaves, `levels[DEPTH]` is the root.
    levels: Vec<Vec<Fr>>,
}

impl FactTree {
    /// The tree whose leaf `i` is `facts[i]`; the leaves after the last fact are 0.
    ///
    /// # Errors
    /// [`FactError`] if there are more facts than leaves, or a block number does not fit.
    pub fn new(facts: &[Fact]) -> Result<Self, FactError> {
        if facts.len() > LEAVES {
            return Err(FactError::TooMany { expected: LEAVES, got: facts.len() });
        }
        if let Some(fact) = facts.iter().find(|f| f.block >> BLOCK_BITS != 0) {
            return Err(FactError::BlockTooLarge { got: fact.block });
        }
        let mut leaves: Vec<Fr> = facts.iter().map(Fact::leaf).collect();
        leaves.resize(LEAVES, Fr::ZERO);
        let mut levels = vec![leaves];
        for level in 0..DEPTH {
            let next = levels[level].chunks(ARITY).map(|children| poseidon::hash(NODE, children)).collect();
            levels.push(next);
        }
        Ok(Self { levels })
    }

    /// The root.
    pub fn root(&self) -> Fr {
        self.levels[DEPTH][0]
    }

    /// The path of leaf `index`; `None` if `index` is not below [`LEAVES`].
    pub fn path(&self, index: usize) -> Option<FactPath> {
        if index >= LEAVES {
            return None;
        }
        let levels = std::array::from_fn(|level| {
            let group = index / ARITY.pow(level as u32 + 1) * ARITY;
            std::array::from_fn(|i| self.levels[level][group + i])
        });
        Some(FactPath { index, levels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(block: u64) -> Fact {
        Fact {
            kind: FactKind::Mapping,
            block,
            address: [0xa1; 20],
            slot: [3; 32],
            key: [0xff; 32],
            key2: [0; 32],
            path: Path::NONE,
            value: [7; 32],
        }
    }

    #[test]
    fn every_byte_of_a_fact_changes_its_leaf() {
        let base = fact(5);
        let mut others = vec![Fact { kind: FactKind::Nested, ..base }, Fact { block: 6, ..base }];
        for i in 0..20 {
            let mut other = base;
            other.address[i] ^= 1;
            others.push(other);
        }
        for i in 0..32 {
            for word in 0..4 {
                let mut other = base;
                [&mut other.slot, &mut other.key, &mut other.key2, &mut other.value][word][i] ^= 0x80;
                others.push(other);
            }
        }
        let mut elements: Vec<_> = others.iter().chain([&base]).map(|f| f.elements()).collect();
        let count = elements.len();
        elements.sort_unstable();
        elements.dedup();
        assert_eq!(elements.len(), count);
    }

    #[test]
    fn a_range_is_its_slot() {
        for (blocks, topic) in [(1, 0), (1 << 39, 3), (7, 2)] {
            let range = LogRange { blocks, topic };
            assert_eq!(LogRange::of(&range.slot()), Some(range));
        }
        assert_eq!(LogRange::of(&[0; 32]), None);
        assert_eq!(LogRange::of(&LogRange { blocks: 1, topic: 4 }.slot()), None);
        assert_eq!(LogRange::of(&LogRange { blocks: 1 << 40, topic: 1 }.slot()), None);
    }

    #[test]
    fn each_path_leads_to_the_root() {
        let facts: Vec<Fact> = (0..LEAVES as u64).map(fact).collect();
        let tree = FactTree::new(&facts).unwrap();
        for (index, fact) in facts.iter().enumerate() {
            let path = tree.path(index).unwrap();
            let mut node = fact.leaf();
            for children in &path.levels {
                assert!(children.contains(&node), "leaf {index}");
                node = poseidon::hash(NODE, children);
            }
            assert_eq!(node, tree.root());
        }
        assert_eq!(tree.path(LEAVES), None);
    }

    #[test]
    fn refuses_what_no_leaf_can_hold() {
        let error = FactTree::new(&[fact(1 << BLOCK_BITS)]).unwrap_err();
        assert_eq!(error.to_string(), "fact of block 1099511627776: expected a block below 2^40");
        let error = FactTree::new(&[fact(1); LEAVES + 1]).unwrap_err();
        assert_eq!(error.to_string(), "82 facts for one root: expected at most 81");
    }
}
