//! The score circuit: facts under posted roots → features → model → outputs.
//!
//! Statement, for public `[chainId, payee, subject, asOf, root0..3, out0..3, inputs, digest]`: each fact that the plan names for
//! (subject, asOf) is under one of the roots, the features are made of those facts as the plan says, and the outputs are
//! what the model gives on those features and the private inputs that `inputs` commits to, or one comparison of an output if the plan
//! says so; `digest` is of all outputs if there are more than four. Plan and model are fixed columns and copies: the verifying key is the model.

pub mod audit;
pub mod class;
pub mod commitment;
pub mod config;
pub mod disclose;
mod error;
pub mod frame;
mod layout;
mod lookups;
pub mod opening;
pub mod poseidon_rows;
pub mod salt;
pub mod sheet;

pub use class::{CLASSES, Class, DEPLOYED};
pub use commitment::Secret;
pub use config::ScoreConfig;
pub use error::ScoreError;
pub use frame::{Rows, TooLarge};

use crate::{
    facts::{Fact, FactPath, FactTree, split},
    features,
    fixed::to_field,
    instances::{MAX_OUTPUTS, MAX_ROOTS, ScoreInstances, address},
    model::{self, Model},
    plan::Plan,
    poseidon::{self, NODE},
};
use frame::Frame;
use halo2_base::halo2_proofs::{
    arithmetic::Field,
    circuit::{Layouter, SimpleFloorPlanner},
    halo2curves::bn256::Fr,
    plonk::{Circuit, ConstraintSystem, Error},
};
use salt::Salt;
use sheet::{Cell, Sheet};
use std::sync::Arc;

/// Who asks what: all public inputs but roots and outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Who is paid for the proof.
    pub payee: [u8; 20],
    /// The address that is scored.
    pub subject: [u8; 20],
    /// The block it is scored at.
    pub as_of: u64,
}

/// The word of a fact, and the way to its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The word, big-endian.
    pub value: [u8; 32],
    /// From the leaf to the root.
    pub path: FactPath,
}

/// Finds the facts of `plan` for the query in posted trees. Returns the roots in use and one opening for each fact.
///
/// # Errors
/// [`ScoreError::Missing`] names the first fact that no tree holds; [`ScoreError::Plan`] if the query has no facts.
pub fn open(
    plan: &Plan,
    subject: [u8; 20],
    as_of: u64,
    trees: &[(FactTree, Vec<Fact>)],
) -> Result<(Vec<Fr>, Vec<Opening>), ScoreError> {
    let (mut roots, mut openings) = (Vec::new(), Vec::new());
    for (index, key) in plan.resolve(subject, as_of)?.into_iter().enumerate() {
        let found = trees.iter().find_map(|(tree, facts)| {
            let position = facts.iter().position(|f| f.place() == key)?;
            Some((tree.root(), Opening { value: facts[position].value, path: tree.path(position)? }))
        });
        let (root, opening) = found.ok_or(ScoreError::Missing { index, block: key.block, roots: trees.len() })?;
        if !roots.contains(&root) {
            roots.push(root);
        }
        openings.push(opening);
    }
    Ok((roots, openings))
}

/// What is public, natively: the inputs and the public outputs of the model, given the words of the plan's facts in order and the private inputs.
///
/// # Errors
/// [`ScoreError`] if the widths of words, plan, private inputs and model do not agree.
pub fn evaluate(
    model: &Model,
    plan: &Plan,
    words: &[[u8; 32]],
    private: &[i64],
) -> Result<(Vec<i64>, Vec<i64>), ScoreError> {
    let count = ScoreError::Openings { expected: plan.facts.len(), got: words.len() };
    let mut features = features::compute(plan, words).ok_or(count)?;
    if private.len() != plan.private.count {
        return Err(ScoreError::Secret { expected: plan.private.count, got: private.len() });
    }
    features.extend(private);
    let outputs = model.run(&features)?;
    let outputs = match &plan.disclose {
        None => outputs,
        Some(disclose) => {
            let missing = |expected| ScoreError::Disclose { expected, got: disclose.output };
            vec![disclose.run(&outputs).map_err(missing)?]
        }
    };
    Ok((features, outputs))
}

