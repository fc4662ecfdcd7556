//! What is known of the meaning of real slots: balances in mappings, an allowance in a mapping of mappings, words that hold several numbers.
//! The circuits accept them under their meaning, with the numbers that the file states.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::chain::number;
use super::honest::REAL;
use super::*;
use crate::evidence::storage_slot;
use crate::facts::split;
use crate::features::{self, circuit::Word};
use crate::fixed::{FRAC_BITS, to_field};
use crate::plan::Plan;
use crate::score::sheet::{Sheet, value};
use crate::testing::fixture_text;

/// What stands in a slot at some block.
enum Stated {
    /// The word.
    Whole(String),
    /// The word, and the numbers that it is packed of.
    Packed(String, BTreeMap<String, i128>),
}

/// By hand: numbers of more than 64 bits do not survive serde_json's `Value`.
impl<'de> Deserialize<'de> for Stated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfBlock;
        impl<'de> Visitor<'de> for OfBlock {
            type Value = Stated;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word, or an object with the word and its parts")
            }
            fn visit_str<E>(self, text: &str) -> Result<Stated, E> {
                Ok(Stated::Whole(text.into()))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Stated, A::Error> {
                let (mut raw, mut parts) = (String::new(), BTreeMap::new());
                while let Some(name) = map.next_key::<String>()? {
                    if name == "raw" {
                        raw = map.next_value()?;
                    } else {
                        parts.insert(name, map.next_value()?);
                    }
                }
                Ok(Stated::Packed(raw, parts))
            }
        }
        deserializer.deserialize_any(OfBlock)
    }
}

#[derive(Deserialize)]
struct Entry {
    address: String,
    slot: String,
    kind: String,
    #[serde(default)]
    base_slot: u64,
    #[serde(default)]
    keys: Vec<String>,
    values: BTreeMap<String, Stated>,
}

impl Entry {
    fn address(&self) -> [u8; 20] {
        unhex(&self.address).try_into().expect("20 bytes")
    }

    /// The fact by its meaning, with its value.
    fn fact(&self, block: u64) -> Fact {
        let (kind, slot) = match self.keys.len() {
            0 => (FactKind::Slot, word(&self.slot)),
            1 => (FactKind::Mapping, number(self.base_slot.into())),
            _ => (FactKind::Nested, number(self.base_slot.into())),
        };
        let [key, key2] = [0, 1].map(|i| self.keys.get(i).map_or([0; 32], |key| word(key)));
        let (Stated::Whole(value) | Stated::Packed(value, _)) = &self.values[&block.to_string()];
        Fact { key, key2, value: word(value), ..fact(kind, block, self.address(), slot) }
    }
}

fn entries() -> Option<Vec<Entry>> {
    Some(serde_json::from_str(&fixture_text("proofs/zeth_semantic_slots.json")?).expect("a list of slots"))
}

#[test]
fn slots_under_their_meaning() {
    let Some(entries) = entries() else { return };
    for block in [18_884_863, 18_884_864] {
        let Some((_, headers, nodes)) = file(&format!("zeth_{block}")) else { return };
        let facts: Vec<Fact> = entries.iter().map(|entry| entry.fact(block)).collect();
        let count = |kind| facts.iter().filter(|fact| fact.kind == kind).count();
        assert_eq!([FactKind::Slot, FactKind::Mapping, FactKind::Nested].map(count), [9, 64, 1]);
        for (fact, entry) in facts.iter().zip(&entries) {
            assert_eq!(storage_slot(fact), Some(word(&entry.slot)), "{}", entry.kind);
        }
        for facts in facts.chunks(37) {
            let evidence = Evidence::collect(facts, &headers, &nodes).expect("evidence");
            assert_eq!(evidence.facts, facts);
            accept(&REAL, &evidence);
        }
    }
}

/// Name, first bit, bit after the last, and decimals with which the number is small enough for a feature.
type Part = (&'static str, usize, usize, u32);

/// Uniswap V2's `getReserves`.
const RESERVES: [Part; 3] = [("reserve0", 0, 112, 18), ("reserve1", 112, 224, 18), ("blockTimestampLast", 224, 256, 0)];

/// Uniswap V3's `slot0`.
const SLOT0: [Part; 7] = [
    ("sqrtPriceX96", 0, 160, 24),
    ("tick", 160, 184, 0),
    ("obsIndex", 184, 200, 0),
    ("obsCard", 200, 216, 0),
    ("obsCardNext", 216, 232, 0),
    ("feeProtocol", 232, 240, 0),
    ("unlocked", 240, 248, 0),
];

/// The plan that cuts the word into these parts.
fn plan(slot: &str, parts: &[Part]) -> Plan {
    let feature = |(name, low, high, decimals): &Part| {
        format!(
            "[[feature]]\nname = \"{name}\"\nmake = \"last\"\nsource = {{ kind = \"slot\", contract = \"subject\", slot = \"{slot}\", bits = \
             \"{low}..{high}\", decimals = {decimals} }}\n"
        )
    };
    Plan::parse(&parts.iter().map(feature).collect::<String>()).expect("a plan")
}

#[test]
fn packed_words_are_cut_as_stated() {
    let Some(entries) = entries() else { return };
    let mut seen = 0;
    for block in [18_884_863, 18_884_864] {
        let Some((_, headers, nodes)) = file(&format!("zeth_{block}")) else { return };
        for entry in &entries {
            let Stated::Packed(_, stated) = &entry.values[&block.to_string()] else { continue };
            let parts: &[Part] = if entry.kind.contains("V2") { &RESERVES } else { &SLOT0 };
            assert_eq!(parts.len(), stated.len(), "{stated:?}");
            let plan = plan(&entry.slot, parts);
            let wanted: Vec<Fact> =
                plan.resolve(entry.address(), block).expect("facts").iter().map(|key| key.holds([0; 32])).collect();
            let evidence = Evidence::collect(&wanted, &headers, &nodes).expect("evidence");
            assert_eq!(evidence.facts, [entry.fact(block)]);
            accept(&Class::S, &evidence);

            let got = features::compute(&plan, &[evidence.facts[0].value]).expect("one word");
            let (top, low248) = split(&evidence.facts[0].value);
            let mut sheet = Sheet::default();
            let [top8, low248] = [Fr::from(u64::from(top)), low248].map(|v| sheet.witness(v));
            let cells = features::circuit::constrain(&mut sheet, &plan, &[Word { top8, low248 }]);
            assert_eq!(sheet.violations(&[]), []);
            for (((name, low, high, decimals), got), cell) in parts.iter().zip(got).zip(cells) {
                // two's complement, as a number below 2^width
                let stated = stated[*name].rem_euclid(1 << (high - low).min(126)).unsigned_abs();
                let expected = (stated << FRAC_BITS) / 10_u128.pow(*decimals);
                assert_eq!(u128::try_from(got), Ok(expected), "{name} of {}", entry.address);
                assert_eq!(value(&cell), to_field(got.into()), "{name} of {}", entry.address);
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 18);
}
