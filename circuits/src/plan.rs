//! The plan of a model: which facts it reads, and how numbers are made of them.
//!
//! Statement: for a subject and a block `asOf`, the plan names an ordered list of facts; nothing else can be read.
//!
//! ```toml
//! missing = 0.0                             # value of a feature that has none
//! blocks  = { back = 1800, every = 600 }    # asOf, asOf - 600, …, asOf - 1800; a feature may have its own
//!
//! [[feature]]
//! name   = "debt_mean"
//! source = { kind = "mapping", contract = "0x…", slot = 2, key = "subject", bits = "128..256", decimals = 22 }
//! make   = "mean"
//!
//! [[feature]]
//! name   = "debt_per_collateral"
//! source = { kind = "mapping", contract = "0x…", slot = 2, key = "subject", bits = "128..256", decimals = 22 }
//! make   = "ratio"
//! over   = "collateral_last"                # an earlier feature
//! ```
//! Kinds: `mapping` (contract, slot, key), `nested` (contract, slot, key, key2), `slot` (contract, slot), `path` (contract, slot, path), `account`
//! (contract, field = "balance" | "nonce"), `header` (field). `contract` and keys are `"subject"` or hex; a key may be an
//! integer. A `path` is a list of up to four of `{ key = … }` (to the value of a mapping's key) and `"elements"` (to those of an array of
//! variable length), and any number of `{ words = … }` (further), from the slot on. `log_count` (contract, event, span; topic and key): how many logs of `event` (its signature, or topic 0) the contract wrote in the `span`
//! blocks (default 1) that end with the one read, those with `key` as topic `topic` (1 to 3) if there is one. `receipt` (transaction, field),
//! `log` (transaction, log; field or word), `transaction` (transaction; field or word): of the transaction of that position in the block, and
//! the log of that position in its receipt, both from 0; `word` is a whole word of the data, of a transaction after the selector. `bits` counts from the least significant bit of the word, default `"0..256"`; the number is divided by
//! `10^decimals`, or by a `unit`: wei, gwei, ether, percent, bps, second, minute, hour, day, week.
//!
//! | make | of | is | entries |
//! |---|---|---|---|
//! | `last`, `log2` | the newest number `n` | `n`; `log2(1 + n)` | |
//! | `rank` | the newest | how many of `thresholds` it reaches | `thresholds`, rising, above 0 |
//! | `ratio` | the newest | over another feature; `missing` if that is not positive | `over`, `missing` |
//! | `delta` | newest and oldest | their difference | |
//! | `mean`, `min`, `max`, `std` | all | the deviation is that of the population | |
//! | `ema` | all | `alpha` of the newest and the rest of the average before | `alpha` between 0 and 1 |
//! | `z_score` | all | deviations of the newest above the mean; `missing` if all are equal | `missing` |
//! | `count` | all | how many are above `above` | `above`, default 0 |
//! | `age` | all | blocks since the oldest that is not 0; `missing` if all are | `missing` |
//!
//! After the features a model may have inputs that are no facts: `private = { name = "pixel", count = 784, bits = 26 }`, or
//! `private = { bits = 40, inputs = [{ name = "income", decimals = 3 }, { name = "job", unit = "day" }] }`. They are
//! committed to by `vouch commit`, which divides by `decimals` or `unit`; each is then below `2^(bits - 1)` in magnitude, 16 of its bits are
//! fraction bits.
//!
//! `disclose = { above = 0.5 }` (or `below`; `output`, default 0) makes one comparison public instead of the outputs: 1.0 if the output is
//! above, 0 if it is at most 0.5.
//!
//! All are rounded down to 16 fraction bits, but `log2`, which is rounded to the nearest. An account or a slot that did not exist
//! yet reads as zero, which is what the chain says; `needs = "oldest"` (or `"newest"`) makes a feature `missing` where that
//! number is zero; where one number is read, only `"newest"` is accepted.

mod disclose;
mod entries;
mod make;
mod path;
mod private;
mod read;
#[cfg(test)]
mod tests;

pub use disclose::Disclose;
pub use read::PlanError;

use crate::digest::keccak256;
use crate::facts::{FactKey, FactKind, LogRange, split};
use crate::path::Path;
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
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
    /// From the slot to the word, for facts of kind `path`.
    #[serde(default, skip_serializing_if = "Path::is_none")]
    pub path: Path<Name>,
}

