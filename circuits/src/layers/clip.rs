//! Clip: `min(max(x, low), high)`.

use crate::{
    features::extreme::{self, Side},
    fixed::to_field,
    score::sheet::{Cell, Sheet, value},
};

/// The native result; assumes `low <= high`.
pub fn run(x: i128, low: i64, high: i64) -> i128 {
    x.clamp(i128::from(low), i128::from(high))
}

/// Assumes `|x| < 2^bits` and that the bounds are below `2^bits` too. Enforces the rest: see [`extreme::constrain`].
pub fn constrain(sheet: &mut Sheet, x: Cell, low: i64, high: i64, bits: usize) -> Cell {
    let [low, high] = [low, high].map(|bound| sheet.constant(to_field(i128::from(bound))));
    let hint = extreme::hint(Side::Max, value(&x), value(&low));
    let raised = extreme::constrain(sheet, Side::Max, x, low, bits + 1, hint);
    let hint = extreme::hint(Side::Min, value(&raised), value(&high));
    extreme::constrain(sheet, Side::Min, raised, high, bits + 1, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    #[test_case(-9, -3; "below")]
    #[test_case(2, 2; "inside")]
    #[test_case(9, 5; "above")]
    fn clips(x: i128, expected: i128) {
        assert_eq!(run(x, -3, 5), expected);
        let mut sheet = Sheet::default();
        let cell = sheet.witness(to_field(x));
        let out = constrain(&mut sheet, cell, -3, 5, 12);
        assert_eq!(sheet.violations(&[]), []);
        assert_eq!(value(&out), to_field(expected));
    }
}
