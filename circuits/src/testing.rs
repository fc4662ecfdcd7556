//! Help for tests: fixtures from the folder named by `VOUCH_FIXTURES`, by default `../shared/fixtures` beside the clone.

use std::path::PathBuf;

use serde_json::Value;

/// Path of a fixture file, or `None` (with a line on stderr) when the fixtures are not on this machine.
pub fn fixture_path(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("VOUCH_FIXTURES")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures")), PathBuf::from);
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: fixture {} is not there; set VOUCH_FIXTURES to the folder of fixtures", path.display());
    None
}

/// Text of a fixture file; `None` as in [`fixture_path`].
pub fn fixture_text(name: &str) -> Option<String> {
    let path = fixture_path(name)?;
    Some(std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("fixture {}: {error}", path.display())))
}

/// A JSON fixture; `None` as in [`fixture_path`].
pub fn fixture_json(name: &str) -> Option<Value> {
    let text = fixture_text(name)?;
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("fixture {name}: {error}")))
}

/// Bytes of a hexadecimal string, with or without `0x`; an odd number of digits gets a leading zero.
pub fn unhex(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let padded = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits.to_owned() };
    hex::decode(&padded).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// 32 bytes of a hexadecimal number, zeros in front.
pub fn word(text: &str) -> [u8; 32] {
    let bytes = unhex(text);
    let mut word = [0; 32];
    word[32 - bytes.len()..].copy_from_slice(&bytes);
    word
}
