//! Audits of the node's models, part by part: who asks sends the file with each part, so nothing is kept but the keys.

use super::{Loaded, Scores, prover};
use crate::audit::{AuditError, Auditor, Data, check_outputs, reaches};
use crate::engine::{AuditAnswer, AuditTask, EngineError};
use crate::model_key::point_bytes;
use crate::snark::KeySource;
use alloy::primitives::B256;
use std::sync::{Arc, PoisonError};
use vouch_circuits::model::Architecture;
use vouch_circuits::score::audit::{AuditCircuit, Rule};

/// The keys of one model and rule.
pub(super) struct Kept {
    model: B256,
    rule: Rule,
    auditor: Arc<Auditor>,
}

impl Scores {
    /// Proves one part of an audit; with private weights each part is one proof of the budget.
    ///
    /// # Errors
    /// [`EngineError::UnknownModel`]; [`EngineError::Audit`] if the rows are refused, the model is not as good on them, or the budget
    /// has no room for all parts that are left; [`EngineError::Prover`].
    pub fn audit(&self, task: &AuditTask) -> Result<AuditAnswer, EngineError> {
        let refuse = |e: AuditError| EngineError::Audit { model: task.model, detail: e.to_string() };
        let loaded = self.get(task.model)?;
        let data = Data::parse(&task.data, &loaded.plan.names(), &task.label).map_err(refuse)?;
        let rule = data.rule(loaded.model.outputs.len(), task.threshold).map_err(refuse)?;
        check_outputs(&loaded.plan, &loaded.model).map_err(refuse)?;
        data.check(&loaded.model, rule).map_err(refuse)?;
        let keys = self.keys(&loaded)?;
        let KeySource::Data(key) = &keys.source else { return Err(prover("a score class takes its key as data")) };
        let auditor = self.auditor(&loaded, rule, || {
            let circuit = AuditCircuit::keygen(loaded.model.clone(), loaded.plan.clone(), rule, loaded.salt);
            let circuit = circuit.map_err(|e| refuse(AuditError::Circuit(e.to_string())))?;
            Auditor::new(&self.srs, circuit, key).map_err(prover)
        })?;
        let parts = data.rows.len().div_ceil(auditor.length());
        let Some(rows) = data.rows.chunks(auditor.length()).nth(task.part) else {
            let detail = format!("expected a part below {parts}, got {}", task.part);
            return Err(EngineError::Audit { model: task.model, detail });
        };
        if let Some(budget) = &loaded.budget {
            let (left, needed) = (budget.left(&self.db).map_err(prover)?, parts - task.part);
            if left < needed as u64 {
                let detail = format!(
                    "it takes {needed} proofs, and the salt hides the weights for {left} more; add the model again with a fresh salt"
                );
                return Err(EngineError::Audit { model: task.model, detail });
            }
            // before anything is said that depends on the weights: a refusal tells of them, too
            budget.take(&self.db, task.model)?;
        }
        let mut right = 0;
        for row in &data.rows {
            right += u64::from(rule.is_right(&loaded.model.run(&row.inputs).map_err(prover)?, row.label));
        }
        reaches(right, data.rows.len(), task.at_least).map_err(|e| match (e, &loaded.budget) {
            (AuditError::Accuracy { expected, .. }, Some(_)) => refuse(AuditError::TooFew { expected }),
            (e, _) => refuse(e),
        })?;
        let part = auditor.prove(rows).map_err(prover)?;
        let audit = (task.part == 0).then(|| crate::audit::Audit {
            model_id: task.model,
            data_keccak: data.keccak,
            label: task.label.clone(),
            rule,
            at_least: task.at_least,
            plan: loaded.info.plan.clone(),
            architecture: Architecture::from(&*loaded.model),
            weights: point_bytes(&key.weights).into(),
            parts: Vec::new(),
        });
        Ok(AuditAnswer { parts, audit, part })
    }

    /// The keys of the last audit if it was the same, else new ones.
    fn auditor(
        &self,
        loaded: &Loaded,
        rule: Rule,
        make: impl FnOnce() -> Result<Auditor, EngineError>,
    ) -> Result<Arc<Auditor>, EngineError> {
        let mut slot = self.auditor.lock().unwrap_or_else(PoisonError::into_inner);
        let model = loaded.info.model_id;
        if let Some(kept) = slot.as_ref().filter(|kept| kept.model == model && kept.rule == rule) {
            return Ok(kept.auditor.clone());
        }
        // the memory of the old ones first
        *slot = None;
        let auditor = Arc::new(make()?);
        *slot = Some(Kept { model, rule, auditor: auditor.clone() });
        Ok(auditor)
    }
}
