//! Lies, each as consistent as a prover could make it: the statement of one part is changed, and what depends on it with it.

use halo2_base::halo2_proofs::arithmetic::Field;
use test_case::test_case;

use super::honest::{SMALL, facts, small_evidence};
use super::*;
use crate::evidence::storage_slot;
use crate::grid::Violation;
use crate::history::blocks::Message;
use crate::history::nodes::{BRANCH, EXTENSION, LEAF};
use crate::history::steps::{Edge, Step, empty_root};
use crate::history::tables::tag;

/// Positions in [`facts`].
const TIME: usize = 0;
const BALANCE: usize = 1;
const NONCE: usize = 2;
const PLAIN: usize = 3;
const PACKED: usize = 4;
const MAPPING: usize = 5;
const ABSENT: usize = 7;
const NO_ACCOUNT: usize = 8;

/// A layout under attack.
struct Attack {
    layout: Layout,
    evidence: Evidence,
}

impl Attack {
    /// Places of `message`.
    fn message(&self, bytes: &[u8]) -> Message {
        let mut places = layout::Places::new(SMALL.blocks);
        self.layout.messages.iter().for_each(|message| {
            places.add(message);
        });
        places.by_bytes[bytes]
    }

    /// The slot hint of a storage fact.
    fn slot(&mut self, fact: usize) -> &mut accounts::SlotHint {
        let slot = storage_slot(&self.evidence.facts[fact]).expect("a storage fact");
        let key = self.message(&slot).digest;
        self.layout.slots.iter_mut().find(|hint| hint.key == key).expect("its slot")
    }

    /// The account hint of a fact.
    fn account(&mut self, fact: usize) -> &mut accounts::AccountHint {
        let key = self.message(&self.evidence.facts[fact].address).digest;
        self.layout.accounts.iter_mut().find(|hint| hint.key == key).expect("its account")
    }

    /// A leaf says that its place holds `value`.
    fn claim(&mut self, fact: usize, value: u64) {
        self.layout.leaves[fact].value = [Fr::ZERO, Fr::from(value)];
    }

    fn violation(&self) -> Violation {
        record(&SMALL, &self.layout).check().expect_err("the lie was accepted")
    }
}

fn attack() -> Attack {
    let evidence = small_evidence();
    let layout = Layout::new(&SMALL, &evidence).expect("it fits");
    record(&SMALL, &layout).check().expect("honest");
    Attack { layout, evidence }
}

/// What the lie must fail at: a statement that nobody provides.
fn unprovided(wanted: u64) -> impl Fn(Violation) {
    move |violation| match violation {
        Violation::Bus { tag, .. } => assert_eq!(tag, Fr::from(wanted), "{violation}"),
        other => panic!("expected tag {wanted} to be missing, got {other}"),
    }
}

