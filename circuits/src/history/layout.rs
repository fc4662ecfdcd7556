//! Layout: from evidence to what the circuit's parts are told, each part padded to the capacity of the class.
//!
//! Unused room is filled with honest statements, so that no part needs a switch: about a trie of two nodes in a message of
//! its own, about an account that is absent from it at a block that no leaf can name, and about keys that no fact uses.

use std::collections::{BTreeMap, HashSet};

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use thiserror::Error;

use super::accounts::{AccountHint, SlotHint};
use super::blocks::Message;
use super::class::{ANCHORS, Class, Overflow};
use super::headers::{self, HeaderHint};
use super::keys::{ACCOUNT_KEY, HEADER_KEY, account_index, header_index, slot_index};
use super::leaves::LeafHint;
use super::nodes::{BRANCH, EXTENSION, LEAF};
use super::steps::{Edge, Step, empty_root};
use super::tables::two_to;
use super::walks::End;
use crate::account::storage_root;
use crate::digest::{Hash, keccak256};
use crate::evidence::{self, Evidence, EvidenceError, key_preimages, storage_slot};
use crate::facts::{Fact, FactKind, at_bit, split};
use crate::grid::BLOCK_BYTES;
use crate::header::Header;
use crate::trie::{self, Node, Nodes, Walk, nibbles};

/// The filler trie's root: a branch whose child 0 is the inline leaf `c2 20 01`.
pub(super) const FILLER: [u8; 20] = {
    let mut node = [0x80; 20];
    (node[0], node[1], node[2], node[3]) = (0xd3, 0xc2, 0x20, 0x01);
    node
};
/// Offset of an empty child in [`FILLER`].
const FILLER_EMPTY: u64 = 4;
/// Offset of zeros in the padding after [`FILLER`].
const FILLER_ZEROS: u64 = 32;

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
    pub(super) headers: Vec<HeaderHint>,
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
    pub(super) leaves: Vec<LeafHint>,
    /// Any address with the byte 0x80.
    pub(super) empty_item: u64,
}

/// Where a message lies when the messages are stored one after the other.
struct Places {
    blocks: usize,
    by_bytes: BTreeMap<Vec<u8>, Message>,
    by_hash: BTreeMap<Hash, Message>,
    messages: Vec<Vec<u8>>,
    used: usize,
}

impl Places {
    /// Adds a message unless it is there.
    fn add(&mut self, bytes: &[u8]) -> Message {
        if let Some(message) = self.by_bytes.get(bytes) {
            return *message;
        }
        let count = bytes.len() / BLOCK_BYTES + 1;
        let base = (self.used * BLOCK_BYTES) as u64;
        self.used += count;
        let digest = (self.blocks * BLOCK_BYTES + (self.used - 1) * crate::grid::STATE_BYTES) as u64;
        let message = Message { base, digest, single: count == 1 };
        self.by_bytes.insert(bytes.to_vec(), message);
        self.by_hash.insert(keccak256(bytes), message);
        self.messages.push(bytes.to_vec());
        message
    }
}

/// Things in the order of their first use, each once.
struct Once<T>(Vec<T>, HashSet<T>);

impl<T: Copy + Eq + std::hash::Hash> Once<T> {
    fn new() -> Self {
        Self(Vec::new(), HashSet::new())
    }

    fn add(&mut self, thing: T) {
        if self.1.insert(thing) {
            self.0.push(thing);
        }
    }
}

/// Pads `things` to `capacity` with `filler`.
fn pad<T: Copy>(
    class: &Class,
    what: &'static str,
    mut things: Vec<T>,
    capacity: usize,
    filler: T,
) -> Result<Vec<T>, Overflow> {
    if things.len() > capacity {
        return Err(Overflow { class: class.name, what, expected: capacity, got: things.len() });
    }
    things.resize(capacity, filler);
    Ok(things)
}

/// What the walks use.
struct Walked {
    nodes: Nodes,
    roots: Once<Message>,
    branches: Once<u64>,
    pairs: Once<u64>,
    steps: Once<Step>,
    empty_item: u64,
}

