//! Queries: ask, look, list.

use super::error::{Body, InPath, Problem};
use super::openings::OpeningBody;
use crate::node::Node;
use alloy::primitives::{Address, B256};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use vouch_prover::jobs::{Job, Query};
use vouch_prover::opening::{Opening, OpeningError};
use vouch_prover::queue::Queue;

/// A question.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The model id.
    #[schema(value_type = String)]
    pub model: B256,
    /// The address that is scored.
    #[schema(value_type = String)]
    pub subject: Address,
    /// The block as of which it is scored; the newest indexed one if not given.
    pub as_of: Option<u64>,
    /// Further addresses whose facts go under the same root: their scores need no history proof later.
    #[serde(default, alias = "with")]
    #[schema(value_type = Vec<String>)]
    pub also: Vec<Address>,
    /// Who is paid for the proofs; the node's own account if not given.
    #[schema(value_type = Option<String>)]
    pub payee: Option<Address>,
    /// The private inputs, if the model has some: what `vouch commit` wrote. They are never served, logged or stored; the claim has their
    /// commitment alone.
    #[schema(value_type = Option<OpeningBody>)]
    pub private: Option<Opening>,
    /// The commitment to private inputs whose opening the node has: from POST /v1/openings, or its folder of openings. With `private`: what
    /// its commitment has to be.
    #[schema(value_type = Option<String>)]
    pub inputs: Option<B256>,
}

/// A query and how far it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct View {
    /// Id of the query: the same question has the same id.
    pub id: String,
    /// `queued`, `evidence`, `proving_history`, `proving_score`, `proven`, `submitted` or `failed`.
    #[schema(value_type = String)]
    pub state: Value,
    /// Why it failed, or what the last attempt met.
    pub error: Option<String>,
    /// First output as a number.
    pub score: Option<f64>,
    /// Outputs in fixed point, 65536 is 1.0.
    pub outputs: Option<Vec<String>>,
    /// Everything that is stored of the job: question, costs of the stages, anchors, roots, failure.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub job: Value,
}

/// Fixed point to number.
pub fn real(output: i64) -> f64 {
    output as f64 / 65536.0
}

impl View {
    /// What is told of `job`.
    ///
    /// # Errors
    /// Those of the store.
    pub fn of<E: vouch_prover::engine::Engine + ?Sized>(queue: &Queue<E>, job: &Job) -> Result<Self, Problem> {
        let score = queue.store().score(&job.id)?;
        let error = job.failure.as_ref().map(|f| f.detail.clone()).or_else(|| job.last_error.clone());
        let to_value = |value: serde_json::Result<Value>| {
            value.map_err(|e| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "store", "the store failed", e))
        };
        let mut body = to_value(serde_json::to_value(job))?;
        if let Some(map) = body.as_object_mut() {
            map.remove("id");
        }
        Ok(Self {
            id: job.id.clone(),
            state: to_value(serde_json::to_value(job.stage))?,
            error,
            score: score.as_ref().map(|s| real(s.proof.outputs[0])),
            outputs: score.map(|s| s.proof.outputs.iter().map(i64::to_string).collect()),
            job: body,
        })
    }
}

/// Asks for a score. The same question gives the same query; a failed one is tried again.
#[utoipa::path(post, path = "/v1/queries", request_body = Ask, responses(
    (status = 202, body = View), (status = 404, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
pub async fn create(State(node): State<Node>, Body(ask): Body<Ask>) -> Result<impl IntoResponse, Problem> {
    let as_of = match ask.as_of {
        Some(number) => number,
        None => node.queue.indexer().status()?.tip.ok_or(vouch_indexer::IndexError::Empty)?,
    };
    if let (Some(opening), Some(expected)) = (&ask.private, ask.inputs)
        && opening.commitment != expected
    {
        return Err(OpeningError::Mismatch { expected, got: opening.commitment }.into());
    }
    let query = Query {
        model: ask.model,
        subject: ask.subject,
        as_of,
        payee: ask.payee.unwrap_or(node.payee),
        also: ask.also,
        request: None,
        inputs: ask.private.as_ref().map(|opening| opening.commitment).or(ask.inputs),
    };
    let job = node.queue.add_private(query, ask.private).await?;
    metrics::counter!("vouch_queries_total").increment(1);
    let location = format!("/v1/queries/{}", job.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(View::of(&node.queue, &job)?)))
}

/// Says how far a query is.
#[utoipa::path(get, path = "/v1/queries/{id}", params(("id" = String, Path)), responses(
    (status = 200, body = View), (status = 404, body = Problem)))]
pub async fn read(State(node): State<Node>, InPath(id): InPath<String>) -> Result<Json<View>, Problem> {
    let job = node.queue.store().get(&id)?;
    Ok(Json(View::of(&node.queue, &job)?))
}

/// All queries, oldest first.
#[utoipa::path(get, path = "/v1/queries", responses((status = 200, body = Vec<View>)))]
pub async fn list(State(node): State<Node>) -> Result<Json<Vec<View>>, Problem> {
    let jobs = node.queue.store().list()?;
    Ok(Json(jobs.iter().map(|job| View::of(&node.queue, job)).collect::<Result<_, _>>()?))
}
