//! Blocks far below an index that begins at the head: hops, or the contracts, lead to them. A history longer than one proof: each proof starts
//! where the one before it ended.
//!
//! Real blocks of an anvil chain, 8,191 apart, with proofs of the history contract (`circuits/tests/data`); made-up blocks where the contracts know the
//! hashes. Also makes the vector of
//! `contracts/test/RealLinked.t.sol`, where `VOUCH_WRITE_LINKED` names its file.

#[path = "support/real.rs"]
mod real;
mod support;

use alloy::consensus::{Header, TrieAccount};
use alloy::primitives::{Address, B256, Bytes, U256, hex};
use alloy::rlp::Decodable;
use alloy::rpc::types::{EIP1186AccountProofResponse, EIP1186StorageProof};
use futures::future::BoxFuture;
use real::Prover;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use support::{Fast, bounds, grow, index_from, query};
use vouch_circuits::evidence::WINDOW;
use vouch_circuits::facts::{Fact, FactKind};
use vouch_circuits::history::Class;
use vouch_indexer::db::Db;
use vouch_indexer::replay::Replay;
use vouch_indexer::{IndexError, Indexer};
use vouch_prover::engine::{Anchor, HistoryProof};
use vouch_prover::evidence::{Evidence, EvidenceError, OldAnchors, Reach, collect};
use vouch_prover::jobs::{Job, Stage};
use vouch_prover::queue::{Queue, QueueConfig, QueueError};
use vouch_prover::{histories, parts};

const OLDEST: u64 = 60;
const NEWEST: u64 = 16_445;
const MIDDLE: u64 = OLDEST + WINDOW;
/// Place of class H in [`histories::CLASSES`].
const CLASS_H: usize = 2;

fn nodes(list: &Value) -> Vec<Bytes> {
    serde_json::from_value(list.clone()).unwrap()
}

/// A node that has the recorded blocks, with the state that was recorded.
fn node() -> Replay {
    let replay = Replay::new(31_337);
    let file = include_str!("../../circuits/tests/data/anvil_hops.json");
    let file: Value = serde_json::from_str(file).unwrap();
    for block in file["blocks"].as_array().unwrap() {
        let rlp = hex::decode(block["rlp"].as_str().unwrap()).unwrap();
        replay.chain().push(Header::decode(&mut rlp.as_slice()).unwrap());
        for proof in block["proofs"].as_array().unwrap() {
            let address: Address = serde_json::from_value(proof["address"].clone()).unwrap();
            let path = nodes(&proof["accountProof"]);
            // the last node is the leaf: path and account
            let leaf = Vec::<Bytes>::decode(&mut path[path.len() - 1].as_ref()).unwrap();
            let account = TrieAccount::decode(&mut leaf[1].as_ref()).unwrap();
            let slots = proof["storageProof"].as_array().unwrap().iter().map(|slot| EIP1186StorageProof {
                key: serde_json::from_value::<B256>(slot["key"].clone()).unwrap().into(),
                value: serde_json::from_value(slot["value"].clone()).unwrap(),
                proof: nodes(&slot["proof"]),
            });
            let answer = EIP1186AccountProofResponse {
                address,
                balance: account.balance,
                nonce: account.nonce,
                code_hash: account.code_hash,
                storage_hash: account.storage_root,
                account_proof: path,
                storage_proof: slots.collect(),
            };
            replay.chain().proofs.insert((block["number"].as_u64().unwrap(), address), answer);
        }
    }
    replay
}

/// An index over them that begins at the newest block.
async fn index_at_head(replays: &[&Replay]) -> (tempfile::TempDir, Indexer) {
    let dir = tempfile::tempdir().unwrap();
    let indexer = index_from(replays, Db::open(dir.path()).unwrap(), NEWEST).await;
    (dir, indexer)
}

/// An index over them that begins at the newest block: the others are below it.
async fn recorded() -> (tempfile::TempDir, Indexer) {
    index_at_head(&[&node()]).await
}

/// A mapping's slot at three blocks.
fn questions() -> Vec<Fact> {
    let word = |n: u64| U256::from(n).to_be_bytes::<32>();
    let mut key = [0; 32];
    key[12..].copy_from_slice(&hex!("70997970c51812dc3a010c7d01b50e0d17dc79c8"));
    let (slot, key2, value) = (word(2), [0; 32], [0; 32]);
    let address = Address::with_last_byte(0x75).into_array();
    let address = std::array::from_fn(|i| {
        if i == 17 {
            0x0a
        } else if i == 18 {
            0x01
        } else {
            address[i]
        }
    });
    let fact = |i: u64| Fact {
        kind: FactKind::Mapping,
        block: OLDEST + i * WINDOW,
        address,
        slot,
        key,
        key2,
        path: Default::default(),
        value,
    };
    (0..3).map(fact).collect()
}

/// Evidence of the questions in two parts.
async fn two_parts() -> [Evidence; 2] {
    let (_dir, indexer) = recorded().await;
    let engine = Fast::default();
    engine.room.store(2, Ordering::SeqCst);
    let reach = Reach::window(NEWEST, NEWEST);
    let parts = parts::split(&indexer, &engine, &questions(), &reach, 2).await.unwrap();
    parts.evidence.try_into().unwrap()
}

