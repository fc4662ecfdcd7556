//! Entries: where a receipt or a transaction stands, and how facts and logs are numbered.
//!
//! Statement: the payload that is returned is the value of the key `rlp(n)` in the trie whose root is field 4 (transactions) or 5
//! (receipts) of the header of a place, for the number n that is returned, below 2^16.
//!
//! A *position* is `n 2^16 + i`: log i of receipt n, or receipt n itself for i = 0. A field of it has the *index* [`index`] under the
//! header's place.
//!
//! Sound: the path from the root to the leaf (`steps`, `nodes`) is compared with the key as an integer and in its number of nibbles. Keys are
//! not hashed, but have at most six nibbles, so nothing is folded. Two bytes make n, and each n has one key. Indices of different fields and positions
//! differ: i is below 2^16, since a receipt of 65,535 bytes has fewer logs, and fields are below 2^18. They never meet those of `keys`,
//! constants around 2^250 and 2^251.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::keys::header_index;
use super::nodes::{self, Head, LEAF};
use super::tables::{tag, two_to};
use super::walks::End;
use super::words::{ONE, Word, ZERO, equal, fixed, free, modulo_p, small};
use crate::entry;
use crate::facts::FactKind;
use crate::grid::{Builder, Cell, In};

/// What a field's number is multiplied by in an index.
pub(super) const FIELD_BIT: u64 = 40;
/// What a log's receipt is multiplied by in a position.
pub(super) const ENTRY_BIT: u64 = 16;
/// Fields that no fact can name start here: topics that a log does not have.
pub(super) const NO_FIELD: u64 = 1 << 17;

/// Index of field 0 of position 0, for facts of a kind.
pub(super) fn index_base(kind: FactKind) -> Fr {
    two_to(249) + Fr::from(kind as u64) * two_to(72)
}

/// Added to the index for field `field`.
pub(super) fn field_index(field: u64) -> Fr {
    Fr::from(field) * two_to(FIELD_BIT)
}

/// Index of a field of a position.
pub(super) fn index(kind: FactKind, field: u64, entry: u64, log: u64) -> Fr {
    index_base(kind) + field_index(field) + Fr::from(entry << ENTRY_BIT | log)
}

/// A header's trie that the prover names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TrieHint {
    /// Place of the header.
    pub place: u64,
    /// Its block.
    pub block: Fr,
    /// Top byte and low 248 bits of the trie's root.
    pub root: [Fr; 2],
}

/// An entry that the prover names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EntryHint {
    /// Its trie.
    pub trie: TrieHint,
    /// Its number.
    pub entry: u64,
    /// Where the walk to it ends.
    pub end: End,
}

/// The key of an entry.
pub(super) struct EntryKey {
    /// The entry's number.
    pub entry: Cell,
    /// Its key as an integer.
    pub key: Cell,
    /// Nibbles of the key.
    pub nibbles: Cell,
}

/// A byte as a new witness, with `rlp(byte)` and its nibbles: one row.
pub(super) fn byte(b: &mut Builder, value: u64) -> [Cell; 3] {
    let key = entry::key(value & 0xff);
    let integer = key.iter().fold(0, |acc, byte| acc << 8 | u64::from(*byte));
    let [byte, key, nibbles, _] = b.send(tag::BYTE, [free(value), free(integer), free(2 * key.len() as u64), ZERO]);
    [byte, key, nibbles]
}

/// A number of two bytes as a new witness: three rows.
pub(super) fn two_bytes(b: &mut Builder, value: u64) -> Cell {
    let [high, low] = [value >> 8, value & 0xff].map(|v| byte(b, v)[0]);
    b.arith(&[(high.into(), fixed(256))], Some(low.into()), Fr::ZERO)
}

/// The number `entry` and its key: nine rows.
pub(super) fn key(b: &mut Builder, entry: u64) -> EntryKey {
    let [high, _, _] = byte(b, entry >> 8);
    let [low, key, nibbles] = byte(b, entry & 0xff);
    let entry = b.arith(&[(high.into(), fixed(256))], Some(low.into()), Fr::ZERO);
    let zero = b.zero();
    let short = equal(b, high, zero);
    let long = b.arith(&[(short.into(), In::Const(-Fr::ONE))], None, Fr::ONE);
    // 82 and two bytes
    let parts = [(short.into(), key.into()), (long.into(), entry.into()), (long.into(), fixed(0x82_0000))];
    let key = b.arith(&parts, None, Fr::ZERO);
    let nibbles = b.arith(&[(short.into(), nibbles.into()), (long.into(), fixed(6))], None, Fr::ZERO);
    EntryKey { entry, key, nibbles }
}

