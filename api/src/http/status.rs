//! How the node is: the index, the queue, the contracts; and the same as metrics.

use super::error::Problem;
use crate::archive::progress::Progress;
use crate::archive::spans::Spans;
use crate::node::Node;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use vouch_indexer::IndexError;
use vouch_indexer::sync::Status;

/// The state of the node.
#[derive(Serialize, ToSchema)]
pub struct StatusView {
    /// Version of the program.
    version: &'static str,
    /// Seconds since the start.
    uptime_seconds: u64,
    /// Chain that the index is of.
    chain_id: Option<u64>,
    /// Where the index stands.
    #[schema(value_type = Object)]
    index: Status,
    /// Jobs by stage.
    jobs: BTreeMap<String, usize>,
    /// Models that can be proven.
    models: usize,
    /// Blocks whose hashes this node has brought into the archive.
    #[schema(value_type = Object)]
    archive: Option<Spans>,
    /// Contract `BlockHashes`.
    block_hashes: Option<String>,
    /// Contract `Vouch`.
    vouch: Option<String>,
    /// Contract `HistoryRoots`.
    history_roots: Option<String>,
    /// Contract `ModelRegistry`.
    registry: Option<String>,
    /// Who is paid when a query names nobody.
    payee: String,
}

fn jobs_by_stage(node: &Node) -> Result<BTreeMap<String, usize>, Problem> {
    let mut jobs = BTreeMap::new();
    for job in node.queue.store().list()? {
        let name = serde_json::to_value(job.stage).ok().and_then(|v| v.as_str().map(str::to_owned));
        *jobs.entry(name.unwrap_or_default()).or_default() += 1;
    }
    Ok(jobs)
}

/// Says how the node is.
#[utoipa::path(get, path = "/v1/status", responses((status = 200, body = StatusView)))]
pub async fn read(State(node): State<Node>) -> Result<Json<StatusView>, Problem> {
    let text = |a: Option<alloy::primitives::Address>| a.map(|a| a.to_string());
    Ok(Json(StatusView {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: node.started.elapsed().as_secs(),
        chain_id: node.queue.indexer().store().chain_id().map_err(IndexError::Db)?,
        index: node.queue.indexer().status()?,
        jobs: jobs_by_stage(&node)?,
        models: node.queue.engine().models().len(),
        archive: node.archive.as_ref().map(Progress::spans).transpose()?,
        block_hashes: text(node.contracts.block_hashes),
        vouch: text(node.contracts.vouch),
        history_roots: text(node.contracts.history_roots),
        registry: text(node.contracts.registry),
        payee: node.payee.to_string(),
    }))
}

/// Metrics in the text format of Prometheus.
pub async fn metrics(State(node): State<Node>) -> Result<impl IntoResponse, Problem> {
    let index = node.queue.indexer().status()?;
    let gauge = |name: &'static str, value: Option<u64>| {
        if let Some(value) = value {
            metrics::gauge!(name).set(value as f64);
        }
    };
    gauge("vouch_index_tip", index.tip);
    gauge("vouch_index_finalized", index.finalized);
    gauge("vouch_node_head", index.head);
    gauge("vouch_unwound_blocks", Some(index.unwound_blocks));
    for (stage, count) in jobs_by_stage(&node)? {
        metrics::gauge!("vouch_jobs", "stage" => stage).set(count as f64);
    }
    let text = node.metrics.as_ref().map(|m| m.render()).unwrap_or_default();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text))
}
