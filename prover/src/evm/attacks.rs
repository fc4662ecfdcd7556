//! Attacks on a key that is data: each is first shown to work against a weaker design, then to fail against this one.

use super::{
    Artifact,
    generate::{Shplonk, deciding_key, protocol},
    tests::{Deployment, Verdict, tools, words},
};
use crate::{
    keys::Keys,
    model_key::ModelKey,
    snark::{KeySource, Proof, prove_unchecked, verify},
    srs::development_tau,
    testing::{StandIn, class},
};
use halo2_base::halo2_proofs::halo2curves::{
    bn256::{Fr, G1, G1Affine},
    ff::Field,
    group::Curve,
};
use snark_verifier::{
    Error,
    loader::native::NativeLoader,
    pcs::{
        AccumulationDecider,
        kzg::{KzgAccumulator, LimbsEncoding},
    },
    system::halo2::transcript::evm::EvmTranscript,
    util::transcript::{Transcript, TranscriptRead},
    verifier::{SnarkVerifier, plonk::PlonkSuccinctVerifier},
};

type Succinct = PlonkSuccinctVerifier<Shplonk, LimbsEncoding<3, 88>>;
type Native<'a> = EvmTranscript<G1Affine, NativeLoader, &'a [u8], Vec<u8>>;

pub(super) fn model(keys: &Keys) -> &ModelKey {
    match &keys.source {
        KeySource::Data(model) => model,
        KeySource::Code => unreachable!("a score class"),
    }
}

/// A transcript that remembers its challenges.
struct Recorder<'a> {
    inner: Native<'a>,
    challenges: Vec<Fr>,
}

impl Transcript<G1Affine, NativeLoader> for Recorder<'_> {
    fn loader(&self) -> &NativeLoader {
        Transcript::loader(&self.inner)
    }
    fn squeeze_challenge(&mut self) -> Fr {
        let challenge = Transcript::squeeze_challenge(&mut self.inner);
        self.challenges.push(challenge);
        challenge
    }
    fn common_ec_point(&mut self, point: &G1Affine) -> Result<(), Error> {
        self.inner.common_ec_point(point)
    }
    fn common_scalar(&mut self, scalar: &Fr) -> Result<(), Error> {
        Transcript::common_scalar(&mut self.inner, scalar)
    }
}

impl TranscriptRead<G1Affine, NativeLoader> for Recorder<'_> {
    fn read_scalar(&mut self) -> Result<Fr, Error> {
        TranscriptRead::read_scalar(&mut self.inner)
    }
    fn read_ec_point(&mut self) -> Result<G1Affine, Error> {
        self.inner.read_ec_point()
    }
}

/// A verifier that checks the proof with first weight column `weight` but derives its challenges from `absorbed` only.
/// Returns the pairing's two sides and the challenges.
fn forgetful(
    keys: &Keys,
    absorbed: &ModelKey,
    weight: G1Affine,
    proof: &Proof,
) -> (KzgAccumulator<G1Affine, NativeLoader>, Vec<Fr>) {
    let mut transcript = Recorder { inner: Native::new(&proof.bytes), challenges: vec![] };
    transcript.common_scalar(&absorbed.class_scalar()).unwrap();
    for point in absorbed.points() {
        transcript.common_ec_point(&point).unwrap();
    }
    let mut protocol = protocol(&keys.srs, keys.vk(), &keys.class);
    protocol.transcript_initial_state = None;
    protocol.preprocessed[keys.class.weights.as_ref().unwrap()[0]] = weight;
    let svk = deciding_key(&keys.srs).svk();
    let instances = [proof.instances.clone()];
    let read = Succinct::read_proof(&svk, &protocol, &instances, &mut transcript).unwrap();
    let accumulator = Succinct::verify(&svk, &protocol, &instances, &read).unwrap().remove(0);
    (accumulator, transcript.challenges)
}

/// What a commitment that is opened at one point can be multiplied by in the opening (BDFG21 of snark-verifier): `mu^j`, times
/// `gamma^i Z_first(z') / Z_own(z')` for set `i` of points, where `Z` vanishes on a set's points.
fn factors(keys: &Keys, challenges: &[Fr]) -> impl Iterator<Item = Fr> {
    let [x, mu, gamma, at] = challenges[challenges.len() - 4..] else { unreachable!("four at least") };
    let omega = keys.vk().get_domain().get_omega();
    let last = -(keys.vk().cs().blinding_factors() as i32) - 1;
    let vanishing = move |rotations: &[i32]| {
        let power =
            |r: i32| if r < 0 { omega.invert().unwrap().pow([r.unsigned_abs().into()]) } else { omega.pow([r as u64]) };
        rotations.iter().map(|r| at - x * power(*r)).product::<Fr>()
    };
    let own = vanishing(&[0]).invert().unwrap();
    let firsts = [vec![0], vec![0, 1], vec![0, 1, 2, 3], vec![0, 1, last]].map(|first| vanishing(&first) * own);
    let powers = |base: Fr, count| std::iter::successors(Some(Fr::ONE), move |p| Some(p * base)).take(count);
    powers(gamma, 6).flat_map(move |g| firsts.into_iter().flat_map(move |f| powers(mu, 32).map(move |m| g * f * m)))
}

