//! Blocks that no anchor names: parents and hops, real ones, and every way of naming a block that is not named.

use std::collections::BTreeMap;

use halo2_base::halo2_proofs::arithmetic::Field;
use test_case::test_case;

use super::chain::{Account, child, header, number};
use super::honest::SMALL;
use super::lies::{unequal, unprovided};
use super::*;
use crate::digest::keccak256;
use crate::evidence::{EvidenceError, HISTORY_CONTRACT, Link, WINDOW};
use crate::grid::Violation;
use crate::header::Header;
use crate::history::tables::tag;

/// Room for a few blocks of a small chain.
pub(super) const LINKED: Class = Class {
    blocks: 128,
    links: 6,
    hops: 3,
    roots: 12,
    pairs: 24,
    steps: 40,
    accounts: 9,
    slots: 12,
    plain_keys: 8,
    facts: 12,
    ..SMALL
};

/// A mapping's slot at blocks 60, 8251 and 16442 of an anvil chain, and the headers up to 16445.
pub(super) fn anvil() -> (Vec<Fact>, Vec<Vec<u8>>, Nodes) {
    let file: Value = serde_json::from_str(include_str!("../../../tests/data/anvil_hops.json")).expect("json");
    let (mut facts, mut headers, mut nodes) = (vec![], vec![], Nodes::default());
    let bytes = |value: &Value| unhex(value.as_str().expect("hex"));
    for block in file["blocks"].as_array().expect("a list") {
        headers.push(bytes(&block["rlp"]));
        assert_eq!(keccak256(&headers[headers.len() - 1]).to_vec(), bytes(&block["hash"]));
        for proof in block["proofs"].as_array().expect("a list") {
            let lists = [&proof["accountProof"], &proof["storageProof"][0]["proof"]];
            for node in lists.into_iter().flat_map(|list| list.as_array().expect("a list")) {
                nodes.insert(bytes(node));
            }
        }
    }
    let mut vault = [0; 20];
    vault[17..].copy_from_slice(&[0x0a, 0x01, 0x75]);
    for block in [60, 60 + WINDOW, 60 + 2 * WINDOW] {
        let key = word("70997970c51812dc3a010c7d01b50e0d17dc79c8");
        facts.push(Fact { key, ..fact(FactKind::Mapping, block, vault, number(2)) });
    }
    (facts, headers, nodes)
}

#[test]
fn a_slot_at_three_blocks_by_two_hops_and_three_parents() {
    let (facts, headers, nodes) = anvil();
    let evidence = Evidence::collect_from(&facts, &headers, &nodes, |block| block == 16_445).expect("evidence");
    for (fact, thousands) in evidence.facts.iter().zip(1..) {
        assert_eq!(fact.value, number((thousands * 1000) << 100));
    }
    let link = |block, from| Link { block, from };
    let hops = [link(60, 8_251), link(8_251, 16_442)];
    let parents = [link(16_442, 16_443), link(16_443, 16_444), link(16_444, 16_445)];
    assert_eq!(evidence.links, [hops.as_slice(), &parents].concat());
    assert_eq!(evidence.anchors().expect("headers").len(), 1);
    accept(&LINKED, &evidence);
    let error = Class::S.fits(&evidence).expect_err("no room").to_string();
    assert_eq!(error, "class S has room for 0 linked headers, the evidence needs 5");
}

#[test]
fn what_leads_nowhere_is_named() {
    let (facts, headers, nodes) = anvil();
    let collect = |headers: &[Vec<u8>], nodes: &Nodes| {
        Evidence::collect_from(&facts, headers, nodes, |block| block == 16_445).map_err(|error| error.to_string())
    };
    let error = collect(&headers[..5], &nodes).expect_err("the anchor is missing");
    assert!(error.starts_with("block 16444 is no anchor"), "{error}");
    let honest = collect(&headers, &nodes).expect("evidence");
    let few = Nodes::from_iter(honest.nodes.iter().filter(|node| node.len() < 500));
    assert!(collect(&headers, &few).is_err());
    for (links, block) in [(vec![honest.links[0]; 2], 60), (vec![Link { block: 8_251, from: 8_251 }], 8_251)] {
        let evidence = Evidence { links, ..honest.clone() };
        assert!(matches!(evidence.check(), Err(EvidenceError::NoLink { block: got, .. }) if got == block));
    }
}

