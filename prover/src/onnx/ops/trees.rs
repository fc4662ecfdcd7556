//! `TreeEnsembleRegressor` and `TreeEnsembleClassifier` of `ai.onnx.ml`, as scikit-learn, XGBoost and LightGBM export them.

use super::{Call, Folder};
use crate::onnx::{
    FloatActivation, FloatNode, FloatTree,
    error::OnnxError,
    linear::{Linear, Tensor},
};
use std::collections::{BTreeMap, HashMap, HashSet};
use vouch_circuits::{layers::curve::Curve, model::Child};

/// One entry of the lists `nodes_…`.
struct Entry {
    tree: i64,
    id: i64,
    feature: usize,
    value: f64,
    mode: String,
    on_true: i64,
    on_false: i64,
}

/// Trees with the id of the ONNX node of each of their leaves, in order.
struct Ensemble {
    trees: Vec<FloatTree>,
    leaves: Vec<Vec<(i64, i64)>>,
}

impl Folder {
    pub(super) fn trees(&mut self, call: &Call) -> Result<Option<Tensor>, OnnxError> {
        let prefix = match call.node.op.as_str() {
            "ai.onnx.ml.TreeEnsembleRegressor" => "target",
            "ai.onnx.ml.TreeEnsembleClassifier" => "class",
            _ => return Ok(None),
        };
        if matches!(call.operand(0)?.shape.as_slice(), [rows, _, ..] if *rows > 1) {
            return Err(call.problem("expected one row; export with batch 1"));
        }
        let x = call.operand(0)?.data.clone();
        let ensemble = read(call, x.len())?;
        // only features that a tree asks for
        let asked: HashSet<usize> = ensemble.trees.iter().flat_map(|t| &t.nodes).map(|n| n.source).collect();
        let asked: Vec<usize> = (0..x.len()).filter(|i| asked.contains(i)).collect();
        let slots: HashMap<usize, usize> = asked.iter().enumerate().map(|(slot, i)| (*i, slot)).collect();
        let features: Vec<Linear> = asked.iter().map(|i| x[*i].clone()).collect();
        let sources = self.positions(&call.node.name, &features, false);
        let mut trees = ensemble.trees;
        trees.iter_mut().flat_map(|t| &mut t.nodes).for_each(|n| n.source = slots[&n.source]);

        let mut leaf_of: HashMap<(i64, i64), Linear> = HashMap::new();
        let (first, mut next) = (self.values, self.values);
        for (tree, leaves) in trees.iter().zip(&ensemble.leaves) {
            for leaf in leaves {
                // a tree that is nothing but a leaf always reaches it
                let element = if tree.nodes.is_empty() { Linear::constant(1.0) } else { Linear::value(next) };
                next += usize::from(!tree.nodes.is_empty());
                leaf_of.insert(*leaf, element);
            }
        }
        trees.retain(|t| !t.nodes.is_empty());
        if next > first {
            self.leaves(&call.node.name, sources, trees, next - first);
        }
        let sums = sums(call, prefix, &leaf_of, ensemble.leaves.len())?;
        if prefix == "target" {
            return self.post_transform(call, sums, 0.0).map(Some);
        }
        self.classes(call, sums, &ensemble.leaves).map(Some)
    }

    /// A score for each class, as onnxruntime makes them of the sums.
    fn classes(&mut self, call: &Call, sums: Vec<Linear>, leaves: &[Vec<(i64, i64)>]) -> Result<Tensor, OnnxError> {
        let list = |name: &str| call.node.integers(name).unwrap_or_default();
        let ids = list("class_ids");
        let [first, second] = sums.as_slice() else { return self.post_transform(call, sums, 0.0) };
        let base = call.node.floats("base_values").unwrap_or_default().len();
        if ids.iter().all(|id| *id == 0) && base < 2 {
            let score = Linear::sum([(1.0, first), (1.0, second)]);
            let positive = call.node.floats("class_weights").unwrap_or_default().iter().all(|w| *w >= 0.0);
            return self.one_score(call, score, positive);
        }
        // otherwise it takes two scores for one where a row reaches no leaf of the second class, and mixes base values
        let places = list("class_treeids").iter().zip(list("class_nodeids")).zip(ids);
        let second_class: HashSet<(i64, i64)> =
            places.filter(|(_, id)| **id == 1).map(|((t, n), _)| (*t, *n)).collect();
        if base > 0 || !leaves.iter().any(|tree| tree.iter().all(|leaf| second_class.contains(leaf))) {
            return Err(call.problem(
                "expected one score for two classes (class_ids all 0), or weights of both classes in each leaf and no base_values; add base values to the leaves",
            ));
        }
        self.post_transform(call, sums, 0.0)
    }

