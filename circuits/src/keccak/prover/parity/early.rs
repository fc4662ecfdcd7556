//! The first two variables of the parity sumcheck, where bits leave so few different products that weights are gathered by
//! them.

use super::super::bits::{five, fold_table, group_bits};
use super::super::pack::{Pack, kernel};
use super::super::rows;
use super::super::words::{Lane, PACKS};
use super::Parity;
use crate::keccak::poly::small;
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use rayon::prelude::*;
use std::sync::LazyLock;

impl<P: Pack> Parity<'_, P> {
    /// The first variable: with ±1, a product of lines is `± (1 - 2X)^(number of lanes that flip)`.
    pub(super) fn first_round(&self, rest: &[Fr]) -> [Fr; 5] {
        let by_flips = rows::sum(rest, |group| {
            let [low, high] = [0, 1].map(|i| &self.bits.each[2 * group + i]);
            flip_sums(&self.column_packs, low, high)
        });
        // 1 - 2X at 1, -1, 2, -2 and its leading coefficient.
        let at = |base: i64| by_flips.iter().rev().fold(Fr::ZERO, |sum, v| sum * small(base) + v);
        [at(-1), at(3), at(-3), at(5), by_flips[5] * small(-32)]
    }

    /// The second variable: a lane's line is one of eight up to sign, and a product depends on how many lanes have
    /// which. Weights are gathered by these counts.
    pub(super) fn second_round(&self, rest: &[Fr], r: Fr) -> [Fr; 5] {
        let classes = Classes::new(&fold_table(&[r]));
        let dense = &*DENSE;
        let weights = self.columns.as_flattened();
        let threads = rayon::current_num_threads();
        let chunk = rest.len().div_ceil(threads).next_multiple_of(2);
        let partial: Vec<Vec<[Fr; 2]>> = rest
            .par_chunks(chunk)
            .enumerate()
            .map(|(c, rest)| {
                let mut sums = vec![[Fr::ZERO; 2]; CHOICES];
                for (i, rest) in rest.iter().enumerate() {
                    let group = c * chunk + i;
                    let block = &self.bits.blocks[group / 2];
                    for (cell, weight) in weights.iter().enumerate() {
                        let lane = |y: usize| group_bits(block[cell / 64 + 5 * y][cell % 64], group, 2);
                        let code: u32 = (0..5).map(|y| classes.codes[lane(y)]).sum();
                        // The three low bits count signs, the rest is the key.
                        sums[dense[(code >> 3) as usize] as usize][(code & 1) as usize] += weight * rest;
                    }
                }
                sums
            })
            .collect();
        let mut values = [Fr::ZERO; 5];
        let mut choice = 0;
        classes.for_each(|_, product| {
            let total: Fr = partial.iter().map(|sums| sums[choice][0] - sums[choice][1]).sum();
            choice += 1;
            for k in 0..5 {
                values[k] += product[k] * total;
            }
        });
        values
    }
}

kernel! {
    /// The weights of the columns in which 0 to 5 lanes flip between two instances, signed by the product at the first.
    fn flip_sums<P: Pack>(columns: &[P], low: &[Lane; 25], high: &[Lane; 25]) -> [P; 6] {
        let mut sums = [P::zero(); 6];
        for (cell, weight) in columns.iter().enumerate() {
            // Bit `i` of `counts[k]`: bit `k` of the number of flips in element `i` of the pack.
            let (mut sign, mut counts) = (0, [0u8; 3]);
            for y in 0..5 {
                let lane = cell / PACKS + 5 * y;
                let mut carry = low[lane][cell % PACKS] ^ high[lane][cell % PACKS];
                sign ^= low[lane][cell % PACKS];
                for count in &mut counts {
                    (*count, carry) = (*count ^ carry, *count & carry);
                }
            }
            for (flips, sum) in sums.iter_mut().enumerate() {
                let equal = (0..3).fold(0xff, |mask, k| mask & if flips >> k & 1 == 1 { counts[k] } else { !counts[k] });
                *sum = sum.add_signed(equal, sign, *weight);
            }
        }
        sums
    }
}

/// Counts of seven of the eight classes, each below 6, in base 6.
const KEYS: usize = 6usize.pow(7);
/// Choices of five among eight classes, with repetition.
const CHOICES: usize = 792;

/// From keys to the order in which [`Classes::for_each`] visits them.
static DENSE: LazyLock<Vec<u16>> = LazyLock::new(|| {
    let (mut dense, mut choice) = (vec![0; KEYS], 0);
    Classes::new(&fold_table(&[Fr::ZERO])).for_each(|key, _| {
        dense[key] = choice;
        choice += 1;
    });
    dense
});

/// The lines that a lane can have once one variable is bound. A folded value is 1, `t`, -1 or `-t`; up to the sign of
/// the lower one that leaves eight lines.
struct Classes {
    /// By the four bits of a lane: `8 * 6^class` (0 for the last class), plus 1 if the sign is minus. Five codes add
    /// up to a key and a count of signs.
    codes: [u32; 16],
    /// The lines at `1, -1, 2, -2` and their slopes.
    lines: [[Fr; 5]; 8],
}

impl Classes {
    /// - `table`: what two bits fold to: 1, `-t`, `t`, -1
    fn new(table: &[Fr]) -> Self {
        // Index by two bits: whether the value is ±t, and whether it is negative.
        let shape = [(0, 0), (1, 1), (1, 0), (0, 1)];
        let magnitude = [table[0], table[2]];
        let mut codes = [0; 16];
        let mut lines = [[Fr::ZERO; 5]; 8];
        for bits in 0..16 {
            let ((low, low_sign), (high, high_sign)) = (shape[bits & 3], shape[bits >> 2]);
            let class = low | high << 1 | (low_sign ^ high_sign) << 2;
            codes[bits] = if class == 7 { 0 } else { 8 * 6u32.pow(class as u32) } + low_sign as u32;
            let high_value = if low_sign == high_sign { magnitude[high] } else { -magnitude[high] };
            lines[class] = five(&magnitude[low], &high_value);
        }
        Self { codes, lines }
    }

    /// Calls `visit` with the key and the product of lines of each choice of five.
    fn for_each(&self, mut visit: impl FnMut(usize, &[Fr; 5])) {
        self.descend(0, 5, 0, &[Fr::ONE; 5], &mut visit);
    }

    fn descend(
        &self,
        class: usize,
        left: usize,
        key: usize,
        product: &[Fr; 5],
        visit: &mut impl FnMut(usize, &[Fr; 5]),
    ) {
        let step = if class == 7 { 0 } else { 6usize.pow(class as u32) };
        let mut product = *product;
        for count in 0..=left {
            if class == 7 {
                if count == left {
                    visit(key, &product);
                }
            } else {
                self.descend(class + 1, left - count, key + count * step, &product, visit);
            }
            (0..5).for_each(|p| product[p] *= self.lines[class][p]);
        }
    }
}
