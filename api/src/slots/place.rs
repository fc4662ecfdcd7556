//! Where a value lies: start at a slot, hash keys into it, step over words, and take bits.
//!
//! Statement: a mapping's value lies from `keccak(key ‖ slot)` on, the elements of a dynamic array from `keccak(slot)` on; elements
//! of at most 16 bytes share words; a struct begins at a word of its own; all sums are modulo 2^256.

use super::key::{self, Key};
use super::layout::{Encoding, Layout, LayoutError, Type, Variable};
use super::path::{Part, Path, PathError, Token};
use alloy::primitives::{Address, B256, U256, keccak256};
use thiserror::Error;

/// Why an expression names no word.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PlaceError {
    /// The expression does not fit the layout.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The layout contradicts itself.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

/// One step from a slot to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// To `keccak(key ‖ slot)`.
    Key(Key),
    /// To `keccak(slot)`.
    Data,
    /// Over this many words, never 0.
    Plus(U256),
}

/// Where a value lies, whatever the contract's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The expression.
    pub expression: String,
    /// `file:contract` as the layout has it; may be empty.
    pub contract: String,
    /// Solidity's name of the type.
    pub type_label: String,
    /// Whether negative numbers are among its values.
    pub is_signed: bool,
    /// The slot where the steps begin.
    pub base: U256,
    /// From there to the word.
    pub steps: Vec<Step>,
    /// Lowest bit, from the least significant one.
    pub low: usize,
    /// One above the highest bit, at most 256.
    pub high: usize,
}

impl Place {
    /// Finds `expression` in `layout`.
    ///
    /// # Errors
    /// [`PlaceError::Path`] says where the expression leaves the layout, or why the value is not in one word.
    pub fn find(layout: &Layout, expression: &str) -> Result<Self, PlaceError> {
        let path = Path::parse(expression)?;
        let (first, rest) = path.tokens.split_first().ok_or_else(|| path.refuse(0, "a name", "nothing"))?;
        let variable = member(&path, first, &layout.storage, "the contract")?;
        let mut walk = Walk { layout, path: &path, base: variable.slot, steps: Vec::new(), offset: variable.offset };
        let mut id = variable.type_id.as_str();
        for (i, token) in rest.iter().enumerate() {
            let of = layout.get(id)?;
            if (of.encoding, token.part) == (Encoding::DynamicArray, Part::Name("length")) {
                return match rest.get(i + 1) {
                    Some(more) => Err(path.refuse(more.start, "the end after length", "more").into()),
                    None => Ok(walk.end(variable, "uint256", 32, false)),
                };
            }
            id = walk.step(token, of)?;
        }
        let of = layout.get(id)?;
        let bytes = walk.value_bytes(of)?;
        Ok(walk.end(variable, &of.label, bytes, id.starts_with("t_int")))
    }

    /// The word's slot when every key is known, with `subject` for the subject.
    pub fn slot(&self, subject: Option<Address>) -> Option<B256> {
        let slot = self.steps.iter().try_fold(self.base, |slot, step| step.apply(slot, subject));
        slot.map(B256::from)
    }

    /// The keys in the order in which they are hashed.
    pub fn keys(&self) -> Vec<Key> {
        self.steps.iter().filter_map(|step| if let Step::Key(key) = step { Some(*key) } else { None }).collect()
    }

    /// The word's slot as a formula.
    pub fn formula(&self) -> String {
        self.steps.iter().fold(self.base.to_string(), |slot, step| match step {
            Step::Key(Key::Subject) => format!("keccak(subject ‖ {slot})"),
            Step::Key(Key::Word(word)) => format!("keccak({} ‖ {slot})", short(*word)),
            Step::Data => format!("keccak({slot})"),
            Step::Plus(words) => format!("{slot} + {words}"),
        })
    }
}

/// A word as a decimal number, a long one in hex.
pub fn short(word: B256) -> String {
    let number: U256 = word.into();
    if number.bit_len() < 64 { number.to_string() } else { word.to_string() }
}

impl Step {
    /// The slot after this step; `None` if it needs a subject that is not given.
    pub fn apply(&self, slot: U256, subject: Option<Address>) -> Option<U256> {
        let word = B256::from(slot);
        Some(match self {
            Self::Plus(words) => slot.wrapping_add(*words),
            Self::Data => keccak256(word).into(),
            Self::Key(Key::Word(key)) => keccak256([key.0, word.0].concat()).into(),
            Self::Key(Key::Subject) => keccak256([subject?.into_word().0, word.0].concat()).into(),
        })
    }
}

/// A walk under way.
struct Walk<'a> {
    layout: &'a Layout,
    path: &'a Path<'a>,
    base: U256,
    steps: Vec<Step>,
    /// Bytes from the low end of the word.
    offset: usize,
}

