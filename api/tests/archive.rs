//! The archive on a real chain: `vouch archive backfill` is killed and goes on, appends what it proved, and a block that the chain no
//! longer tells becomes the anchor of a history proof.
//!
//! Needs anvil and the contracts as forge builds them (`scripts/test` has both). Keys as in `process.rs`.

use alloy::network::{EthereumWallet, TransactionBuilder};
use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::types::TransactionRequest;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::{SolCall, SolValue};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use vouch_api::chain::calldata;
use vouch_api::chain::contracts::{Addresses, BlockArchive, HistoryRoots};
use vouch_api::chain::prepare::OldBlocks;
use vouch_api::chain::sender::Sender;
use vouch_circuits::facts::{Fact, FactKind};
use vouch_circuits::history::ancestry::Size;
use vouch_indexer::db::Db;
use vouch_indexer::{Config, Finality, Indexer, Start};
use vouch_prover::evidence::{Reach, collect};
use vouch_prover::evm::Passport;
use vouch_prover::histories::{self, CLASSES, Histories, WITHOUT_HOPS};
use vouch_prover::queue::OldAnchors;
use vouch_prover::srs::Srs;
use vouch_prover::{ancestries, verifiers};

/// anvil's first account; it holds nothing of worth.
const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// Longest wait for anything; keys may have to be made first.
const PATIENCE: Duration = Duration::from_secs(500);
/// The block whose state is proven, in the lower of two runs.
const OLD: u64 = 60;
/// The runs of this test.
const SIZE: Size = Size::A7;
/// Blocks of a run.
const RUN: u64 = 1 << SIZE.depth;

struct Anvil {
    child: Child,
    url: String,
    provider: DynProvider,
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Anvil {
    /// `None` if there is no anvil.
    async fn start() -> Option<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // before EIP-2935: contracts see 256 blocks back, so that few have to be mined
        let args = ["--hardfork", "cancun", "--silent", "--port", &port.to_string()];
        let child = Command::new("anvil").args(args).stdout(Stdio::null()).spawn().ok()?;
        let url = format!("http://127.0.0.1:{port}");
        let wallet = EthereumWallet::from(KEY.parse::<PrivateKeySigner>().unwrap());
        let builder = ProviderBuilder::new().with_simple_nonce_management().wallet(wallet);
        let provider = builder.connect(&url).await.unwrap().erased();
        let anvil = Self { child, url, provider };
        let start = Instant::now();
        while anvil.provider.get_block_number().await.is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "anvil does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Some(anvil)
    }

    async fn mine_to(&self, block: u64) {
        let more = block - self.provider.get_block_number().await.unwrap();
        let _: Value = self.provider.raw_request("anvil_mine".into(), [U256::from(more)]).await.unwrap();
    }

    async fn deploy(&self, code: Vec<u8>) -> Address {
        let request = TransactionRequest::default().with_deploy_code(code).with_gas_limit(15_000_000);
        let receipt = self.provider.send_transaction(request).await.unwrap().get_receipt().await.unwrap();
        assert!(receipt.status());
        receipt.contract_address.unwrap()
    }

    /// A contract that forge built.
    async fn deploy_built(&self, name: &str, arguments: Vec<u8>) -> Address {
        self.deploy([creation(name).unwrap().to_vec(), arguments].concat()).await
    }

    /// The adapter of a generated verifier.
    async fn deploy_verifier(&self, passport: &Passport) -> Address {
        let generated = self.deploy(passport.bytecode.to_vec()).await;
        let arguments = (generated, U256::from(passport.num_instances), U256::from(passport.proof_bytes));
        self.deploy_built("HistoryVerifier", arguments.abi_encode_params()).await
    }
}

/// Creation code of a contract, `None` if forge has not built it.
fn creation(name: &str) -> Option<Bytes> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../contracts/out/{name}.sol/{name}.json"));
    let artifact: Value = serde_json::from_slice(&std::fs::read(path).ok()?).unwrap();
    Some(serde_json::from_value(artifact["bytecode"]["object"].clone()).unwrap())
}

fn keys_dir() -> PathBuf {
    std::env::var_os("VOUCH_KEYS")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("keys"), PathBuf::from)
}

struct Operator {
    rpc: String,
    archive: Address,
    dir: tempfile::TempDir,
}