/// The number inside a word: bits `low..high`, divided by `divisor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Number {
    /// Position in [`Plan::facts`].
    pub fact: usize,
    /// Lowest bit, from the least significant one.
    pub low: usize,
    /// One above the highest bit, at most 256.
    pub high: usize,
    /// From 1 to 10^[`MAX_DECIMALS`].
    pub divisor: u128,
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
    /// The standard deviation of the population.
    Std,
    /// Standard deviations of the newest number above the mean; `missing` if all numbers are equal.
    ZScore {
        /// Fixed-point value where there is no deviation.
        missing: i64,
    },
    /// The exponential moving average.
    Ema {
        /// Weight of the newest number, in `2^-32`.
        alpha: u32,
    },
    /// `log2(1 + newest)`.
    Log2,
    /// How many numbers reach `bound`.
    Count {
        /// In fixed point, at least 1.
        bound: i64,
    },
    /// Blocks since the oldest number that is not 0.
    Age {
        /// Fixed-point value where all are 0.
        missing: i64,
    },
    /// How many bounds the newest number reaches.
    Rank {
        /// In fixed point, rising, at least 1.
        bounds: Vec<i64>,
    },
}

/// A number that must not be 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// The oldest number, else the newest.
    pub oldest: bool,
    /// Fixed-point value of the feature otherwise.
    pub missing: i64,
}

impl Needs {
    /// Its position among `count` numbers.
    pub fn position(self, count: usize) -> usize {
        if self.oldest { count - 1 } else { 0 }
    }
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
    /// What has to be there.
    pub needs: Option<Needs>,
}

/// Inputs that come from a commitment instead of facts, after the features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Private {
    /// How many; 0 if there are none.
    pub count: usize,
    /// They are in `[-2^(bits - 1), 2^(bits - 1))`.
    pub bits: usize,
}

/// What a commitment is made of: for people and `vouch commit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateInput {
    /// Unique in the plan; its column in files of rows.
    pub name: String,
    /// What is given is divided by it; from 1 to 10^[`MAX_DECIMALS`].
    pub divisor: u128,
}

/// Private inputs that one model may have.
pub const MAX_PRIVATE: usize = 1 << 14;
/// Bits of a private input, if the plan does not say: ±512.0.
pub const PRIVATE_BITS: usize = 26;

/// A checked plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The facts it reads, each once, in the order of first use.
    pub facts: Vec<FactTemplate>,
    /// The first inputs of the model, in order.
    pub features: Vec<Feature>,
    /// The inputs after them.
    #[serde(default)]
    pub private: Private,
    /// Their names and units, in order.
    #[serde(default)]
    pub private_inputs: Vec<PrivateInput>,
    /// What is public instead of the outputs.
    #[serde(default)]
    pub disclose: Option<Disclose>,
}

impl Plan {
    /// Inputs of the model.
    pub fn width(&self) -> usize {
        self.features.len() + self.private.count
    }

    /// What the private inputs mean: the low 248 bits of keccak over, for each, the bytes of its name as a 32-bit number, its name, and its divisor as a
    /// 128-bit number.
    pub fn meaning(&self) -> Fr {
        let mut text = Vec::new();
        for input in &self.private_inputs {
            text.extend((input.name.len() as u32).to_be_bytes());
            text.extend(input.name.as_bytes());
            text.extend(input.divisor.to_be_bytes());
        }
        split(&keccak256(&text)).1
    }

    /// Names of the inputs, in order.
    pub fn names(&self) -> Vec<String> {
        let features = self.features.iter().map(|f| &f.name);
        features.chain(self.private_inputs.iter().map(|p| &p.name)).cloned().collect()
    }

    /// Public outputs of a model with `outputs`.
    pub fn public_outputs(&self, outputs: usize) -> usize {
        if self.disclose.is_some() { 1 } else { outputs }
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// [`PlanError`], which names the feature and the entry.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        read::parse(text)
    }

    /// Blocks before `asOf` of each number of `feature`.
    pub fn back_blocks(&self, feature: &Feature) -> Vec<u64> {
        feature.numbers.iter().map(|n| self.facts[n.fact].back_blocks).collect()
    }

    /// Reads further back than any other fact, in blocks.
    pub fn window_blocks(&self) -> u64 {
        let before = |f: &FactTemplate| match LogRange::of(&f.slot) {
            Some(range) if f.kind == FactKind::LogCount => range.blocks - 1,
            _ => 0,
        };
        self.facts.iter().map(|f| f.back_blocks.saturating_add(before(f))).max().unwrap_or(0)
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
                path: t.path.map(|key| key.word(subject)),
            }
        };
        Ok(self.facts.iter().map(key).collect())
    }
}
