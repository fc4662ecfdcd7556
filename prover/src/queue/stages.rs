//! The stages of a job: each reads what the one before left, works, and stores its result with the advance.

use super::cover::{anchors_of, union};
use super::setback::Setback;
use super::{Queue, gone_text};
use crate::cost::Meter;
use crate::engine::{Engine, EngineError, HistoryProof, ScoreTask};
use crate::evidence::{self, Evidence};
use crate::jobs::{Job, Query, Score, Stage, StageCost};
use crate::parts::{self, Parts};
use alloy::primitives::B256;
use vouch_circuits::facts::Fact;
use vouch_circuits::instances::MAX_ROOTS;
use vouch_indexer::IndexError;

impl<E: Engine + ?Sized> Queue<E> {
    pub(super) fn begin(&self, job: &mut Job) -> Result<(), Setback> {
        if let Some((earlier, score)) = self.find_score(job)? {
            job.anchors = earlier.anchors;
            job.roots = earlier.roots;
            (job.reused_root, job.reused_score) = (true, true);
            job.stage = Stage::Proven;
            self.store.save_score(job, &score)?;
            return self.forget_opening(&job.query).map_err(Setback::Stop);
        }
        let asked = evidence::questions(&self.questions(&job.query)?);
        let cover = self.cover(&asked)?;
        if cover.missing.is_empty() {
            job.anchors = anchors_of(&cover.held);
            job.roots = cover.held.iter().map(|history| history.root).collect();
            job.reused_root = true;
            job.stage = Stage::ProvingScore;
        } else {
            job.stage = Stage::Evidence;
        }
        Ok(self.store.save(job)?)
    }

    /// A proven answer to the same question for the same payee: two requests can ask the same.
    fn find_score(&self, job: &Job) -> Result<Option<(Job, Score)>, Setback> {
        let asked = Query { request: None, ..job.query.clone() };
        if !asked.also.is_empty() {
            return Ok(None);
        }
        for earlier in self.store.same_question(&asked)? {
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

    pub(super) async fn collect(&self, job: &mut Job) -> Result<(), Setback> {
        let meter = Meter::start();
        let asked = evidence::questions(&self.questions(&job.query)?);
        let (held, parts) = self.plan(&asked).await?;
        let new = parts.evidence.iter().flat_map(Evidence::anchors);
        job.anchors = union(anchors_of(&held).into_iter().chain(new));
        job.roots = held.iter().map(|history| history.root).collect();
        (job.parts, job.parts_done) = (parts.evidence.len(), 0);
        // another job may have proven the facts meanwhile
        let next = if parts.evidence.is_empty() { Stage::ProvingScore } else { Stage::ProvingHistory };
        job.reused_root = parts.evidence.is_empty();
        advance(job, next, meter);
        Ok(self.store.save_evidence(job, &parts.evidence)?)
    }

    /// Under which roots the facts `asked` can be: proven ones, if that makes the proofs cheaper, and those of proofs to be made, whose
    /// evidence is collected.
    pub(super) async fn plan(&self, asked: &[Fact]) -> Result<(Vec<HistoryProof>, Parts), Setback> {
        let cover = self.cover(asked)?;
        if cover.missing.is_empty() {
            return Ok((cover.held, Parts::default()));
        }
        let (reach, engine) = (self.reach(asked).await?, self.engine.as_ref());
        evidence::link(&self.indexer, asked, &reach).await?;
        evidence::check_code(&self.indexer, asked).await?;
        let most = MAX_ROOTS - cover.held.len();
        let rest = match cover.held.is_empty() {
            true => None,
            false => parts::split(&self.indexer, engine, &cover.missing, &reach, most).await.ok(),
        };
        let all = parts::split(&self.indexer, engine, asked, &reach, MAX_ROOTS).await;
        Ok(match (rest, all) {
            (Some(rest), Ok(all)) if rest.rows < all.rows => (cover.held, rest),
            (Some(rest), Err(_)) => (cover.held, rest),
            (_, all) => (Vec::new(), all?),
        })
    }

    /// Proves the next part.
    pub(super) async fn history(&self, job: &mut Job, meter: Meter) -> Result<(), Setback> {
        self.still_wanted(job)?;
        let index = job.parts_done;
        let Some(evidence) = self.store.evidence(&job.id, index)? else {
            return Err(Setback::Reorg("the evidence is gone, it is collected anew".into()));
        };
        let (engine, payee) = (self.engine.clone(), job.query.payee);
        let proof = blocking(move || {
            let proof = engine.prove_history(&evidence, payee)?;
            engine.verify_history(&proof)?;
            Ok(proof)
        })
        .await?;
        self.still_wanted(job)?;
        job.roots.push(proof.root);
        job.parts_done += 1;
        let next = if job.parts_done < job.parts { Stage::ProvingHistory } else { Stage::ProvingScore };
        advance(job, next, meter);
        Ok(self.store.save_history(job, &proof, index)?)
    }

    pub(super) async fn score(&self, job: &mut Job, meter: Meter) -> Result<(), Setback> {
        self.still_wanted(job)?;
        let mut roots = Vec::new();
        for root in &job.roots {
            match self.store.root(*root)? {
                Some(history) => roots.push((*root, history.facts)),
                None => return Err(Setback::Reorg(format!("root {root} is gone, it is proven anew"))),
            }
        }
        let task = self.task(&job.query, roots)?;
        let engine = self.engine.clone();
        let score = blocking(move || {
            let proof = engine.prove_score(&task)?;
            engine.verify_score(&task, &proof)?;
            Ok(Score { task, proof })
        })
        .await?;
        self.still_wanted(job)?;
        advance(job, Stage::Proven, meter);
        self.store.save_score(job, &score)?;
        self.forget_opening(&job.query).map_err(Setback::Stop)
    }

    fn task(&self, query: &Query, roots: Vec<(B256, Vec<Fact>)>) -> Result<ScoreTask, Setback> {
        let chain_id = self.indexer.store().chain_id().map_err(IndexError::Db).map_err(|e| Setback::Stop(e.into()))?;
        let chain_id = chain_id.ok_or_else(|| Setback::Stop(IndexError::Empty.into()))?;
        let Query { model, subject, as_of, payee, inputs, .. } = *query;
        let find = |commitment| self.openings.find(commitment, query).map_err(|e| Setback::NoOpening(e.to_string()));
        let private = inputs.map(find).transpose()?;
        Ok(ScoreTask { chain_id, model, subject, as_of, payee, roots, private })
    }

    /// Nobody gave the job up, and its blocks are on the chain: looked at before and after each proof.
    fn still_wanted(&self, job: &Job) -> Result<(), Setback> {
        if self.store.get(&job.id)?.stage == Stage::Failed {
            return Err(Setback::GivenUp);
        }
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

/// Runs `work` on a thread of its own.
pub(super) async fn blocking<T, W>(work: W) -> Result<T, Setback>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, EngineError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(e) => Err(EngineError::Prover { detail: format!("prover thread ended: {e}") }.into()),
    }
}
