//! The last sumcheck: from the input states to messages and outputs, at one point.
//!
//! Statement: with `previous_i = first_i ? 1 : out_{i-1}` (1 stands for a zero bit),
//! `Σ_{l<25} μ^l in_l(q) + μ^25 out_claim =
//!    Σ_{i,z} eq(q, (i, z)) [Σ_{l<17} μ^l message_l previous_l + Σ_{l>=17} μ^l previous_l]
//!    + μ^25 Σ_{i,z} eq(o, (i, z)) Σ_l weights_l * (ι's sign if l = 0) * out_l`,
//! where `q` is where the first round ended and `o` where the proof began.

use super::{LaneWeights, Point, Sumcheck};
use crate::keccak::arith::Arith;
use crate::keccak::claim::ByteClaim;
use crate::keccak::permutation::ROUNDS;
use crate::keccak::proof::ChainProof;
use crate::keccak::sponge::RATE_LANES;
use crate::keccak::transcript::Transcript;
use crate::keccak::wiring::{Pair, eq_table, polynomial, products, scale};
use halo2_base::halo2_proofs::{
    arithmetic::Field,
    halo2curves::{bn256::Fr, ff::PrimeField},
};

/// Binds instances and places, and joins the claims about messages, previous and own outputs.
#[allow(clippy::too_many_arguments)]
pub fn verify<A: Arith>(
    a: &mut A,
    transcript: &mut Transcript<A::V>,
    claim: A::V,
    mu: A::V,
    (start, start_weights): (&Point<A::V>, &LaneWeights<A::V>),
    input: &Point<A::V>,
    first: &[A::V],
    sent: &ChainProof<A::V>,
) -> ByteClaim<A::V> {
    let n = input.inst.len();
    let places = Fr::TWO_INV.pow([n as u64 + 6]);
    let mut sumcheck = Sumcheck::new(a.linear(None, &[(places, claim)], Fr::ZERO));
    let half = a.constant(Fr::TWO_INV);
    for sent in &sent.rounds {
        sumcheck.round(a, transcript, half, sent);
    }
    let end = sumcheck.point(n);

    let absorbed: Vec<_> = sent.message.iter().copied().zip(sent.previous).collect();
    let mut inputs = products(a, &absorbed);
    inputs.extend(&sent.previous[RATE_LANES..]);
    let inputs = polynomial(a, mu, &inputs);
    let at_input = Pair::new(a, &input.z, &end.z).equal(a);
    let at_input = equal_instances(a, at_input, &input.inst, &end.inst);

    let out = start_weights.combine(a, &sent.out);
    let pair = Pair::new(a, &start.z, &end.z);
    let (equal, iota) = (pair.equal(a), pair.iota(a, ROUNDS - 1));
    let minus_two = a.constant(-Fr::from(2));
    let [_, signed] = a.chain2(start_weights.planes[0], sent.out[0], minus_two);
    let out = a.dot(None, &[(equal, out), (iota, signed)], Fr::ZERO);
    let last_power = mu_to_the_25(a, mu);
    let at_start = equal_instances(a, last_power, &start.inst, &end.inst);
    let sum = a.dot(None, &[(at_input, inputs), (at_start, out)], Fr::ZERO);
    a.assert_equal(sumcheck.claim, sum, "end of the chain");

    transcript.absorb(a, &sent.message);
    transcript.absorb(a, &sent.previous);
    transcript.absorb(a, &sent.out);
    let (beta, kappa) = (transcript.squeeze(a), transcript.squeeze(a));
    join(a, &end, first, sent, beta, kappa)
}

/// `factor * eq(p, q)` over the instance variables.
fn equal_instances<A: Arith>(a: &mut A, factor: A::V, p: &[A::V], q: &[A::V]) -> A::V {
    p.iter().zip(q).fold(factor, |product, (p, q)| {
        // eq = 1 - p - q + 2pq = 1 - p + q (2p - 1)
        let slope = a.linear(None, &[(Fr::from(2), *p)], -Fr::ONE);
        let same = a.linear(None, &[(-Fr::ONE, *p)], Fr::ONE);
        let same = a.dot(Some(same), &[(slope, *q)], Fr::ZERO);
        a.mul(product, same)
    })
}

/// `mu^25`.
fn mu_to_the_25<A: Arith>(a: &mut A, mu: A::V) -> A::V {
    let [_, _, mu4] = a.powers(mu);
    let [_, mu12, _] = a.powers(mu4);
    a.chain2(mu12, mu12, mu)[1]
}

/// One claim about bytes from the claims about 17 message, 25 previous and 25 output lanes.
fn join<A: Arith>(
    a: &mut A,
    end: &Point<A::V>,
    first: &[A::V],
    sent: &ChainProof<A::V>,
    beta: A::V,
    kappa: A::V,
) -> ByteClaim<A::V> {
    let mut powers = vec![a.constant(Fr::ONE), beta];
    powers.extend(a.powers(beta));
    while powers.len() < RATE_LANES + 25 {
        let (step, from) = (powers[3], powers.len() - 3);
        let next = scale(a, step, &powers[from..]);
        powers.extend(next);
    }
    let weights_a = std::array::from_fn(|l| powers[l]);
    let weights_b: [A::V; 25] = std::array::from_fn(|l| powers[RATE_LANES + l]);

    let eq = eq_table(a, &end.inst);
    a.assert_equal(first[0], powers[0], "first flag of the first instance");
    let pairs: Vec<_> = first.iter().copied().zip(eq.iter().copied()).collect();
    let fresh = products(a, &pairs);
    let minus_one = a.constant(-Fr::ONE);
    let mut u: Vec<_> = (1..eq.len())
        .map(|next| a.dot(Some(eq[next]), &[(kappa, eq[next - 1]), (minus_one, fresh[next])], Fr::ZERO))
        .collect();
    u.push(a.mul(kappa, eq[eq.len() - 1]));

    // Previous lanes of a first instance are 1: their share is known.
    let ones = |values: &[A::V]| values.iter().map(|v| (Fr::ONE, *v)).collect::<Vec<_>>();
    let (fresh, weights) = (ones(&fresh), ones(&weights_b));
    let (fresh, weights) = (a.linear(None, &fresh, Fr::ZERO), a.linear(None, &weights, Fr::ZERO));
    let lanes: Vec<_> = sent.message.iter().chain(&sent.previous).copied().collect();
    let (lanes, out) = (polynomial(a, beta, &lanes), polynomial(a, beta, &sent.out));
    let kappa_out = a.mul(kappa, powers[RATE_LANES]);
    let minus_fresh = a.mul(minus_one, fresh);
    let value = a.dot(Some(lanes), &[(kappa_out, out), (minus_fresh, weights)], Fr::ZERO);
    ByteClaim { eq, u, q_z: end.z, a: weights_a, b: weights_b, value }
}
