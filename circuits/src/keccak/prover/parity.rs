//! The parity sumcheck: instances, places (see `verifier/parity.rs` for the statement).

mod early;

use super::bits::{TABLE_ROUNDS, five};
use super::pack::{Pack, kernel};
use super::rows::{Rows, fold_packs};
use super::session::{Session, Sumcheck, accumulate};
use super::words::{Lane, PACKS, States, lane_packs};
use crate::keccak::permutation::LANES;
use crate::keccak::poly::{eq_table, fold, geometric, half};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use rayon::prelude::*;

/// Packs of five columns.
const CELLS: usize = 5 * PACKS;

/// What is sent, where it ends, and the values there.
pub struct ParityProof {
    pub sent: Vec<[Fr; 5]>,
    pub sent_z: [[Fr; 6]; 6],
    pub lanes: [Fr; LANES],
    pub bound: Vec<Fr>,
}

/// The bits and weights of the sum.
pub struct Parity<'a, P> {
    bits: States<'a>,
    /// `V_x[z]`: weights of the products of columns, with ι's signs.
    columns: [[Fr; 64]; 5],
    /// The same in packs, `[8x + t]`.
    column_packs: Vec<P>,
    /// `K_l[z]`: weights of the lanes, with ι's signs, `[8l + t]`.
    lanes: Vec<P>,
}

impl<'a, P: Pack> Parity<'a, P> {
    /// - `lanes`: `K_l[z]`; `columns`: `V_x[z]`
    pub fn new(bits: States<'a>, lanes: &[[Fr; 64]], columns: [[Fr; 64]; 5]) -> Self {
        let packs = |weights: &[[Fr; 64]]| weights.iter().flat_map(|lane| lane_packs(lane)).collect();
        Self { bits, columns, column_packs: packs(&columns), lanes: packs(lanes) }
    }

    /// Proves the sum.
    ///
    /// - `inst`: where θ ended
    pub fn prove(&self, session: &mut Session, claim: Fr, inst: &[Fr]) -> ParityProof {
        let n = inst.len();
        let mut sumcheck = Sumcheck::new(claim);
        let mut sent = Vec::with_capacity(n);
        let mut linear = self.linear();
        let rest = |j: usize| eq_table(inst.get(j + 1..).unwrap_or_default());
        for (j, w) in inst.iter().enumerate().take(TABLE_ROUNDS) {
            let rest = rest(j);
            let values = match j {
                0 => self.first_round(&rest),
                1 => self.second_round(&rest, sumcheck.bound[0]),
                _ => self.rows(&sumcheck.bound, &rest).1,
            };
            sent.push(sumcheck.round(session, *w, &with_linear(values, &linear, &rest)));
            linear = fold(&linear, sumcheck.bound[j]);
        }
        let (mut rows, mut values) = self.rows(&sumcheck.bound, &rest(TABLE_ROUNDS));
        for (j, w) in inst.iter().enumerate().skip(TABLE_ROUNDS) {
            sent.push(sumcheck.round(session, *w, &with_linear(values, &linear, &rest(j))));
            let r = sumcheck.bound[j];
            linear = fold(&linear, r);
            (rows, values) = rows.fold(r, &rest(j + 1), |_, low, high| row_terms(low, high, &self.column_packs));
        }
        let (sent_z, lanes) = self.places(session, &mut sumcheck, rows.first());
        ParityProof { sent, sent_z, lanes, bound: sumcheck.bound }
    }

    /// `Σ_{l,z} K_l[z] c_l[z]` of each instance.
    fn linear(&self) -> Vec<Fr> {
        let (start, doubled) = doubled(&self.lanes);
        self.bits.each.par_iter().map(|state| signed_sum(start, &doubled, state).sum()).collect()
    }

    /// The folded lanes after at most three variables are bound, and the sums of the next.
    fn rows(&self, bound: &[Fr], rest: &[Fr]) -> (Rows<P>, [Fr; 5]) {
        Rows::of_bits(self.bits.each, bound, rest, |low, high| row_terms(low, high, &self.column_packs))
    }

