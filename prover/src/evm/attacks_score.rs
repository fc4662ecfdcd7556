//! The attacks of `attacks` on the class that is deployed, with two models that this repository ships.

use super::{
    Artifact,
    attacks::{fitted_key, model},
    tests::{Deployment, Verdict, r, refused, tools, words},
};
use crate::{
    keys::Keys,
    score::{
        class, prove,
        tests::{circuit, common, example},
    },
    snark::{prove_unchecked, verify},
    srs::Srs,
};
use alloy::primitives::U256;
use halo2_base::halo2_proofs::{
    circuit::{Layouter, SimpleFloorPlanner},
    halo2curves::{bn256::Fr, ff::Field},
    plonk::{Circuit, Column, ConstraintSystem, Error, Fixed},
};
use vouch_circuits::score::{Class, ScoreCircuit};

/// The gates of the score class, and a key that switches none of them on: every statement has a proof.
#[derive(Clone)]
struct Hollow(Class);

impl Circuit<Fr> for Hollow {
    type Config = Vec<Column<Fixed>>;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Class;

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn params(&self) -> Class {
        self.0
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Self::Config {
        Self::configure_with_params(meta, Class::default())
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, class: Class) -> Self::Config {
        ScoreCircuit::configure_with_params(meta, class);
        let mut columns: Vec<_> = meta.fixed_queries().iter().map(|(column, _)| *column).collect();
        columns.sort_by_key(Column::index);
        columns.dedup();
        columns
    }

    fn synthesize(&self, columns: Self::Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        // no commitment may be the identity; alone in its row, over zeros, each of these says 0 = 0
        layouter.assign_region(
            || "hollow",
            |mut region| {
                for (i, column) in columns.iter().enumerate() {
                    region.assign_fixed(*column, 100 + 10 * i, Fr::ONE);
                }
                region.next_phase();
                Ok(())
            },
        )
    }
}

#[test]
fn two_models_behind_one_contract_and_no_forged_key() {
    let Some((solc, _)) = tools() else { return };
    let size = common();
    let srs = Srs::development(&std::env::temp_dir().join("vouch-test-srs"), size.k).unwrap();
    let [risk, logistic] = ["risk", "logistic"].map(|name| {
        let (model, plan) = example(name);
        let circuit = circuit(&model, &plan).in_class(size).unwrap();
        (Keys::make(&srs, &class(size), &circuit).unwrap(), circuit)
    });
    let mut contract = Deployment::new(&Artifact::generate(&risk.0, &solc).unwrap(), &solc);

    let proofs = [&risk, &logistic].map(|(keys, circuit)| prove(keys, circuit.clone()).unwrap());
    for (mine, (keys, _)) in [&risk, &logistic].into_iter().enumerate() {
        for (of, proof) in proofs.iter().enumerate() {
            let verdict = contract.score(&model(keys).bytes(), &words(proof), &proof.bytes);
            assert_eq!(verdict == Verdict::Accepted, mine == of, "key {mine}, proof {of}: {verdict:?}");
        }
    }

    // trap 1: a commitment fitted to a finished false proof
    let (keys, honest) = &risk;
    let mut instances = honest.instances().to_fields();
    instances[8] += Fr::ONE;
    let lie = prove_unchecked(&srs, &keys.pk, &keys.source, honest.clone(), instances).unwrap();
    assert!(!verify(&srs, keys.vk(), &keys.source, &lie));
    let forged = fitted_key(keys, &lie);
    assert_eq!(contract.score(&forged.bytes(), &words(&lie), &lie.bytes), Verdict::Rejected);

    // trap 2: gates switched off; only the ids tell
    let hollow = Keys::make(&srs, &class(size), &Hollow(size)).unwrap();
    let anything = vec![Fr::from(42); lie.instances.len()];
    let proof = hollow.prove(Hollow(size), anything).unwrap();
    assert_eq!(contract.score(&model(&hollow).bytes(), &words(&proof), &proof.bytes), Verdict::Accepted);
    assert_eq!(model(&hollow).class_id, model(keys).class_id);
    assert_ne!(model(&hollow).structure_id(), model(keys).structure_id());
    assert_eq!(contract.score(&model(keys).bytes(), &words(&proof), &proof.bytes), Verdict::Rejected);

    // traps 3 and 4: a second name for a public input, bytes that nobody reads
    let key = model(keys).bytes();
    for i in 0..lie.instances.len() {
        let mut instances = words(&proofs[0]);
        instances[i] += r();
        let too_large = refused("InstanceTooLarge(uint256,uint256)");
        assert_eq!(contract.score(&key, &instances, &proofs[0].bytes), too_large, "public input {i}");
    }
    let trailing = [proofs[0].bytes.as_slice(), &[0; 32]].concat();
    let too_long = refused("ProofLength(uint256,uint256)");
    assert_eq!(contract.score(&key, &words(&proofs[0]), &trailing), too_long);
    let more = [words(&proofs[0]), vec![U256::ZERO]].concat();
    let too_many = refused("InstanceCount(uint256,uint256)");
    assert_eq!(contract.score(&key, &more, &proofs[0].bytes), too_many);
}
