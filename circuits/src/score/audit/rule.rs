//! When an answer is right: the model's outputs against the label of a row, exact on the integers.
//!
//! Statement: the bit is 1 if the outputs are right for the label, else 0. Ties belong to one side, the same in and out of the circuit.

use crate::{
    fixed::{FEATURE_MAX, ONE, to_field, to_integer},
    layers::{chosen, sign},
    score::sheet::{Cell, Sheet, value},
};
use halo2_base::{
    QuantumCell::{Constant, Existing},
    gates::GateInstructions,
    halo2_proofs::halo2curves::bn256::Fr,
};
use serde::{Deserialize, Serialize};

/// Differences of two outputs, or of an output and what it is compared with, are below `2^OUTPUT_BITS` in magnitude.
const OUTPUT_BITS: usize = 65;
/// Largest label.
pub const MAX_LABEL: i64 = 1 << 32;

/// How outputs answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// Labels are 0 and 1: right if the output reaches `at`, with equality, just where the label is 1.
    Threshold {
        /// Position among the outputs.
        output: usize,
        /// With 16 fraction bits.
        at: i64,
    },
    /// One output: right if it is less than a half from the label.
    Nearest,
    /// Right if the largest output, the first of equals, is the one that the label numbers, from 0 on.
    Largest,
}

impl Rule {
    /// Whether the rule can be asked of so many outputs.
    pub fn fits(&self, outputs: usize) -> bool {
        match self {
            Self::Threshold { output, at } => *output < outputs && at.abs() <= FEATURE_MAX,
            Self::Nearest => outputs == 1,
            Self::Largest => outputs > 1,
        }
    }

    /// Whether a row can have the label.
    pub fn takes(&self, outputs: usize, label: i64) -> bool {
        match self {
            Self::Threshold { .. } => label == 0 || label == 1,
            Self::Nearest => label.abs() <= MAX_LABEL,
            Self::Largest => usize::try_from(label).is_ok_and(|label| label < outputs),
        }
    }

    /// The native answer; assumes that the rule fits and takes the label.
    pub fn is_right(&self, outputs: &[i64], label: i64) -> bool {
        match self {
            Self::Threshold { output, at } => (outputs[*output] >= *at) == (label == 1),
            Self::Nearest => (i128::from(outputs[0]) - i128::from(label) * i128::from(ONE)).abs() < i128::from(ONE / 2),
            Self::Largest => chosen::run(&outputs.iter().map(|y| i128::from(*y)).collect::<Vec<_>>()) == label as usize,
        }
    }

    /// The same in the circuit.
    ///
    /// | cell     | range                                       | who enforces it |
    /// |----------|---------------------------------------------|-----------------|
    /// | outputs  | `|y| < 2^63` for the weights that were checked; if not, no witness or the true bit | caller, `sign`, `chosen` |
    /// | label    | what [`Rule::takes`]                        | caller: it is public |
    /// | returned | 0 or 1, true to its name                    | this function   |
    pub fn constrain(&self, sheet: &mut Sheet, outputs: &[Cell], label: Cell) -> Cell {
        let half = Fr::from(ONE as u64 / 2 - 1);
        match self {
            Self::Threshold { output, at } => {
                let above = sheet.gate.sub(&mut sheet.ctx, outputs[*output], Constant(to_field(i128::from(*at))));
                let bit = is_positive(sheet, above);
                sheet.gate.is_equal(&mut sheet.ctx, bit, label)
            }
            Self::Nearest => {
                let minus = Constant(to_field(-i128::from(ONE)));
                let distance = sheet.gate.mul_add(&mut sheet.ctx, label, minus, outputs[0]);
                let above = sheet.gate.add(&mut sheet.ctx, distance, Constant(half));
                let below = sheet.gate.sub(&mut sheet.ctx, Constant(half), distance);
                let [above, below] = [above, below].map(|x| is_positive(sheet, x));
                sheet.gate.and(&mut sheet.ctx, above, below)
            }
            Self::Largest => {
                let claim = chosen::hint(outputs);
                let one_hot = chosen::constrain(sheet, outputs, OUTPUT_BITS, &claim);
                let places = (0..outputs.len() as u64).map(|i| Constant(Fr::from(i)));
                let place = sheet.gate.inner_product(&mut sheet.ctx, one_hot.into_iter().map(Existing), places);
                sheet.gate.is_equal(&mut sheet.ctx, place, label)
            }
        }
    }
}

