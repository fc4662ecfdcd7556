//! Proves a run of headers for `BlockArchive.prove`: `prove_headers --headers FILE --first N [--run 32|1024] --out FILE`.
//!
//! Headers come from a file of JSON lines with the field `rlp`, by rising block number, of which 128 (or 32, or 1,024) from position N on are taken. Keys are
//! kept in `VOUCH_KEYS`. The proof is verified natively and in the EVM; with it goes its verifier, and the path of the first block.

use alloy::hex;
use eyre::{OptionExt, Result};
use serde_json::{Value, json};
use std::{env, fs, path::PathBuf};
use vouch_circuits::{digest::keccak256, history::ancestry::levels};
use vouch_prover::{ancestries, cost::Meter, srs::Srs, verifiers};

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let value = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    let text = fs::read_to_string(value("--headers").ok_or_eyre("expected --headers FILE")?)?;
    let first: usize = value("--first").map_or(Ok(0), |first| first.parse())?;
    let out = value("--out").ok_or_eyre("expected --out FILE")?;
    let headers: u64 = value("--run").map_or(Ok(128), |headers| headers.parse())?;
    let size = ancestries::size(headers).ok_or_eyre("--run: expected 32, 128 or 1024")?;
    let rlp = |line: &str| -> Result<Vec<u8>> {
        let record: Value = serde_json::from_str(line)?;
        Ok(hex::decode(record["rlp"].as_str().ok_or_eyre("expected the field rlp")?)?)
    };
    let run = text.lines().skip(first).take(size.headers()).map(rlp).collect::<Result<Vec<_>>>()?;

    let dir = env::var_os("VOUCH_KEYS").map_or_else(|| env::temp_dir().join("vouch-keys"), PathBuf::from);
    fs::create_dir_all(&dir)?;
    let keys = ancestries::keys(&dir, &Srs::development(&dir, size.k)?, &size)?;
    let meter = Meter::start();
    let proof = ancestries::prove(&keys, &size, &run)?;
    let cost = meter.stop();
    eprintln!("proven in {:.1} CPU-s, {:.1} s, {} MB", cost.cpu_seconds, cost.wall_seconds, cost.peak_mb);
    ancestries::check(&dir, &keys, &proof)?;

    let hashes: Vec<[u8; 32]> = run.iter().map(|rlp| keccak256(rlp)).collect();
    let tree = levels(&hashes);
    let path: Vec<String> = tree[..tree.len() - 1].iter().map(|level| hex::encode_prefixed(level[1])).collect();
    let mut line = serde_json::to_value(&proof)?;
    line["path"] = json!(path);
    line["verifier"] = serde_json::to_value(verifiers::load_or_make(&dir, &keys)?)?;
    fs::write(out, format!("{line:#}\n"))?;
    Ok(())
}
