//! Generated verifiers on disk, each found by its class and its reference string.
//!
//! The ones committed in `contracts/generated` fit the development string; for any other string they are generated anew
//! and kept in a folder of that string beside the keys. What a file says of itself is not believed: the first proof that a
//! verifier accepts is followed by lies that it must refuse ([`crate::evm::trial`]).

use crate::evm::artifact::ArtifactError;
use crate::evm::solc::SolcError;
use crate::evm::{Artifact, Passport, Solc};
use crate::files;
use crate::keys::{Keys, SOURCES};
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
    /// There is no verifier of this class. Recoverable: `vouch setup` with the same string.
    #[error("class {class}: no verifier for reference string {expected}; run `vouch setup` with this string first")]
    Missing {
        /// The class.
        class: String,
        /// The string.
        expected: String,
    },
    /// The verifier there is belongs to another reference string. Recoverable: `vouch setup` with the string that is meant.
    #[error(
        "class {class}: expected a verifier for reference string {expected}, got one for {got}; choose the string with \
         --ceremony, or run `vouch setup` with this one first"
    )]
    OtherString {
        /// The class.
        class: String,
        /// The string chosen.
        expected: String,
        /// The string of the verifier.
        got: String,
    },
    /// A stored verifier is not the one that its key makes. Recoverable: remove its files, it is made again.
    #[error("class {class}: the stored verifier is not the one made of this key: its {what} differs; remove its files")]
    Forged {
        /// The class.
        class: &'static str,
        /// What differs.
        what: &'static str,
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

/// Folder in `dir` of the verifiers for the reference string `srs` (`sha256:<hex>`).
fn kept(dir: &Path, srs: &str) -> PathBuf {
    let hash = srs.trim_start_matches("sha256:");
    dir.join("verifiers").join(hash.get(..16).unwrap_or(hash))
}

/// The folders to look in, first the committed one.
fn folders(dir: &Path, srs: &str) -> Vec<PathBuf> {
    committed().into_iter().chain([kept(dir, srs)]).collect()
}

/// The stored verifier of a class for the reference string `srs` (`sha256:<hex>`, of the size of the class).
///
/// # Errors
/// [`VerifierError::OtherString`] names both strings; [`VerifierError::Missing`].
pub fn read(dir: &Path, class: &str, srs: &str) -> Result<Passport, VerifierError> {
    read_in(&folders(dir, srs), class, srs)
}

fn read_in(folders: &[PathBuf], class: &str, srs: &str) -> Result<Passport, VerifierError> {
    // A folder without the file, or with an unreadable one, is passed over.
    let all = folders.iter().filter_map(|folder| Passport::read(folder, class).ok()).filter(|p| p.circuit == class);
    let (mut fit, other): (Vec<Passport>, Vec<Passport>) = all.partition(|p| p.srs == srs);
    // One made from these very sources before one that may be older.
    fit.sort_by_key(|p| p.sources_sha256 != SOURCES);
    let (class, expected) = (class.to_owned(), srs.to_owned());
    match (fit.into_iter().next(), other.into_iter().next()) {
        (Some(passport), _) => Ok(passport),
        (None, Some(other)) => Err(VerifierError::OtherString { class, expected, got: other.srs }),
        (None, None) => Err(VerifierError::Missing { class, expected }),
    }
}

/// The verifier for `keys`: a committed one, or one kept beside the keys, or a new one that is kept there.
///
/// # Errors
/// [`VerifierError::NoCompiler`] when a new one is needed and `solc` does not run.
pub fn load_or_make(dir: &Path, keys: &Keys) -> Result<Passport, VerifierError> {
    let class = keys.class.name;
    let srs = keys.srs.name();
    for folder in folders(dir, &srs) {
        if let Ok(passport) = Passport::read(&folder, class)
            && passport.fits(keys)
        {
            return Ok(passport);
        }
    }
    let solc = Solc::find();
    solc.check().map_err(|source| VerifierError::NoCompiler { class, source })?;
    tracing::info!(class, "generating the verifier");
    let artifact = Artifact::generate(keys, &solc)?;
    artifact.write(&kept(dir, &srs))?;
    Ok(artifact.passport)
}

/// Makes the verifier for `keys` again and compares `passport` with it, as far as the tools of this machine allow: always its
/// source, and its bytecode where there is a compiler. For whoever deploys it: on a chain it cannot be replaced.
///
/// Returns whether the bytecode was compared. What was found is noted in `dir`, so that it is done once.
///
/// # Errors
/// [`VerifierError::Forged`] says what differs.
pub fn compare(dir: &Path, keys: &Keys, passport: &Passport) -> Result<bool, VerifierError> {
    let class = keys.class.name;
    let srs = keys.srs.name();
    let named =
        format!("{class} {srs} {SOURCES} {} {} {}", passport.vk_hash, passport.solidity_sha256, passport.bytecode);
    let note = kept(dir, &srs).join(format!("{class}-{}.same", hex::encode(&files::sha256(named.as_bytes())[..8])));
    if note.exists() {
        return Ok(true);
    }
    let differs = |what| Err(VerifierError::Forged { class, what });
    let source = Artifact::source(keys)?;
    if hex::encode(files::sha256(source.as_bytes())) != passport.solidity_sha256 {
        return differs("source");
    }
    let solc = Solc::find();
    if solc.check().is_err() {
        return Ok(false);
    }
    if Artifact::generate(keys, &solc)?.passport.bytecode != passport.bytecode {
        return differs("bytecode");
    }
    files::write_atomic(&note, b"made again and compared\n").map_err(ArtifactError::from)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passport(srs: &str, sources: &str) -> Passport {
        let json = serde_json::json!({
            "circuit": "mlp_s", "vk_hash": alloy::primitives::B256::ZERO, "pin_hash": alloy::primitives::B256::ZERO,
            "srs": srs, "k": 15, "generator": "", "solc": "", "sources_sha256": sources, "made_by": "",
            "num_instances": 12, "proof_bytes": 0, "runtime_bytes": 0, "solidity_sha256": "", "bytecode": "0x",
        });
        serde_json::from_value(json).unwrap()
    }

    fn store(dir: &Path, passport: Passport) {
        Artifact { passport, solidity: String::new() }.write(dir).unwrap();
    }

    #[test]
    fn verifier_is_found_by_class_and_string_and_never_taken_for_another() {
        let dir = tempfile::tempdir().unwrap();
        let ours = format!("sha256:{}", "ab".repeat(32));
        let theirs = format!("sha256:{}", "cd".repeat(32));
        let (first, second) = (dir.path().join("committed"), kept(dir.path(), &ours));
        let read = || read_in(&[first.clone(), second.clone()], "mlp_s", &ours);

        let said = read().unwrap_err().to_string();
        assert_eq!(
            said,
            format!("class mlp_s: no verifier for reference string {ours}; run `vouch setup` with this string first")
        );
        store(&first, passport(&theirs, SOURCES));
        let said = read().unwrap_err().to_string();
        let expected = format!("class mlp_s: expected a verifier for reference string {ours}, got one for {theirs}; ");
        assert!(said.starts_with(&expected), "{said}");
        // The other string's is passed over where there is one of ours.
        store(&second, passport(&ours, "older"));
        assert_eq!(read().unwrap().sources_sha256, "older");
        store(&first, passport(&ours, SOURCES));
        assert_eq!(read().unwrap().sources_sha256, SOURCES);
        // A label of another class is not believed.
        store(&second, Passport { circuit: "history_s".into(), ..passport(&ours, SOURCES) });
        std::fs::rename(second.join("history_s.json"), second.join("mlp_s.json")).unwrap();
        std::fs::remove_file(first.join("mlp_s.json")).unwrap();
        assert!(matches!(read(), Err(VerifierError::Missing { .. })));
    }

    #[test]
    fn forged_label_is_found_before_anybody_deploys_it() {
        let Some((solc, srs)) = crate::evm::tools_of_tests() else { return };
        let circuit = crate::testing::StandIn::honest(&[3, 5, 7], &[1, 2, 15]);
        let keys = Keys::make(&srs, &crate::testing::class(false), &circuit).unwrap();
        let honest = Artifact::generate(&keys, &solc).unwrap().passport;
        let dir = tempfile::tempdir().unwrap();
        assert!(compare(dir.path(), &keys, &honest).unwrap());
        assert!(compare(dir.path(), &keys, &honest).unwrap());
        let say = |passport: Passport| compare(dir.path(), &keys, &passport).unwrap_err().to_string();
        let code = Passport { bytecode: "0x60018060093d393df300".parse().unwrap(), ..honest.clone() };
        assert!(
            say(code)
                .contains("class stand_in: the stored verifier is not the one made of this key: its bytecode differs")
        );
        let source = Passport { solidity_sha256: "00".into(), ..honest };
        assert!(say(source).contains("its source differs"));
    }
}
