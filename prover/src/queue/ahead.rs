//! Work that nobody asked for yet: the entries of a [`Watch`] are proven at each block of their cadence, when no job can move.
//!
//! An entry at a block is done when its record is stored and every root of it is. So a restart goes on where the roots end, and a reorg, which
//! takes roots away, makes it due again. What was missed while the node was down is made up for, oldest block first, as far back as contracts
//! can check blocks.
//!
//! A block that fails waits by itself, and the others go on:
//!
//! | failure | then |
//! |---|---|
//! | the node does not answer, a reorganisation | tried again until it passes |
//! | the entry's model is not there yet | the entry waits, until it is |
//! | the node's answers are not believed; proving failed | tried again a few times, then given up |
//! | no node has the state of the block any more; the question cannot be proven | given up |
//!
//! What is given up is told, and tried again after a restart if it may pass then.

use super::setback::{Cause, Setback};
use super::stages::blocking;
use super::waits::Waits;
use super::{HOP_REACH_BLOCKS, Queue, QueueError};
use crate::engine::{Engine, EngineError};
use crate::evidence::{self, Evidence};
use crate::jobs::Ahead;
use crate::scores::card;
use crate::watch::{Entry, Watch, What};
use alloy::primitives::{Address, B256};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vouch_circuits::facts::Fact;
use vouch_indexer::IndexError;

/// The first wait after a failure, in waits of a job.
const WAIT: u32 = 15;

/// What a queue watches, and how far it is.
#[derive(Debug)]
pub(super) struct Watched {
    watch: Watch,
    payee: Address,
    state: tokio::sync::Mutex<State>,
    waits: Mutex<Waits>,
}

impl Watched {
    fn waits(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct State {
    /// For each entry: the first block that is not known to be done; 0 before it was looked for.
    next: Vec<u64>,
    /// Blocks that reorgs had removed when `next` was right.
    unwound: u64,
    current: Option<Current>,
}

/// An entry at a block, in work.
#[derive(Clone, Debug)]
struct Current {
    entry: usize,
    block: u64,
    roots: Vec<B256>,
    parts: VecDeque<Evidence>,
}

/// How far an entry is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Its name.
    pub name: String,
    /// Cadence in blocks.
    pub every: u64,
    /// The newest block at which everything is proven.
    pub newest: Option<u64>,
    /// Blocks at which it is.
    pub proven: usize,
    /// The first block that is to be proven; it may not be there yet. `None` before the entry began.
    pub next: Option<u64>,
    /// What waits for another try, and why: the newest such block, or the entry at every block.
    pub waiting: Option<(Option<u64>, String)>,
    /// Blocks that were given up.
    pub failed: usize,
    /// The newest block that was given up, and why.
    pub failure: Option<(u64, String)>,
}

impl<E: Engine + ?Sized> Queue<E> {
    /// Has `watch` proven whenever there is nothing else to do, for `payee`.
    pub fn watch(&self, watch: Watch, payee: Address) {
        let state = State { next: vec![0; watch.entries.len()], unwound: 0, current: None };
        let state = tokio::sync::Mutex::new(state);
        let mut slot = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(Arc::new(Watched { watch, payee, state, waits: Mutex::default() }));
    }

    fn watched(&self) -> Option<Arc<Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How far each entry is.
    ///
    /// # Errors
    /// Those of the store.
    pub fn watch_progress(&self) -> Result<Vec<Progress>, QueueError> {
        let Some(watched) = self.watched() else { return Ok(Vec::new()) };
        let tip = self.indexer.status()?.tip.unwrap_or_default();
        let oldest = self.oldest(tip)?;
        let mut all = Vec::new();
        for (i, Entry { name, every, .. }) in watched.watch.entries.iter().enumerate() {
            let records = self.store.all_ahead(name)?;
            let mut done = BTreeMap::new();
            for record in &records {
                if self.is_done(&watched, i, record)? {
                    done.insert(record.block, record.failure.is_none());
                }
            }
            let begin = records.first().map(|first| first.block.max(oldest).next_multiple_of(*every));
            let next =
                begin.and_then(|begin| (begin..).step_by(*every as usize).find(|block| !done.contains_key(block)));
            let mut failures: Vec<_> = records.iter().filter_map(|r| Some((r.block, r.failure.clone()?))).collect();
            let mut proven = done.iter().filter(|(_, is_proven)| **is_proven);
            all.push(Progress {
                name: name.clone(),
                every: *every,
                proven: proven.clone().count(),
                newest: proven.next_back().map(|(block, _)| *block),
                next,
                waiting: watched.waits().newest(i),
                failed: failures.len(),
                failure: failures.pop(),
            });
        }
        Ok(all)
    }

