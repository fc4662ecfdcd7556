//! Why there is no score circuit.

use super::TooLarge;
use crate::{
    instances::MAX_ROOTS,
    model::ModelError,
    plan::{PlanError, Private},
};
use thiserror::Error;

/// Why there is no score circuit for what was given.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ScoreError {
    /// The model was refused.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The plan has no facts for the query. Recoverable where [`PlanError::BeforeWindow`] is.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Model and plan do not fit the class.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// Plan and model belong to different inputs.
    #[error("the plan makes {got} features: the model expects {expected}")]
    Width {
        /// Inputs of the model.
        expected: usize,
        /// Features of the plan.
        got: usize,
    },
    /// Plan and model disagree on the private inputs.
    #[error("the plan has {} private inputs of {} bits: the model expects {} of {}", got.count, got.bits, expected.count, expected.bits)]
    Private {
        /// Of the model.
        expected: Private,
        /// Of the plan.
        got: Private,
    },
    /// The plan compares an output that the model does not have.
    #[error("the plan discloses output {got}: the model has {expected}, counted from 0")]
    Disclose {
        /// Outputs of the model.
        expected: usize,
        /// The one that is compared.
        got: usize,
    },
    /// Not one number for each private input. Recoverable: give them.
    #[error("{got} private inputs: the plan has {expected}")]
    Secret {
        /// Private inputs of the plan.
        expected: usize,
        /// Numbers given.
        got: usize,
    },
    /// Not one opening for each fact of the plan.
    #[error("{got} openings: the plan reads {expected} facts")]
    Openings {
        /// Facts of the plan.
        expected: usize,
        /// Openings given.
        got: usize,
    },
    /// No root, or too many.
    #[error("{got} roots: expected 1 to {MAX_ROOTS}")]
    Roots {
        /// Roots given.
        got: usize,
    },
    /// A layer that is written otherwise for one row of an audit's data than for another. Not recoverable: such a model cannot be audited.
    #[error("the layers read other cells for row {row} of the data than for row 0")]
    Uneven {
        /// Position of the row.
        row: usize,
    },
    /// A fact that the trees do not hold. Recoverable: post a root that has it.
    #[error("fact {index} of the plan (block {block}) is under none of the {roots} roots given")]
    Missing {
        /// Its position in the plan.
        index: usize,
        /// Its block.
        block: u64,
        /// Roots given.
        roots: usize,
    },
}
