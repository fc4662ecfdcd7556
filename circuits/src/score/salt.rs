//! Salt: secret numbers in the rows of the weight columns that no gate reads, so that key and proofs say nothing of the weights.
//!
//! Statement: with `R` salted rows a column, the commitment of the column and its openings in `R - 1` proofs are distributed as those
//! of any other weights. An opening at `x` is `Σ_j L_j(x) w_j` with the Lagrange basis `L_j(x) = ω^j (x^n - 1) / (n (x - ω^j))`; the
//! matrix of `L_j(x_i)` over salted rows `j` and distinct points `x_i` outside the domain is a Cauchy matrix times diagonals, so any
//! `R` of its columns are independent, and uniform rows make uniform openings. The commitment is the opening at the secret of the
//! reference string. Two proofs draw the same point with probability below `2^-200`. SPEC.md, "Private weights".

use super::{
    class::Class,
    frame::{Frame, Rows, UNUSABLE},
    sheet::FOLD,
};
use crate::digest::keccak256;
use halo2_base::halo2_proofs::{
    arithmetic::Field,
    halo2curves::{bn256::Fr, ff::PrimeField},
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// The seed of the salted rows. Whoever knows it can test guesses of the weights against the key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 32]);

/// A secret does not belong into a log.
impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt(..)")
    }
}

/// The salted rows: those behind the dense products, but for the one with the 1 that every weight column has.
fn rows(class: Class, rows: &Rows) -> impl Iterator<Item = usize> + use<> {
    let one = rows.glue;
    (rows.dense..(1 << class.k) - UNUSABLE).filter(move |row| *row != one)
}

/// Proofs for which one salt hides the weights of a model that takes `used` rows of `class`.
pub fn budget(class: Class, used: &Rows) -> u64 {
    (rows(class, used).count() as u64).saturating_sub(1)
}

impl Salt {
    /// The salted cells, `(row, one number for each weight column)`; the same on every machine. `weights` are the cells of the
    /// dense rows: they are part of the seed, so that two models of one salt have nothing in common.
    pub(super) fn cells(
        &self,
        frame: &Frame,
        weights: &[[Fr; FOLD]],
    ) -> impl Iterator<Item = (usize, [Fr; FOLD])> + use<> {
        let mut seed = self.0.to_vec();
        seed.extend(weights.iter().flatten().flat_map(|w| w.to_repr()));
        let mut rng = ChaCha20Rng::from_seed(keccak256(&seed));
        rows(frame.class, &frame.rows).map(move |row| (row, [(); FOLD].map(|()| Fr::random(&mut rng))))
    }
}
