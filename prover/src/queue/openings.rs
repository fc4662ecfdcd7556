//! Openings that the queue holds, in memory only: one that came with a question until its proof is made, one that was given for what may be asked
//! later for a day.
//!
//! Each is for one model, and about one subject if it names one: a commitment is public, and who knows it could ask a model of his own what is
//! under it. Nobody can use up what was given for a day, and a reorganisation finds it still there.
//!
//! Nothing here is ever written. A process that ends forgets them all; those in a folder of the operator's are read when they are
//! needed, and never deleted.

use crate::opening::{Opening, OpeningError};
use alloy::primitives::{Address, B256};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most openings that are held.
const MAX_HELD: usize = 256;
/// How long an opening is held that did not come with a question.
const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// Commitment, model, subject.
type Key = (B256, B256, Option<Address>);

#[derive(Debug)]
struct Held {
    opening: Opening,
    /// When it is forgotten; `None`: when the proof is made of the question that it came with.
    until: Option<Instant>,
}

impl Held {
    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| until <= Instant::now())
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Openings {
    held: Mutex<HashMap<Key, Held>>,
    folder: Option<PathBuf>,
    given: AtomicU64,
}

impl Openings {
    /// Those of `folder` too: files `COMMITMENT.json`.
    pub(super) fn in_folder(folder: PathBuf) -> Self {
        Self { folder: Some(folder), ..Self::default() }
    }

    /// Keeps a checked opening for the model that it names: for a day.
    pub(super) fn keep(&self, opening: Opening) -> Result<(), OpeningError> {
        self.hold(opening, Some(Instant::now() + KEPT))
    }

    /// Holds a checked opening for the model that it names, until it is [forgotten](Self::forget).
    pub(super) fn lend(&self, opening: Opening) -> Result<(), OpeningError> {
        self.hold(opening, None)
    }

    fn hold(&self, opening: Opening, until: Option<Instant>) -> Result<(), OpeningError> {
        opening.check()?;
        let model = opening.model.ok_or(OpeningError::NoModel { commitment: opening.commitment })?;
        let key = (opening.commitment, model, opening.subject);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, one| !one.is_over());
        if held.len() >= MAX_HELD && !held.contains_key(&key) {
            return Err(OpeningError::Full { limit: MAX_HELD });
        }
        let until = until.max(held.get(&key).and_then(|one| one.until));
        held.insert(key, Held { opening, until });
        self.given.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// How often one was given.
    pub(super) fn given(&self) -> u64 {
        self.given.load(Ordering::SeqCst)
    }

