//! Sigmoid: `1 / (1 + e^-x)` by a table of cubics.
//!
//! Statement: with `a = min(|x|, LIMIT)`, `a = index * 2^15 + t`, and the cubic `c` of segment `index`,
//! `y = (c_0 2^45 + c_1 t 2^30 + c_2 t^2 2^15 + c_3 t^3 + 2^52) div 2^53`; the result is `y` for `x >= 0`, else `1 - y`.
//!
//! Domain: all integers; saturates beyond ±12 (at 1 - 6.2e-6). Error against the real function: below 2e-5, of which
//! 7.7e-6 is the rounding of the result to 16 bits. Not decreasing.

use crate::{
    features::extreme::{self, Side},
    fixed::{FRAC_BITS, ONE, power_of_two, to_field, to_integer},
    score::sheet::{Cell, Sheet, value},
};
use halo2_base::{
    QuantumCell::{Constant, Existing},
    gates::GateInstructions,
    halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr},
};

/// Segments of the table, each of width 1/2.
const SEGMENTS: usize = 24;
/// Bits of the position inside a segment.
const POSITION_BITS: usize = FRAC_BITS - 1;
/// Fraction bits of the coefficients.
const COEFFICIENT_BITS: usize = 24;
/// Bits dropped at the end: `COEFFICIENT_BITS + 3 * POSITION_BITS - FRAC_BITS`.
const DROP_BITS: usize = COEFFICIENT_BITS + 3 * POSITION_BITS - FRAC_BITS;
/// The largest magnitude that is looked up.
const LIMIT: i128 = ((SEGMENTS as i128) << POSITION_BITS) - 1;

/// Cubics through the sigmoid at 0, 1/4, 3/4 and 1 of each segment, in `t / 2^15`, times `2^24`, rounded.
const TABLE: [[i64; 4]; SEGMENTS] = [
    [8_388_608, 2_097_544, -2_294, -40_724],
    [10_443_135, 1_972_357, -127_003, -23_361],
    [12_265_128, 1_650_184, -196_211, -2_477],
    [13_716_624, 1_251_552, -201_426, 10_572],
    [14_777_323, 880_799, -168_058, 14_464],
    [15_504_527, 587_951, -123_963, 13_027],
    [15_981_542, 378_814, -84_773, 9_855],
    [16_285_438, 238_550, -55_332, 6_802],
    [16_475_457, 148_070, -35_096, 4_455],
    [16_592_886, 91_088, -21_875, 2_829],
    [16_664_929, 55_727, -13_489, 1_765],
    [16_708_930, 33_978, -8_264, 1_088],
    [16_735_732, 20_674, -5_043, 667],
    [16_752_030, 12_564, -3_070, 407],
    [16_761_931, 7_629, -1_866, 248],
    [16_767_942, 4_631, -1_134, 151],
    [16_771_590, 2_810, -688, 91],
    [16_773_803, 1_705, -418, 56],
    [16_775_146, 1_034, -253, 34],
    [16_775_960, 627, -154, 20],
    [16_776_454, 381, -93, 12],
    [16_776_754, 231, -57, 8],
    [16_776_936, 140, -34, 5],
    [16_777_046, 85, -21, 3],
];

/// What the prover claims about one evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Is `x` not negative?
    pub positive: bool,
    /// `min(|x|, LIMIT)`.
    pub magnitude: i128,
    /// The segment.
    pub index: i128,
    /// Position inside the segment.
    pub position: i128,
    /// The value of the cubic, rounded.
    pub result: i128,
    /// What the rounding dropped.
    pub dropped: i128,
}

/// The honest hint.
pub fn hint(x: i128) -> Hint {
    let magnitude = x.checked_abs().unwrap_or(LIMIT).min(LIMIT);
    let (index, position) = (magnitude >> POSITION_BITS, magnitude & ((1 << POSITION_BITS) - 1));
    let sum = cubic(TABLE[index as usize], position) + (1 << (DROP_BITS - 1));
    let result = sum >> DROP_BITS;
    Hint { positive: x >= 0, magnitude, index, position, result, dropped: sum - (result << DROP_BITS) }
}

fn cubic(c: [i64; 4], t: i128) -> i128 {
    c.iter().rev().fold((0, 0), |(sum, order), c| (sum * t + (i128::from(*c) << (POSITION_BITS * order)), order + 1)).0
}

/// The native result.
pub fn run(x: i128) -> i128 {
    let hint = hint(x);
    if hint.positive { hint.result } else { i128::from(ONE) - hint.result }
}

