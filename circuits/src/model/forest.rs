//! Trees: for each leaf, 1.0 if the inputs lead to it, else 0. A dense layer behind it adds up what the leaves say.
//!
//! Topology is structure, thresholds are weights.

use super::{Interval, ModelError, bits, interval};
use crate::{
    fixed::{ONE, to_field, to_integer},
    layers::{paths, steps},
    score::sheet::{Cell, LIMB_BITS, Sheet, value},
};
use serde::{Deserialize, Serialize};

/// Largest range of a source or threshold; what is beyond is refused, since gaps between thresholds are `i64`.
const MAX_BITS: usize = 60;

/// What a branch leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Child {
    /// A node of the same tree, behind this one.
    Node(usize),
    /// A leaf, which nothing else leads to.
    Leaf(usize),
}

/// A branch: right if the source reaches the threshold, else left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Which of the layer's sources.
    pub source: usize,
    /// Which of its thresholds.
    pub rank: usize,
    /// Where it is not reached.
    pub left: Child,
    /// Where it is reached.
    pub right: Child,
}

/// A tree; its root is node 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// At least one.
    pub nodes: Vec<Node>,
}

/// The layer's trees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forest {
    /// Of each source, rising.
    pub thresholds: Vec<Vec<i64>>,
    /// Sources and thresholds are below `2^bits` in magnitude.
    pub bits: usize,
    /// In order of their leaves.
    pub trees: Vec<Tree>,
}

impl Tree {
    /// A binary tree has one leaf more than nodes.
    pub fn leaves(&self) -> usize {
        self.nodes.len() + 1
    }

    /// The leaf that is reached, given for each source how many thresholds it reaches.
    pub fn leaf(&self, steps: &[usize]) -> usize {
        let mut at = Child::Node(0);
        loop {
            at = match at {
                Child::Leaf(leaf) => return leaf,
                Child::Node(n) => {
                    let node = &self.nodes[n];
                    if steps[node.source] > node.rank { node.right } else { node.left }
                }
            };
        }
    }

    /// Each node but the root and each leaf is led to once, by a node before it.
    fn is_a_tree(&self) -> bool {
        let (mut nodes, mut leaves) = (vec![false; self.nodes.len()], vec![false; self.leaves()]);
        for (i, node) in self.nodes.iter().enumerate() {
            for child in [node.left, node.right] {
                let seen = match child {
                    Child::Node(n) if n > i => nodes.get_mut(n),
                    Child::Node(_) => None,
                    Child::Leaf(l) => leaves.get_mut(l),
                };
                match seen {
                    Some(seen) if !*seen => *seen = true,
                    _ => return false,
                }
            }
        }
        !self.nodes.is_empty() && nodes.iter().skip(1).chain(&leaves).all(|seen| *seen)
    }
}

impl Forest {
    /// Leaves of all trees.
    pub fn leaves(&self) -> usize {
        self.trees.iter().map(Tree::leaves).sum()
    }

    /// Bits of the largest source or threshold.
    fn reach(&self, bounds: &[Interval]) -> usize {
        let thresholds = self.thresholds.iter().flatten().map(|t| bits(i128::from(t.unsigned_abs())));
        thresholds.max().unwrap_or(0).max(interval::widest(bounds))
    }

    pub(super) fn size(&mut self, bounds: &[Interval]) {
        self.bits = interval::declared(self.reach(bounds), MAX_BITS);
    }

    pub(super) fn check(&self, name: &str, bounds: &[Interval]) -> Result<Vec<Interval>, ModelError> {
        let tree = |tree, problem| ModelError::Tree { layer: name.into(), tree, problem };
        if self.thresholds.len() != bounds.len() {
            let (expected, got) = (bounds.len(), self.thresholds.len());
            return Err(ModelError::Shape { layer: name.into(), what: "the list of thresholds", expected, got });
        }
        for (i, thresholds) in self.thresholds.iter().enumerate() {
            if thresholds.is_empty()
                || thresholds.len() >= 1 << LIMB_BITS
                || thresholds.windows(2).any(|w| w[0] >= w[1])
            {
                return Err(tree(i, "expected 1 to 8191 rising thresholds of its source"));
            }
        }
        for (i, t) in self.trees.iter().enumerate() {
            let exists = |n: &Node| self.thresholds.get(n.source).is_some_and(|t| n.rank < t.len());
            if !t.is_a_tree() || !t.nodes.iter().all(exists) {
                return Err(tree(i, "expected a binary tree, parents before children, over thresholds that exist"));
            }
        }
        interval::fits(name, self.reach(bounds), self.bits, MAX_BITS)?;
        Ok(vec![Interval::new(0, ONE.into()); self.leaves()])
    }

    pub(super) fn run(&self, inputs: &[i128]) -> Vec<i128> {
        let steps: Vec<usize> = self.thresholds.iter().zip(inputs).map(|(t, x)| steps::hint(*x, t)).collect();
        let mut out = Vec::with_capacity(self.leaves());
        for tree in &self.trees {
            let reached = tree.leaf(&steps);
            out.extend((0..tree.leaves()).map(|leaf| if leaf == reached { i128::from(ONE) } else { 0 }));
        }
        out
    }

    pub(super) fn constrain(&self, sheet: &mut Sheet, inputs: &[Cell]) -> Vec<Cell> {
        let steps: Vec<Vec<Cell>> = inputs
            .iter()
            .zip(&self.thresholds)
            .map(|(x, thresholds)| {
                let hint = steps::hint(to_integer(value(x)), thresholds);
                steps::constrain(sheet, *x, self.bits, thresholds, &steps::one_hot(hint, thresholds.len()))
            })
            .collect();
        let start = sheet.constant(to_field(i128::from(ONE)));
        let mut out = Vec::with_capacity(self.leaves());
        for tree in &self.trees {
            let hint = paths::hint(tree, &steps, start);
            out.extend(paths::constrain(sheet, tree, &steps, start, &hint));
        }
        out
    }
}
