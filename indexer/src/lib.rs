//! Follows a chain, checks every header and proof, stores them.
