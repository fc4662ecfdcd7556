//! The web page: one HTML file, one script, and ethers from disk.

use super::error::Problem;
use crate::node::Node;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse};

/// The page.
pub async fn index() -> Html<&'static str> {
    Html(include_str!("../web/index.html"))
}

/// Its script.
pub async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript")], include_str!("../web/page.js"))
}

/// ethers v6 for the browser, from the folder the node was given.
///
/// # Errors
/// 404 when there is none: the page then works without sending transactions.
pub async fn ethers(State(node): State<Node>) -> Result<impl IntoResponse, Problem> {
    let detail = "ethers is not installed beside the node; give its folder with --ethers";
    let missing = || Problem::new(StatusCode::NOT_FOUND, "no_ethers", "no ethers library", detail);
    let path = node.ethers.ok_or_else(missing)?;
    let text = tokio::fs::read(path).await.map_err(|_| missing())?;
    Ok(([(header::CONTENT_TYPE, "text/javascript")], text))
}
