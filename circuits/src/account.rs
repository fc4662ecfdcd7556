//! Accounts and storage slots: what the values of the two secure tries say.
//!
//! Statement: an account is the RLP list (nonce, balance, storage root, code hash) under keccak(address) in the state
//! trie; a slot is an RLP number of at most 32 bytes under keccak(slot) in its account's storage trie, and zero if absent.

use thiserror::Error;

use crate::digest::{EMPTY_ROOT, Hash, keccak256};
use crate::header::word;
use crate::rlp::{self, Kind, RlpError};
use crate::trie::{self, Nodes, TrieError, Walk};

/// An account that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Transactions sent, or contracts made.
    pub nonce: u64,
    /// Wei, 32 bytes big-endian.
    pub balance: Hash,
    /// Root of the storage trie.
    pub storage_root: Hash,
    /// Keccak of the code.
    pub code_hash: Hash,
}

/// Why an account or slot cannot be read. Not recoverable: ask another node for the proof.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AccountError {
    /// The trie or the proof is wrong.
    #[error(transparent)]
    Trie(#[from] TrieError),
    /// The value is not RLP.
    #[error("trie value: {0}")]
    Rlp(#[from] RlpError),
    /// The account's list has another length.
    #[error("account has {got} fields, expected 4")]
    FieldCount {
        /// Items of the list.
        got: usize,
    },
    /// A field, or the value of a slot, has a size or form that it must not have.
    #[error("{what} has {got} bytes, expected {expected}")]
    Size {
        /// Which field.
        what: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// Bytes found.
        got: usize,
    },
}

impl Account {
    /// Reads the value of an account leaf.
    ///
    /// # Errors
    /// [`AccountError`] when it is not a list of nonce, balance (both without leading zeros), storage root and code hash.
    pub fn read(value: &[u8]) -> Result<Self, AccountError> {
        let items = rlp::exact_list(value)?;
        let fields: [&[u8]; 4] = items
            .iter()
            .map(|item| &value[item.payload.clone()])
            .collect::<Vec<_>>()
            .try_into()
            .map_err(|fields: Vec<_>| AccountError::FieldCount { got: fields.len() })?;
        let [nonce, balance, storage_root, code_hash] = fields;
        let size = |what, expected, got: &[u8]| AccountError::Size { what, expected, got: got.len() };
        if let Some(list) = items.iter().position(|item| item.kind != Kind::String) {
            return Err(size("account", "four strings", fields[list]));
        }
        if nonce.len() > 8 || nonce.first() == Some(&0) {
            return Err(size("nonce", "at most 8 without leading zeros", nonce));
        }
        let balance_word = word(balance).filter(|_| balance.first() != Some(&0));
        Ok(Self {
            nonce: nonce.iter().fold(0, |nonce, byte| nonce << 8 | u64::from(*byte)),
            balance: balance_word.ok_or_else(|| size("balance", "at most 32 without leading zeros", balance))?,
            storage_root: storage_root.try_into().map_err(|_| size("storage root", "32", storage_root))?,
            code_hash: code_hash.try_into().map_err(|_| size("code hash", "32", code_hash))?,
        })
    }

    /// The four fields as words, in the order of the list.
    pub fn words(&self) -> [Hash; 4] {
        let nonce = word(&self.nonce.to_be_bytes()).expect("8 bytes");
        [nonce, self.balance, self.storage_root, self.code_hash]
    }
}

/// Reads the value of a storage leaf: an RLP number.
///
/// # Errors
/// [`AccountError`] when it is not a string of 1 to 32 bytes without leading zeros.
pub fn read_slot(value: &[u8]) -> Result<Hash, AccountError> {
    let item = rlp::exact(value)?;
    let number = &value[item.payload];
    let minimal = number.first().is_some_and(|first| *first != 0) && item.kind == Kind::String;
    word(number).filter(|_| minimal).ok_or(AccountError::Size {
        what: "slot value",
        expected: "1 to 32 without leading zeros",
        got: number.len(),
    })
}

/// Walks to an account; `None` if it is absent.
///
/// # Errors
/// [`AccountError`] when a node is missing or malformed, or the value is no account.
pub fn find(state_root: &Hash, address: &[u8; 20], nodes: &Nodes) -> Result<(Walk, Option<Account>), AccountError> {
    let walk = trie::walk(state_root, &keccak256(address), nodes)?;
    let account = walk.value.as_deref().map(Account::read).transpose()?;
    Ok((walk, account))
}

/// Walks to a slot of a storage trie; zero if it is absent.
///
/// # Errors
/// [`AccountError`] when a node is missing or malformed, or the value is no number.
pub fn find_slot(storage_root: &Hash, slot: &Hash, nodes: &Nodes) -> Result<(Walk, Hash), AccountError> {
    let walk = trie::walk(storage_root, &keccak256(slot), nodes)?;
    let value = walk.value.as_deref().map(read_slot).transpose()?.unwrap_or_default();
    Ok((walk, value))
}

/// Returns the account that the `accountProof` of `eth_getProof` proves, `None` if it proves absence.
///
/// # Errors
/// [`AccountError`] when the proof does not fit the root, or the value is no account.
pub fn verify_account(
    state_root: &Hash,
    address: &[u8; 20],
    proof: &[Vec<u8>],
) -> Result<Option<Account>, AccountError> {
    let value = trie::verify_proof(state_root, &keccak256(address), proof)?;
    value.as_deref().map(Account::read).transpose()
}

/// Returns the word that a `storageProof` of `eth_getProof` proves, zero if it proves absence. The storage root of an
/// absent account is [`EMPTY_ROOT`].
///
/// # Errors
/// [`AccountError`] when the proof does not fit the root, or the value is no number.
pub fn verify_slot(storage_root: &Hash, slot: &Hash, proof: &[Vec<u8>]) -> Result<Hash, AccountError> {
    let value = trie::verify_proof(storage_root, &keccak256(slot), proof)?;
    Ok(value.as_deref().map(read_slot).transpose()?.unwrap_or_default())
}

/// Storage root of an account, [`EMPTY_ROOT`] if it is absent.
pub fn storage_root(account: Option<&Account>) -> Hash {
    account.map_or(EMPTY_ROOT, |account| account.storage_root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::Header;
    use crate::testing::{fixture_json, unhex, word};
    use serde_json::Value;

    fn proof_nodes(list: &Value) -> Vec<Vec<u8>> {
        list.as_array().expect("a list").iter().map(|node| unhex(node.as_str().expect("hex"))).collect()
    }

    fn text<'a>(response: &'a Value, name: &str) -> &'a str {
        response[name].as_str().unwrap_or_else(|| panic!("{name} is not a string"))
    }

    /// Checks a whole `eth_getProof` response; returns the number of slots, or what is wrong with it.
    fn check(state_root: &Hash, response: &Value) -> Result<usize, String> {
        let address: [u8; 20] = unhex(text(response, "address")).try_into().expect("20 bytes");
        let account =
            verify_account(state_root, &address, &proof_nodes(&response["accountProof"])).map_err(|e| e.to_string())?;
        let claimed = ["nonce", "balance", "storageHash", "codeHash"].map(|name| word(text(response, name)));
        match account {
            Some(account) if account.words() != claimed => return Err("the response claims another account".into()),
            None if claimed[..2] != [[0; 32]; 2] => {
                return Err("the response claims an account where there is none".into());
            }
            _ => {}
        }
        let slots = response["storageProof"].as_array().expect("a list");
        for slot in slots {
            let proof = proof_nodes(&slot["proof"]);
            let value = verify_slot(&storage_root(account.as_ref()), &word(text(slot, "key")), &proof)
                .map_err(|e| e.to_string())?;
            if value != word(text(slot, "value")) {
                return Err("the response claims another value".into());
            }
        }
        Ok(slots.len())
    }

    #[test]
    fn accepts_every_real_proof() {
        let (mut accounts, mut slots) = (0, 0);
        for name in [
            "zeth_18884863",
            "zeth_18884864",
            "raiko_20612841",
            "nimbus_23223655_weth",
            "axiom_default_storage_pf",
            "axiom_empty_storage_pf",
            "axiom_noninclusion_branch_pf",
        ] {
            let Some(file) = fixture_json(&format!("proofs/{name}.json")) else { return };
            let state_root = word(text(&file, "state_root"));
            if let Some(rlp) = file["header_rlp"].as_str() {
                let rlp = unhex(rlp);
                let header = Header::read(&rlp).expect("a header");
                assert_eq!((header.state_root, header.hash()), (state_root, word(text(&file, "block_hash"))), "{name}");
            }
            for response in file["proofs"].as_array().expect("a list") {
                slots += check(&state_root, response).unwrap_or_else(|error| panic!("{name}: {error}"));
                accounts += 1;
            }
        }
        assert_eq!((accounts, slots), (148, 407));
    }

    #[test]
    fn rejects_every_mutant() {
        let Some(file) = fixture_json("proofs/negative_mutants_18884863.json") else { return };
        let cases = file["cases"].as_array().expect("a list");
        assert_eq!(cases.len(), 48);
        for case in cases {
            let name = text(case, "mutation");
            assert!(check(&word(text(case, "state_root")), &case["proof"]).is_err(), "{name} accepted");
        }
    }

    #[test]
    fn a_slot_value_must_be_minimal() {
        assert_eq!(read_slot(&[0x07]), Ok(super::word(&[7]).expect("a byte")));
        for bad in [&[0x80][..], &[0x00], &[0x82, 0x00, 0x01], &[0xc1, 0x01]] {
            assert!(read_slot(bad).is_err(), "{bad:?}");
        }
    }

    /// The circuit reads the bytes as integers; another encoding of the same integer is none of Ethereum's.
    #[test]
    fn refuses_other_encodings_of_nonce_and_balance() {
        let account = |nonce: &[u8], balance: &[u8]| {
            let roots = [[0xa0].as_slice(), &[7; 32], &[0xa0], &[8; 32]].concat();
            Account::read(&crate::rlp::encode_list(&[nonce, balance, &roots].concat()))
        };
        assert_eq!(account(&[5], &[0x82, 1, 0]).expect("an account").nonce, 5);
        assert_eq!(account(&[0x80], &[0x80]).expect("an account").balance, [0; 32]);
        let error = |nonce, balance| account(nonce, balance).expect_err("wrong").to_string();
        assert_eq!(error(&[0], &[0x80]), "nonce has 1 bytes, expected at most 8 without leading zeros");
        assert_eq!(error(&[0x82, 0, 5], &[0x80]), "nonce has 2 bytes, expected at most 8 without leading zeros");
        assert_eq!(error(&[5], &[0x82, 0, 5]), "balance has 2 bytes, expected at most 32 without leading zeros");
        assert_eq!(error(&[0xc1, 5], &[0x80]), "account has 1 bytes, expected four strings");
        assert_eq!(error(&[5], &[0xc0]), "account has 0 bytes, expected four strings");
    }
}
