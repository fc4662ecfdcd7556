//! What remains of the proof when the verifier is done: one linear claim about bytes.

use super::permutation::{LANES, State};
use super::poly::eq_table;
use super::sponge::{Block, RATE_LANES, STATE_BYTES, state_bytes};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

/// The claim
/// `value = Σ_i Σ_{l<17} eq[i] a[l] message(i, l) + Σ_i Σ_{l<25} u[i] b[l] out(i, l)`.
///
/// `message(i, l)` is lane `l` (bytes `8l..8l+8`) of the block of instance `i` at the point `q_z`, and `out(i, l)` the
/// same lane of its output state. A lane with the bytes `B_0..B_7` has the value `Σ_j place(j) * T[B_j]`, where
/// - `place(j) = eq((q_z[3], q_z[4], q_z[5]), j)`: `q_z[3]` belongs to the lowest bit of `j`;
/// - `T[b] = 1 - 2 Σ_{k<8} eq((q_z[0], q_z[1], q_z[2]), k) * (bit k of b)`: `q_z[0]` belongs to the lowest bit of `k`;
/// - `eq(w, k) = Π_t (w_t if bit t of k is set, else 1 - w_t)`.
///
/// So a bit `b` counts as `1 - 2b`, and bit `z = 8j + k` of a lane belongs to `q_z` with the lowest bit first.
#[derive(Clone, Debug)]
pub struct ByteClaim<V> {
    /// Weight of each instance's message.
    pub eq: Vec<V>,
    /// Weight of each instance's output.
    pub u: Vec<V>,
    /// Where lanes are evaluated.
    pub q_z: [V; 6],
    /// Weights of the message lanes.
    pub a: [V; RATE_LANES],
    /// Weights of the output lanes.
    pub b: [V; LANES],
    /// What the sum must be.
    pub value: V,
}

impl ByteClaim<Fr> {
    /// `place(0..8)`: the weight of each byte of a lane.
    pub fn places(&self) -> Vec<Fr> {
        eq_table(&self.q_z[3..])
    }

    /// `T[0..256]`: the value of each byte.
    pub fn table(&self) -> Vec<Fr> {
        let eq = eq_table(&self.q_z[..3]);
        (0..256).map(|b| (0..8).filter(|k| b >> k & 1 == 1).fold(Fr::ONE, |sum, k| sum - eq[k].double())).collect()
    }
}

/// Whether `claim` is true of these bytes.
pub fn claim_holds(claim: &ByteClaim<Fr>, messages: &[Block], outs: &[State]) -> bool {
    let outs: Vec<[u8; STATE_BYTES]> = outs.iter().map(state_bytes).collect();
    bytes_hold(claim, messages, &outs)
}

/// [`claim_holds`], with the outputs as bytes.
pub fn bytes_hold(claim: &ByteClaim<Fr>, messages: &[Block], outs: &[[u8; STATE_BYTES]]) -> bool {
    let (table, places) = (claim.table(), claim.places());
    let lanes = |bytes: &[u8], weights: &[Fr]| -> Fr {
        let lane = |chunk: &[u8]| chunk.iter().zip(&places).map(|(b, place)| table[*b as usize] * place).sum::<Fr>();
        bytes.chunks(8).zip(weights).map(|(chunk, weight)| lane(chunk) * weight).sum()
    };
    let message: Fr = messages.iter().zip(&claim.eq).map(|(m, eq)| lanes(m, &claim.a) * eq).sum();
    let out: Fr = outs.iter().zip(&claim.u).map(|(o, u)| lanes(o, &claim.b) * u).sum();
    message + out == claim.value
}
