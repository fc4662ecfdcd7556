//! The parity sumcheck: instances, places (see `verifier/parity.rs` for the statement).

use super::bits::{Block, TABLE_ROUNDS, five, fold_table, group_bits, line_table};
use super::session::{Session, Sumcheck, accumulate, fold_rows, sum};
use super::theta::{CELLS, column_table};
use crate::keccak::permutation::LANES;
use crate::keccak::poly::{eq_table, fold, half};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use rayon::prelude::*;
use std::sync::LazyLock;

/// Elements of a row: 25 lanes, then the first lane of each column times its weight.
const ROW: usize = (LANES + 5) * 64;

/// What is sent, where it ends, and the values there.
pub struct ParityProof {
    pub sent: Vec<[Fr; 5]>,
    pub sent_z: [[Fr; 6]; 6],
    pub lanes: [Fr; LANES],
    pub bound: Vec<Fr>,
}

/// The bits and weights of the sum.
pub struct Parity<'a> {
    /// The states before the round.
    pub states: &'a [Block<25>],
    /// The lane bits of each column.
    pub patterns: &'a [[[u64; 64]; 5]],
    /// `K_l[z]`: weights of the lanes, with ι's signs.
    pub lanes: Vec<[Fr; 64]>,
    /// `V_x[z]`: weights of the products of columns, with ι's signs.
    pub columns: [[Fr; 64]; 5],
}

