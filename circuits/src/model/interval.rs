//! Intervals: what a value can be, for the analysis that proves that no accumulator leaves its range check.

use super::{ModelError, bits};
use crate::score::sheet::LIMB_BITS;

/// All integers from `low` to `high`; arithmetic saturates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Smallest.
    pub low: i128,
    /// Largest.
    pub high: i128,
}

impl Interval {
    /// From `low` to `high`.
    pub fn new(low: i128, high: i128) -> Self {
        Self { low, high }
    }

    /// From `-most` to `most`.
    pub fn around(most: i128) -> Self {
        Self { low: -most, high: most }
    }

    /// Whether `v` lies in it.
    pub fn contains(self, v: i128) -> bool {
        (self.low..=self.high).contains(&v)
    }

    /// Largest magnitude.
    pub fn most(self) -> i128 {
        self.low.saturating_abs().max(self.high.saturating_abs())
    }

    /// Of a sum.
    pub fn plus(self, other: Self) -> Self {
        Self { low: self.low.saturating_add(other.low), high: self.high.saturating_add(other.high) }
    }

    /// Of a product.
    pub fn multiply(self, other: Self) -> Self {
        let ends = [self.low, self.high].map(|a| [other.low, other.high].map(|b| a.saturating_mul(b)));
        let [[a, b], [c, d]] = ends;
        Self { low: a.min(b).min(c).min(d), high: a.max(b).max(c).max(d) }
    }

    /// Of a square.
    pub fn square(self) -> Self {
        let low =
            if self.low <= 0 && self.high >= 0 { 0 } else { self.low.saturating_abs().min(self.high.saturating_abs()) };
        Self { low: low.saturating_mul(low), high: self.most().saturating_mul(self.most()) }
    }

    /// Of what a monotonic function makes of it.
    pub fn map(self, f: impl Fn(i128) -> i128) -> Self {
        Self { low: f(self.low), high: f(self.high) }
    }
}

/// Bits of the largest magnitude.
pub fn widest(bounds: &[Interval]) -> usize {
    bounds.iter().map(|b| bits(b.most())).max().unwrap_or(0)
}

/// What a layer declares for values of `got` bits: whole limbs, at most `most`.
pub fn declared(got: usize, most: usize) -> usize {
    got.next_multiple_of(LIMB_BITS).min(most)
}

/// Fails unless `got <= declared <= most`.
pub fn fits(layer: &str, got: usize, declared: usize, most: usize) -> Result<(), ModelError> {
    let layer = || layer.to_owned();
    if got.max(declared) > most {
        return Err(ModelError::Overflow { layer: layer(), expected: most, got: got.max(declared) });
    }
    match got > declared {
        true => Err(ModelError::Bits { layer: layer(), expected: declared, got }),
        false => Ok(()),
    }
}

/// Fails unless `count` sources are whole groups of at least one and at most `2^13`.
pub fn groups(layer: &str, count: usize, group: usize) -> Result<(), ModelError> {
    if count > 0 && (1..=1 << LIMB_BITS).contains(&group) && count.is_multiple_of(group) {
        return Ok(());
    }
    Err(ModelError::Shape {
        layer: layer.into(),
        what: "the last of its groups",
        expected: group,
        got: count % group.max(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn interval() -> impl Strategy<Value = Interval> {
        (-200_i128..200, 0_i128..200).prop_map(|(low, width)| Interval::new(low, low + width))
    }

    proptest! {
        /// Everything that two members make is inside, and the ends are reached.
        #[test]
        fn holds_all_that_members_make(a in interval(), b in interval(), s in 0_i128..100, t in 0_i128..100) {
            let inside = |i: Interval, v: i128| i.low <= v && v <= i.high;
            let x = a.low + (a.high - a.low) * s / 100;
            let y = b.low + (b.high - b.low) * t / 100;
            prop_assert!(inside(a.plus(b), x + y));
            prop_assert!(inside(a.multiply(b), x * y));
            prop_assert!(inside(a.square(), x * x));
            prop_assert!(x.abs() <= a.most());
            let all = || (a.low..=a.high).map(|x| x * x);
            prop_assert_eq!((all().min(), all().max()), (Some(a.square().low), Some(a.square().high)));
        }
    }

    #[test]
    fn saturates() {
        let all = Interval::new(i128::MIN, i128::MAX);
        assert_eq!(all.plus(all), all);
        assert_eq!(all.most(), i128::MAX);
        assert_eq!(all.multiply(all).high, i128::MAX);
        assert_eq!(all.square(), Interval::new(0, i128::MAX));
    }
}
