//! Prints what indexing costs: headers per second from a local node into RocksDB, bytes on disk, and state proofs checked per second.
//!
//! One JSON object a line. The node is the replay server of this crate over HTTP, in this process, with headers of mainnet's size and
//! random contents; its CPU time is in the figure. `bench_ingest HEADERS` sets how many; `bench_ingest RPC` indexes a real node instead.

use alloy::consensus::{BlockHeader, Header};
use alloy::primitives::{B256, Bloom, keccak256};
use alloy::rlp::Decodable;
use alloy::rpc::types::EIP1186AccountProofResponse;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vouch_indexer::db::Db;
use vouch_indexer::proofs;
use vouch_indexer::replay::Replay;
use vouch_indexer::{Config, Finality, Indexer, Start};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const HEADERS: u64 = 50_000;
const FIXTURES: [&str; 2] = ["zeth_18884863.json", "zeth_18884864.json"];
/// Proofs are checked over and over for this long.
const CHECK_TIME: Duration = Duration::from_secs(4);

/// CPU-seconds of this process so far, user and system.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // fields 14 and 15 of proc(5), counted after the command name in parentheses
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |i: usize| fields.get(i).and_then(|v| v.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(11) + ticks(12)) / 100.0
}

/// A header with every field of Prague, as long as one of mainnet and as hard to compress.
fn header(number: u64, parent_hash: B256) -> Header {
    let random = |field: u8| keccak256([&number.to_be_bytes()[..], &[field]].concat());
    let bloom: Vec<u8> = (0..8).flat_map(|part| random(100 + part).0).collect();
    Header {
        number,
        parent_hash,
        beneficiary: alloy::primitives::Address::from_word(random(1)),
        state_root: random(2),
        transactions_root: random(3),
        receipts_root: random(4),
        logs_bloom: Bloom::from_slice(&bloom),
        gas_limit: 36_000_000,
        gas_used: u64::from(random(5)[0]) * 140_000,
        timestamp: 1_700_000_000 + 12 * number,
        extra_data: random(6)[..24].to_vec().into(),
        mix_hash: random(7),
        base_fee_per_gas: Some(5_000_000_000 + number),
        withdrawals_root: Some(random(8)),
        blob_gas_used: Some(393_216),
        excess_blob_gas: Some(number * 131_072 % 80_000_000),
        parent_beacon_block_root: Some(random(9)),
        requests_hash: Some(random(10)),
        ..Header::default()
    }
}

async fn local_node(headers: u64) -> Result<String> {
    let replay = Replay::new(31_337);
    let mut parent = B256::ZERO;
    for number in 1..=headers {
        let header = header(number, parent);
        parent = header.hash_slow();
        replay.chain().push(header);
    }
    Ok(replay.spawn().await?)
}

fn bytes_in(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

async fn headers(rpc: String, case: &str) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut config = Config::new(rpc);
    config.start = Start::Block(1);
    config.finality = Finality::Depth { blocks: 64 };
    let indexer = Indexer::open(Db::open(dir.path())?, config).await?;
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    indexer.catch_up().await?;
    let (cpu, wall) = (cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
    let count = indexer.status()?.tip.unwrap_or_default();
    let rlp_bytes = indexer.header(count)?.rlp.len();
    drop(indexer);
    let bytes = bytes_in(dir.path())?;
    println!(
        "{}",
        json!({
            "bench": "ingest", "case": case, "headers": count, "headers_per_s": count as f64 / wall, "wall_s": wall, "cpu_s": cpu,
            "header_bytes": rlp_bytes, "disk_bytes": bytes,
            "disk_mb_per_million_headers": bytes as f64 / count as f64,
        })
    );
    Ok(())
}

/// A recorded block: state root, number, and the node's answers.
type Recorded = (u64, B256, Vec<EIP1186AccountProofResponse>);

fn recorded(path: &Path) -> Result<Recorded> {
    let value: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let rlp: alloy::primitives::Bytes = serde_json::from_value(value["header_rlp"].clone())?;
    let header = Header::decode(&mut rlp.as_ref())?;
    Ok((header.number(), header.state_root(), serde_json::from_value(value["proofs"].clone())?))
}

fn checks() -> Result<()> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures");
    let folder = PathBuf::from(std::env::var("VOUCH_FIXTURES").unwrap_or(default.into())).join("proofs");
    let mut blocks = Vec::new();
    for name in FIXTURES {
        let path = folder.join(name);
        if path.exists() {
            blocks.push(recorded(&path)?);
        } else {
            eprintln!("skipped: fixture {} is not there; set VOUCH_FIXTURES", path.display());
        }
    }
    if blocks.is_empty() {
        return Ok(());
    }
    let (mut proven, mut nodes, mut rounds) = (0, 0, 0);
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    while wall.elapsed() < CHECK_TIME {
        rounds += 1;
        for (number, root, answers) in &blocks {
            for answer in answers {
                let slots: Vec<B256> = answer.storage_proof.iter().map(|proof| proof.key.as_b256()).collect();
                let (account, slots) = proofs::check(*number, *root, answer.address, &slots, answer)?;
                proven += 1 + slots.len();
                nodes += account.nodes.len() + slots.iter().map(|slot| slot.nodes.len()).sum::<usize>();
            }
        }
    }
    let (cpu, wall) = (cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
    println!(
        "{}",
        json!({
            "bench": "ingest", "case": "proof-checks", "proofs": proven / rounds, "nodes_per_proof": nodes as f64 / proven as f64,
            "checks_per_s": proven as f64 / wall, "checks_per_cpu_s": proven as f64 / cpu,
        })
    );
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    match std::env::args().nth(1) {
        Some(rpc) if rpc.contains("://") => headers(rpc, "headers-node").await?,
        count => headers(local_node(count.map_or(Ok(HEADERS), |n| n.parse())?).await?, "headers").await?,
    }
    checks()
}
