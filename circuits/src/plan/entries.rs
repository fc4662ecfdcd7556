//! Sources that read a block's receipts, logs and transactions, and those that count logs.

use super::read::{Reader, SourceEntry, Word};
use super::{FactTemplate, Name, PlanError};
use crate::digest::keccak256;
use crate::entry::{MAX_BYTES, MAX_ENTRIES};
use crate::facts::{FactKind, LogRange};
use crate::path::Path;
use crate::{receipt, transaction};

/// Fields of receipts.
const RECEIPT_FIELDS: [(&str, u64); 4] = [
    ("status", receipt::field::STATUS),
    ("cumulative_gas", receipt::field::CUMULATIVE_GAS),
    ("logs", receipt::field::LOGS),
    ("type", receipt::field::TYPE),
];
/// Fields of logs.
const LOG_FIELDS: [(&str, u64); 7] = [
    ("address", receipt::log_field::ADDRESS),
    ("topic0", receipt::log_field::TOPIC),
    ("topic1", receipt::log_field::TOPIC + 1),
    ("topic2", receipt::log_field::TOPIC + 2),
    ("topic3", receipt::log_field::TOPIC + 3),
    ("topics", receipt::log_field::TOPICS),
    ("length", receipt::log_field::LENGTH),
];
/// Fields of transactions.
const TRANSACTION_FIELDS: [(&str, u64); 7] = [
    ("type", transaction::field::TYPE),
    ("nonce", transaction::field::NONCE),
    ("to", transaction::field::TO),
    ("value", transaction::field::VALUE),
    ("length", transaction::field::LENGTH),
    ("selector", transaction::field::SELECTOR),
    ("creates", transaction::field::CREATES),
];
/// Words that the data of an entry can have.
const MAX_WORDS: u64 = MAX_BYTES as u64 / 32;

fn word(number: u64) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&number.to_be_bytes());
    word
}

impl Reader<'_> {
    /// What a count is of, besides contract and event.
    fn range(&self, source: &SourceEntry) -> Result<LogRange, PlanError> {
        let topic = source.topic.unwrap_or(0);
        if source.topic.is_some_and(|topic| !(1..=3).contains(&topic)) {
            return Err(self.refuse("topic", "1 to 3", topic));
        }
        let blocks = source.span.unwrap_or(1);
        let range = LogRange { blocks, topic };
        LogRange::of(&range.slot())
            .filter(|of| *of == range)
            .ok_or_else(|| self.refuse("span", "1 to 2^40 - 1", blocks))
    }

    /// Topic 0 of an event: the word itself, or the hash of its signature.
    fn event(&self, source: &SourceEntry) -> Result<[u8; 32], PlanError> {
        match &source.event {
            Some(Word::Text(text)) if text.ends_with(')') => {
                let is_plain = |c: char| c.is_ascii_alphanumeric() || "_$(),[]".contains(c);
                let expected = "a signature without spaces, names and `indexed`, as Transfer(address,address,uint256)";
                match text.chars().all(is_plain) {
                    true => Ok(keccak256(text.as_bytes())),
                    false => Err(self.refuse("event", expected, text)),
                }
            }
            word => self.word("event", word),
        }
    }

    /// A number of logs.
    pub(super) fn count(&self, source: &SourceEntry, back_blocks: u64) -> Result<FactTemplate, PlanError> {
        let zero = Name::Constant([0; 32]);
        Ok(FactTemplate {
            kind: FactKind::LogCount,
            back_blocks,
            address: self.address(&source.contract)?,
            slot: self.range(source)?.slot(),
            key: Name::Constant(self.event(source)?),
            key2: if source.topic.is_some() { self.key("key", &source.key)? } else { zero },
            path: Path::NONE,
        })
    }

    /// A field, or a word of the data, of one receipt, log or transaction.
    pub(super) fn entry(
        &self,
        kind: FactKind,
        source: &SourceEntry,
        back_blocks: u64,
    ) -> Result<FactTemplate, PlanError> {
        let position = |entry, given: Option<u64>, end: u64| match given {
            Some(number) if number < end => Ok(word(number)),
            other => {
                let got = other.map_or("nothing".into(), |number| number.to_string());
                Err(self.refuse(entry, format!("a position below {end}, counted from 0"), got))
            }
        };
        let (fields, data): (&[(&str, u64)], u64) = match kind {
            FactKind::Transaction => (&TRANSACTION_FIELDS, transaction::field::DATA),
            FactKind::Log => (&LOG_FIELDS, receipt::log_field::DATA),
            _ => (&RECEIPT_FIELDS, 0),
        };
        let slot = match (source.word, &source.field) {
            (None, field) => self.field(field, fields)?,
            (Some(_), Some(field)) => return Err(self.refuse("field", "a field or a word, not both", field)),
            (Some(index), None) if index < MAX_WORDS => word(data + index),
            (Some(index), None) => return Err(self.refuse("word", format!("a word below {MAX_WORDS}"), index)),
        };
        let log = match kind {
            FactKind::Log => position("log", source.log, MAX_ENTRIES)?,
            _ => [0; 32],
        };
        Ok(FactTemplate {
            kind,
            back_blocks,
            address: Name::Constant([0; 32]),
            slot,
            key: Name::Constant(position("transaction", source.transaction, MAX_ENTRIES)?),
            key2: Name::Constant(log),
            path: Path::NONE,
        })
    }
}
