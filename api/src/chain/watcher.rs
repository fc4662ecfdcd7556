//! Watches `Vouch` for open requests, lets those be proven that the policy accepts, and answers them.
//!
//! A request is found by its id, not by its log: ids are dense, so what was missed while the node was down, or came
//! back after a reorg, is found by counting. A request becomes the job of the same content, so it is never proven twice.

use super::contracts::{Addresses, FULFILLED, OPEN, Vouch};
use super::policy::{Asked, MinFee, Policy};
use super::prepare::OldBlocks;
use super::requests::OpenRequests;
use super::sender::{SendError, Sender, chain, now};
use alloy::primitives::{Address, B256, U256};
use alloy::providers::{DynProvider, Provider};
use std::collections::HashMap;
use std::future::Future;
use std::time::{Duration, Instant};
use vouch_prover::engine::Engine;
use vouch_prover::jobs::{Query, Stage};
use vouch_prover::opening::OpeningError;
use vouch_prover::queue::{Queue, QueueError, Served};

/// Wait before an answer that could not be sent is tried again, at first; then twice as long each time.
const SECOND_TRY: Duration = Duration::from_secs(1);
/// The longest such wait.
const LAST_TRY: Duration = Duration::from_secs(60);
/// Wait between two looks at requests whose jobs wait in the queue.
const RECHECK: Duration = Duration::from_secs(30);
/// Wait before the price of gas is asked again for an answer that is not paid for.
const CHEAPER_GAS_WAIT: Duration = Duration::from_secs(30);
/// Attempts to send an answer: some twenty minutes.
const MAX_SENDS: u32 = 25;
/// Attempts that may be mined and revert: each has cost its gas.
const MAX_REVERTS: u32 = 2;
/// Why a request waits whose private inputs nobody has given yet.
const NO_OPENING: &str = "opening";
/// `requestOf` status of an id that the node behind the RPC does not know yet.
const UNKNOWN: u8 = 0;

/// The watcher of one `Vouch` contract.
pub struct Watcher {
    queue: Queue<dyn Engine>,
    provider: DynProvider,
    contracts: Addresses,
    sender: Option<Sender>,
    payee: Address,
    policy: Policy,
    old_blocks: Option<OldBlocks>,
    open: OpenRequests,
    /// Openings of private inputs that the node had been given at the last look.
    openings: u64,
    /// Blocks that reorgs had removed at the last look.
    unwound: u64,
    /// Answers that could not be sent: attempts and time of the next.
    unsent: HashMap<String, (u32, Instant)>,
    /// How often the answer to a job was mined and reverted.
    reverts: HashMap<String, u32>,
    /// When the requests of waiting jobs were last looked at.
    rechecked: Option<Instant>,
}

impl Watcher {
    /// A watcher that pays `payee`, takes what `policy` accepts, and sends answers if it has a `sender`.
    pub fn new(
        queue: Queue<dyn Engine>,
        provider: DynProvider,
        contracts: Addresses,
        sender: Option<Sender>,
        payee: Address,
        policy: Policy,
    ) -> Self {
        let open = OpenRequests::default();
        let (unsent, reverts) = (HashMap::new(), HashMap::new());
        let (old_blocks, unwound, openings, rechecked) = (None, 0, 0, None);
        Self {
            queue,
            provider,
            contracts,
            sender,
            payee,
            policy,
            old_blocks,
            open,
            openings,
            unwound,
            unsent,
            reverts,
            rechecked,
        }
    }

    /// Makes old anchors known before it answers.
    pub fn with_old_blocks(self, old_blocks: OldBlocks) -> Self {
        Self { old_blocks: Some(old_blocks), ..self }
    }

