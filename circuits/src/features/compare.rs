//! Compare: numbers against constants, for counts, ranks and ages.
//!
//! Statement: `bit = 1` if `x >= bound`, else 0. A count is the number of numbers that reach one bound, a rank the number of
//! bounds that one number reaches, an age the blocks since the oldest number that is not 0 (`missing` if there is none).

use crate::{
    fixed::{FEATURE_BITS, FEATURE_MAX, FRAC_BITS, ONE, to_field, to_integer},
    score::sheet::{Cell, Sheet, value},
};
use halo2_base::{
    QuantumCell::{Constant, Existing},
    gates::GateInstructions,
    halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr},
};

/// How many of `numbers` reach `bound`, as a fixed-point number.
pub fn count(numbers: &[i64], bound: i64) -> i64 {
    numbers.iter().filter(|n| **n >= bound).count() as i64 * ONE
}

/// How many of `bounds` are reached by `number`, as a fixed-point number.
pub fn rank(number: i64, bounds: &[i64]) -> i64 {
    bounds.iter().filter(|b| number >= **b).count() as i64 * ONE
}

/// `back_blocks` of the oldest of `numbers` that is not 0, as a fixed-point number; both newest first.
pub fn age(numbers: &[i64], back_blocks: &[u64], missing: i64) -> i64 {
    let oldest = numbers.iter().zip(back_blocks).rev().find(|(n, _)| **n != 0);
    oldest.map_or(missing, |(_, back)| blocks(*back))
}

/// A number of blocks as a fixed-point number, saturated.
fn blocks(back: u64) -> i64 {
    i64::try_from(u128::from(back) << FRAC_BITS).unwrap_or(FEATURE_MAX).min(FEATURE_MAX)
}

/// `x >= bound` as 0 or 1.
///
/// | cell     | range                         | who enforces it |
/// |----------|-------------------------------|-----------------|
/// | x        | `[0, 2^FEATURE_BITS)`         | caller          |
/// | bound    | `(0, 2^FEATURE_BITS)`         | caller          |
/// | returned | 0 or 1, true to its name      | this function   |
///
/// Sound: `x - bound` where the bit is 1, `bound - 1 - x` where it is 0, is in `[0, 2^FEATURE_BITS)`: only one can be.
pub fn reaches(sheet: &mut Sheet, x: Cell, bound: i64, hint: bool) -> Cell {
    let bit = sheet.bit(hint);
    let sign = sheet.gate.mul_add(&mut sheet.ctx, bit, Constant(Fr::from(2)), Constant(-Fr::ONE));
    let above = sheet.gate.sub(&mut sheet.ctx, x, Constant(to_field(i128::from(bound))));
    let size = sheet.gate.mul_add(&mut sheet.ctx, sign, above, bit);
    let size = sheet.gate.sub(&mut sheet.ctx, size, Constant(Fr::ONE));
    sheet.check_bits(size, FEATURE_BITS);
    bit
}

fn apply(sheet: &mut Sheet, x: Cell, bound: i64) -> Cell {
    let hint = to_integer(value(&x)) >= i128::from(bound);
    reaches(sheet, x, bound, hint)
}

/// `Σ bits` as a fixed-point number.
fn total(sheet: &mut Sheet, bits: &[Cell]) -> Cell {
    let sum = sheet.gate.sum(&mut sheet.ctx, bits.iter().map(|b| Existing(*b)));
    sheet.gate.mul(&mut sheet.ctx, sum, Constant(Fr::from(ONE as u64)))
}

/// [`count`] in the circuit; assumes and returns numbers.
pub fn constrain_count(sheet: &mut Sheet, cells: &[Cell], bound: i64) -> Cell {
    let bits: Vec<Cell> = cells.iter().map(|cell| apply(sheet, *cell, bound)).collect();
    total(sheet, &bits)
}

/// [`rank`] in the circuit; assumes and returns numbers.
pub fn constrain_rank(sheet: &mut Sheet, cell: Cell, bounds: &[i64]) -> Cell {
    let bits: Vec<Cell> = bounds.iter().map(|bound| apply(sheet, cell, *bound)).collect();
    total(sheet, &bits)
}

/// [`age`] in the circuit; assumes numbers.
pub fn constrain_age(sheet: &mut Sheet, cells: &[Cell], back_blocks: &[u64], missing: i64) -> Cell {
    let mut age = sheet.constant(to_field(i128::from(missing)));
    for (cell, back) in cells.iter().zip(back_blocks) {
        let absent = sheet.gate.is_zero(&mut sheet.ctx, *cell);
        age = sheet.gate.select(&mut sheet.ctx, age, Constant(to_field(i128::from(blocks(*back)))), absent);
    }
    age
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    #[test_case(&[1, 0, 5, 4], &[1, 4, 5])]
    #[test_case(&[0, 0], &[1])]
    #[test_case(&[FEATURE_MAX], &[FEATURE_MAX, FEATURE_MAX])]
    fn equals_the_native_numbers(numbers: &[i64], bounds: &[i64]) {
        let backs: Vec<u64> = (0..numbers.len() as u64).map(|i| i << 37).collect();
        let mut sheet = Sheet::default();
        let cells: Vec<Cell> = numbers.iter().map(|n| sheet.witness(Fr::from(*n as u64))).collect();
        let got = [
            constrain_count(&mut sheet, &cells, bounds[0]),
            constrain_rank(&mut sheet, cells[0], bounds),
            constrain_age(&mut sheet, &cells, &backs, -ONE),
        ];
        assert_eq!(sheet.violations(&[]), []);
        let native = [count(numbers, bounds[0]), rank(numbers[0], bounds), age(numbers, &backs, -ONE)];
        assert_eq!(got.map(|c| value(&c)), native.map(|v| to_field(i128::from(v))));
    }

    #[test]
    fn known_values() {
        assert_eq!(count(&[3, 0, 1], 1), 2 * ONE);
        assert_eq!(rank(5, &[1, 5, 6]), 2 * ONE);
        assert_eq!(age(&[3, 2, 0], &[0, 600, 1_200], -ONE), 600 * ONE);
        assert_eq!(age(&[0], &[0], -ONE), -ONE);
        assert_eq!(age(&[1], &[1 << 39], 0), FEATURE_MAX);
    }

    #[test_case(7, true, true; "above")]
    #[test_case(5, true, true; "equal")]
    #[test_case(4, false, true; "below")]
    #[test_case(4, true, false; "below called above")]
    #[test_case(5, false, false; "equal called below")]
    fn accepts_only_the_true_bit(x: u64, claim: bool, accept: bool) {
        let mut sheet = Sheet::default();
        let cell = sheet.witness(Fr::from(x));
        reaches(&mut sheet, cell, 5, claim);
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }

    #[test]
    fn a_bit_is_a_bit() {
        let mut sheet = Sheet::default();
        let cell = sheet.witness(Fr::from(7));
        let bit = reaches(&mut sheet, cell, 5, true);
        bit.debug_prank(&mut sheet.ctx, Fr::from(2));
        assert!(!sheet.violations(&[]).is_empty());
    }
}
