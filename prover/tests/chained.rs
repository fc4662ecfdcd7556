//! A history longer than one proof, over blocks that only hops lead to: each proof starts where the one before it ended.
//!
//! Real blocks of an anvil chain, 8,191 apart, with proofs of the history contract (`circuits/tests/data`). Also makes the vector of
//! `contracts/test/RealLinked.t.sol`, where `VOUCH_WRITE_LINKED` names its file.

#[path = "support/real.rs"]
mod real;
mod support;

use alloy::primitives::{Address, B256, Bytes, U256, hex};
use alloy::rlp::Decodable;
use real::Prover;
use serde_json::{Value, json};
use std::fs;
use std::sync::atomic::Ordering;
use support::Fast;
use vouch_circuits::evidence::WINDOW;
use vouch_circuits::facts::{Fact, FactKind};
use vouch_circuits::history::Class;
use vouch_indexer::db::Db;
use vouch_indexer::replay::Replay;
use vouch_indexer::store::{AccountProof, SlotProof, StoredHeader};
use vouch_indexer::{Config, Indexer, Start};
use vouch_prover::engine::{Anchor, HistoryProof};
use vouch_prover::evidence::{Evidence, Reach};
use vouch_prover::{histories, parts};

const OLDEST: u64 = 60;
const NEWEST: u64 = 16_445;
const MIDDLE: u64 = OLDEST + WINDOW;
/// Place of class H in [`histories::CLASSES`].
const CLASS_H: usize = 2;

fn nodes(list: &Value) -> Vec<Bytes> {
    serde_json::from_value(list.clone()).unwrap()
}

/// An index that holds the recorded blocks and nothing else.
async fn recorded() -> (tempfile::TempDir, Indexer) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::new(Replay::new(31_337).spawn().await.unwrap());
    config.start = Start::Block(1);
    let indexer = Indexer::open(Db::open(dir.path()).unwrap(), config).await.unwrap();
    let file = include_str!("../../circuits/tests/data/anvil_hops.json");
    let file: Value = serde_json::from_str(file).unwrap();
    for block in file["blocks"].as_array().unwrap() {
        let hash: B256 = serde_json::from_value(block["hash"].clone()).unwrap();
        let rlp = hex::decode(block["rlp"].as_str().unwrap()).unwrap();
        indexer
            .store()
            .append_headers(&[StoredHeader { number: block["number"].as_u64().unwrap(), hash, rlp }])
            .unwrap();
        for proof in block["proofs"].as_array().unwrap() {
            let address: Address = serde_json::from_value(proof["address"].clone()).unwrap();
            let path = nodes(&proof["accountProof"]);
            // the last node is the leaf: path and account
            let leaf = Vec::<Bytes>::decode(&mut path[path.len() - 1].as_ref()).unwrap();
            let account = Decodable::decode(&mut leaf[1].as_ref()).unwrap();
            let slots = proof["storageProof"].as_array().unwrap().iter().map(|slot| SlotProof {
                slot: serde_json::from_value(slot["key"].clone()).unwrap(),
                value: serde_json::from_value::<U256>(slot["value"].clone()).unwrap(),
                nodes: nodes(&slot["proof"]),
            });
            let slots: Vec<SlotProof> = slots.collect();
            let account = AccountProof { address, account: Some(account), nodes: path };
            indexer.store().put_proofs(hash, &account, &slots).unwrap();
        }
    }
    (dir, indexer)
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
