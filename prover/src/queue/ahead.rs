//! Work that nobody asked for yet: the entries of a [`Watch`] are proven at each block of their cadence, when no job can move.
//!
//! An entry at a block is done when its record is stored and every root of it is. So a restart goes on where the roots end, and a reorg, which
//! takes roots away, makes it due again. What was missed while the node was down is made up for, oldest block first, as far back as contracts
//! can check blocks.

use super::setback::Setback;
use super::stages::blocking;
use super::{HOP_REACH_BLOCKS, Queue, QueueError};
use crate::engine::Engine;
use crate::evidence::{self, Evidence};
use crate::jobs::Ahead;
use crate::scores::card;
use crate::watch::{Entry, Watch, What};
use alloy::primitives::{Address, B256};
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use vouch_circuits::facts::Fact;
use vouch_indexer::IndexError;

/// Wait after a failure that may pass.
const SECOND_TRY: Duration = Duration::from_secs(15);

/// What a queue watches, and how far it is.
#[derive(Debug)]
pub(super) struct Watched {
    watch: Watch,
    payee: Address,
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// For each entry: the first block that is not known to be done; 0 before it was looked for.
    next: Vec<u64>,
    /// Blocks that reorgs had removed when `next` was right.
    unwound: u64,
    current: Option<Current>,
    not_before: Option<Instant>,
}

/// An entry at a block, in work.
#[derive(Clone, Debug)]
struct Current {
    name: String,
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
    /// The newest block that failed, and why.
    pub failure: Option<(u64, String)>,
}

impl<E: Engine + ?Sized> Queue<E> {
    /// Has `watch` proven whenever there is nothing else to do, for `payee`.
    pub fn watch(&self, watch: Watch, payee: Address) {
        let state = State { next: vec![0; watch.entries.len()], unwound: 0, current: None, not_before: None };
        let state = tokio::sync::Mutex::new(state);
        let mut slot = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(Arc::new(Watched { watch, payee, state }));
    }

    fn watched(&self) -> Option<Arc<Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How far each entry is.
    ///
    /// # Errors
    /// Those of the store.
    pub fn watch_progress(&self) -> Result<Vec<Progress>, QueueError> {
        let watched = self.watched();
        let entries = watched.iter().flat_map(|watched| &watched.watch.entries);
        let mut all = Vec::new();
        for Entry { name, every, .. } in entries {
            let records = self.store.all_ahead(name)?;
            let mut done = Vec::new();
            for record in records.iter().filter(|r| r.failure.is_none()) {
                if self.has_roots(record)? {
                    done.push(record.block);
                }
            }
            let failure = records.iter().rev().find_map(|r| Some((r.block, r.failure.clone()?)));
            let (name, every) = (name.clone(), *every);
            all.push(Progress { name, every, newest: done.last().copied(), proven: done.len(), failure });
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
        if state.not_before.is_some_and(|until| until > Instant::now()) {
            return Ok(false);
        }
        let status = self.indexer.status()?;
        if status.unwound_blocks != state.unwound {
            state.unwound = status.unwound_blocks;
            state.next.fill(0);
            state.current = None;
        }
        let Some(tip) = status.tip else { return Ok(false) };
        let mut current = match state.current.take() {
            Some(current) => current,
            None => {
                let Some((entry, block)) = self.due(&watched.watch, &mut state.next, tip)? else { return Ok(false) };
                let entry = &watched.watch.entries[entry];
                let plan = self.plan_watched(entry, block).await;
                let Some((roots, parts)) = self.settle(state, &entry.name, block, plan)? else { return Ok(true) };
                Current { name: entry.name.clone(), block, roots, parts }
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
            let Some(proof) = self.settle(state, &current.name, current.block, proof)? else { return Ok(true) };
            self.store.save_root(&proof)?;
            current.roots.push(proof.root);
        }
        let Current { name, block, .. } = &current;
        if current.parts.is_empty() {
            tracing::info!(entry = %name, block, roots = current.roots.len(), "proven ahead of time");
            let ahead = Ahead { block: *block, roots: current.roots.clone(), failure: None };
            self.store.save_ahead(name, &ahead)?;
        } else {
            state.current = Some(current);
        }
        Ok(true)
    }

    /// The oldest block at which an entry is not done, with the entry.
    fn due(&self, watch: &Watch, next: &mut [u64], tip: u64) -> Result<Option<(usize, u64)>, QueueError> {
        let Some(newest) = tip.checked_sub(watch.confirmations) else { return Ok(None) };
        let first = self.indexer.store().first().map_err(IndexError::Db)?.unwrap_or_default();
        let oldest = tip.saturating_sub(HOP_REACH_BLOCKS).max(first).max(1);
        let mut due: Option<(usize, u64)> = None;
        for (i, entry) in watch.entries.iter().enumerate() {
            let mut block = next[i];
            if block == 0 {
                // an entry that is new begins now, a known one goes on where it ended
                let known = self.store.all_ahead(&entry.name)?;
                block = known.first().map_or(newest / entry.every * entry.every, |record| record.block);
            }
            block = block.max(oldest).next_multiple_of(entry.every);
            while block <= newest && self.is_done(&entry.name, block)? {
                block += entry.every;
            }
            next[i] = block;
            if block <= newest && due.is_none_or(|(_, other)| block < other) {
                due = Some((i, block));
            }
        }
        Ok(due)
    }

    fn is_done(&self, name: &str, block: u64) -> Result<bool, QueueError> {
        self.store.ahead(name, block)?.map_or(Ok(false), |record| self.has_roots(&record))
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
                let named = || card::find(&self.engine.models(), model).map(|m| m.model_id);
                let Some(model) = model.parse::<B256>().ok().or_else(named) else {
                    return Err(Setback::Retry(format!("model {model} is not known to this node yet")));
                };
                let facts = subjects.iter().map(|subject| self.engine.questions(model, *subject, block));
                Ok(facts.collect::<Result<_, _>>()?)
            }
            What::Plan { plan, subjects } => {
                let facts = subjects.iter().map(|subject| self.engine.questions_of_plan(plan, *subject, block));
                Ok(facts.collect::<Result<_, _>>()?)
            }
        }
    }

    /// The result of a step, unless it failed: then the entry is tried again later, or is over at this block.
    fn settle<T>(
        &self,
        state: &mut State,
        name: &str,
        block: u64,
        result: Result<T, Setback>,
    ) -> Result<Option<T>, QueueError> {
        match result {
            Ok(value) => return Ok(Some(value)),
            Err(Setback::Stop(e)) => return Err(e),
            // no job, so nobody does; histories need no private inputs
            Err(Setback::GivenUp | Setback::NoOpening(_)) => {}
            Err(Setback::Retry(reason) | Setback::Reorg(reason)) => {
                tracing::warn!(entry = %name, block, %reason, "watched block will be tried again");
                state.not_before = Some(Instant::now() + SECOND_TRY);
            }
            Err(Setback::Fail(failure)) => {
                tracing::warn!(entry = %name, block, detail = %failure.detail, "watched block is given up");
                let failure = Some(failure.detail);
                self.store.save_ahead(name, &Ahead { block, roots: Vec::new(), failure })?;
            }
        }
        Ok(None)
    }
}
