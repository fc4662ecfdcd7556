//! χ's sumcheck: instances, places, planes (see `verifier/chi.rs` for the statement).

use super::bits::{Block, TABLE_ROUNDS, fold_table, group_bits, line_table, patterns, three};
use super::session::{Session, Sumcheck, accumulate, fold_rows, sum};
use crate::keccak::poly::{eq_table, fold, geometric, half, small};
use crate::keccak::verifier::{LaneWeights, Point};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use rayon::prelude::*;

/// Cells of a lane position: 5 planes of 64 places.
const CELLS: usize = 320;
/// Elements of a row: five lanes' cells as they are, then the same times `rho^X / 2`.
const ROW: usize = 10 * CELLS;

/// What is sent, where it ends, and the values there.
pub struct ChiProof {
    pub sent: Vec<[Fr; 3]>,
    pub planes: [Fr; 5],
    pub bound: Vec<Fr>,
}

/// `Σ_X scaled_X (1 - b_{X+1} + b_{X+2} + b_{X+1} b_{X+2})`.
fn value(b: [Fr; 5], scaled: [Fr; 5]) -> Fr {
    (0..5)
        .map(|x| {
            let (next, after) = (&b[(x + 1) % 5], &b[(x + 2) % 5]);
            scaled[x] * (Fr::ONE + after - next + next * after)
        })
        .sum()
}

/// The part of [`value`] of degree three.
fn leading(b: [Fr; 5], scaled: [Fr; 5]) -> Fr {
    (0..5).map(|x| scaled[x] * (b[(x + 1) % 5] * b[(x + 2) % 5])).sum()
}

/// [`value`] at 1 and -1 and its leading coefficient, from lines at those places.
fn at_nodes(b: [&[Fr; 3]; 5], scaled: [&[Fr; 3]; 5]) -> [Fr; 3] {
    [
        value(b.map(|b| b[0]), scaled.map(|s| s[0])),
        value(b.map(|b| b[1]), scaled.map(|s| s[1])),
        leading(b.map(|b| b[2]), scaled.map(|s| s[2])),
    ]
}

/// Everything that stays fixed while instances are bound.
struct Chi<'a> {
    blocks: &'a [Block<25>],
    /// `rho^X / 2`.
    scales: [Fr; 5],
    /// `eq` of plane and place: `[64 * Y + z]`.
    cells: Vec<Fr>,
}

/// Proves χ.
///
/// - `blocks`: the states before χ, of `2^n` instances
pub fn prove(
    session: &mut Session,
    blocks: &[Block<25>],
    claim: Fr,
    at: &Point<Fr>,
    weights: &LaneWeights<Fr>,
) -> ChiProof {
    let n = at.inst.len();
    let scales = geometric(half(), weights.rho);
    let places = eq_table(&at.z);
    let cells = weights.planes.iter().flat_map(|plane| places.iter().map(move |z| z * plane)).collect();
    let chi = Chi { blocks, scales, cells };

    let mut sumcheck = Sumcheck::new(claim);
    let mut sent = Vec::with_capacity(n + 9);
    for j in 0..n.min(TABLE_ROUNDS) {
        let rest = eq_table(&at.inst[j + 1..]);
        let values = match j {
            0 => chi.first_round(&rest),
            1 => chi.second_round(&rest, &sumcheck.bound),
            _ => chi.table_round(&rest, &sumcheck.bound),
        };
        sent.push(sumcheck.round(session, at.inst[j], &values));
    }
    let mut rows = chi.rows(n, &sumcheck.bound);
    for j in TABLE_ROUNDS..n {
        let values = chi.row_round(&eq_table(&at.inst[j + 1..]), &rows);
        sent.push(sumcheck.round(session, at.inst[j], &values));
        rows = fold_rows(&rows, ROW, sumcheck.bound[j]);
    }

    // Ten arrays of planes and places; planes 5..8 are empty.
    let mut arrays: Vec<Vec<Fr>> = rows.chunks(CELLS).map(|lane| [lane, &[Fr::ZERO; 192]].concat()).collect();
    let coordinates: Vec<Fr> = at.z.iter().chain(&weights.point).copied().collect();
    for (j, w) in coordinates.iter().enumerate() {
        let rest = eq_table(&coordinates[j + 1..]);
        let mut values = [Fr::ZERO; 3];
        for (i, weight) in rest.iter().enumerate() {
            let lines: [[Fr; 3]; 10] = std::array::from_fn(|l| three(&arrays[l][2 * i], &arrays[l][2 * i + 1]));
            let nodes = at_nodes(std::array::from_fn(|x| &lines[x]), std::array::from_fn(|x| &lines[5 + x]));
            accumulate(&mut values, weight, &nodes);
        }
        sent.push(sumcheck.round(session, *w, &values));
        let r = sumcheck.bound[n + j];
        arrays = arrays.iter().map(|array| fold(array, r)).collect();
    }
    let planes = std::array::from_fn(|x| arrays[x][0]);
    session.absorb(&planes);
    ChiProof { sent, planes, bound: sumcheck.bound }
}

