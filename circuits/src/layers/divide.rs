//! Divide: the rounded quotient of two fixed-point numbers.
//!
//! Statement, over the integers: `2^17 n + d = 2 d q + r` with `0 <= r < 2 d`; so `q = floor(2^16 n / d + 1/2)`.

use crate::{
    fixed::{FRAC_BITS, power_of_two, to_field, to_integer},
    score::sheet::{Cell, LIMB_BITS, Sheet, value},
};
use halo2_base::{
    QuantumCell::{Constant, Existing},
    gates::GateInstructions,
    halo2_proofs::halo2curves::bn256::Fr,
};

/// A division, as the prover claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// `q`.
    pub quotient: Fr,
    /// `r`.
    pub remainder: Fr,
}

/// The honest division of integers below `2^108`; a divisor that is not positive counts as 1.
pub fn hint(n: i128, d: i128) -> Hint {
    let (q, r) = divide(n, d);
    Hint { quotient: to_field(q), remainder: to_field(r) }
}

fn divide(n: i128, d: i128) -> (i128, i128) {
    // an input that key generation makes up may be anything
    let most = 1 << 108;
    let (n, d) = (n.clamp(-most, most), d.clamp(1, most));
    let n = (n << (FRAC_BITS + 1)) + d;
    (n.div_euclid(2 * d), n.rem_euclid(2 * d))
}

/// The native quotient; a divisor that is not positive counts as 1.
pub fn run(n: i128, d: i128) -> i128 {
    divide(n, d).0
}

/// The quotient.
///
/// | cell      | range                                    | who enforces it |
/// |-----------|------------------------------------------|-----------------|
/// | d         | `[1, 2^divisor_bits)`                    | this function, but for the upper end |
/// | remainder | `[0, 2 d)`                               | this function   |
/// | returned  | `|q| < 2^(quotient_bits - 1)`, limbs     | this function   |
///
/// Assumes `|n| < 2^120` and `divisor_bits + quotient_bits <= 220`. Sound: both sides stay below `2^248 < p / 2`, `2 d - 1` is not
/// negative because the remainder and its rest are not, and Euclidean division by a positive number is unique.
pub fn constrain(sheet: &mut Sheet, n: Cell, d: Cell, divisor_bits: usize, quotient_bits: usize, hint: Hint) -> Cell {
    let [remainder, quotient] = [hint.remainder, hint.quotient].map(|v| sheet.witness(v));
    let double = sheet.gate.add(&mut sheet.ctx, d, d);
    let sum = sheet.gate.mul_add(&mut sheet.ctx, n, Constant(power_of_two(FRAC_BITS + 1)), d);
    sheet.ctx.assign_region([Existing(remainder), Existing(quotient), Existing(double), Existing(sum)], [0]);
    let most = sheet.gate.sub(&mut sheet.ctx, double, Constant(Fr::from(1)));
    sheet.check_at_most(remainder, Existing(most), divisor_bits + 1);
    let bits = quotient_bits.next_multiple_of(LIMB_BITS);
    let above = sheet.gate.add(&mut sheet.ctx, quotient, Constant(power_of_two(bits - 1)));
    sheet.check_bits(above, bits);
    quotient
}

/// [`constrain`] with the honest hint.
pub fn apply(sheet: &mut Sheet, n: Cell, d: Cell, divisor_bits: usize, quotient_bits: usize) -> Cell {
    let hint = hint(to_integer(value(&n)), to_integer(value(&d)));
    constrain(sheet, n, d, divisor_bits, quotient_bits, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_base::halo2_proofs::arithmetic::Field;
    use test_case::test_case;

    const MOST: i128 = (1 << 60) - 1;

    #[test_case(7, 3, 152_917; "rounds down")]
    #[test_case(8, 3, 174_763; "rounds up")]
    #[test_case(-7, 3, -152_917; "negative")]
    #[test_case(1, 1 << 17, 1; "half rounds up")]
    #[test_case(-1, 1 << 17, 0; "negative half rounds up")]
    #[test_case(0, 5, 0)]
    #[test_case(MOST, 1, MOST << 16; "largest quotient")]
    #[test_case(-MOST, 1, -(MOST << 16); "smallest quotient")]
    #[test_case(MOST, MOST, 65_536; "equal")]
    fn divides(n: i128, d: i128, expected: i128) {
        assert_eq!(run(n, d), expected);
        let mut sheet = Sheet::default();
        let cells = [n, d].map(|v| sheet.witness(to_field(v)));
        let out = apply(&mut sheet, cells[0], cells[1], 60, 78);
        assert_eq!(sheet.violations(&[]), []);
        assert_eq!(value(&out), to_field(expected));
    }

    fn claim(quotient: i128, remainder: i128) -> Hint {
        Hint { quotient: to_field(quotient), remainder: to_field(remainder) }
    }

    // 7 / 3: 2^17 * 7 + 3 = 6 * 152917 + 5
    #[test_case(3, claim(152_917, 5), true; "honest")]
    #[test_case(3, claim(152_918, 5), false; "wrong quotient")]
    #[test_case(3, claim(152_916, 11), false; "remainder not below the divisor")]
    #[test_case(3, claim(152_918, -1), false; "remainder below zero")]
    #[test_case(0, claim(7, 7 << 17), false; "divisor of zero")]
    #[test_case(-3, claim(-152_917, -5), false; "negative divisor")]
    fn accepts_only_the_true_division(d: i128, claim: Hint, accept: bool) {
        let mut sheet = Sheet::default();
        let cells = [7, d].map(|v| sheet.witness(to_field(v)));
        constrain(&mut sheet, cells[0], cells[1], 60, 78, claim);
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }

    #[test]
    fn the_quotient_cannot_wrap_the_field() {
        let mut sheet = Sheet::default();
        let cells = [7, 3].map(|v| sheet.witness(to_field(v)));
        let quotient = to_field((7 << 17) + 3) * to_field(6).invert().unwrap();
        constrain(&mut sheet, cells[0], cells[1], 60, 78, Hint { quotient, remainder: Fr::ZERO });
        assert_eq!(sheet.violations(&[]).len(), 1);
    }
}
