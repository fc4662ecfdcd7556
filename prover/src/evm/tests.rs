//! Real proofs of the stand-in circuit, through the generated verifiers and their adapters in revm.

use super::{Artifact, Chain, Solc, calldata, solc::Pipeline, to_word, verify_in_revm};
use crate::{
    keys::Keys,
    model_key::POINT_BYTES,
    snark::{KeySource, Proof},
    srs::Srs,
    testing::{StandIn, class},
};
use alloy::{
    primitives::{Address, U256},
    sol,
    sol_types::{SolCall, SolValue},
};
use snark_verifier::loader::evm::modulus;
use std::path::{Path, PathBuf};

sol! {
    interface IHistoryVerifier {
        function verify(uint256[] calldata instances, bytes calldata proof) external view returns (bool);
    }
    interface IScoreVerifier {
        function ids(bytes calldata key) external view returns (bytes32 structureId, bytes32 modelId);
        function verify(bytes calldata key, uint256[] calldata instances, bytes calldata proof) external view returns (bool);
    }
}

/// What an adapter said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    Rejected,
    /// Reverted with this selector.
    Refused([u8; 4]),
}

/// Compiler and reference string; `None`, with a message, where there is no compiler.
pub(crate) fn tools() -> Option<(Solc, Srs)> {
    let solc = Solc::find();
    if let Err(why) = solc.check() {
        eprintln!("skipped: {why}");
        return None;
    }
    let dir = std::env::temp_dir().join("vouch-test-srs");
    Some((solc, Srs::development(&dir, 7).unwrap()))
}

/// A verifier behind its adapter.
pub(super) struct Deployment {
    chain: Chain,
    raw: Address,
    adapter: Address,
}

impl Deployment {
    pub(super) fn new(artifact: &Artifact, solc: &Solc) -> Self {
        let mut chain = Chain::default();
        let passport = &artifact.passport;
        let raw = chain.deploy(&passport.bytecode).unwrap().address;
        let (instances, proof) = (U256::from(passport.num_instances), U256::from(passport.proof_bytes));
        let (name, arguments) = match passport.class_id {
            None => ("HistoryVerifier", (raw, instances, proof).abi_encode_params()),
            Some(id) => {
                let points = [passport.structure_points, passport.weight_points].map(|n| U256::from(n.unwrap()));
                ("ScoreVerifier", (raw, id, points[0], points[1], instances, proof).abi_encode_params())
            }
        };
        let contracts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../contracts");
        let file = format!("src/{name}.sol");
        let source = std::fs::read_to_string(contracts.join(&file)).unwrap();
        let code = solc.compile(&file, &source, name, Pipeline::Optimised, &contracts).unwrap();
        let adapter = chain.deploy(&[code, arguments].concat()).unwrap().address;
        Self { chain, raw, adapter }
    }

    fn call(&mut self, data: &[u8]) -> Verdict {
        let out = self.chain.call(self.adapter, data).unwrap();
        match (out.success, bool::abi_decode(&out.output)) {
            (true, Ok(true)) => Verdict::Accepted,
            (true, Ok(false)) => Verdict::Rejected,
            _ => Verdict::Refused(out.output[..4].try_into().unwrap()),
        }
    }

    pub(super) fn score(&mut self, key: &[u8], instances: &[U256], proof: &[u8]) -> Verdict {
        let (key, instances, proof) = (key.to_vec().into(), instances.to_vec(), proof.to_vec().into());
        self.call(&IScoreVerifier::verifyCall { key, instances, proof }.abi_encode())
    }

    fn history(&mut self, instances: &[U256], proof: &[u8]) -> Verdict {
        let (instances, proof) = (instances.to_vec(), proof.to_vec().into());
        self.call(&IHistoryVerifier::verifyCall { instances, proof }.abi_encode())
    }

