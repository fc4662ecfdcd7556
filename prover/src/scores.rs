//! Models of the node: compiled, with keys, proven and verified.
//!
//! A model is stored as its integer program and its plan; keys follow from both and are found on disk by hash.

pub use crate::compile::{Compiled, compile, compile_architecture, compile_with, keys, sample, sample_keys};
use crate::engine::{Adding, Calibration, EngineError, ModelInfo, NewModel, ScoreProof, ScoreTask};
use crate::evm::{Passport, to_word, verify_in_revm};
use crate::expected::Expected;
use crate::keys::{Keys, SOURCES};
use crate::score;
use crate::snark::{KeySource, Proof, verify};
use crate::srs::Srs;
use crate::verifiers;
use alloy::primitives::{Address, B256};
use budget::Budget;
use card::Card;
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::halo2curves::ff::PrimeField;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use vouch_circuits::facts::{Fact, FactTree};
use vouch_circuits::instances::SCORE_INSTANCES;
use vouch_circuits::model::{Model, output};
use vouch_circuits::plan::{Plan, Private};
use vouch_circuits::score::{Request, ScoreCircuit, ScoreConfig, open, salt::Salt};
use vouch_indexer::db::{Batch, Column, Db};

/// What is stored of a model.
#[derive(Clone, Serialize, Deserialize)]
struct Record {
    info: ModelInfo,
    model: Model,
    /// Sources of the circuits and reference string that its ids follow from.
    #[serde(default)]
    made_with: String,
    /// The salt of private weights.
    #[serde(default)]
    salt: Option<B256>,
}

/// A model ready to prove.
struct Loaded {
    info: ModelInfo,
    /// The one of `info` is that of the start.
    card: Mutex<Card>,
    model: Arc<Model>,
    plan: Arc<Plan>,
    salt: Option<Salt>,
    /// With a salt: what it is good for.
    budget: Option<Budget>,
    keys: Mutex<Option<Arc<Keys>>>,
    /// False until the key that these circuits make is known to have the stored id.
    is_current: AtomicBool,
}

/// The models of a data directory.
pub struct Scores {
    db: Db,
    dir: PathBuf,
    srs: Srs,
    models: Mutex<BTreeMap<B256, Arc<Loaded>>>,
    /// Keys of the last audit, which has more parts.
    auditor: Mutex<Option<audits::Kept>>,
}

fn prover(e: impl std::fmt::Display) -> EngineError {
    EngineError::Prover { detail: e.to_string() }
}

impl Scores {
    /// The models in `db`, with keys in `dir` under the string `srs`.
    ///
    /// # Errors
    /// [`EngineError::Prover`] if a stored model does not parse.
    pub fn open(db: Db, dir: PathBuf, srs: Srs) -> Result<Self, EngineError> {
        let mut models = BTreeMap::new();
        for (id, value) in db.scan(Column::Models, &[]).map_err(prover)? {
            let Ok(record) = serde_json::from_slice::<Record>(&value) else {
                let id = hex::encode(&id);
                tracing::warn!(model = %id, "stored by another version of vouch and left out; add it again with `vouch model add`");
                continue;
            };
            let plan = Plan::parse(&record.info.plan).map_err(prover)?;
            let (model, plan, salt) = (Arc::new(record.model), Arc::new(plan), record.salt.map(|salt| Salt(salt.0)));
            let loaded = Loaded {
                budget: budget_of(&record.info, &model, &plan, salt)?,
                card: Mutex::new(record.info.card.clone()),
                info: record.info,
                model,
                plan,
                salt,
                is_current: AtomicBool::new(record.made_with == made_with(&srs)?),
                keys: Mutex::default(),
            };
            models.insert(loaded.info.model_id, Arc::new(loaded));
        }
        Ok(Self { db, dir, srs, models: Mutex::new(models), auditor: Mutex::default() })
    }

    /// What is known of each model.
    pub fn models(&self) -> Vec<ModelInfo> {
        let models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        models.values().map(|m| self.info(m)).collect()
    }

