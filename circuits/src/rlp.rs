//! RLP item reader: where does the payload of the item at an offset begin and end?
//!
//! Statement: the first byte of an item (the prefix) fixes its kind and the length of its payload, directly or
//! through up to eight length bytes. Only canonical encodings are accepted, so an item has one encoding.
//!
//! Source: Yellow Paper, appendix B.

use std::ops::Range;

use thiserror::Error;

/// What an item holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A byte string; the payload is the string.
    String,
    /// A list; the payload is its items one after the other.
    List,
}

/// An item inside a byte slice; offsets count from the start of that slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// String or list.
    pub kind: Kind,
    /// Offset of the prefix byte; equals `payload.start` for a single byte below 0x80.
    pub offset: usize,
    /// Bytes of the content.
    pub payload: Range<usize>,
}

impl Item {
    /// Offset of the first byte after the item.
    pub fn end(&self) -> usize {
        self.payload.end
    }

    /// Bytes of the whole item, prefix and payload.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.payload.end
    }
}

/// Why bytes are not one canonical item. Not recoverable: the bytes are wrong.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RlpError {
    /// The item needs more bytes than there are.
    #[error("item at offset {offset} is cut off: expected {expected} bytes, got {got}")]
    CutOff {
        /// Where the item begins.
        offset: usize,
        /// Bytes from `offset` that the item needs.
        expected: usize,
        /// Bytes from `offset` that there are.
        got: usize,
    },
    /// The same item has a shorter encoding.
    #[error("item at offset {offset} is not minimally encoded (prefix {prefix:#04x})")]
    NotMinimal {
        /// Where the item begins.
        offset: usize,
        /// Its first byte.
        prefix: u8,
    },
    /// The length does not fit the address space.
    #[error("item at offset {offset} claims a length of more than {max} bytes", max = u32::MAX)]
    TooLong {
        /// Where the item begins.
        offset: usize,
    },
    /// Bytes follow where the item should be the last.
    #[error("item ends at offset {expected}, but the bytes end at {got}")]
    Trailing {
        /// End of the item.
        expected: usize,
        /// End of the bytes.
        got: usize,
    },
    /// A string where a list was expected, or the other way round.
    #[error("item at offset {offset} is a {got:?}, expected a {expected:?}")]
    Kind {
        /// Where the item begins.
        offset: usize,
        /// The kind that was asked for.
        expected: Kind,
        /// The kind that is there.
        got: Kind,
    },
}

/// Returns the item whose prefix byte stands at `offset`. Bytes may follow it.
///
/// # Errors
/// [`RlpError`] when the item is cut off, not minimal, or longer than 4 GiB.
pub fn item(bytes: &[u8], offset: usize) -> Result<Item, RlpError> {
    let prefix = *bytes.get(offset).ok_or(RlpError::CutOff { offset, expected: 1, got: 0 })?;
    let (kind, head, length) = match prefix {
        0..=0x7f => return Ok(Item { kind: Kind::String, offset, payload: offset..offset + 1 }),
        0x80..=0xb7 => (Kind::String, 1, usize::from(prefix - 0x80)),
        0xb8..=0xbf => (Kind::String, usize::from(prefix - 0xb7) + 1, long(bytes, offset, prefix - 0xb7)?),
        0xc0..=0xf7 => (Kind::List, 1, usize::from(prefix - 0xc0)),
        0xf8..=0xff => (Kind::List, usize::from(prefix - 0xf7) + 1, long(bytes, offset, prefix - 0xf7)?),
    };
    let expected = head + length;
    if bytes.len() - offset < expected {
        return Err(RlpError::CutOff { offset, expected, got: bytes.len() - offset });
    }
    if prefix == 0x81 && bytes[offset + 1] < 0x80 {
        return Err(RlpError::NotMinimal { offset, prefix });
    }
    Ok(Item { kind, offset, payload: offset + head..offset + expected })
}

/// The length written in the `count` bytes after the prefix at `offset`.
fn long(bytes: &[u8], offset: usize, count: u8) -> Result<usize, RlpError> {
    let end = offset + 1 + usize::from(count);
    let digits = bytes.get(offset + 1..end).ok_or(RlpError::CutOff {
        offset,
        expected: 1 + usize::from(count),
        got: bytes.len() - offset,
    })?;
    if digits[0] == 0 || (count == 1 && digits[0] <= 55) {
        return Err(RlpError::NotMinimal { offset, prefix: bytes[offset] });
    }
    if count > 4 {
        return Err(RlpError::TooLong { offset });
    }
    Ok(digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)))
}

/// Returns the items directly inside the list at `offset`. Bytes may follow the list.
///
/// # Errors
/// [`RlpError::Kind`] when there is a string, [`RlpError::CutOff`] when an item reaches over the end of the list, and what [`item`] returns.
pub fn list(bytes: &[u8], offset: usize) -> Result<Vec<Item>, RlpError> {
    let outer = item(bytes, offset)?;
    if outer.kind != Kind::List {
        return Err(RlpError::Kind { offset, expected: Kind::List, got: outer.kind });
    }
    let inside = &bytes[..outer.payload.end];
    let mut items = Vec::new();
    let mut at = outer.payload.start;
    while at < inside.len() {
        let next = item(inside, at)?;
        at = next.end();
        items.push(next);
    }
    Ok(items)
}

