//! Keccak inside the grid: which blocks form a message, and the proof that every state follows from its block.
//!
//! Statement: for the bytes of the message memory, `state_i = keccak-f((first_i ? 0 : state_{i-1}) XOR block_i)` for all
//! blocks `i`; and every committed byte is below 256.
//!
//! How: the sumcheck verifier of this folder runs as rows of the grid and leaves one linear claim about the bytes,
//! `value = Σ w · place_j · T[B]`. A weighted log-derivative turns it into 2,048 table weights
//! `m[b][j] = Σ { w : byte j of the lane is b }`, whose sum `Σ place_j T[b] m[b][j]` is then checked by arithmetic.
//!
//! Sound: the challenge that seeds the transcript is drawn after all bytes are committed and the transcript absorbs the
//! flags first, so the statement is fixed before any challenge. `w` and `m` are committed before `X` and `Y` are drawn, so
//! `Σ w Y^j/(X − B) = Σ_b Σ_j m[b][j] Y^j/(X − b)` forces each `m[b][j]` to be what it must be and leaves no pole outside
//! the table: a byte of 256 or more would need its random weight to be zero. Error: at most (rows · 8)/p for each.

use super::arith::Arith;
use super::claim::ByteClaim;
use super::proof::Proof;
use super::sponge::{Block, RATE_LANES, STATE_BYTES, pad, run, state_bytes};
use super::wiring::eq_table;
use super::{prover, verifier};
use crate::grid::{BLOCK_BYTES, Builder, Cell, In, Memory};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

/// Domain of the hash that folds the flags into the seed.
const SEED: u64 = 4;
/// Flags packed into one field element.
const FLAGS_PER_ELEMENT: usize = 250;

/// Padded messages one after the other, filled up to `blocks` with the empty message.
#[derive(Clone, Debug)]
pub struct Blocks {
    /// What each instance absorbs.
    pub blocks: Vec<Block>,
    /// Whether a message starts here.
    pub first: Vec<bool>,
    /// The state after each block.
    pub states: Vec<[u8; STATE_BYTES]>,
}

impl Blocks {
    /// Pads `messages` and runs keccak over them.
    ///
    /// # Errors
    /// The number of blocks that the messages need, if it is more than `capacity`.
    pub fn new<M: AsRef<[u8]>>(messages: &[M], capacity: usize) -> Result<Self, usize> {
        let (mut blocks, mut first) = (Vec::new(), Vec::new());
        for message in messages {
            let padded = pad(message.as_ref());
            first.extend((0..padded.len()).map(|i| i == 0));
            blocks.extend(padded);
        }
        if blocks.len() > capacity {
            return Err(blocks.len());
        }
        let empty = pad(&[])[0];
        blocks.resize(capacity, empty);
        first.resize(capacity, true);
        let states = states(&blocks, &first);
        Ok(Self { blocks, first, states })
    }

    /// The message memory that holds them.
    pub fn memory(&self) -> Memory {
        Memory::new(&self.blocks, &self.states)
    }
}

/// The state after each block.
fn states(blocks: &[Block], first: &[bool]) -> Vec<[u8; STATE_BYTES]> {
    run(blocks, first).iter().map(|(_, out)| state_bytes(out)).collect()
}

/// The cells that say where messages start.
#[derive(Clone, Debug)]
pub struct Flags {
    /// 1 if a message starts at this block.
    pub first: Vec<Cell>,
    /// `1 - first`.
    pub continues: Vec<Cell>,
    /// The block at which the message of this block starts.
    pub start: Vec<Cell>,
}

/// Records the flags. Enforces that they are 0 or 1, that block 0 starts a message, and `start`.
pub fn flags(b: &mut Builder, first: &[bool]) -> Flags {
    let mut flags = Flags { first: Vec::new(), continues: Vec::new(), start: Vec::new() };
    for (i, is_first) in first.iter().enumerate() {
        let bit = b.witness(Fr::from(u64::from(*is_first)));
        b.assert_bool(bit);
        let other = b.arith(&[(bit.into(), In::Const(-Fr::ONE))], None, Fr::ONE);
        if i == 0 {
            Builder::assert_constant(b, bit, Fr::ONE);
        }
        let index = In::Const(Fr::from(i as u64));
        let start = match flags.start.last() {
            Some(before) => b.arith(&[(bit.into(), index), (other.into(), (*before).into())], None, Fr::ZERO),
            None => Builder::constant(b, Fr::ZERO),
        };
        flags.first.push(bit);
        flags.continues.push(other);
        flags.start.push(start);
    }
    flags
}

/// Proves keccak over the whole memory: for [`crate::grid::assign`]'s `finish`.
///
/// The sumchecks are about a power of two of instances. Those beyond the memory are *idle*: each hashes the empty message, of which
/// everybody knows the bytes, so they need no memory.
///
/// # Panics
/// If the number of flags is not the number of blocks in the memory.
pub fn finish(b: &mut Builder, flags: &Flags, blocks: &Blocks) {
    assert_eq!(flags.first.len(), b.memory().blocks(), "one flag for each block");
    let instances = flags.first.len().next_power_of_two();
    let seed = seed(b, flags);
    let (mut messages, mut first) = (blocks.blocks.clone(), blocks.first.clone());
    messages.resize(instances, pad(&[])[0]);
    first.resize(instances, true);
    let (proof, _) = prover::prove(&messages, &first, seed.value());
    verify(b, flags, seed, &proof);
}

