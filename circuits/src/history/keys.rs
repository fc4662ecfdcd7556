//! Keys: what a fact means, and which digest its walk follows.
//!
//! Statement: provides (`KEY`; number, head, slot, key) and (`KEY_INDEX`; number, key2, index), where head, slot, key, key2 are the parts
//! of a leaf that do not depend on block, account and value, and `index` is where the value stands in an account or header:
//!
//! | fact | hashed messages | index |
//! |---|---|---|
//! | header field i | – | 2^251 + i |
//! | account field i | – | 1 + i |
//! | slot | D = keccak(slot) | 2^250 + address of D |
//! | mapping | F = keccak(key ‖ slot), D = keccak(F) | the same |
//! | nested mapping | E = keccak(key ‖ slot), F = keccak(key2 ‖ E), D = keccak(F) | the same |
//! | path | those of its steps (`paths`), D = keccak(slot at its end) | the same |
//!
//! and (`ADDRESS`; address, address of keccak(address)).
//!
//! Sound: the prover chooses these messages, so each of their 136 bytes is fixed: the parts are read at fixed offsets of a message
//! that is one block, the bytes after them are compared with the padding in chunks of at most 31 bytes. An inner digest is
//! compared as a whole word. Indices of different kinds never meet: the first two are constants below and above, an address
//! is below 2^32.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::blocks::{self, Message};
use super::headers::FIELDS;
use super::tables::{bytes_shift, tag, two_to};
use super::words::{Word, ZERO, between, fixed, integer, word_at, word_between};
use crate::facts::{FactKind, at_bit};
use crate::grid::{BLOCK_BYTES, Builder, Cell, In, Read};

/// Key numbers of the header fields start here.
pub(super) const HEADER_KEY: u64 = 1000;
/// Key numbers of the account fields start here.
pub(super) const ACCOUNT_KEY: u64 = 1100;

/// Key numbers of positions of entries start here.
pub(super) const POSITION_KEY: u64 = 2000;
/// Key numbers of counts start here.
pub(super) const COUNT_KEY: u64 = 3000;

/// Index of header field `field`.
pub(super) fn header_index(field: u64) -> Fr {
    two_to(251) + Fr::from(field)
}

/// Index of account field `field`.
pub(super) fn account_index(field: u64) -> Fr {
    Fr::from(1 + field)
}

/// Added to the address of a key's digest.
pub(super) fn slot_index() -> Fr {
    two_to(250)
}

/// Provides the keys of header and account fields as fixed tables: 54 rows.
pub(super) fn fields(b: &mut Builder) {
    let zero = Fr::ZERO;
    let header = (0..FIELDS).map(|i| (HEADER_KEY + i, FactKind::Header, i, header_index(i)));
    let account = (0..4).map(|i| (ACCOUNT_KEY + i, FactKind::Account, i, account_index(i)));
    let all: Vec<_> = header.chain(account).collect();
    b.fixed_table(tag::KEY, all.iter().map(|(n, kind, i, _)| [Fr::from(*n), Fr::from(*kind as u64), Fr::from(*i)]));
    b.fixed_table(tag::KEY_INDEX, all.iter().map(|(n, _, _, index)| [Fr::from(*n), zero, *index]));
}

/// Names a message of one block: its base and the address of its digest.
fn block(b: &mut Builder, hint: Message) -> (Cell, Cell) {
    let digest = In::Free(integer(b.memory(), hint.digest, 32));
    let (_, base, digest) = blocks::message(b, digest, hint, true);
    (base, digest)
}

/// Enforces that the block at `base` goes on with the padding of a message of `length` bytes (20 to 134), where `after` is the
/// read at `base + length`.
fn padding(b: &mut Builder, base: Cell, length: usize, after: Read) {
    let (mut at, mut before, mut first) = (length, after, Fr::ONE);
    while at < BLOCK_BYTES - 1 {
        let chunk = (BLOCK_BYTES - 1 - at).min(31);
        at += chunk;
        let next = b.read(base, at);
        let bytes = between(b, &before, &next, chunk as u64);
        b.assert_constant(bytes, first * bytes_shift(chunk as u64 - 1));
        (before, first) = (next, Fr::ZERO);
    }
    b.assert_constant(before.byte, Fr::from(0x80));
}

