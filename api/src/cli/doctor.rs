//! `vouch doctor`: look for what is wrong, and say what to do about it.

use super::report::Report;
use super::setup::SrsArgs;
use crate::chain::deployed::{compare_histories, compare_scores};
use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{Address, B256, address};
use alloy::providers::{Provider, ProviderBuilder};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use vouch_indexer::config::Retry;
use vouch_indexer::db::Db;
use vouch_indexer::node::Node;
use vouch_indexer::proofs;
use vouch_prover::class::Class;
use vouch_prover::evm::Passport;
use vouch_prover::histories::{self, CLASSES};
use vouch_prover::{score, verifiers};

/// The EIP-2935 contract, which keeps the last 8,191 block hashes.
const HISTORY_CONTRACT: Address = address!("0x0000F90827F1C53a10cb7A02335B175320002935");

/// Where to look.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: vouch doctor --rpc http://127.0.0.1:8545 --contracts 0x…,0x… --data DIR\n\nA running node has its data \
    directory open: leave --data out, or stop it first."
)]
pub struct DoctorArgs {
    /// JSON-RPC of the chain.
    #[arg(long, env = "VOUCH_RPC", default_value = "http://127.0.0.1:8545")]
    rpc: String,
    /// Data directory of the node.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Contracts that must have code.
    #[arg(long, value_delimiter = ',')]
    contracts: Vec<Address>,
    /// The `HistoryRoots` contract: the code of its verifiers is compared with what this program makes of its keys.
    #[arg(long, value_name = "ADDRESS")]
    history_roots: Option<Address>,
    /// The `ModelRegistry` contract: its verifiers are compared in the same way.
    #[arg(long, value_name = "ADDRESS")]
    registry: Option<Address>,
    /// String and keys that its verifiers are compared with.
    #[command(flatten)]
    srs: SrsArgs,
}

/// One thing looked at.
#[derive(Serialize)]
struct Finding {
    what: &'static str,
    ok: bool,
    detail: String,
}

/// Looks; an error if something is wrong.
pub async fn run(args: DoctorArgs, report: Report) -> eyre::Result<()> {
    let mut findings = Vec::new();
    let mut note = |what, result: Result<String, String>| {
        let (ok, detail) = result.map_or_else(|e| (false, e), |d| (true, d));
        findings.push(Finding { what, ok, detail });
    };
    let retry = Retry { tries: 2, ..Retry::default() };
    match Node::connect(&args.rpc, retry).await {
        Err(e) => note("node", Err(e.to_string())),
        Ok(node) => {
            note("chain id", node.chain_id().await.map(|id| id.to_string()).map_err(|e| e.to_string()));
            note("header", header(&node).await);
            note("proof of old state", old_state(&node).await);
        }
    }
    let provider = ProviderBuilder::new().connect(&args.rpc).await;
    if let Ok(provider) = provider {
        for contract in args.contracts.iter().chain([&HISTORY_CONTRACT]) {
            let code = provider.get_code_at(*contract).await;
            note(
                "contract",
                match code {
                    Ok(code) if code.is_empty() => Err(format!("{contract} has no code")),
                    Ok(code) => Ok(format!("{contract} has {} bytes of code", code.len())),
                    Err(e) => Err(format!("{contract}: {e}")),
                },
            );
        }
        let tag = provider.get_block_by_number(BlockNumberOrTag::Finalized).await;
        note(
            "finalized tag",
            match tag {
                Ok(Some(block)) => Ok(format!("block {}", block.header.number)),
                _ => Err("the node has none: run `vouch serve` with --finality BLOCKS".into()),
            },
        );
    }
    if args.history_roots.is_some() || args.registry.is_some() {
        for result in verifiers(&args).await.unwrap_or_else(|why| vec![Err(why)]) {
            note("verifier", result);
        }
    }
    if let Some(data) = &args.data {
        note(
            "data directory",
            match Db::open(data) {
                Ok(_) => Ok(format!("{} opens and is not in use", data.display())),
                Err(e) => Err(e.to_string()),
            },
        );
    }
    let bad = findings.iter().filter(|f| !f.ok).count();
    report.result(&findings, || {
        let line = |f: &Finding| format!("{} {:<20} {}", if f.ok { "ok " } else { "BAD" }, f.what, f.detail);
        findings.iter().map(line).collect::<Vec<_>>().join("\n")
    })?;
    match bad {
        0 => Ok(()),
        bad => Err(eyre::eyre!("{bad} of {} things are wrong", findings.len())),
    }
}

/// The deployed verifiers are those of the keys.
async fn verifiers(args: &DoctorArgs) -> Result<Vec<Result<String, String>>, String> {
    let provider = ProviderBuilder::new().connect(&args.rpc).await.map_err(|e| e.to_string())?.erased();
    let chosen = args.srs.clone();
    let srs = tokio::task::spawn_blocking(move || chosen.load()).await.map_err(|e| e.to_string())?;
    let srs = srs.map_err(|e| format!("{e:#}"))?;
    let read = |class: Class| -> Result<Passport, String> {
        let srs = srs.downsize(class.k).map_err(|e| e.to_string())?;
        verifiers::read(&args.srs.keys, class.name, &srs).map_err(|e| e.to_string())
    };
    let history = |index: usize| {
        let class = CLASSES.get(index).map(|_| histories::class(index));
        read(class.ok_or("this program knows no such class")?)
    };
    let mut all = Vec::new();
    if let Some(roots) = args.history_roots {
        all.extend(compare_histories(&provider, roots, &history).await?);
    }
    if let Some(registry) = args.registry {
        let scores = score::CLASSES[..score::DEPLOYED].iter().map(|size| read(score::class(*size)));
        all.extend(compare_scores(&provider, registry, &scores.collect::<Result<Vec<_>, _>>()?).await?);
    }
    Ok(all)
}

/// The newest header hashes to its announced hash.
async fn header(node: &Node) -> Result<String, String> {
    let head = node.head().await.map_err(|e| e.to_string())?;
    match node.header(head).await.map_err(|e| e.to_string())? {
        Some(header) => Ok(format!("block {head} hashes to {}", header.hash())),
        None => Err(format!("block {head} was announced but is missing")),
    }
}

/// State 256 blocks back can be proven.
async fn old_state(node: &Node) -> Result<String, String> {
    let number = node.head().await.map_err(|e| e.to_string())?.saturating_sub(256).max(1);
    let Some(header) = node.header(number).await.map_err(|e| e.to_string())? else {
        return Err(format!("block {number} is missing"));
    };
    let answer = node.proof(number, HISTORY_CONTRACT, &[B256::ZERO]).await.map_err(|e| e.to_string())?;
    let header = header.stored().decode().map_err(|e| e.to_string())?;
    proofs::check(number, header.state_root, HISTORY_CONTRACT, &[B256::ZERO], &answer).map_err(|e| e.to_string())?;
    Ok(format!("state of block {number} is proven"))
}
