//! The sumcheck of θ's second half: instances, places (see `verifier/theta.rs` for the statement).

use super::bits::{Block, TABLE_ROUNDS, fold_table, group_bits, line_table, three};
use super::session::{Session, Sumcheck, fold_rows, sum};
use crate::keccak::permutation::{LANES, ROTATIONS, pi};
use crate::keccak::poly::{eq_table, fold, geometric, half};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use rayon::prelude::*;

/// Five columns of 64 places.
pub const CELLS: usize = 320;
/// Lane weights of a column by the five bits of its lanes, `[64 * x + z][pattern]`.
pub type ColumnTable = Vec<[Fr; 32]>;

/// The weights that χ leaves on the lanes before ρ and π: `[lane][z]`, without ι's signs.
pub fn lane_weights(places: &[Fr], planes: &[Fr; 5], gamma: Fr) -> Vec<[Fr; 64]> {
    let powers: [Fr; 5] = geometric(Fr::ONE, gamma);
    (0..LANES)
        .map(|lane| {
            let scale = powers[lane / 5] * planes[pi(lane) / 5];
            std::array::from_fn(|z| scale * places[(z + ROTATIONS[lane] as usize) % 64])
        })
        .collect()
}

/// `Σ_y ± weights[x + 5y][z]`, minus where the pattern has a bit.
pub fn column_table(weights: &[[Fr; 64]]) -> ColumnTable {
    let table = |cell: usize| {
        let column: [Fr; 5] = std::array::from_fn(|y| weights[cell / 64 + 5 * y][cell % 64]);
        let mut table = [column.iter().sum::<Fr>(); 32];
        for pattern in 1usize..32 {
            let lowest = pattern.trailing_zeros() as usize;
            table[pattern] = table[pattern & (pattern - 1)] - column[lowest].double();
        }
        table
    };
    (0..CELLS).into_par_iter().map(table).collect()
}

/// What is sent, where it ends, and the values there.
pub struct ThetaProof {
    pub sent: Vec<[Fr; 3]>,
    pub parities: [Fr; 5],
    pub shifted: [Fr; 5],
    pub claim: Fr,
    pub bound: Vec<Fr>,
}

/// The bits that θ looks at.
struct Theta<'a> {
    /// Column parities after ι.
    parities: &'a [Block<5>],
    /// Lane bits of each column.
    patterns: &'a [[[u64; 64]; 5]],
    table: &'a ColumnTable,
}

/// Proves the second half of θ.
///
/// - `inst`: where χ ended
pub fn prove(
    session: &mut Session,
    parities: &[Block<5>],
    patterns: &[[[u64; 64]; 5]],
    table: &ColumnTable,
    claim: Fr,
    inst: &[Fr],
) -> ThetaProof {
    let n = inst.len();
    let theta = Theta { parities, patterns, table };
    let mut sumcheck = Sumcheck::new(claim);
    let mut sent = Vec::with_capacity(n + 6);
    let mut joined = Vec::new();
    let mut columns = if n == 0 { theta.columns(0, &[]) } else { Vec::new() };
    for (j, w) in inst.iter().enumerate() {
        let rest = eq_table(&inst[j + 1..]);
        let values = match j {
            0 => theta.first_round(&rest),
            1 | 2 => theta.table_round(&rest, &sumcheck.bound, &joined),
            _ => row_round(&rest, &joined, &columns),
        };
        sent.push(sumcheck.round(session, *w, &values));
        let r = sumcheck.bound[j];
        joined = if j == 0 { theta.joined(n, r) } else { fold_rows(&joined, CELLS, r) };
        if j + 1 == n.min(TABLE_ROUNDS) {
            columns = theta.columns(n, &sumcheck.bound);
        } else if j >= TABLE_ROUNDS {
            columns = fold_rows(&columns, CELLS, r);
        }
    }
    if n == 0 {
        joined = (0..CELLS).map(|cell| theta.joined_value(0, 0, cell)).collect();
    }

    let split = |row: &[Fr]| row.chunks(64).map(<[Fr]>::to_vec).collect::<Vec<_>>();
    let (mut joined, mut columns) = (split(&joined), split(&columns));
    let mut shifted: Vec<Vec<Fr>> = columns.clone();
    shifted.iter_mut().for_each(|column| column.rotate_right(1));
    sumcheck.claim *= half().pow([6]);
    for j in 0..6 {
        let mut values = [Fr::ZERO; 3];
        for i in 0..32 >> j {
            for x in 0..5 {
                let line = |array: &[Fr]| three(&array[2 * i], &array[2 * i + 1]);
                let (d, u, v) = (line(&joined[x]), line(&columns[(x + 4) % 5]), line(&shifted[(x + 1) % 5]));
                for k in 0..3 {
                    values[k] += d[k] * (u[k] * v[k]);
                }
            }
        }
        let mean = half().pow([5 - j as u64]);
        sent.push(sumcheck.round(session, half(), &values.map(|v| v * mean)));
        let r = sumcheck.bound[n + j];
        for arrays in [&mut joined, &mut columns, &mut shifted] {
            arrays.iter_mut().for_each(|array| *array = fold(array, r));
        }
    }
    let (parities, shifted) = (std::array::from_fn(|x| columns[x][0]), std::array::from_fn(|x| shifted[x][0]));
    session.absorb(&parities);
    session.absorb(&shifted);
    ThetaProof { sent, parities, shifted, claim: sumcheck.claim, bound: sumcheck.bound }
}

