//! Generated verifiers on disk, each found by the key it fits.
//!
//! The ones committed in `contracts/generated` fit the development string; for any other string they are generated anew
//! and kept beside the keys.

use crate::evm::artifact::ArtifactError;
use crate::evm::solc::SolcError;
use crate::evm::{Artifact, Passport, Solc};
use crate::keys::Keys;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why there is no verifier for a key.
#[derive(Debug, Error)]
pub enum VerifierError {
    /// None of the stored verifiers fits and none can be made. Recoverable: install the compiler.
    #[error("class {class}: no stored verifier fits the key, and none can be generated: {source}")]
    NoCompiler {
        /// The class.
        class: &'static str,
        /// What the compiler said.
        source: SolcError,
    },
    /// Generating failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// Folder of the committed verifiers: `VOUCH_GENERATED`, else `contracts/generated` here or in a folder above.
fn committed() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("VOUCH_GENERATED") {
        return Some(path.into());
    }
    let here = std::env::current_dir().ok()?;
    here.ancestors().map(|dir| dir.join("contracts/generated")).find(|path| path.is_dir())
}

/// The stored verifier of a class, whatever key it fits.
///
/// # Errors
/// [`VerifierError::Artifact`] if neither folder has one.
pub fn read(dir: &Path, class: &str) -> Result<Passport, VerifierError> {
    let committed = committed().and_then(|folder| Passport::read(&folder, class).ok());
    committed.map_or_else(|| Ok(Passport::read(dir, class)?), Ok)
}

/// The verifier for `keys`: a committed one, or one in `dir`, or a new one that is kept in `dir`.
///
/// # Errors
/// [`VerifierError::NoCompiler`] when a new one is needed and `solc` does not run.
pub fn load_or_make(dir: &Path, keys: &Keys) -> Result<Passport, VerifierError> {
    let class = keys.class.name;
    for folder in committed().iter().map(PathBuf::as_path).chain([dir]) {
        // A folder without the file, or with an unreadable one, is passed over.
        if let Ok(passport) = Passport::read(folder, class)
            && passport.fits(keys)
        {
            return Ok(passport);
        }
    }
    let solc = Solc::find();
    solc.check().map_err(|source| VerifierError::NoCompiler { class, source })?;
    tracing::info!(class, "generating the verifier");
    let artifact = Artifact::generate(keys, &solc)?;
    artifact.write(dir)?;
    Ok(artifact.passport)
}
