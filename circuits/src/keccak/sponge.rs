//! keccak256 of byte strings as a list of instances of keccak-f.
//!
//! Statement: instance `i` takes the 136 bytes `block_i` and a flag `first_i`, and
//! `in_i = (first_i ? 0 : out_{i-1}) XOR (block_i ‖ 0^64)`, `out_i = keccak-f(in_i)`. The digest of a message is the
//! first 32 bytes of `out` of its last block.

use super::permutation::{State, keccak_f};

/// Bytes that one instance absorbs.
pub const RATE_BYTES: usize = 136;
/// Lanes that one instance absorbs.
pub const RATE_LANES: usize = 17;
/// Bytes of a state.
pub const STATE_BYTES: usize = 200;

/// The blocks that one instance each absorbs.
pub type Block = [u8; RATE_BYTES];

/// Splits `message` into blocks with the padding of keccak256: `0x01`, zeros, and `0x80` on the last byte (`0x81`
/// where the two meet). A message that ends exactly at a block gets one more block.
pub fn pad(message: &[u8]) -> Vec<Block> {
    let mut bytes = message.to_vec();
    bytes.push(1);
    bytes.resize(bytes.len().next_multiple_of(RATE_BYTES), 0);
    if let Some(last) = bytes.last_mut() {
        *last |= 0x80;
    }
    bytes.as_chunks::<RATE_BYTES>().0.to_vec()
}

/// The input state of each instance, and its output. Bytes are little-endian in lanes.
///
/// - `blocks`, `first`: of equal length; the first flag must be set
pub fn run(blocks: &[Block], first: &[bool]) -> Vec<(State, State)> {
    let mut previous = [0; 25];
    blocks
        .iter()
        .zip(first)
        .map(|(block, first)| {
            let mut input = if *first { [0; 25] } else { previous };
            for (lane, bytes) in input.iter_mut().zip(block.as_chunks::<8>().0) {
                *lane ^= u64::from_le_bytes(*bytes);
            }
            previous = keccak_f(&input);
            (input, previous)
        })
        .collect()
}

/// The bytes of a state, lane after lane, each little-endian.
pub fn state_bytes(state: &State) -> [u8; STATE_BYTES] {
    let mut bytes = [0; STATE_BYTES];
    for (chunk, lane) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(state) {
        *chunk = lane.to_le_bytes();
    }
    bytes
}

/// keccak256, through [`pad`] and [`run`].
pub fn keccak256(message: &[u8]) -> [u8; 32] {
    let blocks = pad(message);
    let first: Vec<bool> = (0..blocks.len()).map(|i| i == 0).collect();
    let mut digest = [0; 32];
    if let Some((_, out)) = run(&blocks, &first).last() {
        digest.copy_from_slice(&state_bytes(out)[..32]);
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use tiny_keccak::{Hasher, Keccak};

    #[test]
    fn digests_agree_with_tiny_keccak() {
        let message: Vec<u8> = (0..1000u32).map(|i| ((i * i) >> 3) as u8).collect();
        for length in 0..=1000 {
            let mut hasher = Keccak::v256();
            hasher.update(&message[..length]);
            let mut expected = [0; 32];
            hasher.finalize(&mut expected);
            assert_eq!(keccak256(&message[..length]), expected, "length {length}");
        }
    }

    #[test]
    fn padding_of_the_edges() {
        assert_eq!(pad(&[7; 134])[0][134..], [1, 0x80]);
        assert_eq!(pad(&[7; 135])[0][135], 0x81);
        let two = pad(&[7; 136]);
        assert_eq!((two.len(), two[1][0], two[1][135]), (2, 1, 0x80));
    }
}
