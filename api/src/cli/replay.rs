//! `vouch replay`: recorded blocks over JSON-RPC.

use super::report::Report;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use tokio::net::TcpListener;
use vouch_indexer::replay::Replay;

/// What to replay, and where.
#[derive(Debug, Args)]
#[command(after_help = "Example: vouch replay block_18884864.json --chain-id 1 --listen 127.0.0.1:8545")]
pub struct ReplayArgs {
    /// Recordings: JSON files with `header_rlp` and `proofs` (answers of eth_getProof), one block each.
    #[arg(required = true)]
    recordings: Vec<PathBuf>,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8545")]
    listen: String,
    /// What eth_chainId answers.
    #[arg(long, default_value_t = 1)]
    chain_id: u64,
}

/// Serves until interrupted.
pub async fn run(args: ReplayArgs, report: Report) -> eyre::Result<()> {
    let replay = Replay::new(args.chain_id);
    let mut blocks = Vec::new();
    for path in &args.recordings {
        blocks.push(replay.add_recording(path)?);
    }
    let listener = TcpListener::bind(&args.listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    report.result(&json!({"url": url, "blocks": blocks}), || {
        format!("{url} serves blocks {blocks:?}; ends with Ctrl-C")
    })?;
    tokio::select! {
        served = replay.serve(listener) => Ok(served?),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}
