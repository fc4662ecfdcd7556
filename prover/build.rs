//! Hashes the sources from which proving keys and generated verifiers follow, so that stale ones are recognised.
//!
//! Inputs: every file of the circuits and the patched proof system but `tests.rs` and `tests/`, which are compiled for tests
//! only, and the versions of the proof system's crates in `Cargo.lock`.

use sha2::{Digest, Sha256};
use std::{env, fs, io, path::Path, path::PathBuf};

/// Folders whose every file decides what a key is: the circuits, and the patched proof system.
const SOURCES: [&str; 2] = ["circuits/src", "circuits/vendor/halo2-axiom/src"];
/// Crates whose version decides what a key is.
const PROOF_SYSTEM: [&str; 4] = ["halo2-axiom", "halo2-base", "halo2curves-axiom", "snark-verifier"];

fn main() -> io::Result<()> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("..");
    let mut sources = vec![];
    for dir in SOURCES {
        collect(&root.join(dir), &mut sources)?;
        println!("cargo::rerun-if-changed=../{dir}");
    }
    sources.sort();

    let mut hasher = Sha256::new();
    for path in &sources {
        let name = path.strip_prefix(&root).unwrap_or(path).to_string_lossy().into_owned();
        let content = fs::read(path)?;
        hasher.update(format!("{name} {}\n", content.len()));
        hasher.update(content);
    }
    hasher.update(versions(&fs::read_to_string(root.join("Cargo.lock"))?));
    let hash: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();

    println!("cargo::rustc-env=VOUCH_SOURCES_SHA256={hash}");
    println!("cargo::rerun-if-changed=../Cargo.lock");
    Ok(())
}

fn collect(dir: &Path, out: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        if path.is_dir() {
            collect(&path, out)?;
        } else {
            out.push(path);
        }
    }
    Ok(())
}

/// `name version` of each crate of the proof system.
fn versions(lock: &str) -> String {
    let field = |package: &str, key: &str| {
        package.lines().find_map(|l| l.strip_prefix(key)).map(|v| v.trim_matches([' ', '=', '"']).to_string())
    };
    lock.split("[[package]]")
        .filter_map(|package| Some((field(package, "name")?, field(package, "version")?)))
        .filter(|(name, _)| PROOF_SYSTEM.contains(&name.as_str()))
        .map(|(name, version)| format!("{name} {version}\n"))
        .collect()
}
