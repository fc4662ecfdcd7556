//! Logs: their fields, and where the next one is.
//!
//! Statement: uses (`LOG`; position, address, end), and provides the same of the next log, and for this one (`VALUE`; address, topics, number of topics,
//! length of the data) and (`DATA`; where its data are).
//!
//! | item | form |
//! |---|---|
//! | address | `94`, 20 bytes |
//! | topics | `c0`; `e1`; or `f8` and a length byte; then each `a0` and 32 bytes |
//! | data | a string, with which the log ends |
//!
//! Sound: there is a log only before the end of its receipt's list, `address` is not `end`. Logs follow one another, the
//! last one ends with the list, so none is read beyond it; and the address grows from each to the next, so nothing justifies itself. A topic that
//! is not there is provided as a field that no fact can name, beyond `NO_FIELD`: so a log has each of four topics either
//! present, or absent and 0.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::entries::{NO_FIELD, field_index, index_base, provide};
use super::nodes;
use super::tables::{string_head, tag, topics_head};
use super::words::{ONE, ZERO, between, fixed, free, small, word_between};
use crate::facts::FactKind;
use crate::grid::{Builder, Cell, In};
use crate::receipt::log_field;

/// Bytes of the address's item.
const ADDRESS_ITEM: usize = 21;
/// Bytes of a topic's item.
const TOPIC_ITEM: usize = 33;

/// A log that the prover names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LogHint {
    /// Place of its block's header.
    pub place: u64,
    /// Its position.
    pub position: u64,
    /// Address of its list.
    pub at: u64,
    /// Address after the last log of its receipt.
    pub end: u64,
    /// Number of topics.
    pub topics: u64,
}

/// Start, length and end of a string.
pub(super) struct Data {
    pub start: Cell,
    pub length: Cell,
    pub end: Cell,
}

/// Reads the string at `at`, of less than 65,536 bytes: eight rows.
pub(super) fn data(b: &mut Builder, at: Cell) -> Data {
    let here = b.read(at, 0);
    let (head, length) = string_head(small(here.byte.value()) as u8).unwrap_or((0, 0));
    let ([_, head, length, _], start) = b.send_sum(tag::STRING, [here.byte.into(), free(head), free(length), ZERO], at);
    let (power, long) = match small(head.value()) {
        2 => (1 << 8, 1),
        3 => (1 << 16, 1),
        _ => (0, 0),
    };
    let [_, power, long, _] = b.send(tag::STRING_HEAD, [head.into(), free(power), free(long), ZERO]);
    let first = b.read(start, 0);
    // N(start) - 256^(head - 1) N(at + 1) is the integer in the length bytes
    let minus = [(here.before.into(), In::Const(-Fr::from(256))), (here.byte.into(), In::Const(-Fr::ONE))];
    let before = b.arith(&minus, None, Fr::ZERO);
    let written = b.arith(&[(before.into(), power.into())], Some(first.before.into()), Fr::ZERO);
    let length = b.arith(&[(long.into(), written.into())], Some(length.into()), Fr::ZERO);
    let end = b.add(start, length);
    Data { start, length, end }
}

/// Records a log: 63 rows.
pub(super) fn log(b: &mut Builder, hint: &LogHint) {
    let tuple = [hint.place, hint.position, hint.at, hint.end].map(free);
    let [place, position, at, end] = b.send(tag::LOG, tuple);
    let left = b.sub(end, at);
    let inverse = left.value().invert().unwrap_or(Fr::ZERO);
    let is_left = b.arith(&[(left.into(), In::Free(inverse))], None, Fr::ZERO);
    b.assert_constant(is_left, Fr::ONE);

    let here = b.read(at, 0);
    let list = nodes::list(b, &here);
    let from = b.read(list.start, 1);
    let to = b.read(list.start, ADDRESS_ITEM);
    let address = between(b, &from, &to, 20);

    let second = b.read(list.start, ADDRESS_ITEM + 1);
    let (_, next, head) = topics_head(hint.topics.min(4));
    let [_, next, sum, _] = b.send(tag::TOPICS, [to.byte.into(), free(next), free(hint.topics + 8 * head), ZERO]);
    let has = |topic: u64| free(u64::from(hint.topics >= topic));
    let [_, first_topic, second_topic, _] = b.send(tag::TOPICS_12, [sum.into(), has(1), has(2), ZERO]);
    let [_, third_topic, fourth_topic, _] = b.send(tag::TOPICS_34, [sum.into(), has(3), has(4), ZERO]);
    let there = [first_topic, second_topic, third_topic, fourth_topic];
    let parts = [0, 1, 2].map(|i| (there[i].into(), ONE));
    let count = b.arith(&parts, Some(fourth_topic.into()), Fr::ZERO);
    let eighth = Fr::from(8).invert().expect("not zero");
    let parts = [(sum.into(), In::Const(eighth)), (count.into(), In::Const(-eighth))];
    let head = b.arith(&parts, None, Fr::ZERO);
    let parts = [(second.byte.into(), head.into()), (second.byte.into(), In::Const(-Fr::ONE))];
    let length_byte = b.arith(&parts, None, Fr::ZERO);
    b.assert_equal(length_byte, next);

    let topics = b.arith(&[(head.into(), ONE)], Some(list.start.into()), Fr::from(ADDRESS_ITEM as u64));
    let words = [0, 1, 2, 3].map(|i| {
        let from = b.read(topics, TOPIC_ITEM * i + 1);
        let to = b.read(topics, TOPIC_ITEM * (i + 1));
        word_between(b, &from, &to)
    });
    let after = b.arith(&[(count.into(), fixed(TOPIC_ITEM as u64))], Some(topics.into()), Fr::ZERO);
    let data = data(b, after);
    b.assert_equal(data.end, list.end);

    let next = b.add_constant(position, Fr::ONE);
    b.provide(tag::LOG, [place.into(), next.into(), list.end.into(), end.into()]);
    let base = b.add_constant(position, index_base(FactKind::Log));
    provide(b, place, base, log_field::ADDRESS, (ZERO, address.into()));
    provide(b, place, base, log_field::TOPICS, (ZERO, count.into()));
    provide(b, place, base, log_field::LENGTH, (ZERO, data.length.into()));
    for ((field, word), there) in (log_field::TOPIC..).zip(&words).zip(there) {
        let index = b.arith(
            &[(there.into(), In::Const(-field_index(NO_FIELD)))],
            Some(base.into()),
            field_index(field + NO_FIELD),
        );
        let [top, low, _] = b.scale3(there, [word.top.into(), word.low.into(), ZERO]);
        b.provide(tag::VALUE, [place.into(), index.into(), top.into(), low.into()]);
    }
    b.provide(tag::DATA, [place.into(), base.into(), data.start.into(), data.length.into()]);
}