#[test]
fn a_parent_with_another_hash_is_no_parent() {
    let mut nodes = Nodes::default();
    let accounts = BTreeMap::new();
    let older = header(7, &accounts, 15, &mut nodes);
    for (parent, ok) in [(keccak256(&older), true), ([1; 32], false)] {
        let newer = child(&parent, 8, &accounts, 15, &mut nodes);
        let evidence = Evidence {
            headers: vec![older.clone(), newer],
            links: vec![Link { block: 7, from: 8 }],
            facts: vec![Fact { value: number(7), ..fact(FactKind::Header, 7, [0; 20], number(8)) }],
            ..Evidence::default()
        };
        assert_eq!(matches!(evidence.check(), Err(EvidenceError::WrongLink { .. })), !ok);
        if ok {
            accept(&LINKED, &evidence);
        }
    }
}

// --- lies -------------------------------------------------------------------------------------------------------

/// The block that is named.
const OLD: u64 = 15_001;
/// The block whose hash a hop that counts twice would take for that of [`OLD`], which is twice this and one.
const HALF: u64 = 7_500;
/// The anchors: within the window, beyond it, before the block, and within the window of [`HALF`].
const ANCHORED: [u64; 4] = [20_000, OLD + WINDOW + 1, OLD - 10, HALF + 8_100];
const OTHER_CONTRACT: [u8; 20] = [0xa1; 20];

/// Slots that hold the hash of [`OLD`]: the right one, then those which say nothing about it although the hash is there.
fn baits() -> Vec<Fact> {
    let slot = number(u128::from(OLD % WINDOW));
    let right = fact(FactKind::Slot, ANCHORED[0], HISTORY_CONTRACT, slot);
    let mut far = slot;
    far[0] = 1;
    vec![
        right,
        Fact { block: ANCHORED[1], ..right },
        Fact { block: ANCHORED[2], ..right },
        Fact { slot: number(u128::from(OLD % WINDOW) + 1), ..right },
        Fact { slot: number(u128::from(OLD)), ..right },
        Fact { slot: far, ..right },
        Fact { kind: FactKind::Mapping, key: [7; 32], ..right },
        Fact { address: OTHER_CONTRACT, ..right },
        Fact { block: ANCHORED[3], slot: number(u128::from(HALF % WINDOW)), ..right },
    ]
}

/// A layout in which [`OLD`] is linked by a hop, and all of [`baits`] are facts, in their order; then the slot of the hop in the state of
/// block 20,001, which has no accounts.
fn hopped() -> Layout {
    let mut nodes = Nodes::default();
    let old = header(OLD, &BTreeMap::new(), 21, &mut nodes);
    let hash = keccak256(&old);
    let mut headers = vec![old];
    let mut anchored = ANCHORED;
    anchored.sort_unstable();
    for block in anchored.into_iter().chain([ANCHORED[0] + 1]) {
        let mut accounts: BTreeMap<[u8; 20], Account> = BTreeMap::new();
        for bait in baits().iter().filter(|bait| bait.block == block) {
            let slot = crate::evidence::storage_slot(bait).expect("a storage fact");
            accounts.entry(bait.address).or_default().storage.insert(slot, hash);
        }
        headers.push(header(block, &accounts, 21, &mut nodes));
    }
    headers.sort_by_key(|rlp| Header::read(rlp).expect("a header").number);
    let mut wanted = baits();
    wanted.push(Fact { block: ANCHORED[0] + 1, ..wanted[0] });
    wanted.push(fact(FactKind::Header, OLD, [0; 20], number(11)));
    let evidence = Evidence::collect_from(&wanted, &headers, &nodes, |block| block != OLD).expect("evidence");
    assert_eq!(evidence.links, [Link { block: OLD, from: ANCHORED[0] }]);
    Layout::new(&LINKED, &evidence).expect("it fits")
}