    /// The opening of `commitment` for `model` and a question about `subject`, checked.
    pub(super) fn find(&self, commitment: B256, model: B256, subject: Address) -> Result<Opening, OpeningError> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let mut keys = [Some(subject), None].into_iter();
        if let Some(one) = keys.find_map(|s| held.get(&(commitment, model, s)).filter(|one| !one.is_over())) {
            return Ok(one.opening.clone());
        }
        drop(held);
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
            true if opening.model != Some(model) || opening.subject.is_some_and(|s| s != subject) => Err(unknown),
            true => Ok(opening),
            false => Err(OpeningError::Mismatch { expected: commitment, got: opening.commitment }),
        }
    }

    /// Forgets what came with a question.
    pub(super) fn forget(&self, commitment: B256, model: B256, subject: Address) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (commitment, model, Some(subject));
        if held.get(&key).is_some_and(|one| one.until.is_none()) {
            held.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: B256 = B256::repeat_byte(3);
    const SUBJECT: Address = Address::repeat_byte(4);

    fn opening(value: i64) -> Opening {
        Opening::new(26, vec![value], B256::ZERO).unwrap().for_model(MODEL)
    }

    #[test]
    fn what_is_given_is_found_until_it_is_forgotten() {
        let (openings, one) = (Openings::default(), opening(1).about(SUBJECT));
        let (commitment, unknown) = (one.commitment, OpeningError::Unknown { commitment: one.commitment });
        assert_eq!(openings.find(commitment, MODEL, SUBJECT), Err(unknown.clone()));
        openings.lend(one.clone()).unwrap();
        assert_eq!((openings.find(commitment, MODEL, SUBJECT), openings.given()), (Ok(one.clone()), 1));
        // a stranger's model is told nothing, nor a question about another subject
        assert_eq!(openings.find(commitment, B256::ZERO, SUBJECT), Err(unknown.clone()));
        assert_eq!(openings.find(commitment, MODEL, Address::ZERO), Err(unknown.clone()));
        openings.forget(commitment, B256::ZERO, SUBJECT);
        openings.forget(commitment, MODEL, Address::ZERO);
        assert_eq!(openings.find(commitment, MODEL, SUBJECT), Ok(one.clone()));
        openings.forget(commitment, MODEL, SUBJECT);
        assert_eq!(openings.find(commitment, MODEL, SUBJECT), Err(unknown));
        assert_eq!(openings.lend(Opening { model: None, ..one.clone() }), Err(OpeningError::NoModel { commitment }));
        let wrong = Opening { commitment: B256::ZERO, ..one };
        assert!(matches!(openings.keep(wrong), Err(OpeningError::Mismatch { .. })));
    }

    #[test]
    fn nobody_uses_up_what_is_kept_and_it_ends() {
        let (openings, one) = (Openings::default(), opening(1));
        openings.keep(one.clone()).unwrap();
        assert_eq!(openings.find(one.commitment, MODEL, Address::ZERO), Ok(one.clone()), "about anybody");
        let about = one.clone().about(SUBJECT);
        openings.keep(about.clone()).unwrap();
        openings.lend(about.clone()).unwrap();
        openings.forget(one.commitment, MODEL, SUBJECT);
        assert_eq!(openings.find(one.commitment, MODEL, SUBJECT), Ok(about.clone()));
        openings.held.lock().unwrap().values_mut().for_each(|held| held.until = Some(Instant::now()));
        let unknown = OpeningError::Unknown { commitment: one.commitment };
        assert_eq!(openings.find(one.commitment, MODEL, SUBJECT), Err(unknown));
    }

    #[test]
    fn only_so_many_are_held() {
        let openings = Openings::default();
        let about = |value| opening(value).about(SUBJECT);
        for value in 0..MAX_HELD as i64 {
            openings.lend(about(value)).unwrap();
        }
        assert_eq!(openings.lend(about(-1)), Err(OpeningError::Full { limit: MAX_HELD }));
        openings.lend(about(3)).unwrap();
        openings.forget(about(3).commitment, MODEL, SUBJECT);
        openings.lend(about(-1)).unwrap();
        // those that are over make room
        assert_eq!(openings.keep(about(-2)), Err(OpeningError::Full { limit: MAX_HELD }));
        openings.held.lock().unwrap().values_mut().take(2).for_each(|held| held.until = Some(Instant::now()));
        openings.keep(about(-2)).unwrap();
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
        assert!(matches!(openings.find(one.commitment, MODEL, SUBJECT), Err(OpeningError::Unknown { .. })));
        std::fs::write(path(&one), text(&one)).unwrap();
        openings.forget(one.commitment, MODEL, SUBJECT);
        assert_eq!(openings.find(one.commitment, MODEL, SUBJECT), Ok(one.clone()));
        assert!(matches!(openings.find(one.commitment, B256::ZERO, SUBJECT), Err(OpeningError::Unknown { .. })));
        let of_other = text(&one).replace("}", &format!(r#","subject":"{}"}}"#, Address::ZERO));
        std::fs::write(path(&one), of_other).unwrap();
        assert!(matches!(openings.find(one.commitment, MODEL, SUBJECT), Err(OpeningError::Unknown { .. })));
        assert!(openings.find(one.commitment, MODEL, Address::ZERO).is_ok());
        let without = text(&one).replace(&format!(r#","model":"{MODEL}""#), "");
        std::fs::write(path(&one), without).unwrap();
        assert!(matches!(openings.find(one.commitment, MODEL, SUBJECT), Err(OpeningError::NoModel { .. })));
        std::fs::write(path(&other), text(&one)).unwrap();
        assert!(matches!(openings.find(other.commitment, MODEL, SUBJECT), Err(OpeningError::Mismatch { .. })));
        std::fs::write(path(&other), r#"{"values": ["secret"]}"#).unwrap();
        let said = openings.find(other.commitment, MODEL, SUBJECT).unwrap_err().to_string();
        assert!(
            said.ends_with("not a file of `vouch commit`: line 1, column 20") && !said.contains("secret"),
            "{said}"
        );
    }
}
