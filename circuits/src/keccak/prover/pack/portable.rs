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
        for (i, value) in self.0.iter_mut().enumerate() {
            // A look-up is cheaper than a branch that is taken every other time.
            *value -= [Fr::ZERO, other.0[i]][(mask >> i & 1) as usize];
        }
        self
    }

    #[inline(always)]
    fn add_signed(mut self, counts: u8, minus: u8, other: Self) -> Self {
        for (i, value) in self.0.iter_mut().enumerate() {
            let choice = (counts >> i & 1) + 2 * (minus >> i & 1);
            *value += [Fr::ZERO, other.0[i], Fr::ZERO, -other.0[i]][choice as usize];
        }
        self
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
    fn add_product(dot: Self, left: Self, right: Self) -> Self {
        Self(from_fn(|i| dot.0[i] + left.0[i] * right.0[i]))
    }

    #[inline(always)]
    fn mul(left: Self, right: Self) -> Self {
        Self(from_fn(|i| left.0[i] * right.0[i]))
    }

    #[inline(always)]
    fn reduce(dot: Self) -> Self {
        dot
    }
}
