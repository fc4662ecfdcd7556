//! The curves and their samples, which are fixed columns of the structure.
//!
//! Between two samples a curve is a straight line: with steps of `h` the error is at most `h^2 / 8 * max |f''|`.

use super::real::{erf, exp, ln};
use crate::{fixed::FRAC_BITS, model::Interval, score::sheet::LIMB_BITS};
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// Fraction bits of a sample.
pub const SAMPLE_BITS: usize = 29;
/// Bits that an interpolation drops: two limbs.
pub const DROP_BITS: usize = SAMPLE_BITS + LIMB_BITS - FRAC_BITS;
/// In every sample of a function, so that dropping bits rounds.
const HALF: i64 = 1 << (DROP_BITS - 1 - LIMB_BITS);

/// A function that is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Curve {
    /// `1 / (1 + e^-x)` on ±12.
    Sigmoid,
    /// On ±6.
    Tanh,
    /// On ±4.
    Erf,
    /// `e^x` from -12 to 10.
    Exp,
    /// What ELU adds to ReLU: `e^min(x, 0) - 1`, from -12.
    EluTail,
    /// What softplus adds to ReLU: `ln(1 + e^-|x|)`, on ±12.
    SoftplusTail,
    /// What GELU adds to ReLU: `x Φ(x) - max(x, 0)`, on ±6.
    GeluTail,
    /// `log2(1 + index / 1024)`: for [`crate::layers::logarithm`], not a function of `x`.
    Mantissa,
    /// `2^(62 - index)`, exact: for [`crate::layers::logarithm`], not a function of `x`.
    Power,
}

/// Where a function is sampled: from `low` to `high`, `2^step_bits` samples a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Domain {
    /// First sample; below, the function keeps its value there.
    pub low: i32,
    /// Last sample; above, the function keeps its value there.
    pub high: i32,
    /// At least `FRAC_BITS - LIMB_BITS`.
    pub step_bits: u32,
}

impl Domain {
    /// Steps between `low` and `high`.
    pub fn steps(self) -> i64 {
        i64::from(self.high - self.low) << self.step_bits
    }

    /// Factor from a fixed-point number to one with [`LIMB_BITS`] bits in a step.
    pub fn scale_bits(self) -> u32 {
        self.step_bits + LIMB_BITS as u32 - FRAC_BITS as u32
    }
}

fn softplus_tail(x: f64) -> f64 {
    ln(1.0 + exp(-x.abs()))
}

impl Curve {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Sigmoid,
        Self::Tanh,
        Self::Erf,
        Self::Exp,
        Self::EluTail,
        Self::SoftplusTail,
        Self::GeluTail,
        Self::Mantissa,
        Self::Power,
    ];

    /// `None` for the tables that are no functions of `x`.
    pub fn domain(self) -> Option<Domain> {
        let (low, high, step_bits) = match self {
            Self::Sigmoid | Self::SoftplusTail => (-12, 12, 6),
            Self::Tanh | Self::GeluTail => (-6, 6, 7),
            Self::Erf => (-4, 4, 7),
            Self::Exp => (-12, 10, 7),
            Self::EluTail => (-12, 0, 7),
            Self::Mantissa | Self::Power => return None,
        };
        Some(Domain { low, high, step_bits })
    }

    /// The function itself.
    pub fn real(self, x: f64) -> f64 {
        match self {
            Self::Sigmoid => 1.0 / (1.0 + exp(-x)),
            Self::Tanh => 1.0 - 2.0 / (exp(2.0 * x) + 1.0),
            Self::Erf => erf(x),
            Self::Exp => exp(x),
            Self::EluTail => exp(x.min(0.0)) - 1.0,
            Self::SoftplusTail => softplus_tail(x),
            Self::GeluTail => x * (1.0 + erf(x * 0.5_f64.sqrt())) / 2.0 - x.max(0.0),
            Self::Mantissa => ln(1.0 + x) / ln(2.0),
            Self::Power => 0.0,
        }
    }

    /// What the rounded function can be, in fixed point.
    pub fn range(self) -> Interval {
        let one = 1 << FRAC_BITS;
        match self {
            Self::Exp => Interval::new(0, 22_027 << FRAC_BITS),
            Self::Sigmoid | Self::SoftplusTail | Self::Mantissa => Interval::new(0, one),
            Self::Tanh | Self::Erf | Self::EluTail | Self::GeluTail | Self::Power => Interval::around(one),
        }
    }

    /// Bits of a range that holds the rounded function, with its sign.
    pub fn value_bits(self) -> usize {
        if self == Self::Exp { 3 * LIMB_BITS } else { 2 * LIMB_BITS }
    }

    /// The samples, made once. A function has one more than its domain, so that it keeps its last value.
    pub fn samples(self) -> &'static [i64] {
        static SAMPLES: [OnceLock<Vec<i64>>; Curve::ALL.len()] = [const { OnceLock::new() }; Curve::ALL.len()];
        SAMPLES[self as usize].get_or_init(|| self.make())
    }

    fn make(self) -> Vec<i64> {
        let integer = |v: f64| (v * (1_u64 << SAMPLE_BITS) as f64).round() as i64 + HALF;
        match (self, self.domain()) {
            (Self::Power, _) => (0..=54).map(|e| 1 << (62 - e)).collect(),
            (_, None) => (0..=1024).map(|i| integer(self.real(f64::from(i) / 1024.0))).collect(),
            (_, Some(domain)) => {
                let at = |i: i64| f64::from(domain.low) + i as f64 / f64::from(1 << domain.step_bits);
                (0..=domain.steps() + 1).map(|i| integer(self.real(at(i.min(domain.steps()))))).collect()
            }
        }
    }
}
