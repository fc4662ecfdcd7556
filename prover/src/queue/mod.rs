//! The worker: takes the oldest job one stage further, until it is proven or failed.
//!
//! | stage | does | leaves behind |
//! |---|---|---|
//! | queued | looks for proven roots that hold every fact | their names, or the way to evidence |
//! | evidence | headers and state proofs from the index, divided over as few proofs as have room | evidence of each part |
//! | proving history | the history proof of a part, verified natively and in the EVM; once for each part | a proven root |
//! | proving score | score proof, verified natively and in the EVM | the score |
//!
//! Before and after each proof the blocks it hangs on are compared with the index; a job whose blocks were reorganised
//! away starts anew, and a proof of such blocks is never handed out. Roots that were proven outlive their job: what starts anew or is
//! asked again after a failure proves only what is missing.

mod ahead;
mod config;
mod cover;
mod openings;
mod private;
mod reach;
mod setback;
mod stages;
mod waits;

pub use crate::evidence::OldAnchors;
pub use ahead::Progress;
pub use config::{HOP_REACH_BLOCKS, QueueConfig};

use crate::cost::Meter;
use crate::engine::{Anchor, Engine, EngineError, HistoryProof};
use crate::evidence::{self, EvidenceError};
use crate::jobs::{Failure, Job, JobError, JobStore, Query, Score, Stage};
use crate::opening::OpeningError;
use ahead::Watched;
use alloy::primitives::B256;
use openings::Openings;
use setback::Setback;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use thiserror::Error;
use tokio::sync::{Notify, broadcast};
use vouch_circuits::facts::Fact;
use vouch_indexer::db::Db;
use vouch_indexer::{IndexError, Indexer};

/// Why the queue could not take, advance or hand out a job.
#[derive(Debug, Error)]
pub enum QueueError {
    /// The query cannot be answered. Recoverable: correct it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The query asks for blocks outside the index, or the index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A bound of one proof is exceeded.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The private inputs are missing, or are not those of the commitment. Recoverable: give them.
    #[error(transparent)]
    Opening(#[from] OpeningError),
    /// The job does not exist, or the queue is full.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The job is not proven yet. Recoverable: wait.
    #[error("query {id} is not proven yet, it is in stage {stage:?}")]
    NotProven {
        /// The job.
        id: String,
        /// Its stage.
        stage: Stage,
    },
}

/// Everything a caller needs to use a proven score.
#[derive(Clone, Debug)]
pub struct Served {
    /// The job.
    pub job: Job,
    /// The score.
    pub score: Score,
    /// The proofs of its roots.
    pub histories: Vec<HistoryProof>,
}

/// The queue over a store, an index and an engine. Cheap to clone.
pub struct Queue<E: ?Sized> {
    store: JobStore,
    indexer: Indexer,
    engine: Arc<E>,
    config: QueueConfig,
    events: broadcast::Sender<Job>,
    wake: Arc<Notify>,
    waiting: Arc<Mutex<HashMap<String, Instant>>>,
    old_anchors: Option<Arc<dyn OldAnchors>>,
    watched: Arc<Mutex<Option<Arc<Watched>>>>,
    openings: Arc<Openings>,
}

impl<E: ?Sized> Clone for Queue<E> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            indexer: self.indexer.clone(),
            engine: self.engine.clone(),
            config: self.config,
            events: self.events.clone(),
            wake: self.wake.clone(),
            waiting: self.waiting.clone(),
            old_anchors: self.old_anchors.clone(),
            watched: self.watched.clone(),
            openings: self.openings.clone(),
        }
    }
}

impl<E: Engine + ?Sized> Queue<E> {
    /// A queue whose jobs are in `db`; unfinished ones are taken up by [`Queue::run`].
    pub fn new(db: Db, indexer: Indexer, engine: Arc<E>, config: QueueConfig) -> Self {
        let (events, _) = broadcast::channel(256);
        let store = JobStore::new(db);
        if let Err(error) = store.index() {
            tracing::error!(%error, "jobs of earlier runs could not be read");
        }
        let (wake, waiting, watched, openings) = Default::default();
        Self { store, indexer, engine, config, events, wake, waiting, watched, openings, old_anchors: None }
    }

    /// Takes old blocks as anchors where `old_anchors` knows them, instead of linking them by hops.
    pub fn with_old_anchors(self, old_anchors: Arc<dyn OldAnchors>) -> Self {
        Self { old_anchors: Some(old_anchors), ..self }
    }

    /// The jobs on disk.
    pub fn store(&self) -> &JobStore {
        &self.store
    }

