//! From facts to leaves, and the accounts and slots that they are about.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::folded;
use super::keys::Keys;
use super::places::{Once, Places};
use super::walks::Walks;
use crate::account::storage_root;
use crate::digest::keccak256;
use crate::evidence::{Found, storage_slot};
use crate::facts::{Fact, at_bit, field, split};
use crate::header::Header;
use crate::history::accounts::{AccountHint, SlotHint};
use crate::history::blocks::Message;
use crate::history::class::Class;
use crate::history::keys::{ACCOUNT_KEY, HEADER_KEY, account_index, header_index, slot_index};
use crate::history::leaves::LeafHint;
use crate::history::tables::two_to;

/// A header of the evidence and its place.
pub(super) struct Block<'a> {
    pub place: u64,
    pub header: &'a Header<'a>,
}

/// What all facts share.
pub(super) struct Context<'a> {
    pub class: &'a Class,
    pub places: &'a Places,
    pub keys: &'a Keys,
    pub zeros: u64,
}

/// What the facts need besides nodes.
pub(super) struct Parts {
    pub accounts: Vec<AccountHint>,
    pub slots: Vec<SlotHint>,
    pub leaves: Vec<LeafHint>,
    pub addresses: Once<Message>,
}

/// The leaf of a fact without its place and index.
pub(super) fn leaf(fact: &Fact) -> LeafHint {
    let names = fact.names();
    let [slot_top, key_top, key2_top] = names.map(|(top, _)| Fr::from(u64::from(top)));
    let [slot, key, key2] = names.map(|(_, low)| low);
    let (value_top, value) = split(&fact.value);
    let at = |bit: usize| two_to(bit as u64);
    let head = Fr::from(fact.kind as u64)
        + slot_top * at(at_bit::SLOT)
        + key_top * at(at_bit::KEY)
        + key2_top * at(at_bit::KEY2);
    LeafHint {
        key: 0,
        says: [head, slot, key, key2, Fr::ZERO],
        place: 0,
        of: [Fr::from(fact.block), Fr::ZERO, Fr::ZERO],
        value: [Fr::from(u64::from(value_top)), value],
        used: true,
    }
}

impl Parts {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { accounts: Vec::new(), slots: Vec::new(), leaves: Vec::new(), addresses: Once::new() }
    }

    /// Adds `fact` of `block`, about which `found` was found.
    pub fn add(&mut self, context: &Context<'_>, walks: &mut Walks, fact: &Fact, block: &Block<'_>, found: &Found) {
        let index = u64::from(fact.slot[31]);
        let mut leaf = leaf(fact);
        if let Some((account_walk, account)) = &found.account {
            let message = context.places.by_bytes[fact.address.as_slice()];
            self.addresses.add(message);
            let root = &block.header.state_root;
            let hint = AccountHint {
                header: block.place,
                block: leaf.of[0],
                root: folded(root),
                address: field(&fact.address),
                key: message.digest,
                end: walks.add(context.places, root, &keccak256(&fact.address), account_walk),
                zeros: context.zeros,
            };
            leaf.place = self.account(context.class, hint);
            let storage = storage_root(account.as_ref());
            leaf.of = [leaf.of[0], hint.address, folded(&storage)];
            match (&found.slot, storage_slot(fact)) {
                (Some(walk), Some(slot)) => {
                    let key = context.places.by_bytes[slot.as_slice()].digest;
                    let end = walks.add(context.places, &storage, &keccak256(&slot), walk);
                    let hint = SlotHint { account: leaf.place, says: leaf.of, key, end, zeros: context.zeros };
                    if !self.slots.contains(&hint) {
                        self.slots.push(hint);
                    }
                    leaf.key = context.keys.number(fact);
                    leaf.says[4] = slot_index() + Fr::from(key);
                }
                _ => {
                    leaf.key = ACCOUNT_KEY + index;
                    leaf.says[4] = account_index(index);
                }
            }
        } else {
            leaf.place = block.place;
            leaf.key = HEADER_KEY + index;
            leaf.says[4] = header_index(index);
        }
        self.leaves.push(leaf);
    }

    /// The place of the account, which is added unless it is there.
    fn account(&mut self, class: &Class, hint: AccountHint) -> u64 {
        let position = self.accounts.iter().position(|other| *other == hint).unwrap_or_else(|| {
            self.accounts.push(hint);
            self.accounts.len() - 1
        });
        (class.headers() + 1 + position) as u64
    }
}
