//! Root: the integer square root.
//!
//! Statement, over the integers: `root^2 <= x < (root + 1)^2`.

use crate::{
    fixed::to_field,
    score::sheet::{Cell, LIMB_BITS, Sheet, value},
};
use halo2_base::{
    QuantumCell::{Constant, Existing},
    gates::GateInstructions,
    halo2_proofs::halo2curves::bn256::Fr,
};

/// The honest root of `x`, which is not negative.
pub fn hint(x: i128) -> i128 {
    x.max(0).isqrt()
}

/// The root of `x`.
///
/// | cell     | range                             | who enforces it |
/// |----------|-----------------------------------|-----------------|
/// | x        | `[0, 2^bits)`, `bits` at most 120 | caller          |
/// | rest     | `[0, 2 root]`                     | this function   |
/// | returned | `[0, 2^(bits/2 + 13))`            | this function   |
///
/// Sound: both sides of `x = root^2 + rest` stay below `2^(bits + 27) < p`; `rest <= 2 root` makes the root the largest one.
pub fn constrain(sheet: &mut Sheet, x: Cell, bits: usize, hint: i128) -> Cell {
    let root = sheet.witness(to_field(hint));
    let root_bits = bits.div_ceil(2).next_multiple_of(LIMB_BITS);
    sheet.check_bits(root, root_bits);
    let square = sheet.gate.mul(&mut sheet.ctx, root, root);
    let rest = sheet.gate.sub(&mut sheet.ctx, x, square);
    let most = sheet.gate.mul(&mut sheet.ctx, root, Constant(Fr::from(2)));
    sheet.check_at_most(rest, Existing(most), root_bits + 1);
    root
}

/// [`constrain`] with the honest hint.
pub fn apply(sheet: &mut Sheet, x: Cell, bits: usize) -> Cell {
    let hint = hint(crate::fixed::to_integer(value(&x)));
    constrain(sheet, x, bits, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    #[test_case(0)]
    #[test_case(1)]
    #[test_case(3)]
    #[test_case(4)]
    #[test_case((1 << 116) - 1)]
    #[test_case(1 << 104)]
    fn equals_the_native_root(x: i128) {
        let mut sheet = Sheet::default();
        let cell = sheet.witness(to_field(x));
        let root = apply(&mut sheet, cell, 116);
        assert_eq!(sheet.violations(&[]), []);
        assert_eq!(value(&root), to_field(x.isqrt()));
    }

    #[test_case(24, 4, true; "honest")]
    #[test_case(24, 5, false; "too large")]
    #[test_case(25, 4, false; "too small")]
    #[test_case(25, -5, false; "negative")]
    fn accepts_only_the_root(x: i128, claim: i128, accept: bool) {
        let mut sheet = Sheet::default();
        let cell = sheet.witness(to_field(x));
        constrain(&mut sheet, cell, 26, claim);
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }
}
