//! Counts: how many logs of a range of blocks have an address, a first topic, and perhaps another one.
//!
//! Statement of a count's fact: of all logs of the `blocks` blocks that end with the fact's block, `value` have that address and those topics.
//!
//! | on the bus | says |
//! |---|---|
//! | (`RANGE`; q, m, c) | the blocks from the first one of count q up to m - 1 have c matching logs |
//! | (`SCAN`; place + 2^16 q, position, c) | the logs of the place's block before the position have c that match q |
//!
//! A `RANGE` goes on over block m if a bit of what q looks for is not in its bloom filter ([`bloom_step`]), or if its logs were scanned
//! ([`scan_step`]): a scan starts at position 0, goes on over each log ([`tally`]), from the last log of a receipt to the next receipt
//! ([`receipt_end`]), and ends at a receipt that the trie proves to be absent (`absences`).
//!
//! Sound: in the order of blocks, then receipts, then logs each of these statements follows from one before it, so nothing justifies
//! itself in a circle. Positions rise: a receipt has fewer than 2^16 logs. Places and numbers of counts are small wherever `VALUE` and `QUERY`
//! are used, so their sum names both. Receipt n is followed by receipt n + 1 only after as many logs as it has (`receipts`), and a scan ends only
//! where there is no receipt: entries of a block are numbered without gaps, so none is left out. Each block of the range is one that an
//! anchor reaches: a step uses its `PLACE`, and so does the count of its last block: the fourth element of a header's is 0, of a count's 1.
//!
//! What a count looks for is one number, `address + 2^160 (top of topic 0 + 1) + 2^176 (top of the other topic + 1)`, and two words of 248 bits; of a topic that a log
//! does not have the log's number has 0 there. Without another topic, topic 0 stands for it.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::blocks::Message;
use super::entries::{ENTRY_BIT, FIELD_BIT, NO_FIELD, field_index, index_base, two_bytes};
use super::headers::BLOOM;
use super::keys::{self, COUNT_KEY};
use super::tables::{tag, two_to};
use super::words::{ONE, ZERO, fixed, free, small};
use crate::bloom;
use crate::digest::Hash;
use crate::facts::{FactKind, LogRange, at_bit, split};
use crate::grid::{Builder, Cell, In};
use crate::receipt::{field, log_field};

/// Bits of the two tops in what a count looks for.
const TOP_BITS: [u64; 2] = [160, 176];
/// Bit of a count's number beside a place.
pub(super) const COUNT_BIT: u64 = 16;

/// Index of the value of count `number`.
pub(super) fn count_index(number: u64) -> Fr {
    index_base(FactKind::LogCount) + Fr::from(number)
}

/// What count q looks for, as the bus knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// Number of the count.
    pub number: u64,
    /// Address and tops; low 248 bits of topic 0; of the other topic.
    pub says: [Fr; 3],
    /// The other topic.
    pub topic: u64,
}

impl Query {
    /// What count `number` looks for: an address as an integer, topic 0, and topic `topic`, which is topic 0 again if there is no other.
    pub fn new(number: u64, address: Fr, topics: [&Hash; 2], topic: u64) -> Self {
        let words = topics.map(split);
        let tops = [0, 1].map(|i| Fr::from(u64::from(words[i].0) + 1) * two_to(TOP_BITS[i]));
        Self { number, says: [address + tops[0] + tops[1], words[0].1, words[1].1], topic }
    }
}

/// A count that the prover names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CountHint {
    /// Place of the header of the last block.
    pub place: u64,
    /// The last block.
    pub last: Fr,
    /// The first block.
    pub first: Fr,
    /// The address as an integer, and the address of its digest.
    pub address: (Fr, u64),
    /// The message that is topic 0, and the one that is the other topic.
    pub topics: [Message; 2],
    /// Number of the other topic; 0 if there is none.
    pub topic: u64,
    /// Matching logs.
    pub count: u64,
}

/// A bloom filter's bit that the prover names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BloomHint {
    /// Number of the count.
    pub count: u64,
    /// The block, and what was counted before it.
    pub range: [Fr; 2],
    /// Place of its header.
    pub place: u64,
    /// Address of the header's first byte.
    pub base: Fr,
    /// Address of the digest of a thing.
    pub digest: u64,
    /// Which of its bits, 0 to 2.
    pub bit: u64,
}

