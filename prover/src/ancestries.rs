//! Ancestry proofs: keys of a size, a proof of consecutive headers, and its verification natively and in the EVM.

use crate::class::Class;
use crate::engine::EngineError;
use crate::evm::verify_in_revm;
use crate::keys::Keys;
use crate::scores::rejected;
use crate::snark::{Proof, verify};
use crate::srs::Srs;
use crate::verifiers;
use alloy::primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};
use std::path::Path;
use vouch_circuits::history::ancestry::{AncestryCircuit, Size};
use vouch_circuits::instances::{ANCESTRY_INSTANCES, AncestryInstances};

/// The sizes of runs: 32 headers a proof, in half a gigabyte of memory, 128, in one, and 1,024, in five.
pub const SIZES: [Size; 3] = [Size::A5, Size::A7, Size::A10];

/// The size with runs of `headers` headers.
pub fn size(headers: u64) -> Option<Size> {
    SIZES.into_iter().find(|size| size.headers() as u64 == headers)
}

/// A size as keys and verifiers know it.
pub fn class(size: &Size) -> Class {
    Class { name: size.key_name, k: size.k, num_instances: ANCESTRY_INSTANCES, weights: None }
}

/// A run of headers, proven: what `BlockArchive.prove` takes, besides the number of the first block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AncestryProof {
    /// log2 of the headers.
    #[serde(default = "small_depth")]
    pub depth: u32,
    /// Merkle root of the block hashes.
    pub root: B256,
    /// Hash of the parent of the first block.
    pub parent: B256,
    /// Hash of the last block.
    pub last: B256,
    /// The proof.
    pub proof: Bytes,
}

/// Proofs were of this depth before there was another.
fn small_depth() -> u32 {
    Size::A7.depth
}

fn prover(e: impl std::fmt::Display) -> EngineError {
    EngineError::Prover { detail: e.to_string() }
}

/// Reads the keys of `size` from `dir`, or makes and stores them.
///
/// # Errors
/// [`EngineError::Prover`].
pub fn keys(dir: &Path, srs: &Srs, size: &Size) -> Result<Keys, EngineError> {
    Keys::load_or_make(dir, srs, &class(size), "", &AncestryCircuit::keygen(size)).map_err(prover)
}

/// Proves `headers`, as many as `size` says, by rising block number.
///
/// - `keys`: those of `size`
///
/// # Errors
/// [`EngineError::Prover`]: the headers are no run, or proving failed.
pub fn prove(keys: &Keys, size: &Size, headers: &[Vec<u8>]) -> Result<AncestryProof, EngineError> {
    let circuit = AncestryCircuit::new(size, headers).map_err(prover)?;
    let [root, parent, last] = circuit.says().map(B256::from);
    let instances = circuit.instances();
    let proof = keys.prove(circuit, instances).map_err(prover)?;
    Ok(AncestryProof { depth: size.depth, root, parent, last, proof: proof.bytes.into() })
}

/// Checks a proof natively and in the EVM, against the public inputs that the contract will build.
///
/// # Errors
/// [`EngineError::Rejected`].
pub fn check(dir: &Path, keys: &Keys, proof: &AncestryProof) -> Result<(), EngineError> {
    let AncestryProof { depth, root, parent, last, .. } = proof;
    let instances = AncestryInstances { root: root.0, parent: parent.0, last: last.0, depth: *depth }.to_fields();
    let snark = Proof { bytes: proof.proof.to_vec(), instances };
    if !verify(&keys.srs, keys.vk(), &keys.source, &snark) {
        return Err(rejected("native", "the ancestry proof does not verify"));
    }
    let passport = verifiers::load_or_make(dir, keys).map_err(prover)?;
    verify_in_revm(&passport, &keys.source, &snark).map_err(|e| rejected("evm", e))?;
    Ok(())
}
