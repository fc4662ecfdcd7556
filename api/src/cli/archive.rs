//! `vouch archive`: fill the archive of block hashes, see how far it is, pin one of its blocks.

use super::report::Report;
use super::serve::interrupted;
use super::setup::SrsArgs;
use crate::archive::backfill::{Backfill, Bounds, Did, pin_member};
use crate::archive::contract::Archive;
use crate::archive::progress::Progress;
use crate::archive::spans::Span;
use crate::chain::contracts::{Addresses, HistoryRoots};
use crate::chain::sender::{Sender, read_key};
use alloy::primitives::{Address, B256};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;
use vouch_circuits::history::ancestry::Size;
use vouch_indexer::config::Retry;
use vouch_indexer::db::{Db, DbError};
use vouch_indexer::node::Node;
use vouch_indexer::{Config, Finality, Indexer};
use vouch_prover::ancestries;
use vouch_prover::srs::is_local;

/// What to do with the archive.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prove runs of headers, from a known block down, until the archive has them all. Stopped at any moment it goes on where it was.
    #[command(
        after_help = "Examples:\n  vouch archive backfill --rpc URL --history-roots 0x… --signer-key-file key.txt --ceremony powers.ptau\n  \
        vouch archive backfill … --to 20000000      no further than that block\n  vouch archive backfill … --from 15537393    down from a pinned \
        block\n  vouch archive backfill … --run 1024         eight times the blocks a proof: as much work, an eighth of the gas, 5 GB of memory\n\nOne run is proven at a time. SIGTERM or Ctrl-C ends it after the run under way, a second one at once. A running node has its data \
        directory open: there it is `vouch serve --archive`."
    )]
    Backfill(BackfillArgs),
    /// How far the archive is.
    Status(StatusArgs),
    /// Keep the hash of a block of the archive for ever, so that facts of its time can be proven.
    Pin(PinArgs),
}

/// Which archive.
#[derive(Debug, Args)]
pub struct ArchiveArgs {
    /// JSON-RPC of the chain; several with commas between, transactions are sent to the first.
    #[arg(long, env = "VOUCH_RPC", default_value = "http://127.0.0.1:8545")]
    rpc: String,
    /// The `BlockArchive` contract, or give `--history-roots`, which names it.
    #[arg(long, value_name = "ADDRESS", required_unless_present = "history_roots")]
    archive: Option<Address>,
    /// The `HistoryRoots` contract.
    #[arg(long, value_name = "ADDRESS")]
    history_roots: Option<Address>,
}

/// Whose key pays.
#[derive(Debug, Args)]
pub struct KeyArgs {
    /// File with the private key that pays. The environment variable VOUCH_SIGNER_KEY holds the key itself.
    #[arg(long, value_name = "FILE")]
    signer_key_file: Option<PathBuf>,
}

/// What to prove.
#[derive(Debug, Args)]
pub struct BackfillArgs {
    #[command(flatten)]
    archive: ArchiveArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Data directory: headers, and how far this is. That of the node, if it is stopped.
    #[arg(long, env = "VOUCH_DATA", default_value_os_t = super::cache_dir().join("data"))]
    data: PathBuf,
    /// Newest block; it ends where a run ends, at the last block before this one that does. Default: the newest final block.
    #[arg(long, value_name = "BLOCK")]
    from: Option<u64>,
    /// Oldest block.
    #[arg(long, value_name = "BLOCK", default_value_t = 0)]
    to: u64,
    /// Most runs to prove.
    #[arg(long, value_name = "RUNS", default_value_t = u64::MAX, hide_default_value = true)]
    runs: u64,
    /// A block counts as final under this many others. Default: the chain's `finalized` tag, 64 on a local chain.
    #[arg(long, value_name = "BLOCKS")]
    finality: Option<u64>,
    #[command(flatten)]
    run: RunArgs,
    /// String and keys.
    #[command(flatten)]
    srs: SrsArgs,
}

/// How long runs are.
#[derive(Clone, Copy, Debug, Args)]
pub struct RunArgs {
    /// Blocks of a run. 32, for the newest blocks or the last ones before a gap: keys of 0.1 GB, proofs in 0.35 GB of memory. 128: keys of 0.2 GB, proofs in 0.7 GB of memory. 1024: keys of 1.3 GB, made in 3.2 GB when they are first needed, proofs
    /// in 5 GB; the string must have 2^20 points. The archive must have been deployed with a verifier of these runs.
    #[arg(long = "run", value_name = "BLOCKS", default_value = "128", value_parser = run_size)]
    pub(super) size: Size,
}

/// The size of runs of so many blocks.
pub(super) fn run_size(text: &str) -> Result<Size, String> {
    text.parse().ok().and_then(ancestries::size).ok_or_else(|| "expected 32, 128 or 1024".into())
}

