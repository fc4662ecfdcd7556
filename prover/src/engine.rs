//! What the job queue asks of a prover: facts of a query, proofs, and their verification.
//!
//! The queue persists, resumes and serves; an engine computes. Tests of the queue bring a fast engine, the node brings
//! the circuits.

use crate::audit::{Audit, Part};
use crate::draw::View;
use crate::evidence::Evidence;
use crate::expected::Expected;
use crate::onnx::Precision;
use crate::opening::Opening;
pub use crate::scores::card::{Card, Training};
use alloy::primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use vouch_circuits::facts::Fact;
use vouch_circuits::plan::Private;
use vouch_circuits::score::salt::Salt;

/// Outputs of a score, unused ones are zero.
pub const OUTPUTS: usize = 4;

/// Why an engine gave no proof.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EngineError {
    /// No model with this id was added to the node. Recoverable: `vouch model add`.
    #[error("model {model} is not known to this node")]
    UnknownModel {
        /// The id asked for.
        model: B256,
    },
    /// The model cannot be compiled: an unsupported op, a wrong width, a plan that does not fit. Not recoverable.
    #[error("model {name}: {detail}")]
    Model {
        /// Name given to it.
        name: String,
        /// Which node, op or entry, expected and got.
        detail: String,
    },
    /// The plan cannot be applied to this subject and block.
    #[error("plan of model {model}: {detail}")]
    Plan {
        /// The model.
        model: B256,
        /// What is wrong.
        detail: String,
    },
    /// The evidence does not fit any history class. Not recoverable: ask for fewer facts.
    #[error("history circuit: {detail}")]
    Capacity {
        /// Which bound, expected and got.
        detail: String,
    },
    /// One more proof would say something of the private weights. Recoverable: `vouch model add` with a fresh salt.
    #[error(
        "model {model}: its salt hides the weights for {budget} proofs, and all were made; add it again with a fresh salt"
    )]
    Exhausted {
        /// The model.
        model: B256,
        /// Proofs that one salt allows.
        budget: u64,
    },
    /// The model cannot be audited on these rows, or is not as good on them.
    #[error("audit of model {model}: {detail}")]
    Audit {
        /// The model.
        model: B256,
        /// Which column, row or number, expected and got.
        detail: String,
    },
    /// Proving failed. Not recoverable by a retry.
    #[error("prover: {detail}")]
    Prover {
        /// What failed.
        detail: String,
    },
    /// A finished proof was not accepted by a verifier, so it is not served.
    #[error("proof was made but not accepted by {verifier}: {detail}")]
    Rejected {
        /// `native` or `evm`.
        verifier: &'static str,
        /// What the verifier said.
        detail: String,
    },
}

/// A block that a history proof trusts; the contract checks its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Anchor {
    /// Block number.
    pub number: u64,
    /// Block hash.
    pub hash: B256,
    /// Whether the proof itself leads to the block from its other anchors: the contract does not check it, but remembers it.
    #[serde(default)]
    pub linked: bool,
}

/// A proven history root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryProof {
    /// Index of the circuit class in `HistoryRoots`.
    pub class: u64,
    /// Poseidon root of `facts`.
    pub root: B256,
    /// Who is paid for it.
    pub payee: Address,
    /// The blocks it trusts, 1 to 8.
    pub anchors: Vec<Anchor>,
    /// The leaves, in order.
    pub facts: Vec<Fact>,
    /// Public inputs in circuit order.
    pub instances: Vec<B256>,
    /// The proof, as the contract takes it.
    pub proof: Bytes,
}

/// What a score proof is to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreTask {
    /// Chain whose facts are read.
    pub chain_id: u64,
    /// The model.
    pub model: B256,
    /// About whom.
    pub subject: Address,
    /// As of which block.
    pub as_of: u64,
    /// Who is paid for it.
    pub payee: Address,
    /// The roots that hold the model's facts, each with its leaves, 1 to 4; none if it reads none.
    pub roots: Vec<(B256, Vec<Fact>)>,
    /// The private inputs, if the model has some. They are no part of what is stored or served.
    #[serde(skip)]
    pub private: Option<Opening>,
}

