//! Linked anchors: public, and believed as linked headers are; so the history of one proof goes on in the next.

use halo2_base::halo2_proofs::arithmetic::Field;
use test_case::test_case;

use super::lies::{unequal, unprovided};
use super::links::{LINKED, anvil};
use super::*;
use crate::evidence::{EvidenceError, Link, WINDOW};
use crate::grid::Violation;
use crate::history::tables::tag;
use crate::instances::Anchor;

/// The first proof starts at the newest block, and remembers the block in the middle; the second one starts there.
const OLD: u64 = 60;
const MIDDLE: u64 = OLD + WINDOW;
const NEWEST: u64 = 16_445;

/// Evidence of the facts at blocks from `from` on, with `anchor` as the only plain anchor.
fn part(from: u64, anchor: u64) -> Evidence {
    let (facts, headers, nodes) = anvil();
    let facts: Vec<Fact> = facts.into_iter().filter(|fact| (from..=anchor).contains(&fact.block)).collect();
    Evidence::collect_from(&facts, &headers, &nodes, |block| block == anchor).expect("evidence")
}

fn first() -> Evidence {
    Evidence { remembered: vec![MIDDLE], ..part(MIDDLE, NEWEST) }
}

#[test]
fn two_proofs_are_one_chain() {
    let (first, second) = (first(), part(OLD, MIDDLE));
    accept(&LINKED, &first);
    accept(&LINKED, &second);
    let [learnt, asked] = first.anchors().expect("headers").try_into().expect("two anchors");
    assert_eq!((learnt.number, learnt.linked, asked.number, asked.linked), (MIDDLE, true, NEWEST, false));
    // the second proof asks for what the first one taught
    assert_eq!(second.anchors().expect("headers"), [Anchor { linked: false, ..learnt }]);
    assert_eq!(second.links, [Link { block: OLD, from: MIDDLE }]);
}

#[test]
fn several_blocks_can_be_remembered_with_facts_and_without() {
    let evidence = Evidence { remembered: vec![OLD, MIDDLE, NEWEST - 1], ..part(OLD, NEWEST) };
    accept(&LINKED, &evidence);
    assert_eq!(evidence.anchors().expect("headers").iter().filter(|anchor| anchor.linked).count(), 3);
}

#[test]
fn only_what_is_linked_can_be_remembered() {
    for block in [NEWEST, 7] {
        let error = Evidence { remembered: vec![block], ..first() }.check().expect_err("no link leads there");
        assert_eq!(error, EvidenceError::NotLinked { block });
    }
}

#[test]
fn shape_does_not_depend_on_what_is_remembered() {
    let shapes = [&first(), &part(MIDDLE, NEWEST)]
        .map(|evidence| record(&LINKED, &Layout::new(&LINKED, evidence).expect("it fits")).fingerprint());
    assert_eq!(shapes[0], shapes[1]);
}

// --- lies -------------------------------------------------------------------------------------------------------

/// The first proof: anchor 0 is linked, anchor 1 is not, the others are unused.
fn attack() -> Layout {
    let layout = Layout::new(&LINKED, &first()).expect("it fits");
    record(&LINKED, &layout).check().expect("honest");
    layout
}

fn violation(layout: &Layout) -> Violation {
    record(&LINKED, layout).check().expect_err("the lie was accepted")
}

#[test]
fn a_flag_on_a_block_that_nothing_names() {
    // the block that hangs on the chain's word alone
    let mut layout = attack();
    layout.anchors[1].linked = Fr::ONE;
    unprovided(tag::HASH)(violation(&layout));
    // the linked one, without the hop that leads to it
    let mut layout = attack();
    layout.hops[0].used = Fr::ZERO;
    unprovided(tag::HASH)(violation(&layout));
}

#[test]
fn a_block_with_another_hash_is_not_the_one_named() {
    // the hop names the hash of the middle: another block of that number has another hash
    let evidence = first();
    let mut layout = attack();
    let at = layout.messages.iter().position(|message| *message == evidence.headers[0]).expect("its header");
    let last = layout.messages[at].len() - 1;
    layout.messages[at][last] ^= 1;
    unprovided(tag::HASH)(violation(&layout));
}

#[test]
fn without_the_flag_it_is_an_anchor_that_the_contract_asks_for() {
    let mut layout = attack();
    let flagged = record(&LINKED, &layout).instances();
    layout.anchors[0].linked = Fr::ZERO;
    let b = record(&LINKED, &layout);
    b.check().expect("a plain anchor");
    let plain = b.instances();
    assert_eq!(flagged[2] - plain[2], Fr::from_raw([0, 0, 0, 1 << 8]));
    assert_eq!(flagged[3..], plain[3..]);
}

/// Each gate is satisfied but those which keep the two flags in range.
#[test_case(0, 1; "an unused anchor that is linked")]
#[test_case(0, -1; "an unused anchor that answers for itself")]
#[test_case(1, -1; "a used anchor that answers twice")]
#[test_case(1, 2; "a flag that is no bit")]
fn flags_out_of_range(used: i8, linked: i8) {
    let field = |v: i8| if v < 0 { -Fr::ONE } else { Fr::from(u64::from(v.unsigned_abs())) };
    let mut layout = attack();
    let anchor = &mut layout.anchors[7];
    *anchor = headers::HeaderHint { used: field(used), linked: field(linked), ..*anchor };
    unequal()(violation(&layout));
}