/// A scanned block that the prover names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScanHint {
    /// Number of the count.
    pub count: u64,
    /// The block, and what was counted before it.
    pub range: [Fr; 2],
    /// Place of its header.
    pub place: u64,
    /// Its receipts.
    pub entries: u64,
    /// Its matching logs.
    pub found: u64,
}

/// A log that the prover looks at for a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TallyHint {
    /// What is looked for.
    pub query: Query,
    /// Place of the header.
    pub place: u64,
    /// The log's position.
    pub position: u64,
    /// Matching logs before it.
    pub before: u64,
    /// The log's address.
    pub address: Fr,
    /// Its topic 0 and its other topic, and whether it has them.
    pub topics: [([Fr; 2], bool); 2],
    /// Whether it matches.
    pub matches: bool,
}

/// The end of a receipt in a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReceiptEndHint {
    /// What is looked for.
    pub query: Query,
    /// Place of the header.
    pub place: u64,
    /// Number of the receipt.
    pub entry: u64,
    /// Its logs.
    pub logs: u64,
    /// Matching logs up to its end.
    pub found: u64,
}

/// Records count `number`, whose fact has the place `own_place`: 58 rows.
pub(super) fn count(b: &mut Builder, number: u64, own_place: u64, hint: &CountHint) {
    let [_, last, ..] = b.send(tag::PLACE, [free(hint.place), In::Free(hint.last), ZERO, ZERO]);
    let (address, digest) = hint.address;
    let [address, digest, ..] = b.send(tag::ADDRESS, [In::Free(address), free(digest), ZERO, ZERO]);
    let (first_topic, first_digest) = keys::single(b, hint.topics[0]);
    let (second_topic, second_digest) = keys::single(b, hint.topics[1]);

    let [low, high] = [hint.topic & 1, hint.topic >> 1].map(|bit| b.witness(Fr::from(bit)));
    let [low_square, high_square, both] = b.mul_row(low.into(), low.into(), (high.into(), high.into()), high.into());
    b.assert_equal(low_square, low);
    b.assert_equal(high_square, high);
    let topic = b.arith(&[(high.into(), fixed(2))], Some(low.into()), Fr::ZERO);
    let parts = [(low.into(), ONE), (both.into(), In::Const(-Fr::ONE))];
    let has_other = b.arith(&parts, Some(high.into()), Fr::ZERO);
    let other_top = b.select(has_other, second_topic.top, first_topic.top);
    let other_low = b.select(has_other, second_topic.low, first_topic.low);
    let other_digest = b.select(has_other, second_digest, digest);

    let tops = TOP_BITS.map(|bit| In::Const(two_to(bit)));
    let parts = [(first_topic.top.into(), tops[0]), (other_top.into(), tops[1])];
    let wanted = b.arith(&parts, Some(address.into()), two_to(TOP_BITS[0]) + two_to(TOP_BITS[1]));
    b.provide(tag::QUERY, [fixed(number), wanted.into(), first_topic.low.into(), other_low.into()]);
    b.provide(tag::QUERY_TOPIC, [fixed(number), topic.into(), ZERO, ZERO]);
    for digest in [digest, first_digest, other_digest] {
        b.provide(tag::THING, [fixed(number), digest.into(), ZERO, ZERO]);
    }

    let first = b.witness(hint.first);
    b.provide(tag::RANGE, [fixed(number), first.into(), ZERO, ZERO]);
    let after = b.add_constant(last, Fr::ONE);
    let [_, _, found, _] = b.send(tag::RANGE, [fixed(number), after.into(), free(hint.count), ZERO]);

    let blocks = b.sub(after, first);
    let slot = b.arith(&[(topic.into(), In::Const(two_to(LogRange::TOPIC_BIT as u64)))], Some(blocks.into()), Fr::ZERO);
    let [key2_top, key2_low, _] = b.scale3(has_other, [second_topic.top.into(), second_topic.low.into(), ZERO]);
    let parts = [
        (first_topic.top.into(), In::Const(two_to(at_bit::KEY as u64))),
        (key2_top.into(), In::Const(two_to(at_bit::KEY2 as u64))),
    ];
    let head = b.arith(&parts, None, Fr::from(FactKind::LogCount as u64));
    let key = fixed(COUNT_KEY + number);
    b.provide(tag::KEY, [key, head.into(), slot.into(), first_topic.low.into()]);
    b.provide(tag::KEY_INDEX, [key, key2_low.into(), In::Const(count_index(number)), ZERO]);
    // the 1 keeps it apart from a header's place, or a count about the address 0 could take its own place for its last block
    b.provide(tag::PLACE, [fixed(own_place), last.into(), address.into(), ONE]);
    b.provide(tag::VALUE, [fixed(own_place), In::Const(count_index(number)), ZERO, found.into()]);
}

