//! Every operation against onnxruntime, circuit and executor bit for bit: `models/ops.py` makes the file that is read here.

use crate::onnx::{Calibration, FloatModel, quantise, tests::in_circuit};
use prost::Message;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::Deserialize;
use std::path::Path;
use test_case::test_case;
use tract_onnx::pb::{AttributeProto, ModelProto};
use vouch_circuits::fixed;

#[derive(Deserialize)]
struct Case {
    name: String,
    width: usize,
    onnx: String,
    rows: Vec<Vec<f64>>,
    expected: Vec<Vec<f64>>,
}

fn cases(file: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Inputs far out of every calibrated range: the ends, and any features at all.
fn extremes(width: usize) -> Vec<Vec<i64>> {
    let (most, one) = (fixed::FEATURE_MAX, fixed::ONE);
    let end = |i: usize| if i.is_multiple_of(2) { most } else { -most };
    let mut rng = StdRng::seed_from_u64(width as u64);
    let mut rows = vec![vec![most; width], vec![-most; width], vec![0; width], (0..width).map(end).collect()];
    rows.push((0..width).map(|_| rng.gen_range(-most..=most)).collect());
    rows.push((0..width).map(|_| rng.gen_range(-1_000 * one..1_000 * one)).collect());
    rows.push((0..width).map(|_| rng.gen_range(-2..=2)).collect());
    rows
}

/// How far `got` is from `expected`, relative where that is above 1.
fn distance(got: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    got.iter().zip(expected).map(|(a, b)| (a - b).abs() / b.abs().max(1.0)).fold(0.0, f64::max)
}

/// `ops.json`: each operation; `forms.json`: attributes and older versions; `exports.json`: what scikit-learn, XGBoost, LightGBM and PyTorch export.
#[test_case("ops.json", 150)]
#[test_case("forms.json", 100)]
#[test_case("exports.json", 65)]
fn every_operation_equals_onnxruntime(file: &str, least: usize) {
    let mut wrong = Vec::new();
    let cases = cases(file);
    assert!(cases.len() >= least);
    for Case { name, width, onnx, rows, expected } in cases {
        let float = match FloatModel::import_wide(&hex::decode(onnx).unwrap(), width) {
            Ok(float) => float,
            Err(e) => {
                wrong.push(format!("{name}: {e}"));
                continue;
            }
        };
        let model = match quantise(&float, &Calibration { rows: rows.clone(), labels: vec![] }) {
            Ok(quantised) => quantised.model,
            Err(e) => {
                wrong.push(format!("{name}: {e}"));
                continue;
            }
        };
        for inputs in extremes(width) {
            assert_eq!(in_circuit(&model, &inputs), model.run(&inputs).unwrap(), "{name} on {inputs:?}");
        }
        for (row, expected) in rows.iter().zip(&expected) {
            let inputs: Vec<i64> = row.iter().map(|v| fixed::from_real(*v)).collect();
            let outputs = model.run(&inputs).unwrap();
            if in_circuit(&model, &inputs) != outputs {
                wrong.push(format!("{name}: the circuit is not the executor on {row:?}"));
            }
            let in_fixed: Vec<f64> = outputs.into_iter().map(fixed::to_real).collect();
            let far = [distance(&float.run(row), expected), distance(&in_fixed, expected)];
            // onnxruntime couples chances by a search that ends 0.0025 before it is there, also where there are but two
            let [floats, integers] = if name.ends_with("chances") { [5e-3; 2] } else { [2e-5, 1e-3] };
            if far[0] > floats || far[1] > integers {
                wrong.push(format!("{name}: floats are off by {}, integers by {}", far[0], far[1]));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The file of a decision tree with other nodes: node `i` goes to `children[i]`, or is a leaf of weight `i`.
fn tree_of(children: &[Option<[i64; 2]>]) -> Vec<u8> {
    let Case { onnx, .. } = cases("ops.json").into_iter().find(|case| case.name == "decision tree").unwrap();
    let mut model = ModelProto::decode(hex::decode(onnx).unwrap().as_slice()).unwrap();
    let nodes = &mut model.graph.as_mut().unwrap().node;
    let node = nodes.iter_mut().find(|node| node.op_type.starts_with("TreeEnsemble")).unwrap();
    let count = children.len() as i64;
    let leaves: Vec<i64> = (0..count).filter(|i| children[*i as usize].is_none()).collect();
    for list in &mut node.attribute {
        let to = |child: usize| children.iter().map(|c| c.map_or(0, |c| c[child])).collect();
        match list.name.as_str() {
            "nodes_nodeids" => list.ints = (0..count).collect(),
            "nodes_truenodeids" => list.ints = to(0),
            "nodes_falsenodeids" => list.ints = to(1),
            "nodes_values" => list.floats = (0..count).map(|i| i as f32 / 8.0).collect(),
            "nodes_modes" => {
                let mode = |c: &Option<[i64; 2]>| if c.is_some() { "BRANCH_LEQ" } else { "LEAF" };
                list.strings = children.iter().map(|c| mode(c).into()).collect();
            }
            name if name.starts_with("nodes_") => {
                list.ints.resize(if list.ints.is_empty() { 0 } else { children.len() }, 0);
                list.ints.fill(0);
                list.floats.resize(if list.floats.is_empty() { 0 } else { children.len() }, 0.0);
            }
            name if name.ends_with("_nodeids") => list.ints.clone_from(&leaves),
            name if name.ends_with("_weights") => list.floats = leaves.iter().map(|i| *i as f32).collect(),
            name if name.ends_with("_ids") || name.ends_with("_treeids") => list.ints = vec![0; leaves.len()],
            _ => {}
        }
    }
    model.encode_to_vec()
}

#[test]
fn refuses_trees_that_are_none() {
    let import =
        |children: &[Option<[i64; 2]>]| FloatModel::import_wide(&tree_of(children), 4).map_err(|e| e.to_string());
    let float = import(&[Some([2, 1]), Some([4, 3]), None, None, None]).unwrap();
    assert_eq!([float.run(&[0.0; 4]), float.run(&[0.1, 0.0, 0.0, 0.0]), float.run(&[1.0; 4])], [[2.0], [4.0], [3.0]]);
    let shared = import(&[Some([2, 1]), Some([2, 3]), None, None]).unwrap_err();
    assert!(shared.contains("expected a tree, got node 2 with two parents"), "{shared}");
    let apart = import(&[Some([2, 1]), None, None, Some([4, 4]), Some([3, 3])]).unwrap_err();
    assert!(apart.contains("got 2 nodes that no path from the root reaches"), "{apart}");
}

/// What onnxruntime makes of these depends on which leaves a row reaches.
#[test]
fn two_classes_whose_scores_depend_on_the_leaves_are_refused() {
    let Case { onnx, width, .. } =
        cases("forms.json").into_iter().find(|case| case.name == "trees of two classes, mixed, NONE").unwrap();
    let changed = |change: &dyn Fn(&mut Vec<AttributeProto>)| {
        let mut model = ModelProto::decode(hex::decode(&onnx).unwrap().as_slice()).unwrap();
        change(&mut model.graph.as_mut().unwrap().node[0].attribute);
        FloatModel::import_wide(&model.encode_to_vec(), width).map_err(|e| e.to_string())
    };
    changed(&|_| ()).unwrap();
    let base = AttributeProto { name: "base_values".into(), floats: vec![0.5, 0.25], ..Default::default() };
    let with_base = changed(&|list| list.push(base.clone())).unwrap_err();
    let one_sided = changed(&|list| {
        // the first leaf of each tree has no weight of the second class
        let ids = list.iter_mut().find(|a| a.name == "class_ids").unwrap();
        (ids.ints[1], ids.ints[7]) = (0, 0);
    });
    for said in [with_base, one_sided.unwrap_err()] {
        assert!(said.contains("expected one score for two classes (class_ids all 0), or weights of both"), "{said}");
    }
}
