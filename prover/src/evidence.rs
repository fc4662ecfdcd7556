//! Evidence: everything a history proof of some facts needs, collected from the index and already verified there.
//!
//! A question (a [`Fact`] whose value is not yet known) becomes a header field, an account field, a storage slot or a receipt of a
//! block, or all receipts of a range of blocks; the answers come with the trie nodes that prove them.

mod entries;
mod old;
mod reach;

pub(crate) use old::link;
pub use reach::{OldAnchors, Reach};

use crate::engine::Anchor;
use alloy::primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use alloy::rlp::Header as RlpHeader;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;
use vouch_circuits::evidence::{EvidenceError as CircuitError, HISTORY_CONTRACT, Link, blocks_of};
use vouch_circuits::facts::{Fact, FactKind, LEAVES};
use vouch_circuits::history::{ANCHORS, Class};
use vouch_circuits::instances::{MAX_ANCHORS, MAX_ROOTS};
use vouch_indexer::sync::StateProof;
use vouch_indexer::{IndexError, Indexer};

/// Blocks that one history proof can read: anchors, and those that lead to them. The same in both classes that have links.
const BLOCKS_OF_A_PROOF: usize = ANCHORS + Class::H.links;
const _: () = assert!(Class::H.links == Class::R.links);
/// State proofs fetched at one time.
const PARALLEL: usize = 4;

/// Why the facts could not be collected.
#[derive(Debug, Error)]
pub enum EvidenceError {
    /// More facts than the roots of a score hold. Not recoverable: ask for fewer subjects or a smaller plan.
    #[error("query needs {got} facts: expected at most {expected} under {MAX_ROOTS} roots")]
    TooManyFacts {
        /// Leaves of all roots.
        expected: usize,
        /// Distinct facts asked for.
        got: usize,
    },
    /// More blocks than the history proofs of a score read. Not recoverable: use a plan with fewer blocks.
    #[error("query reads {got} blocks: expected at most {expected} in {MAX_ROOTS} history proofs")]
    TooManyBlocks {
        /// Headers of all proofs.
        expected: usize,
        /// Distinct blocks asked for.
        got: usize,
    },
    /// The blocks are further back than the history proofs of a score reach. Not recoverable: ask about later blocks, or pin one of these.
    #[error(
        "query takes {got} hops back: expected at most {expected} in {MAX_ROOTS} history proofs; blocks that the contracts know need none"
    )]
    TooManyHops {
        /// Hops of all proofs.
        expected: usize,
        /// Hops that lead to the blocks.
        got: usize,
    },
    /// The facts need more history proofs than a score has roots. Not recoverable: ask for fewer subjects or a smaller plan.
    #[error("query does not fit {expected} history proofs, as many as a score has roots: {left} facts are left")]
    TooManyParts {
        /// Proofs there may be.
        expected: usize,
        /// Facts without a proof.
        left: usize,
    },
    /// The class of history proofs for facts of the kind is not in use here. Recoverable: set it up.
    #[error(
        "facts of kind {kind:?} are proven by history classes R and B alone, which are not set up here: deploy with `vouch setup --hops`, \
         start with `vouch serve --hops`"
    )]
    NoClass {
        /// The kind.
        kind: FactKind,
    },
    /// A count over more blocks than one history proof reads. Not recoverable: use a shorter `span`.
    #[error(
        "logs are to be counted over {got} blocks up to block {block} in one fact: expected at most {expected}; give the source a \
         shorter `span`, and the feature several `blocks`"
    )]
    RangeTooLong {
        /// Last block of the range.
        block: u64,
        /// Headers of a proof.
        expected: u64,
        /// Blocks of the range.
        got: u64,
    },
    /// The block has no such transaction, receipt, log or field. Not recoverable: correct the plan, or ask for another block.
    #[error("block {block}: {source}")]
    Entry {
        /// Block number.
        block: u64,
        /// What is missing.
        source: CircuitError,
    },
    /// The header of this block has no such field, or it does not fit a word.
    #[error("block {block}: header has no field {field} of at most 32 bytes (it has {fields} fields)")]
    NoSuchField {
        /// Block number.
        block: u64,
        /// Index of the field in the header's RLP list.
        field: u64,
        /// Fields that the header has.
        fields: usize,
    },
    /// The plan reads storage of an account without code at that block. Not recoverable: correct the plan's address.
    #[error("block {block}: contract {address} named by the plan has no code")]
    NoCode {
        /// Block number.
        block: u64,
        /// The account.
        address: Address,
    },
    /// The state from which a hop starts does not know the block. Not recoverable: the chain had no history contract then, or it was not
    /// filled yet; a pin or the archive leads there.
    #[error(
        "block {block} cannot be linked: the history contract holds no hash of it in the state of block {from}; blocks before Prague are \
         reached by a pin or the archive"
    )]
    Nameless {
        /// The block.
        block: u64,
        /// Where the hop starts.
        from: u64,
    },
    /// The contracts, or the path that shows them the block, could not be read. Recoverable.
    #[error("block {block} is to be an anchor, but its hash cannot be told: {detail}")]
    Untold {
        /// The block.
        block: u64,
        /// Why.
        detail: String,
    },
    /// The index has no answer. See [`IndexError`].
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// A storage slot with its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotEvidence {
    /// Storage key before hashing.
    pub slot: B256,
    /// Trie nodes, root first; empty when the storage trie is empty.
    pub nodes: Vec<Bytes>,
}

