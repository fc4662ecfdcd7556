//! The score classes: one verifier contract each, for every model and plan of it.

use crate::{
    class::Class,
    keys::{Keys, KeysError},
    snark::{Proof, SnarkError},
    srs::Srs,
};
use std::{path::Path, sync::Arc};
use vouch_circuits::{
    instances::SCORE_INSTANCES,
    model::Model,
    plan::Plan,
    score::{self, ScoreCircuit, ScoreConfig, ScoreError, TooLarge, salt::Salt},
};

pub use vouch_circuits::score::{CLASSES, DEPLOYED};

/// What the verifier of a class knows of it.
pub fn class(size: score::Class) -> Class {
    let weights = Some(ScoreConfig::WEIGHT_COLUMNS.to_vec());
    Class { name: size.name, k: size.k, num_instances: SCORE_INSTANCES, weights }
}

/// Why there are no keys of a model.
#[derive(Debug, thiserror::Error)]
pub enum ScoreKeysError {
    /// Model and plan do not fit each other or the class.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// The keys could not be made or stored.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

impl From<TooLarge> for ScoreKeysError {
    fn from(e: TooLarge) -> Self {
        Self::Score(e.into())
    }
}

/// The keys of a model and plan in the smallest class that holds them, from `dir` or made; with a salt its weights are private.
///
/// # Errors
/// [`ScoreKeysError`].
pub fn keys(
    dir: &Path,
    srs: &Srs,
    model: &Arc<Model>,
    plan: &Arc<Plan>,
    salt: Option<Salt>,
) -> Result<Keys, ScoreKeysError> {
    let circuit = ScoreCircuit::keygen(model.clone(), plan.clone())?.salted(salt);
    let content = format!("{model:?}|{plan:?}|{:?}", salt.map(|salt| salt.0));
    Ok(Keys::load_or_make(dir, srs, &class(circuit.class()), &content, &circuit)?)
}

/// The keys of a model and plan in the class `size`: for its verifier, which is the same whatever the model.
///
/// # Errors
/// [`ScoreKeysError`].
pub fn keys_in(
    dir: &Path,
    srs: &Srs,
    size: score::Class,
    model: &Arc<Model>,
    plan: &Arc<Plan>,
) -> Result<Keys, ScoreKeysError> {
    let circuit = ScoreCircuit::keygen(model.clone(), plan.clone())?.in_class(size)?;
    Ok(Keys::load_or_make(dir, srs, &class(size), &format!("{model:?}|{plan:?}"), &circuit)?)
}

/// Proves one query and verifies the proof natively.
///
/// # Errors
/// [`SnarkError`].
pub fn prove(keys: &Keys, circuit: ScoreCircuit) -> Result<Proof, SnarkError> {
    let instances = circuit.instances().to_fields();
    keys.prove(circuit, instances)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        cost::Meter,
        evm::{Artifact, Solc, verify_in_revm},
        onnx::{Calibration, FloatModel, quantise},
        snark,
    };
    use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
    use vouch_circuits::{
        facts::{Fact, FactKind, FactTree},
        score::{Request, open},
    };

