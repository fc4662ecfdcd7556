//! The `BlockArchive` contract: what it knows, and the path by which it is shown that it knows more.

use super::{ArchiveError, paths};
use crate::chain::contracts::BlockArchive;
use alloy::primitives::{Address, B256, U256};
use alloy::providers::DynProvider;
use futures::{StreamExt, TryStreamExt};
use vouch_indexer::IndexError;
use vouch_indexer::node::Node;
use vouch_prover::ancestries::SIZE;

/// Requests under way at one time.
const PARALLEL: usize = 16;

/// An archive that takes runs of the size that this program proves.
#[derive(Clone, Debug)]
pub struct Archive {
    address: Address,
    provider: DynProvider,
}

/// A block that the archive holds, with its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Block number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Siblings, the lowest first.
    pub path: Vec<B256>,
}

/// Blocks of a run.
pub const RUN: u64 = 1 << SIZE.depth;

/// First block of the run that holds `number`.
pub const fn run_of(number: u64) -> u64 {
    number / RUN * RUN
}

impl Archive {
    /// Looks what is at `address`.
    ///
    /// # Errors
    /// [`ArchiveError::NotAnArchive`], [`ArchiveError::Depth`].
    pub async fn open(address: Address, provider: DynProvider) -> Result<Self, ArchiveError> {
        let archive = Self { address, provider };
        let got = archive.contract().runDepth().call().await.map_err(|e| archive.failed(e))?;
        match u64::try_from(got).unwrap_or(u64::MAX) {
            got if got == u64::from(SIZE.depth) => Ok(archive),
            got => Err(ArchiveError::Depth { archive: address, expected: SIZE.depth, got }),
        }
    }

    /// Where it is.
    pub fn address(&self) -> Address {
        self.address
    }

    fn contract(&self) -> BlockArchive::BlockArchiveInstance<&DynProvider> {
        BlockArchive::new(self.address, &self.provider)
    }

    fn failed(&self, error: impl std::fmt::Display) -> ArchiveError {
        let detail = error.to_string().lines().next().unwrap_or_default().to_owned();
        ArchiveError::NotAnArchive { archive: self.address, detail }
    }

    /// Root of the run from `first` on, zero if it is not proven.
    pub async fn run_root(&self, first: u64) -> Result<B256, ArchiveError> {
        self.contract().runRoot(U256::from(first)).call().await.map_err(|e| self.failed(e))
    }

    /// Hash of a block that the contract knows, zero if it does not.
    pub async fn hash_of(&self, number: u64) -> Result<B256, ArchiveError> {
        self.contract().hashOf(U256::from(number)).call().await.map_err(|e| self.failed(e))
    }

    /// Blocks in the mountain range.
    pub async fn length(&self) -> Result<u64, ArchiveError> {
        let length = self.contract().length().call().await.map_err(|e| self.failed(e))?;
        Ok(u64::try_from(length).unwrap_or(u64::MAX))
    }

    /// The path of block `number` to the root of its run.
    ///
    /// - `node`: where its run's headers come from; they are compared with the root, so that the path is right
    ///
    /// # Errors
    /// [`ArchiveError::NotAMember`], [`ArchiveError::OtherChain`].
    pub async fn member(&self, node: &Node, number: u64) -> Result<Member, ArchiveError> {
        let first = run_of(number);
        let expected = self.run_root(first).await?;
        if expected.is_zero() {
            return Err(ArchiveError::NotAMember { archive: self.address, block: number, first });
        }
        let leaves: Vec<B256> = futures::stream::iter(first..first + RUN)
            .map(|block| async move {
                let header = node.header(block).await?;
                Ok::<_, IndexError>(header.ok_or(IndexError::MissingBlock { number: block, head: block })?.hash())
            })
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        let got = paths::root(&leaves);
        if got != expected {
            return Err(ArchiveError::OtherChain { block: number, expected, got });
        }
        let index = (number - first) as usize;
        Ok(Member { number, hash: leaves[index], path: paths::siblings(&leaves, index) })
    }

    /// The path of block `number` to the mountain of the range that holds it.
    ///
    /// - `known`: roots of runs that are known already; the others are asked of the contract
    ///
    /// # Errors
    /// As [`Archive::member`], and [`ArchiveError::BeyondTheRange`].
    pub async fn member_of_range(
        &self,
        node: &Node,
        number: u64,
        known: impl Fn(u64) -> Option<B256>,
    ) -> Result<Member, ArchiveError> {
        let length = self.length().await?;
        let beyond = ArchiveError::BeyondTheRange { archive: self.address, block: number, length };
        let (first, height) = paths::mountain(length, number).ok_or(beyond)?;
        let mut member = self.member(node, number).await?;
        let runs = (0..1u64 << (height - SIZE.depth)).map(|run| first + run * RUN);
        let roots: Vec<B256> = futures::stream::iter(runs.map(|run| (run, known(run))))
            .map(|(run, root)| async move {
                match root {
                    Some(root) => Ok(root),
                    None => self.run_root(run).await,
                }
            })
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        member.path.extend(paths::siblings(&roots, ((run_of(number) - first) / RUN) as usize));
        Ok(member)
    }
}
