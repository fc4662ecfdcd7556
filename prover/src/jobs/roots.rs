//! Proven roots on disk, found by the facts they hold.
//!
//! | column | key | value |
//! |---|---|---|
//! | roots | root | its proof |
//! | artifacts | `fact/` ‖ hash of the fact's place ‖ root | nothing |

use super::{Job, JobError, JobStore, json, parse, part_key};
use crate::engine::HistoryProof;
use alloy::primitives::{B256, keccak256};
use vouch_circuits::facts::Fact;
use vouch_indexer::db::{Batch, Column};

/// Before the keys of entries that lead from facts to roots; job ids are hex.
const FACT: &[u8] = b"fact/";

/// Where the roots that hold `fact`, whatever its value, are named.
fn place(fact: &Fact) -> Vec<u8> {
    let mut words = [fact.slot, fact.key, fact.key2].concat();
    for step in fact.path.steps() {
        let key = step.key.unwrap_or_default();
        words.extend([&[u8::from(step.key.is_some())], step.over.to_be_bytes().as_slice(), &key].concat());
    }
    words.extend((!fact.path.is_none()).then(|| fact.path.over().to_be_bytes()).into_iter().flatten());
    let head = [&[fact.kind as u8], fact.block.to_be_bytes().as_slice(), &fact.address].concat();
    [FACT, keccak256([head, words].concat()).as_slice()].concat()
}

impl JobStore {
    /// Stores the job with a root that it proved as its part `index`; other jobs may use the root from now on.
    pub fn save_history(&self, job: &mut Job, proof: &HistoryProof, index: usize) -> Result<(), JobError> {
        let mut batch = Batch::default();
        put(&mut batch, proof)?;
        batch.delete(Column::Artifacts, part_key(&job.id, index));
        self.commit(job, batch)
    }

    /// The proof of a root.
    pub fn root(&self, root: B256) -> Result<Option<HistoryProof>, JobError> {
        self.read(Column::Roots, root.as_slice(), &root.to_string(), "history proof")
    }

    /// Whether `root` is proven.
    pub fn has_root(&self, root: B256) -> Result<bool, JobError> {
        Ok(self.db.get(Column::Roots, root.as_slice())?.is_some())
    }

    /// Every proven root.
    pub fn roots(&self) -> Result<Vec<HistoryProof>, JobError> {
        let entries = self.db.scan(Column::Roots, &[])?;
        entries.iter().map(|(key, value)| parse(value, &alloy::hex::encode(key), "history proof")).collect()
    }

    /// The proven roots that hold `fact`, whatever its value.
    pub fn roots_with(&self, fact: &Fact) -> Result<Vec<B256>, JobError> {
        let prefix = place(fact);
        let entries = self.db.scan(Column::Artifacts, &prefix)?;
        Ok(entries.iter().filter_map(|(key, _)| B256::try_from(&key[prefix.len()..]).ok()).collect())
    }

    /// Forgets a root whose blocks were reorganised away.
    pub fn remove_root(&self, root: B256) -> Result<(), JobError> {
        let mut batch = Batch::default();
        for fact in self.root(root)?.iter().flat_map(|proof| &proof.facts) {
            batch.delete(Column::Artifacts, [place(fact).as_slice(), root.as_slice()].concat());
        }
        batch.delete(Column::Roots, root.as_slice());
        Ok(self.db.write(batch)?)
    }
}

/// A root with the entries that lead to it.
pub(super) fn put(batch: &mut Batch, proof: &HistoryProof) -> Result<(), JobError> {
    batch.put(Column::Roots, proof.root.as_slice(), json(proof, &proof.root.to_string(), "history proof")?);
    for fact in &proof.facts {
        batch.put(Column::Artifacts, [place(fact).as_slice(), proof.root.as_slice()].concat(), Vec::new());
    }
    Ok(())
}
