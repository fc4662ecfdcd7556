//! Rows of packs, one for each group of instances that are bound together, and sums over them.
//!
//! A row is summed right after it was made, while the processor's cache still holds it: memory is read once a variable.

use super::pack::{Pack, kernel};
use super::words::{Lane, PACKS};
use crate::keccak::permutation::LANES;
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use rayon::prelude::*;

/// Groups from which on a second core is worth waking: one takes some ten microseconds.
const PARALLEL: usize = 8;

/// Rows of equal width.
pub struct Rows<P>(Vec<Vec<P>>);

impl<P: Pack> Rows<P> {
    /// Makes rows, and `Σ_g rest[g] terms(g, low, high)` over pairs of them (zeros if there is one row).
    ///
    /// - `count`: of rows, a power of two; `width`: packs of a row
    /// - `fill`: writes row `i`
    /// - `rest`: `count / 2` weights, or one if there is one row
    pub fn new<const D: usize>(
        count: usize,
        width: usize,
        rest: &[Fr],
        fill: impl Fn(usize, &mut [P]) + Sync,
        terms: impl Fn(usize, &[P], &[P]) -> [P; D] + Sync,
    ) -> (Self, [Fr; D]) {
        let row = |i: usize| {
            let mut row = vec![P::zero(); width];
            fill(i, &mut row);
            row
        };
        if count == 1 {
            return (Self(vec![row(0)]), [Fr::ZERO; D]);
        }
        let start = || (Vec::new(), zeros());
        let make = |(mut rows, sum): (Vec<Vec<P>>, [P; D]), group: usize| {
            let (low, high) = (row(2 * group), row(2 * group + 1));
            let sum = weighted_sum(sum, P::splat(rest[group]), terms(group, &low, &high));
            rows.extend([low, high]);
            (rows, sum)
        };
        let join = |(mut rows, sum): (Vec<Vec<P>>, [P; D]), (more, other): (Vec<Vec<P>>, [P; D])| {
            rows.extend(more);
            (rows, add(sum, other))
        };
        let (rows, sum) = if rest.len() < PARALLEL {
            (0..rest.len()).fold(start(), make)
        } else {
            (0..rest.len()).into_par_iter().fold(start, make).reduce(start, join)
        };
        (Self(rows), sum.map(P::sum))
    }

    /// The rows of whole states once their first variables are bound: pack `t` of lane `l` is `8l + t`. Sums as [`Rows::new`].
    ///
    /// - `states`: bits of each instance; `bound`: at most three variables
    pub fn of_bits<const D: usize>(
        states: &[[Lane; LANES]],
        bound: &[Fr],
        rest: &[Fr],
        terms: impl Fn(&[P], &[P]) -> [P; D] + Sync,
    ) -> (Self, [Fr; D]) {
        let (size, folding) = (1 << bound.len(), P::folding(bound));
        let fill = |i: usize, row: &mut [P]| fold_bits(row, &states[i * size..(i + 1) * size], &folding);
        Self::new(states.len() / size, LANES * PACKS, rest, fill, |_, low, high| terms(low, high))
    }

    /// The first row.
    pub fn first(&self) -> &[P] {
        &self.0[0]
    }

    /// Writes rows `2i` and `2i + 1`, with their variable bound to `r`, to `out`.
    pub fn fold_into(&self, i: usize, out: &mut [P], r: P) {
        fold_row(out, &self.0[2 * i], &self.0[2 * i + 1], r);
    }

    /// Binds a variable to `r`: row `i` becomes that of rows `2i` and `2i + 1`. Sums as [`Rows::new`].
    pub fn fold<const D: usize>(
        &self,
        r: Fr,
        rest: &[Fr],
        terms: impl Fn(usize, &[P], &[P]) -> [P; D] + Sync,
    ) -> (Self, [Fr; D]) {
        let r = P::splat(r);
        Self::new(self.0.len() / 2, self.first().len(), rest, |i, out| self.fold_into(i, out, r), terms)
    }
}

/// `Σ_i rest[i] f(i)`, on all cores if there are many.
pub fn sum<P: Pack, const D: usize>(rest: &[Fr], f: impl Fn(usize) -> [P; D] + Sync) -> [Fr; D] {
    let weigh = |sum: [P; D], i: usize| weighted_sum(sum, P::splat(rest[i]), f(i));
    let total = if rest.len() < PARALLEL {
        (0..rest.len()).fold(zeros(), weigh)
    } else {
        (0..rest.len()).into_par_iter().fold(zeros, weigh).reduce(zeros, add)
    };
    total.map(P::sum)
}

fn zeros<P: Pack, const D: usize>() -> [P; D] {
    [P::zero(); D]
}

fn add<P: Pack, const D: usize>(left: [P; D], right: [P; D]) -> [P; D] {
    weighted_sum(left, P::splat(Fr::ONE), right)
}

kernel! {
    fn weighted_sum<P: Pack, const D: usize>(sum: [P; D], weight: P, values: [P; D]) -> [P; D] {
        add_weighted(sum, weight, values)
    }
}

/// `sum + weight * values`.
#[inline(always)]
pub fn add_weighted<P: Pack, const D: usize>(mut sum: [P; D], weight: P, values: [P; D]) -> [P; D] {
    let weight = weight.factor();
    for k in 0..D {
        sum[k] = (sum[k] + P::mul(values[k].factor(), weight)).settle();
    }
    sum
}

/// `low + r (high - low)`.
#[inline(always)]
fn fold_pack<P: Pack>(low: P, high: P, r: P::Factor) -> P {
    (low + P::mul((high - low).factor(), r)).settle()
}

kernel! {
    /// The row of a group of instances.
    fn fold_bits<P: Pack>(row: &mut [P], states: &[[Lane; LANES]], folding: &P::Folding) {
        for (i, out) in row.iter_mut().enumerate() {
            *out = P::fold(folding, |instance| states[instance][i / PACKS][i % PACKS]).settle();
        }
    }
}

kernel! {
    fn fold_row<P: Pack>(out: &mut [P], low: &[P], high: &[P], r: P) {
        let r = r.factor();
        for ((out, low), high) in out.iter_mut().zip(low).zip(high) {
            *out = fold_pack(*low, *high, r);
        }
    }
}

/// Binds the lowest variable of packs to `r`: pack `i` becomes that of packs `2i` and `2i + 1`.
pub fn fold_packs<P: Pack>(packs: &[P], r: Fr) -> Vec<P> {
    let (mut out, r) = (vec![P::zero(); packs.len() / 2], P::splat(r));
    fold_neighbours(&mut out, packs, r);
    out
}

kernel! {
    fn fold_neighbours<P: Pack>(out: &mut [P], packs: &[P], r: P) {
        let r = r.factor();
        for (out, [low, high]) in out.iter_mut().zip(packs.as_chunks::<2>().0) {
            *out = fold_pack(*low, *high, r);
        }
    }
}