/// Checks `proof` and binds what it claims to the memory.
fn verify(b: &mut Builder, flags: &Flags, seed: Cell, proof: &Proof<Fr>) {
    let proof = proof.map(|v| b.witness(*v));
    let mut first = flags.first.clone();
    if first.len() < 1 << proof.n() {
        let fresh = Builder::constant(b, Fr::ONE);
        first.resize(1 << proof.n(), fresh);
    }
    let mut claim = verifier::verify(b, seed, &first, &proof);
    let idle = [&mut claim.eq, &mut claim.u].map(|weights| weights.split_off(flags.first.len()));
    weigh(b, &claim);
    let table = b.lane_weights();
    close(b, &claim, &idle, &table);
}

/// The seed of the transcript: the challenge with all flags.
fn seed(b: &mut Builder, flags: &Flags) -> Cell {
    let mut inputs = vec![In::Cell(b.seed())];
    for chunk in flags.first.chunks(FLAGS_PER_ELEMENT) {
        let mut power = Fr::ONE;
        let bits = chunk.iter().map(|flag| {
            let term = (In::Cell(*flag), In::Const(power));
            power = power.double();
            term
        });
        let bits: Vec<_> = bits.collect();
        inputs.push(In::Cell(Builder::dot(b, &bits, Fr::ZERO)));
    }
    b.hash(SEED, &inputs)
}

/// Gives every lane of the memory its weight: `eq_i a_l` for messages, `u_i b_l` for states.
fn weigh(b: &mut Builder, claim: &ByteClaim<Cell>) {
    let areas: [(&[Cell], &[Cell]); 2] = [(&claim.eq, &claim.a), (&claim.u, &claim.b)];
    debug_assert_eq!(RATE_LANES * 8, BLOCK_BYTES);
    let mut lane = 0;
    for (instances, lanes) in areas {
        for instance in instances {
            for chunk in lanes.chunks(3) {
                let factors = std::array::from_fn(|i| chunk.get(i).map_or(In::Const(Fr::ZERO), |c| In::Cell(*c)));
                let products = Builder::scale3(b, *instance, factors);
                for product in &products[..chunk.len()] {
                    b.weigh_lane(lane, *product);
                    lane += 1;
                }
            }
        }
    }
}

/// Checks `Σ_b Σ_j place_j T[b] m[b][j] = value`, less the share of idle instances, whose weights for messages and states are `idle`.
fn close(b: &mut Builder, claim: &ByteClaim<Cell>, idle: &[Vec<Cell>; 2], table: &[[Cell; 8]]) {
    let places = eq_table(b, &claim.q_z[3..]);
    let bits = eq_table(b, &claim.q_z[..3]);
    let minus_twice: Vec<Cell> = bits.iter().map(|bit| b.mul_constant(*bit, -Fr::from(2))).collect();
    let mut values: Vec<Cell> = Vec::with_capacity(256);
    let mut terms = Vec::with_capacity(256);
    for (byte, weights) in table.iter().enumerate() {
        // T[b] = T[b without its lowest bit] - 2 eq(lowest bit)
        let value = match byte {
            0 => Builder::constant(b, Fr::ONE),
            _ => {
                let bit = byte.trailing_zeros() as usize;
                b.add(values[byte & (byte - 1)], minus_twice[bit])
            }
        };
        values.push(value);
        let pairs: Vec<(Cell, Cell)> = places.iter().copied().zip(*weights).collect();
        terms.push((value, Arith::dot(b, None, &pairs, Fr::ZERO)));
    }
    if !idle[0].is_empty() {
        let block = pad(&[])[0];
        let state = states(&[block], &[true])[0];
        for (instances, bytes, lanes) in [(&idle[0], &block[..], &claim.a[..]), (&idle[1], &state[..], &claim.b[..])] {
            terms.push(share(b, instances, bytes, lanes, &places, &values));
        }
    }
    let sum = Arith::dot(b, None, &terms, Fr::ZERO);
    Builder::assert_equal(b, sum, claim.value);
}

/// The share in a claim of instances that all have the same `bytes`: the sum of their weights, and what each of them says.
///
/// - `lanes`: weight of each lane; `places`: of each byte of a lane; `values`: what each byte counts
fn share(
    b: &mut Builder,
    instances: &[Cell],
    bytes: &[u8],
    lanes: &[Cell],
    places: &[Cell],
    values: &[Cell],
) -> (Cell, Cell) {
    let weights: Vec<(Fr, Cell)> = instances.iter().map(|weight| (Fr::ONE, *weight)).collect();
    let weight = b.linear(None, &weights, Fr::ZERO);
    let said: Vec<(Cell, Cell)> = bytes
        .chunks(8)
        .zip(lanes)
        .map(|(chunk, lane)| {
            let pairs: Vec<_> = places.iter().copied().zip(chunk.iter().map(|byte| values[*byte as usize])).collect();
            (*lane, Arith::dot(b, None, &pairs, Fr::ZERO))
        })
        .collect();
    (weight, Arith::dot(b, None, &said, Fr::ZERO))
}

#[cfg(test)]
mod tests;
