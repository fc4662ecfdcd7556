//! What fills unused room for receipts, transactions and logs: two blocks that no leaf can name, under one place.
//!
//! The first has one receipt with one log, one transaction, and a bloom filter of zeros; the second has no receipts. There is
//! no header: the address of the filter's bytes is free, so its bits are whatever the prover likes. Which of the two has which root nobody asks, for no leaf is about either.
//!
//! Sound: a leaf at one of them would have bit 240 of its first element set, which no fact has. A count that goes through one of them ends at a
//! block at or above it: another number of a block is below 2^40.

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;

use super::keys::header_index;
use super::layout::filler_block;
use super::tables::tag;
use super::words::{ZERO, fixed};
use crate::digest::{EMPTY_ROOT, keccak256};
use crate::facts::split;
use crate::grid::{Builder, In};
use crate::header::field;
use crate::rlp::{encode_list, encode_string};

/// Encodings of strings, one after the other.
fn strings(items: &[&[u8]]) -> Vec<u8> {
    let mut payload = vec![];
    items.iter().for_each(|item| encode_string(item, &mut payload));
    payload
}

/// The receipts trie of the first block: one leaf under `rlp(0)`, whose receipt has one log without topics, with one word of data.
pub(super) fn receipt_leaf() -> Vec<u8> {
    let log = encode_list(&[strings(&[&[0; 20]]), encode_list(&[]), strings(&[&[0; 32]])].concat());
    let receipt = encode_list(&[strings(&[&[1], &[1], &[0; 256]]), encode_list(&log)].concat());
    encode_list(&strings(&[&[0x20, 0x80], &receipt]))
}

/// The transactions trie of the first block: a leaf with a transaction of nothing but 60 bytes of data.
pub(super) fn transaction_leaf() -> Vec<u8> {
    let transaction = encode_list(&strings(&[&[], &[], &[], &[], &[], &[0; 60], &[], &[], &[]]));
    encode_list(&strings(&[&[0x20, 0x80], &transaction]))
}

/// Offset of the bloom filter in [`receipt_leaf`].
pub(super) fn bloom_offset() -> usize {
    let leaf = receipt_leaf();
    (0..leaf.len()).find(|at| leaf[*at..].starts_with(&[0xb9, 1, 0, 0])).expect("it has one") + 3
}

/// Provides the two blocks: 7 rows.
///
/// - `base`: address that would be the header's first byte for the bloom filter to be where it is in a header
pub(super) fn filler(b: &mut Builder, place: u64, base: Fr) {
    for block in [filler_block(), filler_block() + Fr::one()] {
        b.provide(tag::PLACE, [fixed(place), In::Const(block), ZERO, ZERO]);
    }
    let roots = [
        (field::RECEIPTS_ROOT, keccak256(&receipt_leaf())),
        (field::RECEIPTS_ROOT, EMPTY_ROOT),
        (field::TRANSACTIONS_ROOT, keccak256(&transaction_leaf())),
    ];
    for (field, root) in roots {
        let (top, low) = split(&root);
        let index = header_index(field as u64);
        b.provide(tag::VALUE, [fixed(place), In::Const(index), fixed(top.into()), In::Const(low)]);
    }
    b.provide(tag::BASE, [fixed(place), In::Free(base), ZERO, ZERO]);
}
