//! Generated verifiers on disk, each found by its class and its reference string.
//!
//! The ones committed in `contracts/generated` fit the development string, and are looked for in the current folder for that string alone: it
//! proves nothing anyway. For any other string they are generated anew and kept in a folder of that string beside the keys, and believed once
//! they were compared with what the key makes ([`compare`]). What a file says of itself is not believed: the first proof that a verifier accepts
//! is followed by lies that it must refuse ([`crate::evm::trial`]).

use crate::evm::artifact::ArtifactError;
use crate::evm::solc::SolcError;
use crate::evm::{Artifact, Passport, Solc};
use crate::files;
use crate::keys::{Keys, SOURCES};
use crate::srs::{Origin, Srs};
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
    /// The verifier there is was not made by this program from the key. Recoverable: `vouch setup` makes and compares it.
    #[error(
        "class {class}: the verifier for reference string {srs} was never compared with its key; run `vouch setup` with this string, \
         where there is a Solidity compiler"
    )]
    NotCompared {
        /// The class.
        class: String,
        /// The string.
        srs: String,
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

/// The folders to look in. A folder that happens to be the current one may be anybody's: it counts for the development string alone,
/// unless it was named.
fn folders(dir: &Path, srs: &Srs) -> Vec<PathBuf> {
    let is_named = std::env::var_os("VOUCH_GENERATED").is_some();
    let is_development = srs.origin == Origin::UnsafeDevelopment;
    let committed = committed().filter(|_| is_named || is_development);
    committed.into_iter().chain([kept(dir, &srs.name())]).collect()
}

/// The stored verifier of a class for the reference string `srs`, of the size of the class.
///
/// # Errors
/// [`VerifierError::OtherString`] names both strings; [`VerifierError::Missing`]; [`VerifierError::NotCompared`] unless the string is the
/// development string.
pub fn read(dir: &Path, class: &str, srs: &Srs) -> Result<Passport, VerifierError> {
    let passport = read_in(&folders(dir, srs), class, &srs.name())?;
    if srs.origin != Origin::UnsafeDevelopment && !note(dir, &passport).exists() {
        return Err(VerifierError::NotCompared { class: class.to_owned(), srs: srs.name() });
    }
    Ok(passport)
}

/// The file that says that `passport` was compared with one made again by these sources.
fn note(dir: &Path, passport: &Passport) -> PathBuf {
    let Passport { circuit, srs, vk_hash, solidity_sha256, bytecode, .. } = passport;
    let named = format!("{circuit} {srs} {SOURCES} {vk_hash} {solidity_sha256} {bytecode}");
    kept(dir, srs).join(format!("{circuit}-{}.same", hex::encode(&files::sha256(named.as_bytes())[..8])))
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
    for folder in folders(dir, &keys.srs) {
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
    artifact.write(&kept(dir, &keys.srs.name()))?;
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
    let note = note(dir, passport);
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

    /// A passport that calls itself one of the string and of these sources, in the folder where somebody works.
    #[test]
    fn verifier_of_a_ceremony_is_believed_only_where_setup_compared_it() {
        let dir = tempfile::tempdir().unwrap();
        let development = Srs::development(&dir.path().join("srs"), 5).unwrap();
        let mut ceremony = development.clone();
        ceremony.origin = Origin::Ceremony;
        assert_eq!(folders(dir.path(), &ceremony), [kept(dir.path(), &ceremony.name())]);
        let labelled = passport(&ceremony.name(), SOURCES);
        store(&kept(dir.path(), &ceremony.name()), labelled.clone());
        let said = read(dir.path(), "mlp_s", &ceremony).unwrap_err().to_string();
        assert!(said.contains("was never compared with its key; run `vouch setup`"), "{said}");
        files::write_atomic(&note(dir.path(), &labelled), b"").unwrap();
        read(dir.path(), "mlp_s", &ceremony).unwrap();
        let other = Passport { bytecode: "0x00".parse().unwrap(), ..labelled };
        store(&kept(dir.path(), &ceremony.name()), other);
        assert!(matches!(read(dir.path(), "mlp_s", &ceremony), Err(VerifierError::NotCompared { .. })));
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
