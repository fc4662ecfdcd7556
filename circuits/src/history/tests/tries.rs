//! Walks over tries of chosen keys: every shape of node, random and extreme. Keys are put into messages of their own, so that
//! they can share prefixes.

use std::collections::BTreeMap;

use halo2_base::halo2_proofs::arithmetic::Field;
use proptest::prelude::*;

use super::honest::SMALL;
use super::*;
use crate::digest::Hash;
use crate::grid::{In, Violation};
use crate::history::accounts::{self, SlotHint};
use crate::history::tables::tag;
use crate::rlp::encode_string;
use crate::trie::{self, End, build};

const CLASS: Class = Class { name: "walks", blocks: 256, k: 16, ..SMALL };

/// The storage trie of `slots` (trie key to value), and its nodes.
fn storage(slots: &BTreeMap<Hash, Vec<u8>>) -> (Hash, Nodes) {
    let mut entries = BTreeMap::new();
    for (key, value) in slots {
        let mut leaf = vec![];
        encode_string(value, &mut leaf);
        entries.insert(key.to_vec(), leaf);
    }
    build::trie(&entries)
}

/// Records the walk to `key`; returns what the slot of this key is provided as, before the value.
fn walk_to(root: &Hash, nodes: &Nodes, key: &Hash) -> (Builder, [In; 2]) {
    let walk = trie::walk(root, key, nodes).expect("a sound trie");
    let mut used = layout::Walks::new(nodes.clone());
    let mut places = layout::Places::new(CLASS.blocks);
    let filler = places.add(&layout::FILLER);
    used.empty_item = filler.base + layout::FILLER_EMPTY;
    let key_message = places.add(key);
    for step in &walk.steps {
        places.add(nodes.get(&step.place.message).expect("walked over it"));
    }
    let end = used.add(&places, root, key, &walk);
    let (mut b, first, start) = builder_of(CLASS.shape(), &places.messages);
    tables::constrain(&mut b);
    blocks::constrain(&mut b, &first, &start);
    steps::empty_trie(&mut b, used.empty_item);
    used.roots.0.iter().for_each(|message| steps::root(&mut b, *message));
    used.branches.0.iter().for_each(|list| nodes::branch(&mut b, *list));
    used.pairs.0.iter().for_each(|list| nodes::pair(&mut b, *list));
    used.steps.0.iter().for_each(|step| steps::step(&mut b, step));
    let says = [Fr::from(1), Fr::from(2), layout::folded(root)];
    let [block, address, trie] = says.map(In::Const);
    b.provide(tag::PLACE, [In::Const(Fr::from(9)), block, address, trie]);
    let hint = SlotHint { account: 9, says, key: key_message.base, end, zeros: filler.base + layout::FILLER_ZEROS };
    accounts::slot(&mut b, &hint);
    let index = In::Const(keys::slot_index() + Fr::from(key_message.base));
    (b, [In::Const(Fr::from(9)), index])
}

/// Records the walk to `key` and checks that it finds `value`, and nothing else.
fn finds(root: &Hash, nodes: &Nodes, key: &Hash, value: Option<&[u8]>) {
    let (mut b, [place, index]) = walk_to(root, nodes, key);
    let mut word = [0; 32];
    let value = value.unwrap_or_default();
    word[32 - value.len()..].copy_from_slice(value);
    let (top, low) = crate::facts::split(&word);
    let expected = [place, index, In::Const(Fr::from(u64::from(top))), In::Const(low)];
    b.send(tag::VALUE, expected);
    b.check().unwrap_or_else(|violation| panic!("{key:02x?}: {violation}"));
    // the same walk does not find another value
    b.send(tag::VALUE, [expected[0], expected[1], expected[2], In::Const(low + Fr::ONE)]);
    assert!(b.check().is_err());
}

fn key(prefix: &[u8]) -> Hash {
    let mut key = [0; 32];
    key[..prefix.len()].copy_from_slice(prefix);
    key
}

