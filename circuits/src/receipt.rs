//! Receipts: what a transaction did, and its logs.
//!
//! A receipt is the list of status (or, before Byzantium, the state root after the transaction), cumulative gas used, bloom filter, and
//! logs; a log is the list of address, up to four topics, and data.
//!
//! Source: Yellow Paper, section 4.3.1; EIP-658.

use std::ops::Range;

use crate::digest::Hash;
use crate::entry::{Entry, EntryError};
use crate::header::word;
use crate::rlp::{self, Item, Kind};

/// Facts of kind `receipt`.
pub mod field {
    /// 1 or 0 since Byzantium, the state root after the transaction before.
    pub const STATUS: u64 = 0;
    /// Gas used in the block up to the end of the transaction: what the receipt holds. The gas of one transaction is a difference.
    pub const CUMULATIVE_GAS: u64 = 1;
    /// Number of logs.
    pub const LOGS: u64 = 2;
    /// Type of the transaction.
    pub const TYPE: u64 = 3;
}

/// Facts of kind `log`.
pub mod log_field {
    /// The contract that logged.
    pub const ADDRESS: u64 = 0;
    /// The first of four topics.
    pub const TOPIC: u64 = 1;
    /// Number of topics.
    pub const TOPICS: u64 = 5;
    /// Bytes of the data.
    pub const LENGTH: u64 = 6;
    /// The first whole word of the data.
    pub const DATA: u64 = 16;
}

/// Most topics of a log.
pub const TOPICS: usize = 4;

/// A log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Where its list stands in the receipt.
    pub range: Range<usize>,
    /// The contract that logged.
    pub address: [u8; 20],
    /// Its topics.
    pub topics: Vec<Hash>,
    /// Where its data stand in the receipt.
    pub data: Range<usize>,
}

/// A receipt, read but not yet believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt<'a> {
    bytes: &'a [u8],
    /// Type of the transaction.
    pub kind: u8,
    /// See [`field::STATUS`].
    pub status: Hash,
    /// See [`field::CUMULATIVE_GAS`].
    pub cumulative_gas: Hash,
    /// The logs in their order.
    pub logs: Vec<Log>,
}

fn sized(length: usize) -> impl Fn(&Item) -> bool {
    move |item| item.kind == Kind::String && item.payload.len() == length
}

impl<'a> Receipt<'a> {
    /// Reads a receipt.
    ///
    /// # Errors
    /// [`EntryError`] when it is not of the form above.
    pub fn read(bytes: &'a [u8]) -> Result<Self, EntryError> {
        let entry = Entry::read(bytes)?;
        let read = |item, expected, accepts: &dyn Fn(&Item) -> bool| entry.item("receipt", item, expected, accepts);
        let number = |item: &Item| item.kind == Kind::String && item.payload.len() <= 31;
        let status = read(0, "a status or a root", &|item| number(item) || sized(32)(item))?;
        let gas = read(1, "a number", &number)?;
        read(2, "256 bytes", &sized(256))?;
        let logs = read(3, "a list", &|item| item.kind == Kind::List && entry.items.len() == 4)?;
        let integer = |item: &Item| word(entry.payload(item)).expect("at most 32 bytes");
        Ok(Self {
            bytes,
            kind: entry.kind,
            status: integer(status),
            cumulative_gas: integer(gas),
            logs: rlp::list(bytes, logs.offset)?.iter().map(|log| read_log(bytes, log)).collect::<Result<_, _>>()?,
        })
    }

    /// Field `index` of the receipt.
    ///
    /// # Errors
    /// [`EntryError::NoField`].
    pub fn field(&self, index: u64) -> Result<Hash, EntryError> {
        Ok(match index {
            field::STATUS => self.status,
            field::CUMULATIVE_GAS => self.cumulative_gas,
            field::LOGS => small(self.logs.len()),
            field::TYPE => small(self.kind.into()),
            field => return Err(EntryError::NoField { what: "receipt", field }),
        })
    }

    /// Field `index` of log `log`.
    ///
    /// # Errors
    /// [`EntryError::NoField`]: there is no such log, or it has no such field: no such topic, no such *whole* word of data.
    pub fn log_field(&self, log: u64, index: u64) -> Result<Hash, EntryError> {
        let found = usize::try_from(log).ok().and_then(|log| self.logs.get(log));
        let log = found.ok_or(EntryError::NoField { what: "receipt's list of logs", field: log })?;
        let missing = EntryError::NoField { what: "log", field: index };
        match index {
            log_field::ADDRESS => Ok(word(&log.address).expect("20 bytes")),
            log_field::TOPIC..log_field::TOPICS => {
                log.topics.get((index - log_field::TOPIC) as usize).copied().ok_or(missing)
            }
            log_field::TOPICS => Ok(small(log.topics.len())),
            log_field::LENGTH => Ok(small(log.data.len())),
            log_field::DATA.. => data_word(&self.bytes[log.data.clone()], index - log_field::DATA).ok_or(missing),
            _ => Err(missing),
        }
    }
}

