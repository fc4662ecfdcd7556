//! The word that a mapping hashes for a key: numbers and addresses on the right, `bytesN` on the left.
//!
//! Source: Solidity documentation, "Layout of State Variables in Storage", section "Mappings and Dynamic Arrays".

use super::layout::{Encoding, Type};
use alloy::primitives::{B256, U256, hex};

/// A key of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The address that is scored, as a left-padded word.
    Subject,
    /// A known word.
    Word(B256),
}

/// A key that is not of its type: what would be, in words.
pub type Expected = String;

/// The key `text` of type `id`.
///
/// # Errors
/// What a key of this type looks like.
pub fn read(text: &str, id: &str, of: &Type) -> Result<Key, Expected> {
    if of.encoding != Encoding::Inplace || id.starts_with("t_string") || id.starts_with("t_bytes_") {
        return Err(format!(
            "a mapping with keys of one word ({} keys are hashed in their own length, which no fact can say)",
            of.label
        ));
    }
    let bytes = usize::try_from(of.number_of_bytes).unwrap_or(32).min(32);
    let kind = id.trim_start_matches("t_").trim_end_matches(|c: char| c.is_ascii_digit());
    let is_address = kind.starts_with("address") || kind.starts_with("contract(");
    if text == "subject" {
        let fits = is_address || bytes == 32 || (kind == "uint" && bytes >= 20);
        return if fits {
            Ok(Key::Subject)
        } else {
            Err(format!("a key of type {} (subject is an address)", of.label))
        };
    }
    let word = match kind {
        _ if is_address => address(text).ok_or("subject, or an address: 0x and 40 hex digits".to_owned()),
        "bool" => match text {
            "true" | "1" => Ok(U256::from(1)),
            "false" | "0" => Ok(U256::ZERO),
            _ => Err("true or false".into()),
        },
        "int" => signed(text, bytes).ok_or(format!("an integer of {}", of.label)),
        "bytes" => left(text, bytes).ok_or(format!("0x and {} hex digits ({})", 2 * bytes, of.label)),
        _ if kind.starts_with("userDefinedValueType") && bytes < 32 => {
            let word = hex_word(text).filter(|(_, digits)| *digits == 64).map(|(word, _)| word);
            word.ok_or(format!(
                "the whole word, 0x and 64 hex digits (the layout does not say what {} is made of)",
                of.label
            ))
        }
        _ => unsigned(text, bytes).ok_or(format!("an integer below 2^{} ({})", 8 * bytes, of.label)),
    };
    word.map(|word| Key::Word(word.into()))
}

/// The index `text` of an array.
pub fn index(text: &str) -> Option<U256> {
    unsigned(text, 32)
}

/// The number after `0x`, and its digits.
fn hex_word(text: &str) -> Option<(U256, usize)> {
    let digits = text.strip_prefix("0x").filter(|d| (1..=64).contains(&d.len()))?;
    Some((U256::from_str_radix(digits, 16).ok()?, digits.len()))
}

fn unsigned(text: &str, bytes: usize) -> Option<U256> {
    let decimal = || text.bytes().all(|c| c.is_ascii_digit()).then(|| U256::from_str_radix(text, 10).ok()).flatten();
    let number = hex_word(text).map(|(word, _)| word).or_else(decimal)?;
    (number.bit_len() <= 8 * bytes).then_some(number)
}

/// Two's complement in 256 bits.
fn signed(text: &str, bytes: usize) -> Option<U256> {
    let half = U256::from(1) << (8 * bytes).checked_sub(1)?;
    match text.strip_prefix('-') {
        Some(positive) => unsigned(positive, 32).filter(|n| *n <= half).map(|n| U256::ZERO.wrapping_sub(n)),
        None => unsigned(text, 32).filter(|n| *n < half),
    }
}

fn address(text: &str) -> Option<U256> {
    let (word, digits) = hex_word(text)?;
    ([40, 64].contains(&digits) && word.bit_len() <= 160).then_some(word)
}

/// `bytes` bytes at the high end of a word; a whole word must have zeros below them.
fn left(text: &str, bytes: usize) -> Option<U256> {
    let mut word = hex::decode(text.strip_prefix("0x")?).ok()?;
    if word.len() == 32 && word[bytes..].iter().all(|byte| *byte == 0) {
        word.truncate(bytes);
    }
    if word.len() != bytes {
        return None;
    }
    word.resize(32, 0);
    U256::try_from_be_slice(&word)
}
