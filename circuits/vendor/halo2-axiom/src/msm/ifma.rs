//! Affine additions eight at a time, with the 52-bit multiplications of AVX-512 (IFMA).
//!
//! A coordinate x is five limbs of 52 bits of an integer below 2p that is `x 2^260` modulo p, for a prime p between 2^253 and 2^254.
//! Then sums and differences of a few fit 260 bits, and a product of factors below 4p, reduced by Montgomery's method, is below 2p.

use super::Point;
use core::arch::x86_64::*;
use ff::PrimeField;

/// Additions that share one inversion.
const BATCH: usize = 1 << 10;
const VECTORS: usize = BATCH / 8;
/// How many points ahead memory is asked for.
const AHEAD: usize = 16;
const MASK: u64 = (1 << 52) - 1;

type Limbs = [u64; 5];
/// The values of a batch: of eight each, limb by limb.
type Column = [[[u64; 8]; 5]; VECTORS];
type V = [__m512i; 5];

/// A point that is not the identity.
#[derive(Clone, Copy, Default)]
pub(super) struct Wide {
    x: Limbs,
    y: Limbs,
}

/// What depends on the field only.
#[derive(Clone)]
pub(super) struct Base<F> {
    /// `2^260` and its inverse.
    shift: F,
    unshift: F,
    modulus: Limbs,
    /// `-p^-1` modulo 2^52.
    inverse: u64,
    /// What to subtract from a value whose bits from 2^253 on are the index.
    multiples: [Limbs; 16],
}

fn limbs(bytes: &[u8]) -> Limbs {
    let word = |i: usize| u64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().expect("eight bytes"));
    let [a, b, c, d] = [0, 1, 2, 3].map(word);
    [a & MASK, (a >> 52 | b << 12) & MASK, (b >> 40 | c << 24) & MASK, (c >> 28 | d << 36) & MASK, d >> 16]
}

fn minus(a: &Limbs, b: &Limbs) -> Option<Limbs> {
    let mut borrow = 0;
    let difference = std::array::from_fn(|i| {
        let d = a[i] as i64 - b[i] as i64 + borrow;
        borrow = d >> 52;
        if i < 4 { d as u64 & MASK } else { d as u64 }
    });
    (borrow == 0).then_some(difference)
}

impl<F: PrimeField> Base<F> {
    /// For a field of this size on this machine.
    pub(super) fn new() -> Option<Self> {
        if !is_x86_feature_detected!("avx512f") || !is_x86_feature_detected!("avx512ifma") {
            return None;
        }
        let minus_one = (-F::ONE).to_repr();
        if F::NUM_BITS != 254 || minus_one.as_ref().len() != 32 {
            return None;
        }
        let mut modulus = limbs(minus_one.as_ref());
        // p is odd
        modulus[0] += 1;
        // Newton's method doubles the bits that are right
        let inverse = (0..6).fold(1u64, |x, _| x.wrapping_mul(2u64.wrapping_sub(modulus[0].wrapping_mul(x))));
        let (mut multiples, mut multiple) = ([[0; 5]; 16], [0; 5]);
        for (i, entry) in multiples.iter_mut().enumerate() {
            // the largest multiple of p that is at most i 2^253
            let value = [0, 0, 0, 0, (i as u64) << 45];
            loop {
                let mut carry = 0;
                let next: Limbs = std::array::from_fn(|j| {
                    let sum = multiple[j] + modulus[j] + carry;
                    carry = sum >> 52;
                    sum & MASK
                });
                if minus(&value, &next).is_none() {
                    break;
                }
                multiple = next;
            }
            *entry = multiple;
        }
        let shift = F::from(2).pow([260]);
        let unshift = shift.invert().unwrap_or(F::ZERO);
        Some(Self { shift, unshift, modulus, inverse: inverse.wrapping_neg() & MASK, multiples })
    }

    fn to_limbs(&self, x: F) -> Limbs {
        limbs((x * self.shift).to_repr().as_ref())
    }

    /// The field element of limbs, times 2^260.
    fn integer(&self, x: &Limbs) -> F {
        let mut x = *x;
        while let Some(less) = minus(&x, &self.modulus) {
            x = less;
        }
        let words = [x[0] | x[1] << 52, x[1] >> 12 | x[2] << 40, x[2] >> 24 | x[3] << 28, x[3] >> 36 | x[4] << 16];
        let mut repr = F::Repr::default();
        for (bytes, word) in repr.as_mut().chunks_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        F::from_repr_vartime(repr).unwrap_or(F::ZERO)
    }

    pub(super) fn wide(&self, point: &Point<F>) -> Wide {
        Wide { x: self.to_limbs(point.x), y: self.to_limbs(point.y) }
    }

    /// The negative of what [`Self::wide`] made: its y is below p, and no point has y = 0 in a group of odd order.
    pub(super) fn negative(&self, wide: &Wide) -> Wide {
        Wide { x: wide.x, y: minus(&self.modulus, &wide.y).unwrap_or(wide.y) }
    }

