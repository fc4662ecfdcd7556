//! χ's sumcheck: instances, places, planes (see `verifier/chi.rs` for the statement).
//!
//! A term is `s_X (2 - u_{X+1} v_{X+2})` with `s_X = rho^X / 2 * b_X`, `u = 1 + b` and `v = 1 - b`. Two neighbours share the lane
//! between them: `s_0 u_1 (1 - b_2) + s_1 (1 + b_2) v_3 = s_0 u_1 + s_1 v_3 + b_2 (s_1 v_3 - s_0 u_1)`, three products instead of four.

mod early;

use super::bits::{TABLE_ROUNDS, three};
use super::pack::{Pack, kernel};
use super::rows::{Rows, add_weighted, fold_packs};
use super::session::{Session, Sumcheck, accumulate};
use super::words::{PACKS, States, lane_packs};
use crate::keccak::poly::{eq_table, fold, geometric, half};
use crate::keccak::verifier::{LaneWeights, Point};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use std::array::from_fn;

/// Packs of a lane position: 5 planes.
const CELLS: usize = 5 * PACKS;

/// Where a row holds lane `x` of a cell.
const fn place(x: usize, cell: usize) -> usize {
    (x + 5 * (cell / PACKS)) * PACKS + cell % PACKS
}

/// What is sent, where it ends, and the values there.
pub struct ChiProof {
    pub sent: Vec<[Fr; 3]>,
    pub planes: [Fr; 5],
    pub bound: Vec<Fr>,
}

/// A low and a high value: the ends of a line.
type Line<'a, P> = [&'a P; 2];

#[inline(always)]
fn lines<P>(values: &[[P; 2]; 5]) -> [Line<'_, P>; 5] {
    [values[0].each_ref(), values[1].each_ref(), values[2].each_ref(), values[3].each_ref(), values[4].each_ref()]
}

/// Five lines at 1 or -1.
#[inline(always)]
fn at<P: Pack>(node: usize, lines: &[Line<'_, P>; 5]) -> [P; 5] {
    let mut values = [*lines[0][1], *lines[1][1], *lines[2][1], *lines[3][1], *lines[4][1]];
    if node == 1 {
        for x in 0..5 {
            values[x] = lines[x][0].double() - values[x];
        }
    }
    values
}

#[inline(always)]
fn slope<P: Pack>(line: &Line<'_, P>) -> P::Factor {
    (*line[1] - *line[0]).factor()
}

/// Sums of terms at 1 and -1 and their leading coefficient: a share in packs and one in products.
struct Terms<P: Pack> {
    packs: [P; 2],
    dots: [P::Dot; 3],
}

impl<P: Pack> Terms<P> {
    #[inline(always)]
    fn new() -> Self {
        Self { packs: [P::zero(); 2], dots: [P::dot(); 3] }
    }

    /// Adds the five terms of a cell.
    ///
    /// - `b`: its lanes; `s`: its lanes times their weights
    #[inline(always)]
    fn add(&mut self, one: P, b: &[Line<'_, P>; 5], s: &[Line<'_, P>; 5]) {
        for node in 0..2 {
            let (b, s) = (at(node, b), at(node, s));
            let mut linear = s[4].double();
            for x in [0, 2] {
                let below = P::mul(s[x].factor(), (one + b[x + 1]).factor());
                let above = P::mul(s[x + 1].factor(), (one - b[(x + 3) % 5]).factor());
                self.dots[node] = P::add_product(self.dots[node], b[x + 2].factor(), (below - above).factor());
                linear = linear + (s[x] + s[x + 1]).double() - below - above;
            }
            let last = P::mul((one + b[0]).factor(), (b[1] - one).factor());
            self.dots[node] = P::add_product(self.dots[node], s[4].factor(), last.factor());
            self.packs[node] = (self.packs[node] + linear).settle();
        }
        for x in [0, 2] {
            let below = P::add_product(P::dot(), slope(&s[x]), slope(&b[x + 1]));
            let both = P::add_product(below, slope(&s[x + 1]), slope(&b[(x + 3) % 5]));
            self.dots[2] = P::add_product(self.dots[2], slope(&b[x + 2]), P::reduce(both).factor());
        }
        let last = P::mul(slope(&b[0]), slope(&b[1]));
        self.dots[2] = P::add_product(self.dots[2], slope(&s[4]), last.factor());
    }

    #[inline(always)]
    fn total(self) -> [P; 3] {
        let mut values = [self.packs[0], self.packs[1], P::zero()];
        for (value, dot) in values.iter_mut().zip(self.dots) {
            *value = *value + P::reduce(dot);
        }
        values
    }
}

/// `Σ_X scaled_X (2 - (1 + b_{X+1}) (1 - b_{X+2}))`.
fn value(b: [Fr; 5], scaled: [Fr; 5]) -> Fr {
    let two = Fr::ONE.double();
    (0..5).map(|x| scaled[x] * (two - (Fr::ONE + b[(x + 1) % 5]) * (Fr::ONE - b[(x + 2) % 5]))).sum()
}

/// The part of [`value`] of degree three.
fn leading(b: [Fr; 5], scaled: [Fr; 5]) -> Fr {
    (0..5).map(|x| scaled[x] * (b[(x + 1) % 5] * b[(x + 2) % 5])).sum()
}

/// Everything that stays fixed while instances are bound.
struct Chi<'a, P> {
    bits: States<'a>,
    /// `rho^X / 2`.
    scales: [Fr; 5],
    /// `eq` of plane and place: `[64 * Y + z]`.
    cells: Vec<Fr>,
    /// The same, pack by pack, times each of the scales.
    weights: Vec<[P; 5]>,
}

