//! Jobs found by stage and by question, so that a poll reads what it is about and not every job there ever was.
//!
//! | column | key | value |
//! |---|---|---|
//! | artifacts | `stage/` ‖ stage ‖ time of the question ‖ job id | nothing |
//! | artifacts | `asked/` ‖ hash of the question, whoever requested it ‖ job id | nothing |
//! | artifacts | `indexed` | there once the entries above are complete |

use super::{Job, JobError, JobStore, Query, Stage};
use vouch_indexer::db::{Batch, Column};

const STAGE: &[u8] = b"stage/";
const ASKED: &[u8] = b"asked/";
const INDEXED: &[u8] = b"indexed";

fn stage_key(stage: Stage) -> Vec<u8> {
    [STAGE, &[stage as u8]].concat()
}

fn asked_key(query: &Query) -> Vec<u8> {
    let question = Query { request: None, also: Vec::new(), ..query.clone() };
    [ASKED, question.id().as_bytes(), b"/"].concat()
}

/// Brings the entries of `job` in line with its stage.
pub(super) fn put(batch: &mut Batch, job: &Job) {
    for stage in Stage::ALL {
        let key = [stage_key(stage).as_slice(), &job.created_ms.to_be_bytes(), job.id.as_bytes()].concat();
        match stage == job.stage {
            true => batch.put(Column::Artifacts, key, Vec::new()),
            false => batch.delete(Column::Artifacts, key),
        }
    }
    batch.put(Column::Artifacts, [asked_key(&job.query).as_slice(), job.id.as_bytes()].concat(), Vec::new());
}

impl JobStore {
    /// Makes the entries of a directory that was written before there were any. Reads every job, once.
    pub fn index(&self) -> Result<(), JobError> {
        if self.db.get(Column::Artifacts, INDEXED)?.is_some() {
            return Ok(());
        }
        let mut batch = Batch::default();
        for job in self.list()? {
            put(&mut batch, &job);
        }
        batch.put(Column::Artifacts, INDEXED, Vec::new());
        Ok(self.db.write(batch)?)
    }

    /// Jobs in one of these stages, oldest first.
    pub fn in_stages(&self, stages: &[Stage]) -> Result<Vec<Job>, JobError> {
        let mut keys = Vec::new();
        for stage in stages {
            let prefix = stage_key(*stage);
            let entries = self.db.scan(Column::Artifacts, &prefix)?;
            keys.extend(entries.into_iter().map(|(key, _)| key[prefix.len()..].to_vec()));
        }
        keys.sort();
        keys.iter().map(|key| self.get(&String::from_utf8_lossy(&key[8..]))).collect()
    }

    /// Jobs with work left, oldest first.
    pub fn unfinished(&self) -> Result<Vec<Job>, JobError> {
        self.in_stages(&[Stage::Queued, Stage::Evidence, Stage::ProvingHistory, Stage::ProvingScore])
    }

    /// Jobs about the question of `query`, whatever request they answer and whoever is proven along.
    pub fn same_question(&self, query: &Query) -> Result<Vec<Job>, JobError> {
        let prefix = asked_key(query);
        let entries = self.db.scan(Column::Artifacts, &prefix)?;
        entries.iter().map(|(key, _)| self.get(&String::from_utf8_lossy(&key[prefix.len()..]))).collect()
    }
}
