//! Keccak-256 of bytes, the hash of everything the chain commits to.

use tiny_keccak::{Hasher, Keccak};

/// A keccak-256 digest, or any 32-byte word, big-endian.
pub type Hash = [u8; 32];

/// Root of a trie without entries: `keccak256(0x80)`.
pub const EMPTY_ROOT: Hash = [
    0x56, 0xe8, 0x1f, 0x17, 0x1b, 0xcc, 0x55, 0xa6, 0xff, 0x83, 0x45, 0xe6, 0x92, 0xc0, 0xf8, 0x6e, 0x5b, 0x48, 0xe0,
    0x1b, 0x99, 0x6c, 0xad, 0xc0, 0x01, 0x62, 0x2f, 0xb5, 0xe3, 0x63, 0xb4, 0x21,
];

/// Keccak-256 with Ethereum's padding (`0x01`), not SHA3-256.
pub fn keccak256(message: &[u8]) -> Hash {
    let mut hasher = Keccak::v256();
    hasher.update(message);
    let mut digest = [0; 32];
    hasher.finalize(&mut digest);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_root_is_the_hash_of_the_empty_string_item() {
        assert_eq!(keccak256(&[0x80]), EMPTY_ROOT);
    }

    #[test]
    fn pads_as_keccak_not_as_sha3() {
        assert_eq!(hex::encode(keccak256(b"")), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    }
}
