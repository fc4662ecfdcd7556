//! Receipts, transactions, logs and counts that must be accepted.

use proptest::prelude::*;

use super::chain::{child, number};
use super::honest::SMALL;
use super::*;
use crate::bloom;
use crate::digest::{Hash, keccak256};
use crate::entry;
use crate::facts::LogRange;
use crate::receipt::{Receipt, log_field};
use crate::rlp::{encode_list, encode_string};
use crate::transaction::tests::encode as transaction;

/// Room for a few blocks of a few receipts, or one small block of mainnet.
pub(super) const ENTRIES: Class = Class {
    blocks: 192,
    links: 4,
    roots: 12,
    branches: 16,
    pairs: 12,
    steps: 64,
    facts: 45,
    receipts: Receipts {
        receipts: 25,
        transactions: 7,
        leaves: 32,
        logs: 40,
        words: 24,
        positions: 45,
        absences: 5,
        counts: 4,
        bloom_steps: 12,
        scan_steps: 7,
        tallies: 70,
        receipt_ends: 50,
    },
    ..SMALL
};

/// A log as its maker wants it.
#[derive(Clone, Debug)]
pub(super) struct MadeLog {
    pub address: [u8; 20],
    pub topics: Vec<Hash>,
    pub data: Vec<u8>,
}

fn strings(items: &[&[u8]]) -> Vec<u8> {
    let mut payload = vec![];
    items.iter().for_each(|item| encode_string(item, &mut payload));
    payload
}

/// A receipt of type `kind`.
pub(super) fn receipt(kind: u8, status: &[u8], gas: &[u8], logs: &[MadeLog]) -> Vec<u8> {
    let log = |log: &MadeLog| {
        let topics: Vec<&[u8]> = log.topics.iter().map(Hash::as_slice).collect();
        encode_list(&[strings(&[&log.address]), encode_list(&strings(&topics)), strings(&[&log.data])].concat())
    };
    let logs: Vec<u8> = logs.iter().flat_map(log).collect();
    let list = encode_list(&[strings(&[status, gas, &[0; 256]]), encode_list(&logs)].concat());
    if kind > 0 { [&[kind], list.as_slice()].concat() } else { list }
}

/// A block on top of `parent` with these receipts and transactions.
pub(super) fn block(
    parent: &Hash,
    height: u64,
    receipts: &[Vec<u8>],
    transactions: &[Vec<u8>],
    nodes: &mut Nodes,
) -> Vec<u8> {
    let mut header = child(parent, height, &Default::default(), 21, nodes);
    for (entries, at) in [(transactions, 124), (receipts, 157)] {
        let (root, trie) = entry::trie(entries);
        trie.iter().for_each(|node| {
            nodes.insert(node.to_vec());
        });
        header[at..at + 32].copy_from_slice(&root);
    }
    for bytes in receipts {
        for log in Receipt::read(bytes).expect("a receipt").logs {
            for thing in log.topics.iter().map(Hash::as_slice).chain([log.address.as_slice()]) {
                for which in 0..3 {
                    let (at, mask) = bloom::place(bloom::bit(&keccak256(thing), which));
                    header[192 + at] |= mask;
                }
            }
        }
    }
    header
}

pub(super) const TOKEN: [u8; 20] = [0x70; 20];
pub(super) const TRANSFER: Hash = [0xdd; 32];
pub(super) const SUBJECT: Hash = [0x51; 32];

/// A transfer of [`TOKEN`] from `from`, with two words and a bit of data.
pub(super) fn transfer(from: Hash) -> MadeLog {
    let data = (0..70).collect();
    MadeLog { address: TOKEN, topics: vec![TRANSFER, from, [0xee; 32]], data }
}

fn other_log(topics: usize, data: usize) -> MadeLog {
    MadeLog { address: [0x66; 20], topics: vec![[0x99; 32]; topics], data: vec![0x88; data] }
}

