//! A compiled verifier with its passport, as it is committed: `contracts/generated/<class>.sol` and `<class>.json`.

use super::{
    chain::{Chain, EvmError},
    generate,
    solc::{Pipeline, Solc, SolcError},
    to_word,
    trial::{self, Parts},
};
use crate::{
    files,
    keys::{Keys, SOURCES},
    snark::{KeySource, Proof},
};
use alloy::primitives::{B256, Bytes, keccak256};
use halo2_base::halo2_proofs::halo2curves::ff::PrimeField;
use serde::{Deserialize, Serialize};
use std::{io, path::Path};
use thiserror::Error;

/// Why there is no artifact, or a proof was not checked by it.
#[derive(Debug, Error)]
pub enum ArtifactError {
    /// snark-verifier could not write the verifier.
    #[error("the verifier of {class} could not be generated: {why}")]
    Generate {
        /// The class.
        class: &'static str,
        /// What snark-verifier said.
        why: String,
    },
    /// The compiler failed.
    #[error(transparent)]
    Solc(#[from] SolcError),
    /// The contract does not deploy.
    #[error(transparent)]
    Evm(#[from] EvmError),
    /// The EVM refuses a proof that the native verifier accepts: verifier and key do not belong together.
    #[error("the evm verifier of {class} rejects the proof")]
    Rejected {
        /// The class.
        class: String,
    },
    /// The contract accepts a proof that was tampered with: its bytecode is not what its label says. Recoverable: remove the
    /// file, the verifier is made again.
    #[error("the evm verifier of {class} accepts a proof with another {lie}: it verifies nothing")]
    Gullible {
        /// The class.
        class: String,
        /// What was changed.
        lie: String,
    },
    /// A committed file cannot be read or written.
    #[error("artifact: {0}")]
    Io(#[from] io::Error),
}

/// What a generated verifier belongs to. Numbers and names are those that the constructors of the adapters take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passport {
    /// Class of circuit.
    pub circuit: String,
    /// Key in the code: halo2's hash of the verifying key. Key as data: the class id, for there are many keys.
    pub vk_hash: B256,
    /// keccak256 of the constraint system as halo2 prints it.
    pub pin_hash: B256,
    /// The reference string, `sha256:<hex>`.
    pub srs: String,
    /// log2 of the rows.
    pub k: u32,
    /// Program that wrote the Solidity.
    pub generator: String,
    /// Compiler.
    pub solc: String,
    /// Hash of the circuits' sources and the proof system's versions (in place of a commit, which cannot name itself).
    pub sources_sha256: String,
    /// Script that made the files.
    pub made_by: String,
    /// Public inputs.
    pub num_instances: usize,
    /// Bytes of a proof.
    pub proof_bytes: usize,
    /// Bytes of the deployed contract.
    pub runtime_bytes: usize,
    /// Score classes only: the class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_id: Option<B256>,
    /// Score classes only: structure points of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structure_points: Option<usize>,
    /// Score classes only: weight points of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_points: Option<usize>,
    /// sha256 of the Solidity source beside this file.
    pub solidity_sha256: String,
    /// Creation code.
    pub bytecode: Bytes,
}

/// A verifier, ready to deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// What it belongs to, and its creation code.
    pub passport: Passport,
    /// Its source.
    pub solidity: String,
}

impl Artifact {
    /// The Solidity of the verifier for `keys`.
    ///
    /// # Errors
    /// [`ArtifactError::Generate`].
    pub fn source(keys: &Keys) -> Result<String, ArtifactError> {
        let class = &keys.class;
        generate::solidity(&keys.srs, keys.vk(), class)
            .map_err(|e| ArtifactError::Generate { class: class.name, why: format!("{e:?}") })
    }

