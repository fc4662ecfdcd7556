//! Openings that the queue holds: in memory only, until the proofs that need them are made.
//!
//! Each is for one model: a commitment is public, and who knows it could ask a model of his own what is under it.
//!
//! Nothing here is ever written. A process that ends forgets them all; those in a folder of the operator's are read when they are
//! needed, and never deleted.

use crate::opening::{Opening, OpeningError};
use alloy::primitives::B256;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most openings that are held.
const MAX_HELD: usize = 256;
/// An opening that nobody used is forgotten after this long, when room is needed.
const UNUSED: Duration = Duration::from_secs(24 * 3_600);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Openings {
    /// By commitment and model.
    held: Mutex<HashMap<(B256, B256), (Opening, Instant)>>,
    folder: Option<PathBuf>,
    given: AtomicU64,
}

impl Openings {
    /// Those of `folder` too: files `COMMITMENT.json`.
    pub(super) fn in_folder(folder: PathBuf) -> Self {
        Self { folder: Some(folder), ..Self::default() }
    }

    /// Keeps a checked opening for the model that it names.
    pub(super) fn give(&self, opening: Opening) -> Result<(), OpeningError> {
        opening.check()?;
        let key = (opening.commitment, opening.model.ok_or(OpeningError::NoModel { commitment: opening.commitment })?);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MAX_HELD && !held.contains_key(&key) {
            held.retain(|_, (_, since)| since.elapsed() < UNUSED);
            if held.len() >= MAX_HELD {
                return Err(OpeningError::Full { limit: MAX_HELD });
            }
        }
        held.insert(key, (opening, Instant::now()));
        self.given.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// How often one was given.
    pub(super) fn given(&self) -> u64 {
        self.given.load(Ordering::SeqCst)
    }

    /// The opening of `commitment` for `model`, checked.
    pub(super) fn find(&self, commitment: B256, model: B256) -> Result<Opening, OpeningError> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).get(&(commitment, model)).cloned();
        if let Some((opening, _)) = held {
            return Ok(opening);
        }
        let unknown = OpeningError::Unknown { commitment };
        let Some(folder) = &self.folder else { return Err(unknown) };
        let refuse = |detail: String| OpeningError::File { commitment, detail };
        let text = match std::fs::read(folder.join(format!("{commitment}.json"))) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(unknown),
            Err(e) => return Err(refuse(e.to_string())),
        };
        // serde's own message may quote what it read
        let opening: Opening = serde_json::from_slice(&text)
            .map_err(|e| refuse(format!("not a file of `vouch commit`: line {}, column {}", e.line(), e.column())))?;
        opening.check()?;
        match opening.commitment == commitment {
            true if opening.model.is_none() => Err(OpeningError::NoModel { commitment }),
            true if opening.model != Some(model) => Err(unknown),
            true => Ok(opening),
            false => Err(OpeningError::Mismatch { expected: commitment, got: opening.commitment }),
        }
    }

    /// Forgets what was given.
    pub(super) fn forget(&self, commitment: B256, model: B256) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&(commitment, model));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: B256 = B256::repeat_byte(3);

    fn opening(value: i64) -> Opening {
        Opening::new(26, vec![value], B256::ZERO).unwrap().for_model(MODEL)
    }

    #[test]
    fn what_is_given_is_found_until_it_is_forgotten() {
        let (openings, one) = (Openings::default(), opening(1));
        let unknown = OpeningError::Unknown { commitment: one.commitment };
        assert_eq!(openings.find(one.commitment, MODEL), Err(unknown.clone()));
        openings.give(one.clone()).unwrap();
        assert_eq!((openings.find(one.commitment, MODEL), openings.given()), (Ok(one.clone()), 1));
        // a stranger's model is told nothing
        assert_eq!(openings.find(one.commitment, B256::ZERO), Err(unknown.clone()));
        openings.forget(one.commitment, B256::ZERO);
        assert_eq!(openings.find(one.commitment, MODEL), Ok(one.clone()));
        openings.forget(one.commitment, MODEL);
        assert_eq!(openings.find(one.commitment, MODEL), Err(unknown));
        let of_none = OpeningError::NoModel { commitment: one.commitment };
        assert_eq!(openings.give(Opening { model: None, ..one.clone() }), Err(of_none));
        let wrong = Opening { commitment: B256::ZERO, ..one };
        assert!(matches!(openings.give(wrong), Err(OpeningError::Mismatch { .. })));
    }

    #[test]
    fn only_so_many_are_held() {
        let openings = Openings::default();
        for value in 0..MAX_HELD as i64 {
            openings.give(opening(value)).unwrap();
        }
        assert_eq!(openings.give(opening(-1)), Err(OpeningError::Full { limit: MAX_HELD }));
        openings.give(opening(3)).unwrap();
        openings.forget(opening(3).commitment, MODEL);
        openings.give(opening(-1)).unwrap();
    }

    #[test]
    fn a_folder_is_read_and_its_faults_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let openings = Openings::in_folder(folder.path().into());
        let (one, other) = (opening(1), opening(2));
        let path = |o: &Opening| folder.path().join(format!("{}.json", o.commitment));
        let text = |o: &Opening| {
            format!(
                r#"{{"commitment":"{}","bits":26,"salt":"{}","values":[{}],"model":"{MODEL}"}}"#,
                o.commitment, o.salt, o.values[0]
            )
        };
        assert!(matches!(openings.find(one.commitment, MODEL), Err(OpeningError::Unknown { .. })));
        std::fs::write(path(&one), text(&one)).unwrap();
        openings.forget(one.commitment, MODEL);
        assert_eq!(openings.find(one.commitment, MODEL), Ok(one.clone()));
        assert!(matches!(openings.find(one.commitment, B256::ZERO), Err(OpeningError::Unknown { .. })));
        let without = text(&one).replace(&format!(r#","model":"{MODEL}""#), "");
        std::fs::write(path(&one), without).unwrap();
        assert!(matches!(openings.find(one.commitment, MODEL), Err(OpeningError::NoModel { .. })));
        std::fs::write(path(&other), text(&one)).unwrap();
        assert!(matches!(openings.find(other.commitment, MODEL), Err(OpeningError::Mismatch { .. })));
        std::fs::write(path(&other), r#"{"values": ["secret"]}"#).unwrap();
        let said = openings.find(other.commitment, MODEL).unwrap_err().to_string();
        assert!(
            said.ends_with("not a file of `vouch commit`: line 1, column 20") && !said.contains("secret"),
            "{said}"
        );
    }
}
