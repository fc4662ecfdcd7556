//! The audit circuit: how many of some public rows a model answers rightly, with the weight columns of the model's own key.
//!
//! Statement, for public rows, labels, flags and a count: `count = Σ counts_i · right(model(x_i), label_i)`. The model's layers stand
//! in the circuit once for each row, but its dense products only once, in the model's order and from row 0 on: their factors are
//! folds over the rows ([`fold`]). What no gate reads of the weight columns is that of the model's key; so the commitments of these
//! columns are the very points of the key. SPEC.md, "Audits".
//!
//! Public inputs: the count; for each row `counts`, `label` and the inputs.

pub mod fold;
pub mod rule;

pub use rule::Rule;

use super::{Class, Frame, ScoreCircuit, ScoreError, TooLarge, layout, salt::Salt, sheet::Sheet};
use crate::{
    fixed::to_field,
    model::{self, Model, ModelError},
    plan::Plan,
};
use fold::{AuditConfig, Folds};
use halo2_base::{
    gates::GateInstructions,
    halo2_proofs::{
        arithmetic::Field,
        circuit::{Layouter, SimpleFloorPlanner},
        halo2curves::bn256::Fr,
        plonk::{Circuit, ConstraintSystem, Error},
    },
};
use std::sync::Arc;

/// Most rows of one proof.
const MAX_LENGTH: usize = 256;

/// A row of the data, as integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What the model reads, with 16 fraction bits.
    pub inputs: Vec<i64>,
    /// What [`Rule::takes`].
    pub label: i64,
    /// False for rows that only fill a part up.
    pub counts: bool,
}

/// The circuit of one part of an audit.
#[derive(Clone, Debug)]
pub struct AuditCircuit {
    model: Arc<Model>,
    rule: Rule,
    salt: Option<Salt>,
    /// As many as a part has.
    rows: Vec<Row>,
    /// Of the model's own key.
    key: Arc<Frame>,
}

impl AuditCircuit {
    /// The circuit without a witness: all that key generation needs. `plan` says where the model's key has its 1. A part has as many
    /// rows as the class of the model holds.
    ///
    /// # Errors
    /// [`ScoreError`] if model and plan do not fit each other or a class; [`ScoreError::TooLarge`] also if the class of the model has
    /// no room for one row with its comparison.
    pub fn keygen(model: Arc<Model>, plan: Arc<Plan>, rule: Rule, salt: Option<Salt>) -> Result<Self, ScoreError> {
        let score = ScoreCircuit::keygen(model.clone(), plan)?;
        let key = Arc::new(Frame::new(&score.sheet(), score.class())?);
        let row = Row { inputs: vec![0; model.inputs], label: 0, counts: false };
        let mut circuit = Self { model, rule, salt, rows: vec![row], key };
        let (_, one, _) = circuit.written()?;
        circuit.rows = filled(&circuit.rows, 2);
        // what a row takes is the same for each
        let mut length = circuit.written().map_or(1, |(_, two, folds)| two.rows.lengths(&one.rows, folds.runs.len()));
        length = length.min(one.rows.glue / (circuit.model.inputs + 2)).clamp(1, MAX_LENGTH);
        circuit.rows = filled(&circuit.rows[..1], length);
        // gates leave gaps: a row or two less
        while length > 1 && circuit.written().is_err() {
            length -= 1;
            circuit.rows.truncate(length);
        }
        Ok(circuit)
    }

    /// The same circuit for `rows`, at most [`AuditCircuit::length`]; the last one fills what is left, without counting.
    ///
    /// # Errors
    /// [`ModelError::Input`], [`ModelError::InputRange`]; recoverable: give other rows. Assumes at least one row.
    pub fn with_rows(mut self, rows: &[Row]) -> Result<Self, ModelError> {
        for row in rows {
            self.model.check_inputs(&row.inputs)?;
        }
        self.rows = filled(rows, self.length());
        Ok(self)
    }

    /// The class of the model.
    pub fn class(&self) -> Class {
        self.key.class
    }

    /// Rows of one part.
    pub fn length(&self) -> usize {
        self.rows.len()
    }