impl<'a> Walk<'a> {
    /// Takes one part of the expression from a place of type `of`; returns the id of the type there.
    fn step(&mut self, token: &Token<'_>, of: &'a Type) -> Result<&'a str, PlaceError> {
        let refuse = |expected: String, got: &str| PlaceError::from(self.path.refuse(token.start, expected, got));
        let text = match token.part {
            Part::Name(name) => {
                let Some(members) = &of.members else { return Err(refuse(next_of(of), name)) };
                let found = member(self.path, token, members, &of.label)?;
                self.plus(found.slot);
                self.offset = found.offset;
                return Ok(&found.type_id);
            }
            Part::Key(text) => text,
        };
        self.offset = 0;
        match (of.encoding, &of.base, &of.key, &of.value) {
            (Encoding::Mapping, _, Some(key), Some(value)) => {
                let key = key::read(text, key, self.layout.get(key)?).map_err(|expected| refuse(expected, text))?;
                self.steps.push(Step::Key(key));
                Ok(value)
            }
            (Encoding::DynamicArray | Encoding::Inplace, Some(base), _, _) => {
                let length = if of.encoding == Encoding::Inplace { of.length() } else { None };
                let index = key::index(text).filter(|index| length.is_none_or(|length| *index < length));
                let bound = length.map_or("an index, 0 or more".into(), |length| format!("an index below {length}"));
                let index = index.ok_or_else(|| refuse(bound, text))?;
                if of.encoding == Encoding::DynamicArray {
                    self.steps.push(Step::Data);
                }
                let bytes = self.layout.get(base)?.number_of_bytes.max(U256::from(1));
                let word = U256::from(32);
                if bytes <= word {
                    let in_a_word = word / bytes;
                    self.plus(index / in_a_word);
                    self.offset = usize::try_from(index % in_a_word * bytes).unwrap_or_default();
                } else {
                    self.plus(index.wrapping_mul(bytes.div_ceil(word)));
                }
                Ok(base)
            }
            _ => Err(refuse(next_of(of), &format!("[{text}]"))),
        }
    }

    fn plus(&mut self, words: U256) {
        match self.steps.last_mut() {
            None => self.base = self.base.wrapping_add(words),
            Some(Step::Plus(before)) => *before = before.wrapping_add(words),
            Some(_) if words.is_zero() => {}
            Some(_) => self.steps.push(Step::Plus(words)),
        }
    }

    /// Bytes of a value of type `of`, which must lie in one word.
    fn value_bytes(&self, of: &Type) -> Result<usize, PlaceError> {
        let bytes = usize::try_from(of.number_of_bytes).unwrap_or(usize::MAX);
        let is_value = of.encoding == Encoding::Inplace && of.members.is_none() && of.base.is_none();
        if is_value && (1..=32).contains(&bytes) && self.offset + bytes <= 32 {
            return Ok(bytes);
        }
        let last = self.path.tokens.last().map_or(0, |token| token.start);
        Err(self.path.refuse(last, format!("a value of one word ({})", next_of(of)), of.label.as_str()).into())
    }

    fn end(self, variable: &Variable, label: &str, bytes: usize, is_signed: bool) -> Place {
        Place {
            expression: self.path.text().into(),
            contract: variable.contract.clone(),
            type_label: label.into(),
            is_signed,
            base: self.base,
            steps: self.steps,
            low: 8 * self.offset,
            high: 8 * (self.offset + bytes),
        }
    }
}

/// What may follow a place of type `of`.
fn next_of(of: &Type) -> String {
    match (of.encoding, &of.members) {
        (Encoding::Mapping, _) => format!("a [key] after the {}", of.label),
        (Encoding::DynamicArray, _) => format!("an [index] or .length after {}", of.label),
        (Encoding::Bytes, _) => format!(
            "another variable: a {} has no word of its own, it shares one with its length or lies at keccak(slot), as its length says",
            of.label
        ),
        (Encoding::Inplace, Some(members)) => format!("a member of {}: {}", of.label, names(members)),
        (Encoding::Inplace, None) if of.base.is_some() => format!("an [index] after {}", of.label),
        (Encoding::Inplace, None) => format!("nothing after the {}", of.label),
    }
}

fn names(members: &[Variable]) -> String {
    members.iter().map(|m| m.label.as_str()).collect::<Vec<_>>().join(", ")
}

/// The one variable with the name of `token`.
fn member<'a>(path: &Path<'_>, token: &Token<'_>, of: &'a [Variable], whose: &str) -> Result<&'a Variable, PathError> {
    let name = match token.part {
        Part::Name(name) => name,
        Part::Key(key) => key,
    };
    let mut found = of.iter().filter(|variable| variable.label == name);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(one), Some(other)) => {
            let got =
                format!("{name} in slots {} and {} (private variables of two base contracts)", one.slot, other.slot);
            Err(path.refuse(token.start, "a name used once", got))
        }
        (None, _) => Err(path.refuse(token.start, format!("a name of {whose}: {}", names(of)), name)),
    }
}
