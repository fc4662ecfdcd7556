//! Facts of real mainnet state, through the replay server.

mod support;

use alloy::consensus::Header;
use alloy::primitives::{Address, B256, Bytes, U256, address, keccak256};
use alloy::rlp::Decodable;
use std::path::PathBuf;
use vouch_circuits::evidence::number;
use vouch_circuits::facts::{Fact, FactKind, LogRange};
use vouch_circuits::history::Class;
use vouch_circuits::receipt::{Log, Receipt};
use vouch_indexer::db::Db;
use vouch_indexer::replay::Replay;
use vouch_indexer::{Config, Finality, Indexer, Start};
use vouch_prover::evidence::{self, EvidenceError, Reach, collect};
use vouch_prover::histories;

const BLOCK: u64 = 18_884_864;
const PAIR: Address = address!("0x0d4a11d5eeaac28ec3f61d100daf4d40471f1852");
const WALLET: Address = address!("0x300500964fa9e884f47600ed9dc91e7e5cbe9582");

fn question(kind: FactKind, address: Address, slot: u64) -> Fact {
    let slot = U256::from(slot).to_be_bytes();
    Fact {
        kind,
        block: BLOCK,
        address: address.into(),
        slot,
        key: [0; 32],
        key2: [0; 32],
        path: Default::default(),
        value: [0; 32],
    }
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

/// An index over a block of the receipts fixtures, its header and its receipts.
async fn receipts(name: &str) -> Option<(tempfile::TempDir, Replay, Indexer, u64, Vec<Bytes>)> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures");
    let path = PathBuf::from(std::env::var("VOUCH_FIXTURES").unwrap_or(default.into()));
    let Ok(text) = std::fs::read(path.join(format!("receipts/{name}.json"))) else {
        eprintln!("SKIPPED: fixture receipts/{name}.json is not there; set VOUCH_FIXTURES");
        return None;
    };
    let file: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let rlp: Bytes = serde_json::from_value(file["header_rlp"].clone()).unwrap();
    let receipts: Vec<Bytes> = serde_json::from_value(file["receipts"].clone()).unwrap();
    let header = Header::decode(&mut rlp.as_ref()).unwrap();
    let (replay, number) = (Replay::new(1), header.number);
    replay.chain().push(header);
    replay.chain().put_receipts(number, &receipts);
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::new(replay.spawn().await.unwrap());
    config.start = Start::Block(number);
    config.finality = Finality::Depth { blocks: 0 };
    let indexer = Indexer::open(Db::open(dir.path()).unwrap(), config).await.unwrap();
    indexer.catch_up().await.unwrap();
    Some((dir, replay, indexer, number, receipts))
}

fn entry_fact(kind: FactKind, block: u64, entry: usize, log: usize, field: u64) -> Fact {
    let word = |n: usize| U256::from(n).to_be_bytes();
    Fact { block, key: word(entry), key2: word(log), ..question(kind, Address::ZERO, field) }
}

/// How often the contract of the first log of a block wrote that event in the block.
fn count_of(block: u64, log: &Log, topic: u8) -> Fact {
    let slot = LogRange { blocks: 1, topic }.slot();
    let key2 = if topic == 0 { [0; 32] } else { log.topics[usize::from(topic)] };
    let address = log.address;
    Fact { block, address, slot, key: log.topics[0], key2, ..question(FactKind::LogCount, Address::ZERO, 0) }
}

