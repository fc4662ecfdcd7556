//! The features in the circuit: the same integers as [`super::compute`].

use super::{
    divide, extract,
    extreme::{self, Side},
};
use crate::{
    fixed::{FEATURE_BITS, low_128},
    plan::{Make, Number, Plan},
    score::sheet::{Cell, Sheet, value},
};
use halo2_base::gates::GateInstructions;
use std::collections::BTreeMap;

/// The word of a fact: `top8 * 2^248 + low248`.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// Bits 248 to 255.
    pub top8: Cell,
    /// Bits 0 to 247.
    pub low248: Cell,
}

/// The features of `plan`, in order; `words` are those of [`Plan::facts`]. Each number is extracted once.
///
/// Enforces the width of both parts of every word that is read.
pub fn constrain(sheet: &mut Sheet, plan: &Plan, words: &[Word]) -> Vec<Cell> {
    let mut wanted: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
    for number in plan.features.iter().flat_map(|f| &f.numbers) {
        wanted.entry(number.fact).or_default().push((number.low, number.high));
    }
    let mut segments = BTreeMap::new();
    for (fact, fields) in wanted {
        let Word { top8, low248 } = words[fact];
        let cuts = extract::cuts(&fields);
        let hint = extract::segments(value(&low248), value(&top8), &cuts);
        segments.insert(fact, extract::cut(sheet, low248, top8, &cuts, &hint));
    }
    let mut numbers: BTreeMap<Number, Cell> = BTreeMap::new();
    let mut features: Vec<Cell> = Vec::with_capacity(plan.features.len());
    for feature in &plan.features {
        let mut cells = Vec::with_capacity(feature.numbers.len());
        for number in &feature.numbers {
            let cell = *numbers.entry(*number).or_insert_with(|| {
                let field = segments[&number.fact].field(sheet, number.low, number.high);
                let hint = extract::hint(low_128(value(&field.0)), number.decimals);
                extract::number(sheet, field, number.high - number.low, number.decimals, hint)
            });
            cells.push(cell);
        }
        let (newest, oldest) = (cells[0], cells[cells.len() - 1]);
        features.push(match feature.make {
            Make::Last => newest,
            Make::Delta => sheet.gate.sub(&mut sheet.ctx, newest, oldest),
            Make::Mean => divide::mean(sheet, &cells, divide::mean_hint(&cells)),
            Make::Min => extreme::of_all(sheet, Side::Min, &cells, FEATURE_BITS),
            Make::Max => extreme::of_all(sheet, Side::Max, &cells, FEATURE_BITS),
            Make::Ratio { over, missing } => {
                let hint = divide::ratio_hint(&newest, &features[over]);
                divide::ratio(sheet, newest, features[over], missing, hint)
            }
        });
    }
    features
}
