//! Queries that need several history proofs: divided, resumed, kept after failures, renewed after reorgs.

mod support;

use alloy::primitives::Address;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use support::{Fast, bounds, grow, index, query, setup};
use vouch_circuits::facts::{Fact, FactKind, LogRange};
use vouch_indexer::db::Db;
use vouch_prover::engine::Engine;
use vouch_prover::jobs::{Query, Stage};
use vouch_prover::parts;
use vouch_prover::queue::Queue;

async fn finish(queue: &Queue<Fast>) {
    while queue.step().await.unwrap() {}
}

fn histories(queue: &Queue<Fast>) -> u32 {
    queue.engine().histories.load(Ordering::SeqCst)
}

#[tokio::test]
async fn query_larger_than_a_proof_is_proven_in_parts_and_says_how_far_it_is() {
    let (_dir, _replay, queue) = setup().await;
    queue.engine().room.store(1, Ordering::SeqCst);
    let mut events = queue.subscribe();
    let job = queue.add(query(20)).await.unwrap();
    finish(&queue).await;
    let mut told = vec![];
    while let Ok(job) = events.try_recv() {
        told.push((job.stage, job.parts_done, job.parts));
    }
    use Stage::*;
    let proving = (0..3).map(|done| (ProvingHistory, done, 3));
    let expected = [(Queued, 0, 0), (Evidence, 0, 0)].into_iter().chain(proving);
    assert_eq!(told, expected.chain([(ProvingScore, 3, 3), (Proven, 3, 3)]).collect::<Vec<_>>());
    let served = queue.served(&job.id).unwrap();
    assert_eq!(served.score.proof.outputs[0], 12 * (20 + 18 + 16));
    assert_eq!(served.histories.len(), 3);
    assert!(served.histories.iter().all(|h| h.facts.len() == 1 && h.anchors.len() == 1));
    assert_eq!((served.job.anchors.len(), served.job.costs.len()), (3, 5));
    // Another subject reads the same facts: nothing is left to prove but its score.
    let other = queue.add(Query { subject: Address::repeat_byte(2), ..query(20) }).await.unwrap();
    finish(&queue).await;
    let served = queue.served(&other.id).unwrap();
    assert!(served.job.reused_root && served.histories.len() == 3);
    assert_eq!(histories(&queue), 3);
}

#[tokio::test]
async fn restart_between_parts_goes_on_with_the_next() {
    for steps in 2..5 {
        let (dir, replay, queue) = setup().await;
        queue.engine().room.store(1, Ordering::SeqCst);
        let job = queue.add(query(20)).await.unwrap();
        for _ in 0..steps {
            queue.step().await.unwrap();
        }
        drop(queue);
        let db = Db::open(dir.path()).unwrap();
        let queue = Queue::new(db.clone(), index(&replay, db).await, Arc::new(Fast::default()), bounds());
        finish(&queue).await;
        assert_eq!(queue.served(&job.id).unwrap().histories.len(), 3);
        assert_eq!(histories(&queue), 5 - steps, "after {steps} steps");
    }
}

#[tokio::test]
async fn failed_part_does_not_lose_the_others() {
    let (_dir, _replay, queue) = setup().await;
    queue.engine().room.store(1, Ordering::SeqCst);
    queue.engine().fails_in.store(3, Ordering::SeqCst);
    let job = queue.add(query(20)).await.unwrap();
    finish(&queue).await;
    assert_eq!((queue.store().get(&job.id).unwrap().stage, histories(&queue)), (Stage::Failed, 2));
    queue.add(query(20)).await.unwrap();
    finish(&queue).await;
    let served = queue.served(&job.id).unwrap();
    assert_eq!((served.histories.len(), served.job.parts, histories(&queue)), (3, 1, 3));
}

