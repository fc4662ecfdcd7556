//! Roots that are proven ahead of time: as blocks arrive, after downtime, after reorgs, and what they spare later.

mod support;

use alloy::primitives::{Address, B256};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use support::{Fast, MODEL, bounds, grow, index, query, setup};
use vouch_indexer::db::Db;
use vouch_prover::queue::Queue;
use vouch_prover::watch::Watch;

fn file() -> Watch {
    let subject = Address::repeat_byte(1);
    parse(&format!("[[watch]]\nname = \"risk\"\nevery = 5\nmodel = \"{MODEL}\"\nsubjects = [\"{subject}\"]\n"))
}

fn parse(text: &str) -> Watch {
    Watch::parse(text, Path::new(".")).unwrap()
}

fn histories(queue: &Queue<Fast>) -> u32 {
    queue.engine().histories.load(Ordering::SeqCst)
}

async fn finish(queue: &Queue<Fast>) {
    while queue.step().await.unwrap() || queue.watch_step().await.unwrap() {}
}

fn proven(queue: &Queue<Fast>) -> Vec<u64> {
    queue.store().all_ahead("risk").unwrap().iter().map(|record| record.block).collect()
}

#[tokio::test]
async fn roots_are_proven_as_blocks_arrive_and_spare_later_scores_the_history() {
    let (_dir, replay, queue) = setup().await;
    assert!(!queue.watch_step().await.unwrap(), "nothing is watched");
    queue.watch(file(), Address::ZERO);
    finish(&queue).await;
    assert_eq!(proven(&queue), [25], "begins with the newest that is confirmed");
    grow(&replay, 41, 0);
    queue.indexer().catch_up().await.unwrap();
    finish(&queue).await;
    assert_eq!(proven(&queue), [25, 30, 35], "block 40 lacks a confirmation");
    let progress = &queue.watch_progress().unwrap()[0];
    assert_eq!((progress.newest, progress.proven, progress.failure.clone()), (Some(35), 3, None));
    let to_post = queue.store().to_post().unwrap();
    assert_eq!((to_post.len(), to_post.iter().all(|(_, tip)| *tip == 0)), (3, true));
    let before = histories(&queue);
    let job = queue.add(query(35)).await.unwrap();
    finish(&queue).await;
    let served = queue.served(&job.id).unwrap();
    assert!(served.job.reused_root && served.job.costs.len() == 1, "a score and nothing else: {:?}", served.job.costs);
    assert_eq!(histories(&queue), before);
}

#[tokio::test]
async fn what_a_plan_reads_needs_no_model() {
    let (dir, _replay, queue) = setup().await;
    let plan = "[[feature]]\nname = \"t\"\nmake = \"last\"\nsource = { kind = \"header\", field = \"timestamp\", decimals = 6 }\n";
    std::fs::write(dir.path().join("plan.toml"), plan).unwrap();
    let subject = Address::repeat_byte(1);
    let entry = format!("[[watch]]\nname = \"plan\"\nevery = 5\nplan = \"plan.toml\"\nsubjects = [\"{subject}\"]\n");
    queue.watch(Watch::parse(&entry, dir.path()).unwrap(), Address::ZERO);
    finish(&queue).await;
    let done: Vec<u64> = queue.store().all_ahead("plan").unwrap().iter().map(|record| record.block).collect();
    assert_eq!((done, histories(&queue)), (vec![25], 1));
}

#[tokio::test]
async fn what_was_missed_while_the_node_was_down_is_made_up_for() {
    let (dir, replay, queue) = setup().await;
    queue.watch(file(), Address::ZERO);
    finish(&queue).await;
    // Killed with one of three parts done.
    grow(&replay, 32, 0);
    queue.indexer().catch_up().await.unwrap();
    queue.engine().room.store(1, Ordering::SeqCst);
    assert!(queue.watch_step().await.unwrap());
    assert_eq!((proven(&queue), histories(&queue)), (vec![25], 2));
    drop(queue);
    grow(&replay, 52, 0);
    let db = Db::open(dir.path()).unwrap();
    let queue = Queue::new(db.clone(), index(&replay, db).await, Arc::new(Fast::default()), bounds());
    queue.engine().room.store(1, Ordering::SeqCst);
    queue.watch(file(), Address::ZERO);
    finish(&queue).await;
    assert_eq!(proven(&queue), [25, 30, 35, 40, 45, 50]);
    assert_eq!(histories(&queue), 2 + 4 * 3, "the part that was done is not done again");
}

#[tokio::test]
async fn reorg_has_the_lost_blocks_proven_anew() {
    let (_dir, replay, queue) = setup().await;
    queue.watch(file(), Address::ZERO);
    grow(&replay, 42, 0);
    queue.indexer().catch_up().await.unwrap();
    finish(&queue).await;
    let roots = |queue: &Queue<Fast>| -> Vec<B256> { queue.store().ahead("risk", 40).unwrap().unwrap().roots };
    let (before, made) = (roots(&queue), histories(&queue));
    replay.chain().truncate(39);
    grow(&replay, 43, 7);
    queue.indexer().catch_up().await.unwrap();
    queue.recheck().unwrap();
    finish(&queue).await;
    assert_ne!(roots(&queue), before);
    assert_eq!((proven(&queue), histories(&queue)), (vec![40], made + 1));
}