impl Chi<'_> {
    /// The bytes of the five lanes of a cell.
    fn bytes(&self, block: usize, cell: usize) -> [u8; 5] {
        let (plane, z) = (cell / 64, cell % 64);
        std::array::from_fn(|x| self.blocks[block][x + 5 * plane][z])
    }

    /// The first variable: ten bits decide a term, so weights are gathered by them.
    fn first_round(&self, rest: &[Fr]) -> [Fr; 3] {
        let gathered = self.gather(1 << 10, |sums, block| {
            for (cell, weight) in self.cells.iter().enumerate() {
                let mut all = patterns(self.bytes(block, cell));
                for rest in rest.iter().skip(4 * block).take(4) {
                    sums[(all & 31 | all >> 3 & (31 << 5)) as usize] += weight * rest;
                    all >>= 16;
                }
            }
        });
        // Each term looks at three lanes only, two bits each: sums over the others, then values in small integers.
        let mut values = [Fr::ZERO; 3];
        for x in 0..5 {
            let lanes = [x, (x + 1) % 5, (x + 2) % 5];
            let mut marginal = [Fr::ZERO; 64];
            for (index, sum) in gathered.iter().enumerate() {
                let bits = |lane: usize| index >> lane & 1 | (index >> (lane + 5) & 1) << 1;
                marginal[bits(lanes[0]) | bits(lanes[1]) << 2 | bits(lanes[2]) << 4] += sum;
            }
            let mut sums = [Fr::ZERO; 3];
            for (index, sum) in marginal.iter().enumerate() {
                let line = |lane: usize| {
                    let (low, high) =
                        (1 - 2 * (index >> (2 * lane) & 1) as i64, 1 - 2 * (index >> (2 * lane + 1) & 1) as i64);
                    [high, 2 * low - high, high - low]
                };
                let (b, next, after) = (line(0), line(1), line(2));
                let term = |k: usize| b[k] * (1 - next[k] + after[k] + next[k] * after[k]);
                let terms = [term(0), term(1), b[2] * next[2] * after[2]];
                accumulate(&mut sums, sum, &terms.map(small));
            }
            accumulate(&mut values, &self.scales[x], &sums);
        }
        values
    }

    /// The second variable: twelve bits decide a term.
    fn second_round(&self, rest: &[Fr], bound: &[Fr]) -> [Fr; 3] {
        let weights: Vec<[Fr; 5]> = self.cells.iter().map(|cell| self.scales.map(|scale| scale * cell)).collect();
        let gathered = self.gather(1 << 12, |sums, block| {
            for (cell, weights) in weights.iter().enumerate() {
                let bytes = self.bytes(block, cell).map(usize::from);
                for (half, rest) in rest.iter().skip(2 * block).take(2).enumerate() {
                    let bits = bytes.map(|byte| byte >> (4 * half) & 15);
                    for x in 0..5 {
                        sums[bits[x] | bits[(x + 1) % 5] << 4 | bits[(x + 2) % 5] << 8] += weights[x] * rest;
                    }
                }
            }
        });
        let table = fold_table(bound);
        let lines = line_table(&table, three);
        let mut values = [Fr::ZERO; 3];
        for (index, sums) in gathered.as_chunks::<16>().0.iter().enumerate() {
            let (next, after) = (&lines[index & 15], &lines[index >> 4]);
            let (mut low, mut high) = ([Fr::ZERO; 4], [Fr::ZERO; 4]);
            for (bits, sum) in sums.iter().enumerate() {
                low[bits & 3] += sum;
                high[bits >> 2] += sum;
            }
            // The table is 1, -t, t, -1.
            let [low, high] = [low, high].map(|s| s[0] - s[3] + table[2] * (s[2] - s[1]));
            let b = three(&low, &high);
            let factor = |k: usize| Fr::ONE + after[k] - next[k] + next[k] * after[k];
            let factors = [factor(0), factor(1), next[2] * after[2]];
            for k in 0..3 {
                values[k] += b[k] * factors[k];
            }
        }
        values
    }

    /// Sums over all blocks, by key; `add` adds one block's.
    fn gather(&self, keys: usize, add: impl Fn(&mut [Fr], usize) + Sync) -> Vec<Fr> {
        let chunk = self.blocks.len().div_ceil(rayon::current_num_threads());
        let partial: Vec<Vec<Fr>> = (0..self.blocks.len().div_ceil(chunk))
            .into_par_iter()
            .map(|c| {
                let mut sums = vec![Fr::ZERO; keys];
                for block in c * chunk..((c + 1) * chunk).min(self.blocks.len()) {
                    add(&mut sums, block);
                }
                sums
            })
            .collect();
        let mut partial = partial.into_iter();
        let mut total = partial.next().unwrap_or_default();
        for sums in partial {
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        total
    }

    /// Any of the first three variables, lines looked up.
    fn table_round(&self, rest: &[Fr], bound: &[Fr]) -> [Fr; 3] {
        let k = bound.len() + 1;
        let lines = line_table(&fold_table(bound), three);
        let scaled = self.scales.map(|s| lines.iter().map(|line| line.map(|v| v * s)).collect::<Vec<_>>());
        sum(rest.len(), |group| {
            let mut values = [Fr::ZERO; 3];
            for (cell, weight) in self.cells.iter().enumerate() {
                let bits = self.bytes((group << k) / 8, cell).map(|byte| group_bits(byte, group, k));
                let (b, s) = (bits.map(|i| &lines[i]), std::array::from_fn(|x| &scaled[x][bits[x]]));
                accumulate(&mut values, weight, &at_nodes(b, s));
            }
            values.map(|v| v * rest[group])
        })
    }

    /// The folded lanes of each group of instances after the variables of the tables are bound.
    fn rows(&self, n: usize, bound: &[Fr]) -> Vec<Fr> {
        let k = bound.len();
        let table = fold_table(bound);
        let mut rows = vec![Fr::ZERO; ROW << (n - k)];
        rows.par_chunks_mut(ROW).enumerate().for_each(|(group, row)| {
            let (plain, scaled) = row.split_at_mut(5 * CELLS);
            for cell in 0..CELLS {
                for (x, byte) in self.bytes((group << k) / 8, cell).into_iter().enumerate() {
                    let value = table[group_bits(byte, group, k)];
                    plain[x * CELLS + cell] = value;
                    scaled[x * CELLS + cell] = value * self.scales[x];
                }
            }
        });
        rows
    }

    /// A later variable, from folded lanes.
    fn row_round(&self, rest: &[Fr], rows: &[Fr]) -> [Fr; 3] {
        sum(rest.len(), |group| {
            let (low, high) = rows[2 * group * ROW..2 * (group + 1) * ROW].split_at(ROW);
            let mut values = [Fr::ZERO; 3];
            for (cell, weight) in self.cells.iter().enumerate() {
                let at = |x: usize| three(&low[x * CELLS + cell], &high[x * CELLS + cell]);
                let (b, s): ([_; 5], [_; 5]) = (std::array::from_fn(at), std::array::from_fn(|x| at(5 + x)));
                accumulate(&mut values, weight, &at_nodes(b.each_ref(), s.each_ref()));
            }
            values.map(|v| v * rest[group])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathered_rounds_agree_with_looked_up_lines() {
        let states: Vec<[u64; 25]> = (0..16u64)
            .map(|i| {
                std::array::from_fn(|l| {
                    (i * 25 + l as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(l as u32)
                })
            })
            .collect();
        let blocks = super::super::bits::blocks(16, |i| states[i]);
        let scales = [2, 3, 5, 7, 11].map(Fr::from);
        let cells: Vec<Fr> = (0..CELLS as u64).map(|c| Fr::from(c * c + 1)).collect();
        let chi = Chi { blocks: &blocks, scales, cells };
        let point = [13, 17, 19, 23].map(Fr::from);
        assert_eq!(chi.first_round(&eq_table(&point[1..])), chi.table_round(&eq_table(&point[1..]), &[]));
        let rest = eq_table(&point[2..]);
        assert_eq!(chi.second_round(&rest, &[Fr::from(29)]), chi.table_round(&rest, &[Fr::from(29)]));
    }
}
