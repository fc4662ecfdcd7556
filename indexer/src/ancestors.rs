//! Headers below the index: those whose hash is known, and those of the blocks before one whose hash is.
//!
//! Statement: what is returned and stored has the hash that was named, or is the chain of its parents. So it is as good as what named it, it
//! needs no second look, and no state of the node. Nothing is stored of a block that nobody named.

use crate::error::IndexError;
use crate::store::StoredHeader;
use crate::sync::Indexer;
use alloy::primitives::B256;
use futures::{StreamExt, TryStreamExt};

/// Headers asked for at one time.
const PARALLEL: usize = 16;

impl Indexer {
    /// The header of block `number`, from the store, or fetched and stored if it is below the index.
    ///
    /// - `hash`: of that block, by a proof under an indexed block or the word of the contracts. Where the store has a block below the index
    ///   by another hash, this one takes its place
    ///
    /// # Errors
    /// [`IndexError::OtherBlock`] if the index has another block, or no endpoint has this one; then nothing is stored.
    pub async fn header_of(&self, number: u64, hash: B256) -> Result<StoredHeader, IndexError> {
        let first = self.store().first()?.unwrap_or_default();
        match self.store().header(number)? {
            Some(header) if header.hash == hash => return Ok(header),
            Some(header) if number >= first => {
                return Err(IndexError::OtherBlock { number, expected: hash, got: Some(header.hash) });
            }
            _ => {}
        }
        // the last stored header is taken for the tip: those below the index come after one of its own
        let tip = self.store().last_header()?.map_or(0, |tip| tip.number);
        if tip < first {
            return Err(IndexError::Empty);
        }
        if number >= first {
            return Err(IndexError::Future { number, tip });
        }
        let header = self.node().header_of(number, hash).await?.stored();
        self.store().append_headers(std::slice::from_ref(&header))?;
        Ok(header)
    }

    /// The headers of blocks `first` to `last`, by rising number, from the store or fetched; those that were fetched are stored.
    ///
    /// - `hash`: of block `last`, which must not be above the tip of the index
    ///
    /// # Errors
    /// [`IndexError::Future`], [`IndexError::MissingBlock`], and [`IndexError::ParentMismatch`] where a header is not the parent of the
    /// one above it; then nothing is stored.
    pub async fn ancestors(&self, first: u64, last: u64, hash: B256) -> Result<Vec<StoredHeader>, IndexError> {
        let tip = self.store().last_header()?.ok_or(IndexError::Empty)?.number;
        if last > tip {
            return Err(IndexError::Future { number: last, tip });
        }
        let headers: Vec<(StoredHeader, bool)> = futures::stream::iter(first..=last)
            .map(|number| async move {
                if let Some(header) = self.store().header(number)? {
                    return Ok((header, false));
                }
                let header = self.node().header(number).await?;
                Ok((header.ok_or(IndexError::MissingBlock { number, head: tip })?.stored(), true))
            })
            .buffered(PARALLEL)
            .try_collect::<Vec<_>>()
            .await
            .map_err(|e: IndexError| e)?;
        let mut got = hash;
        for (header, _) in headers.iter().rev() {
            if header.hash != got {
                return Err(IndexError::ParentMismatch { number: header.number + 1, expected: header.hash, got });
            }
            got = header.decode()?.parent_hash;
        }
        let new: Vec<StoredHeader> = headers.iter().filter(|(_, is_new)| *is_new).map(|(h, _)| h.clone()).collect();
        self.store().append_headers(&new)?;
        Ok(headers.into_iter().map(|(header, _)| header).collect())
    }
}
