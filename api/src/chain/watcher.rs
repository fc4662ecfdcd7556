//! Watches `Vouch` for open requests, lets them be proven, and answers them.
//!
//! A request is found by its id, not by its log: ids are dense, so what was missed while the node was down, or came
//! back after a reorg, is found by counting. A request becomes the job of the same content, so it is never proven twice.

use super::contracts::{Addresses, FULFILLED, OPEN, Vouch};
use super::sender::{SendError, Sender};
use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{Address, U256};
use alloy::providers::{DynProvider, Provider};
use std::collections::HashMap;
use std::future::Future;
use std::time::{Duration, Instant};
use vouch_prover::engine::Engine;
use vouch_prover::jobs::{Query, Stage};
use vouch_prover::queue::Queue;

/// Wait before a request that could not be taken, or an answer that could not be sent, is tried again.
const SECOND_TRY: Duration = Duration::from_secs(1);
/// Attempts to send an answer.
const MAX_SENDS: u32 = 20;

/// The watcher of one `Vouch` contract.
pub struct Watcher {
    queue: Queue<dyn Engine>,
    provider: DynProvider,
    contracts: Addresses,
    sender: Option<Sender>,
    payee: Address,
    poll_interval: Duration,
    /// Every request up to this id needs nothing more.
    settled: u64,
    /// Blocks that reorgs had removed at the last look.
    unwound: u64,
    /// Requests that were refused, with the time of the next look.
    refused: HashMap<u64, Instant>,
    /// Answers that could not be sent: attempts and time of the next.
    unsent: HashMap<String, (u32, Instant)>,
}

impl Watcher {
    /// A watcher that pays `payee`, and sends answers if it has a `sender`.
    pub fn new(
        queue: Queue<dyn Engine>,
        provider: DynProvider,
        contracts: Addresses,
        sender: Option<Sender>,
        payee: Address,
        poll_interval: Duration,
    ) -> Self {
        Self {
            queue,
            provider,
            contracts,
            sender,
            payee,
            poll_interval,
            settled: 0,
            unwound: 0,
            refused: HashMap::new(),
            unsent: HashMap::new(),
        }
    }

    /// Watches until `stop` resolves.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = self.look() => {}
            }
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(self.poll_interval) => {}
            }
        }
    }

    async fn look(&mut self) {
        if let Err(error) = self.take_requests().await {
            tracing::warn!(%error, "requests could not be read");
        }
        if let Some(sender) = self.sender.clone() {
            self.send_answers(&sender).await;
        }
    }

    /// Queues every open request.
    async fn take_requests(&mut self) -> Result<(), SendError> {
        let Some(address) = self.contracts.vouch else { return Ok(()) };
        let chain = |e: alloy::contract::Error| SendError::Chain { detail: e.to_string() };
        let vouch = Vouch::new(address, self.provider.clone());
        let count = u64::try_from(vouch.requestCount().call().await.map_err(chain)?).unwrap_or(u64::MAX);
        // The contract's clock, not ours.
        let head = self.provider.get_block_by_number(BlockNumberOrTag::Latest).await;
        let head = head.map_err(|e| SendError::Chain { detail: e.to_string() })?;
        let now_seconds = head.map_or(0, |block| block.header.timestamp);
        let unwound = self.queue.indexer().status().map_or(self.unwound, |s| s.unwound_blocks);
        if unwound != self.unwound {
            // A reorg can take requests back and give their ids to others.
            self.unwound = unwound;
            self.settled = 0;
        }
        let mut is_prefix = true;
        for id in self.settled + 1..=count {
            if self.refused.get(&id).is_some_and(|until| *until > Instant::now()) {
                is_prefix = false;
                continue;
            }
            let request = vouch.requestOf(U256::from(id)).call().await.map_err(chain)?;
            let is_late = request.deadline < now_seconds;
            if request.status != OPEN || is_late {
                if is_prefix {
                    self.settled = id;
                }
                continue;
            }
            is_prefix = false;
            let query = Query {
                model: request.modelId,
                subject: request.subject,
                as_of: request.asOf,
                payee: self.payee,
                also: Vec::new(),
                request: Some(U256::from(id)),
            };
            self.take(id, query).await;
        }
        Ok(())
    }

    async fn take(&mut self, id: u64, query: Query) {
        let known = self.queue.store().get(&query.id()).is_ok();
        if known {
            return;
        }
        match self.queue.add(query).await {
            Ok(job) => tracing::info!(request = id, job = %job.id, "request seen"),
            Err(error) => {
                tracing::warn!(request = id, %error, "request cannot be answered now");
                self.refused.insert(id, Instant::now() + SECOND_TRY);
            }
        }
    }

    /// Sends every proven answer to its request.
    async fn send_answers(&mut self, sender: &Sender) {
        let jobs = match self.queue.store().list() {
            Ok(jobs) => jobs,
            Err(error) => return tracing::error!(%error, "jobs could not be read"),
        };
        for job in jobs.iter().filter(|j| j.stage == Stage::Proven && j.query.request.is_some()) {
            let tries = match self.unsent.get(&job.id) {
                Some((_, until)) if *until > Instant::now() => continue,
                Some((tries, _)) => *tries,
                None => 0,
            };
            // Not proven any more: a reorg put it back.
            let Ok(served) = self.queue.served(&job.id) else { continue };
            let result = match sender.fulfil(&served).await {
                Ok(transaction) => {
                    tracing::info!(job = %job.id, %transaction, "request answered");
                    self.queue.submitted(&job.id, Some(transaction)).map(drop)
                }
                // Answered before: by another node, or by this one just before it was killed.
                Err(SendError::NotOpen { status: FULFILLED, .. }) => self.queue.submitted(&job.id, None).map(drop),
                Err(error @ SendError::NotOpen { .. }) => {
                    self.queue.fail(&job.id, "submit", error.to_string()).map(drop)
                }
                Err(error) if tries + 1 >= MAX_SENDS => self.queue.fail(&job.id, "submit", error.to_string()).map(drop),
                Err(error) => {
                    tracing::warn!(job = %job.id, %error, "answer could not be sent, will be tried again");
                    self.unsent.insert(job.id.clone(), (tries + 1, Instant::now() + SECOND_TRY));
                    Ok(())
                }
            };
            if let Err(error) = result {
                tracing::error!(job = %job.id, %error, "job could not be stored");
            }
        }
    }
}
