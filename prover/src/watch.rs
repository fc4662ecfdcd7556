//! What an operator wants proven ahead of time: a TOML file of places, plans or models, each at blocks of a cadence.
//!
//! ```toml
//! confirmations = 4               # blocks on top of one before it is proven; 2 if not given
//! max_gas_price_gwei = 5          # roots wait to be posted while gas is dearer; no bound if not given
//!
//! [[watch]]                       # places: at each block that is a multiple of `every`
//! name = "market"
//! every = 100
//! contract = "0x…"
//! account = ["balance"]           # nonce, balance, storage_root, code_hash
//! slots = [0, "0x…"]
//! mappings = [{ slot = 2, keys = ["0x…", 7] }, { slot = 3, keys = [["0x…", 7]] }]
//!
//! [[watch]]                       # everything that scores of these subjects read, as of each block that is a multiple of `every`
//! name = "risk"
//! every = 7200
//! model = "risk"                  # name or id
//! subjects = ["0x…"]
//!
//! [[watch]]                       # the same for a plan without a model: paths, logs and counts, too
//! name = "transfers"
//! every = 300
//! plan = "plan.toml"              # beside this file
//! subjects = ["0x…"]
//! ```

use alloy::primitives::{Address, B256, U256};
use serde::{Deserialize, Deserializer, de};
use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU64;
use std::ops::Range;
use std::path::Path;
use thiserror::Error;
use toml::Spanned;
use vouch_circuits::facts::{Fact, FactKind};
use vouch_circuits::plan::Plan;

/// Blocks on top unless told otherwise.
const CONFIRMATIONS: u64 = 2;
/// Wei.
const GWEI: f64 = 1e9;

/// What is wrong with the file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {detail}\n  {text}")]
pub struct WatchError {
    /// Line of the file, from 1.
    pub line: usize,
    /// What is wrong, with the field.
    pub detail: String,
    /// The line itself.
    pub text: String,
}

/// The whole file.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// Blocks on top of one before it is proven.
    pub confirmations: u64,
    /// Roots wait to be posted while gas is dearer.
    pub max_gas_price_wei: Option<u128>,
    /// What is watched, names differ.
    pub entries: Vec<Entry>,
}

/// One thing that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Cadence in blocks: blocks are multiples of it.
    pub every: u64,
    /// What is read there.
    pub what: What,
}

/// What is read at a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// These places, as facts of block 0 with value 0.
    Places(Vec<Fact>),
    /// What the model reads for these subjects.
    Scores {
        /// Name or id.
        model: String,
        /// About whom.
        subjects: Vec<Address>,
    },
    /// What the plan reads for these subjects.
    Plan {
        /// Its text.
        plan: String,
        /// About whom.
        subjects: Vec<Address>,
    },
}

