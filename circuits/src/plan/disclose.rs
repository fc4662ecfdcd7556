//! The entry `disclose` of a plan: one comparison is public instead of the outputs.

use super::read::{PlanError, Reader};
use crate::fixed::{FEATURE_MAX, ONE};
use serde::{Deserialize, Serialize};

/// Which comparison. Both sides are integers with [`crate::fixed::FRAC_BITS`] fraction bits, so it is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disclose {
    /// Which output of the model is compared.
    pub output: usize,
    /// 1.0 if the output is above `bound`; else 1.0 if it is below.
    pub above: bool,
    /// At most [`FEATURE_MAX`] in magnitude.
    pub bound: i64,
}

impl Disclose {
    /// What is public of `outputs`: 1.0 or 0.
    ///
    /// # Errors
    /// The number of outputs, if the one that is compared is not among them.
    pub fn run(&self, outputs: &[i64]) -> Result<i64, usize> {
        let y = *outputs.get(self.output).ok_or(outputs.len())?;
        let holds = if self.above { y > self.bound } else { y < self.bound };
        Ok(if holds { ONE } else { 0 })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DiscloseEntry {
    above: Option<f64>,
    below: Option<f64>,
    #[serde(default)]
    output: usize,
}

impl DiscloseEntry {
    /// An output is a multiple of `2^-16`: it is above a real threshold if it is above the threshold rounded down to one, and below
    /// it if it is below the threshold rounded up.
    pub(super) fn read(&self) -> Result<Disclose, PlanError> {
        let reader = Reader { feature: "disclose" };
        let (entry, above, real) = match (self.above, self.below) {
            (Some(v), None) => ("above", true, v),
            (None, Some(v)) => ("below", false, v),
            (None, None) => return Err(reader.refuse("above", "above or below", "neither")),
            (Some(_), Some(_)) => return Err(reader.refuse("above", "above or below", "both")),
        };
        let scaled = real * ONE as f64;
        if scaled.is_nan() || scaled.abs() > FEATURE_MAX as f64 {
            return Err(reader.refuse(entry, "a number between -2^36 and 2^36", real));
        }
        let bound = if above { scaled.floor() } else { scaled.ceil() } as i64;
        Ok(Disclose { output: self.output, above, bound })
    }
}
