//! Receipts, transactions, and what they have in common.

use super::{again, any_bytes, damaged, field, sound};
use proptest::prelude::*;
use vouch_circuits::entry::{Entry, TYPES};
use vouch_circuits::receipt::{Receipt, TOPICS};
use vouch_circuits::rlp::{encode_list, encode_string};
use vouch_circuits::transaction::Transaction;

/// The encodings of `items` as one list.
fn listed(items: impl Strategy<Value = Vec<Vec<u8>>>) -> impl Strategy<Value = Vec<u8>> {
    items.prop_map(|items| encode_list(&items.concat()))
}

fn encoded(length: impl Into<prop::collection::SizeRange>) -> BoxedStrategy<Vec<u8>> {
    let encode = |payload: Vec<u8>| {
        let mut out = Vec::new();
        encode_string(&payload, &mut out);
        out
    };
    field(length.into()).prop_map(encode).boxed()
}

/// A list behind a type, mostly one that is known.
fn typed(list: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![4 => (0..6u8).prop_map(|kind| vec![kind; usize::from(kind > 0)]), 1 => field(0..2)];
    (kind, list).prop_map(|(kind, list)| [kind, list].concat())
}

fn receipt() -> impl Strategy<Value = Vec<u8>> {
    let topics = listed(prop::collection::vec(encoded(32), 0..6)).boxed();
    let log = listed((encoded(20), topics, encoded(0..100)).prop_map(|(a, b, c)| vec![a, b, c]));
    let logs = listed(prop::collection::vec(log, 0..4)).boxed();
    let status = prop_oneof![encoded(0..3), encoded(32)];
    typed(listed((status, encoded(0..9), encoded(256), logs).prop_map(|(a, b, c, d)| vec![a, b, c, d])))
}

fn transaction() -> impl Strategy<Value = Vec<u8>> {
    let numbers = prop::collection::vec(encoded(0..10), 3..6);
    let to = prop_oneof![3 => encoded(20), 1 => encoded(0), 1 => encoded(18..22)];
    let rest = (to, encoded(0..33), encoded(0..80), prop::collection::vec(sound(), 0..5));
    let fields =
        (numbers, rest).prop_map(|(numbers, (to, value, data, rest))| [numbers, vec![to, value, data], rest].concat());
    typed(listed(fields))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn entry_is_read_back(bytes in prop_oneof![any_bytes(), typed(sound()), damaged(typed(sound()))]) {
        if let Ok(entry) = Entry::read(&bytes) {
            let items: Vec<u8> = entry.items.iter().flat_map(|item| bytes[item.range()].to_vec()).collect();
            let kind = if entry.kind == 0 { vec![] } else { vec![entry.kind] };
            prop_assert_eq!([kind, encode_list(&items)].concat(), bytes.clone());
            prop_assert!(TYPES.contains(&entry.kind));
        }
    }

    #[test]
    fn receipt_is_read_back(bytes in prop_oneof![1 => any_bytes(), 2 => receipt(), 2 => damaged(receipt())]) {
        if let Ok(receipt) = Receipt::read(&bytes) {
            prop_assert_eq!(again(&bytes, usize::from(receipt.kind > 0), true), Some(bytes[usize::from(receipt.kind > 0)..].to_vec()));
            let items = Entry::read(&bytes).expect("read").items;
            for (item, word) in items.iter().zip([receipt.status, receipt.cumulative_gas]) {
                let payload = &bytes[item.payload.clone()];
                prop_assert_eq!(&word[32 - payload.len()..], payload);
            }
            let logs: Vec<u8> = receipt.logs.iter().flat_map(|log| {
                let (mut topics, mut list) = (Vec::new(), Vec::new());
                log.topics.iter().for_each(|topic| encode_string(topic, &mut topics));
                encode_string(&log.address, &mut list);
                list.extend(encode_list(&topics));
                encode_string(&bytes[log.data.clone()], &mut list);
                encode_list(&list)
            }).collect();
            prop_assert_eq!(encode_list(&logs), &bytes[items[3].range()]);
            prop_assert!(receipt.logs.iter().all(|log| log.topics.len() <= TOPICS));
            for index in (0..20).chain([u64::MAX]) {
                let _ = (receipt.field(index), receipt.log_field(0, index), receipt.log_field(index, 0));
            }
        }
    }

    #[test]
    fn transaction_is_read_back(bytes in prop_oneof![1 => any_bytes(), 2 => transaction(), 2 => damaged(transaction())]) {
        if let Ok(read) = Transaction::read(&bytes) {
            let entry = Entry::read(&bytes).expect("read");
            let nonce = usize::from(read.kind > 0);
            let to = [3, 4, 5][usize::from(read.kind > 0) + usize::from(read.kind > 1)];
            let payload = |item: usize| &bytes[entry.items[item].payload.clone()];
            prop_assert_eq!(payload(to), read.to.as_ref().map_or(&[][..], |to| to));
            prop_assert_eq!(payload(to + 2), read.data);
            for (item, word) in [(nonce, read.nonce), (to + 1, read.value)] {
                prop_assert_eq!(&word[32 - payload(item).len()..], payload(item));
            }
            for index in (0..20).chain([u64::MAX]) {
                let _ = read.field(index);
            }
        }
    }
}