    /// Compiles, makes keys and a verifier, stores.
    ///
    /// # Errors
    /// [`EngineError::Model`], [`EngineError::Prover`].
    pub fn add(&self, new: &NewModel) -> Result<ModelInfo, EngineError> {
        self.add_with(new, &|_| ())
    }

    /// The same; `tell` hears of each step as it begins.
    ///
    /// # Errors
    /// As [`Scores::add`].
    pub fn add_with(&self, new: &NewModel, tell: &dyn Fn(Adding)) -> Result<ModelInfo, EngineError> {
        Card::check(new)?;
        let compiled = compile_with(new, tell)?;
        tell(Adding::Check);
        let layers = compiled.views()?;
        tell(Adding::Keys);
        let start = Instant::now();
        let keys = keys(&self.dir, &self.srs, &new.name, &compiled)?;
        let keygen_s = start.elapsed().as_secs_f64();
        tell(Adding::Verifier);
        verifiers::load_or_make(&self.dir, &keys).map_err(prover)?;
        let KeySource::Data(key) = &keys.source else { return Err(prover("a score class takes its key as data")) };
        let info = ModelInfo {
            model_id: key.model_id(),
            structure_id: key.structure_id(),
            class_id: key.class_id,
            name: new.name.clone(),
            plan: new.plan.clone(),
            key: key.bytes().into(),
            inputs: compiled.model.inputs,
            outputs: compiled.plan.public_outputs(compiled.model.outputs.len()),
            facts: compiled.plan.facts.len(),
            window_blocks: compiled.plan.window_blocks(),
            calibration: compiled.report.as_ref().map(|r| Calibration {
                rows: r.rows,
                max_abs_error: r.max_abs_error,
                mean_abs_error: r.mean_abs_error,
                max_relative_error: r.max_relative_error,
                mean_relative_error: r.mean_relative_error,
                float_accuracy: r.float_accuracy,
                accuracy: r.integer_accuracy,
                float_auc: r.float_auc,
                auc: r.integer_auc,
            }),
            keygen_s,
            key_mb: keys.file_bytes as f64 / f64::from(1 << 20),
            expected: Expected::of(keys.class.k),
            proofs_left: None,
            precision: new.precision.bits(),
            layers,
            card: Card::new(new, key.model_id(), &self.models())?,
        };
        let made_with = made_with(&self.srs)?;
        let salt = compiled.salt.map(|salt| B256::from(salt.0));
        let record = Record { info: info.clone(), model: (*compiled.model).clone(), made_with, salt };
        let mut batch = Batch::default();
        batch.put(Column::Models, info.model_id.as_slice(), serde_json::to_vec(&record).map_err(prover)?);
        self.db.write(batch).map_err(prover)?;
        let loaded = Loaded {
            budget: budget_of(&info, &compiled.model, &compiled.plan, compiled.salt)?,
            card: Mutex::new(info.card.clone()),
            info: info.clone(),
            model: compiled.model,
            plan: compiled.plan,
            salt: compiled.salt,
            keys: Mutex::new(Some(Arc::new(keys))),
            is_current: AtomicBool::new(true),
        };
        let loaded = Arc::new(loaded);
        self.models.lock().unwrap_or_else(PoisonError::into_inner).insert(info.model_id, loaded.clone());
        Ok(self.info(&loaded))
    }

    /// Marks a model as deprecated, or as good again.
    ///
    /// # Errors
    /// [`EngineError::UnknownModel`], [`EngineError::Prover`].
    pub fn deprecate(&self, model: B256, reason: Option<String>) -> Result<ModelInfo, EngineError> {
        let loaded = self.get(model)?;
        let stored = self.db.get(Column::Models, model.as_slice()).map_err(prover)?;
        let mut record: Record =
            serde_json::from_slice(&stored.ok_or(EngineError::UnknownModel { model })?).map_err(prover)?;
        record.info.card.deprecated = reason;
        let mut batch = Batch::default();
        batch.put(Column::Models, model.as_slice(), serde_json::to_vec(&record).map_err(prover)?);
        self.db.write(batch).map_err(prover)?;
        *loaded.card.lock().unwrap_or_else(PoisonError::into_inner) = record.info.card.clone();
        Ok(self.info(&loaded))
    }

