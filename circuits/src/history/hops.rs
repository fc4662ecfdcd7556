//! Hops: block hashes that the history contract holds (EIP-2935).
//!
//! Statement: (`HASH`; n, word) is provided only if the state after some block m, `m - 8191 <= n <= m - 1`, holds that word in slot `n mod 8191`
//! of the history contract, and m is a block whose state is believed (`headers`).
//!
//! A hop reads the bus as a leaf does (`leaves`): a key, a place and a value. It adds what the key and the place must be.
//!
//! | cell | range | who enforces it |
//! |---|---|---|
//! | n | an integer, `m - 8191 <= n <= m - 1` | `m - 1 - n` and `8190 - (m - 1 - n)` are below 2^16 |
//! | slot | 0 to 8190 | it and `8190 - slot` are below 2^16 |
//! | q in `n = 8191 q + slot` | below 2^28 | seven digits |
//!
//! Sound: a key whose head is the number of the kind `slot` is a plain slot without a top byte. In the window is one number of each remainder,
//! so n is the block that the contract holds there: blocks up to m have overwritten older ones. `8191 q + slot` is below 2^42 < p, so the equation holds
//! over the integers, for m below 2^40. What a slot holds that was never written is zero, and no header hashes to zero. An unused hop
//! provides the hash of block -1, which no header is.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::leaves::{self, LeafHint};
use super::tables::tag;
use super::words::{ONE, ZERO, assert_below, small};
use crate::evidence::{HISTORY_CONTRACT, WINDOW};
use crate::facts::{FactKind, field};
use crate::grid::{Builder, Cell, In};

/// A hop that the prover names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HopHint {
    /// What is read: the slot, the history contract at block m, the hash. Not a leaf, whatever `used` says.
    pub read: LeafHint,
    /// `m - 1 - n`.
    pub back: Fr,
    /// 1 if the hop is used, else 0.
    pub used: Fr,
}

/// Enforces that `gate` is zero or `x` is `expected`: one row and a copy.
fn assert_if(b: &mut Builder, gate: Cell, x: Cell, expected: Fr) {
    let apart = b.arith(&[(gate.into(), x.into()), (gate.into(), In::Const(-expected))], None, Fr::ZERO);
    b.assert_zero(apart);
}

/// Enforces `0 <= x <= 8190`: 13 rows.
fn assert_in_window(b: &mut Builder, x: Cell) {
    assert_below(b, x, 4);
    let rest = b.arith(&[(x.into(), In::Const(-Fr::ONE))], None, Fr::from(WINDOW - 1));
    assert_below(b, rest, 4);
}

/// Provides the hash that a hop leads to: 49 rows.
pub(super) fn hop(b: &mut Builder, hint: &HopHint) {
    let said = leaves::said(b, &hint.read);
    let used = b.witness(hint.used);
    b.assert_bool(used);
    assert_if(b, used, said.head, Fr::from(FactKind::Slot as u64));
    assert_if(b, used, said.address, field(&HISTORY_CONTRACT));

    let back = b.witness(hint.back);
    assert_in_window(b, back);
    assert_in_window(b, said.slot);
    let number = b.arith(&[(back.into(), In::Const(-Fr::ONE))], Some(said.block.into()), -Fr::ONE);
    // free where the hop is not used: its number may be that of no block, one before block 0
    let quotient = if hint.used == Fr::ZERO { 0 } else { small(number.value()) / WINDOW };
    let quotient = b.witness(Fr::from(quotient));
    assert_below(b, quotient, 7);
    let parts = [(quotient.into(), In::Const(-Fr::from(WINDOW))), (said.slot.into(), In::Const(-Fr::ONE))];
    let apart = b.arith(&parts, Some(number.into()), Fr::ZERO);
    b.assert_zero_if(used, apart);

    provide(b, used, number, (said.top, said.low));
}

/// `number` if `used` is 1, -1 if it is 0: one row.
fn block_if(b: &mut Builder, used: Cell, number: Cell) -> Cell {
    b.arith(&[(used.into(), number.into()), (used.into(), ONE)], None, -Fr::ONE)
}

/// Provides (`HASH`; number, word), or for block -1 if `used` is 0: two rows. Assumes that `used` is 0 or 1.
pub(super) fn provide(b: &mut Builder, used: Cell, number: Cell, (top, low): (Cell, Cell)) {
    let block = block_if(b, used, number);
    b.provide(tag::HASH, [block.into(), top.into(), low.into(), ZERO]);
}

/// Sends what [`provide`] would provide: two rows.
pub(super) fn send(b: &mut Builder, used: Cell, number: Cell, (top, low): (Cell, Cell)) {
    let block = block_if(b, used, number);
    b.send(tag::HASH, [block.into(), top.into(), low.into(), ZERO]);
}
