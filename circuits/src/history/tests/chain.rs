//! A made-up chain: accounts with storage, state tries and headers, as evidence takes them.

use std::collections::BTreeMap;

use crate::digest::{Hash, keccak256};
use crate::rlp::{encode_list, encode_string};
use crate::trie::Nodes;
use crate::trie::build;

/// An account of the chain.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub nonce: u64,
    pub balance: u128,
    pub storage: BTreeMap<Hash, Hash>,
}

/// `number` as a word.
pub(super) fn number(number: u128) -> Hash {
    let mut word = [0; 32];
    word[16..].copy_from_slice(&number.to_be_bytes());
    word
}

fn minimal(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    encode_string(bytes, &mut out);
    out
}

/// The state trie of `accounts`, its nodes added to `nodes`.
fn state(accounts: &BTreeMap<[u8; 20], Account>, nodes: &mut Nodes) -> Hash {
    let mut add = |entries: &BTreeMap<Vec<u8>, Vec<u8>>| {
        let (root, new) = build::trie(entries);
        new.iter().for_each(|node| {
            nodes.insert(node.to_vec());
        });
        root
    };
    let mut leaves = BTreeMap::new();
    for (address, account) in accounts {
        let storage = account.storage.iter().filter(|(_, value)| **value != [0; 32]);
        let storage = storage.map(|(slot, value)| (keccak256(slot).to_vec(), string(minimal(value)))).collect();
        let root = add(&storage);
        let (nonce, balance) = (account.nonce.to_be_bytes(), account.balance.to_be_bytes());
        let fields = [minimal(&nonce), minimal(&balance), &root, &[0xcc; 32]];
        let payload: Vec<u8> = fields.iter().flat_map(|field| string(field)).collect();
        leaves.insert(keccak256(address).to_vec(), encode_list(&payload));
    }
    add(&leaves)
}

/// The header of block `number` on top of `accounts`, with `fields` fields, whose parent is nothing.
pub(super) fn header(block: u64, accounts: &BTreeMap<[u8; 20], Account>, fields: usize, nodes: &mut Nodes) -> Vec<u8> {
    child(&[1; 32], block, accounts, fields, nodes)
}

/// [`header`], whose parent has the hash `parent`.
pub(super) fn child(
    parent: &Hash,
    block: u64,
    accounts: &BTreeMap<[u8; 20], Account>,
    fields: usize,
    nodes: &mut Nodes,
) -> Vec<u8> {
    let root = state(accounts, nodes);
    let number = block.to_be_bytes();
    let time = (1_700_000_000 + 12 * block).to_be_bytes();
    let hash = |byte: u8| [byte; 32].to_vec();
    let mut all = vec![parent.to_vec(), hash(2), vec![3; 20], root.to_vec(), hash(4), hash(5), vec![0; 256], vec![]];
    all.extend([
        minimal(&number).to_vec(),
        vec![1, 0xc9, 0xc3, 0x80],
        vec![],
        minimal(&time).to_vec(),
        b"extra".to_vec(),
    ]);
    all.extend([hash(0xee), vec![0; 8], vec![7], hash(6), vec![], vec![0x80], hash(0xf0), hash(0xf1), hash(0xf2)]);
    all.truncate(fields);
    encode_list(&all.iter().flat_map(|field| string(field)).collect::<Vec<u8>>())
}
