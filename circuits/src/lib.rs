//! The circuits of Vouch: chain history and model scores.

pub mod account;
pub mod bloom;
pub mod degree;
pub mod digest;
pub mod entry;
pub mod evidence;
pub mod facts;
pub mod features;
pub mod fixed;
pub mod grid;
pub mod header;
pub mod history;
pub mod instances;
pub mod keccak;
pub mod layers;
pub mod model;
pub mod path;
pub mod plan;
pub mod poseidon;
pub mod receipt;
pub mod rlp;
pub mod score;
#[cfg(test)]
pub(crate) mod testing;
pub mod transaction;
pub mod trie;
