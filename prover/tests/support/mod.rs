//! A made-up chain behind the replay server, and an engine whose proofs take no time: the subject is the queue.
#![allow(dead_code, reason = "each test file uses a part")]

use alloy::consensus::Header;
use alloy::primitives::{Address, B256, Bytes};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use vouch_circuits::facts::{Fact, FactKind, FactTree};
use vouch_circuits::plan::Private;
use vouch_indexer::config::Retry;
use vouch_indexer::db::Db;
use vouch_indexer::replay::Replay;
use vouch_indexer::{Config, Finality, Indexer, Start};
use vouch_prover::engine::{
    Adding, Anchor, AuditAnswer, AuditTask, Engine, EngineError, HistoryProof, ModelInfo, NewModel, ScoreProof,
    ScoreTask,
};
use vouch_prover::evidence::Evidence;
use vouch_prover::jobs::Query;
use vouch_prover::queue::{Queue, QueueConfig};

/// The only model of [`Fast`].
pub const MODEL: B256 = B256::repeat_byte(0xab);

/// The contract that a plan with storage reads.
pub const CONTRACT: Address = Address::repeat_byte(0xcc);

/// Reads three timestamps; its "proofs" are the numbers themselves.
#[derive(Default)]
pub struct Fast {
    /// How long a proof takes.
    pub delay_ms: AtomicU32,
    /// History proofs made so far.
    pub histories: AtomicU32,
    /// Score proofs made so far.
    pub scores: AtomicU32,
    /// Makes proofs that no verifier accepts.
    pub is_broken: AtomicBool,
    /// Asks for the balance of the subject, too.
    pub reads_balance: AtomicBool,
    /// Asks for a slot of [`CONTRACT`], too.
    pub reads_storage: AtomicBool,
    /// Facts that one history proof has room for; 0: any number.
    pub room: AtomicU32,
    /// The next history proof but so many fails; 0: none does.
    pub fails_in: AtomicU32,
    /// No history proof succeeds.
    pub always_fails: AtomicBool,
    /// Private inputs, of 26 bits; the first is the first output.
    pub private: AtomicU32,
}

impl Fast {
    fn work(&self) -> Bytes {
        std::thread::sleep(Duration::from_millis(self.delay_ms.load(Ordering::SeqCst).into()));
        vec![u8::from(self.is_broken.load(Ordering::SeqCst))].into()
    }

    fn verify(proof: &Bytes) -> Result<(), EngineError> {
        match proof.first() {
            Some(0) => Ok(()),
            got => Err(EngineError::Rejected { verifier: "native", detail: format!("expected 0, got {got:?}") }),
        }
    }
}

impl Engine for Fast {
    fn models(&self) -> Vec<ModelInfo> {
        Vec::new()
    }

    fn add_model(&self, new: &NewModel, _tell: &dyn Fn(Adding)) -> Result<ModelInfo, EngineError> {
        Err(EngineError::Model { name: new.name.clone(), detail: "this engine takes no models".into() })
    }

    fn deprecate_model(&self, model: B256, _reason: Option<String>) -> Result<ModelInfo, EngineError> {
        Err(EngineError::UnknownModel { model })
    }

    fn audit(&self, task: &AuditTask) -> Result<AuditAnswer, EngineError> {
        Err(EngineError::UnknownModel { model: task.model })
    }

    fn questions_of_plan(&self, _plan: &str, subject: Address, as_of: u64) -> Result<Vec<Fact>, EngineError> {
        self.questions(MODEL, subject, as_of)
    }

    fn questions(&self, model: B256, subject: Address, as_of: u64) -> Result<Vec<Fact>, EngineError> {
        if model != MODEL {
            return Err(EngineError::UnknownModel { model });
        }
        let mut slot = [0; 32];
        slot[31] = 11;
        let [address, key] = [[0; 20].as_slice(), &[0; 32]];
        let fact = |block| Fact {
            kind: FactKind::Header,
            block,
            address: address.try_into().unwrap(),
            slot,
            key: key.try_into().unwrap(),
            key2: [0; 32],
            path: Default::default(),
            value: [0; 32],
        };
        let mut facts: Vec<Fact> = (0..3).map(|i| fact(as_of.saturating_sub(2 * i))).collect();
        let mut one = [0; 32];
        one[31] = 1;
        if self.reads_balance.load(Ordering::SeqCst) {
            facts.push(Fact { kind: FactKind::Account, address: subject.into(), slot: one, ..fact(as_of) });
        }
        if self.reads_storage.load(Ordering::SeqCst) {
            facts.push(Fact { kind: FactKind::Slot, address: CONTRACT.into(), slot: one, ..fact(as_of) });
        }
        Ok(facts)
    }

    fn private(&self, model: B256) -> Result<Private, EngineError> {
        match self.private.load(Ordering::SeqCst) {
            _ if model != MODEL => Err(EngineError::UnknownModel { model }),
            0 => Ok(Private::default()),
            count => Ok(Private { count: count as usize, bits: 26 }),
        }
    }

