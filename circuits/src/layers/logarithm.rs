//! Logarithm: `log2` of a positive integer, as a fixed-point number.
//!
//! Statement, over the integers: `x 2^(62 - e) = 2^62 + index 2^52 + position 2^39 + rest` with `index < 2^10`,
//! `position < 2^13` and `rest < 2^39`; the result is `e` and the line of [`Curve::Mantissa`] at `(index, position)`.
//!
//! Error: below 9e-6, of which 7.7e-6 is the rounding of the result to 16 bits.

use super::curve::{self, Curve};
use crate::{
    fixed::{power_of_two, to_field, to_integer},
    score::sheet::{Cell, LIMB_BITS, Sheet, value},
};
use halo2_base::{
    QuantumCell::{Constant, Existing},
    gates::GateInstructions,
    halo2_proofs::halo2curves::bn256::Fr,
};

/// Bits of the scaled integer, without its leading one.
const SCALED_BITS: usize = 62;
/// Bits below index and position.
const REST_BITS: usize = 3 * LIMB_BITS;
/// Bits of the largest integer.
pub const INPUT_BITS: usize = 53;

/// What the prover claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// `floor(log2 x)`.
    pub exponent: i128,
    /// The fraction, with the exponent in its result.
    pub line: curve::Line,
    /// Bits of the scaled integer that are below the position.
    pub rest: i128,
}

/// The honest hint; what is not positive counts as 1.
pub fn hint(x: i128) -> Hint {
    let x = x.clamp(1, (1 << INPUT_BITS) - 1);
    let exponent = x.ilog2() as usize;
    let scaled = (x << (SCALED_BITS - exponent)) - (1 << SCALED_BITS);
    let index = scaled >> (REST_BITS + LIMB_BITS);
    let position = scaled >> REST_BITS & ((1 << LIMB_BITS) - 1);
    let exponent = exponent as i128;
    Hint {
        exponent,
        line: curve::line(Curve::Mantissa, index, position, exponent),
        rest: scaled & ((1 << REST_BITS) - 1),
    }
}

/// The native result, with [`crate::fixed::FRAC_BITS`] fraction bits.
pub fn run(x: i128) -> i128 {
    to_integer(hint(x).line.result)
}

/// `log2(x)`.
///
/// | cell     | range                              | who enforces it |
/// |----------|------------------------------------|-----------------|
/// | x        | `[1, 2^53)`                        | caller          |
/// | exponent | `[0, 54)`                          | the lookup of its power |
/// | index    | `[0, 2^10)`                        | the lookup of its sample |
/// | position | `[0, 2^13)`                        | [`curve::interpolate`] |
/// | rest     | `[0, 2^39)`                        | this function   |
/// | returned | `[0, 53]`                          | follows         |
///
/// Sound: both sides stay below `2^(53 + 62) < p`. The right side is in `[2^62, 2^63)`, which fixes the exponent.
pub fn constrain(sheet: &mut Sheet, x: Cell, hint: Hint) -> Cell {
    let power = |e: i128| to_field(1 << (SCALED_BITS as i128 - e).clamp(0, 100));
    let exponent = sheet.witness(to_field(hint.exponent));
    let [power, next] = [0, 1].map(|i| sheet.witness(power(hint.exponent + i)));
    sheet.check_bits(exponent, LIMB_BITS);
    sheet.check_point(Curve::Power, exponent, power, next);
    let bits = Curve::Mantissa.value_bits();
    let [result, index, position] = curve::interpolate(sheet, Curve::Mantissa, Some(exponent), bits, hint.line);
    let rest = sheet.witness(to_field(hint.rest));
    sheet.check_bits(rest, REST_BITS);
    let fraction = sheet.gate.mul_add(&mut sheet.ctx, index, Constant(power_of_two(LIMB_BITS)), position);
    let scaled = sheet.gate.mul_add(&mut sheet.ctx, fraction, Constant(power_of_two(REST_BITS)), rest);
    let scaled = sheet.gate.add(&mut sheet.ctx, scaled, Constant(power_of_two(SCALED_BITS)));
    let equation = [Constant(Fr::from(0)), Existing(x), Existing(power), Existing(scaled)];
    sheet.ctx.assign_region(equation, [0]);
    result
}

/// [`constrain`] with the honest hint.
pub fn apply(sheet: &mut Sheet, x: Cell) -> Cell {
    let hint = hint(to_integer(value(&x)));
    constrain(sheet, x, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::ONE;
    use test_case::test_case;

    #[test]
    fn stays_within_its_error_bound() {
        for i in 0..100_000_i128 {
            let x = 1 + i * i * i * 9 % (1 << INPUT_BITS);
            let (y, real) = (run(x) as f64 / ONE as f64, (x as f64).log2());
            assert!((y - real).abs() < 9e-6, "at {x}: {y}, {real}");
        }
    }

    #[test]
    fn equals_the_native_function() {
        for x in [1, 2, 3, 65_535, 65_536, 65_537, (1 << 52) - 1, 1 << 52, (1 << 53) - 1] {
            let mut sheet = Sheet::default();
            let cell = sheet.witness(to_field(x));
            let out = apply(&mut sheet, cell);
            assert_eq!(sheet.violations(&[]), [], "at {x}");
            assert_eq!(value(&out), to_field(run(x)), "at {x}");
        }
    }

    const X: i128 = 3 << 40;

    fn claim(change: fn(&mut Hint)) -> Hint {
        let mut hint = hint(X);
        change(&mut hint);
        hint
    }

    fn at(hint: &mut Hint, exponent: i128, index: i128, rest: i128) {
        let position = hint.line.position;
        *hint = Hint { exponent, rest, line: curve::line(Curve::Mantissa, index, position, exponent) };
    }

    // 3 * 2^40: exponent 41, index 512
    #[test_case(true, |h| at(h, 41, 512, 0); "honest")]
    #[test_case(false, |h| at(h, 40, 512 + 1_536, 0); "exponent too small, mantissa above 2")]
    #[test_case(false, |h| at(h, 42, -256, 0); "exponent too large, mantissa below 1")]
    #[test_case(false, |h| at(h, 41, 511, 1 << 52); "rest too large")]
    #[test_case(false, |h| at(h, 41, 513, -(1 << 52)); "rest below zero")]
    #[test_case(false, |h| at(h, 41, 510, 0); "another place")]
    #[test_case(false, |h| h.exponent = 63; "power beyond the table")]
    #[test_case(false, |h| h.line.result += Fr::from(1); "wrong value")]
    fn accepts_only_the_true_logarithm(accept: bool, change: fn(&mut Hint)) {
        let mut sheet = Sheet::default();
        let cell = sheet.witness(to_field(X));
        constrain(&mut sheet, cell, claim(change));
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }
}
