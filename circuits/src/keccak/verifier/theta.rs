//! The second half of θ: from the lanes before ρ and π to column parities, with the lanes' own share carried on.
//!
//! Statement: `claim = Σ_i eq(inst, i) Σ_{x,z} D_x[i, z] C_{x-1}[i, z] C_{x+1}[i, z-1]`, where `C_x` is the parity of
//! column `x` and `D_x = Σ_y W_{xy}[z] c_{xy}[i, z]` joins its lanes with the weights
//! `W_{xy}[z] = gamma^y eq(planes, 2x + 3y) eq(h, z + rotation(x, y))`.

use super::chi::ChiEnd;
use super::{Point, Sumcheck};
use crate::keccak::arith::Arith;
use crate::keccak::proof::RoundProof;
use crate::keccak::transcript::Transcript;
use crate::keccak::wiring::products;

/// Where θ ends.
#[derive(Clone, Debug)]
pub struct ThetaEnd<V> {
    /// Instance and place.
    pub point: Point<V>,
    /// `C_{x-1} * shifted C_{x+1}`: the factor of `D_x` in what is left of the claim.
    pub factors: [V; 5],
    /// `Σ_x factors[x] * D_x`, still to be proven.
    pub carried: V,
}

/// Binds instances and places.
pub fn verify<A: Arith>(
    a: &mut A,
    transcript: &mut Transcript<A::V>,
    chi: &ChiEnd<A::V>,
    sent: &RoundProof<A::V>,
) -> ThetaEnd<A::V> {
    let n = chi.point.inst.len();
    let mut sumcheck = Sumcheck::new(chi.claim);
    for (w, sent) in chi.point.inst.iter().zip(&sent.theta) {
        sumcheck.round(a, transcript, *w, sent);
    }
    sumcheck.sum_z(a, transcript, &sent.theta[n..]);

    transcript.absorb(a, &sent.parities);
    transcript.absorb(a, &sent.shifted);
    let pairs: Vec<_> = (0..5).map(|x| (sent.parities[(x + 4) % 5], sent.shifted[(x + 1) % 5])).collect();
    let factors = products(a, &pairs);
    ThetaEnd { point: sumcheck.point(n), factors: std::array::from_fn(|x| factors[x]), carried: sumcheck.claim }
}
