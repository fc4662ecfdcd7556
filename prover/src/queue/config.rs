//! Bounds of the queue.

use std::time::Duration;

/// Bounds of the queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueConfig {
    /// Most jobs that may wait.
    pub max_waiting: usize,
    /// Attempts of a stage that fails for a reason that may pass.
    pub max_retries: u32,
    /// Wait before the second attempt; doubles with each further one.
    pub retry_delay: Duration,
    /// Times a job may start anew because of reorgs.
    pub max_restarts: u32,
    /// Wait between two looks when there is nothing to do.
    pub idle_wait: Duration,
    /// How far behind the tip a block can be an anchor; older ones are linked by hops, in class H. `None`: however old.
    pub reach_blocks: Option<u64>,
    /// How long a job that answers no request waits for the opening of its commitment, which a restart has forgotten.
    pub opening_patience: Duration,
}

/// A reach that leaves 191 blocks, 38 minutes, from the collection of evidence to the post.
pub const HOP_REACH_BLOCKS: u64 = 8_000;

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            max_waiting: 256,
            max_retries: 5,
            retry_delay: Duration::from_secs(1),
            max_restarts: 8,
            idle_wait: Duration::from_secs(1),
            reach_blocks: None,
            opening_patience: Duration::from_secs(3_600),
        }
    }
}
