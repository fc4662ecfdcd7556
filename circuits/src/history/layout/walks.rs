//! From native walks to steps, ends and the nodes that they use.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::places::{Once, Places};
use crate::digest::Hash;
use crate::history::blocks::Message;
use crate::history::nodes::{BRANCH, EXTENSION, LEAF};
use crate::history::steps::{Edge, Step};
use crate::history::walks::End;
use crate::trie::{self, Node, Nodes, Walk, nibbles};

/// What the walks use.
pub(in crate::history) struct Walks {
    pub nodes: Nodes,
    pub roots: Once<Message>,
    pub branches: Once<u64>,
    pub pairs: Once<u64>,
    /// Leaves whose values are long strings: receipts and transactions.
    pub long_leaves: Once<u64>,
    pub steps: Once<Step>,
    /// Any address with the byte 0x80.
    pub empty_item: u64,
}

impl Walks {
    /// No walks yet, over `nodes`.
    pub fn new(nodes: Nodes) -> Self {
        let (roots, steps) = (Once::new(), Once::new());
        let (branches, pairs, long_leaves) = (Once::new(), Once::new(), Once::new());
        Self { nodes, roots, branches, pairs, long_leaves, steps, empty_item: 0 }
    }

    /// Translates `walk` of the trie `root` along `key` into steps and an end, in a trie of accounts or storage.
    pub fn add(&mut self, places: &Places, root: &Hash, key: &Hash, walk: &Walk) -> End {
        self.add_keyed(places, root, key, walk, false)
    }

    /// [`Self::add`], in a trie with keys of any length; `has_long_leaves`: whether it is one of receipts or transactions.
    pub fn add_keyed(&mut self, places: &Places, root: &Hash, key: &[u8], walk: &Walk, has_long_leaves: bool) -> End {
        let key = nibbles(key);
        let integer = |path: &[u8]| path.iter().fold(Fr::ZERO, |acc, n| acc * Fr::from(16) + Fr::from(u64::from(*n)));
        let Some(last) = walk.steps.last() else {
            let edge = Edge { list: -Fr::ONE, code: BRANCH, path: integer(&key[..1]), item: self.empty_item };
            return End { path: Fr::ZERO, depth: 0, edge };
        };
        self.roots.add(places.by_hash[root]);
        for (i, step) in walk.steps.iter().enumerate() {
            let message = places.by_hash[&step.place.message];
            let bytes = self.nodes.get(&step.place.message).expect("walked over it");
            let list = message.base + step.place.offset as u64;
            let node = trie::decode(bytes, step.place).expect("walked over it");
            let (code, path, item) = match &node {
                Node::Branch { children, .. } => {
                    self.branches.add(list);
                    let nibble = key[step.depth];
                    (BRANCH, vec![nibble], &children[usize::from(nibble)])
                }
                Node::Extension { path, child } => (EXTENSION + path.len() as u64, path.clone(), child),
                Node::Leaf { path, value } => (LEAF + path.len() as u64, path.clone(), value),
            };
            match node {
                Node::Branch { .. } => {}
                Node::Leaf { .. } if has_long_leaves => self.long_leaves.add(list),
                _ => self.pairs.add(list),
            }
            let item = message.base + item.offset as u64;
            let edge = Edge { list: Fr::from(list), code, path: integer(&path), item };
            let (path, depth) = (integer(&key[..step.depth]), step.depth as u64);
            match walk.steps.get(i + 1) {
                None => return End { path, depth, edge },
                Some(next) => {
                    let child = (next.place.offset == 0).then(|| places.by_hash[&next.place.message]);
                    self.steps.add(Step { root: super::folded(root), path, depth, edge, child });
                }
            }
        }
        unreachable!("the walk ends at {last:?}")
    }
}
