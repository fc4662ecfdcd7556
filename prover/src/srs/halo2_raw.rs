//! halo2's raw file: `k` (u32 LE) ‖ `2^k` powers in G1 ‖ `2^k` Lagrange points ‖ G2 ‖ tau * G2.
//!
//! Points are uncompressed, coordinates in Montgomery form, little-endian: 64 bytes in G1, 128 in G2.

use super::{SrsError, assemble};
use halo2_base::halo2_proofs::{
    SerdeFormat,
    halo2curves::{
        CurveAffine,
        bn256::{Bn256, G1Affine, G2Affine},
        serde::SerdeObject,
    },
    poly::{commitment::Params, kzg::commitment::ParamsKZG},
};
use rayon::prelude::*;
use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

pub(super) const G1_BYTES: u64 = 64;
pub(super) const G2_BYTES: u64 = 128;
pub(super) const G1_POWERS: &str = "powers of tau in G1";

/// Reads `2^k` points from a file that may hold more.
///
/// Enforces length and that each point lies on its curve; that all belong to one tau is for [`super::check`].
pub(super) fn read(path: &Path, k: u32) -> Result<ParamsKZG<Bn256>, SrsError> {
    let io = |e| SrsError::io(path, e);
    let file = File::open(path).map_err(io)?;
    let got = file.metadata().map_err(io)?.len();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut word = [0; 4];
    if got < 4 {
        return Err(SrsError::Length { path: path.into(), k, expected: file_bytes(k), got });
    }
    reader.read_exact(&mut word).map_err(io)?;
    let file_k = u32::from_le_bytes(word);
    if file_k > super::MAX_K {
        let (expected, got) = (format!("at most {}", super::MAX_K), file_k.to_string());
        return Err(SrsError::Format { path: path.into(), what: "k", expected, got });
    }
    if file_k < k {
        return Err(SrsError::TooSmall { path: path.into(), expected: k, got: file_k });
    }
    if got != file_bytes(file_k) {
        return Err(SrsError::Length { path: path.into(), k: file_k, expected: file_bytes(file_k), got });
    }
    let mut g = points::<G1Affine>(path, &mut reader, 1 << file_k, G1_POWERS)?;
    let lagrange = points::<G1Affine>(path, &mut reader, 1 << file_k, "Lagrange points in G1")?;
    let g2 = points::<G2Affine>(path, &mut reader, 2, "powers of tau in G2")?;
    g.truncate(1 << k);
    let lagrange = (file_k == k).then_some(lagrange);
    Ok(assemble(k, g, lagrange, g2[0], g2[1]))
}

/// The file for `params`.
pub(super) fn to_bytes(params: &ParamsKZG<Bn256>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(file_bytes(params.k()) as usize);
    // Writing to memory cannot fail.
    let _ = params.write_custom(&mut bytes, SerdeFormat::RawBytesUnchecked);
    bytes
}

/// Reads `count` points and checks that each lies on the curve (the identity does not count as a point).
pub(super) fn points<C: CurveAffine + SerdeObject>(
    path: &Path,
    reader: &mut impl Read,
    count: usize,
    what: &'static str,
) -> Result<Vec<C>, SrsError> {
    let size = C::identity().to_raw_bytes().len();
    let mut bytes = vec![0; size * count];
    reader.read_exact(&mut bytes).map_err(|e| SrsError::io(path, e))?;
    let point = |(index, raw): (usize, &[u8])| {
        let point = C::from_raw_bytes(raw).filter(|p| bool::from(p.is_on_curve()) && !bool::from(p.is_identity()));
        point.ok_or_else(|| SrsError::Point { path: path.into(), what, index })
    };
    bytes.par_chunks_exact(size).enumerate().map(point).collect()
}

fn file_bytes(k: u32) -> u64 {
    4 + 2 * G1_BYTES * (1 << k) + 2 * G2_BYTES
}
