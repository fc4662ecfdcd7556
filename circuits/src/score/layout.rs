//! Layout: the sheet on the columns of [`super::config`].
//!
//! Each list of the sheet takes its own rows; two layouts of one model and plan differ in no fixed cell and no copy.

use super::{
    config::{CURVE_START, GLUE_ROWS, HASH_START, ScoreConfig, TABLE_START, mode},
    lookups::{Lookups, limb, low_limb, point},
    poseidon_rows,
    salt::Salt,
    sheet::{Cell, FOLD, LIMB_BITS, Sheet, first_key, offset, value},
};
use crate::fixed::{power_of_two, to_field};
use halo2_base::halo2_proofs::{
    arithmetic::Field,
    circuit::{Cell as RawCell, Region, Value},
    halo2curves::bn256::Fr,
    plonk::{Advice, Column, Fixed},
};
use std::collections::BTreeMap;
use thiserror::Error;

/// Permutations that fit.
pub const MAX_PERMUTATIONS: usize = ((1 << super::config::K) - 16 - HASH_START) / poseidon_rows::ROWS;

/// A model or plan that is too large for its class. Not recoverable without a smaller one.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what}: {got} rows, expected at most {expected}: model and plan are too large for the class mlp-s")]
pub struct TooLarge {
    /// Which rows.
    pub what: &'static str,
    /// Rows of the class.
    pub expected: usize,
    /// Rows needed.
    pub got: usize,
}

/// Rows in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Of the vertical gate.
    pub gate: usize,
    /// Of the range checks and the points of curves.
    pub range: usize,
    /// Samples of curves.
    pub curves: usize,
    /// Of the dense products.
    pub dense: usize,
    /// Distinct constants.
    pub constants: usize,
    /// Of the permutations.
    pub hash: usize,
}

/// One row of a dense product.
struct DenseRow {
    mode: u64,
    factor: Option<Cell>,
    /// The factor is the constant 1: the weights are biases.
    bias: bool,
    weights: [Fr; FOLD],
}

/// The rows of all products; the last one only ends the block before.
fn dense_rows(sheet: &Sheet) -> Vec<DenseRow> {
    let mut rows = Vec::new();
    for product in &sheet.products {
        for (block, outputs) in product.outputs.chunks(FOLD).enumerate() {
            for (i, output) in outputs.iter().rev().enumerate() {
                let mode = if i == 0 { mode::FIRST } else { mode::OUTPUT };
                rows.push(DenseRow { mode, factor: Some(*output), bias: false, weights: [Fr::ZERO; FOLD] });
            }
            let weight = |get: &dyn Fn(usize) -> Fr| -> [Fr; FOLD] {
                std::array::from_fn(|t| if t < outputs.len() { get(block * FOLD + t) } else { Fr::ZERO })
            };
            for (i, input) in product.inputs.iter().enumerate() {
                let weights = weight(&|j| product.weights[j][i]);
                rows.push(DenseRow { mode: mode::WEIGHT, factor: Some(*input), bias: false, weights });
            }
            let weights = weight(&|j| product.bias[j]);
            rows.push(DenseRow { mode: mode::WEIGHT, factor: None, bias: true, weights });
        }
    }
    rows.push(DenseRow { mode: mode::FIRST, factor: None, bias: false, weights: [Fr::ZERO; FOLD] });
    rows
}

