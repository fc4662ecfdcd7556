//! The EVM side: generated verifiers, their compiler, and an EVM to try them in.
//!
//! - [`generate`]: Solidity for a history class (key in code) or a score class (key as data);
//! - [`compact`]: makes the generated code fit into a contract;
//! - [`solc`]: compiles it; [`artifact`]: the result with its passport, as committed in `contracts/generated`;
//! - [`chain`]: deploys and calls in revm, with the code size limit on; [`trial`]: tries a verifier on lies before it is believed.

pub mod artifact;
pub mod chain;
pub mod compact;
pub mod generate;
pub mod solc;
pub mod trial;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod attacks_score;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::tools as tools_of_tests;

pub use artifact::{Artifact, Passport, verify_in_revm};
pub use chain::{Chain, Deployed, EvmError, Outcome};
pub use solc::Solc;

use crate::snark::{KeySource, Proof};
use alloy::primitives::U256;
use halo2_base::halo2_proofs::halo2curves::{bn256::Fr, ff::PrimeField};

/// Calldata of a generated verifier: key (where it is data) ‖ instances ‖ proof.
pub fn calldata(key: &KeySource, proof: &Proof) -> Vec<u8> {
    let mut out = match key {
        KeySource::Code => vec![],
        KeySource::Data(model) => model.bytes(),
    };
    out.extend(proof.instances.iter().flat_map(|instance| to_word(instance).to_be_bytes::<32>()));
    out.extend(&proof.bytes);
    out
}

/// A field element as the contracts take it.
pub fn to_word(element: &Fr) -> U256 {
    U256::from_le_bytes(element.to_repr())
}