/// Proves χ.
///
/// - `bits`: of `2^n` instances
pub fn prove<P: Pack>(
    session: &mut Session,
    bits: States<'_>,
    claim: Fr,
    at: &Point<Fr>,
    weights: &LaneWeights<Fr>,
) -> ChiProof {
    let n = at.inst.len();
    let chi = Chi::<P>::new(bits, at, weights);

    let mut sumcheck = Sumcheck::new(claim);
    let mut sent = Vec::with_capacity(n + 9);
    for j in 0..n.min(TABLE_ROUNDS) {
        let rest = eq_table(&at.inst[j + 1..]);
        let values = match j {
            0 => chi.first_round(&rest),
            1 => chi.second_round(&rest, &sumcheck.bound),
            _ => chi.rows(&sumcheck.bound, &rest).1,
        };
        sent.push(sumcheck.round(session, at.inst[j], &values));
    }
    let rest = |j: usize| eq_table(at.inst.get(j + 1..).unwrap_or_default());
    let (mut rows, mut values) = chi.rows(&sumcheck.bound, &rest(TABLE_ROUNDS));
    for j in TABLE_ROUNDS..n {
        sent.push(sumcheck.round(session, at.inst[j], &values));
        (rows, values) = rows.fold(sumcheck.bound[j], &rest(j + 1), |_, low, high| row_terms(low, high, &chi.weights));
    }
    let coordinates: Vec<Fr> = at.z.iter().chain(&weights.point).copied().collect();
    let planes = places(session, &mut sumcheck, &mut sent, rows.first(), &chi.scales, &coordinates);
    session.absorb(&planes);
    ChiProof { sent, planes, bound: sumcheck.bound }
}

/// The variables of places and planes; returns the lanes where they end.
///
/// - `row`: the lanes with all instances bound
fn places<P: Pack>(
    session: &mut Session,
    sumcheck: &mut Sumcheck,
    sent: &mut Vec<[Fr; 3]>,
    row: &[P],
    scales: &[Fr; 5],
    coordinates: &[Fr],
) -> [Fr; 5] {
    let mut lanes: Vec<Vec<P>> = (0..5).map(|x| (0..CELLS).map(|cell| row[place(x, cell)]).collect()).collect();
    let packed_scales = scales.map(P::splat);
    // What tells packs apart comes first; the elements of a pack are the last three variables of a place.
    let within = eq_table(&coordinates[3..6]);
    let within = P::new(&from_fn(|i| within[i]));
    for j in 0..3 {
        let outside: Vec<Fr> = coordinates[j + 1..3].iter().chain(&coordinates[6..]).copied().collect();
        let weights = eq_table(&outside);
        let values = place_round(&lanes, &packed_scales, within, &weights);
        sent.push(sumcheck.round(session, coordinates[j], &values.map(P::sum)));
        let r = sumcheck.bound[sumcheck.bound.len() - 1];
        lanes = lanes.iter().map(|lane| fold_packs(lane, r)).collect();
    }
    // Planes 5..8 are empty.
    let values = |lane: &Vec<P>| lane.iter().flat_map(|pack| pack.values()).chain([Fr::ZERO; 24]).collect();
    let mut arrays: Vec<Vec<Fr>> = lanes.iter().map(values).collect();
    for (j, w) in coordinates.iter().enumerate().skip(3) {
        let mut values = [Fr::ZERO; 3];
        for (i, weight) in eq_table(&coordinates[j + 1..]).iter().enumerate() {
            let lines: [[Fr; 3]; 5] = from_fn(|x| three(&arrays[x][2 * i], &arrays[x][2 * i + 1]));
            let at = |k: usize| (lines.map(|line| line[k]), from_fn(|x| lines[x][k] * scales[x]));
            let ((b0, s0), (b1, s1), (b2, s2)) = (at(0), at(1), at(2));
            accumulate(&mut values, weight, &[value(b0, s0), value(b1, s1), leading(b2, s2)]);
        }
        sent.push(sumcheck.round(session, *w, &values));
        let r = sumcheck.bound[sumcheck.bound.len() - 1];
        arrays = arrays.iter().map(|array| fold(array, r)).collect();
    }
    from_fn(|x| arrays[x][0])
}

