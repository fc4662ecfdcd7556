//! Audits: a proof that a model, by its id, answers so many rows of a public file rightly. Who verifies needs no weights.
//!
//! SPEC.md, "Audits", has the statement and why it can be believed.

pub mod data;
mod keys;
mod verify;

pub use data::{Data, MIN_ROWS};
pub use keys::Auditor;
pub use verify::{Demand, Verified, verify};

use alloy::primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};
use vouch_circuits::model::{Architecture, Model};
use vouch_circuits::plan::Plan;
use vouch_circuits::score::audit::Rule;

/// Why there is no audit, or why one is not believed.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The rows are not what an audit can be of. Recoverable: give another file or column.
    #[error("data: {0}")]
    Data(String),
    /// The model is not as good on these rows. Recoverable: ask for less.
    #[error("the model answers {right} of {rows} rows rightly, {:.4}: expected at least {expected}", *right as f64 / *rows as f64)]
    Accuracy {
        /// What was asked for.
        expected: f64,
        /// Rows answered rightly.
        right: u64,
        /// All rows.
        rows: usize,
    },
    /// The same of a model with private weights. How many rows it is short of would tell of the weights.
    #[error(
        "the model answers fewer rows rightly than the share {expected}; its weights are private, so how many is not said, and this was one \
         proof of the salt's budget"
    )]
    TooFew {
        /// What was asked for.
        expected: f64,
    },
    /// The circuit or its keys cannot be made.
    #[error("audit circuit: {0}")]
    Circuit(String),
    /// What the file says does not hold.
    #[error("audit: {what}: expected {expected}, got {got}")]
    Differs {
        /// What is compared.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// A proof does not verify.
    #[error(
        "part {part} of the audit does not verify: its proof is not of rows {first} to {last} of this file, of this count or of this model"
    )]
    Rejected {
        /// Counted from 1.
        part: usize,
        /// Its first row, counted from 1.
        first: usize,
        /// Its last row.
        last: usize,
    },
}

/// The proof of some rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Rows that are answered rightly.
    pub right: u64,
    /// Of the audit circuit.
    pub proof: Bytes,
}

/// An audit as a file: with the rows, all that a verifier needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// The model that is audited.
    pub model_id: B256,
    /// Keccak of the file of rows.
    pub data_keccak: B256,
    /// Its column of labels.
    pub label: String,
    /// When an answer is right.
    pub rule: Rule,
    /// The share of right answers that was asked for.
    pub at_least: f64,
    /// The plan, TOML.
    pub plan: String,
    /// The model without its weights.
    pub architecture: Architecture,
    /// The commitments of its weights: the last points of its key.
    pub weights: Bytes,
    /// In the order of the rows.
    pub parts: Vec<Part>,
}

/// Fails if the model has outputs that its id says nothing about: of a model that makes only a comparison public the structure binds
/// the output that is compared and no other.
///
/// # Errors
/// [`AuditError::Data`]
pub fn check_outputs(plan: &Plan, model: &Model) -> Result<(), AuditError> {
    match model.outputs.len() {
        1 => Ok(()),
        _ if plan.disclose.is_none() => Ok(()),
        got => Err(AuditError::Data(format!(
            "the model makes a comparison of one output public, and its id binds no other: expected a model of 1 output, got {got}"
        ))),
    }
}

/// Fails if `right` of `rows` are fewer than the share `at_least`.
///
/// # Errors
/// [`AuditError::Accuracy`]; [`AuditError::Data`] if that is no share.
pub fn reaches(right: u64, rows: usize, at_least: f64) -> Result<(), AuditError> {
    if !(0.0..=1.0).contains(&at_least) {
        return Err(AuditError::Data(format!("expected an accuracy from 0 to 1, got {at_least}")));
    }
    // both sides are the nearest number of the same kind, so equal shares compare as equal
    match right as f64 / rows as f64 >= at_least {
        true => Ok(()),
        false => Err(AuditError::Accuracy { expected: at_least, right, rows }),
    }
}

fn circuit_error(e: impl std::fmt::Display) -> AuditError {
    AuditError::Circuit(e.to_string())
}

#[cfg(test)]
mod tests;
