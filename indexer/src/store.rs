//! What is stored: headers by number, trie nodes once by hash, proofs by block hash.
//!
//! A proof record holds the claimed value and the hashes of its nodes; a node shared by a thousand proofs is one entry.
//! Proofs hang under a block *hash*: after a reorg they cannot be mistaken for proofs of the new block.

use crate::db::{Batch, Column, Db, DbError};
use crate::entries::EntryKind;
use alloy::consensus::Header;
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::rlp::{Decodable, Encodable};
use alloy_trie::TrieAccount;
use std::collections::BTreeMap;

const CHAIN_ID: &[u8] = b"chain_id";
const FIRST: &[u8] = b"first_block";
const FINALIZED: &[u8] = b"finalized_block";

/// A header in the store; its hash was checked before it got there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHeader {
    /// Block number.
    pub number: u64,
    /// Keccak of `rlp`.
    pub hash: B256,
    /// The header's RLP.
    pub rlp: Vec<u8>,
}

impl StoredHeader {
    /// The fields.
    ///
    /// # Errors
    /// [`DbError::Record`] if the stored bytes are not a header.
    pub fn decode(&self) -> Result<Header, DbError> {
        let mut rest = self.rlp.as_slice();
        let header = Header::decode(&mut rest).ok().filter(|_| rest.is_empty());
        header.ok_or_else(|| record(Column::Headers, &self.hash[..], "header", &self.rlp))
    }
}

/// An account proven under a state root, present or absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProof {
    /// Whose.
    pub address: Address,
    /// The account, `None` when proven absent.
    pub account: Option<TrieAccount>,
    /// Trie nodes, root first.
    pub nodes: Vec<Bytes>,
}

/// A storage slot proven under an account's storage root; value 0 means proven absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotProof {
    /// Storage key before hashing.
    pub slot: B256,
    /// The word.
    pub value: U256,
    /// Trie nodes, root first; empty when the storage trie is empty.
    pub nodes: Vec<Bytes>,
}

/// The typed view of the data directory.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
}

impl Store {
    /// The indexer's records in `db`.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// The chain the directory belongs to, if it has been used.
    pub fn chain_id(&self) -> Result<Option<u64>, DbError> {
        self.number(CHAIN_ID)
    }

    /// The first indexed block, if chosen.
    pub fn first(&self) -> Result<Option<u64>, DbError> {
        self.number(FIRST)
    }

    /// The last final block, if any.
    pub fn finalized(&self) -> Result<Option<u64>, DbError> {
        self.number(FINALIZED)
    }

    /// Binds a new directory to a chain and its first block.
    pub fn begin(&self, chain_id: u64, first: u64) -> Result<(), DbError> {
        let mut batch = Batch::default();
        batch.put(Column::Meta, CHAIN_ID, chain_id.to_be_bytes());
        batch.put(Column::Meta, FIRST, first.to_be_bytes());
        self.db.write(batch)
    }

    /// Moves finality up to `number`; it never moves down.
    pub fn finalize(&self, number: u64) -> Result<(), DbError> {
        if self.finalized()?.is_some_and(|old| old >= number) {
            return Ok(());
        }
        let mut batch = Batch::default();
        batch.put(Column::Meta, FINALIZED, number.to_be_bytes());
        self.db.write(batch)
    }

    /// The header of block `number`.
    pub fn header(&self, number: u64) -> Result<Option<StoredHeader>, DbError> {
        let key = number.to_be_bytes();
        self.db.get(Column::Headers, &key)?.map(|value| parse_header(&key, &value)).transpose()
    }

    /// The header with the greatest number.
    pub fn last_header(&self) -> Result<Option<StoredHeader>, DbError> {
        self.db.last(Column::Headers)?.map(|(key, value)| parse_header(&key, &value)).transpose()
    }

    /// Stores headers in one atomic write.
    pub fn append_headers(&self, headers: &[StoredHeader]) -> Result<(), DbError> {
        let mut batch = Batch::default();
        for header in headers {
            let value = [header.hash.as_slice(), &header.rlp].concat();
            batch.put(Column::Headers, header.number.to_be_bytes(), value);
        }
        if batch.is_empty() { Ok(()) } else { self.db.write(batch) }
    }

