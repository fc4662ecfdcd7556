//! Packs in 512-bit registers: one element a 64-bit lane, five registers of 52-bit limbs.
//!
//! An element `x` is kept as `x 2^260` modulo the field's modulus `p` (Montgomery form); `2^260` is about `84.6 p`. Sums and
//! differences act on the limbs as signed integers, without carries. A limb of a product is below `18 * 2^52`, so 64 of them stay
//! below `2^62.2`, and [`Pack::factor`] adds at most `2^58.1`; 1,000 settled packs and their quotient stay below `2,001 * 2^52 < 2^63`.
//! It brings a pack back to limbs below `2^52` and a value below `p (1 + 2^-29)`. A product of two such values, divided by `2^260`,
//! is below `1.02 p`; so is a sum of 128 of them below `2.6 p`, with limbs below `2^62.2`.
//!
//! The intrinsics are unsafe to call where the processor lacks them. [`Ifma`] is named only behind [`available`], which asks for
//! them: by `prover::prove` and by the test of packs.
#![allow(unsafe_code)]

use super::{Pack, WIDTH};
use crate::keccak::poly::eq_table;
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr, halo2curves::ff::PrimeField};
use std::arch::x86_64::*;
use std::array::from_fn;
use std::ops::{Add, Sub};
use std::sync::LazyLock;

const LIMBS: usize = 5;
const LIMB_BITS: u32 = 52;
const LIMB_MASK: u64 = (1 << LIMB_BITS) - 1;

/// The field's modulus, lowest word first.
const MODULUS: [u64; 4] = [0x43e1_f593_f000_0001, 0x2833_e848_79b9_7091, 0xb850_45b6_8181_585d, 0x3064_4e72_e131_a029];
const MODULUS_LIMBS: [u64; LIMBS] = split(&MODULUS);
/// `-1 / p` modulo `2^52`, by Newton's iteration: each step doubles the number of right bits.
const NEGATED_INVERSE: u64 = {
    let mut inverse = 1u64;
    let mut step = 0;
    while step < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(MODULUS[0].wrapping_mul(inverse)));
        step += 1;
    }
    inverse.wrapping_neg() & LIMB_MASK
};
/// `2^208 / p`: the highest limb times this is the value in units of `p`.
const PER_MODULUS: f64 = 1.0 / (MODULUS_LIMBS[4] as f64 + MODULUS_LIMBS[3] as f64 / (1u64 << LIMB_BITS) as f64);
/// Covers the limbs that are left out of the quotient, which are less than `2^-34 p`, and rounding.
const MARGIN: f64 = 1.0 / (1u64 << 30) as f64;

/// `2^260` and its inverse.
static SHIFT: LazyLock<[Fr; 2]> = LazyLock::new(|| {
    let shift = Fr::from(2).pow([260]);
    [shift, shift.invert().unwrap_or(Fr::ZERO)]
});

/// True if this processor has what the packs need.
pub fn available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512ifma")
}

/// 256 bits in limbs.
const fn split(words: &[u64; 4]) -> [u64; LIMBS] {
    [
        words[0] & LIMB_MASK,
        (words[0] >> 52 | words[1] << 12) & LIMB_MASK,
        (words[1] >> 40 | words[2] << 24) & LIMB_MASK,
        (words[2] >> 28 | words[3] << 36) & LIMB_MASK,
        words[3] >> 16,
    ]
}

/// Inverse of [`split`].
const fn join(limbs: [u64; LIMBS]) -> [u64; 4] {
    [
        limbs[0] | limbs[1] << 52,
        limbs[1] >> 12 | limbs[2] << 40,
        limbs[2] >> 24 | limbs[3] << 28,
        limbs[3] >> 36 | limbs[4] << 16,
    ]
}

/// Eight elements; limbs are signed and may overlap.
#[derive(Clone, Copy)]
pub struct Ifma([__m512i; LIMBS]);

/// Limbs below `2^52`, values below `p (1 + 2^-29)`.
#[derive(Clone, Copy)]
pub struct Factor([__m512i; LIMBS]);

/// Columns of a sum of products, unsigned.
#[derive(Clone, Copy)]
pub struct Dot([__m512i; 2 * LIMBS]);

/// `start` minus the steps of the instances whose bit is set.
pub struct Folding {
    start: Ifma,
    steps: Vec<Ifma>,
}

/// Eight times `value`.
#[inline(always)]
fn broadcast(value: u64) -> __m512i {
    // SAFETY: `Ifma` is named only behind `available`.
    unsafe { _mm512_set1_epi64(value as i64) }
}

impl From<Factor> for Ifma {
    #[inline(always)]
    fn from(factor: Factor) -> Self {
        Self(factor.0)
    }
}

impl Add for Ifma {
    type Output = Self;

    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        for k in 0..LIMBS {
            // SAFETY: `Ifma` is named only behind `available`.
            self.0[k] = unsafe { _mm512_add_epi64(self.0[k], other.0[k]) };
        }
        self
    }
}

impl Sub for Ifma {
    type Output = Self;

    #[inline(always)]
    fn sub(mut self, other: Self) -> Self {
        for k in 0..LIMBS {
            // SAFETY: `Ifma` is named only behind `available`.
            self.0[k] = unsafe { _mm512_sub_epi64(self.0[k], other.0[k]) };
        }
        self
    }
}

impl Pack for Ifma {
    type Factor = Factor;
    type Dot = Dot;
    type Folding = Folding;
    const VECTOR: bool = true;

    #[inline(always)]
    fn zero() -> Self {
        Self([broadcast(0); LIMBS])
    }

