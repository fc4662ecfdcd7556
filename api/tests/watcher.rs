//! The watcher over a made-up `Vouch`: what it takes, refuses, answers, and how often it asks.

#[path = "support/mod.rs"]
mod chain;
#[path = "../../prover/tests/support/mod.rs"]
mod support;

use alloy::consensus::{Transaction, TxEnvelope};
use alloy::eips::Decodable2718;
use alloy::primitives::{Address, B256};
use alloy::providers::{Provider, ProviderBuilder};
use alloy::sol_types::SolCall;
use chain::{Asked, FakeChain, NOW, closed, open};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::Arc;
use support::{Fast, MODEL, bounds, grow, index};
use vouch_api::chain::contracts::{Addresses, Vouch};
use vouch_api::chain::policy::{MinFee, Policy};
use vouch_api::chain::sender::{Sender, read_key};
use vouch_api::chain::watcher::Watcher;
use vouch_indexer::db::Db;
use vouch_indexer::replay::Replay;
use vouch_prover::engine::Engine;
use vouch_prover::jobs::Stage;
use vouch_prover::opening::Opening;
use vouch_prover::queue::Queue;

const GWEI: u128 = 1_000_000_000;
/// Pays for an answer with a callback of 100,000 gas at 1 gwei, and half as much again.
const ENOUGH_WEI: u128 = 2_000_000 * GWEI;

struct Setup {
    chain: FakeChain,
    replay: Replay,
    queue: Queue<dyn Engine>,
    watcher: Watcher,
    metrics: PrometheusHandle,
    _recording: metrics::LocalRecorderGuard<'static>,
    _dir: tempfile::TempDir,
}

/// A node that works at `min_fee` and signs.
async fn setup(min_fee: MinFee) -> Setup {
    setup_over(min_fee, Fast::default()).await
}

async fn setup_over(min_fee: MinFee, engine: Fast) -> Setup {
    let dir = tempfile::tempdir().unwrap();
    let replay = Replay::new(31_337);
    grow(&replay, 30, 0);
    let db = Db::open(dir.path()).unwrap();
    let indexer = index(&replay, db.clone()).await;
    let engine: Arc<dyn Engine> = Arc::new(engine);
    let queue = Queue::new(db, indexer, engine, bounds());
    let chain = FakeChain::default();
    (chain.state().now, chain.state().gas_price_wei, chain.state().gas) = (NOW, GWEI, 1_100_000);
    let url = chain.spawn().await;
    let contracts = Addresses {
        vouch: Some(Address::repeat_byte(0xaa)),
        history_roots: Some(Address::repeat_byte(0xbb)),
        ..Addresses::default()
    };
    let key = read_key(None, Some(&"11".repeat(32))).unwrap().unwrap();
    let sender = Sender::connect(&url, key, contracts).await.unwrap();
    let sender = sender.with_timeout(std::time::Duration::from_millis(300));
    let provider = ProviderBuilder::new().connect(&url).await.unwrap().erased();
    let policy = Policy::new(min_fee);
    let watcher = Watcher::new(queue.clone(), provider, contracts, Some(sender), Address::ZERO, policy);
    // Tests run on one thread each, so each has a recorder of its own.
    let recorder = Box::leak(Box::new(PrometheusBuilder::new().build_recorder()));
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(recorder);
    Setup { chain, replay, queue, watcher, metrics, _recording, _dir: dir }
}

impl Setup {
    fn ask(&self, asked: impl IntoIterator<Item = Asked>) {
        self.chain.state().requests.extend(asked);
    }

    async fn prove(&self) {
        while self.queue.step().await.unwrap() {}
    }

    fn stages(&self) -> Vec<Stage> {
        self.queue.store().list().unwrap().iter().map(|j| j.stage).collect()
    }

    fn counted(&self, line: &str) -> bool {
        self.metrics.render().lines().any(|l| l == line)
    }
}