    /// Removes the blocks above `keep` and the proofs, receipts and transactions taken at them, in one atomic write. Trie nodes stay: they are
    /// named by their hash and stay true.
    pub fn remove_above(&self, keep: u64) -> Result<(), DbError> {
        let mut batch = Batch::default();
        let Some(tip) = self.last_header()? else { return Ok(()) };
        for number in keep + 1..=tip.number {
            let Some(header) = self.header(number)? else { continue };
            batch.delete(Column::Headers, number.to_be_bytes());
            for column in [Column::Accounts, Column::Slots, Column::Entries] {
                for (key, _) in self.db.scan(column, header.hash.as_slice())? {
                    batch.delete(column, key);
                }
            }
        }
        self.db.write(batch)
    }

    /// Stores an account proof and slot proofs of one block in one atomic write. The caller has verified them.
    pub fn put_proofs(&self, block: B256, account: &AccountProof, slots: &[SlotProof]) -> Result<(), DbError> {
        let mut nodes: BTreeMap<B256, &Bytes> = BTreeMap::new();
        let mut batch = Batch::default();
        let mut record = hashes(&account.nodes, &mut nodes);
        if let Some(found) = &account.account {
            found.encode(&mut record);
        }
        batch.put(Column::Accounts, account_key(block, account.address), record);
        for slot in slots {
            let mut record = slot.value.to_be_bytes::<32>().to_vec();
            record.extend(hashes(&slot.nodes, &mut nodes));
            batch.put(Column::Slots, slot_key(block, account.address, slot.slot), record);
        }
        for (hash, node) in nodes {
            if self.db.get(Column::Nodes, hash.as_slice())?.is_none() {
                batch.put(Column::Nodes, hash.as_slice(), node.to_vec());
            }
        }
        self.db.write(batch)
    }

    /// A stored account proof; `None` if none was stored or one of its nodes is gone.
    pub fn account(&self, block: B256, address: Address) -> Result<Option<AccountProof>, DbError> {
        let key = account_key(block, address);
        let Some(value) = self.db.get(Column::Accounts, &key)? else { return Ok(None) };
        let bad = || record(Column::Accounts, &key, "node hashes and account", &value);
        let (list, mut rest) = split_hashes(&value).ok_or_else(bad)?;
        let account = if rest.is_empty() { None } else { Some(TrieAccount::decode(&mut rest).map_err(|_| bad())?) };
        Ok(self.nodes(&list)?.map(|nodes| AccountProof { address, account, nodes }))
    }

    /// A stored slot proof; `None` if none was stored or one of its nodes is gone.
    pub fn slot(&self, block: B256, address: Address, slot: B256) -> Result<Option<SlotProof>, DbError> {
        let key = slot_key(block, address, slot);
        let Some(value) = self.db.get(Column::Slots, &key)? else { return Ok(None) };
        let bad = || record(Column::Slots, &key, "value and node hashes", &value);
        let (word, rest) = value.split_at_checked(32).ok_or_else(bad)?;
        let (list, _) = split_hashes(rest).ok_or_else(bad)?;
        Ok(self.nodes(&list)?.map(|nodes| SlotProof { slot, value: U256::from_be_slice(word), nodes }))
    }

    /// Stores all receipts or transactions of a block. The caller has compared them with the root in its header.
    pub fn put_entries(&self, block: B256, kind: EntryKind, entries: &[Bytes]) -> Result<(), DbError> {
        let mut record = Vec::new();
        alloy::rlp::encode_list::<Bytes, Bytes>(entries, &mut record);
        let mut batch = Batch::default();
        batch.put(Column::Entries, entries_key(block, kind), record);
        self.db.write(batch)
    }

    /// The stored receipts or transactions of a block, in order; `None` if none were stored.
    pub fn entries(&self, block: B256, kind: EntryKind) -> Result<Option<Vec<Bytes>>, DbError> {
        let key = entries_key(block, kind);
        let Some(value) = self.db.get(Column::Entries, &key)? else { return Ok(None) };
        let entries = Vec::<Bytes>::decode(&mut value.as_slice());
        entries.map(Some).map_err(|_| record(Column::Entries, &key, "a list of entries", &value))
    }

    /// Number of stored trie nodes (a full scan, for tests and `vouch doctor`).
    pub fn count_nodes(&self) -> Result<usize, DbError> {
        Ok(self.db.scan(Column::Nodes, &[])?.len())
    }

