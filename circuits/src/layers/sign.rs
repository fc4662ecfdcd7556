//! Sign: is a number at least 0?
//!
//! Statement, over the integers: the bit is 1 and `x >= 0`, or the bit is 0 and `x <= -1`.

use crate::score::sheet::{Cell, LIMB_BITS, Sheet};
use halo2_base::{QuantumCell::Constant, gates::GateInstructions, halo2_proofs::halo2curves::bn256::Fr};

/// The bit.
///
/// | cell     | range                                  | who enforces it |
/// |----------|----------------------------------------|-----------------|
/// | x        | `|x| < 2^bits`, `bits` at most 120     | caller          |
/// | returned | 0 or 1, true to its name               | this function   |
///
/// Sound: the gap is `x` or `-x - 1`, and in `[0, 2^(bits + 12)) < p / 2`. Unlike the sign of a rescale, 0 has one sign.
pub fn constrain(sheet: &mut Sheet, x: Cell, bits: usize, hint: bool) -> Cell {
    let bit = sheet.bit(hint);
    // (2 bit - 1) x + bit - 1
    let sign = signed(sheet, bit);
    let gap = sheet.gate.mul_add(&mut sheet.ctx, sign, x, bit);
    let gap = sheet.gate.sub(&mut sheet.ctx, gap, Constant(Fr::from(1)));
    sheet.check_bits(gap, bits.next_multiple_of(LIMB_BITS));
    bit
}

/// 1 for a bit that is set, else -1.
pub fn signed(sheet: &mut Sheet, bit: Cell) -> Cell {
    sheet.gate.mul_add(&mut sheet.ctx, bit, Constant(Fr::from(2)), Constant(-Fr::from(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::to_field;
    use test_case::test_case;

    #[test_case(0, true, true; "zero")]
    #[test_case(0, false, false; "zero called negative")]
    #[test_case(1, true, true; "positive")]
    #[test_case(1, false, false; "positive called negative")]
    #[test_case(-1, false, true; "negative")]
    #[test_case(-1, true, false; "negative called positive")]
    #[test_case((1 << 26) - 1, true, true; "largest")]
    #[test_case(1 - (1 << 26), false, true; "smallest")]
    fn accepts_only_the_true_sign(x: i128, claim: bool, accept: bool) {
        let mut sheet = Sheet::default();
        let cell = sheet.witness(to_field(x));
        constrain(&mut sheet, cell, 26, claim);
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }

    /// A bit of 1/2 would make the gap `-1/2`; other bits are no bits.
    #[test]
    fn a_bit_that_is_none_is_refused() {
        let mut sheet = Sheet::default();
        let cell = sheet.witness(Fr::from(5));
        let bit = constrain(&mut sheet, cell, 26, true);
        assert_eq!(sheet.violations(&[]), []);
        bit.debug_prank(&mut sheet.ctx, Fr::from(2));
        assert!(!sheet.violations(&[]).is_empty());
    }
}
