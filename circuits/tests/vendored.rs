//! What the vendored halo2 does faster, against the plain way: multi-scalar multiplication and Fourier transforms.

use halo2_base::halo2_proofs::{
    arithmetic::{best_fft, best_multiexp},
    halo2curves::{
        bn256::{Fr, G1, G1Affine},
        ff::{Field, PrimeField, WithSmallOrderMulGroup},
        group::{Curve, Group, prime::PrimeCurveAffine},
    },
    poly::EvaluationDomain,
};
use rand::{RngCore, SeedableRng, rngs::StdRng};
use test_case::test_case;

fn points(count: usize) -> Vec<G1Affine> {
    let all: Vec<G1> =
        std::iter::successors(Some(G1::generator()), |p| Some(p.double() + G1::generator())).take(count).collect();
    let mut affine = vec![G1Affine::identity(); count];
    G1::batch_normalize(&all, &mut affine);
    affine
}

fn check(scalars: &[Fr], bases: &[G1Affine]) {
    let expected: G1 = scalars.iter().zip(bases).map(|(scalar, base)| base * scalar).sum();
    assert_eq!(best_multiexp(scalars, bases), expected);
}

#[test_case(0)]
#[test_case(1)]
#[test_case(511)]
#[test_case(512)]
#[test_case(3000)]
fn sums_of_multiples(count: usize) {
    let mut rng = StdRng::seed_from_u64(count as u64);
    let bases = points(count);
    let random: Vec<Fr> = (0..count).map(|_| Fr::random(&mut rng)).collect();
    check(&random, &bases);
    let bytes: Vec<Fr> = (0..count).map(|_| Fr::from(u64::from(rng.next_u32() as u8))).collect();
    check(&bytes, &bases);
    // zeros, ones, small negatives, the largest scalars and those around powers of two
    let mixed = (0..count).map(|i| match i % 6 {
        0 => Fr::ZERO,
        1 => Fr::ONE,
        2 => -Fr::from(i as u64),
        3 => Fr::TWO_INV,
        4 => Fr::from(2).pow([i as u64 % 254]) - Fr::ONE,
        _ => Fr::from(2).pow([i as u64 % 254]),
    });
    check(&mixed.collect::<Vec<_>>(), &bases);
}

/// Equal points, opposite ones and the identity: sums that have no slope.
#[test]
fn points_that_meet() {
    let mut rng = StdRng::seed_from_u64(7);
    let some = points(4);
    let bases: Vec<G1Affine> = (0..2000)
        .map(|i| match i % 5 {
            0 => some[0],
            1 => -some[0],
            2 => G1Affine::identity(),
            _ => some[i % 4],
        })
        .collect();
    let equal = vec![Fr::from(5); 2000];
    let random: Vec<Fr> = (0..2000).map(|_| Fr::random(&mut rng)).collect();
    let few: Vec<Fr> = (0..2000).map(|i| Fr::from(i % 3)).collect();
    [equal, random, few].iter().for_each(|scalars| check(scalars, &bases));
}

fn value(coefficients: &[Fr], x: Fr) -> Fr {
    coefficients.iter().rev().fold(Fr::ZERO, |sum, c| sum * x + c)
}

#[test_case(1)]
#[test_case(2)]
#[test_case(9)]
#[test_case(12)]
#[test_case(13)]
#[test_case(15)]
fn transforms_are_evaluations(k: u32) {
    let mut rng = StdRng::seed_from_u64(u64::from(k));
    let domain = EvaluationDomain::<Fr>::new(5, k);
    let coefficients: Vec<Fr> = (0..1 << k).map(|_| Fr::random(&mut rng)).collect();
    let mut values = coefficients.clone();
    best_fft(&mut values, domain.get_omega(), k, domain.get_fft_data(1 << k), false);
    let chosen: Vec<u64> = (0..20).map(|i| (i * 37) % (1 << k)).collect();
    for i in &chosen {
        assert_eq!(values[*i as usize], value(&coefficients, domain.get_omega().pow([*i])), "value {i}");
    }
    best_fft(&mut values, domain.get_omega_inv(), k, domain.get_fft_data(1 << k), true);
    let n = Fr::from(1 << k);
    assert!(values.iter().zip(&coefficients).all(|(back, c)| *back == *c * n));

    let polynomial = domain.coeff_from_vec(coefficients.clone());
    let mut factor = Fr::ONE;
    for _ in 0..4 {
        let part = domain.coeff_to_coset(&polynomial, &domain.coset(factor));
        assert_eq!(part.values(), domain.coeff_to_extended_part(polynomial.clone(), factor).values());
        for i in &chosen {
            let x = Fr::ZETA * factor * domain.get_omega().pow([*i]);
            assert_eq!(part[*i as usize], value(&coefficients, x));
        }
        factor *= domain.get_extended_omega();
    }
}
