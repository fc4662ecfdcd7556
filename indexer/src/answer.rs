//! An `eth_getProof` answer in the dialect of any client, as one type.
//!
//! Tolerant where the proof decides anyway: numbers as `0x`, `0x0`, with leading zeros, of odd length or as JSON integers; fields that are
//! missing or null for what is absent. Strict where an answer would be guessed at: digits that are none, words of more than 32 bytes,
//! hashes that are not 32 bytes, proof nodes of half a byte, fractions, and lists that are no lists.

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::rpc::types::{EIP1186AccountProofResponse, EIP1186StorageProof};
use alloy::serde::JsonStorageKey;
use serde_json::Value;

/// Reads the answer about `asked`. What is missing reads as an absent account's: zeros, and no nodes.
///
/// # Errors
/// The field, what was expected there, and what came.
pub fn read(asked: Address, answer: &Value) -> Result<EIP1186AccountProofResponse, String> {
    let object = answer.as_object().ok_or_else(|| said("the answer", "an object", answer))?;
    let field = |name: &str| object.get(name).unwrap_or(&Value::Null);
    let storage = list("storageProof", field("storageProof"))?;
    let nonce = number("nonce", field("nonce"))?;
    Ok(EIP1186AccountProofResponse {
        address: match field("address") {
            Value::Null => asked,
            address => Address::from_slice(&exact::<20>("address", address)?),
        },
        balance: number("balance", field("balance"))?,
        nonce: nonce.try_into().map_err(|_| said("nonce", "a number below 2^64", field("nonce")))?,
        code_hash: hash("codeHash", field("codeHash"))?,
        storage_hash: hash("storageHash", field("storageHash"))?,
        account_proof: nodes("accountProof", field("accountProof"))?,
        storage_proof: storage.iter().enumerate().map(|(i, entry)| slot(i, entry)).collect::<Result<_, _>>()?,
    })
}

fn slot(index: usize, entry: &Value) -> Result<EIP1186StorageProof, String> {
    let place = format!("storageProof[{index}]");
    let object = entry.as_object().ok_or_else(|| said(&place, "an object", entry))?;
    let field = |name: &str| object.get(name).unwrap_or(&Value::Null);
    let key = match field("key") {
        Value::Null => return Err(said(&format!("{place}.key"), "a word", &Value::Null)),
        key => number(&format!("{place}.key"), key)?,
    };
    Ok(EIP1186StorageProof {
        key: JsonStorageKey::Hash(key.into()),
        value: number(&format!("{place}.value"), field("value"))?,
        proof: nodes(&format!("{place}.proof"), field("proof"))?,
    })
}

fn nodes(place: &str, value: &Value) -> Result<Vec<Bytes>, String> {
    let node = |(i, node): (usize, &Value)| {
        let digits = node.as_str().and_then(|text| text.strip_prefix("0x"));
        let bytes = digits.and_then(|digits| hex::decode(digits).ok()).filter(|bytes| !bytes.is_empty());
        bytes.map(Bytes::from).ok_or_else(|| said(&format!("{place}[{i}]"), "0x and whole bytes in hex", node))
    };
    list(place, value)?.iter().enumerate().map(node).collect()
}

pub(crate) fn list<'a>(place: &str, value: &'a Value) -> Result<&'a [Value], String> {
    match value {
        Value::Null => Ok(&[]),
        Value::Array(items) => Ok(items),
        other => Err(said(place, "a list", other)),
    }
}

pub(crate) fn number(place: &str, value: &Value) -> Result<U256, String> {
    let read = match value {
        Value::Null => Some(U256::ZERO),
        Value::Number(number) => number.as_u64().map(U256::from),
        Value::String(text) => match text.strip_prefix("0x").map(|digits| digits.trim_start_matches('0')) {
            Some("") => Some(U256::ZERO),
            Some(digits) if digits.bytes().all(|c| c.is_ascii_hexdigit()) => U256::from_str_radix(digits, 16).ok(),
            _ => None,
        },
        _ => None,
    };
    read.ok_or_else(|| said(place, "0x and a number of at most 32 bytes", value))
}

/// Whole bytes, none among them.
pub(crate) fn bytes(place: &str, value: &Value) -> Result<Bytes, String> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    let bytes = digits.and_then(|digits| hex::decode(digits).ok());
    bytes.map(Bytes::from).ok_or_else(|| said(place, "0x and whole bytes in hex", value))
}

/// A hash; nothing, null and `0x` are those of an absent account.
fn hash(place: &str, value: &Value) -> Result<B256, String> {
    match value {
        Value::Null => Ok(B256::ZERO),
        Value::String(text) if text == "0x" => Ok(B256::ZERO),
        value => Ok(B256::from(exact::<32>(place, value)?)),
    }
}

pub(crate) fn exact<const N: usize>(place: &str, value: &Value) -> Result<[u8; N], String> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).unwrap_or_default();
    let mut bytes = [0; N];
    hex::decode_to_slice(digits, &mut bytes)
        .map_err(|_| said(place, &format!("0x and {} hex digits", 2 * N), value))?;
    Ok(bytes)
}

