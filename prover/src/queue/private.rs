//! Jobs about private inputs: they need the opening of the commitment that they name, which is not stored.

use super::{Queue, QueueError};
use crate::engine::{Engine, EngineError};
use crate::jobs::{Failure, Job, Query, Stage, now_ms};
use crate::opening::{Opening, OpeningError};
use alloy::primitives::B256;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vouch_circuits::plan::Private;

/// Wait between two looks for an opening in the folder; one that is given is taken at once.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

impl<E: Engine + ?Sized> Queue<E> {
    /// Reads openings from `folder`, too: files `COMMITMENT.json`, as `vouch commit` makes them.
    pub fn with_openings(self, folder: PathBuf) -> Self {
        Self { openings: Arc::new(super::Openings::in_folder(folder)), ..self }
    }

    /// Holds an opening, in memory, for a day: for questions and requests to come. The model that it names alone may read it, for questions about
    /// the subject that it names.
    ///
    /// # Errors
    /// [`OpeningError`]; the model is not known, or does not have such inputs.
    pub fn give_opening(&self, opening: Opening) -> Result<(), QueueError> {
        if let Some(model) = opening.model {
            match (self.engine.private(model)?, opening.private()) {
                (expected, got) if expected == got => {}
                (Private { count: 0, .. }, _) => {
                    return Err(OpeningError::NotPrivate { model, commitment: opening.commitment }.into());
                }
                (expected, got) => return Err(OpeningError::Model { model, expected, got }.into()),
            }
        }
        self.openings.keep(opening.clone())?;
        self.look_again(&opening);
        Ok(())
    }

    /// Tells jobs that wait for an opening that it is there.
    fn look_again(&self, opening: &Opening) {
        let is_read = |query: &Query| {
            query.inputs == Some(opening.commitment)
                && opening.model == Some(query.model)
                && opening.subject.is_none_or(|subject| subject == query.subject)
        };
        // whoever waited for it looks again; a store that cannot be read has them look a little later
        let waited = self.store.unfinished().unwrap_or_default();
        if let Ok(mut waiting) = self.waiting.lock() {
            for job in waited.iter().filter(|job| is_read(&job.query)) {
                waiting.remove(&job.id);
            }
        }
        self.wake.notify_one();
    }

    /// [`Queue::add`] with the opening of the private inputs, if the query has some: for this question, until it is proven.
    ///
    /// # Errors
    /// As [`Queue::add`]; the opening is forgotten then.
    pub async fn add_private(&self, query: Query, opening: Option<Opening>) -> Result<Job, QueueError> {
        let Some(opening) = opening else { return self.add(query).await };
        let opening = opening.for_model(query.model).about(query.subject);
        self.openings.lend(&query, opening.clone())?;
        let added = self.add(query.clone()).await;
        if added.is_ok() {
            // the same question may have been proven meanwhile, and its opening forgotten
            self.openings.lend(&query, opening.clone())?;
            self.look_again(&opening);
        }
        // refused, or proven already
        self.forget_opening(&query)?;
        added
    }

    /// How many openings were given since the start.
    pub fn openings_given(&self) -> u64 {
        self.openings.given()
    }

    /// Whether the private inputs of `query` are at hand.
    ///
    /// # Errors
    /// [`QueueError::Opening`], or the model is not known.
    pub fn check_opening(&self, query: &Query) -> Result<(), QueueError> {
        let model = query.model;
        let expected = self.engine.private(model)?;
        match query.inputs {
            None if expected.count == 0 => Ok(()),
            None => Err(OpeningError::Needed { model, count: expected.count }.into()),
            Some(commitment) if expected.count == 0 => Err(OpeningError::NotPrivate { model, commitment }.into()),
            Some(commitment) => match self.openings.find(commitment, query)?.private() {
                got if got == expected => Ok(()),
                got => Err(OpeningError::Model { model, expected, got }.into()),
            },
        }
    }

    /// Whether `model` has private inputs.
    ///
    /// # Errors
    /// [`EngineError::UnknownModel`].
    pub fn is_private(&self, model: B256) -> Result<bool, EngineError> {
        Ok(self.engine.private(model)?.count > 0)
    }

    /// Forgets the opening that came with a question, when no job needs it any more.
    pub(super) fn forget_opening(&self, query: &Query) -> Result<(), QueueError> {
        let question = |query: &Query| (query.inputs, query.model, query.subject, query.as_of);
        if !self.store.unfinished()?.iter().any(|job| question(&job.query) == question(query)) {
            self.openings.forget(query);
        }
        Ok(())
    }

    /// Lets a job wait: for ever if it answers a request, which has a deadline of its own.
    pub(super) fn wait_for_opening(&self, mut job: Job, reason: String) -> Result<(), QueueError> {
        let is_new = job.last_error.as_ref() != Some(&reason);
        let waited = Duration::from_millis(now_ms().saturating_sub(job.updated_ms));
        if !is_new && job.query.request.is_none() && waited >= self.config.opening_patience {
            return self.give_up(&mut job, Failure { kind: "opening".into(), detail: reason });
        }
        if let Ok(mut waiting) = self.waiting.lock() {
            waiting.insert(job.id.clone(), Instant::now() + LOOK_AGAIN);
        }
        if is_new && job.stage != Stage::Failed {
            tracing::warn!(job = %job.id, %reason, "job waits for its private inputs");
            job.last_error = Some(reason);
            self.store.save(&mut job)?;
            self.announce(&job);
        }
        Ok(())
    }
}
