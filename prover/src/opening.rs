//! Openings: private inputs with what hides them. Whoever has one knows the inputs.
//!
//! They are read and never written: the type has no serialisation, and says nothing of itself in logs.

use crate::scores::{element, word};
use alloy::primitives::{Address, B256};
use serde::Deserialize;
use serde::de::IgnoredAny;
use thiserror::Error;
use vouch_circuits::plan::{MAX_PRIVATE, Private};
use vouch_circuits::score::Secret;

/// What `vouch commit` keeps in a file.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Poseidon commitment to all of the below.
    pub commitment: B256,
    /// Bits of an input, sign included.
    pub bits: usize,
    /// Random, below the modulus.
    pub salt: B256,
    /// Signed fixed point, 65536 is 1.0, in the order of the plan.
    pub values: Vec<i64>,
    /// The one model that may read them without being given them with the question; commitments are public, and a model of
    /// a stranger could tell them.
    #[serde(default)]
    pub model: Option<B256>,
    /// The one subject that questions which read them may be about; any if there is none.
    #[serde(default)]
    pub subject: Option<Address>,
    /// For people.
    #[serde(default, rename = "names")]
    pub(crate) _names: IgnoredName,
}

/// Names of the inputs in a file, which mean nothing here.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct IgnoredName(IgnoredAny);

impl PartialEq for IgnoredName {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for IgnoredName {}

/// A secret does not belong into a log.
impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opening({})", self.commitment)
    }
}

/// Why private inputs are not taken. Messages name positions, not values.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OpeningError {
    /// The bits are none. Not recoverable: another file.
    #[error("opening: {what}: expected {expected}, got {got}")]
    Shape {
        /// Which entry.
        what: &'static str,
        /// What would be accepted.
        expected: String,
        /// What was there.
        got: usize,
    },
    /// An input does not have the bits that the opening names.
    #[error("opening: input {index}, counted from 0, is outside of ±2^{} (16 of its bits behind the point)", bits - 1)]
    Range {
        /// Its position.
        index: usize,
        /// Bits of the opening.
        bits: usize,
    },
    /// The salt is no field element.
    #[error("opening: salt: expected a number below the modulus of BN254")]
    Salt,
    /// Inputs and salt are not what the commitment was made of. Recoverable: give the right file.
    #[error("opening: inputs and salt give the commitment {got}, expected {expected}")]
    Mismatch {
        /// The commitment that the opening, or the question, names.
        expected: B256,
        /// That of its inputs.
        got: B256,
    },
    /// The commitment is of other inputs than the model has.
    #[error("commitment of {} inputs of {} bits: model {model} has {} of {}", got.count, got.bits, expected.count, expected.bits)]
    Model {
        /// The model.
        model: B256,
        /// Its private inputs.
        expected: Private,
        /// Those of the opening.
        got: Private,
    },
    /// The model has private inputs. Recoverable: name a commitment and give its opening.
    #[error(
        "model {model} has {count} private inputs: expected an opening (`vouch commit` makes one), or the commitment of one given before"
    )]
    Needed {
        /// The model.
        model: B256,
        /// Its private inputs.
        count: usize,
    },
    /// The model has no private inputs.
    #[error("model {model} has no private inputs, got the commitment {commitment}")]
    NotPrivate {
        /// The model.
        model: B256,
        /// What was named.
        commitment: B256,
    },
    /// Nobody gave the opening. Recoverable: give it.
    #[error(
        "no opening of the commitment {commitment} is held for this model and subject: give it with the question, by POST /v1/openings, or in the folder of --openings"
    )]
    Unknown {
        /// The commitment.
        commitment: B256,
    },
    /// The opening does not say what it may be used for. Recoverable: `vouch commit --model` writes it.
    #[error(
        "opening of the commitment {commitment}: expected `model`, the id of the one model that may read it, as `vouch commit --model` writes it"
    )]
    NoModel {
        /// The commitment.
        commitment: B256,
    },
    /// Too many are held. Recoverable: try again when some were used.
    #[error("{limit} openings are held already: try again later")]
    Full {
        /// Most that are held.
        limit: usize,
    },
    /// A file of the folder of openings cannot be used.
    #[error("opening {commitment}: {detail}")]
    File {
        /// Whose file.
        commitment: B256,
        /// What is wrong with it.
        detail: String,
    },
}

impl Opening {
    /// The opening of a new commitment.
    ///
    /// # Errors
    /// [`OpeningError::Shape`], [`OpeningError::Range`], [`OpeningError::Salt`].
    pub fn new(bits: usize, values: Vec<i64>, salt: B256) -> Result<Self, OpeningError> {
        let mut opening = Self {
            commitment: B256::ZERO,
            bits,
            salt,
            values,
            model: None,
            subject: None,
            _names: IgnoredName::default(),
        };
        opening.commitment = opening.computed()?;
        Ok(opening)
    }

    /// The same, for `model` to read.
    pub fn for_model(self, model: B256) -> Self {
        Self { model: Some(model), ..self }
    }

    /// The same, for questions about `subject` alone.
    pub fn about(self, subject: Address) -> Self {
        Self { subject: Some(subject), ..self }
    }

