//! The prover's side of a sumcheck: claims, round polynomials, challenges.

use crate::keccak::arith::Native;
use crate::keccak::poly::round_polynomial;
use crate::keccak::transcript::Transcript;
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use rayon::prelude::*;

/// The prover's copy of the verifier's sponge.
pub struct Session {
    pub native: Native,
    pub transcript: Transcript<Fr>,
}

impl Session {
    pub fn absorb(&mut self, values: &[Fr]) {
        self.transcript.absorb(&mut self.native, values);
    }

    pub fn squeeze(&mut self) -> Fr {
        self.transcript.squeeze(&mut self.native)
    }
}

/// A sumcheck in progress; mirrors the verifier's.
pub struct Sumcheck {
    pub claim: Fr,
    pub bound: Vec<Fr>,
}

impl Sumcheck {
    pub fn new(claim: Fr) -> Self {
        Self { claim, bound: Vec::new() }
    }

    /// Sends the round polynomial of degree `D` for a variable of weight `w` and binds the variable.
    ///
    /// - `values`: at `1, -1, 2, …` (`D - 1` of them), then the leading coefficient. The value at 0 follows from the
    ///   claim; a `w` of 1 (never drawn in practice) would yield a proof that is rejected.
    pub fn round<const D: usize>(&mut self, session: &mut Session, w: Fr, values: &[Fr; D]) -> [Fr; D] {
        let inverse = (Fr::ONE - w).invert().unwrap_or(Fr::ZERO);
        let at_zero = (self.claim - w * values[0]) * inverse;
        let mut all = vec![at_zero];
        all.extend(values);
        let sent = round_polynomial::<D>(&all);
        session.absorb(&sent);
        let r = session.squeeze();
        let quotient = sent[1..].iter().rev().fold(Fr::ZERO, |sum, c| sum * r + c);
        self.claim += (r - w) * sent[0] + r * (r - Fr::ONE) * quotient;
        self.bound.push(r);
        sent
    }
}

/// `Σ_i f(i)` on all cores.
pub fn sum<const P: usize>(count: usize, f: impl Fn(usize) -> [Fr; P] + Sync) -> [Fr; P] {
    let add = |left: [Fr; P], right: [Fr; P]| std::array::from_fn(|k| left[k] + right[k]);
    (0..count).into_par_iter().fold(|| [Fr::ZERO; P], |sum, i| add(sum, f(i))).reduce(|| [Fr::ZERO; P], add)
}

/// Adds `weight * values` to `sum`.
pub fn accumulate<const P: usize>(sum: &mut [Fr; P], weight: &Fr, values: &[Fr; P]) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += weight * value;
    }
}