/// A number or 32 bytes, an address included: `7`, `"0x…"`.
#[derive(Clone, Copy, Debug)]
struct Word(B256);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Word;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a number, or \"0x\" and at most 64 hex digits")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Word, E> {
                let number = u64::try_from(number);
                let number = number.map_err(|_| E::custom("expected a number that is not negative"))?;
                Ok(Word(U256::from(number).into()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Word, E> {
                let digits = text.strip_prefix("0x").filter(|d| !d.is_empty() && d.len() <= 64);
                let word = digits.and_then(|d| U256::from_str_radix(d, 16).ok());
                word.map(|w| Word(w.into())).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Field {
    Nonce,
    Balance,
    StorageRoot,
    CodeHash,
}

/// Key of a mapping, or both keys of a nested one.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a key, a number or \"0x…\", or a list of two")]
enum Keys {
    One(Word),
    Two([Word; 2]),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mapping {
    slot: Word,
    keys: Vec<Keys>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    name: Spanned<String>,
    every: NonZeroU64,
    contract: Option<Address>,
    #[serde(default)]
    account: Vec<Field>,
    #[serde(default)]
    slots: Vec<Word>,
    #[serde(default)]
    mappings: Vec<Mapping>,
    model: Option<String>,
    plan: Option<Spanned<String>>,
    subjects: Option<Spanned<Vec<Address>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    confirmations: Option<u64>,
    max_gas_price_gwei: Option<Spanned<f64>>,
    #[serde(default)]
    watch: Vec<Spanned<RawEntry>>,
}

impl Watch {
    /// Reads the file.
    ///
    /// - `folder`: where the plans are that it names
    ///
    /// # Errors
    /// [`WatchError`] with line and field.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, WatchError> {
        let at = |span: Range<usize>, detail: String| {
            let line = text.bytes().take(span.start).filter(|byte| *byte == b'\n').count();
            let shown = text.lines().nth(line).unwrap_or_default().trim().to_owned();
            WatchError { line: line + 1, detail, text: shown }
        };
        let file: RawFile = toml::from_str(text)
            .map_err(|e| at(e.span().unwrap_or_default(), e.message().trim().replace('\n', "; ")))?;
        let max_gas_price_wei = match file.max_gas_price_gwei {
            None => None,
            Some(gwei) if *gwei.get_ref() > 0.0 && gwei.get_ref().is_finite() => Some((gwei.get_ref() * GWEI) as u128),
            Some(gwei) => {
                let got = gwei.get_ref();
                return Err(at(gwei.span(), format!("field max_gas_price_gwei: expected more than 0, got {got}")));
            }
        };
        let (mut names, mut entries) = (BTreeSet::new(), Vec::new());
        for raw in file.watch {
            let span = raw.span();
            let entry = raw.into_inner();
            let name = entry.name.get_ref().clone();
            if name.is_empty() || !names.insert(name.clone()) {
                let detail = format!("field name: expected one that no other entry has, got {name:?}");
                return Err(at(entry.name.span(), detail));
            }
            let entry = entry.read(folder);
            entries
                .push(entry.map_err(|(field, detail)| at(field.unwrap_or(span), format!("entry {name:?}: {detail}")))?);
        }
        if entries.is_empty() {
            return Err(at(0..0, "expected at least one [[watch]]".into()));
        }
        let confirmations = file.confirmations.unwrap_or(CONFIRMATIONS);
        Ok(Self { confirmations, max_gas_price_wei, entries })
    }
}

impl RawEntry {
    /// On error the place of the field that is wrong, if it is one, and what is wrong.
    fn read(self, folder: &Path) -> Result<Entry, (Option<Range<usize>>, String)> {
        let has_places = !(self.account.is_empty() && self.slots.is_empty() && self.mappings.is_empty());
        let what = match (self.contract, self.model, self.plan, self.subjects) {
            (Some(_), None, None, None) if !has_places => {
                return Err((None, "expected one of account, slots, mappings beside contract".into()));
            }
            (Some(contract), None, None, None) => {
                What::Places(places(contract, &self.account, &self.slots, &self.mappings))
            }
            (None, _, _, Some(subjects)) if subjects.get_ref().is_empty() => {
                return Err((Some(subjects.span()), "field subjects: expected at least one address".into()));
            }
            (None, Some(model), None, Some(subjects)) if !has_places => {
                What::Scores { model, subjects: subjects.into_inner() }
            }
            (None, None, Some(plan), Some(subjects)) if !has_places => {
                let text = plan_of(&folder.join(plan.get_ref()))
                    .map_err(|detail| (Some(plan.span()), format!("field plan: {detail}")))?;
                What::Plan { plan: text, subjects: subjects.into_inner() }
            }
            _ => {
                let expected = "expected contract with account, slots or mappings, or model or plan with subjects";
                return Err((None, expected.into()));
            }
        };
        Ok(Entry { name: self.name.into_inner(), every: self.every.get(), what })
    }
}

/// The text of a plan that reads something of the chain; or what is wrong with the file.
fn plan_of(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let plan = Plan::parse(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    match plan.facts.is_empty() {
        true => Err(format!("{}: expected a plan that reads the chain, got private inputs alone", path.display())),
        false => Ok(text),
    }
}

fn places(contract: Address, account: &[Field], slots: &[Word], mappings: &[Mapping]) -> Vec<Fact> {
    let zero = [0; 32];
    let fact = |kind, slot: B256, key: B256, key2: B256| {
        let (slot, key, key2) = (slot.0, key.0, key2.0);
        Fact { kind, block: 0, address: contract.into(), slot, key, key2, path: Default::default(), value: zero }
    };
    let none = B256::ZERO;
    let fields = account.iter().map(|f| fact(FactKind::Account, U256::from(*f as u8).into(), none, none));
    let plain = slots.iter().map(|slot| fact(FactKind::Slot, slot.0, none, none));
    let mapped = mappings.iter().flat_map(|mapping| {
        mapping.keys.iter().map(|keys| match keys {
            Keys::One(key) => fact(FactKind::Mapping, mapping.slot.0, key.0, none),
            Keys::Two([key, key2]) => fact(FactKind::Nested, mapping.slot.0, key.0, key2.0),
        })
    });
    crate::evidence::questions(&fields.chain(plain).chain(mapped).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ADDRESS: &str = "0x0d4a11d5eeaac28ec3f61d100daf4d40471f1852";

    fn refused(text: &str) -> (usize, String) {
        let error = Watch::parse(&text.replace("ADDRESS", ADDRESS), Path::new(".")).unwrap_err();
        (error.line, error.detail)
    }

    #[test]
    fn places_and_models_are_read() {
        let text = "confirmations = 4\nmax_gas_price_gwei = 1.5\n[[watch]]\nname = \"market\"\nevery = 100\ncontract = \"ADDRESS\"\n\
            account = [\"balance\"]\nslots = [0, \"0xff\"]\nmappings = [{ slot = 2, keys = [\"ADDRESS\", [7, 8]] }]\n\
            [[watch]]\nname = \"risk\"\nevery = 7200\nmodel = \"risk\"\nsubjects = [\"ADDRESS\"]\n";
        let watch = Watch::parse(&text.replace("ADDRESS", ADDRESS), std::path::Path::new(".")).unwrap();
        assert_eq!((watch.confirmations, watch.max_gas_price_wei), (4, Some(1_500_000_000)));
        let What::Places(places) = &watch.entries[0].what else { panic!("expected places") };
        let kinds: Vec<FactKind> = places.iter().map(|f| f.kind).collect();
        use FactKind::*;
        assert_eq!(kinds, [Account, Slot, Slot, Mapping, Nested]);
        assert_eq!((places[0].slot[31], places[2].slot[31], places[4].key2[31]), (1, 255, 8));
        assert_eq!(places[3].key[12..], places[3].address);
        assert_eq!(watch.entries[1].every, 7200);
        assert!(
            matches!(&watch.entries[1].what, What::Scores { model, subjects } if model == "risk" && subjects.len() == 1)
        );
    }

    #[test]
    fn a_plan_is_read_beside_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let text = "[[watch]]\nname = \"a\"\nevery = 10\nplan = \"plan.toml\"\nsubjects = [\"ADDRESS\"]\n";
        let parse = || Watch::parse(&text.replace("ADDRESS", ADDRESS), folder.path());
        let said = parse().unwrap_err();
        assert!(said.line == 4 && said.detail.starts_with("entry \"a\": field plan: cannot read "), "{said}");
        let write = |plan: &str| std::fs::write(folder.path().join("plan.toml"), plan).unwrap();
        write("private = { name = \"x\", count = 2 }\n");
        let said = parse().unwrap_err();
        assert!(said.detail.ends_with("expected a plan that reads the chain, got private inputs alone"), "{said}");
        let plan = "[[feature]]\nname = \"n\"\nmake = \"last\"\n\
            source = { kind = \"log_count\", contract = \"ADDRESS\", event = \"Paused()\", span = 4 }\n"
            .replace("ADDRESS", ADDRESS);
        write(&plan);
        let subjects = vec![ADDRESS.parse().unwrap()];
        assert_eq!(parse().unwrap().entries[0].what, What::Plan { plan, subjects });
    }

    #[test]
    fn each_mistake_is_named_with_its_line() {
        let head = "[[watch]]\nname = \"a\"\nevery = 10\n";
        let with = |rest: &str| refused(&format!("{head}{rest}"));
        assert_eq!(refused(""), (1, "expected at least one [[watch]]".into()));
        assert_eq!(refused("[[watch]]\nname = \"a\"\nevery = 0\n").0, 3);
        assert_eq!(with("contract = \"0x12\"\n").0, 4);
        let (line, detail) = with("contract = \"ADDRESS\"\nslots = [1,\n \"0xzz\"]\n");
        assert_eq!(line, 6);
        assert!(detail.starts_with("invalid value: string \"0xzz\", expected a number, or"), "{detail}");
        let (line, detail) = with("contract = \"ADDRESS\"\nslot = [1]\n");
        assert!(line == 5 && detail.starts_with("unknown field `slot`"), "{detail}");
        let (line, detail) = with("contract = \"ADDRESS\"\nslots = [-1]\n");
        assert_eq!((line, detail.as_str()), (5, "expected a number that is not negative"));
        let both = "expected contract with account, slots or mappings, or model or plan with subjects";
        assert_eq!(with("model = \"risk\"\n"), (1, format!("entry \"a\": {both}")));
        let nothing = "expected one of account, slots, mappings beside contract";
        assert_eq!(with("contract = \"ADDRESS\"\n"), (1, format!("entry \"a\": {nothing}")));
        let empty = with("model = \"risk\"\nsubjects = []\n");
        assert_eq!(empty, (5, "entry \"a\": field subjects: expected at least one address".into()));
        let twice = refused(&format!("{head}contract = \"ADDRESS\"\nslots = [1]\n{head}"));
        assert_eq!(twice, (7, "field name: expected one that no other entry has, got \"a\"".into()));
        let gas = refused(&format!("max_gas_price_gwei = 0.0\n{head}"));
        assert_eq!(gas, (1, "field max_gas_price_gwei: expected more than 0, got 0".into()));
    }

    /// A file with some of its characters changed, taken out or put in.
    fn damaged() -> impl Strategy<Value = String> {
        let text = "confirmations = 4\nmax_gas_price_gwei = 1.5\n[[watch]]\nname = \"market\"\nevery = 100\ncontract = \"ADDRESS\"\n\
            slots = [0, \"0xff\"]\nmappings = [{ slot = 2, keys = [\"ADDRESS\", [7, 8]] }]\n[[watch]]\nname = \"risk\"\nevery = 7200\n\
            model = \"risk\"\nsubjects = [\"ADDRESS\"]\n";
        let text: Vec<char> = text.replace("ADDRESS", ADDRESS).chars().collect();
        let new = prop_oneof!["[0-9\\[\\]{}\"=, \n.x-]", "[[:alpha:]_]", any::<char>().prop_map(String::from)];
        let changes = proptest::collection::vec((any::<prop::sample::Index>(), new, 0..3u8), 0..4);
        changes.prop_map(move |changes| {
            let mut text = text.clone();
            for (at, new, change) in changes {
                let at = at.index(text.len());
                text.splice(at..at + usize::from(change > 0), new.chars().take(usize::from(change < 2)));
            }
            text.into_iter().collect()
        })
    }

    proptest! {
        #[test]
        fn any_file_is_read_or_refused_with_its_line(text in prop_oneof![damaged(), "(.|\n){0,60}"]) {
            match Watch::parse(&text, Path::new("nowhere")) {
                Ok(watch) => prop_assert!(watch.entries.iter().all(|entry| entry.every > 0 && !entry.name.is_empty())),
                Err(error) => {
                    prop_assert!(error.line >= 1 && error.line <= text.matches('\n').count() + 1, "{}", error);
                    prop_assert!(!error.detail.is_empty());
                }
            }
        }
    }
}
