//! Steps: which of some rising thresholds a number reaches.
//!
//! Statement: for thresholds `T_1 < … < T_n` (weights, in fixed columns), with `T_0 = -2^bits` and `T_(n+1) = 2^bits`: one of
//! `g_0 … g_n` is 1, the others are 0, and `Σ g_j T_j <= x < Σ g_j T_(j+1)`. The result is `u_j = g_j + … + g_n` for each
//! threshold: 1 if it is reached, else 0.

use super::dense;
use crate::{
    fixed::to_field,
    score::sheet::{Cell, LIMB_BITS, Sheet},
};
use halo2_base::{
    QuantumCell::{Constant, Existing, Witness},
    gates::GateInstructions,
    halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr},
};

/// How many of the rising `thresholds` `x` reaches.
pub fn hint(x: i128, thresholds: &[i64]) -> usize {
    thresholds.partition_point(|t| i128::from(*t) <= x)
}

/// The honest `g_0 … g_count` for a number that reaches `reached` thresholds.
pub fn one_hot(reached: usize, count: usize) -> Vec<Fr> {
    (0..=count).map(|j| if j == reached { Fr::ONE } else { Fr::ZERO }).collect()
}

/// `u_1 … u_n`.
///
/// | cell     | range                                        | who enforces it |
/// |----------|----------------------------------------------|-----------------|
/// | x        | `|x| < 2^bits`                               | caller          |
/// | `T_j`    | rising, `|T_j| < 2^bits`, `bits` at most 62  | caller          |
/// | `g_j`    | `[0, 2^13)`, sum 1                           | this function   |
/// | returned | 0 or 1                                       | follows         |
///
/// Sound: `g_j` that are not negative, of sum 1, are 0 but for one; the sum of fewer than `2^13` of them does not wrap.
/// `x - T_j` and `T_(j+1) - 1 - x` are in `[0, 2^(bits + 2))`, so `x` is between the thresholds `j` and `j + 1`.
///
/// # Panics
/// If `bits` is above 62: a shape error, which the model's check refuses before.
pub fn constrain(sheet: &mut Sheet, x: Cell, bits: usize, thresholds: &[i64], claim: &[Fr]) -> Vec<Cell> {
    assert!(bits <= 62, "thresholds of {bits} bits");
    let count = thresholds.len();
    // g_n, then 1, g_j, u_j down to j = 0: u_(j+1) + 1 * g_j = u_j
    let mut cells = vec![Witness(claim[count])];
    let mut sum = claim[count];
    for g in claim[..count].iter().rev() {
        sum += g;
        cells.extend([Constant(Fr::ONE), Witness(*g), Witness(sum)]);
    }
    let start = sheet.ctx.advice.len() as isize;
    sheet.ctx.assign_region(cells, (0..count as isize).map(|i| 3 * i));
    let at = |sheet: &Sheet, i: usize| sheet.ctx.get(start + i as isize);
    let mut one_hot = vec![at(sheet, 0)];
    let mut reached = vec![at(sheet, 0)];
    for i in 0..count {
        one_hot.push(at(sheet, 3 * i + 2));
        reached.push(at(sheet, 3 * i + 3));
    }
    one_hot.reverse();
    reached.reverse();
    for g in &one_hot {
        sheet.check_bits(*g, LIMB_BITS);
    }
    sheet.gate.assert_is_const(&mut sheet.ctx, &reached[0], &Fr::ONE);

    let end = 1_i64 << bits;
    let lower: Vec<i64> = std::iter::once(-end).chain(thresholds.iter().copied()).collect();
    let upper: Vec<i64> = thresholds.iter().copied().chain([end]).collect();
    let chosen = |list: &[i64]| -> i128 {
        let place = claim.iter().position(|g| *g != Fr::ZERO).unwrap_or(0);
        i128::from(list[place])
    };
    let sums = [chosen(&lower), chosen(&upper)];
    let bounds = dense::constrain(sheet, &one_hot, &[lower, upper], &[0, 0], &sums);
    let above = sheet.gate.sub(&mut sheet.ctx, x, bounds[0]);
    let below = sheet.gate.sub(&mut sheet.ctx, bounds[1], x);
    let below = sheet.gate.add(&mut sheet.ctx, Existing(below), Constant(to_field(-1)));
    for gap in [above, below] {
        sheet.check_bits(gap, (bits + 2).next_multiple_of(LIMB_BITS));
    }
    reached.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::sheet::value;
    use test_case::test_case;

    const THRESHOLDS: [i64; 3] = [-50, 0, 70];

    #[test_case(-51, 0)]
    #[test_case(-50, 1)]
    #[test_case(-1, 1)]
    #[test_case(0, 2)]
    #[test_case(69, 2)]
    #[test_case(70, 3)]
    #[test_case((1 << 26) - 1, 3)]
    #[test_case(1 - (1 << 26), 0)]
    fn counts_the_thresholds(x: i128, reached: usize) {
        assert_eq!(hint(x, &THRESHOLDS), reached);
        let mut sheet = Sheet::default();
        let cell = sheet.witness(to_field(x));
        let steps = constrain(&mut sheet, cell, 26, &THRESHOLDS, &one_hot(reached, 3));
        assert_eq!(sheet.violations(&[]), []);
        let steps: Vec<Fr> = steps.iter().map(value).collect();
        assert_eq!(steps, (1..=3).map(|j| Fr::from(u64::from(j <= reached))).collect::<Vec<_>>());
    }

    #[test_case(5, &[0, 0, 1, 0], true; "honest")]
    #[test_case(5, &[0, 0, 0, 1], false; "threshold not reached")]
    #[test_case(5, &[0, 1, 0, 0], false; "next threshold reached")]
    #[test_case(5, &[0, 0, 0, 0], false; "no place")]
    #[test_case(0, &[0, 1, -1, 1], false; "a place less than nothing")]
    fn accepts_only_the_true_place(x: i128, claim: &[i128], accept: bool) {
        let claim: Vec<Fr> = claim.iter().map(|g| to_field(*g)).collect();
        let mut sheet = Sheet::default();
        let cell = sheet.witness(to_field(x));
        constrain(&mut sheet, cell, 26, &THRESHOLDS, &claim);
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }
}
