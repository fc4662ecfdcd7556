//! The prover, natively: keccak rounds from the last to the first, then the chain of blocks.
//!
//! Instances are bound first, so that a keccak round costs about as many multiplications as its states have bits; the
//! first three variables are bound from the bits. What one keccak round needs is freed before the next.

mod bits;
mod chain;
mod chi;
mod pack;
mod parity;
mod rows;
mod session;
mod theta;
mod words;

use super::arith::Native;
use super::permutation::{LANES, ROUND_CONSTANTS, ROUNDS, State, chi as apply_chi, theta_rho_pi};
use super::poly::{eq_table, geometric};
use super::proof::{Proof, RoundProof};
use super::sponge::{Block, RATE_LANES, run};
use super::transcript::Transcript;
use super::verifier::{LaneWeights, Point};
use super::wiring::{plane_eq, polynomial};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use pack::Pack;
use rayon::prelude::*;
use session::Session;

/// Proves `messages.len()` instances, a power of two; returns the proof and the outputs.
///
/// - `first`: where the sponge starts afresh; the first flag must be set
/// - `seed`: drawn after messages, outputs and flags were fixed. The outputs are those of [`run`].
///
/// # Panics
/// If the number of messages is not a power of two, or differs from the number of flags.
pub fn prove(messages: &[Block], first: &[bool], seed: Fr) -> (Proof<Fr>, Vec<State>) {
    // On a thread of the pool: from outside, each of the thousands of short sums would wait for one to wake up.
    rayon::scope(|_| {
        #[cfg(target_arch = "x86_64")]
        if pack::ifma::available() {
            return prove_with::<pack::ifma::Ifma>(messages, first, seed);
        }
        prove_with::<pack::portable::Portable>(messages, first, seed)
    })
}

/// [`prove`], with the packs of any processor.
#[cfg(test)]
pub fn prove_portably(messages: &[Block], first: &[bool], seed: Fr) -> (Proof<Fr>, Vec<State>) {
    prove_with::<pack::portable::Portable>(messages, first, seed)
}

/// [`prove`], with one kind of packs: all give the same proof.
fn prove_with<P: Pack>(messages: &[Block], first: &[bool], seed: Fr) -> (Proof<Fr>, Vec<State>) {
    assert!(messages.len().is_power_of_two(), "{} instances, expected a power of two", messages.len());
    assert_eq!(messages.len(), first.len(), "one flag for each instance");
    let n = messages.len().trailing_zeros() as usize;
    let states = run(messages, first);
    let traces: Vec<[State; ROUNDS + 1]> = states.par_iter().map(|(input, _)| trace(input)).collect();

    let mut native = Native::default();
    let transcript = Transcript::new(&mut native, seed);
    let mut session = Session { native, transcript };
    let session = &mut session;
    let start = Point { inst: squeeze_many(session, n), z: std::array::from_fn(|_| session.squeeze()) };
    let start_weights = LaneWeights::draw(&mut session.native, &mut session.transcript);
    let out_claim = combined_lanes(&traces, &start, &start_weights);
    session.absorb(&[out_claim]);

    let (mut point, mut weights, mut claim) = (start.clone(), start_weights.clone(), out_claim);
    let mut rounds: Vec<RoundProof<Fr>> = Vec::with_capacity(ROUNDS);
    for round in (0..ROUNDS).rev() {
        let (sent, end) = prove_round::<P>(session, &traces, round, claim, &point, &weights);
        point = end;
        if round > 0 {
            weights = LaneWeights::draw(&mut session.native, &mut session.transcript);
            claim = weights.combine(&mut session.native, &sent.lanes);
        }
        rounds.push(sent);
    }

    let mu = session.squeeze();
    let mut inputs = rounds[ROUNDS - 1].lanes.to_vec();
    inputs.push(out_claim);
    let claim = polynomial(&mut session.native, mu, &inputs);
    let count = messages.len();
    let previous = |i: usize| if first[i] { [0; LANES] } else { states[i - 1].1 };
    let chain = chain::Chain {
        messages: &bits::blocks::<RATE_LANES>(count, |i| message_lanes(&messages[i])),
        previous: &bits::blocks(count, previous),
        outs: &bits::blocks(count, |i| states[i].1),
        start: (&start, &start_weights),
        input: &point,
        mu,
    };
    let chain = chain.prove(session, claim);
    (Proof { out_claim, rounds, chain }, states.into_iter().map(|(_, out)| out).collect())
}

