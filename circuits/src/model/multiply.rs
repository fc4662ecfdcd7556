//! A layer of products: `round(a_i b_i)`, where the sources are all `a`, then all `b`.

use super::{MAX_ACC_BITS, ModelError, bits};
use crate::{
    fixed::{FRAC_BITS, to_field, to_integer},
    layers::rescale,
    score::sheet::{Cell, LIMB_BITS, Sheet, value},
};
use halo2_base::{QuantumCell::Constant, gates::GateInstructions};
use serde::{Deserialize, Serialize};

/// The layer's range.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Multiply {
    /// The rescaled products stay below `2^bits` in magnitude.
    pub bits: usize,
}

const SHIFT: u32 = FRAC_BITS as u32;

/// Largest magnitudes of the products; saturates.
fn reach(bounds: &[i128]) -> Vec<i128> {
    let (a, b) = bounds.split_at(bounds.len() / 2);
    a.iter().zip(b).map(|(a, b)| a.saturating_mul(*b).saturating_add(rescale::half(SHIFT))).collect()
}

impl Multiply {
    pub(super) fn size(&mut self, bounds: &[i128]) {
        let reach = reach(bounds).into_iter().max().unwrap_or(0);
        self.bits = bits((reach >> SHIFT).saturating_add(1)).next_multiple_of(LIMB_BITS);
    }

    pub(super) fn check(&self, name: &str, bounds: &[i128]) -> Result<Vec<i128>, ModelError> {
        let layer = || name.to_owned();
        if bounds.is_empty() || !bounds.len().is_multiple_of(2) {
            let expected = bounds.len().max(1).next_multiple_of(2);
            return Err(ModelError::Shape { layer: layer(), what: "pairs", expected, got: bounds.len() });
        }
        let reach = reach(bounds);
        let acc = reach.iter().copied().max().unwrap_or(0);
        if bits(acc) > MAX_ACC_BITS {
            return Err(ModelError::Overflow { layer: layer(), expected: MAX_ACC_BITS, got: bits(acc) });
        }
        let quotient = (acc >> SHIFT) + 1;
        if bits(quotient) > self.bits || self.bits > MAX_ACC_BITS {
            return Err(ModelError::Bits { layer: layer(), expected: self.bits, got: bits(quotient) });
        }
        Ok(reach.into_iter().map(|acc| (acc >> SHIFT) + 1).collect())
    }

    pub(super) fn run(&self, name: &str, inputs: &[i128]) -> Result<Vec<i128>, ModelError> {
        let (a, b) = inputs.split_at(inputs.len() / 2);
        let product = |(a, b): (&i128, &i128)| Some(a.checked_mul(*b)?.checked_add(rescale::half(SHIFT))? >> SHIFT);
        let overflow = || ModelError::Overflow { layer: name.into(), expected: MAX_ACC_BITS, got: MAX_ACC_BITS + 1 };
        a.iter().zip(b).map(product).collect::<Option<_>>().ok_or_else(overflow)
    }

    pub(super) fn constrain(&self, sheet: &mut Sheet, inputs: &[Cell]) -> Vec<Cell> {
        let (a, b) = inputs.split_at(inputs.len() / 2);
        let mut step = |(a, b): (&Cell, &Cell)| {
            let half = Constant(to_field(rescale::half(SHIFT)));
            let product = sheet.gate.mul_add(&mut sheet.ctx, *a, *b, half);
            let hint = rescale::hint(to_integer(value(&product)), SHIFT);
            rescale::constrain(sheet, product, SHIFT as usize, self.bits, false, hint)
        };
        a.iter().zip(b).map(&mut step).collect()
    }
}