fn violation(layout: &Layout) -> Violation {
    record(&LINKED, layout).check().expect_err("the lie was accepted")
}

/// Every bait provides the very hash that the linked header asks for: only what a hop demands of it is in the way.
#[test_case(1; "a block beyond the window")]
#[test_case(2; "a block of the future")]
#[test_case(3; "another remainder")]
#[test_case(4; "a slot that was not reduced")]
#[test_case(5; "a slot with a top byte")]
#[test_case(6; "a mapping with that base slot")]
#[test_case(7; "another contract")]
#[test_case(8; "used twice")]
fn a_hash_that_stands_elsewhere(bait: usize) {
    let mut layout = hopped();
    record(&LINKED, &layout).check().expect("honest");
    layout.hops[0].read = layout.leaves[bait];
    let (block, used) = if bait == 8 { (HALF, 2) } else { (OLD, 1) };
    layout.hops[0].back = Fr::from(baits()[bait].block) - Fr::from(block + 1);
    layout.hops[0].used = Fr::from(used);
    unequal()(violation(&layout));
}

#[test]
fn a_linked_header_that_nothing_names() {
    let honest = hopped();
    let mut layout = honest.clone();
    layout.hops[0].used = Fr::ZERO;
    unprovided(tag::HASH)(violation(&layout));
    // under another number
    let mut layout = honest.clone();
    layout.hops[0].back += Fr::ONE;
    unprovided(tag::HASH)(violation(&layout));
    // by itself: the filler names the first anchor, this one no anchor
    let mut layout = honest;
    layout.hops[0] = layout.hops[1];
    layout.links[1] = layout.links[0];
    unprovided(tag::HASH)(violation(&layout));
}

#[test]
fn an_unused_anchor_names_nothing() {
    let layout = hopped();
    // the header that the unused anchors repeat is used elsewhere, as an anchor: put the old block in its place
    for used in [false, true] {
        let mut layout = layout.clone();
        let (flag, linked) = (Fr::from(u64::from(used)), Fr::ZERO);
        layout.anchors[7] = headers::HeaderHint { used: flag, linked, ..layout.links[0] };
        layout.hops[0].used = Fr::ZERO;
        let b = record(&LINKED, &layout);
        assert_eq!(b.check().is_ok(), used, "an anchor that is public names itself");
        assert_eq!(b.instances()[2 + 14] == Fr::ZERO, !used);
    }
}

#[test]
fn the_parent_of_an_unused_anchor_is_not_named() {
    let mut nodes = Nodes::default();
    let older = header(7, &BTreeMap::new(), 15, &mut nodes);
    let newer = child(&keccak256(&older), 8, &BTreeMap::new(), 15, &mut nodes);
    let evidence = Evidence {
        headers: vec![older, newer],
        links: vec![Link { block: 7, from: 8 }],
        facts: vec![Fact { value: number(7), ..fact(FactKind::Header, 7, [0; 20], number(8)) }],
        ..Evidence::default()
    };
    let mut layout = Layout::new(&LINKED, &evidence).expect("it fits");
    record(&LINKED, &layout).check().expect("honest");
    layout.anchors[0].used = Fr::ZERO;
    layout.links.iter_mut().skip(1).for_each(|link| *link = layout.anchors[0]);
    unprovided(tag::HASH)(violation(&layout));
}

