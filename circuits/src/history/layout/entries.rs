//! From facts about receipts, transactions and logs to what the circuit is told of them.

use std::collections::BTreeMap;

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::counted::Counted;
use super::facts::{Block, leaf};
use super::filler_block;
use super::places::{Once, Places, pad, pad_and_one};
use super::walks::Walks;
use crate::digest::{EMPTY_ROOT, Hash, keccak256};
use crate::entry;
use crate::evidence::{BlockCount, Found, number};
use crate::facts::{Fact, FactKind, field as integer, split};
use crate::header::field;
use crate::history::blocks::Message;
use crate::history::class::{Class, Overflow};
use crate::history::counts::{BloomHint, CountHint, Query, ReceiptEndHint, ScanHint, TallyHint};
use crate::history::data::DataHint;
use crate::history::entries::{ENTRY_BIT, EntryHint, PositionHint, TrieHint, index, index_base};
use crate::history::headers::BLOOM;
use crate::history::keys::POSITION_KEY;
use crate::history::leaves::LeafHint;
use crate::history::logs::LogHint;
use crate::history::receipts::ReceiptHint;
use crate::history::unused::{bloom_offset, receipt_leaf, transaction_leaf};
use crate::receipt::{self, Receipt, log_field};
use crate::transaction::{self, SELECTOR_BYTES, Transaction};
use crate::trie::{self, Node, Walk};

/// What the circuit is told of receipts, transactions and logs.
#[derive(Clone, Debug, Default)]
pub(in crate::history) struct Entries {
    pub leaves: Vec<u64>,
    pub receipts: Vec<ReceiptHint>,
    pub logs: Vec<LogHint>,
    pub transactions: Vec<EntryHint>,
    pub words: Vec<DataHint>,
    pub positions: Vec<PositionHint>,
    pub absences: Vec<EntryHint>,
    pub counts: Vec<CountHint>,
    pub bloom_steps: Vec<BloomHint>,
    pub scan_steps: Vec<ScanHint>,
    pub tallies: Vec<TallyHint>,
    pub receipt_ends: Vec<ReceiptEndHint>,
    /// Address that would be the first byte of the filler's header.
    pub filler_base: Fr,
}

/// The leaves of the filler's tries.
pub(super) fn filler_leaves() -> [Vec<u8>; 2] {
    [receipt_leaf(), transaction_leaf()]
}

/// A topic for counts that look for nothing.
const NO_TOPIC: Hash = [0; 32];

/// Places the messages that unused room needs.
///
/// # Errors
/// [`Overflow`] if the class has no room for the facts at all.
pub(super) fn place_fillers(class: &Class, facts: &[Fact], places: &mut Places) -> Result<(), Overflow> {
    if class.receipts.is_some() {
        filler_leaves().iter().for_each(|leaf| {
            places.add(leaf);
        });
        places.add(&NO_TOPIC);
        return Ok(());
    }
    match facts.iter().filter(|fact| fact.kind.is_entry() || fact.kind == FactKind::LogCount).count() {
        0 => Ok(()),
        got => {
            Err(Overflow { class: class.name, what: "facts about receipts, transactions and logs", expected: 0, got })
        }
    }
}

/// What is needed of a receipt.
#[derive(Clone, Debug)]
struct Needed {
    hint: EntryHint,
    /// Address of the receipt's first byte.
    start: u64,
    bytes: Vec<u8>,
    logs: usize,
    whole: bool,
}

/// What the facts so far need.
pub(super) struct EntryParts<'a> {
    class: &'a Class,
    places: &'a Places,
    blocks: &'a BTreeMap<u64, Block<'a>>,
    receipts: BTreeMap<(u64, u64), Needed>,
    transactions: BTreeMap<(u64, u64), EntryHint>,
    words: Once<DataHint>,
    positions: Once<PositionHint>,
    counted: Counted,
}

