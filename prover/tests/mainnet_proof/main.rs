//! Real proofs over real mainnet blocks, asked for and checked as a live node's would be, proven, and verified natively and in the EVM: four
//! accounts with three slots each of block 18,884,864; receipts, logs and a count of logs of block 14,764,013. Below, what there is no
//! recording of: transactions, paths, and headers of each fork.

mod agreement;
mod entries;
mod headers;
mod paths;
#[path = "../support/real.rs"]
mod real;

use alloy::consensus::Header;
use alloy::primitives::{Address, Bytes, U256, address};
use alloy::rlp::Decodable;
use real::Prover;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::PathBuf};
use vouch_circuits::facts::{Fact, FactKind, LogRange};
use vouch_circuits::receipt::{Log, Receipt};
use vouch_indexer::{Config, Finality, Indexer, Start, db::Db, replay::Replay};
use vouch_prover::{
    evidence::{Reach, collect},
    histories::{CLASSES, WITHOUT_HOPS},
};

/// Places of classes in [`CLASSES`].
const CLASS_S: usize = 0;
const CLASS_M: usize = 1;
const CLASS_R: usize = 3;

const BLOCK: u64 = 18_884_864;
/// Two balances of a token and a slot of it that is not there.
const TOKEN: Address = address!("0x2dff88a56767223a5529ea5960da7a3f5f766406");
/// Three balances of wrapped ether.
const WETH: Address = address!("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2");
/// Two balances of another token and a slot of it that is not there.
const MAKER: Address = address!("0x9f8f72aa9304c8b593d555f12ef6589cc3a579a2");
/// A pair: its two tokens and the packed reserves.
const PAIR: Address = address!("0x0d4a11d5eeaac28ec3f61d100daf4d40471f1852");

fn fixtures() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures");
    let folder = PathBuf::from(std::env::var("VOUCH_FIXTURES").unwrap_or(default.into())).join("proofs");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: fixtures {} are not there; set VOUCH_FIXTURES", folder.display());
    None
}

fn number(value: &Value) -> U256 {
    match value.as_str() {
        Some(text) => text.parse().expect("a number"),
        None => U256::from(value.as_u64().expect("a number")),
    }
}

fn question(kind: FactKind, address: Address, slot: U256, key: U256) -> Fact {
    let zero = [0; 32];
    let (slot, key) = (slot.to_be_bytes(), key.to_be_bytes());
    Fact { kind, block: BLOCK, address: address.into(), slot, key, key2: zero, path: Default::default(), value: zero }
}

/// What is known of the meaning of slots: base slot, key and value of `count` mapping slots of `contract`.
fn balances(semantic: &Value, contract: Address, count: usize) -> Vec<(Fact, U256)> {
    let of = |entry: &&Value| {
        entry["address"].as_str().and_then(|a| a.parse::<Address>().ok()) == Some(contract)
            && entry["kind"] == "mapping(address=>)"
    };
    let entries = semantic.as_array().expect("a list").iter().filter(of).take(count);
    let found: Vec<_> = entries
        .map(|entry| {
            let fact = question(FactKind::Mapping, contract, number(&entry["base_slot"]), number(&entry["keys"][0]));
            (fact, number(&entry["values"][BLOCK.to_string()]))
        })
        .collect();
    assert_eq!(found.len(), count, "mapping slots of {contract}");
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn four_accounts_with_three_slots_each_are_proven() {
    let Some(folder) = fixtures() else { return };
    let semantic: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("zeth_semantic_slots.json")).expect("a file"))
            .expect("JSON");
    let plain = |contract, slot| question(FactKind::Slot, contract, U256::from(slot), U256::ZERO);
    let mut expected: Vec<(Fact, U256)> = Vec::new();
    expected.extend(balances(&semantic, TOKEN, 2));
    expected.push((plain(TOKEN, 5), U256::ZERO));
    expected.extend(balances(&semantic, WETH, 3));
    expected.extend(balances(&semantic, MAKER, 2));
    expected.push((plain(MAKER, 4), U256::ZERO));
    let reserves = semantic.as_array().expect("a list").iter().find(|entry| {
        entry["address"].as_str().and_then(|a| a.parse::<Address>().ok()) == Some(PAIR) && entry["slot"].is_string()
    });
    let reserves = number(&reserves.expect("the pair")["values"][BLOCK.to_string()]["raw"]);
    expected.push((plain(PAIR, 8), reserves));
    expected.push((plain(PAIR, 6), U256::from_be_slice(WETH.as_slice())));
    let tether = address!("0xdac17f958d2ee523a2206206994597c13d831ec7");
    expected.push((plain(PAIR, 7), U256::from_be_slice(tether.as_slice())));

    let replay = Replay::new(1);
    replay.add_recording(&folder.join("zeth_18884864.json")).expect("a recording");
    let dir = tempfile::tempdir().expect("a folder");
    let mut config = Config::new(replay.spawn().await.expect("a server"));
    config.start = Start::Block(BLOCK);
    config.finality = Finality::Depth { blocks: 0 };
    let indexer = Indexer::open(Db::open(dir.path()).expect("a store"), config).await.expect("an indexer");
    indexer.catch_up().await.expect("the block");

    let mut asked: Vec<Fact> = expected.iter().map(|(fact, _)| *fact).collect();
    asked.extend([TOKEN, WETH, MAKER, PAIR].map(|a| question(FactKind::Account, a, U256::from(1), U256::ZERO)));
    asked.push(question(FactKind::Header, Address::ZERO, U256::from(11), U256::ZERO));
    let evidence = collect(&indexer, &asked, &Reach::ALL).await.expect("evidence");
    let values: BTreeMap<_, U256> = evidence
        .facts
        .iter()
        .map(|f| ((f.address, f.slot, f.key, f.kind as u64), U256::from_be_bytes(f.value)))
        .collect();
    for (fact, value) in &expected {
        assert_eq!(values[&(fact.address, fact.slot, fact.key, fact.kind as u64)], *value, "{fact:?}");
    }

    let prover = Prover::new(CLASS_M);
    let proof = prover.prove(&evidence);
    prover.refuses_lies(&proof, &[]);
}