kernel! {
    /// One of the variables that tell packs of a lane apart.
    ///
    /// - `lanes`: five planes one after the other; `weights`: of pairs of packs in this order; `within`: of the elements of a pack
    fn place_round<P: Pack>(lanes: &[Vec<P>], scales: &[P; 5], within: P, weights: &[Fr]) -> [P; 3] {
        let one = P::splat(Fr::ONE);
        let mut values = [P::zero(); 3];
        for i in 0..lanes[0].len() / 2 {
            let (mut b, mut s) = ([[P::zero(); 2]; 5], [[P::zero(); 2]; 5]);
            for x in 0..5 {
                for end in 0..2 {
                    b[x][end] = lanes[x][2 * i + end];
                    s[x][end] = P::mul(b[x][end].factor(), scales[x].factor());
                }
            }
            let mut terms = Terms::new();
            terms.add(one, &lines(&b), &lines(&s));
            values = add_weighted(values, P::splat(weights[i]), terms.total());
        }
        for value in &mut values {
            *value = P::mul(value.factor(), within.factor());
        }
        values
    }
}

kernel! {
    /// The terms of two rows. Weighted lanes are made here rather than folded: that takes as many products and half the memory.
    fn row_terms<P: Pack>(low: &[P], high: &[P], weights: &[[P; 5]]) -> [P; 3] {
        let one = P::splat(Fr::ONE);
        let mut terms = Terms::new();
        for (cell, weights) in weights.iter().enumerate() {
            let (mut b, mut s) = ([[&low[0]; 2]; 5], [[P::zero(); 2]; 5]);
            for x in 0..5 {
                let weight = weights[x].factor();
                b[x] = [&low[place(x, cell)], &high[place(x, cell)]];
                for end in 0..2 {
                    s[x][end] = P::mul(b[x][end].factor(), weight);
                }
            }
            terms.add(one, &b, &lines(&s));
        }
        terms.total()
    }
}

impl<'a, P: Pack> Chi<'a, P> {
    fn new(bits: States<'a>, at: &Point<Fr>, weights: &LaneWeights<Fr>) -> Self {
        let scales = geometric(half(), weights.rho);
        let places = eq_table(&at.z);
        let cells = weights.planes.iter().flat_map(|plane| places.iter().map(move |z| z * plane)).collect();
        let (places, packed_scales) = (lane_packs::<P>(&places), scales.map(P::splat));
        let weights = weights.planes.iter().flat_map(|plane| {
            let plane = P::splat(*plane);
            plane_weights(&places, plane, &packed_scales)
        });
        Self { bits, scales, cells, weights: weights.collect() }
    }

    /// The folded lanes after at most three variables are bound, and the sums of the next.
    fn rows(&self, bound: &[Fr], rest: &[Fr]) -> (Rows<P>, [Fr; 3]) {
        Rows::of_bits(self.bits.each, bound, rest, |low, high| row_terms(low, high, &self.weights))
    }
}

kernel! {
    /// `places * plane * scales`.
    fn plane_weights<P: Pack>(places: &[P; PACKS], plane: P, scales: &[P; 5]) -> [[P; 5]; PACKS] {
        let mut weights = [[P::zero(); 5]; PACKS];
        for (weights, place) in weights.iter_mut().zip(places) {
            let cell = P::mul(place.factor(), plane.factor()).factor();
            for x in 0..5 {
                weights[x] = P::mul(cell, scales[x].factor()).settle();
            }
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::super::bits::blocks;
    use super::super::pack::portable::Portable;
    use super::super::words::turn;
    use super::*;

    #[test]
    fn gathered_rounds_agree_with_lines_of_bits() {
        let word = |i: u64| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let states: Vec<[u64; 25]> =
            (0..16u64).map(|i| from_fn(|l| word(i * 25 + l as u64).rotate_left(l as u32))).collect();
        let (blocks, turned) = (blocks(16, |i| states[i]), states.iter().map(|s| s.map(turn)).collect::<Vec<_>>());
        let point = [13, 17, 19, 23].map(Fr::from);
        let at = Point { inst: point.to_vec(), z: [2, 4, 6, 8, 10, 12].map(Fr::from) };
        let weights =
            LaneWeights { rho: Fr::from(3), point: [0; 3].map(Fr::from), planes: [5, 6, 7, 8, 9].map(Fr::from) };
        let chi = Chi::<Portable>::new(States { each: &turned, blocks: &blocks }, &at, &weights);
        assert_eq!(chi.first_round(&eq_table(&point[1..])), chi.rows(&[], &eq_table(&point[1..])).1);
        let (rest, r) = (eq_table(&point[2..]), Fr::from(29));
        assert_eq!(chi.second_round(&rest, &[r]), chi.rows(&[r], &rest).1);
        let (bound, rest) = ([29, 31].map(Fr::from), eq_table(&point[3..]));
        let folded = chi.rows(&bound[..1], &eq_table(&point[2..])).0;
        let folded = folded.fold(bound[1], &rest, |_, low, high| row_terms(low, high, &chi.weights));
        assert_eq!(folded.1, chi.rows(&bound, &rest).1);
    }
}
