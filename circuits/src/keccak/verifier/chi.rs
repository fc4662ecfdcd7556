//! χ: from combined lanes of a round's output to the five lanes of one plane before χ.
//!
//! Statement: `claim = Σ_{i,Y,z} eq(inst, i) eq(y, Y) eq(z, z) Σ_X rho^X χ_X(b_{·,Y}[i, z])`, where
//! `χ_X(b) = b_X (1 - b_{X+1} + b_{X+2} + b_{X+1} b_{X+2}) / 2` is χ on `1 - 2 * bit`.

use super::{LaneWeights, Point, Sumcheck};
use crate::keccak::arith::Arith;
use crate::keccak::proof::RoundProof;
use crate::keccak::transcript::Transcript;
use crate::keccak::wiring::plane_eq;
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

/// Where χ ends, and the claim with which θ starts.
#[derive(Clone, Debug)]
pub struct ChiEnd<V> {
    /// Instance and place after ρ and π.
    pub point: Point<V>,
    /// `eq(y, Y)` of the plane where χ ends.
    pub planes: [V; 5],
    /// Combines the lanes of a plane after π, that is: the rows `y` before.
    pub gamma: V,
    /// `Σ_X gamma^X b_X`.
    pub claim: V,
}

/// Binds instances, places, and planes, in this order.
pub fn verify<A: Arith>(
    a: &mut A,
    transcript: &mut Transcript<A::V>,
    claim: A::V,
    at: &Point<A::V>,
    weights: &LaneWeights<A::V>,
    sent: &RoundProof<A::V>,
) -> ChiEnd<A::V> {
    let n = at.inst.len();
    let mut sumcheck = Sumcheck::new(claim);
    let coordinates = at.inst.iter().chain(&at.z).chain(&weights.point);
    for (w, sent) in coordinates.zip(&sent.chi) {
        sumcheck.round(a, transcript, *w, sent);
    }

    let b = &sent.planes;
    let (one, minus_one) = (a.constant(Fr::ONE), a.constant(-Fr::ONE));
    let mut sum = None;
    for x in (0..5).rev() {
        let (next, after) = (b[(x + 1) % 5], b[(x + 2) % 5]);
        let factor = a.dot(Some(after), &[(minus_one, next), (next, after)], Fr::ONE);
        let mut terms = vec![(b[x], factor)];
        terms.extend(sum.map(|sum| (weights.rho, sum)));
        sum = Some(a.dot(None, &terms, Fr::ZERO));
    }
    let twice = a.dot(Some(sumcheck.claim), &[(one, sumcheck.claim)], Fr::ZERO);
    a.assert_equal(sum.unwrap_or(twice), twice, "end of chi");

    transcript.absorb(a, b);
    let gamma = transcript.squeeze(a);
    let [gamma2, gamma3, gamma4] = a.powers(gamma);
    let claim = a.dot(Some(b[0]), &[(gamma, b[1]), (gamma2, b[2]), (gamma3, b[3]), (gamma4, b[4])], Fr::ZERO);
    let planes = plane_eq(a, &std::array::from_fn(|k| sumcheck.bound[n + 6 + k]));
    ChiEnd { point: sumcheck.point(n), planes, gamma, claim }
}
