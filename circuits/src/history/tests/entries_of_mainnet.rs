//! Receipts and logs of the fixtures' blocks, and counts over all of their logs.

use super::chain::number;
use super::honest_entries::{ENTRIES, entry_fact};
use super::*;
use crate::entry;
use crate::facts::LogRange;
use crate::receipt::tests::block as fixture;
use crate::receipt::{Receipt, log_field};

/// Facts about every log of a fixture's first receipts, the number of logs and the count of transfers of its first log's address.
fn of_fixture(name: &str, most: usize) -> Option<Evidence> {
    let (header, entries) = fixture(name)?;
    let block = crate::header::Header::read(&header).expect("a header").number;
    let (_, nodes) = entry::trie(&entries);
    let mut wanted = vec![];
    let mut first = None;
    for (index, bytes) in (0..).zip(&entries) {
        let receipt = Receipt::read(bytes).expect("a receipt");
        first = first.or_else(|| receipt.logs.iter().find(|log| !log.topics.is_empty()).cloned());
        wanted.push(entry_fact(FactKind::Receipt, block, index, 0, 1 + index % 2));
        for (i, log) in (0..).zip(&receipt.logs) {
            let field = match log.topics.len() as u64 {
                0 => log_field::ADDRESS,
                topics => log_field::TOPIC + (topics - 1) * (i % 2),
            };
            wanted.push(entry_fact(FactKind::Log, block, index, i, field));
            if log.data.len() >= 32 {
                let last = (log.data.len() / 32 - 1) as u64;
                wanted.push(entry_fact(FactKind::Log, block, index, i, log_field::DATA + last));
            }
        }
    }
    wanted.truncate(most);
    let log = first.expect("a log");
    let slot = LogRange { blocks: 1, topic: 0 }.slot();
    wanted.push(Fact { key: log.topics[0], ..fact(FactKind::LogCount, block, log.address, slot) });
    let evidence = Evidence::collect(&wanted, &[header], &nodes).expect("evidence");
    let logs = entries.iter().flat_map(|bytes| Receipt::read(bytes).expect("a receipt").logs);
    let count = logs.filter(|other| other.address == log.address && other.topics.first() == log.topics.first()).count();
    assert_eq!(evidence.facts.last().expect("a fact").value, number(count as u128), "{name}");
    Some(evidence)
}

#[test]
fn small_blocks_of_mainnet() {
    for name in ["15537393", "14764013"] {
        let Some(evidence) = of_fixture(name, 40) else { return };
        println!("{name}: {} permutations, {} rows", evidence.permutations(), accept(&ENTRIES, &evidence));
    }
}

#[test]
fn large_blocks_of_mainnet_in_class_r() {
    for name in ["19426587", "17034870"] {
        let Some(evidence) = of_fixture(name, 80) else { return };
        println!("{name}: {} permutations, {} rows", evidence.permutations(), accept(&Class::R, &evidence));
    }
}

/// All 929 logs of one, all 301 receipts of the other.
#[test]
fn largest_blocks_of_the_fixtures_in_class_b() {
    for name in ["15573637", "22869878"] {
        let Some(evidence) = of_fixture(name, 80) else { return };
        assert!(matches!(Class::R.fits(&evidence), Err(LayoutError::Overflow(_))), "{name}");
        println!("{name}: {} permutations, {} rows", evidence.permutations(), accept(&Class::B, &evidence));
    }
}

/// Every receipt of all fixtures, a few of its logs and words of data, in as many proofs as it takes; 32 KB receipts among them.
#[test]
fn logs_of_every_receipt_of_the_fixtures() {
    for (name, ..) in crate::receipt::tests::BLOCKS {
        let Some((header, entries)) = fixture(name) else { return };
        let block = crate::header::Header::read(&header).expect("a header").number;
        let (_, nodes) = entry::trie(&entries);
        let mut wanted = vec![];
        for (index, bytes) in (0..).zip(&entries) {
            let receipt = Receipt::read(bytes).expect("a receipt");
            wanted.push(entry_fact(FactKind::Receipt, block, index, 0, index % 4));
            if let Some(log) = receipt.logs.last() {
                let last = receipt.logs.len() as u64 - 1;
                wanted.push(entry_fact(FactKind::Log, block, index, last, log_field::TOPIC));
                if log.data.len() >= 32 {
                    wanted.push(entry_fact(
                        FactKind::Log,
                        block,
                        index,
                        last,
                        log_field::DATA + log.data.len() as u64 / 32 - 1,
                    ));
                }
            }
        }
        for chunk in wanted.chunks(80) {
            let evidence = Evidence::collect(chunk, std::slice::from_ref(&header), &nodes).expect("evidence");
            accept(&Class::R, &evidence);
        }
    }
}
