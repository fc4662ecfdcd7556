//! The messages of the prover, in the order in which the verifier reads them.

use super::permutation::{LANES, ROUNDS};
use super::sponge::RATE_LANES;

/// The polynomial of one variable that a sumcheck round sends.
///
/// A polynomial `t` of degree `d = D` is sent as its slope `t(1) - t(0)` and the `d - 1` coefficients of
/// `(t(X) - t(0) - slope * X) / (X * (X - 1))`, lowest first. `t(0)` follows from the running claim.
pub type RoundPolynomial<V, const D: usize> = [V; D];

/// One keccak round: three sumchecks and the values they end in.
#[derive(Clone, Debug)]
pub struct RoundProof<V> {
    /// χ: `n` instance variables, 6 variables of `z`, 3 of `y`.
    pub chi: Vec<RoundPolynomial<V, 3>>,
    /// The five lanes of a plane before χ, at the point where χ ends.
    pub planes: [V; 5],
    /// θ: `n` instance variables, 6 variables of `z`.
    pub theta: Vec<RoundPolynomial<V, 3>>,
    /// Column parities `C_x` where θ ends.
    pub parities: [V; 5],
    /// `C_x` rotated by one, where θ ends: at place `z` stands bit `z - 1`.
    pub shifted: [V; 5],
    /// Parity: `n` instance variables.
    pub parity: Vec<RoundPolynomial<V, 5>>,
    /// Parity: 6 variables of `z`.
    pub parity_z: [RoundPolynomial<V, 6>; 6],
    /// The 25 lanes before the round, where parity ends.
    pub lanes: [V; LANES],
}

/// The last sumcheck: from the input states to messages and outputs.
#[derive(Clone, Debug)]
pub struct ChainProof<V> {
    /// `n` instance variables, 6 variables of `z`.
    pub rounds: Vec<RoundPolynomial<V, 3>>,
    /// Message lanes where the sumcheck ends.
    pub message: [V; RATE_LANES],
    /// Lanes of the state before the message was absorbed.
    pub previous: [V; LANES],
    /// Lanes of the output.
    pub out: [V; LANES],
}

/// A whole proof for `2^n` instances; its shape depends on `n` only.
#[derive(Clone, Debug)]
pub struct Proof<V> {
    /// The combined lanes of `out`, at the first point the verifier draws.
    pub out_claim: V,
    /// The keccak rounds, last first.
    pub rounds: Vec<RoundProof<V>>,
    /// The last sumcheck.
    pub chain: ChainProof<V>,
}

impl<V> Proof<V> {
    /// A proof for `2^n` instances whose elements come from `next`, in the order of the fields.
    pub fn build(n: usize, mut next: impl FnMut() -> V) -> Self {
        fn list<V, const D: usize>(length: usize, next: &mut impl FnMut() -> V) -> Vec<[V; D]> {
            (0..length).map(|_| std::array::from_fn(|_| next())).collect()
        }
        let next = &mut next;
        let out_claim = next();
        let rounds = (0..ROUNDS).map(|_| RoundProof {
            chi: list(n + 9, next),
            planes: std::array::from_fn(|_| next()),
            theta: list(n + 6, next),
            parities: std::array::from_fn(|_| next()),
            shifted: std::array::from_fn(|_| next()),
            parity: list(n, next),
            parity_z: std::array::from_fn(|_| std::array::from_fn(|_| next())),
            lanes: std::array::from_fn(|_| next()),
        });
        let rounds = rounds.collect();
        let chain = ChainProof {
            rounds: list(n + 6, next),
            message: std::array::from_fn(|_| next()),
            previous: std::array::from_fn(|_| next()),
            out: std::array::from_fn(|_| next()),
        };
        Self { out_claim, rounds, chain }
    }

    /// The number of instances, as a power of two.
    pub fn n(&self) -> usize {
        self.chain.rounds.len() - 6
    }

    /// All elements, in the order of [`Proof::build`].
    pub fn elements(&self) -> impl Iterator<Item = &V> {
        let rounds = self.rounds.iter().flat_map(|r| {
            (r.chi.iter().flatten())
                .chain(&r.planes)
                .chain(r.theta.iter().flatten())
                .chain(&r.parities)
                .chain(&r.shifted)
                .chain(r.parity.iter().flatten())
                .chain(r.parity_z.iter().flatten())
                .chain(&r.lanes)
        });
        let chain = &self.chain;
        let last = chain.rounds.iter().flatten().chain(&chain.message).chain(&chain.previous).chain(&chain.out);
        std::iter::once(&self.out_claim).chain(rounds).chain(last)
    }

    /// The same proof with each element replaced by `f` of it.
    pub fn map<W>(&self, mut f: impl FnMut(&V) -> W) -> Proof<W> {
        let mut elements = self.elements();
        Proof::build(self.n(), || f(elements.next().expect("build asks for as many elements as there are")))
    }
}

/// Elements of a proof for `2^n` instances.
pub const fn shape(n: usize) -> usize {
    1 + ROUNDS * (11 * n + 121) + 3 * (n + 6) + RATE_LANES + 2 * LANES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_back_in_order() {
        for n in 0..4 {
            let mut counter = 0;
            let proof = Proof::build(n, || (counter += 1, counter).1);
            assert_eq!(counter, shape(n));
            assert!(proof.elements().copied().eq(1..=shape(n)));
            assert!(proof.map(|v| v * 2).elements().copied().eq((1..=shape(n)).map(|v| 2 * v)));
        }
    }
}
