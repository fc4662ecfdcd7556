//! Real mainnet state proofs through the replay server: the code path of a live node.

use alloy::primitives::{Address, B256, Bytes, U256};
use std::path::PathBuf;
use std::time::Duration;
use vouch_indexer::config::Retry;
use vouch_indexer::db::Db;
use vouch_indexer::node::NodeError;
use vouch_indexer::proofs::ProofError;
use vouch_indexer::replay::Replay;
use vouch_indexer::{Config, Finality, IndexError, Indexer, Start};

const BLOCK: u64 = 18_884_864;

/// `fixtures/proofs/NAME` of `VOUCH_FIXTURES` or `../shared/fixtures`; `None` (said aloud) when it is not there.
fn fixture(name: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures");
    let path = PathBuf::from(std::env::var("VOUCH_FIXTURES").unwrap_or(default.into())).join("proofs").join(name);
    if !path.exists() {
        eprintln!("SKIPPED: fixture {} is not there; set VOUCH_FIXTURES", path.display());
        return None;
    }
    Some(path)
}

struct Setup {
    replay: Replay,
    indexer: Indexer,
    _dir: tempfile::TempDir,
}

async fn setup() -> Option<Setup> {
    let replay = Replay::new(1);
    assert_eq!(replay.add_recording(&fixture("zeth_18884864.json")?).unwrap(), BLOCK);
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::new(replay.spawn().await.unwrap());
    config.start = Start::Block(BLOCK);
    config.finality = Finality::Depth { blocks: 0 };
    config.retry = Retry { tries: 2, first_delay: Duration::from_millis(1), ..Retry::default() };
    let indexer = Indexer::open(Db::open(dir.path()).unwrap(), config).await.unwrap();
    indexer.catch_up().await.unwrap();
    Some(Setup { replay, indexer, _dir: dir })
}

/// Every recorded account with its slots.
fn recorded(replay: &Replay) -> Vec<(Address, Vec<B256>)> {
    let chain = replay.chain();
    chain.proofs.values().map(|p| (p.address, p.storage_proof.iter().map(|s| s.key.as_b256()).collect())).collect()
}

#[tokio::test]
async fn every_recorded_account_and_slot_is_verified_and_stored_once() {
    let Some(Setup { replay, indexer, _dir }) = setup().await else { return };
    let mut nodes = 0;
    for (address, slots) in recorded(&replay) {
        let proof = indexer.state_proof(BLOCK, address, &slots).await.unwrap();
        assert_eq!(proof.account.address, address);
        assert_eq!(proof.slots.len(), slots.len());
        for (slot, given) in proof.slots.iter().zip(&replay.chain().proofs[&(BLOCK, address)].storage_proof) {
            assert_eq!(slot.value, given.value);
        }
        nodes += proof.account.nodes.len() + proof.slots.iter().map(|s| s.nodes.len()).sum::<usize>();
    }
    let stored = indexer.store().count_nodes().unwrap();
    assert!(stored < nodes, "{stored} nodes stored of {nodes} used");
    // A second time nothing is asked of the node.
    let before = replay.chain().requests;
    for (address, slots) in recorded(&replay) {
        indexer.state_proof(BLOCK, address, &slots).await.unwrap();
    }
    assert_eq!(replay.chain().requests, before);
}

/// The account of WETH, with 35 recorded slots.
fn weth() -> Address {
    "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2".parse().unwrap()
}

/// Damages the recorded answer for WETH, asks for it, and checks that nothing of it was stored.
async fn after(damage: impl Fn(&mut alloy::rpc::types::EIP1186AccountProofResponse)) -> Option<IndexError> {
    let Setup { replay, indexer, _dir } = setup().await?;
    let slots: Vec<B256> = {
        let mut chain = replay.chain();
        let proof = chain.proofs.get_mut(&(BLOCK, weth())).unwrap();
        let slots = proof.storage_proof.iter().take(3).map(|s| s.key.as_b256()).collect();
        damage(proof);
        slots
    };
    let error = indexer.state_proof(BLOCK, weth(), &slots).await.unwrap_err();
    assert_eq!(indexer.store().count_nodes().unwrap(), 0, "nothing is stored of a refused answer");
    Some(error)
}