    fn new(values: &[Fr; WIDTH]) -> Self {
        let limbs = values.map(|value| {
            let bytes = (value * SHIFT[0]).to_repr();
            let words = bytes.as_ref().as_chunks::<8>().0;
            split(&from_fn(|w| u64::from_le_bytes(words[w])))
        });
        // SAFETY: `Ifma` is named only behind `available`; eight words of 64 bits make a register.
        Self(from_fn(|k| unsafe { _mm512_loadu_si512(limbs.map(|limbs| limbs[k]).as_ptr().cast()) }))
    }

    fn values(self) -> [Fr; WIDTH] {
        let limbs = self.factor().0.map(|limb| {
            let mut words = [0u64; WIDTH];
            // SAFETY: `Ifma` is named only behind `available`; a register makes eight words of 64 bits.
            unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), limb) };
            words
        });
        from_fn(|i| Fr::from_raw(join(from_fn(|k| limbs[k][i]))) * SHIFT[1])
    }

    #[inline(always)]
    fn factor(self) -> Factor {
        let mut limbs = self.0;
        // SAFETY: `Ifma` is named only behind `available`.
        unsafe {
            let value = _mm512_mul_pd(_mm512_cvtepi64_pd(limbs[4]), _mm512_set1_pd(PER_MODULUS));
            let quotient = _mm512_cvt_roundpd_epi64::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(_mm512_sub_pd(
                value,
                _mm512_set1_pd(MARGIN),
            ));
            for k in 0..LIMBS {
                let multiple = _mm512_mullo_epi64(quotient, broadcast(MODULUS_LIMBS[k]));
                limbs[k] = _mm512_sub_epi64(limbs[k], multiple);
            }
            for k in 0..LIMBS - 1 {
                limbs[k + 1] = _mm512_add_epi64(limbs[k + 1], _mm512_srai_epi64::<LIMB_BITS>(limbs[k]));
                limbs[k] = _mm512_and_si512(limbs[k], broadcast(LIMB_MASK));
            }
        }
        Factor(limbs)
    }

    #[inline(always)]
    fn minus_where(mut self, mask: u8, other: Self) -> Self {
        for k in 0..LIMBS {
            // SAFETY: `Ifma` is named only behind `available`.
            self.0[k] = unsafe { _mm512_mask_sub_epi64(self.0[k], mask, self.0[k], other.0[k]) };
        }
        self
    }

    #[inline(always)]
    fn add_signed(mut self, counts: u8, minus: u8, other: Self) -> Self {
        self = self.minus_where(counts & minus, other);
        for k in 0..LIMBS {
            // SAFETY: `Ifma` is named only behind `available`.
            self.0[k] = unsafe { _mm512_mask_add_epi64(self.0[k], counts & !minus, self.0[k], other.0[k]) };
        }
        self
    }

    fn folding(bound: &[Fr]) -> Folding {
        let steps = eq_table(bound).iter().map(|eq| Self::splat(eq.double())).collect();
        Folding { start: Self::splat(Fr::ONE), steps }
    }

    #[inline(always)]
    fn fold(folding: &Folding, mask: impl Fn(usize) -> u8) -> Self {
        let mut sum = folding.start;
        for (i, step) in folding.steps.iter().enumerate() {
            sum = sum.minus_where(mask(i), *step);
        }
        sum
    }

    #[inline(always)]
    fn dot() -> Dot {
        Dot([broadcast(0); 2 * LIMBS])
    }

    #[inline(always)]
    fn add_product(mut dot: Dot, left: Factor, right: Factor) -> Dot {
        for i in 0..LIMBS {
            for j in 0..LIMBS {
                // SAFETY: `Ifma` is named only behind `available`.
                unsafe {
                    dot.0[i + j] = _mm512_madd52lo_epu64(dot.0[i + j], left.0[i], right.0[j]);
                    dot.0[i + j + 1] = _mm512_madd52hi_epu64(dot.0[i + j + 1], left.0[i], right.0[j]);
                }
            }
        }
        dot
    }

    #[inline(always)]
    fn reduce(dot: Dot) -> Self {
        let mut columns = dot.0;
        // SAFETY: `Ifma` is named only behind `available`.
        unsafe {
            let mut modulus = [broadcast(0); LIMBS];
            for k in 0..LIMBS {
                modulus[k] = broadcast(MODULUS_LIMBS[k]);
            }
            for i in 0..LIMBS {
                // Only the low 52 bits of an operand count.
                let quotient = _mm512_madd52lo_epu64(broadcast(0), columns[i], broadcast(NEGATED_INVERSE));
                for j in 0..LIMBS {
                    columns[i + j] = _mm512_madd52lo_epu64(columns[i + j], quotient, modulus[j]);
                    columns[i + j + 1] = _mm512_madd52hi_epu64(columns[i + j + 1], quotient, modulus[j]);
                }
                columns[i + 1] = _mm512_add_epi64(columns[i + 1], _mm512_srli_epi64::<LIMB_BITS>(columns[i]));
            }
        }
        let [_, _, _, _, _, result @ ..] = columns;
        Self(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants() {
        assert_eq!(join(split(&[u64::MAX; 4])), [u64::MAX; 4]);
        let hex = MODULUS.iter().rev().map(|word| format!("{word:016x}")).collect::<String>();
        assert_eq!(format!("0x{hex}"), Fr::MODULUS);
        assert_eq!(NEGATED_INVERSE.wrapping_mul(MODULUS[0]) & LIMB_MASK, LIMB_MASK);
    }
}
