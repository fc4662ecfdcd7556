//! From `plan.toml` to a checked [`Plan`]: every entry is read once and refused with its feature's name.

use super::{
    FactTemplate, Feature, MAX_DECIMALS, MAX_FACTS, MAX_FEATURES, Make, Name, Number, Plan,
    disclose::DiscloseEntry,
    make,
    path::{self, StepEntry},
    private::PrivateEntry,
};
use crate::facts::FactKind;
use crate::path::Path;
use serde::Deserialize;
use std::collections::HashSet;
use thiserror::Error;

/// Why a plan was refused. Not recoverable without changing the plan, except [`PlanError::BeforeWindow`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PlanError {
    /// The text is not TOML, or an entry has the wrong type or an unknown name.
    #[error("plan: {0}")]
    Toml(String),
    /// No feature at all, or too many.
    #[error("plan has {got} features: expected 1 to {expected}")]
    FeatureCount {
        /// Most features of a plan.
        expected: usize,
        /// Features found.
        got: usize,
    },
    /// An entry that is missing, superfluous or out of range.
    #[error("feature {feature}: {entry}: expected {expected}, got {got}")]
    Entry {
        /// The feature.
        feature: String,
        /// The entry.
        entry: &'static str,
        /// What would be accepted.
        expected: String,
        /// What was there.
        got: String,
    },
    /// More facts than one score may open.
    #[error("plan reads {got} different facts: expected at most {expected}; read fewer blocks or share sources")]
    TooManyFacts {
        /// Most facts of a score.
        expected: usize,
        /// Facts of the plan.
        got: usize,
    },
    /// The window starts before block 0. Recoverable: ask for a later block.
    #[error("block {as_of} is before the plan's window: expected at least block {window}")]
    BeforeWindow {
        /// The block asked for.
        as_of: u64,
        /// The first block with a whole window.
        window: u64,
    },
    /// The block number does not fit a fact.
    #[error("block {as_of}: expected a block below 2^40")]
    BlockTooLarge {
        /// The block asked for.
        as_of: u64,
    },
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    back: u64,
    every: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Word {
    Integer(u64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceEntry {
    kind: String,
    pub(super) contract: Option<String>,
    slot: Option<Word>,
    pub(super) key: Option<Word>,
    key2: Option<Word>,
    path: Option<Vec<StepEntry>>,
    pub(super) field: Option<String>,
    pub(super) event: Option<Word>,
    pub(super) topic: Option<u8>,
    pub(super) span: Option<u64>,
    pub(super) transaction: Option<u64>,
    pub(super) log: Option<u64>,
    pub(super) word: Option<u64>,
    bits: Option<String>,
    decimals: Option<u32>,
    unit: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeatureEntry {
    pub(super) name: String,
    source: SourceEntry,
    pub(super) make: String,
    pub(super) over: Option<String>,
    blocks: Option<Window>,
    pub(super) missing: Option<f64>,
    pub(super) alpha: Option<f64>,
    pub(super) above: Option<f64>,
    pub(super) thresholds: Option<Vec<f64>>,
    pub(super) needs: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanEntry {
    missing: Option<f64>,
    blocks: Option<Window>,
    #[serde(default)]
    feature: Vec<FeatureEntry>,
    private: Option<PrivateEntry>,
    disclose: Option<DiscloseEntry>,
}

/// Header fields, with their index in the RLP list (Yellow Paper section 4.3, EIP-1559, 4399, 4895, 4844, 4788, 7685); those that are no numbers are words,
/// of which a feature takes bits.
const HEADER_FIELDS: [(&str, u64); 20] = [
    ("parent_hash", 0),
    ("ommers_hash", 1),
    ("beneficiary", 2),
    ("state_root", 3),
    ("transactions_root", 4),
    ("receipts_root", 5),
    ("difficulty", 7),
    ("number", 8),
    ("gas_limit", 9),
    ("gas_used", 10),
    ("timestamp", 11),
    ("extra_data", 12),
    ("prev_randao", 13),
    ("nonce", 14),
    ("base_fee", 15),
    ("withdrawals_root", 16),
    ("blob_gas_used", 17),
    ("excess_blob_gas", 18),
    ("parent_beacon_block_root", 19),
    ("requests_hash", 20),
];
const ACCOUNT_FIELDS: [(&str, u64); 4] = [("nonce", 0), ("balance", 1), ("storage_root", 2), ("code_hash", 3)];

/// Names of divisors.
const UNITS: [(&str, u128); 10] = [
    ("wei", 1),
    ("gwei", 1_000_000_000),
    ("ether", 1_000_000_000_000_000_000),
    ("percent", 100),
    ("bps", 10_000),
    ("second", 1),
    ("minute", 60),
    ("hour", 3_600),
    ("day", 86_400),
    ("week", 604_800),
];

/// Refuses with the feature's name.
pub(super) struct Reader<'a> {
    pub(super) feature: &'a str,
}

impl Reader<'_> {
    pub(super) fn refuse(&self, entry: &'static str, expected: impl Into<String>, got: impl ToString) -> PlanError {
        PlanError::Entry { feature: self.feature.into(), entry, expected: expected.into(), got: got.to_string() }
    }

    pub(super) fn word(&self, entry: &'static str, word: &Option<Word>) -> Result<[u8; 32], PlanError> {
        let mut bytes = [0; 32];
        match word {
            None => return Err(self.refuse(entry, "a word", "nothing")),
            Some(Word::Integer(v)) => bytes[24..].copy_from_slice(&v.to_be_bytes()),
            Some(Word::Text(text)) => {
                let expected = "0x and at most 64 hex digits, or an integer";
                let digits = text.strip_prefix("0x").ok_or_else(|| self.refuse(entry, expected, text))?;
                if digits.is_empty() || digits.len() > 64 {
                    return Err(self.refuse(entry, expected, text));
                }
                let padded = format!("{digits:0>64}");
                hex::decode_to_slice(padded, &mut bytes).map_err(|_| self.refuse(entry, expected, text))?;
            }
        }
        Ok(bytes)
    }

    pub(super) fn key(&self, entry: &'static str, word: &Option<Word>) -> Result<Name, PlanError> {
        match word {
            Some(Word::Text(text)) if text == "subject" => Ok(Name::Subject),
            _ => Ok(Name::Constant(self.word(entry, word)?)),
        }
    }

    pub(super) fn address(&self, text: &Option<String>) -> Result<Name, PlanError> {
        let expected = "\"subject\" or 0x and 40 hex digits";
        let text = text.as_deref().ok_or_else(|| self.refuse("contract", expected, "nothing"))?;
        if text == "subject" {
            return Ok(Name::Subject);
        }
        let mut word = [0; 32];
        let digits = text.strip_prefix("0x").filter(|d| d.len() == 40);
        let digits = digits.ok_or_else(|| self.refuse("contract", expected, text))?;
        hex::decode_to_slice(digits, &mut word[12..]).map_err(|_| self.refuse("contract", expected, text))?;
        Ok(Name::Constant(word))
    }

    pub(super) fn field(&self, text: &Option<String>, table: &[(&str, u64)]) -> Result<[u8; 32], PlanError> {
        let text = text.as_deref().unwrap_or("nothing");
        let index = table.iter().find(|(name, _)| *name == text).map(|(_, index)| *index);
        let names = || table.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let mut word = [0; 32];
        let index: u64 = index.ok_or_else(|| self.refuse("field", format!("one of {}", names()), text))?;
        word[24..].copy_from_slice(&index.to_be_bytes());
        Ok(word)
    }

    fn bits(&self, text: &Option<String>) -> Result<(usize, usize), PlanError> {
        let text = text.as_deref().unwrap_or("0..256");
        let range = text.split_once("..").and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
        match range {
            Some((low, high)) if low < high && high <= 256 => Ok((low, high)),
            _ => Err(self.refuse("bits", "\"low..high\" with low < high <= 256", text)),
        }
    }

    pub(super) fn divisor(&self, decimals: Option<u32>, unit: Option<&str>) -> Result<u128, PlanError> {
        match (decimals, unit) {
            (Some(_), Some(unit)) => Err(self.refuse("unit", "decimals or a unit", format!("{unit} and decimals"))),
            (None, Some(name)) => {
                let unit = UNITS.iter().find(|(known, _)| *known == name).map(|(_, divisor)| *divisor);
                let names = || UNITS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                unit.ok_or_else(|| self.refuse("unit", format!("one of {}", names()), name))
            }
            (decimals, None) => match decimals.unwrap_or(0) {
                decimals if decimals > MAX_DECIMALS => {
                    Err(self.refuse("decimals", format!("at most {MAX_DECIMALS}"), decimals))
                }
                decimals => Ok(10_u128.pow(decimals)),
            },
        }
    }

    /// The fact of `source`, `back_blocks` before `asOf`.
    fn template(&self, source: &SourceEntry, back_blocks: u64) -> Result<FactTemplate, PlanError> {
        let zero = Name::Constant([0; 32]);
        let allow = |entry, present: bool, allowed: bool| match present && !allowed {
            true => Err(self.refuse(entry, format!("no such entry for kind {}", source.kind), "one")),
            false => Ok(()),
        };
        let kind = match source.kind.as_str() {
            "header" => FactKind::Header,
            "account" => FactKind::Account,
            "slot" => FactKind::Slot,
            "mapping" => FactKind::Mapping,
            "nested" => FactKind::Nested,
            "path" => FactKind::Path,
            "receipt" => FactKind::Receipt,
            "log" => FactKind::Log,
            "transaction" => FactKind::Transaction,
            "log_count" => FactKind::LogCount,
            other => {
                let kinds = "header, account, slot, mapping, nested, path, receipt, log, transaction or log_count";
                return Err(self.refuse("kind", kinds, other));
            }
        };
        let (in_storage, counts) = (kind.is_storage(), kind == FactKind::LogCount);
        let has_data = matches!(kind, FactKind::Log | FactKind::Transaction);
        let keyed = matches!(kind, FactKind::Mapping | FactKind::Nested) || source.topic.is_some();
        allow("contract", source.contract.is_some(), kind.has_address())?;
        allow("slot", source.slot.is_some(), in_storage)?;
        allow("key", source.key.is_some(), keyed)?;
        allow("key2", source.key2.is_some(), kind == FactKind::Nested)?;
        allow("path", source.path.is_some(), kind == FactKind::Path)?;
        allow("field", source.field.is_some(), !in_storage && !counts)?;
        allow("event", source.event.is_some(), counts)?;
        allow("topic", source.topic.is_some(), counts)?;
        allow("span", source.span.is_some(), counts)?;
        allow("transaction", source.transaction.is_some(), kind.is_entry())?;
        allow("log", source.log.is_some(), kind == FactKind::Log)?;
        allow("word", source.word.is_some(), has_data)?;
        if counts {
            return self.count(source, back_blocks);
        }
        if kind.is_entry() {
            return self.entry(kind, source, back_blocks);
        }
        if kind == FactKind::Path {
            let expected = "a list of { key = … }, { words = … } and \"elements\"";
            let entries = source.path.as_deref().ok_or_else(|| self.refuse("path", expected, "nothing"))?;
            let path::Place { kind, slot, key, key2, path } =
                path::read(self, self.word("slot", &source.slot)?, entries)?;
            let address = self.address(&source.contract)?;
            return Ok(FactTemplate { kind, back_blocks, address, slot, key, key2, path });
        }
        Ok(FactTemplate {
            kind,
            back_blocks,
            address: if kind == FactKind::Header { zero } else { self.address(&source.contract)? },
            slot: match kind {
                FactKind::Header => self.field(&source.field, &HEADER_FIELDS)?,
                FactKind::Account => self.field(&source.field, &ACCOUNT_FIELDS)?,
                _ => self.word("slot", &source.slot)?,
            },
            key: if keyed { self.key("key", &source.key)? } else { zero },
            key2: if kind == FactKind::Nested { self.key("key2", &source.key2)? } else { zero },
            path: Path::NONE,
        })
    }

    /// Blocks before `asOf` that are read, newest first.
    fn backs(&self, window: Option<Window>, make: &Make) -> Result<Vec<u64>, PlanError> {
        let Window { back, every } = window.unwrap_or(Window { back: 0, every: 1 });
        if every == 0 || back % every != 0 || back >> crate::facts::BLOCK_BITS != 0 {
            let got = format!("{{ back = {back}, every = {every} }}");
            return Err(self.refuse("blocks", "back to be a multiple of every, below 2^40", got));
        }
        Ok(match make {
            Make::Last | Make::Ratio { .. } | Make::Log2 | Make::Rank { .. } => vec![0],
            Make::Delta if back == 0 => return Err(self.refuse("blocks", "a window for delta", "one block")),
            Make::Delta => vec![0, back],
            Make::Std | Make::ZScore { .. } if back == 0 => {
                return Err(self.refuse("blocks", "a window of at least two blocks", "one block"));
            }
            _ => {
                let count = back / every + 1;
                if count > MAX_FACTS as u64 {
                    return Err(self.refuse("blocks", format!("at most {MAX_FACTS} blocks"), count));
                }
                (0..count).map(|i| i * every).collect()
            }
        })
    }
}

pub(super) fn parse(text: &str) -> Result<Plan, PlanError> {
    let entry: PlanEntry = toml::from_str(text).map_err(|e| PlanError::Toml(e.to_string().trim().into()))?;
    let (private, private_inputs) = entry.private.as_ref().map(PrivateEntry::read).transpose()?.unwrap_or_default();
    let disclose = entry.disclose.as_ref().map(DiscloseEntry::read).transpose()?;
    if entry.feature.len() + private.count == 0 || entry.feature.len() > MAX_FEATURES {
        return Err(PlanError::FeatureCount { expected: MAX_FEATURES, got: entry.feature.len() });
    }
    let mut plan = Plan { facts: Vec::new(), features: Vec::new(), private, private_inputs, disclose };
    for feature in &entry.feature {
        let reader = Reader { feature: &feature.name };
        if plan.features.iter().any(|f| f.name == feature.name) {
            return Err(reader.refuse("name", "a name used once", "a second one"));
        }
        let missing = make::missing(&reader, feature.missing.or(entry.missing).unwrap_or(0.0))?;
        let make = make::read(&reader, feature, &plan.features, missing)?;
        let needs = make::needs(&reader, feature, missing)?;
        let (low, high) = reader.bits(&feature.source.bits)?;
        let divisor = reader.divisor(feature.source.decimals, feature.source.unit.as_deref())?;
        let mut numbers = Vec::new();
        let backs = reader.backs(feature.blocks.or(entry.blocks), &make)?;
        if needs.as_ref().is_some_and(|needs| needs.oldest) && backs.len() == 1 {
            return Err(reader.refuse("needs", "newest, as only the newest number is read", "oldest"));
        }
        for back in backs {
            let template = reader.template(&feature.source, back)?;
            let fact = plan.facts.iter().position(|f| *f == template).unwrap_or_else(|| {
                plan.facts.push(template);
                plan.facts.len() - 1
            });
            numbers.push(Number { fact, low, high, divisor });
        }
        plan.features.push(Feature { name: feature.name.clone(), numbers, make, needs });
    }
    let mut names = HashSet::new();
    if let Some(twice) = plan.names().into_iter().find(|name| name.is_empty() || !names.insert(name.clone())) {
        return Err(Reader { feature: &twice }.refuse("name", "a name used once", "none, or a second one"));
    }
    if plan.facts.len() > MAX_FACTS {
        return Err(PlanError::TooManyFacts { expected: MAX_FACTS, got: plan.facts.len() });
    }
    Ok(plan)
}
