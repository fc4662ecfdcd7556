//! Entries of the receipts and transactions tries: where they stand, and the envelope around them.
//!
//! Statement: entry n of a block stands under the key `rlp(n)`, not hashed. It is a list, or a type byte and a list (EIP-2718).
//!
//! Source: Yellow Paper, section 4.3.2 and appendix D; EIP-2718.

use thiserror::Error;

use crate::digest::Hash;
use crate::rlp::{self, Item, RlpError, encode_string};
use crate::trie::{Nodes, build};

/// Types of transactions and receipts that are read, 0 being that without a type byte (EIP-2930, 1559, 4844, 7702).
pub const TYPES: std::ops::RangeInclusive<u8> = 0..=4;
/// Bytes of the longest entry that is read: more would need a third length byte.
pub const MAX_BYTES: usize = 65_535;
/// Entries of a block are below this number.
pub const MAX_ENTRIES: u64 = 1 << 16;

/// Why bytes are not an entry that Vouch can use. Not recoverable: ask another node, or for another fact.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EntryError {
    /// The list is not RLP.
    #[error("entry: {0}")]
    Rlp(#[from] RlpError),
    /// The envelope has a type that is not known.
    #[error("entry has type {got}, expected 0 to {}", TYPES.end())]
    Type {
        /// The type byte.
        got: u8,
    },
    /// The entry is empty or too long.
    #[error("entry has {got} bytes, expected 1 to {MAX_BYTES}")]
    Length {
        /// Its bytes.
        got: usize,
    },
    /// An item is missing, or is not of the form that consensus gives it.
    #[error("item {item} of the {what} is {got}, expected {expected}")]
    Item {
        /// What is read.
        what: &'static str,
        /// Position in its list.
        item: usize,
        /// What is there.
        got: String,
        /// What should be there.
        expected: &'static str,
    },
    /// The entry or the log does not have the field.
    #[error("the {what} has no field {field}")]
    NoField {
        /// What is asked.
        what: &'static str,
        /// The field.
        field: u64,
    },
}

/// Key of entry `index` in its trie.
pub fn key(index: u64) -> Vec<u8> {
    let bytes = index.to_be_bytes();
    let mut key = vec![];
    encode_string(&bytes[index.leading_zeros() as usize / 8..], &mut key);
    key
}

/// Root and nodes of the trie of `entries`, as consensus orders them.
pub fn trie(entries: &[Vec<u8>]) -> (Hash, Nodes) {
    let by_key = (0..).zip(entries).map(|(index, entry)| (key(index), entry.clone())).collect();
    build::trie(&by_key)
}

/// An entry with its envelope opened; offsets count from its first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// All bytes.
    pub bytes: &'a [u8],
    /// 0 without a type byte.
    pub kind: u8,
    /// The items of the list.
    pub items: Vec<Item>,
}

impl<'a> Entry<'a> {
    /// Opens `bytes`.
    ///
    /// # Errors
    /// [`EntryError::Length`], [`EntryError::Type`], [`EntryError::Rlp`].
    pub fn read(bytes: &'a [u8]) -> Result<Self, EntryError> {
        let first =
            *bytes.first().filter(|_| bytes.len() <= MAX_BYTES).ok_or(EntryError::Length { got: bytes.len() })?;
        let kind = if first >= 0xc0 { 0 } else { first };
        if first == 0 || !TYPES.contains(&kind) {
            return Err(EntryError::Type { got: first });
        }
        let offset = usize::from(kind != 0);
        let whole = rlp::item(bytes, offset)?;
        if whole.end() != bytes.len() {
            return Err(RlpError::Trailing { expected: whole.end(), got: bytes.len() }.into());
        }
        Ok(Self { bytes, kind, items: rlp::list(bytes, offset)? })
    }

    /// Item `item`, whose payload `accepts` by its length.
    ///
    /// # Errors
    /// [`EntryError::Item`].
    pub fn item(
        &self,
        what: &'static str,
        item: usize,
        expected: &'static str,
        accepts: impl Fn(&Item) -> bool,
    ) -> Result<&Item, EntryError> {
        let got = |found: Option<&Item>| match found {
            Some(found) => format!("a {:?} of {} bytes", found.kind, found.payload.len()),
            None => "missing".into(),
        };
        let found = self.items.get(item);
        found.filter(|found| accepts(found)).ok_or_else(|| EntryError::Item { what, item, got: got(found), expected })
    }

    /// The payload of an item.
    pub fn payload(&self, item: &Item) -> &'a [u8] {
        &self.bytes[item.payload.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_rlp() {
        for (index, expected) in [(0, "80"), (1, "01"), (127, "7f"), (128, "8180"), (255, "81ff"), (256, "820100")] {
            assert_eq!(hex::encode(key(index)), expected);
        }
    }

    #[test]
    fn says_what_is_wrong_with_an_envelope() {
        let error = |bytes: &[u8]| Entry::read(bytes).expect_err("wrong").to_string();
        assert_eq!(error(&[]), "entry has 0 bytes, expected 1 to 65535");
        assert_eq!(error(&[5, 0xc0]), "entry has type 5, expected 0 to 4");
        assert_eq!(error(&[0, 0xc0]), "entry has type 0, expected 0 to 4");
        assert_eq!(error(&[2, 0xc0, 1]), "entry: item ends at offset 2, but the bytes end at 3");
        assert_eq!(Entry::read(&[2, 0xc1, 7]).expect("an entry").kind, 2);
    }
}