/// Goes on over a block whose bloom filter lacks a bit: 18 rows.
///
/// Sound: the bit's number modulo 2,048 is 256 times the low three bits of the first byte, and the second byte; it stands that far, in
/// bytes of eight bits, before the filter's end.
pub(super) fn bloom_step(b: &mut Builder, hint: &BloomHint) {
    let [block, before] = hint.range.map(In::Free);
    let [count, block, before, _] = b.send(tag::RANGE, [free(hint.count), block, before, ZERO]);
    let [place, ..] = b.send(tag::PLACE, [free(hint.place), block.into(), ZERO, ZERO]);
    let [_, base, ..] = b.send(tag::BASE, [place.into(), In::Free(hint.base), ZERO, ZERO]);
    let [_, digest, ..] = b.send(tag::THING, [count.into(), free(hint.digest), ZERO, ZERO]);
    let [one, two] = [1, 2].map(|bit| b.witness(Fr::from(u64::from(hint.bit >= bit))));
    let [one_square, two_square, _] = b.mul_row(one.into(), one.into(), (two.into(), two.into()), ZERO);
    b.assert_equal(one_square, one);
    b.assert_equal(two_square, two);
    let at = b.arith(&[(one.into(), fixed(2)), (two.into(), fixed(2))], Some(digest.into()), Fr::ZERO);
    let split = |b: &mut Builder, byte: Cell| {
        let value = small(byte.value());
        let [_, eighth, rest, _] = b.send(tag::SPLIT, [byte.into(), free(value >> 3), free(value & 7), ZERO]);
        (eighth, rest)
    };
    let [high, low] = [0, 1].map(|offset| b.read(at, offset).byte);
    let (_, high) = split(b, high);
    let (low, bit) = split(b, low);
    let parts = [(high.into(), In::Const(-Fr::from(32))), (low.into(), In::Const(-Fr::ONE))];
    let at = b.arith(&parts, Some(base.into()), Fr::from((BLOOM + bloom::BYTES - 1) as u64));
    let here = b.read(at, 0);
    b.send(tag::CLEAR, [here.byte.into(), bit.into(), ZERO, ZERO]);
    let next = b.add_constant(block, Fr::ONE);
    b.provide(tag::RANGE, [count.into(), next.into(), before.into(), ZERO]);
}

/// Place and number of a count in one: one row.
fn scanned(b: &mut Builder, place: Cell, count: Cell) -> Cell {
    b.arith(&[(count.into(), In::Const(two_to(COUNT_BIT)))], Some(place.into()), Fr::ZERO)
}

/// Goes on over a block whose logs were all looked at: 10 rows.
pub(super) fn scan_step(b: &mut Builder, hint: &ScanHint) {
    let [block, before] = hint.range.map(In::Free);
    let [count, block, before, _] = b.send(tag::RANGE, [free(hint.count), block, before, ZERO]);
    let [place, ..] = b.send(tag::PLACE, [free(hint.place), block.into(), ZERO, ZERO]);
    let scan = scanned(b, place, count);
    b.provide(tag::SCAN, [scan.into(), ZERO, ZERO, ZERO]);
    let [_, entries, ..] = b.send(tag::ABSENT, [place.into(), free(hint.entries), ZERO, ZERO]);
    let last = b.mul_constant(entries, two_to(ENTRY_BIT));
    let [_, _, found, _] = b.send(tag::SCAN, [scan.into(), last.into(), free(hint.found), ZERO]);
    let next = b.add_constant(block, Fr::ONE);
    let total = b.add(before, found);
    b.provide(tag::RANGE, [count.into(), next.into(), total.into(), ZERO]);
}