/// Facts of every receipt of real blocks of six forks, of a log of each, and counts, with the room that class R has for them.
#[tokio::test]
async fn receipts_logs_and_counts_of_real_blocks() {
    let too_many = ["15573637", "22869878"];
    for name in ["14764013", "15537393", "15573637", "17034870", "19426587", "22869878"] {
        let Some((_dir, _replay, indexer, block, entries)) = receipts(name).await else { return };
        let read: Vec<Receipt<'_>> = entries.iter().map(|entry| Receipt::read(entry).unwrap()).collect();
        let logs: Vec<&Log> = read.iter().flat_map(|receipt| &receipt.logs).collect();
        let first = logs.iter().find(|log| log.topics.len() > 1).unwrap_or(&logs[0]);
        let mut asked = vec![count_of(block, first, 0)];
        if first.topics.len() > 1 {
            asked.push(count_of(block, first, 1));
        }
        for (i, receipt) in read.iter().enumerate() {
            asked.push(entry_fact(FactKind::Receipt, block, i, 0, 2));
            if !receipt.logs.is_empty() {
                asked.push(entry_fact(FactKind::Log, block, i, receipt.logs.len() - 1, 0));
            }
        }
        for group in asked.chunks(81) {
            let evidence = collect(&indexer, group, &Reach::ALL).await.unwrap();
            for fact in &evidence.facts {
                let entry = number(&fact.key) as usize;
                let has = |log: &&&Log, i: usize, topic: &[u8; 32]| log.topics.get(i) == Some(topic);
                let expected = match fact.kind {
                    FactKind::Receipt => U256::from(read[entry].logs.len()),
                    FactKind::Log => U256::from_be_slice(&read[entry].logs.last().unwrap().address),
                    _ => U256::from(
                        logs.iter()
                            .filter(|log| log.address == fact.address && has(log, 0, &fact.key))
                            .filter(|log| fact.key2 == [0; 32] || has(log, 1, &fact.key2))
                            .count(),
                    ),
                };
                assert_eq!(U256::from_be_bytes(fact.value), expected, "block {name}, {fact:?}");
            }
            let witness = histories::witness(&evidence).unwrap();
            let fits = Class::R.fits(&witness).map_err(|e| e.to_string());
            let counts = group.iter().any(|fact| fact.kind == FactKind::LogCount);
            match too_many.contains(&name) && counts {
                false => fits.unwrap(),
                true => assert!(fits.unwrap_err().starts_with("class R has room for"), "{name}"),
            }
        }
    }
}

/// What a node leaves out or changes is no evidence, and a value that is not the chain's is no witness.
#[tokio::test]
async fn lies_about_receipts_are_refused() {
    let Some((_dir, replay, indexer, block, entries)) = receipts("17034870").await else { return };
    let read: Vec<Receipt<'_>> = entries.iter().map(|entry| Receipt::read(entry).unwrap()).collect();
    let log = read.iter().flat_map(|receipt| &receipt.logs).find(|log| log.topics.len() == 3).unwrap();
    let asked = [count_of(block, log, 1)];
    let honest = replay.chain().receipts.clone();
    replay.chain().receipts.get_mut(&block).unwrap().remove(40);
    let said = collect(&indexer, &asked, &Reach::ALL).await.unwrap_err().to_string();
    assert!(said.contains("of block 17034870 with what is not the block's: 183 receipts have the root"), "{said}");
    replay.chain().receipts = honest;
    for receipt in replay.chain().receipts.get_mut(&block).unwrap() {
        let logs = receipt["logs"].as_array_mut().unwrap();
        logs.retain(|other| other["topics"][1] != serde_json::json!(B256::from(log.topics[1])));
    }
    assert!(matches!(collect(&indexer, &asked, &Reach::ALL).await, Err(EvidenceError::Index(_))), "logs are dropped");

    let Some((_dir, _replay, indexer, ..)) = receipts("17034870").await else { return };
    let honest = collect(&indexer, &asked, &Reach::ALL).await.unwrap();
    histories::witness(&honest).unwrap();
    let mut lie = honest.clone();
    lie.facts[0].value[31] ^= 1;
    let said = histories::witness(&lie).unwrap_err().to_string();
    assert!(said.contains("fact of block 17034870: evidence proves"), "{said}");
    let mut lie = honest.clone();
    lie.blocks[0].entry_nodes.pop();
    assert!(histories::witness(&lie).is_err(), "a node of the trie is left out");

    let nobody = [entry_fact(FactKind::Receipt, block, 184, 0, 0)];
    let said = collect(&indexer, &nobody, &Reach::ALL).await.unwrap_err().to_string();
    let expected = "block 17034870: fact 0 asks for transaction 184 of block 17034870, which has none of that number";
    assert_eq!(said, expected);
    let long = [Fact { slot: LogRange { blocks: 41, topic: 1 }.slot(), ..asked[0] }];
    let said = collect(&indexer, &long, &Reach::ALL).await.unwrap_err().to_string();
    assert!(said.contains("over 41 blocks up to block 17034870 in one fact: expected at most 40"), "{said}");
    let said = evidence::check_classes(&asked, false).unwrap_err().to_string();
    assert!(said.ends_with("deploy with `vouch setup --hops`, start with `vouch serve --hops`"), "{said}");
}
