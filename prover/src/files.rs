//! Files that are whole or absent: written beside their place and renamed, pinned by a hash in `<name>.sha256`.

use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
};

/// sha256 of bytes in memory.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// sha256 of a file, read in pieces.
///
/// # Errors
/// What the operating system says.
pub fn sha256_of(path: &Path) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut piece = vec![0; 1 << 20];
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok(hasher.finalize().into()),
            got => hasher.update(&piece[..got]),
        }
    }
}

/// Writes `bytes` to `path` so that a crash or a full disk leaves the old file or none, never half of the new one.
///
/// # Errors
/// What the operating system says; the temporary file is removed.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_atomic_with(path, |file| file.write_all(bytes))
}

/// As [`write_atomic`], for content that is written piece by piece.
///
/// # Errors
/// What the operating system or `write` says; the temporary file is removed.
pub fn write_atomic_with(
    path: &Path,
    write: impl FnOnce(&mut io::BufWriter<&File>) -> io::Result<()>,
) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let temporary = beside(path, &format!(".tmp-{}", std::process::id()));
    let written = (|| {
        let file = File::create(&temporary)?;
        let mut buffered = io::BufWriter::with_capacity(1 << 20, &file);
        write(&mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        // The first error is the one to report; a temporary file that stays is only untidy.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Writes a file and its pin; returns the hash.
///
/// # Errors
/// What the operating system says.
pub fn write_pinned(path: &Path, bytes: &[u8]) -> io::Result<[u8; 32]> {
    let hash = sha256(bytes);
    write_atomic(path, bytes)?;
    write_atomic(&beside(path, ".sha256"), hex::encode(hash).as_bytes())?;
    Ok(hash)
}

/// Hash of a file that [`write_pinned`] wrote.
///
/// # Errors
/// `InvalidData` with both hashes when the file is not what was pinned.
pub fn check_pin(path: &Path) -> io::Result<[u8; 32]> {
    let pin = fs::read_to_string(beside(path, ".sha256"))?;
    let got = sha256_of(path)?;
    if pin.trim() == hex::encode(got) {
        return Ok(got);
    }
    let message = format!("expected sha256 {}, got {}", pin.trim(), hex::encode(got));
    Err(io::Error::new(io::ErrorKind::InvalidData, message))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_write_keeps_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        write_atomic(&path, b"old").unwrap();
        let full = |_: &mut io::BufWriter<&File>| Err(io::Error::new(io::ErrorKind::StorageFull, "full"));
        assert_eq!(write_atomic_with(&path, full).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn pin_names_both_hashes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let hash = write_pinned(&path, b"one").unwrap();
        assert_eq!(check_pin(&path).unwrap(), hash);
        fs::write(&path, b"two").unwrap();
        let said = check_pin(&path).unwrap_err().to_string();
        assert!(said.contains(&hex::encode(hash)) && said.contains(&hex::encode(sha256(b"two"))), "{said}");
    }
}
