//! The verifier, written once for field elements and for cells of the circuit (see [`Arith`]).
//!
//! Statement: given flags `first`, there are states with `in_i = (first_i ? 0 : out_{i-1}) XOR (message_i ‖ 0)` and
//! `out_i = keccak-f(in_i)`, whose bytes satisfy the returned [`ByteClaim`].
//!
//! Sound, up to a probability below `2^-230`: bits are taken as `1 - 2b`, so that XOR is multiplication. A claim about
//! lanes at a random point goes through each round from its output to its input by three sumchecks (χ, θ, parity);
//! ρ, π, ι and the shifts of θ are public weights. The challenges come from a sponge that starts from `seed`.
//! Assumes that `seed` was drawn after messages, outputs and flags were fixed, that flags are 0 or 1, and that the
//! caller checks the returned claim against those very bytes.

mod chain;
mod chi;
#[cfg(test)]
mod count;
mod parity;
mod theta;

use super::arith::{Arith, Native};
use super::claim::ByteClaim;
use super::permutation::{LANES, ROUNDS};
use super::proof::Proof;
use super::transcript::Transcript;
use super::wiring::{plane_weights, polynomial};
use halo2_base::halo2_proofs::{
    arithmetic::Field,
    halo2curves::{bn256::Fr, ff::PrimeField},
};
use thiserror::Error;

/// Why a proof was rejected.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum KeccakError {
    /// The proof is for another number of instances than there are flags. Not recoverable.
    #[error("proof is for 2^{got} instances, expected {expected}")]
    Shape {
        /// The number of flags.
        expected: usize,
        /// The logarithm of the number of instances that the proof is for.
        got: usize,
    },
    /// A check failed: the proof is wrong. Not recoverable.
    #[error("keccak proof: {0} does not hold")]
    Check(&'static str),
}

/// A point of instances and places; the lowest bit of each comes first.
#[derive(Clone, Debug)]
pub struct Point<V> {
    /// `n` coordinates.
    pub inst: Vec<V>,
    /// Place in a lane.
    pub z: [V; 6],
}

/// How 25 lanes at one point are combined: `Σ_X rho^X Σ_Y planes[Y] * lane(X, Y)`.
#[derive(Clone, Debug)]
pub struct LaneWeights<V> {
    /// Combines the lanes of a plane.
    pub rho: V,
    /// `eq(point, Y)`.
    pub planes: [V; 5],
    /// Three coordinates for `Y`.
    pub point: [V; 3],
}

impl<V: Copy> LaneWeights<V> {
    /// Draws fresh weights.
    pub fn draw<A: Arith<V = V>>(a: &mut A, transcript: &mut Transcript<V>) -> Self {
        let (rho, t) = (transcript.squeeze(a), transcript.squeeze(a));
        let (planes, point) = plane_weights(a, t);
        Self { rho, planes, point }
    }

    /// The combination of `lanes`.
    pub fn combine<A: Arith<V = V>>(&self, a: &mut A, lanes: &[V; LANES]) -> V {
        let mut sum = None;
        for x in (0..5).rev() {
            let mut terms: Vec<_> = (0..5).map(|y| (self.planes[y], lanes[x + 5 * y])).collect();
            terms.extend(sum.map(|sum| (self.rho, sum)));
            sum = Some(a.dot(None, &terms, Fr::ZERO));
        }
        sum.unwrap_or(self.rho)
    }
}

/// A sumcheck in progress: the running claim, and the variables bound so far.
///
/// Every variable has a weight `(1 - w, w)`: the claim is `Σ_x eq(w, x) f(x)`. A plain sum is the mean over all places
/// (`w = 1/2`) after division by their number.
#[derive(Clone, Debug)]
struct Sumcheck<V> {
    claim: V,
    bound: Vec<V>,
}

impl<V: Copy> Sumcheck<V> {
    fn new(claim: V) -> Self {
        Self { claim, bound: Vec::new() }
    }

