//! The poster over a made-up chain: each root once, not while gas is dear, again after a reorg.

#[path = "support/mod.rs"]
mod chain;
#[path = "../../prover/tests/support/mod.rs"]
mod support;

use alloy::primitives::{Address, B256, Bytes};
use alloy::providers::{Provider, ProviderBuilder};
use chain::{FakeChain, NOW};
use std::path::Path;
use std::sync::Arc;
use support::{Fast, MODEL, bounds, grow, index};
use vouch_api::chain::calldata::register;
use vouch_api::chain::contracts::Addresses;
use vouch_api::chain::poster::Poster;
use vouch_api::chain::sender::{Sender, read_key};
use vouch_indexer::db::Db;
use vouch_indexer::replay::Replay;
use vouch_prover::engine::Engine;
use vouch_prover::queue::Queue;
use vouch_prover::watch::Watch;

const GWEI: u128 = 1_000_000_000;

#[tokio::test]
async fn roots_are_posted_once_when_gas_is_cheap_and_again_after_a_reorg() {
    let dir = tempfile::tempdir().unwrap();
    let replay = Replay::new(31_337);
    grow(&replay, 30, 0);
    let db = Db::open(dir.path()).unwrap();
    let engine: Arc<dyn Engine> = Arc::new(Fast::default());
    let queue = Queue::new(db.clone(), index(&replay, db).await, engine, bounds());
    let subject = Address::repeat_byte(1);
    let file = format!("[[watch]]\nname = \"risk\"\nevery = 5\nmodel = \"{MODEL}\"\nsubjects = [\"{subject}\"]\n");
    queue.watch(Watch::parse(&file, Path::new(".")).unwrap(), Address::ZERO);
    while queue.watch_step().await.unwrap() {}

    let chain = FakeChain::default();
    (chain.state().now, chain.state().gas_price_wei, chain.state().gas) = (NOW, 3 * GWEI, 550_000);
    let url = chain.spawn().await;
    let contracts = Addresses { history_roots: Some(Address::repeat_byte(0xbb)), ..Addresses::default() };
    let key = read_key(None, Some(&"11".repeat(32))).unwrap().unwrap();
    let sender = Sender::connect(&url, key, contracts).await.unwrap();
    let provider = ProviderBuilder::new().connect(&url).await.unwrap().erased();
    let mut poster = Poster::new(queue.clone(), provider, contracts, sender, Some(2 * GWEI));
    let sent = || chain.state().sent.len();

    poster.look().await.unwrap();
    assert_eq!(sent(), 0, "gas is dear");
    chain.state().gas_price_wei = 2 * GWEI;
    for _ in 0..2 {
        poster.look().await.unwrap();
        assert_eq!(sent(), 1);
    }
    // The block of the post left the chain, that of the root did not.
    replay.chain().truncate(28);
    grow(&replay, 31, 7);
    queue.indexer().catch_up().await.unwrap();
    poster.look().await.unwrap();
    assert_eq!(sent(), 2);
    // Now the root's block did, too: nothing of it is left to post.
    replay.chain().truncate(20);
    grow(&replay, 31, 9);
    queue.indexer().catch_up().await.unwrap();
    queue.recheck().unwrap();
    poster.look().await.unwrap();
    assert_eq!((sent(), queue.store().to_post().unwrap().len()), (2, 0));
    while queue.watch_step().await.unwrap() {}
    poster.look().await.unwrap();
    assert_eq!(sent(), 3);
}

#[tokio::test]
async fn a_model_is_registered_once_and_in_a_class_that_the_registry_has() {
    let chain = FakeChain::default();
    let (model, class) = (B256::repeat_byte(1), B256::repeat_byte(2));
    (chain.state().now, chain.state().gas_price_wei, chain.state().gas) = (NOW, GWEI, 400_000);
    let url = chain.spawn().await;
    let registry = Address::repeat_byte(0xee);
    let contracts = Addresses { registry: Some(registry), ..Addresses::default() };
    let key = || read_key(None, Some(&"11".repeat(32))).unwrap().unwrap();
    let sender = Sender::connect(&url, key(), contracts).await.unwrap();
    let points = Bytes::from(vec![7; 128]);

    let said = sender.register(model, class, points.clone()).await.unwrap_err().to_string();
    assert!(said.starts_with(&format!("registry {registry} has no verifier of class {class}")), "{said}");
    assert_eq!(chain.state().sent.len(), 0);
    chain.state().class = class;
    assert!(sender.register(model, class, points.clone()).await.unwrap().is_some());
    assert_eq!(sender.register(model, class, points.clone()).await.unwrap(), None);
    let sent = chain.state().sent.clone();
    let data = register(class, points.clone());
    assert_eq!(sent.len(), 1);
    assert!(sent[0].windows(data.len()).any(|part| part == &data[..]), "the calldata is in the transaction");

    let nowhere = Sender::connect(&url, key(), Addresses::default()).await.unwrap();
    let said = nowhere.register(model, class, points).await.unwrap_err().to_string();
    assert_eq!(said, "no address of contract ModelRegistry was given");
}
