//! Multi-scalar multiplication by buckets whose points are added pairwise in affine coordinates, many inversions at a time.
//!
//! Of each window the points are sorted by bucket; then each bucket is halved by adding neighbours until one point is left. So
//! columns whose scalars repeat, or are small, cost no more than others, and zeros cost nothing.

#[cfg(target_arch = "x86_64")]
mod ifma;

use ff::{Field, PrimeField};
use group::Group;
use halo2curves::CurveAffine;
use rayon::prelude::*;
use std::marker::PhantomData;

/// Fewest points for which sorting pays.
const FEWEST: usize = 1 << 9;
/// Additions that share one inversion.
const BATCH: usize = 1 << 10;

/// A point; the identity is (0, 0), which must not be on the curve.
#[derive(Clone, Copy)]
struct Point<F> {
    x: F,
    y: F,
}

impl<F: Field> Point<F> {
    const IDENTITY: Self = Self { x: F::ZERO, y: F::ZERO };

    fn is_identity(&self) -> bool {
        self.x == F::ZERO && self.y == F::ZERO
    }
}

/// How points are added.
trait Adder<F: Field>: Sync {
    /// A point for it.
    type P: Copy + Send + Sync;

    /// Field multiplications that an addition costs.
    const COST: usize;

    fn make(&self, point: Point<F>) -> Self::P;

    /// The sum of each bucket that is not empty.
    fn reduce<S>(&self, terms: &[(S, Self::P)], buckets: &Buckets) -> Vec<Point<F>>;
}

