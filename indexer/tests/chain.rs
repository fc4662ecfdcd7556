//! Following made-up chains: growth, reorgs, lies, outages, restarts. The node is the replay server.

use alloy::consensus::Header;
use alloy::primitives::{B256, keccak256};
use std::time::Duration;
use vouch_indexer::config::Retry;
use vouch_indexer::db::{Db, DbError};
use vouch_indexer::node::NodeError;
use vouch_indexer::replay::Replay;
use vouch_indexer::{Config, Finality, IndexError, Indexer, Start, Step};

const CHAIN_ID: u64 = 31_337;

/// Extends the served chain to `to`; `salt` tells forks apart.
fn grow(replay: &Replay, to: u64, salt: u64) {
    let mut chain = replay.chain();
    let tip = chain.headers.last_key_value().map(|(_, h)| (h.inner.number, h.hash));
    let (mut number, mut parent) = tip.map_or((1, B256::repeat_byte(7)), |(n, h)| (n + 1, h));
    while number <= to {
        let header = Header { number, parent_hash: parent, timestamp: 12 * number + salt, ..Header::default() };
        parent = header.hash_slow();
        chain.push(header);
        number += 1;
    }
}

async fn open(replay: &Replay, db: Db, depth: u64) -> Result<Indexer, IndexError> {
    open_from(&[replay], db, depth, 1).await
}

/// Over several nodes, the first preferred, from block `first` on.
async fn open_from(replays: &[&Replay], db: Db, depth: u64, first: u64) -> Result<Indexer, IndexError> {
    let mut urls = vec![];
    for replay in replays {
        urls.push(replay.spawn().await.unwrap());
    }
    let mut config = Config::new(urls.join(","));
    config.start = Start::Block(first);
    config.finality = Finality::Depth { blocks: depth };
    config.batch_blocks = 10;
    config.retry = Retry { tries: 4, first_delay: Duration::from_millis(2), ..Retry::default() };
    Indexer::open(db, config).await
}

fn data() -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path()).unwrap();
    (dir, db)
}

/// Every stored header links to the one below and equals the served one.
fn assert_follows(indexer: &Indexer, replay: &Replay, tip: u64) {
    assert_eq!(indexer.status().unwrap().tip, Some(tip));
    for number in 1..=tip {
        let stored = indexer.header(number).unwrap();
        assert_eq!(stored.hash, keccak256(&stored.rlp));
        assert_eq!(stored.hash, replay.chain().headers[&number].hash, "block {number}");
    }
    assert!(matches!(indexer.header(tip + 1), Err(IndexError::Future { .. })));
}

#[tokio::test]
async fn follows_a_growing_chain_and_resumes() {
    let (dir, db) = data();
    let replay = Replay::new(CHAIN_ID);
    grow(&replay, 25, 0);
    let indexer = open(&replay, db, 64).await.unwrap();
    assert_eq!(indexer.step().await.unwrap(), Step::Advanced { from: 1, to: 10 });
    // Dropped in the middle, as by a kill: what a step stored is there, the rest is fetched again.
    drop(indexer);
    grow(&replay, 33, 0);
    let indexer = open(&replay, Db::open(dir.path()).unwrap(), 64).await.unwrap();
    assert_eq!(indexer.step().await.unwrap(), Step::Advanced { from: 11, to: 20 });
    indexer.catch_up().await.unwrap();
    assert_follows(&indexer, &replay, 33);
}

#[tokio::test]
async fn reorgs_of_any_depth_down_to_finality_are_unwound() {
    for depth in [1, 2, 9, 20] {
        let (_dir, db) = data();
        let replay = Replay::new(CHAIN_ID);
        grow(&replay, 30, 0);
        let indexer = open(&replay, db, 20).await.unwrap();
        indexer.catch_up().await.unwrap();
        replay.chain().truncate(30 - depth);
        grow(&replay, 31, 5);
        assert_eq!(indexer.step().await.unwrap(), Step::Unwound { from: 30, to: 30 - depth }, "depth {depth}");
        indexer.catch_up().await.unwrap();
        assert_follows(&indexer, &replay, 31);
        assert_eq!(indexer.status().unwrap().unwound_blocks, depth);
    }
}

#[tokio::test]
async fn reorg_to_a_chain_of_equal_or_lesser_height_is_seen() {
    for height in [30, 28] {
        let (_dir, db) = data();
        let replay = Replay::new(CHAIN_ID);
        grow(&replay, 30, 0);
        let indexer = open(&replay, db, 20).await.unwrap();
        indexer.catch_up().await.unwrap();
        replay.chain().truncate(25);
        grow(&replay, height, 9);
        indexer.catch_up().await.unwrap();
        assert_follows(&indexer, &replay, height);
    }
}

