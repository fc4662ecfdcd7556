//! Lies about receipts, transactions, logs and counts.

use halo2_base::halo2_proofs::arithmetic::Field;
use test_case::test_case;

use super::honest_entries::{ENTRIES, small_entries};
use super::lies::{none_is_free, unequal, unprovided};
use super::*;
use crate::grid::Violation;
use crate::history::entries::index;
use crate::history::leaves::LeafHint;
use crate::history::tables::tag;

/// Positions in `facts` of the honest tests.
const STATUS: usize = 0;
const LOGS: usize = 2;
const TOPIC: usize = 7;
const WORD: usize = 8;
const NONCE: usize = 16;
const COUNT: usize = 24;
/// Logs of the three receipts of block 100.
const FIRST_LOGS: usize = 3;

fn attack() -> Layout {
    let layout = Layout::new(&ENTRIES, &small_entries()).expect("it fits");
    record(&ENTRIES, &layout).check().expect("honest");
    layout
}

fn violation(layout: &Layout) -> Violation {
    record(&ENTRIES, layout).check().expect_err("the lie was accepted")
}

/// The index of another field, entry or log.
fn about(kind: FactKind, field: u64, entry: u64, log: u64) -> Fr {
    index(kind, field, entry, log)
}

#[test_case(STATUS, |leaf| leaf.value[1] = Fr::ZERO, tag::VALUE; "another status")]
#[test_case(STATUS, |leaf| leaf.says[4] = about(FactKind::Receipt, 0, 1, 0), tag::KEY_INDEX; "status of another receipt")]
#[test_case(STATUS, |leaf| leaf.says[2] = Fr::ONE, tag::KEY; "another transaction")]
#[test_case(STATUS, |leaf| leaf.says[3] = Fr::ONE, tag::KEY_INDEX; "a log of a receipt's field")]
#[test_case(STATUS, |leaf| leaf.says[0] = Fr::from(8), tag::KEY; "status as a transaction's type")]
#[test_case(STATUS, |leaf| leaf.of[0] += Fr::ONE, tag::PLACE; "another block")]
#[test_case(STATUS, |leaf| leaf.of[1] += Fr::ONE, tag::PLACE; "an address")]
#[test_case(LOGS, |leaf| leaf.value[1] += Fr::ONE, tag::VALUE; "another number of logs")]
#[test_case(TOPIC, |leaf| leaf.value[0] += Fr::ONE, tag::VALUE; "another topic")]
#[test_case(TOPIC, |leaf| leaf.says[3] = Fr::ONE, tag::KEY_INDEX; "topic of another log")]
#[test_case(WORD, |leaf| leaf.value[1] += Fr::ONE, tag::VALUE; "another word")]
#[test_case(NONCE, |leaf| leaf.value[1] += Fr::ONE, tag::VALUE; "another nonce")]
#[test_case(COUNT, |leaf| leaf.value[1] += Fr::ONE, tag::VALUE; "another count")]
#[test_case(COUNT, |leaf| leaf.says[1] += Fr::ONE, tag::KEY; "more blocks")]
#[test_case(COUNT, |leaf| leaf.says[1] += Fr::from(1u64 << 48), tag::KEY; "another position of the topic")]
#[test_case(COUNT, |leaf| leaf.says[2] += Fr::ONE, tag::KEY; "another first topic")]
#[test_case(COUNT, |leaf| leaf.says[3] += Fr::ONE, tag::KEY_INDEX; "another second topic")]
#[test_case(COUNT, |leaf| leaf.of[1] += Fr::ONE, tag::PLACE; "another address")]
#[test_case(COUNT, |leaf| leaf.of[0] -= Fr::ONE, tag::PLACE; "another last block")]
fn a_leaf_that_says_something_else(fact: usize, lie: fn(&mut LeafHint), missing: u64) {
    let mut layout = attack();
    lie(&mut layout.leaves[fact]);
    unprovided(missing)(violation(&layout));
}