/// | cell      | range                          | who enforces it |
/// |-----------|--------------------------------|-----------------|
/// | x         | `|x| < 2^bits`                 | caller          |
/// | magnitude | `min(|x|, LIMIT)`              | this function   |
/// | index     | `[0, SEGMENTS)`                | the range of index and position, and `magnitude <= LIMIT` |
/// | position  | `[0, 2^15)`                    | this function   |
/// | dropped   | `[0, 2^53)`                    | this function   |
/// | result    | `[0, 2^26)`                    | this function   |
/// | returned  | `[0, ONE]`                     | follows         |
///
/// Sound: all sums stay below `2^(26 + 53 + 1) < p`. For `x = 0` both signs give `ONE / 2`.
pub fn constrain(sheet: &mut Sheet, x: Cell, bits: usize, hint: Hint) -> Cell {
    let positive = sheet.bit(hint.positive);
    let sign = sheet.gate.mul_add(&mut sheet.ctx, positive, Constant(Fr::from(2)), Constant(-Fr::ONE));
    let size = sheet.gate.mul(&mut sheet.ctx, sign, x);
    sheet.check_bits(size, bits);
    let limit = sheet.constant(to_field(LIMIT));
    let magnitude = extreme::constrain(sheet, Side::Min, size, limit, bits.max(21), to_field(hint.magnitude));

    let [index, position] = [hint.index, hint.position].map(|v| sheet.witness(to_field(v)));
    sheet.check_bits(index, 13);
    sheet.check_bits(position, POSITION_BITS);
    let equation = [Existing(position), Existing(index), Constant(power_of_two(POSITION_BITS)), Existing(magnitude)];
    sheet.ctx.assign_region(equation, [0]);

    let indicator = sheet.gate.idx_to_indicator(&mut sheet.ctx, index, SEGMENTS);
    let sum = (0..4).rev().fold(None, |sum: Option<Cell>, order| {
        let scale = power_of_two(POSITION_BITS * (3 - order));
        let column = TABLE.map(|c| Constant(to_field(i128::from(c[order])) * scale));
        let coefficient = sheet.gate.select_by_indicator(&mut sheet.ctx, column, indicator.iter().copied());
        Some(match sum {
            None => coefficient,
            Some(sum) => sheet.gate.mul_add(&mut sheet.ctx, sum, position, coefficient),
        })
    });
    let sum = sum.expect("a cubic has coefficients");
    let sum = sheet.gate.add(&mut sheet.ctx, sum, Constant(power_of_two(DROP_BITS - 1)));

    let [result, dropped] = [hint.result, hint.dropped].map(|v| sheet.witness(to_field(v)));
    sheet.check_bits(result, 26);
    sheet.check_bits(dropped, DROP_BITS);
    let equation = [Existing(dropped), Existing(result), Constant(power_of_two(DROP_BITS)), Existing(sum)];
    sheet.ctx.assign_region(equation, [0]);

    // 1 - y + positive (2 y - 1)
    let mirror = sheet.gate.sub(&mut sheet.ctx, Constant(to_field(i128::from(ONE))), result);
    let difference = sheet.gate.sub(&mut sheet.ctx, result, mirror);
    sheet.gate.mul_add(&mut sheet.ctx, positive, difference, mirror)
}

/// [`constrain`] with the honest hint.
pub fn apply(sheet: &mut Sheet, x: Cell, bits: usize) -> Cell {
    let hint = hint(to_integer(value(&x)));
    constrain(sheet, x, bits, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    #[test]
    fn stays_within_its_error_bound_and_never_decreases() {
        let mut last = 0;
        for x in (-13 * i128::from(ONE)..13 * i128::from(ONE)).step_by(3) {
            let (y, real) = (run(x), 1.0 / (1.0 + (-(x as f64) / ONE as f64).exp()));
            assert!((y as f64 / ONE as f64 - real).abs() < 2e-5, "at {x}: {y}, {real}");
            assert!(y >= last, "at {x}");
            last = y;
        }
        assert_eq!(run(0), i128::from(ONE / 2));
        assert_eq!((run(i128::MIN), run(i128::MAX)), (i128::from(ONE) - last, last));
    }

    #[test]
    fn equals_the_native_function() {
        for x in [0, 1, -1, 32_767, 32_768, -32_768, 400_000, LIMIT, LIMIT + 1, -LIMIT - 1, 1 << 40, -(1 << 40)] {
            let mut sheet = Sheet::default();
            let cell = sheet.witness(to_field(x));
            let out = apply(&mut sheet, cell, 52);
            assert_eq!(sheet.violations(&[]), [], "at {x}");
            assert_eq!(value(&out), to_field(run(x)), "at {x}");
        }
    }

    const X: i128 = 100_000;

    #[test_case(true, hint(X); "honest")]
    #[test_case(false, hint(-X); "wrong sign")]
    #[test_case(false, hint(X + 1); "other magnitude")]
    #[test_case(false, Hint { result: hint(X).result + 1, ..hint(X) }; "wrong equation")]
    #[test_case(false, Hint { result: hint(X).result + 1, dropped: hint(X).dropped - (1 << 53), ..hint(X) }; "dropped below zero")]
    #[test_case(false, Hint { result: hint(X).result - 1, dropped: hint(X).dropped + (1 << 53), ..hint(X) }; "dropped too large")]
    #[test_case(false, Hint { index: 2, position: 34_464, ..hint(X) }; "position outside the segment")]
    fn accepts_only_the_true_value(accept: bool, claim: Hint) {
        let mut sheet = Sheet::default();
        let cell = sheet.witness(to_field(X));
        constrain(&mut sheet, cell, 52, claim);
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }
}