/// The places of the two parities that meet lane sums of cell `64x + z`.
const fn neighbours(cell: usize) -> ((usize, usize), (usize, usize)) {
    let (x, z) = (cell / 64, cell % 64);
    (((x + 4) % 5, z), ((x + 1) % 5, (z + 63) % 64))
}

impl Theta<'_> {
    fn joined_value(&self, block: usize, instance: usize, cell: usize) -> Fr {
        let pattern = self.patterns[block][cell / 64][cell % 64] >> (8 * instance) & 31;
        self.table[cell][pattern as usize]
    }

    /// The first variable: parities are ±1, so only sums are needed.
    fn first_round(&self, rest: &[Fr]) -> [Fr; 3] {
        sum(rest.len(), |group| {
            let (block, at) = (group / 4, 2 * (group % 4));
            // By sign: at 1; at -1 by how many of the two parities flip; slope where both do.
            let (mut one, mut minus_one, mut lead) = ([Fr::ZERO; 2], [[Fr::ZERO; 2]; 3], [Fr::ZERO; 2]);
            for cell in 0..CELLS {
                let ((x0, z0), (x1, z1)) = neighbours(cell);
                let bits = (self.parities[block][x0][z0] ^ self.parities[block][x1][z1]) >> at;
                let (low, high) = (self.joined_value(block, at, cell), self.joined_value(block, at + 1, cell));
                let slope = high - low;
                let flips = |x: usize, z: usize| {
                    let bits = self.parities[block][x][z] >> at;
                    (bits ^ bits >> 1) & 1
                };
                let flipped = flips(x0, z0) + flips(x1, z1);
                one[(bits >> 1 & 1) as usize] += high;
                minus_one[flipped as usize][(bits & 1) as usize] += low - slope;
                if flipped == 2 {
                    lead[(bits & 1) as usize] += slope;
                }
            }
            let [m0, m1, m2] = minus_one.map(|[plus, minus]| plus - minus);
            let lead = (lead[0] - lead[1]).double().double();
            let values = [one[0] - one[1], m0 + m1.double() + m1 + m2.double().double().double() + m2, lead];
            values.map(|v| v * rest[group])
        })
    }

    /// The lane sums, with the first variable bound.
    fn joined(&self, n: usize, r: Fr) -> Vec<Fr> {
        let mut rows = vec![Fr::ZERO; CELLS << (n - 1)];
        rows.par_chunks_mut(CELLS).enumerate().for_each(|(group, row)| {
            let (block, at) = (group / 4, 2 * (group % 4));
            for (cell, out) in row.iter_mut().enumerate() {
                let (low, high) = (self.joined_value(block, at, cell), self.joined_value(block, at + 1, cell));
                *out = low + r * (high - low);
            }
        });
        rows
    }

    /// The second or third variable: lane sums folded, parities looked up.
    fn table_round(&self, rest: &[Fr], bound: &[Fr], joined: &[Fr]) -> [Fr; 3] {
        let k = bound.len() + 1;
        let lines = line_table(&fold_table(bound), three);
        let width = lines.len();
        // With four bits a parity, all products fit into a table too.
        let products: Vec<[Fr; 3]> = if k == 2 {
            let product = |i: usize| std::array::from_fn(|p| lines[i % width][p] * lines[i / width][p]);
            (0..width * width).map(product).collect()
        } else {
            Vec::new()
        };
        sum(rest.len(), |group| {
            let block = &self.parities[(group << k) / 8];
            let (low, high) = joined[2 * group * CELLS..2 * (group + 1) * CELLS].split_at(CELLS);
            let mut values = [Fr::ZERO; 3];
            for cell in 0..CELLS {
                let ((x0, z0), (x1, z1)) = neighbours(cell);
                let (u, v) = (group_bits(block[x0][z0], group, k), group_bits(block[x1][z1], group, k));
                let d = three(&low[cell], &high[cell]);
                if k == 2 {
                    let product = &products[u + width * v];
                    (0..3).for_each(|p| values[p] += d[p] * product[p]);
                } else {
                    (0..3).for_each(|p| values[p] += d[p] * (lines[u][p] * lines[v][p]));
                }
            }
            values.map(|v| v * rest[group])
        })
    }

    /// Parities of each group of instances after the variables of the tables are bound.
    fn columns(&self, n: usize, bound: &[Fr]) -> Vec<Fr> {
        let k = bound.len();
        let table = fold_table(bound);
        let mut rows = vec![Fr::ZERO; CELLS << (n - k)];
        rows.par_chunks_mut(CELLS).enumerate().for_each(|(group, row)| {
            let block = &self.parities[(group << k) / 8];
            for (cell, out) in row.iter_mut().enumerate() {
                *out = table[group_bits(block[cell / 64][cell % 64], group, k)];
            }
        });
        rows
    }
}

/// A later variable, from folded lane sums and parities.
fn row_round(rest: &[Fr], joined: &[Fr], columns: &[Fr]) -> [Fr; 3] {
    sum(rest.len(), |group| {
        let pair = 2 * group * CELLS..2 * (group + 1) * CELLS;
        let (low, high) = joined[pair.clone()].split_at(CELLS);
        let (column_low, column_high) = columns[pair].split_at(CELLS);
        let mut values = [Fr::ZERO; 3];
        for cell in 0..CELLS {
            let ((x0, z0), (x1, z1)) = neighbours(cell);
            let line = |x: usize, z: usize| three(&column_low[64 * x + z], &column_high[64 * x + z]);
            let (d, u, v) = (three(&low[cell], &high[cell]), line(x0, z0), line(x1, z1));
            (0..3).for_each(|p| values[p] += d[p] * (u[p] * v[p]));
        }
        values.map(|v| v * rest[group])
    })
}
