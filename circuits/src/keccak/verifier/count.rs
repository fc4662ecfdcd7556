//! Counts the rows that the verifier takes in the circuit.

use super::verify;
use crate::keccak::{arith::Arith, proof::Proof};
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;

/// Rows of each kind (see [`Arith`]), with every method one row.
#[derive(Debug, Default)]
struct Rows {
    dot: usize,
    mul: usize,
    round: usize,
    permutations: usize,
}

impl Arith for Rows {
    type V = ();
    fn constant(&mut self, _: Fr) {}
    fn dot(&mut self, _: Option<()>, terms: &[((), ())], _: Fr) {
        self.dot += terms.len().div_ceil(3).max(1);
    }
    fn permute(&mut self, _: [(); 4], _: &[()]) -> [(); 4] {
        self.permutations += 1;
        [(); 4]
    }
    fn assert_equal(&mut self, _: (), _: (), _: &'static str) {}
    fn minus(&mut self, _: (), _: &[((), ())]) {
        self.dot += 1;
    }
    fn scale3(&mut self, _: (), _: [(); 3]) -> [(); 3] {
        self.mul += 1;
        [(); 3]
    }
    fn mul2(&mut self, _: ((), ()), _: ((), ())) -> [(); 2] {
        self.mul += 1;
        [(); 2]
    }
    fn chain2(&mut self, _: (), _: (), _: ()) -> [(); 2] {
        self.mul += 1;
        [(); 2]
    }
    fn powers(&mut self, _: ()) -> [(); 3] {
        self.mul += 1;
        [(); 3]
    }
    fn round3(&mut self, _: (), _: (), _: (), _: [(); 3]) {
        self.round += 1;
    }
}

#[test]
fn rows_stay_within_the_budget() {
    for n in [0, 5, 7, 9] {
        let mut rows = Rows::default();
        verify(&mut rows, (), &vec![(); 1 << n], &Proof::build(n, || ()));
        println!("n = {n}: {rows:?}, {} rows without the sponge", rows.dot + rows.mul + rows.round);
        if n == 7 {
            assert!(rows.dot + rows.mul + rows.round <= 10_000);
            assert!(rows.permutations <= 1_850);
        }
    }
}
