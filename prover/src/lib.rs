//! From evidence to verified proofs: setup, keys, jobs.

pub mod ancestries;
pub mod audit;
pub mod circuits;
pub mod class;
pub mod compile;
pub mod cost;
pub mod draw;
pub mod engine;
pub mod evidence;
pub mod evm;
pub mod expected;
pub mod files;
pub mod histories;
pub mod jobs;
pub mod keys;
pub mod model_key;
pub mod onnx;
pub mod opening;
pub mod parts;
pub mod queue;
pub mod score;
pub mod scores;
pub mod snark;
pub mod srs;
pub mod transcript;
pub mod verifiers;
pub mod watch;

#[cfg(test)]
pub(crate) mod testing;
