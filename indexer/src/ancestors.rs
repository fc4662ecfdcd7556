//! Headers below the index: those of the blocks before one whose hash is known.
//!
//! Statement: what is returned and stored is the chain of parents of that hash. So it needs no second look, and no state of the node.

use crate::error::IndexError;
use crate::store::StoredHeader;
use crate::sync::Indexer;
use alloy::primitives::B256;
use futures::{StreamExt, TryStreamExt};

/// Headers asked for at one time.
const PARALLEL: usize = 16;

impl Indexer {
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
