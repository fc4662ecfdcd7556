//! The contracts: calldata, requests that are seen, proofs that are sent.

pub mod calldata;
pub mod contracts;
pub mod deployed;
pub mod outbox;
pub mod policy;
pub mod poster;
pub mod prepare;
pub mod requests;
pub mod sender;
pub mod watcher;
