//! Headers: the blocks that anchors name, those that are linked to them, and their fields.
//!
//! Statement: anchor `j` is public as (number * 2^128 + high half of the block hash, low half), or (0, 0) when it is not used. A used
//! anchor's header provides, for its place `j + 1`: (`STATE`; block, state root), (`PLACE`; block, address 0), and (`VALUE`; field) of each
//! field but the bloom filter. A linked header does so for its place too, if (`HASH`; number, hash) is provided: by an anchor, as the parent of
//! a header, or by a hop (`hops`).
//!
//! A *linked anchor* is both: its number and hash are public, with bit [`LINKED_BIT`] set in the number, and it is believed as a linked header is. So the
//! contract need not ask the chain for it, and may remember it: the next proof can start there.
//!
//! A header is `f9` and two length bytes, fields 0 to 6 of fixed sizes, then short items. So fields up to `difficulty` have
//! fixed offsets and only the tail is walked over. Fields from 15 on may be missing: a field is there if and only if the one
//! before it is, and the last one ends where the list ends, so no field is read beyond the header, nor skipped.
//!
//! Sound: the hash is compared with the public halves exactly, so the bytes are the canonical header (`blocks`). `number` is below
//! 2^40: its item has at most six bytes.
//!
//! An unused anchor may name any message, so what it provides must reach nobody. Its *place* goes to 0: (`PLACE`; 0, number, 0, 0);
//! its *values*, of bytes that nothing proves, stay under the real place: (`VALUE`; `j + 1`, ...). A leaf sends both with one
//! place cell, and neither place has both entries. This split is the safety: with the values under place 0 too, every field of
//! every block could be forged, and nothing may take a `VALUE` without the `PLACE` of the same place (what is provided with indices of `entries`
//! hangs under `entries::root`, which takes both). Its state root
//! is 0, (`STATE`; `j + 1`, number, 0, 0), the digest of no message that a walk can start at: the entry of digest 0 in
//! `blocks` is marked `NO_MESSAGE`, which `blocks::message` refuses. The hashes that it names are those of block -1.
//!
//! Where there are links, every used header asks for its own hash, and only an anchor that is not linked answers itself.
//!
//! | cell | range | who enforces it |
//! |---|---|---|
//! | used, linked, used - linked | 0 or 1 each | [`anchor`], so no unused anchor is linked, nor answers for itself |
//! | number in the public input | below 2^40, and `LINKED_BIT` if linked | its item; the product with `linked` |
//!
//! Links cannot go round in a circle: what a header names, itself or through its state, is a block of a smaller number (`hops`), and
//! numbers are integers from 0 to 2^40. So whoever believes a linked header believes one of a larger number first, and the last of those is an anchor.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::blocks::{self, Message};
use super::hops;
use super::keys::header_index;
use super::tables::{tag, two_to};
use super::words::{ONE, Word, ZERO, between, fixed, integer, modulo_p, number, word_at, word_between, word_of};
use crate::grid::{Builder, Cell, In, Read};

/// Fields that every header has.
const REQUIRED: u64 = 15;
/// Fields that are read: 21 since Prague, and two of forks to come.
pub(super) const FIELDS: u64 = 23;

/// Bit of the number of a public anchor that says: linked within the proof.
const LINKED_BIT: u64 = 72;

/// Offsets of the items of the fields of fixed size that are 32 bytes: parent hash, ommers' hash, state root, transactions root,
/// receipts root.
const HASHES: [(u64, usize); 5] = [(0, 3), (1, 36), (3, 90), (4, 123), (5, 156)];
/// Offset of the beneficiary's 20 bytes.
const BENEFICIARY: usize = 70;
/// Offset of the bloom filter's 256 bytes.
pub(super) const BLOOM: usize = 192;
/// Offset of `difficulty`, the first item after the bloom filter.
const DIFFICULTY: usize = 448;

/// First byte of a list of 256 to 65,535 bytes.
pub(super) const LONG_LIST: u64 = 0xf9;
/// First byte of a string of 32 bytes.
const HASH: u64 = 0xa0;

/// How a field of the tail is encoded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A string of at most 31 bytes.
    Number,
    /// A string of at most 32 bytes.
    Word,
    /// A string of 32 bytes, which every header has.
    Hash,
}

/// Difficulty, number, gas limit, gas used, time, extra data, mix hash, nonce, base fee, withdrawals root, blob gas used, excess
/// blob gas, beacon root, requests hash, and two words more.
const TAIL: [Form; 16] = {
    use Form::{Hash, Number, Word};
    [Number, Number, Number, Number, Number, Word, Hash, Number, Number, Word, Number, Number, Word, Word, Word, Word]
};

