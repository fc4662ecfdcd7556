//! Accounts and storage slots: the values at the ends of walks.
//!
//! Statement: an account's place provides (`PLACE`; block, address, storage root) and (`VALUE`; nonce, balance, storage root, code hash) of the
//! address in the state of a header; a slot provides (`VALUE`; 2^250 + address of the key's digest) of the account's place. What is absent
//! is zero, and an absent account has the empty storage trie.
//!
//! An account's leaf value is `b8 .. f8 .. nonce balance a0 root a0 code`, since its list has 68 to 108 bytes; so the nonce's item is at
//! offset 4. A slot's leaf value is the RLP of its number as a string.
//!
//! Sound: the item's address comes from `walks`; when it is absent the fields are read from an address of the prover's choice, and
//! multiplied by zero.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::keys::{account_index, slot_index};
use super::steps::empty_root;
use super::tables::{bytes_shift, tag};
use super::walks::{End, Found, walk};
use super::words::{ZERO, fixed, free, item, number, word_between, word_of};
use crate::grid::{Builder, Cell, In};

/// Offset of the nonce's item in the item of an account's value.
const NONCE: usize = 4;

/// An account that the prover names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AccountHint {
    /// Place of the header.
    pub header: u64,
    /// The header's block.
    pub block: Fr,
    /// The header's state root, modulo p.
    pub root: Fr,
    /// The address as an integer.
    pub address: Fr,
    /// Address of its digest.
    pub key: u64,
    /// Where the walk ends.
    pub end: End,
    /// Where to read when the account is absent: any address with a few zero bytes.
    pub zeros: u64,
}

/// A storage slot that the prover names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotHint {
    /// Place of the account.
    pub account: u64,
    /// Its block, address and storage root, as its place provides them.
    pub says: [Fr; 3],
    /// Address of the key's digest.
    pub key: u64,
    /// Where the walk ends.
    pub end: End,
    /// Where to read when the slot is absent: any address with a few zero bytes.
    pub zeros: u64,
}

/// The item's address, or `zeros` if it is absent: two rows.
fn readable(b: &mut Builder, found: &Found, zeros: u64) -> Cell {
    let zeros = b.witness(Fr::from(zeros));
    let apart = b.sub(found.item, zeros);
    b.arith(&[(found.present.into(), apart.into())], Some(zeros.into()), Fr::ZERO)
}

/// Records the account of place `place`: 65 rows.
pub(super) fn account(b: &mut Builder, place: u64, hint: &AccountHint) {
    let [_, block, root, _] = b.send(tag::STATE, [free(hint.header), In::Free(hint.block), In::Free(hint.root), ZERO]);
    let [address, key, ..] = b.send(tag::ADDRESS, [In::Free(hint.address), free(hint.key), ZERO, ZERO]);
    let found = walk(b, root, key, &hint.end);
    let at = readable(b, &found, hint.zeros);

    let here = b.read(at, NONCE);
    let nonce = number(b, &here, at, NONCE);
    b.assert_zero(nonce.is_word);
    let balance_item = number(b, &nonce.next, nonce.end, NONCE);
    let balance = word_of(b, &balance_item, nonce.end, NONCE);
    let [storage, code] = [1, 34].map(|offset| {
        let from = b.read(balance_item.end, NONCE + offset);
        let to = b.read(balance_item.end, NONCE + offset + 32);
        word_between(b, &from, &to)
    });

    let present = found.present;
    let scaled = b.scale3(present, [nonce.value.into(), balance.top.into(), balance.low.into()]);
    let [nonce, balance_top, balance_low] = scaled.map(In::Cell);
    let [storage_top, storage_low, code_top] =
        b.scale3(present, [storage.top.into(), storage.low.into(), code.top.into()]).map(In::Cell);
    let shares = [(storage.top.into(), In::Const(bytes_shift(31)))];
    let beyond_empty = b.arith(&shares, Some(storage.low.into()), -empty_root());
    let [code_low, beyond_empty, _] = b.scale3(present, [code.low.into(), beyond_empty.into(), ZERO]);
    let root = b.add_constant(beyond_empty, empty_root());

    b.provide(tag::PLACE, [fixed(place), block.into(), address.into(), root.into()]);
    let values = [(ZERO, nonce), (balance_top, balance_low), (storage_top, storage_low), (code_top, code_low.into())];
    for (field, (top, low)) in (0..).zip(values) {
        b.provide(tag::VALUE, [fixed(place), In::Const(account_index(field)), top, low]);
    }
}

/// Records a storage slot: 50 rows.
pub(super) fn slot(b: &mut Builder, hint: &SlotHint) {
    let [block, address, root] = hint.says.map(In::Free);
    let [account, _, _, root] = b.send(tag::PLACE, [free(hint.account), block, address, root]);
    let key = b.witness(Fr::from(hint.key));
    let found = walk(b, root, key, &hint.end);
    let at = readable(b, &found, hint.zeros);

    let outer = b.read(at, 0);
    let ([_, prefixed], _) = item(b, &outer, at);
    let at = b.arith(&[(prefixed.into(), fixed(256))], Some(at.into()), Fr::ZERO);
    let here = b.read(at, 0);
    let number = number(b, &here, at, 0);
    let word = word_of(b, &number, at, 0);
    let [top, low, _] = b.scale3(found.present, [word.top.into(), word.low.into(), ZERO]);
    let index = b.add_constant(key, slot_index());
    b.provide(tag::VALUE, [account.into(), index.into(), top.into(), low.into()]);
}

/// Provides the filler's state: place 0, at a block that no leaf can name.
pub(super) fn filler_state(b: &mut Builder, block: Fr, root: Fr) {
    b.provide(tag::STATE, [ZERO, In::Const(block), In::Const(root), ZERO]);
}
