//! Disclose: one bit about an output is public, the output is not.
//!
//! Statement, over the integers: the result is 1.0 and `y > bound`, or it is 0 and `y <= bound`; for `below` the same with `y < bound`
//! and `y >= bound`.

use super::sheet::{Cell, Sheet, value};
use crate::{
    fixed::{ONE, to_field, to_integer},
    layers::sign,
    model::MAX_OUTPUT_BITS,
    plan::Disclose,
};
use halo2_base::{QuantumCell::Constant, gates::GateInstructions, halo2_proofs::halo2curves::bn256::Fr};

/// `y - bound - 1`, or `bound - 1 - y`: not negative where the comparison holds.
fn gap(sheet: &mut Sheet, disclose: &Disclose, y: Cell) -> Cell {
    let bound = Constant(to_field(i128::from(disclose.bound)));
    let difference = if disclose.above {
        sheet.gate.sub(&mut sheet.ctx, y, bound)
    } else {
        sheet.gate.sub(&mut sheet.ctx, bound, y)
    };
    sheet.gate.sub(&mut sheet.ctx, difference, Constant(Fr::from(1)))
}

/// 1.0 or 0, with the honest answer.
pub fn constrain(sheet: &mut Sheet, disclose: &Disclose, y: Cell) -> Cell {
    let bound = i128::from(disclose.bound);
    let y_value = to_integer(value(&y));
    constrain_as(sheet, disclose, y, if disclose.above { y_value > bound } else { y_value < bound })
}

/// The same with any claim.
///
/// | cell     | scale | range                                | who enforces it |
/// |----------|-------|--------------------------------------|-----------------|
/// | y        | 2^16  | below `2^63` in magnitude            | caller          |
/// | returned | 2^16  | 0 or 2^16, true to its name          | this function   |
///
/// The bound is a constant of the circuit, so it belongs to the structure and not to the weights.
/// Sound: `|gap| < 2^63 + 2^52 + 1 < 2^64`; [`sign::constrain`]. For a `y` beyond its range, which only unknown weights can make, neither
/// claim is provable or the true one is: gaps that pass are below `2^65` in magnitude, far from `p`.
fn constrain_as(sheet: &mut Sheet, disclose: &Disclose, y: Cell, claim: bool) -> Cell {
    let gap = gap(sheet, disclose, y);
    let holds = sign::constrain(sheet, gap, MAX_OUTPUT_BITS + 1, claim);
    sheet.gate.mul(&mut sheet.ctx, holds, Constant(Fr::from(ONE as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    const ABOVE: Disclose = Disclose { output: 0, above: true, bound: 100 };
    const BELOW: Disclose = Disclose { output: 0, above: false, bound: -100 };

    #[test_case(ABOVE, 101, true, true; "just above")]
    #[test_case(ABOVE, 101, false, false; "just above, denied")]
    #[test_case(ABOVE, 100, false, true; "a tie is not above")]
    #[test_case(ABOVE, 100, true, false; "a tie called above")]
    #[test_case(ABOVE, -(1 << 63), false, true; "smallest")]
    #[test_case(ABOVE, -(1 << 63), true, false; "smallest called above")]
    #[test_case(BELOW, -101, true, true; "just below")]
    #[test_case(BELOW, -101, false, false; "just below, denied")]
    #[test_case(BELOW, -100, false, true; "a tie is not below")]
    #[test_case(BELOW, -100, true, false; "a tie called below")]
    #[test_case(BELOW, 1 << 63, false, true; "largest")]
    #[test_case(BELOW, 1 << 63, true, false; "largest called below")]
    #[test_case(ABOVE, 1 << 100, true, false; "beyond every range")]
    fn accepts_only_the_true_comparison(disclose: Disclose, y: i128, claim: bool, accept: bool) {
        let mut sheet = Sheet::default();
        let cell = sheet.witness(to_field(y));
        let result = constrain_as(&mut sheet, &disclose, cell, claim);
        assert_eq!(value(&result), Fr::from(u64::from(claim) * ONE as u64));
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }

    #[test_case(ABOVE, &[100, 101, 99])]
    #[test_case(BELOW, &[-100, -101, -99])]
    fn circuit_and_executor_agree(disclose: Disclose, outputs: &[i64]) {
        for y in outputs {
            let mut sheet = Sheet::default();
            let cell = sheet.witness(to_field(i128::from(*y)));
            let result = constrain(&mut sheet, &disclose, cell);
            assert_eq!(sheet.violations(&[]), []);
            assert_eq!(to_integer(value(&result)), i128::from(disclose.run(&[*y]).unwrap()));
        }
        assert_eq!(Disclose { output: 1, ..disclose }.run(&[5]), Err(1));
    }
}
