//! A layer of extremes: the largest, or the smallest, of each group of sources.

use super::{Interval, MAX_ACC_BITS, ModelError, interval};
use crate::{
    features::extreme::Side,
    layers::maximum,
    score::sheet::{Cell, Sheet},
};
use serde::{Deserialize, Serialize};

/// The layer's groups and range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extreme {
    /// Sources of a group.
    pub group: usize,
    /// Which of them.
    pub side: Side,
    /// Sources are below `2^bits` in magnitude.
    pub bits: usize,
}

impl Extreme {
    pub(super) fn size(&mut self, bounds: &[Interval]) {
        self.bits = interval::declared(interval::widest(bounds), MAX_ACC_BITS);
    }

    pub(super) fn check(&self, name: &str, bounds: &[Interval]) -> Result<Vec<Interval>, ModelError> {
        interval::groups(name, bounds.len(), self.group)?;
        interval::fits(name, interval::widest(bounds), self.bits, MAX_ACC_BITS)?;
        let of = |group: &[Interval]| {
            let ends = |end: fn(&Interval) -> i128| maximum::run(self.side, &group.iter().map(end).collect::<Vec<_>>());
            Interval::new(ends(|b| b.low), ends(|b| b.high))
        };
        Ok(bounds.chunks(self.group).map(of).collect())
    }

    pub(super) fn run(&self, inputs: &[i128]) -> Vec<i128> {
        inputs.chunks(self.group).map(|group| maximum::run(self.side, group)).collect()
    }

    pub(super) fn constrain(&self, sheet: &mut Sheet, inputs: &[Cell]) -> Vec<Cell> {
        let mut of = |group: &[Cell]| {
            let hint = maximum::hint(self.side, group);
            maximum::constrain(sheet, self.side, group, self.bits + 1, hint)
        };
        inputs.chunks(self.group).map(&mut of).collect()
    }
}
