//! The development string, made fast: `s_i * G1` for many scalars over one table of multiples of G1.
//!
//! UNSAFE by design: tau follows from [`SEED`], which is published here.

use super::assemble;
use halo2_base::halo2_proofs::halo2curves::{
    bn256::{Bn256, Fr, G1, G1Affine, G2Affine},
    ff::{Field, FromUniformBytes, PrimeField},
    group::{Curve, Group, prime::PrimeCurveAffine},
};
use halo2_base::halo2_proofs::poly::kzg::commitment::ParamsKZG;
use rayon::prelude::*;

/// Public, so that nobody mistakes the string for a safe one and every machine makes the same.
const SEED: &[u8; 64] = b"vouch UNSAFE development srs: everyone can compute this tau. v1.";
/// Scalar bits handled by one table row.
const WINDOW_BITS: usize = 10;
/// Rows of the table: windows that cover the 254 bits of a scalar.
const WINDOWS: usize = 254usize.div_ceil(WINDOW_BITS);

/// Makes the string of `2^k` points.
pub(super) fn generate(k: u32) -> ParamsKZG<Bn256> {
    of_secret(tau(), k)
}

/// `tau * G2`, by which the string is recognised wherever it turns up.
pub(super) fn tau_g2() -> G2Affine {
    (G2Affine::generator() * tau()).to_affine()
}

/// The string of `2^k` points of a secret.
pub(super) fn of_secret(tau: Fr, k: u32) -> ParamsKZG<Bn256> {
    let n = 1usize << k;
    let table = Table::new();
    let powers: Vec<Fr> = std::iter::successors(Some(Fr::ONE), |p| Some(p * tau)).take(n).collect();
    let g = table.mul_all(&powers);
    let lagrange = table.mul_all(&lagrange_at(tau, k));
    let g2 = G2Affine::generator();
    assemble(k, g, Some(lagrange), g2, (g2 * tau).to_affine())
}

/// The secret that is none.
pub(super) fn tau() -> Fr {
    Fr::from_uniform_bytes(SEED)
}

/// `L_i(tau) = (tau^n - 1)/n * w^i / (tau - w^i)` for `i < n = 2^k`, `w` the n-th root of unity.
fn lagrange_at(tau: Fr, k: u32) -> Vec<Fr> {
    let n = 1u64 << k;
    let omega = (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |w, _| w.square());
    let n_inverse = Fr::TWO_INV.pow_vartime([u64::from(k)]);
    let factor = (tau.pow_vartime([n]) - Fr::ONE) * n_inverse;
    let roots: Vec<Fr> = std::iter::successors(Some(Fr::ONE), |w| Some(w * omega)).take(n as usize).collect();
    // tau is no root of unity: it is a fixed constant and a test checks the result.
    let mut values: Vec<Fr> = roots.iter().map(|w| tau - w).collect();
    batch_invert(&mut values);
    values.par_iter_mut().zip(roots.par_iter()).for_each(|(v, w)| *v *= factor * w);
    values
}

/// Replaces each non-zero value by its inverse (Montgomery's trick).
fn batch_invert(values: &mut [Fr]) {
    let mut products = Vec::with_capacity(values.len());
    let mut product = Fr::ONE;
    for v in values.iter() {
        products.push(product);
        product *= v;
    }
    let mut inverse = product.invert().unwrap_or(Fr::ZERO);
    for (v, before) in values.iter_mut().zip(products).rev() {
        let next = inverse * *v;
        *v = inverse * before;
        inverse = next;
    }
}

/// `row w, entry d-1` is `d * 2^(w * WINDOW_BITS) * G1`.
struct Table(Vec<Vec<G1Affine>>);

impl Table {
    fn new() -> Self {
        let bases: Vec<G1> = std::iter::successors(Some(G1::generator()), |b| {
            Some((0..WINDOW_BITS).fold(*b, |point, _| point.double()))
        })
        .take(WINDOWS)
        .collect();
        let rows = bases
            .par_iter()
            .map(|base| {
                let multiples: Vec<G1> =
                    std::iter::successors(Some(*base), |p| Some(p + base)).take((1 << WINDOW_BITS) - 1).collect();
                normalize(&multiples)
            })
            .collect();
        Self(rows)
    }

    fn mul_all(&self, scalars: &[Fr]) -> Vec<G1Affine> {
        scalars
            .par_chunks(1024)
            .flat_map_iter(|chunk| normalize(&chunk.iter().map(|s| self.mul(s)).collect::<Vec<_>>()))
            .collect()
    }

    fn mul(&self, scalar: &Fr) -> G1 {
        let bytes = scalar.to_repr();
        self.0.iter().enumerate().fold(G1::identity(), |sum, (w, row)| match digit(bytes.as_ref(), w) {
            0 => sum,
            d => sum + row[d - 1],
        })
    }
}

/// Bits `[w * WINDOW_BITS, (w + 1) * WINDOW_BITS)` of a little-endian number.
fn digit(bytes: &[u8], w: usize) -> usize {
    let (byte, shift) = (w * WINDOW_BITS / 8, w * WINDOW_BITS % 8);
    let word = (0..3).fold(0usize, |acc, i| acc | usize::from(*bytes.get(byte + i).unwrap_or(&0)) << (8 * i));
    (word >> shift) & ((1 << WINDOW_BITS) - 1)
}

fn normalize(points: &[G1]) -> Vec<G1Affine> {
    let mut affine = vec![G1Affine::identity(); points.len()];
    G1::batch_normalize(points, &mut affine);
    affine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_multiplies_as_the_curve_does() {
        let table = Table::new();
        let scalars = [Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(1023), Fr::from(1024), Fr::from_uniform_bytes(SEED)];
        let expected: Vec<G1Affine> = scalars.iter().map(|s| (G1Affine::generator() * s).to_affine()).collect();
        assert_eq!(table.mul_all(&scalars), expected);
    }
}