    /// How many inputs of how many bits.
    pub fn private(&self) -> Private {
        Private { count: self.values.len(), bits: self.bits }
    }

    /// Fails unless inputs and salt are what the commitment was made of.
    ///
    /// # Errors
    /// [`OpeningError`].
    pub fn check(&self) -> Result<(), OpeningError> {
        match self.computed()? {
            got if got == self.commitment => Ok(()),
            got => Err(OpeningError::Mismatch { expected: self.commitment, got }),
        }
    }

    /// The witness of the circuit.
    ///
    /// # Errors
    /// [`OpeningError::Salt`].
    pub fn secret(&self) -> Result<Secret, OpeningError> {
        Ok(Secret { values: self.values.clone(), salt: element(&self.salt).ok_or(OpeningError::Salt)? })
    }

    fn computed(&self) -> Result<B256, OpeningError> {
        let count = self.values.len();
        if !(1..=MAX_PRIVATE).contains(&count) {
            return Err(OpeningError::Shape { what: "values", expected: format!("1 to {MAX_PRIVATE}"), got: count });
        }
        if !(2..=52).contains(&self.bits) {
            return Err(OpeningError::Shape { what: "bits", expected: "2 to 52".into(), got: self.bits });
        }
        let most = 1_i64 << (self.bits - 1);
        if let Some(index) = self.values.iter().position(|x| !(-most..most).contains(x)) {
            return Err(OpeningError::Range { index, bits: self.bits });
        }
        Ok(word(&self.secret()?.commitment(&self.private())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn opening() -> Opening {
        Opening::new(26, vec![65_536, -3], B256::with_last_byte(7)).unwrap()
    }

    fn said(change: impl Fn(&mut Opening)) -> String {
        let mut opening = opening();
        change(&mut opening);
        opening.check().unwrap_err().to_string()
    }

    #[test]
    fn an_opening_holds_what_its_commitment_was_made_of() {
        let honest = opening();
        honest.check().unwrap();
        let start = "opening: inputs and salt give the commitment 0x";
        assert!(said(|o| o.values[1] = -4).starts_with(start));
        assert!(said(|o| o.salt = B256::with_last_byte(8)).starts_with(start));
        assert!(said(|o| o.bits = 27).starts_with(start));
        assert!(said(|o| o.values.push(0)).starts_with(start));
        assert!(said(|o| o.commitment.0[31] ^= 1).starts_with(start));
        assert_eq!(
            said(|o| o.salt = B256::repeat_byte(0xff)),
            "opening: salt: expected a number below the modulus of BN254"
        );
        assert_eq!(said(|o| o.values.clear()), "opening: values: expected 1 to 16384, got 0");
        assert_eq!(said(|o| o.bits = 53), "opening: bits: expected 2 to 52, got 53");
    }

    #[test]
    fn a_value_out_of_range_is_named_by_its_position_alone() {
        for (value, is_good) in [((1 << 25) - 1, true), (1 << 25, false), (-(1 << 25), true), (-(1 << 25) - 1, false)] {
            let made = Opening::new(26, vec![0, value], B256::ZERO);
            assert_eq!(made.is_ok(), is_good, "{value}");
        }
        let said = said(|o| o.values[1] = 99_999_999);
        assert_eq!(said, "opening: input 1, counted from 0, is outside of ±2^25 (16 of its bits behind the point)");
    }

    #[test]
    fn nothing_of_an_opening_is_in_a_log() {
        let opening = opening();
        assert_eq!(format!("{opening:?}"), format!("Opening({})", opening.commitment));
    }

    #[test]
    fn files_of_vouch_commit_are_read() {
        let opening = opening();
        let text = format!(
            r#"{{"commitment": "{}", "bits": 26, "salt": "{}", "names": ["a", "b"], "values": [65536, -3]}}"#,
            opening.commitment, opening.salt
        );
        assert_eq!(serde_json::from_str::<Opening>(&text).unwrap(), opening);
        assert!(serde_json::from_str::<Opening>(&text.replace("names", "named")).is_err());
    }

    proptest::proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// A file is taken only as what it was written as.
        #[test]
        fn damaged_files_are_read_or_refused(
            values in proptest::collection::vec(-40i64..40, 1..4), bits in 0..70usize, salt in any::<u8>(),
            at in any::<prop::sample::Index>(), byte in any::<char>(),
        ) {
            let Ok(made) = Opening::new(bits, values, B256::with_last_byte(salt)) else { return Ok(()) };
            let write = |o: &Opening| {
                let Opening { commitment, bits, salt, values, .. } = o;
                format!(r#"{{"commitment": "{commitment}", "bits": {bits}, "salt": "{salt}", "values": {values:?}}}"#)
            };
            let text = write(&made);
            prop_assert_eq!(&serde_json::from_str::<Opening>(&text).unwrap(), &made);
            let mut damaged: Vec<char> = text.chars().collect();
            let at = at.index(damaged.len());
            damaged[at] = byte;
            if let Ok(read) = serde_json::from_str::<Opening>(&damaged.into_iter().collect::<String>())
                && read.check().is_ok()
            {
                prop_assert_eq!(read, made);
            }
        }
    }
}
