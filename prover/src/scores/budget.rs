//! Counts the proofs that are made with private weights.
//!
//! Each proof opens the weight columns at one more point; a salt hides the weights for as many proofs as
//! [`vouch_circuits::score::salt`] says. A proof is counted, safely on disk, before it is begun: one that fails, or a process that
//! is killed, costs one of the budget and never gains one. The count belongs to the weight commitments, so two model ids over the
//! same columns share it.

use crate::engine::EngineError;
use crate::model_key::POINT_BYTES;
use alloy::primitives::{B256, keccak256};
use std::sync::Mutex;
use vouch_indexer::db::{Batch, Column, Db, DbError};

/// One count at a time: what is read is what is written over.
static COUNTING: Mutex<()> = Mutex::new(());

/// The count of one pair of weight columns.
#[derive(Clone, Debug)]
pub struct Budget {
    key: Vec<u8>,
    /// Proofs that the salt allows.
    pub proofs: u64,
}

impl Budget {
    /// - `key`: the key data of the model, whose last `columns` points are its weight commitments
    /// - `proofs`: what the salt allows
    pub fn new(key: &[u8], columns: usize, proofs: u64) -> Self {
        let weights = &key[key.len().saturating_sub(columns * POINT_BYTES)..];
        Self { key: [b"proofs of ".as_slice(), keccak256(weights).as_slice()].concat(), proofs }
    }

    fn made(&self, db: &Db) -> Result<u64, DbError> {
        let stored = db.get(Column::Meta, &self.key)?;
        // What cannot be read counts as all.
        Ok(stored.map_or(0, |bytes| bytes.try_into().map_or(u64::MAX, u64::from_be_bytes)))
    }

    /// Proofs that may still be made.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn left(&self, db: &Db) -> Result<u64, DbError> {
        Ok(self.proofs.saturating_sub(self.made(db)?))
    }

    /// Counts one proof.
    ///
    /// # Errors
    /// [`EngineError::Exhausted`] if the budget is spent; [`EngineError::Prover`] if the count cannot be stored.
    pub fn take(&self, db: &Db, model: B256) -> Result<(), EngineError> {
        let _one = COUNTING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let store = |e: DbError| EngineError::Prover { detail: e.to_string() };
        let made = self.made(db).map_err(store)?;
        if made >= self.proofs {
            return Err(EngineError::Exhausted { model, budget: self.proofs });
        }
        let mut batch = Batch::default();
        batch.put(Column::Meta, self.key.clone(), (made + 1).to_be_bytes());
        db.write(batch).map_err(store)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spent_budget_refuses_and_stays_spent() {
        let dir = tempfile::tempdir().unwrap();
        let (key, model) = ([7; 5 * POINT_BYTES], B256::repeat_byte(1));
        let budget = Budget::new(&key, 2, 3);
        {
            let db = Db::open(dir.path()).unwrap();
            for left in (0..3).rev() {
                budget.take(&db, model).unwrap();
                assert_eq!(budget.left(&db).unwrap(), left);
            }
        }
        let db = Db::open(dir.path()).unwrap();
        assert_eq!(budget.take(&db, model), Err(EngineError::Exhausted { model, budget: 3 }));
        assert_eq!(budget.left(&db).unwrap(), 0);
    }

    #[test]
    fn the_count_belongs_to_the_weight_columns() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path()).unwrap();
        let (mut structure, mut weights) = ([7; 5 * POINT_BYTES], [7; 5 * POINT_BYTES]);
        structure[0] = 8;
        weights[4 * POINT_BYTES] = 8;
        Budget::new(&[7; 5 * POINT_BYTES], 2, 3).take(&db, B256::ZERO).unwrap();
        assert_eq!(Budget::new(&structure, 2, 3).left(&db).unwrap(), 2);
        assert_eq!(Budget::new(&weights, 2, 3).left(&db).unwrap(), 3);
    }

    #[test]
    fn a_count_that_does_not_parse_is_spent() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path()).unwrap();
        let budget = Budget::new(&[7; POINT_BYTES], 1, 3);
        let mut batch = Batch::default();
        batch.put(Column::Meta, budget.key.clone(), [1, 2]);
        db.write(batch).unwrap();
        assert_eq!(budget.left(&db).unwrap(), 0);
    }
}