    pub(super) fn point(&self, wide: &Wide) -> Point<F> {
        let [x, y] = [&wide.x, &wide.y].map(|limbs| self.integer(limbs) * self.unshift);
        Point { x, y }
    }

    /// `1 / x` for each lane of products; `None` if one of them is 0.
    fn invert(&self, lanes: &[Limbs; 8]) -> Option<[Limbs; 8]> {
        let values = lanes.map(|lane| self.integer(&lane) * self.unshift);
        let mut product = F::ONE;
        let before = values.map(|value| {
            let before = product;
            product *= value;
            before
        });
        let mut inverse = Option::<F>::from(product.invert())?;
        let mut inverses = [[0; 5]; 8];
        for i in (0..8).rev() {
            inverses[i] = self.to_limbs(inverse * before[i]);
            inverse *= values[i];
        }
        Some(inverses)
    }
}

/// The points of terms in this order, some of them negated.
pub(super) fn ordered<F: PrimeField, S>(base: &Base<F>, terms: &[(S, Wide)], order: &[(u32, bool)]) -> Vec<Wide> {
    let soon = |i: usize| {
        if let Some((next, _)) = order.get(i + AHEAD) {
            let point: *const Wide = &terms[*next as usize].1;
            // SAFETY: a hint, of an address that is valid
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(point.cast());
                _mm_prefetch::<_MM_HINT_T0>(point.cast::<i8>().add(64));
            }
        }
    };
    let signed = |(i, (at, negative)): (usize, &(u32, bool))| {
        soon(i);
        let point = &terms[*at as usize].1;
        if *negative { base.negative(point) } else { *point }
    };
    order.iter().enumerate().map(signed).collect()
}

/// Additions to be done together: their points and where the sums go.
pub(super) struct Batch {
    to: Vec<usize>,
    points: Box<[[[[u64; 8]; 5]; 4]; VECTORS]>,
    /// Slopes above and below, products of those below before each, sums.
    above: Box<Column>,
    below: Box<Column>,
    before: Box<Column>,
    sums: Box<[[[[u64; 8]; 5]; 2]; VECTORS]>,
}

/// A zeroed array on the heap.
fn column<T: Copy, const N: usize>(zero: T) -> Box<[T; N]> {
    vec![zero; N].try_into().unwrap_or_else(|_| unreachable!("N elements"))
}

impl Batch {
    pub(super) fn new() -> Self {
        let zero = [[0; 8]; 5];
        Self {
            to: Vec::with_capacity(BATCH),
            points: column([zero; 4]),
            above: column(zero),
            below: column(zero),
            before: column(zero),
            sums: column([zero; 2]),
        }
    }

    /// Plans `sums[to] = p + q`; whether the batch is full.
    pub(super) fn add(&mut self, p: &Wide, q: &Wide, to: usize) -> bool {
        let i = self.to.len();
        for (vector, limbs) in self.points[i / 8].iter_mut().zip([&p.x, &p.y, &q.x, &q.y]) {
            for (lanes, limb) in vector.iter_mut().zip(limbs) {
                lanes[i % 8] = *limb;
            }
        }
        self.to.push(to);
        self.to.len() == BATCH
    }

    /// Does the additions; `None` if two of the points have the same x.
    pub(super) fn finish<F: PrimeField>(&mut self, base: &Base<F>, sums: &mut [Wide]) -> Option<()> {
        let count = self.to.len();
        if count == 0 {
            return Some(());
        }
        // unused lanes add points that differ in x
        for i in count..count.next_multiple_of(8) {
            for (vector, x) in self.points[i / 8].iter_mut().zip([1, 0, 2, 0]) {
                vector.iter_mut().zip([x, 0, 0, 0, 0]).for_each(|(lanes, limb)| lanes[i % 8] = limb);
            }
        }
        let vectors = count.div_ceil(8);
        // SAFETY: a `Base` is made only where the processor has the instructions
        let products = unsafe { self.slopes(base, vectors) };
        let inverses = base.invert(&products)?;
        // SAFETY: as above
        unsafe { self.add_all(base, vectors, &inverses) };
        for (i, to) in self.to.drain(..).enumerate() {
            let [x, y] = [0, 1].map(|c: usize| std::array::from_fn(|l| self.sums[i / 8][c][l][i % 8]));
            sums[to] = Wide { x, y };
        }
        Some(())
    }

