//! Receipts and transactions of blocks: fetched from nodes of every kind, compared with the header, kept, and never believed.

use alloy::consensus::{Header, SignableTransaction, TxEip1559, TxEip2930, TxLegacy};
use alloy::eips::eip2718::Encodable2718;
use alloy::primitives::{Bytes, Signature, TxKind, U256, hex};
use alloy::rlp::Decodable;
use alloy_trie::root::ordered_trie_root_encoded;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use vouch_indexer::config::Retry;
use vouch_indexer::db::Db;
use vouch_indexer::entries::EntryKind::{Receipts, Transactions};
use vouch_indexer::replay::Replay;
use vouch_indexer::{Config, Finality, Indexer, Start};

/// Blocks of the fixtures: six forks, from 1 to 301 receipts, of up to 32 KB.
const BLOCKS: [(&str, usize); 6] =
    [("14764013", 19), ("15537393", 1), ("15573637", 239), ("17034870", 184), ("19426587", 37), ("22869878", 301)];

/// Header and receipts of a fixture.
fn fixture(name: &str) -> Option<(Header, Vec<Bytes>)> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures");
    let path = PathBuf::from(std::env::var("VOUCH_FIXTURES").unwrap_or(default.into()));
    let path = path.join(format!("receipts/{name}.json"));
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("SKIPPED: fixture {} is not there; set VOUCH_FIXTURES", path.display());
        return None;
    };
    let file: Value = serde_json::from_slice(&text).unwrap();
    let header = hex::decode(file["header_rlp"].as_str().unwrap()).unwrap();
    let receipts = file["receipts"].as_array().unwrap().iter();
    let receipts = receipts.map(|receipt| hex::decode(receipt.as_str().unwrap()).unwrap().into()).collect();
    Some((Header::decode(&mut header.as_slice()).unwrap(), receipts))
}

/// A replay of one block.
fn replay(header: &Header, receipts: &[Bytes]) -> Replay {
    let replay = Replay::new(1);
    replay.chain().push(header.clone());
    replay.chain().put_receipts(header.number, receipts);
    replay
}

async fn index(replays: &[&Replay], first: u64) -> (tempfile::TempDir, Indexer) {
    let mut urls = vec![];
    for replay in replays {
        urls.push(replay.spawn().await.unwrap());
    }
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::new(urls.join(","));
    config.start = Start::Block(first);
    config.finality = Finality::Depth { blocks: 0 };
    config.retry = Retry { tries: 2, first_delay: Duration::from_millis(1), ..Retry::default() };
    let indexer = Indexer::open(Db::open(dir.path()).unwrap(), config).await.unwrap();
    indexer.catch_up().await.unwrap();
    (dir, indexer)
}

#[tokio::test]
async fn receipts_of_real_blocks_are_those_of_their_headers_and_are_kept() {
    for (name, count) in BLOCKS {
        let Some((header, receipts)) = fixture(name) else { return };
        assert_eq!(receipts.len(), count);
        let replay = replay(&header, &receipts);
        let (_dir, indexer) = index(&[&replay], header.number).await;
        assert_eq!(indexer.entries(header.number, Receipts).await.unwrap(), receipts, "{name}");
        let requests = replay.chain().requests;
        assert_eq!(indexer.entries(header.number, Receipts).await.unwrap(), receipts);
        assert_eq!(replay.chain().requests, requests, "the second time from the store");
    }
}

#[tokio::test]
async fn order_and_dialect_do_not_matter() {
    let Some((header, receipts)) = fixture("19426587") else { return };
    let replay = replay(&header, &receipts);
    {
        let mut chain = replay.chain();
        let answers = chain.receipts.get_mut(&header.number).unwrap();
        answers.reverse();
        for answer in answers {
            let answer = answer.as_object_mut().unwrap();
            answer.remove("logsBloom");
            if answer["type"] == "0x0" {
                answer.remove("type");
            }
            answer.insert("colour".into(), json!("green"));
        }
    }
    let (_dir, indexer) = index(&[&replay], header.number).await;
    assert_eq!(indexer.entries(header.number, Receipts).await.unwrap(), receipts);
}

#[tokio::test]
async fn node_without_block_receipts_is_asked_for_each_receipt() {
    let Some((header, receipts)) = fixture("14764013") else { return };
    for null in [false, true] {
        let replay = replay(&header, &receipts);
        if null {
            // knows each transaction, but not the block's list
            let mut chain = replay.chain();
            let moved = chain.receipts.remove(&header.number).unwrap();
            chain.receipts.insert(header.number + 1_000_000, moved);
            let hashes = chain.receipts.values().flatten().map(|receipt| receipt["transactionHash"].clone()).collect();
            chain.hashes.insert(header.number, hashes);
        } else {
            replay.chain().refuse_methods.insert("eth_getBlockReceipts");
        }
        let (_dir, indexer) = index(&[&replay], header.number).await;
        assert_eq!(indexer.entries(header.number, Receipts).await.unwrap(), receipts, "null: {null}");
    }
}