    fn history_k(&self, evidence: &Evidence) -> Result<u32, EngineError> {
        let (room, got) = (self.room.load(Ordering::SeqCst), evidence.facts.len());
        match room {
            1.. if got > room as usize => {
                Err(EngineError::Capacity { detail: format!("{got} facts, room for {room}") })
            }
            _ => Ok(10 + got.ilog2()),
        }
    }

    fn prove_history(&self, evidence: &Evidence, payee: Address) -> Result<HistoryProof, EngineError> {
        let proof = self.work();
        if self.fails_in.load(Ordering::SeqCst) > 0 && self.fails_in.fetch_sub(1, Ordering::SeqCst) == 1 {
            return Err(EngineError::Prover { detail: "out of memory".into() });
        }
        self.histories.fetch_add(1, Ordering::SeqCst);
        if self.always_fails.load(Ordering::SeqCst) {
            return Err(EngineError::Prover { detail: "out of memory".into() });
        }
        let tree = FactTree::new(&evidence.facts).map_err(|e| EngineError::Capacity { detail: e.to_string() })?;
        Ok(HistoryProof {
            class: 0,
            root: B256::from(tree.root().to_bytes()),
            payee,
            anchors: evidence.blocks.iter().map(|b| Anchor { number: b.number, hash: b.hash, linked: false }).collect(),
            facts: evidence.facts.clone(),
            instances: vec![],
            proof,
        })
    }

    fn verify_history(&self, proof: &HistoryProof) -> Result<(), EngineError> {
        Self::verify(&proof.proof)
    }

    fn prove_score(&self, task: &ScoreTask) -> Result<ScoreProof, EngineError> {
        let proof = self.work();
        self.scores.fetch_add(1, Ordering::SeqCst);
        let last = |f: &Fact| i64::from_be_bytes(f.value[24..].try_into().unwrap());
        let sum = task.roots.iter().flat_map(|(_, facts)| facts).map(last).sum();
        let roots = std::array::from_fn(|i| task.roots.get(i).unwrap_or(&task.roots[0]).0);
        let (sum, inputs) =
            task.private.as_ref().map_or((sum, B256::ZERO), |opening| (opening.values[0], opening.commitment));
        Ok(ScoreProof { outputs: [sum, 0, 0, 0], roots, inputs, digest: B256::ZERO, instances: vec![], proof })
    }

    fn verify_score(&self, _task: &ScoreTask, proof: &ScoreProof) -> Result<(), EngineError> {
        Self::verify(&proof.proof)
    }
}

/// Extends the served chain to `to`; `salt` tells forks apart.
pub fn grow(replay: &Replay, to: u64, salt: u64) {
    let mut chain = replay.chain();
    let tip = chain.headers.last_key_value().map(|(_, h)| (h.inner.number, h.hash));
    let (mut number, mut parent) = tip.map_or((1, B256::ZERO), |(n, h)| (n + 1, h));
    while number <= to {
        let header = Header { number, parent_hash: parent, timestamp: 12 * number + salt, ..Header::default() };
        parent = header.hash_slow();
        chain.push(header);
        number += 1;
    }
}

/// An index over `replay`, caught up.
pub async fn index(replay: &Replay, db: Db) -> Indexer {
    index_from(&[replay], db, 1).await
}

/// An index over several nodes, the first preferred, from block `first` on, caught up.
pub async fn index_from(replays: &[&Replay], db: Db, first: u64) -> Indexer {
    let mut urls = vec![];
    for replay in replays {
        urls.push(replay.spawn().await.unwrap());
    }
    let mut config = Config::new(urls.join(","));
    config.start = Start::Block(first);
    config.finality = Finality::Depth { blocks: 64 };
    config.retry = Retry { tries: 2, first_delay: Duration::from_millis(1), ..Retry::default() };
    let indexer = Indexer::open(db, config).await.unwrap();
    indexer.catch_up().await.unwrap();
    indexer
}

/// Short waits.
pub fn bounds() -> QueueConfig {
    QueueConfig {
        max_waiting: 4,
        max_retries: 3,
        retry_delay: Duration::from_millis(1),
        max_restarts: 2,
        idle_wait: Duration::from_millis(5),
        reach_blocks: None,
        opening_patience: Duration::from_millis(50),
    }
}

/// The queue over a fresh directory and a chain of 30 blocks.
pub async fn setup() -> (tempfile::TempDir, Replay, Queue<Fast>) {
    let dir = tempfile::tempdir().unwrap();
    let replay = Replay::new(31_337);
    grow(&replay, 30, 0);
    let db = Db::open(dir.path()).unwrap();
    let indexer = index(&replay, db.clone()).await;
    (dir, replay, Queue::new(db, indexer, Arc::new(Fast::default()), bounds()))
}

/// A query as of `as_of`.
pub fn query(as_of: u64) -> Query {
    let subject = Address::repeat_byte(1);
    Query { model: MODEL, subject, as_of, payee: Address::ZERO, also: vec![], request: None, inputs: None }
}
