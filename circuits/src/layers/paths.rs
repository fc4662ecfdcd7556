//! Paths: which leaf of a tree is reached.
//!
//! Statement: what arrives at the root is `start`; a node hands all of it to the right child if its threshold is reached, else to
//! the left: `right = flow * u`, `left = flow - right`. The result is what arrives at each leaf.

use crate::{
    model::{Child, Tree},
    score::sheet::{Cell, Sheet, value},
};
use halo2_base::{
    QuantumCell::{Constant, Existing, Witness},
    halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr},
};

/// What a node hands to the right and to the left, as the prover claims it.
pub type Hint = Vec<[Fr; 2]>;

/// The honest flows.
pub fn hint(tree: &Tree, steps: &[Vec<Cell>], start: Cell) -> Hint {
    let mut arriving = vec![Fr::ZERO; tree.nodes.len()];
    arriving[0] = value(&start);
    let mut flows = Vec::with_capacity(tree.nodes.len());
    for (i, node) in tree.nodes.iter().enumerate() {
        let right = arriving[i] * value(&steps[node.source][node.rank]);
        let flow = [right, arriving[i] - right];
        for (child, flow) in [node.right, node.left].into_iter().zip(flow) {
            if let Child::Node(n) = child {
                arriving[n] = flow;
            }
        }
        flows.push(flow);
    }
    flows
}

/// What arrives at each leaf.
///
/// | cell     | range                                   | who enforces it |
/// |----------|-----------------------------------------|-----------------|
/// | steps    | 0 or 1: by source, then by threshold    | caller          |
/// | start    | not 0                                   | caller          |
/// | returned | `start` at one leaf, 0 at the others    | this function   |
///
/// Assumes a checked tree. Sound: both flows of a node are functions of what arrives and of its step; which steps a node reads is
/// wiring, so neither a path against the thresholds nor a leaf of another tree can be claimed.
pub fn constrain(sheet: &mut Sheet, tree: &Tree, steps: &[Vec<Cell>], start: Cell, hint: &Hint) -> Vec<Cell> {
    let mut arriving = vec![start; tree.nodes.len()];
    let mut leaves = vec![start; tree.leaves()];
    for (i, (node, [right, left])) in tree.nodes.iter().zip(hint).enumerate() {
        // 0 + flow * u = right and right + 1 * left = flow
        let (flow, step) = (arriving[i], steps[node.source][node.rank]);
        let at = sheet.ctx.advice.len() as isize;
        let cells = [
            Constant(Fr::ZERO),
            Existing(flow),
            Existing(step),
            Witness(*right),
            Constant(Fr::ONE),
            Witness(*left),
            Existing(flow),
        ];
        sheet.ctx.assign_region(cells, [0, 3]);
        let (right, left) = (sheet.ctx.get(at + 3), sheet.ctx.get(at + 5));
        for (child, cell) in [(node.right, right), (node.left, left)] {
            match child {
                Child::Node(n) => arriving[n] = cell,
                Child::Leaf(l) => leaves[l] = cell,
            }
        }
    }
    leaves
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Node;
    use test_case::test_case;

    /// Node 0 asks threshold 1 of source 0; node 1 on its left asks threshold 0 of source 1.
    fn tree() -> Tree {
        let node = |source, rank, left, right| Node { source, rank, left, right };
        Tree { nodes: vec![node(0, 1, Child::Node(1), Child::Leaf(2)), node(1, 0, Child::Leaf(0), Child::Leaf(1))] }
    }

    fn sheet(steps: [[u64; 2]; 2]) -> (Sheet, Vec<Vec<Cell>>, Cell) {
        let mut sheet = Sheet::default();
        let steps = steps.map(|s| s.map(|u| sheet.witness(Fr::from(u))).to_vec()).to_vec();
        let start = sheet.constant(Fr::from(9));
        (sheet, steps, start)
    }

    #[test_case([[1, 0], [0, 0]], [9, 0, 0])]
    #[test_case([[1, 0], [1, 1]], [0, 9, 0])]
    #[test_case([[1, 1], [1, 0]], [0, 0, 9])]
    fn one_leaf_is_reached(steps: [[u64; 2]; 2], expected: [u64; 3]) {
        let (mut sheet, steps, start) = sheet(steps);
        let hint = hint(&tree(), &steps, start);
        let leaves = constrain(&mut sheet, &tree(), &steps, start, &hint);
        assert_eq!(sheet.violations(&[]), []);
        assert_eq!(leaves.iter().map(value).collect::<Vec<_>>(), expected.map(Fr::from));
    }

    #[test]
    fn the_leaf_of_another_tree_cannot_be_claimed() {
        // the same thresholds, but node 1 is on the other side
        let node = |source, rank, left, right| Node { source, rank, left, right };
        let nodes = vec![node(0, 1, Child::Leaf(2), Child::Node(1)), node(1, 0, Child::Leaf(0), Child::Leaf(1))];
        let other = Tree { nodes };
        for steps in [[[1, 0], [0, 0]], [[1, 0], [1, 1]], [[1, 1], [1, 0]]] {
            for (claimed, accept) in [(tree(), true), (other.clone(), false)] {
                let (mut sheet, steps, start) = sheet(steps);
                let hint = hint(&claimed, &steps, start);
                let leaves = constrain(&mut sheet, &tree(), &steps, start, &hint);
                assert_eq!(
                    sheet.violations(&[]).is_empty(),
                    accept,
                    "{:?}",
                    leaves.iter().map(value).collect::<Vec<_>>()
                );
            }
        }
    }

    // steps that lead to leaf 1
    #[test_case([[0, 9], [9, 0]], true; "honest")]
    #[test_case([[9, 0], [0, 0]], false; "right against the threshold")]
    #[test_case([[0, 9], [0, 9]], false; "left against the threshold")]
    #[test_case([[0, 9], [9, 9]], false; "both leaves")]
    #[test_case([[0, 9], [0, 0]], false; "no leaf")]
    fn accepts_only_the_path_of_the_thresholds(claim: [[u64; 2]; 2], accept: bool) {
        let (mut sheet, steps, start) = sheet([[1, 0], [1, 0]]);
        let claim = claim.map(|flow| flow.map(Fr::from)).to_vec();
        constrain(&mut sheet, &tree(), &steps, start, &claim);
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }
}
