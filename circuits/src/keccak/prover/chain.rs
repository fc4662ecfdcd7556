//! The last sumcheck: instances, places (see `verifier/chain.rs` for the statement).

use super::bits::{Block, TABLE_ROUNDS, fold_table, group_bits, line_table, three};
use super::session::{Session, Sumcheck, sum};
use crate::keccak::permutation::{LANES, ROUND_CONSTANTS, ROUNDS};
use crate::keccak::poly::{eq_table, fold, geometric, half};
use crate::keccak::proof::ChainProof;
use crate::keccak::sponge::RATE_LANES;
use crate::keccak::verifier::{LaneWeights, Point};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use rayon::prelude::*;

/// Places of the message lanes.
const CELLS: usize = RATE_LANES * 64;

/// The bits of the sum and its weights.
pub struct Chain<'a> {
    pub messages: &'a [Block<RATE_LANES>],
    pub previous: &'a [Block<LANES>],
    pub outs: &'a [Block<LANES>],
    /// Where the proof began, and how lanes of the output are combined there.
    pub start: (&'a Point<Fr>, &'a LaneWeights<Fr>),
    /// Where the first round ended.
    pub input: &'a Point<Fr>,
    pub mu: Fr,
}

/// `eq` with some variables bound: the factor of the bound ones, and the coordinates of the others.
struct Partial<'a> {
    factor: Fr,
    rest: &'a [Fr],
}

impl Partial<'_> {
    /// The values of the next variable's factor at 1 and -1, and its slope.
    fn line(&self) -> [Fr; 3] {
        let w = self.rest[0];
        three(&(self.factor * (Fr::ONE - w)), &(self.factor * w))
    }

    fn bind(&mut self, r: Fr) {
        let w = self.rest[0];
        self.factor *= Fr::ONE - w + r * (w.double() - Fr::ONE);
        self.rest = &self.rest[1..];
    }
}