/// An account with its proof and those of its slots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountEvidence {
    /// Whose.
    pub address: Address,
    /// Trie nodes, root first.
    pub nodes: Vec<Bytes>,
    /// The slots that facts read.
    pub slots: Vec<SlotEvidence>,
}

/// A block with the proofs taken under its state root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockEvidence {
    /// Block number.
    pub number: u64,
    /// Keccak of `header_rlp`.
    pub hash: B256,
    /// The header.
    pub header_rlp: Bytes,
    /// Accounts in the order of their addresses.
    pub accounts: Vec<AccountEvidence>,
    /// Nodes of the receipts and transactions tries that facts read, each once.
    #[serde(default)]
    pub entry_nodes: Vec<Bytes>,
}

/// Facts and what proves them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Blocks in ascending order: those that facts are about, and those that lead to them.
    pub blocks: Vec<BlockEvidence>,
    /// Which of them are anchors that the contract has to know; the others are linked to those.
    #[serde(default)]
    pub anchored: BTreeSet<u64>,
    /// Linked blocks that the contract is to remember: later proofs can start there.
    #[serde(default)]
    pub remembered: Vec<u64>,
    /// The facts with their values, in the order of [`questions`].
    pub facts: Vec<Fact>,
}

impl Evidence {
    /// The blocks that the contract has to know, and those that it is to remember.
    pub fn anchors(&self) -> Vec<Anchor> {
        let anchor = |b: &BlockEvidence| {
            let linked = !self.anchored.contains(&b.number);
            let is_public = !linked || self.remembered.contains(&b.number);
            is_public.then_some(Anchor { number: b.number, hash: b.hash, linked })
        };
        self.blocks.iter().filter_map(anchor).collect()
    }

    /// Makes the oldest block public, for the contract to remember, if it is linked and there is room for an anchor more. Returns it then.
    pub fn remember_oldest(&mut self) -> Option<u64> {
        let oldest = self.blocks.first()?.number;
        let is_new = !self.anchored.contains(&oldest) && self.anchored.len() < MAX_ANCHORS;
        is_new.then(|| {
            self.remembered = vec![oldest];
            oldest
        })
    }
}

/// The questions in the order in which they become leaves: by block, kind, address, slot and keys, each once.
pub fn questions(asked: &[Fact]) -> Vec<Fact> {
    let key = |f: &Fact| (f.block, f.kind, f.address, f.slot, f.key, f.key2, f.path);
    let mut sorted: Vec<Fact> = asked.iter().map(|f| Fact { value: [0; 32], ..*f }).collect();
    sorted.sort_by_key(key);
    sorted.dedup();
    sorted
}

/// The storage slot a fact reads; `None` for facts of other kinds.
pub fn storage_slot(fact: &Fact) -> Option<B256> {
    vouch_circuits::evidence::storage_slot(fact).map(B256::from)
}