/// The circuit of one model and plan, with the witness of one query (or none, for key generation).
#[derive(Clone, Debug)]
pub struct ScoreCircuit {
    model: Arc<Model>,
    plan: Arc<Plan>,
    instances: ScoreInstances,
    hints: Vec<opening::Hint>,
    salt: Option<Salt>,
    secret: Secret,
    class: Class,
}

impl ScoreCircuit {
    /// The circuit without a witness, in the smallest class that holds it: all that key generation needs.
    ///
    /// # Errors
    /// [`ScoreError`] if model and plan do not fit each other or the class.
    pub fn keygen(model: Arc<Model>, plan: Arc<Plan>) -> Result<Self, ScoreError> {
        model.check()?;
        model.check_outputs()?;
        if model.inputs != plan.width() {
            return Err(ScoreError::Width { expected: model.inputs, got: plan.width() });
        }
        if model.private != plan.private {
            return Err(ScoreError::Private { expected: model.private, got: plan.private });
        }
        if let Some(disclose) = plan.disclose.filter(|d| d.output >= model.outputs.len()) {
            return Err(ScoreError::Disclose { expected: model.outputs.len(), got: disclose.output });
        }
        let hint = opening::Hint { top8: Fr::ZERO, low248: Fr::ZERO, levels: Default::default() };
        let instances = ScoreInstances {
            chain_id: 0,
            payee: [0; 20],
            subject: [0; 20],
            as_of: plan.window_blocks(),
            roots: [Fr::ZERO; MAX_ROOTS],
            outputs: [Fr::ZERO; MAX_OUTPUTS],
            inputs: Fr::ZERO,
            digest: Fr::ZERO,
        };
        let secret = Secret { values: vec![0; plan.private.count], salt: Fr::ZERO };
        let hints = vec![hint; plan.facts.len()];
        let mut circuit = Self { model, plan, instances, hints, secret, salt: None, class: CLASSES[0] };
        circuit.class = Frame::smallest(&circuit.sheet())?.class;
        Ok(circuit)
    }

