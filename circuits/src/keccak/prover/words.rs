//! Lanes as packs see them.
//!
//! Element `i` of pack `t` of a lane is its place `t + 8i`: the lowest variables of a place tell packs apart, so that they are bound
//! pack by pack, and the place before is the same element of the pack before (or, for `t = 0`, the element before of the last).

use super::bits::Block;
use super::pack::{Pack, WIDTH};
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use std::array::from_fn;

/// Packs of a lane.
pub const PACKS: usize = 64 / WIDTH;

/// The bits of a lane: bit `i` of byte `t` is bit `t + 8i`.
pub type Lane = [u8; PACKS];

/// The bits of `word`.
pub fn turn(word: u64) -> Lane {
    // An 8x8 matrix of bits, transposed by swapping ever larger squares.
    let mut m = word;
    for (shift, mask) in [(7, 0x00aa_00aa_00aa_00aa), (14, 0x0000_cccc_0000_cccc), (28, 0x0000_0000_f0f0_f0f0)] {
        let swap = (m ^ m >> shift) & mask;
        m ^= swap ^ swap << shift;
    }
    m.to_le_bytes()
}

/// The bits of states.
#[derive(Clone, Copy)]
pub struct States<'a> {
    /// Of each instance, lane by lane.
    pub each: &'a [[Lane; 25]],
    /// Of eight instances together, for the second variable.
    pub blocks: &'a [Block<25>],
}

/// The packs of a lane's places.
pub fn lane_packs<P: Pack>(places: &[Fr]) -> [P; PACKS] {
    from_fn(|t| P::new(&from_fn(|i| places[t + PACKS * i])))
}

#[cfg(test)]
mod tests {
    use super::super::pack::portable::Portable;
    use super::*;

    #[test]
    fn places_of_packs() {
        let word = 0x9e37_79b9_7f4a_7c15u64;
        for (t, byte) in turn(word).into_iter().enumerate() {
            for i in 0..8 {
                assert_eq!(byte >> i & 1, (word >> (t + 8 * i) & 1) as u8, "pack {t}, lane {i}");
            }
        }
        let places: Vec<Fr> = (0..64).map(Fr::from).collect();
        let packs = lane_packs::<Portable>(&places);
        assert_eq!(packs[3].values()[2], Fr::from(19));
    }
}
