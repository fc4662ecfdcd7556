//! Verifying: model id, rows, proofs and their sum, without weights.

use super::{Audit, AuditError, Data, Part, check_outputs, circuit_error, reaches};
use crate::model_key::{ModelKey, points};
use crate::score;
use crate::snark::{self, KeySource, Proof};
use crate::srs::Srs;
use alloy::primitives::B256;
use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::plonk::{Circuit, VerifyingKey, keygen_vk_custom};
use std::sync::Arc;
use vouch_circuits::model::{Model, Op};
use vouch_circuits::plan::Plan;
use vouch_circuits::score::audit::{AuditCircuit, Row, Rule, instances};
use vouch_circuits::score::{ScoreCircuit, ScoreConfig};

/// What a verified audit says.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Verified {
    /// Recomputed from plan, architecture and weight commitments.
    pub model_id: B256,
    /// Keccak of the rows.
    pub data_keccak: B256,
    /// Rows that were asked.
    pub rows: usize,
    /// Of them, those that are not repetitions.
    pub distinct_rows: usize,
    /// Rows answered rightly.
    pub right: u64,
    /// `right / rows`.
    pub accuracy: f64,
    /// The share that was asked for, and is reached.
    pub at_least: f64,
    /// The columns that were the model's inputs, in its order. Names are the audit file's word: no id is of them.
    pub features: Vec<String>,
    /// The column of labels.
    pub label: String,
    /// When an answer is right.
    pub rule: Rule,
    /// Whether the model has trees: then the count is a bound only if thresholds rise, which the commitments do not show.
    pub has_trees: bool,
}

/// What the verifier asks for himself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Demand {
    /// Another share than the file's.
    pub at_least: Option<f64>,
    /// Another threshold than 0.5; a file with another than this is refused.
    pub threshold: Option<f64>,
}

/// Checks `audit` against the rows of `text`; `progress` hears of each part.
///
/// Who calls compares the model id, the hash of the rows, the columns of features and that of labels with what he was told.
///
/// # Errors
/// [`AuditError`]: each says what does not hold.
pub fn verify(
    audit: &Audit,
    text: &str,
    srs: &Srs,
    demand: Demand,
    mut progress: impl FnMut(usize, usize),
) -> Result<Verified, AuditError> {
    let differs = |what, expected: String, got: String| AuditError::Differs { what, expected, got };
    let plan = Arc::new(Plan::parse(&audit.plan).map_err(circuit_error)?);
    let model = Arc::new(audit.architecture.model().map_err(circuit_error)?);
    check_outputs(&plan, &model)?;
    let features = plan.names();
    let data = Data::parse(text, &features, &audit.label)?;
    if data.keccak != audit.data_keccak {
        return Err(differs("hash of the rows", audit.data_keccak.to_string(), data.keccak.to_string()));
    }
    let rule = data.rule(model.outputs.len(), demand.threshold)?;
    if rule != audit.rule {
        return Err(differs("rule of right answers", format!("{rule:?}"), format!("{:?}", audit.rule)));
    }
    data.check(&model, rule)?;
    let weights = points(&audit.weights)
        .filter(|points| points.len() == ScoreConfig::WEIGHT_COLUMNS.len())
        .ok_or_else(|| differs("weight commitments", "8 points of the curve".into(), "others".into()))?;
    let circuit = AuditCircuit::keygen(model.clone(), plan.clone(), rule, None).map_err(circuit_error)?;
    let parts: Vec<_> = data.rows.chunks(circuit.length()).collect();
    if parts.len() != audit.parts.len() {
        return Err(differs("parts", parts.len().to_string(), audit.parts.len().to_string()));
    }
    let model_id = model_id(srs, &model, &plan, &weights)?;
    if model_id != audit.model_id {
        let what = "model id of plan, architecture and weights under this reference string";
        return Err(differs(what, audit.model_id.to_string(), model_id.to_string()));
    }
    let verifier = Verifier::new(srs, &circuit, &weights)?;
    let mut right = 0;
    for (i, (rows, part)) in parts.iter().zip(&audit.parts).enumerate() {
        progress(i, parts.len());
        if !verifier.accepts(rows, part) {
            let first = i * circuit.length() + 1;
            return Err(AuditError::Rejected { part: i + 1, first, last: first + rows.len() - 1 });
        }
        right += part.right;
    }
    let at_least = demand.at_least.unwrap_or(audit.at_least);
    reaches(right, data.rows.len(), at_least)?;
    Ok(Verified {
        model_id,
        data_keccak: data.keccak,
        rows: data.rows.len(),
        distinct_rows: data.distinct(),
        right,
        accuracy: right as f64 / data.rows.len() as f64,
        at_least,
        features,
        label: audit.label.clone(),
        rule,
        has_trees: model.layers.iter().any(|layer| matches!(layer.op, Op::Forest(_))),
    })
}

/// The id of the model with these weight commitments.
fn model_id(srs: &Srs, model: &Arc<Model>, plan: &Arc<Plan>, weights: &[G1Affine]) -> Result<B256, AuditError> {
    let circuit = ScoreCircuit::keygen(model.clone(), plan.clone()).map_err(circuit_error)?;
    let class = score::class(circuit.class());
    let srs = srs.downsize(class.k).map_err(circuit_error)?;
    let vk = key(&srs, &circuit)?;
    let key =
        ModelKey::new(class.name, class.num_instances, &ScoreConfig::WEIGHT_COLUMNS, &vk).map_err(circuit_error)?;
    Ok(ModelKey { weights: weights.to_vec(), ..key }.model_id())
}

fn key<C: Circuit<Fr>>(srs: &Srs, circuit: &C) -> Result<VerifyingKey<G1Affine>, AuditError> {
    let compress_selectors = false;
    keygen_vk_custom(&srs.params, circuit, compress_selectors).map_err(circuit_error)
}

/// Checks parts of one model and rule.
pub(super) struct Verifier {
    srs: Srs,
    vk: VerifyingKey<G1Affine>,
    length: usize,
}

impl Verifier {
    /// Of `circuit`, whatever its weights, with the weight columns that `weights` commit to.
    pub(super) fn new(srs: &Srs, circuit: &AuditCircuit, weights: &[G1Affine]) -> Result<Self, AuditError> {
        let srs = srs.downsize(circuit.class().k).map_err(circuit_error)?;
        let vk = key(&srs, circuit)?;
        let mut fixed = vk.fixed_commitments().clone();
        for (column, point) in ScoreConfig::WEIGHT_COLUMNS.into_iter().zip(weights) {
            fixed[column] = *point;
        }
        let (domain, permutation, cs) = (vk.get_domain().clone(), vk.permutation().clone(), vk.cs().clone());
        let vk = VerifyingKey::from_parts(domain, fixed, permutation, cs, Vec::new(), vk.compress_selectors());
        Ok(Self { srs, vk, length: circuit.length() })
    }

    /// Whether `part` is of these rows, at most as many as a part has.
    pub(super) fn accepts(&self, rows: &[Row], part: &Part) -> bool {
        let proof = Proof { bytes: part.proof.to_vec(), instances: instances(rows, self.length, part.right) };
        part.right <= rows.len() as u64 && snark::verify(&self.srs, &self.vk, &KeySource::Code, &proof)
    }
}
