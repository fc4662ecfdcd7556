//! The features in the circuit: the same integers as [`super::compute`].

use super::{
    average, compare, divide, extract,
    extreme::{self, Side},
    spread,
};
use crate::{
    fixed::{FEATURE_BITS, FRAC_BITS, ONE, low_128},
    layers::logarithm,
    plan::{Feature, Make, Number, Plan},
    score::sheet::{Cell, Sheet, value},
};
use halo2_base::{QuantumCell::Constant, gates::GateInstructions, halo2_proofs::halo2curves::bn256::Fr};
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
                let hint = extract::hint(low_128(value(&field.0)), number.divisor);
                extract::number(sheet, field, number.high - number.low, number.divisor, hint)
            });
            cells.push(cell);
        }
        let made = one(sheet, plan, feature, &cells, &features);
        features.push(match feature.needs {
            None => made,
            Some(needs) => {
                let absent = sheet.gate.is_zero(&mut sheet.ctx, cells[needs.position(cells.len())]);
                let present = sheet.gate.not(&mut sheet.ctx, absent);
                extract::select(sheet, present, made, needs.missing)
            }
        });
    }
    features
}

/// One feature of its numbers and the features before.
fn one(sheet: &mut Sheet, plan: &Plan, feature: &Feature, cells: &[Cell], before: &[Cell]) -> Cell {
    let (newest, oldest) = (cells[0], cells[cells.len() - 1]);
    match &feature.make {
        Make::Last => newest,
        Make::Delta => sheet.gate.sub(&mut sheet.ctx, newest, oldest),
        Make::Mean => divide::mean(sheet, cells, divide::mean_hint(cells)),
        Make::Min => extreme::of_all(sheet, Side::Min, cells, FEATURE_BITS),
        Make::Max => extreme::of_all(sheet, Side::Max, cells, FEATURE_BITS),
        Make::Ratio { over, missing } => {
            let hint = divide::ratio_hint(&newest, &before[*over]);
            divide::ratio(sheet, newest, before[*over], *missing, hint)
        }
        Make::Std => spread::apply_deviation(sheet, cells),
        Make::ZScore { missing } => spread::apply_score(sheet, cells, *missing),
        Make::Ema { alpha } => average::constrain(sheet, *alpha, cells, average::hint),
        Make::Log2 => {
            // 1 + number is in [2^16, 2^53)
            let shifted = sheet.gate.add(&mut sheet.ctx, newest, Constant(Fr::from(ONE as u64)));
            let log = logarithm::apply(sheet, shifted);
            sheet.gate.sub(&mut sheet.ctx, log, Constant(Fr::from(ONE as u64 * FRAC_BITS as u64)))
        }
        Make::Count { bound } => compare::constrain_count(sheet, cells, *bound),
        Make::Age { missing } => compare::constrain_age(sheet, cells, &plan.back_blocks(feature), *missing),
        Make::Rank { bounds } => compare::constrain_rank(sheet, newest, bounds),
    }
}
