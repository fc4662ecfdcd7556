//! Walks: what a trie says about a key.
//!
//! Statement: for a root and a key of 64 nibbles, either the item at the returned address is the key's value (`present = 1`), or
//! the trie has no value for the key (`present = 0`).
//!
//! | last edge | the key | result |
//! |---|---|---|
//! | leaf | is path + edge | present |
//! | leaf | begins with path, is not path + edge | absent |
//! | branch, empty child | begins with path + nibble | absent |
//! | extension | begins with path, not with path + edge | absent |
//!
//! Sound: `REACH` (`steps`) gives a node of the trie and the exact path to it, which is compared with the first `depth` nibbles of the
//! key; those are read from the digest's own bytes. Paths below 64 nibbles are integers below 2^252 < p, so equality modulo p
//! is equality of nibbles. Full keys (leaves) are compared modulo p: all keys of a secure trie are keccak digests, so two different
//! keys that agree modulo p are a collision of keccak modulo p (`blocks`).

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::nodes::{BRANCH, EXTENSION, LEAF};
use super::steps::Edge;
use super::tables::{tag, two_to};
use super::words::{ZERO, equal, free, small};
use crate::grid::{Builder, Cell, In};

/// Where the prover says that a walk ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// Nibbles to the last node, as an integer.
    pub path: Fr,
    /// Number of those nibbles.
    pub depth: u64,
    /// The last edge.
    pub edge: Edge,
}

/// What a walk found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// 1 if the key has a value, 0 if it has none.
    pub present: Cell,
    /// Address of the value's item if present.
    pub item: Cell,
}

/// A key: the address of its 32 bytes, and minus the integer of all memory before it.
struct Key {
    address: Cell,
    minus_before: Cell,
}

/// The first `depth` nibbles of the key as an integer (modulo p for 64): eight rows.
///
/// Enforces `depth <= 64`, and that the two nibbles of the byte at which an odd depth ends are nibbles.
fn prefix(b: &mut Builder, key: &Key, depth: Cell) -> Cell {
    let nibbles = small(depth.value());
    let (shift, odd) = (In::Free(two_to(4 * nibbles.min(64))), free(nibbles % 2));
    let [shift, _, odd, _] = b.send(tag::NIBBLES, [shift, depth.into(), odd, ZERO]);
    let half = Fr::from(2).invert().expect("not zero");
    let parts = [(depth.into(), In::Const(half)), (odd.into(), In::Const(-half))];
    let address = b.arith(&parts, Some(key.address.into()), Fr::ZERO);
    let here = b.read(address, 0);
    let high = free(small(here.byte.value()) >> 4);
    let [high, ..] = b.send(tag::NIBBLE, [high, ZERO, ZERO, ZERO]);
    let low = b.arith(&[(high.into(), In::Const(-Fr::from(16)))], Some(here.byte.into()), Fr::ZERO);
    b.send(tag::NIBBLE, [low.into(), ZERO, ZERO, ZERO]);
    // an odd depth takes one nibble more: 16 N + high
    let more = b.arith(&[(here.before.into(), In::Const(Fr::from(15)))], Some(high.into()), Fr::ZERO);
    let parts = [(odd.into(), more.into()), (key.minus_before.into(), shift.into())];
    b.arith(&parts, Some(here.before.into()), Fr::ZERO)
}

/// Walks the trie of `root` to the key whose 32 bytes are at `key`: 32 rows.
pub(super) fn walk(b: &mut Builder, root: Cell, key: Cell, hint: &End) -> Found {
    let End { edge, .. } = hint;
    let [_, list, path, depth] =
        b.send(tag::REACH, [root.into(), In::Free(edge.list), In::Free(hint.path), free(hint.depth)]);
    let [_, code, nibbles, item] =
        b.send(tag::EDGE, [list.into(), free(edge.code), In::Free(edge.path), free(edge.item)]);
    let is_leaf = edge.code >= LEAF;
    let [leaf, extension] = [is_leaf, !is_leaf && edge.code != BRANCH].map(|flag| b.witness(Fr::from(u64::from(flag))));
    let kinds = [(leaf.into(), In::Const(-Fr::from(LEAF))), (extension.into(), In::Const(-Fr::from(EXTENSION)))];
    let count = b.arith(&kinds, Some(code.into()), Fr::ZERO);
    let taken = small(count.value());
    let shift = In::Free(two_to(4 * taken.min(64)));
    let ([shift, ..], full_depth) = b.send_sum(tag::NIBBLES, [shift, count.into(), free(taken % 2), ZERO], depth);
    let full_path = b.arith(&[(path.into(), shift.into())], Some(nibbles.into()), Fr::ZERO);

    let start = b.read(key, 0);
    let minus_before = b.mul_constant(start.before, -Fr::ONE);
    let key = Key { address: key, minus_before };
    let begins = prefix(b, &key, depth);
    b.assert_equal(begins, path);
    let begins = prefix(b, &key, full_depth);
    let same = equal(b, begins, full_path);

    // leaf: present if same; branch: same is forced; extension: not same is forced
    let [leaf_square, extension_square, present] =
        b.mul_row(leaf.into(), leaf.into(), (extension.into(), extension.into()), same.into());
    b.assert_equal(leaf_square, leaf);
    b.assert_equal(extension_square, extension);
    let others = [(leaf.into(), In::Const(-Fr::ONE)), (extension.into(), In::Const(-Fr::ONE))];
    let branch = b.arith(&others, None, Fr::ONE);
    let expected = b.add(present, branch);
    b.assert_equal(expected, same);
    // a leaf anywhere else is in no trie of hashed keys
    let parts = [(present.into(), full_depth.into()), (present.into(), In::Const(-Fr::from(64)))];
    let misplaced = b.arith(&parts, None, Fr::ZERO);
    b.assert_zero(misplaced);
    let here = b.read(item, 0);
    let not_empty = [(branch.into(), here.byte.into()), (branch.into(), In::Const(-Fr::from(0x80)))];
    let not_empty = b.arith(&not_empty, None, Fr::ZERO);
    b.assert_zero(not_empty);
    Found { present, item }
}
