//! Block headers: the fields of the RLP list whose hash is the block hash.
//!
//! Only what is fixed by consensus since Frontier is assumed: the order of the fields, their encodings, and that later forks append.

use std::ops::RangeInclusive;

use thiserror::Error;

use crate::digest::{Hash, keccak256};
use crate::rlp::{self, Item, RlpError};

/// Position of a field in the header's list.
pub mod field {
    /// Hash of the parent block.
    pub const PARENT_HASH: usize = 0;
    /// Account that receives the fees.
    pub const BENEFICIARY: usize = 2;
    /// Root of the state trie after the block.
    pub const STATE_ROOT: usize = 3;
    /// Root of the transactions trie.
    pub const TRANSACTIONS_ROOT: usize = 4;
    /// Root of the receipts trie.
    pub const RECEIPTS_ROOT: usize = 5;
    /// The bloom filter, 256 bytes: the only field that is never a fact.
    pub const LOGS_BLOOM: usize = 6;
    /// Block number.
    pub const NUMBER: usize = 8;
    /// Seconds since 1970.
    pub const TIMESTAMP: usize = 11;
    /// Up to 32 free bytes.
    pub const EXTRA_DATA: usize = 12;
    /// Base fee in wei per gas, since London.
    pub const BASE_FEE: usize = 15;
}

/// Fields of a header: 15 at Frontier, 21 since Prague, room for later forks.
pub const FIELD_COUNTS: RangeInclusive<usize> = 15..=23;

/// Why bytes are not a header that Vouch can use. Not recoverable: ask another node for the header.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HeaderError {
    /// The bytes are not one RLP list.
    #[error("header: {0}")]
    Rlp(#[from] RlpError),
    /// The list is too short or too long.
    #[error("header has {got} fields, expected {} to {}", FIELD_COUNTS.start(), FIELD_COUNTS.end())]
    FieldCount {
        /// Items of the list.
        got: usize,
    },
    /// A field does not have the size that consensus gives it.
    #[error("header field {index} has {got} bytes, expected at most {expected}")]
    FieldSize {
        /// Position in the list.
        index: usize,
        /// Largest size, in bytes.
        expected: usize,
        /// Size found, in bytes.
        got: usize,
    },
    /// The field is not there: the block is of an earlier fork, or the field is the bloom filter.
    #[error(
        "header field {index} cannot be a fact: the header has {got} fields, and field {} is the bloom filter",
        field::LOGS_BLOOM
    )]
    NoSuchField {
        /// Position asked for.
        index: usize,
        /// Fields of this header.
        got: usize,
    },
}

/// A header, read but not yet believed: believe it when [`Header::hash`] is a canonical block hash.
#[derive(Clone, Debug)]
pub struct Header<'a> {
    rlp: &'a [u8],
    items: Vec<Item>,
    /// Block number, below `2^64`.
    pub number: u64,
    /// Root of the state trie.
    pub state_root: Hash,
}

impl<'a> Header<'a> {
    /// Reads a header.
    ///
    /// # Errors
    /// [`HeaderError`] when `rlp` is not a list of 15 to 23 fields, or a field used here has another size than consensus says.
    pub fn read(rlp: &'a [u8]) -> Result<Self, HeaderError> {
        let items = rlp::exact_list(rlp)?;
        if !FIELD_COUNTS.contains(&items.len()) {
            return Err(HeaderError::FieldCount { got: items.len() });
        }
        for (index, expected) in [(0, 32), (1, 32), (2, 20), (3, 32), (4, 32), (5, 32), (6, 256)] {
            let got = items[index].payload.len();
            if got != expected {
                return Err(HeaderError::FieldSize { index, expected, got });
            }
        }
        let number = &rlp[items[field::NUMBER].payload.clone()];
        if number.len() > 8 {
            return Err(HeaderError::FieldSize { index: field::NUMBER, expected: 8, got: number.len() });
        }
        let number = number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let state_root = rlp[items[field::STATE_ROOT].payload.clone()].try_into().expect("checked above");
        Ok(Self { rlp, items, number, state_root })
    }

    /// The block hash.
    pub fn hash(&self) -> Hash {
        keccak256(self.rlp)
    }