impl Walked {
    /// Translates `walk` of the trie `root` along `key` into steps and an end.
    fn add(&mut self, places: &Places, root: &Hash, key: &Hash, walk: &Walk) -> End {
        let key = nibbles(key);
        let integer = |path: &[u8]| path.iter().fold(Fr::ZERO, |acc, n| acc * Fr::from(16) + Fr::from(u64::from(*n)));
        let Some(last) = walk.steps.last() else {
            let edge = Edge { list: -Fr::ONE, code: BRANCH, path: integer(&key[..1]), item: self.empty_item };
            return End { path: Fr::ZERO, depth: 0, edge };
        };
        self.roots.add(places.by_hash[root]);
        for (i, step) in walk.steps.iter().enumerate() {
            let message = places.by_hash[&step.place.message];
            let bytes = self.nodes.get(&step.place.message).expect("walked over it");
            let list = message.base + step.place.offset as u64;
            let node = trie::decode(bytes, step.place).expect("walked over it");
            let (code, path, item) = match &node {
                Node::Branch { children, .. } => {
                    self.branches.add(list);
                    let nibble = key[step.depth];
                    (BRANCH, vec![nibble], &children[usize::from(nibble)])
                }
                Node::Extension { path, child } => (EXTENSION + path.len() as u64, path.clone(), child),
                Node::Leaf { path, value } => (LEAF + path.len() as u64, path.clone(), value),
            };
            if !matches!(node, Node::Branch { .. }) {
                self.pairs.add(list);
            }
            let item = message.base + item.offset as u64;
            let edge = Edge { list: Fr::from(list), code, path: integer(&path), item };
            let (path, depth) = (integer(&key[..step.depth]), step.depth as u64);
            match walk.steps.get(i + 1) {
                None => return End { path, depth, edge },
                Some(next) => {
                    let child = (next.place.offset == 0).then(|| places.by_hash[&next.place.message]);
                    self.steps.add(Step { root: folded(root), path, depth, edge, child });
                }
            }
        }
        unreachable!("the walk ends at {last:?}")
    }
}

/// A fact of the kind, about nothing.
fn blank(kind: FactKind) -> Fact {
    Fact { kind, block: 0, address: [0; 20], slot: [0; 32], key: [0; 32], key2: [0; 32], value: [0; 32] }
}

