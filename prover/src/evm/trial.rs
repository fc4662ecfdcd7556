//! The trial of a verifier: an honest proof, and lies about it that the verifier has to refuse.
//!
//! Statement: it accepts the honest proof, and none in which one public input, one point of the key or one byte of the proof is
//! another.
//!
//! Bytecode comes from files whose labels anyone can write. The trial finds code that accepts everything or leaves out an input. It
//! cannot find a back door that waits for its owner's proof: against that the code is made again from the circuit and compared
//! (`scripts/gen-verifier --check`).

use super::{artifact::ArtifactError, artifact::Passport, chain::Chain};
use crate::model_key::POINT_BYTES;
use alloy::primitives::{B256, keccak256};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Bytes of a proof that are changed, one at a time, evenly spread.
const PROOF_LIES: usize = 16;
/// Bytes of a public input.
const WORD_BYTES: usize = 32;

/// Verifiers of this process that were tried already, by the hash of their code.
static TRIED: Mutex<BTreeSet<B256>> = Mutex::new(BTreeSet::new());

/// Calldata of a generated verifier in its three parts.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The key where it is data, else nothing.
    pub key: &'a [u8],
    /// Public inputs, 32 bytes each.
    pub instances: &'a [u8],
    /// The proof.
    pub proof: &'a [u8],
}

/// Runs a verifier on a proof, and returns the gas of the call as a transaction of its own. The first proof that a verifier
/// accepts in this process is followed by its trial.
///
/// # Errors
/// [`ArtifactError::Rejected`] when the contract reverts or a length is wrong, [`ArtifactError::Gullible`] when it accepts a
/// lie, [`ArtifactError::Evm`] when it does not deploy.
pub fn verify(passport: &Passport, parts: Parts<'_>) -> Result<u64, ArtifactError> {
    let mut chain = Chain::default();
    let verifier = chain.deploy(&passport.bytecode)?;
    let mut call = |p: Parts<'_>| chain.call(verifier.address, &[p.key, p.instances, p.proof].concat());
    let lengths =
        parts.proof.len() == passport.proof_bytes && parts.instances.len() == passport.num_instances * WORD_BYTES;
    let honest = call(parts)?;
    if !lengths || !honest.success {
        return Err(ArtifactError::Rejected { class: passport.circuit.clone() });
    }
    let name = keccak256(&passport.bytecode);
    let tried = || TRIED.lock().unwrap_or_else(PoisonError::into_inner);
    if !tried().contains(&name) {
        for (lie, [key, instances, proof]) in lies(parts) {
            if call(Parts { key: &key, instances: &instances, proof: &proof })?.success {
                return Err(ArtifactError::Gullible { class: passport.circuit.clone(), lie });
            }
        }
        tried().insert(name);
    }
    Ok(honest.gas)
}

/// Each lie with its name and its calldata.
fn lies(honest: Parts<'_>) -> Vec<(String, [Vec<u8>; 3])> {
    let parts = [honest.key, honest.instances, honest.proof].map(<[u8]>::to_vec);
    let mut all = Vec::new();
    let mut lie = |name: String, part: usize, change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = parts.clone();
        change(&mut changed[part]);
        all.push((name, changed));
    };
    let points = honest.key.len() / POINT_BYTES;
    for i in 0..points {
        let point = |i: usize| i * POINT_BYTES..(i + 1) * POINT_BYTES;
        let other = (i + 1..i + points).map(|j| j % points).find(|j| honest.key[point(*j)] != honest.key[point(i)]);
        if let Some(j) = other {
            let with = honest.key[point(j)].to_vec();
            lie(format!("point {i} of the key"), 0, &|key| key[point(i)].copy_from_slice(&with));
        }
    }
    for i in 0..honest.instances.len() / WORD_BYTES {
        lie(format!("public input {i}"), 1, &|instances| instances[(i + 1) * WORD_BYTES - 1] ^= 1);
    }
    for i in 0..PROOF_LIES {
        let at = i * honest.proof.len().saturating_sub(1) / (PROOF_LIES - 1);
        lie(format!("byte {at} of the proof"), 2, &|proof| proof[at] ^= 4);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::tests::tools;
    use super::super::{Artifact, verify_in_revm};
    use super::*;
    use crate::keys::Keys;
    use crate::testing::{StandIn, class};
    use alloy::primitives::{Bytes, hex};

    /// Creation code of a contract whose code is `runtime`, at most 255 bytes.
    fn creation(runtime: &[u8]) -> Bytes {
        let length = u8::try_from(runtime.len()).unwrap();
        [&[0x60, length, 0x80, 0x60, 0x09, 0x3d, 0x39, 0x3d, 0xf3], runtime].concat().into()
    }

    /// Accepts while the word of calldata at `offset` is `word`, whatever else is said.
    fn looks_at(offset: u16, word: &[u8]) -> Bytes {
        let offset = offset.to_be_bytes();
        // PUSH2 offset CALLDATALOAD PUSH32 word EQ PUSH1 ok JUMPI PUSH0 PUSH0 REVERT ok: JUMPDEST STOP
        let code = [&[0x61][..], &offset, &[0x35, 0x7f], word, &hex!("14602c575f5ffd5b00")];
        creation(&code.concat())
    }

    #[test]
    fn verifier_that_accepts_lies_is_refused_and_a_real_one_is_not() {
        let Some((solc, srs)) = tools() else { return };
        for as_data in [false, true] {
            let circuit = StandIn::honest(&[3, 5, 7], &[1, 2, 15]);
            let keys = Keys::make(&srs, &class(as_data), &circuit).unwrap();
            let proof = keys.prove(circuit.clone(), circuit.instances()).unwrap();
            let honest = Artifact::generate(&keys, &solc).unwrap().passport;
            verify_in_revm(&honest, &keys.source, &proof).unwrap();
            verify_in_revm(&honest, &keys.source, &proof).unwrap();

            let say = |bytecode: Bytes| {
                let passport = Passport { bytecode, ..honest.clone() };
                verify_in_revm(&passport, &keys.source, &proof).unwrap_err().to_string()
            };
            let first = if as_data { "point 0 of the key" } else { "public input 0" };
            let accepts_all = creation(&[0]);
            let expected =
                format!("the evm verifier of stand_in accepts a proof with another {first}: it verifies nothing");
            assert_eq!(say(accepts_all.clone()), expected);
            // Not remembered as tried.
            assert_eq!(say(accepts_all), expected);
            if !as_data {
                let input = crate::evm::to_word(&proof.instances[0]).to_be_bytes::<32>();
                assert!(
                    say(looks_at(0, &input)).contains("another public input 1"),
                    "it looks at the first input only"
                );
            }
            assert_eq!(say(creation(&hex!("5f5ffd"))), "the evm verifier of stand_in rejects the proof");
        }
    }
}