#[tokio::test]
async fn paid_request_is_proven_answered_once_and_then_left_alone() {
    let mut node = setup(MinFee::Cost).await;
    node.ask([Asked { fee_wei: ENOUGH_WEI, ..open(MODEL, 20) }]);
    node.watcher.look().await;
    assert_eq!(node.stages(), [Stage::Queued]);
    node.prove().await;
    node.watcher.look().await;
    assert_eq!(node.stages(), [Stage::Submitted]);
    assert_eq!(node.chain.state().sent.len(), 1);
    assert!(node.counted("vouch_requests_taken_total 1"));
    node.chain.state().requests[0].status = 2;
    let reads = node.chain.asked("requestOf");
    node.watcher.look().await;
    assert_eq!((node.chain.asked("requestOf"), node.chain.state().sent.len()), (reads, 1));
}

/// A callback can behave in the estimate and burn its gas in the transaction.
#[tokio::test]
async fn gas_limit_leaves_the_callback_all_that_it_is_promised() {
    let mut node = setup(MinFee::Cost).await;
    node.ask([Asked { fee_wei: ENOUGH_WEI, ..open(MODEL, 20) }]);
    let callback = u64::from(open(MODEL, 20).callback_gas);
    assert!(callback > 0);
    node.watcher.look().await;
    node.prove().await;
    node.watcher.look().await;
    let raw = node.chain.state().sent[0].clone();
    let sent = TxEnvelope::decode_2718(&mut raw.as_ref()).unwrap();
    assert_eq!(sent.gas_limit(), 1_100_000 + callback * 64 / 63 + 150_000);
}

#[tokio::test]
async fn answer_that_reverts_is_paid_for_twice_at_most() {
    let mut node = setup(MinFee::Cost).await;
    node.ask([Asked { fee_wei: ENOUGH_WEI, ..open(MODEL, 20) }]);
    node.chain.state().reverts = true;
    node.watcher.look().await;
    node.prove().await;
    for sent in [1, 2, 2] {
        node.watcher.look().await;
        assert_eq!(node.chain.state().sent.len(), sent);
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    }
    assert_eq!(node.stages(), [Stage::Failed]);
}

#[tokio::test]
async fn answer_that_is_not_mined_is_sent_again_with_its_nonce_and_never_twice() {
    let mut node = setup(MinFee::Cost).await;
    node.ask([Asked { fee_wei: ENOUGH_WEI, ..open(MODEL, 20) }]);
    node.chain.state().is_stuck = true;
    for _ in 0..2 {
        node.watcher.look().await;
        node.prove().await;
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    }
    node.watcher.look().await;
    let sent: Vec<TxEnvelope> =
        node.chain.state().sent.iter().map(|raw| TxEnvelope::decode_2718(&mut raw.as_ref()).unwrap()).collect();
    assert_eq!(sent.iter().map(|tx| tx.nonce()).collect::<Vec<_>>(), [0, 0]);
    assert!(sent[1].max_fee_per_gas() > sent[0].max_fee_per_gas() * 9 / 8);
    assert_eq!(sent[0].input(), sent[1].input());
    node.chain.state().is_stuck = false;
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    node.watcher.look().await;
    assert_eq!((node.stages(), node.chain.state().sent.len()), (vec![Stage::Submitted], 2));
}

#[tokio::test]
async fn waiting_job_of_a_closed_or_late_request_is_given_up() {
    let mut node = setup(MinFee::Cost).await;
    let paid = Asked { fee_wei: ENOUGH_WEI, ..open(MODEL, 20) };
    node.ask([paid.clone(), Asked { as_of: 21, ..paid.clone() }, Asked { as_of: 22, ..paid }]);
    node.watcher.look().await;
    assert_eq!(node.stages(), [Stage::Queued; 3]);
    node.chain.state().requests[0].status = 3;
    node.chain.state().requests[1].deadline = NOW - 1;
    rewatch(&node, MinFee::Cost).await.look().await;
    let jobs = node.queue.store().list().unwrap();
    for job in jobs {
        let expected = if job.query.as_of == 22 { Stage::Queued } else { Stage::Failed };
        assert_eq!(job.stage, expected, "{:?}", job.failure);
    }
}

