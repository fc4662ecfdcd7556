//! Layout: from evidence to what the circuit's parts are told, each part padded to the capacity of the class.
//!
//! Unused room is filled with honest statements, so that no part needs a switch: about a trie of two nodes in a message of
//! its own, about an account that is absent from it at a block that no leaf can name, and about keys that no fact uses.

mod counted;
mod entries;
mod facts;
mod filler;
mod keys;
mod paths;
mod places;
mod walks;

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use std::collections::BTreeMap;
use thiserror::Error;

pub(in crate::history) use self::entries::Entries;
use self::entries::{EntryParts, FillerEntries};
use self::facts::{Block, Context, Parts};
use self::filler::FillerWalk;
use self::keys::Keys;
pub(in crate::history) use self::paths::PathHints;
pub(super) use self::places::Places;
use self::places::pad;
pub(super) use self::walks::Walks;
use super::accounts::{AccountHint, SlotHint};
use super::blocks::Message;
use super::class::{ANCHORS, Class, Overflow};
use super::headers::{self, HeaderHint};
use super::hops::HopHint;
use super::keys::{HEADER_KEY, header_index};
use super::leaves::LeafHint;
use super::steps::{Step, empty_root};
use super::tables::two_to;
use crate::digest::Hash;
use crate::evidence::{self, Evidence, EvidenceError};
use crate::facts::{FactKind, at_bit};
use crate::header::Header;
use crate::trie::Nodes;

/// The filler trie's root: a branch whose child 0 is an inline leaf with a path of 54 nibbles, which no digest will meet.
pub(super) const FILLER: [u8; 48] = {
    let mut node = [0x80; 48];
    (node[0], node[1], node[2], node[3]) = (0xef, 0xde, 0x9c, 0x20);
    let mut at = 4;
    while at < 31 {
        node[at] = 0x11;
        at += 1;
    }
    node[31] = 0x01;
    node
};
/// Offset of an empty child in [`FILLER`].
pub(super) const FILLER_EMPTY: u64 = 32;
/// Offset of zeros in the padding after [`FILLER`].
pub(super) const FILLER_ZEROS: u64 = 52;

/// Block of the filler account: a leaf about it would have bit 240 set in its first element, which no fact has.
pub(super) fn filler_block() -> Fr {
    two_to(240 - at_bit::BLOCK as u64)
}

/// A word modulo p.
pub(super) fn folded(word: &Hash) -> Fr {
    word.iter().fold(Fr::ZERO, |acc, byte| acc * Fr::from(256) + Fr::from(u64::from(*byte)))
}

/// Why evidence cannot be laid out.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LayoutError {
    /// The evidence is wrong or incomplete.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The class is too small.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// There is no header, so nothing can be proven.
    #[error("evidence without a header, expected at least one fact")]
    Empty,
    /// A header has more fields, or larger ones, than the circuit reads. Not recoverable: the chain is not supported.
    #[error("header of block {block} has a field of a size that the circuit does not read")]
    Header {
        /// Its number.
        block: u64,
    },
}

/// Everything that the circuit is told. The messages come first: they are the memory.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The messages to hash, in their order; each takes whole blocks.
    pub messages: Vec<Vec<u8>>,
    pub(super) anchors: Vec<HeaderHint>,
    pub(super) links: Vec<HeaderHint>,
    pub(super) hops: Vec<HopHint>,
    pub(super) roots: Vec<Message>,
    pub(super) branches: Vec<u64>,
    pub(super) pairs: Vec<u64>,
    pub(super) steps: Vec<Step>,
    pub(super) addresses: Vec<Message>,
    pub(super) accounts: Vec<AccountHint>,
    pub(super) slots: Vec<SlotHint>,
    pub(super) plain_keys: Vec<[Message; 1]>,
    pub(super) mapping_keys: Vec<[Message; 2]>,
    pub(super) nested_keys: Vec<[Message; 3]>,
    pub(super) paths: PathHints,
    pub(super) leaves: Vec<LeafHint>,
    pub(super) entries: Entries,
    /// Any address with the byte 0x80.
    pub(super) empty_item: u64,
}

