//! Proofs as `eth_getProof` gives them: the nodes of one walk, root first.

use super::{Nodes, TrieError, Walk, walk};
use crate::digest::{EMPTY_ROOT, Hash, keccak256};

/// Checks `proof` and returns the value that it proves for `key`, `None` if it proves absence.
///
/// The proof must be exactly the nodes of the walk in their order. An inline node may be listed or left out (clients
/// differ), and the empty trie is proven by no node or by the encoding of the empty string.
///
/// # Errors
/// [`TrieError::HashMismatch`], [`TrieError::TooShort`], [`TrieError::Unused`], or what [`walk`] returns.
pub fn verify_proof(root: &Hash, key: &[u8], proof: &[Vec<u8>]) -> Result<Option<Vec<u8>>, TrieError> {
    if *root == EMPTY_ROOT && proof == [vec![0x80]] {
        return Ok(None);
    }
    let nodes = Nodes::from_iter(proof);
    let walk = match walk(root, key, &nodes) {
        Err(TrieError::MissingNode { hash, .. }) => {
            let index = proof.iter().position(|node| !reachable(root, key, &nodes, node)).unwrap_or(proof.len());
            return Err(match proof.get(index) {
                Some(node) => TrieError::HashMismatch { index, expected: hash, got: keccak256(node) },
                None => TrieError::TooShort { expected: hash, got: proof.len() },
            });
        }
        other => other?,
    };
    check_order(&walk, &nodes, proof)?;
    Ok(walk.value)
}

/// Whether `node` is on the walk as far as it gets.
fn reachable(root: &Hash, key: &[u8], nodes: &Nodes, node: &[u8]) -> bool {
    let target = keccak256(node);
    let mut partial = nodes.clone();
    partial.0.remove(&target);
    matches!(walk(root, key, &partial), Err(TrieError::MissingNode { hash, .. }) if hash == target)
}

/// Checks that `proof` lists the nodes of `walk`, each in its place.
fn check_order(walk: &Walk, nodes: &Nodes, proof: &[Vec<u8>]) -> Result<(), TrieError> {
    let mut given = proof.iter().enumerate().peekable();
    for step in &walk.steps {
        let expected = step.place.message;
        if step.place.offset == 0 {
            let (index, node) = given.next().ok_or(TrieError::TooShort { expected, got: proof.len() })?;
            let got = keccak256(node);
            if got != expected {
                return Err(TrieError::HashMismatch { index, expected, got });
            }
        } else if let Some(message) = nodes.get(&expected) {
            given.next_if(|(_, node)| message[step.place.offset..].starts_with(node));
        }
    }
    match given.next() {
        Some((index, _)) => Err(TrieError::Unused { expected: index, got: proof.len() }),
        None => Ok(()),
    }
}
