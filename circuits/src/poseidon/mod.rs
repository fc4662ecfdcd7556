//! Poseidon over BN254's scalar field: t = 4, 8 full and 56 partial rounds, x^5.
//!
//! Parameters: the reference Grain generator and its Cauchy MDS matrix (Grassi et al. 2019, section 5.3 and
//! supplementary material), as `poseidon-primitives` makes them. The permutation equals halo2-base's.

pub mod recurrence;

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use poseidon_primitives::poseidon::primitives::Spec;
use std::sync::LazyLock;

/// Width of the state in field elements.
pub const WIDTH: usize = 4;
/// Elements absorbed by one permutation.
pub const RATE: usize = 3;
/// Full rounds, half of them before and half after the partial ones.
pub const FULL_ROUNDS: usize = 8;
/// Partial rounds: the s-box acts on element 0 only.
pub const PARTIAL_ROUNDS: usize = 56;

/// Domain of a fact leaf.
pub const LEAF: u64 = 1;
/// Domain of an inner node of a fact tree.
pub const NODE: u64 = 2;
/// Domain of the transcript of the keccak sumcheck.
pub const TRANSCRIPT: u64 = 3;
/// Domain of the private inputs of a model.
pub const INPUTS: u64 = 5;
/// Domain of the outputs of a model.
pub const OUTPUTS: u64 = 6;
/// Domain of the start of a path through storage.
pub const PATH_START: u64 = 7;
/// Domain of a step of a path.
pub const PATH_STEP: u64 = 8;

/// The state of the permutation.
pub type State = [Fr; WIDTH];
/// A matrix over the state.
pub type Matrix = [[Fr; WIDTH]; WIDTH];

#[derive(Debug)]
struct Bn254;

impl Spec<Fr, WIDTH, RATE> for Bn254 {
    fn full_rounds() -> usize {
        FULL_ROUNDS
    }
    fn partial_rounds() -> usize {
        PARTIAL_ROUNDS
    }
    fn sbox(x: Fr) -> Fr {
        pow5(x)
    }
    fn secure_mds() -> usize {
        0
    }
}

/// Round constants (one state a round) and the MDS matrix.
pub struct Constants {
    /// `FULL_ROUNDS + PARTIAL_ROUNDS` rows, added before the s-boxes of each round.
    pub round: Vec<State>,
    /// Applied after the s-boxes of each round.
    pub mds: Matrix,
}

/// The constants, generated once.
pub static CONSTANTS: LazyLock<Constants> = LazyLock::new(|| {
    let (round, mds, _) = Bn254::constants();
    Constants { round, mds }
});

/// `x^5`.
pub fn pow5(x: Fr) -> Fr {
    let square = x.square();
    square.square() * x
}

/// `matrix * state`.
pub fn apply(matrix: &Matrix, state: &State) -> State {
    matrix.map(|row| row.iter().zip(state).map(|(m, s)| *m * s).sum())
}

/// True for the rounds whose s-boxes act on the whole state.
pub fn is_full(round: usize) -> bool {
    !(FULL_ROUNDS / 2..FULL_ROUNDS / 2 + PARTIAL_ROUNDS).contains(&round)
}

/// The permutation.
pub fn permute(state: &mut State) {
    *state = recurrence::permute(state);
}

/// Fixed-length hash: the capacity starts as `domain`, `inputs` are added three at a time, the result is element 1.
///
/// Inputs of different lengths need different domains: the padding is zero.
pub fn hash(domain: u64, inputs: &[Fr]) -> Fr {
    let mut state = [Fr::from(domain), Fr::ZERO, Fr::ZERO, Fr::ZERO];
    for chunk in inputs.chunks(RATE) {
        for (s, input) in state[1..].iter_mut().zip(chunk) {
            *s += input;
        }
        permute(&mut state);
    }
    state[1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_base::{gates::RangeInstructions, poseidon::hasher::PoseidonSponge, utils::testing::base_test};

    #[test]
    fn equals_the_permutation_of_halo2_base() {
        let inputs = [Fr::from(7), Fr::from(11), -Fr::from(13)];
        let out = base_test().k(14).lookup_bits(13).run(|ctx, range| {
            let mut sponge = PoseidonSponge::<Fr, WIDTH, RATE>::new::<FULL_ROUNDS, PARTIAL_ROUNDS, 0>(ctx);
            let cells = ctx.assign_witnesses(inputs);
            sponge.update(&cells);
            *sponge.squeeze(ctx, range.gate()).value()
        });
        // its sponge: capacity 2^64, the inputs, then a second block that holds the padding 1
        let mut state = [Fr::from(2).pow([64]), inputs[0], inputs[1], inputs[2]];
        permute(&mut state);
        state[1] += Fr::ONE;
        permute(&mut state);
        assert_eq!(out, state[1]);
    }

    #[test]
    fn domains_separate() {
        let inputs = [Fr::ONE, Fr::ZERO, Fr::ONE];
        assert_ne!(hash(LEAF, &inputs), hash(NODE, &inputs));
    }
}
