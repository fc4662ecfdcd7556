//! One trie node: a list of 17 items (branch) or of 2 (leaf or extension, told apart by the path's flag nibble).

use std::ops::Range;

use thiserror::Error;

use super::Place;
use crate::digest::Hash;
use crate::rlp::{self, Item, Kind, RlpError};

/// A decoded node; ranges count from the start of the message that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// One child a nibble, and the value of the key that ends here.
    Branch {
        /// The child items, by nibble.
        children: Vec<Item>,
        /// Payload of the value item.
        value: Range<usize>,
    },
    /// The rest of one key, and its value.
    Leaf {
        /// Nibbles of the rest of the key.
        path: Vec<u8>,
        /// The value item.
        value: Item,
    },
    /// Nibbles shared by all keys below, and the one child.
    Extension {
        /// The shared nibbles, at least one.
        path: Vec<u8>,
        /// The child item.
        child: Item,
    },
}

/// What a child item refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Child {
    /// No child.
    Empty,
    /// The node with this hash.
    Hashed(Hash),
    /// A node shorter than 32 bytes: the list at this offset of the same message.
    Inline(usize),
}

/// Why a trie or a proof is unusable. Not recoverable: ask another node for the data.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TrieError {
    /// A node on the way is not known.
    #[error("trie node {} at depth {depth} is missing", hex::encode(hash))]
    MissingNode {
        /// Hash that the parent refers to.
        hash: Hash,
        /// Nibbles that lead to it.
        depth: usize,
    },
    /// A node is not RLP.
    #[error("trie node at offset {offset} of {}: {source}", hex::encode(message))]
    Rlp {
        /// Hash of the message.
        message: Hash,
        /// Offset of the node.
        offset: usize,
        /// What is wrong.
        source: RlpError,
    },
    /// A node has neither 2 nor 17 items.
    #[error("trie node {} has {got} items, expected 2 or 17", hex::encode(message))]
    ItemCount {
        /// Hash of the message.
        message: Hash,
        /// Number of items.
        got: usize,
    },
    /// The path of a leaf or extension is not in hex-prefix form.
    #[error("trie node {} has a malformed path {}", hex::encode(message), hex::encode(path))]
    Path {
        /// Hash of the message.
        message: Hash,
        /// The encoded path.
        path: Vec<u8>,
    },
    /// A child is neither empty, nor a hash, nor a list shorter than 32 bytes.
    #[error(
        "trie node {} has a child of {got} bytes, expected a hash or a node shorter than 32 bytes",
        hex::encode(message)
    )]
    BadChild {
        /// Hash of the message.
        message: Hash,
        /// Bytes of the child item.
        got: usize,
    },
    /// A proof node does not hash to what its parent says.
    #[error("proof node {index} hashes to {}, expected {}", hex::encode(got), hex::encode(expected))]
    HashMismatch {
        /// Position in the proof.
        index: usize,
        /// Hash in the parent, or the root.
        expected: Hash,
        /// Hash of the node given.
        got: Hash,
    },
    /// The walk needs more nodes than the proof has.
    #[error("proof of {got} nodes is too short: node {} is missing", hex::encode(expected))]
    TooShort {
        /// Hash of the node needed.
        expected: Hash,
        /// Nodes in the proof.
        got: usize,
    },
    /// The walk ended before the proof did.
    #[error("proof has {got} nodes, expected {expected}")]
    Unused {
        /// Nodes used.
        expected: usize,
        /// Nodes given.
        got: usize,
    },
}

/// Returns the nibbles of `bytes`, most significant first.
pub fn nibbles(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect()
}

/// Returns the node that stands at `place`, whose message is `message`. A node at offset 0 must be the whole message.
///
/// # Errors
/// [`TrieError::Rlp`], [`TrieError::ItemCount`], [`TrieError::Path`] when it is malformed.
pub fn decode(message: &[u8], place: Place) -> Result<Node, TrieError> {
    let Place { message: hash, offset } = place;
    let read = if offset == 0 { rlp::exact_list(message) } else { rlp::list(message, offset) };
    let mut items = read.map_err(|source| TrieError::Rlp { message: hash, offset, source })?;
    let last = match items.len() {
        2 | 17 => items.pop().expect("counted"),
        got => return Err(TrieError::ItemCount { message: hash, got }),
    };
    if items.len() == 16 {
        return Ok(Node::Branch { children: items, value: last.payload });
    }
    let encoded = &message[items[0].payload.clone()];
    let bad = || TrieError::Path { message: hash, path: encoded.to_vec() };
    let digits = nibbles(encoded);
    let flag = *digits.first().ok_or_else(bad)?;
    let path = match (flag & 1, digits.get(1)) {
        (1, _) => digits[1..].to_vec(),
        (_, Some(0)) => digits[2..].to_vec(),
        _ => return Err(bad()),
    };
    match flag {
        0 | 1 if !path.is_empty() => Ok(Node::Extension { path, child: last }),
        2 | 3 => Ok(Node::Leaf { path, value: last }),
        _ => Err(bad()),
    }
}

/// Returns what the child item `item` of the node at `place` refers to.
///
/// # Errors
/// [`TrieError::BadChild`] when it is neither empty, nor 32 bytes, nor a list shorter than 32 bytes.
pub fn child(message: &[u8], place: Place, item: &Item) -> Result<Child, TrieError> {
    let payload = &message[item.payload.clone()];
    match (item.kind, payload.len(), item.range().len()) {
        (Kind::String, 0, _) => Ok(Child::Empty),
        (Kind::String, 32, _) => Ok(Child::Hashed(payload.try_into().expect("32 bytes"))),
        (Kind::List, _, 1..32) => Ok(Child::Inline(item.offset)),
        (_, _, got) => Err(TrieError::BadChild { message: place.message, got }),
    }
}
