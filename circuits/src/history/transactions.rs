//! Transactions: their fields up to the data.
//!
//! Statement: provides (`VALUE`; type, nonce, to, value, length of the data, 1 if a contract is created) of transaction n of a header's place,
//! (`VALUE`; selector) if the data have four bytes, and (`DATA`; the data after them).
//!
//! The items, of which the first is only in typed transactions and the fourth only in those of two fees: chain id, nonce, fee, fee, gas, to, value, data.
//!
//! Sound: `entries` finds the transaction. Each item follows the one before, so the prover chooses no offset. What comes after the data is
//! not looked at. A transaction's receiver has 20 bytes or none.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::entries::{self, ENTRY_BIT, EntryHint, NO_FIELD, Payload, field_index, index_base, provide};
use super::logs::data;
use super::tables::{tag, two_to};
use super::words::{ZERO, assert_below, between, item, number, word_of};
use crate::facts::FactKind;
use crate::grid::{Builder, In};
use crate::header;
use crate::transaction::{SELECTOR_BYTES, field};

/// Bytes of the item of an address.
const ADDRESS_ITEM: u64 = 21;

/// Records a transaction: 98 rows.
pub(super) fn transaction(b: &mut Builder, hint: &EntryHint) {
    let payload = entries::payload(b, hint, header::field::TRANSACTIONS_ROOT);
    let Payload { place, entry, typed, two_fees, kind, list } = payload;
    let ([chain_id, _], _) = item(b, &list.first, list.start);
    let at = b.arith(&[(typed.into(), chain_id.into())], Some(list.start.into()), Fr::ZERO);
    let here = b.read(at, 0);
    let nonce = number(b, &here, at, 0);
    b.assert_zero(nonce.is_word);
    let (_, at) = item(b, &nonce.next, nonce.end);
    let here = b.read(at, 0);
    let ([fee, _], _) = item(b, &here, at);
    let at = b.arith(&[(two_fees.into(), fee.into())], Some(at.into()), Fr::ZERO);
    let here = b.read(at, 0);
    let (_, at) = item(b, &here, at);
    let here = b.read(at, 0);
    let to = number(b, &here, at, 0);
    b.assert_zero(to.is_word);
    let value_item = number(b, &to.next, to.end, 0);
    let value = word_of(b, &value_item, to.end, 0);
    let data = data(b, value_item.end);

    let position = b.mul_constant(entry, two_to(ENTRY_BIT));
    let base = b.add_constant(position, index_base(FactKind::Transaction));
    // an item of one byte is empty
    let share = Fr::from(ADDRESS_ITEM - 1).invert().expect("not zero");
    let creates = b.arith(&[(to.size.into(), In::Const(-share))], None, Fr::from(ADDRESS_ITEM) * share);
    let fields = [
        (field::TYPE, ZERO, kind),
        (field::NONCE, ZERO, nonce.value),
        (field::TO, ZERO, to.value),
        (field::VALUE, value.top.into(), value.low),
        (field::LENGTH, ZERO, data.length),
        (field::CREATES, ZERO, creates),
    ];
    for (field, top, low) in fields {
        provide(b, place, base, field, (top, low.into()));
    }

    let selector = Fr::from(SELECTOR_BYTES as u64);
    let rest = b.add_constant(data.length, -selector);
    let has = b.witness(Fr::from(u64::from(super::words::small(data.length.value()) >= SELECTOR_BYTES as u64)));
    let [square, some_rest, _] = b.mul_row(has.into(), has.into(), (has.into(), rest.into()), ZERO);
    b.assert_equal(square, has);
    // as a field that no fact can name if there is none
    let parts = [(has.into(), In::Const(-field_index(NO_FIELD)))];
    let index = b.arith(&parts, Some(base.into()), field_index(field::SELECTOR + NO_FIELD));
    assert_below(b, some_rest, 4);
    let from = b.read(data.start, 0);
    let to = b.read(data.start, SELECTOR_BYTES);
    let four = between(b, &from, &to, SELECTOR_BYTES as u64);
    b.provide(tag::VALUE, [place.into(), index.into(), ZERO, four.into()]);
    let after = b.add_constant(data.start, selector);
    b.provide(tag::DATA, [place.into(), base.into(), after.into(), rest.into()]);
}