pub(crate) fn said(place: &str, expected: &str, got: &Value) -> String {
    let got: String = got.to_string().chars().take(80).collect();
    format!("{place}: expected {expected}, got {got}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;
    use proptest::prelude::*;
    use serde_json::json;

    const ASKED: Address = Address::repeat_byte(0x11);

    /// An answer about an absent account with one absent slot, as geth gives it.
    fn geth() -> Value {
        json!({
            "address": ASKED, "accountProof": ["0xf851"], "balance": "0x0", "nonce": "0x0",
            "codeHash": "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
            "storageHash": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
            "storageProof": [{"key": format!("0x{:064x}", 5), "value": "0x0", "proof": []}],
        })
    }

    fn with(changes: &[(&str, Value)]) -> Value {
        let mut answer = geth();
        for (pointer, value) in changes {
            *answer.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value.clone();
        }
        answer
    }

    fn without(names: &[&str]) -> Value {
        let mut answer = geth();
        for name in names {
            answer.as_object_mut().unwrap().remove(*name);
        }
        answer
    }

    /// The forms that clients give the same absent account.
    #[test]
    fn dialects_of_an_absent_account_are_one() {
        let expected = read(ASKED, &geth()).unwrap();
        let zeros = json!(format!("0x{:064x}", 0));
        for (who, answer) in [
            (
                "numbers as 0x",
                with(&[("/balance", json!("0x")), ("/nonce", json!("0x")), ("/storageProof/0/value", json!("0x"))]),
            ),
            ("numbers of odd and full length", with(&[("/balance", json!("0x000")), ("/nonce", zeros.clone())])),
            (
                "numbers of JSON",
                with(&[("/balance", json!(0)), ("/nonce", json!(0)), ("/storageProof/0/value", json!(0))]),
            ),
            ("short key", with(&[("/storageProof/0/key", json!("0x5"))])),
            ("even short key", with(&[("/storageProof/0/key", json!("0x05"))])),
            ("key of JSON", with(&[("/storageProof/0/key", json!(5))])),
            (
                "null for zero",
                with(&[("/balance", Value::Null), ("/nonce", Value::Null), ("/storageProof/0/value", Value::Null)]),
            ),
            ("null for no nodes", with(&[("/storageProof/0/proof", Value::Null)])),
            ("no address", without(&["address"])),
            ("no numbers", without(&["balance", "nonce"])),
            ("checksummed address and upper case", with(&[("/accountProof/0", json!("0xF851"))])),
        ] {
            assert_eq!(read(ASKED, &answer).as_ref(), Ok(&expected), "{who}");
        }
    }

    #[test]
    fn missing_hashes_are_those_of_an_absent_account() {
        for answer in [
            without(&["codeHash", "storageHash"]),
            with(&[("/codeHash", Value::Null), ("/storageHash", Value::Null)]),
            with(&[("/codeHash", json!("0x")), ("/storageHash", json!(B256::ZERO))]),
        ] {
            let read = read(ASKED, &answer).unwrap();
            assert_eq!((read.code_hash, read.storage_hash), (B256::ZERO, B256::ZERO));
        }
        assert!(read(ASKED, &without(&["storageProof", "accountProof"])).unwrap().storage_proof.is_empty());
    }

    #[test]
    fn what_would_be_guessed_is_refused() {
        let long = json!(format!("0x1{:064x}", 0));
        for (pointer, value, expected) in [
            ("/balance", json!("12"), "balance: expected 0x and a number of at most 32 bytes, got \"12\""),
            ("/balance", json!("0x-1"), "balance: expected 0x and a number"),
            ("/balance", json!(1.5), "balance: expected 0x and a number"),
            ("/balance", json!(-1), "balance: expected 0x and a number"),
            ("/balance", long.clone(), "balance: expected 0x and a number"),
            ("/balance", json!("0x1_0"), "balance: expected 0x and a number"),
            ("/nonce", json!("0x10000000000000000"), "nonce: expected a number below 2^64"),
            ("/codeHash", json!("0xc5d2"), "codeHash: expected 0x and 64 hex digits, got \"0xc5d2\""),
            ("/storageHash", json!(7), "storageHash: expected 0x and 64 hex digits, got 7"),
            ("/address", json!("0x11"), "address: expected 0x and 40 hex digits"),
            ("/accountProof", json!("0xf851"), "accountProof: expected a list, got \"0xf851\""),
            ("/accountProof/0", json!("0xf85"), "accountProof[0]: expected 0x and whole bytes in hex, got \"0xf85\""),
            ("/accountProof/0", json!("f851"), "accountProof[0]: expected 0x and whole bytes"),
            ("/accountProof/0", json!("0x"), "accountProof[0]: expected 0x and whole bytes"),
            ("/storageProof", json!({}), "storageProof: expected a list"),
            ("/storageProof/0", json!([]), "storageProof[0]: expected an object"),
            ("/storageProof/0/key", Value::Null, "storageProof[0].key: expected a word, got null"),
            ("/storageProof/0/key", long, "storageProof[0].key: expected 0x and a number"),
            ("/storageProof/0/value", json!("0xzz"), "storageProof[0].value: expected 0x and a number"),
            ("/storageProof/0/proof", json!([null]), "storageProof[0].proof[0]: expected 0x and whole bytes"),
        ] {
            let said = read(ASKED, &with(&[(pointer, value)])).unwrap_err();
            assert!(said.starts_with(expected), "{said}");
        }
        assert_eq!(read(ASKED, &Value::Null).unwrap_err(), "the answer: expected an object, got null");
    }

    proptest! {
        /// Whatever a node says is read or refused; what is read says the same when it is written.
        #[test]
        fn any_answer_is_read_or_refused(answer in prop_oneof![fuzz::json(), fuzz::mutants(geth())]) {
            match read(ASKED, &answer) {
                Ok(response) => {
                    let written = serde_json::to_value(&response).unwrap();
                    prop_assert_eq!(read(ASKED, &written), Ok(response));
                }
                Err(said) => prop_assert!(said.contains(": expected "), "{}", said),
            }
        }
    }
}
