//! Layout: the sheet on the columns of [`super::config`].
//!
//! Each list of the sheet takes its own rows; two layouts of one model and plan differ in no fixed cell and no copy.

use super::{
    config::{GLUE_ROWS, HASH_START, ScoreConfig, TABLE_START, mode},
    poseidon_rows,
    sheet::{Cell, FOLD, LIMB_BITS, Sheet, offset, value},
};
use crate::fixed::power_of_two;
use halo2_base::halo2_proofs::{
    arithmetic::Field,
    circuit::{Cell as RawCell, Region, Value},
    halo2curves::{
        bn256::Fr,
        ff::{BatchInvert, PrimeField},
    },
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
    /// Of the range checks.
    pub range: usize,
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
        range: TABLE_START + sheet.ranges.iter().map(|r| r.limbs + 1).sum::<usize>(),
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
    let expected = MAX_PERMUTATIONS * poseidon_rows::ROWS;
    if rows.hash > expected {
        return Err(TooLarge { what: "Poseidon permutations", expected, got: rows.hash });
    }
    Ok(rows)
}

/// Writes the sheet; returns the cells of the public inputs, in order.
///
/// Assumes that [`measure`] accepted the sheet.
pub fn assign(sheet: &Sheet, config: &ScoreConfig, region: &mut Region<Fr>) -> Vec<RawCell> {
    let mut writer = Writer { region, constants: BTreeMap::new(), gates: vec![0; GLUE_ROWS + 1] };
    let cells: Vec<RawCell> =
        sheet.ctx.advice.iter().enumerate().map(|(row, v)| writer.advice(config.state[0], row, v.evaluate())).collect();
    for (row, on) in sheet.ctx.selector.iter().enumerate() {
        writer.gates[row] += if *on { mode::VERTICAL } else { 0 };
    }
    let at = |cell: &Cell| cells[offset(cell)];
    let limbs = writer.ranges(sheet, config, &at);
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
    second_phase(config, writer.region, &limbs, &factors);
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
    /// Returns the looked-up limb of each row.
    fn ranges(&mut self, sheet: &Sheet, config: &ScoreConfig, at: &impl Fn(&Cell) -> RawCell) -> BTreeMap<usize, Fr> {
        let column = config.state[2];
        let step = power_of_two(LIMB_BITS);
        let shrink = step.invert().expect("a power of two is not zero");
        let mut limbs = BTreeMap::new();
        let mut row = TABLE_START;
        for range in &sheet.ranges {
            let mut z = value(&range.cell);
            for limb in 0..range.limbs {
                let cell = self.advice(column, row, z);
                if limb == 0 {
                    self.region.constrain_equal(cell, at(&range.cell));
                }
                // the last limb is all that is left, in the table or not
                let low = if limb + 1 == range.limbs { z } else { Fr::from(u64::from(low_limb(z))) };
                limbs.insert(row, low);
                z = (z - low) * shrink;
                self.gates[row] += mode::LOOKUP;
                row += 1;
            }
            let end = self.advice(column, row, Fr::ZERO);
            self.constrain_constant(config, end, Fr::ZERO);
            row += 1;
        }
        let mut counts = vec![0_u64; 1 << LIMB_BITS];
        for limb in limbs.values().filter(|l| **l < step) {
            counts[low_limb(*limb) as usize] += 1;
        }
        for (entry, count) in counts.into_iter().enumerate() {
            let row = TABLE_START + entry;
            self.fixed(config.table, row, Fr::from(entry as u64));
            self.advice(config.state[3], row, Fr::from(count));
        }
        for row in 0..=GLUE_ROWS {
            let part = match row {
                0 | GLUE_ROWS => mode::ZERO,
                _ if (TABLE_START..TABLE_START + (1 << LIMB_BITS)).contains(&row) => mode::TABLE,
                _ => mode::SUM,
            };
            self.fixed(config.lookup, row, Fr::from(part));
        }
        limbs
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

fn low_limb(z: Fr) -> u16 {
    let bytes = z.to_repr();
    u16::from_le_bytes([bytes[0], bytes[1]]) & ((1 << LIMB_BITS) - 1)
}

/// Commits the first phase, draws the challenges, writes the running sums.
fn second_phase(
    config: &ScoreConfig,
    region: &mut Region<Fr>,
    limbs: &BTreeMap<usize, Fr>,
    factors: &[(u64, Fr, [Fr; FOLD])],
) {
    region.next_phase();
    let (mut alpha, mut rho) = (None, None);
    region.get_challenge(config.alpha).map(|v| alpha = Some(v));
    region.get_challenge(config.rho).map(|v| rho = Some(v));
    // unknown while keys are made: there is nothing to write then
    let (Some(alpha), Some(rho)) = (alpha, rho) else { return };

    let mut counts = vec![Fr::ZERO; 1 << LIMB_BITS];
    let mut inverses: Vec<Fr> = (0..1_u64 << LIMB_BITS).map(|entry| alpha + Fr::from(entry)).collect();
    for limb in limbs.values().filter(|l| **l < power_of_two(LIMB_BITS)) {
        counts[low_limb(*limb) as usize] += Fr::ONE;
    }
    let mut looked_up: Vec<Fr> = limbs.values().map(|limb| alpha + limb).collect();
    inverses.iter_mut().chain(looked_up.iter_mut()).batch_invert();
    let looked_up: BTreeMap<usize, Fr> = limbs.keys().copied().zip(looked_up).collect();
    let mut sum = Fr::ZERO;
    region.assign_advice(config.sum, 0, Value::known(sum));
    for row in 1..=GLUE_ROWS {
        region.assign_advice(config.sum, row, Value::known(sum));
        sum += looked_up.get(&row).copied().unwrap_or(Fr::ZERO);
        if let Some(entry) = row.checked_sub(TABLE_START).filter(|e| *e < counts.len()) {
            sum -= counts[entry] * inverses[entry];
        }
    }
    region.assign_advice(config.sum, GLUE_ROWS + 1, Value::known(Fr::ZERO));

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