/// A header that the prover names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeaderHint {
    /// The message.
    pub message: Message,
    /// Its block number.
    pub number: u64,
    /// Its number of fields.
    pub fields: u64,
    /// Whether the anchor is used.
    pub used: Fr,
    /// Whether the anchor is linked within the proof. Not read for headers that are no anchors.
    pub linked: Fr,
}

/// Records the anchor of place `place`, and returns its two public inputs: about 145 rows.
///
/// - `has_links`: whether the bus is told the anchor's hash and its parent's, for linked headers, and the anchor may be linked itself:
///   some twelve rows more
/// - `names_base`: whether the bus is told where the header is, for bloom filters: one row more
pub(super) fn anchor(b: &mut Builder, place: u64, hint: &HeaderHint, has_links: bool, names_base: bool) -> [Cell; 2] {
    let (base, digest) = header(b, hint);
    let halves = [0, 16, 32].map(|offset| b.read(digest, offset));
    let high = between(b, &halves[0], &halves[1], 16);
    let low = between(b, &halves[1], &halves[2], 16);
    let used = b.witness(hint.used);

    let Fields { state, parent, number, values } = fields(b, base, hint.fields);
    let first = b.arith(&[(number.into(), In::Const(two_to(128)))], Some(high.into()), Fr::ZERO);
    let [square, first, low] = b.mul_row(used.into(), used.into(), (used.into(), first.into()), low.into());
    b.assert_equal(square, used);
    let [state, _, own_place] = b.mul_row(used.into(), state.into(), (ZERO, ZERO), fixed(place));
    b.provide(tag::STATE, [fixed(place), number.into(), state.into(), ZERO]);
    b.provide(tag::PLACE, [own_place.into(), number.into(), ZERO, ZERO]);
    provide(b, place, values);
    if names_base {
        b.provide(tag::BASE, [fixed(place), base.into(), ZERO, ZERO]);
    }
    if !has_links {
        return [first, low];
    }
    let linked = b.witness(hint.linked);
    b.assert_bool(linked);
    let answers = b.sub(used, linked);
    b.assert_bool(answers);
    let hash = word_between(b, &halves[0], &halves[2]);
    hops::send(b, used, number, (hash.top, hash.low));
    hops::provide(b, answers, number, (hash.top, hash.low));
    let before = b.add_constant(number, -Fr::ONE);
    hops::provide(b, used, before, (parent.top, parent.low));
    let flag = In::Const(two_to(128 + LINKED_BIT));
    let first = b.arith(&[(linked.into(), flag)], Some(first.into()), Fr::ZERO);
    [first, low]
}

/// Records the linked header of place `place`: about 145 rows. `names_base` as for [`anchor`].
pub(super) fn linked(b: &mut Builder, place: u64, hint: &HeaderHint, names_base: bool) {
    let (base, digest) = header(b, hint);
    let hash = word_at(b, digest, 0);
    let Fields { state, parent, number, values } = fields(b, base, hint.fields);
    b.send(tag::HASH, [number.into(), hash.top.into(), hash.low.into(), ZERO]);
    b.provide(tag::STATE, [fixed(place), number.into(), state.into(), ZERO]);
    b.provide(tag::PLACE, [fixed(place), number.into(), ZERO, ZERO]);
    provide(b, place, values);
    if names_base {
        b.provide(tag::BASE, [fixed(place), base.into(), ZERO, ZERO]);
    }
    let before = b.add_constant(number, -Fr::ONE);
    b.provide(tag::HASH, [before.into(), parent.top.into(), parent.low.into(), ZERO]);
}

/// Names any message: its base and the address of its digest.
fn header(b: &mut Builder, hint: &HeaderHint) -> (Cell, Cell) {
    let digest = In::Free(integer(b.memory(), hint.message.digest, 32));
    let (_, base, digest) = blocks::message(b, digest, hint.message, false);
    (base, digest)
}

/// Index, top byte and low 248 bits of each field, to be provided.
type Values = Vec<(In, In, In)>;

/// What a header says.
struct Fields {
    /// State root modulo p.
    state: Cell,
    parent: Word,
    number: Cell,
    values: Values,
}

/// Reads the header at `base`, of `count` fields.
fn fields(b: &mut Builder, base: Cell, count: u64) -> Fields {
    let mut values = Values::new();
    let (parent, state) = fixed_fields(b, base, &mut values);
    let number = tail(b, base, count, &mut values);
    Fields { state, parent, number, values }
}