    fn nodes(&self, list: &[B256]) -> Result<Option<Vec<Bytes>>, DbError> {
        let mut nodes = Vec::with_capacity(list.len());
        for hash in list {
            match self.db.get(Column::Nodes, hash.as_slice())? {
                Some(node) => nodes.push(Bytes::from(node)),
                None => return Ok(None),
            }
        }
        Ok(Some(nodes))
    }

    fn number(&self, key: &[u8]) -> Result<Option<u64>, DbError> {
        let Some(value) = self.db.get(Column::Meta, key)? else { return Ok(None) };
        let bytes = value.as_slice().try_into().map_err(|_| record(Column::Meta, key, "8 bytes", &value))?;
        Ok(Some(u64::from_be_bytes(bytes)))
    }
}

fn record(column: Column, key: &[u8], expected: &'static str, value: &[u8]) -> DbError {
    DbError::Record { column: column.name(), key: hex::encode(key), expected, got_bytes: value.len() }
}

fn parse_header(key: &[u8], value: &[u8]) -> Result<StoredHeader, DbError> {
    let bad = || record(Column::Headers, key, "block hash and header", value);
    let number = u64::from_be_bytes(key.try_into().map_err(|_| bad())?);
    let (hash, rlp) = value.split_at_checked(32).ok_or_else(bad)?;
    Ok(StoredHeader { number, hash: B256::from_slice(hash), rlp: rlp.to_vec() })
}

fn account_key(block: B256, address: Address) -> Vec<u8> {
    [block.as_slice(), address.as_slice()].concat()
}

fn slot_key(block: B256, address: Address, slot: B256) -> Vec<u8> {
    [block.as_slice(), address.as_slice(), slot.as_slice()].concat()
}

fn entries_key(block: B256, kind: EntryKind) -> Vec<u8> {
    [block.as_slice(), &[kind as u8]].concat()
}

/// One count byte and the hashes of the nodes. A trie path has at most 65 nodes.
fn hashes<'a>(nodes: &'a [Bytes], all: &mut BTreeMap<B256, &'a Bytes>) -> Vec<u8> {
    let mut out = vec![nodes.len() as u8];
    for node in nodes {
        let hash = keccak256(node);
        out.extend_from_slice(hash.as_slice());
        all.insert(hash, node);
    }
    out
}

fn split_hashes(value: &[u8]) -> Option<(Vec<B256>, &[u8])> {
    let (count, rest) = value.split_first()?;
    let (list, rest) = rest.split_at_checked(usize::from(*count) * 32)?;
    Some((list.chunks(32).map(B256::from_slice).collect(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> Header {
        Header {
            number: 7,
            gas_used: 300,
            base_fee_per_gas: Some(9),
            withdrawals_root: Some(B256::ZERO),
            ..Header::default()
        }
    }

    /// Bytes of an honest header with some of them changed, taken out or put in.
    fn damaged() -> impl Strategy<Value = Vec<u8>> {
        let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 0..4);
        changes.prop_map(|changes| {
            let mut bytes = alloy::rlp::encode(header());
            for (at, byte, change) in changes {
                let at = at.index(bytes.len());
                match change {
                    0 => bytes.truncate(at.max(1)),
                    1 => bytes.insert(at, byte),
                    2 if bytes.len() > 1 => drop(bytes.remove(at)),
                    _ => bytes[at] = byte,
                }
            }
            bytes
        })
    }

    proptest! {
        /// Bytes that are read as a header are its encoding, the whole of it.
        #[test]
        fn any_stored_header_is_read_or_refused(rlp in prop_oneof![proptest::collection::vec(any::<u8>(), 0..600), damaged()]) {
            let stored = StoredHeader { number: 7, hash: B256::ZERO, rlp };
            if let Ok(header) = stored.decode() {
                prop_assert_eq!(alloy::rlp::encode(&header), stored.rlp);
            }
        }

        #[test]
        fn any_record_is_split_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some((list, rest)) = split_hashes(&bytes) {
                prop_assert_eq!(1 + 32 * list.len() + rest.len(), bytes.len());
            }
            if let Ok(header) = parse_header(&bytes[..bytes.len().min(8)], &bytes) {
                prop_assert_eq!([header.hash.as_slice(), &header.rlp].concat(), bytes);
            }
        }
    }
}
