//! Builds a trie with all its nodes.

use std::collections::BTreeMap;

use super::{Nodes, nibbles};
use crate::digest::{EMPTY_ROOT, Hash};
use crate::rlp::{encode_list, encode_string};

/// Root and nodes of the trie that holds `entries`; keys may be of different lengths.
pub fn trie(entries: &BTreeMap<Vec<u8>, Vec<u8>>) -> (Hash, Nodes) {
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
