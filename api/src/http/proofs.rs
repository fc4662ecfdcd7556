//! Proofs, ready-made calldata, and the newest score of a subject.

use super::error::{InPath, Problem};
use super::queries::real;
use crate::chain::calldata::{Calldata, calldata, claim};
use crate::chain::sender::posted;
use crate::node::Node;
use alloy::primitives::{Address, B256, Bytes};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use vouch_prover::engine::Anchor;
use vouch_prover::jobs::{Query, Stage};
use vouch_prover::queue::Served;

/// The claim of a score, as `Vouch.submit` and `Vouch.fulfil` take it.
#[derive(Serialize, ToSchema)]
pub struct ClaimView {
    /// Outputs in fixed point, 65536 is 1.0.
    outputs: [String; 4],
    /// Roots under which the facts lie; unused ones repeat the first.
    #[schema(value_type = Vec<String>)]
    roots: [B256; 4],
    /// Who is paid.
    #[schema(value_type = String)]
    payee: Address,
    /// Commitment to the private inputs, or 0.
    #[schema(value_type = String)]
    inputs: B256,
    /// Digest of all outputs if the model has more than four, or 0.
    #[schema(value_type = String)]
    digest: B256,
}

/// A history proof, as `HistoryRoots.post` takes it.
#[derive(Serialize, ToSchema)]
pub struct HistoryView {
    /// Index of the verifier in `HistoryRoots`.
    class: u64,
    /// Poseidon root of the facts.
    #[schema(value_type = String)]
    root: B256,
    /// Blocks it trusts.
    #[schema(value_type = Vec<Object>)]
    anchors: Vec<Anchor>,
    /// Who is paid.
    #[schema(value_type = String)]
    payee: Address,
    /// The proof.
    #[schema(value_type = String)]
    proof: Bytes,
    /// Public inputs in circuit order.
    #[schema(value_type = Vec<String>)]
    instances: Vec<B256>,
    /// Whether `HistoryRoots` knows the root, as far as the node can see.
    posted: bool,
}

/// A proven score with everything that its use needs.
#[derive(Serialize, ToSchema)]
pub struct ProofView {
    /// Id of the query.
    id: String,
    /// The question.
    #[schema(value_type = Object)]
    query: Query,
    /// First output as a number.
    score: f64,
    /// The claim.
    claim: ClaimView,
    /// The score proof.
    #[schema(value_type = String)]
    proof: Bytes,
    /// Public inputs of the score proof in circuit order.
    #[schema(value_type = Vec<String>)]
    instances: Vec<B256>,
    /// The proofs of its roots.
    histories: Vec<HistoryView>,
    /// The chain whose facts were read.
    chain_id: u64,
    /// The key data of the model, as it is registered.
    #[schema(value_type = String)]
    model_key: Bytes,
    /// True when no history proof was made for this query.
    reused_root: bool,
    /// Ready-made transactions.
    calldata: Calldata,
}

/// A score without its proof.
#[derive(Serialize, ToSchema)]
pub struct ScoreView {
    /// Id of the query.
    id: String,
    /// First output as a number.
    score: f64,
    /// Outputs in fixed point, 65536 is 1.0.
    outputs: [String; 4],
    /// As of which block.
    as_of: u64,
}

async fn view(node: &Node, served: Served) -> ProofView {
    let provider = node.queue.indexer().node().provider();
    let none = || vec![false; served.histories.len()];
    let posted = posted(provider, node.contracts, &served).await.unwrap_or_else(|_| none());
    let mut calldata = calldata(&served, node.contracts, &posted);
    if let Some(old_blocks) = &node.old_blocks {
        calldata.prepare = old_blocks.needed(&node.queue, &served).await;
    }
    let on_chain = claim(&served);
    let models = node.queue.engine().models();
    let model_key =
        models.into_iter().find(|m| m.model_id == served.score.task.model).map(|m| m.key).unwrap_or_default();
    let Served { job, score, histories } = served;
    let histories = histories.into_iter().zip(posted).map(|(h, posted)| HistoryView {
        class: h.class,
        root: h.root,
        anchors: h.anchors,
        payee: h.payee,
        proof: h.proof,
        instances: h.instances,
        posted,
    });
    ProofView {
        id: job.id,
        query: job.query,
        score: real(score.proof.outputs[0]),
        claim: ClaimView {
            outputs: score.proof.outputs.map(|o| o.to_string()),
            roots: score.proof.roots,
            payee: on_chain.payee,
            inputs: score.proof.inputs,
            digest: score.proof.digest,
        },
        proof: score.proof.proof,
        instances: score.proof.instances,
        histories: histories.collect(),
        chain_id: score.task.chain_id,
        model_key,
        reused_root: job.reused_root,
        calldata,
    }
}

/// The proof of a query, verified natively and in an EVM before it is handed out.
#[utoipa::path(get, path = "/v1/queries/{id}/proof", params(("id" = String, Path)), responses(
    (status = 200, body = ProofView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn read(State(node): State<Node>, InPath(id): InPath<String>) -> Result<Json<ProofView>, Problem> {
    let served = node.queue.served(&id)?;
    Ok(Json(view(&node, served).await))
}

/// The ready-made transactions alone.
#[utoipa::path(get, path = "/v1/queries/{id}/calldata", params(("id" = String, Path)), responses(
    (status = 200, body = Calldata), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn calls(State(node): State<Node>, InPath(id): InPath<String>) -> Result<Json<Calldata>, Problem> {
    let served = node.queue.served(&id)?;
    Ok(Json(view(&node, served).await.calldata))
}

/// The proven score of a subject with the greatest `as_of`. Scores of private inputs are left out: whoever asked has chosen these.
#[utoipa::path(get, path = "/v1/scores/{model}/{subject}",
    params(("model" = String, Path), ("subject" = String, Path)), responses(
    (status = 200, body = ScoreView), (status = 404, body = Problem)))]
pub async fn score(
    State(node): State<Node>,
    InPath((model, subject)): InPath<(B256, Address)>,
) -> Result<Json<ScoreView>, Problem> {
    let mut jobs = node.queue.store().list()?;
    jobs.retain(|j| {
        (j.query.model, j.query.subject, j.query.inputs) == (model, subject, None)
            && matches!(j.stage, Stage::Proven | Stage::Submitted)
    });
    jobs.sort_by_key(|j| j.query.as_of);
    while let Some(job) = jobs.pop() {
        // One that a reorg has just taken back is passed over.
        if let Ok(served) = node.queue.served(&job.id) {
            let outputs = served.score.proof.outputs;
            let score = real(outputs[0]);
            let outputs = outputs.map(|o| o.to_string());
            return Ok(Json(ScoreView { id: job.id, score, outputs, as_of: job.query.as_of }));
        }
    }
    let detail = format!("no score of {subject} by model {model} has been proven; ask with POST /v1/queries");
    Err(Problem::new(StatusCode::NOT_FOUND, "unknown_score", "no such score", detail))
}