    /// Looks every `poll_interval` until `stop` resolves.
    pub async fn run(mut self, poll_interval: Duration, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = self.look() => {}
            }
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(poll_interval) => {}
            }
        }
    }

    /// Takes what is new and sends what is proven.
    pub async fn look(&mut self) {
        if let Err(error) = self.take_requests().await {
            tracing::warn!(%error, "requests could not be read");
        }
        if self.rechecked.is_none_or(|at| at.elapsed() >= RECHECK) {
            self.rechecked = Some(Instant::now());
            if let Err(error) = self.drop_dead_jobs().await {
                tracing::warn!(%error, "requests of waiting jobs could not be read");
            }
        }
        if let Some(sender) = self.sender.clone() {
            self.send_answers(&sender).await;
        }
    }

    /// Gives up jobs whose request is closed or late, before each of their proofs: one for them pays nobody, and others wait behind them.
    async fn drop_dead_jobs(&self) -> Result<(), SendError> {
        let Some(address) = self.contracts.vouch else { return Ok(()) };
        let vouch = Vouch::new(address, self.provider.clone());
        let Ok(waiting) = self.queue.store().unfinished() else { return Ok(()) };
        let asked: Vec<_> = waiting.iter().filter_map(|job| Some((job, job.query.request?))).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let now = now(&self.provider).await?;
        for (job, id) in asked {
            let request = vouch.requestOf(id).call().await.map_err(chain)?;
            let error = match request.status {
                UNKNOWN => continue,
                OPEN if request.deadline < now => SendError::Late { id, deadline: request.deadline, now },
                OPEN => continue,
                status => SendError::NotOpen { id, status },
            };
            tracing::info!(job = %job.id, %error, "waiting job is given up");
            if let Err(error) = self.queue.fail(&job.id, "submit", error.to_string()) {
                tracing::error!(job = %job.id, %error, "job could not be stored");
            }
        }
        Ok(())
    }

    /// Reads every request that is due, and queues those that are open and accepted.
    async fn take_requests(&mut self) -> Result<(), SendError> {
        let Some(address) = self.contracts.vouch else { return Ok(()) };
        let vouch = Vouch::new(address, self.provider.clone());
        let count = u64::try_from(vouch.requestCount().call().await.map_err(chain)?).unwrap_or(u64::MAX);
        if let Ok(status) = self.queue.indexer().status() {
            if status.unwound_blocks != self.unwound {
                self.unwound = status.unwound_blocks;
                self.open.begin_anew(status.finalized);
            }
            self.open.note(status.tip.unwrap_or_default(), status.finalized, count);
        }
        let given = self.queue.openings_given();
        if given != self.openings {
            self.openings = given;
            self.open.wake(NO_OPENING, Instant::now());
        }
        let due = self.open.due(count, Instant::now());
        if due.is_empty() {
            return Ok(());
        }
        let now = now(&self.provider).await?;
        let gas_price_wei = match self.policy.min_fee {
            MinFee::Cost => self.provider.get_gas_price().await.map_err(chain)?,
            MinFee::Free | MinFee::Wei(_) => 0,
        };
        for id in due {
            let request = vouch.requestOf(U256::from(id)).call().await.map_err(chain)?;
            if request.status == UNKNOWN {
                self.open.postpone(id, "unknown", Instant::now());
                continue;
            }
            if request.status != OPEN || request.deadline < now {
                self.open.settle(id);
                continue;
            }
            let query = Query {
                model: request.modelId,
                subject: request.subject,
                as_of: request.asOf,
                payee: self.payee,
                also: Vec::new(),
                request: Some(U256::from(id)),
                inputs: (!request.inputs.is_zero()).then(|| B256::from(request.inputs)),
            };
            let callback_gas = if request.target.is_zero() { 0 } else { request.callbackGasLimit.into() };
            // a model that is not known is refused when the query is added
            let histories = self.queue.least_histories(&query).unwrap_or(1);
            let asked = Asked { fee_wei: request.feeWei.to(), callback_gas, histories, deadline: request.deadline };
            self.take(id, query, self.policy.check(&asked, now, gas_price_wei)).await;
        }
        Ok(())
    }

    /// Queues an open request, unless it is known or `verdict` is against it.
    async fn take(&mut self, id: u64, query: Query, verdict: Result<(), super::policy::Refusal>) {
        if let Ok(job) = self.queue.store().get(&query.id()) {
            // Answered once, and open again: the answer was in a block that left the chain.
            if job.stage == Stage::Submitted
                && let Err(error) = self.queue.resend(&job.id)
            {
                tracing::error!(job = %job.id, %error, "job could not be stored");
            }
            return self.open.settle(id);
        }
        if let Err(refusal) = verdict {
            let is_new = match refusal.is_final() {
                true => {
                    self.open.settle(id);
                    true
                }
                false => self.open.postpone(id, refusal.reason(), Instant::now()),
            };
            if is_new {
                refused(id, refusal.reason(), &refusal);
            }
            return;
        }
        match self.queue.add(query).await {
            Ok(job) => {
                self.open.settle(id);
                metrics::counter!("vouch_requests_taken_total").increment(1);
                tracing::info!(request = id, job = %job.id, "request seen");
            }
            Err(error) => {
                let is_unopened = matches!(error, QueueError::Opening(OpeningError::Unknown { .. }));
                let reason = if is_unopened { NO_OPENING } else { "query" };
                if self.open.postpone(id, reason, Instant::now()) {
                    refused(id, reason, &error);
                }
            }
        }
    }

    /// Sends every proven answer to its request.
    async fn send_answers(&mut self, sender: &Sender) {
        let jobs = match self.queue.store().in_stages(&[Stage::Proven]) {
            Ok(jobs) => jobs,
            Err(error) => return tracing::error!(%error, "jobs could not be read"),
        };
        for job in jobs.iter().filter(|j| j.query.request.is_some()) {
            let tries = match self.unsent.get(&job.id) {
                Some((_, until)) if *until > Instant::now() => continue,
                Some((tries, _)) => *tries,
                None => 0,
            };
            // Not proven any more: a reorg put it back.
            let Ok(served) = self.queue.served(&job.id) else { continue };
            let result = match self.answer(sender, &served).await {
                Ok(transaction) => {
                    tracing::info!(job = %job.id, %transaction, "request answered");
                    self.unsent.remove(&job.id);
                    self.queue.submitted(&job.id, Some(transaction)).map(drop)
                }
                // Answered before: by another node, or by this one just before it was killed.
                Err(SendError::NotOpen { status: FULFILLED, .. }) => self.queue.submitted(&job.id, None).map(drop),
                Err(error @ (SendError::NotOpen { .. } | SendError::Late { .. })) => {
                    self.queue.fail(&job.id, "submit", error.to_string()).map(drop)
                }
                Err(SendError::Underpaid { id, refusal }) => {
                    // Said once; the deadline ends it.
                    if self.unsent.insert(job.id.clone(), (tries, Instant::now() + CHEAPER_GAS_WAIT)).is_none() {
                        refused(id.to(), "fee_at_sending", &refusal);
                    }
                    Ok(())
                }
                Err(error) if self.is_hopeless(&job.id, &error, tries + 1) => {
                    self.queue.fail(&job.id, "submit", error.to_string()).map(drop)
                }
                Err(error) => {
                    tracing::warn!(job = %job.id, %error, "answer could not be sent, will be tried again");
                    let wait = SECOND_TRY.saturating_mul(1 << tries.min(6)).min(LAST_TRY);
                    self.unsent.insert(job.id.clone(), (tries + 1, Instant::now() + wait));
                    Ok(())
                }
            };
            if let Err(error) = result {
                tracing::error!(job = %job.id, %error, "job could not be stored");
            }
        }
    }
}

impl Watcher {
    /// Makes the anchors of an answer known that the chain does not tell any more, then sends it.
    async fn answer(&self, sender: &Sender, served: &Served) -> Result<B256, SendError> {
        if let Some(old_blocks) = &self.old_blocks {
            let calls = old_blocks.needed(&self.queue, served).await;
            sender.prepare(served, calls, &self.policy).await?;
        }
        sender.fulfil(served, &self.policy).await
    }

    /// Whether an answer that failed `tries` times is given up: what reverts costs money each time.
    fn is_hopeless(&mut self, job: &str, error: &SendError, tries: u32) -> bool {
        let SendError::Reverted { .. } = error else { return tries >= MAX_SENDS };
        let reverts = self.reverts.entry(job.to_owned()).or_default();
        *reverts += 1;
        *reverts >= MAX_REVERTS
    }
}

/// Says and counts that a request is not answered (now).
fn refused(id: u64, reason: &'static str, why: &dyn std::fmt::Display) {
    tracing::warn!(request = id, reason, %why, "request is not answered");
    metrics::counter!("vouch_requests_refused_total", "reason" => reason).increment(1);
}