#[tokio::test]
async fn unpaid_greedy_and_late_requests_are_refused_said_once_and_counted() {
    let mut node = setup(MinFee::Cost).await;
    let paid = Asked { fee_wei: ENOUGH_WEI, ..open(MODEL, 20) };
    node.ask([
        Asked { fee_wei: 0, ..paid.clone() },
        Asked { callback_gas: 15_000_000, fee_wei: u128::MAX >> 32, ..paid.clone() },
        Asked { deadline: NOW + 59, ..paid.clone() },
        Asked { model: B256::ZERO, ..paid.clone() },
        // Without a target nobody is called, whatever the limit says.
        Asked { callback_gas: 15_000_000, target: Address::ZERO, ..paid },
    ]);
    for _ in 0..3 {
        node.watcher.look().await;
    }
    for reason in ["fee", "callback_gas", "time", "query"] {
        assert!(
            node.counted(&format!("vouch_requests_refused_total{{reason=\"{reason}\"}} 1")),
            "{}",
            node.metrics.render()
        );
    }
    let jobs = node.queue.store().list().unwrap();
    assert_eq!(jobs.iter().map(|j| j.query.request.unwrap().to::<u64>()).collect::<Vec<_>>(), [5]);
    assert!(node.chain.state().sent.is_empty());
}

#[tokio::test]
async fn strangers_are_served_for_nothing_only_where_that_was_chosen() {
    let mut node = setup(MinFee::new(None, 31_337)).await;
    node.ask([open(MODEL, 20)]);
    node.watcher.look().await;
    assert_eq!(node.stages(), [Stage::Queued]);
    let mut node = setup(MinFee::new(None, 1)).await;
    node.ask([open(MODEL, 20)]);
    node.watcher.look().await;
    assert!(node.stages().is_empty());
}

#[tokio::test]
async fn answer_that_became_too_expensive_is_not_sent_until_the_deadline_ends_it() {
    let mut node = setup(MinFee::Cost).await;
    node.ask([Asked { fee_wei: ENOUGH_WEI, ..open(MODEL, 20) }]);
    node.watcher.look().await;
    node.prove().await;
    node.chain.state().gas_price_wei = 2 * GWEI;
    node.watcher.look().await;
    node.watcher.look().await;
    assert_eq!((node.stages(), node.chain.state().sent.len()), (vec![Stage::Proven], 0));
    assert!(node.counted("vouch_requests_refused_total{reason=\"fee_at_sending\"} 1"));
    // A node that begins anew looks at once: the deadline has passed, so it ends with a reason.
    node.chain.state().now = NOW + 3_601;
    node.watcher = rewatch(&node, MinFee::Cost).await;
    node.watcher.look().await;
    let job = &node.queue.store().list().unwrap()[0];
    assert_eq!(job.stage, Stage::Failed);
    let detail = &job.failure.as_ref().unwrap().detail;
    assert_eq!(*detail, format!("the deadline of request 1 has passed: it was {}, it is {}", NOW + 3_600, NOW + 3_601));
}

/// A new watcher of the same chain and queue, as after a restart.
async fn rewatch(node: &Setup, min_fee: MinFee) -> Watcher {
    let url = node.chain.spawn().await;
    let contracts = Addresses { vouch: Some(Address::repeat_byte(0xaa)), ..Addresses::default() };
    let key = read_key(None, Some(&"11".repeat(32))).unwrap().unwrap();
    let sender = Sender::connect(&url, key, contracts).await.unwrap();
    let provider = ProviderBuilder::new().connect(&url).await.unwrap().erased();
    Watcher::new(node.queue.clone(), provider, contracts, Some(sender), Address::ZERO, Policy::new(min_fee))
}