    /// The generated contract itself: `None` if it reverts, else the gas.
    pub(super) fn raw(&mut self, data: &[u8]) -> Option<u64> {
        let out = self.chain.call(self.raw, data).unwrap();
        out.success.then_some(out.gas)
    }
}

pub(super) fn words(proof: &Proof) -> Vec<U256> {
    proof.instances.iter().map(to_word).collect()
}

pub(super) fn refused(signature: &str) -> Verdict {
    Verdict::Refused(alloy::primitives::keccak256(signature)[..4].try_into().unwrap())
}

pub(super) fn r() -> U256 {
    U256::from_limbs(*modulus::<halo2_base::halo2_proofs::halo2curves::bn256::Fr>().as_limbs())
}

#[test]
fn history_verifier_accepts_a_proof_and_refuses_every_damage() {
    let Some((solc, srs)) = tools() else { return };
    let circuit = StandIn::honest(&[3, 5, 7], &[1, 2, 15]);
    let keys = Keys::make(&srs, &class(false), &circuit).unwrap();
    let proof = keys.prove(circuit.clone(), circuit.instances()).unwrap();
    let artifact = Artifact::generate(&keys, &solc).unwrap();
    assert!(artifact.passport.fits(&keys));
    assert_eq!(artifact.passport.proof_bytes, proof.bytes.len());
    let gas = verify_in_revm(&artifact.passport, &keys.source, &proof).unwrap();
    println!("stand-in, key in code: {gas} gas, {} bytes", artifact.passport.runtime_bytes);

    let mut deployed = Deployment::new(&artifact, &solc);
    let instances = words(&proof);
    assert_eq!(deployed.history(&instances, &proof.bytes), Verdict::Accepted);
    for i in 0..instances.len() {
        let mut other = instances.clone();
        other[i] += U256::from(1);
        assert_eq!(deployed.history(&other, &proof.bytes), Verdict::Rejected, "instance {i}");
        other[i] = instances[i] + r();
        assert_eq!(deployed.history(&other, &proof.bytes), refused("InstanceTooLarge(uint256,uint256)"));
    }
    for at in (0..proof.bytes.len()).step_by(37) {
        let mut other = proof.bytes.clone();
        other[at] ^= 4;
        assert_eq!(deployed.history(&instances, &other), Verdict::Rejected, "proof byte {at}");
    }
    let long = [proof.bytes.as_slice(), &[0]].concat();
    let short = &proof.bytes[..proof.bytes.len() - 1];
    assert_eq!(deployed.history(&instances, &long), refused("ProofLength(uint256,uint256)"));
    assert_eq!(deployed.history(&instances, short), refused("ProofLength(uint256,uint256)"));
    assert_eq!(deployed.history(&instances[..2], &proof.bytes), refused("InstanceCount(uint256,uint256)"));
    let five = [instances.as_slice(), &instances[..2]].concat();
    assert_eq!(deployed.history(&five, &proof.bytes), refused("InstanceCount(uint256,uint256)"));
}

/// Why the adapters are needed: without them one proof has many names.
#[test]
fn generated_code_alone_accepts_an_instance_plus_the_modulus_and_trailing_bytes() {
    let Some((solc, srs)) = tools() else { return };
    let circuit = StandIn::honest(&[3, 5, 7], &[1, 2, 15]);
    let keys = Keys::make(&srs, &class(false), &circuit).unwrap();
    let proof = keys.prove(circuit.clone(), circuit.instances()).unwrap();
    let mut deployed = Deployment::new(&Artifact::generate(&keys, &solc).unwrap(), &solc);
    let mut data = calldata(&KeySource::Code, &proof);
    data.push(1);
    assert!(deployed.raw(&data).is_some());
    let shifted = (words(&proof)[0] + r()).to_be_bytes::<32>();
    data[..32].copy_from_slice(&shifted);
    assert!(deployed.raw(&data).is_some());
}

