//! An FFT with stored twiddles, two stages at a time, each block worked on until it is done with while it is in the cache.

use crate::arithmetic::{bitreverse, FftGroup};
use crate::multicore;
use ff::Field;
use std::sync::OnceLock;

/// Elements of a block that is transformed by one thread, without recursion.
const LEAF: usize = 1 << 10;
/// Elements from which the two last stages are shared among threads.
const SHARED: usize = 1 << 14;

/// Roots of unity of size n and what is computed from them, when it is first needed.
#[derive(Clone, Debug)]
pub struct FFTData<F: Field> {
    n: usize,
    omega: F,
    omega_inv: F,
    forward: OnceLock<Vec<F>>,
    inverse: OnceLock<Vec<F>>,
}

impl<F: Field> FFTData<F> {
    /// For transforms of `n` elements with the root `omega`, or its inverse.
    pub fn new(n: usize, omega: F, omega_inv: F) -> Self {
        Self { n, omega, omega_inv, forward: OnceLock::new(), inverse: OnceLock::new() }
    }

    /// Return private field `n`
    pub fn get_n(&self) -> usize {
        self.n
    }

    fn forward(&self) -> &[F] {
        self.forward.get_or_init(|| twiddles(self.n, self.omega))
    }

    fn inverse(&self) -> &[F] {
        self.inverse.get_or_init(|| twiddles(self.n, self.omega_inv))
    }

    /// The twiddles of the transform of polynomials in `shift * X`.
    pub fn shifted(&self, shift: F) -> Vec<F> {
        let mut twiddles = self.forward().to_vec();
        let (mut half, mut power) = (self.n / 2, shift);
        while half > 0 {
            multicore::scope(|scope| {
                for chunk in twiddles[half..2 * half].chunks_mut(SHARED) {
                    scope.spawn(move |_| chunk.iter_mut().for_each(|twiddle| *twiddle *= &power));
                }
            });
            half /= 2;
            power = power.square();
        }
        twiddles
    }
}

/// For each half h of a block of 2h elements, from h on the powers of the root of order 2h.
fn twiddles<F: Field>(n: usize, omega: F) -> Vec<F> {
    let mut twiddles = vec![F::ONE; n.max(2)];
    let half = n / 2;
    if half > 0 {
        multicore::scope(|scope| {
            for (i, chunk) in twiddles[half..].chunks_mut(SHARED).enumerate() {
                scope.spawn(move |_| {
                    let mut power = omega.pow_vartime([(i * SHARED) as u64]);
                    for twiddle in chunk {
                        *twiddle = power;
                        power *= &omega;
                    }
                });
            }
        });
        for i in (1..half).rev() {
            twiddles[i] = twiddles[2 * i];
        }
    }
    twiddles
}

/// The transform with the root `omega`, which is one of the two of `data`.
pub fn fft<Scalar: Field, G: FftGroup<Scalar>>(
    a: &mut [G],
    omega: Scalar,
    log_n: u32,
    data: &FFTData<Scalar>,
    _inverse: bool,
) {
    assert_eq!(a.len(), 1 << log_n);
    assert_eq!(a.len(), data.n, "twiddles of another size");
    if omega == data.omega {
        transform(a, data.forward());
    } else {
        assert!(omega == data.omega_inv, "twiddles of another root");
        transform(a, data.inverse());
    }
}

/// The transform with these twiddles.
pub fn transform<Scalar: Field, G: FftGroup<Scalar>>(a: &mut [G], twiddles: &[Scalar]) {
    let log_n = a.len().trailing_zeros() as usize;
    for k in 0..a.len() {
        let reversed = bitreverse(k, log_n);
        if k < reversed {
            a.swap(reversed, k);
        }
    }
    stages(a, twiddles);
}

/// All stages of a block in bit-reversed order.
fn stages<Scalar: Field, G: FftGroup<Scalar>>(a: &mut [G], twiddles: &[Scalar]) {
    let n = a.len();
    if n <= LEAF {
        return leaf(a, twiddles);
    }
    let quarter = n / 4;
    let (left, right) = a.split_at_mut(n / 2);
    let (a0, a1) = left.split_at_mut(quarter);
    let (a2, a3) = right.split_at_mut(quarter);
    rayon::join(
        || rayon::join(|| stages(a0, twiddles), || stages(a1, twiddles)),
        || rayon::join(|| stages(a2, twiddles), || stages(a3, twiddles)),
    );
    let (first, second) = (&twiddles[quarter..n / 2], twiddles[n / 2..n].split_at(quarter));
    if n < SHARED {
        return two_stages([a0, a1, a2, a3], [first, second.0, second.1]);
    }
    let size = SHARED / 4;
    let parts = a0.chunks_mut(size).zip(a1.chunks_mut(size)).zip(a2.chunks_mut(size)).zip(a3.chunks_mut(size));
    let roots = first.chunks(size).zip(second.0.chunks(size)).zip(second.1.chunks(size));
    multicore::scope(|scope| {
        for ((((a0, a1), a2), a3), ((first, low), high)) in parts.zip(roots) {
            scope.spawn(move |_| two_stages([a0, a1, a2, a3], [first, low, high]));
        }
    });
}

/// All stages of a small block.
fn leaf<Scalar: Field, G: FftGroup<Scalar>>(a: &mut [G], twiddles: &[Scalar]) {
    let n = a.len();
    let mut size = 1;
    if n.trailing_zeros() % 2 == 1 {
        let twiddle = twiddles[1];
        for pair in a.chunks_exact_mut(2) {
            let mut t = pair[1];
            if twiddle != Scalar::ONE {
                t *= &twiddle;
            }
            pair[1] = pair[0] - &t;
            pair[0] += &t;
        }
        size = 2;
    }
    while size < n {
        let (first, second) = (&twiddles[size..2 * size], twiddles[2 * size..4 * size].split_at(size));
        for block in a.chunks_exact_mut(4 * size) {
            let (left, right) = block.split_at_mut(2 * size);
            let (a0, a1) = left.split_at_mut(size);
            let (a2, a3) = right.split_at_mut(size);
            two_stages([a0, a1, a2, a3], [first, second.0, second.1]);
        }
        size *= 4;
    }
}

/// Two stages on four parts of a block: twiddles of the first one, of the second one's lower and upper half.
#[inline(always)]
fn two_stages<Scalar: Field, G: FftGroup<Scalar>>(parts: [&mut [G]; 4], twiddles: [&[Scalar]; 3]) {
    let [a0, a1, a2, a3] = parts;
    let [first, low, high] = twiddles;
    let n = a0.len();
    let (a1, a2, a3) = (&mut a1[..n], &mut a2[..n], &mut a3[..n]);
    let (first, low, high) = (&first[..n], &low[..n], &high[..n]);
    for j in 0..n {
        let (mut t1, mut t3) = (a1[j], a3[j]);
        t1 *= &first[j];
        t3 *= &first[j];
        let (b0, b1) = (a0[j] + &t1, a0[j] - &t1);
        let (mut b2, mut b3) = (a2[j] + &t3, a2[j] - &t3);
        b2 *= &low[j];
        b3 *= &high[j];
        a0[j] = b0 + &b2;
        a2[j] = b0 - &b2;
        a1[j] = b1 + &b3;
        a3[j] = b1 - &b3;
    }
}