/// A proven score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreProof {
    /// Signed fixed point, 65536 is 1.0.
    pub outputs: [i64; OUTPUTS],
    /// The roots in claim order, unused ones repeat the first; all 0 if the model reads no facts.
    pub roots: [B256; OUTPUTS],
    /// Commitment to the private inputs, or 0.
    #[serde(default)]
    pub inputs: B256,
    /// Digest of all outputs if there are more, or 0.
    #[serde(default)]
    pub digest: B256,
    /// Public inputs in circuit order.
    pub instances: Vec<B256>,
    /// The proof, as the contract takes it.
    pub proof: Bytes,
}

/// One part of an audit to prove.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditTask {
    /// The model.
    pub model: B256,
    /// The file of rows, CSV.
    pub data: String,
    /// Its column of labels.
    pub label: String,
    /// What labels 0 and 1 are compared at; 0.5 if not given.
    pub threshold: Option<f64>,
    /// The share of right answers that the whole file is to reach.
    pub at_least: f64,
    /// Which part, from 0 on.
    pub part: usize,
}

/// One part of an audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditAnswer {
    /// Parts of the whole audit.
    pub parts: usize,
    /// With the first part: all of the audit but its parts.
    pub audit: Option<Audit>,
    /// The part.
    pub part: Part,
}

/// A model to add.
#[derive(Clone, Debug, Default)]
pub struct NewModel {
    /// For people.
    pub name: String,
    /// The plan, TOML.
    pub plan: String,
    /// The ONNX file.
    pub onnx: Vec<u8>,
    /// Rows of features to compare float and integer outputs on, CSV.
    pub calibration: Option<String>,
    /// With one, the weights are private, for a counted number of proofs.
    pub salt: Option<Salt>,
    /// What the author says of it, Markdown.
    pub about: Option<String>,
    /// What the author says it was trained on.
    pub training: Option<Training>,
    /// Fraction bits between the layers.
    pub precision: Precision,
}

/// Float against integer model on the calibration rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Rows compared.
    pub rows: usize,
    /// Greatest difference of an output.
    pub max_abs_error: f64,
    /// Mean difference.
    pub mean_abs_error: f64,
    /// Greatest difference as a share of the range of that output on the rows; `None` if no output varies.
    #[serde(default)]
    pub max_relative_error: Option<f64>,
    /// Mean difference as such a share.
    #[serde(default)]
    pub mean_relative_error: Option<f64>,
    /// Share of labelled rows on the right side of 1/2, floats.
    #[serde(default)]
    pub float_accuracy: Option<f64>,
    /// The same, integers.
    pub accuracy: Option<f64>,
    /// Area under the ROC curve, floats.
    #[serde(default)]
    pub float_auc: Option<f64>,
    /// The same, integers.
    pub auc: Option<f64>,
}

/// What a node knows of a model it can prove.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// `keccak256(structureId ‖ weight commitments)`.
    pub model_id: B256,
    /// `keccak256(classId ‖ structure commitments)`.
    pub structure_id: B256,
    /// The size class, which is the deployed verifier.
    pub class_id: B256,
    /// For people.
    pub name: String,
    /// The plan, TOML.
    pub plan: String,
    /// The key data to register.
    pub key: Bytes,
    /// Features.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
    /// Facts that one score reads.
    pub facts: usize,
    /// Blocks that one score looks back.
    pub window_blocks: u64,
    /// Float against integer model, if rows were given.
    pub calibration: Option<Calibration>,
    /// Seconds that key generation took.
    pub keygen_s: f64,
    /// Size of the proving key.
    pub key_mb: f64,
    /// What a proof should cost.
    #[serde(default)]
    pub expected: Option<Expected>,
    /// Of private weights: for how many more proofs the salt hides them. `None`: the weights are public.
    #[serde(default)]
    pub proofs_left: Option<u64>,
    /// Fraction bits between the layers; 0 for a model that was stored before there was a choice.
    #[serde(default)]
    pub precision: u32,
    /// What `vouch model inspect` draws; without ranges if the weights are private.
    #[serde(default)]
    pub layers: Vec<View>,
    /// Version, origin, deprecation.
    #[serde(default)]
    pub card: Card,
}

