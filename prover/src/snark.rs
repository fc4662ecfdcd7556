//! Making and checking one proof: SHPLONK over BN254 with keccak challenges, as the EVM verifies it.

use crate::{model_key::ModelKey, srs::Srs, transcript::KeyFirst};
use halo2_base::halo2_proofs::{
    halo2curves::bn256::{Bn256, Fr, G1Affine},
    plonk::{self, Circuit, ProvingKey, VerifyingKey, create_proof, verify_proof},
    poly::{
        VerificationStrategy,
        commitment::ParamsProver,
        kzg::{
            commitment::KZGCommitmentScheme,
            multiopen::{ProverSHPLONK, VerifierSHPLONK},
            strategy::AccumulatorStrategy,
        },
    },
    transcript::{TranscriptRead, TranscriptReadBuffer, TranscriptWrite, TranscriptWriterBuffer},
};
use rand::rngs::OsRng;
use snark_verifier::{
    loader::native::NativeLoader,
    system::halo2::transcript::evm::{ChallengeEvm, EvmTranscript},
};
use thiserror::Error;

type Scheme = KZGCommitmentScheme<Bn256>;
type Challenge = ChallengeEvm<G1Affine>;
type Evm<S> = EvmTranscript<G1Affine, NativeLoader, S, Vec<u8>>;

/// Where the verifier has its key from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The key is part of the verifier's code.
    Code,
    /// The key comes with the call and is absorbed before the first challenge.
    Data(ModelKey),
}

/// A proof and what it proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// As the EVM takes it.
    pub bytes: Vec<u8>,
    /// Public inputs in the circuit's order.
    pub instances: Vec<Fr>,
}

/// Why there is no proof.
#[derive(Debug, Error)]
pub enum SnarkError {
    /// halo2 refused: too few rows, wrong number of instances.
    #[error("the proof could not be made: {0}")]
    Halo2(String),
    /// The witness breaks a constraint, so the proof of it does not verify. Never handed out.
    #[error("the proof does not verify: the witness breaks a constraint or the key belongs to another circuit")]
    Rejected,
}

impl From<plonk::Error> for SnarkError {
    fn from(error: plonk::Error) -> Self {
        Self::Halo2(error.to_string())
    }
}

/// Proves `circuit` with public inputs `instances` and verifies the proof.
///
/// # Errors
/// [`SnarkError::Rejected`] when the witness is wrong.
pub fn prove<C: Circuit<Fr>>(
    srs: &Srs,
    pk: &ProvingKey<G1Affine>,
    key: &KeySource,
    circuit: C,
    instances: Vec<Fr>,
) -> Result<Proof, SnarkError> {
    let proof = prove_unchecked(srs, pk, key, circuit, instances)?;
    if verify(srs, pk.get_vk(), key, &proof) { Ok(proof) } else { Err(SnarkError::Rejected) }
}

/// As [`prove`] without the check at the end, for tests of verifiers that must reject.
///
/// # Errors
/// [`SnarkError::Halo2`].
pub fn prove_unchecked<C: Circuit<Fr>>(
    srs: &Srs,
    pk: &ProvingKey<G1Affine>,
    key: &KeySource,
    circuit: C,
    instances: Vec<Fr>,
) -> Result<Proof, SnarkError> {
    let mut evm: Evm<Vec<u8>> = TranscriptWriterBuffer::<_, G1Affine, Challenge>::init(Vec::new());
    match key {
        KeySource::Code => write(srs, pk, circuit, &instances, &mut evm)?,
        KeySource::Data(model) => {
            let mut keyed = KeyFirst::<_, Challenge>::new(&mut evm, model.class_scalar(), &model.points())
                .map_err(|e| SnarkError::Halo2(e.to_string()))?;
            write(srs, pk, circuit, &instances, &mut keyed)?;
        }
    }
    Ok(Proof { bytes: evm.finalize(), instances })
}

/// Whether `proof` holds under `vk`; a malformed proof is simply not valid. Trailing bytes are refused.
pub fn verify(srs: &Srs, vk: &VerifyingKey<G1Affine>, key: &KeySource, proof: &Proof) -> bool {
    let mut stream = proof.bytes.as_slice();
    let mut evm: Evm<&mut &[u8]> = TranscriptReadBuffer::<_, G1Affine, Challenge>::init(&mut stream);
    let valid = match key {
        KeySource::Code => read(srs, vk, &proof.instances, &mut evm),
        KeySource::Data(model) => {
            match KeyFirst::<_, Challenge>::new(&mut evm, model.class_scalar(), &model.points()) {
                Ok(mut keyed) => read(srs, vk, &proof.instances, &mut keyed),
                Err(_) => false,
            }
        }
    };
    valid && stream.is_empty()
}

fn write<C: Circuit<Fr>, T: TranscriptWrite<G1Affine, Challenge>>(
    srs: &Srs,
    pk: &ProvingKey<G1Affine>,
    circuit: C,
    instances: &[Fr],
    transcript: &mut T,
) -> Result<(), plonk::Error> {
    create_proof::<Scheme, ProverSHPLONK<'_, Bn256>, Challenge, _, T, C>(
        &srs.params,
        pk,
        &[circuit],
        &[&[instances]],
        OsRng,
        transcript,
    )
}

fn read<T: TranscriptRead<G1Affine, Challenge>>(
    srs: &Srs,
    vk: &VerifyingKey<G1Affine>,
    instances: &[Fr],
    transcript: &mut T,
) -> bool {
    let params = srs.params.verifier_params();
    let checked = verify_proof::<Scheme, VerifierSHPLONK<'_, Bn256>, Challenge, T, _>(
        params,
        vk,
        AccumulatorStrategy::new(params),
        &[&[instances]],
        transcript,
    );
    checked.is_ok_and(VerificationStrategy::<_, VerifierSHPLONK<'_, Bn256>>::finalize)
}
