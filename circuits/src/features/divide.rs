//! Divide: floored division of features, for means and ratios.
//!
//! Statement: `numerator = quotient * divisor + remainder` with `0 <= remainder < divisor`, over the integers.

use super::extract::select;
use crate::{
    fixed::{FEATURE_BITS, FEATURE_MAX, FRAC_BITS, power_of_two, to_field, to_integer},
    score::sheet::{Cell, Sheet, value},
};
use halo2_base::{
    QuantumCell::{Constant, Existing},
    gates::GateInstructions,
    halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr},
};

/// A division, as the prover claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Bits of the quotient above [`FEATURE_BITS`].
    pub quotient_high: i128,
    /// Below `2^FEATURE_BITS`.
    pub quotient_low: i128,
    /// Below the divisor.
    pub remainder: i128,
    /// Is the divisor of a ratio positive?
    pub positive: bool,
}

/// The honest division; a divisor that is not positive is replaced by 1, as the circuit does.
pub fn hint(numerator: i128, divisor: i128) -> Hint {
    let positive = divisor > 0;
    let divisor = if positive { divisor } else { 1 };
    let (quotient, remainder) = (numerator.div_euclid(divisor), numerator.rem_euclid(divisor));
    Hint {
        quotient_high: quotient >> FEATURE_BITS,
        quotient_low: quotient & i128::from(FEATURE_MAX),
        remainder,
        positive,
    }
}

/// The mean of `cells`, rounded down.
///
/// | cell      | range                  | who enforces it |
/// |-----------|------------------------|-----------------|
/// | cells     | `[0, 2^FEATURE_BITS)`  | caller          |
/// | remainder | `[0, count)`           | this function   |
/// | returned  | `[0, 2^FEATURE_BITS)`  | this function   |
///
/// Sound: both sides stay below `2^(FEATURE_BITS + 7) < p`.
pub fn mean(sheet: &mut Sheet, cells: &[Cell], hint: Hint) -> Cell {
    let count = cells.len() as u64;
    let sum = sheet.gate.sum(&mut sheet.ctx, cells.iter().map(|c| Existing(*c)));
    let [quotient, remainder] = [hint.quotient_low, hint.remainder].map(|v| sheet.witness(to_field(v)));
    sheet.check_bits(quotient, FEATURE_BITS);
    sheet.check_at_most(remainder, Constant(Fr::from(count - 1)), 64 - count.leading_zeros() as usize);
    let equation = [Existing(remainder), Existing(quotient), Constant(Fr::from(count)), Existing(sum)];
    sheet.ctx.assign_region(equation, [0]);
    quotient
}

/// The honest hint of [`mean`].
pub fn mean_hint(cells: &[Cell]) -> Hint {
    hint(cells.iter().map(|c| to_integer(value(c))).fold(0, i128::wrapping_add), cells.len() as i128)
}

/// `numerator / denominator` as a feature, saturated; `missing` unless the denominator is positive.
///
/// | cell          | range                        | who enforces it |
/// |---------------|------------------------------|-----------------|
/// | numerator     | `[0, 2^FEATURE_BITS)`        | caller          |
/// | denominator   | `(-2^FEATURE_BITS, 2^FEATURE_BITS)` | caller   |
/// | positive      | 0 or 1, true to its name     | this function   |
/// | quotient_low  | `[0, 2^FEATURE_BITS)`        | this function   |
/// | quotient_high | `[0, 2^26)`                  | this function   |
/// | remainder     | `[0, divisor)`               | this function   |
/// | returned      | `[0, FEATURE_MAX]` or missing | this function  |
///
/// Sound: both sides stay below `2^(78 + 52 + 1) < p`.
pub fn ratio(sheet: &mut Sheet, numerator: Cell, denominator: Cell, missing: i64, hint: Hint) -> Cell {
    let positive = sheet.bit(hint.positive);
    // positive: denominator - 1 >= 0; else -denominator >= 0; both are (2 positive - 1) denominator - positive
    let sign = sheet.gate.mul_add(&mut sheet.ctx, positive, Constant(Fr::from(2)), Constant(-Fr::ONE));
    let size = sheet.gate.mul(&mut sheet.ctx, sign, denominator);
    let size = sheet.gate.sub(&mut sheet.ctx, size, positive);
    sheet.check_bits(size, FEATURE_BITS);
    let divisor = select(sheet, positive, denominator, 1);

    let [low, high, remainder] =
        [hint.quotient_low, hint.quotient_high, hint.remainder].map(|v| sheet.witness(to_field(v)));
    sheet.check_bits(low, FEATURE_BITS);
    sheet.check_bits(high, 26);
    let most = sheet.gate.sub(&mut sheet.ctx, divisor, Constant(Fr::ONE));
    sheet.check_at_most(remainder, Existing(most), FEATURE_BITS);
    let quotient = sheet.gate.mul_add(&mut sheet.ctx, high, Constant(power_of_two(FEATURE_BITS)), low);
    let scaled = sheet.gate.mul(&mut sheet.ctx, numerator, Constant(power_of_two(FRAC_BITS)));
    sheet.ctx.assign_region([Existing(remainder), Existing(quotient), Existing(divisor), Existing(scaled)], [0]);

    let fits = sheet.gate.is_zero(&mut sheet.ctx, high);
    let saturated = select(sheet, fits, low, FEATURE_MAX);
    select(sheet, positive, saturated, missing)
}

