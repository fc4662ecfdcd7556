//! The engine of a node: the history circuit, the score circuit, their keys and verifiers.

use crate::engine::{
    Adding, AuditAnswer, AuditTask, Engine, EngineError, HistoryProof, ModelInfo, NewModel, ScoreProof, ScoreTask,
};
use crate::evidence::Evidence;
use crate::histories::Histories;
use crate::scores::Scores;
use crate::srs::Srs;
use alloy::primitives::{Address, B256};
use std::path::PathBuf;
use vouch_circuits::facts::Fact;
use vouch_circuits::history::Class;
use vouch_circuits::plan::{Plan, Private};
use vouch_indexer::db::Db;

/// See the module.
pub struct Circuits {
    histories: Histories,
    scores: Scores,
}

impl Circuits {
    /// The models in `db`, keys and verifiers in `dir`, everything under the string `srs`.
    ///
    /// - `classes`: of history proofs, as in [`Histories::new`]
    ///
    /// # Errors
    /// [`EngineError::Prover`] if a stored model does not parse.
    pub fn open(db: Db, dir: PathBuf, srs: Srs, classes: &'static [Class]) -> Result<Self, EngineError> {
        let histories = Histories::new(dir.clone(), srs.clone(), classes);
        Ok(Self { histories, scores: Scores::open(db, dir, srs)? })
    }
}

impl Engine for Circuits {
    fn models(&self) -> Vec<ModelInfo> {
        self.scores.models()
    }

    fn add_model(&self, new: &NewModel, tell: &dyn Fn(Adding)) -> Result<ModelInfo, EngineError> {
        self.scores.add_with(new, tell)
    }

    fn deprecate_model(&self, model: B256, reason: Option<String>) -> Result<ModelInfo, EngineError> {
        self.scores.deprecate(model, reason)
    }

    fn questions_of_plan(&self, plan: &str, subject: Address, as_of: u64) -> Result<Vec<Fact>, EngineError> {
        let refuse = |detail: String| EngineError::Model { name: "(new)".into(), detail };
        let plan = Plan::parse(plan).map_err(|e| refuse(e.to_string()))?;
        // On a young chain the window may reach below its first block; that is the query's problem, not the plan's.
        let keys = plan.resolve(subject.into(), as_of.max(plan.window_blocks())).map_err(|e| refuse(e.to_string()))?;
        Ok(keys.into_iter().map(|key| key.holds([0; 32])).collect())
    }

    fn questions(&self, model: B256, subject: Address, as_of: u64) -> Result<Vec<Fact>, EngineError> {
        self.scores.questions(model, subject, as_of)
    }

    fn private(&self, model: B256) -> Result<Private, EngineError> {
        self.scores.private(model)
    }

    fn history_k(&self, evidence: &Evidence) -> Result<u32, EngineError> {
        self.histories.k(evidence)
    }

    fn prove_history(&self, evidence: &Evidence, payee: Address) -> Result<HistoryProof, EngineError> {
        self.histories.prove(evidence, payee)
    }

    fn verify_history(&self, proof: &HistoryProof) -> Result<(), EngineError> {
        self.histories.verify(proof)
    }

    fn prove_score(&self, task: &ScoreTask) -> Result<ScoreProof, EngineError> {
        self.scores.prove(task)
    }

    fn verify_score(&self, task: &ScoreTask, proof: &ScoreProof) -> Result<(), EngineError> {
        self.scores.verify(task, proof)
    }

    fn audit(&self, task: &AuditTask) -> Result<AuditAnswer, EngineError> {
        self.scores.audit(task)
    }
}
