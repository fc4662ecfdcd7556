//! What a node or a plan can do wrong while a query is answered: a reason, nothing stored of it, and an answer afterwards.

mod support;

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::rpc::types::{EIP1186AccountProofResponse, EIP1186StorageProof};
use std::sync::atomic::Ordering;
use support::{CONTRACT, Fast, query, setup};
use vouch_indexer::replay::Replay;
use vouch_prover::evidence::EvidenceError;
use vouch_prover::jobs::{Job, Stage};
use vouch_prover::queue::{Queue, QueueError};

const SUBJECT: Address = Address::repeat_byte(1);

/// A change of an honest answer.
type Lie = fn(&mut EIP1186AccountProofResponse);

/// The answer of a node whose state is empty: nobody is there, and no node of a trie is needed to show it.
fn absent(address: Address) -> EIP1186AccountProofResponse {
    let slot = U256::from(1);
    let storage_proof = vec![EIP1186StorageProof { key: B256::from(slot).into(), ..Default::default() }];
    EIP1186AccountProofResponse { address, storage_proof, ..Default::default() }
}

fn record(replay: &Replay, proof: EIP1186AccountProofResponse) {
    replay.chain().proofs.insert((20, proof.address), proof);
}

async fn finish(queue: &Queue<Fast>, id: &str) -> Job {
    for _ in 0..200 {
        queue.step().await.unwrap();
        let job = queue.store().get(id).unwrap();
        if job.stage.is_done() {
            return job;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    panic!("the job does not come to an end");
}

#[tokio::test]
async fn subject_without_history_is_scored_from_zeros() {
    let (_dir, replay, queue) = setup().await;
    queue.engine().reads_balance.store(true, Ordering::SeqCst);
    record(&replay, absent(SUBJECT));
    let job = queue.add(query(20)).await.unwrap();
    assert_eq!(finish(&queue, &job.id).await.stage, Stage::Proven);
    let served = queue.served(&job.id).unwrap();
    let balance = served.histories[0].facts.iter().find(|f| f.address == SUBJECT.0).unwrap();
    assert_eq!(balance.value, [0; 32]);
    assert_eq!(served.score.proof.outputs[0], 12 * (20 + 18 + 16));
}

#[tokio::test]
async fn node_that_lies_about_state_fails_the_job_with_the_reason_and_an_honest_one_answers_it() {
    let lies: [(Lie, &str); 3] = [
        (|p| p.balance = U256::from(7), "its proof shows absent"),
        (|p| p.account_proof = vec![Bytes::from_static(&[0xc1, 0x80])], "proof node 0 hashes to 0x"),
        (|p| p.address = Address::repeat_byte(2), "0x0202"),
    ];
    for (lie, said) in lies {
        let (_dir, replay, queue) = setup().await;
        queue.engine().reads_balance.store(true, Ordering::SeqCst);
        let mut proof = absent(SUBJECT);
        lie(&mut proof);
        replay.chain().proofs.insert((20, SUBJECT), proof);
        let job = queue.add(query(20)).await.unwrap();
        let failure = finish(&queue, &job.id).await.failure.unwrap();
        assert_eq!(failure.kind, "node");
        assert!(failure.detail.contains(said), "{}", failure.detail);
        assert!(queue.store().roots().unwrap().is_empty() && queue.store().evidence(&job.id, 0).unwrap().is_none());
        // Asked again of a node that tells the truth, the same query is answered.
        record(&replay, absent(SUBJECT));
        assert_eq!(queue.add(query(20)).await.unwrap().stage, Stage::Queued);
        assert_eq!(finish(&queue, &job.id).await.stage, Stage::Proven);
    }
}

#[tokio::test]
async fn missing_historical_state_fails_the_job_with_what_to_do() {
    let (_dir, replay, queue) = setup().await;
    queue.engine().reads_balance.store(true, Ordering::SeqCst);
    replay.chain().refuse_proofs = Some("missing trie node 1b38 (path ) state is not available".into());
    let job = queue.add(query(20)).await.unwrap();
    let failure = finish(&queue, &job.id).await.failure.unwrap();
    assert_eq!(failure.kind, "node");
    assert!(failure.detail.contains("block 20") && failure.detail.contains("missing trie node"), "{}", failure.detail);
    replay.chain().refuse_proofs = None;
    record(&replay, absent(SUBJECT));
    queue.add(query(20)).await.unwrap();
    assert_eq!(finish(&queue, &job.id).await.stage, Stage::Proven);
}

#[tokio::test]
async fn plan_of_a_contract_without_code_is_refused_at_once_and_stores_nothing() {
    let (_dir, replay, queue) = setup().await;
    queue.engine().reads_storage.store(true, Ordering::SeqCst);
    record(&replay, absent(CONTRACT));
    let error = queue.add(query(20)).await.unwrap_err();
    let refused = QueueError::Evidence(EvidenceError::NoCode { block: 20, address: CONTRACT });
    assert_eq!(error.to_string(), refused.to_string());
    assert!(queue.store().list().unwrap().is_empty());
    // The same query without the contract.
    queue.engine().reads_storage.store(false, Ordering::SeqCst);
    queue.add(query(20)).await.unwrap();
}
