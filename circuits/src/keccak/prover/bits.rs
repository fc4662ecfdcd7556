//! States of many instances, bit by bit, and tables of what eight instances' bits fold to.
//!
//! While the first three instance variables are bound, a folded bit is a function of at most eight bits: where it is not cheaper to
//! compute, it is looked up.

use super::words::turn;
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use rayon::prelude::*;

/// Instance variables bound from the bits.
pub const TABLE_ROUNDS: usize = 3;
/// Instances whose bits share a byte.
pub const BLOCK: usize = 8;

/// Eight instances: bit `i` of byte `[lane][z]` is bit `z` of that lane of instance `i`.
pub type Block<const L: usize> = [[u8; 64]; L];

/// The blocks of `count` instances; instances past the end have zero bits.
pub fn blocks<const L: usize>(count: usize, lanes: impl Fn(usize) -> [u64; L] + Sync) -> Vec<Block<L>> {
    let block = |b: usize| {
        let states: [[u64; L]; BLOCK] =
            std::array::from_fn(|i| if BLOCK * b + i < count { lanes(BLOCK * b + i) } else { [0; L] });
        std::array::from_fn(|lane| transpose(&states.map(|state| state[lane])))
    };
    (0..count.div_ceil(BLOCK)).into_par_iter().map(block).collect()
}

/// Bit `i` of byte `z` is bit `z` of word `i`.
fn transpose(words: &[u64; BLOCK]) -> [u8; 64] {
    let mut out = [0; 64];
    for (k, out) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        *out = turn(words.iter().rev().fold(0, |rows, word| rows << 8 | (word >> (8 * k) & 0xff)));
    }
    out
}

/// What `2^k` bits fold to when their `k` variables are bound to `bound`: index bit `i` is the bit of instance `i`, and
/// counts as `1 - 2 * bit`. `k <= 3`.
pub fn fold_table(bound: &[Fr]) -> Vec<Fr> {
    let mut table = vec![Fr::ONE, -Fr::ONE];
    for r in bound {
        let width = table.len();
        table = (0..width * width)
            .map(|index| {
                let (low, high) = (table[index % width], table[index / width]);
                low + *r * (high - low)
            })
            .collect();
    }
    table
}

/// The values of `low + X (high - low)` at `X = 1, -1` and its slope.
pub fn three(low: &Fr, high: &Fr) -> [Fr; 3] {
    let slope = high - low;
    [*high, low - slope, slope]
}

/// The values of `low + X (high - low)` at `X = 1, -1, 2, -2` and its slope.
pub fn five(low: &Fr, high: &Fr) -> [Fr; 5] {
    let slope = high - low;
    let minus_one = low - slope;
    [*high, minus_one, high + slope, minus_one - slope, slope]
}

/// `nodes` of the line through each pair of entries of `table`; index bits as in [`fold_table`] with one more
/// variable.
pub fn line_table<const P: usize>(table: &[Fr], nodes: impl Fn(&Fr, &Fr) -> [Fr; P]) -> Vec<[Fr; P]> {
    let width = table.len();
    (0..width * width).map(|index| nodes(&table[index % width], &table[index / width])).collect()
}

/// The bits of a group of `2^k` instances, `k <= 3`, from the byte of their block.
pub fn group_bits(byte: u8, group: usize, k: usize) -> usize {
    let size = 1 << k;
    let within = group % (BLOCK / size);
    byte as usize >> (within * size) & ((1 << size) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keccak::poly;

    #[test]
    fn transposition() {
        let words: [u64; 8] = std::array::from_fn(|i| (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let bytes = transpose(&words);
        for (z, byte) in bytes.iter().enumerate() {
            for (i, word) in words.iter().enumerate() {
                assert_eq!(byte >> i & 1, (word >> z & 1) as u8, "word {i}, place {z}");
            }
        }
    }

    #[test]
    fn tables_are_multilinear_extensions() {
        let bound = [3, 5, 7].map(Fr::from);
        let table = fold_table(&bound);
        for index in [0, 1, 0b1011_0010, 255] {
            let signs: Vec<Fr> = (0..8).map(|i| poly::small(1 - 2 * (index >> i & 1))).collect();
            assert_eq!(table[index as usize], poly::evaluate(&signs, &bound), "index {index}");
        }
        let lines = line_table(&fold_table(&bound[..2]), three);
        assert_eq!(lines[0b1011_0010][0], fold_table(&[bound[0], bound[1], Fr::ONE])[0b1011_0010]);
        assert_eq!(lines[0b1011_0010][1], fold_table(&[bound[0], bound[1], -Fr::ONE])[0b1011_0010]);
    }
}