    /// Scores of two classes of which one has a score: the other is its opposite, or `whole`, what it lacks to 1. onnxruntime leaves SOFTMAX out.
    pub(super) fn one_score(&mut self, call: &Call, score: Linear, whole: bool) -> Result<Tensor, OnnxError> {
        let opposite = Linear::sum([(-1.0, &score)]);
        match call.node.text("post_transform").as_deref() {
            None | Some("NONE" | "" | "SOFTMAX") => {
                let first = Linear { bias: opposite.bias + f64::from(u8::from(whole)), ..opposite };
                Ok(Tensor { shape: vec![1, 2], data: vec![first, score] })
            }
            _ => self.post_transform(call, vec![opposite, score], 0.0),
        }
    }

    /// What ONNX calls so, of a row of scores.
    pub(super) fn post_transform(&mut self, call: &Call, scores: Vec<Linear>, bias: f64) -> Result<Tensor, OnnxError> {
        let scores: Vec<Linear> = scores.into_iter().map(|s| Linear { bias: s.bias + bias, ..s }).collect();
        let row = |data: Vec<Linear>| Tensor { shape: vec![1, data.len()], data };
        let sigmoid = FloatActivation::Curve(Curve::Sigmoid);
        match (call.node.text("post_transform").as_deref(), scores.as_slice()) {
            (None | Some("NONE" | ""), _) => Ok(row(scores)),
            (Some("LOGISTIC"), _) => Ok(self.activate(call, &row(scores), sigmoid)),
            (Some("SOFTMAX"), [a, b]) => {
                let gap = [Linear::sum([(1.0, a), (-1.0, b)]), Linear::sum([(1.0, b), (-1.0, a)])];
                Ok(self.activate(call, &row(gap.to_vec()), sigmoid))
            }
            (Some("SOFTMAX"), _) => Ok(row(self.softmax(call, vec![scores])?.swap_remove(0))),
            (Some(other), _) => Err(call.problem(format!(
                "post_transform {other} of {} scores is not supported; export it with NONE: the order of the scores is the same",
                scores.len()
            ))),
        }
    }
}

fn read(call: &Call, features: usize) -> Result<Ensemble, OnnxError> {
    let list = |name: &str| {
        let list = call.node.integers(name).map(<[i64]>::to_vec);
        list.ok_or_else(|| call.problem(format!("expected attribute {name}")))
    };
    let (trees, ids, features_of) = (list("nodes_treeids")?, list("nodes_nodeids")?, list("nodes_featureids")?);
    let (on_true, on_false) = (list("nodes_truenodeids")?, list("nodes_falsenodeids")?);
    let values = call.node.floats("nodes_values").ok_or_else(|| call.problem("expected attribute nodes_values"))?;
    let modes = call.node.texts("nodes_modes");
    let count = trees.len();
    if [ids.len(), features_of.len(), on_true.len(), on_false.len(), values.len(), modes.len()]
        .iter()
        .any(|n| *n != count)
    {
        return Err(call.problem(format!("expected lists of {count} nodes")));
    }
    let mut by_tree: BTreeMap<i64, BTreeMap<i64, Entry>> = BTreeMap::new();
    for i in 0..count {
        let feature = usize::try_from(features_of[i]).ok().filter(|f| *f < features || modes[i] == "LEAF");
        let feature = feature
            .ok_or_else(|| call.problem(format!("expected features below {features}, got {}", features_of[i])))?;
        let entry = Entry {
            tree: trees[i],
            id: ids[i],
            feature,
            value: values[i],
            mode: modes[i].clone(),
            on_true: on_true[i],
            on_false: on_false[i],
        };
        if by_tree.entry(trees[i]).or_default().insert(ids[i], entry).is_some() {
            return Err(call.problem(format!("tree {}: expected each node once, got node {} twice", trees[i], ids[i])));
        }
    }
    let mut ensemble = Ensemble { trees: Vec::new(), leaves: Vec::new() };
    for nodes in by_tree.values() {
        let (tree, leaves) = tree(call, nodes)?;
        ensemble.trees.push(tree);
        ensemble.leaves.push(leaves);
    }
    Ok(ensemble)
}

