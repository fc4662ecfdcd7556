//! Salt files: 32 secret bytes in hex that make the weights of a model private.

use alloy::primitives::B256;
use eyre::WrapErr;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use vouch_circuits::score::salt::Salt;

/// # Errors
/// If the file is not there, or does not hold 64 hex digits.
pub fn read(path: &Path) -> eyre::Result<Salt> {
    let text = std::fs::read_to_string(path).wrap_err_with(|| format!("cannot read the salt {}", path.display()))?;
    let got = text.trim().trim_start_matches("0x").len();
    let salt: B256 = text
        .trim()
        .parse()
        .wrap_err_with(|| format!("{}: expected 64 hex digits of salt, got {got} characters", path.display()))?;
    eyre::ensure!(!salt.is_zero(), "{}: expected random bytes of salt, got zeros", path.display());
    Ok(Salt(salt.0))
}

/// Draws a salt and keeps it in a new file that its owner alone can read; a file that is there is read.
///
/// # Errors
/// If the file can be neither read nor made.
pub fn read_or_make(path: &Path) -> eyre::Result<Salt> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            let salt = B256::new(rand::random());
            writeln!(file, "{salt}")
                .and_then(|()| file.sync_all())
                .wrap_err_with(|| format!("cannot write the salt {}", path.display()))?;
            Ok(Salt(salt.0))
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists => read(path),
        Err(e) => Err(e).wrap_err_with(|| format!("cannot make the salt {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_salt_is_made_once_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("risk.salt");
        assert!(read(&path).unwrap_err().to_string().starts_with("cannot read the salt "));
        let salt = read_or_make(&path).unwrap();
        assert!(read_or_make(&path).unwrap() == salt && read(&path).unwrap() == salt);
        assert!(read_or_make(&dir.path().join("other")).unwrap() != salt);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_salt_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("short");
        std::fs::write(&path, "0x1234\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().ends_with("expected 64 hex digits of salt, got 4 characters"));
        std::fs::write(&path, B256::ZERO.to_string()).unwrap();
        assert!(read_or_make(&path).unwrap_err().to_string().ends_with("got zeros"));
    }
}
