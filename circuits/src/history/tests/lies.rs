//! Lies, each as consistent as a prover could make it: the statement of one part is changed, and what depends on it with it.

use halo2_base::halo2_proofs::arithmetic::Field;
use test_case::test_case;

use super::honest::{SMALL, facts, small_evidence};
use super::*;
use crate::evidence::storage_slot;
use crate::grid::Violation;
use crate::history::blocks::Message;
use crate::history::steps::empty_root;
use crate::history::tables::tag;

/// Positions in [`facts`].
const TIME: usize = 0;
pub(super) const BALANCE: usize = 1;
pub(super) const NONCE: usize = 2;
pub(super) const PLAIN: usize = 3;
pub(super) const PACKED: usize = 4;
const MAPPING: usize = 5;
pub(super) const ABSENT: usize = 7;
pub(super) const NO_ACCOUNT: usize = 8;

/// A layout under attack.
pub(super) struct Attack {
    pub layout: Layout,
    evidence: Evidence,
}

impl Attack {
    /// Places of `message`.
    pub fn message(&self, bytes: &[u8]) -> Message {
        let mut places = layout::Places::new(SMALL.blocks);
        self.layout.messages.iter().for_each(|message| {
            places.add(message);
        });
        places.by_bytes[bytes]
    }

    /// The slot hint of a storage fact.
    pub fn slot(&mut self, fact: usize) -> &mut accounts::SlotHint {
        let slot = storage_slot(&self.evidence.facts[fact]).expect("a storage fact");
        let key = self.message(&slot).digest;
        self.layout.slots.iter_mut().find(|hint| hint.key == key).expect("its slot")
    }

    /// The account hint of a fact.
    pub fn account(&mut self, fact: usize) -> &mut accounts::AccountHint {
        let key = self.message(&self.evidence.facts[fact].address).digest;
        self.layout.accounts.iter_mut().find(|hint| hint.key == key).expect("its account")
    }

    /// A leaf says that its place holds `value`.
    pub fn claim(&mut self, fact: usize, value: u64) {
        self.layout.leaves[fact].value = [Fr::ZERO, Fr::from(value)];
    }

    pub fn violation(&self) -> Violation {
        record(&SMALL, &self.layout).check().expect_err("the lie was accepted")
    }
}

pub(super) fn attack() -> Attack {
    let evidence = small_evidence();
    let layout = Layout::new(&SMALL, &evidence).expect("it fits");
    record(&SMALL, &layout).check().expect("honest");
    Attack { layout, evidence }
}

/// What the lie must fail at: a statement that nobody provides.
pub(super) fn unprovided(wanted: u64) -> impl Fn(Violation) {
    move |violation| match violation {
        Violation::Bus { tag, .. } => assert_eq!(tag, Fr::from(wanted), "{violation}"),
        other => panic!("expected tag {wanted} to be missing, got {other}"),
    }
}

/// What the lie must fail at: two cells that differ.
pub(in crate::history) fn unequal() -> impl Fn(Violation) {
    |violation| assert!(matches!(violation, Violation::Copy { .. }), "{violation}")
}

// --- leaves -----------------------------------------------------------------------------------------------------

#[test_case(TIME, |leaf| leaf.value[1] += Fr::ONE, tag::VALUE; "another time")]
#[test_case(BALANCE, |leaf| leaf.value[0] += Fr::ONE, tag::VALUE; "another top byte")]
#[test_case(NONCE, |leaf| (leaf.key, leaf.says[1], leaf.says[4]) = (keys::ACCOUNT_KEY + 1, Fr::ONE, keys::account_index(1)), tag::VALUE; "nonce as balance")]
#[test_case(TIME, |leaf| (leaf.key, leaf.says[1], leaf.says[4]) = (keys::HEADER_KEY + 8, Fr::from(8), keys::header_index(8)), tag::VALUE; "time as number")]
#[test_case(TIME, |leaf| leaf.place = 9, tag::PLACE; "header field of an account")]
#[test_case(PLAIN, |leaf| leaf.of[0] += Fr::ONE, tag::PLACE; "another block")]
#[test_case(PLAIN, |leaf| leaf.of[1] += Fr::ONE, tag::PLACE; "another address")]
#[test_case(PLAIN, |leaf| leaf.says[1] += Fr::ONE, tag::KEY; "another slot")]
#[test_case(PLAIN, |leaf| leaf.says[0] += Fr::ONE, tag::KEY; "another kind")]
#[test_case(MAPPING, |leaf| leaf.says[2] += Fr::ONE, tag::KEY; "another key")]
#[test_case(MAPPING, |leaf| leaf.says[3] += Fr::ONE, tag::KEY_INDEX; "a second key of a mapping")]
#[test_case(MAPPING, |leaf| leaf.says[4] += Fr::from(200), tag::KEY_INDEX; "index of another digest")]
#[test_case(MAPPING, |leaf| leaf.key += 2, tag::KEY; "number of another key")]
fn a_leaf_that_says_something_else(fact: usize, lie: fn(&mut leaves::LeafHint), missing: u64) {
    let mut attack = attack();
    lie(&mut attack.layout.leaves[fact]);
    unprovided(missing)(attack.violation());
}

