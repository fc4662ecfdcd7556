//! How fine the numbers between the layers are: more fraction bits err less and take more cells.
//!
//! Inputs and outputs of a model, and whatever a curve, a product, a quotient or a share reads or gives, have
//! [`FRAC_BITS`] fraction bits. Sums between layers of sums, with ReLU, a clip or nothing after them, and their extremes, may have others: what a
//! layer reads and gives is then scaled by powers of two, and its weights by what is between them, so that the circuit stays the same.

use super::{FloatActivation, FloatModel, FloatOp};
use std::{fmt, str::FromStr};
use thiserror::Error;
use vouch_circuits::fixed::FRAC_BITS;

/// Clips between larger bounds keep their numbers as they are: finer ones could leave the bounds of a clip.
const CLIP_LIMIT: f64 = (1_u64 << 20) as f64;

/// Fraction bits of sums between the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Precision(u32);

/// A precision that is not offered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "precision: expected low, normal, high, or {} to {} fraction bits, got {got}: with fewer, a layer errs by more than 2^-9, and with more, the {} bits of inputs and outputs are what errs",
    Precision::LEAST.0, Precision::MOST.0, FRAC_BITS
)]
pub struct PrecisionError {
    /// What was asked for.
    pub got: String,
}

impl Precision {
    /// The fewest bits.
    pub const LEAST: Self = Self(8);
    /// `low`.
    pub const LOW: Self = Self(10);
    /// `normal`, the default.
    pub const NORMAL: Self = Self(FRAC_BITS as u32);
    /// `high`.
    pub const HIGH: Self = Self(22);
    /// The most bits.
    pub const MOST: Self = Self(24);

    /// So many fraction bits.
    ///
    /// # Errors
    /// [`PrecisionError`] if they are not between [`Precision::LEAST`] and [`Precision::MOST`].
    pub fn new(bits: u32) -> Result<Self, PrecisionError> {
        let found = Self(bits);
        match (Self::LEAST..=Self::MOST).contains(&found) {
            true => Ok(found),
            false => Err(PrecisionError { got: bits.to_string() }),
        }
    }

    /// Fraction bits.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// What rounding the weights of a layer may add to its sums on calibrated inputs, in units of their last bit: an eighth; whoever asks
    /// for less than the default gives up the whole of it.
    pub(super) fn error_aim(self) -> f64 {
        if self < Self::NORMAL { 1.0 } else { 0.125 }
    }

    /// For each value of `float`, inputs first: how many fraction bits it has beyond [`FRAC_BITS`].
    pub(super) fn extra(self, float: &FloatModel) -> Vec<i32> {
        let extra = self.0 as i32 - FRAC_BITS as i32;
        let mut first = float.inputs;
        let mut places = Vec::new();
        for layer in &float.layers {
            let width = layer.width();
            places.push(first..first + width);
            first += width;
        }
        let mut free = vec![extra != 0; first];
        free[..float.inputs].fill(false);
        float.outputs.iter().for_each(|o| free[*o] = false);
        for (layer, place) in float.layers.iter().zip(&places) {
            let (reads, gives) = match &layer.op {
                FloatOp::Dense { activation, .. } => (true, scales(*activation)),
                FloatOp::Extreme(..) => (true, true),
                _ => (false, false),
            };
            if !reads {
                layer.sources.iter().for_each(|s| free[*s] = false);
            }
            if !gives {
                free[place.clone()].fill(false);
            }
        }
        // a layer gives all or none, and extremes read what they give; each round takes freedom away, so there is a last one
        let mut before = usize::MAX;
        loop {
            let count = free.iter().filter(|f| **f).count();
            if count == before {
                break;
            }
            before = count;
            for (layer, place) in float.layers.iter().zip(&places) {
                let sources: &[usize] = if matches!(layer.op, FloatOp::Extreme(..)) { &layer.sources } else { &[] };
                if !free[place.clone()].iter().chain(sources.iter().map(|s| &free[*s])).all(|f| *f) {
                    free[place.clone()].fill(false);
                    sources.iter().for_each(|s| free[*s] = false);
                }
            }
        }
        free.into_iter().map(|free| if free { extra } else { 0 }).collect()
    }
}

impl Default for Precision {
    fn default() -> Self {
        Self::NORMAL
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for Precision {
    type Err = PrecisionError;

    fn from_str(text: &str) -> Result<Self, PrecisionError> {
        match text {
            "low" => Ok(Self::LOW),
            "normal" => Ok(Self::NORMAL),
            "high" => Ok(Self::HIGH),
            other => other.parse().map_err(|_| PrecisionError { got: other.to_owned() }).and_then(Self::new),
        }
    }
}

/// Does the activation of a scaled number give the scaled activation?
fn scales(activation: FloatActivation) -> bool {
    match activation {
        FloatActivation::Identity | FloatActivation::Relu => true,
        FloatActivation::Clip { low, high } => low.abs().max(high.abs()) <= CLIP_LIMIT,
        _ => false,
    }
}
