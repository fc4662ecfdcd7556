//! Steps: which nodes a root reaches, and by which path.
//!
//! Statement: (`REACH`; root mod p, list, path, depth) is provided only if the trie with that root has a node whose list is at
//! address `list`, and the `depth` nibbles that lead to it spell the integer `path`. The node hangs under the root by hashes
//! and, where it is shorter than 32 bytes, by standing inside its parent.
//!
//! Nodes that several walks pass are stepped over once: what is on the bus may be used any number of times.
//!
//! Sound: by induction on `depth`. Depth 0 is provided by [`root`] only, and a step provides a depth larger by 1 to 64 than the
//! one it uses, so with fewer than 2^64 steps nothing justifies itself in a circle. A child is an edge of the node (`nodes`) whose
//! item is a hash, then the next list starts the message with that digest (`blocks`), or a list, then that is the node. A
//! leaf's edge cannot be stepped over: its code is beyond the strides.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::blocks::{self, Message, NO_MESSAGE};
use super::nodes::{BRANCH, EXTENSION};
use super::tables::{bytes_shift, child, tag, two_to};
use super::words::{ZERO, fixed, free, small};
use crate::grid::{Builder, In};

/// An edge that the prover names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Edge {
    /// Address of the node's list; -1 for the empty trie.
    pub list: Fr,
    /// Code of the path.
    pub code: u64,
    /// The path's nibbles as an integer modulo p.
    pub path: Fr,
    /// Address of the item that it leads to.
    pub item: u64,
}

/// A step that the prover names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Step {
    /// Root of the trie, modulo p.
    pub root: Fr,
    /// Nibbles to the node, as an integer.
    pub path: Fr,
    /// Number of those nibbles.
    pub depth: u64,
    /// The edge to follow.
    pub edge: Edge,
    /// The message that the child is; `None` if it is inline.
    pub child: Option<Message>,
}

/// Provides that `message` is a root which reaches its own first byte: three rows.
pub(super) fn root(b: &mut Builder, message: Message) {
    let digest = In::Free(super::words::integer(b.memory(), message.digest, 32));
    let (digest, base, _) = blocks::message(b, digest, message, false);
    b.provide(tag::REACH, [digest.into(), base.into(), ZERO, ZERO]);
}

/// Provides what the step reaches: thirteen rows.
pub(super) fn step(b: &mut Builder, hint: &Step) {
    let Step { edge, .. } = hint;
    let node = [In::Free(hint.root), In::Free(edge.list), In::Free(hint.path), free(hint.depth)];
    let [root, list, path, depth] = b.send(tag::REACH, node);
    let [_, code, nibbles, item] =
        b.send(tag::EDGE, [list.into(), free(edge.code), In::Free(edge.path), free(edge.item)]);
    let is_extension = edge.code != BRANCH;
    let extension = b.witness(Fr::from(u64::from(is_extension)));
    let count = b.arith(&[(extension.into(), In::Const(-Fr::from(EXTENSION)))], Some(code.into()), Fr::ZERO);
    let shift = In::Free(two_to(4 * small(count.value()).min(64)));
    let ([shift, _, _, _], depth) = b.send_sum(tag::STRIDE, [shift, count.into(), ZERO, ZERO], depth);
    let path = b.arith(&[(path.into(), shift.into())], Some(nibbles.into()), Fr::ZERO);

    let here = b.read(item, 0);
    let after = b.read(item, 33);
    let shares = [(here.before.into(), In::Const(-bytes_shift(33))), (here.byte.into(), In::Const(-bytes_shift(32)))];
    let reference = b.arith(&shares, Some(after.before.into()), Fr::ZERO);
    let is_hash = child(small(here.byte.value()) as u8).unwrap_or(false);
    let flags = [free(u64::from(is_hash)), free(u64::from(!is_hash))];
    let [_, hashed, inline, _] = b.send(tag::CHILD, [here.byte.into(), flags[0], flags[1], ZERO]);
    let [square, reference, _] = b.mul_row(extension.into(), extension.into(), (hashed.into(), reference.into()), ZERO);
    b.assert_equal(square, extension);
    let tuple = match hint.child {
        Some(message) => [free(message.base), free(message.digest), free(message.mark)],
        None => [free(0), In::Free(-Fr::ONE), free(NO_MESSAGE)],
    };
    // An inline child looks up "no message", whose address is 0; no message has the digest 0.
    let [_, base, _, _] = b.send(tag::DIGEST, [reference.into(), tuple[0], tuple[1], tuple[2]]);
    let list = b.arith(&[(inline.into(), item.into())], Some(base.into()), Fr::ZERO);
    b.provide(tag::REACH, [root.into(), list.into(), path.into(), depth.into()]);
}

/// Provides the empty trie as a branch without children: at address -1, where no list can be read. 18 rows.
///
/// - `empty_item`: any address with the byte 0x80
pub(super) fn empty_trie(b: &mut Builder, empty_item: u64) {
    let list = In::Const(-Fr::ONE);
    let item = b.read(free(empty_item), 0);
    b.assert_constant(item.byte, Fr::from(0x80));
    for nibble in 0..16 {
        b.provide(tag::EDGE, [list, fixed(BRANCH), fixed(nibble), item.base.into()]);
    }
    b.provide(tag::REACH, [In::Const(empty_root()), list, ZERO, ZERO]);
}

/// The root of the empty trie, modulo p.
pub(super) fn empty_root() -> Fr {
    crate::digest::EMPTY_ROOT.iter().fold(Fr::ZERO, |acc, byte| acc * Fr::from(256) + Fr::from(u64::from(*byte)))
}