    /// Binds one variable of weight `w`, by the polynomial that the prover sent.
    fn round<A: Arith<V = V>>(&mut self, a: &mut A, transcript: &mut Transcript<V>, w: V, sent: &[V]) {
        transcript.absorb(a, sent);
        let r = transcript.squeeze(a);
        let rest = if sent.len() == 3 {
            sent[2]
        } else {
            let [r2, r3, _] = a.powers(r);
            let terms: Vec<_> = [r, r2, r3].into_iter().zip(sent[3..].iter().copied()).collect();
            a.dot(Some(sent[2]), &terms, Fr::ZERO)
        };
        self.claim = a.round3(self.claim, w, r, [sent[0], sent[1], rest]);
        self.bound.push(r);
    }

    /// Binds six variables of `z`, from a sum over them.
    fn sum_z<A: Arith<V = V>, const D: usize>(&mut self, a: &mut A, transcript: &mut Transcript<V>, sent: &[[V; D]]) {
        let half = a.constant(Fr::TWO_INV);
        self.claim = a.linear(None, &[(Fr::TWO_INV.pow([6]), self.claim)], Fr::ZERO);
        for sent in sent {
            self.round(a, transcript, half, sent);
        }
    }

    /// The first `n` variables bound, and the six after them.
    fn point(&self, n: usize) -> Point<V> {
        Point { inst: self.bound[..n].to_vec(), z: std::array::from_fn(|k| self.bound[n + k]) }
    }
}

/// Checks `proof` and returns what remains to be checked about the bytes.
///
/// - `seed`: drawn after messages, outputs and flags were fixed
/// - `first`: `2^n` flags, 1 where the sponge starts afresh; assumed to be 0 or 1
/// - `proof`: of the shape for `n`
pub fn verify<A: Arith>(a: &mut A, seed: A::V, first: &[A::V], proof: &Proof<A::V>) -> ByteClaim<A::V> {
    let n = proof.n();
    assert_eq!(first.len(), 1 << n, "one flag for each instance");
    let mut transcript = Transcript::new(a, seed);
    let t = &mut transcript;

    let inst = t.squeeze_many(a, n);
    let z = t.squeeze_many(a, 6);
    let start = Point { inst, z: std::array::from_fn(|k| z[k]) };
    let start_weights = LaneWeights::draw(a, t);
    t.absorb(a, &[proof.out_claim]);

    let (mut point, mut weights, mut claim) = (start.clone(), start_weights.clone(), proof.out_claim);
    for (round, sent) in (0..ROUNDS).rev().zip(&proof.rounds) {
        let chi = chi::verify(a, t, claim, &point, &weights, sent);
        let theta = theta::verify(a, t, &chi, sent);
        point = parity::verify(a, t, round, &chi, &theta, sent);
        if round > 0 {
            weights = LaneWeights::draw(a, t);
            claim = weights.combine(a, &sent.lanes);
        }
    }
    let mu = t.squeeze(a);
    let inputs: Vec<_> = proof.rounds[ROUNDS - 1].lanes.iter().copied().chain([proof.out_claim]).collect();
    let claim = polynomial(a, mu, &inputs);
    chain::verify(a, t, claim, mu, (&start, &start_weights), &point, first, &proof.chain)
}

/// [`verify`] on field elements.
///
/// # Errors
/// [`KeccakError::Shape`] if the proof is for another number of instances, [`KeccakError::Check`] if it is wrong.
pub fn verify_native(seed: Fr, first: &[bool], proof: &Proof<Fr>) -> Result<ByteClaim<Fr>, KeccakError> {
    if first.len() != 1 << proof.n() {
        return Err(KeccakError::Shape { expected: first.len(), got: proof.n() });
    }
    let flags: Vec<Fr> = first.iter().map(|first| Fr::from(*first)).collect();
    let mut native = Native::default();
    let claim = verify(&mut native, seed, &flags, proof);
    native.failure.map_or(Ok(claim), |what| Err(KeccakError::Check(what)))
}