/// Provides the values of the header of place `place`.
fn provide(b: &mut Builder, place: u64, values: Values) {
    debug_assert!(place > 0, "place 0 has no values");
    for (index, top, low) in values {
        b.provide(tag::VALUE, [fixed(place), index, top, low]);
    }
}

/// Fields 0 to 5; returns the parent hash, and the state root modulo p.
fn fixed_fields(b: &mut Builder, base: Cell, values: &mut Values) -> (Word, Cell) {
    let mut parent = None;
    let mut state = None;
    for (field, item) in HASHES {
        let from = b.read(base, item + 1);
        let to = b.read(base, item + 33);
        let word = word_between(b, &from, &to);
        values.push((In::Const(header_index(field)), word.top.into(), word.low.into()));
        match field {
            0 => parent = Some(word),
            3 => state = Some(modulo_p(b, &word)),
            _ => {}
        }
    }
    let from = b.read(base, BENEFICIARY);
    let to = b.read(base, BENEFICIARY + 20);
    let beneficiary = between(b, &from, &to, 20);
    values.push((In::Const(header_index(2)), ZERO, beneficiary.into()));
    (parent.expect("field 0 is in the list"), state.expect("field 3 is in the list"))
}

/// The fields from `difficulty` on; returns the block number.
fn tail(b: &mut Builder, base: Cell, count: u64, values: &mut Values) -> Cell {
    let prefix = b.read(base, 0);
    b.assert_constant(prefix.byte, Fr::from(LONG_LIST));
    let (first, third) = (b.read(base, 1), b.read(base, 3));
    let parts = [(first.before.into(), In::Const(-Fr::from(1 << 16)))];
    let length = b.arith(&parts, Some(third.before.into()), Fr::ZERO);
    let end = b.arith(&[(base.into(), ONE)], Some(length.into()), Fr::from(3));

    let mut at = b.add_constant(base, Fr::from(DIFFICULTY as u64));
    let mut here = b.read(at, 0);
    let mut block = None;
    let mut before: In = fixed(1);
    for (field, form) in (REQUIRED - 8..).zip(TAIL) {
        let (size, word, next, next_read) = read_field(b, form, &here, at);
        if field == 8 {
            b.send(tag::BLOCK_SIZE, [size, ZERO, ZERO, ZERO]);
            block = Some(word.1);
        }
        let index = header_index(field);
        if field < REQUIRED {
            values.push((In::Const(index), word.0, word.1.into()));
            (at, here) = (next, next_read);
        } else {
            // 0 or 1, 0 after a 0; a missing field provides its value under index 0, which no key has
            let there = b.witness(Fr::from(u64::from(field < count)));
            let [square, ordered, index] =
                b.mul_row(there.into(), there.into(), (before, there.into()), In::Const(index));
            b.assert_equal(square, there);
            b.assert_equal(ordered, there);
            values.push((index.into(), word.0, word.1.into()));
            at = b.arith(&[(there.into(), size)], Some(at.into()), Fr::ZERO);
            here = b.read(at, 0);
            before = there.into();
        }
    }
    b.assert_equal(at, end);
    block.expect("field 8 is in the tail")
}

/// Reads one field: its size, its value, the address after it and the read there.
fn read_field(b: &mut Builder, form: Form, here: &Read, at: Cell) -> (In, (In, Cell), Cell, Read) {
    match form {
        Form::Hash => {
            b.assert_constant(here.byte, Fr::from(HASH));
            let (from, to) = (b.read(at, 1), b.read(at, 33));
            let Word { top, low } = word_between(b, &from, &to);
            let next = b.add_constant(at, Fr::from(33));
            (fixed(33), (top.into(), low), next, Read { base: next, ..to })
        }
        Form::Number => {
            let number = number(b, here, at, 0);
            b.assert_zero(number.is_word);
            (number.size.into(), (ZERO, number.value), number.end, number.next)
        }
        Form::Word => {
            let number = number(b, here, at, 0);
            let word = word_of(b, &number, at, 0);
            (number.size.into(), (word.top.into(), word.low), number.end, number.next)
        }
    }
}

/// Natively: whether the circuit can read a header with these fields (sizes in bytes by field).
pub(super) fn readable(sizes: &[usize]) -> bool {
    let short = sizes.iter().enumerate().skip(7).zip(TAIL).all(|((_, size), form)| match form {
        Form::Number => *size <= 31,
        Form::Word => *size <= 32,
        Form::Hash => *size == 32,
    });
    short && sizes.len() as u64 <= FIELDS && sizes.get(8).is_some_and(|size| *size <= 5)
}
