//! `vouch verify`: check a proof file without the node that made it.
//!
//! The public inputs are built here from what the file claims, and the generated verifiers are run on them in an EVM.
//! With `--rpc` the anchors are compared with the chain as well.

mod proofs;

use super::report::Report;
use super::setup::SrsArgs;
use clap::Args;
use eyre::WrapErr;
use proofs::{ProofFile, Question};
use serde_json::json;
use std::path::PathBuf;
use vouch_indexer::config::Retry;
use vouch_indexer::node::Node;
use vouch_prover::class::Class;
use vouch_prover::evm::Passport;
use vouch_prover::srs::Origin;
use vouch_prover::verifiers;

/// Which proof.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  vouch verify proof.json --rpc http://127.0.0.1:8545\n  vouch verify proof.json --rpc https://… \
    --ceremony powers.ptau\n\nWithout --ceremony only proofs of local chains can be valid. It says what it did not check: with --no-anchors the \
    anchors; never what the model id means (vouch model verify)."
)]
pub struct VerifyArgs {
    /// A file written by `vouch prove`, or the answer of `/v1/queries/{id}/proof`.
    proof: PathBuf,
    /// Compare the anchors with this chain.
    #[arg(long, env = "VOUCH_RPC", required_unless_present = "no_anchors")]
    rpc: Option<String>,
    /// Check the proofs alone: their anchors may be blocks that somebody made up.
    #[arg(long)]
    no_anchors: bool,
    /// The string under which it has to hold, and where the verifiers are.
    #[command(flatten)]
    srs: SrsArgs,
}

/// Verifies; an error says what does not hold.
pub async fn run(args: VerifyArgs, report: Report) -> eyre::Result<()> {
    let text = std::fs::read(&args.proof).wrap_err_with(|| format!("cannot read {}", args.proof.display()))?;
    let file: ProofFile =
        serde_json::from_slice(&text).wrap_err_with(|| format!("{} is not a proof file", args.proof.display()))?;
    let (checked, keys, chosen) = (file.clone(), args.srs.keys.clone(), args.srs.clone());
    let (srs, gas) = tokio::task::spawn_blocking(move || {
        let srs = chosen.load()?;
        let find = |class: &Class| -> eyre::Result<Passport> {
            Ok(verifiers::read(&keys, class.name, &srs.downsize(class.k)?)?)
        };
        let gas = proofs::check(&checked, &srs, &find)?;
        eyre::Ok((srs, gas))
    })
    .await??;
    let rpc = args.rpc.as_ref().filter(|_| !args.no_anchors);
    if let Some(rpc) = rpc {
        check_anchors(rpc, &file).await?;
    }
    let score = file.claim.outputs[0].parse::<i64>()? as f64 / 65536.0;
    let Question { model, subject, as_of } = &file.query;
    let is_development = srs.origin == Origin::UnsafeDevelopment;
    let model_check = model_check(&args.srs, &model.to_string());
    let inputs = file.claim.inputs;
    let body = json!({
        "inputs": inputs, "valid": rpc.is_some().then_some(true), "model": model, "subject": subject, "as_of": as_of, "chain_id": file.chain_id, "score": score,
        "history_gas": gas.histories, "score_gas": gas.score, "anchors_checked": rpc.is_some(),
        "srs": srs.name(), "is_development": is_development, "model_checked": false, "model_check": model_check,
    });
    report.result(&body, || {
        let mut lines = vec![
            format!("{}: {subject} scores {score} by model {model} as of block {as_of} of chain {}", if rpc.is_some() { "valid" } else { "the proofs hold" }, file.chain_id),
            format!(
                "under reference string {}{}",
                srs.name(),
                if is_development { " (development: its secret is public, it proves nothing beyond tests)" } else { "" }
            ),
        ];
        if !inputs.is_zero() {
            lines.push(format!("of the private inputs under the commitment {inputs}; NOT checked: who made it, and of what"));
        }
        if rpc.is_none() && !file.histories.is_empty() {
            lines.push("NOT checked: that the anchors are blocks of this chain; anybody can make up blocks; give --rpc".into());
        }
        lines.push(format!(
            "NOT checked: what this model id means (anyone can register a key that proves anything); from its files:\n  \
             {model_check}"
        ));
        lines.join("\n")
    })
}

/// The command that ties the model id to an ONNX file and a plan, under the same string.
fn model_check(srs: &SrsArgs, model: &str) -> String {
    let mut line =
        format!("vouch model verify --model {model} --onnx MODEL.onnx --plan PLAN.toml --calibration ROWS.csv");
    if let Some(path) = &srs.ceremony {
        line.push_str(&format!(" --ceremony {}", path.display()));
    }
    line
}

async fn check_anchors(rpc: &str, file: &ProofFile) -> eyre::Result<()> {
    let node = Node::connect(rpc, Retry { tries: 2, ..Retry::default() }).await?;
    let chain_id = node.chain_id().await?;
    eyre::ensure!(
        chain_id == file.chain_id,
        "expected chain {}, {} is on chain {chain_id}",
        file.chain_id,
        node.label()
    );
    for anchor in file.histories.iter().flat_map(|h| &h.anchors) {
        let header = node.header(anchor.number).await?;
        let header = header.ok_or_else(|| eyre::eyre!("the chain has no block {}", anchor.number))?;
        let (expected, got) = (header.hash(), anchor.hash);
        eyre::ensure!(expected == got, "block {}: the chain has hash {expected}, the proof {got}", anchor.number);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(ceremony: Option<PathBuf>, dir: &std::path::Path) -> SrsArgs {
        SrsArgs { keys: dir.into(), ceremony, ceremony_sha256: None, hops: false, large_blocks: false }
    }

    #[test]
    fn ceremony_file_is_what_is_loaded() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("small.srs");
        std::fs::write(&file, [4, 0, 0, 0]).expect("a file");
        let said = args(Some(file.clone()), dir.path()).load().expect_err("four bytes are no string").to_string();
        assert!(said.starts_with(&format!("srs {}: ", file.display())), "{said}");
        let line = model_check(&args(Some(file.clone()), dir.path()), "0x12");
        assert!(
            line.starts_with("vouch model verify --model 0x12 --onnx")
                && line.ends_with(&format!("{}", file.display()))
        );
        assert!(!model_check(&args(None, dir.path()), "0x12").contains("ceremony"));
    }
}
