//! The circuits of Vouch: chain history and model scores.

pub mod facts;
pub mod grid;
pub mod keccak;
pub mod poseidon;
