//! A dense layer: `activation(rescale(W x + b))`.

use super::{Interval, MAX_ACC_BITS, ModelError, bits};
use crate::{
    features::extreme::{self, Side},
    fixed::{FEATURE_BITS, FEATURE_MAX, FRAC_BITS, ONE, power_of_two, to_field, to_integer},
    layers::{
        clip,
        curve::{self, Curve},
        dense, logarithm, rescale, root, sign,
    },
    score::sheet::{Cell, LIMB_BITS, Sheet, value},
};
use halo2_base::{QuantumCell::Constant, gates::GateInstructions, halo2_proofs::halo2curves::bn256::Fr};
use serde::{Deserialize, Serialize};

/// Fraction bits of a bias.
pub const BIAS_BITS: usize = 32;

/// What follows a dense product, after the rescale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// Saturation between two fixed-point bounds.
    Clip {
        /// Smallest result.
        low: i64,
        /// Largest result.
        high: i64,
    },
    /// A function that is looked up: not [`Curve::Mantissa`] nor [`Curve::Power`].
    Curve(Curve),
    /// `sqrt(max(x, 0))`, rounded down; saturates where `x` is beyond a feature.
    Sqrt,
    /// `log2(max(x, 2^-16))`; saturates where `x` is beyond a feature.
    Log2,
    /// 1.0 where the sum, not rounded, is above 0, else 0.
    Step,
    /// The largest whole number that is not above the sum.
    Floor,
}

/// The layer's numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dense {
    /// One row an output, with `shift` fraction bits.
    pub weights: Vec<Vec<i64>>,
    /// With [`BIAS_BITS`] fraction bits.
    pub bias: Vec<i64>,
    /// Fraction bits of the weights, a multiple of [`LIMB_BITS`], from [`Dense::SHIFTS`].
    pub shift: u32,
    /// The rescaled sums stay below `2^bits` in magnitude. Part of the structure, so that it is known without the weights.
    pub bits: usize,
    /// What follows.
    pub activation: Activation,
}

impl Dense {
    /// Fraction bits that weights may have.
    pub const SHIFTS: [u32; 3] = [LIMB_BITS as u32, 2 * LIMB_BITS as u32, 3 * LIMB_BITS as u32];

    /// The bias at the scale of the accumulator, which may be coarser than its own, with the half that makes the rescale a rounding;
    /// a step asks `sum - 1 >= 0`, and a floor drops all that is below.
    fn bias_at_acc(&self) -> Vec<i128> {
        let scale = FRAC_BITS as u32 + self.shift;
        let more = match self.activation {
            Activation::Step => -1,
            Activation::Floor => 0,
            _ => rescale::half(self.shift),
        };
        self.bias.iter().map(|b| (i128::from(*b) << scale >> BIAS_BITS) + more).collect()
    }

    fn check_shift(&self, name: &str) -> Result<(), ModelError> {
        match Self::SHIFTS.contains(&self.shift) {
            true => Ok(()),
            false => Err(ModelError::Shift { layer: name.into(), got: self.shift }),
        }
    }

    /// Of the accumulators; saturates.
    fn reach(&self, bounds: &[Interval]) -> Vec<Interval> {
        let row = |(weights, bias): (&Vec<i64>, i128)| {
            weights.iter().zip(bounds).fold(Interval::new(bias, bias), |sum, (w, bound)| {
                sum.plus(bound.multiply(Interval::new((*w).into(), (*w).into())))
            })
        };
        self.weights.iter().zip(self.bias_at_acc()).map(row).collect()
    }

    /// Sets `bits`.
    pub(super) fn size(&mut self, name: &str, bounds: &[Interval]) -> Result<(), ModelError> {
        self.check_shift(name)?;
        let reach = self.reach(bounds).into_iter().map(Interval::most).max().unwrap_or(0);
        // rounded up to limbs, so that retrained weights of like size keep the structure
        self.bits = bits((reach >> self.shift).saturating_add(1)).next_multiple_of(LIMB_BITS);
        Ok(())
    }

    pub(super) fn check(&self, name: &str, bounds: &[Interval]) -> Result<Vec<Interval>, ModelError> {
        let layer = || name.to_owned();
        let shape = |what, expected, got| match expected == got {
            true => Ok(()),
            false => Err(ModelError::Shape { layer: layer(), what, expected, got }),
        };
        if self.weights.is_empty() {
            return Err(ModelError::Empty("outputs"));
        }
        for row in &self.weights {
            shape("a row of weights", bounds.len(), row.len())?;
        }
        shape("the bias", self.weights.len(), self.bias.len())?;
        self.check_shift(name)?;
        if let Activation::Clip { low, high } = self.activation
            && (low > high || low < -FEATURE_MAX || high > FEATURE_MAX)
        {
            return Err(ModelError::Clip { layer: layer(), low, high });
        }
        let reach = self.reach(bounds);
        // in whatever order a sum is made, it stays in the executor's type
        let partial = self.reach(&bounds.iter().map(|b| Interval::around(b.most())).collect::<Vec<_>>());
        let partial = partial.into_iter().map(Interval::most).max().unwrap_or(0);
        let acc = reach.iter().map(|r| r.most()).max().unwrap_or(0);
        if bits(partial) > MAX_ACC_BITS {
            return Err(ModelError::Overflow { layer: layer(), expected: MAX_ACC_BITS, got: bits(partial) });
        }
        let quotient = (acc >> self.shift) + 1;
        if bits(quotient) > self.bits || self.bits > MAX_ACC_BITS {
            return Err(ModelError::Bits { layer: layer(), expected: self.bits, got: bits(quotient) });
        }
        Ok(reach.into_iter().map(|acc| self.after(acc.map(|end| end >> self.shift))).collect())
    }

