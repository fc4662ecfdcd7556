//! Words of data: of a log, or of a transaction after its selector.
//!
//! Statement: provides (`VALUE`; field 16 + j) of a position whose data are `length` bytes at `start` (`DATA`), if `32 j + 32 <= length`: the 32 bytes at
//! `start + 32 j`.
//!
//! Sound: j has two bytes, and `length - 32 - 32 j` is below 2^16, so it is not negative. A word that the data do not hold wholly is no fact.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::entries::{FIELD_BIT, field_index, two_bytes};
use super::tables::{tag, two_to};
use super::words::{assert_below, free, word_at};
use crate::grid::{Builder, In};
use crate::receipt::log_field;

/// A word that the prover names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DataHint {
    /// Place of the header.
    pub place: u64,
    /// Index of field 0 of the position.
    pub base: Fr,
    /// Address of the data.
    pub start: Fr,
    /// Bytes of the data.
    pub length: Fr,
    /// Number of the word.
    pub word: u64,
}

/// Records a word: 17 rows.
pub(super) fn data_word(b: &mut Builder, hint: &DataHint) {
    let tuple = [free(hint.place), In::Free(hint.base), In::Free(hint.start), In::Free(hint.length)];
    let [place, base, start, length] = b.send(tag::DATA, tuple);
    let word = two_bytes(b, hint.word);
    let rest = b.arith(&[(word.into(), In::Const(-Fr::from(32)))], Some(length.into()), -Fr::from(32));
    assert_below(b, rest, 4);
    let at = b.arith(&[(word.into(), In::Const(Fr::from(32)))], Some(start.into()), Fr::ZERO);
    let value = word_at(b, at, 0);
    let parts = [(word.into(), In::Const(two_to(FIELD_BIT)))];
    let index = b.arith(&parts, Some(base.into()), field_index(log_field::DATA));
    b.provide(tag::VALUE, [place.into(), index.into(), value.top.into(), value.low.into()]);
}