/// `Σ coeffs bases`.
///
/// # Panics
/// If they differ in number.
pub fn msm<C: CurveAffine>(coeffs: &[C::Scalar], bases: &[C]) -> C::Curve {
    assert_eq!(coeffs.len(), bases.len());
    if coeffs.len() < FEWEST || C::b() == C::Base::ZERO {
        return halo2curves::msm::msm_best(coeffs, bases);
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(base) = ifma::Base::new() {
        return run(&Wider { base, plain: Plain::<C>(PhantomData) }, coeffs, bases);
    }
    run(&Plain::<C>(PhantomData), coeffs, bases)
}

fn run<C: CurveAffine, A: Adder<C::Base>>(adder: &A, coeffs: &[C::Scalar], bases: &[C]) -> C::Curve {
    // the smaller of a scalar and its negative, with the point to match
    let terms: Vec<(<C::Scalar as PrimeField>::Repr, A::P)> = coeffs
        .par_iter()
        .zip(bases.par_iter())
        .filter(|(coeff, _)| **coeff != C::Scalar::ZERO)
        .filter_map(|(coeff, base)| {
            let coordinates: halo2curves::Coordinates<C> = Option::from(base.coordinates())?;
            let (x, y) = (*coordinates.x(), *coordinates.y());
            let (positive, negative) = (coeff.to_repr(), (-*coeff).to_repr());
            let is_positive = positive.as_ref().iter().rev().le(negative.as_ref().iter().rev());
            let (coeff, y) = if is_positive { (positive, y) } else { (negative, -y) };
            Some((coeff, adder.make(Point { x, y })))
        })
        .collect();
    let bits = terms
        .par_iter()
        .map(|(coeff, _)| {
            let bytes = coeff.as_ref();
            bytes.iter().rposition(|b| *b != 0).map_or(0, |i| 8 * i + 8 - bytes[i].leading_zeros() as usize)
        })
        .max()
        .unwrap_or(0);
    let window = window(terms.len(), bits, A::COST);
    // a digit may carry into the window above the highest bit
    let count = bits / window + 1;
    let sums: Vec<C::Curve> = (0..count)
        .into_par_iter()
        .map(|w| {
            let buckets = Buckets::new(&terms, w, window);
            buckets.sum::<C>(&adder.reduce(&terms, &buckets))
        })
        .collect();
    sums.into_iter().rev().fold(C::Curve::identity(), |acc, sum| (0..window).fold(acc, |acc, _| acc.double()) + sum)
}

/// The window size that costs least, counted in field multiplications.
fn window(points: usize, bits: usize, addition: usize) -> usize {
    (2..=20).min_by_key(|c| (bits / c + 1) * (addition * points + 27 * (1 << (c - 1)))).unwrap_or(2)
}

/// The signed digit of window `w`: between -2^(size-1) and 2^(size-1).
fn digit(bytes: &[u8], w: usize, size: usize) -> i32 {
    // bits w size - 1 to (w + 1) size - 1; bit -1 is 0
    let first = (w * size) as isize - 1;
    let byte = (first.max(0) / 8) as usize;
    let mut buffer = [0; 8];
    let there = bytes.len().saturating_sub(byte).min(8);
    buffer[..there].copy_from_slice(&bytes[byte..byte + there]);
    let raw = u64::from_le_bytes(buffer);
    let raw = if first < 0 { raw << 1 } else { raw >> (first as usize - 8 * byte) };
    let raw = (raw & ((1 << (size + 1)) - 1)) as i32;
    let half = (raw + 1) >> 1;
    if raw >> size == 0 {
        half
    } else {
        half - (1 << size)
    }
}

/// The points of a window, sorted by the size of their digits.
struct Buckets {
    /// How many points have each digit, from 1 or -1 on.
    counts: Vec<u32>,
    /// Their positions, each with its digit's sign: whether the point is to be subtracted.
    points: Vec<(u32, bool)>,
}

impl Buckets {
    /// - `terms`: scalars, little-endian, and their points
    fn new<S: AsRef<[u8]>, P>(terms: &[(S, P)], w: usize, size: usize) -> Self {
        let digits: Vec<i32> = terms.iter().map(|(coeff, _)| digit(coeff.as_ref(), w, size)).collect();
        let mut counts = vec![0u32; 1 << (size - 1)];
        for digit in digits.iter().filter(|digit| **digit != 0) {
            counts[digit.unsigned_abs() as usize - 1] += 1;
        }
        let mut total = 0;
        let mut next: Vec<u32> = counts
            .iter()
            .map(|count| {
                total += count;
                total - count
            })
            .collect();
        let mut points = vec![(0, false); total as usize];
        for (i, digit) in digits.iter().enumerate().filter(|(_, digit)| **digit != 0) {
            let at = &mut next[digit.unsigned_abs() as usize - 1];
            points[*at as usize] = (i as u32, *digit < 0);
            *at += 1;
        }
        Self { counts, points }
    }

    /// `Σ digit · point`, from the sum of each bucket that is not empty.
    fn sum<C: CurveAffine>(&self, sums: &[Point<C::Base>]) -> C::Curve {
        let (mut running, mut sum) = (C::Curve::identity(), C::Curve::identity());
        let mut rest = sums.iter().rev();
        for count in self.counts.iter().rev() {
            if let Some(point) = rest.next_if(*count > 0).filter(|point| !point.is_identity()) {
                running += C::from_xy(point.x, point.y).expect("sums of points are points");
            }
            sum += running;
        }
        sum
    }
}

/// The next element, if there is one to take.
trait NextIf: Iterator {
    fn next_if(&mut self, take: bool) -> Option<Self::Item> {
        if take { self.next() } else { None }
    }
}

impl<I: Iterator> NextIf for I {}

/// Halves buckets until one point is left of each: `add` is told of each pair (from, to), `keep` of each point without a partner, `done`
/// ends a round.
fn halve<R>(
    counts: &[u32],
    round: &mut R,
    mut add: impl FnMut(&mut R, usize, usize) -> Option<()>,
    mut keep: impl FnMut(&mut R, usize, usize),
    mut done: impl FnMut(&mut R, usize) -> Option<()>,
) -> Option<()> {
    let mut counts = counts.to_vec();
    while counts.iter().any(|count| *count > 1) {
        let (mut from, mut to) = (0, 0);
        for count in counts.iter_mut() {
            for _ in 0..*count / 2 {
                add(round, from, to)?;
                from += 2;
                to += 1;
            }
            if *count % 2 == 1 {
                keep(round, from, to);
                from += 1;
                to += 1;
            }
            *count = count.div_ceil(2);
        }
        done(round, to)?;
    }
    Some(())
}

/// One addition after the other.
struct Plain<C>(PhantomData<C>);

impl<C: CurveAffine> Plain<C> {
    fn sums(&self, points: Vec<Point<C::Base>>, buckets: &Buckets) -> Vec<Point<C::Base>> {
        let mut state = (Batch::<C>::new(), points);
        halve(
            &buckets.counts,
            &mut state,
            |(batch, points), from, to| {
                if batch.add(points, from, to) {
                    batch.finish(points);
                }
                Some(())
            },
            |(_, points), from, to| points[to] = points[from],
            |(batch, points), left| {
                batch.finish(points);
                points.truncate(left);
                Some(())
            },
        );
        state.1
    }
}

impl<C: CurveAffine> Adder<C::Base> for Plain<C> {
    type P = Point<C::Base>;
    const COST: usize = 6;

    fn make(&self, point: Point<C::Base>) -> Self::P {
        point
    }

    fn reduce<S>(&self, terms: &[(S, Self::P)], buckets: &Buckets) -> Vec<Point<C::Base>> {
        let signed = |(i, negative): &(u32, bool)| {
            let Point { x, y } = terms[*i as usize].1;
            Point { x, y: if *negative { -y } else { y } }
        };
        self.sums(buckets.points.iter().map(signed).collect(), buckets)
    }
}

/// Many additions at once, on a processor that can.
#[cfg(target_arch = "x86_64")]
struct Wider<C: CurveAffine> {
    base: ifma::Base<C::Base>,
    plain: Plain<C>,
}

#[cfg(target_arch = "x86_64")]
impl<C: CurveAffine> Wider<C> {
    /// `None` if two points with the same x meet.
    fn sums(&self, points: Vec<ifma::Wide>, buckets: &Buckets) -> Option<Vec<Point<C::Base>>> {
        // a round leaves half of each bucket, rounded up
        let to = vec![ifma::Wide::default(); (points.len() + buckets.counts.len()).div_ceil(2)];
        let mut state = (ifma::Batch::new(), points, to);
        halve(
            &buckets.counts,
            &mut state,
            |(batch, points, sums), from, to| {
                if batch.add(&points[from], &points[from + 1], to) { batch.finish(&self.base, sums) } else { Some(()) }
            },
            |(_, points, sums), from, to| sums[to] = points[from],
            |(batch, points, sums), left| {
                batch.finish(&self.base, sums)?;
                std::mem::swap(points, sums);
                points.truncate(left);
                Some(())
            },
        )?;
        Some(state.1.iter().map(|point| self.base.point(point)).collect())
    }
}

#[cfg(target_arch = "x86_64")]
impl<C: CurveAffine> Adder<C::Base> for Wider<C> {
    type P = ifma::Wide;
    const COST: usize = 3;

    fn make(&self, point: Point<C::Base>) -> Self::P {
        self.base.wide(&point)
    }

    fn reduce<S>(&self, terms: &[(S, Self::P)], buckets: &Buckets) -> Vec<Point<C::Base>> {
        let points = ifma::ordered(&self.base, terms, &buckets.points);
        self.sums(points, buckets).unwrap_or_else(|| {
            let points = ifma::ordered(&self.base, terms, &buckets.points);
            self.plain.sums(points.iter().map(|point| self.base.point(point)).collect(), buckets)
        })
    }
}

/// Additions to be done together.
struct Batch<C: CurveAffine> {
    /// Where each sum goes, its two points, and above and below of the slope.
    sums: Vec<(usize, Point<C::Base>, Point<C::Base>, C::Base, C::Base)>,
    /// Products of the denominators before each one.
    before: Vec<C::Base>,
    product: C::Base,
}

impl<C: CurveAffine> Batch<C> {
    fn new() -> Self {
        Self { sums: Vec::with_capacity(BATCH), before: Vec::with_capacity(BATCH), product: C::Base::ONE }
    }

    /// Plans `points[to] = points[from] + points[from + 1]`; whether the batch is full.
    ///
    /// What was at `to` was read before: `to <= from`.
    fn add(&mut self, points: &mut [Point<C::Base>], from: usize, to: usize) -> bool {
        let (p, q) = (points[from], points[from + 1]);
        let same_x = p.x == q.x;
        if same_x || p.is_identity() || q.is_identity() {
            let sum = if p.is_identity() {
                Some(q)
            } else if q.is_identity() {
                Some(p)
            } else if p.y != q.y || p.y == C::Base::ZERO {
                Some(Point::IDENTITY)
            } else {
                None
            };
            match sum {
                Some(sum) => points[to] = sum,
                None => {
                    let square = p.x.square();
                    self.push(to, p, q, square.double() + square + C::a(), p.y.double());
                }
            }
        } else {
            self.push(to, p, q, q.y - p.y, q.x - p.x);
        }
        self.sums.len() == BATCH
    }

    fn push(&mut self, to: usize, p: Point<C::Base>, q: Point<C::Base>, above: C::Base, below: C::Base) {
        self.before.push(self.product);
        self.product *= below;
        self.sums.push((to, p, q, above, below));
    }

    /// Does the additions.
    fn finish(&mut self, points: &mut [Point<C::Base>]) {
        let mut inverse = self.product.invert().unwrap_or(C::Base::ZERO);
        for ((to, p, q, above, below), before) in self.sums.drain(..).zip(self.before.drain(..)).rev() {
            let slope = above * (inverse * before);
            inverse *= below;
            let x = slope.square() - p.x - q.x;
            points[to] = Point { x, y: slope * (p.x - x) - p.y };
        }
        self.product = C::Base::ONE;
    }
}
