//! Rescale: bring an accumulator back to the scale of activations, with ReLU in the same step.
//!
//! Statement, over the integers: `acc = q * 2^shift + r` with `0 <= r < 2^shift`; the result is `q`, or `max(q, 0)`.
//! (The half that makes this rounding is part of the layer's bias.)

use crate::{
    fixed::{power_of_two, to_field},
    score::sheet::{Cell, LIMB_BITS, Sheet},
};
use halo2_base::{
    QuantumCell::{Constant, Existing},
    gates::GateInstructions,
    halo2_proofs::halo2curves::bn256::Fr,
};

/// The division and the sign, as the prover claims them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// `floor(acc / 2^shift)`.
    pub quotient: Fr,
    /// `acc mod 2^shift`.
    pub remainder: Fr,
    /// Is the quotient not negative?
    pub positive: bool,
}

/// The honest hint.
pub fn hint(acc: i128, shift: u32) -> Hint {
    let quotient = acc >> shift;
    Hint { quotient: to_field(quotient), remainder: to_field(acc - (quotient << shift)), positive: quotient >= 0 }
}

/// Returns `q`, or `max(q, 0)` if `relu`.
///
/// | cell      | range                                | who enforces it |
/// |-----------|--------------------------------------|-----------------|
/// | acc       | `|acc| < 2^(shift + bits)`           | caller          |
/// | remainder | `[0, 2^shift)`                        | this function   |
/// | quotient  | `|q| < 2^bits` rounded up to limbs   | this function   |
/// | positive  | 0 or 1; free where `q = 0`, where it changes nothing | this function |
///
/// Sound: `|q| 2^shift + r < 2^(shift + bits + LIMB_BITS + 1) < p / 2`, so Euclidean division is unique.
pub fn constrain(sheet: &mut Sheet, acc: Cell, shift: usize, bits: usize, relu: bool, hint: Hint) -> Cell {
    let bits = bits.next_multiple_of(LIMB_BITS);
    let [remainder, quotient] = [hint.remainder, hint.quotient].map(|v| sheet.witness(v));
    sheet.check_bits(remainder, shift);
    let equation = [Existing(remainder), Existing(quotient), Constant(power_of_two(shift)), Existing(acc)];
    sheet.ctx.assign_region(equation, [0]);
    if !relu {
        // -2^(bits - 1) <= q < 2^(bits - 1), with one bit to spare
        let bits = (bits + 1).next_multiple_of(LIMB_BITS);
        let above = sheet.gate.add(&mut sheet.ctx, quotient, Constant(power_of_two(bits - 1)));
        sheet.check_bits(above, bits);
        return quotient;
    }
    let positive = sheet.bit(hint.positive);
    let result = sheet.gate.mul(&mut sheet.ctx, positive, quotient);
    // |q| = 2 max(q, 0) - q
    let negative = sheet.gate.sub(&mut sheet.ctx, result, quotient);
    let size = sheet.gate.add(&mut sheet.ctx, result, negative);
    sheet.check_bits(size, bits);
    result
}

/// `2^shift / 2`, which makes the floor a rounding.
pub fn half(shift: u32) -> i128 {
    1 << (shift - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::sheet::value;
    use halo2_base::halo2_proofs::arithmetic::Field;
    use test_case::test_case;

    const SHIFT: usize = 13;

    #[test_case(5 << 13 | 7, true, 5; "positive")]
    #[test_case(-(5 << 13), true, 0; "negative")]
    #[test_case(-1, true, 0; "just below zero")]
    #[test_case(0, true, 0; "zero")]
    #[test_case(-1, false, -1; "just below zero, kept")]
    #[test_case((1 << 39) - 1, false, (1 << 26) - 1; "largest")]
    #[test_case(-(1 << 39), false, -(1 << 26); "smallest")]
    fn rescales(acc: i128, relu: bool, expected: i128) {
        let mut sheet = Sheet::default();
        let cell = sheet.witness(to_field(acc));
        let out = constrain(&mut sheet, cell, SHIFT, 26, relu, hint(acc, SHIFT as u32));
        assert_eq!(sheet.violations(&[]), []);
        assert_eq!(value(&out), to_field(expected));
    }

    const ACC: i128 = 5 << 13 | 7;

    fn claim(quotient: i128, remainder: i128, positive: bool) -> Hint {
        Hint { quotient: to_field(quotient), remainder: to_field(remainder), positive }
    }

    #[test_case(ACC, true, claim(5, 7, true); "honest")]
    #[test_case(ACC, false, claim(6, 7, true); "wrong equation")]
    #[test_case(ACC, false, claim(4, 8_199, true); "remainder too large")]
    #[test_case(ACC, false, claim(6, -8_185, true); "remainder below zero")]
    #[test_case(ACC, false, claim(5, 7, false); "positive called negative")]
    #[test_case(-ACC, true, claim(-6, 8_185, false); "honest, negative")]
    #[test_case(-ACC, false, claim(-6, 8_185, true); "negative called positive")]
    fn accepts_only_the_true_division(acc: i128, accept: bool, claim: Hint) {
        let mut sheet = Sheet::default();
        let cell = sheet.witness(to_field(acc));
        constrain(&mut sheet, cell, SHIFT, 26, true, claim);
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }

    #[test_case(true; "relu")]
    #[test_case(false; "identity")]
    fn the_quotient_cannot_wrap_the_field(relu: bool) {
        let mut sheet = Sheet::default();
        let cell = sheet.witness(to_field(ACC));
        let quotient = to_field(ACC) * power_of_two(SHIFT).invert().unwrap();
        constrain(&mut sheet, cell, SHIFT, 26, relu, Hint { quotient, remainder: Fr::ZERO, positive: true });
        assert_eq!(sheet.violations(&[]).len(), 1);
    }
}