/// Whatever hashes a prover finds, two headers do not name each other: one of them has the larger number, and nobody names that.
#[test]
fn two_headers_that_name_each_other() {
    let (none, mut nodes, [low, high]) = (BTreeMap::new(), Nodes::default(), [[0xaa; 32], [0xbb; 32]]);
    let anchor = header(5, &none, 15, &mut nodes);
    let older = child(&high, 7, &none, 15, &mut nodes);
    let newer = child(&low, 8, &none, 15, &mut nodes);
    let time = [5, 7, 8].map(|block| fact(FactKind::Header, block, [0; 20], number(11)));
    let headers = [anchor, older.clone(), newer.clone()];
    let evidence = Evidence::collect(&time, &headers, &nodes).expect("evidence");
    let mut layout = Layout::new(&LINKED, &evidence).expect("it fits");
    layout.leaves[1..3].iter_mut().zip([9, 10]).for_each(|(leaf, place)| leaf.place = place);
    layout.links[..2].copy_from_slice(&layout.anchors[1..3]);
    let unused = headers::HeaderHint { used: Fr::ZERO, ..layout.anchors[0] };
    layout.anchors[1..].fill(unused);
    let broken = [(older, low), (newer, high)];
    let check = |layout: &Layout| {
        let (mut b, first, start) = builder_with(LINKED.shape(), &layout.messages, &broken);
        constrain(&mut b, &LINKED, layout, &first, &start, Fr::from(7));
        b.check()
    };
    unprovided(tag::HASH)(check(&layout).expect_err("the ring was accepted"));
    // one of them named by somebody else names the other
    layout.anchors[1] = headers::HeaderHint { used: Fr::ONE, ..layout.links[1] };
    check(&layout).expect("an anchor and its parent");
}

/// The filler account has the address of the history contract here; its block is beyond all others, so is what a hop would lead to.
#[test]
fn a_hop_through_the_filler() {
    let mut layout = hopped();
    let hop = layout.hops[0];
    let reads = |slot: &accounts::SlotHint| keys::slot_index() + Fr::from(slot.key) == hop.read.says[4];
    let key = layout.slots.iter().find(|slot| reads(slot)).expect("the slot of the hop").key;
    let filler = layout.slots.last_mut().expect("a filler");
    filler.key = key;
    filler.end.edge.path = Fr::from(u64::from(keccak256(&number(u128::from(OLD % WINDOW)))[0] >> 4));
    let read = leaves::LeafHint { place: filler.account, of: filler.says, value: [Fr::ZERO; 2], ..hop.read };
    layout.hops[1] = hops::HopHint { read, used: Fr::ZERO, ..hop };
    record(&LINKED, &layout).check().expect("unused it says nothing");
    layout.hops[1].used = Fr::ONE;
    unequal()(violation(&layout));
}

#[test]
fn a_state_without_the_history_contract_names_nothing() {
    let mut layout = hopped();
    layout.hops[0].read = layout.leaves[baits().len()];
    layout.hops[0].back += Fr::ONE;
    unprovided(tag::HASH)(violation(&layout));
}

#[test]
fn an_anchor_at_block_zero_beside_unused_hops() {
    let mut nodes = Nodes::default();
    let genesis = header(0, &BTreeMap::new(), 15, &mut nodes);
    let time = [fact(FactKind::Header, 0, [0; 20], number(11))];
    accept(&LINKED, &Evidence::collect(&time, &[genesis], &nodes).expect("evidence"));
}

#[test]
fn shape_does_not_depend_on_links() {
    let (facts, headers, nodes) = anvil();
    let last = &headers[5..];
    let linked = Evidence::collect_from(&facts, &headers, &nodes, |block| block == 16_445).expect("evidence");
    let time = [fact(FactKind::Header, 16_445, [0; 20], number(11))];
    let plain = Evidence::collect(&time, last, &nodes).expect("evidence");
    let shapes = [&linked, &plain]
        .map(|evidence| record(&LINKED, &Layout::new(&LINKED, evidence).expect("it fits")).fingerprint());
    assert_eq!(shapes[0], shapes[1]);
}
