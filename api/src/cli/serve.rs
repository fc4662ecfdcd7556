//! `vouch serve`: the node. Follows the chain, proves, answers HTTP and on-chain requests.

use super::report::Report;
use super::setup::SrsArgs;
use crate::archive::backfill::{Backfill, Bounds};
use crate::archive::contract::Archive;
use crate::archive::progress::Progress;
use crate::chain::contracts::Addresses;
use crate::chain::policy::{MAX_CALLBACK_GAS, MIN_SECONDS_LEFT, MinFee, Policy};
use crate::chain::poster::Poster;
use crate::chain::prepare::OldBlocks;
use crate::chain::sender::{Sender, read_key};
use crate::chain::watcher::Watcher;
use crate::http;
use crate::node::Node;
use alloy::primitives::Address;
use clap::Args;
use eyre::WrapErr;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use vouch_circuits::history::ancestry::Size;
use vouch_indexer::db::Db;
use vouch_indexer::{Config, Finality, Indexer, Start};
use vouch_prover::circuits::Circuits;
use vouch_prover::engine::Engine;
use vouch_prover::queue::{HOP_REACH_BLOCKS, Queue, QueueConfig};
use vouch_prover::srs::is_local;

/// Blocks on top of a final one on local chains, whose `finalized` tag means nothing.
pub(super) const LOCAL_FINALITY_BLOCKS: u64 = 64;

/// Longest wait for the index before the node answers.
const FIRST_CATCH_UP: Duration = Duration::from_secs(20);

/// Shown under the options.
const EXAMPLES: &str = "\
Examples:
  a local chain on port 8545, scores over HTTP:
    vouch serve
  the same, and the requests of contracts are answered:
    vouch serve --vouch 0x… --history-roots 0x… --registry 0x… --signer-key-file signer.key
  a public chain, which needs a ceremony and an archive node:
    vouch serve --rpc https://… --ceremony powers.ptau

The node answers on --listen: see /v1/status, /v1/openapi.json, /metrics. It stops on SIGINT or
SIGTERM; what it was proving goes on at the next start.";

/// How to run the node.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// JSON-RPC of the chain: http(s)://, ws(s):// or the path of an IPC socket; several, with commas between, answer for one another.
    /// It needs eth_getProof; transactions are sent to the first.
    #[arg(long, env = "VOUCH_RPC", default_value = "http://127.0.0.1:8545")]
    rpc: String,
    /// Data directory: index, jobs, proofs, models. One process at a time.
    #[arg(long, env = "VOUCH_DATA", default_value_os_t = super::cache_dir().join("data"))]
    data: PathBuf,
    /// Address of the HTTP interface.
    #[arg(long, default_value = "127.0.0.1:8700")]
    listen: String,
    /// First indexed block, for a new data directory. Default: 8,191 below the head, block 1 on a local chain. Older blocks are fetched when a
    /// query needs them and a hop (--hops), a pin or the archive tells their hash.
    #[arg(long, value_name = "BLOCK")]
    start: Option<u64>,
    /// A block counts as final under this many others. Default: the chain's `finalized` tag, 64 on a local chain.
    #[arg(long, value_name = "BLOCKS")]
    finality: Option<u64>,
    /// Milliseconds between two looks at the head.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 500)]
    poll_ms: u64,
    /// The `Vouch` contract: its requests are answered.
    #[arg(long, value_name = "ADDRESS")]
    vouch: Option<Address>,
    /// The `BlockHashes` contract; only shown by the status, `HistoryRoots` knows it.
    #[arg(long, value_name = "ADDRESS")]
    block_hashes: Option<Address>,
    /// The `HistoryRoots` contract.
    #[arg(long, value_name = "ADDRESS")]
    history_roots: Option<Address>,
    /// The `ModelRegistry` contract.
    #[arg(long, value_name = "ADDRESS")]
    registry: Option<Address>,
    /// File with the private key that sends answers. The environment variable VOUCH_SIGNER_KEY holds the key itself.
    /// Without a key requests are proven but not answered.
    #[arg(long, value_name = "FILE")]
    signer_key_file: Option<PathBuf>,
    /// Who is paid for proofs; the signer's account if not given.
    #[arg(long, value_name = "ADDRESS")]
    payee: Option<Address>,
    /// Least fee of a request that is answered, in wei; 0 answers all. Default: what the answer is estimated to cost and half
    /// as much again, 0 on a local chain. Unless it is 0, no answer is sent that costs more than the request pays.
    #[arg(long, value_name = "WEI")]
    min_fee_wei: Option<u128>,
    /// Most gas that the callback of a request may use.
    #[arg(long, value_name = "GAS", default_value_t = MAX_CALLBACK_GAS)]
    max_callback_gas: u64,
    /// Least seconds from a request to its deadline: time to prove it.
    #[arg(long, value_name = "SECONDS", default_value_t = MIN_SECONDS_LEFT)]
    min_seconds_left: u64,
    /// What to prove and post ahead of time; see `vouch watch`.
    #[arg(long, value_name = "FILE")]
    watch: Option<PathBuf>,
    /// Folder with openings of private inputs, COMMITMENT.json each, as `vouch commit` writes them: requests that name such a commitment are
    /// answered. Files are read when they are needed, and never changed.
    #[arg(long, value_name = "DIR")]
    openings: Option<PathBuf>,
    /// Most queries that may wait.
    #[arg(long, value_name = "QUERIES", default_value_t = 256)]
    max_waiting: usize,
    /// The file ethers.min.js for the web page (npm package ethers, folder dist).
    #[arg(long, value_name = "FILE")]
    ethers: Option<PathBuf>,
    /// Fill the archive of block hashes while nothing else is to be proven: from the newest final block down, run by run. The contract is the
    /// one that `--block-hashes` or `--history-roots` names; it needs a key.
    #[arg(long)]
    archive: bool,
    /// Blocks of a run of the archive, 128 or 1024: see `vouch archive backfill --help`.
    #[arg(long, value_name = "BLOCKS", default_value = "128", requires = "archive", value_parser = super::archive::run_size)]
    archive_run: Size,
    /// Oldest block of the archive.
    #[arg(long, value_name = "BLOCK", default_value_t = 0, requires = "archive")]
    archive_to: u64,
    /// String and keys.
    #[command(flatten)]
    srs: SrsArgs,
}

