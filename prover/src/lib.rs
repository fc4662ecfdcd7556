//! From evidence to verified proofs: setup, keys, jobs.

pub mod cost;
pub mod engine;
pub mod evidence;
pub mod files;
pub mod jobs;
pub mod queue;
pub mod srs;
