//! The commands of `vouch`.

mod add;
mod archive;
mod audit;
mod client;
mod commit;
mod doctor;
mod inspect;
mod model;
mod pin;
mod query;
mod register;
mod replay;
pub mod report;
mod salt;
mod serve;
mod setup;
mod slots;
mod threshold;
mod verify;
mod watch;

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Scores of models over chain history, with proofs that contracts verify.
///
/// A contract or a dapp asks: what does model M say about subject S as of block B? Vouch answers
/// with a score and a proof. Nothing else has to be trusted: not the chain's node, not the indexer,
/// not this program.
///
/// First steps on a local chain:
///
///   vouch setup --dev                                    make a development string and the keys (once)
///   vouch serve --rpc http://127.0.0.1:8545              follow the chain, prove, answer HTTP
///   vouch model add risk.onnx --plan plan.toml --calibrate rows.csv
///   vouch query --model risk --subject 0x…              ask, wait, print the score
///   vouch prove --model risk --subject 0x…              the same, and keep the proof in proof.json
///   vouch verify proof.json --rpc http://127.0.0.1:8545  check it without the node that made it
///   vouch doctor                                         when something does not work
#[derive(Debug, Parser)]
#[command(name = "vouch", version, about, verbatim_doc_comment, max_term_width = 110)]
pub struct Cli {
    /// Print JSON: the result as one object on standard output; why there is none as {"error": …}, the last line on standard error.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the node: follow the chain, prove, answer HTTP and on-chain requests.
    Serve(Box<serve::ServeArgs>),
    /// Make or load the reference string, make the keys and the verifiers (once; minutes).
    Setup(setup::SetupArgs),
    /// Add, list and inspect models.
    #[command(subcommand)]
    Model(model::Command),
    /// Find a Solidity variable: slot, keys, bits, and the line of a plan that reads it.
    Slots(slots::SlotsArgs),
    /// Commit to private inputs: print the commitment, keep its opening in a file. Nothing is sent to a node.
    Commit(commit::CommitArgs),
    /// Ask a node for a score and wait for it.
    Query(query::QueryArgs),
    /// Ask a node for a score and keep its proof in a file.
    Prove(query::ProveArgs),
    /// What the node proves and posts ahead of time, so that later scores need no history proof.
    #[command(subcommand)]
    Watch(watch::Command),
    /// Check a proof file without the node that made it.
    Verify(verify::VerifyArgs),
    /// Keep the hash of a block on chain for ever (anyone may; one pin per 8,191 blocks keeps all history reachable).
    Pin(pin::PinArgs),
    /// Fill the archive of block hashes, which reaches back to genesis; see how far it is; pin one of its blocks.
    #[command(subcommand)]
    Archive(archive::Command),
    /// Look for what is wrong: node, chain, contracts, data directory.
    Doctor(doctor::DoctorArgs),
    /// Serve recorded blocks over JSON-RPC, so that recorded data takes the path of a live node.
    Replay(replay::ReplayArgs),
}

/// Where the node's HTTP interface is.
#[derive(Debug, clap::Args)]
pub struct NodeArg {
    /// HTTP address of a running `vouch serve`.
    #[arg(long, env = "VOUCH_NODE", default_value = "http://127.0.0.1:8700")]
    pub node: String,
}

/// Where the node keeps its things.
pub fn cache_dir() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    base.or_else(home).unwrap_or_else(std::env::temp_dir).join("vouch")
}

/// Runs a command to its end.
///
/// # Errors
/// A sentence for the user.
pub async fn run(cli: Cli) -> eyre::Result<()> {
    let report = report::Report::new(cli.json);
    match cli.command {
        Command::Serve(args) => serve::run(*args, report).await,
        Command::Setup(args) => setup::run(args, report).await,
        Command::Verify(args) => verify::run(args, report).await,
        Command::Model(command) => model::run(command, report).await,
        Command::Watch(command) => watch::run(command, report).await,
        Command::Slots(args) => slots::run(args, report),
        Command::Commit(args) => commit::run(args, report).await,
        Command::Query(args) => query::query(args, report).await,
        Command::Prove(args) => query::prove(args, report).await,
        Command::Pin(args) => pin::run(args, report).await,
        Command::Archive(command) => archive::run(command, report).await,
        Command::Doctor(args) => doctor::run(args, report).await,
        Command::Replay(args) => replay::run(args, report).await,
    }
}
