//! Transactions: what was asked of the chain.
//!
//! | type | items before `data` |
//! |---|---|
//! | 0 | nonce, gas price, gas, to, value |
//! | 1 | chain id, nonce, gas price, gas, to, value |
//! | 2, 3, 4 | chain id, nonce, two fees, gas, to, value |
//!
//! The sender is not in it: it follows from the signature only.
//!
//! Source: Yellow Paper, section 4.2; EIP-2930, 1559, 4844, 7702.

use crate::digest::Hash;
use crate::entry::{Entry, EntryError};
use crate::header::word;
use crate::receipt::{data_word, small};
use crate::rlp::{Item, Kind};

/// Facts of kind `transaction`.
pub mod field {
    /// Type, 0 to 4.
    pub const TYPE: u64 = 0;
    /// The sender's nonce.
    pub const NONCE: u64 = 1;
    /// The account called; 0 if a contract is created.
    pub const TO: u64 = 2;
    /// Wei sent.
    pub const VALUE: u64 = 3;
    /// Bytes of the data.
    pub const LENGTH: u64 = 4;
    /// The first four bytes of the data.
    pub const SELECTOR: u64 = 5;
    /// 1 if a contract is created.
    pub const CREATES: u64 = 6;
    /// The first whole word of the data after the selector.
    pub const DATA: u64 = 16;
}

/// Bytes of a selector.
pub const SELECTOR_BYTES: usize = 4;

/// A transaction, read but not yet believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction<'a> {
    /// Its type.
    pub kind: u8,
    /// The sender's nonce.
    pub nonce: Hash,
    /// The account called.
    pub to: Option<[u8; 20]>,
    /// Wei sent.
    pub value: Hash,
    /// The data.
    pub data: &'a [u8],
}

impl<'a> Transaction<'a> {
    /// Reads a transaction.
    ///
    /// # Errors
    /// [`EntryError`] when it is not of the form above.
    pub fn read(bytes: &'a [u8]) -> Result<Self, EntryError> {
        let entry = Entry::read(bytes)?;
        let (before, fees) = (usize::from(entry.kind > 0), 1 + usize::from(entry.kind > 1));
        let string = |item: &Item, most: usize| item.kind == Kind::String && item.payload.len() <= most;
        let read = |item, most| entry.item("transaction", item, "a number", move |found| string(found, most));
        let nonce = read(before, 31)?;
        for item in 0..before + fees + 2 {
            read(item, 32)?;
        }
        let to = before + fees + 2;
        let is_address = |found: &Item| string(found, 20) && matches!(found.payload.len(), 0 | 20);
        let called = entry.item("transaction", to, "an address or nothing", is_address)?;
        let value = read(to + 1, 32)?;
        let data = entry.item("transaction", to + 2, "a string", |found| found.kind == Kind::String)?;
        let integer = |item: &Item| word(entry.payload(item)).expect("at most 32 bytes");
        Ok(Self {
            kind: entry.kind,
            nonce: integer(nonce),
            to: entry.payload(called).try_into().ok(),
            value: integer(value),
            data: entry.payload(data),
        })
    }

    /// Field `index`.
    ///
    /// # Errors
    /// [`EntryError::NoField`]: there is no such field, or the data are shorter.
    pub fn field(&self, index: u64) -> Result<Hash, EntryError> {
        let after = self.data.get(SELECTOR_BYTES..);
        let found = match index {
            field::TYPE => Some(small(self.kind.into())),
            field::NONCE => Some(self.nonce),
            field::TO => Some(self.to.map_or([0; 32], |to| word(&to).expect("20 bytes"))),
            field::VALUE => Some(self.value),
            field::LENGTH => Some(small(self.data.len())),
            field::SELECTOR => after.and_then(|_| word(&self.data[..SELECTOR_BYTES])),
            field::CREATES => Some(small(usize::from(self.to.is_none()))),
            field::DATA.. => after.and_then(|data| data_word(data, index - field::DATA)),
            _ => None,
        };
        found.ok_or(EntryError::NoField { what: "transaction", field: index })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rlp::{encode_list, encode_string};

    /// A transaction of type `kind` to `to`; the items after the data are not looked at.
    pub(crate) fn encode(kind: u8, nonce: u64, to: &[u8], value: &[u8], data: &[u8]) -> Vec<u8> {
        let nonce = nonce.to_be_bytes();
        let minimal = &nonce[nonce.iter().take_while(|byte| **byte == 0).count()..];
        let before: &[&[u8]] = if kind > 0 { &[&[1]] } else { &[] };
        let fees: &[&[u8]] = if kind > 1 { &[&[9, 8, 7], &[6, 5, 4, 3, 2]] } else { &[&[9, 8, 7]] };
        let items = [before, &[minimal], fees, &[&[0x52, 0x08], to, value, data]].concat();
        let mut payload = vec![];
        items.iter().for_each(|item| encode_string(item, &mut payload));
        if kind > 0 {
            payload.push(0xc0);
        }
        for byte in [27, 0x5a, 0x5b] {
            encode_string(&vec![byte; if byte == 27 { 1 } else { 32 }], &mut payload);
        }
        let list = encode_list(&payload);
        if kind > 0 { [&[kind], list.as_slice()].concat() } else { list }
    }

    #[test]
    fn reads_each_type() {
        let data: Vec<u8> = (0..100).collect();
        for kind in 0..=4 {
            let bytes = encode(kind, 300, &[0x11; 20], &[5, 6], &data);
            let transaction = Transaction::read(&bytes).expect("a transaction");
            let fields = [kind.into(), 300, 0, 0x0506, 100, 0x0001_0203, 0];
            for (index, expected) in (0..).zip(fields).filter(|(index, _)| *index != field::TO) {
                assert_eq!(transaction.field(index), Ok(small(expected)), "type {kind}, field {index}");
            }
            assert_eq!(transaction.to, Some([0x11; 20]));
            assert_eq!(transaction.field(18).map(|word| word[..2].to_vec()), Ok(vec![68, 69]));
            assert_eq!(transaction.field(19).expect_err("96 bytes").to_string(), "the transaction has no field 19");
        }
        let creation = encode(2, 0, &[], &[], &[1, 2, 3]);
        let creation = Transaction::read(&creation).expect("a transaction");
        assert_eq!((creation.to, creation.field(field::CREATES)), (None, Ok(small(1))));
        assert!(creation.field(field::SELECTOR).is_err());
        assert!(Transaction::read(&encode(1, 0, &[1; 19], &[], &[])).is_err());
    }
}