/// Provides the address in a block of its own: 13 rows.
pub(super) fn address(b: &mut Builder, hint: Message) {
    let (base, digest) = block(b, hint);
    let from = b.read(base, 0);
    let to = b.read(base, 20);
    let address = between(b, &from, &to, 20);
    padding(b, base, 20, to);
    b.provide(tag::ADDRESS, [address.into(), digest.into(), ZERO, ZERO]);
}

/// The word in a block of its own, and the address of its digest.
pub(super) fn single(b: &mut Builder, hint: Message) -> (Word, Cell) {
    let (base, digest) = block(b, hint);
    let from = b.read(base, 0);
    let to = b.read(base, 32);
    let word = word_between(b, &from, &to);
    padding(b, base, 32, to);
    (word, digest)
}

/// The two words in a block of its own, and the address of its digest.
pub(super) fn pair(b: &mut Builder, hint: Message) -> ([Word; 2], Cell) {
    let (base, digest) = block(b, hint);
    let reads = [0, 32, 64].map(|offset| b.read(base, offset));
    let words = [0, 1].map(|i| word_between(b, &reads[i], &reads[i + 1]));
    padding(b, base, 64, reads[2]);
    (words, digest)
}

/// Enforces that two words are the same.
pub(super) fn assert_same(b: &mut Builder, a: &Word, c: &Word) {
    b.assert_equal(a.top, c.top);
    b.assert_equal(a.low, c.low);
}

/// What a leaf says of its key.
struct Meaning {
    kind: FactKind,
    slot: Word,
    key: Option<Word>,
    key2: Option<Word>,
}

/// Provides the key `number` with its meaning; `digest` is the address of the walk's key.
fn provide(b: &mut Builder, number: u64, meaning: &Meaning, digest: Cell) {
    let tops = [(Some(meaning.slot), at_bit::SLOT), (meaning.key, at_bit::KEY), (meaning.key2, at_bit::KEY2)];
    let tops: Vec<_> =
        tops.into_iter().filter_map(|(word, bit)| Some((word?.top.into(), In::Const(two_to(bit as u64))))).collect();
    let head = b.arith(&tops, None, Fr::from(meaning.kind as u64));
    let low = |word: &Option<Word>| word.map_or(ZERO, |word| word.low.into());
    b.provide(tag::KEY, [fixed(number), head.into(), meaning.slot.low.into(), low(&meaning.key)]);
    let index = b.add_constant(digest, slot_index());
    b.provide(tag::KEY_INDEX, [fixed(number), low(&meaning.key2), index.into(), ZERO]);
}

/// Provides the key `number` of a path: its name and the words beyond its last hash.
pub(super) fn provide_path(b: &mut Builder, number: u64, [name, over]: [Cell; 2], digest: Cell) {
    b.provide(tag::KEY, [fixed(number), fixed(FactKind::Path as u64), name.into(), over.into()]);
    let index = b.add_constant(digest, slot_index());
    b.provide(tag::KEY_INDEX, [fixed(number), ZERO, index.into(), ZERO]);
}

/// Key `number`: a plain slot. 16 rows.
pub(super) fn slot(b: &mut Builder, number: u64, [last]: [Message; 1]) {
    let (slot, digest) = single(b, last);
    provide(b, number, &Meaning { kind: FactKind::Slot, slot, key: None, key2: None }, digest);
}

/// Key `number`: a slot of a mapping. 31 rows.
pub(super) fn mapping(b: &mut Builder, number: u64, [first, last]: [Message; 2]) {
    let ([key, slot], inner) = pair(b, first);
    let inner = word_at(b, inner, 0);
    let (hashed, digest) = single(b, last);
    assert_same(b, &hashed, &inner);
    provide(b, number, &Meaning { kind: FactKind::Mapping, slot, key: Some(key), key2: None }, digest);
}

/// Key `number`: a slot of a mapping of mappings. 46 rows.
pub(super) fn nested(b: &mut Builder, number: u64, [first, second, last]: [Message; 3]) {
    let ([key, slot], outer) = pair(b, first);
    let outer = word_at(b, outer, 0);
    let ([key2, at], inner) = pair(b, second);
    let inner = word_at(b, inner, 0);
    assert_same(b, &at, &outer);
    let (hashed, digest) = single(b, last);
    assert_same(b, &hashed, &inner);
    provide(b, number, &Meaning { kind: FactKind::Nested, slot, key: Some(key), key2: Some(key2) }, digest);
}
