//! Which node to follow, from which block, and when a block counts as final.

use std::time::Duration;

/// The first block of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A fixed block number. Block 0 of anvil has a state root that is not its state: start at 1 there.
    Block(u64),
    /// This many blocks below the head at the first start, never below block 1.
    BelowHead {
        /// Distance from the head; 8,191 is the reach of EIP-2935.
        blocks: u64,
    },
}

/// When a block counts as final: reorgs are followed down to the last final block, never below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finality {
    /// The node's own `finalized` tag.
    Tag,
    /// A fixed distance below the head, for chains whose tag is unreliable (anvil).
    Depth {
        /// Blocks on top of the last final one.
        blocks: u64,
    },
}

/// How often and how patiently a request is repeated when the node does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all, at least 1.
    pub tries: u32,
    /// Wait before the second attempt; doubles with each further one.
    pub first_delay: Duration,
    /// The longest wait.
    pub max_delay: Duration,
    /// The longest time one attempt may take.
    pub timeout: Duration,
    /// Requests under way at one time, at least 1.
    pub parallel_requests: usize,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            tries: 6,
            first_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
            parallel_requests: 16,
        }
    }
}

/// Everything the indexer needs to know; the data directory is opened by the caller ([`crate::db::Db::open`]).
#[derive(Clone, Debug)]
pub struct Config {
    /// `http(s)://`, `ws(s)://` or the path of an IPC socket; several of one chain with commas between.
    pub rpc: String,
    /// The first block, used when the data directory is new.
    pub start: Start,
    /// When a block counts as final.
    pub finality: Finality,
    /// Wait between two looks at the head.
    pub poll_interval: Duration,
    /// Headers fetched and stored in one step.
    pub batch_blocks: u64,
    /// Requests under way at one time.
    pub parallel_requests: usize,
    /// Repetition of failed requests.
    pub retry: Retry,
}

impl Config {
    /// The defaults for the node at `rpc`.
    pub fn new(rpc: impl Into<String>) -> Self {
        Self {
            rpc: rpc.into(),
            start: Start::BelowHead { blocks: 8_191 },
            finality: Finality::Tag,
            poll_interval: Duration::from_secs(1),
            batch_blocks: 256,
            parallel_requests: 8,
            retry: Retry::default(),
        }
    }
}