    /// The same circuit in `class`, which may be larger than it needs.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub fn in_class(mut self, class: Class) -> Result<Self, TooLarge> {
        self.class = Frame::new(&self.sheet(), class)?.class;
        Ok(self)
    }

    /// The circuit of one query; `openings` in the order of [`Plan::facts`], under `roots` (see [`open`]).
    ///
    /// # Errors
    /// [`ScoreError`]; an opening that is not under the roots is found here, before any proving.
    pub fn new(
        model: Arc<Model>,
        plan: Arc<Plan>,
        request: &Request,
        roots: &[Fr],
        openings: &[Opening],
        secret: &Secret,
    ) -> Result<Self, ScoreError> {
        let mut circuit = Self::keygen(model, plan)?;
        let keys = circuit.plan.resolve(request.subject, request.as_of)?;
        if openings.len() != keys.len() {
            return Err(ScoreError::Openings { expected: keys.len(), got: openings.len() });
        }
        if (roots.is_empty() && !openings.is_empty()) || roots.len() > MAX_ROOTS {
            return Err(ScoreError::Roots { got: roots.len() });
        }
        for (index, (key, opening)) in keys.into_iter().zip(openings).enumerate() {
            let mut node = Some(key.holds(opening.value).leaf());
            for children in &opening.path.levels {
                node = node.filter(|n| children.contains(n)).map(|_| poseidon::hash(NODE, children));
            }
            if !node.is_some_and(|n| roots.contains(&n)) {
                return Err(ScoreError::Missing { index, block: key.block, roots: roots.len() });
            }
        }
        let words: Vec<[u8; 32]> = openings.iter().map(|o| o.value).collect();
        let (_, outputs) = evaluate(&circuit.model, &circuit.plan, &words, &secret.values)?;
        circuit.secret = secret.clone();
        circuit.hints = openings.iter().map(hint).collect();
        circuit.instances = ScoreInstances {
            chain_id: request.chain_id,
            payee: request.payee,
            subject: request.subject,
            as_of: request.as_of,
            // 0 is no tree's root: a score without facts needs none
            roots: std::array::from_fn(|i| roots.get(i).or(roots.first()).copied().unwrap_or(Fr::ZERO)),
            outputs: std::array::from_fn(|i| outputs.get(i).map_or(Fr::ZERO, |o| to_field(i128::from(*o)))),
            inputs: secret.commitment(&circuit.plan.private),
            digest: if outputs.len() > MAX_OUTPUTS { commitment::digest(&outputs) } else { Fr::ZERO },
        };
        Ok(circuit)
    }

    /// The same with private weights, or public ones again. Key generation and proofs need the same salt.
    pub fn salted(self, salt: Option<Salt>) -> Self {
        Self { salt, ..self }
    }

    /// Proofs for which one salt hides the weights.
    ///
    /// # Errors
    /// [`TooLarge`]
    pub fn budget(&self) -> Result<u64, TooLarge> {
        Ok(salt::budget(self.class, &self.rows()?))
    }

    /// Its size.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The public inputs.
    pub fn instances(&self) -> &ScoreInstances {
        &self.instances
    }

    /// Rows in use, of those the class has.
    pub fn rows(&self) -> Result<Rows, TooLarge> {
        Frame::new(&self.sheet(), self.class).map(|frame| frame.rows)
    }

    /// Everything that the circuit constrains, with this witness.
    pub fn sheet(&self) -> Sheet {
        let mut sheet = Sheet::default();
        let ScoreInstances { chain_id, payee, subject, as_of, roots, .. } = &self.instances;
        let head = [Fr::from(*chain_id), address(*payee), address(*subject), Fr::from(*as_of)];
        let head = head.map(|v| sheet.witness(v));
        let roots = roots.map(|v| sheet.witness(v));
        let mut shared = opening::Shared::new(&mut sheet, head[2], head[3], roots);
        let facts = self.plan.facts.iter().zip(&self.hints);
        let words: Vec<_> =
            facts.map(|(template, hint)| opening::constrain(&mut sheet, &mut shared, template, hint)).collect();
        let mut inputs = features::circuit::constrain(&mut sheet, &self.plan, &words);
        let unused = sheet.constant(Fr::ZERO);
        let (private, commitment) = match self.plan.private.count {
            0 => (Vec::new(), unused),
            _ => {
                // no gate reads it: so that other names or units are another structure
                sheet.constant(self.plan.meaning());
                commitment::constrain(&mut sheet, &self.plan.private, &self.secret)
            }
        };
        inputs.extend(private);
        let mut outputs = model::constrain(&mut sheet, &self.model, &inputs);
        if let Some(rule) = &self.plan.disclose {
            outputs = vec![disclose::constrain(&mut sheet, rule, outputs[rule.output])];
        }
        let digest = match outputs.len() > MAX_OUTPUTS {
            true => commitment::constrain_digest(&mut sheet, &outputs),
            false => unused,
        };
        let outputs: [Cell; MAX_OUTPUTS] = std::array::from_fn(|i| outputs.get(i).copied().unwrap_or(unused));
        for cell in head.into_iter().chain(roots).chain(outputs).chain([commitment, digest]) {
            sheet.publish(cell);
        }
        sheet
    }
}

/// The honest hint of an opening.
fn hint(opening: &Opening) -> opening::Hint {
    let (top8, low248) = split(&opening.value);
    opening::Hint { top8: Fr::from(u64::from(top8)), low248, levels: opening.path.levels }
}

impl Circuit<Fr> for ScoreCircuit {
    type Config = ScoreConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Class;

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn params(&self) -> Class {
        self.class
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, class: Class) -> ScoreConfig {
        ScoreConfig::configure(meta, class)
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> ScoreConfig {
        Self::configure_with_params(meta, Class::default())
    }

    fn synthesize(&self, config: ScoreConfig, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let sheet = self.sheet();
        let frame =
            Frame::new(&sheet, self.class).map_err(|_| Error::NotEnoughRowsAvailable { current_k: self.class.k })?;
        let mut public = Vec::new();
        layouter.assign_region(
            || "score",
            |mut region| {
                public = layout::assign(&sheet, &frame, self.salt.as_ref(), &config, &mut region);
                Ok(())
            },
        )?;
        for (row, cell) in public.into_iter().enumerate() {
            layouter.constrain_instance(cell, config.instance, row);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
