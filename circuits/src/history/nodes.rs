//! Trie nodes: which paths lead from a node to which items.
//!
//! Statement: provides (`EDGE`; list, code, path, item) only if the list at address `list` reads as a node in which the path
//! with that code leads to the item at address `item`:
//!
//! | node | items | edges |
//! |---|---|---|
//! | branch | 17 | for each nibble n: code 1, path n, its child |
//! | extension of m nibbles | 2 | code [`EXTENSION`] + m, path as an integer, its child |
//! | leaf of m nibbles | 2 | code [`LEAF`] + m, path as an integer, its value |
//!
//! Nothing checks that the bytes are a well-formed node. Sound: an edge is a function of the address of the list and of the
//! committed bytes, the prover chooses no offset: the first item follows the list's head, each item follows the one before
//! and the last must end with the list, which tells 2 items from 17. Edges are only used from addresses that hang under an
//! anchor (`steps`), where the bytes are a canonical node.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::tables::{bytes_shift, flag, list_head, long_string_head, tag};
use super::words::{ONE, ZERO, fixed, free, item, small};
use crate::grid::{Builder, Cell, In, Read};

/// Code of an extension, to which its nibbles are added.
pub(super) const EXTENSION: u64 = 256;
/// Code of a leaf, to which its nibbles are added.
pub(super) const LEAF: u64 = 512;
/// Code of a branch's edge: one nibble.
pub(super) const BRANCH: u64 = 1;

/// The head of an item: where the item is, where its payload starts and where it ends.
pub(super) struct Head {
    pub address: Cell,
    pub start: Cell,
    pub end: Cell,
    /// The read at `start`.
    pub first: Read,
}

/// Reads the head of the item whose first byte is `here`, read at its very address: five rows. Its form is one of the table `tag`, of
/// which `form` says bytes of the head and what the prefix says of the length.
fn head(b: &mut Builder, here: &Read, tag: u64, form: fn(u8) -> Option<(u64, u64)>) -> Head {
    let (head, length) = form(small(here.byte.value()) as u8).unwrap_or((1, 0));
    let ([_, head, length, _], start) = b.send_sum(tag, [here.byte.into(), free(head), free(length), ZERO], here.base);
    let power = In::Free(bytes_shift(small(head.value()) - 1));
    let [_, power, _, _] = b.send(tag::LENGTH, [head.into(), power, ZERO, ZERO]);
    let first = b.read(start, 0);
    // -(N(address + 1)), so that N(start) - 256^(head - 1) N(address + 1) is the integer in the length bytes
    let minus = [(here.before.into(), In::Const(-Fr::from(256))), (here.byte.into(), In::Const(-Fr::ONE))];
    let before = b.arith(&minus, None, Fr::ZERO);
    let parts = [(before.into(), power.into()), (start.into(), ONE), (length.into(), ONE)];
    let end = b.arith(&parts, Some(first.before.into()), Fr::ZERO);
    Head { address: here.base, start, end, first }
}

/// Reads the head of a list of less than 65,536 bytes: five rows. `here` as for [`head`].
pub(super) fn list(b: &mut Builder, here: &Read) -> Head {
    head(b, here, tag::LIST, list_head)
}

/// Reads the head of a string of less than 65,536 bytes whose length does not stand in the prefix: five rows. `here` as for [`head`].
pub(super) fn long_string(b: &mut Builder, here: &Read) -> Head {
    head(b, here, tag::LONG_STRING, long_string_head)
}

/// Provides the sixteen edges of the branch whose list is at `address`: 55 rows.
pub(super) fn branch(b: &mut Builder, address: u64) {
    let here = b.read(free(address), 0);
    let list = list(b, &here);
    let mut at = list.start;
    for nibble in 0..16 {
        let here = b.read(at, 0);
        let (_, next) = item(b, &here, at);
        b.provide(tag::EDGE, [list.address.into(), fixed(BRANCH), fixed(nibble), at.into()]);
        at = next;
    }
    // The value of a branch is empty: all keys of a secure trie have one length.
    let end = b.add_constant(at, Fr::ONE);
    b.assert_equal(end, list.end);
}

/// Provides the edge of the leaf or extension whose list is at `address`: 23 rows.
pub(super) fn pair(b: &mut Builder, address: u64) {
    two_items(b, address, second_end);
}

/// Provides the edge of the leaf whose list is at `address` and whose value is a long string: 23 rows.
pub(super) fn long_leaf(b: &mut Builder, address: u64) {
    two_items(b, address, |b, value, _| long_string(b, value).end);
}

/// Provides the edge of the list at `address`, a path and an item whose end `end_of` finds from its first byte and its address.
fn two_items(b: &mut Builder, address: u64, end_of: impl Fn(&mut Builder, &Read, Cell) -> Cell) {
    let head = b.read(free(address), 0);
    let list = list(b, &head);
    let here = b.read(list.start, 0);
    let ([size, prefixed], second) = item(b, &here, list.start);
    let path = b.arith(&[(prefixed.into(), fixed(256))], Some(list.start.into()), Fr::ZERO);
    let first = b.read(path, 0);
    let (low, code) = flag(small(first.byte.value()) as u8).unwrap_or((0, 0));
    let [_, low, code, _] = b.send(tag::FLAG, [first.byte.into(), free(low), free(code), ZERO]);
    // bytes of the path after the flag's
    let rest = b.arith(&[(prefixed.into(), In::Const(-Fr::from(256)))], Some(size.into()), -Fr::ONE);
    let length = small(rest.value());
    let is_word = free(u64::from(length == 33));
    let [power, _, _, _] = b.send(tag::POWER, [In::Free(-bytes_shift(length)), rest.into(), is_word, ZERO]);
    let value = b.read(second, 0);
    let skipped = [(first.before.into(), fixed(256)), (low.into(), In::Const(-Fr::ONE))];
    let skipped = b.arith(&skipped, Some(first.byte.into()), Fr::ZERO);
    let path = b.arith(&[(power.into(), skipped.into())], Some(value.before.into()), Fr::ZERO);
    let code = b.arith(&[(rest.into(), fixed(2))], Some(code.into()), Fr::ZERO);
    b.provide(tag::EDGE, [list.address.into(), code.into(), path.into(), second.into()]);
    let end = end_of(b, &value, second);
    b.assert_equal(end, list.end);
}

/// Prefix of a string whose length, from 56 to 255, stands in the next byte: accounts.
const LONG: u64 = 0xb8;

/// The end of the item at `at`, which is short or has one length byte: five rows.
fn second_end(b: &mut Builder, here: &Read, at: Cell) -> Cell {
    let is_long = here.byte.value() == Fr::from(LONG);
    let long = b.witness(Fr::from(u64::from(is_long)));
    // the prefix, or 0 in place of LONG
    let short = b.arith(&[(long.into(), In::Const(-Fr::from(LONG)))], Some(here.byte.into()), Fr::ZERO);
    let [square, _, product] = b.mul_row(long.into(), long.into(), (ZERO, ZERO), short.into());
    b.assert_equal(square, long);
    b.assert_zero(product);
    let as_short = Read { byte: short, ..*here };
    let ([size, _], end) = item(b, &as_short, at);
    debug_assert!(small(size.value()) > 0 || !is_long);
    let length = b.read(at, 1);
    b.arith(&[(long.into(), ONE), (long.into(), length.byte.into())], Some(end.into()), Fr::ZERO)
}