/// The entry that `walk` leads to, the address of its first byte, and its bytes.
fn locate(places: &Places, walks: &Walks, walk: &Walk) -> (u64, Vec<u8>) {
    let last = walk.steps.last().expect("an entry has a leaf");
    let bytes = walks.nodes.get(&last.place.message).expect("walked over it");
    match trie::decode(bytes, last.place).expect("walked over it") {
        Node::Leaf { value, .. } => {
            let base = places.by_hash[&last.place.message].base;
            (base + value.payload.start as u64, bytes[value.payload].to_vec())
        }
        _ => unreachable!("no key of an entry ends in a branch"),
    }
}

/// The trie in field `field` of a block's header.
pub(super) fn trie_of(block: &Block<'_>, field: usize) -> (Hash, TrieHint) {
    let root = block.header.field_word(field).expect("every header has it");
    (root, trie_hint(block.place, Fr::from(block.header.number), &root))
}

fn trie_hint(place: u64, block: Fr, root: &Hash) -> TrieHint {
    let (top, low) = split(root);
    TrieHint { place, block, root: [Fr::from(u64::from(top)), low] }
}

impl<'a> EntryParts<'a> {
    /// Nothing yet.
    pub fn new(class: &'a Class, places: &'a Places, blocks: &'a BTreeMap<u64, Block<'a>>) -> Self {
        Self {
            class,
            places,
            blocks,
            receipts: BTreeMap::new(),
            transactions: BTreeMap::new(),
            words: Once::new(),
            positions: Once::new(),
            counted: Counted::default(),
        }
    }

    /// Adds an entry fact or a count, about which `found` was found, and returns its leaf.
    pub fn add(&mut self, walks: &mut Walks, fact: &Fact, found: &Found) -> LeafHint {
        let mut leaf = leaf(fact);
        if let Some(count) = &found.count {
            let own_place = self.class.count_place(self.counted.counts.len() as u64);
            for (block, counted) in &count.blocks {
                if let BlockCount::Scan { receipts, .. } = counted {
                    for (entry, walk) in (0..).zip(receipts) {
                        self.receipt(walks, *block, entry, walk, usize::MAX);
                    }
                }
            }
            return self.counted.add(self.places, self.blocks, walks, (fact, count), (own_place, leaf));
        }
        let [field, entry, log] = [&fact.slot, &fact.key, &fact.key2].map(number);
        let walk = found.entry.as_ref().expect("a fact about an entry");
        leaf.place = self.blocks[&fact.block].place;
        leaf.says[4] = index(fact.kind, field, entry, log);
        let position = PositionHint { kind: fact.kind as u64, field, entry, log };
        self.positions.add(position);
        let number = self.positions.0.iter().position(|other| *other == position).expect("just added");
        leaf.key = POSITION_KEY + number as u64;
        match fact.kind {
            FactKind::Transaction => self.transaction(walks, fact.block, entry, walk, field),
            FactKind::Log => {
                self.receipt(walks, fact.block, entry, walk, log as usize + 1);
                self.log_word(fact.block, entry, log, field);
            }
            _ => {
                let logs = if field == receipt::field::LOGS { usize::MAX } else { 0 };
                self.receipt(walks, fact.block, entry, walk, logs);
            }
        }
        leaf
    }

    /// Needs `logs` logs of a receipt, all of them if there are not as many.
    fn receipt(&mut self, walks: &mut Walks, block: u64, entry: u64, walk: &Walk, logs: usize) {
        let (root, trie) = trie_of(&self.blocks[&block], field::RECEIPTS_ROOT);
        let end = walks.add_keyed(self.places, &root, &entry::key(entry), walk, true);
        let needed = self.receipts.entry((trie.place, entry)).or_insert_with(|| {
            let (start, bytes) = locate(self.places, walks, walk);
            Needed { hint: EntryHint { trie, entry, end }, start, bytes, logs: 0, whole: false }
        });
        needed.whole |= logs == usize::MAX;
        needed.logs = needed.logs.max(logs);
    }

