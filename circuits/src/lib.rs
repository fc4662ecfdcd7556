//! The circuits of Vouch: chain history and model scores.

pub mod account;
pub mod digest;
pub mod evidence;
pub mod facts;
pub mod grid;
pub mod header;
pub mod keccak;
pub mod poseidon;
pub mod rlp;
#[cfg(test)]
pub(crate) mod testing;
pub mod trie;
