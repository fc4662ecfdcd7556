//! An `eth_getProof` answer is true under a state root, or an error says which node or value is not.
//!
//! Exclusion is proven too: an absent account, an absent slot, an empty storage trie. The walk itself is alloy-trie's;
//! this file asks it the right question and turns its answer into a place.

use crate::store::{AccountProof, SlotProof};
use alloy::primitives::{Address, B256, Bytes, KECCAK256_EMPTY, keccak256};
use alloy::rpc::types::EIP1186AccountProofResponse;
use alloy_trie::proof::{ProofVerificationError, verify_proof};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount};
use std::fmt;
use thiserror::Error;

/// Which entry of which trie a proof is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Block number.
    pub number: u64,
    /// Account.
    pub address: Address,
    /// Storage slot; `None` in the state trie.
    pub slot: Option<B256>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {}, account {}", self.number, self.address)?;
        self.slot.map_or(Ok(()), |slot| write!(f, ", slot {slot}"))
    }
}

/// Why a state proof is not believed. The node lies, or its answer raced with a reorg (then the header changed too).
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ProofError {
    /// A node of the proof is not the one its parent (or the root) names.
    #[error("{place}: proof node {index} hashes to {got}, expected {expected}")]
    WrongNode {
        /// Where.
        place: Place,
        /// Position in the proof, root is 0.
        index: usize,
        /// What the parent names: a hash, or the inline node in hex.
        expected: String,
        /// Keccak of what was sent.
        got: B256,
    },
    /// The proof ends before it reaches the key.
    #[error("{place}: proof of {nodes} nodes ends before the key is reached")]
    Truncated {
        /// Where.
        place: Place,
        /// Nodes sent.
        nodes: usize,
    },
    /// The nodes are true but hold another value than the answer claims.
    #[error("{place}: node claims {claimed}, its proof shows {proven}")]
    WrongValue {
        /// Where.
        place: Place,
        /// Claimed RLP in hex, or "absent".
        claimed: String,
        /// Proven RLP in hex, or "absent".
        proven: String,
    },
    /// A node of the proof is not an RLP trie node.
    #[error("{place}: proof does not parse: {detail}")]
    NotATrieNode {
        /// Where.
        place: Place,
        /// What the parser said.
        detail: String,
    },
    /// The answer is about another account.
    #[error("{place}: answer is about account {got}")]
    WrongAccount {
        /// Where.
        place: Place,
        /// Account in the answer.
        got: Address,
    },
    /// The answer has no proof for a slot that was asked for.
    #[error("{place}: answer has no proof for this slot")]
    SlotMissing {
        /// Where.
        place: Place,
    },
}

/// Checks an answer against the state root of block `number`, for an account and the slots that were asked for.
///
/// - returns: the account with its nodes and the slots in the order of `slots`, only what was proven
///
/// # Errors
/// [`ProofError`] names the first thing that is not true.
pub fn check(
    number: u64,
    state_root: B256,
    address: Address,
    slots: &[B256],
    answer: &EIP1186AccountProofResponse,
) -> Result<(AccountProof, Vec<SlotProof>), ProofError> {
    let place = Place { number, address, slot: None };
    if answer.address != address {
        return Err(ProofError::WrongAccount { place, got: answer.address });
    }
    let account = check_account(place, state_root, answer)?;
    let storage_root = account.account.map_or(EMPTY_ROOT_HASH, |a| a.storage_root);
    let mut proven = Vec::with_capacity(slots.len());
    for &slot in slots {
        let place = Place { slot: Some(slot), ..place };
        let part = answer.storage_proof.iter().find(|p| p.key.as_b256() == slot);
        let part = part.ok_or(ProofError::SlotMissing { place })?;
        let nodes = without_empty_root(&part.proof);
        let claimed = (!part.value.is_zero()).then(|| alloy::rlp::encode(part.value));
        walk(place, storage_root, slot.as_slice(), claimed, &nodes)?;
        proven.push(SlotProof { slot, value: part.value, nodes });
    }
    Ok((account, proven))
}

fn check_account(place: Place, root: B256, answer: &EIP1186AccountProofResponse) -> Result<AccountProof, ProofError> {
    let nodes = without_empty_root(&answer.account_proof);
    let account = TrieAccount {
        nonce: answer.nonce,
        balance: answer.balance,
        storage_root: answer.storage_hash,
        code_hash: answer.code_hash,
    };
    let key = place.address;
    // Nodes describe an absent account by an empty one, with zero or with empty-hash fields.
    let may_be_absent = account.nonce == 0
        && account.balance.is_zero()
        && [B256::ZERO, KECCAK256_EMPTY].contains(&account.code_hash)
        && [B256::ZERO, EMPTY_ROOT_HASH].contains(&account.storage_root);
    if may_be_absent {
        let absent = walk(place, root, key.as_slice(), None, &nodes);
        if absent.is_ok() {
            return Ok(AccountProof { address: key, account: None, nodes });
        }
        // Before EIP-161 an empty account could be present.
        if walk(place, root, key.as_slice(), Some(alloy::rlp::encode(account)), &nodes).is_err() {
            absent?;
        }
    } else {
        walk(place, root, key.as_slice(), Some(alloy::rlp::encode(account)), &nodes)?;
    }
    Ok(AccountProof { address: key, account: Some(account), nodes })
}

/// Some nodes prove an empty trie by the one node `0x80`, others by no node.
fn without_empty_root(nodes: &[Bytes]) -> Vec<Bytes> {
    match nodes {
        [one] if one.as_ref() == [alloy::rlp::EMPTY_STRING_CODE] => Vec::new(),
        nodes => nodes.to_vec(),
    }
}

fn walk(place: Place, root: B256, key: &[u8], value: Option<Vec<u8>>, nodes: &[Bytes]) -> Result<(), ProofError> {
    let path = Nibbles::unpack(keccak256(key));
    let error = match verify_proof(root, path, value.clone(), nodes) {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    Err(match error {
        ProofVerificationError::RootMismatch { .. } => ProofError::Truncated { place, nodes: nodes.len() },
        ProofVerificationError::ValueMismatch { got, expected, .. } => {
            match nodes.iter().position(|n| Some(n) == got.as_ref()) {
                Some(index) => wrong_node(place, index, expected, &nodes[index]),
                None if is_pending_node(got.as_ref(), value.as_ref()) => {
                    ProofError::Truncated { place, nodes: nodes.len() }
                }
                None => ProofError::WrongValue {
                    place,
                    claimed: value.map_or("absent".into(), alloy::hex::encode_prefixed),
                    proven: got.map_or("absent".into(), alloy::hex::encode_prefixed),
                },
            }
        }
        other => ProofError::NotATrieNode { place, detail: other.to_string() },
    })
}

fn wrong_node(place: Place, index: usize, expected: Option<Bytes>, node: &Bytes) -> ProofError {
    let expected = expected.unwrap_or_default();
    let expected = expected.strip_prefix(&[0xa0]).filter(|hash| hash.len() == 32).unwrap_or(&expected);
    let expected =
        if expected.is_empty() { "no further node".to_owned() } else { alloy::hex::encode_prefixed(expected) };
    ProofError::WrongNode { place, index, expected, got: keccak256(node) }
}

/// A proof cut short leaves a 33-byte child reference where the value should be. Storage values of that form exist (a
/// 32-byte word), so it counts only when it is not of the claimed length.
fn is_pending_node(got: Option<&Bytes>, claimed: Option<&Vec<u8>>) -> bool {
    got.is_some_and(|g| g.len() == 33 && g[0] == 0xa0) && claimed.is_none_or(|c| c.len() != 33)
}