impl Parity<'_> {
    /// Proves the sum.
    ///
    /// - `inst`: where θ ended
    pub fn prove(&self, session: &mut Session, claim: Fr, inst: &[Fr]) -> ParityProof {
        let n = inst.len();
        let mut sumcheck = Sumcheck::new(claim);
        let mut sent = Vec::with_capacity(n);
        let mut linear = self.linear(1 << n);
        let mut rows = if n == 0 { self.rows(0, &[]) } else { Vec::new() };
        for (j, w) in inst.iter().enumerate() {
            let rest = eq_table(&inst[j + 1..]);
            let mut values = match j {
                0 => self.first_round(&rest),
                1 => self.second_round(&rest, sumcheck.bound[0]),
                2 => self.table_round(&rest, &sumcheck.bound),
                _ => row_round(&rest, &rows),
            };
            for (pair, weight) in linear.as_chunks::<2>().0.iter().zip(&rest) {
                let mut line = five(&pair[0], &pair[1]);
                line[4] = Fr::ZERO;
                accumulate(&mut values, weight, &line);
            }
            sent.push(sumcheck.round(session, *w, &values));
            let r = sumcheck.bound[j];
            linear = fold(&linear, r);
            if j + 1 == n.min(TABLE_ROUNDS) {
                rows = self.rows(n, &sumcheck.bound);
            } else if j >= TABLE_ROUNDS {
                rows = fold_rows(&rows, ROW, r);
            }
        }
        let (sent_z, lanes) = self.places(session, &mut sumcheck, &rows);
        ParityProof { sent, sent_z, lanes, bound: sumcheck.bound }
    }

    /// `Σ_{l,z} K_l[z] c_l[z]` of each instance.
    fn linear(&self, count: usize) -> Vec<Fr> {
        let table = column_table(&self.lanes);
        let instance = |i: usize| -> Fr {
            let patterns = self.patterns[i / 8].as_flattened();
            patterns.iter().zip(&table).map(|(p, table)| table[(p >> (8 * (i % 8)) & 31) as usize]).sum()
        };
        (0..count).into_par_iter().map(instance).collect()
    }

    /// The first variable: with ±1, a product of lines is `± (1 - 2X)^(number of lanes that flip)`.
    fn first_round(&self, rest: &[Fr]) -> [Fr; 5] {
        let weights = self.columns.as_flattened();
        let by_flips: [Fr; 6] = sum(rest.len(), |group| {
            let mut sums = [[Fr::ZERO; 2]; 6];
            for (patterns, weight) in self.patterns[group / 4].as_flattened().iter().zip(weights) {
                let pair = patterns >> (16 * (group % 4));
                let flips = ((pair ^ pair >> 8) & 31).count_ones();
                sums[flips as usize][((pair & 31).count_ones() & 1) as usize] += weight;
            }
            sums.map(|[plus, minus]| (plus - minus) * rest[group])
        });
        // 1 - 2X at 1, -1, 2, -2 and its leading coefficient.
        let at = |base: i64| by_flips.iter().rev().fold(Fr::ZERO, |sum, v| sum * crate::keccak::poly::small(base) + v);
        [at(-1), at(3), at(-3), at(5), by_flips[5] * crate::keccak::poly::small(-32)]
    }

    /// The second variable: a lane's line is one of eight up to sign, and a product depends on how many lanes have
    /// which. Weights are gathered by these counts.
    fn second_round(&self, rest: &[Fr], r: Fr) -> [Fr; 5] {
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
                    let block = &self.states[group / 2];
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

    /// Any of the first three variables, lines looked up.
    fn table_round(&self, rest: &[Fr], bound: &[Fr]) -> [Fr; 5] {
        let k = bound.len() + 1;
        let lines = line_table(&fold_table(bound), five);
        let weights = self.columns.as_flattened();
        sum(rest.len(), |group| {
            let block = &self.states[(group << k) / 8];
            let mut values = [Fr::ZERO; 5];
            for (cell, weight) in weights.iter().enumerate() {
                let at = |y: usize| &lines[group_bits(block[cell / 64 + 5 * y][cell % 64], group, k)];
                let (a, b, c, d, e) = (at(0), at(1), at(2), at(3), at(4));
                for p in 0..5 {
                    values[p] += (a[p] * b[p]) * (c[p] * d[p]) * (e[p] * weight);
                }
            }
            values.map(|v| v * rest[group])
        })
    }

    /// The folded lanes of each group of instances after the variables of the tables are bound.
    fn rows(&self, n: usize, bound: &[Fr]) -> Vec<Fr> {
        let k = bound.len();
        let table = fold_table(bound);
        let weights = self.columns.as_flattened();
        let mut rows = vec![Fr::ZERO; ROW << (n - k)];
        rows.par_chunks_mut(ROW).enumerate().for_each(|(group, row)| {
            let (plain, scaled) = row.split_at_mut(LANES * 64);
            for (out, byte) in plain.iter_mut().zip(self.states[(group << k) / 8].as_flattened()) {
                *out = table[group_bits(*byte, group, k)];
            }
            // Lanes 0..5 are the first of each column.
            for ((out, value), weight) in scaled.iter_mut().zip(plain).zip(weights) {
                *out = *value * weight;
            }
        });
        rows
    }

    /// The six variables of `z`.
    fn places(&self, session: &mut Session, sumcheck: &mut Sumcheck, row: &[Fr]) -> ([[Fr; 6]; 6], [Fr; LANES]) {
        let mut lanes: Vec<Vec<Fr>> = row[..LANES * 64].chunks(64).map(<[Fr]>::to_vec).collect();
        let mut weights: Vec<Vec<Fr>> = self.lanes.iter().map(|k| k.to_vec()).collect();
        let mut columns: Vec<Vec<Fr>> = self.columns.iter().map(|v| v.to_vec()).collect();
        sumcheck.claim *= half().pow([6]);
        let mut sent = [[Fr::ZERO; 6]; 6];
        for (j, sent) in sent.iter_mut().enumerate() {
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
            let mean = half().pow([5 - j as u64]);
            *sent = sumcheck.round(session, half(), &values.map(|v| v * mean));
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

/// A later variable, from folded lanes: the products of two pairs of lines at `0, 1` and infinity, extended to all
/// nodes by differences.
fn row_round(rest: &[Fr], rows: &[Fr]) -> [Fr; 5] {
    sum(rest.len(), |group| {
        let (low, high) = rows[2 * group * ROW..2 * (group + 1) * ROW].split_at(ROW);
        let mut values = [Fr::ZERO; 5];
        for cell in 0..CELLS {
            let at = |y: usize| {
                let place = if y == 0 { LANES * 64 + cell } else { 64 * 5 * y + cell };
                (&low[place], &high[place])
            };
            let (left, right) = (quadratic(at(0), at(1)), quadratic(at(2), at(3)));
            let last = five(at(4).0, at(4).1);
            for p in 0..5 {
                values[p] += left[p] * right[p] * last[p];
            }
        }
        values.map(|v| v * rest[group])
    })
}

/// The product of two lines at `1, -1, 2, -2` and its leading coefficient.
fn quadratic((a0, a1): (&Fr, &Fr), (b0, b1): (&Fr, &Fr)) -> [Fr; 5] {
    let (zero, one, lead) = (a0 * b0, a1 * b1, (a1 - a0) * (b1 - b0));
    let second = lead.double();
    let minus_one = zero.double() - one + second;
    let two = one.double() - zero + second;
    [one, minus_one, two, minus_one.double() - zero + second, lead]
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

#[cfg(test)]
mod tests {
    use super::super::bits::{blocks, column_patterns};
    use super::*;

    #[test]
    fn gathered_rounds_agree_with_looked_up_lines() {
        let word = |i: u64| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let states: Vec<[u64; 25]> =
            (0..16u64).map(|i| std::array::from_fn(|l| word(i * 25 + l as u64).rotate_left(l as u32))).collect();
        let states = blocks(16, |i| states[i]);
        let patterns = column_patterns(&states);
        let columns = std::array::from_fn(|x| std::array::from_fn(|z| Fr::from(word((64 * x + z) as u64))));
        let parity = Parity { states: &states, patterns: &patterns, lanes: vec![[Fr::ZERO; 64]; 25], columns };
        let point = [13, 17, 19, 23].map(Fr::from);
        assert_eq!(parity.first_round(&eq_table(&point[1..])), parity.table_round(&eq_table(&point[1..]), &[]));
        let (rest, r) = (eq_table(&point[2..]), Fr::from(29));
        assert_eq!(parity.second_round(&rest, r), parity.table_round(&rest, &[r]));
        let rows = parity.rows(4, &[13, 17, 19].map(Fr::from));
        assert_eq!(rows.len(), 2 * ROW);
    }
}