/// Says what memory runs of this size need, and what there is, if that is not plenty.
pub(super) fn tell_memory(size: &Size, report: &Report) {
    const NEEDED_MB: u64 = 5_000;
    if *size != Size::A10 {
        return;
    }
    let free = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let free = free
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:")?.split_whitespace().next()?.parse::<u64>().ok());
    let free = free.map(|kb| kb / 1024);
    let there = free.map_or("unknown".into(), |mb| format!("{mb} MB"));
    report.say(format!("runs of {} blocks take {NEEDED_MB} MB of memory each, available: {there}", size.headers()));
    if free.is_some_and(|mb| mb < NEEDED_MB) {
        report
            .say("that is too little: the system may end this program; --run 128 needs 700 MB, --run 32 half of that");
    }
}

/// What to look at.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    archive: ArchiveArgs,
    /// Data directory of the back-filling: its progress is shown too, unless a running node has it open.
    #[arg(long, env = "VOUCH_DATA", default_value_os_t = super::cache_dir().join("data"))]
    data: PathBuf,
}

/// What to pin.
#[derive(Debug, Args)]
pub struct PinArgs {
    #[command(flatten)]
    archive: ArchiveArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Show it by the mountain range, not by its run: a longer path, and more calls.
    #[arg(long)]
    range: bool,
    /// The block.
    block: u64,
}

/// Runs a command to its end.
pub async fn run(command: Command, report: Report) -> eyre::Result<()> {
    match command {
        Command::Backfill(args) => backfill(args, report).await,
        Command::Status(args) => status(args, report).await,
        Command::Pin(args) => pin(args, report).await,
    }
}

impl ArchiveArgs {
    fn first_rpc(&self) -> &str {
        self.rpc.split(',').next().unwrap_or_default().trim()
    }

    async fn open(&self) -> eyre::Result<Archive> {
        let provider = ProviderBuilder::new().connect(self.first_rpc()).await?.erased();
        let address = address(&provider, self.archive, self.history_roots).await?;
        Ok(Archive::open(address, provider).await?)
    }
}

/// The contract that tells block hashes: named, or asked of `HistoryRoots`.
pub(super) async fn address(
    provider: &DynProvider,
    named: Option<Address>,
    history_roots: Option<Address>,
) -> eyre::Result<Address> {
    match (named, history_roots) {
        (Some(address), _) => Ok(address),
        (None, Some(roots)) => Ok(HistoryRoots::new(roots, provider).blockHashes().call().await?),
        (None, None) => {
            Err(eyre::eyre!("give the address of the contract that tells block hashes, or --history-roots"))
        }
    }
}

impl KeyArgs {
    async fn sender(&self, rpc: &str) -> eyre::Result<Sender> {
        let value = std::env::var("VOUCH_SIGNER_KEY").ok();
        let key = read_key(self.signer_key_file.as_deref(), value.as_deref())?
            .ok_or_else(|| eyre::eyre!("no key: give --signer-key-file or set VOUCH_SIGNER_KEY"))?;
        Ok(Sender::connect(rpc, key, Addresses::default()).await?)
    }
}