/// Parents before children, leaves from left to right.
fn tree(call: &Call, nodes: &BTreeMap<i64, Entry>) -> Result<(FloatTree, Vec<(i64, i64)>), OnnxError> {
    let inner = |e: &&Entry| e.mode != "LEAF";
    let children: HashSet<i64> = nodes.values().filter(inner).flat_map(|e| [e.on_true, e.on_false]).collect();
    let roots: Vec<i64> = nodes.keys().copied().filter(|id| !children.contains(id)).collect();
    let [root] = roots.as_slice() else {
        return Err(call.problem(format!("expected one root in each tree, got {}", roots.len())));
    };
    let (mut tree, mut leaves) = (FloatTree { nodes: Vec::new() }, Vec::new());
    let mut visited = HashSet::new();
    // what to visit, and which child of which node it is
    let mut stack: Vec<(i64, Option<(usize, bool)>)> = vec![(*root, None)];
    while let Some((id, parent)) = stack.pop() {
        let entry = nodes.get(&id).ok_or_else(|| call.problem(format!("expected node {id}, which a node names")))?;
        if !visited.insert(id) {
            return Err(call.problem(format!("expected a tree, got node {id} with two parents")));
        }
        if entry.mode != "LEAF" && entry.value.is_nan() {
            return Err(call.problem(format!("node {id}: expected a number as threshold, got NaN")));
        }
        let child = if entry.mode == "LEAF" { Child::Leaf(leaves.len()) } else { Child::Node(tree.nodes.len()) };
        if let Some((parent, right)) = parent {
            let parent: &mut FloatNode = &mut tree.nodes[parent];
            *(if right { &mut parent.right } else { &mut parent.left }) = child;
        }
        let Child::Node(at) = child else {
            leaves.push((entry.tree, entry.id));
            continue;
        };
        // right is where the value is above the threshold
        let (left, right, inclusive) = match entry.mode.as_str() {
            "BRANCH_LEQ" => (entry.on_true, entry.on_false, false),
            "BRANCH_LT" => (entry.on_true, entry.on_false, true),
            "BRANCH_GT" => (entry.on_false, entry.on_true, false),
            "BRANCH_GTE" => (entry.on_false, entry.on_true, true),
            other => {
                let way_out = "encode categories as numbers of their own (one-hot) and train again";
                return Err(call.problem(format!("branches of mode {other} are not supported; {way_out}")));
            }
        };
        let none = Child::Leaf(usize::MAX);
        tree.nodes.push(FloatNode {
            source: entry.feature,
            threshold: entry.value,
            inclusive,
            left: none,
            right: none,
        });
        stack.extend([(right, Some((at, true))), (left, Some((at, false)))]);
    }
    if visited.len() != nodes.len() {
        let unreached = nodes.len() - visited.len();
        return Err(call.problem(format!("expected a tree, got {unreached} nodes that no path from the root reaches")));
    }
    Ok((tree, leaves))
}

/// For each target or class: the base value and what the leaves add.
fn sums(
    call: &Call,
    prefix: &str,
    leaf_of: &HashMap<(i64, i64), Linear>,
    trees: usize,
) -> Result<Vec<Linear>, OnnxError> {
    let name = |what: &str| format!("{prefix}_{what}");
    let list = |what: &str| call.node.integers(&name(what)).unwrap_or_default();
    let (tree_ids, node_ids, ids) = (list("treeids"), list("nodeids"), list("ids"));
    let weights = call.node.floats(&name("weights")).unwrap_or_default();
    if tree_ids.len() != weights.len() || node_ids.len() != weights.len() || ids.len() != weights.len() {
        return Err(call.problem(format!("expected lists of {} {prefix} weights", weights.len())));
    }
    let labels = call.node.integers("classlabels_int64s").map_or(0, <[i64]>::len);
    let labels = labels.max(call.node.texts("classlabels_strings").len());
    let targets = call.node.integer("n_targets").map_or(labels, |n| usize::try_from(n).unwrap_or(0)).max(1);
    let scale = match call.node.text("aggregate_function").as_deref() {
        None | Some("SUM" | "") => 1.0,
        Some("AVERAGE") => 1.0 / trees.max(1) as f64,
        Some(other) => return Err(call.problem(format!("expected aggregate_function SUM or AVERAGE, got {other}"))),
    };
    let mut terms: Vec<Vec<(f64, &Linear)>> = vec![Vec::new(); targets];
    for (i, weight) in weights.iter().enumerate() {
        let target = usize::try_from(ids[i]).ok().filter(|t| *t < targets);
        let target =
            target.ok_or_else(|| call.problem(format!("expected {prefix} ids below {targets}, got {}", ids[i])))?;
        let leaf = leaf_of.get(&(tree_ids[i], node_ids[i]));
        let leaf = leaf.ok_or_else(|| {
            call.problem(format!("expected a leaf, got node {} of tree {}", node_ids[i], tree_ids[i]))
        })?;
        terms[target].push((weight * scale, leaf));
    }
    let base = call.node.floats("base_values").unwrap_or_default();
    let sum = |(i, terms): (usize, Vec<(f64, &Linear)>)| {
        let sum = Linear::sum(terms);
        Linear { bias: sum.bias + base.get(i).copied().unwrap_or(0.0), ..sum }
    };
    Ok(terms.into_iter().enumerate().map(sum).collect())
}
