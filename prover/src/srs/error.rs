//! What can be wrong with a reference string, each with the file it was found in.

use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a reference string was not used. None is recoverable by trying again with the same file.
#[derive(Debug, Error)]
pub enum SrsError {
    /// There is no such file. Recoverable: make or fetch it.
    #[error("srs {}: no such file", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused (full disk, permissions), or the file does not match its pin.
    #[error("srs {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The caller asked for a size outside `1..=MAX_K`.
    #[error("srs size k = {got} is outside 1..={expected}")]
    Size {
        /// Largest size.
        expected: u32,
        /// Size asked for.
        got: u32,
    },
    /// The file ends early or has bytes left over.
    #[error("srs {}: expected {expected} bytes for k = {k}, got {got}", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// log2 of the points which the file claims.
        k: u32,
        /// Bytes such a file has.
        expected: u64,
        /// Bytes it has.
        got: u64,
    },
    /// The file is fine but too small for the circuit.
    #[error("srs {}: has 2^{got} points, 2^{expected} are needed", path.display())]
    TooSmall {
        /// The file.
        path: PathBuf,
        /// log2 of the points needed.
        expected: u32,
        /// log2 of the points there.
        got: u32,
    },
    /// The file does not say what a file of its kind says.
    #[error("srs {}: {what}: expected {expected}, got {got}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Field of the file.
        what: &'static str,
        /// What a good file says.
        expected: String,
        /// What this one says.
        got: String,
    },
    /// Coordinates that are no point.
    #[error("srs {}: point {index} of {what} is not a point of the curve", path.display())]
    Point {
        /// The file.
        path: PathBuf,
        /// Which list of points.
        what: &'static str,
        /// Position in the list.
        index: usize,
    },
    /// A pairing or the Lagrange check failed.
    #[error("srs {}: {what}", path.display())]
    Inconsistent {
        /// The file.
        path: PathBuf,
        /// The failed statement.
        what: &'static str,
    },
    /// The caller pinned another file.
    #[error("srs {}: expected sha256 {expected}, got {got}", path.display())]
    Pin {
        /// The file.
        path: PathBuf,
        /// Pinned hash, hex.
        expected: String,
        /// Hash of the file, hex.
        got: String,
    },
    /// A development string must not secure anything.
    #[error("the development srs is unsafe and refused on chain {chain_id}; load a ceremony file")]
    UnsafeOnPublicChain {
        /// The chain it was meant for.
        chain_id: u64,
    },
}

impl SrsError {
    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }
}
