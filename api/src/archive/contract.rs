//! The `BlockArchive` contract: what it knows, and the path by which it is shown that it knows more.

use super::{ArchiveError, paths};
use crate::chain::contracts::BlockArchive;
use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::providers::DynProvider;
use futures::{StreamExt, TryStreamExt};
use vouch_circuits::history::ancestry::Size;
use vouch_indexer::IndexError;
use vouch_indexer::node::Node;

/// Requests under way at one time.
const PARALLEL: usize = 16;

/// Is told how many headers of a run are there, and how many there will be.
pub type Tell<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

/// An archive and the lengths of runs that it takes.
#[derive(Clone, Debug)]
pub struct Archive {
    address: Address,
    provider: DynProvider,
    /// log2 of the blocks of a run, rising; at least one.
    depths: Vec<u32>,
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

/// A proven run, or the tree above several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: u64,
    depth: u32,
    root: B256,
}

impl Archive {
    /// Looks what is at `address`.
    ///
    /// # Errors
    /// [`ArchiveError::NotAnArchive`].
    pub async fn open(address: Address, provider: DynProvider) -> Result<Self, ArchiveError> {
        let mut archive = Self { address, provider, depths: Vec::new() };
        let bits = archive.contract().depths().call().await.map_err(|e| archive.failed(e))?;
        archive.depths = (0..u64::BITS).filter(|depth| bits.bit(*depth as usize)).collect();
        match archive.depths.is_empty() {
            true => Err(archive.failed("it takes runs of no length")),
            false => Ok(archive),
        }
    }

    /// That it takes runs of this size.
    ///
    /// # Errors
    /// [`ArchiveError::Depth`].
    pub fn takes(&self, size: &Size) -> Result<(), ArchiveError> {
        let (archive, expected) = (self.address, size.depth);
        match self.depths.contains(&expected) {
            true => Ok(()),
            false => Err(ArchiveError::Depth { archive, expected, got: self.depths.clone() }),
        }
    }

    /// Blocks of the runs that it takes, rising.
    pub fn runs(&self) -> Vec<u64> {
        self.depths.iter().map(|depth| 1 << depth).collect()
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

    /// Root of the run of this depth from `first` on, zero if it is not proven.
    pub async fn run_root(&self, depth: u32, first: u64) -> Result<B256, ArchiveError> {
        let root = self.contract().runRoot(U256::from(depth), U256::from(first)).call().await;
        root.map_err(|e| self.failed(e))
    }

    /// The longest proven run, of a depth of at most `most`, that holds block `number`.
    async fn run_of(&self, number: u64, most: u32) -> Result<Option<Run>, ArchiveError> {
        for depth in self.depths.iter().copied().rev().filter(|depth| *depth <= most) {
            let first = number >> depth << depth;
            let root = self.run_root(depth, first).await?;
            if !root.is_zero() {
                return Ok(Some(Run { first, depth, root }));
            }
        }
        Ok(None)
    }

    /// Whether block `number` is in a proven run.
    pub async fn holds(&self, number: u64) -> Result<bool, ArchiveError> {
        Ok(self.run_of(number, u64::BITS).await?.is_some())
    }

    /// Whether blocks `first` to `end - 1` are all in proven runs.
    pub async fn covers(&self, first: u64, end: u64) -> Result<bool, ArchiveError> {
        let mut at = first;
        while at < end {
            match self.run_of(at, u64::BITS).await? {
                Some(run) => at = run.first + (1 << run.depth),
                None => return Ok(false),
            }
        }
        Ok(true)
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
    pub async fn member(&self, node: &Node, number: u64, tell: Tell<'_>) -> Result<Member, ArchiveError> {
        // the shortest run: each of its headers is asked for
        for depth in &self.depths {
            if let Some(run) = self.run_of(number, *depth).await? {
                return self.member_of(node, number, &run, tell).await;
            }
        }
        let first = number >> self.depths[0] << self.depths[0];
        Err(ArchiveError::NotAMember { archive: self.address, block: number, first })
    }

    async fn member_of(&self, node: &Node, number: u64, run: &Run, tell: Tell<'_>) -> Result<Member, ArchiveError> {
        let (blocks, first) = (1 << run.depth, run.first);
        let leaves: Vec<B256> = futures::stream::iter(first..first + blocks)
            .map(|block| async move {
                let header = node.header(block).await?;
                Ok::<_, IndexError>(header.ok_or(IndexError::MissingBlock { number: block, head: block })?.hash())
            })
            .buffered(PARALLEL)
            .enumerate()
            .map(|(done, hash)| {
                tell(done as u64 + 1, blocks);
                hash
            })
            .try_collect()
            .await?;
        let (expected, got) = (run.root, paths::root(&leaves));
        if got != expected {
            return Err(ArchiveError::OtherChain { block: number, expected, got });
        }
        let index = (number - run.first) as usize;
        Ok(Member { number, hash: leaves[index], path: paths::siblings(&leaves, index) })
    }

    /// The path of block `number` to the mountain of the range that holds it.
    ///
    /// # Errors
    /// As [`Archive::member`], and [`ArchiveError::BeyondTheRange`].
    pub async fn member_of_range(&self, node: &Node, number: u64, tell: Tell<'_>) -> Result<Member, ArchiveError> {
        let length = self.length().await?;
        let beyond = ArchiveError::BeyondTheRange { archive: self.address, block: number, length };
        let (_, height) = paths::mountain(length, number).ok_or(beyond)?;
        // the longest run: then what stands beside it is made of whole runs too
        let run = self.run_of(number, height).await?;
        let missing = |first| ArchiveError::NotAMember { archive: self.address, block: number, first };
        let run = run.ok_or_else(|| missing(number))?;
        let mut member = self.member_of(node, number, &run, tell).await?;
        for height in run.depth..height {
            let sibling = (number >> height ^ 1) << height;
            member.path.push(self.tree_root(sibling, height).await?.ok_or_else(|| missing(sibling))?);
        }
        Ok(member)
    }

    /// Root of the tree of `height` from `first` on, made of proven runs; `None` if they leave a gap.
    async fn tree_root(&self, first: u64, height: u32) -> Result<Option<B256>, ArchiveError> {
        let mut peaks: Vec<(u32, B256)> = Vec::new();
        let mut at = first;
        while at < first + (1 << height) {
            let Some(run) = self.run_of(at, height).await?.filter(|run| run.first == at) else { return Ok(None) };
            let (mut depth, mut root) = (run.depth, run.root);
            while let Some((_, left)) = peaks.pop_if(|(other, _)| *other == depth) {
                root = keccak256([left, root].concat());
                depth += 1;
            }
            peaks.push((depth, root));
            at += 1 << run.depth;
        }
        Ok(peaks.first().map(|(_, root)| *root))
    }
}