/// Every receipt of a block, its last log, and how often its first log's contract wrote that event: all logs of the block are looked at.
#[tokio::test(flavor = "multi_thread")]
async fn receipts_logs_and_a_count_are_proven() {
    let Some(folder) = fixtures() else { return };
    let text = fs::read_to_string(folder.join("../receipts/14764013.json")).expect("a file");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let rlp: Bytes = serde_json::from_value(file["header_rlp"].clone()).expect("hex");
    let entries: Vec<Bytes> = serde_json::from_value(file["receipts"].clone()).expect("hex");
    let header = Header::decode(&mut rlp.as_ref()).expect("a header");
    let (replay, block) = (Replay::new(1), header.number);
    replay.chain().push(header);
    replay.chain().put_receipts(block, &entries);
    let dir = tempfile::tempdir().expect("a folder");
    let mut config = Config::new(replay.spawn().await.expect("a server"));
    config.start = Start::Block(block);
    config.finality = Finality::Depth { blocks: 0 };
    let indexer = Indexer::open(Db::open(dir.path()).expect("a store"), config).await.expect("an indexer");
    indexer.catch_up().await.expect("the block");

    let read: Vec<Receipt<'_>> = entries.iter().map(|entry| Receipt::read(entry).expect("a receipt")).collect();
    let logs: Vec<&Log> = read.iter().flat_map(|receipt| &receipt.logs).collect();
    let first = *logs.first().expect("a log");
    let [address, zero] = [first.address, [0; 20]];
    let fact = |kind, address, slot, key, key2| Fact {
        kind,
        block,
        address,
        slot,
        key,
        key2,
        path: Default::default(),
        value: [0; 32],
    };
    let word = |n: usize| U256::from(n).to_be_bytes::<32>();
    let range = LogRange { blocks: 1, topic: 0 }.slot();
    let mut asked = vec![fact(FactKind::LogCount, address, range, first.topics[0], word(0))];
    for (i, receipt) in read.iter().enumerate() {
        asked.push(fact(FactKind::Receipt, zero, word(2), word(i), word(0)));
        if let Some(last) = receipt.logs.len().checked_sub(1) {
            asked.push(fact(FactKind::Log, zero, word(1), word(i), word(last)));
        }
    }
    let evidence = collect(&indexer, &asked, &Reach::ALL).await.expect("evidence");
    let is_same = |log: &&&Log| log.address == address && log.topics.first() == first.topics.first();
    let count = evidence.facts.iter().find(|fact| fact.kind == FactKind::LogCount).expect("a count");
    assert_eq!(count.value, word(logs.iter().filter(is_same).count()));

    let prover = Prover::new(CLASS_R);
    let few = prover.histories_of(&CLASSES[..WITHOUT_HOPS]);
    let said = few.k(&evidence).expect_err("classes without receipts").to_string();
    assert!(said.ends_with("set up and start the node with --hops"), "{said}");
    let proof = prover.prove(&evidence);
    prover.refuses_lies(
        &proof,
        &[("one log more", |lie| {
            let count = lie.facts.iter_mut().find(|fact| fact.kind == FactKind::LogCount).expect("a count");
            count.value[31] += 1;
        })],
    );
}
