//! The keccak engine: a layered sumcheck over `2^n` permutations side by side.
//!
//! | file | what it states |
//! |---|---|
//! | `permutation` | keccak-f, natively, in pieces |
//! | `sponge` | keccak256 as instances of keccak-f: blocks, flags, outputs |
//! | `poly`, `wiring` | multilinear tools; the public weights as the verifier evaluates them |
//! | `arith`, `transcript` | the arithmetic the verifier is written in; its sponge |
//! | `proof` | the messages of the prover |
//! | `prover/` | how the messages are made |
//! | `verifier/` | how they are checked, natively and in the circuit |
//! | `claim` | the claim about bytes that remains |
//! | `cells` | the verifier's arithmetic as rows of the grid |
//! | `bind` | keccak inside the grid: which blocks form a message, and the claim bound to committed bytes |
//!
//! Fiat–Shamir is applied to the sumchecks of one fixed function, keccak-f, which does not compute the sponge itself.

pub mod arith;
pub mod bind;
mod cells;
pub mod claim;
pub mod permutation;
pub mod poly;
pub mod proof;
pub mod prover;
pub mod sponge;
pub mod transcript;
pub mod verifier;
pub mod wiring;

#[cfg(test)]
mod tests;

pub use arith::{Arith, Native};
pub use claim::{ByteClaim, bytes_hold, claim_holds};
pub use permutation::{State, keccak_f};
pub use proof::{Proof, shape};
pub use prover::prove;
pub use verifier::{KeccakError, verify, verify_native};
