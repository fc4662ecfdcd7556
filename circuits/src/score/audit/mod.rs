//! The audit circuit: how many of some public rows a model answers rightly, with the weight columns of the model's own key.
//!
//! Statement, for public rows, labels, flags and a count: `count = Σ counts_i · right(model(x_i), label_i)`. Each row has a lane: the
//! columns of a score without plan and permutations. Lanes share the fixed columns, so all have one structure and one set of
//! weights. The dense products are the model's in its order, from row 0 on, and what no gate reads of the weight columns is that
//! of the model's key; so their commitments are the very points of the key. SPEC.md, "Audits".
//!
//! Public inputs of a lane: `before` (of the first lane 0), `after` (of the last lane the count), `counts`, `label`, then the inputs.
//! Where neither is named, the first two are 0 and mean nothing.

pub mod rule;

pub use rule::Rule;

use super::{Class, Frame, ScoreCircuit, ScoreConfig, ScoreError, layout, salt::Salt, sheet::Sheet};
use crate::{
    fixed::to_field,
    model::{self, Model, ModelError},
    plan::Plan,
};
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

/// Rows of one proof of a model in `class`: fewer where a lane is longer.
pub fn lanes(class: Class) -> usize {
    const SHORT: (u32, usize) = (12, 32);
    (SHORT.1 >> class.k.saturating_sub(SHORT.0).min(31)).max(1)
}

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

/// Which constraint system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Rows and limbs.
    pub class: Class,
    /// Sheets side by side.
    pub lanes: usize,
}

/// The circuit of one part of an audit.
#[derive(Clone, Debug)]
pub struct AuditCircuit {
    model: Arc<Model>,
    rule: Rule,
    salt: Option<Salt>,
    rows: Vec<Row>,
    /// Of the model's own key.
    key: Arc<Frame>,
    size: Size,
}

impl AuditCircuit {
    /// The circuit without a witness: all that key generation needs. `plan` says where the model's key has its 1.
    ///
    /// # Errors
    /// [`ScoreError`] if model and plan do not fit each other or a class; [`ScoreError::TooLarge`] also if the class of the model has
    /// no room for the comparison.
    pub fn keygen(model: Arc<Model>, plan: Arc<Plan>, rule: Rule, salt: Option<Salt>) -> Result<Self, ScoreError> {
        let score = ScoreCircuit::keygen(model.clone(), plan)?;
        let class = score.class();
        let size = Size { class, lanes: lanes(class) };
        let key = Arc::new(Frame::new(&score.sheet(), class)?);
        let row = Row { inputs: vec![0; model.inputs], label: 0, counts: false };
        let circuit = Self { model, rule, salt, rows: vec![row; size.lanes], key, size };
        Frame::new(&circuit.lane(&circuit.rows[0], 0).0, class)?;
        Ok(circuit)
    }

    /// The same circuit for `rows`, at most one a lane; the last one fills what is left, without counting.
    ///
    /// # Errors
    /// [`ModelError::Input`], [`ModelError::InputRange`]; recoverable: give other rows. Assumes at least one row.
    pub fn with_rows(mut self, rows: &[Row]) -> Result<Self, ModelError> {
        for row in rows {
            self.model.check_inputs(&row.inputs)?;
        }
        self.rows = filled(rows, self.size.lanes);
        Ok(self)
    }

    /// Its size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Rows that count and are answered rightly.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub fn count(&self) -> Result<u64, ModelError> {
        let right = |row: &Row| Ok(row.counts && self.rule.is_right(&self.model.run(&row.inputs)?, row.label));
        self.rows.iter().try_fold(0, |sum, row| Ok(sum + u64::from(right(row)?)))
    }

    /// What one lane constrains, and the count behind it.
    fn lane(&self, row: &Row, before: u64) -> (Sheet, u64) {
        let mut sheet = Sheet::default();
        let integer = |v: i64| to_field(i128::from(v));
        let head = [Fr::from(before), Fr::from(u64::from(row.counts)), integer(row.label)];
        let [start, counts, label] = head.map(|v| sheet.witness(v));
        let inputs: Vec<_> = row.inputs.iter().map(|x| sheet.witness(integer(*x))).collect();
        let outputs = model::constrain(&mut sheet, &self.model, &inputs);
        let right = self.rule.constrain(&mut sheet, &outputs, label);
        let after = sheet.gate.mul_add(&mut sheet.ctx, counts, right, start);
        for cell in [start, after, counts, label].into_iter().chain(inputs) {
            sheet.publish(cell);
        }
        let grown = super::sheet::value(&after) - Fr::from(before);
        (sheet, before + u64::from(grown == Fr::ONE))
    }
}

/// `rows` and, up to `lanes`, the last of them once more without counting.
fn filled(rows: &[Row], lanes: usize) -> Vec<Row> {
    let mut rows = rows.to_vec();
    if let Some(last) = rows.last().cloned() {
        rows.resize(lanes, Row { counts: false, ..last });
    }
    rows
}

/// The public inputs of a part, a column a lane: `rows` are at most one a lane, `count` of them are said to be right.
pub fn instances(rows: &[Row], lanes: usize, count: u64) -> Vec<Vec<Fr>> {
    let integer = |v: &i64| to_field(i128::from(*v));
    let column = |(i, row): (usize, &Row)| {
        let after = if i + 1 == lanes { Fr::from(count) } else { Fr::ZERO };
        let head = [Fr::ZERO, after, Fr::from(u64::from(row.counts)), integer(&row.label)];
        head.into_iter().chain(row.inputs.iter().map(integer)).collect()
    };
    filled(rows, lanes).iter().enumerate().map(column).collect()
}

impl Circuit<Fr> for AuditCircuit {
    type Config = Vec<ScoreConfig>;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Size;

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn params(&self) -> Size {
        self.size
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, size: Size) -> Vec<ScoreConfig> {
        ScoreConfig::configure_lanes(meta, size.class, size.lanes)
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Vec<ScoreConfig> {
        Self::configure_with_params(meta, Size::default())
    }

    fn synthesize(&self, lanes: Vec<ScoreConfig>, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let class = self.size.class;
        let no_room = |_| Error::NotEnoughRowsAvailable { current_k: class.k };
        let frame = Frame::new(&self.lane(&self.rows[0], 0).0, class).map_err(no_room)?;
        let mut written = Vec::with_capacity(lanes.len());
        layouter.assign_region(
            || "audit",
            |mut region| {
                written.clear();
                let mut count = 0;
                for (i, (config, row)) in lanes.iter().zip(&self.rows).enumerate() {
                    let (sheet, after) = self.lane(row, count);
                    count = after;
                    let rest = layout::Rest { frame: &self.key, salt: self.salt.as_ref() };
                    let rest = (i == 0).then_some(rest);
                    written.push(layout::first_phase(&sheet, &frame, rest, config, &mut region));
                }
                for pair in written.windows(2) {
                    region.constrain_equal(pair[0].public[1], pair[1].public[0]);
                }
                region.next_phase();
                for (config, written) in lanes.iter().zip(&written) {
                    layout::second_phase(&frame, config, &mut region, written);
                }
                Ok(())
            },
        )?;
        for (i, (config, written)) in lanes.iter().zip(&written).enumerate() {
            for (row, cell) in written.public.iter().enumerate() {
                let chained = (row == 0 && i > 0) || (row == 1 && i + 1 < lanes.len());
                if !chained {
                    layouter.constrain_instance(*cell, config.instance, row);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
