//! Jobs on disk: what was asked, how far it is, and what each finished stage produced.
//!
//! A stage's result and the advance to the next stage are one atomic write, so a job killed at any moment is either
//! before a stage (and does it again) or after it (and has its result).

mod ahead;
mod index;
mod roots;

pub use ahead::Ahead;

use crate::engine::{Anchor, ScoreProof, ScoreTask};
use crate::evidence::Evidence;
use alloy::primitives::{Address, B256, U256, keccak256};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::time::{SystemTime, UNIX_EPOCH};
use thiserror::Error;
use vouch_indexer::db::{Batch, Column, Db, DbError};

/// A question: what does `model` say about `subject` as of block `as_of`?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// The model.
    pub model: B256,
    /// About whom.
    pub subject: Address,
    /// As of which block.
    pub as_of: u64,
    /// Who is paid for the proofs.
    pub payee: Address,
    /// Further subjects whose facts join the history root, so that their scores need no history proof later.
    #[serde(default)]
    pub also: Vec<Address>,
    /// The request on the `Vouch` contract that this answers.
    #[serde(default)]
    pub request: Option<U256>,
    /// Commitment to the private inputs, if the model has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<B256>,
}

impl Query {
    /// The job id: the same question is the same job. 16 bytes in hex.
    pub fn id(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        alloy::hex::encode(&keccak256(text)[..16])
    }
}

/// The stage a job is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Waiting for the worker.
    Queued,
    /// Collecting headers and state proofs.
    Evidence,
    /// Evidence is stored; the history proof is being made.
    ProvingHistory,
    /// A root is proven; the score proof is being made.
    ProvingScore,
    /// Both proofs are stored and verified.
    Proven,
    /// The proofs were accepted by the contract.
    Submitted,
    /// Given up, with the reason.
    Failed,
}

impl Stage {
    /// All stages.
    const ALL: [Self; 7] = [
        Self::Queued,
        Self::Evidence,
        Self::ProvingHistory,
        Self::ProvingScore,
        Self::Proven,
        Self::Submitted,
        Self::Failed,
    ];

    /// True when the worker has nothing more to do.
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Proven | Self::Submitted | Self::Failed)
    }
}

/// Why a job was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Machine-readable kind: `reorg`, `node`, `query`, `capacity`, `prover`, `rejected`, `submit`, `opening`.
    pub kind: String,
    /// The sentence for people.
    pub detail: String,
}

/// What a stage cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageCost {
    /// The stage.
    pub stage: Stage,
    /// Wall time.
    pub wall_seconds: f64,
    /// Processor time of the whole process.
    pub cpu_seconds: f64,
    /// Greatest resident memory of the process in this stage.
    pub peak_mb: u64,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// [`Query::id`].
    pub id: String,
    /// What was asked.
    pub query: Query,
    /// How far it is.
    pub stage: Stage,
    /// Unix milliseconds of the question; jobs are worked on in this order.
    pub created_ms: u64,
    /// Unix milliseconds of the last change.
    pub updated_ms: u64,
    /// Times the job began anew because of a reorg.
    pub restarts: u32,
    /// Times the present stage failed for a reason that may pass.
    pub retries: u32,
    /// The last such reason.
    pub last_error: Option<String>,
    /// The blocks the answer hangs on.
    pub anchors: Vec<Anchor>,
    /// The roots the score is proven under: those of earlier jobs, then its own as they are proven.
    pub roots: Vec<B256>,
    /// History proofs that the job has to make itself, as far as it knows.
    #[serde(default)]
    pub parts: usize,
    /// Those of them that are made.
    #[serde(default)]
    pub parts_done: usize,
    /// True when all roots were proven by earlier jobs.
    pub reused_root: bool,
    /// True when the score itself was proven by an earlier job.
    #[serde(default)]
    pub reused_score: bool,
    /// What each finished stage cost.
    pub costs: Vec<StageCost>,
    /// Transaction that the contract accepted.
    pub transaction: Option<B256>,
    /// Why it failed.
    pub failure: Option<Failure>,
}

impl Job {
    fn new(query: Query) -> Self {
        let now = now_ms();
        Self {
            id: query.id(),
            query,
            stage: Stage::Queued,
            created_ms: now,
            updated_ms: now,
            restarts: 0,
            retries: 0,
            last_error: None,
            anchors: Vec::new(),
            roots: Vec::new(),
            parts: 0,
            parts_done: 0,
            reused_root: false,
            reused_score: false,
            costs: Vec::new(),
            transaction: None,
            failure: None,
        }
    }
}

/// Why a job could not be stored or read.
#[derive(Debug, Error)]
pub enum JobError {
    /// Too many jobs are waiting. Recoverable: ask again later.
    #[error("queue is full: {got} jobs are waiting, expected fewer than {limit}")]
    QueueFull {
        /// Most jobs that may wait.
        limit: usize,
        /// Jobs waiting.
        got: usize,
    },
    /// No such job.
    #[error("no query with id {id}")]
    Unknown {
        /// The id asked for.
        id: String,
    },
    /// A stored job or artifact does not parse. Not recoverable: the directory was written by other software.
    #[error("job {id}: stored {what} does not parse: {detail}")]
    Record {
        /// The job.
        id: String,
        /// Which record.
        what: &'static str,
        /// Where parsing stopped.
        detail: String,
    },
    /// The store failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A finished score with the task it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// What was proven.
    pub task: ScoreTask,
    /// The proof.
    pub proof: ScoreProof,
}