impl Layout {
    /// Lays out `evidence` in `class`.
    ///
    /// # Errors
    /// [`LayoutError::Evidence`] if a fact is not what the evidence says, [`LayoutError::Overflow`] if the class has no room,
    /// [`LayoutError::Header`] for headers unlike mainnet's.
    pub fn new(class: &Class, evidence: &Evidence) -> Result<Self, LayoutError> {
        evidence.check()?;
        let headers: Vec<Header<'_>> = evidence.headers.iter().filter_map(|rlp| Header::read(rlp).ok()).collect();
        if headers.is_empty() {
            return Err(LayoutError::Empty);
        }
        let mut places = Places {
            blocks: class.blocks,
            by_bytes: BTreeMap::new(),
            by_hash: BTreeMap::new(),
            messages: Vec::new(),
            used: 0,
        };
        let filler = places.add(&FILLER);
        for message in evidence.messages() {
            places.add(&message);
        }

        let mut keys = Keys::new(evidence);
        keys.fill(class);
        let key_messages = keys.place(class, &mut places)?;
        let filler_address =
            evidence.facts.iter().find(|fact| fact.kind != FactKind::Header).map_or([0; 20], |f| f.address);
        places.add(&filler_address);

        let empty_item = filler.base + FILLER_EMPTY;
        let mut walked = Walked {
            nodes: Nodes::from_iter(evidence.nodes.iter().map(Vec::as_slice).chain([FILLER.as_slice()])),
            roots: Once::new(),
            branches: Once::new(),
            pairs: Once::new(),
            steps: Once::new(),
            empty_item,
        };
        let filler_walk = FillerWalk::new(&places, &mut walked, filler, &filler_address)?;
        let mut parts = Parts {
            accounts: Vec::new(),
            slots: Vec::new(),
            leaves: Vec::new(),
            addresses: Once::new(),
            zeros: filler.base + FILLER_ZEROS,
        };
        parts.addresses.add(places.by_bytes[filler_address.as_slice()]);
        for (position, fact) in evidence.facts.iter().enumerate() {
            let header = headers.iter().position(|header| header.number == fact.block).expect("checked");
            let found = evidence::find(fact, position, &headers[header], &walked.nodes)?;
            parts.add(fact, header, &headers[header], &found, &places, &mut walked, &keys);
        }
        let header_hints = header_hints(&headers, evidence, &places)?;
        if places.used > class.blocks {
            let (expected, got) = (class.blocks, places.used);
            return Err(Overflow { class: class.name, what: "keccak blocks", expected, got }.into());
        }

        let number = headers[0].number;
        let unused_leaf = LeafHint {
            key: HEADER_KEY + 8,
            says: [Fr::from(1), Fr::from(8), Fr::ZERO, Fr::ZERO, header_index(8)],
            place: 1,
            of: [Fr::from(number), Fr::ZERO, Fr::ZERO],
            value: [Fr::ZERO, Fr::from(number)],
            used: false,
        };
        let last_account = (ANCHORS + class.accounts) as u64;
        let filler_slot = SlotHint {
            account: last_account,
            says: [filler_block(), filler_walk.account.address, empty_root()],
            key: filler_walk.account.key,
            end: filler_walk.slot,
            zeros: parts.zeros,
        };
        let Parts { mut accounts, slots, leaves, addresses, .. } = parts;
        // the last place is always the filler's
        accounts = pad(class, "accounts (one is a filler)", accounts, class.accounts - 1, filler_walk.account)?;
        accounts.push(filler_walk.account);
        let first = |things: &[Message]| things[0];
        Ok(Self {
            headers: pad(
                class,
                "anchors",
                header_hints.clone(),
                ANCHORS,
                HeaderHint { used: false, ..header_hints[0] },
            )?,
            roots: pad(class, "tries", walked.roots.0, class.roots, filler)?,
            branches: pad(class, "branch nodes", walked.branches.0, class.branches, filler.base)?,
            pairs: pad(class, "leaves and extensions", walked.pairs.0, class.pairs, filler.base + 1)?,
            steps: pad(class, "steps", walked.steps.0, class.steps, filler_walk.step)?,
            addresses: pad(class, "addresses", addresses.0.clone(), class.addresses, first(&addresses.0))?,
            accounts,
            slots: pad(class, "storage slots", slots, class.slots, filler_slot)?,
            plain_keys: key_messages.0,
            mapping_keys: key_messages.1,
            nested_keys: key_messages.2,
            leaves: pad(class, "facts", leaves, class.facts, unused_leaf)?,
            messages: places.messages,
            empty_item,
        })
    }
}