/// The honest hint of [`ratio`].
pub fn ratio_hint(numerator: &Cell, denominator: &Cell) -> Hint {
    let numerator = to_integer(value(numerator)).wrapping_shl(FRAC_BITS as u32);
    hint(numerator, to_integer(value(denominator)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{features, fixed::ONE};
    use test_case::test_case;

    fn claim(quotient: i128, remainder: i128, positive: bool) -> Hint {
        Hint { quotient_high: quotient >> 52, quotient_low: quotient & i128::from(FEATURE_MAX), remainder, positive }
    }

    // 10 + 11 + 11 = 3 * 10 + 2
    #[test_case(true, 10, 2; "honest")]
    #[test_case(false, 11, 2; "wrong equation")]
    #[test_case(false, 9, 5; "remainder not below the count")]
    #[test_case(false, 11, -1; "remainder below zero")]
    #[test_case(false, -1, 35; "quotient below zero")]
    fn accepts_only_the_true_mean(accept: bool, quotient: i128, remainder: i128) {
        let mut sheet = Sheet::default();
        let cells = [10, 11, 11].map(|v| sheet.witness(Fr::from(v)));
        let claim = Hint { quotient_high: 0, quotient_low: quotient, remainder, positive: true };
        mean(&mut sheet, &cells, claim);
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }

    #[test_case(7, 3)]
    #[test_case(7, 0)]
    #[test_case(7, -3)]
    #[test_case(FEATURE_MAX, 1)]
    #[test_case(0, FEATURE_MAX)]
    #[test_case(FEATURE_MAX, FEATURE_MAX)]
    #[test_case(FEATURE_MAX, -FEATURE_MAX)]
    fn equals_the_native_ratio(a: i64, b: i64) {
        let mut sheet = Sheet::default();
        let [x, y] = [a, b].map(|v| sheet.witness(to_field(i128::from(v))));
        let out = ratio(&mut sheet, x, y, -5, ratio_hint(&x, &y));
        assert_eq!(sheet.violations(&[]), []);
        assert_eq!(value(&out), to_field(i128::from(features::ratio(a, b, -5))));
    }

    // 7 / 3 = 2.33…: 7 * 65536 = 3 * 152917 + 1
    #[test_case(3, true, claim(152_917, 1, true); "honest")]
    #[test_case(3, false, claim(152_916, 4, true); "remainder not below the divisor")]
    #[test_case(3, false, claim(152_918, -2, true); "remainder below zero")]
    #[test_case(3, false, claim(152_918, 1, true); "wrong equation")]
    #[test_case(3, false, claim(7 * 65_536, 0, false); "positive called missing")]
    #[test_case(-3, true, claim(7 * 65_536, 0, false); "honest, missing")]
    #[test_case(-3, false, claim(-152_917, 1, true); "negative called positive")]
    #[test_case(0, false, claim(7 * 65_536, 0, true); "zero called positive")]
    fn accepts_only_the_true_ratio(denominator: i128, accept: bool, claim: Hint) {
        let mut sheet = Sheet::default();
        let (x, y) = (sheet.witness(Fr::from(7)), sheet.witness(to_field(denominator)));
        ratio(&mut sheet, x, y, -ONE, claim);
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }
}
