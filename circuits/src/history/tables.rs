//! The fixed tables of the history circuit, and the tags of everything on its bus.
//!
//! | tag | tuple | says |
//! |---|---|---|
//! | `ITEM` | prefix byte, size, 1/256 or 0 | a short item's size in bytes; the last is not 0 if it has a prefix besides its payload |
//! | `POWER` | -256^s, s, s = 33 | sizes in bytes, 0 to 33 |
//! | `NIBBLES` | 16^m, m, m odd | numbers of nibbles, 0 to 64 |
//! | `STRIDE` | 16^m, m | numbers of nibbles that a step may take, 1 to 64 |
//! | `NIBBLE` | n | 0 to 15 |
//! | `LIST` | prefix byte, bytes of the head, length if written in the prefix | lists of less than 65,536 bytes |
//! | `LENGTH` | bytes of the head, 256^(that - 1) | |
//! | `FLAG` | first byte of a path, its low nibble if odd, code | hex-prefix flags; code as in `nodes` |
//! | `CHILD` | prefix byte, 1 if a hash, 1 if inline | children that can be followed |
//! | `BLOCK_SIZE` | size | sizes of numbers below 2^40 |
//!
//! In classes with receipts also:
//!
//! | tag | tuple | says |
//! |---|---|---|
//! | `BYTE` | byte, `rlp(byte)` as an integer, its nibbles | keys of entries below 256 |
//! | `ENVELOPE` | first byte of an entry, 1 if it is a type, 1 if there are two fees | |
//! | `LONG_STRING` | prefix byte, bytes of the head, 0 | strings of 56 to 65,535 bytes |
//! | `TOPICS` | prefix of the topics, next byte if the head has two, topics + 8 · bytes of the head | |
//! | `TOPICS_12`, `TOPICS_34` | the same sum, 1 if there is a first (third) topic, a second (fourth) one | |
//! | `STRING` | prefix byte, bytes of the head, length if written in the prefix | strings below 64 KiB |
//! | `STRING_HEAD` | bytes of the head, 256^(that - 1) if there are length bytes, 1 if so | |
//! | `SPLIT` | byte, byte / 8, byte mod 8 | |
//! | `CLEAR` | byte, number of a bit of it that is 0 | |

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use crate::grid::Builder;

/// Tags of the bus; 1 is the grid's own message memory.
pub(super) mod tag {
    pub const ITEM: u64 = 2;
    pub const POWER: u64 = 3;
    pub const NIBBLES: u64 = 4;
    pub const STRIDE: u64 = 5;
    pub const NIBBLE: u64 = 6;
    pub const LIST: u64 = 7;
    pub const LENGTH: u64 = 8;
    pub const FLAG: u64 = 9;
    pub const CHILD: u64 = 10;
    pub const BLOCK_SIZE: u64 = 11;
    pub const BYTE: u64 = 12;
    pub const ENVELOPE: u64 = 13;
    pub const LONG_STRING: u64 = 14;
    pub const TOPICS: u64 = 15;
    pub const TOPICS_12: u64 = 26;
    pub const TOPICS_34: u64 = 27;
    pub const STRING: u64 = 28;
    pub const STRING_HEAD: u64 = 29;
    pub const SPLIT: u64 = 30;
    pub const CLEAR: u64 = 31;
    /// Digest (mod p), address of the message's first byte, address of its digest, 1 if the message is one block.
    pub const DIGEST: u64 = 16;
    /// List of a node, code and integer of a path, address of the item that the path leads to: see `nodes`.
    pub const EDGE: u64 = 17;
    /// Root (mod p), list of a node, integer of the path to it, nibbles of that path: see `steps`.
    pub const REACH: u64 = 18;
    /// Key number, head of the leaf, slot, first key: see `keys`.
    pub const KEY: u64 = 19;
    /// Key number, second key, index of the value: see `keys`.
    pub const KEY_INDEX: u64 = 20;
    /// Place, block, address, storage root (mod p): the places that have values.
    pub const PLACE: u64 = 21;
    /// Header's place, block, state root (mod p).
    pub const STATE: u64 = 22;
    /// Place, index, top byte and low 248 bits of the value.
    pub const VALUE: u64 = 23;
    /// Address as an integer, address of its keccak digest.
    pub const ADDRESS: u64 = 24;
    /// Block, top byte and low 248 bits of its hash: the hashes that anchors, children and the history contract name.
    pub const HASH: u64 = 25;
    /// Header's place, address of its first byte.
    pub const BASE: u64 = 32;
    /// Header's place, position of a log (see `entries`), its address, address after the last log of its receipt.
    pub const LOG: u64 = 33;
    /// Header's place, index of field 0 of a log or a transaction, address of its data, their length.
    pub const DATA: u64 = 34;
    /// Number of a count, what it looks for (see `counts`).
    pub const QUERY: u64 = 35;
    /// Number of a count, which other topic it looks at.
    pub const QUERY_TOPIC: u64 = 36;
    /// Number of a count, address of the digest of something that all its logs have.
    pub const THING: u64 = 37;
    /// Number of a count, block, matching logs from its first block on up to before this one.
    pub const RANGE: u64 = 38;
    /// Header's place + 2^16 · number of a count, position of a log, matching logs of the block up to before it.
    pub const SCAN: u64 = 39;
    /// Number of an absence, nibbles, that many nibbles of its key as an integer.
    pub const PREFIX: u64 = 40;
    /// Header's place, number of an entry that its receipts trie does not have.
    pub const ABSENT: u64 = 41;
    /// Name of a path, top byte and low 248 bits of the slot it leads to, its steps: see `paths`.
    pub const PATH: u64 = 42;
}

