//! Paths: storage words at the end of any chain of hashes and word offsets (`crate::path`).
//!
//! Statement: provides (`PATH`; name, top, low, depth) only if the path of that name leads to the slot of this top byte and these low 248
//! bits in `depth` steps, and (`KEY`, `KEY_INDEX`) of a key of kind `path` only if its walk follows keccak(slot + over) of that slot.
//!
//! | cell | range | who enforces it |
//! |---|---|---|
//! | top, low of a slot that is hashed, and of a digest | a byte, below 2^248 | the memory |
//! | top, low of a start | none | its name is that of no slot if they are too large |
//! | over of a step | below 2^64 | sixteen digits |
//! | over of a key | none | an element of its own in the leaf; those of 2^64 and more are the encoding of no fact |
//! | carry, wrap | 0 or 1 | `assert_bool` |
//!
//! Sound: `low + over = low' + carry 2^248` and `top + carry = top' + wrap 2^8` hold over the integers, since both sides stay below 2^250 < p,
//! so slot' is slot + over modulo 2^256: the carry out of the topmost byte is dropped. Names are Poseidon hashes with a domain each; the last
//! element of a step's has 8 bits for the key's top byte, one for whether there is a key, and from bit 16 on the 64 bits of `over`. Depth is one
//! more after each step, so no chain of statements justifies itself in a circle.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::blocks::Message;
use super::keys::{pair, provide_path, single};
use super::tables::{tag, two_to};
use super::words::{ONE, Word, ZERO, assert_below, word_at};
use crate::grid::{Builder, Cell, In};
use crate::poseidon::{PATH_START, PATH_STEP};

/// A stop that the prover names: top byte and low 248 bits of the slot, and what leads there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StopHint {
    /// Name of the path up to here.
    pub name: Fr,
    /// Top byte and low 248 bits of the slot.
    pub slot: [Fr; 2],
    /// Steps taken.
    pub depth: Fr,
}

/// A stop, and a message that begins or ends with the slot `over` words further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StepHint {
    /// Where it starts.
    pub from: StopHint,
    /// Words further.
    pub over: Fr,
    /// Carries out of the low 248 bits, and out of the top byte.
    pub carries: [Fr; 2],
    /// What is hashed.
    pub message: Message,
}

/// Provides a start: 25 rows.
pub(super) fn start(b: &mut Builder, slot: [Fr; 2]) {
    let [top, low] = slot.map(|part| b.witness(part));
    let name = b.hash(PATH_START, &[low.into(), top.into(), ZERO]);
    b.provide(tag::PATH, [name.into(), top.into(), low.into(), ZERO]);
}

/// What a step starts from.
struct From {
    name: Cell,
    depth: Cell,
    over: Cell,
}

/// Uses a stop, and enforces that `to` is the slot `over` words further: 9 rows.
fn further(b: &mut Builder, hint: &StepHint, to: &Word) -> From {
    let StopHint { name, slot: [top, low], depth } = hint.from;
    let [name, top, low, depth] = b.send(tag::PATH, [name, top, low, depth].map(In::Free));
    let over = b.witness(hint.over);
    let [carry, wrap] = hint.carries.map(|bit| b.witness(bit));
    b.assert_bool(carry);
    b.assert_bool(wrap);
    let parts = [(over.into(), ONE), (carry.into(), In::Const(-two_to(248)))];
    let sum = b.arith(&parts, Some(low.into()), Fr::ZERO);
    b.assert_equal(sum, to.low);
    let parts = [(carry.into(), ONE), (wrap.into(), In::Const(-two_to(8)))];
    let sum = b.arith(&parts, Some(top.into()), Fr::ZERO);
    b.assert_equal(sum, to.top);
    From { name, depth, over }
}

/// Provides the stop after a step: 50 rows. `digest` is the address of what it hashes.
fn provide(b: &mut Builder, from: &From, key: Option<&Word>, digest: Cell) {
    assert_below(b, from.over, 16);
    let top = key.map_or(ZERO, |key| key.top.into());
    let keyed = if key.is_some() { two_to(8) } else { Fr::ZERO };
    let how = b.arith(&[(from.over.into(), In::Const(two_to(16)))], Some(top), keyed);
    let low = key.map_or(ZERO, |key| key.low.into());
    let name = b.hash(PATH_STEP, &[from.name.into(), low, how.into()]);
    let slot = word_at(b, digest, 0);
    let depth = b.add_constant(from.depth, Fr::ONE);
    b.provide(tag::PATH, [name.into(), slot.top.into(), slot.low.into(), depth.into()]);
}

/// A step to the value of a mapping's key: 73 rows.
pub(super) fn mapping_step(b: &mut Builder, hint: &StepHint) {
    let ([key, slot], digest) = pair(b, hint.message);
    let from = further(b, hint, &slot);
    provide(b, &from, Some(&key), digest);
}

/// A step to the elements of an array: 71 rows.
pub(super) fn array_step(b: &mut Builder, hint: &StepHint) {
    let (slot, digest) = single(b, hint.message);
    let from = further(b, hint, &slot);
    provide(b, &from, None, digest);
}

/// Key `number`: the slot at the end of a path. 24 rows.
pub(super) fn key(b: &mut Builder, number: u64, hint: &StepHint) {
    let (slot, digest) = single(b, hint.message);
    let from = further(b, hint, &slot);
    provide_path(b, number, [from.name, from.over], digest);
}