fn flip(node: &mut Bytes, at: usize) {
    let mut bytes = node.to_vec();
    bytes[at] ^= 1;
    *node = bytes.into();
}

#[tokio::test]
async fn damaged_account_node_is_named() {
    let Some(error) = after(|p| flip(&mut p.account_proof[4], 40)).await else { return };
    let IndexError::Proof(ProofError::WrongNode { index: 4, place, .. }) = &error else { panic!("{error}") };
    assert_eq!((place.number, place.address, place.slot), (BLOCK, weth(), None));
    assert!(error.to_string().contains("proof node 4 hashes to 0x"), "{error}");
}

#[tokio::test]
async fn damaged_storage_node_is_named_with_its_slot() {
    let Some(error) = after(|p| flip(&mut p.storage_proof[1].proof[2], 9)).await else { return };
    assert!(matches!(&error, IndexError::Proof(ProofError::WrongNode { index: 2, place, .. }) if place.slot.is_some()));
}

#[tokio::test]
async fn claimed_value_that_the_proof_does_not_show_is_refused() {
    let Some(error) = after(|p| p.storage_proof[0].value += U256::ONE).await else { return };
    assert!(matches!(error, IndexError::Proof(ProofError::WrongValue { .. })), "{error}");
    let Some(error) = after(|p| p.storage_proof[0].value = U256::ZERO).await else { return };
    assert!(matches!(error, IndexError::Proof(ProofError::WrongValue { .. })), "{error}");
    let Some(error) = after(|p| p.balance += U256::ONE).await else { return };
    assert!(matches!(error, IndexError::Proof(ProofError::WrongValue { .. })), "{error}");
}

#[tokio::test]
async fn shortened_lengthened_and_swapped_proofs_are_refused() {
    let Some(error) = after(|p| drop(p.account_proof.pop())).await else { return };
    assert!(matches!(error, IndexError::Proof(ProofError::Truncated { .. })), "{error}");
    let Some(error) = after(|p| p.account_proof.clear()).await else { return };
    assert!(matches!(error, IndexError::Proof(ProofError::Truncated { nodes: 0, .. })), "{error}");
    let Some(error) = after(|p| p.account_proof.push(p.account_proof[3].clone())).await else { return };
    assert!(matches!(error, IndexError::Proof(ProofError::WrongNode { .. })), "{error}");
    let Some(error) = after(|p| {
        let other = p.storage_proof[1].proof.clone();
        p.storage_proof[0].proof = other;
    })
    .await
    else {
        return;
    };
    assert!(matches!(error, IndexError::Proof(_)), "{error}");
}

#[tokio::test]
async fn pruned_state_is_told_from_a_lie() {
    let Some(Setup { replay, indexer, _dir }) = setup().await else { return };
    replay.chain().refuse_proofs = Some("missing trie node 1b38 (path ) state is not available".into());
    let error = indexer.state_proof(BLOCK, weth(), &[]).await.unwrap_err();
    assert!(matches!(error, IndexError::Node(NodeError::MissingState { number: BLOCK, .. })), "{error}");
}

#[tokio::test]
async fn blocks_outside_the_index_are_refused() {
    let Some(Setup { indexer, _dir, .. }) = setup().await else { return };
    let future = indexer.state_proof(BLOCK + 1, weth(), &[]).await.unwrap_err();
    assert!(matches!(future, IndexError::Future { tip: BLOCK, .. }), "{future}");
    let past = indexer.state_proof(BLOCK - 1, weth(), &[]).await.unwrap_err();
    assert!(matches!(past, IndexError::BeforeWindow { first: BLOCK, .. }), "{past}");
}
