//! Maximum: the largest or the smallest of some numbers.
//!
//! Statement: `m - x_i >= 0` for all `i`, and the product of these gaps is 0 (for the smallest: the signs reversed).

use crate::{
    features::extreme::Side,
    fixed::{to_field, to_integer},
    score::sheet::{Cell, LIMB_BITS, Sheet, value},
};
use halo2_base::{gates::GateInstructions, halo2_proofs::halo2curves::bn256::Fr};

/// The native result; 0 of nothing.
pub fn run(side: Side, x: &[i128]) -> i128 {
    let best = match side {
        Side::Max => x.iter().max(),
        Side::Min => x.iter().min(),
    };
    best.copied().unwrap_or(0)
}

/// The honest result.
pub fn hint(side: Side, x: &[Cell]) -> Fr {
    to_field(run(side, &x.iter().map(|c| to_integer(value(c))).collect::<Vec<_>>()))
}

/// | cell     | range                                | who enforces it |
/// |----------|--------------------------------------|-----------------|
/// | x        | at least one; `|x_i - x_j| < 2^bits` | caller          |
/// | returned | one of them, not beyond any          | this function   |
///
/// Sound: a product in a field is 0 only if a factor is, so the result is one of the numbers; no gap is below 0.
pub fn constrain(sheet: &mut Sheet, side: Side, x: &[Cell], bits: usize, hint: Fr) -> Cell {
    let result = sheet.witness(hint);
    let mut product: Option<Cell> = None;
    for (i, cell) in x.iter().enumerate() {
        let gap = match side {
            Side::Min => sheet.gate.sub(&mut sheet.ctx, *cell, result),
            Side::Max => sheet.gate.sub(&mut sheet.ctx, result, *cell),
        };
        sheet.check_bits(gap, bits.next_multiple_of(LIMB_BITS));
        match product {
            None => product = Some(gap),
            Some(before) if i + 1 < x.len() => product = Some(sheet.gate.mul(&mut sheet.ctx, before, gap)),
            Some(before) => sheet.check_product_zero(before, gap),
        }
    }
    if let [only] = x {
        sheet.check_equal(only, &result);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    #[test_case(Side::Max, &[3, 9, -4, 9], 9, true; "largest")]
    #[test_case(Side::Min, &[3, 9, -4, 9], -4, true; "smallest")]
    #[test_case(Side::Max, &[3], 3, true; "alone")]
    #[test_case(Side::Max, &[3], 4, false; "not the only one")]
    #[test_case(Side::Max, &[3, 9, -4], 3, false; "not the largest")]
    #[test_case(Side::Min, &[3, 9, -4], 3, false; "not the smallest")]
    #[test_case(Side::Max, &[3, 9, -4], 10, false; "beyond the largest")]
    #[test_case(Side::Max, &[3, 9], 10, false; "beyond the larger of two")]
    #[test_case(Side::Min, &[3, 9, -4], -5, false; "beyond the smallest")]
    fn accepts_only_the_extreme(side: Side, x: &[i128], claim: i128, accept: bool) {
        let mut sheet = Sheet::default();
        let cells: Vec<Cell> = x.iter().map(|v| sheet.witness(to_field(*v))).collect();
        assert_eq!(run(side, x) == claim, accept);
        constrain(&mut sheet, side, &cells, 13, to_field(claim));
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }
}
