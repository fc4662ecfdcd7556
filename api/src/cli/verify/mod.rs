//! `vouch verify`: check a proof file without the node that made it.
//!
//! The public inputs are built here from what the file claims, and the generated verifiers are run on them in an EVM.
//! With `--rpc` the anchors are compared with the chain as well.

use super::report::Report;
use super::setup::SrsArgs;
use alloy::primitives::{Address, B256, Bytes, keccak256};
use clap::Args;
use eyre::WrapErr;
use serde::Deserialize;
use serde_json::json;
use std::path::{Path, PathBuf};
use vouch_indexer::config::Retry;
use vouch_indexer::node::Node;
use vouch_prover::engine::{Anchor, HistoryProof, OUTPUTS, ScoreProof, ScoreTask};
use vouch_prover::evm::{Chain, Passport};
use vouch_prover::{histories, score, scores, verifiers};

/// Which proof.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A file written by `vouch prove`, or the answer of `/v1/queries/{id}/proof`.
    proof: PathBuf,
    /// Compare the anchors with this chain.
    #[arg(long, env = "VOUCH_RPC")]
    rpc: Option<String>,
    /// Where the verifiers are.
    #[command(flatten)]
    srs: SrsArgs,
}

#[derive(Deserialize)]
struct Question {
    model: B256,
    subject: Address,
    as_of: u64,
}

#[derive(Deserialize)]
struct ClaimFile {
    outputs: [String; OUTPUTS],
    roots: [B256; OUTPUTS],
    payee: Address,
}

#[derive(Deserialize)]
struct HistoryFile {
    class: u64,
    root: B256,
    anchors: Vec<Anchor>,
    payee: Address,
    proof: Bytes,
}

#[derive(Deserialize)]
struct ProofFile {
    query: Question,
    chain_id: u64,
    claim: ClaimFile,
    proof: Bytes,
    model_key: Bytes,
    histories: Vec<HistoryFile>,
}

/// Verifies; an error says what does not hold.
pub async fn run(args: VerifyArgs, report: Report) -> eyre::Result<()> {
    let text = std::fs::read(&args.proof).wrap_err_with(|| format!("cannot read {}", args.proof.display()))?;
    let file: ProofFile =
        serde_json::from_slice(&text).wrap_err_with(|| format!("{} is not a proof file", args.proof.display()))?;
    let mut gas = Vec::new();
    for history in &file.histories {
        gas.push(check_history(&args.srs.keys, history)?);
    }
    let score_gas = check_score(&args.srs.keys, &file)?;
    if let Some(rpc) = &args.rpc {
        check_anchors(rpc, &file).await?;
    }
    let score = file.claim.outputs[0].parse::<i64>()? as f64 / 65536.0;
    let Question { model, subject, as_of } = &file.query;
    let body = json!({
        "valid": true, "model": model, "subject": subject, "as_of": as_of, "chain_id": file.chain_id, "score": score,
        "history_gas": gas, "score_gas": score_gas, "anchors_checked": args.rpc.is_some(),
    });
    report.result(&body, || {
        let anchors = if args.rpc.is_some() { "" } else { "\nanchors were not compared with a chain: give --rpc" };
        format!(
            "valid: {subject} scores {score} by model {model} as of block {as_of} of chain {}{anchors}",
            file.chain_id
        )
    })
}

/// Runs the verifier of `passport`; `what` names the proof in the error.
fn run_verifier(passport: &Passport, calldata: &[&[u8]], what: &str) -> eyre::Result<u64> {
    let mut chain = Chain::default();
    let verifier = chain.deploy(&passport.bytecode)?;
    let outcome = chain.call(verifier.address, &calldata.concat())?;
    if outcome.success { Ok(outcome.gas) } else { Err(eyre::eyre!("{what} is not accepted by its verifier")) }
}

fn lengths(passport: &Passport, proof: &Bytes, what: &str) -> eyre::Result<()> {
    let (expected, got) = (passport.proof_bytes, proof.len());
    eyre::ensure!(expected == got, "{what}: expected a proof of {expected} bytes, got {got}");
    Ok(())
}

fn check_history(keys: &Path, history: &HistoryFile) -> eyre::Result<u64> {
    let what = format!("history proof of root {}", history.root);
    let index = usize::try_from(history.class).ok().filter(|i| *i < histories::CLASSES.len());
    let index = index.ok_or_else(|| eyre::eyre!("{what}: there is no class {}", history.class))?;
    let passport = verifiers::read(keys, histories::class(index).name)?;
    lengths(&passport, &history.proof, &what)?;
    let proof = HistoryProof {
        class: history.class,
        root: history.root,
        payee: history.payee,
        anchors: history.anchors.clone(),
        facts: Vec::new(),
        instances: Vec::new(),
        proof: history.proof.clone(),
    };
    let public = histories::public_inputs(&proof).ok_or_else(|| eyre::eyre!("{what}: the root is no field element"))?;
    let public: Vec<u8> = public.iter().flat_map(|f| scores::word(f).0).collect();
    run_verifier(&passport, &[&public, &history.proof], &what)
}

fn check_score(keys: &Path, file: &ProofFile) -> eyre::Result<u64> {
    let Question { model, subject, as_of } = file.query;
    let what = format!("score proof of {subject}");
    let passport = verifiers::read(keys, score::class().name)?;
    lengths(&passport, &file.proof, &what)?;
    let structure_bytes = 64 * passport.structure_points.unwrap_or_default();
    let key_bytes = structure_bytes + 64 * passport.weight_points.unwrap_or_default();
    let got = file.model_key.len();
    eyre::ensure!(got == key_bytes, "{what}: expected a model key of {key_bytes} bytes, got {got}");
    let class_id = passport.class_id.unwrap_or_default();
    let structure_id = keccak256([class_id.as_slice(), &file.model_key[..structure_bytes]].concat());
    let model_id = keccak256([structure_id.as_slice(), &file.model_key[structure_bytes..]].concat());
    eyre::ensure!(model_id == model, "{what}: the model key is of model {model_id}, expected {model}");
    for root in file.claim.roots {
        let is_proven = file.histories.iter().any(|h| h.root == root);
        eyre::ensure!(is_proven, "{what}: the claim uses root {root}, which no history proof of the file proves");
    }
    let mut outputs = [0; OUTPUTS];
    for (output, text) in outputs.iter_mut().zip(&file.claim.outputs) {
        *output = text.parse().wrap_err_with(|| format!("{what}: output {text}"))?;
    }
    let payee = file.claim.payee;
    let task = ScoreTask { chain_id: file.chain_id, model, subject, as_of, payee, roots: Vec::new() };
    let proof = ScoreProof { outputs, roots: file.claim.roots, instances: Vec::new(), proof: file.proof.clone() };
    let public: Vec<u8> = scores::public_inputs(&task, &proof).iter().flat_map(|w| w.0).collect();
    run_verifier(&passport, &[&file.model_key, &public, &file.proof], &what)
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