/// The rows a sheet takes.
///
/// # Errors
/// [`TooLarge`] names the first list that does not fit.
pub fn measure(sheet: &Sheet) -> Result<Rows, TooLarge> {
    let copies = sheet.ctx.copy_manager.lock().expect("the sheet is used by one thread");
    let rows = Rows {
        gate: sheet.ctx.advice.len(),
        range: TABLE_START + sheet.ranges.iter().map(|r| r.limbs + 1).sum::<usize>() + 3 * sheet.points.len(),
        curves: sheet.curves.iter().map(|c| c.samples().len()).sum(),
        dense: dense_rows(sheet).len(),
        // 0 and 1 are used by ranges and biases
        constants: copies.num_distinct_constants() + 2,
        hash: sheet.permutations.len() * poseidon_rows::ROWS,
    };
    let glue = [
        ("glue arithmetic", rows.gate),
        ("range checks", rows.range),
        ("dense products", rows.dense),
        ("constants", rows.constants),
    ];
    for (what, got) in glue {
        if got >= GLUE_ROWS {
            return Err(TooLarge { what, expected: GLUE_ROWS - 1, got });
        }
    }
    let expected = GLUE_ROWS - CURVE_START;
    if rows.curves > expected {
        return Err(TooLarge { what: "samples of curves", expected, got: rows.curves });
    }
    let expected = MAX_PERMUTATIONS * poseidon_rows::ROWS;
    if rows.hash > expected {
        return Err(TooLarge { what: "Poseidon permutations", expected, got: rows.hash });
    }
    Ok(rows)
}

/// Writes the sheet; returns the cells of the public inputs, in order.
///
/// Assumes that [`measure`] accepted the sheet.
pub fn assign(sheet: &Sheet, salt: Option<&Salt>, config: &ScoreConfig, region: &mut Region<Fr>) -> Vec<RawCell> {
    let mut writer = Writer { region, constants: BTreeMap::new(), gates: vec![0; GLUE_ROWS + 1] };
    let cells: Vec<RawCell> =
        sheet.ctx.advice.iter().enumerate().map(|(row, v)| writer.advice(config.state[0], row, v.evaluate())).collect();
    for (row, on) in sheet.ctx.selector.iter().enumerate() {
        writer.gates[row] += if *on { mode::VERTICAL } else { 0 };
    }
    let at = |cell: &Cell| cells[offset(cell)];
    let mut lookups = Lookups::default();
    let row = writer.ranges(sheet, config, &at, &mut lookups);
    let points = writer.points(sheet, config, &at, &mut lookups, row);
    writer.tables(sheet, config, &mut lookups, points);
    let factors = writer.dense(sheet, config, &at);
    writer.hashes(sheet, config, &at);
    writer.copies(sheet, config, &at);
    for (row, gate) in writer.gates.iter().enumerate().filter(|(_, gate)| **gate != 0) {
        writer.region.assign_fixed(config.gate, row, Fr::from(*gate));
    }
    // no weight column commits to the identity, whatever the weights
    for column in config.weights {
        writer.region.assign_fixed(column, GLUE_ROWS, Fr::ONE);
    }
    let weights: Vec<_> = factors.iter().map(|(_, _, weights)| *weights).collect();
    for (row, numbers) in salt.into_iter().flat_map(|salt| salt.cells(&weights)) {
        for (column, number) in config.weights.into_iter().zip(numbers) {
            writer.fixed(column, row, number);
        }
    }
    second_phase(config, writer.region, &lookups, &factors);
    sheet.public.iter().map(at).collect()
}

struct Writer<'r, 'a> {
    region: &'r mut Region<'a, Fr>,
    constants: BTreeMap<Fr, RawCell>,
    gates: Vec<u64>,
}

impl Writer<'_, '_> {
    fn advice(&mut self, column: Column<Advice>, row: usize, v: Fr) -> RawCell {
        self.region.assign_advice(column, row, Value::known(v)).cell()
    }

    fn fixed(&mut self, column: Column<Fixed>, row: usize, v: Fr) -> RawCell {
        self.region.assign_fixed(column, row, v)
    }

    fn constrain_constant(&mut self, config: &ScoreConfig, cell: RawCell, v: Fr) {
        let row = self.constants.len();
        let constant = match self.constants.get(&v) {
            Some(known) => *known,
            None => {
                let new = self.fixed(config.constants, row, v);
                self.constants.insert(v, new);
                new
            }
        };
        self.region.constrain_equal(constant, cell);
    }

