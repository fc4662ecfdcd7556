//! The bloom filter of a block's logs: what it does not hold, no log has.
//!
//! Statement: of each log's address and topics `x` the filter holds three bits of 2,048, number `d[2i] · 256 + d[2i + 1] mod 2048` for
//! `d = keccak(x)` and i in 0..3; bit 0 is the lowest of the last byte. So a bit that is 0 proves that no log of the block has `x`.
//!
//! Source: Yellow Paper, section 4.3.1.

use crate::digest::{Hash, keccak256};

/// Bytes of a filter.
pub const BYTES: usize = 256;

/// Number of bit `which` (0 to 2) of the thing with the digest `digest`.
pub fn bit(digest: &Hash, which: usize) -> usize {
    (usize::from(digest[2 * which]) << 8 | usize::from(digest[2 * which + 1])) % (8 * BYTES)
}

/// Position and mask of a bit in the filter's bytes.
pub fn place(bit: usize) -> (usize, u8) {
    (BYTES - 1 - bit / 8, 1 << (bit % 8))
}

/// Which of the three bits of `thing` the filter does not hold, if any.
pub fn missing_bit(filter: &[u8], thing: &[u8]) -> Option<usize> {
    let digest = keccak256(thing);
    (0..3).find(|which| {
        let (at, mask) = place(bit(&digest, *which));
        filter[at] & mask == 0
    })
}