/// The jobs, artifacts and proven roots of a data directory.
#[derive(Clone, Debug)]
pub struct JobStore {
    db: Db,
}

impl JobStore {
    /// The jobs in `db`.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Stores a new job for `query`, or returns the one that exists. A failed job is queued again.
    ///
    /// # Errors
    /// [`JobError::QueueFull`] if `limit` jobs are waiting.
    pub fn add(&self, query: Query, limit: usize) -> Result<Job, JobError> {
        let mut job = Job::new(query);
        match self.get(&job.id) {
            Ok(old) if old.stage != Stage::Failed => return Ok(old),
            Ok(_) | Err(JobError::Unknown { .. }) => {}
            Err(e) => return Err(e),
        }
        let got = self.unfinished()?.len();
        if got >= limit {
            return Err(JobError::QueueFull { limit, got });
        }
        self.save(&mut job)?;
        Ok(job)
    }

    /// The job with this id.
    ///
    /// # Errors
    /// [`JobError::Unknown`].
    pub fn get(&self, id: &str) -> Result<Job, JobError> {
        self.read(Column::Jobs, id.as_bytes(), id, "job")?.ok_or_else(|| JobError::Unknown { id: id.to_owned() })
    }

    /// All jobs, oldest first.
    pub fn list(&self) -> Result<Vec<Job>, JobError> {
        let mut jobs = Vec::new();
        for (key, value) in self.db.scan(Column::Jobs, &[])? {
            jobs.push(parse::<Job>(&value, &String::from_utf8_lossy(&key), "job")?);
        }
        jobs.sort_by(|a, b| (a.created_ms, &a.id).cmp(&(b.created_ms, &b.id)));
        Ok(jobs)
    }

    /// The oldest job with work left.
    pub fn next(&self) -> Result<Option<Job>, JobError> {
        Ok(self.unfinished()?.into_iter().next())
    }

    /// Stores the job alone.
    pub fn save(&self, job: &mut Job) -> Result<(), JobError> {
        self.commit(job, Batch::default())
    }

    /// Stores the job with the evidence of its parts.
    pub fn save_evidence(&self, job: &mut Job, parts: &[Evidence]) -> Result<(), JobError> {
        let mut batch = Batch::default();
        for (i, evidence) in parts.iter().enumerate() {
            batch.put(Column::Artifacts, part_key(&job.id, i), json(evidence, &job.id, "evidence")?);
        }
        self.commit(job, batch)
    }

    /// Stores the job with its score.
    pub fn save_score(&self, job: &mut Job, score: &Score) -> Result<(), JobError> {
        let mut batch = Batch::default();
        batch.put(Column::Artifacts, key(&job.id, "score"), json(score, &job.id, "score")?);
        self.commit(job, batch)
    }

    /// Forgets what the stages of a job produced and puts it back to the start.
    pub fn restart(&self, job: &mut Job, reason: String) -> Result<(), JobError> {
        let mut batch = Batch::default();
        for i in 0..job.parts {
            batch.delete(Column::Artifacts, part_key(&job.id, i));
        }
        batch.delete(Column::Artifacts, key(&job.id, "score"));
        job.stage = Stage::Queued;
        job.restarts += 1;
        job.retries = 0;
        job.last_error = Some(reason);
        job.anchors.clear();
        job.roots.clear();
        (job.parts, job.parts_done) = (0, 0);
        job.reused_root = false;
        job.reused_score = false;
        job.costs.clear();
        job.transaction = None;
        self.commit(job, batch)
    }

    /// The evidence of part `index` of a job in [`Stage::ProvingHistory`], until that is proven.
    pub fn evidence(&self, id: &str, index: usize) -> Result<Option<Evidence>, JobError> {
        self.read(Column::Artifacts, &part_key(id, index), id, "evidence")
    }

    /// The score of a proven job.
    pub fn score(&self, id: &str) -> Result<Option<Score>, JobError> {
        self.read(Column::Artifacts, &key(id, "score"), id, "score")
    }

    fn commit(&self, job: &mut Job, mut batch: Batch) -> Result<(), JobError> {
        job.updated_ms = now_ms();
        batch.put(Column::Jobs, job.id.as_bytes(), json(job, &job.id, "job")?);
        index::put(&mut batch, job);
        Ok(self.db.write(batch)?)
    }

    fn read<T: DeserializeOwned>(
        &self,
        column: Column,
        key: &[u8],
        id: &str,
        what: &'static str,
    ) -> Result<Option<T>, JobError> {
        self.db.get(column, key)?.map(|value| parse(&value, id, what)).transpose()
    }
}

fn part_key(id: &str, index: usize) -> Vec<u8> {
    key(id, &format!("evidence/{index}"))
}

fn key(id: &str, what: &str) -> Vec<u8> {
    format!("{id}/{what}").into_bytes()
}

fn json<T: Serialize>(value: &T, id: &str, what: &'static str) -> Result<Vec<u8>, JobError> {
    serde_json::to_vec(value).map_err(|e| JobError::Record { id: id.to_owned(), what, detail: e.to_string() })
}

fn parse<T: DeserializeOwned>(value: &[u8], id: &str, what: &'static str) -> Result<T, JobError> {
    serde_json::from_slice(value).map_err(|e| JobError::Record { id: id.to_owned(), what, detail: e.to_string() })
}

/// Unix time in milliseconds.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}