    /// Proves the next root of what is watched. Returns false if nothing is due.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn watch_step(&self) -> Result<bool, QueueError> {
        let Some(watched) = self.watched() else { return Ok(false) };
        let state = &mut *watched.state.lock().await;
        let status = self.indexer.status()?;
        if status.unwound_blocks != state.unwound {
            state.unwound = status.unwound_blocks;
            state.next.fill(0);
            state.current = None;
            watched.waits().clear();
        }
        let Some(tip) = status.tip else { return Ok(false) };
        let mut current = match state.current.take() {
            Some(current) => current,
            None => {
                let Some((entry, block)) = self.due(&watched, &mut state.next, tip)? else { return Ok(false) };
                let plan = self.plan_watched(&watched.watch.entries[entry], block).await;
                let Some((roots, parts)) = self.settle(&watched, entry, block, plan)? else { return Ok(true) };
                Current { entry, block, roots, parts }
            }
        };
        if let Some(evidence) = current.parts.pop_front() {
            let (engine, payee, anchors) = (self.engine.clone(), watched.payee, evidence.anchors());
            let proof = blocking(move || {
                let proof = engine.prove_history(&evidence, payee)?;
                engine.verify_history(&proof)?;
                Ok(proof)
            });
            let proof = proof.await;
            if self.gone(&anchors)?.is_some() {
                return Ok(true);
            }
            let Some(proof) = self.settle(&watched, current.entry, current.block, proof)? else { return Ok(true) };
            self.store.save_root(&proof)?;
            current.roots.push(proof.root);
        }
        if current.parts.is_empty() {
            let Current { entry, block, roots, .. } = current;
            let name = &watched.watch.entries[entry].name;
            tracing::info!(entry = %name, block, roots = roots.len(), "proven ahead of time");
            self.store.save_ahead(name, &Ahead { block, roots, ..Ahead::default() })?;
            watched.waits().passed(entry, block);
        } else {
            state.current = Some(current);
        }
        Ok(true)
    }

    /// The oldest block that contracts can check, of those of the index.
    fn oldest(&self, tip: u64) -> Result<u64, QueueError> {
        let first = self.indexer.store().first().map_err(IndexError::Db)?.unwrap_or_default();
        Ok(tip.saturating_sub(HOP_REACH_BLOCKS).max(first).max(1))
    }

    /// The oldest block at which an entry is not done and need not wait, with the entry.
    fn due(&self, watched: &Watched, next: &mut [u64], tip: u64) -> Result<Option<(usize, u64)>, QueueError> {
        let Some(newest) = tip.checked_sub(watched.watch.confirmations) else { return Ok(None) };
        let oldest = self.oldest(tip)?;
        let mut due: Option<(usize, u64)> = None;
        for (i, entry) in watched.watch.entries.iter().enumerate() {
            let mut block = next[i];
            if block == 0 {
                // an entry that is new begins now, a known one goes on where it ended
                let known = self.store.all_ahead(&entry.name)?;
                block = known.first().map_or(newest / entry.every * entry.every, |record| record.block);
            }
            block = block.max(oldest).next_multiple_of(entry.every);
            let mut is_first = true;
            while block <= newest && due.is_none_or(|(_, other)| block < other) {
                let record = self.store.ahead(&entry.name, block)?;
                let is_done = record.map_or(Ok(false), |record| self.is_done(watched, i, &record))?;
                if is_first && !is_done {
                    (next[i], is_first) = (block, false);
                }
                if !is_done && !watched.waits().holds(i, block) {
                    due = Some((i, block));
                    break;
                }
                block += entry.every;
            }
            if is_first {
                next[i] = block;
            }
        }
        Ok(due)
    }

    /// Whether nothing is to be done for `record`: its roots are there, or it was given up and is not to be tried again.
    fn is_done(&self, watched: &Watched, entry: usize, record: &Ahead) -> Result<bool, QueueError> {
        match record.failure {
            Some(_) => Ok(!record.may_pass || watched.waits().is_given_up(entry, record.block)),
            None => self.has_roots(record),
        }
    }

