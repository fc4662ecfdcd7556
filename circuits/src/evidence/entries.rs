//! Facts about one entry: a field of a receipt, of one of its logs, or of a transaction.
//!
//! Statement: the fact's value is the field of what stands under `rlp(key)` in the trie whose root is in the block's header.

use super::{EvidenceError, Found};
use crate::digest::Hash;
use crate::entry::{self, EntryError, MAX_ENTRIES};
use crate::facts::{Fact, FactKind};
use crate::header::{Header, field};
use crate::receipt::Receipt;
use crate::transaction::Transaction;
use crate::trie::{self, Nodes, Walk};

/// A word as a number; those of more than 64 bits become the largest.
pub fn number(word: &Hash) -> u64 {
    let (high, low) = word.split_at(24);
    if high.iter().any(|byte| *byte != 0) {
        return u64::MAX;
    }
    low.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The header field that holds the root of the trie that a fact of the kind looks into.
pub(crate) fn root_field(kind: FactKind) -> usize {
    if kind == FactKind::Transaction { field::TRANSACTIONS_ROOT } else { field::RECEIPTS_ROOT }
}

/// Walks to entry `index` of the trie in field `field` of `header`.
///
/// # Errors
/// [`EvidenceError::EntryTrie`].
pub(super) fn walk(
    position: usize,
    header: &Header<'_>,
    field: usize,
    index: u64,
    nodes: &Nodes,
) -> Result<Walk, EvidenceError> {
    let block = header.number;
    let root = header.field_word(field).map_err(|source| EvidenceError::Field { position, source })?;
    trie::walk(&root, &entry::key(index), nodes).map_err(|source| EvidenceError::EntryTrie { position, block, source })
}

/// Finds a fact about an entry.
///
/// # Errors
/// [`EvidenceError`] when there is no such entry or field, or a node is missing.
pub(super) fn find(fact: &Fact, position: usize, header: &Header<'_>, nodes: &Nodes) -> Result<Found, EvidenceError> {
    let [field, index, log] = [&fact.slot, &fact.key, &fact.key2].map(number);
    let block = header.number;
    let missing = EvidenceError::NoEntry { position, block, got: index };
    if index >= MAX_ENTRIES {
        return Err(missing);
    }
    let walk = walk(position, header, root_field(fact.kind), index, nodes)?;
    let bytes = walk.value.as_deref().ok_or(missing)?;
    let value: Result<Hash, EntryError> = match fact.kind {
        FactKind::Transaction => Transaction::read(bytes).and_then(|transaction| transaction.field(field)),
        FactKind::Log => Receipt::read(bytes).and_then(|receipt| receipt.log_field(log, field)),
        _ => Receipt::read(bytes).and_then(|receipt| receipt.field(field)),
    };
    let value = value.map_err(|source| EvidenceError::Entry { position, block, entry: index, source })?;
    Ok(Found { entry: Some(walk), ..Found::value(value) })
}
