//! keccak-f\[1600\], natively, in the pieces that the proof talks about.
//!
//! Source: FIPS 202, section 3.2. Lane `(x, y)` is `state[x + 5 * y]`.

/// Lanes of a state.
pub const LANES: usize = 25;
/// Rounds of keccak-f.
pub const ROUNDS: usize = 24;

/// A keccak state: 25 lanes of 64 bits.
pub type State = [u64; LANES];

/// ρ: how far lane `x + 5y` is rotated to the left, in bits.
pub const ROTATIONS: [u32; LANES] = [
    0, 1, 62, 28, 27, //
    36, 44, 6, 55, 20, //
    3, 10, 43, 25, 39, //
    41, 45, 15, 21, 8, //
    18, 2, 61, 56, 14,
];

/// ι: what is XORed onto lane `(0, 0)` at the end of each round.
pub const ROUND_CONSTANTS: [u64; ROUNDS] = [
    0x0000000000000001,
    0x0000000000008082,
    0x800000000000808a,
    0x8000000080008000,
    0x000000000000808b,
    0x0000000080000001,
    0x8000000080008081,
    0x8000000000008009,
    0x000000000000008a,
    0x0000000000000088,
    0x0000000080008009,
    0x000000008000000a,
    0x000000008000808b,
    0x800000000000008b,
    0x8000000000008089,
    0x8000000000008003,
    0x8000000000008002,
    0x8000000000000080,
    0x000000000000800a,
    0x800000008000000a,
    0x8000000080008081,
    0x8000000000008080,
    0x0000000080000001,
    0x8000000080008008,
];

/// Where π puts lane `(x, y)`: to `(y, 2x + 3y mod 5)`. Both sides as `x + 5y`.
pub const fn pi(lane: usize) -> usize {
    let (x, y) = (lane % 5, lane / 5);
    y + 5 * ((2 * x + 3 * y) % 5)
}

/// Bits of a round constant can be set only at `2^j - 1`; whether they are, for `j` in `0..7`.
pub fn iota_flags(round: usize) -> [bool; 7] {
    std::array::from_fn(|j| ROUND_CONSTANTS[round] >> ((1 << j) - 1) & 1 == 1)
}

/// The parities of the five columns: `C_x`, the XOR of lanes `(x, 0..5)`.
pub fn parities(state: &State) -> [u64; 5] {
    std::array::from_fn(|x| (0..5).fold(0, |sum, y| sum ^ state[x + 5 * y]))
}

/// θ, then ρ and π.
pub fn theta_rho_pi(state: &State) -> State {
    let c = parities(state);
    let mut out = [0; LANES];
    for (lane, word) in state.iter().enumerate() {
        let x = lane % 5;
        let word = word ^ c[(x + 4) % 5] ^ c[(x + 1) % 5].rotate_left(1);
        out[pi(lane)] = word.rotate_left(ROTATIONS[lane]);
    }
    out
}

/// χ.
pub fn chi(state: &State) -> State {
    std::array::from_fn(|lane| {
        let (x, row) = (lane % 5, lane - lane % 5);
        state[lane] ^ (!state[row + (x + 1) % 5] & state[row + (x + 2) % 5])
    })
}

/// The permutation.
pub fn keccak_f(state: &State) -> State {
    let mut state = *state;
    for constant in ROUND_CONSTANTS {
        state = chi(&theta_rho_pi(&state));
        state[0] ^= constant;
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_tiny_keccak() {
        let mut state: State = std::array::from_fn(|i| (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let ours = keccak_f(&state);
        tiny_keccak::keccakf(&mut state);
        assert_eq!(ours, state);
    }

    #[test]
    fn flags_name_every_set_bit() {
        for (round, constant) in ROUND_CONSTANTS.into_iter().enumerate() {
            let bits =
                iota_flags(round).iter().enumerate().fold(0, |sum, (j, set)| sum | (*set as u64) << ((1 << j) - 1));
            assert_eq!(bits, constant, "round {round}");
        }
    }
}