/// `2^bits`.
pub(super) fn two_to(bits: u64) -> Fr {
    Fr::from(2).pow([bits])
}

/// `256^bytes`; sizes above 64 come from nonsense witnesses only, and are cut off.
pub(super) fn bytes_shift(bytes: u64) -> Fr {
    two_to(8 * bytes.min(64))
}

/// Size in bytes of the short item with this prefix; `None` for prefixes that are followed by length bytes.
pub(super) fn short_size(prefix: u8) -> Option<u64> {
    match prefix {
        0..=0x7f => Some(1),
        0x80..=0xb7 => Some(u64::from(prefix) - 0x80 + 1),
        0xc0..=0xf7 => Some(u64::from(prefix) - 0xc0 + 1),
        _ => None,
    }
}

/// Bytes of a list's head, and its payload's length as far as the prefix says it; `None` if that is not a list below 64 KiB.
pub(super) fn list_head(prefix: u8) -> Option<(u64, u64)> {
    match prefix {
        0xc0..=0xf7 => Some((1, u64::from(prefix) - 0xc0)),
        0xf8 => Some((2, 0)),
        0xf9 => Some((3, 0)),
        _ => None,
    }
}

/// Bytes of the head of a string whose length does not stand in the prefix, and 0; `None` for others and above 64 KiB.
pub(super) fn long_string_head(prefix: u8) -> Option<(u64, u64)> {
    match prefix {
        0xb8 => Some((2, 0)),
        0xb9 => Some((3, 0)),
        _ => None,
    }
}

/// Bytes of a string's head, and its length as far as the prefix says it; `None` if it is no string below 64 KiB.
pub(super) fn string_head(prefix: u8) -> Option<(u64, u64)> {
    match prefix {
        0..=0x7f => Some((0, 1)),
        0x80..=0xb7 => Some((1, u64::from(prefix) - 0x80)),
        _ => long_string_head(prefix),
    }
}

/// Whether the first byte of an entry is its type, and whether the transaction has two fees; `None` for unknown types.
pub(super) fn envelope(first: u8) -> Option<(bool, bool)> {
    match first {
        1..=4 => Some((true, first > 1)),
        0xc0..=0xf9 => Some((false, false)),
        _ => None,
    }
}

/// Prefix of a list of `topics` topics, the next byte if it belongs to the head, and bytes of the head.
pub(super) fn topics_head(topics: u64) -> (u64, u64, u64) {
    match topics {
        0 | 1 => (0xc0 + 33 * topics, 0, 1),
        _ => (0xf8, 33 * topics, 2),
    }
}

/// Low nibble and code of a path's first byte; `None` if it is no hex-prefix flag.
pub(super) fn flag(byte: u8) -> Option<(u64, u64)> {
    let low = u64::from(byte & 15);
    match byte {
        0x00 => Some((0, super::nodes::EXTENSION)),
        0x10..=0x1f => Some((low, super::nodes::EXTENSION + 1)),
        0x20 => Some((0, super::nodes::LEAF)),
        0x30..=0x3f => Some((low, super::nodes::LEAF + 1)),
        _ => None,
    }
}