    /// The six variables of `z`.
    fn places(&self, session: &mut Session, sumcheck: &mut Sumcheck, row: &[P]) -> ([[Fr; 6]; 6], [Fr; LANES]) {
        let split = |packs: &[P]| packs.chunks(PACKS).map(<[P]>::to_vec).collect::<Vec<_>>();
        let (mut lanes, mut weights, mut columns) = (split(row), split(&self.lanes), split(&self.column_packs));
        let halves: [Fr; 7] = geometric(Fr::ONE, half());
        sumcheck.claim *= halves[6];
        let mean = |j: usize, values: [Fr; 6]| values.map(|v| v * halves[5 - j]);
        let mut sent = [[Fr::ZERO; 6]; 6];
        // What tells packs apart comes first; the elements of a pack are the last three variables.
        for (j, sent) in sent.iter_mut().enumerate().take(3) {
            let values = place_round(&lanes, &weights, &columns).map(P::sum);
            *sent = sumcheck.round(session, half(), &mean(j, values));
            let r = sumcheck.bound[sumcheck.bound.len() - 1];
            for arrays in [&mut lanes, &mut weights, &mut columns] {
                arrays.iter_mut().for_each(|array| *array = fold_packs(array, r));
            }
        }
        let [mut lanes, mut weights, mut columns] =
            [lanes, weights, columns].map(|arrays| arrays.iter().map(|a| a[0].values().to_vec()).collect::<Vec<_>>());
        for (j, sent) in sent.iter_mut().enumerate().skip(3) {
            let mut values = [Fr::ZERO; 6];
            for i in 0..32 >> j {
                let line = |array: &[Fr]| six(&array[2 * i], &array[2 * i + 1]);
                for x in 0..5 {
                    let mut product = line(&columns[x]);
                    for y in 0..5 {
                        let lane = line(&lanes[x + 5 * y]);
                        (0..6).for_each(|p| product[p] *= lane[p]);
                    }
                    (0..6).for_each(|p| values[p] += product[p]);
                }
                // The linear share has degree two: three products, the other nodes by differences.
                let (mut zero, mut one, mut lead) = (Fr::ZERO, Fr::ZERO, Fr::ZERO);
                for (k, c) in weights.iter().zip(&lanes) {
                    let (k, c) = ([k[2 * i], k[2 * i + 1]], [c[2 * i], c[2 * i + 1]]);
                    zero += k[0] * c[0];
                    one += k[1] * c[1];
                    lead += (k[1] - k[0]) * (c[1] - c[0]);
                }
                let second = lead.double();
                let minus_one = zero.double() - one + second;
                let two = one.double() - zero + second;
                let minus_two = minus_one.double() - zero + second;
                let three = two.double() - one + second;
                for (value, add) in values.iter_mut().zip([one, minus_one, two, minus_two, three]) {
                    *value += add;
                }
            }
            *sent = sumcheck.round(session, half(), &mean(j, values));
            let r = sumcheck.bound[sumcheck.bound.len() - 1];
            for arrays in [&mut lanes, &mut weights, &mut columns] {
                arrays.iter_mut().for_each(|array| *array = fold(array, r));
            }
        }
        let lanes = std::array::from_fn(|l| lanes[l][0]);
        session.absorb(&lanes);
        (sent, lanes)
    }
}

/// The values of `low + X (high - low)` at `X = 1, -1, 2, -2, 3` and its slope.
fn six(low: &Fr, high: &Fr) -> [Fr; 6] {
    let [one, minus_one, two, minus_two, slope] = five(low, high);
    [one, minus_one, two, minus_two, two + slope, slope]
}

kernel! {
    /// `Σ weights`, and twice each weight.
    fn doubled<P: Pack>(weights: &[P]) -> (P, Vec<P>) {
        let (mut start, mut doubled) = (P::zero(), weights.to_vec());
        for weight in &mut doubled {
            start = start + *weight;
            *weight = weight.double().settle();
        }
        (start.settle(), doubled)
    }
}

kernel! {
    /// `start - Σ steps` over the bits of a state.
    fn signed_sum<P: Pack>(start: P, steps: &[P], state: &[Lane; 25]) -> P {
        let mut sum = start;
        for (step, mask) in steps.iter().zip(state.as_flattened()) {
            sum = sum.minus_where(*mask, *step);
        }
        sum.settle()
    }
}

/// `values` of a variable, plus those of the linear share: `Σ_i rest[i]` times the line through pair `i` of `linear`.
fn with_linear(mut values: [Fr; 5], linear: &[Fr], rest: &[Fr]) -> [Fr; 5] {
    for (pair, weight) in linear.as_chunks::<2>().0.iter().zip(rest) {
        let mut line = five(&pair[0], &pair[1]);
        line[4] = Fr::ZERO;
        accumulate(&mut values, weight, &line);
    }
    values
}

kernel! {
    /// The terms of two rows.
    fn row_terms<P: Pack>(low: &[P], high: &[P], columns: &[P]) -> [P; 5] {
        let mut dots = [P::dot(); 5];
        for (cell, weight) in columns.iter().enumerate() {
            let at = |y: usize| [low[CELLS * y + cell], high[CELLS * y + cell]];
            let (mut first, weight) = (at(0), weight.factor());
            for value in &mut first {
                *value = P::mul(value.factor(), weight);
            }
            add_product(&mut dots, [first, at(1), at(2), at(3), at(4)]);
        }
        total(dots)
    }
}