/// Blocks 100 to 103: two transfers of the subject among five logs; no receipts; one log of something else; two transfers of others.
pub(super) fn blocks(nodes: &mut Nodes) -> Vec<Vec<u8>> {
    let first = [
        receipt(2, &[1], &[0x52, 0x08], &[transfer(SUBJECT), other_log(0, 0), other_log(4, 300)]),
        receipt(0, &[], &[0x62, 0x08], &[]),
        receipt(3, &[1], &[0x72, 0x08], &[other_log(2, 1), transfer(SUBJECT)]),
    ];
    let third = [receipt(0, &[7; 32], &[5], &[MadeLog { data: vec![5], ..other_log(1, 0) }])];
    let fourth = [receipt(
        4,
        &[1],
        &[5],
        &[transfer([1; 32]), transfer([2; 32]), MadeLog { topics: vec![], ..transfer([0; 32]) }],
    )];
    let transactions = [
        transaction(2, 300, &[0x11; 20], &[5, 6], &(0..100).collect::<Vec<u8>>()),
        transaction(0, 0, &[], &[0xff; 32], &[1, 2, 3]),
        transaction(1, 5, &[0x22; 20], &[], &[1, 2, 3, 4]),
    ];
    let mut headers: Vec<Vec<u8>> = vec![];
    type Entries<'a> = &'a [Vec<u8>];
    let entries: [(Entries<'_>, Entries<'_>); 4] =
        [(&first, &transactions), (&[], &[]), (&third, &transactions[..1]), (&fourth, &[])];
    for (height, (receipts, transactions)) in (100..).zip(entries) {
        let parent = headers.last().map_or([1; 32], |header| keccak256(header));
        headers.push(block(&parent, height, receipts, transactions, nodes));
    }
    headers
}

pub(super) fn entry_fact(kind: FactKind, block: u64, entry: u64, log: u64, field: u64) -> Fact {
    let [entry, log, field] = [entry, log, field].map(|v| number(v.into()));
    Fact { key: entry, key2: log, ..fact(kind, block, [0; 20], field) }
}

/// Transfers of [`TOKEN`] in the `blocks` blocks that end with `last`, those with `topic` as topic `at` if that is not 0.
pub(super) fn transfers(last: u64, blocks: u64, at: u8, topic: Hash) -> Fact {
    let slot = LogRange { blocks, topic: at }.slot();
    Fact { key: TRANSFER, key2: topic, ..fact(FactKind::LogCount, last, TOKEN, slot) }
}

/// Facts of every kind about [`blocks`], and their values.
pub(super) fn facts() -> Vec<(Fact, Hash)> {
    use FactKind::{Log, Receipt, Transaction};
    let bytes = |start: u8| -> Hash { std::array::from_fn(|i| start + i as u8) };
    vec![
        (entry_fact(Receipt, 100, 0, 0, 0), number(1)),
        (entry_fact(Receipt, 100, 2, 0, 1), number(0x7208)),
        (entry_fact(Receipt, 100, 2, 0, 2), number(2)),
        (entry_fact(Receipt, 100, 1, 0, 0), number(0)),
        (entry_fact(Receipt, 100, 2, 0, 3), number(3)),
        (entry_fact(Receipt, 102, 0, 0, 0), [7; 32]),
        (entry_fact(Log, 100, 0, 0, 0), word(&hex::encode(TOKEN))),
        (entry_fact(Log, 100, 0, 0, 2), SUBJECT),
        (entry_fact(Log, 100, 0, 0, 16), bytes(0)),
        (entry_fact(Log, 100, 0, 0, 17), bytes(32)),
        (entry_fact(Log, 100, 0, 2, 5), number(4)),
        (entry_fact(Log, 100, 0, 2, 6), number(300)),
        (entry_fact(Log, 100, 0, 2, 4), [0x99; 32]),
        (entry_fact(Log, 100, 2, 0, 6), number(1)),
        (entry_fact(Log, 100, 0, 1, 5), number(0)),
        (entry_fact(Transaction, 100, 0, 0, 0), number(2)),
        (entry_fact(Transaction, 100, 0, 0, 1), number(300)),
        (entry_fact(Transaction, 100, 0, 0, 3), number(0x0506)),
        (entry_fact(Transaction, 100, 0, 0, 5), number(0x0001_0203)),
        (entry_fact(Transaction, 100, 0, 0, 16), bytes(4)),
        (entry_fact(Transaction, 100, 1, 0, 3), [0xff; 32]),
        (entry_fact(Transaction, 100, 1, 0, 6), number(1)),
        (entry_fact(Transaction, 100, 1, 0, 2), number(0)),
        (entry_fact(Transaction, 100, 2, 0, 5), number(0x0102_0304)),
        (transfers(103, 4, 1, SUBJECT), number(2)),
        (transfers(103, 4, 0, [0; 32]), number(4)),
        (transfers(102, 2, 1, SUBJECT), number(0)),
        (fact(FactKind::Header, 103, [0; 20], number(8)), number(103)),
    ]
}

