//! A place as the `source` of a plan, or why a plan cannot say it.
//!
//! A plan has plain slots, mappings, mappings of mappings, and paths for what these do not reach (`circuits/src/plan.rs`). What lies before
//! the first subject is known, so it becomes part of the slot; what follows may have four keys and arrays.

use super::key::Key;
use super::place::{Place, Step, short};
use alloy::primitives::{Address, B256, U256};
use thiserror::Error;
use vouch_circuits::path::MAX_STEPS;

/// Why a plan cannot read a place. Recoverable: score something else.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("a plan cannot read {expression}: {why}")]
pub struct NotInPlan {
    /// The expression.
    pub expression: String,
    /// Why.
    pub why: String,
}

/// The line `source = { … }`, for the contract at `address` (`0x…` stands where it is not given).
///
/// # Errors
/// [`NotInPlan`] when the place is further from the subject than a plan can reach.
pub fn line(place: &Place, address: Option<Address>) -> Result<String, NotInPlan> {
    let (base, steps) = known(place);
    let place_of = match steps {
        [] => format!("kind = \"slot\", CONTRACT, slot = {}", word(base.into())),
        [Step::Key(key)] => format!("kind = \"mapping\", CONTRACT, slot = {}, key = {}", word(base.into()), name(*key)),
        [Step::Key(key), Step::Key(key2)] => format!(
            "kind = \"nested\", CONTRACT, slot = {}, key = {}, key2 = {}",
            word(base.into()),
            name(*key),
            name(*key2)
        ),
        more => {
            let path = path(more).map_err(|why| NotInPlan { expression: place.expression.clone(), why })?;
            format!("kind = \"path\", CONTRACT, slot = {}, path = [{path}]", word(base.into()))
        }
    };
    let contract = address.map_or("0x…".to_owned(), |address| address.to_string());
    let place_of = place_of.replace("CONTRACT", &format!("contract = \"{contract}\""));
    let bits = if (place.low, place.high) == (0, 256) {
        String::new()
    } else {
        format!(", bits = \"{}..{}\"", place.low, place.high)
    };
    Ok(format!("source = {{ {place_of}{bits} }}"))
}

/// The steps as they are if a plan has a kind for them, else with everything before the first subject folded into the slot.
fn known(place: &Place) -> (U256, &[Step]) {
    if matches!(&place.steps[..], [Step::Key(_)] | [Step::Key(_), Step::Key(_)]) {
        return (place.base, &place.steps);
    }
    let subject = place.steps.iter().position(|step| *step == Step::Key(Key::Subject));
    let (before, after) = place.steps.split_at(subject.unwrap_or(place.steps.len()));
    let base = before.iter().try_fold(place.base, |slot, step| step.apply(slot, None));
    // In range because no step before the first subject needs one.
    (base.unwrap_or_default(), after)
}

/// The entries of a path, or why there is none.
fn path(steps: &[Step]) -> Result<String, String> {
    let hashes = steps.iter().filter(|step| !matches!(step, Step::Plus(_))).count();
    if hashes > MAX_STEPS {
        return Err(format!("expected at most {MAX_STEPS} keys and arrays from the subject on, got {hashes}"));
    }
    let entry = |step: &Step| match step {
        Step::Key(key) => Ok(format!("{{ key = {} }}", name(*key))),
        Step::Data => Ok("\"elements\"".into()),
        Step::Plus(words) if words.bit_len() < 64 => Ok(format!("{{ words = {words} }}")),
        Step::Plus(words) => Err(format!("expected fewer than 2^63 words beyond a hash, got {words}")),
    };
    Ok(steps.iter().map(entry).collect::<Result<Vec<String>, String>>()?.join(", "))
}

fn name(key: Key) -> String {
    match key {
        Key::Subject => "\"subject\"".into(),
        Key::Word(value) => word(value),
    }
}

/// A word as TOML: an integer while it is one, else hex.
fn word(word: B256) -> String {
    let text = short(word);
    if text.starts_with("0x") { format!("\"{text}\"") } else { text }
}
