//! The header stage: the index is a chain of headers, each hashed here and linked to the one below.
//!
//! `execute` appends, `unwind` cuts, `tip` says where it ends. No network: a batch of headers comes in.

use crate::error::IndexError;
use crate::store::{Store, StoredHeader};
use alloy::consensus::Header;
use alloy::primitives::{B256, keccak256};

/// A header whose hash was computed here and equals what the node announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedHeader {
    rlp: Vec<u8>,
    hash: B256,
    header: Header,
}

impl CheckedHeader {
    /// Hashes `header` and compares with what the node announced and what was asked for.
    ///
    /// # Errors
    /// [`IndexError::HashMismatch`], [`IndexError::NumberMismatch`].
    pub fn check(number: u64, announced: B256, header: Header) -> Result<Self, IndexError> {
        let rlp = alloy::rlp::encode(&header);
        let got = keccak256(&rlp);
        if got != announced {
            return Err(IndexError::HashMismatch { number, announced, got });
        }
        if header.number != number {
            return Err(IndexError::NumberMismatch { expected: number, got: header.number });
        }
        Ok(Self { rlp, hash: got, header })
    }

    /// Keccak of the RLP.
    pub fn hash(&self) -> B256 {
        self.hash
    }

    /// Block number.
    pub fn number(&self) -> u64 {
        self.header.number
    }

    /// Hash of the block below.
    pub fn parent(&self) -> B256 {
        self.header.parent_hash
    }

    /// The header as a record of the store.
    pub fn stored(&self) -> StoredHeader {
        StoredHeader { number: self.header.number, hash: self.hash, rlp: self.rlp.clone() }
    }
}

/// The stage: a linked run of headers in the store.
#[derive(Clone, Debug)]
pub struct HeaderStage {
    store: Store,
}

impl HeaderStage {
    /// The stage over `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The last stored header.
    pub fn tip(&self) -> Result<Option<StoredHeader>, IndexError> {
        Ok(self.store.last_header()?)
    }

    /// Appends headers that continue the tip, all in one atomic write. The first header of an empty store is taken as
    /// it is.
    ///
    /// Returns the number stored: when a link *inside* the batch is broken the headers before it are stored, and the
    /// next call meets the break at the tip.
    ///
    /// # Errors
    /// [`IndexError::ParentMismatch`] if the first header does not continue the tip; nothing was written.
    pub fn execute(&self, headers: &[CheckedHeader]) -> Result<usize, IndexError> {
        let mut parent = self.tip()?.map(|t| (t.number, t.hash));
        let mut linked = Vec::new();
        for header in headers {
            if let Some((number, hash)) = parent
                && (header.number() != number + 1 || header.parent() != hash)
            {
                if linked.is_empty() {
                    return Err(IndexError::ParentMismatch {
                        number: header.number(),
                        expected: hash,
                        got: header.parent(),
                    });
                }
                break;
            }
            parent = Some((header.number(), header.hash()));
            linked.push(header.stored());
        }
        self.store.append_headers(&linked)?;
        Ok(linked.len())
    }

    /// Removes every block above `keep`, with the proofs taken at them, in one atomic write.
    ///
    /// # Errors
    /// [`IndexError::ForkBelowFinalized`] if that would remove a final block; nothing was written.
    pub fn unwind(&self, keep: u64) -> Result<(), IndexError> {
        if let Some(finalized) = self.store.finalized()?
            && keep < finalized
        {
            let hash = self.store.header(finalized)?.map(|h| h.hash).unwrap_or_default();
            return Err(IndexError::ForkBelowFinalized { fork_at_most: keep, finalized, expected: hash });
        }
        Ok(self.store.remove_above(keep)?)
    }
}