#[tokio::test]
async fn each_proof_starts_where_the_one_before_it_ended() {
    let parts = two_parts().await;
    let blocks = |i: usize| parts[i].facts.iter().map(|fact| fact.block).collect::<Vec<_>>();
    assert_eq!((blocks(0), blocks(1)), (vec![MIDDLE, MIDDLE + WINDOW], vec![OLDEST]));
    let numbers = |i: usize| parts[i].anchors().iter().map(|a| (a.number, a.linked)).collect::<Vec<_>>();
    assert_eq!(numbers(0), [(MIDDLE, true), (NEWEST, false)]);
    assert_eq!(numbers(1), [(MIDDLE, false)], "no recent block");

    // the circuit takes both as they are
    for part in &parts {
        let witness = histories::witness(part).unwrap();
        witness.check().unwrap();
        Class::H.fits(&witness).unwrap();
        let anchor =
            |a: vouch_circuits::instances::Anchor| Anchor { number: a.number, hash: a.hash.into(), linked: a.linked };
        let anchors: Vec<Anchor> = witness.anchors().unwrap().into_iter().map(anchor).collect();
        assert_eq!(anchors, part.anchors());
    }
}

/// The second proof asks the contract for the very block that the first one teaches it.
#[tokio::test(flavor = "multi_thread")]
async fn both_proofs_are_real() {
    let [first, second] = two_parts().await;
    let prover = Prover::new(CLASS_H);
    let [first, second] = [first, second].map(|part| prover.prove(&part));
    let word = |fact: &Fact| U256::from_be_bytes(fact.value) >> 100;
    let values: Vec<U256> = second.facts.iter().chain(&first.facts).map(word).collect();
    assert_eq!(values, [1000, 2000, 3000].map(U256::from));
    assert_eq!(second.anchors, [Anchor { linked: false, ..first.anchors[0] }]);
    assert!(first.anchors[0].linked && !first.anchors[1].linked);

    prover.refuses_lies(
        &first,
        &[
            ("a recent block that answers for itself", |lie| lie.anchors[1].linked = true),
            ("another recent block", |lie| lie.anchors[1].hash.0[31] ^= 1),
            ("no recent block", |lie| lie.anchors.truncate(1)),
            ("the kinds exchanged", |lie| lie.anchors.iter_mut().for_each(|anchor| anchor.linked ^= true)),
        ],
    );
    prover.refuses_lies(&second, &[]);
    if let Some(file) = std::env::var_os("VOUCH_WRITE_LINKED") {
        fs::write(file, vector(&prover, [&first, &second])).unwrap();
    }
}

/// What the contract is sent, and the verifier of the class.
fn vector(prover: &Prover, [first, second]: [&HistoryProof; 2]) -> String {
    let (_, verifier) = prover.verifier();
    let post = |proof: &HistoryProof| {
        let HistoryProof { root, payee, anchors, proof, .. } = proof;
        json!({ "class": 0, "root": root, "payee": payee, "anchors": anchors, "proof": proof })
    };
    let line = json!({
        "first": post(first), "second": post(second),
        "verifier": { "bytecode": verifier.bytecode, "num_instances": verifier.num_instances, "proof_bytes": verifier.proof_bytes },
    });
    format!("{line:#}\n")
}

/// The recorded chain, but for block 60, which is made up with a state of its own.
fn lying() -> Replay {
    let replay = node();
    let mut made_up = replay.chain().headers[&OLDEST].inner.clone();
    made_up.state_root = B256::repeat_byte(6);
    replay.chain().push(made_up);
    replay
}

#[tokio::test]
async fn a_made_up_old_block_is_not_what_a_hop_leads_to() {
    let (asked, reach) = (questions(), Reach::window(NEWEST, NEWEST));
    let (_dir, indexer) = index_at_head(&[&lying()]).await;
    let error = collect(&indexer, &asked, &reach).await.unwrap_err();
    let EvidenceError::Index(IndexError::OtherBlock { number: OLDEST, expected, .. }) = &error else {
        panic!("{error}")
    };
    assert_eq!(*expected, node().chain().headers[&OLDEST].hash);
    assert!(matches!(indexer.header(OLDEST), Err(IndexError::BeforeWindow { .. })), "nothing is kept of it");

    let (_dir, indexer) = index_at_head(&[&lying(), &node()]).await;
    let evidence = collect(&indexer, &asked, &reach).await.unwrap();
    assert_eq!(evidence.blocks[0].hash, *expected, "of the next node");
    histories::witness(&evidence).unwrap().check().unwrap();
}

#[tokio::test]
async fn what_nothing_leads_to_is_refused_with_what_to_do() {
    let (_dir, indexer) = index_at_head(&[&node()]).await;
    let said = collect(&indexer, &questions(), &Reach::ALL).await.unwrap_err().to_string();
    assert!(
        said.starts_with("block 16442 is before the window: the index begins at block 16445")
            && said.contains("--hops"),
        "{said}"
    );
}

