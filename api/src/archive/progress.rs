//! How far the back-filling of an archive is, on disk.
//!
//! A finished proof is stored before it is sent, and taken away together with the note that its run is done. So whoever is killed proves
//! nothing twice: the next start sends what was proven, or finds it on the chain.

use super::ArchiveError;
use super::spans::Spans;
use alloy::primitives::Address;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use vouch_indexer::db::{Batch, Column, Db};
use vouch_prover::ancestries::AncestryProof;

/// A run that is proven and not known to be on the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Its first block.
    pub first: u64,
    /// The proof.
    pub proof: AncestryProof,
}

/// The records of one archive contract.
#[derive(Clone, Debug)]
pub struct Progress {
    db: Db,
    contract: Address,
}

/// Kinds of records.
const SPANS: &[u8] = b"spans";
const PENDING: &[u8] = b"pending";

impl Progress {
    /// The records of `contract` in `db`.
    pub fn new(db: Db, contract: Address) -> Self {
        Self { db, contract }
    }

    /// Which blocks are in proven runs.
    pub fn spans(&self) -> Result<Spans, ArchiveError> {
        Ok(self.read(SPANS)?.unwrap_or_default())
    }

    /// The proof that waits to be sent.
    pub fn pending(&self) -> Result<Option<Pending>, ArchiveError> {
        self.read(PENDING)
    }

    /// Keeps a finished proof.
    pub fn keep(&self, pending: &Pending) -> Result<(), ArchiveError> {
        let mut batch = Batch::default();
        self.put(&mut batch, PENDING, pending);
        Ok(self.db.write(batch)?)
    }

    /// Notes that the blocks from `first` to `end - 1` are in runs on the chain.
    pub fn done(&self, first: u64, end: u64) -> Result<(), ArchiveError> {
        let mut spans = self.spans()?;
        spans.add(first, end);
        let mut batch = Batch::default();
        self.put(&mut batch, SPANS, &spans);
        if self.pending()?.is_some_and(|pending| pending.first == first) {
            batch.delete(Column::Archive, self.key(PENDING));
        }
        Ok(self.db.write(batch)?)
    }

    /// Notes that the run from `first` to `end - 1` is not on the chain after all.
    pub fn undo(&self, first: u64, end: u64) -> Result<(), ArchiveError> {
        let mut spans = self.spans()?;
        spans.remove(first, end);
        let mut batch = Batch::default();
        self.put(&mut batch, SPANS, &spans);
        Ok(self.db.write(batch)?)
    }

    /// Gives up the proof that waits.
    pub fn drop_pending(&self) -> Result<(), ArchiveError> {
        let mut batch = Batch::default();
        batch.delete(Column::Archive, self.key(PENDING));
        Ok(self.db.write(batch)?)
    }

    fn key(&self, kind: &[u8]) -> Vec<u8> {
        [self.contract.as_slice(), kind].concat()
    }

    fn put(&self, batch: &mut Batch, kind: &[u8], value: &impl Serialize) {
        // maps with string keys and numbers only: it cannot fail
        batch.put(Column::Archive, self.key(kind), serde_json::to_vec(value).unwrap_or_default());
    }

    fn read<T: DeserializeOwned>(&self, kind: &[u8]) -> Result<Option<T>, ArchiveError> {
        let Some(bytes) = self.db.get(Column::Archive, &self.key(kind))? else { return Ok(None) };
        let parsed = serde_json::from_slice(&bytes);
        parsed.map(Some).map_err(|e| ArchiveError::Record { archive: self.contract, detail: e.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::B256;

    #[test]
    fn records_stay_and_belong_to_one_contract() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path()).unwrap();
        let [ours, theirs] = [1, 2].map(|byte| Progress::new(db.clone(), Address::repeat_byte(byte)));
        let root = B256::repeat_byte(7);
        let proof = AncestryProof { depth: 7, root, parent: B256::ZERO, last: B256::ZERO, proof: vec![1, 2].into() };
        let pending = Pending { first: 128, proof };
        ours.keep(&pending).unwrap();
        ours.done(256, 384).unwrap();
        assert_eq!(ours.pending().unwrap(), Some(pending), "another run's proof is not taken away");
        ours.done(128, 256).unwrap();
        assert_eq!(ours.pending().unwrap(), None);
        assert!(ours.spans().unwrap().holds(300) && !ours.spans().unwrap().holds(127));
        ours.undo(256, 384).unwrap();
        assert!(!ours.spans().unwrap().holds(300));
        assert_eq!(theirs.spans().unwrap(), Spans::default());
    }
}
