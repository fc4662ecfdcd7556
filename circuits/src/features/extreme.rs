//! Extreme: the smaller or the larger of two numbers.
//!
//! Statement: `m <= a`, `m <= b` and `(a - m)(b - m) = 0` (for the larger: the signs reversed).

use crate::{
    fixed::to_integer,
    score::sheet::{Cell, Sheet, value},
};
use halo2_base::{gates::GateInstructions, halo2_proofs::halo2curves::bn256::Fr};
use serde::{Deserialize, Serialize};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The smaller.
    Min,
    /// The larger.
    Max,
}

/// The honest result.
pub fn hint(side: Side, a: Fr, b: Fr) -> Fr {
    let first = match side {
        Side::Min => to_integer(a) <= to_integer(b),
        Side::Max => to_integer(a) >= to_integer(b),
    };
    if first { a } else { b }
}

/// | cell     | range                  | who enforces it |
/// |----------|------------------------|-----------------|
/// | a, b     | `|a - b| < 2^bits`     | caller          |
/// | returned | one of `a`, `b`        | this function   |
///
/// Sound: the result is one of the two, and both differences lie in `[0, 2^bits) < p`, so it is not beyond the other.
pub fn constrain(sheet: &mut Sheet, side: Side, a: Cell, b: Cell, bits: usize, hint: Fr) -> Cell {
    let result = sheet.witness(hint);
    let gaps = [a, b].map(|cell| match side {
        Side::Min => sheet.gate.sub(&mut sheet.ctx, cell, result),
        Side::Max => sheet.gate.sub(&mut sheet.ctx, result, cell),
    });
    for gap in gaps {
        sheet.check_bits(gap, bits);
    }
    sheet.check_product_zero(gaps[0], gaps[1]);
    result
}

/// The extreme of all `cells`; assumes that there is one, and that any two differ by less than `2^bits`.
pub fn of_all(sheet: &mut Sheet, side: Side, cells: &[Cell], bits: usize) -> Cell {
    let mut best = cells[0];
    for cell in &cells[1..] {
        let hint = hint(side, value(&best), value(cell));
        best = constrain(sheet, side, best, *cell, bits, hint);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::to_field;
    use test_case::test_case;

    #[test_case(Side::Min, 3, 5, 3, true; "smaller")]
    #[test_case(Side::Max, 3, 5, 5, true; "larger")]
    #[test_case(Side::Min, -4, -4, -4, true; "equal")]
    #[test_case(Side::Min, 3, 5, 5, false; "larger for smaller")]
    #[test_case(Side::Max, 3, 5, 3, false; "smaller for larger")]
    #[test_case(Side::Min, 3, 5, 2, false; "neither, below both")]
    #[test_case(Side::Max, 3, 5, 6, false; "neither, above both")]
    fn accepts_only_the_extreme(side: Side, a: i128, b: i128, claim: i128, accept: bool) {
        let mut sheet = Sheet::default();
        let (a, b) = (sheet.witness(to_field(a)), sheet.witness(to_field(b)));
        constrain(&mut sheet, side, a, b, 13, to_field(claim));
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }
}
