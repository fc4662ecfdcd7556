//! Average: the exponential moving average of numbers, newest first.
//!
//! Statement: `floor(Σ weight_i n_i / 2^WEIGHT_BITS)`, where the weights are integers of sum `2^WEIGHT_BITS` that the plan
//! fixes: the newest number has `alpha`, each older one `alpha` of what is left, the oldest all that is left.

use crate::{
    fixed::{FEATURE_BITS, power_of_two, to_field, to_integer},
    score::sheet::{Cell, Sheet, value},
};
use halo2_base::{
    QuantumCell::{Constant, Existing},
    gates::GateInstructions,
    halo2_proofs::halo2curves::bn256::Fr,
};

/// Bits of the weights' sum.
pub const WEIGHT_BITS: usize = 32;

/// A division by `2^WEIGHT_BITS`, as the prover claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Rounded down.
    pub quotient: i128,
    /// Below `2^WEIGHT_BITS`.
    pub remainder: i128,
}

/// The honest division.
pub fn hint(sum: i128) -> Hint {
    Hint { quotient: sum >> WEIGHT_BITS, remainder: sum & ((1 << WEIGHT_BITS) - 1) }
}

/// The weights of `count` numbers; `alpha` with [`WEIGHT_BITS`] fraction bits.
pub fn weights(alpha: u32, count: usize) -> Vec<u64> {
    let mut left = 1_u64 << WEIGHT_BITS;
    let mut weights: Vec<u64> = Vec::with_capacity(count);
    for _ in 1..count {
        let weight = ((u128::from(left) * u128::from(alpha)) >> WEIGHT_BITS) as u64;
        weights.push(weight);
        left -= weight;
    }
    weights.push(left);
    weights
}

/// The average, natively.
pub fn run(alpha: u32, numbers: &[i64]) -> i64 {
    let terms = weights(alpha, numbers.len()).into_iter().zip(numbers);
    hint(terms.map(|(w, n)| i128::from(w) * i128::from(*n)).sum()).quotient as i64
}

/// The average of `cells`.
///
/// | cell      | range                  | who enforces it |
/// |-----------|------------------------|-----------------|
/// | cells     | `[0, 2^FEATURE_BITS)`  | caller          |
/// | remainder | `[0, 2^WEIGHT_BITS)`   | this function   |
/// | returned  | `[0, 2^FEATURE_BITS)`  | this function   |
///
/// Sound: both sides stay below `2^(FEATURE_BITS + WEIGHT_BITS + 1) < p`.
pub fn constrain(sheet: &mut Sheet, alpha: u32, cells: &[Cell], hint: impl Fn(i128) -> Hint) -> Cell {
    let weights = weights(alpha, cells.len()).into_iter().map(|w| Constant(Fr::from(w)));
    let sum = sheet.gate.inner_product(&mut sheet.ctx, cells.iter().map(|c| Existing(*c)).collect::<Vec<_>>(), weights);
    let hint = hint(to_integer(value(&sum)));
    let [quotient, remainder] = [hint.quotient, hint.remainder].map(|v| sheet.witness(to_field(v)));
    sheet.check_bits(quotient, FEATURE_BITS);
    sheet.check_bits(remainder, WEIGHT_BITS);
    let scale = Constant(power_of_two(WEIGHT_BITS));
    sheet.ctx.assign_region([Existing(remainder), Existing(quotient), scale, Existing(sum)], [0]);
    quotient
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::{FEATURE_MAX, ONE};
    use test_case::test_case;

    #[test]
    fn weights_have_the_sum_one() {
        for alpha in [0, 1, 1 << 31, u32::MAX] {
            for count in [1, 2, 48] {
                assert_eq!(weights(alpha, count).iter().sum::<u64>(), 1 << WEIGHT_BITS, "{alpha} {count}");
            }
        }
        assert_eq!(weights(1 << 31, 3), [1 << 31, 1 << 30, 1 << 30]);
        assert_eq!(run(1 << 31, &[4 * ONE, 2 * ONE, 0]), 5 * ONE / 2);
    }

    #[test_case(&[FEATURE_MAX; 48])]
    #[test_case(&[0, FEATURE_MAX])]
    #[test_case(&[7])]
    #[test_case(&[100_000, 3, 65_537])]
    fn equals_the_native_average(numbers: &[i64]) {
        for alpha in [0, 1 << 30, u32::MAX] {
            let mut sheet = Sheet::default();
            let cells: Vec<Cell> = numbers.iter().map(|n| sheet.witness(Fr::from(*n as u64))).collect();
            let out = constrain(&mut sheet, alpha, &cells, hint);
            assert_eq!(sheet.violations(&[]), []);
            assert_eq!(value(&out), Fr::from(run(alpha, numbers) as u64));
        }
    }

    // half of 7: 3, and half of 2^32 left
    #[test_case(true, 3, 1 << 31; "honest")]
    #[test_case(false, 4, 1 << 31; "wrong equation")]
    #[test_case(false, 2, 3 << 31; "remainder too large")]
    #[test_case(false, 4, -(1 << 31); "remainder below zero")]
    fn accepts_only_the_true_average(accept: bool, quotient: i128, remainder: i128) {
        let mut sheet = Sheet::default();
        let cells = [7, 0].map(|n| sheet.witness(Fr::from(n)));
        constrain(&mut sheet, 1 << 31, &cells, |_| Hint { quotient, remainder });
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }
}
