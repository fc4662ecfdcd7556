//! A running node, asked over HTTP; its problems become sentences.

use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// A client of one node.
pub struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    /// The node at `url`.
    pub fn new(url: &str) -> Self {
        Self { http: reqwest::Client::new(), url: url.trim_end_matches('/').to_owned() }
    }

    /// `GET`.
    ///
    /// # Errors
    /// The problem's title and detail, or that the node does not answer.
    pub async fn get(&self, path: &str) -> eyre::Result<Value> {
        self.answer(self.http.get(format!("{}{path}", self.url))).await
    }

    /// `POST`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post(&self, path: &str, body: &impl Serialize) -> eyre::Result<Value> {
        self.answer(self.http.post(format!("{}{path}", self.url)).json(body)).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> eyre::Result<Value> {
        let response = request.send().await.map_err(|e| {
            eyre::eyre!("node {} does not answer ({}); start it with `vouch serve`", self.url, root(&e))
        })?;
        let status = response.status();
        let body: Value = response.json().await?;
        if status.is_success() {
            return Ok(body);
        }
        let field = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Err(eyre::eyre!("{}: {} (http {}, {})", field("title"), field("detail"), status.as_u16(), field("kind")))
    }

    /// Waits until a query is proven or failed; tells each new stage.
    ///
    /// # Errors
    /// As [`Client::get`], or why the query failed.
    pub async fn finish(&self, id: &str, mut tell: impl FnMut(&str)) -> eyre::Result<Value> {
        let mut last = String::new();
        loop {
            let query = self.get(&format!("/v1/queries/{id}")).await?;
            let state = query["state"].as_str().unwrap_or_default().to_owned();
            let number = |name: &str| query[name].as_u64().unwrap_or_default();
            let shown = match (state.as_str(), number("parts_done") + 1, number("parts")) {
                ("proving_history", part, parts @ 2..) => format!("proving history {part} of {parts}"),
                _ => state.replace('_', " "),
            };
            if shown != last {
                tell(&shown);
                last = shown;
            }
            match state.as_str() {
                "proven" | "submitted" => return Ok(query),
                "failed" => eyre::bail!("query {id} failed: {}", query["error"].as_str().unwrap_or("no reason given")),
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }
}

/// The innermost cause, which says what a user can act on.
fn root(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
