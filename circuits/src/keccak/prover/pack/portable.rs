//! Packs for any processor: eight elements as they are, always reduced.

use super::super::bits::fold_table;
use super::super::words::turn;
use super::{Pack, WIDTH};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use std::array::from_fn;
use std::ops::{Add, Sub};

/// Eight elements.
#[derive(Clone, Copy, Debug)]
pub struct Portable([Fr; WIDTH]);

impl Add for Portable {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] + other.0[i]))
    }
}

impl Sub for Portable {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] - other.0[i]))
    }
}

/// The positions of the bits that are set.
fn bits(mut mask: u8) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let first = mask.trailing_zeros() as usize;
        mask &= mask.wrapping_sub(1);
        (first < WIDTH).then_some(first)
    })
}

/// `sum + left * right`: not inlined, as hundreds of products in one function would not fit the processor's cache of instructions.
#[inline(never)]
fn add_products(sum: &mut [Fr; WIDTH], left: &[Fr; WIDTH], right: &[Fr; WIDTH]) {
    for i in 0..WIDTH {
        sum[i] += left[i] * right[i];
    }
}

/// `left *= right`.
#[inline(never)]
fn multiply(left: &mut [Fr; WIDTH], right: &[Fr; WIDTH]) {
    for i in 0..WIDTH {
        left[i] *= right[i];
    }
}

impl Pack for Portable {
    type Factor = Self;
    type Dot = Self;
    type Folding = Vec<Fr>;
    const VECTOR: bool = false;

    #[inline(always)]
    fn zero() -> Self {
        Self([Fr::ZERO; WIDTH])
    }

    fn new(values: &[Fr; WIDTH]) -> Self {
        Self(*values)
    }

    #[inline(always)]
    fn values(self) -> [Fr; WIDTH] {
        self.0
    }

    #[inline(always)]
    fn factor(self) -> Self {
        self
    }

    #[inline(always)]
    fn minus_where(mut self, mask: u8, other: Self) -> Self {
        for i in bits(mask) {
            self.0[i] -= other.0[i];
        }
        self
    }

    #[inline(always)]
    fn add_signed(mut self, counts: u8, minus: u8, other: Self) -> Self {
        for i in bits(counts & !minus) {
            self.0[i] += other.0[i];
        }
        self.minus_where(counts & minus, other)
    }

    fn folding(bound: &[Fr]) -> Vec<Fr> {
        fold_table(bound)
    }

    fn fold(table: &Vec<Fr>, mask: impl Fn(usize) -> u8) -> Self {
        let instances = table.len().trailing_zeros() as usize;
        // Transposed, the bits of a place stand together.
        let masks: [u8; WIDTH] = from_fn(|i| if i < instances { mask(i) } else { 0 });
        let indices = turn(u64::from_le_bytes(masks));
        Self(indices.map(|index| table[index as usize]))
    }

    #[inline(always)]
    fn dot() -> Self {
        Self::zero()
    }

    #[inline(always)]
    fn add_product(mut dot: Self, left: Self, right: Self) -> Self {
        add_products(&mut dot.0, &left.0, &right.0);
        dot
    }

    #[inline(always)]
    fn mul(mut left: Self, right: Self) -> Self {
        multiply(&mut left.0, &right.0);
        left
    }

    #[inline(always)]
    fn reduce(dot: Self) -> Self {
        dot
    }
}
