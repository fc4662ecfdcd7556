//! The queue over a made-up chain: stages, restarts, reorgs, failures, bounds.

mod support;

use alloy::primitives::{Address, B256};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use support::{Fast, MODEL, bounds, grow, index, query, setup};
use vouch_indexer::IndexError;
use vouch_indexer::db::Db;
use vouch_prover::engine::EngineError;
use vouch_prover::jobs::{JobError, Query, Stage};
use vouch_prover::opening::{Opening, OpeningError};
use vouch_prover::queue::{Queue, QueueError};

async fn finish(queue: &Queue<Fast>) {
    for _ in 0..200 {
        if !queue.step().await.unwrap() {
            if queue.store().next().unwrap().is_none() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }
    panic!("the queue does not come to an end");
}

#[tokio::test]
async fn job_passes_every_stage_and_is_served() {
    let (_dir, _replay, queue) = setup().await;
    let mut events = queue.subscribe();
    let job = queue.add(query(20)).await.unwrap();
    finish(&queue).await;
    let mut stages = vec![];
    while let Ok(job) = events.try_recv() {
        stages.push(job.stage);
    }
    use Stage::*;
    assert_eq!(stages, [Queued, Evidence, ProvingHistory, ProvingScore, Proven]);
    let served = queue.served(&job.id).unwrap();
    assert_eq!(served.score.proof.outputs[0], 12 * (20 + 18 + 16));
    assert_eq!(served.histories[0].anchors.len(), 3);
    assert_eq!(served.job.costs.len(), 3);
}

#[tokio::test]
async fn same_question_is_the_same_job() {
    let (_dir, _replay, queue) = setup().await;
    let first = queue.add(query(20)).await.unwrap();
    finish(&queue).await;
    let again = queue.add(query(20)).await.unwrap();
    assert_eq!((again.id, again.stage), (first.id, Stage::Proven));
    assert_ne!(
        queue.add(query(21)).await.unwrap().id,
        queue.add(Query { payee: Address::repeat_byte(9), ..query(21) }).await.unwrap().id
    );
}

#[tokio::test]
async fn second_score_under_a_proven_root_needs_no_history_proof() {
    let (_dir, _replay, queue) = setup().await;
    queue.add(query(20)).await.unwrap();
    finish(&queue).await;
    let other = queue.add(Query { subject: Address::repeat_byte(2), ..query(20) }).await.unwrap();
    finish(&queue).await;
    let served = queue.served(&other.id).unwrap();
    assert!(served.job.reused_root);
    assert_eq!(queue.engine().histories.load(Ordering::SeqCst), 1);
    assert_eq!(queue.engine().scores.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn two_requests_of_one_question_share_its_proof_and_only_for_one_payee() {
    let (_dir, replay, queue) = setup().await;
    let request = |id: u64| Query { request: Some(alloy::primitives::U256::from(id)), ..query(20) };
    queue.add(request(1)).await.unwrap();
    finish(&queue).await;
    let again = queue.add(request(2)).await.unwrap();
    let other = queue.add(Query { payee: Address::repeat_byte(9), ..request(3) }).await.unwrap();
    finish(&queue).await;
    assert_eq!(queue.engine().scores.load(Ordering::SeqCst), 2, "one for each payee");
    let served = queue.served(&again.id).unwrap();
    assert!(served.job.reused_score && served.score.task.payee == Address::ZERO);
    assert!(!queue.served(&other.id).unwrap().job.reused_score);
    // A score of blocks that left the chain is no answer to anybody.
    replay.chain().truncate(19);
    grow(&replay, 31, 7);
    queue.indexer().catch_up().await.unwrap();
    let late = queue.add(request(4)).await.unwrap();
    finish(&queue).await;
    let served = queue.served(&late.id).unwrap();
    assert_eq!((served.job.reused_score, served.score.proof.outputs[0]), (false, 12 * 54 + 7));
}

#[tokio::test]
async fn job_resumes_after_each_stage() {
    for steps in 0..4 {
        let (dir, replay, queue) = setup().await;
        let job = queue.add(query(20)).await.unwrap();
        for _ in 0..steps {
            queue.step().await.unwrap();
        }
        drop(queue);
        let db = Db::open(dir.path()).unwrap();
        let queue = Queue::new(db.clone(), index(&replay, db).await, Arc::new(Fast::default()), bounds());
        finish(&queue).await;
        assert_eq!(queue.served(&job.id).unwrap().job.stage, Stage::Proven, "after {steps} steps");
        // A stage that was finished before is not done again.
        assert_eq!(queue.engine().histories.load(Ordering::SeqCst), u32::from(steps < 3));
    }
}

#[tokio::test]
async fn reorg_in_any_stage_is_proven_anew_with_the_new_blocks() {
    for steps in 1..5 {
        let (_dir, replay, queue) = setup().await;
        let job = queue.add(query(20)).await.unwrap();
        for _ in 0..steps {
            queue.step().await.unwrap();
        }
        replay.chain().truncate(19);
        grow(&replay, 31, 7);
        queue.indexer().catch_up().await.unwrap();
        if steps == 4 {
            assert!(matches!(queue.served(&job.id), Err(QueueError::NotProven { .. })), "never served wrong");
        }
        finish(&queue).await;
        let served = queue.served(&job.id).unwrap();
        assert_eq!(served.score.proof.outputs[0], 12 * (20 + 18 + 16) + 7, "after {steps} steps");
    }
}

#[tokio::test]
async fn reorg_while_a_proof_is_being_made_is_noticed() {
    let (_dir, replay, queue) = setup().await;
    let job = queue.add(query(20)).await.unwrap();
    queue.step().await.unwrap();
    queue.step().await.unwrap();
    queue.engine().delay_ms.store(300, Ordering::SeqCst);
    let reorg = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        replay.chain().truncate(15);
        grow(&replay, 31, 7);
        queue.indexer().catch_up().await.unwrap();
    };
    let (step, ()) = tokio::join!(queue.step(), reorg);
    assert!(step.unwrap());
    let job = queue.store().get(&job.id).unwrap();
    assert_eq!((job.stage, job.restarts), (Stage::Queued, 1));
    assert!(job.last_error.unwrap().starts_with("reorg: block 16 with hash 0x"));
    assert!(queue.store().roots().unwrap().is_empty(), "the root of the old blocks was not kept");
    queue.engine().delay_ms.store(0, Ordering::SeqCst);
    finish(&queue).await;
    assert_eq!(queue.served(&job.id).unwrap().score.proof.outputs[0], 12 * (20 + 18 + 16) + 21);
}

#[tokio::test]
async fn endless_reorgs_end_in_a_reason() {
    let (_dir, replay, queue) = setup().await;
    let job = queue.add(query(20)).await.unwrap();
    for salt in 1..4 {
        for _ in 0..2 {
            queue.step().await.unwrap();
        }
        replay.chain().truncate(15);
        grow(&replay, 30 + salt, salt);
        queue.indexer().catch_up().await.unwrap();
        queue.step().await.unwrap();
    }
    let job = queue.store().get(&job.id).unwrap();
    assert_eq!(job.stage, Stage::Failed);
    assert_eq!(job.failure.unwrap().kind, "reorg");
}

#[tokio::test]
async fn rejected_proof_is_not_served() {
    let (_dir, _replay, queue) = setup().await;
    queue.engine().is_broken.store(true, Ordering::SeqCst);
    let job = queue.add(query(20)).await.unwrap();
    finish(&queue).await;
    let failed = queue.store().get(&job.id).unwrap();
    assert_eq!(failed.failure.unwrap().kind, "rejected");
    assert!(matches!(queue.served(&job.id), Err(QueueError::NotProven { stage: Stage::Failed, .. })));
    // Asked again after the cause is gone, it is proven.
    queue.engine().is_broken.store(false, Ordering::SeqCst);
    assert_eq!(queue.add(query(20)).await.unwrap().stage, Stage::Queued);
    finish(&queue).await;
    queue.served(&job.id).unwrap();
}

#[tokio::test]
async fn queries_that_cannot_be_answered_are_refused_at_once() {
    let (_dir, _replay, queue) = setup().await;
    let future = queue.add(query(31)).await.unwrap_err();
    assert!(matches!(future, QueueError::Index(IndexError::Future { number: 31, tip: 30 })), "{future}");
    let past = queue.add(query(4)).await.unwrap_err();
    assert!(matches!(past, QueueError::Index(IndexError::BeforeWindow { number: 0, first: 1 })), "{past}");
    let model = queue.add(Query { model: B256::ZERO, ..query(20) }).await.unwrap_err();
    assert!(matches!(model, QueueError::Engine(EngineError::UnknownModel { .. })), "{model}");
    assert!(queue.store().list().unwrap().is_empty());
}

#[tokio::test]
async fn full_queue_is_refused_and_keeps_what_it_has() {
    let (_dir, _replay, queue) = setup().await;
    for as_of in 20..24 {
        queue.add(query(as_of)).await.unwrap();
    }
    let error = queue.add(query(24)).await.unwrap_err();
    assert!(matches!(error, QueueError::Job(JobError::QueueFull { limit: 4, got: 4 })), "{error}");
    queue.add(query(20)).await.unwrap();
    finish(&queue).await;
    assert!(queue.store().list().unwrap().iter().all(|j| j.stage == Stage::Proven));
}

#[tokio::test]
async fn stopped_while_proving_resumes() {
    let (_dir, _replay, queue) = setup().await;
    queue.engine().delay_ms.store(200, Ordering::SeqCst);
    let job = queue.add(query(20)).await.unwrap();
    queue.run(tokio::time::sleep(std::time::Duration::from_millis(100))).await;
    assert_eq!(queue.store().get(&job.id).unwrap().stage, Stage::ProvingHistory);
    queue.engine().delay_ms.store(0, Ordering::SeqCst);
    finish(&queue).await;
    queue.served(&job.id).unwrap();
}

#[tokio::test]
async fn job_that_is_given_up_while_it_is_proven_stays_so() {
    let (_dir, _replay, queue) = setup().await;
    let job = queue.add(query(20)).await.unwrap();
    queue.step().await.unwrap();
    queue.step().await.unwrap();
    queue.engine().delay_ms.store(200, Ordering::SeqCst);
    let give_up = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        queue.fail(&job.id, "submit", "late".into()).unwrap();
    };
    let (step, _) = tokio::join!(queue.step(), give_up);
    assert!(step.unwrap());
    finish(&queue).await;
    assert_eq!(queue.store().get(&job.id).unwrap().stage, Stage::Failed);
    assert_eq!(queue.engine().scores.load(Ordering::SeqCst), 0);
}

fn opening(value: i64) -> Opening {
    Opening::new(26, vec![value, 5], B256::with_last_byte(1)).unwrap()
}

fn private(opening: &Opening) -> Query {
    Query { inputs: Some(opening.commitment), ..query(20) }
}

#[tokio::test]
async fn private_inputs_are_held_until_the_last_job_that_needs_them() {
    let (_dir, _replay, queue) = setup().await;
    queue.engine().private.store(2, Ordering::SeqCst);
    let one = opening(1_234_567);
    let said = queue.add(private(&one)).await.unwrap_err();
    assert!(matches!(said, QueueError::Opening(OpeningError::Unknown { .. })), "{said}");
    let first = queue.add_private(private(&one), Some(one.clone())).await.unwrap();
    let request = Query { request: Some(alloy::primitives::U256::from(9)), ..private(&one) };
    let second = queue.add(request).await.unwrap();
    for other in [Query { subject: Address::repeat_byte(2), ..private(&one) }, Query { as_of: 19, ..private(&one) }] {
        let stranger = queue.add(other).await.unwrap_err();
        assert!(matches!(stranger, QueueError::Opening(OpeningError::Unknown { .. })), "{stranger}");
    }
    finish(&queue).await;
    for id in [&first.id, &second.id] {
        let served = queue.served(id).unwrap();
        assert_eq!((served.score.proof.outputs[0], served.score.proof.inputs), (1_234_567, one.commitment));
        assert_eq!(served.score.task.private, None, "not stored");
    }
    let error = queue.check_opening(&private(&one)).unwrap_err();
    assert!(matches!(error, QueueError::Opening(OpeningError::Unknown { .. })), "forgotten");
    // one that did not come with a question is for all that come, about its subject if it names one
    let subject = query(20).subject;
    queue.give_opening(one.clone().for_model(MODEL).about(subject)).unwrap();
    for as_of in [17, 18] {
        queue.add(Query { as_of, ..private(&one) }).await.unwrap();
        finish(&queue).await;
    }
    assert!(queue.add(Query { subject: Address::repeat_byte(2), ..private(&one) }).await.is_err());
    // other inputs are another question, and no score is reused between them
    let other = opening(7);
    let third = queue.add_private(private(&other), Some(other.clone())).await.unwrap();
    assert_ne!(third.id, first.id);
    finish(&queue).await;
    assert_eq!(queue.served(&third.id).unwrap().score.proof.outputs[0], 7);
    let request = Query { request: Some(alloy::primitives::U256::from(1)), ..private(&other) };
    assert!(queue.add(request.clone()).await.is_err(), "a request is taken with its opening only");
    // the score is there: nothing is proven, and the opening is not kept
    let again = queue.add_private(request, Some(other.clone())).await.unwrap();
    finish(&queue).await;
    assert!(queue.store().get(&again.id).unwrap().reused_score);
    let error = queue.check_opening(&private(&other)).unwrap_err();
    assert!(matches!(error, QueueError::Opening(OpeningError::Unknown { .. })), "forgotten");
}

#[tokio::test]
async fn a_restart_forgets_openings_and_jobs_wait_for_them() {
    let (dir, replay) = (tempfile::tempdir().unwrap(), vouch_indexer::replay::Replay::new(31_337));
    grow(&replay, 30, 0);
    let db = Db::open(dir.path()).unwrap();
    let indexer = index(&replay, db.clone()).await;
    let start = || {
        let engine = Fast { private: 2.into(), ..Fast::default() };
        Queue::new(db.clone(), indexer.clone(), Arc::new(engine), bounds())
    };
    let request =
        |id: u64, opening: &Opening| Query { request: Some(alloy::primitives::U256::from(id)), ..private(opening) };
    let (queue, one) = (start(), opening(3));
    let job = queue.add_private(private(&one), Some(one.clone())).await.unwrap();
    let asked = queue.add_private(request(1, &one), Some(one.clone())).await.unwrap();

    let queue = start();
    while queue.step().await.unwrap() {}
    let waiting = queue.store().get(&job.id).unwrap();
    assert_eq!(waiting.stage, Stage::ProvingScore, "the history needs no opening");
    assert!(waiting.last_error.unwrap().starts_with("no opening of the commitment 0x"));
    queue.give_opening(one.clone().for_model(MODEL)).unwrap();
    finish(&queue).await;
    assert_eq!(queue.served(&job.id).unwrap().score.proof.outputs[0], 3);
    assert_eq!(queue.served(&asked.id).unwrap().score.proof.outputs[0], 3);

    // nobody gives it: the job ends, and a request waits for its deadline
    let two = opening(4);
    let lost = queue.add_private(private(&two), Some(two.clone())).await.unwrap();
    let open = queue.add_private(request(2, &two), Some(two.clone())).await.unwrap();
    let queue = start();
    while queue.step().await.unwrap() {}
    // as after a while: the next look finds that it waited too long
    tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    let queue = start();
    while queue.step().await.unwrap() {}
    let failed = queue.store().get(&lost.id).unwrap();
    assert_eq!(failed.failure.unwrap().kind, "opening");
    assert_eq!(queue.store().get(&open.id).unwrap().stage, Stage::ProvingScore);
}