#[tokio::test]
async fn node_that_is_behind_does_not_unwind() {
    let (_dir, db) = data();
    let replay = Replay::new(CHAIN_ID);
    grow(&replay, 30, 0);
    let indexer = open(&replay, db, 20).await.unwrap();
    indexer.catch_up().await.unwrap();
    replay.chain().truncate(27);
    assert_eq!(indexer.step().await.unwrap(), Step::Idle);
    assert_eq!(indexer.status().unwrap().tip, Some(30));
}

#[tokio::test]
async fn fork_below_finality_is_refused_and_nothing_is_removed() {
    let (_dir, db) = data();
    let replay = Replay::new(CHAIN_ID);
    grow(&replay, 30, 0);
    let indexer = open(&replay, db, 5).await.unwrap();
    indexer.catch_up().await.unwrap();
    assert_eq!(indexer.status().unwrap().finalized, Some(25));
    replay.chain().truncate(24);
    grow(&replay, 40, 5);
    let error = indexer.step().await.unwrap_err();
    assert!(matches!(error, IndexError::ForkBelowFinalized { finalized: 25, .. }), "{error}");
    assert_eq!(indexer.status().unwrap().tip, Some(30));
    assert!(indexer.status().unwrap().error.is_some());
}

#[tokio::test]
async fn header_that_does_not_hash_to_its_announced_hash_is_refused() {
    let (_dir, db) = data();
    let replay = Replay::new(CHAIN_ID);
    grow(&replay, 5, 0);
    let announced = replay.chain().headers[&3].hash;
    replay.chain().headers.get_mut(&3).unwrap().inner.gas_used += 1;
    let indexer = open(&replay, db, 64).await.unwrap();
    let error = indexer.step().await.unwrap_err();
    assert!(matches!(error, IndexError::HashMismatch { number: 3, announced: a, .. } if a == announced), "{error}");
    assert_eq!(indexer.status().unwrap().tip, None);
}

#[tokio::test]
async fn another_block_than_asked_for_is_refused() {
    let (_dir, db) = data();
    let replay = Replay::new(CHAIN_ID);
    grow(&replay, 5, 0);
    let four = replay.chain().headers[&4].clone();
    replay.chain().headers.insert(3, four);
    let indexer = open(&replay, db, 64).await.unwrap();
    let error = indexer.step().await.unwrap_err();
    assert!(matches!(error, IndexError::NumberMismatch { expected: 3, got: 4 }), "{error}");
}

#[tokio::test]
async fn unlinked_block_of_an_unchanged_chain_is_refused() {
    let (_dir, db) = data();
    let replay = Replay::new(CHAIN_ID);
    grow(&replay, 5, 0);
    let indexer = open(&replay, db, 64).await.unwrap();
    indexer.catch_up().await.unwrap();
    let wrong = Header { number: 6, parent_hash: B256::repeat_byte(1), ..Header::default() };
    replay.chain().push(wrong);
    let tip = indexer.header(5).unwrap().hash;
    let error = indexer.step().await.unwrap_err();
    assert!(matches!(error, IndexError::ParentMismatch { number: 6, expected, .. } if expected == tip), "{error}");
    assert_follows(
        &indexer,
        &{
            replay.chain().truncate(5);
            replay.clone()
        },
        5,
    );
}

#[tokio::test]
async fn short_outage_is_waited_out_and_a_long_one_is_named() {
    let (_dir, db) = data();
    let replay = Replay::new(CHAIN_ID);
    grow(&replay, 5, 0);
    let indexer = open(&replay, db, 64).await.unwrap();
    replay.chain().outage_requests = 2;
    indexer.catch_up().await.unwrap();
    replay.chain().outage_requests = 100;
    let error = indexer.step().await.unwrap_err();
    assert!(matches!(error, IndexError::Node(NodeError::Unreachable { tries: 4, .. })), "{error}");
    replay.chain().outage_requests = 0;
    grow(&replay, 6, 0);
    indexer.catch_up().await.unwrap();
    assert_follows(&indexer, &replay, 6);
}

#[tokio::test]
async fn directory_of_another_chain_is_refused() {
    let (_dir, db) = data();
    let replay = Replay::new(CHAIN_ID);
    grow(&replay, 2, 0);
    open(&replay, db.clone(), 64).await.unwrap();
    let error = open(&Replay::new(5), db, 64).await.unwrap_err();
    assert!(matches!(error, IndexError::ChainMismatch { expected: CHAIN_ID, got: 5 }), "{error}");
}

