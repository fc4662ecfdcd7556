//! Lies about tries: nodes, steps and walks.

use halo2_base::halo2_proofs::arithmetic::Field;
use test_case::test_case;

use super::honest::SMALL;
use super::lies::*;
use super::*;
use crate::grid::Violation;
use crate::history::blocks::Message;
use crate::history::nodes::{BRANCH, EXTENSION, LEAF};
use crate::history::steps::{Edge, Step, empty_root};
use crate::history::tables::tag;

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
    let memory = builder_of(SMALL.shape(), &attack.layout.messages).0.memory().clone();
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
    let other = attack.layout.anchors[0].message;
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
    let mut b = builder_of(SMALL.shape(), &[vec![1]]).0;
    let fixed = |v: u64| crate::grid::In::Const(Fr::from(v));
    let digest = words::integer(b.memory(), 8, 32);
    b.provide(tag::DIGEST, [crate::grid::In::Const(digest), fixed(0), fixed(8), fixed(blocks::NO_MESSAGE)]);
    steps::root(&mut b, Message { base: 0, digest: 8, mark: blocks::NO_MESSAGE });
    assert!(matches!(b.check(), Err(Violation::Copy { .. })));
}

#[test]
fn an_empty_item_that_is_not_empty() {
    let mut b = builder_of(SMALL.shape(), &[vec![1]]).0;
    steps::empty_trie(&mut b, 0);
    unequal()(b.check().expect_err("byte 0 is 1"));
}
