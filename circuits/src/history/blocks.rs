//! Blocks and their digests: which message has which keccak hash.
//!
//! Statement: provides (`DIGEST`; digest mod p, first byte of the message, address of the digest, one block) for each block,
//! as the last block of the message that starts where its chain of blocks starts.
//!
//! No padding is looked at here. Sound: the sponge is collision resistant on strings of whole blocks, not only on padded ones
//! (two strings with one digest are a collision of the permutation's 512-bit capacity or of the 256-bit output). A digest that
//! must be met (a block hash, a root in a header, a child in a node) is the hash of a padded message, so the blocks found
//! under it are that message with its padding. Where the prover chooses the message, its bytes are fixed one by one (`keys`).
//!
//! Links compare digests modulo p: keccak-256 modulo the 254-bit p is as good a hash function, its outputs merely fold 2^256
//! values onto p (at most 6 each). Words that are *values* keep all 256 bits.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::tables::tag;
use super::words::{ZERO, between, fixed};
use crate::grid::{BLOCK_BYTES, Builder, Cell, In};

/// Marks the entry that stands for "no digest": see [`constrain`].
pub(super) const NO_MESSAGE: u64 = 2;

/// A message as the bus knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Message {
    /// Address of the first byte.
    pub base: u64,
    /// Address of the digest.
    pub digest: u64,
    /// 1 if the message is one block, 0 if it is more.
    pub mark: u64,
}

/// Provides the digests of all blocks, and the entry (0, 0, -1, 2) for inline nodes: six rows a block.
///
/// - `first`: 1 where a message starts, 0 elsewhere; `start`: the block at which the message of each block starts. The caller enforces both.
pub(super) fn constrain(b: &mut Builder, first: &[Cell], start: &[Cell]) {
    for (block, (first, start)) in first.iter().zip(start).enumerate() {
        let address = b.memory().state_address(block);
        let from = b.read(ZERO, address);
        let to = b.read(ZERO, address + 32);
        let digest = between(b, &from, &to, 32);
        let base = b.arith(&[((*start).into(), fixed(BLOCK_BYTES as u64))], None, Fr::ZERO);
        b.provide(tag::DIGEST, [digest.into(), base.into(), fixed(address as u64), (*first).into()]);
    }
    b.provide(tag::DIGEST, [ZERO, ZERO, In::Const(-Fr::ONE), fixed(NO_MESSAGE)]);
}

/// Looks up a message by its digest, or names any message if `digest` is free. Enforces that it is a message: four rows, three for a single block.
pub(super) fn message(b: &mut Builder, digest: In, hint: Message, must_be_single: bool) -> (Cell, Cell, Cell) {
    let single = if must_be_single { fixed(1) } else { In::Free(Fr::from(hint.mark)) };
    let tuple = [digest, In::Free(Fr::from(hint.base)), In::Free(Fr::from(hint.digest)), single];
    let [digest, base, address, single] = b.send(tag::DIGEST, tuple);
    if !must_be_single {
        b.assert_bool(single);
    }
    (digest, base, address)
}