    /// Range checks down the third column: `z_0` is the value, `z_i = limb_i + 2^LIMB_BITS z_(i+1)`, the last `z` is 0.
    /// Returns the next free row.
    fn ranges(
        &mut self,
        sheet: &Sheet,
        config: &ScoreConfig,
        at: &impl Fn(&Cell) -> RawCell,
        lookups: &mut Lookups,
    ) -> usize {
        let column = config.state[2];
        let shrink = power_of_two(LIMB_BITS).invert().expect("a power of two is not zero");
        let mut row = TABLE_START;
        for range in &sheet.ranges {
            let mut z = value(&range.cell);
            for i in 0..range.limbs {
                let cell = self.advice(column, row, z);
                if i == 0 {
                    self.region.constrain_equal(cell, at(&range.cell));
                }
                // the last limb is all that is left, in the table or not
                let low = if i + 1 == range.limbs { z } else { Fr::from(u64::from(low_limb(z))) };
                lookups.queries.insert(row, limb(low));
                z = (z - low) * shrink;
                self.gates[row] += mode::LOOKUP;
                row += 1;
            }
            let end = self.advice(column, row, Fr::ZERO);
            self.constrain_constant(config, end, Fr::ZERO);
            row += 1;
        }
        row
    }

    /// Points of curves, three rows each: key, sample, next sample. Returns the rows of the keys.
    fn points(
        &mut self,
        sheet: &Sheet,
        config: &ScoreConfig,
        at: &impl Fn(&Cell) -> RawCell,
        lookups: &mut Lookups,
        mut row: usize,
    ) -> Vec<usize> {
        let mut keys = Vec::with_capacity(sheet.points.len());
        for p in &sheet.points {
            let values = [p.key, p.low, p.high].map(|cell| {
                let copy = self.advice(config.state[2], row, value(&cell));
                self.region.constrain_equal(copy, at(&cell));
                row += 1;
                value(&cell)
            });
            let key = row - 3;
            lookups.queries.insert(key, point(values));
            self.gates[key] += mode::LOOKUP;
            keys.push(key);
        }
        keys
    }

    /// Limbs and curves, and how often each entry is looked up.
    fn tables(&mut self, sheet: &Sheet, config: &ScoreConfig, lookups: &mut Lookups, points: Vec<usize>) {
        for entry in 0..1 << LIMB_BITS {
            lookups.entries.push((TABLE_START + entry, limb(Fr::from(entry as u64))));
        }
        let mut row = CURVE_START;
        for (place, curve) in sheet.curves.iter().enumerate() {
            let samples = curve.samples();
            let sample = |i: usize| to_field(i128::from(samples[i]));
            for i in 0..samples.len() {
                // behind the last sample comes another curve's: a key that no chip asks for
                let key = if i + 1 < samples.len() { first_key(place) + Fr::from(i as u64) } else { -Fr::ONE };
                self.fixed(config.table, row, key - sample(i) * power_of_two(LIMB_BITS));
                self.fixed(config.values, row, sample(i) + super::config::offset());
                if i + 1 < samples.len() {
                    lookups.entries.push((row, point([key, sample(i), sample(i + 1)])));
                }
                row += 1;
            }
        }
        for (row, entry) in lookups.entries.iter().take(1 << LIMB_BITS) {
            self.fixed(config.table, *row, entry[0]);
        }
        for (row, count) in lookups.counts() {
            self.advice(config.state[3], row, Fr::from(count));
        }
        for row in TABLE_START..GLUE_ROWS {
            self.fixed(config.lookup, row, Fr::from(mode::SUM));
        }
        for row in points {
            self.fixed(config.lookup, row, Fr::from(mode::POINT));
        }
        // no structure column commits to the identity, curves or not
        self.fixed(config.values, GLUE_ROWS + 1, Fr::ONE);
    }