/// What the lie must fail at: two cells that differ.
fn unequal() -> impl Fn(Violation) {
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
    let header = attack.layout.headers[0].message;
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

// --- walks ------------------------------------------------------------------------------------------------------

#[test]
fn exclusion_claimed_at_a_present_key() {
    let mut attack = attack();
    let end = attack.slot(ABSENT).end;
    attack.slot(PLAIN).end = end;
    attack.claim(PLAIN, 0);
    unequal()(attack.violation());
}

#[test]
fn the_value_of_another_key() {
    let mut attack = attack();
    let end = attack.slot(PACKED).end;
    attack.slot(PLAIN).end = end;
    attack.claim(PLAIN, 0);
    unequal()(attack.violation());
}

#[test]
fn the_account_of_another_address() {
    let mut attack = attack();
    let end = attack.account(PLAIN).end;
    attack.account(BALANCE).end = end;
    attack.claim(BALANCE, 0);
    attack.claim(NONCE, 0);
    unequal()(attack.violation());
}

#[test_case(|end| end.depth += 1, tag::REACH; "a nibble skipped")]
#[test_case(|end| end.path += Fr::ONE, tag::REACH; "another path")]
#[test_case(|end| end.edge.list += Fr::ONE, tag::REACH; "list shifted by one")]
#[test_case(|end| end.edge.item += 1, tag::EDGE; "value shifted by one")]
#[test_case(|end| end.edge.path += Fr::ONE, tag::EDGE; "another path in the leaf")]
#[test_case(|end| end.edge.code += 1, tag::EDGE; "one nibble more in the leaf")]
#[test_case(|end| end.edge.code = end.edge.code - LEAF + EXTENSION, tag::EDGE; "a leaf as an extension")]
#[test_case(|end| end.edge.code = BRANCH, tag::EDGE; "a leaf as a branch")]
fn an_end_that_is_not_there(lie: fn(&mut walks::End), missing: u64) {
    let mut attack = attack();
    lie(&mut attack.slot(PLAIN).end);
    unprovided(missing)(attack.violation());
}

#[test]
fn a_leaf_of_the_state_trie_as_a_storage_leaf() {
    let mut attack = attack();
    let (root, end) = (attack.account(BALANCE).root, attack.account(BALANCE).end);
    let slot = attack.slot(PLAIN);
    (slot.says[2], slot.end) = (root, end);
    unprovided(tag::PLACE)(attack.violation());
}

#[test]
fn storage_under_a_header() {
    let mut attack = attack();
    let end = attack.account(BALANCE).end;
    let slot = attack.slot(PLAIN);
    (slot.account, slot.says, slot.end) = (1, [Fr::from(100), Fr::ZERO, Fr::ZERO], end);
    unprovided(tag::REACH)(attack.violation());
}

#[test]
fn an_absent_account_with_a_balance() {
    let mut attack = attack();
    attack.claim(NO_ACCOUNT, 5);
    unprovided(tag::VALUE)(attack.violation());
}

#[test]
fn an_account_in_a_trie_that_no_header_names() {
    // an empty state makes every account absent
    let mut attack = attack();
    let end = attack.layout.slots[SMALL.slots - 1].end;
    let account = attack.account(BALANCE);
    (account.root, account.end) = (empty_root(), end);
    unprovided(tag::STATE)(attack.violation());
}

// --- nodes and steps --------------------------------------------------------------------------------------------

#[test]
fn a_branch_read_as_a_leaf() {
    let mut attack = attack();
    attack.layout.pairs[SMALL.pairs - 1] = attack.layout.branches[2];
    assert!(record(&SMALL, &attack.layout).check().is_err());
}

#[test]
fn a_leaf_read_as_a_branch() {
    let mut attack = attack();
    attack.layout.branches[SMALL.branches - 1] = attack.layout.pairs[2];
    assert!(record(&SMALL, &attack.layout).check().is_err());
}

#[test]
fn a_branch_that_begins_inside_a_string() {
    // a list head in the middle of a leaf's bytes: the sixteen items after it do not end with it
    let mut attack = attack();
    let memory = builder(&SMALL, &attack.layout.messages).0.memory().clone();
    let base = attack.layout.branches[2] as usize;
    let inside = (base + 4..base + 400).find(|at| (0xc0..=0xf9).contains(&memory.byte(*at))).expect("some byte");
    attack.layout.branches[SMALL.branches - 1] = inside as u64;
    assert!(record(&SMALL, &attack.layout).check().is_err());
}

fn honest_step(attack: &Attack) -> usize {
    attack.layout.steps.iter().position(|step| step.child.is_some()).expect("a step to a hashed node")
}

#[test_case(|step| step.depth += 1, tag::REACH; "from a depth that was not reached")]
#[test_case(|step| step.root += Fr::ONE, tag::REACH; "in another trie")]
#[test_case(|step| step.edge.item += 33, tag::EDGE; "index shifted by one")]
#[test_case(|step| step.edge.path += Fr::ONE, tag::EDGE; "nibble shifted by one")]
#[test_case(|step| step.child = None, tag::DIGEST; "a hash as an inline node")]
fn a_step_that_is_not_there(lie: fn(&mut Step), missing: u64) {
    let mut attack = attack();
    let step = honest_step(&attack);
    lie(&mut attack.layout.steps[step]);
    unprovided(missing)(attack.violation());
}

#[test]
fn a_step_to_a_node_with_another_hash() {
    let mut attack = attack();
    let step = honest_step(&attack);
    let other = attack.layout.headers[0].message;
    attack.layout.steps[step].child = Some(other);
    unprovided(tag::DIGEST)(attack.violation());
}

#[test]
fn a_step_over_a_leaf() {
    let mut attack = attack();
    let end = attack.slot(PLAIN).end;
    let root = attack.slot(PLAIN).says[2];
    attack.layout.steps[SMALL.steps - 1] = Step { root, path: end.path, depth: end.depth, edge: end.edge, child: None };
    assert!(record(&SMALL, &attack.layout).check().is_err());
}

#[test]
fn steps_out_of_the_empty_trie() {
    let mut attack = attack();
    let edge = Edge { list: -Fr::ONE, code: BRANCH, path: Fr::ZERO, item: attack.layout.empty_item };
    attack.layout.steps[SMALL.steps - 1] = Step { root: empty_root(), path: Fr::ZERO, depth: 0, edge, child: None };
    unprovided(tag::CHILD)(attack.violation());
}

#[test]
fn a_trie_that_justifies_itself() {
    // two steps below a root whose node is not there, each the ground of the other
    let mut attack = attack();
    let filler = attack.layout.steps[SMALL.steps - 1];
    for (i, depth) in [(1, 0), (2, 1)] {
        attack.layout.steps[SMALL.steps - i] = Step { root: Fr::from(5), depth, ..filler };
    }
    unprovided(tag::REACH)(attack.violation());
}

#[test]
fn no_message_as_a_root() {
    let mut b = builder(&SMALL, &[vec![1]]).0;
    let fixed = |v: u64| crate::grid::In::Const(Fr::from(v));
    let digest = words::integer(b.memory(), 8, 32);
    b.provide(tag::DIGEST, [crate::grid::In::Const(digest), fixed(0), fixed(8), fixed(blocks::NO_MESSAGE)]);
    steps::root(&mut b, Message { base: 0, digest: 8, mark: blocks::NO_MESSAGE });
    assert!(matches!(b.check(), Err(Violation::Copy { .. })));
}

#[test]
fn an_empty_item_that_is_not_empty() {
    let mut b = builder(&SMALL, &[vec![1]]).0;
    steps::empty_trie(&mut b, 0);
    unequal()(b.check().expect_err("byte 0 is 1"));
}

// --- headers ----------------------------------------------------------------------------------------------------

#[test_case(20; "the last field left out")]
#[test_case(16; "optional fields left out")]
#[test_case(22; "one field more than there are")]
fn a_header_with_another_number_of_fields(fields: u64) {
    let mut attack = attack();
    attack.layout.headers[0].fields = fields;
    assert!(record(&SMALL, &attack.layout).check().is_err());
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
        attack.layout.headers[0].used = false;
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
    attack.layout.headers[0].message = attack.layout.roots[1];
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
    let layout = Layout::new(&SMALL, &evidence).expect("it fits");
    let honest = record(&SMALL, &layout);
    let cells = honest.bus_cells();
    assert!(cells.len() > 10_000);
    for cell in cells.iter().step_by(97) {
        let mut b = honest.clone();
        b.tamper(*cell, cell.value() + Fr::ONE);
        assert!(b.check().is_err(), "{cell:?}");
    }
}