impl Chain<'_> {
    /// Proves the sum; what it ends in is absorbed.
    pub fn prove(&self, session: &mut Session, claim: Fr) -> ChainProof<Fr> {
        let n = self.input.inst.len();
        let powers: [Fr; LANES + 1] = geometric(Fr::ONE, self.mu);
        let input_z = eq_table(&self.input.z);
        let by_place =
            |lanes: &[Fr]| -> Vec<Fr> { lanes.iter().flat_map(|lane| input_z.iter().map(move |z| z * lane)).collect() };
        let products = by_place(&powers[..RATE_LANES]);
        let capacity = by_place(&powers[RATE_LANES..LANES]);
        let out_weights = self.out_weights(powers[LANES]);

        let mut sumcheck = Sumcheck::new(claim * half().pow([n as u64 + 6]));
        let mut at_input = Partial { factor: Fr::ONE, rest: &self.input.inst };
        let mut at_start = Partial { factor: Fr::ONE, rest: &self.start.0.inst };
        let mut capacity = self.linear(1 << n, |block| &block.previous[RATE_LANES..], &capacity);
        let mut outs = self.linear(1 << n, |block| block.out, &out_weights);
        let mut rows = if n == 0 { self.rows(0, &[]) } else { Vec::new() };
        let mut rounds = Vec::with_capacity(n + 6);
        for j in 0..n {
            let rest = eq_table(&at_input.rest[1..]);
            let mut values = match j {
                0 => self.first_round(&rest, &products),
                1 | 2 => self.table_round(&rest, &products, &sumcheck.bound),
                _ => row_round(&rest, &products, &rows),
            };
            for (pair, weight) in capacity.as_chunks::<2>().0.iter().zip(&rest) {
                let line = three(&pair[0], &pair[1]);
                (0..2).for_each(|p| values[p] += line[p] * weight);
            }
            let mut own = [Fr::ZERO; 3];
            for (pair, weight) in outs.as_chunks::<2>().0.iter().zip(eq_table(&at_start.rest[1..])) {
                let line = three(&pair[0], &pair[1]);
                (0..2).for_each(|p| own[p] += line[p] * weight);
            }
            let (e, o) = (at_input.line(), at_start.line());
            let mean = half().pow([(n + 5 - j) as u64]);
            let values: [Fr; 3] = std::array::from_fn(|p| (e[p] * values[p] + o[p] * own[p]) * mean);
            rounds.push(sumcheck.round(session, half(), &values));
            let r = sumcheck.bound[j];
            (capacity, outs) = (fold(&capacity, r), fold(&outs, r));
            at_input.bind(r);
            at_start.bind(r);
            if j + 1 == n.min(TABLE_ROUNDS) {
                rows = self.rows(n, &sumcheck.bound);
            } else if j >= TABLE_ROUNDS {
                rows = fold_rows(&rows, 2 * CELLS, r);
            }
        }
        self.places(session, &mut sumcheck, rounds, &rows, &powers, (at_input.factor, at_start.factor), &out_weights)
    }

    /// Weights of the output lanes, ι's signs included: `[64 * lane + z]`.
    fn out_weights(&self, scale: Fr) -> Vec<Fr> {
        let (point, weights) = self.start;
        let places = eq_table(&point.z);
        let powers: [Fr; 5] = geometric(scale, weights.rho);
        let weight = |cell: usize| {
            let (lane, z) = (cell / 64, cell % 64);
            let value = powers[lane % 5] * weights.planes[lane / 5] * places[z];
            if lane == 0 && ROUND_CONSTANTS[ROUNDS - 1] >> z & 1 == 1 { -value } else { value }
        };
        (0..LANES * 64).map(weight).collect()
    }

    /// `Σ ± weights` over the bits of each instance.
    fn linear<'b>(
        &'b self,
        count: usize,
        lanes: impl Fn(BlockOf<'b>) -> &'b [[u8; 64]] + Sync,
        weights: &[Fr],
    ) -> Vec<Fr> {
        let instance = |i: usize| -> Fr {
            let block = BlockOf { previous: &self.previous[i / 8], out: &self.outs[i / 8] };
            let mut sums = [Fr::ZERO; 2];
            for (byte, weight) in lanes(block).as_flattened().iter().zip(weights) {
                sums[(byte >> (i % 8) & 1) as usize] += weight;
            }
            sums[0] - sums[1]
        };
        (0..count).into_par_iter().map(instance).collect()
    }

    /// The bytes of message and previous lane of a cell.
    fn bytes(&self, block: usize, cell: usize) -> (u8, u8) {
        (self.messages[block][cell / 64][cell % 64], self.previous[block][cell / 64][cell % 64])
    }

    /// The first variable: both factors are ±1, so only sums are needed.
    fn first_round(&self, rest: &[Fr], weights: &[Fr]) -> [Fr; 3] {
        sum(rest.len(), |group| {
            let at = 2 * (group % 4);
            // By the signs at 0 and 1 and the number of factors that flip.
            let mut sums = [[[Fr::ZERO; 2]; 2]; 3];
            for (cell, weight) in weights.iter().enumerate() {
                let (message, previous) = self.bytes(group / 4, cell);
                let (signs, flips) = ((message ^ previous) >> at, [message >> at, previous >> at]);
                let flips = flips.iter().map(|bits| (bits ^ bits >> 1) & 1).sum::<u8>();
                sums[flips as usize][(signs & 1) as usize][(signs >> 1 & 1) as usize] += weight;
            }
            let one: Fr = sums.iter().map(|[low, high]| low[0] - low[1] + high[0] - high[1]).sum();
            let [m0, m1, m2] = sums.map(|[low, high]| low[0] + low[1] - high[0] - high[1]);
            let minus_one = m0 + m1.double() + m1 + m2.double().double().double() + m2;
            [one, minus_one, m2.double().double()].map(|v| v * rest[group])
        })
    }

    /// The second or third variable, lines looked up.
    fn table_round(&self, rest: &[Fr], weights: &[Fr], bound: &[Fr]) -> [Fr; 3] {
        let k = bound.len() + 1;
        let lines = line_table(&fold_table(bound), three);
        sum(rest.len(), |group| {
            let mut values = [Fr::ZERO; 3];
            for (cell, weight) in weights.iter().enumerate() {
                let (message, previous) = self.bytes((group << k) / 8, cell);
                let (m, p) = (&lines[group_bits(message, group, k)], &lines[group_bits(previous, group, k)]);
                (0..3).for_each(|i| values[i] += m[i] * p[i] * weight);
            }
            values.map(|v| v * rest[group])
        })
    }

    /// Message lanes and the first previous lanes, after the variables of the tables are bound.
    fn rows(&self, n: usize, bound: &[Fr]) -> Vec<Fr> {
        let k = bound.len();
        let table = fold_table(bound);
        let mut rows = vec![Fr::ZERO; (2 * CELLS) << (n - k)];
        rows.par_chunks_mut(2 * CELLS).enumerate().for_each(|(group, row)| {
            for cell in 0..CELLS {
                let (message, previous) = self.bytes((group << k) / 8, cell);
                row[cell] = table[group_bits(message, group, k)];
                row[CELLS + cell] = table[group_bits(previous, group, k)];
            }
        });
        rows
    }

    /// `lanes` with all instance variables bound.
    fn folded<const L: usize>(blocks: &[Block<L>], bound: &[Fr]) -> Vec<Vec<Fr>> {
        let k = bound.len().min(TABLE_ROUNDS);
        let (table, weights) = (fold_table(&bound[..k]), eq_table(&bound[k..]));
        let mask = (1usize << (1 << k)) - 1;
        let place = |lane: usize, z: usize| -> Fr {
            blocks.iter().zip(&weights).map(|(block, weight)| table[block[lane][z] as usize & mask] * weight).sum()
        };
        (0..L).into_par_iter().map(|lane| (0..64).map(|z| place(lane, z)).collect()).collect()
    }

    /// The six variables of `z`, and the values where they end.
    #[allow(clippy::too_many_arguments)]
    fn places(
        &self,
        session: &mut Session,
        sumcheck: &mut Sumcheck,
        mut rounds: Vec<[Fr; 3]>,
        row: &[Fr],
        powers: &[Fr],
        (at_input, at_start): (Fr, Fr),
        out_weights: &[Fr],
    ) -> ChainProof<Fr> {
        let mut message: Vec<Vec<Fr>> = row[..CELLS].chunks(64).map(<[Fr]>::to_vec).collect();
        let mut previous = Self::folded(self.previous, &sumcheck.bound);
        let mut outs = Self::folded(self.outs, &sumcheck.bound);
        let mut weights: Vec<Vec<Fr>> =
            out_weights.chunks(64).map(|w| w.iter().map(|v| v * at_start).collect()).collect();
        let mut eq: Vec<Fr> = eq_table(&self.input.z).iter().map(|v| v * at_input).collect();
        for j in 0..6 {
            let mut values = [Fr::ZERO; 3];
            for i in 0..32 >> j {
                let line = |array: &[Fr]| three(&array[2 * i], &array[2 * i + 1]);
                let mut inputs = [Fr::ZERO; 3];
                for (l, power) in powers[..LANES].iter().enumerate() {
                    let mut p = line(&previous[l]);
                    match message.get(l).map(|m| line(m)) {
                        Some(m) => (0..3).for_each(|k| p[k] *= m[k]),
                        None => p[2] = Fr::ZERO,
                    }
                    (0..3).for_each(|k| inputs[k] += p[k] * power);
                }
                let e = line(&eq);
                (0..3).for_each(|k| values[k] += e[k] * inputs[k]);
                for (w, out) in weights.iter().zip(&outs) {
                    let (w, out) = (line(w), line(out));
                    (0..2).for_each(|k| values[k] += w[k] * out[k]);
                }
            }
            let mean = half().pow([5 - j as u64]);
            rounds.push(sumcheck.round(session, half(), &values.map(|v| v * mean)));
            let r = sumcheck.bound[sumcheck.bound.len() - 1];
            for arrays in [&mut message, &mut previous, &mut outs, &mut weights] {
                arrays.iter_mut().for_each(|array| *array = fold(array, r));
            }
            eq = fold(&eq, r);
        }
        let message = std::array::from_fn(|l| message[l][0]);
        let (previous, out) = (std::array::from_fn(|l| previous[l][0]), std::array::from_fn(|l| outs[l][0]));
        session.absorb(&message);
        session.absorb(&previous);
        session.absorb(&out);
        ChainProof { rounds, message, previous, out }
    }
}