#[tokio::test]
async fn second_process_on_a_directory_is_refused() {
    let (dir, _db) = data();
    let error = Db::open(dir.path()).unwrap_err();
    assert!(matches!(error, DbError::Locked { .. }), "{error}");
}

/// A chain of 60 blocks, and a node that has made up block 20 of it.
fn honest_and_liar() -> (Replay, Replay) {
    let [honest, liar] = [0, 0].map(|salt| {
        let replay = Replay::new(CHAIN_ID);
        grow(&replay, 60, salt);
        replay
    });
    let mut made_up = liar.chain().headers[&20].inner.clone();
    made_up.state_root = B256::repeat_byte(0x66);
    liar.chain().push(made_up);
    (honest, liar)
}

#[tokio::test]
async fn old_header_is_stored_by_the_hash_that_is_known_and_never_by_another() {
    let ((_dir, db), (honest, liar)) = (data(), honest_and_liar());
    let indexer = open_from(&[&liar], db.clone(), 5, 50).await.unwrap();
    let [hash, of_55] = [20, 55].map(|number| honest.chain().headers[&number].hash);
    let error = indexer.header_of(20, hash).await.unwrap_err();
    assert!(matches!(error, IndexError::Empty), "nothing is indexed that could be known: {error}");
    indexer.catch_up().await.unwrap();
    let error = indexer.header_of(20, hash).await.unwrap_err();
    let got = Some(liar.chain().headers[&20].hash);
    assert!(matches!(error, IndexError::OtherBlock { number: 20, got: g, .. } if g == got), "{error}");
    assert!(matches!(indexer.header(20), Err(IndexError::BeforeWindow { number: 20, first: 50 })), "not stored");
    liar.chain().headers.remove(&20);
    let error = indexer.header_of(20, hash).await.unwrap_err().to_string();
    assert!(error.ends_with("node has none"), "{error}");
    // an indexed block is not replaced, and one above the tip not fetched
    let error = indexer.header_of(55, hash).await.unwrap_err();
    assert!(matches!(error, IndexError::OtherBlock { got: Some(got), .. } if got == of_55), "{error}");
    assert!(matches!(indexer.header_of(61, hash).await, Err(IndexError::Future { .. })));
    drop(indexer);

    let indexer = open_from(&[&liar, &honest], db, 5, 50).await.unwrap();
    liar.chain().push(Header { number: 20, ..Header::default() });
    assert_eq!(indexer.header_of(20, hash).await.unwrap().hash, hash);
    assert_eq!(indexer.header(20).unwrap().hash, hash);
    let requests = honest.chain().requests;
    indexer.header_of(20, hash).await.unwrap();
    assert_eq!(honest.chain().requests, requests, "from the store");
    // the index goes on at its tip, and knows the block after a reorg
    assert_eq!(indexer.status().unwrap().tip, Some(60));
    for replay in [&liar, &honest] {
        replay.chain().truncate(57);
        grow(replay, 62, 5);
    }
    indexer.catch_up().await.unwrap();
    assert_eq!((indexer.status().unwrap().tip, indexer.is_canonical(20, hash).unwrap()), (Some(62), true));
}

#[tokio::test]
async fn old_header_gives_way_to_one_that_is_proven() {
    let ((_dir, db), (honest, liar)) = (data(), honest_and_liar());
    let indexer = open_from(&[&liar, &honest], db, 5, 50).await.unwrap();
    indexer.catch_up().await.unwrap();
    let [made_up, hash] = [&liar, &honest].map(|replay| replay.chain().headers[&20].hash);
    indexer.header_of(20, made_up).await.unwrap();
    assert_eq!(indexer.header_of(20, hash).await.unwrap().hash, hash);
    assert_eq!(indexer.header(20).unwrap().hash, hash);
}

#[tokio::test]
async fn header_that_the_first_node_made_up_is_taken_from_the_second() {
    let ((_dir, db), (honest, liar)) = (data(), honest_and_liar());
    liar.chain().headers.get_mut(&20).unwrap().hash = B256::repeat_byte(3);
    let other = liar.chain().headers[&4].clone();
    liar.chain().headers.insert(30, other);
    let indexer = open_from(&[&liar, &honest], db, 64, 1).await.unwrap();
    indexer.catch_up().await.unwrap();
    assert_follows(&indexer, &honest, 60);
}