    /// An example model of this repository.
    pub(crate) fn example(name: &str) -> (Arc<Model>, Arc<Plan>) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(name);
        let plan = Plan::parse(&std::fs::read_to_string(folder.join("plan.toml")).unwrap()).unwrap();
        let names: Vec<&str> = plan.features.iter().map(|f| f.name.as_str()).collect();
        let rows = std::fs::read_to_string(folder.join("calibrate.csv")).unwrap();
        let calibration = Calibration::parse(&rows, &names).unwrap();
        let float = FloatModel::import(&std::fs::read(folder.join("model.onnx")).unwrap()).unwrap();
        (Arc::new(quantise(&float, &calibration).unwrap().model), Arc::new(plan))
    }

    pub(crate) const REQUEST: Request =
        Request { chain_id: 31_337, payee: [0x11; 20], subject: [0xb1; 20], as_of: 2_500 };

    /// Made-up words for the facts of a plan.
    pub(crate) fn facts(plan: &Plan) -> Vec<Fact> {
        let mut facts = Vec::new();
        for (i, key) in plan.resolve(REQUEST.subject, REQUEST.as_of).unwrap().into_iter().enumerate() {
            let mut word = [0; 32];
            let ether = |n: u64| (u128::from(n) * 10_u128.pow(18)).to_be_bytes();
            match key.kind {
                FactKind::Header => word[24..].copy_from_slice(&(1_700_000_000 - 12 * i as u64).to_be_bytes()),
                FactKind::Mapping if key.slot[31] == 2 => {
                    word[..16].copy_from_slice(&ether(9_000 + i as u64));
                    word[16..].copy_from_slice(&ether(12));
                }
                FactKind::Mapping => word[31] = 5,
                _ => word[16..].copy_from_slice(&ether(2_000)),
            }
            facts.push(key.holds(word));
        }
        facts
    }

    /// The circuit of one query on made-up words.
    pub(crate) fn circuit(model: &Arc<Model>, plan: &Arc<Plan>) -> ScoreCircuit {
        let facts = facts(plan);
        let trees = [(FactTree::new(&facts).unwrap(), facts)];
        let (roots, openings) = open(plan, REQUEST.subject, REQUEST.as_of, &trees).unwrap();
        ScoreCircuit::new(model.clone(), plan.clone(), &REQUEST, &roots, &openings, &Default::default()).unwrap()
    }

    /// A class that holds both example models.
    pub(crate) fn common() -> score::Class {
        let sizes = ["risk", "logistic"].map(|name| {
            let (model, plan) = example(name);
            ScoreCircuit::keygen(model, plan).unwrap().class()
        });
        sizes.into_iter().max_by_key(|size| size.k).unwrap()
    }

    #[test]
    fn one_verifier_serves_two_models() {
        let dir = std::env::temp_dir().join("vouch-test-srs");
        let size = common();
        let srs = Srs::development(&dir, size.k).unwrap();
        let (mut solidity, mut passport) = (None, None);
        for name in ["risk", "logistic"] {
            let (model, plan) = example(name);
            let meter = Meter::start();
            let circuit = circuit(&model, &plan).in_class(size).unwrap();
            println!("{name}: {} facts, {:?}", plan.facts.len(), circuit.rows().unwrap());
            let keys = Keys::make(&srs, &class(size), &circuit).unwrap();
            println!("{name}: keys {:?}", meter.stop());
            let meter = Meter::start();
            let proof = prove(&keys, circuit).unwrap();
            println!("{name}: proof of {} bytes {:?}", proof.bytes.len(), meter.stop());

            for i in 0..SCORE_INSTANCES {
                let mut lie = proof.clone();
                lie.instances[i] += Fr::ONE;
                assert!(!snark::verify(&srs, keys.vk(), &keys.source, &lie), "public input {i}");
            }
            let solc = Solc::find();
            if let Err(why) = solc.check() {
                eprintln!("skipped the contract: {why}");
                continue;
            }
            if passport.is_none() {
                let artifact = Artifact::generate(&keys, &solc).unwrap();
                solidity = Some(artifact.solidity);
                passport = Some(artifact.passport);
            } else {
                let again = crate::evm::generate::solidity(&keys.srs, keys.vk(), &class(size)).unwrap();
                assert!(solidity.as_ref() == Some(&again), "the verifier depends on the model");
            }
            let passport = passport.as_ref().unwrap();
            let gas = verify_in_revm(passport, &keys.source, &proof).unwrap();
            println!("{name}: {gas} gas, verifier of {} bytes", passport.runtime_bytes);
            let mut lie = proof.clone();
            lie.instances[8] += Fr::ONE;
            assert!(verify_in_revm(passport, &keys.source, &lie).is_err());
        }
    }
}