/// Each lie is refused with block and endpoint, nothing is stored, and an honest endpoint is asked next.
#[tokio::test]
async fn lies_are_named_and_the_next_endpoint_is_asked() {
    let Some((header, receipts)) = fixture("17034870") else { return };
    type Lie = fn(&mut Vec<Value>);
    let lies: [(&str, Lie); 7] = [
        ("a receipt is left out", |all| drop(all.remove(7))),
        ("the last receipt is left out", |all| drop(all.pop())),
        ("a log is dropped", |all| {
            let logs = all.iter_mut().map(|r| r["logs"].as_array_mut().unwrap()).find(|logs| !logs.is_empty());
            drop(logs.unwrap().pop());
        }),
        ("a topic is changed", |all| {
            let logs = all.iter_mut().map(|r| r["logs"].as_array_mut().unwrap()).find(|logs| !logs.is_empty());
            logs.unwrap()[0]["topics"][0] = json!(format!("0x{}", "11".repeat(32)));
        }),
        ("a receipt of elsewhere is added", |all| {
            let mut more = all[3].clone();
            more["transactionIndex"] = json!("0xb8");
            all.push(more);
        }),
        ("two change their gas", |all| {
            let [first, second] = [0, 1].map(|i: usize| all[i]["cumulativeGasUsed"].clone());
            (all[0]["cumulativeGasUsed"], all[1]["cumulativeGasUsed"]) = (second, first);
        }),
        ("a status is turned", |all| all[0]["status"] = json!("0x0")),
    ];
    for (what, lie) in lies {
        let liar = replay(&header, &receipts);
        lie(liar.chain().receipts.get_mut(&header.number).unwrap());
        let (_dir, indexer) = index(&[&liar], header.number).await;
        let said = indexer.entries(header.number, Receipts).await.map(|_| what).unwrap_err().to_string();
        assert!(said.starts_with("node http://127.0.0.1:"), "{what}: {said}");
        assert!(said.contains("answered eth_getBlockReceipts of block 17034870"), "{what}: {said}");
        assert!(said.contains("receipts have the root 0x"), "{what}: {said}");
        let hash = header.hash_slow();
        assert_eq!(indexer.store().entries(hash, Receipts).unwrap(), None, "{what}");

        let (_dir, indexer) = index(&[&liar, &replay(&header, &receipts)], header.number).await;
        assert_eq!(indexer.entries(header.number, Receipts).await.unwrap(), receipts, "{what}");
    }
}

/// A block with one transaction of each of three types.
fn made() -> (Header, Vec<Bytes>) {
    let signature = Signature::new(U256::from(5), U256::from(7), true);
    let to = TxKind::Call([0x22; 20].into());
    let input = Bytes::from_static(b"\x01\x02\x03\x04and data");
    let legacy =
        TxLegacy { chain_id: Some(1), nonce: 3, gas_price: 9, to, input: input.clone(), ..TxLegacy::default() };
    let listed = TxEip2930 { chain_id: 1, nonce: 4, gas_price: 9, to, ..TxEip2930::default() };
    let dynamic = TxEip1559 { chain_id: 1, nonce: 5, to: TxKind::Create, input, ..TxEip1559::default() };
    let transactions: Vec<Bytes> = vec![
        legacy.into_signed(signature).encoded_2718().into(),
        listed.into_signed(signature).encoded_2718().into(),
        dynamic.into_signed(signature).encoded_2718().into(),
    ];
    let transactions_root = ordered_trie_root_encoded(&transactions);
    (Header { number: 5, transactions_root, ..Header::default() }, transactions)
}

#[tokio::test]
async fn transactions_are_read_whole_or_raw() {
    let (header, transactions) = made();
    for raw in [false, true] {
        let replay = Replay::new(1);
        replay.chain().push(header.clone());
        replay.chain().transactions.insert(5, transactions.clone());
        replay.chain().unknown_forms = raw;
        let (_dir, indexer) = index(&[&replay], 5).await;
        assert_eq!(indexer.entries(5, Transactions).await.unwrap(), transactions, "raw: {raw}");
    }
    let replay = Replay::new(1);
    replay.chain().push(header);
    replay.chain().transactions.insert(5, transactions[1..].to_vec());
    let (_dir, indexer) = index(&[&replay], 5).await;
    let said = indexer.entries(5, Transactions).await.unwrap_err().to_string();
    assert!(
        said.contains("answered eth_getBlockByNumber of block 5 with what is not the block's: 2 transactions"),
        "{said}"
    );
}

#[tokio::test]
async fn entries_of_blocks_that_left_the_chain_are_forgotten() {
    let (header, transactions) = made();
    let replay = Replay::new(1);
    let below = Header { number: 4, ..Header::default() };
    let header = Header { parent_hash: below.hash_slow(), ..header };
    replay.chain().push(below);
    replay.chain().push(header.clone());
    replay.chain().transactions.insert(5, transactions);
    let (_dir, indexer) = index(&[&replay], 4).await;
    let hash = header.hash_slow();
    indexer.entries(5, Transactions).await.unwrap();
    assert!(indexer.store().entries(hash, Transactions).unwrap().is_some());
    indexer.store().remove_above(4).unwrap();
    assert_eq!(indexer.store().entries(hash, Transactions).unwrap(), None);
}