#[tokio::test]
async fn jobs_come_first_and_failures_are_told_and_left_behind() {
    let (_dir, replay, queue) = setup().await;
    queue.watch(file(), Address::ZERO);
    let job = queue.add(query(20)).await.unwrap();
    let ahead = async {
        while proven(&queue).is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), queue.run(ahead)).await.unwrap();
    queue.served(&job.id).unwrap();
    assert_eq!(proven(&queue), [25]);
    queue.engine().fails_in.store(1, Ordering::SeqCst);
    grow(&replay, 38, 0);
    queue.indexer().catch_up().await.unwrap();
    finish(&queue).await;
    assert_eq!(proven(&queue), [25, 35], "the next one does not wait");
    let progress = &queue.watch_progress().unwrap()[0];
    assert_eq!(progress.waiting, Some((Some(30), "prover: out of memory".into())));
    assert_eq!((progress.newest, progress.proven, progress.next), (Some(35), 2, Some(30)));
    tries(&queue, || proven(&queue).len() == 3).await;
    let progress = &queue.watch_progress().unwrap()[0];
    assert_eq!((progress.proven, progress.next, progress.waiting.clone(), progress.failed), (3, Some(40), None, 0));
}

/// Works until `is_over`, over the waits between tries.
async fn tries(queue: &Queue<Fast>, is_over: impl Fn() -> bool) {
    for _ in 0..400 {
        if is_over() {
            return;
        }
        finish(queue).await;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("it does not come to an end");
}

#[tokio::test]
async fn a_prover_that_keeps_failing_is_given_up_told_and_tried_after_a_restart() {
    let (dir, replay, queue) = setup().await;
    queue.watch(file(), Address::ZERO);
    let failed = || queue.watch_progress().unwrap()[0].failed;
    queue.engine().always_fails.store(true, Ordering::SeqCst);
    tries(&queue, || failed() == 1).await;
    let progress = &queue.watch_progress().unwrap()[0];
    assert_eq!(progress.failure, Some((25, "prover: out of memory".into())));
    assert_eq!((progress.newest, progress.proven, progress.next), (None, 0, Some(30)));
    assert_eq!(histories(&queue), bounds().max_retries, "tries");
    drop(queue);
    let db = Db::open(dir.path()).unwrap();
    let queue = Queue::new(db.clone(), index(&replay, db).await, Arc::new(Fast::default()), bounds());
    queue.watch(file(), Address::ZERO);
    finish(&queue).await;
    let progress = &queue.watch_progress().unwrap()[0];
    assert_eq!((progress.newest, progress.failure.clone()), (Some(25), None));
}

/// A file of two entries; the first cannot be proven.
fn two(first: &str) -> Watch {
    let subject = Address::repeat_byte(1);
    let good = format!("[[watch]]\nname = \"risk\"\nevery = 5\nmodel = \"{MODEL}\"\nsubjects = [\"{subject}\"]\n");
    parse(&format!("[[watch]]\nname = \"first\"\nevery = 5\n{first}\n{good}"))
}

#[tokio::test]
async fn a_model_that_is_not_there_holds_up_nobody_and_is_told() {
    for model in ["nobody", &B256::repeat_byte(9).to_string()] {
        let (_dir, replay, queue) = setup().await;
        let subject = Address::repeat_byte(1);
        queue.watch(two(&format!("model = \"{model}\"\nsubjects = [\"{subject}\"]")), Address::ZERO);
        grow(&replay, 42, 0);
        queue.indexer().catch_up().await.unwrap();
        finish(&queue).await;
        assert_eq!(proven(&queue), [40]);
        let progress = &queue.watch_progress().unwrap()[0];
        let said = format!("model {model} is not known to this node yet");
        assert_eq!((progress.waiting.clone(), progress.proven), (Some((None, said)), 0));
        assert_eq!(progress.failure, None, "it may come");
    }
}

#[tokio::test]
async fn a_state_that_no_node_has_is_given_up_at_once_and_holds_up_nobody() {
    let (_dir, replay, queue) = setup().await;
    replay.chain().refuse_proofs = Some("missing trie node 1b38 (path ) state is not available".into());
    let contract = Address::repeat_byte(0xcc);
    queue.watch(two(&format!("contract = \"{contract}\"\naccount = [\"balance\"]")), Address::ZERO);
    finish(&queue).await;
    assert_eq!(proven(&queue), [25]);
    let progress = &queue.watch_progress().unwrap()[0];
    let (block, said) = progress.failure.clone().unwrap();
    assert!(block == 25 && said.contains("has no state for block 25 (pruned; an archive node is needed)"), "{said}");
    assert_eq!((progress.failed, progress.waiting.clone(), progress.next), (1, None, Some(30)));
}
