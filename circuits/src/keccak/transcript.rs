//! The sponge of the keccak proof: a duplex over Poseidon, t = 4, rate 3, in addition mode.
//!
//! The order and number of everything absorbed and squeezed follows from the number of instances alone, so no
//! padding is needed. Adding lets the rows of one permutation go on from those of the one before.

use super::arith::Arith;
use crate::poseidon::{RATE, TRANSCRIPT};
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;

/// State of the duplex.
#[derive(Clone, Debug)]
pub struct Transcript<V> {
    state: [V; 4],
    /// Values to add to the rate before the next permutation; at most three.
    absorbed: Vec<V>,
    /// Elements of the rate handed out since the last permutation.
    squeezed: usize,
}

impl<V: Copy> Transcript<V> {
    /// A sponge that has absorbed `seed`.
    ///
    /// Assumes that `seed` was drawn after everything the proof talks about was fixed.
    pub fn new<A: Arith<V = V>>(a: &mut A, seed: V) -> Self {
        let (domain, zero) = (a.constant(Fr::from(TRANSCRIPT)), a.constant(Fr::from(0)));
        Self { state: [domain, zero, zero, zero], absorbed: vec![seed], squeezed: 0 }
    }

    /// Takes in the words of the prover.
    pub fn absorb<A: Arith<V = V>>(&mut self, a: &mut A, values: &[V]) {
        for value in values {
            if self.absorbed.len() == RATE {
                self.permute(a);
            }
            self.absorbed.push(*value);
        }
    }

    /// A challenge that depends on everything absorbed so far. Up to three come out of one permutation.
    pub fn squeeze<A: Arith<V = V>>(&mut self, a: &mut A) -> V {
        if !self.absorbed.is_empty() || self.squeezed == RATE {
            self.permute(a);
        }
        self.squeezed += 1;
        self.state[self.squeezed]
    }

    /// `count` challenges.
    pub fn squeeze_many<A: Arith<V = V>>(&mut self, a: &mut A, count: usize) -> Vec<V> {
        (0..count).map(|_| self.squeeze(a)).collect()
    }

    fn permute<A: Arith<V = V>>(&mut self, a: &mut A) {
        self.state = a.permute(self.state, &self.absorbed);
        self.absorbed.clear();
        self.squeezed = 0;
    }
}
