//! Bytes and flags bound to the proof: what is accepted, and each lie that is not.

use super::*;
use crate::grid::{GridConfig, Shape, assign};
use crate::poseidon;
use halo2_base::halo2_proofs::{
    circuit::{Layouter, SimpleFloorPlanner},
    dev::MockProver,
    plonk::{Circuit, ConstraintSystem, Error},
};
use rayon::prelude::*;
use std::{iter, mem};
use test_case::test_case;

/// The seed natively.
fn native_seed(challenge: Fr, first: &[bool]) -> Fr {
    let pack =
        |chunk: &[bool]| chunk.iter().rev().fold(Fr::ZERO, |acc, flag| acc.double() + Fr::from(u64::from(*flag)));
    let inputs: Vec<Fr> = std::iter::once(challenge).chain(first.chunks(FLAGS_PER_ELEMENT).map(pack)).collect();
    poseidon::hash(SEED, &inputs)
}

const SHAPE: Shape = Shape { k: 16, blocks: 2 };

struct Bound {
    builder: Builder,
    flags: Flags,
    blocks: Blocks,
}

impl Circuit<Fr> for Bound {
    type Config = GridConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        unreachable!("the shape does not depend on the witness")
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> GridConfig {
        GridConfig::configure(meta)
    }

    fn synthesize(&self, config: GridConfig, layouter: impl Layouter<Fr>) -> Result<(), Error> {
        assign(&config, layouter, &self.builder, |b| finish(b, &self.flags, &self.blocks))
    }
}

/// What the prover commits (`committed`) and what it proves keccak of (`proven`).
fn accepts(committed: &Blocks, proven: &Blocks) -> bool {
    let shape = Shape { blocks: committed.blocks.len(), ..SHAPE };
    let mut builder = Builder::new(shape, committed.memory());
    let flags = flags(&mut builder, &committed.first);
    let circuit = Bound { builder, flags, blocks: proven.clone() };
    MockProver::run(SHAPE.k, &circuit, vec![vec![]]).expect("the grid fits").verify().is_ok()
}

fn long() -> Blocks {
    Blocks::new(&[vec![7; 200]], 2).expect("two blocks")
}

#[test]
fn accepts_one_message_of_two_blocks_and_two_of_one() {
    let blocks = long();
    assert_eq!(blocks.first, [true, false]);
    assert!(accepts(&blocks, &blocks));
    let blocks = Blocks::new(&[b"a", b"b"], 2).expect("two blocks");
    assert_eq!(blocks.first, [true, true]);
    assert!(accepts(&blocks, &blocks));
}

#[test_case(|b| b.blocks[0][3] ^= 1; "first byte area")]
#[test_case(|b| b.blocks[1][135] ^= 0x80; "last byte of the padding")]
#[test_case(|b| b.states[0][199] ^= 4; "last byte of a chained state")]
#[test_case(|b| b.states[1][0] ^= 1; "first byte of a digest")]
#[test_case(|b| b.first[1] = true; "a flag")]
fn rejects_bytes_that_were_not_proven(lie: fn(&mut Blocks)) {
    let honest = long();
    let mut committed = honest.clone();
    lie(&mut committed);
    assert!(!accepts(&committed, &honest));
    // nor does a proof about the lie itself help, unless the lie is a true statement about other bytes
    let mut rerun = committed.clone();
    rerun.states = states(&rerun.blocks, &rerun.first);
    assert_eq!(accepts(&committed, &rerun), committed.states == rerun.states);
}

#[test]
fn an_instance_beyond_the_memory_hashes_the_empty_message() {
    let three = Blocks::new(&[vec![7; 200], vec![8]], 3).expect("three blocks");
    assert!(accepts(&three, &three));
    let mut committed = three.clone();
    committed.states[2][0] ^= 1;
    assert!(!accepts(&committed, &three), "a digest that was not proven");
    // the fourth instance: the empty message, another one, the second block of the one before
    let four = |fourth: &[u8]| Blocks::new(&[&[7; 200], &[8][..], fourth], 4).expect("four blocks");
    assert!(accepts(&three, &four(&[])));
    assert!(!accepts(&three, &four(&[9])));
    let mut continued = four(&[]);
    continued.first[3] = false;
    continued.states = states(&continued.blocks, &continued.first);
    assert!(!accepts(&three, &continued));
}