    /// The facts that `model` reads, values zero. Every question passes here before anything is proven.
    ///
    /// # Errors
    /// [`EngineError::UnknownModel`], [`EngineError::Plan`], [`EngineError::Exhausted`]; [`EngineError::Model`] if it was stored under other circuits or
    /// another reference string, and its key has another id now.
    pub fn questions(&self, model: B256, subject: Address, as_of: u64) -> Result<Vec<Fact>, EngineError> {
        let loaded = self.get(model)?;
        if !loaded.is_current.load(Ordering::SeqCst) {
            self.keys(&loaded)?;
        }
        if let (Some(0), Some(budget)) = (self.proofs_left(&loaded), &loaded.budget) {
            return Err(EngineError::Exhausted { model, budget: budget.proofs });
        }
        let keys = loaded.plan.resolve(subject.into(), as_of);
        let keys = keys.map_err(|e| EngineError::Plan { model, detail: e.to_string() })?;
        Ok(keys.into_iter().map(|key| key.holds([0; 32])).collect())
    }

    /// The private inputs of a model.
    ///
    /// # Errors
    /// [`EngineError::UnknownModel`].
    pub fn private(&self, model: B256) -> Result<Private, EngineError> {
        Ok(self.get(model)?.plan.private)
    }

    /// Proves a score.
    ///
    /// # Errors
    /// [`EngineError::UnknownModel`], [`EngineError::Prover`].
    pub fn prove(&self, task: &ScoreTask) -> Result<ScoreProof, EngineError> {
        let loaded = self.get(task.model)?;
        let keys = self.keys(&loaded)?;
        let mut trees = Vec::new();
        for (_, facts) in &task.roots {
            trees.push((FactTree::new(facts).map_err(prover)?, facts.clone()));
        }
        let (roots, openings) = open(&loaded.plan, task.subject.into(), task.as_of, &trees).map_err(prover)?;
        let request = Request {
            chain_id: task.chain_id,
            payee: task.payee.into(),
            subject: task.subject.into(),
            as_of: task.as_of,
        };
        let secret =
            task.private.as_ref().map(|opening| opening.secret().map_err(prover)).transpose()?.unwrap_or_default();
        let circuit =
            ScoreCircuit::new(loaded.model.clone(), loaded.plan.clone(), &request, &roots, &openings, &secret);
        let circuit = circuit.map_err(prover)?.salted(loaded.salt);
        if let Some(budget) = &loaded.budget {
            budget.take(&self.db, task.model)?;
        }
        let public = circuit.instances().clone();
        let proof = score::prove(&keys, circuit).map_err(prover)?;
        Ok(ScoreProof {
            outputs: public.outputs.map(output),
            roots: public.roots.map(|r| word(&r)),
            inputs: word(&public.inputs),
            digest: word(&public.digest),
            instances: proof.instances.iter().map(word).collect(),
            proof: proof.bytes.into(),
        })
    }

    /// Checks a score natively and in the EVM, against the public inputs that the contract will build.
    ///
    /// # Errors
    /// [`EngineError::Rejected`].
    pub fn verify(&self, task: &ScoreTask, proof: &ScoreProof) -> Result<(), EngineError> {
        let loaded = self.get(task.model)?;
        let keys = self.keys(&loaded)?;
        let expected = public_inputs(task, proof);
        if expected != proof.instances {
            return Err(rejected("native", "the public inputs are not those of the claim"));
        }
        let instances = expected.iter().map(element).collect::<Option<Vec<Fr>>>();
        let instances = instances.ok_or_else(|| rejected("native", "a public input is not below the modulus"))?;
        let snark = Proof { bytes: proof.proof.to_vec(), instances };
        if !verify(&keys.srs, keys.vk(), &keys.source, &snark) {
            return Err(rejected("native", "the score proof does not verify"));
        }
        let passport: Passport = verifiers::load_or_make(&self.dir, &keys).map_err(prover)?;
        verify_in_revm(&passport, &keys.source, &snark).map_err(|e| rejected("evm", e))?;
        Ok(())
    }

    /// What is known of a model now.
    fn info(&self, model: &Loaded) -> ModelInfo {
        let card = model.card.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ModelInfo { proofs_left: self.proofs_left(model), card, ..model.info.clone() }
    }