#[tokio::test]
async fn open_request_nobody_can_answer_does_not_make_the_later_ones_be_read_again() {
    let mut node = setup(MinFee::Free).await;
    node.ask([Asked { deadline: u64::MAX, ..open(B256::ZERO, 20) }]);
    node.ask((0..50).map(|_| closed(MODEL, 20)));
    node.watcher.look().await;
    assert_eq!(node.chain.asked("requestOf"), 51);
    for _ in 0..5 {
        node.watcher.look().await;
    }
    assert_eq!(node.chain.asked("requestOf"), 51, "nothing is due within a second");
    node.ask([open(MODEL, 20)]);
    node.watcher.look().await;
    assert_eq!((node.chain.asked("requestOf"), node.stages()), (52, vec![Stage::Queued]));
    // A reorg can give ids to other requests: each is read once more.
    node.replay.chain().truncate(25);
    grow(&node.replay, 31, 7);
    node.queue.indexer().catch_up().await.unwrap();
    node.watcher.look().await;
    node.watcher.look().await;
    assert_eq!(node.chain.asked("requestOf"), 52 + 52);
}

#[tokio::test]
async fn answer_whose_block_left_the_chain_is_sent_again() {
    let mut node = setup(MinFee::Free).await;
    node.ask([open(MODEL, 20)]);
    node.watcher.look().await;
    node.prove().await;
    node.watcher.look().await;
    assert_eq!(node.stages(), [Stage::Submitted]);
    // Only blocks above those of the proof are replaced: the request is open again.
    node.replay.chain().truncate(25);
    grow(&node.replay, 31, 7);
    node.queue.indexer().catch_up().await.unwrap();
    node.watcher.look().await;
    assert_eq!((node.stages(), node.chain.state().sent.len()), (vec![Stage::Submitted], 2));
}

#[tokio::test]
async fn second_request_of_one_question_is_answered_with_the_same_proof() {
    let mut node = setup(MinFee::Free).await;
    node.ask([open(MODEL, 20), open(MODEL, 20)]);
    node.watcher.look().await;
    node.prove().await;
    node.watcher.look().await;
    assert_eq!((node.stages(), node.chain.state().sent.len()), (vec![Stage::Submitted; 2], 2));
    let reused: Vec<bool> = node.queue.store().list().unwrap().iter().map(|j| j.reused_score).collect();
    assert_eq!(reused.iter().filter(|r| **r).count(), 1);
}

#[tokio::test]
async fn request_about_private_inputs_waits_for_their_opening() {
    let mut node = setup_over(MinFee::Free, Fast { private: 1.into(), ..Fast::default() }).await;
    let opening = Opening::new(26, vec![77], B256::with_last_byte(1)).unwrap().for_model(MODEL);
    let inputs = opening.commitment.into();
    node.ask([Asked { inputs, ..open(MODEL, 20) }, open(MODEL, 21)]);
    node.watcher.look().await;
    assert!(node.stages().is_empty(), "nothing is proven for an answer that nobody can give");
    for reason in ["opening", "query"] {
        assert!(node.counted(&format!("vouch_requests_refused_total{{reason=\"{reason}\"}} 1")));
    }
    node.queue.give_opening(opening).unwrap();
    node.watcher.look().await;
    assert_eq!(node.stages(), [Stage::Queued]);
    node.prove().await;
    node.watcher.look().await;
    assert_eq!(node.stages(), [Stage::Submitted]);
    let raw = node.chain.state().sent[0].clone();
    let sent = TxEnvelope::decode_2718(&mut raw.as_ref()).unwrap();
    let calls = Vouch::multicallCall::abi_decode(sent.input()).unwrap().data;
    let answer = Vouch::fulfilCall::abi_decode(calls.last().unwrap()).unwrap();
    assert_eq!((answer.claim.inputs, answer.claim.outputs[0]), (inputs, 77));
}
