//! The entry `private` of a plan: inputs that come from a commitment, with their names and units.
//!
//! The units are for whoever makes a commitment (`vouch commit` divides by them); the circuit sees what comes out.

use super::{
    MAX_PRIVATE, PRIVATE_BITS, Private, PrivateInput,
    read::{PlanError, Reader},
};
use crate::fixed::FEATURE_BITS;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrivateEntry {
    name: Option<String>,
    count: Option<usize>,
    decimals: Option<u32>,
    unit: Option<String>,
    inputs: Option<Vec<InputEntry>>,
    bits: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputEntry {
    name: String,
    decimals: Option<u32>,
    unit: Option<String>,
}

impl PrivateEntry {
    /// One input for each number of a row, or a list of them.
    pub(super) fn read(&self) -> Result<(Private, Vec<PrivateInput>), PlanError> {
        let reader = Reader { feature: self.name.as_deref().unwrap_or("private") };
        let inputs = match (&self.inputs, &self.name) {
            (Some(_), Some(_)) => return Err(reader.refuse("inputs", "inputs, or name and count", "both")),
            (None, None) => return Err(reader.refuse("inputs", "inputs, or name and count", "nothing")),
            (Some(inputs), None) => {
                for (entry, given) in [
                    ("count", self.count.is_some()),
                    ("decimals", self.decimals.is_some()),
                    ("unit", self.unit.is_some()),
                ] {
                    if given {
                        return Err(reader.refuse(entry, "no such entry beside inputs", "one"));
                    }
                }
                let read = |input: &InputEntry| {
                    let reader = Reader { feature: &input.name };
                    let divisor = reader.divisor(input.decimals, input.unit.as_deref())?;
                    Ok(PrivateInput { name: input.name.clone(), divisor })
                };
                inputs.iter().map(read).collect::<Result<Vec<_>, _>>()?
            }
            (None, Some(name)) => {
                let count =
                    self.count.ok_or_else(|| reader.refuse("count", format!("1 to {MAX_PRIVATE}"), "nothing"))?;
                if !(1..=MAX_PRIVATE).contains(&count) {
                    return Err(reader.refuse("count", format!("1 to {MAX_PRIVATE}"), count));
                }
                let divisor = reader.divisor(self.decimals, self.unit.as_deref())?;
                (0..count).map(|i| PrivateInput { name: format!("{name}{i}"), divisor }).collect()
            }
        };
        if !(1..=MAX_PRIVATE).contains(&inputs.len()) {
            return Err(reader.refuse("inputs", format!("1 to {MAX_PRIVATE}"), inputs.len()));
        }
        let bits = self.bits.unwrap_or(PRIVATE_BITS);
        if !(2..=FEATURE_BITS).contains(&bits) {
            return Err(reader.refuse("bits", format!("2 to {FEATURE_BITS}"), bits));
        }
        Ok((Private { count: inputs.len(), bits }, inputs))
    }
}
