//! `vouch model audit`: prove how good a model is on public rows, or verify such a proof.

use super::client::Client;
use super::report::Report;
use super::setup::SrsArgs;
use alloy::primitives::B256;
use clap::Args;
use eyre::WrapErr;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use vouch_circuits::plan::Plan;
use vouch_prover::audit::{Audit, Demand, Verified, verify};

/// An audit to make or to verify.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  vouch model audit risk --data held_out.csv --label liquidated --at-least 0.92\n  vouch model audit \
    --verify audit.json --data held_out.csv --model-id 0x…\n\nThe first asks the node to prove, part by part, how many of the rows its model \
    answers rightly, and writes the proofs to audit.json. The second needs neither node nor weights: the file has the model without its weights, \
    and from it, the plan and the weights' commitments the model id is recomputed.\n\nRows: at least 256; a column for each feature of the plan \
    and one of labels, by their names; other columns are left alone. Labels 0 and 1: right is who is on the same side of the threshold \
    (a score on it is a 1). Other labels: of one output, right is what is less than 0.5 from the label; of several, \
    the label is the number, from 0 on, of the largest, the first of equals.\n\nPrivate weights stay private; each part is one proof of the salt's budget."
)]
pub struct AuditArgs {
    /// The model: its id, its name, or NAME@VERSION.
    #[arg(required_unless_present = "verify", conflicts_with = "verify")]
    model: Option<String>,
    /// The rows (CSV). Whoever verifies needs the same file, byte by byte.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// The column of labels; with --verify: what the audit must say it is.
    #[arg(long, value_name = "COLUMN", required_unless_present = "verify")]
    label: Option<String>,
    /// The share of rows, from 0 to 1, that the model has to answer rightly; with --verify: instead of the one in the file.
    #[arg(long, value_name = "SHARE", required_unless_present = "verify")]
    at_least: Option<f64>,
    /// Of labels 0 and 1: the score from which on the answer is a 1; 0.5 if not given.
    #[arg(long)]
    threshold: Option<f64>,
    /// Where to write the audit.
    #[arg(long, value_name = "FILE", default_value = "audit.json", conflicts_with = "verify")]
    out: PathBuf,
    /// Verify this audit.
    #[arg(long, value_name = "FILE")]
    verify: Option<PathBuf>,
    /// With --verify: the model's plan (TOML), as you know it; its features must be the columns that were read. Names are in no id, so
    /// without it read the list that is printed.
    #[arg(long, value_name = "FILE", requires = "verify")]
    plan: Option<PathBuf>,
    /// The model id that the audit must be of.
    #[arg(long, value_name = "ID", requires = "verify")]
    model_id: Option<B256>,
    /// The node.
    #[command(flatten)]
    node: super::NodeArg,
    /// With --verify: string and keys.
    #[command(flatten)]
    srs: SrsArgs,
}

/// Runs `vouch model audit …`.
pub async fn run(args: AuditArgs, report: Report) -> eyre::Result<()> {
    let data = std::fs::read_to_string(&args.data)
        .wrap_err_with(|| format!("cannot read the rows {}", args.data.display()))?;
    match (args.verify.clone(), args.model.clone()) {
        (Some(file), _) => {
            let verified = tokio::task::spawn_blocking(move || check(&args, &file, &data)).await??;
            report.result(&verified, || lines(&verified))
        }
        (None, Some(model)) => make(&args, &model, &data, report).await,
        (None, None) => eyre::bail!("expected a model, or --verify FILE"),
    }
}

fn bar(parts: usize, message: &'static str) -> eyre::Result<ProgressBar> {
    let bar = ProgressBar::new(parts as u64);
    bar.set_style(ProgressStyle::with_template("[{elapsed}] [{bar:24}] {pos}/{len} {msg}, {eta} left")?);
    bar.set_message(message);
    bar.enable_steady_tick(Duration::from_millis(500));
    Ok(bar)
}