    /// The index.
    pub fn indexer(&self) -> &Indexer {
        &self.indexer
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<E> {
        &self.engine
    }

    /// Every change of every job from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Job> {
        self.events.subscribe()
    }

    /// Takes a query after checking that it can be answered: model, plan, blocks, bounds, contracts.
    ///
    /// # Errors
    /// [`QueueError`] names what is wrong with the query; nothing is stored then.
    pub async fn add(&self, query: Query) -> Result<Job, QueueError> {
        let questions = evidence::questions(&self.questions(&query)?);
        self.check_opening(&query)?;
        evidence::check_bounds(&questions)?;
        evidence::check_classes(&questions, self.config.reach_blocks.is_some())?;
        self.wait_for(&questions).await?;
        match evidence::check_code(&self.indexer, &questions).await {
            // The node may be away for a moment: the job will meet it again.
            Ok(()) | Err(EvidenceError::Index(_)) => {}
            Err(e) => return Err(e.into()),
        }
        let job = self.store.add(query, self.config.max_waiting)?;
        self.announce(&job);
        self.wake.notify_one();
        Ok(job)
    }

    /// History proofs that an answer to `query` takes at least, if no root is known.
    ///
    /// # Errors
    /// [`EngineError`] if the model or its plan has no such facts.
    pub fn least_histories(&self, query: &Query) -> Result<usize, EngineError> {
        let is_linked = self.config.reach_blocks.is_some();
        Ok(evidence::least_proofs(&evidence::questions(&self.questions(query)?), is_linked))
    }

    /// The proofs of a proven job. A job whose blocks left the chain is started anew instead.
    ///
    /// # Errors
    /// [`QueueError::NotProven`].
    pub fn served(&self, id: &str) -> Result<Served, QueueError> {
        let mut job = self.store.get(id)?;
        let is_proven = matches!(job.stage, Stage::Proven | Stage::Submitted);
        if is_proven && let Some(anchor) = self.gone(&job.anchors)? {
            self.restart(&mut job, gone_text(anchor))?;
        }
        let not_proven = || QueueError::NotProven { id: id.to_owned(), stage: job.stage };
        if !matches!(job.stage, Stage::Proven | Stage::Submitted) {
            return Err(not_proven());
        }
        let score = self.store.score(id)?.ok_or_else(not_proven)?;
        let mut histories = Vec::new();
        // roots that hold other subjects' facts alone are no part of the claim
        for root in job.roots.iter().filter(|root| score.proof.roots.contains(root)) {
            histories.push(self.store.root(*root)?.ok_or_else(not_proven)?);
        }
        Ok(Served { job, score, histories })
    }

    /// Notes that the contract accepted a job's proofs, in `transaction` if it is known.
    pub fn submitted(&self, id: &str, transaction: Option<B256>) -> Result<Job, QueueError> {
        let mut job = self.store.get(id)?;
        job.stage = Stage::Submitted;
        job.transaction = transaction;
        self.store.save(&mut job)?;
        self.announce(&job);
        Ok(job)
    }

    /// Puts a submitted job back to be sent again: the transaction that the contract accepted left the chain.
    pub fn resend(&self, id: &str) -> Result<Job, QueueError> {
        let mut job = self.store.get(id)?;
        if job.stage == Stage::Submitted {
            job.stage = Stage::Proven;
            job.transaction = None;
            self.store.save(&mut job)?;
            self.announce(&job);
        }
        Ok(job)
    }

    /// Gives a job up.
    pub fn fail(&self, id: &str, kind: &str, detail: String) -> Result<Job, QueueError> {
        let mut job = self.store.get(id)?;
        self.give_up(&mut job, Failure { kind: kind.into(), detail })?;
        Ok(job)
    }

    /// Starts proven jobs anew whose blocks left the chain, and forgets roots of such blocks.
    pub fn recheck(&self) -> Result<(), QueueError> {
        for mut job in self.store.in_stages(&[Stage::Proven, Stage::Submitted])? {
            if let Some(anchor) = self.gone(&job.anchors)? {
                self.restart(&mut job, gone_text(anchor))?;
            }
        }
        for history in self.store.roots()? {
            if self.gone(&history.anchors)?.is_some() {
                self.store.remove_root(history.root)?;
            }
        }
        Ok(())
    }

