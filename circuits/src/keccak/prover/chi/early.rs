//! The first two variables of χ's sumcheck, where bits decide which weights are added to which sum.

use super::super::bits::{fold_table, line_table, three};
use super::super::pack::{Pack, kernel};
use super::super::rows;
use super::super::words::{Lane, PACKS};
use super::Chi;
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use rayon::prelude::*;

/// Weights of terms by the bits of their second and third lane (four each), then by the two low bits of the first lane, then by
/// its two high bits: what the term is linear in.
type Gathered = Vec<[Fr; 8]>;

impl<P: Pack> Chi<'_, P> {
    /// The first variable.
    pub(super) fn first_round(&self, rest: &[Fr]) -> [Fr; 3] {
        let [zero, one, four, eight, lead] = rows::sum(rest, |group| {
            let [low, high] = [0, 1].map(|i| &self.bits.each[2 * group + i]);
            flip_sums(&self.weights, low, high)
        });
        let (zero, one) = (zero.double(), one.double());
        let second = (four + eight.double()).double().double();
        [one, (zero + second).double() - one, -lead.double().double().double()]
    }

    /// The second variable.
    pub(super) fn second_round(&self, rest: &[Fr], bound: &[Fr]) -> [Fr; 3] {
        let chunk = self.bits.blocks.len().div_ceil(rayon::current_num_threads());
        let starts: Vec<usize> = (0..self.bits.blocks.len()).step_by(chunk).collect();
        let gathered: Vec<[Gathered; 5]> =
            starts.into_par_iter().map(|start| self.gather(start, chunk, rest)).collect();

        let table = fold_table(bound);
        let lines = line_table(&table, three);
        let mut values = [Fr::ZERO; 3];
        for key in 0..256 {
            let (mut low, mut high) = (Fr::ZERO, Fr::ZERO);
            for (x, scale) in self.scales.iter().enumerate() {
                // The table is 1, -t, t, -1.
                let sum = |i: usize| gathered.iter().map(|part| part[x][key][i]).sum::<Fr>();
                let folded = |i: usize| sum(i) - sum(i + 3) + table[2] * (sum(i + 2) - sum(i + 1));
                low += scale * folded(0);
                high += scale * folded(4);
            }
            let (b, next, after) = (three(&low, &high), &lines[key & 15], &lines[key >> 4]);
            let factor = |k: usize| Fr::ONE + after[k] - next[k] + next[k] * after[k];
            let factors = [factor(0), factor(1), next[2] * after[2]];
            for k in 0..3 {
                values[k] += b[k] * factors[k];
            }
        }
        values
    }

    /// The weights of `chunk` blocks from `start`, for each `X`.
    fn gather(&self, start: usize, chunk: usize, rest: &[Fr]) -> [Gathered; 5] {
        let mut sums: [Gathered; 5] = std::array::from_fn(|_| vec![[Fr::ZERO; 8]; 256]);
        for (block, lanes) in self.bits.blocks.iter().enumerate().skip(start).take(chunk) {
            for (cell, weight) in self.cells.iter().enumerate() {
                let (plane, z) = (cell / 64, cell % 64);
                for (half, rest) in rest.iter().skip(2 * block).take(2).enumerate() {
                    let weight = weight * rest;
                    let bits: [usize; 5] =
                        std::array::from_fn(|x| (lanes[x + 5 * plane][z] >> (4 * half) & 15) as usize);
                    for x in 0..5 {
                        let sums = &mut sums[x][bits[(x + 1) % 5] | bits[(x + 2) % 5] << 4];
                        sums[bits[x] & 3] += weight;
                        sums[4 + (bits[x] >> 2)] += weight;
                    }
                }
            }
        }
        sums
    }
}

kernel! {
    /// Sums of weights that the terms `s (2 - u v)` of two instances are made of: with `l` the lanes of the first as ±1 and `f`
    /// true for those that flip, the value at 0 and at 1 divided by 2; `l_0 l_1 l_2 [f_1 f_2]` and
    /// `l_0 l_2 [f_0 f_2, l_1 = 1] - l_0 l_1 [f_0 f_1, l_2 = -1]`, four and eight times of which are the coefficient of `X^2`; and
    /// `l_0 l_1 l_2 [f_0 f_1 f_2]`, minus eight times of which is that of `X^3`.
    fn flip_sums<P: Pack>(weights: &[[P; 5]], low: &[Lane; 25], high: &[Lane; 25]) -> [P; 5] {
        let mut sums = [P::zero(); 5];
        for (cell, weights) in weights.iter().enumerate() {
            let (plane, t) = (cell / PACKS, cell % PACKS);
            for (x, weight) in weights.iter().enumerate() {
                let lanes = [5 * plane + x, 5 * plane + (x + 1) % 5, 5 * plane + (x + 2) % 5];
                let ([l0, l1, l2], [h0, h1, h2]) = (lanes.map(|lane| low[lane][t]), lanes.map(|lane| high[lane][t]));
                let [f0, f1, f2] = [l0 ^ h0, l1 ^ h1, l2 ^ h2];
                let shares = [
                    (0, 0xff, l0 ^ (!l1 & l2)),
                    (1, 0xff, h0 ^ (!h1 & h2)),
                    (2, f1 & f2, l0 ^ l1 ^ l2),
                    (3, f0 & f2 & !l1, l0 ^ l2),
                    (3, f0 & f1 & l2, !(l0 ^ l1)),
                    (4, f0 & f1 & f2, l0 ^ l1 ^ l2),
                ];
                for (sum, counts, minus) in shares {
                    sums[sum] = sums[sum].add_signed(counts, minus, *weight);
                }
            }
        }
        sums
    }
}