/// Five blocks of eight instances: what the three idle ones share, and that messages and states have weights of their own.
#[test]
fn several_idle_instances_have_a_share() {
    let blocks = Blocks::new(&[vec![7; 200], vec![8; 300]], 5).expect("five blocks");
    let mut recorded = Builder::new(Shape { blocks: 5, ..SHAPE }, blocks.memory());
    let flags = flags(&mut recorded, &blocks.first);
    let seed = seed(&mut recorded, &flags);
    let holds = |idle: [&[u8]; 3], swapped: bool| {
        let (mut messages, mut first) = (blocks.blocks.clone(), blocks.first.clone());
        messages.extend(idle.map(|message| pad(message)[0]));
        first.resize(8, true);
        let (proof, _) = prover::prove(&messages, &first, seed.value());
        let b = &mut recorded.clone();
        if !swapped {
            verify(b, &flags, seed, &proof);
            return b.check().is_ok();
        }
        let proof = proof.map(|v| b.witness(*v));
        let fresh = Builder::constant(b, Fr::ONE);
        let flagged: Vec<Cell> = flags.first.iter().copied().chain([fresh; 3]).collect();
        let mut claim = verifier::verify(b, seed, &flagged, &proof);
        let idle = [&mut claim.u, &mut claim.eq].map(|weights| weights.split_off(5));
        weigh(b, &claim);
        let table = b.lane_weights();
        close(b, &claim, &idle, &table);
        b.check().is_ok()
    };
    assert!(holds([&[]; 3], false));
    assert!(!holds([&[]; 3], true), "weights of states for messages");
    assert!(!holds([&[], &[], &[1]], false));
    assert!(!holds([&[1], &[], &[]], false));
}

#[test_case(|b, f| b.tamper(f.first[1], Fr::from(2)); "a flag that is not a bit")]
#[test_case(|b, f| b.tamper(f.first[0], Fr::ZERO); "block 0 that continues")]
#[test_case(|b, f| b.tamper(f.start[1], Fr::ONE); "a start at the wrong block")]
#[test_case(|b, f| b.tamper(f.continues[1], Fr::ZERO); "a complement that is none")]
fn rejects_wrong_flags(lie: fn(&mut Builder, &Flags)) {
    let blocks = long();
    let mut b = Builder::new(SHAPE, blocks.memory());
    let flags = flags(&mut b, &blocks.first);
    b.check().expect("honest");
    lie(&mut b, &flags);
    assert!(b.check().is_err());
}

/// Lengths of the prover's messages for `2^n` instances, in their order.
fn messages(n: usize) -> Vec<usize> {
    let round = [(n + 9, 3), (1, 5), (n + 6, 3), (2, 5), (n, 5), (6, 6), (1, 25)];
    let last = [(n + 6, 3), (1, 17), (2, 25)];
    let lists = iter::once((1, 1)).chain(iter::repeat_n(round, 24).flatten()).chain(last);
    lists.flat_map(|(count, length)| iter::repeat_n(length, count)).collect()
}

/// The verifier as rows, natively evaluated: it must see what the verifier on numbers sees. One element of each message.
#[test]
fn rejects_damaged_elements_of_the_proof() {
    let blocks = long();
    let mut b = Builder::new(SHAPE, blocks.memory());
    let flags = flags(&mut b, &blocks.first);
    let seed = seed(&mut b, &flags);
    let (proof, _) = prover::prove(&blocks.blocks, &blocks.first, seed.value());
    let holds = |proof: &Proof<Fr>| {
        let mut b = b.clone();
        verify(&mut b, &flags, seed, proof);
        b.check().is_ok()
    };
    assert!(holds(&proof));
    let messages = messages(proof.n());
    assert_eq!(messages.iter().sum::<usize>(), proof.elements().count());
    let starts = messages.iter().scan(0, |end, length| Some(mem::replace(end, *end + length)));
    let of_each = messages.iter().zip(starts).enumerate().map(|(i, (length, start))| start + i % length);
    let chosen: Vec<usize> = of_each.collect();
    chosen.into_par_iter().for_each(|damaged| {
        let mut at = 0;
        let lie = proof.map(|v| {
            at += 1;
            if at - 1 == damaged { *v + Fr::ONE } else { *v }
        });
        assert!(!holds(&lie), "element {damaged}");
    });
}

#[test]
fn says_how_many_blocks_are_needed() {
    assert_eq!(Blocks::new(&[vec![0; 136], vec![0; 135]], 2).expect_err("three blocks"), 3);
}

#[test]
fn the_seed_packs_flags_as_natively() {
    let first: Vec<bool> = (0..300).map(|i| i % 3 != 1).collect();
    let blocks = Blocks { blocks: vec![], first: first.clone(), states: vec![] };
    let mut b = Builder::new(SHAPE, Memory::new(&[], &[]));
    let flags = flags(&mut b, &blocks.first);
    assert_eq!(seed(&mut b, &flags).value(), native_seed(Fr::ZERO, &first));
}
