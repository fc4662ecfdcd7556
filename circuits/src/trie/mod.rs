//! Merkle Patricia tries: the one value that a root and a key determine, or its proven absence.
//!
//! Statement: starting at the node whose hash is `root`, follow `key` nibble by nibble; the walk ends in the value
//! stored under `key`, or at a place where a trie that held `key` would have to look different.
//!
//! Source: Yellow Paper, appendix D. Keys of the *secure* tries (accounts, storage) are keccak digests, 64 nibbles;
//! nothing here depends on that.

#[cfg(test)]
pub(crate) mod alloy;
pub mod build;
mod node;
mod proof;

pub use node::{Child, Node, TrieError, child, decode, nibbles};
pub use proof::verify_proof;

use std::collections::BTreeMap;

use crate::digest::{EMPTY_ROOT, Hash, keccak256};

/// Trie nodes by the hash of their encoding. A node is only ever stored under the hash computed here.
#[derive(Clone, Debug, Default)]
pub struct Nodes(BTreeMap<Hash, Vec<u8>>);

impl Nodes {
    /// Stores `encoding` and returns its hash.
    pub fn insert(&mut self, encoding: Vec<u8>) -> Hash {
        let hash = keccak256(&encoding);
        self.0.insert(hash, encoding);
        hash
    }

    /// The encoding of the node with this hash.
    pub fn get(&self, hash: &Hash) -> Option<&[u8]> {
        self.0.get(hash).map(Vec::as_slice)
    }

    /// The encodings, by rising hash.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.values().map(Vec::as_slice)
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<B: AsRef<[u8]>> FromIterator<B> for Nodes {
    fn from_iter<I: IntoIterator<Item = B>>(encodings: I) -> Self {
        let mut nodes = Self::default();
        for encoding in encodings {
            nodes.insert(encoding.as_ref().to_vec());
        }
        nodes
    }
}

/// Where a node stands: a list at an offset of a hashed message. The offset is 0 except for inline nodes, which are
/// shorter than 32 bytes and stand inside their parent's encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Hash of the message that holds the node.
    pub message: Hash,
    /// Offset of the node's list prefix in the message.
    pub offset: usize,
}

/// A node on the way, and the number of nibbles that lead to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where the node stands.
    pub place: Place,
    /// Nibbles of the key consumed before this node, 0 at the root.
    pub depth: usize,
}

/// How a walk ends. All but [`End::Leaf`] and [`End::Value`] prove that the key is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The last node is a leaf with the rest of the key as its path.
    Leaf,
    /// The key ends at the last node, a branch, which holds a value.
    Value,
    /// The trie is empty: no node at all.
    EmptyTrie,
    /// The last node is a branch whose child (or value, if the key ends here) is empty.
    EmptyChild,
    /// The last node is a leaf with another path.
    OtherLeaf,
    /// The last node is an extension which parts from the key.
    OtherExtension,
}

/// A finished walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The nodes visited, root first; empty for the empty trie.
    pub steps: Vec<Step>,
    /// Why it ended.
    pub end: End,
    /// The value: payload of the value item; `None` when the key is absent.
    pub value: Option<Vec<u8>>,
}

/// Walks from `root` along `key` (bytes, most significant nibble first).
///
/// # Errors
/// [`TrieError::MissingNode`] when a node on the way is not in `nodes`; other variants when a node is malformed.
pub fn walk(root: &Hash, key: &[u8], nodes: &Nodes) -> Result<Walk, TrieError> {
    if *root == EMPTY_ROOT {
        return Ok(Walk { steps: vec![], end: End::EmptyTrie, value: None });
    }
    let key = nibbles(key);
    let mut steps = vec![];
    let (mut depth, mut place) = (0, Place { message: *root, offset: 0 });
    loop {
        let message = nodes.get(&place.message).ok_or(TrieError::MissingNode { hash: place.message, depth })?;
        steps.push(Step { place, depth });
        let rest = &key[depth..];
        let (next, consumed) = match decode(message, place)? {
            Node::Leaf { path, value } if path == rest => {
                return Ok(Walk { steps, end: End::Leaf, value: Some(message[value.payload].to_vec()) });
            }
            Node::Leaf { .. } => return Ok(Walk { steps, end: End::OtherLeaf, value: None }),
            Node::Extension { path, child } if rest.starts_with(&path) => (child, path.len()),
            Node::Extension { .. } => return Ok(Walk { steps, end: End::OtherExtension, value: None }),
            Node::Branch { children, value } => match rest.first() {
                Some(nibble) => (children[usize::from(*nibble)].clone(), 1),
                None if value.is_empty() => return Ok(Walk { steps, end: End::EmptyChild, value: None }),
                None => return Ok(Walk { steps, end: End::Value, value: Some(message[value].to_vec()) }),
            },
        };
        place = match child(message, place, &next)? {
            Child::Empty => return Ok(Walk { steps, end: End::EmptyChild, value: None }),
            Child::Hashed(hash) => Place { message: hash, offset: 0 },
            Child::Inline(offset) => Place { message: place.message, offset },
        };
        depth += consumed;
    }
}

