//! What is proven ahead of time, and how far it is.

use super::error::Problem;
use crate::node::Node;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// A failure at a block.
#[derive(Serialize, ToSchema)]
pub struct WatchFailure {
    /// The block.
    block: u64,
    /// Why there is no root.
    detail: String,
}

/// What waits for another try.
#[derive(Serialize, ToSchema)]
pub struct WatchWait {
    /// The newest block that waits; none if the entry cannot be proven at any block yet.
    block: Option<u64>,
    /// Why.
    detail: String,
}

/// One entry of the operator's file.
#[derive(Serialize, ToSchema)]
pub struct WatchView {
    /// Its name.
    name: String,
    /// It is proven at each block that is a multiple of this.
    every: u64,
    /// The newest block at which everything is proven.
    newest: Option<u64>,
    /// Blocks at which it is.
    proven: usize,
    /// The first block that is to be proven, which may not be there yet; none before the entry began.
    next: Option<u64>,
    /// What waits for another try.
    waiting: Option<WatchWait>,
    /// Blocks that were given up.
    failed: usize,
    /// The newest block that was given up.
    failure: Option<WatchFailure>,
}

/// What the node proves ahead of time. A score as of a watched block needs no history proof.
#[utoipa::path(get, path = "/v1/watch", responses((status = 200, body = Vec<WatchView>)))]
pub async fn list(State(node): State<Node>) -> Result<Json<Vec<WatchView>>, Problem> {
    let all = node.queue.watch_progress()?.into_iter().map(|p| WatchView {
        name: p.name,
        every: p.every,
        newest: p.newest,
        proven: p.proven,
        next: p.next,
        waiting: p.waiting.map(|(block, detail)| WatchWait { block, detail }),
        failed: p.failed,
        failure: p.failure.map(|(block, detail)| WatchFailure { block, detail }),
    });
    Ok(Json(all.collect()))
}
