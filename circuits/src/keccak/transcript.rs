//! The sponge of the keccak proof: a duplex over Poseidon, t = 4, rate 3, in overwrite mode.
//!
//! The order and number of everything absorbed and squeezed follows from the number of instances alone, so no
//! padding is needed. Overwriting (instead of adding) costs no row of the circuit.

use super::arith::Arith;
use crate::poseidon::{RATE, TRANSCRIPT};
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;

/// State of the duplex.
#[derive(Clone, Debug)]
pub struct Transcript<V> {
    state: [V; 4],
    /// Elements of the rate overwritten since the last permutation.
    absorbed: usize,
    /// Elements of the rate handed out since the last permutation.
    squeezed: usize,
}

impl<V: Copy> Transcript<V> {
    /// A sponge that has absorbed `seed`.
    ///
    /// Assumes that `seed` was drawn after everything the proof talks about was fixed.
    pub fn new<A: Arith<V = V>>(a: &mut A, seed: V) -> Self {
        let (domain, zero) = (a.constant(Fr::from(TRANSCRIPT)), a.constant(Fr::from(0)));
        Self { state: [domain, seed, zero, zero], absorbed: 1, squeezed: 0 }
    }

    /// Takes in the words of the prover.
    pub fn absorb<A: Arith<V = V>>(&mut self, a: &mut A, values: &[V]) {
        for value in values {
            if self.absorbed == RATE {
                self.permute(a);
            }
            self.state[1 + self.absorbed] = *value;
            self.absorbed += 1;
        }
    }

    /// A challenge that depends on everything absorbed so far. Up to three come out of one permutation.
    pub fn squeeze<A: Arith<V = V>>(&mut self, a: &mut A) -> V {
        if self.absorbed > 0 || self.squeezed == RATE {
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
        self.state = a.permute(self.state);
        (self.absorbed, self.squeezed) = (0, 0);
    }
}
