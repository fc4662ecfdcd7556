//! Paths through storage: accepted with the root of the native reference, and each constraint's lie refused.

use std::collections::BTreeMap;

use halo2_base::halo2_proofs::arithmetic::Field;
use test_case::test_case;

use super::chain::{Account, header, number};
use super::honest::SMALL;
use super::lies::{unequal, unprovided};
use super::*;
use crate::digest::Hash;
use crate::evidence::storage_slot;
use crate::grid::Violation;
use crate::history::tables::{tag, two_to};
use crate::path::Step;

const CONTRACT: [u8; 20] = [0xa1; 20];
const BLOCK: u64 = 100;
const CLASS: Class = Class { name: "paths", paths: 7, path_starts: 6, path_mappings: 12, ..SMALL };

/// Positions in [`wanted`].
const MEMBER: usize = 0;
const ARRAY: usize = 3;
const WRAPPED: usize = 4;
const PLAIN: usize = 6;
const OTHER: usize = 7;

fn key(over: u64, byte: u8) -> Step<Hash> {
    Step { over, key: Some([byte; 32]) }
}

fn path(slot: Hash, steps: &[Step<Hash>], over: u64) -> Fact {
    Fact { path: Path::new(steps, over).expect("few steps"), ..fact(FactKind::Path, BLOCK, CONTRACT, slot) }
}

/// What the order of the field is, as a slot: a number that is 0 modulo it.
fn order() -> Hash {
    let mut word: Hash = (-Fr::ONE).to_bytes();
    word[0] += 1;
    word.reverse();
    word
}

/// What makes up in `over` for a key whose top byte is 1 too large; it is a slot too.
fn moved() -> (Fr, Hash) {
    let over = -two_to(16).invert().expect("not zero");
    let mut slot: Hash = over.to_bytes();
    slot.reverse();
    assert_eq!(slot[0], 0);
    (over, slot)
}

/// A key with this top byte.
fn topped(top: u8) -> Hash {
    let mut key = [0x77; 32];
    key[0] = top;
    key
}

fn wanted() -> Vec<Fact> {
    let elements = Step { over: 2, key: None };
    let mut almost = [0xff; 32];
    almost[31] = 0xfd;
    vec![
        path(number(5), &[key(0, 1)], 1),
        path(number(6), &[key(0, 1), key(0, 2), key(0, 3)], 0),
        path(number(7), &[key(0, 1), key(3, 2), key(1 << 40, 3), key(0, 4)], u64::MAX),
        path(number(5), &[key(0, 1), elements], 3),
        path(almost, &[], 7),
        path(number(0), &[Step { over: 0, key: Some(topped(0)) }], 0),
        fact(FactKind::Slot, BLOCK, CONTRACT, order()),
        Fact { key: topped(1), ..fact(FactKind::Mapping, BLOCK, CONTRACT, moved().1) },
        path(number(0), &[], 0),
    ]
}

fn evidence() -> Evidence {
    evidence_of(&wanted())
}

/// Evidence of a chain that has all of these words but the second.
fn evidence_of(wanted: &[Fact]) -> Evidence {
    let mut storage = BTreeMap::new();
    for (i, fact) in wanted.iter().enumerate().filter(|(i, _)| *i != 1) {
        storage.insert(storage_slot(fact).expect("a slot"), number(1000 + i as u128));
    }
    let accounts = BTreeMap::from([(CONTRACT, Account { nonce: 1, balance: 0, storage })]);
    let mut nodes = Nodes::default();
    let header = header(BLOCK, &accounts, 21, &mut nodes);
    Evidence::collect(wanted, &[header], &nodes).expect("evidence")
}

fn attack(lie: impl FnOnce(&mut Layout)) -> Violation {
    let class = Class { slots: 9, ..CLASS };
    let mut layout = Layout::new(&class, &evidence()).expect("it fits");
    lie(&mut layout);
    record(&class, &layout).check().expect_err("the lie was accepted")
}

#[test]
fn words_at_the_end_of_paths() {
    let evidence = evidence();
    let values: Vec<Hash> = evidence.facts.iter().map(|fact| fact.value).collect();
    assert_eq!((values[MEMBER], values[1], values[ARRAY]), (number(1000), [0; 32], number(1003)));
    assert_eq!(storage_slot(&evidence.facts[WRAPPED]), Some(number(4)));
    accept(&Class { slots: 9, ..CLASS }, &evidence);
    // the blank evidence has none, and only mappings have none
    let few = Evidence { facts: evidence.facts[PLAIN..=OTHER].to_vec(), ..evidence };
    accept(&Class { branches: 40, pairs: 20, steps: 40, slots: 9, ..CLASS }, &few);
}

#[test]
fn an_element_of_an_array_fits_a_class_with_one_start() {
    let elements = Step { over: 0, key: None };
    let evidence = evidence_of(&[path(number(9), &[elements], 1), path(number(9), &[elements], 2)]);
    assert_eq!(evidence.facts[0].value, number(1000));
    accept(&Class { path_starts: 1, ..CLASS }, &evidence);
}

