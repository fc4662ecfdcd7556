//! Spread: the standard deviation of numbers, and how many of them the newest is away from their mean.
//!
//! Statement, over the integers, with `c` numbers, `d = c Σ n^2 - (Σ n)^2` and `r = floor(sqrt(d))`:
//! the deviation is `floor(r / c)`; the z-score is `floor((c newest - Σ n) 2^FRAC_BITS / r)`, or `missing` if `r = 0`.

use super::extract::select;
use crate::{
    fixed::{FEATURE_BITS, FRAC_BITS, power_of_two, to_field, to_integer},
    layers::root,
    plan::MAX_FACTS,
    score::sheet::{Cell, Sheet, value},
};
use halo2_base::{
    QuantumCell::{Constant, Existing},
    gates::GateInstructions,
    halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr},
};

/// Bits of `d`: at most `MAX_FACTS^2 2^(2 FEATURE_BITS)`.
const SQUARE_BITS: usize = 2 * FEATURE_BITS + 12;
const _: () = assert!(MAX_FACTS * MAX_FACTS <= 1 << 12);
/// Bits of `r`, and of the divisions by it.
const ROOT_BITS: usize = SQUARE_BITS / 2 + 1;
/// Bits of a z-score with its sign: its magnitude is at most `2 sqrt(c)`.
const SCORE_BITS: usize = 26;

/// A division, as the prover claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Rounded down.
    pub quotient: i128,
    /// Below the divisor.
    pub remainder: i128,
}

fn divide(numerator: i128, divisor: i128) -> Hint {
    let divisor = divisor.max(1);
    Hint { quotient: numerator.div_euclid(divisor), remainder: numerator.rem_euclid(divisor) }
}

fn sums(numbers: &[i64]) -> (i128, i128) {
    let sum = numbers.iter().map(|n| i128::from(*n)).sum::<i128>();
    let squares = numbers.iter().map(|n| i128::from(*n).pow(2)).sum::<i128>();
    (sum, (numbers.len() as i128 * squares - sum * sum).isqrt())
}

/// The standard deviation of `numbers`, natively.
pub fn deviation(numbers: &[i64]) -> i64 {
    (sums(numbers).1 / numbers.len() as i128) as i64
}

/// The z-score of the first of `numbers`, natively.
pub fn score(numbers: &[i64], missing: i64) -> i64 {
    let (sum, root) = sums(numbers);
    let above = numbers.len() as i128 * i128::from(numbers[0]) - sum;
    if root == 0 { missing } else { divide(above << FRAC_BITS, root).quotient as i64 }
}

/// `(Σ n, r)` of cells that are numbers.
fn constrain_sums(sheet: &mut Sheet, cells: &[Cell]) -> (Cell, Cell) {
    let existing = || cells.iter().map(|c| Existing(*c));
    let sum = sheet.gate.sum(&mut sheet.ctx, existing());
    let squares = sheet.gate.inner_product(&mut sheet.ctx, existing().collect::<Vec<_>>(), existing());
    let all = sheet.gate.mul(&mut sheet.ctx, squares, Constant(Fr::from(cells.len() as u64)));
    let square = sheet.gate.mul(&mut sheet.ctx, sum, sum);
    let d = sheet.gate.sub(&mut sheet.ctx, all, square);
    (sum, root::apply(sheet, d, SQUARE_BITS))
}

/// Enforces `numerator = quotient * divisor + remainder` and `0 <= remainder < divisor`; returns the quotient.
fn constrain_division(sheet: &mut Sheet, numerator: Cell, divisor: Cell, hint: Hint) -> Cell {
    let [quotient, remainder] = [hint.quotient, hint.remainder].map(|v| sheet.witness(to_field(v)));
    let most = sheet.gate.sub(&mut sheet.ctx, divisor, Constant(Fr::ONE));
    sheet.check_at_most(remainder, Existing(most), ROOT_BITS);
    let equation = [Existing(remainder), Existing(quotient), Existing(divisor), Existing(numerator)];
    sheet.ctx.assign_region(equation, [0]);
    quotient
}

fn division_hint(numerator: &Cell, divisor: &Cell) -> Hint {
    divide(to_integer(value(numerator)), to_integer(value(divisor)))
}

/// The standard deviation of `cells`.
///
/// | cell      | range                 | who enforces it |
/// |-----------|-----------------------|-----------------|
/// | cells     | `[0, 2^FEATURE_BITS)`, at most [`MAX_FACTS`] | caller |
/// | remainder | `[0, count)`          | this function   |
/// | returned  | `[0, 2^FEATURE_BITS)` | this function   |
///
/// Sound: all sums stay below `2^SQUARE_BITS < p`, and `d` is not negative by Cauchy and Schwarz.
pub fn constrain_deviation(sheet: &mut Sheet, cells: &[Cell], hint: impl Fn(&Cell, &Cell) -> Hint) -> Cell {
    let (_, root) = constrain_sums(sheet, cells);
    let count = sheet.constant(Fr::from(cells.len() as u64));
    let hint = hint(&root, &count);
    let quotient = constrain_division(sheet, root, count, hint);
    sheet.check_bits(quotient, FEATURE_BITS);
    quotient
}

