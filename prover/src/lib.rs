//! From evidence to verified proofs: setup, keys, jobs.
