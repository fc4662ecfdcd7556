//! What was proven ahead of time, on disk.
//!
//! | column | key | value |
//! |---|---|---|
//! | artifacts | `ahead/` ‖ hash of the entry's name ‖ block | [`Ahead`] |
//! | artifacts | `post/` ‖ root | tip of the chain when the contract was seen to know the root; 0: not yet |

use super::roots::put;
use super::{JobError, JobStore, json, parse};
use crate::engine::HistoryProof;
use alloy::primitives::{B256, keccak256};
use serde::{Deserialize, Serialize};
use vouch_indexer::db::{Batch, Column};

const AHEAD: &[u8] = b"ahead/";
const POST: &[u8] = b"post/";

/// One entry at one block, finished.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ahead {
    /// The block.
    pub block: u64,
    /// The roots that hold the facts; empty if it failed.
    pub roots: Vec<B256>,
    /// Why there is nothing.
    pub failure: Option<String>,
    /// Whether it is worth another try after a restart.
    #[serde(default)]
    pub may_pass: bool,
}

fn entry(name: &str) -> Vec<u8> {
    [AHEAD, &keccak256(name)[..8]].concat()
}

impl JobStore {
    /// What is finished of the entry at `block`.
    pub fn ahead(&self, name: &str, block: u64) -> Result<Option<Ahead>, JobError> {
        self.read(Column::Artifacts, &[entry(name).as_slice(), &block.to_be_bytes()].concat(), name, "watched block")
    }

    /// Everything that is finished of the entry, by block.
    pub fn all_ahead(&self, name: &str) -> Result<Vec<Ahead>, JobError> {
        let entries = self.db.scan(Column::Artifacts, &entry(name))?;
        entries.iter().map(|(_, value)| parse(value, name, "watched block")).collect()
    }

    /// Stores that an entry is finished at a block.
    pub fn save_ahead(&self, name: &str, ahead: &Ahead) -> Result<(), JobError> {
        let mut batch = Batch::default();
        let key = [entry(name).as_slice(), &ahead.block.to_be_bytes()].concat();
        batch.put(Column::Artifacts, key, json(ahead, name, "watched block")?);
        for root in &ahead.roots {
            if self.posted_at(*root)?.is_none() {
                batch.put(Column::Artifacts, [POST, root.as_slice()].concat(), 0u64.to_be_bytes());
            }
        }
        Ok(self.db.write(batch)?)
    }

    /// Stores a root that no job asked for.
    pub fn save_root(&self, proof: &HistoryProof) -> Result<(), JobError> {
        let mut batch = Batch::default();
        put(&mut batch, proof)?;
        Ok(self.db.write(batch)?)
    }

    /// Roots that are to be posted and are not final yet, each with the tip at which the contract was seen to know it, 0 if not yet.
    pub fn to_post(&self) -> Result<Vec<(B256, u64)>, JobError> {
        let entries = self.db.scan(Column::Artifacts, POST)?;
        let number = |value: &[u8]| value.try_into().map_or(0, u64::from_be_bytes);
        let root = |key: &[u8]| B256::try_from(&key[POST.len()..]).ok();
        Ok(entries.iter().filter_map(|(key, value)| Some((root(key)?, number(value)))).collect())
    }

    fn posted_at(&self, root: B256) -> Result<Option<Vec<u8>>, JobError> {
        Ok(self.db.get(Column::Artifacts, &[POST, root.as_slice()].concat())?)
    }

    /// Notes the tip at which the contract was seen to know `root`, 0 for not yet; `None` if it need not be looked at any more.
    pub fn set_posted(&self, root: B256, tip: Option<u64>) -> Result<(), JobError> {
        let (mut batch, key) = (Batch::default(), [POST, root.as_slice()].concat());
        match tip {
            Some(tip) => batch.put(Column::Artifacts, key, tip.to_be_bytes()),
            None => batch.delete(Column::Artifacts, key),
        }
        Ok(self.db.write(batch)?)
    }
}