    /// Works until `stop` resolves. A proof under way is abandoned then; its job resumes at the next start.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut unwound = 0;
        loop {
            let now = self.indexer.status().map_or(unwound, |s| s.unwound_blocks);
            if now != unwound {
                unwound = now;
                if let Err(error) = self.recheck() {
                    tracing::error!(%error, "jobs could not be compared with the new chain");
                }
            }
            let idle = tokio::select! {
                () = &mut stop => return,
                worked = self.work() => match worked {
                    Ok(worked) => !worked,
                    Err(error) => {
                        tracing::error!(%error, "queue could not advance");
                        true
                    }
                }
            };
            if idle {
                tokio::select! {
                    () = &mut stop => return,
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep(self.config.idle_wait) => {}
                }
            }
        }
    }

    /// A stage of a job, or else a root of what is watched.
    async fn work(&self) -> Result<bool, QueueError> {
        Ok(self.step().await? || self.watch_step().await?)
    }

    /// Takes the oldest job that can move one stage further. Returns false when there is none.
    ///
    /// # Errors
    /// [`QueueError`] when the store fails; the job is as it was.
    pub async fn step(&self) -> Result<bool, QueueError> {
        let Some(mut job) = self.next()? else { return Ok(false) };
        let stage = job.stage;
        let meter = Meter::start();
        let result = match stage {
            Stage::Queued => self.begin(&mut job),
            Stage::Evidence => self.collect(&mut job).await,
            Stage::ProvingHistory => self.history(&mut job, meter).await,
            Stage::ProvingScore => self.score(&mut job, meter).await,
            Stage::Proven | Stage::Submitted | Stage::Failed => Ok(()),
        };
        match result {
            Ok(()) => {
                self.announce(&job);
                Ok(true)
            }
            Err(Setback::Stop(e)) => Err(e),
            Err(Setback::GivenUp) => Ok(true),
            Err(Setback::NoOpening(reason)) => self.wait_for_opening(job, reason).map(|()| true),
            Err(Setback::Reorg(reason)) => self.restart(&mut job, reason).map(|()| true),
            Err(Setback::Fail(failure)) => self.give_up(&mut job, failure).map(|()| true),
            Err(Setback::Retry(_, detail)) if job.retries + 1 >= self.config.max_retries => {
                self.give_up(&mut job, Failure { kind: "node".into(), detail }).map(|()| true)
            }
            Err(Setback::Retry(_, reason)) => {
                tracing::warn!(job = %job.id, ?stage, %reason, "stage failed, will be tried again");
                let delay = self.config.retry_delay * 2u32.saturating_pow(job.retries.min(10));
                job.retries += 1;
                job.last_error = Some(reason);
                self.store.save(&mut job)?;
                if let Ok(mut waiting) = self.waiting.lock() {
                    waiting.insert(job.id.clone(), Instant::now() + delay);
                }
                self.announce(&job);
                Ok(true)
            }
        }
    }

    fn next(&self) -> Result<Option<Job>, QueueError> {
        let now = Instant::now();
        let is_waiting = |id: &str| self.waiting.lock().is_ok_and(|w| w.get(id).is_some_and(|until| *until > now));
        Ok(self.store.unfinished()?.into_iter().find(|job| !is_waiting(&job.id)))
    }

    fn questions(&self, query: &Query) -> Result<Vec<Fact>, EngineError> {
        let mut all = Vec::new();
        for subject in std::iter::once(&query.subject).chain(&query.also) {
            all.extend(self.engine.questions(query.model, *subject, query.as_of)?);
        }
        Ok(all)
    }

    /// The first anchor that is not on the indexed chain any more.
    fn gone(&self, anchors: &[Anchor]) -> Result<Option<Anchor>, QueueError> {
        for anchor in anchors {
            if !self.indexer.is_canonical(anchor.number, anchor.hash)? {
                return Ok(Some(*anchor));
            }
        }
        Ok(None)
    }

    fn restart(&self, job: &mut Job, reason: String) -> Result<(), QueueError> {
        if job.restarts >= self.config.max_restarts {
            return self.give_up(job, Failure { kind: "reorg".into(), detail: reason });
        }
        tracing::warn!(job = %job.id, %reason, "job starts anew");
        self.store.restart(job, reason)?;
        self.announce(job);
        self.wake.notify_one();
        Ok(())
    }

    fn give_up(&self, job: &mut Job, failure: Failure) -> Result<(), QueueError> {
        tracing::warn!(job = %job.id, kind = %failure.kind, detail = %failure.detail, "job failed");
        job.stage = Stage::Failed;
        job.failure = Some(failure);
        self.store.save(job)?;
        self.announce(job);
        self.forget_opening(&job.query)
    }

    fn announce(&self, job: &Job) {
        // An error only says that nobody listens.
        let _ = self.events.send(job.clone());
    }
}

fn gone_text(anchor: Anchor) -> String {
    format!("reorg: block {} with hash {} is not on the chain any more", anchor.number, anchor.hash)
}
