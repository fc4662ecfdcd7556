//! Receipts: their fields, and where their logs are.
//!
//! Statement: provides (`VALUE`; status, cumulative gas, type) of receipt n of a header's place, (`LOG`; position of its log 0, where it would be,
//! the end of the list of logs); and (`VALUE`; number of logs) if the logs are read to the end.
//!
//! A receipt is a list of a status or root, a number, `b9 01 00` and the bloom filter's 256 bytes, and the list of logs, with which it ends.
//!
//! Sound: `entries` finds the receipt. A receipt that is read `whole` with k logs uses (`LOG`; position of log k, the end, the end): `logs` provides
//! that only after k logs, one after the other.

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;

use super::entries::{self, ENTRY_BIT, EntryHint, NO_FIELD, Payload, field_index, index_base, provide, two_bytes};
use super::nodes;
use super::tables::{tag, two_to};
use super::words::{ZERO, number, word_of};
use crate::facts::FactKind;
use crate::grid::{Builder, In};
use crate::header;
use crate::receipt::field;

/// Bytes of the bloom filter's item.
const BLOOM_ITEM: u64 = 259;

/// A receipt that the prover names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReceiptHint {
    /// Where it stands.
    pub entry: EntryHint,
    /// Whether its logs are read to the end.
    pub whole: bool,
    /// Number of logs, if so.
    pub logs: u64,
}

/// Records a receipt: 72 rows.
pub(super) fn receipt(b: &mut Builder, hint: &ReceiptHint) {
    let Payload { place, entry, kind, list, .. } = entries::payload(b, &hint.entry, header::field::RECEIPTS_ROOT);
    let status_item = number(b, &list.first, list.start, 0);
    let status = word_of(b, &status_item, list.start, 0);
    let gas = number(b, &status_item.next, status_item.end, 0);
    b.assert_zero(gas.is_word);
    let at = b.add_constant(gas.end, Fr::from(BLOOM_ITEM));
    let here = b.read(at, 0);
    let logs = nodes::list(b, &here);
    b.assert_equal(logs.end, list.end);

    let position = b.mul_constant(entry, two_to(ENTRY_BIT));
    b.provide(tag::LOG, [place.into(), position.into(), logs.start.into(), logs.end.into()]);
    let whole = b.witness(Fr::from(u64::from(hint.whole)));
    let count = two_bytes(b, hint.logs);
    let length = b.sub(logs.end, logs.start);
    let [square, count, length] = b.mul_row(whole.into(), whole.into(), (whole.into(), count.into()), length.into());
    b.assert_equal(square, whole);
    let last = b.add(position, count);
    let at = b.add(logs.start, length);
    b.send(tag::LOG, [place.into(), last.into(), at.into(), logs.end.into()]);

    let base = b.add_constant(position, index_base(FactKind::Receipt));
    provide(b, place, base, field::STATUS, (status.top.into(), status.low.into()));
    provide(b, place, base, field::CUMULATIVE_GAS, (ZERO, gas.value.into()));
    provide(b, place, base, field::TYPE, (ZERO, kind.into()));
    // as a field that no fact can name if the logs are not read to the end
    let parts = [(whole.into(), In::Const(-field_index(NO_FIELD)))];
    let index = b.arith(&parts, Some(base.into()), field_index(field::LOGS + NO_FIELD));
    b.provide(tag::VALUE, [place.into(), index.into(), ZERO, In::Cell(count)]);
}