/// Returns the one item that `bytes` are.
///
/// # Errors
/// [`RlpError::Trailing`] when bytes follow the item, and what [`item`] returns.
pub fn exact(bytes: &[u8]) -> Result<Item, RlpError> {
    let whole = item(bytes, 0)?;
    if whole.end() != bytes.len() {
        return Err(RlpError::Trailing { expected: whole.end(), got: bytes.len() });
    }
    Ok(whole)
}

/// Returns the items of the one list that `bytes` are.
///
/// # Errors
/// What [`exact`] and [`list`] return.
pub fn exact_list(bytes: &[u8]) -> Result<Vec<Item>, RlpError> {
    exact(bytes)?;
    list(bytes, 0)
}

/// Appends the encoding of the string `payload` to `out`.
pub fn encode_string(payload: &[u8], out: &mut Vec<u8>) {
    if !(payload.len() == 1 && payload[0] < 0x80) {
        encode_head(0x80, payload.len(), out);
    }
    out.extend_from_slice(payload);
}

/// Returns the encoding of the list whose items' encodings are `payload`.
pub fn encode_list(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 3);
    encode_head(0xc0, payload.len(), &mut out);
    out.extend_from_slice(payload);
    out
}

fn encode_head(base: u8, length: usize, out: &mut Vec<u8>) {
    if length <= 55 {
        out.push(base + length as u8);
    } else {
        let digits = length.to_be_bytes();
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        out.push(base + 55 + (digits.len() - zeros) as u8);
        out.extend_from_slice(&digits[zeros..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fixture_json, unhex};
    use serde_json::Value;
    use test_case::test_case;

    fn encode(value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        match value {
            Value::Array(items) => return encode_list(&items.iter().flat_map(encode).collect::<Vec<u8>>()),
            Value::Number(number) => encode_string(&minimal(u128::from(number.as_u64().expect("a natural"))), &mut out),
            Value::String(text) => match text.strip_prefix('#') {
                // The vectors' big integers; the largest needs 32 bytes.
                Some(decimal) => encode_string(&decimal_bytes(decimal), &mut out),
                None => encode_string(
                    &text.chars().map(|c| u8::try_from(u32::from(c)).expect("latin")).collect::<Vec<_>>(),
                    &mut out,
                ),
            },
            other => panic!("unexpected {other}"),
        }
        out
    }

    fn minimal(number: u128) -> Vec<u8> {
        number.to_be_bytes().into_iter().skip_while(|digit| *digit == 0).collect()
    }

    fn decimal_bytes(decimal: &str) -> Vec<u8> {
        let mut bytes: Vec<u8> = vec![];
        for digit in decimal.bytes() {
            let mut carry = u32::from(digit - b'0');
            for byte in bytes.iter_mut().rev() {
                carry += u32::from(*byte) * 10;
                *byte = carry as u8;
                carry >>= 8;
            }
            if carry > 0 {
                bytes.insert(0, carry as u8);
            }
        }
        bytes
    }

    fn deep(bytes: &[u8], offset: usize) -> Result<(), RlpError> {
        if item(bytes, offset)?.kind == Kind::List {
            list(bytes, offset)?.iter().try_for_each(|inner| deep(bytes, inner.offset))?;
        }
        Ok(())
    }

    #[test]
    fn accepts_and_re_encodes_every_valid_vector() {
        let Some(vectors) = fixture_json("vectors/RLPTests__rlptest.json") else { return };
        for (name, case) in vectors.as_object().expect("an object") {
            let bytes = unhex(case["out"].as_str().expect("a string"));
            exact(&bytes).and_then(|_| deep(&bytes, 0)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(encode(&case["in"]), bytes, "{name}");
        }
    }

    #[test]
    fn rejects_every_invalid_vector() {
        let Some(vectors) = fixture_json("vectors/RLPTests__invalidRLPTest.json") else { return };
        for (name, case) in vectors.as_object().expect("an object") {
            let bytes = unhex(case["out"].as_str().expect("a string"));
            assert!(exact(&bytes).and_then(|_| deep(&bytes, 0)).is_err(), "{name} accepted");
        }
    }

    #[test_case("7f" => Ok((Kind::String, 0..1)); "single byte")]
    #[test_case("80" => Ok((Kind::String, 1..1)); "empty string")]
    #[test_case("c0" => Ok((Kind::List, 1..1)); "empty list")]
    #[test_case("8180" => Ok((Kind::String, 1..2)); "byte from 0x80 has a prefix")]
    #[test_case("817f" => Err("item at offset 0 is not minimally encoded (prefix 0x81)".into()); "byte below 0x80 must not")]
    #[test_case("83aabb" => Err("item at offset 0 is cut off: expected 4 bytes, got 3".into()); "cut off")]
    #[test_case("b80a00" => Err("item at offset 0 is not minimally encoded (prefix 0xb8)".into()); "long form of a short string")]
    #[test_case("8000" => Err("item ends at offset 1, but the bytes end at 2".into()); "trailing byte")]
    fn reads_one_item(text: &str) -> Result<(Kind, Range<usize>), String> {
        exact(&unhex(text)).map(|item| (item.kind, item.payload)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_item_must_not_reach_over_the_end_of_its_list() {
        assert_eq!(list(&unhex("c28301020304"), 0), Err(RlpError::CutOff { offset: 1, expected: 4, got: 2 }));
    }
}