    /// Number of fields.
    pub fn field_count(&self) -> usize {
        self.items.len()
    }

    /// Bytes of field `index`.
    pub fn field_bytes(&self, index: usize) -> Option<&'a [u8]> {
        Some(&self.rlp[self.items.get(index)?.payload.clone()])
    }

    /// Field `index` as a big-endian number of 32 bytes.
    ///
    /// # Errors
    /// [`HeaderError::NoSuchField`] for a field that this header does not have or that is the bloom filter,
    /// [`HeaderError::FieldSize`] for one longer than 32 bytes.
    pub fn field_word(&self, index: usize) -> Result<Hash, HeaderError> {
        let bytes = self.field_bytes(index).filter(|_| index != field::LOGS_BLOOM);
        let bytes = bytes.ok_or(HeaderError::NoSuchField { index, got: self.items.len() })?;
        word(bytes).ok_or(HeaderError::FieldSize { index, expected: 32, got: bytes.len() })
    }
}

/// `bytes` as a big-endian number of 32 bytes; `None` if there are more than 32.
pub(crate) fn word(bytes: &[u8]) -> Option<Hash> {
    let mut word = [0; 32];
    word[32usize.checked_sub(bytes.len())?..].copy_from_slice(bytes);
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fixture_json, fixture_path, fixture_text, unhex};
    use serde_json::Value;

    fn check(record: &Value) {
        let rlp = unhex(record["rlp"].as_str().expect("hex"));
        let header = Header::read(&rlp).unwrap_or_else(|error| panic!("{}: {error}", record["number"]));
        assert_eq!(header.hash().as_slice(), unhex(record["hash"].as_str().expect("hex")));
        assert_eq!(header.number, record["number"].as_u64().expect("a number"));
    }

    #[test]
    fn reads_every_header_of_the_fixtures() {
        let Some(folder) = fixture_path("headers") else { return };
        let mut files = 0;
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let name = entry.expect("an entry").file_name().into_string().expect("a name");
            if name.ends_with(".jsonl") {
                let text = fixture_text(&format!("headers/{name}")).expect("it is there");
                let mut parent: Option<Hash> = None;
                for line in text.lines() {
                    let record: Value = serde_json::from_str(line).expect("json");
                    check(&record);
                    let rlp = unhex(record["rlp"].as_str().expect("hex"));
                    let header = Header::read(&rlp).expect("checked");
                    assert!(
                        parent.is_none_or(|hash| header.field_word(field::PARENT_HASH) == Ok(hash)),
                        "{name}: not linked"
                    );
                    parent = Some(header.hash());
                }
                files += 1;
            } else if name.ends_with(".json") {
                fixture_json(&format!("headers/{name}"))
                    .expect("it is there")
                    .as_array()
                    .expect("a list")
                    .iter()
                    .for_each(check);
                files += 1;
            }
        }
        assert_eq!(files, 11);
    }

    #[test]
    fn reads_the_genesis_vector() {
        let Some(vector) = fixture_json("vectors/BasicTests__genesishashestest.json") else { return };
        let block = unhex(vector["genesis_rlp_hex"].as_str().expect("hex"));
        let header = rlp::exact_list(&block).expect("a block")[0].range();
        let header = Header::read(&block[header]).expect("a header");
        assert_eq!(header.hash().as_slice(), unhex(vector["genesis_hash"].as_str().expect("hex")));
        assert_eq!(header.state_root.as_slice(), unhex(vector["genesis_state_root"].as_str().expect("hex")));
    }

    #[test]
    fn a_field_of_a_later_fork_is_refused() {
        let Some(text) = fixture_text("headers/mainnet_1000001_1000030.jsonl") else { return };
        let record: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("json");
        let rlp = unhex(record["rlp"].as_str().expect("hex"));
        let header = Header::read(&rlp).expect("a header");
        assert_eq!(header.field_word(field::BASE_FEE), Err(HeaderError::NoSuchField { index: 15, got: 15 }));
        assert_eq!(header.field_word(field::LOGS_BLOOM), Err(HeaderError::NoSuchField { index: 6, got: 15 }));
        assert!(matches!(Header::read(&rlp[..rlp.len() - 1]), Err(HeaderError::Rlp(_))));
    }
}