/// Adds the product of five lines, at `1, -1, 2, -2` and the leading coefficient.
#[inline(always)]
fn add_product<P: Pack>(dots: &mut [P::Dot; 5], [a, b, c, d, e]: [[P; 2]; 5]) {
    let (left, right) = (quadratic(a, b), quadratic(c, d));
    let slope = e[1] - e[0];
    let last = [e[1], e[0] - slope, e[1] + slope, e[0] - slope.double(), slope];
    for (k, node) in [0, 1, 2, 3, 5].into_iter().enumerate() {
        let product = P::mul(left[node].factor(), right[node].factor());
        dots[k] = P::add_product(dots[k], product.factor(), last[k].factor());
    }
}

/// The product of two lines at `1, -1, 2, -2, 3` and its leading coefficient: three products, the rest by differences.
#[inline(always)]
fn quadratic<P: Pack>([a0, a1]: [P; 2], [b0, b1]: [P; 2]) -> [P; 6] {
    let (zero, one) = (P::mul(a0.factor(), b0.factor()), P::mul(a1.factor(), b1.factor()));
    let lead = P::mul((a1 - a0).factor(), (b1 - b0).factor());
    let second = lead.double();
    let minus_one = zero.double() - one + second;
    let two = one.double() - zero + second;
    [one, minus_one, two, minus_one.double() - zero + second, two.double() - one + second, lead]
}

#[inline(always)]
fn total<P: Pack, const D: usize>(dots: [P::Dot; D]) -> [P; D] {
    let mut values = [P::zero(); D];
    for (value, dot) in values.iter_mut().zip(dots) {
        *value = P::reduce(dot);
    }
    values
}

kernel! {
    /// One of the variables that tell packs of a lane apart.
    fn place_round<P: Pack>(lanes: &[Vec<P>], weights: &[Vec<P>], columns: &[Vec<P>]) -> [P; 6] {
        // The linear share has degree two.
        let (mut products, mut linear) = ([P::dot(); 6], [P::dot(); 3]);
        for i in (0..lanes[0].len()).step_by(2) {
            let line = |array: &[P]| [array[i], array[i + 1]];
            for (x, column) in columns.iter().enumerate() {
                let first = quadratic(line(column), line(&lanes[x]));
                let second = quadratic(line(&lanes[x + 5]), line(&lanes[x + 10]));
                let third = quadratic(line(&lanes[x + 15]), line(&lanes[x + 20]));
                for k in 0..6 {
                    let product = P::mul(first[k].factor(), second[k].factor());
                    products[k] = P::add_product(products[k], product.factor(), third[k].factor());
                }
            }
            for (weights, lane) in weights.iter().zip(lanes) {
                let ([k0, k1], [c0, c1]) = (line(weights), line(lane));
                for (dot, (k, c)) in linear.iter_mut().zip([(k0, c0), (k1, c1), (k1 - k0, c1 - c0)]) {
                    *dot = P::add_product(*dot, k.factor(), c.factor());
                }
            }
        }
        let mut values: [P; 6] = total::<P, 6>(products);
        let [zero, one, lead] = total::<P, 3>(linear);
    let (zero, one, lead) = (zero.settle(), one.settle(), lead.settle());
        let second = lead.double();
        let minus_one = zero.double() - one + second;
        let two = one.double() - zero + second;
        let others = [one, minus_one, two, minus_one.double() - zero + second, two.double() - one + second];
        for (value, other) in values.iter_mut().zip(others) {
            *value = *value + other;
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::super::bits::blocks;
    use super::super::pack::portable::Portable;
    use super::super::words::turn;
    use super::*;
    use std::array::from_fn;

    #[test]
    fn gathered_rounds_agree_with_lines_of_bits() {
        let word = |i: u64| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let states: Vec<[u64; 25]> =
            (0..16u64).map(|i| from_fn(|l| word(i * 25 + l as u64).rotate_left(l as u32))).collect();
        let (blocks, turned) = (blocks(16, |i| states[i]), states.iter().map(|s| s.map(turn)).collect::<Vec<_>>());
        let columns = from_fn(|x| from_fn(|z| Fr::from(word((64 * x + z) as u64))));
        let bits = States { each: &turned, blocks: &blocks };
        let parity = Parity::<Portable>::new(bits, &[[Fr::ZERO; 64]; 25], columns);
        let point = [13, 17, 19, 23].map(Fr::from);
        assert_eq!(parity.first_round(&eq_table(&point[1..])), parity.rows(&[], &eq_table(&point[1..])).1);
        let (rest, r) = (eq_table(&point[2..]), Fr::from(29));
        assert_eq!(parity.second_round(&rest, r), parity.rows(&[r], &rest).1);
        let (bound, rest) = ([29, 31].map(Fr::from), eq_table(&point[3..]));
        let folded = parity.rows(&bound[..1], &eq_table(&point[2..])).0;
        let folded = folded.fold(bound[1], &rest, |_, low, high| row_terms(low, high, &parity.column_packs));
        assert_eq!(folded.1, parity.rows(&bound, &rest).1);
    }
}