/// A key like that of `keys` under which the pairing of `false_proof` holds, if challenges do not depend on the key.
pub(super) fn fitted_key(keys: &Keys, false_proof: &Proof) -> ModelKey {
    // The pairing says lhs = tau * rhs, and lhs is affine in the weight commitment: lhs(W) = lhs(0) + c * W.
    let weight = model(keys).weights[0];
    let (wrong, challenges) = forgetful(keys, model(keys), weight, false_proof);
    let (moved, _) = forgetful(keys, model(keys), (weight + G1Affine::generator()).to_affine(), false_proof);
    let slope = G1::from(moved.lhs) - G1::from(wrong.lhs);
    let mut factors = factors(keys, &challenges);
    let c = factors.find(|c| (G1Affine::generator() * c) == slope).expect("one of the factors");
    // In the attack tau * rhs is a commitment to a known polynomial; here the development secret saves computing it.
    let missing = wrong.rhs * development_tau() - G1::from(wrong.lhs);
    let fitted = (G1::from(weight) + missing * c.invert().unwrap()).to_affine();

    let dk = deciding_key(&keys.srs);
    assert!(Shplonk::decide(&dk, wrong).is_err());
    let (right, _) = forgetful(keys, model(keys), fitted, false_proof);
    assert!(Shplonk::decide(&dk, right).is_ok(), "the attack works where the key is not absorbed");
    let mut forged = model(keys).clone();
    forged.weights[0] = fitted;
    forged
}

/// Toolchain trap 1: with the challenges known, one weight commitment can be chosen so that a false proof's pairing holds.
#[test]
fn key_fitted_after_the_proof_is_rejected() {
    let Some((solc, srs)) = tools() else { return };
    let honest = StandIn::honest(&[3, 5, 7], &[1, 2, 15]);
    let keys = Keys::make(&srs, &class(true), &honest).unwrap();
    let lie = StandIn { out: honest.out + 1, ..honest.clone() };
    let false_proof = prove_unchecked(&srs, &keys.pk, &keys.source, lie.clone(), lie.instances()).unwrap();
    assert!(!verify(&srs, keys.vk(), &keys.source, &false_proof));

    let forged = fitted_key(&keys, &false_proof);
    let mut deployed = Deployment::new(&Artifact::generate(&keys, &solc).unwrap(), &solc);
    assert_eq!(deployed.score(&forged.bytes(), &words(&false_proof), &false_proof.bytes), Verdict::Rejected);
    let true_proof = keys.prove(honest.clone(), honest.instances()).unwrap();
    assert_eq!(deployed.score(&model(&keys).bytes(), &words(&true_proof), &true_proof.bytes), Verdict::Accepted);
}

/// Toolchain trap 2: a key with selectors switched off proves anything, so its structure id must give it away.
#[test]
fn key_with_selectors_off_has_another_structure_id() {
    let Some((solc, srs)) = tools() else { return };
    let honest = StandIn::honest(&[3, 5, 7], &[1, 2, 15]);
    let keys = Keys::make(&srs, &class(true), &honest).unwrap();
    let lie = StandIn { out: 1_000_000, sum_gate_off: true, ..honest.clone() };
    let hollow = Keys::make(&srs, &class(true), &lie).unwrap();
    let proof = hollow.prove(lie.clone(), lie.instances()).unwrap();

    let mut deployed = Deployment::new(&Artifact::generate(&keys, &solc).unwrap(), &solc);
    let verdict = deployed.score(&model(&hollow).bytes(), &words(&proof), &proof.bytes);
    assert_eq!(verdict, Verdict::Accepted, "a verifier cannot see what a key means");
    assert_eq!(model(&hollow).class_id, model(&keys).class_id);
    assert_eq!(model(&hollow).weights, model(&keys).weights);
    assert_ne!(model(&hollow).structure_id(), model(&keys).structure_id());
    assert_ne!(model(&hollow).model_id(), model(&keys).model_id());

    // Who recomputes the structure with any weights of his own gets the honest id.
    let recomputed = Keys::make(&srs, &class(true), &StandIn::honest(&[1, 1, 1], &[0, 0, 0])).unwrap();
    assert_eq!(model(&recomputed).structure_id(), model(&keys).structure_id());
    assert_eq!(deployed.score(&model(&keys).bytes(), &words(&proof), &proof.bytes), Verdict::Rejected);
}
