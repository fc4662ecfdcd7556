//! Eight field elements at a time.
//!
//! The sums of the prover are written once, over [`Pack`]; the processor decides which implementation runs: `ifma` in
//! vector registers where it has AVX-512 with 52-bit products, `portable` elsewhere. Both give the same elements, so the
//! proof does not depend on the machine.

#[cfg(target_arch = "x86_64")]
pub(super) mod ifma;
pub(super) mod portable;

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use std::ops::{Add, Sub};

/// Elements of a pack.
pub const WIDTH: usize = 8;

/// Eight field elements, each computed with by itself; sums and differences are not reduced.
///
/// Between two calls of [`Pack::factor`] or [`Pack::settle`] at most 64 products, or 1,000 settled packs, may be added up. A reduced
/// sum of `k` products counts as `(k + 1) / 2` of them.
pub trait Pack: Copy + Send + Sync + Add<Output = Self> + Sub<Output = Self> + From<Self::Factor> + 'static {
    /// A reduced pack, ready to be multiplied.
    type Factor: Copy + Send + Sync;
    /// A sum of at most 128 products.
    type Dot: Copy;
    /// What the bits of `2^k` instances fold to, `k <= 3`.
    type Folding: Send + Sync;

    /// Whether the implementation needs the instructions of `ifma`.
    const VECTOR: bool;

    /// Eight zeros.
    fn zero() -> Self;
    /// The pack of `values`.
    fn new(values: &[Fr; WIDTH]) -> Self;
    /// The elements.
    fn values(self) -> [Fr; WIDTH];
    /// Reduces.
    fn factor(self) -> Self::Factor;
    /// `self - other` where the bit in `mask` is set, `self` elsewhere.
    fn minus_where(self, mask: u8, other: Self) -> Self;
    /// Adds `other` where the bit in `counts` is set, with the sign minus where that in `minus` is.
    fn add_signed(self, counts: u8, minus: u8, other: Self) -> Self;
    /// For `k` variables bound to `bound`; a bit counts as `1 - 2 * bit`.
    fn folding(bound: &[Fr]) -> Self::Folding;
    /// What bits fold to: `mask(i)` are those of instance `i`, of eight places.
    fn fold(folding: &Self::Folding, mask: impl Fn(usize) -> u8) -> Self;
    /// The empty sum of products.
    fn dot() -> Self::Dot;
    /// `dot + left * right`.
    fn add_product(dot: Self::Dot, left: Self::Factor, right: Self::Factor) -> Self::Dot;
    /// The value of a sum of products.
    fn reduce(dot: Self::Dot) -> Self;

    /// Eight times `value`.
    #[inline(always)]
    fn splat(value: Fr) -> Self {
        Self::new(&[value; WIDTH])
    }

    /// `left * right`.
    #[inline(always)]
    fn mul(left: Self::Factor, right: Self::Factor) -> Self {
        Self::reduce(Self::add_product(Self::dot(), left, right))
    }

    /// The same elements, reduced.
    #[inline(always)]
    fn settle(self) -> Self {
        self.factor().into()
    }

    /// `2 * self`.
    #[inline(always)]
    fn double(self) -> Self {
        self + self
    }

    /// The sum of the eight elements.
    fn sum(self) -> Fr {
        self.values().iter().sum()
    }
}

