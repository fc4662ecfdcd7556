//! Facts of real mainnet state, through the replay server.

mod support;

use alloy::primitives::{Address, B256, U256, address, keccak256};
use std::path::PathBuf;
use vouch_circuits::facts::{Fact, FactKind};
use vouch_indexer::db::Db;
use vouch_indexer::replay::Replay;
use vouch_indexer::{Config, Finality, Indexer, Start};
use vouch_prover::evidence::{self, EvidenceError, Reach, collect};

const BLOCK: u64 = 18_884_864;
const PAIR: Address = address!("0x0d4a11d5eeaac28ec3f61d100daf4d40471f1852");
const WALLET: Address = address!("0x300500964fa9e884f47600ed9dc91e7e5cbe9582");

fn question(kind: FactKind, address: Address, slot: u64) -> Fact {
    let slot = U256::from(slot).to_be_bytes();
    Fact { kind, block: BLOCK, address: address.into(), slot, key: [0; 32], key2: [0; 32], value: [0; 32] }
}

async fn open() -> Option<(tempfile::TempDir, Replay, Indexer)> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures");
    let path =
        PathBuf::from(std::env::var("VOUCH_FIXTURES").unwrap_or(default.into())).join("proofs/zeth_18884864.json");
    if !path.exists() {
        eprintln!("SKIPPED: fixture {} is not there; set VOUCH_FIXTURES", path.display());
        return None;
    }
    let replay = Replay::new(1);
    replay.add_recording(&path).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::new(replay.spawn().await.unwrap());
    config.start = Start::Block(BLOCK);
    config.finality = Finality::Depth { blocks: 0 };
    let indexer = Indexer::open(Db::open(dir.path()).unwrap(), config).await.unwrap();
    indexer.catch_up().await.unwrap();
    Some((dir, replay, indexer))
}

#[tokio::test]
async fn header_account_and_slot_facts_have_their_values() {
    let Some((_dir, replay, indexer)) = open().await else { return };
    let asked = [
        question(FactKind::Slot, PAIR, 6),
        question(FactKind::Header, Address::ZERO, 8),
        question(FactKind::Account, WALLET, 0),
        question(FactKind::Account, WALLET, 1),
        question(FactKind::Header, Address::ZERO, 3),
        question(FactKind::Slot, PAIR, 6),
    ];
    let evidence = collect(&indexer, &asked, &Reach::ALL).await.unwrap();
    let values: Vec<U256> = evidence.facts.iter().map(|f| U256::from_be_bytes(f.value)).collect();
    let (wallet, state_root) = {
        let chain = replay.chain();
        (chain.proofs[&(BLOCK, WALLET)].clone(), chain.headers[&BLOCK].inner.state_root)
    };
    // Sorted by kind and field, the repeated question once.
    assert_eq!(values[0], U256::from_be_bytes(state_root.0));
    assert_eq!(values[1], U256::from(BLOCK));
    assert_eq!((values[2], values[3]), (U256::from(wallet.nonce), wallet.balance));
    assert_eq!(values[4], U256::from_be_slice(address!("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2").as_slice()));
    assert_eq!(values.len(), 5);
    assert_eq!(evidence.blocks.len(), 1);
    assert_eq!(keccak256(&evidence.blocks[0].header_rlp), evidence.blocks[0].hash);
    assert_eq!(evidence.blocks[0].accounts.len(), 2);
}

#[tokio::test]
async fn storage_of_an_account_without_code_is_refused() {
    let Some((_dir, replay, indexer)) = open().await else { return };
    // The wallet is an externally owned account; its storage trie is empty, so the slot is provably zero.
    let recorded = replay.chain().proofs[&(BLOCK, WALLET)].clone();
    if recorded.code_hash != alloy::primitives::KECCAK256_EMPTY {
        return;
    }
    let slot = alloy::rpc::types::EIP1186StorageProof { key: B256::ZERO.into(), ..Default::default() };
    replay.chain().proofs.get_mut(&(BLOCK, WALLET)).unwrap().storage_proof.push(slot);
    let error = collect(&indexer, &[question(FactKind::Slot, WALLET, 0)], &Reach::ALL).await.unwrap_err();
    assert!(matches!(error, EvidenceError::NoCode { block: BLOCK, address: WALLET }), "{error}");
}

#[test]
fn storage_slots_follow_solidity() {
    let mut fact = question(FactKind::Mapping, Address::ZERO, 3);
    fact.key = U256::from(5).to_be_bytes();
    fact.key2 = U256::from(7).to_be_bytes();
    let word = |n: u64| U256::from(n).to_be_bytes::<32>();
    let inner = keccak256([word(5), word(3)].concat());
    assert_eq!(evidence::storage_slot(&fact), Some(inner));
    let nested = Fact { kind: FactKind::Nested, ..fact };
    assert_eq!(evidence::storage_slot(&nested), Some(keccak256([word(7), inner.0].concat())));
    assert_eq!(evidence::storage_slot(&Fact { kind: FactKind::Slot, ..fact }), Some(B256::from(word(3))));
    assert_eq!(evidence::storage_slot(&Fact { kind: FactKind::Account, ..fact }), None);
}

#[test]
fn bounds_of_one_score_are_named() {
    let facts: Vec<Fact> =
        (0..161).map(|i| Fact { block: i, ..question(FactKind::Header, Address::ZERO, 8) }).collect();
    let error = evidence::check_bounds(&facts).unwrap_err();
    assert_eq!(error.to_string(), "query reads 161 blocks: expected at most 160 in 4 history proofs");
    let facts: Vec<Fact> = (0..325).map(|i| question(FactKind::Slot, Address::ZERO, i)).collect();
    let error = evidence::check_bounds(&facts).unwrap_err();
    assert_eq!(error.to_string(), "query needs 325 facts: expected at most 324 under 4 roots");
}
