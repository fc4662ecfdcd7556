//! What the running node is made of; every HTTP handler gets a copy.

use crate::archive::progress::Progress;
use crate::chain::contracts::Addresses;
use crate::chain::prepare::OldBlocks;
use crate::http::models::AddingNow;
use alloy::primitives::Address;
use metrics_exporter_prometheus::PrometheusHandle;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;
use vouch_prover::engine::Engine;
use vouch_prover::queue::Queue;

/// The parts of a node. Cheap to clone.
#[derive(Clone)]
pub struct Node {
    /// Jobs, index and engine.
    pub queue: Queue<dyn Engine>,
    /// The contracts that are known.
    pub contracts: Addresses,
    /// What the contracts know of old blocks.
    pub old_blocks: Option<OldBlocks>,
    /// How far the archive of block hashes is, if the node fills it.
    pub archive: Option<Progress>,
    /// Who is paid when a query names nobody.
    pub payee: Address,
    /// Counters and gauges, if a recorder is installed.
    pub metrics: Option<PrometheusHandle>,
    /// The file `ethers.min.js` for the page, if there is one.
    pub ethers: Option<PathBuf>,
    /// One model is added at a time: key generation takes much memory.
    pub adding: Arc<Semaphore>,
    /// How far that one is.
    pub adding_now: AddingNow,
    /// When the node started.
    pub started: Instant,
}

impl Node {
    /// A node over `queue` with nothing else known.
    pub fn new(queue: Queue<dyn Engine>) -> Self {
        Self {
            queue,
            contracts: Addresses::default(),
            old_blocks: None,
            archive: None,
            payee: Address::ZERO,
            metrics: None,
            ethers: None,
            adding: Arc::new(Semaphore::new(1)),
            adding_now: AddingNow::default(),
            started: Instant::now(),
        }
    }
}