    /// What is above and below in each slope; returns the products below, lane by lane.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn slopes<F>(&mut self, base: &Base<F>, vectors: usize) -> [Limbs; 8] {
        let field = Vectors::new(base);
        // any value: the first product is not used
        let mut product = field.modulus;
        for v in 0..vectors.min(VECTORS) {
            let [px, py, qx, qy] = &self.points[v];
            let below = field.minus(&load(qx), &load(px));
            store(&mut self.below[v], &below);
            store(&mut self.above[v], &field.minus(&load(qy), &load(py)));
            store(&mut self.before[v], &product);
            product = if v == 0 { below } else { field.times(&product, &below) };
        }
        let mut limbs = [[0; 8]; 5];
        store(&mut limbs, &product);
        std::array::from_fn(|lane| std::array::from_fn(|l| limbs[l][lane]))
    }

    /// The sums, from the inverses of the products.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn add_all<F>(&mut self, base: &Base<F>, vectors: usize, inverses: &[Limbs; 8]) {
        let field = Vectors::new(base);
        let mut inverse = load(&std::array::from_fn(|l| std::array::from_fn(|lane| inverses[lane][l])));
        for v in (0..vectors.min(VECTORS)).rev() {
            let [px, py, qx, _] = &self.points[v];
            let own = if v == 0 { inverse } else { field.times(&inverse, &load(&self.before[v])) };
            inverse = field.times(&inverse, &load(&self.below[v]));
            let slope = field.times(&load(&self.above[v]), &own);
            let (x1, y1) = (load(px), load(py));
            let square = field.times(&slope, &slope);
            let x = field.reduced(&field.minus(&field.minus(&square, &x1), &load(qx)));
            let y = field.reduced(&field.minus(&field.times(&slope, &field.minus(&x1, &x)), &y1));
            store(&mut self.sums[v][0], &x);
            store(&mut self.sums[v][1], &y);
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(limbs: &[[u64; 8]; 5]) -> V {
    // SAFETY: eight words are read from eight words
    std::array::from_fn(|l| unsafe { _mm512_loadu_si512(limbs[l].as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(limbs: &mut [[u64; 8]; 5], value: &V) {
    for (words, value) in limbs.iter_mut().zip(value) {
        // SAFETY: eight words are written to eight words
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), *value) };
    }
}

/// The field's constants in all lanes.
struct Vectors {
    modulus: V,
    twice: V,
    inverse: __m512i,
    mask: __m512i,
    /// Limb by limb the first and the last eight multiples.
    multiples: [[__m512i; 2]; 5],
}

impl Vectors {
    #[target_feature(enable = "avx512f")]
    fn new<F>(base: &Base<F>) -> Self {
        let all = |limb: u64| _mm512_set1_epi64(limb as i64);
        let eight = |from: usize| load(&std::array::from_fn(|l| std::array::from_fn(|i| base.multiples[from + i][l])));
        let [low, high] = [eight(0), eight(8)];
        Self {
            modulus: base.modulus.map(all),
            twice: base.modulus.map(|limb| all(2 * limb)),
            inverse: all(base.inverse),
            mask: all(MASK),
            multiples: std::array::from_fn(|l| [low[l], high[l]]),
        }
    }

    /// Limbs of 52 bits from sums of limbs, which may be negative.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn carried(&self, mut a: V) -> V {
        for l in 0..4 {
            a[l + 1] = _mm512_add_epi64(a[l + 1], _mm512_srai_epi64::<52>(a[l]));
            a[l] = _mm512_and_si512(a[l], self.mask);
        }
        a
    }

    /// `a - b + 2p`, for b below 2p.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn minus(&self, a: &V, b: &V) -> V {
        self.carried(std::array::from_fn(|l| _mm512_sub_epi64(_mm512_add_epi64(a[l], self.twice[l]), b[l])))
    }

    /// `a` below 2p, for a below 8 p.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn reduced(&self, a: &V) -> V {
        let high = _mm512_srli_epi64::<45>(a[4]);
        self.carried(std::array::from_fn(|l| {
            let [low, up] = self.multiples[l];
            _mm512_sub_epi64(a[l], _mm512_permutex2var_epi64(low, high, up))
        }))
    }

    /// `a b 2^-260`, below 2p for factors below 8p and 4p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn times(&self, a: &V, b: &V) -> V {
        let zero = _mm512_setzero_si512();
        let mut t = [zero; 6];
        for a in a {
            for l in 0..5 {
                t[l] = _mm512_madd52lo_epu64(t[l], *a, b[l]);
            }
            let m = _mm512_madd52lo_epu64(zero, t[0], self.inverse);
            for l in 0..5 {
                t[l + 1] = _mm512_madd52hi_epu64(t[l + 1], *a, b[l]);
                t[l] = _mm512_madd52lo_epu64(t[l], m, self.modulus[l]);
            }
            for l in 0..5 {
                t[l + 1] = _mm512_madd52hi_epu64(t[l + 1], m, self.modulus[l]);
            }
            // the lowest limb is a multiple of 2^52 now
            let carry = _mm512_srli_epi64::<52>(t[0]);
            t = [_mm512_add_epi64(t[1], carry), t[2], t[3], t[4], t[5], zero];
        }
        self.carried([t[0], t[1], t[2], t[3], t[4]])
    }
}