#[test]
fn every_end_of_a_walk() {
    // a root extension of two nibbles, a branch, an extension of one nibble (odd), leaves of odd and even paths
    let slots: BTreeMap<Hash, Vec<u8>> =
        [key(&[0xab, 0x10]), key(&[0xab, 0x21, 0x31]), key(&[0xab, 0x21, 0x34]), key(&[0xab, 0x2f])]
            .into_iter()
            .zip([vec![1], vec![0x80], vec![0xff; 32], vec![3; 31]])
            .collect();
    let (root, nodes) = storage(&slots);
    for (key, value) in &slots {
        finds(&root, &nodes, key, Some(value));
    }
    for (absent, end) in [
        (key(&[0xab, 0x30]), End::EmptyChild),
        (key(&[0xab, 0x21, 0x33]), End::EmptyChild),
        (key(&[0xab, 0x21, 0x41]), End::OtherExtension),
        (key(&[0xac]), End::OtherExtension),
        (key(&[0xab, 0x10, 1]), End::OtherLeaf),
        (key(&[0xab, 0x21, 0x31, 1]), End::OtherLeaf),
    ] {
        assert_eq!(trie::walk(&root, &absent, &nodes).expect("a sound trie").end, end);
        finds(&root, &nodes, &absent, None);
    }
}

#[test]
fn a_trie_of_one_leaf_and_the_empty_trie() {
    for bits in [0x00, 0xff] {
        let slots = BTreeMap::from([([bits; 32], vec![7])]);
        let (root, nodes) = storage(&slots);
        finds(&root, &nodes, &[bits; 32], Some(&[7]));
        finds(&root, &nodes, &key(&[1]), None);
        let mut last = [bits; 32];
        last[31] ^= 1;
        finds(&root, &nodes, &last, None);
    }
    let (root, nodes) = storage(&BTreeMap::new());
    finds(&root, &nodes, &key(&[0xf0]), None);
}

#[test]
fn sixty_four_levels_with_inline_nodes_at_the_end() {
    let mut slots = BTreeMap::from([([0; 32], vec![5])]);
    for depth in 0..64 {
        let mut other = [0; 32];
        other[depth / 2] = if depth % 2 == 0 { 0x10 } else { 0x01 };
        slots.insert(other, vec![1 + depth as u8]);
    }
    let (root, nodes) = storage(&slots);
    let walk = trie::walk(&root, &[0; 32], &nodes).expect("a sound trie");
    assert_eq!(walk.steps.last().map(|step| step.depth), Some(64));
    assert!(walk.steps.iter().any(|step| step.place.offset > 0), "no inline node");
    for (key, value) in &slots {
        finds(&root, &nodes, key, Some(value));
    }
    finds(
        &root,
        &nodes,
        &{
            let mut other = [0; 32];
            other[31] = 2;
            other
        },
        None,
    );
}

#[test]
fn a_leaf_above_its_depth_is_no_value_of_the_keys_below_it() {
    // no trie of hashed keys has one: here the key of the leaf is a byte shorter
    let (root, nodes) = build::trie(&BTreeMap::from([(vec![0x77; 31], vec![5])]));
    let (b, _) = walk_to(&root, &nodes, &[0x77; 32]);
    assert!(matches!(b.check(), Err(Violation::Copy { .. })));
    let (b, _) = walk_to(&root, &nodes, &[0x70; 32]);
    b.check().expect("another key has no value");
}

#[test]
fn the_longest_extension() {
    let slots: BTreeMap<Hash, Vec<u8>> = (0..2)
        .map(|i| {
            let mut key = [0x77; 32];
            key[31] ^= i;
            (key, vec![9])
        })
        .collect();
    let (root, nodes) = storage(&slots);
    let walk = trie::walk(&root, &[0x77; 32], &nodes).expect("a sound trie");
    assert_eq!(walk.steps[1].depth, 63);
    slots.iter().for_each(|(key, value)| finds(&root, &nodes, key, Some(value)));
    finds(&root, &nodes, &[0x70; 32], None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 24, ..ProptestConfig::default() })]

    /// Keys that share long prefixes, values of all sizes.
    #[test]
    fn agrees_with_the_native_walk(
        entries in prop::collection::vec((0usize..32, any::<u8>(), 1usize..=32, 1u8..=255), 1..12),
        probes in prop::collection::vec((0usize..32, any::<u8>()), 3),
    ) {
        let at = |(position, byte): (usize, u8)| { let mut key = [0x55; 32]; key[position] = byte; key };
        let slots: BTreeMap<Hash, Vec<u8>> =
            entries.iter().map(|(position, byte, length, fill)| (at((*position, *byte)), vec![*fill; *length])).collect();
        let (root, nodes) = storage(&slots);
        for key in slots.keys().copied().take(3).chain(probes.into_iter().map(at)) {
            finds(&root, &nodes, &key, slots.get(&key).map(Vec::as_slice));
        }
    }
}