/// Place, and root modulo p, of the trie in field `field` of a header: three rows.
pub(super) fn root(b: &mut Builder, hint: &TrieHint, field: usize) -> (Cell, Cell) {
    let [place, ..] = b.send(tag::PLACE, [free(hint.place), In::Free(hint.block), ZERO, ZERO]);
    let [top, low] = hint.root.map(In::Free);
    let [_, _, top, low] = b.send(tag::VALUE, [place.into(), In::Const(header_index(field as u64)), top, low]);
    (place, modulo_p(b, &Word { top, low }))
}

/// A found entry.
pub(super) struct Payload {
    /// Place of the header.
    pub place: Cell,
    /// Number of the entry.
    pub entry: Cell,
    /// 1 if it has a type byte.
    pub typed: Cell,
    /// 1 if it is a transaction with two fees.
    pub two_fees: Cell,
    /// Its type.
    pub kind: Cell,
    /// Its list.
    pub list: Head,
}

/// Walks to an entry of the trie in field `field` of a header, and opens its envelope: 33 rows.
pub(super) fn payload(b: &mut Builder, hint: &EntryHint, field: usize) -> Payload {
    let (place, root) = root(b, &hint.trie, field);
    let EntryKey { entry, key, nibbles } = key(b, hint.entry);
    let End { edge, path, depth } = hint.end;
    let [_, list, path, depth] = b.send(tag::REACH, [root.into(), In::Free(edge.list), In::Free(path), free(depth)]);
    let [_, code, rest, item] = b.send(tag::EDGE, [list.into(), free(edge.code), In::Free(edge.path), free(edge.item)]);
    let count = b.add_constant(code, -Fr::from(LEAF));
    let taken = small(count.value());
    let shift = In::Free(two_to(4 * taken.min(64)));
    let ([shift, ..], full_depth) = b.send_sum(tag::NIBBLES, [shift, count.into(), free(taken % 2), ZERO], depth);
    let full_path = b.arith(&[(path.into(), shift.into())], Some(rest.into()), Fr::ZERO);
    b.assert_equal(full_path, key);
    b.assert_equal(full_depth, nibbles);

    let here = b.read(item, 0);
    let value = nodes::long_string(b, &here);
    let first = value.first;
    let (typed, fees) = super::tables::envelope(small(first.byte.value()) as u8).unwrap_or((false, false));
    let [first, typed, two_fees, _] =
        b.send(tag::ENVELOPE, [first.byte.into(), free(typed.into()), free(fees.into()), ZERO]);
    let kind = b.mul(typed, first);
    let at = b.arith(&[(typed.into(), ONE)], Some(value.start.into()), Fr::ZERO);
    let here = b.read(at, 0);
    let list = nodes::list(b, &here);
    b.assert_equal(list.end, value.end);
    Payload { place, entry, typed, two_fees, kind, list }
}

/// A position and a field that the prover names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PositionHint {
    /// Number of the kind of facts: 6 to 8.
    pub kind: u64,
    /// Number of the field, below 2^16.
    pub field: u64,
    /// Number of the entry.
    pub entry: u64,
    /// Number of the log in its receipt.
    pub log: u64,
}

/// Provides key `number`, of a field of a position: 15 rows.
///
/// Sound: kind, field, entry and log have bits of their own in the index, so the key has the one that they make.
pub(super) fn position(b: &mut Builder, number: u64, hint: &PositionHint) {
    let kind = b.witness(Fr::from(hint.kind));
    let [first, second, third] = [FactKind::Receipt, FactKind::Log, FactKind::Transaction].map(|kind| kind as u64);
    let minus = -Fr::from(first + second);
    let product =
        b.arith(&[(kind.into(), kind.into()), (kind.into(), In::Const(minus))], None, Fr::from(first * second));
    let minus = In::Const(-Fr::from(third));
    let product = b.arith(&[(product.into(), kind.into()), (product.into(), minus)], None, Fr::ZERO);
    b.assert_zero(product);
    let [field, entry, log] = [hint.field, hint.entry, hint.log].map(|v| two_bytes(b, v));
    b.provide(tag::KEY, [fixed(number), kind.into(), field.into(), entry.into()]);
    let parts = [
        (kind.into(), In::Const(two_to(72))),
        (field.into(), In::Const(two_to(FIELD_BIT))),
        (entry.into(), In::Const(two_to(ENTRY_BIT))),
    ];
    let index = b.arith(&parts, Some(log.into()), two_to(249));
    b.provide(tag::KEY_INDEX, [fixed(number), log.into(), index.into(), ZERO]);
}

/// Provides the value (0, `low`) of a field, if `base` is the index of field 0 of its position: two rows.
pub(super) fn provide(b: &mut Builder, place: Cell, base: Cell, field: u64, (top, low): (In, In)) {
    let index = b.add_constant(base, field_index(field));
    b.provide(tag::VALUE, [place.into(), index.into(), top, low]);
}
