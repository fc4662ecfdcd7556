//! The stages of a job: each reads what the one before left, works, and stores its result with the advance.

use super::setback::Setback;
use super::{Queue, QueueError, gone_text};
use crate::cost::Meter;
use crate::engine::{Engine, EngineError, HistoryProof, ScoreTask};
use crate::evidence::{self, EvidenceError, Reach};
use crate::jobs::{Job, Query, Score, Stage, StageCost};
use alloy::primitives::B256;
use std::collections::BTreeSet;
use vouch_circuits::facts::Fact;
use vouch_indexer::IndexError;

impl<E: Engine + ?Sized> Queue<E> {
    pub(super) fn begin(&self, job: &mut Job) -> Result<(), Setback> {
        if let Some((earlier, score)) = self.find_score(job)? {
            job.anchors = earlier.anchors;
            job.roots = earlier.roots;
            (job.reused_root, job.reused_score) = (true, true);
            job.stage = Stage::Proven;
            return Ok(self.store.save_score(job, &score)?);
        }
        match self.find_root(job)? {
            Some(history) => {
                job.anchors = history.anchors;
                job.roots = vec![history.root];
                job.reused_root = true;
                job.stage = Stage::ProvingScore;
            }
            None => job.stage = Stage::Evidence,
        }
        Ok(self.store.save(job)?)
    }

    /// A proven answer to the same question for the same payee: two requests can ask the same.
    fn find_score(&self, job: &Job) -> Result<Option<(Job, Score)>, Setback> {
        let asked = Query { request: None, ..job.query.clone() };
        if !asked.also.is_empty() {
            return Ok(None);
        }
        for earlier in self.store.list()? {
            let is_proven = matches!(earlier.stage, Stage::Proven | Stage::Submitted);
            let is_same = Query { request: None, also: Vec::new(), ..earlier.query.clone() } == asked;
            if !is_proven || !is_same || self.gone(&earlier.anchors).map_err(Setback::Stop)?.is_some() {
                continue;
            }
            let mut roots = earlier.roots.iter().map(|root| self.store.root(*root));
            if roots.all(|root| matches!(root, Ok(Some(_))))
                && let Some(score) = self.store.score(&earlier.id)?
            {
                return Ok(Some((earlier, score)));
            }
        }
        Ok(None)
    }

    /// A proven root, of blocks that are still on the chain, that holds every fact of the query.
    fn find_root(&self, job: &Job) -> Result<Option<HistoryProof>, Setback> {
        let asked = evidence::questions(&self.questions(&job.query)?);
        for history in self.store.roots()? {
            let held = evidence::questions(&history.facts);
            if asked.iter().all(|q| held.contains(q)) && self.gone(&history.anchors).map_err(Setback::Stop)?.is_none() {
                return Ok(Some(history));
            }
        }
        Ok(None)
    }

    pub(super) async fn collect(&self, job: &mut Job) -> Result<(), Setback> {
        let meter = Meter::start();
        let questions = self.questions(&job.query)?;
        let evidence = evidence::collect(&self.indexer, &questions, &self.reach(&questions).await?).await?;
        job.anchors = evidence.anchors();
        advance(job, Stage::ProvingHistory, meter);
        Ok(self.store.save_evidence(job, &evidence)?)
    }

    /// Blocks that can still be anchors when the proof is posted, of those that may be of use for `questions`.
    async fn reach(&self, questions: &[Fact]) -> Result<Reach, Setback> {
        let Some(back) = self.config.reach_blocks else { return Ok(Reach::ALL) };
        let tip = self.indexer.store().last_header().map_err(IndexError::Db).map_err(EvidenceError::Index)?;
        let newest = tip.ok_or(EvidenceError::Index(IndexError::Empty))?.number;
        let mut reach = Reach::window(newest.saturating_sub(back), newest);
        if let Some(old_anchors) = &self.old_anchors {
            let mut blocks: BTreeSet<u64> = questions.iter().map(|fact| fact.block).collect();
            let stored = self.store.roots()?;
            blocks.extend(stored.iter().flat_map(|h| h.anchors.iter().filter(|a| a.linked).map(|a| a.number)));
            blocks.retain(|block| *block < reach.oldest);
            reach.known = old_anchors.known(&blocks).await;
        }
        Ok(reach)
    }

    pub(super) async fn history(&self, job: &mut Job, meter: Meter) -> Result<(), Setback> {
        self.still_canonical(job)?;
        let Some(evidence) = self.store.evidence(&job.id)? else {
            return Err(Setback::Reorg("the evidence is gone, it is collected anew".into()));
        };
        let (engine, payee) = (self.engine.clone(), job.query.payee);
        let proof = blocking(move || {
            let proof = engine.prove_history(&evidence, payee)?;
            engine.verify_history(&proof)?;
            Ok(proof)
        })
        .await?;
        self.still_canonical(job)?;
        job.roots = vec![proof.root];
        job.anchors = proof.anchors.clone();
        advance(job, Stage::ProvingScore, meter);
        Ok(self.store.save_history(job, &proof)?)
    }

    pub(super) async fn score(&self, job: &mut Job, meter: Meter) -> Result<(), Setback> {
        self.still_canonical(job)?;
        let mut roots = Vec::new();
        for root in &job.roots {
            match self.store.root(*root)? {
                Some(history) => roots.push((*root, history.facts)),
                None => return Err(Setback::Reorg(format!("root {root} is gone, it is proven anew"))),
            }
        }
        let task = self.task(&job.query, roots).map_err(Setback::Stop)?;
        let engine = self.engine.clone();
        let score = blocking(move || {
            let proof = engine.prove_score(&task)?;
            engine.verify_score(&task, &proof)?;
            Ok(Score { task, proof })
        })
        .await?;
        self.still_canonical(job)?;
        advance(job, Stage::Proven, meter);
        Ok(self.store.save_score(job, &score)?)
    }

    fn task(&self, query: &Query, roots: Vec<(B256, Vec<Fact>)>) -> Result<ScoreTask, QueueError> {
        let chain_id = self.indexer.store().chain_id().map_err(IndexError::Db)?.ok_or(IndexError::Empty)?;
        let Query { model, subject, as_of, payee, .. } = *query;
        Ok(ScoreTask { chain_id, model, subject, as_of, payee, roots })
    }

    fn still_canonical(&self, job: &Job) -> Result<(), Setback> {
        match self.gone(&job.anchors).map_err(Setback::Stop)? {
            Some(anchor) => Err(Setback::Reorg(gone_text(anchor))),
            None => Ok(()),
        }
    }
}

/// Notes what the finished stage cost and moves on.
fn advance(job: &mut Job, to: Stage, meter: Meter) {
    let cost = meter.stop();
    job.costs.push(StageCost {
        stage: job.stage,
        wall_seconds: cost.wall_seconds,
        cpu_seconds: cost.cpu_seconds,
        peak_mb: cost.peak_mb,
    });
    job.stage = to;
    job.retries = 0;
}

async fn blocking<T, W>(work: W) -> Result<T, Setback>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, EngineError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(e) => Err(EngineError::Prover { detail: format!("prover thread ended: {e}") }.into()),
    }
}