impl Operator {
    fn vouch(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vouch"));
        command.arg("--json").arg("archive").args(args).arg("--archive").arg(self.archive.to_string());
        command.env("VOUCH_RPC", &self.rpc).env("VOUCH_KEYS", keys_dir()).env("VOUCH_SIGNER_KEY", KEY);
        command.env("VOUCH_DATA", self.dir.path());
        command
    }

    fn json(&self, args: &[&str]) -> Value {
        let Output { status, stdout, stderr } = self.vouch(args).output().unwrap();
        assert!(status.success(), "{args:?}: {}", String::from_utf8_lossy(&stderr));
        serde_json::from_slice(&stdout).unwrap()
    }

    fn error(&self, args: &[&str]) -> String {
        let Output { status, stderr, .. } = self.vouch(args).output().unwrap();
        assert!(!status.success(), "{args:?} should have failed");
        // the last line is an object, whatever was told before
        let stderr = String::from_utf8(stderr).unwrap();
        let said: Value = serde_json::from_str(stderr.trim_end().lines().next_back().unwrap()).unwrap();
        said["error"].as_str().unwrap().to_owned()
    }

    /// A node with an empty directory that fills the archive: what its status says once it knows of `blocks`.
    async fn serve(&self, blocks: &Value) {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_vouch"));
        command.args(["--json", "serve", "--archive", "--finality", "0", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(dir.path()).arg("--block-hashes").arg(self.archive.to_string());
        command.env("VOUCH_RPC", &self.rpc).env("VOUCH_KEYS", keys_dir()).env("VOUCH_SIGNER_KEY", KEY);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let status = format!("{}/v1/status", said["url"].as_str().unwrap());
        let start = Instant::now();
        loop {
            let said: Value = reqwest::get(&status).await.unwrap().json().await.unwrap();
            if said["archive"] == *blocks {
                break;
            }
            assert!(start.elapsed() < PATIENCE && child.try_wait().unwrap().is_none(), "{said}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// The balance of an account and a field of the header of [`OLD`].
fn questions() -> Vec<Fact> {
    let (zero, mut balance, mut time) = ([0; 32], [0; 32], [0; 32]);
    (balance[31], time[31]) = (1, 11);
    let fact = |kind, address, slot| Fact {
        kind,
        block: OLD,
        address,
        slot,
        key: zero,
        key2: zero,
        path: Default::default(),
        value: zero,
    };
    let account = KEY.parse::<PrivateKeySigner>().unwrap().address();
    vec![fact(FactKind::Header, [0; 20], time), fact(FactKind::Account, account.into(), balance)]
}

#[tokio::test(flavor = "multi_thread")]
async fn archive_is_filled_over_a_kill_and_its_members_are_anchors() {
    if creation("BlockArchive").is_none() {
        return eprintln!("SKIPPED: contracts/out is not there; run forge build in contracts");
    }
    let Some(anvil) = Anvil::start().await else { return eprintln!("SKIPPED: anvil is not on PATH") };
    let (dir, k) = (keys_dir(), SIZE.k.max(CLASSES[0].k));
    std::fs::create_dir_all(&dir).unwrap();
    let srs = Srs::development(&dir, k).unwrap();
    let [runs, facts] = [ancestries::keys(&dir, &srs, &SIZE).unwrap(), histories::keys(&dir, &srs, 0).unwrap()]
        .map(|keys| verifiers::load_or_make(&dir, &keys).unwrap());
    let runs = anvil.deploy_verifier(&runs).await;
    let depth = U256::from(SIZE.depth);
    let address = anvil.deploy_built("BlockArchive", (vec![runs], vec![depth]).abi_encode_params()).await;
    let facts = anvil.deploy_verifier(&facts).await;
    let roots = anvil.deploy_built("HistoryRoots", (address, vec![facts]).abi_encode_params()).await;
    let archive = BlockArchive::new(address, &anvil.provider);
    anvil.mine_to(2 * RUN + 10).await;

    // the state of the old block, while the chain still has it
    let index = tempfile::tempdir().unwrap();
    let mut config = Config::new(&anvil.url);
    (config.start, config.finality) = (Start::Block(1), Finality::Depth { blocks: 0 });
    let indexer = Indexer::open(Db::open(index.path()).unwrap(), config).await.unwrap();
    indexer.catch_up().await.unwrap();
    let evidence = collect(&indexer, &questions(), &Reach::ALL).await.unwrap();

    let operator = Operator { rpc: anvil.url.clone(), archive: address, dir: tempfile::tempdir().unwrap() };
    let fill = ["backfill", "--finality", "0"];
    let error = operator.error(&["backfill", "--finality", "0", "--from", "100000"]);
    assert!(error.contains("is in the future") || error.contains("does not know block"), "{error}");
    let error = operator.error(&["backfill", "--finality", "0", "--run", "1024"]);
    assert!(error.contains("takes runs of 128 blocks, none of 1024: choose with --run"), "{error}");
    let error = operator.error(&["pin", "60"]);
    assert!(error.contains("block 60 is in no run of archive"), "{error}");
    let error = Operator { archive: roots, rpc: anvil.url.clone(), dir: tempfile::tempdir().unwrap() }.error(&fill);
    assert!(error.contains("expected a BlockArchive contract"), "{error}");

    // killed as soon as the first run is on the chain, while it proves the second
    let mut child = operator.vouch(&fill).stdout(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while archive.runRoot(depth, U256::from(RUN)).call().await.unwrap().is_zero() {
        assert!(start.elapsed() < PATIENCE && child.try_wait().unwrap().is_none(), "no run was proven");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(archive.runRoot(depth, U256::ZERO).call().await.unwrap(), B256::ZERO);
    assert_ne!(archive.hashOf(U256::from(RUN - 1)).call().await.unwrap(), B256::ZERO, "the parent is pinned");

    // goes on with the second run, and appends both; then there is nothing to do
    let said = operator.json(&fill);
    assert_eq!((said["proven"].clone(), said["open"].as_u64()), (serde_json::json!([0]), Some(0)), "{said}");
    assert_eq!(said["length"], 2 * RUN);
    let said = operator.json(&fill);
    assert!(said["proven"].as_array().unwrap().is_empty() && said["transactions"].as_array().unwrap().is_empty());
    let said = operator.json(&["status"]);
    let all = serde_json::json!([{"first": 0, "end": 2 * RUN}]);
    assert_eq!(said["proven_blocks"], all);
    // a node that knows of nothing finds them on the chain, and proves none again
    let before = anvil.provider.get_block_number().await.unwrap();
    operator.serve(&all).await;
    assert_eq!(anvil.provider.get_block_number().await.unwrap(), before, "no transaction");

    // a block that the chain no longer tells becomes an anchor
    anvil.mine_to(4 * RUN).await;
    assert_eq!(archive.hashOf(U256::from(OLD)).call().await.unwrap(), B256::ZERO);
    for (block, height, range) in [(OLD + 1, 0, None), (OLD + 2, 1, Some("--range"))] {
        let number = block.to_string();
        let said = operator.json(&["pin", &number].into_iter().chain(range).collect::<Vec<_>>());
        assert_eq!(said["path"].as_array().unwrap().len() as u32, SIZE.depth + height);
        assert_ne!(archive.hashOf(U256::from(block)).call().await.unwrap(), B256::ZERO);
    }
    let old_hash = evidence.blocks[0].hash;

    let proof = tokio::task::spawn_blocking(move || {
        let histories = Histories::new(dir, srs, &CLASSES[..WITHOUT_HOPS]);
        let proof = histories.prove(&evidence, Address::ZERO).unwrap();
        histories.verify(&proof).unwrap();
        proof
    })
    .await
    .unwrap();
    let contracts = Addresses { history_roots: Some(roots), ..Addresses::default() };
    let old_blocks = OldBlocks::open(indexer.node().clone(), contracts).await;
    let known = old_blocks.known(&[OLD, 5_000].into()).await;
    assert_eq!(known, [OLD].into(), "a member that is not pinned, and a block beyond the archive");
    let calls = old_blocks.calls(std::slice::from_ref(&proof), &[], OLD + 10_000).await;
    let sender = Sender::connect(&anvil.url, KEY.parse().unwrap(), contracts).await.unwrap();
    for call in &calls {
        sender.call(call.clone()).await.unwrap();
    }
    assert_eq!(calls.len(), 1);
    assert_eq!(archive.hashOf(U256::from(OLD)).call().await.unwrap(), old_hash);
    let request = TransactionRequest::default().with_to(roots).with_input(calldata::post(&proof));
    let receipt = anvil.provider.send_transaction(request).await.unwrap().get_receipt().await.unwrap();
    assert!(receipt.status());
    let posted = HistoryRoots::isPostedCall { root: U256::from_be_bytes(proof.root.0) }.abi_encode();
    let answer = anvil.provider.call(TransactionRequest::default().with_to(roots).with_input(posted)).await.unwrap();
    assert_eq!(U256::from_be_slice(&answer), U256::from(1));
}
