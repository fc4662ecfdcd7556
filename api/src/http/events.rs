//! Progress of one query as server-sent events: the present stage at once, then each change, until it is done.

use super::error::{InPath, Problem};
use crate::node::Node;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use serde::Serialize;
use std::convert::Infallible;
use utoipa::ToSchema;
use vouch_prover::jobs::{Job, Stage};

/// One event.
#[derive(Serialize, ToSchema)]
pub struct Progress {
    /// Id of the query.
    id: String,
    /// The stage it is in.
    #[schema(value_type = String)]
    stage: Stage,
    /// Steps behind it.
    done: usize,
    /// Steps in all: four, and one more for each history proof after the first.
    total: usize,
    /// History proofs that are made of those that this query needs; both 0 while that is not known.
    histories_done: usize,
    /// History proofs that it needs.
    histories: usize,
    /// Why it failed, or what the last attempt met.
    error: Option<String>,
}

/// Steps from the question to the proof, besides history proofs.
const STEPS: usize = 3;

fn progress(job: &Job) -> Event {
    let (histories_done, histories) = (job.parts_done, job.parts);
    let done = match job.stage {
        Stage::Queued | Stage::Failed => 0,
        Stage::Evidence => 1,
        Stage::ProvingHistory => 2 + histories_done,
        Stage::ProvingScore => 2 + histories.max(1),
        Stage::Proven | Stage::Submitted => STEPS + histories.max(1),
    };
    let error = job.failure.as_ref().map(|f| f.detail.clone()).or_else(|| job.last_error.clone());
    let total = STEPS + histories.max(1);
    let body = Progress { id: job.id.clone(), stage: job.stage, done, total, histories_done, histories, error };
    // These fields always serialise.
    Event::default().event("progress").json_data(body).unwrap_or_default()
}

/// Streams the progress of a query; the stream ends when it is proven or failed.
#[utoipa::path(get, path = "/v1/queries/{id}/events", params(("id" = String, Path)), responses(
    (status = 200, description = "events named progress", content_type = "text/event-stream", body = Progress),
    (status = 404, body = Problem)))]
pub async fn stream(
    State(node): State<Node>,
    InPath(id): InPath<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    // Subscribed before reading, so that no change falls between.
    let mut changes = node.queue.subscribe();
    let mut job = node.queue.store().get(&id)?;
    let events = async_stream::stream! {
        loop {
            yield Ok(progress(&job));
            if job.stage.is_done() {
                return;
            }
            job = loop {
                match changes.recv().await {
                    Ok(changed) if changed.id == id => break changed,
                    Ok(_) => {}
                    // Too slow for every change: go on with what is stored.
                    Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => match node.queue.store().get(&id) {
                        Ok(stored) => break stored,
                        Err(_) => return,
                    },
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
                }
            };
        }
    };
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
