//! Layout: the sheet on the columns of [`super::config`].
//!
//! Each list of the sheet takes its own rows; two layouts of one model and plan differ in no fixed cell and no copy.

use super::{
    config::{ScoreConfig, TABLE_START, mode},
    frame::Frame,
    lookups::{Lookups, limb, low_bits, point, top_sample},
    poseidon_rows,
    salt::Salt,
    sheet::{Cell, FOLD, Sheet, offset, value},
};
use crate::fixed::power_of_two;
use halo2_base::halo2_proofs::{
    arithmetic::Field,
    circuit::{Cell as RawCell, Region, Value},
    halo2curves::bn256::Fr,
    plonk::{Advice, Column, Fixed},
};
use std::collections::BTreeMap;

/// One row of a dense product.
pub(super) struct DenseRow {
    mode: u64,
    pub(super) factor: Option<Cell>,
    /// The factor is the constant 1: the weights are biases.
    pub(super) bias: bool,
    weights: [Fr; FOLD],
}

/// The rows of all products; the last one only ends the block before.
pub(super) fn dense_rows(sheet: &Sheet) -> Vec<DenseRow> {
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

/// Mode, factor and weights of each row of the dense products.
pub(super) type Factors = Vec<(u64, Fr, [Fr; FOLD])>;

/// What the first phase leaves for the second.
pub(super) struct Written {
    /// Cells of the public inputs, in order.
    pub(super) public: Vec<RawCell>,
    pub(super) factors: Factors,
    lookups: Lookups,
}

/// Writes the sheet; returns the cells of the public inputs, in order.
///
/// Assumes that `frame` is the sheet's.
pub fn assign(
    sheet: &Sheet,
    frame: &Frame,
    salt: Option<&Salt>,
    config: &ScoreConfig,
    region: &mut Region<Fr>,
) -> Vec<RawCell> {
    let mut writer = Writer::new(region, frame);
    let (lookups, cells) = writer.columns(sheet, config);
    let at = |cell: &Cell| cells[offset(cell)];
    let factors = writer.dense(sheet, config, &at);
    writer.hashes(sheet, config, &at);
    writer.copies(sheet, config, &at);
    writer.rest(config, frame, salt, &factors);
    let public = sheet.public.iter().map(at).collect();
    let written = Written { public, factors, lookups };
    region.next_phase();
    second_phase(frame, config, region, &written);
    written.public
}

/// What the rows of an audit's folds are: one run of cells after the other, all of one length.
pub(super) type Runs = Vec<Vec<Cell>>;

/// As [`assign`], up to the second phase, for a sheet without permutations whose dense products have folded factors: their rows get
/// modes and weights only. `key` is the frame of the model's own key. Also writes the cells of `runs` down `item`; an empty run is of ones.
pub(super) fn first_phase_folded(
    sheet: &Sheet,
    frame: &Frame,
    (key, salt): (&Frame, Option<&Salt>),
    config: &ScoreConfig,
    (runs, length, item): (&Runs, usize, Column<Advice>),
    region: &mut Region<Fr>,
) -> Written {
    let mut writer = Writer::new(region, frame);
    let (lookups, cells) = writer.columns(sheet, config);
    let at = |cell: &Cell| cells[offset(cell)];
    let mut factors = Vec::new();
    for (row, dense) in dense_rows(sheet).into_iter().enumerate() {
        writer.weigh(config, row, &dense);
        factors.push((dense.mode, Fr::ZERO, dense.weights));
    }
    for (row, run, i) in runs.iter().enumerate().flat_map(|(k, run)| (0..length).map(move |i| (k * length + i, run, i)))
    {
        match run.get(i) {
            Some(origin) => {
                let copy = writer.advice(item, row, value(origin));
                writer.region.constrain_equal(copy, at(origin));
            }
            None => {
                let one = writer.advice(item, row, Fr::ONE);
                writer.constrain_constant(config, one, Fr::ONE);
            }
        }
    }
    writer.copies(sheet, config, &at);
    writer.rest(config, key, salt, &factors);
    Written { public: sheet.public.iter().map(at).collect(), factors, lookups }
}

struct Writer<'r, 'a> {
    region: &'r mut Region<'a, Fr>,
    frame: &'r Frame,
    constants: BTreeMap<Fr, RawCell>,
}

impl<'r, 'a> Writer<'r, 'a> {
    fn new(region: &'r mut Region<'a, Fr>, frame: &'r Frame) -> Self {
        Self { region, frame, constants: BTreeMap::new() }
    }

    /// Gates, ranges, points and tables; returns the cells of the gates.
    fn columns(&mut self, sheet: &Sheet, config: &ScoreConfig) -> (Lookups, Vec<RawCell>) {
        let mut lookups = Lookups::default();
        let cells = self.gates(sheet, config, &mut lookups);
        let at = |cell: &Cell| cells[offset(cell)];
        let row = self.ranges(sheet, config, &at, &mut lookups);
        self.points(sheet, config, &at, &mut lookups, row);
        self.tables(config, &mut lookups);
        (lookups, cells)
    }

    /// What stands behind the dense products in the weight columns of the key with the frame `key`.
    fn rest(&mut self, config: &ScoreConfig, key: &Frame, salt: Option<&Salt>, factors: &Factors) {
        self.no_identity(config, key.rows.glue);
        let weights: Vec<_> = factors.iter().map(|(_, _, weights)| *weights).collect();
        for (row, numbers) in salt.into_iter().flat_map(|salt| salt.cells(key, &weights)) {
            for (column, number) in config.weights.into_iter().zip(numbers) {
                self.fixed(column, row, number);
            }
        }
    }

    /// Mode and weights of a row of the dense products.
    fn weigh(&mut self, config: &ScoreConfig, row: usize, dense: &DenseRow) {
        self.fixed(config.dense, row, Fr::from(dense.mode));
        for (column, weight) in config.weights.into_iter().zip(dense.weights) {
            self.fixed(column, row, weight);
        }
    }

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

    /// The cells of the gates, wherever the frame has room.
    fn gates(&mut self, sheet: &Sheet, config: &ScoreConfig, lookups: &mut Lookups) -> Vec<RawCell> {
        let mut gates = vec![[0; 2]; self.frame.rows.glue];
        let mut cells = Vec::with_capacity(self.frame.cells.len());
        for ((v, on), (column, row)) in sheet.ctx.advice.iter().zip(&sheet.ctx.selector).zip(&self.frame.cells) {
            let v = v.evaluate();
            cells.push(self.advice(config.state[*column], *row, v));
            if *column + 1 == config.state.len() {
                lookups.strays.push((*row, v));
            }
            if *on {
                gates[*row][column / 2] += [mode::FIRST_OF_PAIR, mode::SECOND_OF_PAIR][column % 2];
            }
        }
        for (row, pairs) in gates.into_iter().enumerate() {
            for (column, gate) in config.gates.into_iter().zip(pairs).filter(|(_, gate)| *gate != 0) {
                self.fixed(column, row, Fr::from(gate));
            }
        }
        cells
    }

    /// Range checks down the third column: `z_0` is the value, `z_i = limb_i + 2^limb_bits z_(i+1)`, the last `z` is 0. If the
    /// topmost limb is narrower, it is the key of a point instead, whose samples name its width.
    /// Returns the next free row.
    fn ranges(
        &mut self,
        sheet: &Sheet,
        config: &ScoreConfig,
        at: &impl Fn(&Cell) -> RawCell,
        lookups: &mut Lookups,
    ) -> usize {
        let (column, limb_bits) = (config.state[2], config.limb_bits);
        let shrink = power_of_two(limb_bits).invert().expect("a power of two is not zero");
        let mut row = TABLE_START;
        for range in &sheet.ranges {
            let (limbs, top) = self.frame.class.limbs(range.bits);
            let mut z = value(&range.cell);
            let mut cells = Vec::with_capacity(limbs + 3);
            for i in 0..limbs {
                cells.push(self.advice(column, row, z));
                // the last limb is all that is left, in the table or not
                let low = if i + 1 == limbs && top == 0 { z } else { Fr::from(low_bits(z, limb_bits) as u64) };
                lookups.queries.push((row, limb(low)));
                self.fixed(config.lookup, row, Fr::from(mode::LIMB));
                z = (z - low) * shrink;
                row += 1;
            }
            let ends = if top == 0 { vec![Fr::ZERO] } else { vec![top_sample(top); 2] };
            if top != 0 {
                cells.push(self.advice(column, row, z));
                lookups.queries.push((row, point([z, ends[0], ends[1]], limb_bits)));
                self.fixed(config.lookup, row, Fr::from(mode::POINT));
                row += 1;
            }
            for end in ends {
                let cell = self.advice(column, row, end);
                self.constrain_constant(config, cell, end);
                cells.push(cell);
                row += 1;
            }
            self.region.constrain_equal(cells[0], at(&range.cell));
        }
        row
    }

    /// Points of curves, three rows each: key, sample, next sample.
    fn points(
        &mut self,
        sheet: &Sheet,
        config: &ScoreConfig,
        at: &impl Fn(&Cell) -> RawCell,
        lookups: &mut Lookups,
        mut row: usize,
    ) {
        for p in &sheet.points {
            let start = row;
            let values = [p.key, p.low, p.high].map(|cell| {
                let copy = self.advice(config.state[2], row, value(&cell));
                self.region.constrain_equal(copy, at(&cell));
                row += 1;
                value(&cell)
            });
            lookups.queries.push((start, point(values, config.limb_bits)));
            self.fixed(config.lookup, start, Fr::from(mode::POINT));
        }
    }

    /// Limbs and samples, how often each entry is looked up, and the rows of the sum that look nothing up.
    fn tables(&mut self, config: &ScoreConfig, lookups: &mut Lookups) {
        let limb_bits = config.limb_bits;
        let mut row = TABLE_START;
        for entry in 0..1 << limb_bits {
            lookups.entries.push((row, limb(Fr::from(entry as u64))));
            self.fixed(config.table, row, Fr::from(entry as u64));
            row += 1;
        }
        row += 1;
        for table in &self.frame.tables {
            let last = table.samples.len() - 1;
            for (i, sample) in table.samples.iter().enumerate() {
                // behind the last sample comes another table's: a key that no chip asks for
                let key = if i < last { table.first + Fr::from(i as u64) } else { -Fr::ONE };
                let entry = point([key, *sample, *table.samples.get(i + 1).unwrap_or(sample)], limb_bits);
                self.region.assign_fixed(config.table, row, entry[0]);
                self.region.assign_fixed(config.values, row, entry[1]);
                if i < last {
                    lookups.entries.push((row, entry));
                }
                row += 1;
            }
        }
        for (row, count) in lookups.counts(limb_bits) {
            self.advice(config.state[3], row, count);
        }
        let queries: Vec<usize> = lookups.queries.iter().map(|(row, _)| *row).collect();
        let mut queries = queries.into_iter().peekable();
        for row in TABLE_START..self.frame.rows.glue {
            if queries.next_if_eq(&row).is_none() {
                self.fixed(config.lookup, row, Fr::from(mode::SUM));
            }
        }
    }

    /// No column commits to the identity, whatever the weights, curves or not: a 1 in a row that no gate reads; in the weight columns
    /// that is `weights_row`.
    fn no_identity(&mut self, config: &ScoreConfig, weights_row: usize) {
        for column in config.weights {
            self.fixed(column, weights_row, Fr::ONE);
        }
        let row = self.frame.rows.glue;
        self.fixed(config.values, row + 1, Fr::ONE);
        // a gate on four cells that nothing else uses
        self.fixed(config.gates[1], row + 2, Fr::from(mode::FIRST_OF_PAIR));
    }

    /// Returns the mode, factor and weights of each row.
    fn dense(&mut self, sheet: &Sheet, config: &ScoreConfig, at: &impl Fn(&Cell) -> RawCell) -> Factors {
        let mut rows = Vec::new();
        for (row, dense) in dense_rows(sheet).into_iter().enumerate() {
            let factor = match &dense.factor {
                Some(cell) => value(cell),
                None if dense.bias => Fr::ONE,
                None => Fr::ZERO,
            };
            let cell = self.advice(config.factor, row, factor);
            match &dense.factor {
                Some(origin) => self.region.constrain_equal(cell, at(origin)),
                None => self.constrain_constant(config, cell, factor),
            }
            self.weigh(config, row, &dense);
            rows.push((dense.mode, factor, dense.weights));
        }
        rows
    }

    fn hashes(&mut self, sheet: &Sheet, config: &ScoreConfig, at: &impl Fn(&Cell) -> RawCell) {
        for (i, permutation) in sheet.permutations.iter().enumerate() {
            let start = self.frame.hash_start() + i * poseidon_rows::ROWS;
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

/// Draws the challenges, writes the running sums. Assumes that the first phase is written and committed.
pub(super) fn second_phase(frame: &Frame, config: &ScoreConfig, region: &mut Region<Fr>, written: &Written) {
    let Written { lookups, factors, .. } = written;
    let (mut alpha, mut rho) = (None, None);
    region.get_challenge(config.alpha).map(|v| alpha = Some(v));
    region.get_challenge(config.rho).map(|v| rho = Some(v));
    // unknown while keys are made: there is nothing to write then
    let (Some(alpha), Some(rho)) = (alpha, rho) else { return };

    let mut sum = Fr::ZERO;
    for (row, step) in lookups.steps(config.limb_bits, frame.rows.glue + 1, alpha, rho).into_iter().enumerate() {
        region.assign_advice(config.sum, row, Value::known(sum));
        sum += step;
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
