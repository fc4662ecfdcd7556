//! A circuit class: everything that its verifier contract knows except, for scores, the key.

use crate::{
    model_key::{ModelKey, ModelKeyError},
    snark::KeySource,
};
use halo2_base::halo2_proofs::{
    halo2curves::bn256::{Fr, G1Affine},
    plonk::{ConstraintSystem, Expression, VerifyingKey},
};
use thiserror::Error;

pub use vouch_circuits::degree::MAX_DEGREE;

/// A circuit that does not fit its class. Not recoverable: a programming error in the circuit.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ClassError {
    /// A gate or lookup is of too high a degree.
    #[error("class {class}: {what} has degree {got}, expected at most {MAX_DEGREE}")]
    Degree {
        /// The class.
        class: String,
        /// Gate or lookup.
        what: String,
        /// Its degree.
        got: usize,
    },
    /// A verifier reads exactly one instance column.
    #[error("class {class}: expected 1 instance column, got {got}")]
    InstanceColumns {
        /// The class.
        class: String,
        /// Columns there are.
        got: usize,
    },
}

/// Size and shape of a circuit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Name in file names and passports: lower-case letters, digits, `_`.
    pub name: &'static str,
    /// log2 of the rows.
    pub k: u32,
    /// Public inputs, all in one column.
    pub num_instances: usize,
    /// Fixed columns that hold weights, if the key is data; `None` if the key is in the verifier's code.
    pub weights: Option<Vec<usize>>,
}

impl Class {
    /// Enforces degree and instance column; `cs` without selectors, as a verifying key has it.
    ///
    /// # Errors
    /// [`ClassError`].
    pub fn check(&self, cs: &ConstraintSystem<Fr>) -> Result<(), ClassError> {
        let class = || self.name.to_string();
        if cs.num_instance_columns() != 1 {
            return Err(ClassError::InstanceColumns { class: class(), got: cs.num_instance_columns() });
        }
        for gate in cs.gates() {
            let got = degree(gate.polynomials());
            if got > MAX_DEGREE {
                return Err(ClassError::Degree { class: class(), what: format!("gate {}", gate.name()), got });
            }
        }
        for (i, lookup) in cs.lookups().iter().enumerate() {
            // The table side is a fixed column. Product of both sides, the running product and the active-row factor.
            let got = 2 + degree(lookup.input_expressions()).max(1) + 1;
            if got > MAX_DEGREE {
                return Err(ClassError::Degree { class: class(), what: format!("lookup {i}"), got });
            }
        }
        Ok(())
    }

    /// Where a verifier of this class has its key from.
    ///
    /// # Errors
    /// [`ModelKeyError`] when `vk` cannot be a score key.
    pub fn key_source(&self, vk: &VerifyingKey<G1Affine>) -> Result<KeySource, ModelKeyError> {
        match &self.weights {
            None => Ok(KeySource::Code),
            Some(weights) => Ok(KeySource::Data(ModelKey::new(self.name, self.num_instances, weights, vk)?)),
        }
    }
}

fn degree(expressions: &[Expression<Fr>]) -> usize {
    expressions.iter().map(Expression::degree).max().unwrap_or(0)
}
