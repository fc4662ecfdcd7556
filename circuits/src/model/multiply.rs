//! A layer of products: `round(a_i b_i)`, or sums of `terms` such products, where the sources are all `a`, then all `b`.

use super::{Interval, MAX_ACC_BITS, ModelError, bits, interval};
use crate::{
    fixed::{FRAC_BITS, to_field, to_integer},
    layers::rescale,
    score::sheet::{Cell, LIMB_BITS, Sheet, value},
};
use halo2_base::{QuantumCell::Constant, gates::GateInstructions};
use serde::{Deserialize, Serialize};

/// The layer's range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Multiply {
    /// Products that are added up before the sum is rounded, one behind the other; at least 1.
    #[serde(default = "one")]
    pub terms: usize,
    /// The rescaled sums stay below `2^bits` in magnitude.
    pub bits: usize,
}

fn one() -> usize {
    1
}

impl Default for Multiply {
    /// Single products.
    fn default() -> Self {
        Self { terms: 1, bits: 0 }
    }
}

const SHIFT: u32 = FRAC_BITS as u32;

impl Multiply {
    /// Of the sums, with the half that makes the rescale a rounding; saturates.
    fn reach(&self, bounds: &[Interval]) -> Vec<Interval> {
        let (a, b) = bounds.split_at(bounds.len() / 2);
        let half = Interval::new(rescale::half(SHIFT), rescale::half(SHIFT));
        let products: Vec<Interval> = a.iter().zip(b).map(|(a, b)| a.multiply(*b)).collect();
        products.chunks(self.terms.max(1)).map(|sum| sum.iter().fold(half, |sum, p| sum.plus(*p))).collect()
    }

    pub(super) fn size(&mut self, bounds: &[Interval]) {
        let reach = self.reach(bounds).into_iter().map(Interval::most).max().unwrap_or(0);
        self.bits = bits((reach >> SHIFT).saturating_add(1)).next_multiple_of(LIMB_BITS);
    }

    pub(super) fn check(&self, name: &str, bounds: &[Interval]) -> Result<Vec<Interval>, ModelError> {
        let layer = || name.to_owned();
        if bounds.is_empty() || !bounds.len().is_multiple_of(2) {
            let expected = bounds.len().max(1).next_multiple_of(2);
            return Err(ModelError::Shape { layer: layer(), what: "pairs", expected, got: bounds.len() });
        }
        interval::groups(name, bounds.len() / 2, self.terms)?;
        let reach = self.reach(bounds);
        let acc = reach.iter().map(|r| r.most()).max().unwrap_or(0);
        // in whatever order a sum is made, it stays in the executor's type
        let around: Vec<Interval> = bounds.iter().map(|b| Interval::around(b.most())).collect();
        let acc = self.reach(&around).into_iter().map(Interval::most).fold(acc, i128::max);
        if bits(acc) > MAX_ACC_BITS {
            return Err(ModelError::Overflow { layer: layer(), expected: MAX_ACC_BITS, got: bits(acc) });
        }
        let quotient = (reach.iter().map(|r| r.most()).max().unwrap_or(0) >> SHIFT) + 1;
        if bits(quotient) > self.bits || self.bits > MAX_ACC_BITS {
            return Err(ModelError::Bits { layer: layer(), expected: self.bits, got: bits(quotient) });
        }
        Ok(reach.into_iter().map(|acc| acc.map(|end| end >> SHIFT)).collect())
    }

    pub(super) fn run(&self, name: &str, inputs: &[i128]) -> Result<Vec<i128>, ModelError> {
        let (a, b) = inputs.split_at(inputs.len() / 2);
        let sum = |(a, b): (&[i128], &[i128])| {
            let sum = a.iter().zip(b).try_fold(rescale::half(SHIFT), |sum, (a, b)| sum.checked_add(a.checked_mul(*b)?));
            Some(sum? >> SHIFT)
        };
        let overflow = || ModelError::Overflow { layer: name.into(), expected: MAX_ACC_BITS, got: MAX_ACC_BITS + 1 };
        a.chunks(self.terms).zip(b.chunks(self.terms)).map(sum).collect::<Option<_>>().ok_or_else(overflow)
    }

    pub(super) fn constrain(&self, sheet: &mut Sheet, inputs: &[Cell]) -> Vec<Cell> {
        let (a, b) = inputs.split_at(inputs.len() / 2);
        let mut step = |(a, b): (&[Cell], &[Cell])| {
            let half = Constant(to_field(rescale::half(SHIFT)));
            let mut sum = sheet.gate.mul_add(&mut sheet.ctx, a[0], b[0], half);
            for (a, b) in a.iter().zip(b).skip(1) {
                sum = sheet.gate.mul_add(&mut sheet.ctx, *a, *b, sum);
            }
            let hint = rescale::hint(to_integer(value(&sum)), SHIFT);
            rescale::constrain(sheet, sum, SHIFT as usize, self.bits, false, hint)
        };
        a.chunks(self.terms).zip(b.chunks(self.terms)).map(&mut step).collect()
    }
}