/// 1 if `x >= 0`, else 0; assumes `|x| < 2^OUTPUT_BITS`.
fn is_positive(sheet: &mut Sheet, x: Cell) -> Cell {
    sign::constrain(sheet, x, OUTPUT_BITS, to_integer(value(&x)) >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    const AT: Rule = Rule::Threshold { output: 1, at: ONE / 2 };

    #[test_case(AT, &[0, ONE / 2], 1, true; "on the threshold is above")]
    #[test_case(AT, &[0, ONE / 2], 0, false; "on the threshold is not below")]
    #[test_case(AT, &[ONE, ONE / 2 - 1], 0, true; "below")]
    #[test_case(AT, &[ONE, ONE / 2 - 1], 1, false; "below called above")]
    #[test_case(AT, &[0, i64::MAX], 1, true; "largest")]
    #[test_case(AT, &[0, -i64::MAX], 0, true; "smallest")]
    #[test_case(Rule::Nearest, &[3 * ONE], 3, true; "the label")]
    #[test_case(Rule::Nearest, &[3 * ONE + ONE / 2 - 1], 3, true; "just within")]
    #[test_case(Rule::Nearest, &[3 * ONE + ONE / 2], 3, false; "half above")]
    #[test_case(Rule::Nearest, &[3 * ONE - ONE / 2], 3, false; "half below")]
    #[test_case(Rule::Nearest, &[3 * ONE - ONE / 2 + 1], 3, true; "just within, below")]
    #[test_case(Rule::Nearest, &[-i64::MAX], MAX_LABEL, false; "far away")]
    #[test_case(Rule::Largest, &[1, 7, 7, -3], 1, true; "first of equals")]
    #[test_case(Rule::Largest, &[1, 7, 7, -3], 2, false; "second of equals")]
    #[test_case(Rule::Largest, &[-i64::MAX, i64::MAX], 1, true; "far apart")]
    fn circuit_equals_the_native_rule(rule: Rule, outputs: &[i64], label: i64, right: bool) {
        assert!(rule.fits(outputs.len()) && rule.takes(outputs.len(), label));
        assert_eq!(rule.is_right(outputs, label), right);
        let mut sheet = Sheet::default();
        let cells: Vec<Cell> = outputs.iter().map(|y| sheet.witness(to_field(i128::from(*y)))).collect();
        let label = sheet.witness(to_field(i128::from(label)));
        let bit = rule.constrain(&mut sheet, &cells, label);
        assert_eq!(sheet.violations(&[]), []);
        assert_eq!(value(&bit), Fr::from(u64::from(right)));
    }

    #[test_case(AT, 1, 2; "no label")]
    #[test_case(AT, 1, -1; "negative")]
    #[test_case(Rule::Nearest, 1, MAX_LABEL + 1; "too large")]
    #[test_case(Rule::Largest, 10, 10; "one more than there are outputs")]
    #[test_case(Rule::Largest, 10, -1; "before the first")]
    fn refuses_labels(rule: Rule, outputs: usize, label: i64) {
        assert!(!rule.takes(outputs, label));
    }

    #[test]
    fn refuses_outputs() {
        assert!(!AT.fits(1) && !Rule::Nearest.fits(2) && !Rule::Largest.fits(1));
        assert!(!Rule::Threshold { output: 0, at: FEATURE_MAX + 1 }.fits(1));
    }
}