    /// Whether no reorg took a root of `record` away.
    fn has_roots(&self, record: &Ahead) -> Result<bool, QueueError> {
        for root in &record.roots {
            if !self.store.has_root(*root)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Roots that are known, and what is left to prove.
    async fn plan_watched(&self, entry: &Entry, block: u64) -> Result<(Vec<B256>, VecDeque<Evidence>), Setback> {
        // what belongs under the roots of one score stays together
        let mut groups: VecDeque<Vec<Vec<Fact>>> = VecDeque::from([self.watched_facts(entry, block)?]);
        let (mut roots, mut parts) = (Vec::new(), VecDeque::new());
        while let Some(mut group) = groups.pop_front() {
            let asked = evidence::questions(&group.concat());
            match self.plan(&asked).await {
                Ok((held, new)) => {
                    roots.extend(held.iter().map(|history| history.root));
                    parts.extend(new.evidence);
                }
                Err(Setback::Fail(failure)) if failure.kind == "capacity" && group.len() > 1 => {
                    let half = group.split_off(group.len() / 2);
                    groups.push_front(half);
                    groups.push_front(group);
                }
                Err(e) => return Err(e),
            }
        }
        roots.sort();
        roots.dedup();
        Ok((roots, parts))
    }

    /// The facts of an entry, by subject; of places each for itself.
    fn watched_facts(&self, entry: &Entry, block: u64) -> Result<Vec<Vec<Fact>>, Setback> {
        match &entry.what {
            What::Places(places) => Ok(places.iter().map(|place| vec![Fact { block, ..*place }]).collect()),
            What::Scores { model, subjects } => {
                let unknown = || Setback::Retry(Cause::Entry, format!("model {model} is not known to this node yet"));
                let named = || card::find(&self.engine.models(), model).map(|m| m.model_id);
                let id = model.parse::<B256>().ok().or_else(named).ok_or_else(unknown)?;
                let facts = subjects.iter().map(|subject| self.engine.questions(id, *subject, block));
                facts.collect::<Result<_, _>>().map_err(|e| match e {
                    EngineError::UnknownModel { .. } => unknown(),
                    e => e.into(),
                })
            }
            What::Plan { plan, subjects } => {
                let facts = subjects.iter().map(|subject| self.engine.questions_of_plan(plan, *subject, block));
                Ok(facts.collect::<Result<_, _>>()?)
            }
        }
    }

    /// The result of a step, unless it failed: then it is tried again later, or is over at this block.
    fn settle<T>(
        &self,
        watched: &Watched,
        entry: usize,
        block: u64,
        result: Result<T, Setback>,
    ) -> Result<Option<T>, QueueError> {
        let name = &watched.watch.entries[entry].name;
        let (cause, may_pass, reason) = match result {
            Ok(value) => return Ok(Some(value)),
            Err(Setback::Stop(e)) => return Err(e),
            // no job, so nobody does; histories need no private inputs
            Err(Setback::GivenUp | Setback::NoOpening(_)) => return Ok(None),
            Err(Setback::Reorg(reason)) => (Some(Cause::Outage), true, reason),
            Err(Setback::Retry(Cause::NoState, reason)) => (None, true, reason),
            Err(Setback::Retry(cause, reason)) => (Some(cause), true, reason),
            Err(Setback::Fail(failure)) if failure.kind == "prover" => (Some(Cause::Answer), true, failure.detail),
            Err(Setback::Fail(failure)) => (None, false, failure.detail),
        };
        if let Some(cause) = cause {
            let at = (entry, (cause != Cause::Entry).then_some(block));
            let tries = watched.waits().failed(at, reason.clone(), self.config.retry_delay * WAIT);
            if cause != Cause::Answer || tries < self.config.max_retries {
                tracing::warn!(entry = %name, block, %reason, "watched block will be tried again");
                return Ok(None);
            }
        }
        tracing::warn!(entry = %name, block, detail = %reason, "watched block is given up");
        self.store.save_ahead(name, &Ahead { block, roots: Vec::new(), failure: Some(reason), may_pass })?;
        watched.waits().give_up(entry, block);
        Ok(None)
    }
}
