//! A layer of quotients: `round(a_i / b_i)`, where the sources are all `a`, then all `b`.
//!
//! A divisor of 0 counts as the smallest positive number, `2^-16`, and quotients saturate at the bounds of a feature.

use super::{Interval, ModelError, interval};
use crate::{
    fixed::{FEATURE_BITS, FEATURE_MAX, FRAC_BITS, to_integer},
    layers::{clip, divide, sign},
    score::sheet::{Cell, Sheet, offset, value},
};
use halo2_base::gates::GateInstructions;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Largest range of a source.
const MAX_BITS: usize = 60;

/// The layer's range.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divide {
    /// Dividends and divisors are below `2^bits` in magnitude.
    pub bits: usize,
}

impl Divide {
    /// Bits of a quotient before it saturates, with its sign and one to spare.
    fn quotient_bits(&self) -> usize {
        self.bits + FRAC_BITS + 2
    }

    pub(super) fn size(&mut self, bounds: &[Interval]) {
        self.bits = interval::declared(interval::widest(bounds), MAX_BITS);
    }

    pub(super) fn check(&self, name: &str, bounds: &[Interval]) -> Result<Vec<Interval>, ModelError> {
        if bounds.is_empty() || !bounds.len().is_multiple_of(2) {
            let expected = bounds.len().max(1).next_multiple_of(2);
            return Err(ModelError::Shape { layer: name.into(), what: "pairs", expected, got: bounds.len() });
        }
        interval::fits(name, interval::widest(bounds), self.bits, MAX_BITS)?;
        let (a, b) = bounds.split_at(bounds.len() / 2);
        let quotient = |(a, b): (&Interval, &Interval)| {
            let most = divide::run(a.most(), b.low.max(1)) + 1;
            let most = most.min(FEATURE_MAX.into());
            Interval::new(if a.low >= 0 && b.low >= 0 { 0 } else { -most }, most)
        };
        Ok(a.iter().zip(b).map(quotient).collect())
    }

    pub(super) fn run(&self, inputs: &[i128]) -> Vec<i128> {
        let (a, b) = inputs.split_at(inputs.len() / 2);
        let quotient = |(a, b): (&i128, &i128)| {
            let n = if *b < 0 { -a } else { *a };
            clip::run(divide::run(n, b.abs()), -FEATURE_MAX, FEATURE_MAX)
        };
        a.iter().zip(b).map(quotient).collect()
    }

    pub(super) fn constrain(&self, sheet: &mut Sheet, inputs: &[Cell]) -> Vec<Cell> {
        let (a, b) = inputs.split_at(inputs.len() / 2);
        // a divisor of many dividends is made positive once
        let mut divisors: HashMap<usize, [Cell; 2]> = HashMap::new();
        let mut step = |(a, b): (&Cell, &Cell)| {
            let [sign, size] = *divisors.entry(offset(b)).or_insert_with(|| {
                let positive = sign::constrain(sheet, *b, self.bits, to_integer(value(b)) >= 0);
                let sign = sign::signed(sheet, positive);
                let size = sheet.gate.mul(&mut sheet.ctx, sign, *b);
                let zero = sheet.gate.is_zero(&mut sheet.ctx, *b);
                [sign, sheet.gate.add(&mut sheet.ctx, size, zero)]
            });
            let n = sheet.gate.mul(&mut sheet.ctx, sign, *a);
            let quotient = divide::apply(sheet, n, size, self.bits, self.quotient_bits());
            match self.bits + FRAC_BITS < FEATURE_BITS {
                true => quotient,
                false => clip::constrain(sheet, quotient, -FEATURE_MAX, FEATURE_MAX, self.quotient_bits()),
            }
        };
        a.iter().zip(b).map(&mut step).collect()
    }
}
