//! The entries of a path: `path = [{ key = "subject" }, { words = 4 }, "elements"]`.
//!
//! Statement: the same place has one name. What lies before the first key is part of the slot, and what `slot`, `mapping` and `nested` can
//! say is of those kinds.

use super::Name;
use super::read::{PlanError, Reader, Word};
use crate::digest::keccak256;
use crate::facts::FactKind;
use crate::path::{MAX_STEPS, Path, Step, further};
use serde::Deserialize;

/// One entry of the list.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a list of { key = … }, { words = … } and \"elements\"")]
pub(super) enum StepEntry {
    /// To the value of a key.
    Key(KeyEntry),
    /// Some words further.
    Words(WordsEntry),
    /// To the elements of an array of variable length.
    Elements(Elements),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyEntry {
    key: Word,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WordsEntry {
    words: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Elements {
    Elements,
}

/// Where in an account's storage a source is.
pub(super) struct Place {
    pub kind: FactKind,
    pub slot: [u8; 32],
    pub key: Name,
    pub key2: Name,
    pub path: Path<Name>,
}

/// The place at the end of `entries`, from `slot` on.
pub(super) fn read(reader: &Reader, mut slot: [u8; 32], entries: &[StepEntry]) -> Result<Place, PlanError> {
    let mut steps: Vec<Step<Name>> = Vec::new();
    let mut over = 0_u64;
    for entry in entries {
        match entry {
            StepEntry::Words(WordsEntry { words }) if steps.is_empty() => slot = further(&slot, *words),
            StepEntry::Words(WordsEntry { words }) => {
                let sum = over.checked_add(*words);
                over = sum.ok_or_else(|| reader.refuse("path", "words below 2^64 in sum", words))?;
            }
            StepEntry::Elements(Elements::Elements) if steps.is_empty() => slot = keccak256(&slot),
            StepEntry::Elements(Elements::Elements) => steps.push(Step { over: std::mem::take(&mut over), key: None }),
            StepEntry::Key(KeyEntry { key }) => {
                let key = reader.key("path", &Some(key.clone()))?;
                steps.push(Step { over: std::mem::take(&mut over), key: Some(key) });
            }
        }
    }
    let zero = Name::Constant([0; 32]);
    let plain = |step: &Step<Name>| step.key.filter(|_| step.over == 0);
    let of = |kind, key, key2| Place { kind, slot, key, key2, path: Path::NONE };
    let known = match &steps[..] {
        [] => Some(of(FactKind::Slot, zero, zero)),
        [step] => plain(step).map(|key| of(FactKind::Mapping, key, zero)),
        [step, second] => plain(step).zip(plain(second)).map(|(key, key2)| of(FactKind::Nested, key, key2)),
        _ => None,
    };
    if let Some(place) = known.filter(|_| over == 0) {
        return Ok(place);
    }
    let path = Path::new(&steps, over);
    let expected = || format!("at most {MAX_STEPS} keys and \"elements\"");
    let path = path.ok_or_else(|| reader.refuse("path", expected(), steps.len()))?;
    Ok(Place { path, ..of(FactKind::Path, zero, zero) })
}
