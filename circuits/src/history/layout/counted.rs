//! From counts to the blocks, receipts and logs that are looked at for them.

use std::collections::BTreeMap;

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::entries::trie_of;
use super::facts::Block;
use super::places::Places;
use super::walks::Walks;
use crate::digest::Hash;
use crate::entry;
use crate::evidence::{BlockCount, Count, matches, query_things};
use crate::facts::{Fact, field as integer, split};
use crate::header::field;
use crate::history::counts::{BloomHint, CountHint, Query, ReceiptEndHint, ScanHint, TallyHint, count_index};
use crate::history::entries::{ENTRY_BIT, EntryHint};
use crate::history::keys::COUNT_KEY;
use crate::history::leaves::LeafHint;
use crate::receipt::{Log, Receipt};
use crate::trie::Walk;

/// What counts need, besides receipts.
#[derive(Default)]
pub(super) struct Counted {
    /// By the place of the block's header.
    pub absences: BTreeMap<u64, EntryHint>,
    pub counts: Vec<CountHint>,
    pub bloom_steps: Vec<BloomHint>,
    pub scan_steps: Vec<ScanHint>,
    pub tallies: Vec<TallyHint>,
    pub receipt_ends: Vec<ReceiptEndHint>,
}

/// What a tally is told of topic `topic` of a log.
fn topic_of(log: &Log, topic: usize) -> ([Fr; 2], bool) {
    let words = log.topics.get(topic).map(split);
    (words.map_or([Fr::ZERO; 2], |(top, low)| [Fr::from(u64::from(top)), low]), words.is_some())
}

impl Counted {
    /// Adds `count` for `fact`, and completes its leaf. The receipts that it scans are left to the caller.
    ///
    /// - `own_place`: of the count's fact
    pub fn add(
        &mut self,
        places: &Places,
        blocks: &BTreeMap<u64, Block<'_>>,
        walks: &mut Walks,
        (fact, count): (&Fact, &Count),
        (own_place, mut leaf): (u64, LeafHint),
    ) -> LeafHint {
        let number = self.counts.len() as u64;
        let message = |bytes: &[u8]| places.by_bytes[bytes];
        let topic = count.range.topic;
        let other: &Hash = if topic == 0 { &fact.key } else { &fact.key2 };
        let address = integer(&fact.address);
        let query = Query::new(number, address, [&fact.key, other], topic.into());
        let mut total = 0;
        for (number, counted) in &count.blocks {
            let block = &blocks[number];
            let range = [Fr::from(*number), Fr::from(total)];
            match counted {
                BlockCount::Bloom { thing, bit } => self.bloom_steps.push(BloomHint {
                    count: query.number,
                    range,
                    place: block.place,
                    base: Fr::from(places.by_hash[&block.header.hash()].base),
                    digest: message(&query_things(fact)[*thing]).digest,
                    bit: *bit as u64,
                }),
                BlockCount::Scan { receipts, end, count: found } => {
                    self.scan(block, query, (fact, count), receipts);
                    let entries = receipts.len() as u64;
                    let (place, count) = (block.place, query.number);
                    self.scan_steps.push(ScanHint { count, range, place, entries, found: *found });
                    let (root, trie) = trie_of(block, field::RECEIPTS_ROOT);
                    let end = walks.add_keyed(places, &root, &entry::key(entries), end, true);
                    self.absences.insert(place, EntryHint { trie, entry: entries, end });
                    total += found;
                }
            }
        }
        self.counts.push(CountHint {
            place: blocks[&fact.block].place,
            last: Fr::from(fact.block),
            first: Fr::from(fact.block + 1 - count.range.blocks),
            address: (address, message(&fact.address).digest),
            topics: [message(&fact.key), message(other)],
            topic: topic.into(),
            count: total,
        });
        leaf.key = COUNT_KEY + number;
        leaf.place = own_place;
        leaf.of[1] = address;
        leaf.of[2] = Fr::ONE;
        leaf.says[4] = count_index(number);
        leaf
    }

    /// Looks at every log of a block.
    fn scan(&mut self, block: &Block<'_>, query: Query, (fact, count): (&Fact, &Count), receipts: &[Walk]) {
        let mut found = 0;
        for (entry, walk) in (0..).zip(receipts) {
            let receipt = Receipt::read(walk.value.as_deref().expect("it is there")).expect("counted");
            for (log, position) in receipt.logs.iter().zip(entry << ENTRY_BIT..) {
                let is_match = matches(fact, count.range, log);
                self.tallies.push(TallyHint {
                    query,
                    place: block.place,
                    position,
                    before: found,
                    address: integer(&log.address),
                    topics: [topic_of(log, 0), topic_of(log, count.range.topic.into())],
                    matches: is_match,
                });
                found += u64::from(is_match);
            }
            let logs = receipt.logs.len() as u64;
            self.receipt_ends.push(ReceiptEndHint { query, place: block.place, entry, logs, found });
        }
    }
}