/// A number as a word.
pub(crate) fn small(number: usize) -> Hash {
    word(&(number as u64).to_be_bytes()).expect("eight bytes")
}

/// Whole word `index` of `data`.
pub(crate) fn data_word(data: &[u8], index: u64) -> Option<Hash> {
    let start = usize::try_from(index).ok()?.checked_mul(32)?;
    data.get(start..start.checked_add(32)?)?.try_into().ok()
}

fn read_log(bytes: &[u8], list: &Item) -> Result<Log, EntryError> {
    let log = Entry { bytes, kind: 0, items: rlp::list(bytes, list.offset)? };
    let address = log.item("log", 0, "20 bytes", sized(20))?;
    let topics = log.item("log", 1, "a list", |item| item.kind == Kind::List)?;
    let data = log.item("log", 2, "the last string", |item| item.kind == Kind::String && log.items.len() == 3)?;
    let items = rlp::list(bytes, topics.offset)?;
    let topics = Entry { bytes, kind: 0, items };
    let all = (0..topics.items.len()).map(|i| {
        let topic = topics.item("log's topics", i, "32 bytes, the fourth the last", |t| sized(32)(t) && i < TOPICS)?;
        Ok(topics.payload(topic).try_into().expect("32 bytes"))
    });
    Ok(Log {
        range: list.range(),
        address: log.payload(address).try_into().expect("20 bytes"),
        topics: all.collect::<Result<_, EntryError>>()?,
        data: data.payload.clone(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bloom;
    use crate::entry;
    use crate::header::Header;
    use crate::testing::{fixture_json, unhex};

    /// Blocks of the fixtures, and how many receipts and logs they have.
    pub(crate) const BLOCKS: [(&str, usize, usize); 6] = [
        ("14764013", 19, 28),
        ("15537393", 1, 1),
        ("15573637", 239, 929),
        ("17034870", 184, 510),
        ("19426587", 37, 39),
        ("22869878", 301, 714),
    ];

    /// Header and receipts of a block of the fixtures.
    pub(crate) fn block(name: &str) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
        let file = fixture_json(&format!("receipts/{name}.json"))?;
        let receipts = file["receipts"].as_array().expect("a list");
        let receipts = receipts.iter().map(|receipt| unhex(receipt.as_str().expect("hex"))).collect();
        Some((unhex(file["header_rlp"].as_str().expect("hex")), receipts))
    }

    #[test]
    fn reads_every_receipt_of_the_fixtures() {
        for (name, receipts, logs) in BLOCKS {
            let Some((header, entries)) = block(name) else { return };
            let header = Header::read(&header).expect("a header");
            let read: Vec<Receipt<'_>> = entries.iter().map(|e| Receipt::read(e).expect("a receipt")).collect();
            assert_eq!((read.len(), read.iter().map(|r| r.logs.len()).sum::<usize>()), (receipts, logs), "{name}");
            let (root, _) = entry::trie(&entries);
            assert_eq!(Ok(root), header.field_word(crate::header::field::RECEIPTS_ROOT), "{name}");
            let gas = read.last().expect("a receipt").cumulative_gas;
            assert_eq!(Ok(gas), header.field_word(10), "the block's gas used");
            let filter = header.field_bytes(crate::header::field::LOGS_BLOOM).expect("a bloom");
            for log in read.iter().flat_map(|receipt| &receipt.logs) {
                assert!(bloom::missing_bit(filter, &log.address).is_none());
                assert!(log.topics.iter().all(|topic| bloom::missing_bit(filter, topic).is_none()));
            }
            assert!(bloom::missing_bit(filter, &[0xab; 20]).is_some() || receipts > 100);
        }
    }

    #[test]
    fn fields_that_are_not_there() {
        let Some((_, entries)) = block("15537393") else { return };
        let receipt = Receipt::read(&entries[0]).expect("a receipt");
        assert_eq!(receipt.field(3), Ok(small(2)));
        assert_eq!(receipt.field(4).expect_err("none").to_string(), "the receipt has no field 4");
        assert_eq!(receipt.log_field(1, 0).expect_err("none").to_string(), "the receipt's list of logs has no field 1");
        let log = &receipt.logs[0];
        assert_eq!(receipt.log_field(0, log_field::TOPICS), Ok(small(log.topics.len())));
        assert_eq!(receipt.log_field(0, 7).expect_err("none").to_string(), "the log has no field 7");
        let words = log.data.len() as u64 / 32;
        assert!(receipt.log_field(0, log_field::DATA + words).is_err());
        assert!(words == 0 || receipt.log_field(0, log_field::DATA + words - 1).is_ok());
        assert!(matches!(Receipt::read(&entries[0][1..]), Ok(Receipt { kind: 0, .. })));
        assert!(Receipt::read(&entries[0][..100]).is_err());
    }
}