/// The three sumchecks of one keccak round, and where its 25 lanes are claimed.
fn prove_round<P: Pack>(
    session: &mut Session,
    traces: &[[State; ROUNDS + 1]],
    round: usize,
    claim: Fr,
    at: &Point<Fr>,
    weights: &LaneWeights<Fr>,
) -> (RoundProof<Fr>, Point<Fr>) {
    let (n, count) = (at.inst.len(), traces.len());
    let constant = if round == 0 { 0 } else { ROUND_CONSTANTS[round - 1] };
    let before = |i: usize| theta_rho_pi(&with_iota(&traces[i][round], constant));
    let (states, blocks) = (turned(count, before), bits::blocks(count, before));
    let chi = chi::prove::<P>(session, words::States { each: &states, blocks: &blocks }, claim, at, weights);
    drop((states, blocks));

    let (states, blocks) = (turned(count, |i| traces[i][round]), bits::blocks(count, |i| traces[i][round]));
    let parities: Vec<theta::Parities> =
        traces.par_iter().map(|trace| theta::parities(&with_iota(&trace[round], constant))).collect();
    let gamma = session.squeeze();
    let claim = polynomial(&mut session.native, gamma, &chi.planes);
    let planes = plane_eq(&mut session.native, &std::array::from_fn(|k| chi.bound[n + 6 + k]));
    let mut lanes = theta::lane_weights(&eq_table(&chi.bound[n..n + 6]), &planes, gamma);
    negate_iota(&mut lanes[0], constant);
    let theta = theta::prove::<P>(session, &states, &parities, &lanes, claim, &chi.bound[..n]);

    let (delta, epsilon) = (session.squeeze(), session.squeeze());
    let plain = polynomial(&mut session.native, delta, &theta.parities);
    let shifted = polynomial(&mut session.native, delta, &theta.shifted);
    let claim = theta.claim + delta * plain + epsilon * shifted;
    let places = eq_table(&theta.bound[n..]);
    for (lane, weights) in lanes.iter_mut().enumerate() {
        let x = lane % 5;
        let factor = theta.parities[(x + 4) % 5] * theta.shifted[(x + 1) % 5];
        weights.iter_mut().zip(&places).for_each(|(weight, place)| *weight *= factor * place);
    }
    let column: [Fr; 64] = std::array::from_fn(|z| delta * places[z] + epsilon * places[(z + 1) % 64]);
    let mut columns = geometric::<5>(Fr::ONE, delta).map(|power| column.map(|v| v * power));
    negate_iota(&mut columns[0], constant);
    let bits = words::States { each: &states, blocks: &blocks };
    let parity = parity::Parity::<P>::new(bits, &lanes, columns);
    let parity = parity.prove(session, claim, &theta.bound[..n]);

    let end = Point { inst: parity.bound[..n].to_vec(), z: std::array::from_fn(|k| parity.bound[n + k]) };
    let sent = RoundProof {
        chi: chi.sent,
        planes: chi.planes,
        theta: theta.sent,
        parities: theta.parities,
        shifted: theta.shifted,
        parity: parity.sent,
        parity_z: parity.sent_z,
        lanes: parity.lanes,
    };
    (sent, end)
}

/// The state before each round, without ι of the round before; the last one is the output without ι.
fn trace(input: &State) -> [State; ROUNDS + 1] {
    let mut states = [*input; ROUNDS + 1];
    for round in 0..ROUNDS {
        let constant = if round == 0 { 0 } else { ROUND_CONSTANTS[round - 1] };
        states[round + 1] = apply_chi(&theta_rho_pi(&with_iota(&states[round], constant)));
    }
    states
}

/// The lanes of `count` instances, in the order of their packs.
fn turned(count: usize, state: impl Fn(usize) -> State + Sync) -> Vec<[words::Lane; LANES]> {
    (0..count).into_par_iter().map(|i| state(i).map(words::turn)).collect()
}

fn with_iota(state: &State, constant: u64) -> State {
    let mut state = *state;
    state[0] ^= constant;
    state
}

fn negate_iota(weights: &mut [Fr; 64], constant: u64) {
    for (z, weight) in weights.iter_mut().enumerate() {
        if constant >> z & 1 == 1 {
            *weight = -*weight;
        }
    }
}

fn message_lanes(block: &Block) -> [u64; RATE_LANES] {
    let bytes = block.as_chunks::<8>().0;
    std::array::from_fn(|lane| u64::from_le_bytes(bytes[lane]))
}

fn squeeze_many(session: &mut Session, count: usize) -> Vec<Fr> {
    (0..count).map(|_| session.squeeze()).collect()
}

/// The combined lanes of the outputs without ι, at `at`.
fn combined_lanes(traces: &[[State; ROUNDS + 1]], at: &Point<Fr>, weights: &LaneWeights<Fr>) -> Fr {
    let places = eq_table(&at.z);
    let powers: [Fr; 5] = geometric(Fr::ONE, weights.rho);
    let cell = |lane: usize, z: usize| powers[lane % 5] * weights.planes[lane / 5] * places[z];
    let cells: Vec<[Fr; 64]> = (0..LANES).map(|lane| std::array::from_fn(|z| cell(lane, z))).collect();
    let instance = |trace: &[State; ROUNDS + 1]| -> Fr {
        let mut sums = [Fr::ZERO; 2];
        for (word, weights) in trace[ROUNDS].iter().zip(&cells) {
            for (z, weight) in weights.iter().enumerate() {
                sums[(word >> z & 1) as usize] += weight;
            }
        }
        sums[0] - sums[1]
    };
    let values: Vec<Fr> = traces.par_iter().map(instance).collect();
    eq_table(&at.inst).iter().zip(&values).map(|(eq, value)| eq * value).sum()
}