async fn make(args: &AuditArgs, name: &str, data: &str, report: Report) -> eyre::Result<()> {
    let (Some(label), Some(at_least)) = (&args.label, args.at_least) else {
        eyre::bail!("expected --label and --at-least");
    };
    let client = Client::new(&args.node.node);
    report.say("the node makes the keys of the audit first: seconds, for a large model minutes");
    let (mut audit, mut progress): (Option<Audit>, Option<ProgressBar>) = (None, None);
    for part in 0.. {
        let body = json!({
            "data": data, "label": label, "at_least": at_least, "threshold": args.threshold, "part": part,
        });
        let answer = client.post(&format!("/v1/models/{name}/audit"), &body).await?;
        let parts = answer["parts"].as_u64().unwrap_or_default() as usize;
        if let Some(first) = answer.get("audit").filter(|first| !first.is_null()) {
            audit = Some(serde_json::from_value(first.clone()).wrap_err("the node answered no audit")?);
            progress = Some(bar(parts, "parts proven")?);
        }
        let proven = serde_json::from_value(answer["part"].clone()).wrap_err("the node answered no part")?;
        audit.as_mut().ok_or_else(|| eyre::eyre!("the node answered no audit"))?.parts.push(proven);
        if let Some(bar) = &progress {
            bar.inc(1);
        }
        if part + 1 >= parts {
            break;
        }
    }
    if let Some(bar) = progress {
        bar.finish_and_clear();
    }
    let audit = audit.ok_or_else(|| eyre::eyre!("the node answered no audit"))?;
    std::fs::write(&args.out, serde_json::to_vec(&audit)?)
        .wrap_err_with(|| format!("cannot write {}", args.out.display()))?;
    let right: u64 = audit.parts.iter().map(|part| part.right).sum();
    let body = json!({
        "audit": args.out, "model_id": audit.model_id, "data_keccak": audit.data_keccak, "right": right,
        "parts": audit.parts.len(), "at_least": audit.at_least,
    });
    report.result(&body, || {
        let (out, rows) = (args.out.display(), args.data.display());
        format!("{}\nverify it with: vouch model audit --verify {out} --data {rows}", text(&body))
    })
}

fn text(body: &Value) -> String {
    let lines = body.as_object().into_iter().flatten().map(|(name, value)| match value.as_str() {
        Some(value) => format!("{name:<14} {value}"),
        None => format!("{name:<14} {value}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Verifies the audit in `file` against the rows.
fn check(args: &AuditArgs, file: &Path, data: &str) -> eyre::Result<Verified> {
    let bytes = std::fs::read(file).wrap_err_with(|| format!("cannot read the audit {}", file.display()))?;
    let audit: Audit = serde_json::from_slice(&bytes).wrap_err_with(|| format!("{} is no audit", file.display()))?;
    if let Some(expected) = args.model_id {
        eyre::ensure!(expected == audit.model_id, "model id: expected {expected}, the audit is of {}", audit.model_id);
    }
    if let Some(expected) = &args.label {
        eyre::ensure!(*expected == audit.label, "labels: expected column {expected}, the audit is of {}", audit.label);
    }
    if let Some(path) = &args.plan {
        let text = std::fs::read_to_string(path).wrap_err_with(|| format!("cannot read {}", path.display()))?;
        let [expected, got] =
            [Plan::parse(&text)?.names(), Plan::parse(&audit.plan)?.names()].map(|names| names.join(", "));
        eyre::ensure!(expected == got, "features: expected the columns {expected}, the audit is of {got}");
    }
    let demand = Demand { at_least: args.at_least, threshold: args.threshold };
    let progress = bar(audit.parts.len(), "parts verified")?;
    let verified = verify(&audit, data, &args.srs.load()?, demand, |part, _| progress.set_position(part as u64));
    progress.finish_and_clear();
    Ok(verified?)
}

fn lines(verified: &Verified) -> String {
    let Verified { rows, distinct_rows, right, accuracy, at_least, .. } = verified;
    let mut lines = vec![
        format!("verified: the model answers {right} of {rows} rows rightly, {accuracy:.4}, at least {at_least}"),
        format!("model id       {}", verified.model_id),
        format!("rows           keccak {}, {distinct_rows} of them distinct", verified.data_keccak),
        format!(
            "features       columns {} (names are in no id: compare them with the plan)",
            verified.features.join(", ")
        ),
        format!("labels         column {}, {:?}", verified.label, verified.rule),
    ];
    if verified.has_trees {
        lines.push(
            "note: the model has trees. Unless you recompute its id from the ONNX file, its author may have chosen thresholds that do not rise, \
             and among several answers the right one"
                .into(),
        );
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use crate::cli::Cli;
    use clap::Parser;

    fn parse(more: &[&str]) -> Result<(), String> {
        let line = ["vouch", "model", "audit", "--data", "rows.csv"];
        Cli::try_parse_from(line.iter().chain(more)).map(drop).map_err(|e| e.to_string())
    }

    #[test]
    fn an_audit_is_made_or_verified() {
        parse(&["risk", "--label", "late", "--at-least", "0.9"]).unwrap();
        parse(&["--verify", "audit.json"]).unwrap();
        parse(&["--verify", "audit.json", "--at-least", "0.8", "--label", "late"]).unwrap();
        assert!(parse(&["risk", "--at-least", "0.9"]).unwrap_err().contains("--label <COLUMN>"));
        assert!(parse(&["--label", "late", "--at-least", "0.9"]).unwrap_err().contains("<MODEL>"));
        assert!(parse(&["risk", "--verify", "audit.json"]).unwrap_err().contains("cannot be used with"));
    }
}
