//! The FFT that the prover uses, and others.

use ff::Field;

use self::cached::FFTData;
use crate::arithmetic::FftGroup;

pub mod baseline;
pub mod cached;
pub mod parallel;
pub mod recursive;

/// The FFT that the prover uses
pub fn fft<Scalar: Field, G: FftGroup<Scalar>>(
    a: &mut [G],
    omega: Scalar,
    log_n: u32,
    data: &FFTData<Scalar>,
    inverse: bool,
) {
    cached::fft(a, omega, log_n, data, inverse);
}