impl Layout {
    /// Lays out `evidence` in `class`.
    ///
    /// # Errors
    /// [`LayoutError::Evidence`] if a fact is not what the evidence says, [`LayoutError::Overflow`] if the class has no room,
    /// [`LayoutError::Header`] for headers unlike mainnet's.
    pub fn new(class: &Class, evidence: &Evidence) -> Result<Self, LayoutError> {
        evidence.check()?;
        let blocks = evidence::read_headers(&evidence.headers)?;
        let headers: Vec<Header<'_>> = blocks.values().cloned().collect();
        if headers.is_empty() {
            return Err(LayoutError::Empty);
        }
        let mut places = Places::new(class.blocks);
        let filler = places.add(&FILLER);
        entries::place_fillers(class, &evidence.facts, &mut places)?;
        for message in evidence.messages() {
            places.add(&message);
        }

        let hop_facts = evidence.hops()?;
        let mut keys = Keys::new(evidence.facts.iter().chain(&hop_facts));
        keys.fill(class);
        let key_messages = keys.place(class, &mut places)?;
        let filler_address = evidence.facts.iter().find(|fact| fact.kind.has_address()).map_or([0; 20], |f| f.address);
        places.add(&filler_address);

        let fillers = entries::filler_leaves();
        let nodes = evidence.nodes.iter().map(Vec::as_slice).chain([FILLER.as_slice()]);
        let mut walks = Walks::new(Nodes::from_iter(nodes.chain(fillers.iter().map(Vec::as_slice))));
        walks.empty_item = filler.base + FILLER_EMPTY;
        let filler_walk = FillerWalk::new(&places, &mut walks, filler, &filler_address)?;
        let zeros = filler.base + FILLER_ZEROS;
        let context = Context { class, places: &places, keys: &keys, zeros };
        let mut parts = Parts::new();
        parts.addresses.add(places.by_bytes[filler_address.as_slice()]);
        let places_of_blocks = header_places(evidence, &headers);
        let placed: BTreeMap<u64, Block<'_>> = headers
            .iter()
            .zip(&places_of_blocks)
            .map(|(header, place)| (header.number, Block { place: *place, header }))
            .collect();
        let mut entry_parts = EntryParts::new(class, &places, &placed);
        for (position, fact) in evidence.facts.iter().chain(&hop_facts).enumerate() {
            let block = &placed[&fact.block];
            let found = evidence::find(fact, position, &blocks, &walks.nodes)?;
            if fact.kind.needs_entries() {
                if fact.kind == FactKind::LogCount {
                    parts.addresses.add(places.by_bytes[fact.address.as_slice()]);
                }
                parts.leaves.push(entry_parts.add(&mut walks, fact, &found));
            } else {
                parts.add(&context, &mut walks, fact, block, &found);
            }
        }
        let entries = match class.receipts.is_some() {
            true => {
                let filler = FillerEntries::new(class, &places, &mut walks, &filler_address);
                entry_parts.finish(&walks, filler)?
            }
            false => Entries::default(),
        };
        let (anchors, links) = header_hints(evidence, &headers, &places)?;
        if places.used > class.blocks {
            let (expected, got) = (class.blocks, places.used);
            return Err(Overflow { class: class.name, what: "keccak blocks", expected, got }.into());
        }

        let number = anchors[0].number;
        let unused_leaf = LeafHint {
            key: HEADER_KEY + 8,
            says: [Fr::from(1), Fr::from(8), Fr::ZERO, Fr::ZERO, header_index(8)],
            place: 1,
            of: [Fr::from(number), Fr::ZERO, Fr::ZERO],
            value: [Fr::ZERO, Fr::from(number)],
            used: false,
        };
        let last_account = (class.headers() + class.accounts) as u64;
        let filler_slot = SlotHint {
            account: last_account,
            says: [filler_block(), filler_walk.account.address, empty_root()],
            key: filler_walk.account.key,
            end: filler_walk.slot,
            zeros,
        };
        let Parts { mut accounts, slots, mut leaves, addresses, .. } = parts;
        let hops: Vec<HopHint> = leaves
            .drain(evidence.facts.len()..)
            .zip(evidence.links.iter().filter(|link| !link.is_parent()))
            .map(|(read, link)| HopHint { read, back: Fr::from(link.from - link.block - 1), used: Fr::ONE })
            .collect();
        let unused_hop = HopHint { read: unused_leaf, back: Fr::ZERO, used: Fr::ZERO };
        let unused_anchor = HeaderHint { used: Fr::ZERO, linked: Fr::ZERO, ..anchors[0] };
        // the last place is always the filler's
        accounts = pad(class, "accounts (one is a filler)", accounts, class.accounts - 1, filler_walk.account)?;
        accounts.push(filler_walk.account);
        Ok(Self {
            links: pad(class, "linked headers", links, class.links, anchors[0])?,
            hops: pad(class, "hops", hops, class.hops, unused_hop)?,
            anchors: pad(class, "anchors", anchors, ANCHORS, unused_anchor)?,
            roots: pad(class, "tries", walks.roots.0, class.roots, filler)?,
            branches: pad(class, "branch nodes", walks.branches.0, class.branches, filler.base)?,
            pairs: pad(class, "leaves and extensions", walks.pairs.0, class.pairs, filler.base + 1)?,
            steps: pad(class, "steps", walks.steps.0, class.steps, filler_walk.step)?,
            addresses: pad(class, "addresses", addresses.0.clone(), class.addresses, addresses.0[0])?,
            accounts,
            slots: pad(class, "storage slots", slots, class.slots, filler_slot)?,
            plain_keys: key_messages.0,
            mapping_keys: key_messages.1,
            nested_keys: key_messages.2,
            paths: key_messages.3,
            leaves: pad(class, "facts", leaves, class.facts, unused_leaf)?,
            entries,
            messages: places.messages,
            empty_item: walks.empty_item,
        })
    }
}

/// The place of each header: anchors come first.
fn header_places(evidence: &Evidence, headers: &[Header<'_>]) -> Vec<u64> {
    let (mut anchor, mut link) = (1.., ANCHORS as u64 + 1..);
    let place = |header: &Header<'_>| if evidence.is_anchor(header.number) { anchor.next() } else { link.next() };
    headers.iter().filter_map(place).collect()
}

/// Anchors and linked headers.
fn header_hints(
    evidence: &Evidence,
    headers: &[Header<'_>],
    places: &Places,
) -> Result<(Vec<HeaderHint>, Vec<HeaderHint>), LayoutError> {
    let hint = |(header, rlp): (&Header<'_>, &Vec<u8>)| {
        let sizes: Vec<usize> =
            (0..header.field_count()).map(|field| header.field_bytes(field).map_or(0, <[u8]>::len)).collect();
        if !headers::readable(&sizes) {
            return Err(LayoutError::Header { block: header.number });
        }
        let message = places.by_bytes[rlp.as_slice()];
        let linked = Fr::from(u64::from(evidence.is_linked(header.number)));
        Ok(HeaderHint { message, number: header.number, fields: sizes.len() as u64, used: Fr::ONE, linked })
    };
    let hints: Vec<HeaderHint> = headers.iter().zip(&evidence.headers).map(hint).collect::<Result<_, _>>()?;
    Ok(hints.into_iter().partition(|hint| evidence.is_anchor(hint.number)))
}