async fn backfill(args: BackfillArgs, report: Report) -> eyre::Result<()> {
    let db = Db::open(&args.data)?;
    let archive = args.archive.open().await?;
    let sender = args.key.sender(args.archive.first_rpc()).await?;
    let mut config = Config::new(&args.archive.rpc);
    let chain_id = Node::connect(&args.archive.rpc, config.retry).await?.chain_id().await?;
    let local_finality = is_local(chain_id).then_some(super::serve::LOCAL_FINALITY_BLOCKS);
    if let Some(blocks) = args.finality.or(local_finality) {
        config.finality = Finality::Depth { blocks };
    }
    let indexer = Indexer::open(db.clone(), config).await?;
    indexer.catch_up().await?;
    let size = args.run.size;
    archive.takes(&size)?;
    tell_memory(&size, &report);
    let chosen = args.srs.clone();
    let srs = tokio::task::spawn_blocking(move || chosen.load_at_least(size.k)).await??;
    srs.allowed_on(chain_id)?;
    let progress = Progress::new(db, archive.address());
    let bounds = Bounds { from: args.from, to: args.to };
    let keys = (args.srs.keys.clone(), srs);
    let mut worker = Backfill::new(indexer, archive.clone(), sender, progress.clone(), (bounds, size), keys);
    let run = size.headers() as u64;

    let bar = ProgressBar::new(worker.open()?.min(args.runs));
    bar.set_style(ProgressStyle::with_template("[{elapsed}] [{bar:24}] {pos}/{len} runs, {eta} left  {msg}")?);
    bar.enable_steady_tick(Duration::from_millis(500));
    let (mut proven, mut found, mut transactions) = (Vec::new(), 0, Vec::<B256>::new());
    let stop = interrupted();
    tokio::pin!(stop);
    let mut stopped = None;
    while stopped.is_none() && (proven.len() as u64) < args.runs {
        let did = {
            let step = worker.step();
            tokio::pin!(step);
            loop {
                tokio::select! {
                    did = &mut step => break did?,
                    signal = &mut stop, if stopped.is_none() => {
                        bar.println(format!("{signal}: stopping after the run under way; again to stop at once"));
                        stopped = Some(signal);
                    }
                    signal = interrupted(), if stopped.is_some() => eyre::bail!("{signal}: the run under way is given up"),
                }
            }
        };
        match did {
            Did::Proven { first, end, transaction, seconds } => {
                let took = seconds.map_or("proven before".into(), |s| format!("proven in {s:.0} s"));
                bar.println(format!("blocks {first} to {}: {took}, transaction {transaction}", end - 1));
                proven.push(first);
                transactions.push(transaction);
                bar.inc(1);
            }
            Did::Found { .. } => {
                found += 1;
                bar.inc(1);
            }
            Did::Appended { length, transaction } => {
                bar.println(format!("the range holds {length} blocks, transaction {transaction}"));
                transactions.push(transaction);
            }
            Did::Nothing if worker.open()? == 0 => break,
            Did::Nothing => {}
        }
    }
    bar.finish_and_clear();
    let (open, length) = (worker.open()?, archive.length().await?);
    let body = json!({
        "archive": archive.address(), "proven": proven, "found": found, "open": open, "length": length, "transactions": transactions,
        "proven_blocks": progress.spans()?, "stopped_by": stopped,
    });
    report.result(&body, || {
        format!(
            "{} runs of {run} blocks proven, {found} found on the chain, {open} left; the range holds {length} blocks",
            proven.len()
        )
    })
}

async fn status(args: StatusArgs, report: Report) -> eyre::Result<()> {
    let archive = args.archive.open().await?;
    let length = archive.length().await?;
    let progress = match Db::open(&args.data) {
        Ok(db) => Some(Progress::new(db, archive.address())),
        Err(DbError::Locked { .. }) => None,
        Err(e) => return Err(e.into()),
    };
    let (spans, pending) = match &progress {
        Some(progress) => (Some(progress.spans()?), progress.pending()?),
        None => (None, None),
    };
    let body = json!({
        "archive": archive.address(), "blocks_of_a_run": archive.runs(), "length": length, "proven_blocks": spans,
        "unsent_run": pending.as_ref().map(|pending| pending.first),
    });
    let runs: Vec<String> = archive.runs().iter().map(u64::to_string).collect();
    report.result(&body, || {
        let mut lines = vec![
            format!("archive {}, runs of {} blocks", archive.address(), runs.join(" or ")),
            match length {
                0 => "the range is empty: its first run is that of block 0".into(),
                length => format!("the range holds blocks 0 to {}", length - 1),
            },
        ];
        match &spans {
            None => lines.push(format!(
                "what was proven here is not known: {} is open in another process, see its /v1/status",
                args.data.display()
            )),
            Some(spans) if spans.all().is_empty() => lines.push("nothing was proven here yet".into()),
            Some(spans) => {
                let line = |span: &Span| format!("proven: blocks {} to {}", span.first, span.end - 1);
                lines.extend(spans.all().iter().map(line));
            }
        }
        lines.extend(pending.as_ref().map(|pending| {
            let last = pending.first + (1 << pending.proof.depth) - 1;
            format!("proven and not sent: the run of blocks {} to {last}", pending.first)
        }));
        lines.join("\n")
    })
}

async fn pin(args: PinArgs, report: Report) -> eyre::Result<()> {
    let archive = args.archive.open().await?;
    let sender = args.key.sender(args.archive.first_rpc()).await?;
    let node = Node::connect(&args.archive.rpc, Retry::default()).await?;
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template("[{elapsed}] [{bar:24}] {pos}/{len} headers of its run")?);
    let tell = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let member = match args.range {
        false => archive.member(&node, args.block, &tell).await,
        true => archive.member_of_range(&node, args.block, &tell).await,
    };
    bar.finish_and_clear();
    let member = member?;
    let transaction = sender.call(pin_member(&archive, &member)).await?;
    let body = json!({"block": member.number, "hash": member.hash, "path": member.path, "transaction": transaction});
    report.result(&body, || {
        format!("block {} with hash {} is pinned by transaction {transaction}", member.number, member.hash)
    })
}
