//! A layer of shares: each source over the sum of its group, or over the length of it.

use super::{Interval, MAX_ACC_BITS, ModelError, interval};
use crate::{
    fixed::{ONE, to_field},
    layers::{divide, root},
    score::sheet::{Cell, LIMB_BITS, Sheet},
};
use halo2_base::{
    QuantumCell::{Constant, Existing},
    gates::GateInstructions,
};
use serde::{Deserialize, Serialize};

/// Bits of a share with its sign: it is at most 1.0.
const SHARE_BITS: usize = 2 * LIMB_BITS;

/// What a source is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// The sum of the group, whose numbers are not negative; shares of nothing are 0.
    Sum,
    /// `sqrt(Σ x^2 + epsilon)`.
    Length {
        /// With 32 fraction bits, at least 1.
        epsilon: i64,
    },
}

/// The layer's groups and range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Normalize {
    /// Sources of a group.
    pub group: usize,
    /// What they are divided by.
    pub norm: Norm,
    /// Sums, or sums of squares with `epsilon`, stay below `2^bits`.
    pub bits: usize,
}

impl Normalize {
    /// Largest sum of a group, or sum of squares.
    fn reach(&self, bounds: &[Interval]) -> usize {
        let of = |group: &[Interval]| match self.norm {
            Norm::Sum => group.iter().fold(0_i128, |sum, b| sum.saturating_add(b.most())),
            Norm::Length { epsilon } => {
                group.iter().fold(epsilon.into(), |sum: i128, b| sum.saturating_add(b.square().high))
            }
        };
        bounds.chunks(self.group.max(1)).map(|g| super::bits(of(g))).max().unwrap_or(0)
    }

    pub(super) fn size(&mut self, bounds: &[Interval]) {
        self.bits = interval::declared(self.reach(bounds), MAX_ACC_BITS);
    }

    pub(super) fn check(&self, name: &str, bounds: &[Interval]) -> Result<Vec<Interval>, ModelError> {
        interval::groups(name, bounds.len(), self.group)?;
        interval::fits(name, self.reach(bounds), self.bits, MAX_ACC_BITS)?;
        match self.norm {
            Norm::Sum if bounds.iter().any(|b| b.low < 0) => Err(ModelError::Negative { layer: name.into() }),
            Norm::Length { epsilon } if epsilon < 1 => Err(ModelError::Epsilon { layer: name.into(), got: epsilon }),
            _ => {
                let one = i128::from(ONE);
                let share = |b: &Interval| Interval::new(if b.low < 0 { -one } else { 0 }, one);
                Ok(bounds.iter().map(share).collect())
            }
        }
    }

    pub(super) fn run(&self, inputs: &[i128]) -> Vec<i128> {
        let shares = |group: &[i128]| -> Vec<i128> {
            let divisor = match self.norm {
                Norm::Sum => group.iter().sum(),
                Norm::Length { epsilon } => root::hint(i128::from(epsilon) + group.iter().map(|x| x * x).sum::<i128>()),
            };
            group.iter().map(|x| divide::run(*x, divisor)).collect()
        };
        inputs.chunks(self.group).flat_map(shares).collect()
    }

    pub(super) fn constrain(&self, sheet: &mut Sheet, inputs: &[Cell]) -> Vec<Cell> {
        let mut shares = Vec::with_capacity(inputs.len());
        for group in inputs.chunks(self.group) {
            let cells = || group.iter().map(|c| Existing(*c));
            let (divisor, bits) = match self.norm {
                Norm::Sum => {
                    let sum = sheet.gate.sum(&mut sheet.ctx, cells());
                    // a sum of nothing counts as 1
                    let zero = sheet.gate.is_zero(&mut sheet.ctx, sum);
                    (sheet.gate.add(&mut sheet.ctx, sum, zero), self.bits + 1)
                }
                Norm::Length { epsilon } => {
                    let sum = sheet.gate.inner_product(&mut sheet.ctx, cells(), cells());
                    let epsilon = Constant(to_field(epsilon.into()));
                    let sum = sheet.gate.add(&mut sheet.ctx, sum, epsilon);
                    // not 0, since its square is at least epsilon / 4
                    let root = root::apply(sheet, sum, self.bits);
                    (root, self.bits.div_ceil(2).next_multiple_of(LIMB_BITS))
                }
            };
            shares.extend(group.iter().map(|x| divide::apply(sheet, *x, divisor, bits, SHARE_BITS)));
        }
        shares
    }
}