#[tokio::test]
async fn reorg_renews_only_the_parts_whose_blocks_left() {
    for steps in [3, 4, 6] {
        let (_dir, replay, queue) = setup().await;
        queue.engine().room.store(1, Ordering::SeqCst);
        let job = queue.add(query(20)).await.unwrap();
        for _ in 0..steps {
            queue.step().await.unwrap();
        }
        let before = histories(&queue);
        replay.chain().truncate(17);
        grow(&replay, 31, 7);
        queue.indexer().catch_up().await.unwrap();
        queue.recheck().unwrap();
        finish(&queue).await;
        let served = queue.served(&job.id).unwrap();
        assert_eq!(served.score.proof.outputs[0], 12 * (20 + 18 + 16) + 14, "after {steps} steps");
        assert_eq!((histories(&queue), served.histories.len()), (before + 2, 3), "block 16 stayed");
    }
}

#[tokio::test]
async fn more_parts_than_a_score_has_roots_is_a_reason() {
    let (_dir, _replay, queue) = setup().await;
    queue.engine().room.store(1, Ordering::SeqCst);
    queue.engine().reads_balance.store(true, Ordering::SeqCst);
    let indexer = queue.indexer();
    let reach = vouch_prover::evidence::Reach::ALL;
    let asked = queue.engine().questions(support::MODEL, Address::ZERO, 20).unwrap();
    let asked = vouch_prover::evidence::questions(&asked[..3]);
    let error = parts::split(indexer, queue.engine().as_ref(), &asked, &reach, 2).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "query does not fit 2 history proofs, as many as a score has roots: 1 facts are left"
    );
}

/// Counts of logs are proven in a class that has little room for anything else.
#[tokio::test]
async fn facts_of_receipts_are_divided_from_the_others_where_all_do_not_fit() {
    let (_dir, _replay, queue) = setup().await;
    let mut asked = queue.engine().questions(support::MODEL, Address::ZERO, 20).unwrap();
    for block in [16, 18, 20] {
        let slot = LogRange { blocks: 3, topic: 0 }.slot();
        asked.push(Fact { kind: FactKind::LogCount, block, address: [1; 20], slot, ..asked[0] });
    }
    let asked = vouch_prover::evidence::questions(&asked);
    let kinds = |facts: &[Fact]| facts.iter().map(|f| f.kind.needs_entries()).collect::<Vec<_>>();
    assert_eq!(kinds(&asked), [false, true, false, true, false, true], "by block");
    for (room, expected) in
        [(6, vec![vec![false, true, false, true, false, true]]), (3, vec![vec![false; 3], vec![true; 3]])]
    {
        queue.engine().room.store(room, Ordering::SeqCst);
        let reach = vouch_prover::evidence::Reach::ALL;
        let parts = parts::split(queue.indexer(), queue.engine().as_ref(), &asked, &reach, 2).await.unwrap();
        let got: Vec<_> = parts.evidence.iter().map(|part| kinds(&part.facts)).collect();
        assert_eq!(got, expected, "room for {room}");
        // of each block of a count there is a header, and its bloom filter says that there is no log
        let blocks: Vec<u64> = parts.evidence[parts.evidence.len() - 1].blocks.iter().map(|b| b.number).collect();
        assert_eq!(blocks, [14, 15, 16, 17, 18, 19, 20]);
        assert!(
            parts.evidence.iter().flat_map(|part| &part.facts).all(|f| !f.kind.needs_entries() || f.value == [0; 32])
        );
    }
}

/// A root of an earlier block is worth having only if what it spares is.
#[tokio::test]
async fn known_roots_are_used_where_that_makes_the_proofs_cheaper() {
    let (_dir, _replay, queue) = setup().await;
    queue.add(query(20)).await.unwrap();
    finish(&queue).await;
    // Blocks 22, 20, 18: two of them are known.
    let next = queue.add(query(22)).await.unwrap();
    finish(&queue).await;
    let served = queue.served(&next.id).unwrap();
    let facts: Vec<usize> = served.histories.iter().map(|h| h.facts.len()).collect();
    assert_eq!((facts, served.job.reused_root), (vec![3, 1], false));
    assert_eq!(served.job.parts, 1);
}