#[test]
fn a_topic_that_the_log_does_not_have() {
    let mut layout = attack();
    let leaf = &mut layout.leaves[TOPIC];
    let position = layout.entries.positions.iter_mut().find(|hint| hint.kind == 7 && hint.field == 2).expect("its key");
    position.field = 4;
    leaf.says[1] = Fr::from(4);
    leaf.says[4] = about(FactKind::Log, 4, 0, 0);
    leaf.value = [Fr::ZERO; 2];
    unprovided(tag::VALUE)(violation(&layout));
}

#[test_case(|hint| hint.kind = 9, None; "a count")]
#[test_case(|hint| hint.kind = 5, None; "a storage slot")]
#[test_case(|hint| hint.field = 1 << 17, Some(tag::BYTE); "a field that no fact can name")]
#[test_case(|hint| hint.entry = 1 << 16, Some(tag::BYTE); "an entry beyond its bits")]
#[test_case(|hint| hint.log = 1 << 16, Some(tag::BYTE); "a log beyond its bits")]
fn a_position_of_something_else(lie: fn(&mut entries::PositionHint), missing: Option<u64>) {
    let mut layout = attack();
    lie(layout.entries.positions.last_mut().expect("one"));
    match missing {
        Some(tag) => unprovided(tag)(violation(&layout)),
        None => unequal()(violation(&layout)),
    }
}

// --- receipts and transactions ----------------------------------------------------------------------------------

