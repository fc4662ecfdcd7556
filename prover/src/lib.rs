//! From evidence to verified proofs: setup, keys, jobs.

pub mod files;
pub mod srs;
