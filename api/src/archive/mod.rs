//! The archive of block hashes: filled run by run from a known block down, and asked for blocks of any age.
//!
//! | module | what |
//! |---|---|
//! | [`spans`] | which runs are done, and which one is next |
//! | [`progress`] | that, and the proof that waits to be sent, on disk |
//! | [`paths`] | Merkle paths of members |
//! | [`contract`] | the `BlockArchive` contract: what it knows, and a member's path to it |
//! | [`backfill`] | the worker: headers, proof, transaction, next run |

pub mod backfill;
pub mod contract;
pub mod paths;
pub mod progress;
pub mod spans;

pub use contract::Member;

use crate::chain::sender::SendError;
use alloy::primitives::{Address, B256};
use thiserror::Error;
use vouch_indexer::IndexError;
use vouch_indexer::db::DbError;
use vouch_prover::engine::EngineError;

/// Depths as numbers of blocks, with commas between.
fn lengths(depths: &[u32]) -> String {
    depths.iter().map(|depth| (1_u64 << depth).to_string()).collect::<Vec<_>>().join(", ")
}

/// Why the archive could not be read or filled.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The contract at this address is none, or the node did not answer.
    #[error("archive {archive}: {detail}; expected a BlockArchive contract")]
    NotAnArchive {
        /// The address.
        archive: Address,
        /// What the node said.
        detail: String,
    },
    /// The archive does not take runs of the length that is to be proven. Recoverable: prove runs of one that it takes.
    #[error("archive {archive} takes runs of {} blocks, none of {}: choose with --run", lengths(got), 1_u64 << expected)]
    Depth {
        /// The address.
        archive: Address,
        /// log2 of the blocks that are proven.
        expected: u32,
        /// log2 of the blocks that are taken.
        got: Vec<u32>,
    },
    /// The archive cannot know the block. Recoverable: start from a recent or a pinned block.
    #[error(
        "archive {archive} does not know block {block}, the last of the run from {first} on: expected one of the last 8,191 blocks, a \
         pinned one, or one below a proven run"
    )]
    UnknownBlock {
        /// The address.
        archive: Address,
        /// The block.
        block: u64,
        /// First block of the run.
        first: u64,
    },
    /// The node's chain is not the archive's. Not recoverable: change the node.
    #[error("block {block}: the archive knows the hash {expected}, the node's header has {got}")]
    OtherChain {
        /// The block.
        block: u64,
        /// What the contract says.
        expected: B256,
        /// What the header hashes to.
        got: B256,
    },
    /// The block is in no proven run. Recoverable: fill the archive down to it.
    #[error("block {block} is in no run of archive {archive}: run `vouch archive backfill` down to block {first}")]
    NotAMember {
        /// The address.
        archive: Address,
        /// The block.
        block: u64,
        /// First block of its run.
        first: u64,
    },
    /// The block is not in the mountain range. Recoverable: its run may be proven, or the range grows.
    #[error("block {block} is beyond the range of archive {archive}, which holds {length} blocks")]
    BeyondTheRange {
        /// The address.
        archive: Address,
        /// The block.
        block: u64,
        /// Blocks of the range.
        length: u64,
    },
    /// A record on disk does not parse. Not recoverable: the directory was written by other software.
    #[error("archive {archive}: stored progress does not parse: {detail}")]
    Record {
        /// The address.
        archive: Address,
        /// Where parsing stopped.
        detail: String,
    },
    /// The headers could not be fetched.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The proof could not be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The transaction did not succeed.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The store failed.
    #[error(transparent)]
    Db(#[from] DbError),
}