/// The lanes of one block that enter linearly.
#[derive(Clone, Copy)]
struct BlockOf<'a> {
    previous: &'a Block<LANES>,
    out: &'a Block<LANES>,
}

/// A later variable, from folded lanes.
fn row_round(rest: &[Fr], weights: &[Fr], rows: &[Fr]) -> [Fr; 3] {
    sum(rest.len(), |group| {
        let (low, high) = rows[4 * group * CELLS..4 * (group + 1) * CELLS].split_at(2 * CELLS);
        let mut values = [Fr::ZERO; 3];
        for (cell, weight) in weights.iter().enumerate() {
            let (m, p) = (three(&low[cell], &high[cell]), three(&low[CELLS + cell], &high[CELLS + cell]));
            (0..3).for_each(|i| values[i] += m[i] * p[i] * weight);
        }
        values.map(|v| v * rest[group])
    })
}

/// Folds rows of `width` elements: row `i` becomes that of rows `2i` and `2i + 1` with their variable bound to `r`.
fn fold_rows(rows: &[Fr], width: usize, r: Fr) -> Vec<Fr> {
    let mut out = vec![Fr::ZERO; rows.len() / 2];
    out.par_chunks_mut(width).zip(rows.par_chunks(2 * width)).for_each(|(out, rows)| {
        let (low, high) = rows.split_at(width);
        for ((out, low), high) in out.iter_mut().zip(low).zip(high) {
            *out = low + r * (high - low);
        }
    });
    out
}
