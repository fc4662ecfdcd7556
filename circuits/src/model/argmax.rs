//! A layer of choices: for each source, 1.0 if it is the largest of its group (the first of equals), else 0.

use super::{Interval, MAX_ACC_BITS, ModelError, interval};
use crate::{
    fixed::{ONE, to_field},
    layers::chosen,
    score::sheet::{Cell, Sheet},
};
use halo2_base::{QuantumCell::Constant, gates::GateInstructions};
use serde::{Deserialize, Serialize};

/// The layer's groups and range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argmax {
    /// Sources of a group.
    pub group: usize,
    /// Sources are below `2^bits` in magnitude.
    pub bits: usize,
}

impl Argmax {
    pub(super) fn size(&mut self, bounds: &[Interval]) {
        self.bits = interval::declared(interval::widest(bounds), MAX_ACC_BITS);
    }

    pub(super) fn check(&self, name: &str, bounds: &[Interval]) -> Result<Vec<Interval>, ModelError> {
        interval::groups(name, bounds.len(), self.group)?;
        interval::fits(name, interval::widest(bounds), self.bits, MAX_ACC_BITS)?;
        Ok(vec![Interval::new(0, ONE.into()); bounds.len()])
    }

    pub(super) fn run(&self, inputs: &[i128]) -> Vec<i128> {
        let of = |group: &[i128]| {
            let best = chosen::run(group);
            (0..group.len()).map(move |i| if i == best { i128::from(ONE) } else { 0 })
        };
        inputs.chunks(self.group).flat_map(of).collect()
    }

    pub(super) fn constrain(&self, sheet: &mut Sheet, inputs: &[Cell]) -> Vec<Cell> {
        let mut out = Vec::with_capacity(inputs.len());
        for group in inputs.chunks(self.group) {
            let hint = chosen::hint(group);
            for bit in chosen::constrain(sheet, group, self.bits + 1, &hint) {
                out.push(sheet.gate.mul(&mut sheet.ctx, bit, Constant(to_field(ONE.into()))));
            }
        }
        out
    }
}