#[test]
fn one_score_verifier_serves_two_models_and_mixes_nothing_up() {
    let Some((solc, srs)) = tools() else { return };
    let models = [StandIn::honest(&[3, 5, 7], &[1, 2, 15]), StandIn::honest(&[9, 2, 4], &[1, 2, 15])];
    let keys = models.clone().map(|m| Keys::make(&srs, &class(true), &m).unwrap());
    let artifact = Artifact::generate(&keys[0], &solc).unwrap();
    assert_eq!(artifact, Artifact::generate(&keys[1], &solc).unwrap(), "the verifier must not depend on the model");
    let proofs = [0, 1].map(|i| keys[i].prove(models[i].clone(), models[i].instances()).unwrap());
    let gas = verify_in_revm(&artifact.passport, &keys[1].source, &proofs[1]).unwrap();
    println!("stand-in, key as data: {gas} gas, {} bytes", artifact.passport.runtime_bytes);

    let data = keys.each_ref().map(|k| match &k.source {
        KeySource::Data(model) => model.clone(),
        KeySource::Code => unreachable!("a score class"),
    });
    assert_eq!(data[0].structure_id(), data[1].structure_id());
    assert_ne!(data[0].model_id(), data[1].model_id());

    let mut deployed = Deployment::new(&artifact, &solc);
    for i in 0..2 {
        let (instances, key) = (words(&proofs[i]), data[i].bytes());
        assert_eq!(deployed.score(&key, &instances, &proofs[i].bytes), Verdict::Accepted);
        assert_eq!(deployed.score(&data[1 - i].bytes(), &instances, &proofs[i].bytes), Verdict::Rejected);
        assert_eq!(deployed.score(&key, &words(&proofs[1 - i]), &proofs[i].bytes), Verdict::Rejected);
        let ids =
            deployed.chain.call(deployed.adapter, &IScoreVerifier::idsCall { key: key.into() }.abi_encode()).unwrap();
        assert_eq!(ids.output, [data[i].structure_id().0, data[i].model_id().0].concat());
    }
}

#[test]
fn score_verifier_refuses_every_damage() {
    let Some((solc, srs)) = tools() else { return };
    let circuit = StandIn::honest(&[3, 5, 7], &[1, 2, 15]);
    let keys = Keys::make(&srs, &class(true), &circuit).unwrap();
    let proof = keys.prove(circuit.clone(), circuit.instances()).unwrap();
    let mut deployed = Deployment::new(&Artifact::generate(&keys, &solc).unwrap(), &solc);
    let KeySource::Data(model) = &keys.source else { unreachable!("a score class") };
    let (key, instances) = (model.bytes(), words(&proof));
    assert_eq!(deployed.score(&key, &instances, &proof.bytes), Verdict::Accepted);

    let points = key.len() / POINT_BYTES;
    for i in 0..points {
        let at = i * POINT_BYTES..(i + 1) * POINT_BYTES;
        let mut replace = |with: &[u8], what: &str| {
            let mut other = key.clone();
            other[at.clone()].copy_from_slice(with);
            assert_eq!(deployed.score(&other, &instances, &proof.bytes), Verdict::Rejected, "point {i}: {what}");
        };
        let next = (i + 1) % points * POINT_BYTES;
        replace(&key[next..next + POINT_BYTES], "another point");
        replace(&[0; POINT_BYTES], "identity");
        replace(&[1; POINT_BYTES], "not on the curve");
        let (x, y) = (&key[at.start..at.start + 32], U256::from_be_slice(&key[at.start + 32..at.end]));
        let p = U256::from_limbs(*modulus::<halo2_base::halo2_proofs::halo2curves::bn256::Fq>().as_limbs());
        replace(&[x, &(y + p).to_be_bytes::<32>()].concat(), "not canonical");
        replace(&[x, &(p - y).to_be_bytes::<32>()].concat(), "negated");
    }
    for i in 0..instances.len() {
        let mut other = instances.clone();
        other[i] += U256::from(1);
        assert_eq!(deployed.score(&key, &other, &proof.bytes), Verdict::Rejected, "instance {i}");
        other[i] = instances[i] + r();
        assert_eq!(deployed.score(&key, &other, &proof.bytes), refused("InstanceTooLarge(uint256,uint256)"));
    }
    for at in (0..proof.bytes.len()).step_by(41) {
        let mut other = proof.bytes.clone();
        other[at] ^= 128;
        assert_eq!(deployed.score(&key, &instances, &other), Verdict::Rejected, "proof byte {at}");
    }
    let long = |bytes: &[u8]| [bytes, &[0; 32]].concat();
    assert_eq!(deployed.score(&key, &instances, &long(&proof.bytes)), refused("ProofLength(uint256,uint256)"));
    assert_eq!(deployed.score(&long(&key), &instances, &proof.bytes), refused("KeyLength(uint256,uint256)"));
    assert_eq!(deployed.score(&key[64..], &instances, &proof.bytes), refused("KeyLength(uint256,uint256)"));
    assert_eq!(deployed.score(&key, &instances[..2], &proof.bytes), refused("InstanceCount(uint256,uint256)"));
}

