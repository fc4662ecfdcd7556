//! State of several accounts and blocks in few messages: JSON-RPC batches, where the endpoint takes them.
//!
//! A batch is a first try. Each answer in it is checked as any other; what is missing or not true is asked by itself, of every endpoint.

use crate::error::IndexError;
use crate::sync::{Indexer, StateProof, parts};
use alloy::primitives::{Address, B256};
use futures::future::{BoxFuture, join_all};
use futures::{StreamExt, TryStreamExt};

/// Requests in a batch.
const BATCH: usize = 16;
/// Batches, or requests by themselves, under way at one time.
const PARALLEL: usize = 4;

/// An account and slots of a block.
pub type Asked = (u64, Address, Vec<B256>);

/// A request that is to be sent with others.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// The block.
    pub(crate) number: u64,
    /// Its hash.
    pub(crate) block: B256,
    /// Its state root.
    pub(crate) root: B256,
    /// Whose state.
    pub(crate) address: Address,
    /// As many slots as one request asks for at most.
    pub(crate) slots: Vec<B256>,
}

impl Indexer {
    /// [`Indexer::state_proof`] for each of `asked`, in order.
    ///
    /// # Errors
    /// Those of [`Indexer::state_proof`].
    pub fn state_proofs(&self, asked: Vec<Asked>) -> BoxFuture<'_, Result<Vec<StateProof>, IndexError>> {
        // boxed, as requests are: futures of higher crates would nest too deep
        Box::pin(async move {
            self.fetch_together(&asked).await?;
            futures::stream::iter(asked)
                .map(|(number, address, slots)| async move { self.state_proof(number, address, &slots).await })
                .buffered(PARALLEL)
                .try_collect()
                .await
        })
    }

    /// Stores what batches bring of `asked`.
    async fn fetch_together(&self, asked: &[Asked]) -> Result<(), IndexError> {
        let all = self.missing_parts(asked)?;
        for group in all.chunks(BATCH * PARALLEL) {
            let mut sent = Vec::new();
            // the last one may be alone, which is no batch
            for batch in group.chunks(BATCH) {
                if batch.len() > 1 {
                    sent.push(self.node().proven_together(batch));
                }
            }
            let proofs = join_all(sent).await;
            for (part, proof) in group.iter().zip(proofs.into_iter().flatten()) {
                if let Some((account, slots)) = proof {
                    self.store().put_proofs(part.block, &account, &slots)?;
                }
            }
        }
        Ok(())
    }

    /// The requests for what is not stored.
    fn missing_parts(&self, asked: &[Asked]) -> Result<Vec<Part>, IndexError> {
        let mut all = Vec::new();
        for (number, address, slots) in asked {
            let header = self.header(*number)?;
            let Some(missing) = self.missing(&header, *address, slots)? else { continue };
            let root = header.decode()?.state_root;
            all.extend(parts(&missing).map(|part| Part {
                number: *number,
                block: header.hash,
                root,
                address: *address,
                slots: part.to_vec(),
            }));
        }
        Ok(all)
    }
}
