//! The history circuit: facts under a Poseidon root, true in the chain that ends in the anchors.
//!
//! | file | what it states |
//! |---|---|
//! | `class`, `layout` | capacities; from evidence to what each part is told |
//! | `tables` | fixed tables, tags of the bus |
//! | `words` | numbers and words read from message memory |
//! | `blocks` | which message has which digest |
//! | `nodes` | which paths lead from a node to which items |
//! | `steps` | which nodes a root reaches |
//! | `walks` | what a trie says about a key |
//! | `keys` | what a fact means, and which digest its walk follows |
//! | `paths` | storage words at the end of longer chains of hashes |
//! | `headers` | anchors, linked headers, and the fields of both |
//! | `hops` | block hashes that the history contract holds |
//! | `accounts` | accounts and storage slots |
//! | `entries` | where a receipt or a transaction stands, and how facts and logs are numbered |
//! | `receipts`, `logs`, `transactions`, `data` | their fields |
//! | `absences` | that a block has no further receipt |
//! | `counts` | how many logs of a range of blocks have an address and topics |
//! | `unused` | what fills unused room of these |
//! | `leaves` | facts, leaves, root |
//! | `circuit` | the whole as halo2 sees it, with keccak |
//! | `ancestry` | another circuit of the same parts: consecutive headers under one keccak root |
//!
//! Read, don't parse: bytes under a canonical hash are well formed, so no encoding is validated, only interpreted in the one
//! right way. The parts meet on the bus: each *provides* statements and *uses* those of others; every use must be provided by
//! somebody. A part says nothing that does not follow from the committed bytes and the statements it uses.

mod absences;
mod accounts;
pub mod ancestry;
mod blocks;
mod circuit;
mod class;
mod counts;
mod data;
mod entries;
mod headers;
mod hops;
mod keys;
mod layout;
mod leaves;
mod logs;
mod nodes;
mod paths;
mod receipts;
mod steps;
mod tables;
#[cfg(test)]
mod tests;
mod transactions;
mod unused;
mod walks;
mod words;

pub use circuit::HistoryCircuit;
pub use class::{ANCHORS, Class, Overflow, Receipts};
pub use layout::{Layout, LayoutError};

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;

use crate::digest::keccak256;
use crate::facts;
use crate::grid::{Builder, Cell};

/// Public inputs of a history proof: root, payee, and two for each anchor.
pub const INSTANCES: usize = 2 + 2 * ANCHORS;
// a public input of the grid that no cell is tied to would say nothing
const _: () = assert!(INSTANCES == crate::grid::PUBLIC_ROWS);

/// Records the whole statement in `b`, whose memory holds the layout's messages, and exposes the public inputs.
///
/// - `first`: 1 where a message starts; `start`: the block at which the message of each block starts. The caller enforces both, and
///   that every state is the keccak sponge's after its block
/// - `payee`: bound by being public; nothing else is said about it
///
/// # Panics
/// If `layout` was made for another class.
pub fn constrain(b: &mut Builder, class: &Class, layout: &Layout, first: &[Cell], start: &[Cell], payee: Fr) {
    assert_eq!((first.len(), layout.leaves.len()), (class.blocks, class.facts), "a layout of class {}", class.name);
    // the numbers of storage keys and those of header and account fields are one space
    assert!(class.storage_keys() < keys::HEADER_KEY as usize, "too many keys");
    assert!(class.facts <= facts::LEAVES, "a tree has {} leaves", facts::LEAVES);
    tables::constrain(b);
    blocks::constrain(b, first, start);
    steps::empty_trie(b, layout.empty_item);
    layout.roots.iter().for_each(|message| steps::root(b, *message));
    layout.branches.iter().for_each(|list| nodes::branch(b, *list));
    layout.pairs.iter().for_each(|list| nodes::pair(b, *list));
    layout.steps.iter().for_each(|step| steps::step(b, step));

    keys::fields(b);
    layout.addresses.iter().for_each(|message| keys::address(b, *message));
    let mut number = 1..;
    let mut next = || number.next().expect("numbers go on");
    layout.plain_keys.iter().for_each(|messages| keys::slot(b, next(), *messages));
    layout.mapping_keys.iter().for_each(|messages| keys::mapping(b, next(), *messages));
    layout.nested_keys.iter().for_each(|messages| keys::nested(b, next(), *messages));
    layout.paths.starts.iter().for_each(|slot| paths::start(b, *slot));
    layout.paths.mappings.iter().for_each(|step| paths::mapping_step(b, step));
    layout.paths.arrays.iter().for_each(|step| paths::array_step(b, step));
    layout.paths.ends.iter().for_each(|end| paths::key(b, next(), end));

    accounts::filler_state(b, layout::filler_block(), layout::folded(&keccak256(&layout::FILLER)));
    let mut place = 1..;
    let mut next = || place.next().expect("numbers go on");
    let has_links = class.links > 0;
    let has_receipts = class.receipts.is_some();
    let anchors: Vec<[Cell; 2]> =
        layout.anchors.iter().map(|header| headers::anchor(b, next(), header, has_links, has_receipts)).collect();
    layout.links.iter().for_each(|header| headers::linked(b, next(), header, has_receipts));
    layout.accounts.iter().for_each(|account| accounts::account(b, next(), account));
    layout.slots.iter().for_each(|slot| accounts::slot(b, slot));
    layout.hops.iter().for_each(|hop| hops::hop(b, hop));
    if has_receipts {
        record_entries(b, class, &layout.entries);
    }

    let leaves: Vec<Cell> = layout.leaves.iter().map(|leaf| leaves::leaf(b, leaf)).collect();
    let root = leaves::root(b, &leaves);
    let payee = b.witness(payee);
    let instances = [root, payee].into_iter().chain(anchors.into_iter().flatten());
    instances.enumerate().for_each(|(index, cell)| b.instance(index, cell));
}

/// Records what is said of receipts, transactions and logs.
fn record_entries(b: &mut Builder, class: &Class, layout: &layout::Entries) {
    // numbers of keys of different kinds never meet
    assert!(class.filler_place() >> counts::COUNT_BIT == 0, "a place has {} bits", counts::COUNT_BIT);
    assert!(class.receipts.positions < (keys::COUNT_KEY - keys::POSITION_KEY) as usize, "too many positions");
    tables::receipts(b);
    unused::filler(b, class.filler_place(), layout.filler_base);
    layout.leaves.iter().for_each(|list| nodes::long_leaf(b, *list));
    layout.receipts.iter().for_each(|receipt| receipts::receipt(b, receipt));
    layout.logs.iter().for_each(|log| logs::log(b, log));
    layout.transactions.iter().for_each(|transaction| transactions::transaction(b, transaction));
    layout.words.iter().for_each(|word| data::data_word(b, word));
    let (mut position, mut absence, mut count) = (keys::POSITION_KEY.., 0.., 0..);
    let mut next = || position.next().expect("numbers go on");
    layout.positions.iter().for_each(|hint| entries::position(b, next(), hint));
    let mut next = || absence.next().expect("numbers go on");
    layout.absences.iter().for_each(|hint| absences::absence(b, next(), hint));
    let mut next = || count.next().expect("numbers go on");
    for hint in &layout.counts {
        let number = next();
        counts::count(b, number, class.count_place(number), hint);
    }
    layout.bloom_steps.iter().for_each(|step| counts::bloom_step(b, step));
    layout.scan_steps.iter().for_each(|step| counts::scan_step(b, step));
    layout.tallies.iter().for_each(|tally| counts::tally(b, tally));
    layout.receipt_ends.iter().for_each(|end| counts::receipt_end(b, end));
}