/// How far a model is on its way into the node, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adding {
    /// The file is read, and what is linear or constant is folded.
    Import,
    /// Scales are chosen on the rows, and floats and integers compared.
    Quantise,
    /// The class that holds model and plan, and the ranges of the layers on the rows.
    Check,
    /// Key generation.
    Keys,
    /// The verifier of the class, the first time.
    Verifier,
}

impl Adding {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Import, Self::Quantise, Self::Check, Self::Keys, Self::Verifier];

    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Import => "importing and folding",
            Self::Quantise => "quantising and calibrating",
            Self::Check => "checking sizes and ranges",
            Self::Keys => "making the keys",
            Self::Verifier => "making the verifier",
        }
    }
}

/// Makes and verifies proofs. Calls block for seconds to minutes.
pub trait Engine: Send + Sync + 'static {
    /// The models that were added.
    fn models(&self) -> Vec<ModelInfo>;

    /// Compiles a model, makes its keys and keeps it; `tell` hears of each step as it begins.
    ///
    /// # Errors
    /// [`EngineError::Model`] names the node and op, or the entry of the plan, that is at fault.
    fn add_model(&self, new: &NewModel, tell: &dyn Fn(Adding)) -> Result<ModelInfo, EngineError>;

    /// Marks a model as deprecated, or with `None` as good again. It can still be asked by its id.
    ///
    /// # Errors
    /// [`EngineError::UnknownModel`], [`EngineError::Prover`].
    fn deprecate_model(&self, model: B256, reason: Option<String>) -> Result<ModelInfo, EngineError>;

    /// The facts that a plan reads for `subject` at `as_of`, values zero, before a model is made of it.
    ///
    /// # Errors
    /// [`EngineError::Model`].
    fn questions_of_plan(&self, plan: &str, subject: Address, as_of: u64) -> Result<Vec<Fact>, EngineError>;

    /// The facts that `model` reads for `subject` at `as_of`, values zero.
    ///
    /// # Errors
    /// [`EngineError::UnknownModel`], [`EngineError::Plan`].
    fn questions(&self, model: B256, subject: Address, as_of: u64) -> Result<Vec<Fact>, EngineError>;

    /// The private inputs that `model` takes.
    ///
    /// # Errors
    /// [`EngineError::UnknownModel`].
    fn private(&self, model: B256) -> Result<Private, EngineError>;

    /// log2 of the rows of the smallest history proof that has room for `evidence`.
    ///
    /// # Errors
    /// [`EngineError::Capacity`] if none has; [`EngineError::Prover`] if the evidence does not prove its facts.
    fn history_k(&self, evidence: &Evidence) -> Result<u32, EngineError>;

    /// Proves the facts of `evidence`.
    ///
    /// # Errors
    /// [`EngineError::Capacity`], [`EngineError::Prover`].
    fn prove_history(&self, evidence: &Evidence, payee: Address) -> Result<HistoryProof, EngineError>;

    /// Checks a history proof natively and in the EVM.
    ///
    /// # Errors
    /// [`EngineError::Rejected`].
    fn verify_history(&self, proof: &HistoryProof) -> Result<(), EngineError>;

    /// Proves a score.
    ///
    /// # Errors
    /// [`EngineError::UnknownModel`], [`EngineError::Prover`].
    fn prove_score(&self, task: &ScoreTask) -> Result<ScoreProof, EngineError>;

    /// Checks a score proof natively and in the EVM.
    ///
    /// # Errors
    /// [`EngineError::Rejected`].
    fn verify_score(&self, task: &ScoreTask, proof: &ScoreProof) -> Result<(), EngineError>;

    /// Proves one part of an audit; nothing is proven of a model that does not reach the share on the whole file.
    ///
    /// # Errors
    /// [`EngineError::UnknownModel`], [`EngineError::Audit`], [`EngineError::Exhausted`], [`EngineError::Prover`].
    fn audit(&self, task: &AuditTask) -> Result<AuditAnswer, EngineError>;
}
