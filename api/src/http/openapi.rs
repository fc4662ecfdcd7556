//! The OpenAPI document, made from the handlers.

use super::{error, events, models, openings, proofs, queries, status, watch};
use axum::Json;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(title = "Vouch", description = "Scores of models over chain history, with proofs that contracts verify."),
    paths(
        queries::create,
        queries::list,
        queries::read,
        events::stream,
        openings::give,
        proofs::read,
        proofs::calls,
        proofs::score,
        models::add,
        models::adding,
        models::list,
        models::read,
        models::deprecate,
        models::audit,
        status::read,
        watch::list
    ),
    components(schemas(error::Problem))
)]
struct Document;

/// The document.
pub async fn read() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described() {
        let document = Document::openapi();
        let paths: Vec<&String> = document.paths.paths.keys().collect();
        for path in ["/v1/queries", "/v1/queries/{id}", "/v1/queries/{id}/events", "/v1/queries/{id}/proof"] {
            assert!(paths.iter().any(|p| *p == path), "{path}");
        }
        assert_eq!(paths.len(), 14);
    }
}