    /// Rows that count and are answered rightly.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub fn count(&self) -> Result<u64, ModelError> {
        let right = |row: &Row| Ok(row.counts && self.rule.is_right(&self.model.run(&row.inputs)?, row.label));
        self.rows.iter().try_fold(0, |sum, row| Ok(sum + u64::from(right(row)?)))
    }

    /// Everything that the circuit constrains, where it stands, and what is folded.
    fn written(&self) -> Result<(Sheet, Frame, Folds), ScoreError> {
        let mut sheet = Sheet::default();
        let mut count = sheet.constant(Fr::ZERO);
        let (mut public, mut products) = (Vec::new(), None);
        for row in &self.rows {
            let cells: Vec<_> = public_of(row).into_iter().map(|v| sheet.witness(v)).collect();
            let outputs = model::constrain(&mut sheet, &self.model, &cells[2..]);
            let right = self.rule.constrain(&mut sheet, &outputs, cells[1]);
            // all rows have the weights of the first
            let each = *products.get_or_insert(sheet.products.len());
            for product in &mut sheet.products[each..] {
                (product.weights, product.bias) = (Vec::new(), Vec::new());
            }
            count = sheet.gate.mul_add(&mut sheet.ctx, cells[0], right, count);
            public.extend(cells);
        }
        for cell in [count].into_iter().chain(public) {
            sheet.publish(cell);
        }
        let folds = Folds::new(&mut sheet, self.rows.len())?;
        let frame = Frame::new(&sheet, self.key.class)?;
        folds.check(&frame)?;
        let (expected, got) = (frame.rows.glue, sheet.public.len());
        if got > expected {
            return Err(TooLarge { class: frame.class.name, what: "public inputs", expected, got }.into());
        }
        Ok((sheet, frame, folds))
    }
}

/// `rows` and, up to `length`, the last of them once more without counting.
fn filled(rows: &[Row], length: usize) -> Vec<Row> {
    let mut rows = rows.to_vec();
    if let Some(last) = rows.last().cloned() {
        rows.resize(length, Row { counts: false, ..last });
    }
    rows
}

/// What is public of a row.
fn public_of(row: &Row) -> Vec<Fr> {
    let integer = |v: &i64| to_field(i128::from(*v));
    let head = [Fr::from(u64::from(row.counts)), integer(&row.label)];
    head.into_iter().chain(row.inputs.iter().map(integer)).collect()
}

/// The public inputs of a part of `length`: `rows` are at most as many, and `count` of them are said to be right.
pub fn instances(rows: &[Row], length: usize, count: u64) -> Vec<Fr> {
    [Fr::from(count)].into_iter().chain(filled(rows, length).iter().flat_map(public_of)).collect()
}

impl Circuit<Fr> for AuditCircuit {
    type Config = AuditConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Class;

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn params(&self) -> Class {
        self.class()
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, class: Class) -> AuditConfig {
        AuditConfig::configure(meta, class)
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> AuditConfig {
        Self::configure_with_params(meta, Class::default())
    }

    fn synthesize(&self, config: AuditConfig, layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let (sheet, frame, folds) =
            self.written().map_err(|_| Error::NotEnoughRowsAvailable { current_k: self.class().k })?;
        lay_out((&sheet, &frame, &folds), (&self.key, self.salt.as_ref()), &config, layouter)
    }
}

/// Writes a sheet with its folds; `key` is the frame of the key that the weight columns are of, with its salt.
fn lay_out(
    (sheet, frame, folds): (&Sheet, &Frame, &Folds),
    key: (&Frame, Option<&Salt>),
    config: &AuditConfig,
    mut layouter: impl Layouter<Fr>,
) -> Result<(), Error> {
    let mut public = Vec::new();
    layouter.assign_region(
        || "audit",
        |mut region| {
            let runs = (&folds.runs, folds.length, config.item);
            let mut written = layout::first_phase_folded(sheet, frame, key, &config.score, runs, &mut region);
            folds.modes(config, &mut region);
            region.next_phase();
            written.factors = folds.second_phase(config, &mut region, &written);
            layout::second_phase(frame, &config.score, &mut region, &written);
            public = written.public;
            Ok(())
        },
    )?;
    for (row, cell) in public.into_iter().enumerate() {
        layouter.constrain_instance(cell, config.score.instance, row);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
