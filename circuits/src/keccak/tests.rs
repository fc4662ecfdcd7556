//! Prover, verifier and bytes together: what is accepted, and each lie that is not.

use super::*;
use crate::keccak::sponge::{Block, run};
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use rayon::prelude::*;
use test_case::test_case;

/// Messages and flags that differ from each other in every byte; some chains, some single blocks.
fn instances(count: usize) -> (Vec<Block>, Vec<bool>) {
    let byte = |i: usize, j: usize| (((i * 136 + j + 1) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
    let messages = (0..count).map(|i| std::array::from_fn(|j| byte(i, j))).collect();
    (messages, (0..count).map(|i| i % 4 != 1 && i % 8 != 6).collect())
}

const SEED: Fr = Fr::from_raw([1, 2, 3, 4]);

#[test_case(0)]
#[test_case(1)]
#[test_case(2)]
#[test_case(3)]
#[test_case(4)]
#[test_case(6)]
#[test_case(7; "of 128 instances, where rows are made on several cores")]
fn honest_proofs_are_accepted(n: usize) {
    let (messages, first) = instances(1 << n);
    let (proof, outs) = prove(&messages, &first, SEED);
    assert_eq!(proof.elements().count(), shape(n));
    let (portable, _) = prover::prove_portably(&messages, &first, SEED);
    assert!(portable.elements().eq(proof.elements()), "every kind of packs gives the same proof");
    let claim = verify_native(SEED, &first, &proof).unwrap();
    assert!(claim_holds(&claim, &messages, &outs));
}

/// Whether everything a verifier and its caller check is true.
fn accepted(first: &[bool], proof: &Proof<Fr>, messages: &[Block], outs: &[State]) -> bool {
    verify_native(SEED, first, proof).is_ok_and(|claim| claim_holds(&claim, messages, outs))
}

/// Damages the elements that `choose` picks by their index, one at a time.
fn damage(choose: impl Fn(usize) -> bool) {
    let (messages, first) = instances(2);
    let (proof, outs) = prove(&messages, &first, SEED);
    assert!(accepted(&first, &proof, &messages, &outs));
    let chosen: Vec<usize> = (0..shape(1)).filter(|i| choose(*i)).collect();
    chosen.into_par_iter().for_each(|damaged| {
        let mut at = 0;
        let lie = proof.map(|v| {
            at += 1;
            if at - 1 == damaged { *v + Fr::from(1) } else { *v }
        });
        assert!(!accepted(&first, &lie, &messages, &outs), "element {damaged}");
    });
}

#[test]
fn each_damaged_element_of_the_outer_rounds_is_rejected() {
    let round = (shape(1) - shape(0) - 3) / 24 + 121;
    damage(|i| i <= round || i > 23 * round);
}

#[test]
#[ignore = "takes a minute; the other rounds differ from the outer ones in their constants only"]
fn each_damaged_element_is_rejected() {
    damage(|_| true);
}

#[test]
fn each_check_has_a_lie_that_it_rejects() {
    let (messages, first) = instances(4);
    let (proof, _) = prove(&messages, &first, SEED);
    let check = |change: &dyn Fn(&mut Proof<Fr>)| {
        let mut lie = proof.clone();
        change(&mut lie);
        verify_native(SEED, &first, &lie).map(|_| ()).unwrap_err()
    };
    let one = Fr::from(1);
    // The values at the end of the first χ are wrong, and nothing before them.
    assert_eq!(check(&|p| p.rounds[0].planes[2] += one), KeccakError::Check("end of chi"));
    // Parities are not checked where they are sent; what they lead to is.
    assert_eq!(check(&|p| p.rounds[0].parities[1] += one), KeccakError::Check("end of parity"));
    assert_eq!(check(&|p| p.rounds[0].shifted[4] += one), KeccakError::Check("end of parity"));
    assert_eq!(check(&|p| p.rounds[23].lanes[24] += one), KeccakError::Check("end of parity"));
    assert_eq!(check(&|p| p.chain.message[0] += one), KeccakError::Check("end of the chain"));
    assert_eq!(check(&|p| p.chain.previous[24] += one), KeccakError::Check("end of the chain"));
    assert_eq!(check(&|p| p.chain.out[24] += one), KeccakError::Check("end of the chain"));
    let shape = verify_native(SEED, &first[..2], &proof).map(|_| ()).unwrap_err();
    assert_eq!(shape, KeccakError::Shape { expected: 2, got: 2 });
    assert_eq!(shape.to_string(), "proof is for 2^2 instances, expected 2");
}

#[test]
fn other_bytes_flags_and_seeds_are_rejected() {
    let (messages, first) = instances(8);
    let (proof, outs) = prove(&messages, &first, SEED);
    let claim = verify_native(SEED, &first, &proof).unwrap();
    for byte in 0..8 * 136 {
        let mut lie = messages.clone();
        lie[byte / 136][byte % 136] ^= 1 << (byte % 8);
        assert!(!claim_holds(&claim, &lie, &outs), "message byte {byte}");
    }
    for byte in 0..8 * 200 {
        let mut lie = outs.clone();
        lie[byte / 200][byte / 8 % 25] ^= 1 << (byte % 64);
        assert!(!claim_holds(&claim, &messages, &lie), "output byte {byte}");
    }
    for i in 0..8 {
        let mut lie = first.clone();
        lie[i] = !lie[i];
        assert!(!accepted(&lie, &proof, &messages, &outs), "flag {i}");
    }
    assert!(verify_native(SEED + Fr::from(1), &first, &proof).is_err());
}

/// A prover that follows the protocol for other states than those the caller committed to.
#[test]
fn a_consistent_proof_of_other_states_does_not_fit_the_bytes() {
    let (messages, first) = instances(4);
    let outs: Vec<State> = run(&messages, &first).into_iter().map(|(_, out)| out).collect();
    let mut others = messages.clone();
    others[2][77] ^= 4;
    let (proof, other_outs) = prove(&others, &first, SEED);
    let claim = verify_native(SEED, &first, &proof).unwrap();
    assert!(claim_holds(&claim, &others, &other_outs));
    assert!(!claim_holds(&claim, &messages, &outs));
    assert!(!claim_holds(&claim, &others, &outs));
    assert!(!claim_holds(&claim, &messages, &other_outs));
    // The same messages, chained otherwise.
    let unchained = vec![true; 4];
    let (proof, other_outs) = prove(&messages, &unchained, SEED);
    assert!(accepted(&unchained, &proof, &messages, &other_outs));
    assert!(!accepted(&first, &proof, &messages, &outs));
    assert!(!accepted(&unchained, &proof, &messages, &outs));
}

/// Without its first flag the first instance would have no state before it.
#[test]
fn the_first_instance_starts_afresh() {
    let (messages, mut first) = instances(2);
    let (proof, _) = prove(&messages, &first, SEED);
    first[0] = false;
    assert_eq!(
        verify_native(SEED, &first, &proof).map(|_| ()).unwrap_err(),
        KeccakError::Check("first flag of the first instance")
    );
}
