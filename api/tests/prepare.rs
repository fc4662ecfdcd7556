//! What has to be posted before a proof whose anchor only another proof has led to.

#[path = "support/mod.rs"]
mod chain;

use alloy::primitives::{Address, B256, Bytes, U256};
use chain::FakeChain;
use vouch_api::chain::calldata::{Call, post};
use vouch_api::chain::contracts::Addresses;
use vouch_api::chain::prepare::OldBlocks;
use vouch_indexer::config::Retry;
use vouch_indexer::node::Node;
use vouch_prover::engine::{Anchor, HistoryProof};

const ROOTS: Address = Address::repeat_byte(0xbb);

/// A proof with plain and linked anchors.
fn proof(root: u64, plain: &[u64], linked: &[u64]) -> HistoryProof {
    let anchor = |number: &u64, linked| Anchor { number: *number, hash: B256::from(U256::from(*number)), linked };
    let plain = plain.iter().map(|number| anchor(number, false));
    HistoryProof {
        class: 2,
        root: B256::from(U256::from(root)),
        payee: Address::ZERO,
        anchors: linked.iter().map(|number| anchor(number, true)).chain(plain).collect(),
        facts: vec![],
        instances: vec![],
        proof: Bytes::from_static(b"proof"),
    }
}

#[tokio::test]
async fn proofs_that_lead_to_an_anchor_are_posted_first() {
    let node =
        Node::connect(&FakeChain::default().spawn().await, Retry { tries: 1, ..Retry::default() }).await.unwrap();
    let contracts = Addresses { history_roots: Some(ROOTS), ..Addresses::default() };
    let old = OldBlocks::open(node.clone(), contracts).await;
    let tip = 100_000;
    let [upper, lower] = [proof(1, &[99_000], &[80_000]), proof(2, &[80_000], &[60_000])];
    let call = |history: &HistoryProof| Call { to: ROOTS, data: post(history) };
    let stored = [lower.clone(), upper.clone()];

    let asked = proof(3, &[60_000, 99_999], &[]);
    assert_eq!(old.calls(std::slice::from_ref(&asked), &stored, tip).await, [call(&upper), call(&lower)]);
    // what goes with it needs no call of its own
    assert_eq!(old.calls(&[lower.clone(), asked.clone()], &stored, tip).await, [call(&upper)]);
    assert_eq!(old.calls(&[upper, lower, asked.clone()], &stored, tip).await, []);
    // recent anchors are asked of nobody; what nothing leads to is left to the post
    assert_eq!(old.calls(std::slice::from_ref(&asked), &stored, 61_000).await, []);
    assert_eq!(old.calls(&[asked], &[], tip).await, []);
    // another block of that number
    let mut other = proof(4, &[60_000], &[]);
    other.anchors[0].hash = B256::repeat_byte(9);
    assert_eq!(old.calls(&[other], &stored, tip).await, []);
}
