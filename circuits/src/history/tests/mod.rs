//! The whole statement, natively evaluated: honest evidence is accepted with the native root, every lie is refused.

mod chain;
mod entries_of_mainnet;
mod fixtures;
mod forks;
mod honest;
mod honest_entries;
pub(super) mod lies;
mod lies_entries;
mod lies_tries;
mod linked_anchors;
mod links;
mod paths;
mod semantic;
mod transactions;
mod tries;

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use serde_json::Value;

use super::*;
use crate::digest::Hash;
use crate::evidence::Evidence;
use crate::facts::{Fact, FactKind, FactTree};
use crate::grid::{Memory, Shape};
use crate::keccak::sponge;
use crate::path::Path;
use crate::testing::{fixture_json, unhex, word};
use crate::trie::Nodes;

/// A builder over the memory of `messages`, with the cells that say where messages start.
pub(super) fn builder_of(shape: Shape, messages: &[Vec<u8>]) -> (Builder, Vec<Cell>, Vec<Cell>) {
    builder_with(shape, messages, &[])
}

/// [`builder_of`], in which some messages of one block or more have digests of the prover's choice, as if keccak were broken.
fn builder_with(shape: Shape, messages: &[Vec<u8>], digests: &[(Vec<u8>, Hash)]) -> (Builder, Vec<Cell>, Vec<Cell>) {
    let (mut blocks, mut first, mut chosen) = (vec![], vec![], vec![]);
    for message in messages {
        let padded = sponge::pad(message);
        let digest = digests.iter().find(|(of, _)| of == message);
        chosen.extend(digest.map(|(_, digest)| (blocks.len() + padded.len() - 1, digest)));
        first.extend((0..padded.len()).map(|i| i == 0));
        blocks.extend(padded);
    }
    blocks.resize(shape.blocks, sponge::pad(&[])[0]);
    first.resize(shape.blocks, true);
    let mut states: Vec<_> = sponge::run(&blocks, &first).iter().map(|(_, out)| sponge::state_bytes(out)).collect();
    chosen.into_iter().for_each(|(block, digest)| states[block][..32].copy_from_slice(digest));
    let mut b = Builder::new(shape, Memory::new(&blocks, &states));
    let mut start = 0;
    let (mut firsts, mut starts) = (vec![], vec![]);
    for (block, first) in first.iter().enumerate() {
        if *first {
            start = block as u64;
        }
        firsts.push(b.witness(Fr::from(u64::from(*first))));
        starts.push(b.witness(Fr::from(start)));
    }
    (b, firsts, starts)
}

/// The builder with everything recorded.
fn record(class: &Class, layout: &Layout) -> Builder {
    let (mut b, first, start) = builder_of(class.shape(), &layout.messages);
    constrain(&mut b, class, layout, &first, &start, Fr::from(7));
    b
}

/// Checks that the circuit accepts the evidence and has the native root, and returns its rows.
fn accept(class: &Class, evidence: &Evidence) -> usize {
    let layout = Layout::new(class, evidence).unwrap_or_else(|error| panic!("{error}"));
    let b = record(class, &layout);
    b.check().unwrap_or_else(|violation| panic!("{violation}"));
    let instances = b.instances();
    assert_eq!(instances.len(), INSTANCES);
    assert_eq!(instances[0], FactTree::new(&evidence.facts).expect("few facts").root());
    assert_eq!(instances[1], Fr::from(7));
    let anchors = evidence.anchors().expect("headers");
    for (i, pair) in instances[2..].chunks(2).enumerate() {
        let expected = anchors.get(i).map_or([Fr::zero(); 2], |anchor| {
            let half = |bytes: &[u8]| crate::facts::field(bytes);
            let shift = Fr::from_raw([0, 0, 1, 0]);
            let flag = if anchor.linked { Fr::from_raw([0, 0, 0, 1 << 8]) } else { Fr::zero() };
            [Fr::from(anchor.number) * shift + flag + half(&anchor.hash[..16]), half(&anchor.hash[16..])]
        });
        assert_eq!(pair, expected, "anchor {i}");
    }
    b.rows()
}

/// A fact without keys and value.
fn fact(kind: FactKind, block: u64, address: [u8; 20], slot: [u8; 32]) -> Fact {
    Fact { kind, block, address, slot, key: [0; 32], key2: [0; 32], path: Path::NONE, value: [0; 32] }
}

/// Facts that a proof file states, with their values: four fields of each account, its slots. And the nodes.
fn stated(file: &Value, block: u64) -> (Vec<Fact>, Nodes) {
    let (mut facts, mut nodes) = (vec![], Nodes::default());
    let text = |value: &Value| word(value.as_str().expect("hex"));
    for response in file["proofs"].as_array().expect("a list") {
        let address: [u8; 20] = unhex(response["address"].as_str().expect("hex")).try_into().expect("20 bytes");
        let slots = response["storageProof"].as_array().expect("a list");
        for list in slots.iter().map(|slot| &slot["proof"]).chain([&response["accountProof"]]) {
            for node in list.as_array().expect("a list") {
                nodes.insert(unhex(node.as_str().expect("hex")));
            }
        }
        for (field, name) in (0..).zip(["nonce", "balance", "storageHash", "codeHash"]) {
            let value = text(&response[name]);
            facts.push(Fact { value, ..fact(FactKind::Account, block, address, chain::number(field)) });
        }
        for slot in slots {
            let value = text(&slot["value"]);
            facts.push(Fact { value, ..fact(FactKind::Slot, block, address, text(&slot["key"])) });
        }
    }
    (facts, nodes)
}

/// The header, the nodes, and balance and slot facts of a proof file.
fn file(name: &str) -> Option<(Vec<Fact>, Vec<Vec<u8>>, Nodes)> {
    let file = fixture_json(&format!("proofs/{name}.json"))?;
    let header = unhex(file["header_rlp"].as_str().expect("hex"));
    let (facts, nodes) = stated(&file, file["block_number"].as_u64().expect("a number"));
    let is_wanted = |fact: &Fact| fact.kind == FactKind::Slot || fact.slot == chain::number(1);
    Some((facts.into_iter().filter(is_wanted).collect(), vec![header], nodes))
}