/// A receipt and a transaction on which nothing depends, in place of fillers.
type Forged = (&'static str, fn(&mut Layout) -> &mut entries::EntryHint);

fn forged() -> [Forged; 2] {
    [
        ("receipt", |layout| {
            let at = layout.entries.receipts.len() - 2;
            layout.entries.receipts[at] = receipts::ReceiptHint { whole: false, logs: 0, ..layout.entries.receipts[0] };
            &mut layout.entries.receipts[at].entry
        }),
        ("transaction", |layout| {
            let at = layout.entries.transactions.len() - 2;
            layout.entries.transactions[at] = layout.entries.transactions[0];
            &mut layout.entries.transactions[at]
        }),
    ]
}

#[test]
fn an_entry_under_another_number() {
    for (name, forge) in forged() {
        let mut layout = attack();
        forge(&mut layout);
        record(&ENTRIES, &layout).check().unwrap_or_else(|violation| panic!("{name}: {violation}"));
        // 128 more: a key of another length
        for more in [1, 128] {
            forge(&mut layout).entry += more;
            unequal()(violation(&layout));
        }
    }
}

#[test]
fn an_entry_of_another_trie() {
    for (name, forge) in forged() {
        let mut layout = attack();
        let honest = *forge(&mut layout);
        let tries = layout.entries.receipts.iter().map(|hint| hint.entry.trie);
        let other = tries.into_iter().find(|trie| trie.place != honest.trie.place).expect("of another block");
        let mut lie = |trie| {
            forge(&mut layout).trie = trie;
            violation(&layout)
        };
        unprovided(tag::PLACE)(lie(entries::TrieHint { place: other.place, ..honest.trie }));
        unprovided(tag::VALUE)(lie(entries::TrieHint { root: honest.trie.root, ..other }));
        unprovided(if name == "receipt" { tag::REACH } else { tag::VALUE })(lie(other));
    }
}

#[test]
fn a_receipt_with_fewer_logs() {
    let mut layout = attack();
    let receipt = layout.entries.receipts.iter_mut().find(|hint| hint.whole && hint.logs > 1).expect("one");
    receipt.logs -= 1;
    unprovided(tag::LOG)(violation(&layout));
    let mut layout = attack();
    let receipt = layout.entries.receipts.iter_mut().find(|hint| hint.whole && hint.logs > 1).expect("one");
    receipt.whole = false;
    assert!(record(&ENTRIES, &layout).check().is_err(), "the number of logs is not provided");
}

#[test]
fn a_selector_of_three_bytes() {
    let mut layout = attack();
    let leaf = &mut layout.leaves[NONCE + 2];
    let position = layout.entries.positions.iter_mut().find(|hint| hint.kind == 8 && hint.field == 5).expect("its key");
    position.entry = 1;
    leaf.says[2] = Fr::ONE;
    leaf.says[4] = about(FactKind::Transaction, 5, 1, 0);
    leaf.value = [Fr::ZERO, Fr::from(0x0001_0203)];
    unprovided(tag::VALUE)(violation(&layout));
}

// --- logs -------------------------------------------------------------------------------------------------------

#[test_case(|log| log.at += 1; "inside a log")]
#[test_case(|log| log.position += 1; "another number")]
#[test_case(|log| log.place += 1; "another block")]
#[test_case(|log| log.end += 1; "another end")]
fn a_log_that_starts_elsewhere(lie: fn(&mut logs::LogHint)) {
    let mut layout = attack();
    lie(&mut layout.entries.logs[1]);
    unprovided(tag::LOG)(violation(&layout));
}

#[test]
fn a_log_beyond_the_end() {
    let mut layout = attack();
    let last = layout.entries.logs[FIRST_LOGS - 1];
    let beyond = logs::LogHint { position: last.position + 1, at: last.end, ..last };
    let room = layout.entries.logs.len();
    layout.entries.logs[room - 2] = beyond;
    assert!(matches!(violation(&layout), Violation::Copy { .. } | Violation::Bus { .. }));
}

#[test]
fn another_number_of_topics() {
    for topics in [0, 1, 2, 4] {
        let mut layout = attack();
        layout.entries.logs[0].topics = topics;
        // the head of two topics and that of three differ in their second byte, which is copied
        match violation(&layout) {
            Violation::Bus { tag: missing, .. } => assert_eq!(missing, Fr::from(tag::TOPICS)),
            other => assert!(topics > 1 && matches!(other, Violation::Copy { .. }), "{topics}: {other}"),
        }
    }
}

#[test_case(|word| word.word += 1, None; "the word that begins before the end")]
#[test_case(|word| word.length += Fr::from(32), Some(tag::DATA); "longer data")]
#[test_case(|word| word.start += Fr::ONE, Some(tag::DATA); "data that start elsewhere")]
#[test_case(|word| word.base += Fr::ONE, Some(tag::DATA); "data of another log")]
#[test_case(|word| word.word = 1 << 16, Some(tag::BYTE); "a number beyond its bits")]
fn a_word_that_is_not_there(lie: fn(&mut data::DataHint), missing: Option<u64>) {
    let mut layout = attack();
    let mut word = *layout.entries.words.iter().find(|hint| hint.word == 1).expect("a second word");
    lie(&mut word);
    *layout.entries.words.last_mut().expect("a filler") = word;
    match missing {
        Some(tag) => unprovided(tag)(violation(&layout)),
        None => unequal()(violation(&layout)),
    }
}

/// A count's own place says which block it ends with; if that could stand for a header's, nothing else would have to be true.
#[test]
fn a_count_that_ends_where_it_says_itself() {
    let mut evidence = small_entries();
    let mut nodes = Nodes::default();
    let headers = super::honest_entries::blocks(&mut nodes);
    let mut wanted: Vec<Fact> = evidence.facts.iter().map(|fact| Fact { value: [0; 32], ..*fact }).collect();
    wanted.retain(|fact| fact.kind != FactKind::LogCount);
    wanted.push(Fact { address: [0; 20], ..super::honest_entries::transfers(103, 4, 0, [0; 32]) });
    evidence = Evidence::collect_from(&wanted, &headers, &nodes, |block| block == 103).expect("evidence");
    let mut layout = Layout::new(&ENTRIES, &evidence).expect("it fits");
    record(&ENTRIES, &layout).check().expect("honest");
    let filler = *layout.entries.bloom_steps.last().expect("a filler");
    layout.entries.bloom_steps.iter_mut().filter(|step| step.count == 0).for_each(|step| *step = filler);
    let (place, last) = (ENTRIES.count_place(0), Fr::from(77));
    let count = &mut layout.entries.counts[0];
    assert_eq!(count.address.0, Fr::ZERO);
    *count = counts::CountHint { place, last, first: last + Fr::ONE, ..*count };
    let leaf = layout.leaves.iter_mut().find(|leaf| leaf.place == place).expect("its leaf");
    leaf.of[0] = last;
    leaf.says[1] -= Fr::from(4);
    unprovided(tag::PLACE)(violation(&layout));
}

// --- counts -----------------------------------------------------------------------------------------------------

#[test_case(|count| count.count += 1, tag::RANGE; "one more")]
#[test_case(|count| count.first += Fr::ONE, tag::RANGE; "from a later block on")]
#[test_case(|count| count.first -= Fr::ONE, tag::RANGE; "from an earlier block on")]
#[test_case(|count| count.last += Fr::ONE, tag::PLACE; "up to a later block")]
#[test_case(|count| count.topic = 2, tag::QUERY_TOPIC; "another topic")]
#[test_case(|count| count.address.0 += Fr::ONE, tag::ADDRESS; "another address")]
#[test_case(|count| count.topics.swap(0, 1), tag::QUERY; "topics swapped")]
fn a_count_of_something_else(lie: fn(&mut counts::CountHint), missing: u64) {
    let mut layout = attack();
    lie(&mut layout.entries.counts[0]);
    // whichever part looks first: the count itself, or those that look for what it looks for
    match violation(&layout) {
        Violation::Bus { tag, .. } => {
            let accepted = [missing, tag::RANGE, tag::KEY, tag::QUERY, tag::THING].map(Fr::from);
            assert!(accepted.contains(&tag), "{tag:?}");
        }
        other => panic!("{other}"),
    }
}

#[test_case(|tally| tally.matches = false; "a match left out")]
#[test_case(|tally| tally.topics[0] = ([Fr::ZERO; 2], false); "a topic left out")]
#[test_case(|tally| tally.topics[1] = ([Fr::ZERO; 2], false); "the other topic left out")]
#[test_case(|tally| tally.address += Fr::ONE; "another address")]
#[test_case(|tally| tally.query.says[0] += Fr::ONE; "looking for something else")]
#[test_case(|tally| tally.query.says[2] += Fr::ONE; "looking for another topic")]
#[test_case(|tally| tally.query.topic = 2; "looking at another topic")]
#[test_case(|tally| tally.query.number += 1; "of another count")]
#[test_case(|tally| tally.position += 1; "another log")]
#[test_case(|tally| tally.place += 1; "another block")]
#[test_case(|tally| tally.before += 1; "more before")]
fn a_tally_that_lies(lie: fn(&mut counts::TallyHint)) {
    let mut layout = attack();
    let tally = layout.entries.tallies.iter_mut().find(|tally| tally.matches).expect("a match");
    lie(tally);
    violation(&layout);
}

#[test]
fn a_match_that_is_none() {
    let mut layout = attack();
    let tally = layout.entries.tallies.iter_mut().find(|tally| !tally.matches).expect("no match");
    tally.matches = true;
    violation(&layout);
}

#[test_case(|end| end.logs -= 1, tag::VALUE; "fewer logs")]
#[test_case(|end| end.entry += 1, tag::VALUE; "another receipt")]
#[test_case(|end| end.found += 1, tag::SCAN; "more matches")]
#[test_case(|end| end.place += 1, tag::VALUE; "another block")]
#[test_case(|end| end.query.number = 99, tag::QUERY_TOPIC; "a count that does not exist")]
fn a_receipt_that_ends_elsewhere(lie: fn(&mut counts::ReceiptEndHint), missing: u64) {
    let mut layout = attack();
    lie(&mut layout.entries.receipt_ends[0]);
    unprovided(missing)(violation(&layout));
}

#[test]
fn an_absence_of_what_is_there() {
    // of each receipt of block 100, by every end that any trie has, in place of a filler
    let honest = attack();
    let scanned = honest.entries.scan_steps[0];
    let absent = *honest.entries.absences.iter().find(|hint| hint.trie.place == scanned.place).expect("its end");
    assert_eq!((scanned.entries, absent.entry), (3, 3));
    let ends: Vec<_> = honest.entries.receipts.iter().map(|hint| hint.entry.end).collect();
    let ends = ends.into_iter().chain(honest.entries.absences.iter().map(|hint| hint.end));
    let check = |hint| {
        let mut layout = honest.clone();
        let at = layout.entries.absences.len() - 2;
        layout.entries.absences[at] = hint;
        record(&ENTRIES, &layout).check()
    };
    check(absent).expect("receipt 3 is absent");
    for end in ends {
        for entry in 0..3 {
            assert!(check(entries::EntryHint { entry, end, ..absent }).is_err(), "receipt {entry} is absent");
        }
    }
}

#[test]
fn a_scan_of_more_receipts_than_there_are() {
    let mut layout = attack();
    layout.entries.scan_steps[0].entries += 1;
    unprovided(tag::ABSENT)(violation(&layout));
}

#[test_case(|step| step.range[0] += Fr::ONE; "another block")]
#[test_case(|step| step.range[1] += Fr::ONE; "more before")]
#[test_case(|step| step.place += 1; "another place")]
#[test_case(|step| step.found += 1; "more matches")]
#[test_case(|step| step.count += 1; "another count")]
fn a_scan_that_lies(lie: fn(&mut counts::ScanHint)) {
    let mut layout = attack();
    lie(&mut layout.entries.scan_steps[0]);
    violation(&layout);
}

#[test]
fn a_bloom_filter_that_holds_the_bit() {
    // block 100 instead of the empty block 101
    let honest = attack();
    let empty = honest.entries.bloom_steps[0];
    let scanned = honest.entries.scan_steps[0];
    let header = |place: u64| {
        let hint = if place <= ANCHORS as u64 {
            honest.anchors[place as usize - 1]
        } else {
            honest.links[place as usize - ANCHORS - 1]
        };
        Fr::from(hint.message.base)
    };
    for bit in 0..3 {
        let mut layout = honest.clone();
        let room = layout.entries.bloom_steps.len();
        let step = &mut layout.entries.bloom_steps[room - 1];
        *step =
            counts::BloomHint { range: scanned.range, place: scanned.place, base: header(scanned.place), bit, ..empty };
        unprovided(tag::CLEAR)(violation(&layout));
    }
}

#[test_case(|step| step.base += Fr::ONE, tag::BASE; "another header")]
#[test_case(|step| step.digest += 1, tag::THING; "something that it does not look for")]
#[test_case(|step| step.place += 1, tag::PLACE; "another block")]
#[test_case(|step| step.range[1] += Fr::ONE, tag::RANGE; "more before")]
fn a_bloom_filter_of_something_else(lie: fn(&mut counts::BloomHint), missing: u64) {
    let mut layout = attack();
    lie(&mut layout.entries.bloom_steps[0]);
    unprovided(missing)(violation(&layout));
}

#[test]
fn a_count_at_a_block_that_no_anchor_reaches() {
    let mut layout = attack();
    layout.anchors[0].used = Fr::ZERO;
    violation(&layout);
}

#[test]
fn the_filler_is_nothing_that_a_fact_can_name() {
    let layout = attack();
    let filler = layout.entries.counts.last().expect("the filler");
    let bit = |block: Fr| (block * Fr::from(256)).to_bytes()[30];
    assert_eq!((bit(filler.last), bit(filler.first)), (1, 1));
}

#[test]
fn no_cell_of_the_bus_is_free() {
    none_is_free(&record(&ENTRIES, &attack()));
}
