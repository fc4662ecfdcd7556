//! Test help: builds a trie with all its nodes, and asks alloy-trie for its opinion.

use std::collections::BTreeMap;

use alloy_trie::proof::ProofRetainer;
use alloy_trie::{HashBuilder, Nibbles};

use super::{Nodes, Walk, nibbles};
use crate::digest::{EMPTY_ROOT, Hash};
use crate::rlp::{encode_list, encode_string};

/// Root and nodes of the trie that holds `entries`; keys may be of different lengths.
pub(crate) fn trie(entries: &BTreeMap<Vec<u8>, Vec<u8>>) -> (Hash, Nodes) {
    let mut nodes = Nodes::default();
    if entries.is_empty() {
        return (EMPTY_ROOT, nodes);
    }
    let items: Vec<_> = entries.iter().map(|(key, value)| (nibbles(key), value.as_slice())).collect();
    let root = encode(&items, 0, &mut nodes);
    (nodes.insert(root), nodes)
}

fn encode(items: &[(Vec<u8>, &[u8])], depth: usize, nodes: &mut Nodes) -> Vec<u8> {
    let (first, last) = (&items[0].0, &items[items.len() - 1].0);
    let mut payload = vec![];
    if let [(key, value)] = items {
        encode_string(&hex_prefix(&key[depth..], true), &mut payload);
        encode_string(value, &mut payload);
        return encode_list(&payload);
    }
    let shared = first[depth..].iter().zip(&last[depth..]).take_while(|(a, b)| a == b).count();
    if shared > 0 {
        encode_string(&hex_prefix(&first[depth..depth + shared], false), &mut payload);
        payload.extend(reference(encode(items, depth + shared, nodes), nodes));
        return encode_list(&payload);
    }
    let mut value: &[u8] = &[];
    let mut rest = items;
    if first.len() == depth {
        value = items[0].1;
        rest = &items[1..];
    }
    for nibble in 0..16 {
        let here = rest.iter().take_while(|(key, _)| key[depth] == nibble).count();
        if here == 0 {
            payload.push(0x80);
        } else {
            payload.extend(reference(encode(&rest[..here], depth + 1, nodes), nodes));
        }
        rest = &rest[here..];
    }
    encode_string(value, &mut payload);
    encode_list(&payload)
}

fn reference(node: Vec<u8>, nodes: &mut Nodes) -> Vec<u8> {
    if node.len() < 32 {
        return node;
    }
    let mut out = vec![];
    encode_string(&nodes.insert(node), &mut out);
    out
}

fn hex_prefix(path: &[u8], leaf: bool) -> Vec<u8> {
    let odd = path.len() % 2;
    let mut digits = vec![2 * u8::from(leaf) + odd as u8];
    if odd == 0 {
        digits.push(0);
    }
    digits.extend_from_slice(path);
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The proof of a walk: its hashed nodes, root first.
pub(crate) fn proof(walk: &Walk, nodes: &Nodes) -> Vec<Vec<u8>> {
    let hashed = walk.steps.iter().filter(|step| step.place.offset == 0);
    hashed.map(|step| nodes.get(&step.place.message).expect("a walked node").to_vec()).collect()
}

fn alloy(entries: &BTreeMap<Vec<u8>, Vec<u8>>, targets: Vec<Nibbles>) -> (Hash, Vec<Vec<u8>>) {
    let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::new(targets));
    for (key, value) in entries {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    let root = builder.root();
    let nodes = builder.take_proof_nodes().into_nodes_sorted();
    (root.0, nodes.into_iter().map(|(_, node)| node.to_vec()).collect())
}

pub(crate) fn alloy_root(entries: &BTreeMap<Vec<u8>, Vec<u8>>) -> Hash {
    alloy(entries, vec![]).0
}

pub(crate) fn alloy_proof(entries: &BTreeMap<Vec<u8>, Vec<u8>>, key: &[u8]) -> Vec<Vec<u8>> {
    alloy(entries, vec![Nibbles::unpack(key)]).1
}

pub(crate) fn alloy_accepts(root: &Hash, key: &[u8], value: &Option<Vec<u8>>, proof: &[Vec<u8>]) -> bool {
    let proof: Vec<_> = proof.iter().map(|node| node.clone().into()).collect();
    alloy_trie::proof::verify_proof((*root).into(), Nibbles::unpack(key), value.clone(), &proof).is_ok()
}