fn header_hints(headers: &[Header<'_>], evidence: &Evidence, places: &Places) -> Result<Vec<HeaderHint>, LayoutError> {
    let hint = |(header, rlp): (&Header<'_>, &Vec<u8>)| {
        let sizes: Vec<usize> =
            (0..header.field_count()).map(|field| header.field_bytes(field).map_or(0, <[u8]>::len)).collect();
        if !headers::readable(&sizes) {
            return Err(LayoutError::Header { block: header.number });
        }
        Ok(HeaderHint { message: places.by_bytes[rlp.as_slice()], fields: sizes.len() as u64, used: true })
    };
    headers.iter().zip(&evidence.headers).map(hint).collect()
}

/// The filler account, its step and its slot.
struct FillerWalk {
    step: Step,
    account: AccountHint,
    slot: End,
}

impl FillerWalk {
    fn new(places: &Places, walked: &mut Walked, filler: Message, address: &[u8; 20]) -> Result<Self, EvidenceError> {
        let (root, key) = (keccak256(&FILLER), keccak256(address));
        let as_error = |source: trie::TrieError| EvidenceError::Trie { position: 0, source: source.into() };
        let walk = trie::walk(&root, &key, &walked.nodes).map_err(as_error)?;
        // the filler's nodes fill their parts anyway: what this walk uses must be there
        let end = walked.add(places, &root, &key, &walk);
        walked.branches.add(filler.base);
        walked.pairs.add(filler.base + 1);
        let edge = Edge { list: Fr::from(filler.base), code: BRANCH, path: Fr::ZERO, item: filler.base + 1 };
        let step = Step { root: folded(&root), path: Fr::ZERO, depth: 0, edge, child: None };
        walked.steps.add(step);
        let account = AccountHint {
            header: 0,
            block: filler_block(),
            root: folded(&root),
            address: folded(&crate::header::word(address).expect("20 bytes")),
            key: places.by_bytes[address.as_slice()].digest,
            end,
            zeros: filler.base + FILLER_ZEROS,
        };
        let empty = Walk { steps: vec![], end: trie::End::EmptyTrie, value: None };
        let slot = walked.add(places, &crate::digest::EMPTY_ROOT, &key, &empty);
        Ok(Self { step, account, slot })
    }
}

/// The keys of the facts, by kind.
struct Keys {
    plain: Once<Fact>,
    mapping: Once<Fact>,
    nested: Once<Fact>,
    capacity: [usize; 3],
}

/// The messages of all keys.
type KeyMessages = (Vec<[Message; 1]>, Vec<[Message; 2]>, Vec<[Message; 3]>);

impl Keys {
    /// The part of a fact that its key is about.
    fn part(fact: &Fact) -> Fact {
        Fact { slot: fact.slot, key: fact.key, key2: fact.key2, ..blank(fact.kind) }
    }

    fn new(evidence: &Evidence) -> Self {
        let mut keys = Self { plain: Once::new(), mapping: Once::new(), nested: Once::new(), capacity: [0; 3] };
        for fact in &evidence.facts {
            keys.of_kind(fact.kind).into_iter().for_each(|once| once.add(Self::part(fact)));
        }
        keys
    }

    fn of_kind(&mut self, kind: FactKind) -> Option<&mut Once<Fact>> {
        match kind {
            FactKind::Header | FactKind::Account => None,
            FactKind::Slot => Some(&mut self.plain),
            FactKind::Mapping => Some(&mut self.mapping),
            FactKind::Nested => Some(&mut self.nested),
        }
    }

    /// Gives each kind that the class has room for a key, made of messages that are there as far as possible.
    fn fill(&mut self, class: &Class) {
        self.capacity = [class.plain_keys, class.mapping_keys, class.nested_keys];
        if self.nested.0.is_empty() && class.nested_keys > 0 {
            let like = self.mapping.0.first().copied().unwrap_or_else(|| blank(FactKind::Mapping));
            self.nested.add(Fact { kind: FactKind::Nested, ..like });
        }
        if self.mapping.0.is_empty() && class.mapping_keys > 0 {
            let like = self.nested.0.first().copied().unwrap_or_else(|| blank(FactKind::Mapping));
            self.mapping.add(Fact { kind: FactKind::Mapping, key2: [0; 32], ..like });
        }
        if self.plain.0.is_empty() && class.plain_keys > 0 {
            let like = self.mapping.0.first().and_then(storage_slot);
            self.plain.add(Fact { slot: like.unwrap_or_default(), ..blank(FactKind::Slot) });
        }
    }

    fn place(&self, class: &Class, places: &mut Places) -> Result<KeyMessages, Overflow> {
        fn messages<const N: usize>(places: &mut Places, once: &Once<Fact>) -> Vec<[Message; N]> {
            let mut of = |fact: &Fact| {
                let placed: Vec<Message> = key_preimages(fact).iter().map(|preimage| places.add(preimage)).collect();
                placed.try_into().expect("each kind has its number of preimages")
            };
            once.0.iter().map(&mut of).collect()
        }
        fn padded<const N: usize>(
            class: &Class,
            what: &'static str,
            keys: Vec<[Message; N]>,
            capacity: usize,
        ) -> Result<Vec<[Message; N]>, Overflow> {
            match keys.first().copied() {
                Some(filler) => pad(class, what, keys, capacity, filler),
                None => Ok(keys),
            }
        }
        Ok((
            padded(class, "keys of plain slots", messages(places, &self.plain), class.plain_keys)?,
            padded(class, "keys of mappings", messages(places, &self.mapping), class.mapping_keys)?,
            padded(class, "keys of nested mappings", messages(places, &self.nested), class.nested_keys)?,
        ))
    }

    /// Number of the key of a storage fact.
    fn number(&self, fact: &Fact) -> u64 {
        let part = Self::part(fact);
        let position = |once: &Once<Fact>| once.0.iter().position(|other| *other == part).expect("every key was added");
        let [plain, mapping, _] = self.capacity;
        let number = match fact.kind {
            FactKind::Slot => position(&self.plain),
            FactKind::Mapping => plain + position(&self.mapping),
            _ => plain + mapping + position(&self.nested),
        };
        number as u64 + 1
    }
}

/// What the facts need besides nodes.
struct Parts {
    accounts: Vec<AccountHint>,
    slots: Vec<SlotHint>,
    leaves: Vec<LeafHint>,
    addresses: Once<Message>,
    zeros: u64,
}

impl Parts {
    #[allow(clippy::too_many_arguments)]
    fn add(
        &mut self,
        fact: &Fact,
        header_position: usize,
        header: &Header<'_>,
        found: &evidence::Found,
        places: &Places,
        walked: &mut Walked,
        keys: &Keys,
    ) {
        let block = Fr::from(fact.block);
        let (slot_top, slot) = split(&fact.slot);
        let (key_top, key) = split(&fact.key);
        let (key2_top, key2) = split(&fact.key2);
        let byte = |byte: u8, bit: usize| Fr::from(u64::from(byte)) * two_to(bit as u64);
        let head = Fr::from(fact.kind as u64)
            + byte(slot_top, at_bit::SLOT)
            + byte(key_top, at_bit::KEY)
            + byte(key2_top, at_bit::KEY2);
        let (value_top, value) = split(&fact.value);
        let value = [Fr::from(u64::from(value_top)), value];
        let leaf = LeafHint {
            key: 0,
            says: [head, slot, key, key2, Fr::ZERO],
            place: 0,
            of: [block, Fr::ZERO, Fr::ZERO],
            value,
            used: true,
        };
        let field = u64::from(fact.slot[31]);
        let Some((account_walk, account)) = &found.account else {
            let [head, slot, key, key2, _] = leaf.says;
            let says = [head, slot, key, key2, header_index(field)];
            self.leaves.push(LeafHint { key: HEADER_KEY + field, says, place: header_position as u64 + 1, ..leaf });
            return;
        };
        let address_message = places.by_bytes[fact.address.as_slice()];
        self.addresses.add(address_message);
        let state_root = &header.state_root;
        let hint = AccountHint {
            header: header_position as u64 + 1,
            block,
            root: folded(state_root),
            address: crate::facts::field(&fact.address),
            key: address_message.digest,
            end: walked.add(places, state_root, &keccak256(&fact.address), account_walk),
            zeros: self.zeros,
        };
        let position = self.accounts.iter().position(|other| *other == hint).unwrap_or_else(|| {
            self.accounts.push(hint);
            self.accounts.len() - 1
        });
        let place = (ANCHORS + 1 + position) as u64;
        let storage = storage_root(account.as_ref());
        let of = [block, hint.address, folded(&storage)];
        let (number, index) = match (&found.slot, storage_slot(fact)) {
            (Some(walk), Some(slot)) => {
                let key = places.by_bytes[slot.as_slice()].digest;
                let end = walked.add(places, &storage, &keccak256(&slot), walk);
                let hint = SlotHint { account: place, says: of, key, end, zeros: self.zeros };
                if !self.slots.contains(&hint) {
                    self.slots.push(hint);
                }
                (keys.number(fact), slot_index() + Fr::from(key))
            }
            _ => (ACCOUNT_KEY + field, account_index(field)),
        };
        let [head, slot, key, key2, _] = leaf.says;
        self.leaves.push(LeafHint { key: number, says: [head, slot, key, key2, index], place, of, ..leaf });
    }
}
