//! Proof files that are not of a whole block: single accounts, also of blocks whose header is not known.

use std::collections::BTreeMap;

use super::chain::header;
use super::*;

/// Where the state root stands in a header of the usual length: after the list's prefix, two hashes and an address.
const STATE_ROOT: usize = 3 + 33 + 33 + 21 + 1;

/// A slot, a slot of an account without storage, and a slot that is not there: under a made header with the file's state root.
#[test]
fn proofs_of_blocks_without_a_header() {
    for (name, ends) in [
        ("axiom_default_storage_pf", "f0e3b9aada6d89ddeb34aab7e9cd1744cf90d82f"),
        ("axiom_empty_storage_pf", "0"),
        ("axiom_noninclusion_branch_pf", "0"),
    ] {
        let Some(file) = fixture_json(&format!("proofs/{name}.json")) else { return };
        let (facts, mut nodes) = stated(&file, 77);
        let mut made = header(77, &BTreeMap::new(), 16, &mut nodes);
        made[STATE_ROOT..STATE_ROOT + 32].copy_from_slice(&word(file["state_root"].as_str().expect("hex")));
        assert_eq!((facts.len(), facts[4].kind, facts[4].value), (5, FactKind::Slot, word(ends)), "{name}");
        agrees(&facts, &made, &nodes);
    }
}

#[test]
fn a_balance_of_wrapped_ether_at_a_prague_block() {
    let Some(file) = fixture_json("proofs/nimbus_23223655_weth.json") else { return };
    let header = unhex(file["header_rlp"].as_str().expect("hex"));
    let (facts, nodes) = stated(&file, file["block_number"].as_u64().expect("a number"));
    assert_eq!(facts[4].value, word("288a82d13c3d1600"));
    agrees(&facts, &header, &nodes);
}

/// The evidence has the values of `facts`, and the circuit accepts it.
fn agrees(facts: &[Fact], header: &[u8], nodes: &Nodes) {
    let evidence = Evidence::collect(facts, &[header.to_vec()], nodes).expect("evidence");
    assert_eq!(evidence.facts, facts);
    accept(&Class::S, &evidence);
}
