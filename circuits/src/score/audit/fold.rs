//! Folds: many rows under one set of weights.
//!
//! Statement: for a challenge σ drawn after all cells are committed, the factor of each row of the dense products is
//! `Σ_b σ^(n-1-b) c_b` over the `n` cells `c_b` that would be the factor for each of `n` rows of data. A bias has `Σ_b σ^(n-1-b)`.
//!
//! Sound: `Σ_b σ^(n-1-b) Σ_t ρ^t (y_bt - Σ_i x_bi W_ti - b_t)` is not the zero polynomial if one product is wrong, and has degree at most
//! `n + 6`. So with the products of `layers::dense` over folded factors, a wrong output passes for at most `(n + 6) / r` of all (σ, ρ).

use crate::degree::assert_degrees;
use crate::score::{
    Class, Frame, ScoreConfig, ScoreError, TooLarge,
    config::chosen,
    layout::{self, Factors, Runs, Written},
    sheet::{Cell, Product, Sheet, offset, value},
};
use halo2_base::halo2_proofs::{
    arithmetic::Field,
    circuit::{Cell as RawCell, Region, Value},
    halo2curves::bn256::Fr,
    plonk::{Advice, Challenge, Column, ConstraintSystem, FirstPhase, Fixed, SecondPhase},
    poly::Rotation,
};
use std::collections::HashMap;

/// `mode`: the fold goes on.
const NEXT: u64 = 1;
/// `mode`: the fold begins.
const FIRST: u64 = 2;

/// Columns of a score without permutations, and those of the folds.
#[derive(Clone, Debug)]
pub struct AuditConfig {
    pub(super) score: ScoreConfig,
    pub(super) item: Column<Advice>,
    fold: Column<Advice>,
    mode: Column<Fixed>,
    sigma: Challenge,
}

impl AuditConfig {
    /// Creates columns and gates.
    pub fn configure(meta: &mut ConstraintSystem<Fr>, class: Class) -> Self {
        let score = ScoreConfig::configure_folded(meta, class);
        let item = meta.advice_column_in(FirstPhase);
        let fold = meta.advice_column_in(SecondPhase);
        let mode = meta.fixed_column();
        meta.enable_equality(item);
        meta.enable_equality(fold);
        let sigma = meta.challenge_usable_after(FirstPhase);
        meta.create_gate("fold", |meta| {
            let on = meta.query_fixed(mode, Rotation::cur());
            let item = meta.query_advice(item, Rotation::cur());
            let [before, now] = [Rotation::prev(), Rotation::cur()].map(|at| meta.query_advice(fold, at));
            let sigma = meta.query_challenge(sigma);
            let next = chosen(&on, &[0, FIRST]) * (now.clone() - sigma * before - item.clone());
            let first = chosen(&on, &[0, NEXT]) * (now - item);
            vec![next, first]
        });
        assert_degrees(meta);
        Self { score, item, fold, mode, sigma }
    }
}

/// Which cells are folded, and where their sums go.
#[derive(Clone, Debug)]
pub(super) struct Folds {
    /// The first is empty, which means ones.
    pub(super) runs: Runs,
    pub(super) length: usize,
    /// The run of each row of the dense products but the last.
    factors: Vec<usize>,
}

impl Folds {
    /// Leaves in `sheet` the products of the first of `length` rows of data, and folds those of the others into them. Assumes that
    /// all rows were written by the same code.
    ///
    /// # Errors
    /// [`ScoreError::Uneven`].
    pub(super) fn new(sheet: &mut Sheet, length: usize) -> Result<Self, ScoreError> {
        let each = sheet.products.len() / length;
        let others = sheet.products.split_off(each);
        let rows: Vec<&[Product]> = [&sheet.products[..]].into_iter().chain(others.chunks(each.max(1))).collect();
        let shape = |product: &Product| (product.inputs.len(), product.outputs.len());
        if let Some(row) = rows.iter().position(|row| !row.iter().map(shape).eq(rows[0].iter().map(shape))) {
            return Err(ScoreError::Uneven { row });
        }
        let (mut runs, mut places) = (vec![Vec::new()], HashMap::new());
        for p in 0..each {
            let cells: Vec<Vec<_>> =
                rows.iter().map(|row| row[p].inputs.iter().chain(&row[p].outputs).copied().collect()).collect();
            for (i, cell) in cells[0].iter().enumerate() {
                let run: Vec<Cell> = cells.iter().map(|row: &Vec<_>| row[i]).collect();
                let place = *places.entry(offset(cell)).or_insert_with(|| {
                    runs.push(run.clone());
                    runs.len() - 1
                });
                // one cell of the first row must be one cell of each: else a factor of another row would be in no fold
                let apart = runs[place].iter().zip(&run).position(|(a, b)| offset(a) != offset(b));
                if let Some(row) = apart {
                    return Err(ScoreError::Uneven { row });
                }
            }
        }
        let factors = layout::dense_rows(sheet).into_iter().filter_map(|row| match row.bias {
            true => Some(0),
            false => row.factor.map(|cell| places[&offset(&cell)]),
        });
        let factors = factors.collect();
        Ok(Self { runs, length, factors })
    }

    /// Rows of the folds.
    fn rows(&self) -> usize {
        self.runs.len() * self.length
    }

    /// Checks that the frame of the sheet has room.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub(super) fn check(&self, frame: &Frame) -> Result<(), TooLarge> {
        let (expected, got) = (frame.rows.glue, self.rows());
        if got > expected {
            return Err(TooLarge { class: frame.class.name, what: "folds", expected, got });
        }
        Ok(())
    }

    /// Writes folds and factors, and binds each factor to its fold; returns the factors with their values.
    ///
    /// Assumes that the first phase is committed. While keys are made the challenge is unknown, and only copies count.
    pub(super) fn second_phase(&self, config: &AuditConfig, region: &mut Region<Fr>, written: &Written) -> Factors {
        let mut sigma = Fr::ZERO;
        region.get_challenge(config.sigma).map(|v| sigma = v);
        let mut row = 0;
        let mut write = |region: &mut Region<Fr>, v: Fr| {
            let cell = region.assign_advice(config.fold, row, Value::known(v)).cell();
            row += 1;
            cell
        };
        let mut ends: Vec<(RawCell, Fr)> = Vec::with_capacity(self.runs.len());
        for run in &self.runs {
            let item = |i: usize| run.get(i).map_or(Fr::ONE, value);
            let mut sum = item(0);
            let mut cell = write(region, sum);
            for i in 1..self.length {
                sum = sum * sigma + item(i);
                cell = write(region, sum);
            }
            ends.push((cell, sum));
        }
        let mut factors = written.factors.clone();
        for (row, run) in self.factors.iter().enumerate() {
            let (end, sum) = ends[*run];
            let cell = region.assign_advice(config.score.factor, row, Value::known(sum)).cell();
            region.constrain_equal(cell, end);
            factors[row].1 = sum;
        }
        factors
    }

    /// Where folds begin and go on.
    pub(super) fn modes(&self, config: &AuditConfig, region: &mut Region<Fr>) {
        for row in 0..self.rows() {
            let mode = if row % self.length == 0 { FIRST } else { NEXT };
            region.assign_fixed(config.mode, row, Fr::from(mode));
        }
    }
}