#[cfg(test)]
mod tests {
    use super::alloy::{alloy_accepts, alloy_proof, alloy_root, proof};
    use super::*;
    use crate::testing::{fixture_json, unhex};
    use proptest::prelude::*;
    use serde_json::Value;

    /// The trie of the entries, and its root checked against `expected`.
    fn check(name: &str, entries: &BTreeMap<Vec<u8>, Vec<u8>>, expected: &Value) {
        let (root, nodes) = build::trie(entries);
        assert_eq!(hex::encode(root), expected.as_str().expect("a root").trim_start_matches("0x"), "{name}");
        for (key, value) in entries {
            let walk = walk(&root, key, &nodes).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(walk.value.as_ref(), Some(value), "{name}");
            for bit in [0x80, 0x08, 0x01] {
                let mut other = key.clone();
                *other.last_mut().expect("a key") ^= bit;
                let walk = super::walk(&root, &other, &nodes).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(walk.value.as_ref(), entries.get(&other), "{name}");
            }
        }
    }

    fn bytes(text: &str) -> Vec<u8> {
        if text.starts_with("0x") { unhex(text) } else { text.as_bytes().to_vec() }
    }

    #[test]
    fn walks_every_key_of_the_trie_vectors() {
        for (file, secure) in [
            ("vectors/TrieTests__trieanyorder.json", false),
            ("vectors/TrieTests__trieanyorder_secureTrie.json", true),
            ("vectors/TrieTests__hex_encoded_securetrie_test.json", true),
            ("vectors/TrieTests__trietest.json", false),
        ] {
            let Some(vectors) = fixture_json(file) else { return };
            for (name, case) in vectors.as_object().expect("an object") {
                let mut entries = BTreeMap::new();
                let mut put = |key: &str, value: Option<&str>| {
                    let key = if secure { keccak256(&bytes(key)).to_vec() } else { bytes(key) };
                    match value {
                        Some(value) => entries.insert(key, bytes(value)),
                        None => entries.remove(&key),
                    };
                };
                match &case["in"] {
                    Value::Object(map) => map.iter().for_each(|(key, value)| put(key, value.as_str())),
                    Value::Array(list) => {
                        list.iter().for_each(|pair| put(pair[0].as_str().expect("a key"), pair[1].as_str()))
                    }
                    other => panic!("unexpected {other}"),
                }
                check(name, &entries, &case["root"]);
            }
        }
    }

    #[test]
    fn reaches_depth_64() {
        // Two keys that part at the last nibble, and for each earlier nibble one that parts there: 64 branches.
        let mut entries = BTreeMap::new();
        entries.insert(vec![0; 32], vec![7; 33]);
        for depth in 0..64 {
            let mut key = vec![0; 32];
            key[depth / 2] = if depth % 2 == 0 { 0x10 } else { 0x01 };
            entries.insert(key, vec![1; 33]);
        }
        let (root, nodes) = build::trie(&entries);
        let walk = walk(&root, &[0; 32], &nodes).expect("a sound trie");
        assert_eq!((walk.steps.len(), walk.end, walk.value), (65, End::Leaf, Some(vec![7; 33])));
        assert_eq!(walk.steps[64].depth, 64);
    }

    #[test]
    fn a_missing_node_is_named_with_its_depth() {
        let entries = BTreeMap::from([(vec![0x11; 32], vec![1; 40]), (vec![0x22; 32], vec![2; 40])]);
        let (root, nodes) = build::trie(&entries);
        let only_root = Nodes::from_iter([nodes.get(&root).expect("the root")]);
        assert!(matches!(walk(&root, &[0x11; 32], &only_root), Err(TrieError::MissingNode { depth: 1, .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Random tries, short keys and values so that inline nodes are common; alloy-trie computes the same root,
        /// accepts the same inclusion and exclusion proofs.
        #[test]
        fn agrees_with_alloy_trie(
            entries in prop::collection::btree_map(prop::collection::vec(0u8..4, 3), prop::collection::vec(1u8..=255, 1..40), 0..40),
            probes in prop::collection::vec(prop::collection::vec(0u8..4, 3), 8),
        ) {
            let (root, nodes) = build::trie(&entries);
            prop_assert_eq!(root, alloy_root(&entries));
            for key in entries.keys().chain(&probes) {
                let walk = walk(&root, key, &nodes).expect("a sound trie");
                prop_assert_eq!(walk.value.as_ref(), entries.get(key));
                let proof = proof(&walk, &nodes);
                prop_assert_eq!(&verify_proof(&root, key, &proof).expect("a sound proof"), &walk.value);
                // alloy's verifier takes a root node below 32 bytes for an inline node and refuses it.
                let tiny = proof.first().is_some_and(|node| node.len() < 32);
                prop_assert!(tiny || alloy_accepts(&root, key, &walk.value, &proof));
                // The proofs that alloy makes are accepted as well.
                prop_assert_eq!(&verify_proof(&root, key, &alloy_proof(&entries, key)).expect("alloy's proof"), &walk.value);
            }
        }
    }
}
