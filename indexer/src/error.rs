//! Why the index could not advance or answer.

use crate::db::DbError;
use crate::node::NodeError;
use crate::proofs::ProofError;
use alloy::primitives::B256;
use thiserror::Error;

/// Everything that can go wrong between a node and the store.
#[derive(Debug, Error)]
pub enum IndexError {
    /// The bytes the node sent do not hash to the hash it announced. Not recoverable: change the node.
    #[error("block {number}: header hashes to {got}, node announced {announced}")]
    HashMismatch {
        /// Number asked for.
        number: u64,
        /// Hash in the answer.
        announced: B256,
        /// Keccak of the header's RLP.
        got: B256,
    },
    /// The node answered with another block than the one asked for. Not recoverable: change the node.
    #[error("block {expected}: node answered with block {got}")]
    NumberMismatch {
        /// Number asked for.
        expected: u64,
        /// Number in the header.
        got: u64,
    },
    /// Two headers the node gives as neighbours are not linked. Recoverable when it raced with a reorg: the loop asks
    /// again; a node that keeps saying so lies.
    #[error("block {number}: parent is {got}, expected {expected}")]
    ParentMismatch {
        /// Number of the child.
        number: u64,
        /// Hash of the block below.
        expected: B256,
        /// Parent hash in the child.
        got: B256,
    },
    /// The node's chain left ours below a block that was final. Not recoverable: change the node, or index anew in an
    /// empty data directory.
    #[error("chain forked at or below block {fork_at_most}, but block {finalized} with hash {expected} was final")]
    ForkBelowFinalized {
        /// The fork lies here or lower.
        fork_at_most: u64,
        /// Last final block.
        finalized: u64,
        /// Our hash of it.
        expected: B256,
    },
    /// The data directory belongs to another chain. Recoverable: use another directory or another node.
    #[error("data directory is of chain {expected}, node is on chain {got}")]
    ChainMismatch {
        /// Chain id in the directory.
        expected: u64,
        /// Chain id of the node.
        got: u64,
    },
    /// The block does not exist yet, or is not indexed yet. Recoverable: wait.
    #[error("block {number} is in the future: the index ends at block {tip}")]
    Future {
        /// Block asked for.
        number: u64,
        /// Last indexed block.
        tip: u64,
    },
    /// The block lies below the first indexed one, and nothing that is known names its hash. Recoverable: pin it, link it by hops, or index
    /// from an earlier block.
    #[error(
        "block {number} is before the window: the index begins at block {first}, and nothing leads from there to it; pin it, start with \
         --hops, or index from it on (--start, in a new data directory)"
    )]
    BeforeWindow {
        /// Block asked for.
        number: u64,
        /// First indexed block.
        first: u64,
    },
    /// Nothing is indexed yet. Recoverable: wait.
    #[error("the index is empty: no block has been stored yet")]
    Empty,
    /// A block the node had announced is missing from it. Recoverable: the loop asks again.
    #[error("block {number}: node has no such block although its head is {head}")]
    MissingBlock {
        /// Number asked for.
        number: u64,
        /// Head it announced.
        head: u64,
    },
    /// The node has another block of this number than the one whose hash is known, or none. Recoverable when it is behind; a node that keeps
    /// saying so lies, or was told of by one that does.
    #[error("block {number}: expected the one with hash {expected}, node has {}", got.map_or("none".into(), |got| got.to_string()))]
    OtherBlock {
        /// Block asked for.
        number: u64,
        /// Its hash.
        expected: B256,
        /// The hash of the node's.
        got: Option<B256>,
    },
    /// A trie node that a stored proof names is not stored. Not recoverable: the directory was damaged.
    #[error("trie node {hash} of block {number} is missing from the store")]
    MissingNode {
        /// Block of the proof.
        number: u64,
        /// Keccak of the node.
        hash: B256,
    },
    /// A proof that does not prove what the node claims. See [`ProofError`].
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The node did not answer, or refused.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The store failed.
    #[error(transparent)]
    Db(#[from] DbError),
}