#[test]
fn adapters_refuse_an_address_without_code() {
    let Some((solc, _)) = tools() else { return };
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
    let source = std::fs::read_to_string(contracts.join("src/HistoryVerifier.sol")).unwrap();
    let code =
        solc.compile("src/HistoryVerifier.sol", &source, "HistoryVerifier", Pipeline::Optimised, &contracts).unwrap();
    let arguments = (Address::repeat_byte(9), U256::from(3), U256::from(100)).abi_encode_params();
    assert!(Chain::default().deploy(&[code, arguments].concat()).is_err());
}

/// The rewrites of `compact` change size and gas, never the verdict.
#[test]
fn compacted_code_agrees_with_the_original_on_damaged_calldata() {
    let Some((solc, srs)) = tools() else { return };
    let circuit = StandIn::honest(&[3, 5, 7], &[1, 2, 15]);
    for as_data in [false, true] {
        let keys = Keys::make(&srs, &class(as_data), &circuit).unwrap();
        let proof = keys.prove(circuit.clone(), circuit.instances()).unwrap();
        let sources = [
            super::generate::raw(&srs, keys.vk(), &keys.class).unwrap(),
            super::generate::solidity(&srs, keys.vk(), &keys.class).unwrap(),
        ];
        let mut chains = sources.each_ref().map(|source| {
            let code = solc.compile("a.sol", source, "Halo2Verifier", Pipeline::ViaIr, Path::new(".")).unwrap();
            let mut chain = Chain::default();
            let deployed = chain.deploy(&code).unwrap();
            (chain, deployed)
        });
        assert!(chains[1].1.bytes < chains[0].1.bytes);
        let honest = calldata(&keys.source, &proof);
        let mut verdicts = |data: &[u8]| chains.each_mut().map(|(chain, at)| chain.call(at.address, data).unwrap());
        let [original, compacted] = verdicts(&honest);
        assert!(original.success && compacted.success && compacted.gas < original.gas);
        for word in 0..honest.len() / 32 {
            for damage in [U256::from(1), U256::MAX] {
                let mut data = honest.clone();
                let at = word * 32..(word + 1) * 32;
                let changed = U256::from_be_slice(&data[at.clone()]).wrapping_add(damage);
                data[at].copy_from_slice(&changed.to_be_bytes::<32>());
                let [original, compacted] = verdicts(&data);
                assert!(!original.success && !compacted.success, "word {word}");
            }
        }
        // An instance plus the modulus is the same statement to both.
        let mut data = honest.clone();
        let at = honest.len() - proof.bytes.len() - 32..honest.len() - proof.bytes.len();
        data[at].copy_from_slice(&r().to_be_bytes::<32>());
        assert!(verdicts(&data).iter().all(|outcome| outcome.success));
    }
}
