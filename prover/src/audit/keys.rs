//! Proving: the keys of an audit circuit, and one proof a part.

use super::{AuditError, Part, circuit_error};
use crate::model_key::ModelKey;
use crate::snark::{self, KeySource};
use crate::srs::Srs;
use halo2_base::halo2_proofs::halo2curves::bn256::G1Affine;
use halo2_base::halo2_proofs::plonk::{ProvingKey, keygen_pk2};
use vouch_circuits::score::ScoreConfig;
use vouch_circuits::score::audit::{AuditCircuit, Row, instances};

/// Proves parts of an audit.
pub struct Auditor {
    srs: Srs,
    pk: ProvingKey<G1Affine>,
    circuit: AuditCircuit,
}

impl Auditor {
    /// Makes the keys of `circuit`. `key` is that of the model.
    ///
    /// # Errors
    /// [`AuditError::Circuit`] if halo2 refuses; [`AuditError::Differs`] if the weights or the salt are not those of `key`.
    pub fn new(srs: &Srs, circuit: AuditCircuit, key: &ModelKey) -> Result<Self, AuditError> {
        let class = circuit.class();
        let srs = srs.downsize(class.k).map_err(circuit_error)?;
        tracing::info!(class = class.name, rows = circuit.length(), "making keys of an audit");
        let pk = keygen_pk2(&srs.params, &circuit, false).map_err(circuit_error)?;
        let commitments = pk.get_vk().fixed_commitments();
        let got: Vec<G1Affine> = ScoreConfig::WEIGHT_COLUMNS.iter().map(|column| commitments[*column]).collect();
        if got != key.weights {
            let points = |points: &[G1Affine]| hex::encode(&crate::model_key::point_bytes(points)[..8]);
            let (expected, got) = (points(&key.weights), points(&got));
            return Err(AuditError::Differs { what: "weight commitments", expected, got });
        }
        Ok(Self { srs, pk, circuit })
    }

    /// Rows of one part.
    pub fn length(&self) -> usize {
        self.circuit.length()
    }

    /// Proves one part and verifies the proof.
    ///
    /// # Errors
    /// [`AuditError::Circuit`] if a row is not the model's; see the module of the circuit.
    pub fn prove(&self, rows: &[Row]) -> Result<Part, AuditError> {
        let circuit = self.circuit.clone().with_rows(rows).map_err(circuit_error)?;
        let right = circuit.count().map_err(circuit_error)?;
        let public = instances(rows, self.length(), right);
        let proof = snark::prove(&self.srs, &self.pk, &KeySource::Code, circuit, public).map_err(circuit_error)?;
        Ok(Part { right, proof: proof.bytes.into() })
    }
}