    /// Returns the mode, factor and weights of each row.
    fn dense(
        &mut self,
        sheet: &Sheet,
        config: &ScoreConfig,
        at: &impl Fn(&Cell) -> RawCell,
    ) -> Vec<(u64, Fr, [Fr; FOLD])> {
        let mut rows = Vec::new();
        for (row, dense) in dense_rows(sheet).into_iter().enumerate() {
            let factor = match &dense.factor {
                Some(cell) => value(cell),
                None if dense.bias => Fr::ONE,
                None => Fr::ZERO,
            };
            let cell = self.advice(config.state[1], row, factor);
            match &dense.factor {
                Some(origin) => self.region.constrain_equal(cell, at(origin)),
                None => self.constrain_constant(config, cell, factor),
            }
            self.fixed(config.dense, row, Fr::from(dense.mode));
            for (column, weight) in config.weights.into_iter().zip(dense.weights) {
                self.fixed(column, row, weight);
            }
            rows.push((dense.mode, factor, dense.weights));
        }
        rows
    }

    fn hashes(&mut self, sheet: &Sheet, config: &ScoreConfig, at: &impl Fn(&Cell) -> RawCell) {
        for (i, permutation) in sheet.permutations.iter().enumerate() {
            let start = HASH_START + i * poseidon_rows::ROWS;
            let mut last = Vec::new();
            for (row, content) in (start..).zip(poseidon_rows::rows(permutation.input.map(|c| value(&c)))) {
                let cells: Vec<_> =
                    config.state.into_iter().zip(content.cells).map(|(c, v)| self.advice(c, row, v)).collect();
                if row == start {
                    for (cell, input) in cells.iter().zip(&permutation.input) {
                        self.region.constrain_equal(*cell, at(input));
                    }
                }
                for (column, constant) in [config.table, config.constants].into_iter().zip(content.constants) {
                    self.fixed(column, row, constant);
                }
                self.fixed(config.hash, row, Fr::from(content.hash));
                last = cells;
            }
            for (element, cell) in &permutation.output {
                self.region.constrain_equal(last[*element], at(cell));
            }
        }
    }

    fn copies(&mut self, sheet: &Sheet, config: &ScoreConfig, at: &impl Fn(&Cell) -> RawCell) {
        let cell = |offset: usize| at(&sheet.ctx.get(offset as isize));
        let copies = sheet.ctx.copy_manager.lock().expect("the sheet is used by one thread");
        for (a, b) in &copies.advice_equalities {
            self.region.constrain_equal(cell(a.offset), cell(b.offset));
        }
        for (constant, a) in &copies.constant_equalities {
            self.constrain_constant(config, cell(a.offset), *constant);
        }
    }
}

/// Commits the first phase, draws the challenges, writes the running sums.
fn second_phase(config: &ScoreConfig, region: &mut Region<Fr>, lookups: &Lookups, factors: &[(u64, Fr, [Fr; FOLD])]) {
    region.next_phase();
    let (mut alpha, mut rho) = (None, None);
    region.get_challenge(config.alpha).map(|v| alpha = Some(v));
    region.get_challenge(config.rho).map(|v| rho = Some(v));
    // unknown while keys are made: there is nothing to write then
    let (Some(alpha), Some(rho)) = (alpha, rho) else { return };

    let steps = lookups.steps(alpha, rho);
    let mut sum = Fr::ZERO;
    region.assign_advice(config.sum, 0, Value::known(sum));
    for row in TABLE_START..=GLUE_ROWS {
        region.assign_advice(config.sum, row, Value::known(sum));
        sum += steps.get(&row).copied().unwrap_or(Fr::ZERO);
    }

    let mut sum = Fr::ZERO;
    for (row, (part, factor, weights)) in factors.iter().enumerate() {
        region.assign_advice(config.product, row, Value::known(sum));
        sum = match *part {
            mode::FIRST => *factor,
            mode::OUTPUT => sum * rho + factor,
            _ => sum - *factor * weights.iter().rev().fold(Fr::ZERO, |folded, w| folded * rho + w),
        };
    }
    region.assign_advice(config.product, factors.len(), Value::known(sum));
}
