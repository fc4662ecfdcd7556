//! From `plan.toml` to a checked [`Plan`]: every entry is read once and refused with its feature's name.

use super::{FactTemplate, Feature, MAX_DECIMALS, MAX_FACTS, MAX_FEATURES, Make, Name, Number, Plan};
use crate::{facts::FactKind, fixed};
use serde::Deserialize;
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
enum Word {
    Integer(u64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceEntry {
    kind: String,
    contract: Option<String>,
    slot: Option<Word>,
    key: Option<Word>,
    key2: Option<Word>,
    field: Option<String>,
    bits: Option<String>,
    decimals: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeatureEntry {
    name: String,
    source: SourceEntry,
    make: String,
    over: Option<String>,
    blocks: Option<Window>,
    missing: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanEntry {
    missing: Option<f64>,
    blocks: Option<Window>,
    #[serde(default)]
    feature: Vec<FeatureEntry>,
}

/// Header fields that hold a number, with their index in the RLP list (Yellow Paper section 4.3, EIP-1559, EIP-4844).
const HEADER_FIELDS: [(&str, u8); 8] = [
    ("difficulty", 7),
    ("number", 8),
    ("gas_limit", 9),
    ("gas_used", 10),
    ("timestamp", 11),
    ("base_fee", 15),
    ("blob_gas_used", 17),
    ("excess_blob_gas", 18),
];
const ACCOUNT_FIELDS: [(&str, u8); 2] = [("nonce", 0), ("balance", 1)];

struct Reader<'a> {
    feature: &'a str,
}

impl Reader<'_> {
    fn refuse(&self, entry: &'static str, expected: impl Into<String>, got: impl ToString) -> PlanError {
        PlanError::Entry { feature: self.feature.into(), entry, expected: expected.into(), got: got.to_string() }
    }

    fn word(&self, entry: &'static str, word: &Option<Word>) -> Result<[u8; 32], PlanError> {
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

    fn key(&self, entry: &'static str, word: &Option<Word>) -> Result<Name, PlanError> {
        match word {
            Some(Word::Text(text)) if text == "subject" => Ok(Name::Subject),
            _ => Ok(Name::Constant(self.word(entry, word)?)),
        }
    }

    fn address(&self, text: &Option<String>) -> Result<Name, PlanError> {
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

    fn field(&self, text: &Option<String>, table: &[(&str, u8)]) -> Result<[u8; 32], PlanError> {
        let text = text.as_deref().unwrap_or("nothing");
        let index = table.iter().find(|(name, _)| *name == text).map(|(_, index)| *index);
        let names = || table.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let mut word = [0; 32];
        word[31] = index.ok_or_else(|| self.refuse("field", format!("one of {}", names()), text))?;
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
            other => return Err(self.refuse("kind", "header, account, slot, mapping or nested", other)),
        };
        let in_storage = matches!(kind, FactKind::Slot | FactKind::Mapping | FactKind::Nested);
        let keyed = matches!(kind, FactKind::Mapping | FactKind::Nested);
        allow("contract", source.contract.is_some(), kind != FactKind::Header)?;
        allow("slot", source.slot.is_some(), in_storage)?;
        allow("key", source.key.is_some(), keyed)?;
        allow("key2", source.key2.is_some(), kind == FactKind::Nested)?;
        allow("field", source.field.is_some(), !in_storage)?;
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
            Make::Last | Make::Ratio { .. } => vec![0],
            Make::Delta if back == 0 => return Err(self.refuse("blocks", "a window for delta", "one block")),
            Make::Delta => vec![0, back],
            Make::Mean | Make::Min | Make::Max => {
                let count = back / every + 1;
                if count > MAX_FACTS as u64 {
                    return Err(self.refuse("blocks", format!("at most {MAX_FACTS} blocks"), count));
                }
                (0..count).map(|i| i * every).collect()
            }
        })
    }
}

fn make(reader: &Reader, entry: &FeatureEntry, earlier: &[Feature], missing: f64) -> Result<Make, PlanError> {
    if entry.over.is_some() && entry.make != "ratio" {
        return Err(reader.refuse("over", format!("no such entry for make {}", entry.make), "one"));
    }
    Ok(match entry.make.as_str() {
        "last" => Make::Last,
        "delta" => Make::Delta,
        "mean" => Make::Mean,
        "min" => Make::Min,
        "max" => Make::Max,
        "ratio" => {
            let name = entry.over.as_deref().unwrap_or("nothing");
            let over = earlier.iter().position(|f| f.name == name);
            let over = over.ok_or_else(|| reader.refuse("over", "the name of an earlier feature", name))?;
            let missing = entry.missing.unwrap_or(missing);
            if !missing.is_finite() || missing.abs() > fixed::to_real(fixed::FEATURE_MAX) {
                return Err(reader.refuse("missing", "a number between -2^36 and 2^36", missing));
            }
            Make::Ratio { over, missing: fixed::from_real(missing) }
        }
        other => return Err(reader.refuse("make", "last, delta, mean, min, max or ratio", other)),
    })
}

pub(super) fn parse(text: &str) -> Result<Plan, PlanError> {
    let entry: PlanEntry = toml::from_str(text).map_err(|e| PlanError::Toml(e.to_string().trim().into()))?;
    if entry.feature.is_empty() || entry.feature.len() > MAX_FEATURES {
        return Err(PlanError::FeatureCount { expected: MAX_FEATURES, got: entry.feature.len() });
    }
    let mut plan = Plan { facts: Vec::new(), features: Vec::new() };
    for feature in &entry.feature {
        let reader = Reader { feature: &feature.name };
        if plan.features.iter().any(|f| f.name == feature.name) {
            return Err(reader.refuse("name", "a name used once", "a second one"));
        }
        let make = make(&reader, feature, &plan.features, entry.missing.unwrap_or(0.0))?;
        let (low, high) = reader.bits(&feature.source.bits)?;
        let decimals = feature.source.decimals.unwrap_or(0);
        if decimals > MAX_DECIMALS {
            return Err(reader.refuse("decimals", format!("at most {MAX_DECIMALS}"), decimals));
        }
        let mut numbers = Vec::new();
        for back in reader.backs(feature.blocks.or(entry.blocks), &make)? {
            let template = reader.template(&feature.source, back)?;
            let fact = plan.facts.iter().position(|f| *f == template).unwrap_or_else(|| {
                plan.facts.push(template);
                plan.facts.len() - 1
            });
            numbers.push(Number { fact, low, high, decimals });
        }
        plan.features.push(Feature { name: feature.name.clone(), numbers, make });
    }
    if plan.facts.len() > MAX_FACTS {
        return Err(PlanError::TooManyFacts { expected: MAX_FACTS, got: plan.facts.len() });
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    const GOOD: &str = r#"
missing = -1.0
blocks = { back = 20, every = 10 }
[[feature]]
name = "a"
source = { kind = "mapping", contract = "0x00000000000000000000000000000000000000aa", slot = 2, key = "subject", bits = "0..128", decimals = 18 }
make = "mean"
[[feature]]
name = "b"
source = { kind = "mapping", contract = "0x00000000000000000000000000000000000000aa", slot = "0x02", key = "subject", bits = "128..256" }
make = "ratio"
over = "a"
[[feature]]
name = "c"
source = { kind = "header", field = "timestamp" }
make = "delta"
"#;

    #[test]
    fn reads_each_fact_once() {
        let plan = Plan::parse(GOOD).unwrap();
        assert_eq!(plan.facts.len(), 5); // the mapping at three blocks, the timestamp at two
        assert_eq!(plan.features[1].numbers[0].fact, 0);
        assert_eq!(plan.features[1].make, Make::Ratio { over: 0, missing: -fixed::ONE });
        let keys = plan.resolve([7; 20], 100).unwrap();
        assert_eq!(keys.iter().map(|k| k.block).collect::<Vec<_>>(), [100, 90, 80, 100, 80]);
        assert_eq!((keys[0].address[19], keys[0].slot[31], keys[0].key[12], keys[0].key[11]), (0xaa, 2, 7, 0));
        assert_eq!((keys[3].kind, keys[3].slot[31], keys[3].address), (FactKind::Header, 11, [0; 20]));
    }

    #[test]
    fn a_block_before_the_window_is_named() {
        let error = Plan::parse(GOOD).unwrap().resolve([7; 20], 19).unwrap_err();
        assert_eq!(error.to_string(), "block 19 is before the plan's window: expected at least block 20");
        let error = Plan::parse(GOOD).unwrap().resolve([7; 20], 1 << 40).unwrap_err();
        assert_eq!(error.to_string(), "block 1099511627776: expected a block below 2^40");
    }

    #[test_case("0..128\"", "5..5\"", "feature a: bits: expected \"low..high\" with low < high <= 256, got 5..5"; "empty bit field")]
    #[test_case("0..128\"", "0..257\"", "feature a: bits: expected \"low..high\" with low < high <= 256, got 0..257"; "bits outside the word")]
    #[test_case("decimals = 18", "decimals = 37", "feature a: decimals: expected at most 36, got 37"; "too many decimals")]
    #[test_case("\"mean\"", "\"median\"", "feature a: make: expected last, delta, mean, min, max or ratio, got median"; "unknown make")]
    #[test_case("over = \"a\"", "over = \"c\"", "feature b: over: expected the name of an earlier feature, got c"; "later denominator")]
    #[test_case("\"timestamp\"", "\"stateRoot\"", "feature c: field: expected one of difficulty, number, gas_limit, gas_used, timestamp, base_fee, blob_gas_used, excess_blob_gas, got stateRoot"; "field without a number")]
    #[test_case("back = 20", "back = 21", "feature a: blocks: expected back to be a multiple of every, below 2^40, got { back = 21, every = 10 }"; "uneven window")]
    #[test_case("every = 10", "every = 0", "feature a: blocks: expected back to be a multiple of every, below 2^40, got { back = 20, every = 0 }"; "standing window")]
    #[test_case("back = 20, every = 10", "back = 50, every = 1", "feature a: blocks: expected at most 48 blocks, got 51"; "too many blocks")]
    #[test_case("field = \"timestamp\"", "field = \"timestamp\", slot = 1", "feature c: slot: expected no such entry for kind header, got one"; "superfluous slot")]
    #[test_case("name = \"c\"", "name = \"a\"", "feature a: name: expected a name used once, got a second one"; "name used twice")]
    #[test_case("0x00000000000000000000000000000000000000aa\", slot = 2", "0xaa\", slot = 2", "feature a: contract: expected \"subject\" or 0x and 40 hex digits, got 0xaa"; "short address")]
    fn refuses(from: &str, to: &str, message: &str) {
        assert!(GOOD.contains(from));
        let error = Plan::parse(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn refuses_unknown_entries_and_too_many_facts() {
        assert!(matches!(Plan::parse("colour = 1"), Err(PlanError::Toml(_))));
        assert_eq!(Plan::parse("").unwrap_err().to_string(), "plan has 0 features: expected 1 to 64");
        let mut text = String::from("blocks = { back = 30, every = 1 }");
        for i in 0..2 {
            text += &format!(
                "\n[[feature]]\nname = \"f{i}\"\nmake = \"max\"\nsource = {{ kind = \"slot\", contract = \"subject\", slot = {i} }}"
            );
        }
        let message = "plan reads 62 different facts: expected at most 48; read fewer blocks or share sources";
        assert_eq!(Plan::parse(&text).unwrap_err().to_string(), message);
    }
}
