//! The plan of a model: which facts it reads, and how numbers are made of them.
//!
//! Statement: for a subject and a block `asOf`, the plan names an ordered list of facts; nothing else can be read.
//!
//! ```toml
//! missing = 0.0                             # value of a ratio whose denominator is not positive
//! blocks  = { back = 1800, every = 600 }    # asOf, asOf - 600, …, asOf - 1800; a feature may have its own
//!
//! [[feature]]
//! name   = "debt_mean"
//! source = { kind = "mapping", contract = "0x…", slot = 2, key = "subject", bits = "128..256", decimals = 22 }
//! make   = "mean"                           # last, delta (newest - oldest), mean, min, max, ratio
//!
//! [[feature]]
//! name   = "debt_per_collateral"
//! source = { kind = "mapping", contract = "0x…", slot = 2, key = "subject", bits = "128..256", decimals = 22 }
//! make   = "ratio"
//! over   = "collateral_last"                # an earlier feature
//! ```
//! Kinds: `mapping` (contract, slot, key), `nested` (contract, slot, key, key2), `slot` (contract, slot), `account`
//! (contract, field = "balance" | "nonce"), `header` (field). `contract` and keys are `"subject"` or hex; a key may be an
//! integer. `bits` counts from the least significant bit of the word, default `"0..256"`; the number is divided by
//! `10^decimals`. An account or a slot that did not exist yet reads as zero, which is what the chain says.

mod read;

pub use read::PlanError;

use crate::facts::{FactKey, FactKind};
use serde::{Deserialize, Serialize};

/// Facts that one score may read.
pub const MAX_FACTS: usize = 48;
/// Features that one model may have.
pub const MAX_FEATURES: usize = 64;
/// Powers of ten that a source may be divided by: `10^36 < 2^120`.
pub const MAX_DECIMALS: u32 = 36;

/// A 32-byte word that a fact names: known when the model is registered, or the subject of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Name {
    /// The address that is scored, left-padded to a word.
    Subject,
    /// A constant word.
    Constant([u8; 32]),
}

impl Name {
    fn word(self, subject: [u8; 20]) -> [u8; 32] {
        match self {
            Self::Constant(word) => word,
            Self::Subject => {
                let mut word = [0; 32];
                word[12..].copy_from_slice(&subject);
                word
            }
        }
    }
}

/// A fact of the plan, up to the subject and the block of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FactTemplate {
    /// What it is about.
    pub kind: FactKind,
    /// Blocks before `asOf`.
    pub back_blocks: u64,
    /// Account, as a left-padded word; zero for a header field.
    pub address: Name,
    /// Index of the field, or (base) slot.
    pub slot: [u8; 32],
    /// Mapping key.
    pub key: Name,
    /// Second key of a nested mapping.
    pub key2: Name,
}

/// The number inside a word: bits `low..high`, divided by `10^decimals`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Number {
    /// Position in [`Plan::facts`].
    pub fact: usize,
    /// Lowest bit, from the least significant one.
    pub low: usize,
    /// One above the highest bit, at most 256.
    pub high: usize,
    /// At most [`MAX_DECIMALS`].
    pub decimals: u32,
}

/// How a feature is made of its numbers (newest first).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Make {
    /// The newest number.
    Last,
    /// Newest minus oldest.
    Delta,
    /// The mean, rounded down.
    Mean,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The newest number over the earlier feature `over`, rounded down; `missing` if that is not positive.
    Ratio {
        /// Position of the denominator in [`Plan::features`].
        over: usize,
        /// Fixed-point value of an undefined ratio.
        missing: i64,
    },
}

/// One input of the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// Unique in the plan.
    pub name: String,
    /// What it is made of, newest first; only the numbers that `make` needs.
    pub numbers: Vec<Number>,
    /// How.
    pub make: Make,
}

/// A checked plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The facts it reads, each once, in the order of first use.
    pub facts: Vec<FactTemplate>,
    /// The inputs of the model, in order.
    pub features: Vec<Feature>,
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// [`PlanError`], which names the feature and the entry.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        read::parse(text)
    }

    /// Reads further back than any other fact, in blocks.
    pub fn window_blocks(&self) -> u64 {
        self.facts.iter().map(|f| f.back_blocks).max().unwrap_or(0)
    }

    /// The facts to prove for `subject` at block `as_of`, in the order of [`Plan::facts`].
    ///
    /// # Errors
    /// [`PlanError::BeforeWindow`] if the window reaches below block 0; recoverable: ask for a later block.
    /// [`PlanError::BlockTooLarge`] if `as_of` is not below `2^40`.
    pub fn resolve(&self, subject: [u8; 20], as_of: u64) -> Result<Vec<FactKey>, PlanError> {
        let window = self.window_blocks();
        if as_of < window {
            return Err(PlanError::BeforeWindow { as_of, window });
        }
        if as_of >> crate::facts::BLOCK_BITS != 0 {
            return Err(PlanError::BlockTooLarge { as_of });
        }
        let key = |t: &FactTemplate| {
            let account = t.address.word(subject);
            FactKey {
                kind: t.kind,
                block: as_of - t.back_blocks,
                address: std::array::from_fn(|i| account[12 + i]),
                slot: t.slot,
                key: t.key.word(subject),
                key2: t.key2.word(subject),
            }
        };
        Ok(self.facts.iter().map(key).collect())
    }
}