    fn transaction(&mut self, walks: &mut Walks, block: u64, entry: u64, walk: &Walk, asked: u64) {
        let (root, trie) = trie_of(&self.blocks[&block], field::TRANSACTIONS_ROOT);
        let end = walks.add_keyed(self.places, &root, &entry::key(entry), walk, true);
        self.transactions.insert((trie.place, entry), EntryHint { trie, entry, end });
        if asked >= transaction::field::DATA {
            let (start, bytes) = locate(self.places, walks, walk);
            let data = Transaction::read(&bytes).expect("found in it").data;
            let offset = data.as_ptr() as usize - bytes.as_ptr() as usize + SELECTOR_BYTES;
            self.words.add(DataHint {
                place: trie.place,
                base: index(FactKind::Transaction, 0, entry, 0),
                start: Fr::from(start + offset as u64),
                length: Fr::from((data.len() - SELECTOR_BYTES) as u64),
                word: asked - transaction::field::DATA,
            });
        }
    }

    /// Needs a word of a log's data, if `asked` is one.
    fn log_word(&mut self, block: u64, entry: u64, log: u64, asked: u64) {
        if asked < log_field::DATA {
            return;
        }
        let place = self.blocks[&block].place;
        let needed = &self.receipts[&(place, entry)];
        let receipt = Receipt::read(&needed.bytes).expect("found in it");
        let data = &receipt.logs[log as usize].data;
        self.words.add(DataHint {
            place,
            base: index(FactKind::Log, 0, entry, log),
            start: Fr::from(needed.start + data.start as u64),
            length: Fr::from(data.len() as u64),
            word: asked - log_field::DATA,
        });
    }

    /// Everything, filled up to the class's capacities.
    ///
    /// # Errors
    /// [`Overflow`].
    pub fn finish(self, walks: &Walks, filler: FillerEntries) -> Result<Entries, Overflow> {
        let (class, room) = (self.class, &self.class.receipts);
        let (mut receipts, mut logs) = (vec![], vec![]);
        for ((place, entry), needed) in &self.receipts {
            let receipt = Receipt::read(&needed.bytes).expect("found in it");
            let end = needed.start + needed.bytes.len() as u64;
            let count = receipt.logs.len();
            let logs_read = receipt.logs.iter().enumerate().take(needed.logs);
            logs.extend(logs_read.map(|(i, log)| LogHint {
                place: *place,
                position: entry << ENTRY_BIT | i as u64,
                at: needed.start + log.range.start as u64,
                end,
                topics: log.topics.len() as u64,
            }));
            let logs = if needed.whole { count as u64 } else { 0 };
            receipts.push(ReceiptHint { entry: needed.hint, whole: needed.whole, logs });
        }
        let transactions = self.transactions.into_values().collect();
        let Counted { absences, counts, bloom_steps, scan_steps, tallies, receipt_ends } = self.counted;
        let absences = absences.into_values().collect();
        Ok(Entries {
            leaves: pad(
                class,
                "receipts and transactions in tries",
                walks.long_leaves.0.clone(),
                room.leaves,
                filler.leaf,
            )?,
            receipts: pad_and_one(class, "receipts", receipts, room.receipts, filler.receipt)?,
            logs: pad_and_one(class, "logs", logs, room.logs, filler.log)?,
            transactions: pad_and_one(class, "transactions", transactions, room.transactions, filler.transaction)?,
            words: pad(class, "words of data", self.words.0, room.words, filler.word)?,
            positions: pad(class, "fields of entries", self.positions.0, room.positions, filler.position)?,
            absences: pad_and_one(class, "scanned blocks", absences, room.absences, filler.absence)?,
            counts: pad_and_one(class, "counts", counts, room.counts, filler.count)?,
            bloom_steps: pad(
                class,
                "blocks excluded by a bloom filter",
                bloom_steps,
                room.bloom_steps,
                filler.bloom_step,
            )?,
            scan_steps: pad_and_one(class, "blocks scanned for counts", scan_steps, room.scan_steps, filler.scan_step)?,
            tallies: pad_and_one(class, "logs of scanned blocks", tallies, room.tallies, filler.tally)?,
            receipt_ends: pad(
                class,
                "receipts of scanned blocks",
                receipt_ends,
                room.receipt_ends,
                filler.receipt_end,
            )?,
            filler_base: filler.base,
        })
    }
}