    /// Generates, compiles and deploys (to learn its size) the verifier for `keys`.
    ///
    /// # Errors
    /// [`ArtifactError`]; a contract above the size limit is [`EvmError::TooLarge`].
    pub fn generate(keys: &Keys, solc: &Solc) -> Result<Self, ArtifactError> {
        let class = &keys.class;
        let solidity = Self::source(keys)?;
        let file = format!("{}.sol", class.name);
        let creation = solc.compile(&file, &solidity, "Halo2Verifier", Pipeline::ViaIr, Path::new("."))?;
        let runtime_bytes = Chain::default().deploy(&creation)?.bytes;
        let model = match &keys.source {
            KeySource::Code => None,
            KeySource::Data(model) => Some(model),
        };
        let vk_hash = || {
            let mut repr = keys.vk().transcript_repr().to_repr();
            repr.reverse();
            B256::from(repr)
        };
        let passport = Passport {
            circuit: class.name.into(),
            vk_hash: model.map_or_else(vk_hash, |m| m.class_id),
            pin_hash: keccak256(format!("{:?}", keys.vk().cs().pinned())),
            srs: keys.srs.name(),
            k: class.k,
            generator: "snark-verifier 0.2.7".into(),
            solc: "0.8.19 via IR, optimiser step u".into(),
            sources_sha256: SOURCES.into(),
            made_by: "scripts/gen-verifier".into(),
            num_instances: class.num_instances,
            proof_bytes: generate::proof_bytes(&generate::protocol(&keys.srs, keys.vk(), class)),
            runtime_bytes,
            class_id: model.map(|m| m.class_id),
            structure_points: model.map(|m| m.structure.len()),
            weight_points: model.map(|m| m.weights.len()),
            solidity_sha256: hex::encode(files::sha256(solidity.as_bytes())),
            bytecode: creation.into(),
        };
        Ok(Self { passport, solidity })
    }

    /// Writes `<class>.sol` and `<class>.json` into `dir`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn write(&self, dir: &Path) -> Result<(), ArtifactError> {
        let name = &self.passport.circuit;
        let json = serde_json::to_string_pretty(&self.passport).map_err(io::Error::from)? + "\n";
        files::write_atomic(&dir.join(format!("{name}.sol")), self.solidity.as_bytes())?;
        Ok(files::write_atomic(&dir.join(format!("{name}.json")), json.as_bytes())?)
    }
}

impl Passport {
    /// Reads `<class>.json` in `dir`.
    ///
    /// # Errors
    /// [`ArtifactError::Io`].
    pub fn read(dir: &Path, class: &str) -> Result<Self, ArtifactError> {
        let bytes = std::fs::read(dir.join(format!("{class}.json")))?;
        Ok(serde_json::from_slice(&bytes).map_err(io::Error::from)?)
    }

    /// Whether `<class>.sol` in `dir` is the source that was compiled.
    ///
    /// # Errors
    /// [`ArtifactError::Io`].
    pub fn is_of(&self, dir: &Path) -> Result<bool, ArtifactError> {
        let solidity = std::fs::read(dir.join(format!("{}.sol", self.circuit)))?;
        Ok(hex::encode(files::sha256(&solidity)) == self.solidity_sha256)
    }

    /// The code of the deployed verifier.
    ///
    /// # Errors
    /// [`ArtifactError::Evm`] if it does not deploy.
    pub fn runtime_code(&self) -> Result<Vec<u8>, ArtifactError> {
        Ok(Chain::default().runtime_code(&self.bytecode)?)
    }

    /// Whether this verifier accepts proofs made with `keys`.
    pub fn fits(&self, keys: &Keys) -> bool {
        let vk_hash = match &keys.source {
            KeySource::Code => {
                let mut repr = keys.vk().transcript_repr().to_repr();
                repr.reverse();
                B256::from(repr)
            }
            KeySource::Data(model) => model.class_id,
        };
        self.vk_hash == vk_hash && self.srs == keys.srs.name()
    }
}

/// Runs the generated verifier on `proof` in revm; returns the gas of the call as a transaction of its own.
///
/// # Errors
/// Those of [`trial::verify`].
pub fn verify_in_revm(passport: &Passport, key: &KeySource, proof: &Proof) -> Result<u64, ArtifactError> {
    let key = match key {
        KeySource::Code => vec![],
        KeySource::Data(model) => model.bytes(),
    };
    let instances: Vec<u8> = proof.instances.iter().flat_map(|i| to_word(i).to_be_bytes::<32>()).collect();
    trial::verify(passport, Parts { key: &key, instances: &instances, proof: &proof.bytes })
}
