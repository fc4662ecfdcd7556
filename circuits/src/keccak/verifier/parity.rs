//! The first half of θ: from column parities and the carried share to the 25 lanes before the round.
//!
//! Statement: with `p` the place where θ ended,
//! `carried + Σ_x δ^x (δ C_x(p) + ε C'_x(p)) = Σ_i eq(inst, i) Σ_z [Σ_l K_l[z] c_l + Σ_x V_x[z] Π_y c_xy]`, where
//! `C'_x` is the parity rotated by one, `K_l[z] = factors[x] eq(p, z) W_l[z]` and
//! `V_x[z] = δ^x (δ eq(p, z) + ε eq(p, z + 1))`. The lanes `c` are those before ι of the round before, so that the
//! places of that round's constant change the sign of `K_0` and `V_0`.

use super::chi::ChiEnd;
use super::theta::ThetaEnd;
use super::{Point, Sumcheck};
use crate::keccak::arith::Arith;
use crate::keccak::permutation::{LANES, pi};
use crate::keccak::proof::RoundProof;
use crate::keccak::transcript::Transcript;
use crate::keccak::wiring::{Pair, Triple, polynomial, scale};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

/// Binds instances and places; returns where the 25 lanes are claimed. They are absorbed.
pub fn verify<A: Arith>(
    a: &mut A,
    transcript: &mut Transcript<A::V>,
    round: usize,
    chi: &ChiEnd<A::V>,
    theta: &ThetaEnd<A::V>,
    sent: &RoundProof<A::V>,
) -> Point<A::V> {
    let n = theta.point.inst.len();
    let (delta, epsilon) = (transcript.squeeze(a), transcript.squeeze(a));
    let (plain, shifted) = (polynomial(a, delta, &sent.parities), polynomial(a, delta, &sent.shifted));
    let claim = a.dot(Some(theta.carried), &[(delta, plain), (epsilon, shifted)], Fr::ZERO);

    let mut sumcheck = Sumcheck::new(claim);
    for (w, sent) in theta.point.inst.iter().zip(&sent.parity) {
        sumcheck.round(a, transcript, *w, sent);
    }
    sumcheck.sum_z(a, transcript, &sent.parity_z);
    let end = sumcheck.point(n);

    let lanes = &sent.lanes;
    let columns: [A::V; 5] = std::array::from_fn(|x| {
        let [left, right] = a.mul2((lanes[x], lanes[x + 5]), (lanes[x + 10], lanes[x + 15]));
        a.chain2(left, right, lanes[x + 20])[1]
    });
    let pair = Pair::new(a, &theta.point.z, &end.z);
    let triple = Triple::new(a, &pair, &chi.point.z);

    let (equal, next) = (pair.equal(a), pair.next(a));
    let weight = a.dot(None, &[(delta, equal), (epsilon, next)], Fr::ZERO);
    let joined = polynomial(a, delta, &columns);
    let mut terms = vec![(weight, joined)];
    let mut rotations = triple.rotations(a);
    if round > 0 {
        // The sign of ι: 1 - 2 at each set bit.
        let minus_two = -Fr::from(2);
        let (iota, iota_next) = (pair.iota(a, round - 1), pair.iota_next(a, round - 1));
        let minus_two_cell = a.constant(minus_two);
        let sum = a.dot(None, &[(delta, iota), (epsilon, iota_next)], Fr::ZERO);
        let signed = a.mul(sum, minus_two_cell);
        terms.push((signed, columns[0]));
        let at_lane = triple.iota(a, round - 1);
        rotations[0] = a.linear(Some(rotations[0]), &[(minus_two, at_lane)], Fr::ZERO);
    }
    let own = carried_share(a, chi, theta, &rotations, lanes);
    let sum = a.dot(Some(own), &terms, Fr::ZERO);
    a.assert_equal(sumcheck.claim, sum, "end of parity");

    transcript.absorb(a, lanes);
    end
}

/// `Σ_{x,y} factors[x] gamma^y eq(planes, 2x + 3y) rotations[x, y] lanes[x, y]`.
fn carried_share<A: Arith>(
    a: &mut A,
    chi: &ChiEnd<A::V>,
    theta: &ThetaEnd<A::V>,
    rotations: &[A::V; LANES],
    lanes: &[A::V; LANES],
) -> A::V {
    let mut weighted = *lanes;
    for x in 0..5 {
        let column: Vec<_> = (0..5).map(|y| weighted[x + 5 * y]).collect();
        for (y, v) in scale(a, theta.factors[x], &column).into_iter().enumerate() {
            weighted[x + 5 * y] = v;
        }
    }
    for plane in 0..5 {
        let members: Vec<usize> = (0..LANES).filter(|lane| pi(*lane) / 5 == plane).collect();
        let values: Vec<_> = members.iter().map(|lane| weighted[*lane]).collect();
        for (lane, v) in members.into_iter().zip(scale(a, chi.planes[plane], &values)) {
            weighted[lane] = v;
        }
    }
    let mut sum = None;
    for y in (0..5).rev() {
        let mut terms: Vec<_> = (5 * y..5 * y + 5).map(|lane| (weighted[lane], rotations[lane])).collect();
        terms.extend(sum.map(|sum| (chi.gamma, sum)));
        sum = Some(a.dot(None, &terms, Fr::ZERO));
    }
    sum.unwrap_or(chi.gamma)
}