/// What fills unused room: see `unused`.
pub(super) struct FillerEntries {
    base: Fr,
    leaf: u64,
    receipt: ReceiptHint,
    log: LogHint,
    transaction: EntryHint,
    word: DataHint,
    position: PositionHint,
    absence: EntryHint,
    count: CountHint,
    bloom_step: BloomHint,
    scan_step: ScanHint,
    tally: TallyHint,
    receipt_end: ReceiptEndHint,
}

impl FillerEntries {
    /// The filler's entries, whose nodes and messages are among `walks` and `places`.
    pub fn new(class: &Class, places: &Places, walks: &mut Walks, address: &[u8; 20]) -> Self {
        let place = class.filler_place();
        let mut entry = |leaf: &[u8]| {
            let root = keccak256(leaf);
            let walk = trie::walk(&root, &entry::key(0), &walks.nodes).expect("a leaf");
            let end = walks.add_keyed(places, &root, &entry::key(0), &walk, true);
            let hint = EntryHint { trie: trie_hint(place, filler_block(), &root), entry: 0, end };
            (hint, places.by_bytes[leaf], locate(places, walks, &walk))
        };
        let [receipts, transactions] = filler_leaves();
        let (receipt, leaf, (start, bytes)) = entry(&receipts);
        let (transaction, ..) = entry(&transactions);
        let read = Receipt::read(&bytes).expect("a receipt");
        let [log] = read.logs.as_slice() else { unreachable!("it has one log") };
        let bloom = leaf.base + bloom_offset() as u64;
        let base = Fr::from(bloom) - Fr::from(BLOOM as u64);
        let empty = Walk { steps: vec![], end: trie::End::EmptyTrie, value: None };
        let end = walks.add_keyed(places, &EMPTY_ROOT, &entry::key(0), &empty, true);
        let next = filler_block() + Fr::ONE;
        let number = (class.receipts.counts - 1) as u64;
        let topic: Message = places.by_bytes[NO_TOPIC.as_slice()];
        let digest = places.by_bytes[address.as_slice()].digest;
        let address = integer(address);
        let query = Query::new(number, address, [&NO_TOPIC; 2], 0);
        let range = [next, Fr::ZERO];
        Self {
            base,
            leaf: leaf.base,
            receipt: ReceiptHint { entry: receipt, whole: true, logs: 1 },
            log: LogHint {
                place,
                position: 0,
                at: start + log.range.start as u64,
                end: start + bytes.len() as u64,
                topics: 0,
            },
            transaction,
            word: DataHint {
                place,
                base: index_base(FactKind::Log),
                start: Fr::from(start + log.data.start as u64),
                length: Fr::from(log.data.len() as u64),
                word: 0,
            },
            position: PositionHint { kind: FactKind::Receipt as u64, field: 0, entry: 0, log: 0 },
            absence: EntryHint { trie: trie_hint(place, next, &EMPTY_ROOT), entry: 0, end },
            count: CountHint {
                place,
                last: filler_block(),
                first: next,
                address: (address, digest),
                topics: [topic; 2],
                topic: 0,
                count: 0,
            },
            bloom_step: BloomHint { count: number, range, place, base, digest, bit: 0 },
            scan_step: ScanHint { count: number, range, place, entries: 0, found: 0 },
            tally: TallyHint {
                query,
                place,
                position: 0,
                before: 0,
                address: Fr::ZERO,
                topics: [([Fr::ZERO; 2], false); 2],
                matches: false,
            },
            receipt_end: ReceiptEndHint { query, place, entry: 0, logs: 1, found: 0 },
        }
    }
}