/// Refuses more facts or blocks than the history proofs of one score can take, before anything is collected; what passes may still
/// be too much.
///
/// # Errors
/// [`EvidenceError::TooManyFacts`], [`EvidenceError::TooManyBlocks`], [`EvidenceError::RangeTooLong`].
pub fn check_bounds(questions: &[Fact]) -> Result<(), EvidenceError> {
    for fact in questions {
        let (blocks, expected) = (blocks_of(fact), BLOCKS_OF_A_PROOF as u64);
        let got = blocks.end() - blocks.start() + 1;
        if got > expected {
            return Err(EvidenceError::RangeTooLong { block: fact.block, expected, got });
        }
    }
    let expected = MAX_ROOTS * LEAVES;
    if questions.len() > expected {
        return Err(EvidenceError::TooManyFacts { expected, got: questions.len() });
    }
    let blocks: BTreeSet<u64> = questions.iter().flat_map(blocks_of).collect();
    let expected = MAX_ROOTS * BLOCKS_OF_A_PROOF;
    if blocks.len() > expected {
        return Err(EvidenceError::TooManyBlocks { expected, got: blocks.len() });
    }
    Ok(())
}

/// Refuses facts that a node without the classes of `k = 18` cannot prove.
///
/// - `has_links`: whether it has them
///
/// # Errors
/// [`EvidenceError::NoClass`].
pub fn check_classes(questions: &[Fact], has_links: bool) -> Result<(), EvidenceError> {
    match questions.iter().find(|fact| fact.kind.needs_entries() && !has_links) {
        Some(fact) => Err(EvidenceError::NoClass { kind: fact.kind }),
        None => Ok(()),
    }
}

/// History proofs that `questions` take at least.
///
/// - `is_linked`: whether blocks may be linked to anchors
pub fn least_proofs(questions: &[Fact], is_linked: bool) -> usize {
    let blocks: BTreeSet<u64> = questions.iter().flat_map(blocks_of).collect();
    let most = if is_linked { BLOCKS_OF_A_PROOF } else { ANCHORS };
    questions.len().div_ceil(LEAVES).max(blocks.len().div_ceil(most))
}

/// Refuses questions about the storage of a contract that has no code at the newest block where it is read. It may have none before:
/// what was not there yet is zero.
///
/// # Errors
/// [`EvidenceError::NoCode`], or [`EvidenceError::Index`] if the account could not be proven.
pub async fn check_code(indexer: &Indexer, questions: &[Fact]) -> Result<(), EvidenceError> {
    let mut newest: BTreeMap<Address, u64> = BTreeMap::new();
    for fact in questions.iter().filter(|f| storage_slot(f).is_some()) {
        let block = newest.entry(fact.address.into()).or_default();
        *block = fact.block.max(*block);
    }
    let asked: Vec<_> = newest.into_iter().map(|(address, block)| (block, address, Vec::new())).collect();
    for proof in indexer.state_proofs(asked).await? {
        if proof.account.account.is_none_or(|a| a.code_hash == KECCAK256_EMPTY) {
            return Err(EvidenceError::NoCode { block: proof.header.number, address: proof.account.address });
        }
    }
    Ok(())
}

/// Collects the evidence for `asked` (values are ignored) from the index, fetching what it does not hold yet.
///
/// Blocks below `reach` are linked to one within it by hops, whose headers and proofs are fetched too. Blocks below the index are believed
/// when such a link, the next block, or the contracts name their hash.
///
/// # Errors
/// [`EvidenceError`]: bounds, blocks outside the index, a contract without code, a lying node.
pub async fn collect(indexer: &Indexer, asked: &[Fact], reach: &Reach) -> Result<Evidence, EvidenceError> {
    let questions = questions(asked);
    check_bounds(&questions)?;
    link(indexer, &questions, reach).await?;
    check_code(indexer, &questions).await?;
    gather(indexer, &questions, reach).await
}

