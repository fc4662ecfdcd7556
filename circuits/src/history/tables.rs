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
