//! `vouch pin`: keep the hash of a block on chain for ever.

use super::report::Report;
use crate::chain::contracts::Addresses;
use crate::chain::sender::{Sender, read_key};
use alloy::primitives::Address;
use alloy::providers::{Provider, ProviderBuilder};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// What to pin, and who pays.
#[derive(Debug, Args)]
#[command(after_help = "Example: VOUCH_SIGNER_KEY=0x… vouch pin 20000000 --history-roots 0x…")]
pub struct PinArgs {
    /// JSON-RPC of the chain.
    #[arg(long, env = "VOUCH_RPC", default_value = "http://127.0.0.1:8545")]
    rpc: String,
    /// The `BlockHashes` contract, or give `--history-roots`, which names it.
    #[arg(long, required_unless_present = "history_roots")]
    block_hashes: Option<Address>,
    /// The `HistoryRoots` contract.
    #[arg(long)]
    history_roots: Option<Address>,
    /// File with the private key that pays. The environment variable VOUCH_SIGNER_KEY holds the key itself.
    #[arg(long)]
    signer_key_file: Option<PathBuf>,
    /// The block; one of the last 8,191.
    block: u64,
}

/// Pins.
pub async fn run(args: PinArgs, report: Report) -> eyre::Result<()> {
    let value = std::env::var("VOUCH_SIGNER_KEY").ok();
    let key = read_key(args.signer_key_file.as_deref(), value.as_deref())?
        .ok_or_else(|| eyre::eyre!("no key: give --signer-key-file or set VOUCH_SIGNER_KEY"))?;
    let provider = ProviderBuilder::new().connect(&args.rpc).await?.erased();
    let block_hashes = super::archive::address(&provider, args.block_hashes, args.history_roots).await?;
    let sender = Sender::connect(&args.rpc, key, Addresses::default()).await?;
    let transaction = sender.pin(block_hashes, args.block).await?;
    report.result(&json!({"block": args.block, "transaction": transaction}), || {
        format!("block {} is pinned by transaction {transaction}", args.block)
    })
}