/// Evidence of [`facts`], where only the last block is an anchor.
pub(super) fn small_entries() -> Evidence {
    let mut nodes = Nodes::default();
    let headers = blocks(&mut nodes);
    let wanted: Vec<Fact> = facts().iter().map(|(fact, _)| *fact).collect();
    Evidence::collect_from(&wanted, &headers, &nodes, |block| block == 103).expect("evidence")
}

#[test]
fn every_kind_of_entry_fact() {
    let evidence = small_entries();
    for (fact, (wanted, value)) in evidence.facts.iter().zip(facts()) {
        assert_eq!(fact.value, value, "{wanted:?}");
    }
    accept(&ENTRIES, &evidence);
    let error = Class::H.fits(&evidence).expect_err("no room").to_string();
    assert_eq!(error, "class H has room for 0 facts about receipts, transactions and logs, the evidence needs 27");
    Class::R.fits(&evidence).expect("it fits");
}

prop_compose! {
    fn any_log()(
        address in 0..3u8,
        topics in prop::collection::vec(0..3u8, 0..5),
        length in prop_oneof![Just(0), Just(1), Just(31), Just(32), Just(55), Just(56), 0..300usize],
        byte in any::<u8>(),
    ) -> MadeLog {
        let topics = topics.into_iter().map(|topic| [topic; 32]).collect();
        MadeLog { address: [address; 20], topics, data: vec![byte; length] }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random receipts: the circuit accepts what the native reference says, of every field of every log, and of counts.
    #[test]
    fn agrees_with_the_native_reference(
        made in prop::collection::vec((0..5u8, any::<bool>(), 0..100_000u32, prop::collection::vec(any_log(), 0..4)), 0..7),
        topic in 0..4u8,
    ) {
        let receipts: Vec<Vec<u8>> = made.iter().map(|(kind, status, gas, logs)| {
            let gas = gas.to_be_bytes();
            let gas = &gas[gas.iter().take_while(|byte| **byte == 0).count()..];
            receipt(*kind, if *status { &[1] } else { &[] }, gas, logs)
        }).collect();
        let mut nodes = Nodes::default();
        let header = block(&[1; 32], 50, &receipts, &[], &mut nodes);
        let mut wanted = vec![];
        for (entry, (.., logs)) in (0..).zip(&made) {
            wanted.extend((0..4).map(|field| entry_fact(FactKind::Receipt, 50, entry, 0, field)));
            for (i, log) in (0..).zip(logs) {
                let topics = 1..=log.topics.len() as u64;
                let words = (0..log.data.len() as u64 / 32).map(|word| word + log_field::DATA).rev().take(1);
                let fields = [0, 5, 6].into_iter().chain(topics.rev().take(2)).chain(words);
                wanted.extend(fields.map(|field| entry_fact(FactKind::Log, 50, entry, i, field)));
            }
        }
        wanted.truncate(40);
        let wanted_words = wanted.iter().filter(|fact| fact.slot[31] >= 16).count();
        let slot = LogRange { blocks: 1, topic }.slot();
        let key2 = if topic == 0 { [0; 32] } else { [1; 32] };
        wanted.push(Fact { key2, ..fact(FactKind::LogCount, 50, [1; 20], slot) });
        let evidence = Evidence::collect(&wanted, &[header], &nodes).expect("evidence");
        let expected = made.iter().flat_map(|(.., logs)| logs).filter(|log| {
            let has = |index: usize, topic| log.topics.get(index) == Some(topic);
            log.address == [1; 20] && has(0, &[0; 32]) && (topic == 0 || has(topic.into(), &key2))
        }).count();
        prop_assert_eq!(evidence.facts[evidence.facts.len() - 1].value, number(expected as u128));
        if wanted_words <= ENTRIES.receipts.words {
            accept(&ENTRIES, &evidence);
        }
    }
}

/// The end of a block's receipts is proven whatever their number: by another leaf, an empty child, an extension, an empty trie.
#[test]
fn blocks_of_any_number_of_receipts() {
    let log = [transfer(SUBJECT)];
    for count in (0..24).chain([127, 128, 129, 130, 144, 145, 255, 256, 257, 258, 272]) {
        let receipts: Vec<Vec<u8>> =
            (0..count).map(|i| receipt(0, &[1], &[1], if i == count - 1 { &log } else { &[] })).collect();
        let mut nodes = Nodes::default();
        let header = block(&[1; 32], 50, &receipts, &[], &mut nodes);
        let evidence = Evidence::collect(&[transfers(50, 1, 1, SUBJECT)], &[header], &nodes).expect("evidence");
        assert_eq!(evidence.facts[0].value, number(u128::from(count > 0)));
        let entries =
            Receipts { receipts: 280, leaves: 280, logs: 2, tallies: 2, receipt_ends: 280, ..ENTRIES.receipts };
        let class = if count < 24 {
            ENTRIES
        } else {
            Class { blocks: 1024, k: 18, branches: 40, steps: 900, receipts: entries, ..ENTRIES }
        };
        accept(&class, &evidence);
    }
}

/// Rows that one more of each thing costs: the figures of SPEC.md.
#[test]
fn rows_of_each_part() {
    let evidence = small_entries();
    let rows = |receipts: Receipts| {
        let class = Class { receipts, ..ENTRIES };
        record(&class, &Layout::new(&class, &evidence).expect("it fits")).rows()
    };
    let room = ENTRIES.receipts;
    let base = rows(room);
    let more: [(&str, Receipts); 12] = [
        ("receipt", Receipts { receipts: room.receipts + 3, ..room }),
        ("transaction", Receipts { transactions: room.transactions + 3, ..room }),
        ("leaf", Receipts { leaves: room.leaves + 3, ..room }),
        ("log", Receipts { logs: room.logs + 3, ..room }),
        ("word", Receipts { words: room.words + 3, ..room }),
        ("position", Receipts { positions: room.positions + 3, ..room }),
        ("absence", Receipts { absences: room.absences + 3, ..room }),
        ("count", Receipts { counts: room.counts + 3, ..room }),
        ("bloom step", Receipts { bloom_steps: room.bloom_steps + 3, ..room }),
        ("scan step", Receipts { scan_steps: room.scan_steps + 3, ..room }),
        ("tally", Receipts { tallies: room.tallies + 3, ..room }),
        ("end of a receipt", Receipts { receipt_ends: room.receipt_ends + 3, ..room }),
    ];
    for (name, receipts) in more {
        println!("{name}: {:.2}", (rows(receipts) - base) as f64 / 3.0);
    }
}
