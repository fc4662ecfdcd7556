//! The transcript of a score proof: the key is data and comes first.
//!
//! Statement: the first challenge depends on the class, on every point of the key, on the instances and on the first
//! commitments of the proof. So nobody can choose a key after the proof.
//!
//! halo2 begins each proof by absorbing a hash of the verifying key, which no contract can recompute. [`KeyFirst`] absorbs
//! the class and the points instead and swallows that one scalar.

use halo2_base::halo2_proofs::{
    halo2curves::bn256::{Fr, G1Affine},
    transcript::{EncodedChallenge, Transcript, TranscriptRead, TranscriptWrite},
};
use std::{io, marker::PhantomData};

/// A transcript that begins with `class ‖ points` in place of halo2's hash of the verifying key.
#[derive(Debug)]
pub struct KeyFirst<'a, T, E> {
    inner: &'a mut T,
    swallow_next_scalar: bool,
    challenge: PhantomData<E>,
}

impl<'a, T, E> KeyFirst<'a, T, E>
where
    E: EncodedChallenge<G1Affine>,
    T: Transcript<G1Affine, E>,
{
    /// Absorbs `class` and `points` into the empty transcript `inner`.
    ///
    /// # Errors
    /// A point is the identity.
    pub fn new(inner: &'a mut T, class: Fr, points: &[G1Affine]) -> io::Result<Self> {
        inner.common_scalar(class)?;
        points.iter().try_for_each(|point| inner.common_point(*point))?;
        Ok(Self { inner, swallow_next_scalar: true, challenge: PhantomData })
    }
}

impl<T, E> Transcript<G1Affine, E> for KeyFirst<'_, T, E>
where
    E: EncodedChallenge<G1Affine>,
    T: Transcript<G1Affine, E>,
{
    fn squeeze_challenge(&mut self) -> E {
        self.inner.squeeze_challenge()
    }

    fn common_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.inner.common_point(point)
    }

    fn common_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        if std::mem::take(&mut self.swallow_next_scalar) { Ok(()) } else { self.inner.common_scalar(scalar) }
    }
}

impl<T, E> TranscriptWrite<G1Affine, E> for KeyFirst<'_, T, E>
where
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
{
    fn write_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.inner.write_point(point)
    }

    fn write_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.inner.write_scalar(scalar)
    }
}

impl<T, E> TranscriptRead<G1Affine, E> for KeyFirst<'_, T, E>
where
    E: EncodedChallenge<G1Affine>,
    T: TranscriptRead<G1Affine, E>,
{
    fn read_point(&mut self) -> io::Result<G1Affine> {
        self.inner.read_point()
    }

    fn read_scalar(&mut self) -> io::Result<Fr> {
        self.inner.read_scalar()
    }
}