/// Whether the child item with this prefix is a hash (`Some(true)`), inline (`Some(false)`), or cannot be followed.
pub(super) fn child(prefix: u8) -> Option<bool> {
    match prefix {
        0xa0 => Some(true),
        0xc0..=0xdf => Some(false),
        _ => None,
    }
}

/// Puts the tables on the bus.
pub(super) fn constrain(b: &mut Builder) {
    let f = |v: u64| Fr::from(v);
    let zero = Fr::ZERO;
    let bytes = 0..=255u8;
    let long = |prefix: u8| if prefix < 0x80 { zero } else { f(256).invert().expect("not zero") };
    b.fixed_table(
        tag::ITEM,
        bytes.clone().filter_map(|prefix| Some([f(prefix.into()), f(short_size(prefix)?), long(prefix)])),
    );
    b.fixed_table(tag::POWER, (0..=33).map(|size| [-bytes_shift(size), f(size), f(u64::from(size == 33))]));
    b.fixed_table(tag::NIBBLES, (0..=64).map(|m| [two_to(4 * m), f(m), f(m % 2)]));
    b.fixed_table(tag::STRIDE, (1..=64).map(|m| [two_to(4 * m), f(m), zero]));
    b.fixed_table(tag::NIBBLE, (0..16).map(|n| [f(n), zero, zero]));
    b.fixed_table(
        tag::LIST,
        bytes
            .clone()
            .filter_map(|prefix| list_head(prefix).map(|(head, length)| [f(prefix.into()), f(head), f(length)])),
    );
    b.fixed_table(tag::LENGTH, (1..=3).map(|head| [f(head), bytes_shift(head - 1), zero]));
    b.fixed_table(
        tag::FLAG,
        bytes.clone().filter_map(|byte| flag(byte).map(|(low, code)| [f(byte.into()), f(low), f(code)])),
    );
    b.fixed_table(
        tag::CHILD,
        bytes.filter_map(|prefix| child(prefix).map(|hash| [f(prefix.into()), f(hash.into()), f((!hash).into())])),
    );
    b.fixed_table(tag::BLOCK_SIZE, (1..=6).map(|size| [f(size), zero, zero]));
}

/// Puts the tables of receipts, transactions and logs on the bus.
pub(super) fn receipts(b: &mut Builder) {
    let f = |v: u64| Fr::from(v);
    let zero = Fr::ZERO;
    let bytes = 0..=255u8;
    b.fixed_table(
        tag::BYTE,
        bytes.clone().map(|byte| {
            let key = crate::entry::key(byte.into());
            let integer = key.iter().fold(0, |acc, byte| acc << 8 | u64::from(*byte));
            [f(byte.into()), f(integer), f(2 * key.len() as u64)]
        }),
    );
    b.fixed_table(
        tag::ENVELOPE,
        bytes.clone().filter_map(|first| {
            envelope(first).map(|(typed, fees)| [f(first.into()), f(typed.into()), f(fees.into())])
        }),
    );
    let heads = |form: fn(u8) -> Option<(u64, u64)>| {
        bytes
            .clone()
            .filter_map(move |prefix| form(prefix).map(|(head, length)| [f(prefix.into()), f(head), f(length)]))
    };
    b.fixed_table(tag::LONG_STRING, heads(long_string_head));
    b.fixed_table(tag::STRING, heads(string_head));
    b.fixed_table(tag::STRING_HEAD, [[0, 0, 0], [1, 0, 0], [2, 1 << 8, 1], [3, 1 << 16, 1]].map(|row| row.map(f)));
    for topics in 0..=4 {
        let (prefix, next, head) = topics_head(topics);
        let sum = f(topics + 8 * head);
        b.fixed_table(tag::TOPICS, [[f(prefix), f(next), sum]]);
        for (tag, first) in [(tag::TOPICS_12, 1), (tag::TOPICS_34, 3)] {
            b.fixed_table(tag, [[sum, f(u64::from(topics >= first)), f(u64::from(topics > first))]]);
        }
    }
    b.fixed_table(tag::SPLIT, bytes.clone().map(|byte| [byte, byte >> 3, byte & 7].map(|v| f(v.into()))));
    let clear = bytes.flat_map(|byte| (0..8).filter(move |bit| byte >> bit & 1 == 0).map(move |bit| (byte, bit)));
    b.fixed_table(tag::CLEAR, clear.map(|(byte, bit)| [f(byte.into()), f(bit), zero]));
}
