//! What alloy encodes and decodes of transactions and receipts, sound or damaged, the circuits' decoders read alike. They look at less: behind the
//! data of a transaction, at nothing.

use super::entries::{Envelope, signed};
use super::real::word;
use alloy::consensus::{
    Receipt as Made, ReceiptEnvelope, Transaction as _, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy, Typed2718,
};
use alloy::eips::eip2718::{Decodable2718, Encodable2718};
use alloy::eips::eip2930::{AccessList, AccessListItem};
use alloy::primitives::{Address, B256, Bytes, Log, LogData, TxKind, U256};
use proptest::prelude::*;
use vouch_circuits::entry::MAX_BYTES;
use vouch_circuits::receipt::{self, Receipt, TOPICS};
use vouch_circuits::transaction::Transaction;

fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
    prop_oneof![3 => prop::collection::vec(any::<u8>(), 0..most), 1 => any::<u8>().prop_map(|byte| vec![byte])]
        .prop_map(Bytes::from)
}

prop_compose! {
    fn transaction()(
        kind in 0..5u8,
        chain_id in 0..1u64 << 40,
        numbers in any::<(u64, u64, u128, u128)>(),
        shift in 0..64u32,
        to in prop::option::of(any::<[u8; 20]>()),
        value in prop_oneof![any::<[u8; 32]>().prop_map(U256::from_be_bytes), any::<u64>().prop_map(U256::from)],
        input in bytes(200),
        listed in 0..3usize,
    ) -> Envelope {
        let (nonce, gas_limit, max_fee_per_gas, max_priority_fee_per_gas) = numbers;
        let (nonce, gas_limit, gas_price) = (nonce >> shift, gas_limit >> shift, max_fee_per_gas);
        let address = Address::from(to.unwrap_or([9; 20]));
        let to = to.map_or(TxKind::Create, |to| TxKind::Call(to.into()));
        let item = AccessListItem { address, storage_keys: vec![B256::repeat_byte(3); listed] };
        let access_list = AccessList(vec![item; listed]);
        match kind {
            0 => signed(TxLegacy { chain_id: (listed > 0).then_some(chain_id), nonce, gas_price, gas_limit, to, value, input }).into(),
            1 => signed(TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input }).into(),
            2 => signed(TxEip1559 {
                chain_id, nonce, gas_limit, max_fee_per_gas, max_priority_fee_per_gas, to, value, access_list, input,
            }).into(),
            3 => signed(TxEip4844 {
                chain_id, nonce, gas_limit, max_fee_per_gas, max_priority_fee_per_gas, to: address, value, access_list,
                blob_versioned_hashes: vec![B256::ZERO; listed], max_fee_per_blob_gas: 1, input,
            }).into(),
            _ => signed(TxEip7702 {
                chain_id, nonce, gas_limit, max_fee_per_gas, max_priority_fee_per_gas, to: address, value, access_list,
                authorization_list: vec![], input,
            }).into(),
        }
    }
}

prop_compose! {
    fn log()(address in any::<[u8; 20]>(), topics in prop::collection::vec(any::<[u8; 32]>(), 0..5), data in bytes(100)) -> Log {
        let topics = topics.into_iter().map(B256::from).collect();
        Log { address: address.into(), data: LogData::new_unchecked(topics, data) }
    }
}

prop_compose! {
    fn receipt_of_any_type()(
        kind in 0..5usize,
        status in any::<bool>(),
        cumulative_gas_used in any::<u64>(),
        logs in prop::collection::vec(log(), 0..4),
    ) -> ReceiptEnvelope {
        let made = Made { status: status.into(), cumulative_gas_used, logs }.with_bloom();
        let kinds: [fn(_) -> ReceiptEnvelope; 5] = [
            ReceiptEnvelope::Legacy, ReceiptEnvelope::Eip2930, ReceiptEnvelope::Eip1559, ReceiptEnvelope::Eip4844, ReceiptEnvelope::Eip7702,
        ];
        kinds[kind](made)
    }
}

/// Bytes of the encoding changed, removed and put in; often none.
fn damaged(encoded: Vec<u8>, edits: Vec<(prop::sample::Index, u8, u8)>) -> Vec<u8> {
    edits.into_iter().fold(encoded, |mut bytes, (at, value, what)| {
        let at = at.index(bytes.len());
        match what {
            0 if bytes.len() > 1 => drop(bytes.remove(at)),
            1 => bytes.insert(at, value),
            _ => bytes[at] = value,
        }
        bytes
    })
}

fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..8u8), 0..3)
}

/// Whether all of `bytes` decodes.
fn decoded<T: Decodable2718>(bytes: &[u8]) -> Option<T> {
    let mut rest = bytes;
    T::decode_2718(&mut rest).ok().filter(|_| rest.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_transactions(made in transaction(), edits in edits()) {
        let is_whole = edits.is_empty();
        let bytes = damaged(made.encoded_2718(), edits);
        let alloy = decoded::<Envelope>(&bytes);
        prop_assert!(!is_whole || alloy.as_ref() == Some(&made));
        if let Some(theirs) = alloy {
            let ours = Transaction::read(&bytes);
            prop_assert!(ours.is_ok(), "{:?}", ours);
            let ours = ours.expect("read");
            prop_assert_eq!((ours.kind, ours.nonce), (theirs.ty(), word(theirs.nonce())));
            prop_assert_eq!((ours.to.map(Address::from), U256::from_be_bytes(ours.value)), (theirs.to(), theirs.value()));
            prop_assert_eq!(ours.data, &theirs.input()[..]);
        }
    }

    #[test]
    fn of_receipts(made in receipt_of_any_type(), edits in edits()) {
        let is_whole = edits.is_empty();
        let bytes = damaged(made.encoded_2718(), edits);
        let alloy = decoded::<ReceiptEnvelope>(&bytes);
        prop_assert!(!is_whole || alloy.as_ref() == Some(&made));
        let usual = |receipt: &ReceiptEnvelope| receipt.logs().iter().all(|log| log.topics().len() <= TOPICS);
        if let Some(theirs) = alloy.filter(usual).filter(|_| bytes.len() <= MAX_BYTES) {
            let ours = Receipt::read(&bytes);
            prop_assert!(ours.is_ok(), "{:?}", ours);
            let ours = ours.expect("read");
            prop_assert_eq!((ours.kind, ours.cumulative_gas), (theirs.tx_type() as u8, word(theirs.cumulative_gas_used())));
            prop_assert_eq!(ours.field(receipt::field::LOGS), Ok(word(theirs.logs().len() as u64)));
            for (ours, theirs) in ours.logs.iter().zip(theirs.logs()) {
                prop_assert_eq!((Address::from(ours.address), &bytes[ours.data.clone()]), (theirs.address, &theirs.data.data[..]));
                prop_assert!(ours.topics.iter().eq(theirs.topics().iter().map(|topic| &topic.0)));
            }
        }
    }
}