/// The z-score of the first of `cells`.
///
/// | cell      | range                  | who enforces it |
/// |-----------|------------------------|-----------------|
/// | cells     | `[0, 2^FEATURE_BITS)`, at most [`MAX_FACTS`] | caller |
/// | remainder | `[0, r)`, 0 if `r = 0` | this function   |
/// | returned  | `(-2^25, 2^25)` or missing | this function |
///
/// Sound: `|c newest - Σ n| <= sqrt(c - 1) (r + 1)`, so the quotient fits; both sides stay below `2^(26 + 59) < p`.
pub fn constrain_score(sheet: &mut Sheet, cells: &[Cell], missing: i64, hint: impl Fn(&Cell, &Cell) -> Hint) -> Cell {
    let (sum, root) = constrain_sums(sheet, cells);
    let all = sheet.gate.mul(&mut sheet.ctx, cells[0], Constant(Fr::from(cells.len() as u64)));
    let above = sheet.gate.sub(&mut sheet.ctx, all, sum);
    let above = sheet.gate.mul(&mut sheet.ctx, above, Constant(power_of_two(FRAC_BITS)));
    let flat = sheet.gate.is_zero(&mut sheet.ctx, root);
    let divisor = sheet.gate.add(&mut sheet.ctx, root, flat);
    let hint = hint(&above, &divisor);
    let quotient = constrain_division(sheet, above, divisor, hint);
    let shifted = sheet.gate.add(&mut sheet.ctx, quotient, Constant(power_of_two(SCORE_BITS - 1)));
    sheet.check_bits(shifted, SCORE_BITS);
    let spread = sheet.gate.not(&mut sheet.ctx, flat);
    select(sheet, spread, quotient, missing)
}

/// [`constrain_deviation`] with the honest hint.
pub fn apply_deviation(sheet: &mut Sheet, cells: &[Cell]) -> Cell {
    constrain_deviation(sheet, cells, division_hint)
}

/// [`constrain_score`] with the honest hint.
pub fn apply_score(sheet: &mut Sheet, cells: &[Cell], missing: i64) -> Cell {
    constrain_score(sheet, cells, missing, division_hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::{FEATURE_MAX, ONE};
    use test_case::test_case;

    #[test]
    fn known_values() {
        let numbers = [2, 4, 4, 4, 5, 5, 7, 9].map(|n| n * ONE);
        assert_eq!(deviation(&numbers), 2 * ONE);
        assert_eq!(score(&numbers, 0), -3 * ONE / 2); // mean 5
        assert_eq!(score(&[3, 3, 3], 77), 77);
    }

    #[test_case(&[5, 5]; "flat")]
    #[test_case(&[0, FEATURE_MAX, 0]; "widest")]
    #[test_case(&[FEATURE_MAX; 48]; "largest")]
    #[test_case(&[1, 0]; "smallest")]
    #[test_case(&[100_000, 70_000, 1, 65_536, 12]; "some")]
    fn equals_the_native_numbers(numbers: &[i64]) {
        let mut sheet = Sheet::default();
        let cells: Vec<Cell> = numbers.iter().map(|n| sheet.witness(Fr::from(*n as u64))).collect();
        let got = [apply_deviation(&mut sheet, &cells), apply_score(&mut sheet, &cells, -ONE)].map(|c| value(&c));
        assert_eq!(sheet.violations(&[]), []);
        assert_eq!(got, [deviation(numbers), score(numbers, -ONE)].map(|v| to_field(i128::from(v))));
    }

    // 10 and 0 of 2: r = 10, deviation 5
    #[test_case(true, 5, 0; "honest")]
    #[test_case(false, 6, 0; "wrong equation")]
    #[test_case(false, 4, 2; "remainder not below the count")]
    #[test_case(false, 6, -2; "remainder below zero")]
    fn accepts_only_the_true_deviation(accept: bool, quotient: i128, remainder: i128) {
        let mut sheet = Sheet::default();
        let cells = [10, 0].map(|n| sheet.witness(Fr::from(n)));
        constrain_deviation(&mut sheet, &cells, |_, _| Hint { quotient, remainder });
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }

    // 9, 0 and 0: r = floor(sqrt(162)) = 12, c newest - Σ = 18
    #[test_case(true, 3 << 15, 0; "honest")]
    #[test_case(false, 3 << 14, 0; "wrong equation")]
    #[test_case(false, (3 << 15) - 1, 12; "remainder not below the root")]
    #[test_case(false, (3 << 15) + 1, -12; "remainder below zero")]
    fn accepts_only_the_true_score(accept: bool, quotient: i128, remainder: i128) {
        let mut sheet = Sheet::default();
        let cells = [9, 0, 0].map(|n| sheet.witness(Fr::from(n)));
        constrain_score(&mut sheet, &cells, 0, |_, _| Hint { quotient, remainder });
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }
}
