//! Test help: asks alloy-trie for its opinion.

use std::collections::BTreeMap;

use alloy_trie::proof::ProofRetainer;
use alloy_trie::{HashBuilder, Nibbles};

use super::{Nodes, Walk};
use crate::digest::Hash;

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