#[test]
fn a_mapping_key_with_its_slot_swapped() {
    let mut attack = attack();
    let says = &mut attack.layout.leaves[MAPPING].says;
    (says[1], says[2]) = (says[2], says[1]);
    unprovided(tag::KEY)(attack.violation());
}

// --- keys -------------------------------------------------------------------------------------------------------

#[test]
fn an_address_preimage_of_32_bytes() {
    let mut attack = attack();
    let message = attack.message(&storage_slot(&attack.evidence.facts[PLAIN]).expect("a slot"));
    attack.layout.addresses[3] = message;
    unequal()(attack.violation());
}

#[test]
fn a_slot_preimage_of_64_bytes() {
    let mut attack = attack();
    attack.layout.plain_keys[3] = [attack.layout.mapping_keys[0][0]];
    unequal()(attack.violation());
}

#[test]
fn a_mapping_that_ends_in_another_slot() {
    let mut attack = attack();
    attack.layout.mapping_keys[1][1] = attack.layout.plain_keys[0][0];
    unequal()(attack.violation());
}

#[test]
fn a_nested_mapping_around_another_slot() {
    let mut attack = attack();
    attack.layout.nested_keys[1][0] = attack.layout.mapping_keys[0][0];
    unequal()(attack.violation());
}

#[test]
fn a_key_in_the_middle_of_a_longer_message() {
    // the second block of a header is no message of one block
    let mut attack = attack();
    let header = attack.layout.anchors[0].message;
    attack.layout.plain_keys[3] = [Message { base: header.base + 136, ..header }];
    unprovided(tag::DIGEST)(attack.violation());
}

#[test]
fn padding_is_fixed_byte_by_byte() {
    for (length, record) in [(20, keys::address as fn(&mut Builder, Message)), (32, |b, m| keys::slot(b, 1, [m]))] {
        for at in (length..136).step_by(5).chain([135]) {
            let mut block = sponge::pad(&vec![7; length])[0];
            block[at] ^= 0x40;
            let state = sponge::state_bytes(&sponge::run(&[block], &[true])[0].1);
            let mut b = Builder::new(SMALL.shape(), Memory::new(&[block], &[state]));
            let (first, start) = (b.witness(Fr::ONE), b.witness(Fr::ZERO));
            blocks::constrain(&mut b, &[first], &[start]);
            record(&mut b, Message { base: 0, digest: 136, mark: 1 });
            assert!(b.check().is_err(), "byte {at} of the padding of {length} bytes");
        }
    }
}

// --- headers ----------------------------------------------------------------------------------------------------

#[test_case(20; "the last field left out")]
#[test_case(16; "optional fields left out")]
#[test_case(22; "one field more than there are")]
#[test_case(23; "two fields more")]
fn a_header_with_another_number_of_fields(fields: u64) {
    let mut attack = attack();
    attack.layout.anchors[0].fields = fields;
    assert!(record(&SMALL, &attack.layout).check().is_err());
}