/// What the contracts tell of old blocks.
#[derive(Debug, Default)]
struct Contracts(BTreeMap<u64, B256>);

impl OldAnchors for Contracts {
    fn known<'a>(&'a self, blocks: &'a BTreeSet<u64>) -> BoxFuture<'a, BTreeSet<u64>> {
        Box::pin(async { blocks.iter().copied().filter(|block| self.0.contains_key(block)).collect() })
    }

    fn hash_of(&self, block: u64) -> BoxFuture<'_, Result<Option<B256>, String>> {
        Box::pin(async move { Ok(self.0.get(&block).copied()) })
    }
}

/// A queue over made-up chains of 1,010 blocks, indexed from block 1,000 on, with contracts that tell of `known` blocks of the last of them.
async fn queue(replays: &[&Replay], known: &[u64]) -> (tempfile::TempDir, Queue<Fast>) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path()).unwrap();
    let honest = replays[replays.len() - 1].chain().headers.clone();
    let known = known.iter().map(|block| (*block, honest[block].hash)).collect();
    let queue = Queue::new(db.clone(), index_from(replays, db, 1_000).await, Arc::new(Fast::default()), bounds());
    (dir, queue.with_old_anchors(Arc::new(Contracts(known))))
}

fn chain() -> Replay {
    let replay = Replay::new(31_337);
    grow(&replay, 1_010, 0);
    replay
}

async fn finish(queue: &Queue<Fast>, id: &str) -> Job {
    for _ in 0..200 {
        if !queue.step().await.unwrap() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        let job = queue.store().get(id).unwrap();
        if job.stage.is_done() {
            return job;
        }
    }
    panic!("the job does not come to an end");
}

#[tokio::test]
async fn blocks_that_the_contracts_know_are_proven_though_the_index_begins_above_them() {
    let (_dir, queue) = queue(&[&chain()], &[16, 18, 20]).await;
    let job = queue.add(query(20)).await.unwrap();
    assert_eq!(finish(&queue, &job.id).await.stage, Stage::Proven);
    assert_eq!(queue.served(&job.id).unwrap().score.proof.outputs[0], 12 * (20 + 18 + 16));
    // with what was indexed they make one job
    let job = queue.add(query(1_001)).await;
    assert!(matches!(job, Err(QueueError::Index(IndexError::BeforeWindow { number: 997, first: 1_000 }))), "unknown");
}

#[tokio::test]
async fn a_made_up_block_is_not_the_one_that_the_contracts_know() {
    let liar = chain();
    let mut made_up = liar.chain().headers[&20].inner.clone();
    made_up.timestamp += 1;
    liar.chain().push(made_up);
    let honest = chain();
    let hash = honest.chain().headers[&20].hash;
    let (_dir, of_both) = queue(&[&liar, &honest], &[16, 18, 20]).await;
    let job = of_both.add(query(20)).await.unwrap();
    assert_eq!(finish(&of_both, &job.id).await.stage, Stage::Proven, "the honest node is asked next");

    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path()).unwrap();
    let known = Contracts([16, 18, 20].map(|block| (block, honest.chain().headers[&block].hash)).into());
    let alone = Queue::new(db.clone(), index_from(&[&liar], db, 1_000).await, Arc::new(Fast::default()), bounds());
    let alone = alone.with_old_anchors(Arc::new(known));
    let job = alone.add(query(20)).await.unwrap();
    let failure = finish(&alone, &job.id).await.failure.unwrap();
    assert_eq!(failure.kind, "node");
    assert!(
        failure.detail.starts_with(&format!("block 20: expected the one with hash {hash}, node has 0x")),
        "{}",
        failure.detail
    );
    assert!(alone.indexer().header(20).is_err() && alone.store().roots().unwrap().is_empty());
}

/// With hops a query is taken, and fails with a reason where the chain has no history contract.
#[tokio::test]
async fn a_chain_without_the_history_contract_is_named() {
    let replay = chain();
    let answer = EIP1186AccountProofResponse {
        address: vouch_circuits::evidence::HISTORY_CONTRACT.into(),
        ..Default::default()
    };
    let slot = |block: u64| EIP1186StorageProof { key: B256::from(U256::from(block)).into(), ..Default::default() };
    let answer = EIP1186AccountProofResponse { storage_proof: (16..=20).map(slot).collect(), ..answer };
    replay.chain().proofs.insert((1_010, answer.address), answer);
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path()).unwrap();
    let bounds = QueueConfig { reach_blocks: Some(8_000), ..bounds() };
    let queue = Queue::new(db.clone(), index_from(&[&replay], db, 1_000).await, Arc::new(Fast::default()), bounds);
    let job = queue.add(query(20)).await.unwrap();
    let failure = finish(&queue, &job.id).await.failure.unwrap();
    let expected = "block 20 cannot be linked: the history contract holds no hash of it in the state of block 1010";
    assert!(failure.detail.starts_with(expected), "{}", failure.detail);
    assert_eq!(failure.kind, "query");
}