/// Runs until SIGINT or SIGTERM. Unfinished jobs resume at the next start.
pub async fn run(args: ServeArgs, report: Report) -> eyre::Result<()> {
    let watched = args.watch.as_deref().map(super::watch::read).transpose()?;
    let recorder = PrometheusBuilder::new().install_recorder().wrap_err("metrics")?;
    let db = Db::open(&args.data)?;
    let indexer = Indexer::open(db.clone(), config(&args).await?).await?;
    let chain_id = indexer.node().chain_id().await?;
    let srs_args = args.srs.clone();
    let least = if args.archive { args.archive_run.k } else { 0 };
    let srs = tokio::task::spawn_blocking(move || srs_args.load_at_least(least)).await??;
    srs.allowed_on(chain_id)?;
    let circuits = Circuits::open(db.clone(), args.srs.keys.clone(), srs.clone(), args.srs.classes())?;
    let engine: Arc<dyn Engine> = Arc::new(circuits);
    let reach_blocks = args.srs.links_blocks().then_some(HOP_REACH_BLOCKS);
    let bounds = QueueConfig { max_waiting: args.max_waiting, reach_blocks, ..QueueConfig::default() };
    let queue = Queue::new(db.clone(), indexer.clone(), engine, bounds);
    let queue = match args.openings {
        Some(folder) => queue.with_openings(folder),
        None => queue,
    };
    let contracts = Addresses {
        block_hashes: args.block_hashes,
        vouch: args.vouch,
        history_roots: args.history_roots,
        registry: args.registry,
    };
    if let Some((name, address)) = contracts.without_code(indexer.node().provider()).await? {
        eyre::bail!("contract {name} at {address} has no code on chain {chain_id}: wrong address, or wrong chain");
    }
    let value = std::env::var("VOUCH_SIGNER_KEY").ok();
    let sender = match read_key(args.signer_key_file.as_deref(), value.as_deref())? {
        Some(key) => {
            Some(Sender::connect(args.rpc.split(',').next().unwrap_or_default().trim(), key, contracts).await?)
        }
        None => None,
    };
    let old_blocks = OldBlocks::open(indexer.node().clone(), contracts).await;
    let queue = queue.with_old_anchors(Arc::new(old_blocks.clone()));
    let payee = args.payee.or(sender.as_ref().map(Sender::address)).unwrap_or_default();
    let mut node = Node::new(queue.clone());
    node.contracts = contracts;
    node.old_blocks = Some(old_blocks.clone());
    node.payee = payee;
    node.metrics = Some(recorder);
    node.ethers = args.ethers.or_else(ethers_beside);

    let filler = match (args.archive, sender.clone()) {
        (false, _) => None,
        (true, None) => eyre::bail!("--archive sends transactions: give --signer-key-file or set VOUCH_SIGNER_KEY"),
        (true, Some(sender)) => {
            let provider = indexer.node().provider().clone();
            let address = super::archive::address(&provider, args.block_hashes, args.history_roots).await?;
            let archive = Archive::open(address, provider).await?;
            archive.takes(&args.archive_run)?;
            super::archive::tell_memory(&args.archive_run, &report);
            let bounds = Bounds { from: None, to: args.archive_to };
            let progress = Progress::new(db, address);
            node.archive = Some(progress.clone());
            Some(Backfill::new(
                indexer.clone(),
                archive,
                sender,
                progress,
                (bounds, args.archive_run),
                (args.srs.keys.clone(), srs),
            ))
        }
    };

    // A short history is indexed before anybody asks; a long one while the node already answers.
    match tokio::time::timeout(FIRST_CATCH_UP, indexer.catch_up()).await {
        Ok(Err(error)) => report.say(format!("the index does not advance yet: {error}")),
        Err(_) => report.say("a long history is being indexed; /v1/status tells how far it is"),
        Ok(Ok(())) => {}
    }
    let listener =
        TcpListener::bind(&args.listen).await.wrap_err_with(|| format!("cannot listen on {}", args.listen))?;
    let url = format!("http://{}", listener.local_addr()?);
    report.result(&json!({"url": url, "chain_id": chain_id, "payee": payee}), || format!("chain {chain_id}, {url}"))?;

    let (stop, stopped) = watch::channel(false);
    let stopping = |mut stopped: watch::Receiver<bool>| async move {
        // An error means that the sender is gone: stop too.
        let _ = stopped.wait_for(|s| *s).await;
    };
    let poll = Duration::from_millis(args.poll_ms);
    let provider = indexer.node().provider().clone();
    let policy = Policy {
        min_fee: MinFee::new(args.min_fee_wei, chain_id),
        max_callback_gas: args.max_callback_gas,
        min_seconds_left: args.min_seconds_left,
    };
    let mut tasks = Vec::new();
    if let Some(watch) = watched {
        match sender.clone().filter(|_| contracts.history_roots.is_some()) {
            Some(sender) => {
                let price = watch.max_gas_price_wei;
                let poster = Poster::new(queue.clone(), provider.clone(), contracts, sender, price);
                let poster = poster.with_old_blocks(old_blocks.clone());
                tasks.push(tokio::spawn(poster.run(poll, stopping(stopped.clone()))));
            }
            None => report.say("what is watched is proven but not posted: that needs --history-roots and a signer key"),
        }
        queue.watch(watch, payee);
    }
    let watcher = Watcher::new(queue.clone(), provider, contracts, sender, payee, policy).with_old_blocks(old_blocks);
    tasks.extend([
        tokio::spawn({
            let (indexer, stop) = (indexer.clone(), stopping(stopped.clone()));
            async move { indexer.run(stop).await }
        }),
        tokio::spawn({
            let stop = stopping(stopped.clone());
            let queue = queue.clone();
            async move { queue.run(stop).await }
        }),
        tokio::spawn(watcher.run(poll, stopping(stopped.clone()))),
    ]);
    if let Some(filler) = filler {
        let stop = stopping(stopped.clone());
        // queries come first: a run begins only while no job is under way
        let is_busy = move || queue.store().next().map_or(true, |job| job.is_some());
        tasks.push(tokio::spawn(filler.run(is_busy, stop)));
    }
    tokio::select! {
        served = axum::serve(listener, http::router(node)).into_future() => served?,
        signal = interrupted() => report.say(format!("{signal}: stopping; unfinished jobs resume at the next start")),
    }
    let _ = stop.send(true);
    for task in tasks {
        task.await?;
    }
    Ok(())
}

async fn config(args: &ServeArgs) -> eyre::Result<Config> {
    let mut config = Config::new(&args.rpc);
    config.poll_interval = Duration::from_millis(args.poll_ms);
    let is_local = {
        let node = vouch_indexer::node::Node::connect(&args.rpc, config.retry).await?;
        is_local(node.chain_id().await?)
    };
    let local_finality = is_local.then_some(LOCAL_FINALITY_BLOCKS);
    if let Some(blocks) = args.finality.or(local_finality) {
        config.finality = Finality::Depth { blocks };
    }
    if let Some(number) = args.start.or(is_local.then_some(1)) {
        config.start = Start::Block(number);
    }
    Ok(config)
}

/// `ethers.min.js` of the npm package, in this folder or one above.
fn ethers_beside() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let places = ["node_modules/ethers/dist/ethers.min.js", "contracts/node_modules/ethers/dist/ethers.min.js"];
    here.ancestors().flat_map(|dir| places.map(|place| dir.join(place))).find(|path| path.is_file())
}

/// The signal that ends the program.
pub(super) async fn interrupted() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        // Without a handler the signal ends the process, which is as safe.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = tokio::signal::ctrl_c() => "SIGINT",
    }
}