/// As [`collect`], for `questions` in order whose bounds and contracts were checked: they may be a part of a query, all at blocks before a
/// contract had code.
pub(crate) async fn gather(indexer: &Indexer, questions: &[Fact], reach: &Reach) -> Result<Evidence, EvidenceError> {
    let mut wanted: BTreeMap<u64, BTreeMap<Address, BTreeSet<B256>>> = BTreeMap::new();
    for fact in questions {
        for block in blocks_of(fact) {
            wanted.entry(block).or_default();
        }
        let accounts = wanted.entry(fact.block).or_default();
        if fact.kind == FactKind::Account || fact.kind.is_storage() {
            accounts.entry(fact.address.into()).or_default().extend(storage_slot(fact));
        }
    }
    let route = reach.route(&wanted.keys().copied().collect());
    for (block, from) in route.hops.iter().copied() {
        let slot = Link { block, from }.fact([0; 32]).slot;
        wanted.entry(block).or_default();
        wanted.entry(from).or_default().entry(HISTORY_CONTRACT.into()).or_default().insert(slot.into());
    }
    let headers = old::headers(indexer, &wanted.keys().copied().collect(), &route, reach).await?;
    let requests: Vec<(u64, Address, Vec<B256>)> = wanted
        .iter()
        .flat_map(|(n, accounts)| accounts.iter().map(|(a, slots)| (*n, *a, slots.iter().copied().collect())))
        .collect();
    let proofs: Vec<StateProof> = indexer.state_proofs(requests).await?;
    let mut entries = entries::collect(indexer, questions, &headers).await?;
    let blocks = headers
        .into_iter()
        .map(|header| BlockEvidence {
            entry_nodes: entries.nodes.remove(&header.number).unwrap_or_default(),
            number: header.number,
            hash: header.hash,
            accounts: proofs.iter().filter(|p| p.header.hash == header.hash).map(account).collect(),
            header_rlp: header.rlp.into(),
        })
        .collect::<Vec<_>>();
    let facts = questions
        .iter()
        .map(|fact| match entries.values.get(&fact.place()) {
            Some(value) => Ok(Fact { value: *value, ..*fact }),
            None => Ok(Fact { value: value(fact, &blocks, &proofs)?.to_be_bytes(), ..*fact }),
        })
        .collect::<Result<_, EvidenceError>>()?;
    Ok(Evidence { blocks, anchored: route.anchors, remembered: Vec::new(), facts })
}

fn account(proof: &StateProof) -> AccountEvidence {
    AccountEvidence {
        address: proof.account.address,
        nodes: proof.account.nodes.clone(),
        slots: proof.slots.iter().map(|s| SlotEvidence { slot: s.slot, nodes: s.nodes.clone() }).collect(),
    }
}

/// What the place of `fact` holds; zero when the account or the slot is absent.
fn value(fact: &Fact, blocks: &[BlockEvidence], proofs: &[StateProof]) -> Result<U256, EvidenceError> {
    let field = u64::from_be_bytes(fact.slot[24..].try_into().unwrap_or_default());
    if fact.kind == FactKind::Header {
        let rlp = blocks.iter().find(|b| b.number == fact.block).map(|b| b.header_rlp.as_ref());
        return header_field(fact.block, rlp.unwrap_or_default(), field);
    }
    let address = Address::from(fact.address);
    let proof = proofs.iter().find(|p| p.header.number == fact.block && p.account.address == address);
    let Some(proof) = proof else { return Err(IndexError::Empty.into()) };
    let account = proof.account.account;
    if let Some(slot) = storage_slot(fact) {
        let found = proof.slots.iter().find(|s| s.slot == slot);
        return found.map(|s| s.value).ok_or(IndexError::Empty.into());
    }
    let Some(account) = account else { return Ok(U256::ZERO) };
    match field {
        0 => Ok(U256::from(account.nonce)),
        1 => Ok(account.balance),
        2 => Ok(account.storage_root.into()),
        3 => Ok(account.code_hash.into()),
        _ => Err(EvidenceError::NoSuchField { block: fact.block, field, fields: 4 }),
    }
}

/// Item `field` of the header's RLP list as a big-endian integer.
fn header_field(block: u64, mut rlp: &[u8], field: u64) -> Result<U256, EvidenceError> {
    let mut items = Vec::new();
    if let Ok(mut payload) = RlpHeader::decode_bytes(&mut rlp, true) {
        while let Ok(item) = RlpHeader::decode_bytes(&mut payload, false) {
            items.push(item);
        }
    }
    let found = usize::try_from(field).ok().and_then(|i| items.get(i)).filter(|item| item.len() <= 32);
    found.map(|item| U256::from_be_slice(item)).ok_or(EvidenceError::NoSuchField { block, field, fields: items.len() })
}