#[test]
fn a_header_with_another_prefix() {
    // the bytes hash to what the anchor says, but they are no header; everything else reads the same
    let header = attack().evidence.headers[0].clone();
    let mix_hash = crate::rlp::exact_list(&header).expect("a list")[13].offset;
    for (at, honest, lie) in [(0, 0xf9, 0xf8), (0, 0xf9, 0xb9), (mix_hash, 0xa0, 0x9f), (mix_hash, 0xa0, 0xe0)] {
        let mut attack = attack();
        let message = attack.layout.messages.iter_mut().find(|message| **message == header).expect("the header");
        assert_eq!(message[at], honest);
        message[at] = lie;
        unequal()(attack.violation());
    }
}

#[test]
fn a_field_that_the_fork_does_not_have() {
    let mut nodes = Nodes::default();
    let header = chain::header(100, &honest::two_accounts(100), 16, &mut nodes);
    let wanted = [facts(100)[TIME]];
    let evidence = Evidence::collect(&wanted, &[header], &nodes).expect("evidence");
    let mut layout = Layout::new(&SMALL, &evidence).expect("it fits");
    let leaf = &mut layout.leaves[0];
    (leaf.key, leaf.says[1], leaf.says[4]) = (keys::HEADER_KEY + 16, Fr::from(16), keys::header_index(16));
    leaf.value = [Fr::ZERO, Fr::ZERO];
    unprovided(tag::VALUE)(record(&SMALL, &layout).check().expect_err("accepted"));
}

#[test]
fn a_fact_at_a_block_that_no_anchor_reaches() {
    for poison in [1, 0] {
        let mut attack = attack();
        attack.layout.anchors[0].used = Fr::ZERO;
        for leaf in attack.layout.leaves.iter_mut().filter(|leaf| leaf.place == 1) {
            leaf.place = poison;
        }
        assert!(record(&SMALL, &attack.layout).check().is_err(), "header fields under place {poison}");
    }
}

#[test]
fn an_account_at_a_block_that_no_anchor_reaches() {
    let mut attack = attack();
    let unused = 2;
    attack.account(BALANCE).header = unused;
    unprovided(tag::STATE)(attack.violation());
    // the unused header's state root is provided as zero
    attack.account(BALANCE).root = Fr::ZERO;
    unprovided(tag::REACH)(attack.violation());
}

#[test]
fn a_header_that_is_another_message() {
    let mut attack = attack();
    attack.layout.anchors[0].message = attack.layout.roots[1];
    assert!(record(&SMALL, &attack.layout).check().is_err());
}

#[test]
fn a_fact_of_the_filler_is_no_fact() {
    // the filler's account is absent, so its balance is zero: at a block that no leaf can name
    let mut attack = attack();
    let filler = attack.layout.accounts[SMALL.accounts - 1];
    let leaf = &mut attack.layout.leaves[BALANCE];
    leaf.place = (ANCHORS + SMALL.accounts) as u64;
    (leaf.of, leaf.value) = ([filler.block, filler.address, empty_root()], [Fr::ZERO; 2]);
    let b = record(&SMALL, &attack.layout);
    b.check().expect("true of the filler");
    let head = filler.block * Fr::from(256);
    assert!(
        head.to_bytes()[30] == 1
            && Fact { block: (1 << 40) - 1, ..facts(100)[BALANCE] }.elements()[0].to_bytes()[30] == 0
    );
}

// --- single cells -----------------------------------------------------------------------------------------------

#[test]
fn no_cell_of_the_bus_is_free() {
    let evidence = small_evidence();
    none_is_free(&record(&SMALL, &Layout::new(&SMALL, &evidence).expect("it fits")));
}

/// Of each column of each kind of statement, on both sides, `MOST` cells with another value: nothing else follows. What says the block of
/// fillers is left out: there are two of those, and which of them a filler is at does not matter.
pub(super) fn none_is_free(honest: &Builder) {
    const MOST: usize = 6;
    let filler = layout::filler_block();
    let cells = honest.bus_cells();
    assert!(cells.values().map(Vec::len).sum::<usize>() > 10_000);
    for ((tag, column, provided), cells) in cells {
        let step = cells.len().div_ceil(MOST);
        for cell in cells.iter().step_by(step).filter(|cell| cell.value() != filler) {
            let mut b = honest.clone();
            b.tamper(*cell, cell.value() + Fr::ONE);
            assert!(b.check().is_err(), "{cell:?}: column {column} of tag {tag:?}, provided: {provided}");
        }
    }
}