    fn proofs_left(&self, model: &Loaded) -> Option<u64> {
        // A count that cannot be read is reported as spent; a proof would fail with the reason.
        model.budget.as_ref().map(|budget| budget.left(&self.db).unwrap_or_default())
    }

    fn get(&self, model: B256) -> Result<Arc<Loaded>, EngineError> {
        let models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        models.get(&model).cloned().ok_or(EngineError::UnknownModel { model })
    }

    /// The keys of a model, read once.
    fn keys(&self, loaded: &Loaded) -> Result<Arc<Keys>, EngineError> {
        let mut slot = loaded.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = &*slot {
            return Ok(keys.clone());
        }
        let (rows, scales) = Default::default();
        let (model, plan) = (loaded.model.clone(), loaded.plan.clone());
        let compiled = Compiled { model, plan, report: None, rows, scales, salt: loaded.salt };
        let keys = Arc::new(keys(&self.dir, &self.srs, &loaded.info.name, &compiled)?);
        same_id(&loaded.info, &keys)?;
        loaded.is_current.store(true, Ordering::SeqCst);
        *slot = Some(keys.clone());
        Ok(keys)
    }
}

/// What the salt of a model is good for.
fn budget_of(
    info: &ModelInfo,
    model: &Arc<Model>,
    plan: &Arc<Plan>,
    salt: Option<Salt>,
) -> Result<Option<Budget>, EngineError> {
    if salt.is_none() {
        return Ok(None);
    }
    let circuit = ScoreCircuit::keygen(model.clone(), plan.clone()).map_err(prover)?;
    let columns = ScoreConfig::WEIGHT_COLUMNS.len();
    Ok(Some(Budget::new(&info.key, columns, circuit.budget().map_err(prover)?)))
}

/// Names what the ids of models follow from, besides the models.
fn made_with(srs: &Srs) -> Result<String, EngineError> {
    Ok(format!("{SOURCES} {}", srs.downsize(score::CLASSES[0].k).map_err(prover)?.name()))
}

/// Fails unless `keys` have the id under which the model is stored, and perhaps registered.
fn same_id(info: &ModelInfo, keys: &Keys) -> Result<(), EngineError> {
    let KeySource::Data(key) = &keys.source else { return Err(prover("a score class takes its key as data")) };
    let (expected, got) = (info.model_id, key.model_id());
    if expected == got {
        return Ok(());
    }
    let detail = format!(
        "stored as model {expected}, but with these circuits and this reference string it is model {got}: a proof would be of \
         that one; add it again with `vouch model add` and register the new id"
    );
    Err(EngineError::Model { name: info.name.clone(), detail })
}

/// The error of a verifier that said no.
pub(crate) fn rejected(verifier: &'static str, detail: impl std::fmt::Display) -> EngineError {
    EngineError::Rejected { verifier, detail: detail.to_string() }
}

/// Public inputs of a score, as the contract builds them from the claim.
pub fn public_inputs(task: &ScoreTask, proof: &ScoreProof) -> Vec<B256> {
    let number = |n: u64| word(&Fr::from(n));
    let mut all = vec![number(task.chain_id), task.payee.into_word(), task.subject.into_word(), number(task.as_of)];
    all.extend(proof.roots);
    let signed = |o: i64| if o < 0 { -Fr::from(o.unsigned_abs()) } else { Fr::from(o.unsigned_abs()) };
    all.extend(proof.outputs.map(|o| word(&signed(o))));
    all.extend([proof.inputs, proof.digest]);
    debug_assert_eq!(all.len(), SCORE_INSTANCES);
    all
}

/// A field element as the contracts take it.
pub fn word(element: &Fr) -> B256 {
    B256::from(to_word(element))
}

/// The field element of a word; `None` if it is not below the modulus.
pub fn element(word: &B256) -> Option<Fr> {
    let mut repr = word.0;
    repr.reverse();
    Option::from(Fr::from_repr(repr))
}

mod audits;
mod budget;
pub mod card;
#[cfg(test)]
mod private_tests;
#[cfg(test)]
mod tests;