#[test]
fn a_class_says_what_it_has_no_room_for() {
    let full =
        |class: Class| Layout::new(&Class { slots: 9, ..class }, &evidence()).map(|_| ()).unwrap_err().to_string();
    assert_eq!(full(Class { paths: 5, ..CLASS }), "class paths has room for 5 paths, the evidence needs 7");
    let said = full(Class { path_mappings: 8, ..CLASS });
    assert_eq!(said, "class paths has room for 8 steps of paths by a key, the evidence needs 9");
}

#[test_case(|paths| paths.arrays[0].over -= Fr::ONE; "a word less before the elements")]
#[test_case(|paths| paths.ends[4].carries = [Fr::ZERO; 2]; "no carry where there is one")]
#[test_case(|paths| paths.ends[4].carries[1] = Fr::ZERO; "a sum of 257 bits")]
#[test_case(|paths| paths.mappings[0].message = paths.mappings[1].message; "the message of another step")]
#[test_case(|paths| paths.arrays[0].message = paths.mappings[1].message; "a mapping as an array")]
#[test_case(|paths| paths.mappings[0].message = paths.arrays[0].message; "an array as a mapping")]
fn a_step_that_leads_elsewhere(lie: fn(&mut layout::PathHints)) {
    unequal()(attack(|layout| lie(&mut layout.paths)));
}

#[test_case(|paths| paths.ends[0].from.depth = Fr::from(2); "more steps than were taken")]
#[test_case(|paths| paths.ends[0].from.depth = Fr::ZERO; "no step")]
#[test_case(|paths| paths.ends[0].from.name = paths.ends[3].from.name; "the name of another path")]
#[test_case(|paths| paths.mappings[0].from.name = paths.mappings[1].from.name; "the start of another path")]
#[test_case(|paths| paths.mappings[4].over += Fr::ONE; "a word further on the way")]
#[test_case(|paths| move_start(paths, 1); "another start")]
#[test_case(|paths| move_start(paths, 0); "a start with another top byte")]
fn a_stop_that_nobody_reaches(lie: fn(&mut layout::PathHints)) {
    unprovided(tag::PATH)(attack(|layout| lie(&mut layout.paths)));
}

/// Changes a part of the first start, wherever it stands.
fn move_start(paths: &mut layout::PathHints, part: usize) {
    let first = paths.starts[0];
    paths.starts.iter_mut().filter(|start| **start == first).for_each(|start| start[part] += Fr::ONE);
}

#[test]
fn a_leaf_under_the_key_of_another_path() {
    unprovided(tag::KEY)(attack(|layout| layout.paths.ends[MEMBER].over += Fr::ONE));
    // and if the leaf follows, the sum is wrong
    unequal()(attack(|layout| {
        layout.paths.ends[MEMBER].over += Fr::ONE;
        layout.leaves[MEMBER].says[2] += Fr::ONE;
    }));
    for part in [1, 2] {
        unprovided(tag::KEY)(attack(|layout| layout.leaves[MEMBER].says[part] = layout.leaves[ARRAY].says[part]));
    }
    let said = attack(|layout| layout.leaves[MEMBER].says[4] = layout.leaves[ARRAY].says[4]);
    unprovided(tag::KEY_INDEX)(said);
}

/// `lie` says that a path ends at the slot of fact `other`; the leaf follows, and what comes after it is true of that slot.
fn elsewhere(other: usize, lie: impl FnOnce(&mut Layout)) -> Violation {
    attack(|layout| {
        lie(layout);
        let leaf = layout.leaves[other];
        let liar = if other == OTHER { 5 } else { 8 };
        (layout.leaves[liar].says[4], layout.leaves[liar].value) = (leaf.says[4], leaf.value);
    })
}

#[test]
fn a_carry_of_forty_eight() {
    // slot 0 is the order of the field modulo it: 48 · 2^248 and some more, so 48 carries make a slot of it
    assert_eq!(order()[0], 48);
    unequal()(elsewhere(PLAIN, |layout| {
        let slot = layout.plain_keys[0][0];
        let end = &mut layout.paths.ends[6];
        assert_eq!(end.from.slot, [Fr::ZERO; 2]);
        (end.message, end.carries) = (slot, [Fr::from(48), Fr::ZERO]);
    }));
}

#[test]
fn a_fraction_of_a_wrap() {
    // the slot with another top byte, which a wrap that is no bit makes up for
    unequal()(elsewhere(PLAIN, |layout| {
        let slot = layout.plain_keys[0][0];
        let end = &mut layout.paths.ends[6];
        let (top, low) = crate::facts::split(&order());
        end.over = low;
        end.carries = [Fr::ZERO, -Fr::from(u64::from(top)) * two_to(8).invert().expect("not zero")];
        end.message = slot;
        layout.leaves[8].says[2] = low;
    }));
}

#[test]
fn words_that_hold_a_part_of_the_key() {
    // the same name, but a part of the words is in the key's top byte: only the range of `over` tells
    let (over, slot) = moved();
    unequal()(elsewhere(OTHER, |layout| {
        let messages = layout.mapping_keys[0];
        let step = layout.paths.mappings.iter_mut().rfind(|step| step.from.slot == [Fr::ZERO; 2]).expect("its step");
        (step.over, step.message) = (over, messages[0]);
        let digest = keccak256(&[topped(1), slot].concat());
        let (top, low) = crate::facts::split(&digest);
        let end = &mut layout.paths.ends[5];
        (end.from.slot, end.message) = ([Fr::from(u64::from(top)), low], messages[1]);
    }));
}
