//! Leaves: the facts under the root.
//!
//! Statement: leaf `i` is `hash(LEAF, ..)` of a key (`keys`), and the block, address and value of a place that has a value under the key's
//! index, or the field element 0. The root is that of the tree of [`LEAVES`] leaves whose leaves beyond the class's are 0.
//!
//! Sound: every field that shares element 0 of the leaf is in range: kind and top bytes are constants and bytes, the block is below
//! 2^40 (`headers`), the address has 20 bytes (`keys`). The filler account (`layout`) has a block far beyond, so that no leaf that
//! a score circuit opens can be about it.

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;

use super::tables::{tag, two_to};
use super::words::{ZERO, free};
use crate::facts::{ARITY, LEAVES, at_bit};
use crate::grid::{Builder, Cell, In};
use crate::poseidon::{self, LEAF, NODE};

/// A leaf that the prover names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeafHint {
    /// Number of the key.
    pub key: u64,
    /// The key's head, slot, first key, second key and index.
    pub says: [Fr; 5],
    /// Place of the header or account.
    pub place: u64,
    /// Its block, address and storage root.
    pub of: [Fr; 3],
    /// Top byte and low 248 bits of the value.
    pub value: [Fr; 2],
    /// Whether the leaf is a fact; otherwise it is 0.
    pub used: bool,
}

/// What a key, a place and a value that belong together say.
pub(super) struct Said {
    /// Kind and the top bytes of the key's words, each at its bit of the leaf.
    pub head: Cell,
    /// Low 248 bits of the slot.
    pub slot: Cell,
    key: Cell,
    key2: Cell,
    /// The block.
    pub block: Cell,
    /// The address as an integer.
    pub address: Cell,
    /// Top byte of the value.
    pub top: Cell,
    /// Low 248 bits of the value.
    pub low: Cell,
}

/// Looks up the key, place and value that `hint` names: four rows.
pub(super) fn said(b: &mut Builder, hint: &LeafHint) -> Said {
    let [head, slot, key, key2, index] = hint.says.map(In::Free);
    let [number, head, slot, key] = b.send(tag::KEY, [free(hint.key), head, slot, key]);
    let [_, key2, index, _] = b.send(tag::KEY_INDEX, [number.into(), key2, index, ZERO]);
    let [block, address, root] = hint.of.map(In::Free);
    let [place, block, address, _] = b.send(tag::PLACE, [free(hint.place), block, address, root]);
    let [top, low] = hint.value.map(In::Free);
    let [_, _, top, low] = b.send(tag::VALUE, [place.into(), index.into(), top, low]);
    Said { head, slot, key, key2, block, address, top, low }
}

/// Records a leaf: 54 rows, and 10 in the tree above it.
pub(super) fn leaf(b: &mut Builder, hint: &LeafHint) -> Cell {
    let Said { head, slot, key, key2, block, address, top, low } = said(b, hint);
    let parts = [
        (block.into(), In::Const(two_to(at_bit::BLOCK as u64))),
        (address.into(), In::Const(two_to(at_bit::ADDRESS as u64))),
        (top.into(), In::Const(two_to(at_bit::VALUE as u64))),
    ];
    let head = b.arith(&parts, Some(head.into()), Fr::zero());
    let elements = [head, slot, key, low, key2].map(In::Cell);
    let hash = b.hash(LEAF, &[elements.as_slice(), &[ZERO]].concat());
    let used = b.witness(Fr::from(u64::from(hint.used)));
    let [square, _, leaf] = b.mul_row(used.into(), used.into(), (ZERO, ZERO), hash.into());
    b.assert_equal(square, used);
    leaf
}

/// The root above `leaves`, at most [`LEAVES`]; the rest are 0.
pub(super) fn root(b: &mut Builder, leaves: &[Cell]) -> Cell {
    let mut level: Vec<Cell> = leaves.to_vec();
    let mut width = LEAVES;
    // what a node without leaves below it is, level by level
    let mut empty = Fr::zero();
    while width > 1 {
        level = level
            .chunks(ARITY)
            .map(|children| {
                let child = |i: usize| children.get(i).map_or(In::Const(empty), |cell| In::Cell(*cell));
                b.hash(NODE, &[child(0), child(1), child(2)])
            })
            .collect();
        empty = poseidon::hash(NODE, &[empty; ARITY]);
        width /= ARITY;
    }
    level[0]
}
