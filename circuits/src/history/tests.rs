//! The whole statement over real evidence.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use serde_json::Value;

use super::*;
use crate::evidence::Evidence;
use crate::facts::{Fact, FactKind, FactTree};
use crate::grid::{In, Memory};
use crate::keccak::sponge;
use crate::testing::{fixture_json, unhex, word};
use crate::trie::Nodes;

/// The builder with everything recorded.
fn record(class: &Class, layout: &Layout) -> Builder {
    let (mut blocks, mut first) = (vec![], vec![]);
    for message in &layout.messages {
        let padded = sponge::pad(message);
        first.extend((0..padded.len()).map(|i| i == 0));
        blocks.extend(padded);
    }
    blocks.resize(class.blocks, sponge::pad(&[])[0]);
    first.resize(class.blocks, true);
    let states: Vec<_> = sponge::run(&blocks, &first).iter().map(|(_, out)| sponge::state_bytes(out)).collect();
    let mut b = Builder::new(class.shape(), Memory::new(&blocks, &states));
    let mut start = 0;
    let starts: Vec<u64> = first
        .iter()
        .zip(0..)
        .map(|(first, i)| {
            if *first {
                start = i
            }
            start
        })
        .collect();
    let firsts: Vec<Cell> = first.iter().map(|first| b.witness(Fr::from(u64::from(*first)))).collect();
    let starts: Vec<Cell> = starts.iter().map(|start| b.witness(Fr::from(*start))).collect();
    constrain(&mut b, class, layout, &firsts, &starts, Fr::from(7));
    b
}

fn zeth() -> Option<(Vec<Fact>, Vec<Vec<u8>>, Nodes)> {
    let file = fixture_json("proofs/zeth_18884864.json")?;
    let header = unhex(file["header_rlp"].as_str().expect("hex"));
    let block = file["block_number"].as_u64().expect("a number");
    let zero = [0; 32];
    let fact = |kind, address, slot| Fact { kind, block, address, slot, key: zero, key2: zero, value: zero };
    let mut facts = vec![];
    let mut nodes = Nodes::default();
    let mut put = |list: &Value| {
        for node in list.as_array().expect("a list") {
            nodes.insert(unhex(node.as_str().expect("hex")));
        }
    };
    for response in file["proofs"].as_array().expect("a list") {
        let address: [u8; 20] = unhex(response["address"].as_str().expect("hex")).try_into().expect("20 bytes");
        put(&response["accountProof"]);
        facts.push(fact(FactKind::Account, address, word("1")));
        for slot in response["storageProof"].as_array().expect("a list") {
            put(&slot["proof"]);
            facts.push(fact(FactKind::Slot, address, word(slot["key"].as_str().expect("hex"))));
        }
    }
    Some((facts, vec![header], nodes))
}

#[test]
fn accepts_one_mainnet_slot_in_class_s() {
    let Some((facts, headers, nodes)) = zeth() else { return };
    let slot = facts.iter().position(|fact| fact.kind == FactKind::Slot).expect("a slot");
    let wanted =
        [facts[slot - 1], facts[slot], Fact { kind: FactKind::Header, address: [0; 20], slot: word("b"), ..facts[0] }];
    let evidence = Evidence::collect(&wanted, &headers, &nodes).expect("evidence");
    let layout = Layout::new(&Class::S, &evidence).expect("it fits");
    let b = record(&Class::S, &layout);
    println!("class S: {} rows", b.rows());
    b.check().expect("honest");
    let tree = FactTree::new(&evidence.facts).expect("few facts");
    assert_eq!(b.instances()[0], tree.root());
    let _ = In::Const(Fr::ONE);
}
