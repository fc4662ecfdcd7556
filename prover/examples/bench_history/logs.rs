//! Receipts of mainnet blocks of the fixtures: fields of logs, and a count of all logs of a block.

use super::mainnet::{bytes, fixture};
use eyre::{OptionExt, Result};
use serde_json::Value;
use vouch_circuits::{
    entry,
    evidence::Evidence,
    facts::{Fact, FactKind, LogRange},
    header::Header,
    receipt::{Receipt, log_field},
};

/// A block's header and receipts.
fn block(name: &str) -> Result<(Vec<u8>, Vec<Vec<u8>>)> {
    let file: Value = serde_json::from_str(&fixture(&format!("receipts/{name}.json"))?)?;
    let receipts = file["receipts"].as_array().ok_or_eyre("no receipts")?;
    Ok((bytes(&file["header_rlp"])?, receipts.iter().map(bytes).collect::<Result<_>>()?))
}

fn word(number: u64) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&number.to_be_bytes());
    word
}

/// Address, first topic and first word of the last log of the longest receipt of block 15573637: 31,872 bytes, all logs of which are read.
pub(super) fn longest() -> Result<Evidence> {
    let (header, entries) = block("15573637")?;
    let (index, receipt) = (0..).zip(&entries).max_by_key(|(_, bytes)| bytes.len()).ok_or_eyre("no receipt")?;
    let logs = Receipt::read(receipt)?.logs.len() as u64;
    let number = Header::read(&header)?.number;
    let fields = [log_field::ADDRESS, log_field::TOPIC, log_field::DATA];
    let wanted = fields.map(|field| Fact {
        kind: FactKind::Log,
        block: number,
        address: [0; 20],
        slot: word(field),
        key: word(index),
        key2: word(logs - 1),
        path: Default::default(),
        value: [0; 32],
    });
    Ok(Evidence::collect(&wanted, &[header], &entry::trie(&entries).1)?)
}

/// How many of all logs of a block (17034870 has 510, 15573637 has 929) have the address and the first topic of its first log.
pub(super) fn count(name: &str) -> Result<Evidence> {
    let (header, entries) = block(name)?;
    let receipts = entries.iter().map(|bytes| Receipt::read(bytes)).collect::<Result<Vec<_>, _>>()?;
    let log = receipts.iter().flat_map(|receipt| &receipt.logs).next().ok_or_eyre("no log")?;
    let fact = Fact {
        kind: FactKind::LogCount,
        block: Header::read(&header)?.number,
        address: log.address,
        slot: LogRange { blocks: 1, topic: 0 }.slot(),
        key: *log.topics.first().ok_or_eyre("no topic")?,
        key2: [0; 32],
        path: Default::default(),
        value: [0; 32],
    };
    Ok(Evidence::collect(&[fact], &[header], &entry::trie(&entries).1)?)
}
