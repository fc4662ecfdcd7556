//! Openings that the queue holds, in memory only: one that came with a question until its proof is made, one that was given for what may be asked
//! later for a day.
//!
//! Each is for one model, and about one subject if it names one; one that came with a question is for that subject and block. A commitment is public,
//! and who knows it could ask a model of his own, or about a subject of his own, what is under it. Nobody can use up what was given for a day, and a
//! reorganisation finds it still there.
//!
//! Nothing here is ever written. A process that ends forgets them all; those in a folder of the operator's are read when they are
//! needed, and never deleted.

use crate::jobs::Query;
use crate::opening::{Opening, OpeningError};
use alloy::primitives::{Address, B256};
use std::collections::HashMap;
use std::hash::Hash;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most openings that are held, of each kind.
const MAX_HELD: usize = 256;
/// How long an opening is held that did not come with a question.
const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// Commitment, model, subject.
type Kept = (B256, B256, Option<Address>);
/// Commitment, model, subject, block.
type Lent = (B256, B256, Address, u64);

#[derive(Debug, Default)]
struct Held {
    /// With the end of its time.
    kept: HashMap<Kept, (Opening, Instant)>,
    lent: HashMap<Lent, Opening>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Openings {
    held: Mutex<Held>,
    folder: Option<PathBuf>,
    given: AtomicU64,
}

/// The question that an opening came with; none if it names no private inputs.
fn lent(query: &Query) -> Option<Lent> {
    Some((query.inputs?, query.model, query.subject, query.as_of))
}

/// Inserts, if there is room.
fn insert<K: Eq + Hash, V>(map: &mut HashMap<K, V>, key: K, value: V) -> Result<(), OpeningError> {
    if map.len() >= MAX_HELD && !map.contains_key(&key) {
        return Err(OpeningError::Full { limit: MAX_HELD });
    }
    map.insert(key, value);
    Ok(())
}

impl Openings {
    /// Those of `folder` too: files `COMMITMENT.json`.
    pub(super) fn in_folder(folder: PathBuf) -> Self {
        Self { folder: Some(folder), ..Self::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a checked opening for the model that it names: for a day.
    pub(super) fn keep(&self, opening: Opening) -> Result<(), OpeningError> {
        opening.check()?;
        let model = opening.model.ok_or(OpeningError::NoModel { commitment: opening.commitment })?;
        let now = Instant::now();
        let mut held = self.held();
        held.kept.retain(|_, (_, until)| *until > now);
        insert(&mut held.kept, (opening.commitment, model, opening.subject), (opening, now + KEPT))?;
        self.given.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// Holds a checked opening for `query`, until it is [forgotten](Self::forget).
    pub(super) fn lend(&self, query: &Query, opening: Opening) -> Result<(), OpeningError> {
        opening.check()?;
        if let Some(key) = lent(query) {
            insert(&mut self.held().lent, key, opening)?;
            self.given.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }

    /// How often one was given.
    pub(super) fn given(&self) -> u64 {
        self.given.load(Ordering::SeqCst)
    }

    /// The opening of `commitment` for `query`, checked.
    pub(super) fn find(&self, commitment: B256, query: &Query) -> Result<Opening, OpeningError> {
        let (model, subject) = (query.model, query.subject);
        let held = self.held();
        if let Some(opening) = held.lent.get(&(commitment, model, subject, query.as_of)) {
            return Ok(opening.clone());
        }
        let mut kept = [Some(subject), None].into_iter().filter_map(|about| held.kept.get(&(commitment, model, about)));
        if let Some((opening, _)) = kept.find(|(_, until)| *until > Instant::now()) {
            return Ok(opening.clone());
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

    /// Forgets what came with `query`.
    pub(super) fn forget(&self, query: &Query) {
        if let Some(key) = lent(query) {
            self.held().lent.remove(&key);
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

    fn query(opening: &Opening) -> Query {
        Query {
            model: MODEL,
            subject: SUBJECT,
            as_of: 7,
            payee: Address::ZERO,
            also: vec![],
            request: None,
            inputs: Some(opening.commitment),
        }
    }

    #[test]
    fn what_came_with_a_question_is_for_that_question() {
        let (openings, one) = (Openings::default(), opening(1));
        let (commitment, ask) = (one.commitment, query(&one));
        let unknown = OpeningError::Unknown { commitment };
        assert_eq!(openings.find(commitment, &ask), Err(unknown.clone()));
        openings.lend(&ask, one.clone()).unwrap();
        assert_eq!((openings.find(commitment, &ask), openings.given()), (Ok(one.clone()), 1));
        // a stranger's model is told nothing, nor a question about another subject or block
        let others = [
            Query { model: B256::ZERO, ..ask.clone() },
            Query { subject: Address::ZERO, ..ask.clone() },
            Query { as_of: 8, ..ask.clone() },
        ];
        for other in others {
            assert_eq!(openings.find(commitment, &other), Err(unknown.clone()));
            openings.forget(&other);
        }
        assert_eq!(openings.find(commitment, &ask), Ok(one.clone()));
        openings.forget(&ask);
        assert_eq!(openings.find(commitment, &ask), Err(unknown));
        let wrong = Opening { commitment: B256::ZERO, ..one.clone() };
        assert!(matches!(openings.keep(wrong), Err(OpeningError::Mismatch { .. })));
        assert_eq!(openings.keep(Opening { model: None, ..one }), Err(OpeningError::NoModel { commitment }));
    }

    #[test]
    fn nobody_uses_up_what_is_kept_and_it_ends() {
        let (openings, one) = (Openings::default(), opening(1));
        let (commitment, ask) = (one.commitment, query(&one));
        let other = Query { subject: Address::ZERO, as_of: 9, ..ask.clone() };
        openings.keep(one.clone()).unwrap();
        assert_eq!(openings.find(commitment, &other), Ok(one.clone()), "about anybody");
        let about = one.clone().about(SUBJECT);
        openings.keep(about.clone()).unwrap();
        openings.lend(&ask, one).unwrap();
        openings.forget(&ask);
        assert_eq!(openings.find(commitment, &ask), Ok(about));
        openings.held().kept.values_mut().for_each(|(_, until)| *until = Instant::now());
        assert_eq!(openings.find(commitment, &ask), Err(OpeningError::Unknown { commitment }));
    }

    #[test]
    fn only_so_many_are_held_of_each_kind() {
        let openings = Openings::default();
        let full = Err(OpeningError::Full { limit: MAX_HELD });
        for value in 0..MAX_HELD as i64 {
            openings.keep(opening(value)).unwrap();
            openings.lend(&query(&opening(value)), opening(value)).unwrap();
        }
        assert_eq!(
            (openings.keep(opening(-1)), openings.lend(&query(&opening(-1)), opening(-1))),
            (full.clone(), full)
        );
        openings.lend(&query(&opening(3)), opening(3)).unwrap();
        openings.forget(&query(&opening(3)));
        openings.lend(&query(&opening(-1)), opening(-1)).unwrap();
        // those that are over make room
        openings.held().kept.values_mut().take(2).for_each(|(_, until)| *until = Instant::now());
        openings.keep(opening(-2)).unwrap();
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
        assert!(matches!(openings.find(one.commitment, &query(&one)), Err(OpeningError::Unknown { .. })));
        std::fs::write(path(&one), text(&one)).unwrap();
        openings.forget(&query(&one));
        assert_eq!(openings.find(one.commitment, &query(&one)), Ok(one.clone()));
        assert!(matches!(
            openings.find(one.commitment, &Query { model: B256::ZERO, ..query(&one) }),
            Err(OpeningError::Unknown { .. })
        ));
        let of_other = text(&one).replace("}", &format!(r#","subject":"{}"}}"#, Address::ZERO));
        std::fs::write(path(&one), of_other).unwrap();
        assert!(matches!(openings.find(one.commitment, &query(&one)), Err(OpeningError::Unknown { .. })));
        assert!(openings.find(one.commitment, &Query { subject: Address::ZERO, ..query(&one) }).is_ok());
        let without = text(&one).replace(&format!(r#","model":"{MODEL}""#), "");
        std::fs::write(path(&one), without).unwrap();
        assert!(matches!(openings.find(one.commitment, &query(&one)), Err(OpeningError::NoModel { .. })));
        std::fs::write(path(&other), text(&one)).unwrap();
        assert!(matches!(openings.find(other.commitment, &query(&other)), Err(OpeningError::Mismatch { .. })));
        std::fs::write(path(&other), r#"{"values": ["secret"]}"#).unwrap();
        let said = openings.find(other.commitment, &query(&other)).unwrap_err().to_string();
        assert!(
            said.ends_with("not a file of `vouch commit`: line 1, column 20") && !said.contains("secret"),
            "{said}"
        );
    }
}
