//! Why evidence cannot be collected, or is not true.

use thiserror::Error;

use super::links::WINDOW;
use crate::account::AccountError;
use crate::digest::Hash;
use crate::entry::EntryError;
use crate::facts::{FactError, FactKind};
use crate::header::HeaderError;
use crate::trie::TrieError;

/// Why facts cannot be proven from what is given.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EvidenceError {
    /// A header is unusable. Not recoverable: ask another node.
    #[error("header {position}: {source}")]
    Header {
        /// Position in the list given.
        position: usize,
        /// What is wrong.
        source: HeaderError,
    },
    /// Two headers of one height, or a list out of order.
    #[error("header {position} is of block {got}, expected a block above {above}")]
    HeaderOrder {
        /// Position in the list given.
        position: usize,
        /// Number of the header before.
        above: u64,
        /// Number of this header.
        got: u64,
    },
    /// A fact is about a block whose header is not given. Recoverable: fetch that header.
    #[error("fact {position} is about block {block}, whose header is not given")]
    NoHeader {
        /// Position of the fact.
        position: usize,
        /// Its block.
        block: u64,
    },
    /// A fact asks for something that the block does not have.
    #[error("fact {position}: {source}")]
    Field {
        /// Position of the fact.
        position: usize,
        /// What is wrong.
        source: HeaderError,
    },
    /// A node is missing (recoverable: fetch it) or the trie is malformed (not recoverable).
    #[error("fact {position}: {source}")]
    Trie {
        /// Position of the fact.
        position: usize,
        /// What is wrong.
        source: AccountError,
    },
    /// A fact has a part which its kind does not have.
    #[error("fact {position}: the {part} of a {kind:?} fact must be zero")]
    Shape {
        /// Position of the fact.
        position: usize,
        /// Kind of the fact.
        kind: FactKind,
        /// The part that is not zero.
        part: &'static str,
    },
    /// An account field other than 0 to 3.
    #[error("fact {position} asks for account field {got}, expected 0 (nonce) to 3 (code hash)")]
    AccountField {
        /// Position of the fact.
        position: usize,
        /// Low 64 bits of the index asked for.
        got: u64,
    },
    /// A node of a receipts or transactions trie is missing (recoverable: fetch the block's receipts or transactions) or malformed.
    #[error("fact {position}, block {block}: {source}")]
    EntryTrie {
        /// Position of the fact.
        position: usize,
        /// The block.
        block: u64,
        /// What is wrong.
        source: TrieError,
    },
    /// A block has fewer transactions than the fact says. Not recoverable: ask for another fact.
    #[error("fact {position} asks for transaction {got} of block {block}, which has none of that number")]
    NoEntry {
        /// Position of the fact.
        position: usize,
        /// The block.
        block: u64,
        /// Position of the transaction; too large ones are cut off.
        got: u64,
    },
    /// A receipt or transaction cannot be read, or does not have the field.
    #[error("fact {position}, transaction {entry} of block {block}: {source}")]
    Entry {
        /// Position of the fact.
        position: usize,
        /// The block.
        block: u64,
        /// Position of the transaction.
        entry: u64,
        /// What is wrong.
        source: EntryError,
    },
    /// The slot of a count is no range of blocks that ends with its block.
    #[error(
        "fact {position} counts over a range {}, expected 1 to {block} + 1 blocks and a topic below 4",
        hex::encode(slot)
    )]
    Range {
        /// Position of the fact.
        position: usize,
        /// Its block.
        block: u64,
        /// Its slot.
        slot: Hash,
    },
    /// A header is neither an anchor nor linked to one. Recoverable: fetch the headers above it, or proofs of the history contract.
    #[error("block {block} is no anchor, and nothing given leads to it from one: expected its child, or a proof of slot {} of the history contract within {WINDOW} blocks", block % WINDOW)]
    Unreachable {
        /// The block.
        block: u64,
    },
    /// A link does not say what it claims. Not recoverable: collect the evidence again.
    #[error(
        "block {from} says that block {block} has the hash {}, its header has {}",
        hex::encode(got),
        hex::encode(expected)
    )]
    WrongLink {
        /// The older block.
        block: u64,
        /// The block that names it.
        from: u64,
        /// Hash of the older block's header.
        expected: Hash,
        /// What the newer block says.
        got: Hash,
    },
    /// A link between blocks that cannot be linked, or whose headers are not given, or a second one.
    #[error(
        "block {block} cannot be linked to block {from}: expected one link from 1 to {WINDOW} blocks above it, both headers given"
    )]
    NoLink {
        /// The older block.
        block: u64,
        /// The block that should name it.
        from: u64,
    },
    /// A block that is to be remembered as linked, but is not. Not recoverable: collect the evidence again.
    #[error("block {block} is to be remembered, but no link leads to it")]
    NotLinked {
        /// The block.
        block: u64,
    },
    /// The tree cannot hold the facts.
    #[error(transparent)]
    Facts(#[from] FactError),
    /// The evidence does not say what it claims. Not recoverable: collect it again.
    #[error("fact {position} claims the value {}, the evidence says {}", hex::encode(got), hex::encode(expected))]
    WrongValue {
        /// Position of the fact.
        position: usize,
        /// Value that the evidence proves.
        expected: Hash,
        /// Value claimed.
        got: Hash,
    },
}