    /// What can be after the activation.
    fn after(&self, sum: Interval) -> Interval {
        let one = i128::from(ONE);
        match self.activation {
            Activation::Identity => sum,
            Activation::Relu => sum.map(|end| end.max(0)),
            Activation::Clip { low, high } => sum.map(|end| clip::run(end, low, high)),
            Activation::Curve(curve) => curve.range(),
            Activation::Sqrt => Interval::new(0, 1 << ((FEATURE_BITS + FRAC_BITS) / 2)),
            Activation::Log2 => Interval::around(one * (FEATURE_BITS as i128 + 1)),
            Activation::Step => Interval::new(0, one),
            Activation::Floor => sum.map(|end| end >> FRAC_BITS << FRAC_BITS),
        }
    }

    fn activate(&self, x: i128) -> i128 {
        let feature = || x.clamp(0, i128::from(FEATURE_MAX));
        match self.activation {
            Activation::Identity => x,
            Activation::Relu => x.max(0),
            Activation::Clip { low, high } => clip::run(x, low, high),
            Activation::Curve(curve) => curve::run(curve, x),
            Activation::Sqrt => root::hint(feature() << FRAC_BITS),
            Activation::Log2 => logarithm::run(feature()) - i128::from(ONE) * FRAC_BITS as i128,
            Activation::Step => {
                if x >= 0 {
                    i128::from(ONE)
                } else {
                    0
                }
            }
            Activation::Floor => x >> FRAC_BITS << FRAC_BITS,
        }
    }

    pub(super) fn run(&self, name: &str, inputs: &[i128]) -> Result<Vec<i128>, ModelError> {
        let sums = dense::hint(inputs, &self.weights, &self.bias_at_acc());
        let overflow = || ModelError::Overflow { layer: name.into(), expected: MAX_ACC_BITS, got: MAX_ACC_BITS + 1 };
        Ok(sums.ok_or_else(overflow)?.into_iter().map(|acc| self.activate(acc >> self.shift)).collect())
    }

    pub(super) fn constrain(&self, sheet: &mut Sheet, inputs: &[Cell]) -> Vec<Cell> {
        let values: Vec<i128> = inputs.iter().map(|c| to_integer(value(c))).collect();
        let bias = self.bias_at_acc();
        // key generation runs on arbitrary values: an overflow there is no product, and no proof either
        let sums = dense::hint(&values, &self.weights, &bias).unwrap_or_else(|| vec![0; bias.len()]);
        let sums = dense::constrain(sheet, inputs, &self.weights, &bias, &sums);
        sums.into_iter().map(|sum| self.constrain_step(sheet, sum)).collect()
    }

    fn constrain_step(&self, sheet: &mut Sheet, sum: Cell) -> Cell {
        let relu = matches!(self.activation, Activation::Relu | Activation::Sqrt | Activation::Log2);
        let hint = rescale::hint(to_integer(value(&sum)), self.shift);
        let x = rescale::constrain(sheet, sum, self.shift as usize, self.bits, relu, hint);
        match self.activation {
            Activation::Identity | Activation::Relu => x,
            Activation::Clip { low, high } => clip::constrain(sheet, x, low, high, self.bits.max(FEATURE_BITS)),
            Activation::Curve(curve) => curve::apply(sheet, curve, x, self.bits),
            Activation::Sqrt => {
                let x = self.at_most_a_feature(sheet, x);
                let x = sheet.gate.mul(&mut sheet.ctx, x, Constant(power_of_two(FRAC_BITS)));
                root::apply(sheet, x, FEATURE_BITS + FRAC_BITS)
            }
            Activation::Log2 => {
                let x = self.at_most_a_feature(sheet, x);
                // 0 counts as the smallest number
                let zero = sheet.gate.is_zero(&mut sheet.ctx, x);
                let x = sheet.gate.add(&mut sheet.ctx, x, zero);
                let log = logarithm::apply(sheet, x);
                sheet.gate.sub(&mut sheet.ctx, log, Constant(Fr::from(ONE as u64 * FRAC_BITS as u64)))
            }
            Activation::Step => {
                let positive = sign::constrain(sheet, x, self.bits, to_integer(value(&x)) >= 0);
                sheet.gate.mul(&mut sheet.ctx, positive, Constant(Fr::from(ONE as u64)))
            }
            Activation::Floor => {
                let hint = rescale::hint(to_integer(value(&x)), FRAC_BITS as u32);
                let bits = self.bits.saturating_sub(FRAC_BITS);
                let whole = rescale::constrain(sheet, x, FRAC_BITS, bits, false, hint);
                sheet.gate.mul(&mut sheet.ctx, whole, Constant(power_of_two(FRAC_BITS)))
            }
        }
    }

    /// `min(x, FEATURE_MAX)`; assumes `0 <= x < 2^bits`.
    fn at_most_a_feature(&self, sheet: &mut Sheet, x: Cell) -> Cell {
        if self.bits < FEATURE_BITS {
            return x;
        }
        let most = sheet.constant(to_field(i128::from(FEATURE_MAX)));
        let hint = extreme::hint(Side::Min, value(&x), value(&most));
        extreme::constrain(sheet, Side::Min, x, most, self.bits.max(FEATURE_BITS), hint)
    }
}
