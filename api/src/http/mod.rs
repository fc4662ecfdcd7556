//! The HTTP interface: routes and what lies around them (request ids, limits, tracing, panics).

pub mod error;
pub mod events;
pub mod models;
pub mod openapi;
pub mod openings;
pub mod page;
pub mod proofs;
pub mod queries;
pub mod status;
pub mod watch;

use crate::node::Node;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use error::Problem;
use std::any::Any;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;

/// Largest body of a query.
pub const MAX_QUERY_BYTES: usize = 64 << 10;
/// Largest body of a query or an opening with private inputs.
pub const MAX_OPENING_BYTES: usize = 1 << 20;
/// Largest body of a model: the ONNX file in base64 and its calibration rows; and of an audit: its rows.
pub const MAX_MODEL_BYTES: usize = 64 << 20;
/// Header that carries the request id, in and out.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Every route of the node.
pub fn router(node: Node) -> Router {
    let models = get(models::list).post(models::add).layer(DefaultBodyLimit::max(MAX_MODEL_BYTES));
    let private = DefaultBodyLimit::max(MAX_OPENING_BYTES);
    let audit = post(models::audit).layer(DefaultBodyLimit::max(MAX_MODEL_BYTES));
    Router::new()
        .route("/v1/queries", post(queries::create).get(queries::list).layer(private))
        .route("/v1/openings", post(openings::give).layer(private))
        .route("/v1/queries/{id}", get(queries::read))
        .route("/v1/queries/{id}/events", get(events::stream))
        .route("/v1/queries/{id}/proof", get(proofs::read))
        .route("/v1/queries/{id}/calldata", get(proofs::calls))
        .route("/v1/models", models)
        .route("/v1/models/{name}", get(models::read))
        .route("/v1/adding", get(models::adding))
        .route("/v1/models/{name}/deprecate", post(models::deprecate))
        .route("/v1/models/{name}/audit", audit)
        .route("/v1/scores/{model}/{subject}", get(proofs::score))
        .route("/v1/status", get(status::read))
        .route("/v1/watch", get(watch::list))
        .route("/v1/openapi.json", get(openapi::read))
        .route("/metrics", get(status::metrics))
        .route("/", get(page::index))
        .route("/page.js", get(page::script))
        .route("/ethers.js", get(page::ethers))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_QUERY_BYTES))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(axum::middleware::from_fn(error::name_instance))
        .layer(CorsLayer::permissive())
        .layer(TraceLayer::new_for_http().make_span_with(|request: &Request<_>| {
            let id = request.headers().get(REQUEST_ID).and_then(|v: &HeaderValue| v.to_str().ok()).unwrap_or_default();
            tracing::info_span!("http", method = %request.method(), path = %request.uri().path(), id)
        }))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .with_state(node)
}

async fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown_path", "no such path", "see /v1/openapi.json for what there is")
}

async fn wrong_method() -> Problem {
    let detail = "see /v1/openapi.json for the methods of this path";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", "this path does not take this method", detail)
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    let detail = "the request was not finished; the log of the node says more";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "panic", "internal error", detail).into_response()
}