/// Looks at a log: 26 rows.
///
/// Sound: `matches` times each of three differences is 0, and `matches` is 1 less a sum of multiples of them: so it is 1 if all are 0, and 0 if
/// one is not.
pub(super) fn tally(b: &mut Builder, hint: &TallyHint) {
    let Query { number, says, topic } = hint.query;
    let [wanted, wanted_low, wanted_other] = says.map(In::Free);
    let [count, wanted, wanted_low, wanted_other] =
        b.send(tag::QUERY, [free(number), wanted, wanted_low, wanted_other]);
    let [_, topic, ..] = b.send(tag::QUERY_TOPIC, [count.into(), free(topic), ZERO, ZERO]);
    let position = b.witness(Fr::from(hint.position));
    let base = b.add_constant(position, index_base(FactKind::Log));
    debug_assert_eq!(log_field::ADDRESS, 0);
    let [place, _, _, address] = b.send(tag::VALUE, [free(hint.place), base.into(), ZERO, In::Free(hint.address)]);
    let scan = scanned(b, place, count);
    let [_, position, before, _] = b.send(tag::SCAN, [scan.into(), position.into(), free(hint.before), ZERO]);

    let [has_first, has_other] = hint.topics.map(|(_, there)| b.witness(Fr::from(u64::from(there))));
    let absent = field_index(NO_FIELD);
    let start = absent + field_index(log_field::TOPIC);
    let parts = [(has_first.into(), In::Const(-absent))];
    let first = b.arith(&parts, Some(base.into()), start);
    let parts = [(has_other.into(), In::Const(-absent)), (topic.into(), In::Const(two_to(FIELD_BIT)))];
    let other = b.arith(&parts, Some(base.into()), start);
    let [(first_word, _), (other_word, _)] = hint.topics;
    let [_, _, first_top, first_low] =
        b.send(tag::VALUE, [place.into(), first.into(), In::Free(first_word[0]), In::Free(first_word[1])]);
    let [_, _, other_top, other_low] =
        b.send(tag::VALUE, [place.into(), other.into(), In::Free(other_word[0]), In::Free(other_word[1])]);

    let [square, other_square, first_top] =
        b.mul_row(has_first.into(), has_first.into(), (has_other.into(), has_other.into()), first_top.into());
    b.assert_equal(square, has_first);
    b.assert_equal(other_square, has_other);
    let tops = TOP_BITS.map(|bit| In::Const(two_to(bit)));
    let found = b.arith(&[(first_top.into(), tops[0]), (has_first.into(), tops[0])], Some(address.into()), Fr::ZERO);
    let weight = b.arith(&[(has_other.into(), tops[1])], None, Fr::ZERO);
    let parts = [(weight.into(), other_top.into()), (weight.into(), ONE)];
    let found = b.arith(&parts, Some(found.into()), Fr::ZERO);

    let apart = [(found, wanted), (first_low, wanted_low), (other_low, wanted_other)].map(|(x, y)| b.sub(x, y));
    let matches = b.witness(Fr::from(u64::from(hint.matches)));
    for product in b.scale3(matches, apart.map(In::Cell)) {
        b.assert_zero(product);
    }
    // the first difference that is not 0 tells that it is none
    let mut rest = Fr::ONE - matches.value();
    let parts = apart.map(|x| {
        let inverse = x.value().invert().unwrap_or(Fr::ZERO) * rest;
        rest -= inverse * x.value();
        (x.into(), In::Free(inverse))
    });
    let one = b.arith(&parts, Some(matches.into()), Fr::ZERO);
    b.assert_constant(one, Fr::ONE);

    let next = b.add_constant(position, Fr::ONE);
    let after = b.add(before, matches);
    b.provide(tag::SCAN, [scan.into(), next.into(), after.into(), ZERO]);
}

/// Goes on from the last log of a receipt to the next receipt: 13 rows.
pub(super) fn receipt_end(b: &mut Builder, hint: &ReceiptEndHint) {
    let entry = two_bytes(b, hint.entry);
    let position = b.mul_constant(entry, two_to(ENTRY_BIT));
    let index = b.add_constant(position, index_base(FactKind::Receipt) + field_index(field::LOGS));
    let [place, _, _, logs] = b.send(tag::VALUE, [free(hint.place), index.into(), ZERO, free(hint.logs)]);
    // that there is such a count: else its number could make up for another place
    let [count, ..] = b.send(tag::QUERY_TOPIC, [free(hint.query.number), free(hint.query.topic), ZERO, ZERO]);
    let scan = scanned(b, place, count);
    let last = b.add(position, logs);
    let [_, _, found, _] = b.send(tag::SCAN, [scan.into(), last.into(), free(hint.found), ZERO]);
    let next = b.add_constant(position, two_to(ENTRY_BIT));
    b.provide(tag::SCAN, [scan.into(), next.into(), found.into(), ZERO]);
}
