//! Prover, verifier and bytes together: what is accepted, and each lie that is not.

use super::*;
use crate::keccak::sponge::Block;
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
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
fn honest_proofs_are_accepted(n: usize) {
    let (messages, first) = instances(1 << n);
    let (proof, outs) = prove(&messages, &first, SEED);
    assert_eq!(proof.elements().count(), shape(n));
    let claim = verify_native(SEED, &first, &proof).unwrap();
    assert!(claim_holds(&claim, &messages, &outs));
}