/// Defines a function over packs that is compiled with the instructions of its kind of packs.
///
/// Operations of packs stay in registers only if the compiler inlines them into a function that has these instructions, so:
/// what the body calls on packs is `#[inline(always)]`, and no closure of it computes with packs.
macro_rules! kernel {
    ($(#[$doc:meta])* $visible:vis fn $name:ident<P: Pack $(, const $size:ident: usize)?>(
        $($argument:ident: $type:ty),* $(,)?
    ) $(-> $output:ty)? $body:block) => {
        $(#[$doc])*
        $visible fn $name<P: Pack $(, const $size: usize)?>($($argument: $type),*) $(-> $output)? {
            #[inline(always)]
            fn work<P: Pack $(, const $size: usize)?>($($argument: $type),*) $(-> $output)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
            fn vector<P: Pack $(, const $size: usize)?>($($argument: $type),*) $(-> $output)? {
                work::<P $(, $size)?>($($argument),*)
            }

            #[cfg(target_arch = "x86_64")]
            if P::VECTOR {
                // SAFETY: packs with `VECTOR` are named only if the processor has the instructions.
                #[allow(unsafe_code)]
                return unsafe { vector::<P $(, $size)?>($($argument),*) };
            }
            work::<P $(, $size)?>($($argument),*)
        }
    };
}
pub(super) use kernel;

#[cfg(test)]
mod tests {
    use super::portable::Portable;
    use super::*;
    use crate::keccak::poly;
    use halo2_base::halo2_proofs::arithmetic::Field;
    use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};

    /// Elements at the edges of the field and of the limbs, in the form of either kind of packs, and random ones.
    fn element(rng: &mut StdRng) -> Fr {
        // What vectors keep is the element times 2^260.
        let form = if rng.gen_range(0..2) == 0 { Fr::ONE } else { Fr::from(2).pow([260]).invert().unwrap() };
        form * match rng.gen_range(0..8) {
            0 => Fr::ZERO,
            1 => -Fr::ONE,
            2 => Fr::from(rng.gen_range(0..3u64)),
            3 => -Fr::from(2).pow([52 * rng.gen_range(1..5u64)]),
            4 => Fr::from(2).pow([52 * rng.gen_range(1..5u64)]) - Fr::from(rng.gen_range(0..3u64)),
            // about p / 2^30, where the rounding of the quotient is nearest to its margin
            5 => Fr::from(2).pow([30]).invert().unwrap() * -Fr::from(rng.gen_range(0..1u64 << 30)),
            _ => Fr::from(rng.next_u64()).pow([5]),
        }
    }

    /// What the prover does with packs, at the limits that [`Pack`] states.
    fn agrees_with_elements<P: Pack>() {
        let mut rng = StdRng::seed_from_u64(1);
        for round in 0..500 {
            let mut draw = || -> [Fr; WIDTH] { std::array::from_fn(|_| element(&mut rng)) };
            let (a, b, c) = (draw(), draw(), draw());
            let at = |f: &dyn Fn(usize) -> Fr| -> [Fr; WIDTH] { std::array::from_fn(f) };
            let [pa, pb, pc] = [a, b, c].map(|v| P::new(&v));
            assert_eq!(pa.values(), a, "round {round}");
            assert_eq!(pa.sum(), a.iter().sum::<Fr>());
            assert_eq!((pa + pb - pc - pc).values(), at(&|i| a[i] + b[i] - c[i].double()));
            assert_eq!((P::zero() - pa.double()).settle().values(), at(&|i| -a[i].double()));
            let product = P::mul((pa - pb).factor(), (pc.double() - pa).factor());
            assert_eq!(product.values(), at(&|i| (a[i] - b[i]) * (c[i].double() - a[i])));
            let mut sum = P::zero();
            (0..64).for_each(|_| sum = sum - product);
            assert_eq!(sum.values(), at(&|i| -product.values()[i] * Fr::from(64)));
            let mut settled = P::zero();
            (0..1000).for_each(|_| settled = settled - pa);
            assert_eq!(settled.values(), at(&|i| -a[i] * Fr::from(1000)));
            let mut both = P::zero();
            (0..500).for_each(|_| both = both + pa - pb);
            assert_eq!(both.values(), at(&|i| (a[i] - b[i]) * Fr::from(500)));
            assert_eq!(P::mul(P::zero().factor(), pa.factor()).values(), [Fr::ZERO; WIDTH]);
            let mut dot = P::dot();
            (0..128).for_each(|_| dot = P::add_product(dot, pa.factor(), pb.factor()));
            assert_eq!(P::reduce(dot).values(), at(&|i| a[i] * b[i] * Fr::from(128)));
            let mask = a[0].to_bytes()[0] ^ b[1].to_bytes()[0];
            let expected = at(&|i| if mask >> i & 1 == 1 { a[i] - b[i] } else { a[i] });
            assert_eq!(pa.minus_where(mask, pb).values(), expected);
            let minus = c[2].to_bytes()[0];
            let sign = |i: usize| if minus >> i & 1 == 1 { -b[i] } else { b[i] };
            let expected = at(&|i| if mask >> i & 1 == 1 { a[i] + sign(i) } else { a[i] });
            assert_eq!(pa.add_signed(mask, minus, pb).values(), expected);
            assert_eq!(P::splat(a[0]).values(), [a[0]; WIDTH]);
        }
        let masks: [u8; 8] = std::array::from_fn(|_| rng.next_u32() as u8);
        for k in 0..=3 {
            let bound: Vec<Fr> = (0..k).map(|_| element(&mut rng)).collect();
            let folded = P::fold(&P::folding(&bound), |i| masks[i]).values();
            for (place, folded) in folded.into_iter().enumerate() {
                let sign = |i: usize| poly::small(1 - 2 * (masks[i] >> place & 1) as i64);
                assert_eq!(folded, poly::evaluate(&(0..1 << k).map(sign).collect::<Vec<_>>(), &bound));
            }
        }
    }

    #[test]
    fn portable_packs_agree_with_elements() {
        agrees_with_elements::<Portable>();
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn vector_packs_agree_with_elements() {
        if ifma::available() {
            agrees_with_elements::<ifma::Ifma>();
        } else {
            println!("skipped: this processor has no AVX-512 with 52-bit products");
        }
    }
}
