//! `vouch query`, `vouch prove`: ask a node and wait.

use super::NodeArg;
use super::client::Client;
use super::commit;
use super::report::Report;
use alloy::primitives::Address;
use clap::Args;
use eyre::WrapErr;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;

/// A question.
#[derive(Debug, Args)]
#[command(after_help = "Example: vouch query --model risk --subject 0x… --as-of 20000000")]
pub struct QueryArgs {
    /// The node.
    #[command(flatten)]
    node: NodeArg,
    /// Model id, its name, or NAME@VERSION (`vouch model list`).
    #[arg(long)]
    model: String,
    /// The address to score.
    #[arg(long)]
    subject: Address,
    /// As of which block; the newest indexed one if not given.
    #[arg(long)]
    as_of: Option<u64>,
    /// Further addresses whose facts go under the same root: their scores need no history proof later.
    #[arg(long, value_delimiter = ',')]
    also: Vec<Address>,
    /// Who is paid for the proofs; the node's account if not given.
    #[arg(long)]
    payee: Option<Address>,
    /// The opening of the private inputs, from `vouch commit`. The node sees them: ask one that you trust with them.
    #[arg(long, value_name = "FILE")]
    private: Option<PathBuf>,
}

/// A question whose proof is kept.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: vouch prove --model 0x… --subject 0x… --out proof.json; the file has the proofs, and the calldata \
    for every call that applies."
)]
pub struct ProveArgs {
    /// The question.
    #[command(flatten)]
    query: QueryArgs,
    /// Where to write the proof and its calldata.
    #[arg(long, default_value = "proof.json")]
    out: PathBuf,
}

async fn ask(args: &QueryArgs, report: Report) -> eyre::Result<(Client, Value)> {
    let private = args.private.as_deref().map(commit::read).transpose()?;
    if private.is_some() && !is_private_way(&args.node.node) {
        report.say(format!(
            "warning: the private inputs go to {} in the clear; use https, or a node of this machine",
            args.node.node
        ));
    }
    let client = Client::new(&args.node.node);
    let model = client.get(&format!("/v1/models/{}", args.model)).await?;
    if let Some(reason) = model["deprecated"].as_str() {
        report.say(format!("model {} is deprecated: {reason}", args.model));
    }
    let mut body = json!({
        "model": model["model_id"], "subject": args.subject, "as_of": args.as_of, "also": args.also, "payee": args.payee,
    });
    if let Some(opening) = &private {
        body["private"] = commit::body(opening);
    }
    let query = client.post("/v1/queries", &body).await?;
    let id = query["id"].as_str().unwrap_or_default().to_owned();
    report.say(format!("query {id}"));
    let done = client.finish(&id, |stage| report.say(format!("  {stage}"))).await?;
    Ok((client, done))
}

/// Whether nobody on the way can read what is sent.
fn is_private_way(url: &str) -> bool {
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let ends = |rest: &str| rest.is_empty() || rest.starts_with([':', '/']);
    url.starts_with("https://") || local.iter().any(|start| url.strip_prefix(start).is_some_and(ends))
}

fn lines(query: &Value) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "score    {}", query["score"]);
    let _ = writeln!(out, "subject  {}", query["query"]["subject"].as_str().unwrap_or_default());
    let _ = writeln!(out, "as of    block {}", query["query"]["as_of"]);
    if let Some(inputs) = query["query"]["inputs"].as_str() {
        let _ = writeln!(out, "inputs   {inputs}");
    }
    for cost in query["costs"].as_array().into_iter().flatten() {
        let number = |name: &str| cost[name].as_f64().unwrap_or_default();
        let _ = writeln!(
            out,
            "{:<16} {:>7.1} s {:>8.1} cpu-s {:>7} MB",
            cost["stage"].as_str().unwrap_or_default().replace('_', " "),
            number("wall_seconds"),
            number("cpu_seconds"),
            number("peak_mb")
        );
    }
    out
}

/// Asks, waits, prints the score.
pub async fn query(args: QueryArgs, report: Report) -> eyre::Result<()> {
    let (_, query) = ask(&args, report).await?;
    report.result(&query, || lines(&query))
}

/// Asks, waits, keeps the proof.
pub async fn prove(args: ProveArgs, report: Report) -> eyre::Result<()> {
    let (client, query) = ask(&args.query, report).await?;
    let id = query["id"].as_str().unwrap_or_default();
    let proof = client.get(&format!("/v1/queries/{id}/proof")).await?;
    let text = serde_json::to_vec_pretty(&proof)?;
    std::fs::write(&args.out, text).wrap_err_with(|| format!("cannot write {}", args.out.display()))?;
    report.say(format!("proof written to {}", args.out.display()));
    report.result(&query, || lines(&query))
}

#[cfg(test)]
mod tests {
    use super::is_private_way;

    #[test]
    fn private_inputs_in_the_clear_are_noticed() {
        for url in ["https://node.example", "http://127.0.0.1:8700", "http://localhost/x", "http://[::1]:8700"] {
            assert!(is_private_way(url), "{url}");
        }
        for url in ["http://node.example", "http://localhost.example", "http://127.0.0.1.example", "node"] {
            assert!(!is_private_way(url), "{url}");
        }
    }
}
