//! The executor against the circuit, and the limits of models.

use super::*;
use crate::{
    fixed::{ONE, to_field},
    layers::curve::Curve,
    score::sheet::value,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use test_case::test_case;

/// A random model of these widths, checked.
pub(crate) fn random(rng: &mut StdRng, widths: &[usize], last: Activation) -> Model {
    let layers = widths.windows(2).enumerate().map(|(i, w)| {
        let shift = Dense::SHIFTS[(i + 1) % 3];
        let weight = |rng: &mut StdRng| (rng.gen_range(-1.5..1.5) * f64::from(shift).exp2()) as i64;
        let dense = Dense {
            weights: (0..w[1]).map(|_| (0..w[0]).map(|_| weight(rng)).collect()).collect(),
            bias: (0..w[1]).map(|_| rng.gen_range(-(1 << 33)..1 << 33)).collect(),
            shift,
            bits: 0,
            activation: if i + 2 == widths.len() { last } else { Activation::Relu },
        };
        (format!("dense{i}"), dense)
    });
    let layers: Vec<_> = layers.collect();
    Model::chain(widths[0], layers).sized().unwrap()
}

pub(super) fn inputs(rng: &mut StdRng, count: usize) -> Vec<i64> {
    let one = |rng: &mut StdRng| match rng.gen_range(0..20) {
        0 => FEATURE_MAX,
        1 => -FEATURE_MAX,
        2 => 0,
        _ => rng.gen_range(-(1_i64 << 22)..1 << 22),
    };
    (0..count).map(|_| one(rng)).collect()
}

/// The circuit's outputs on `inputs`; panics if a constraint fails.
pub(super) fn in_circuit(model: &Model, inputs: &[i64]) -> Vec<Fr> {
    let mut sheet = Sheet::default();
    let cells: Vec<Cell> = inputs.iter().map(|x| sheet.witness(to_field(i128::from(*x)))).collect();
    let outputs = constrain(&mut sheet, model, &cells);
    assert_eq!(sheet.violations(&[]), []);
    outputs.iter().map(value).collect()
}

#[test_case(&[16, 32, 16, 1], Activation::Curve(Curve::Sigmoid), 10_000; "score model")]
#[test_case(&[4, 6], Activation::Curve(Curve::Tanh), 500; "tanh")]
#[test_case(&[4, 6], Activation::Curve(Curve::Exp), 500; "exp")]
#[test_case(&[4, 6], Activation::Curve(Curve::GeluTail), 500; "gelu")]
#[test_case(&[4, 6], Activation::Sqrt, 500; "sqrt")]
#[test_case(&[4, 6], Activation::Log2, 500; "log2")]
#[test_case(&[4, 6], Activation::Relu, 500; "relu")]
#[test_case(&[4, 6], Activation::Step, 500; "step")]
#[test_case(&[4, 6], Activation::Floor, 500; "floor")]
#[test_case(&[3, 5, 2], Activation::Identity, 3_000; "two outputs")]
#[test_case(&[4, 4], Activation::Clip { low: -ONE, high: 2 * ONE }, 2_000; "clipped, one layer")]
fn executor_equals_circuit_on_random_inputs(widths: &[usize], last: Activation, cases: usize) {
    let mut rng = StdRng::seed_from_u64(2);
    let model = random(&mut rng, widths, last);
    for _ in 0..cases {
        let x = inputs(&mut rng, widths[0]);
        let expected: Vec<Fr> = model.run(&x).unwrap().into_iter().map(|v| to_field(i128::from(v))).collect();
        assert_eq!(in_circuit(&model, &x), expected, "{x:?}");
    }
}

fn tiny() -> Model {
    let shift = 26;
    let layer = Dense {
        weights: vec![vec![1 << shift, -(1 << shift)]],
        bias: vec![1 << 31],
        shift,
        bits: 0,
        activation: Activation::Identity,
    };
    Model::chain(2, [("dense0".into(), layer)])
}

/// The dense layer at a position.
fn dense(model: &mut Model, layer: usize) -> &mut Dense {
    match &mut model.layers[layer].op {
        Op::Dense(dense) => dense,
        op => panic!("expected a dense layer, got {op:?}"),
    }
}

#[test]
fn rounds_to_nearest() {
    let mut model = tiny();
    dense(&mut model, 0).weights = vec![vec![3 << 24, 0]]; // 0.75
    dense(&mut model, 0).bias = vec![0];
    let model = model.sized().unwrap();
    let run = |x| model.run(&[x, 0]).unwrap()[0];
    assert_eq!([run(1), run(2), run(3), run(-1), run(-2)], [1, 2, 2, -1, -1]);
}

#[test]
fn refuses_inputs_that_are_no_features() {
    let model = tiny().sized().unwrap();
    assert_eq!(model.run(&[1, 2]).unwrap(), [ONE / 2 - 1]);
    assert_eq!(model.run(&[1]).unwrap_err().to_string(), "input has 1 numbers: expected 2");
    let message = "input 1 is 4503599627370496: expected a magnitude of at most 4503599627370495";
    assert_eq!(model.run(&[0, FEATURE_MAX + 1]).unwrap_err().to_string(), message);
}

#[test_case(|m| dense(m, 0).shift = 20, "layer dense0: weights have 20 fraction bits: expected one of [13, 26, 39]"; "scale")]
#[test_case(|m| dense(m, 0).bias.clear(), "layer dense0: the bias has 0 entries: expected 1"; "bias")]
#[test_case(|m| dense(m, 0).weights[0].push(1), "layer dense0: a row of weights has 3 entries: expected 2"; "row")]
#[test_case(|m| m.layers.clear(), "model has no layers"; "no layers")]
#[test_case(|m| dense(m, 0).activation = Activation::Clip { low: 1, high: 0 }, "layer dense0: clip from 1 to 0: expected low <= high, both within the features' range"; "clip")]
fn refuses(damage: fn(&mut Model), message: &str) {
    assert!(tiny().sized().is_ok());
    let mut model = tiny();
    damage(&mut model);
    assert_eq!(model.sized().unwrap_err().to_string(), message);
}

#[test]
fn more_outputs_than_any_model_has_are_refused() {
    let mut model = tiny().sized().unwrap();
    assert_eq!(model.check_outputs(), Ok(()));
    model.outputs = vec![0; MAX_OUTPUTS + 1];
    assert_eq!(model.check_outputs().unwrap_err().to_string(), "model has 1025 outputs: expected at most 1024");
}

#[test]
fn interval_analysis_stops_before_the_field() {
    let mut model = tiny();
    dense(&mut model, 0).weights = vec![vec![i64::MAX, i64::MAX]];
    let second = Dense { weights: vec![vec![i64::MAX]], ..dense(&mut model, 0).clone() };
    model.layers.push(Layer { name: "dense1".into(), sources: vec![2], op: Op::Dense(second) });

    assert!(model.clone().sized().is_err());
    let error = model.clone().sized().unwrap_err().to_string();
    assert!(error.starts_with("layer dense1: an accumulator needs"), "{error}");
    dense(&mut model, 0).activation = Activation::Clip { low: -ONE, high: ONE };
    assert!(model.sized().is_ok());
}

#[test]
fn declared_bits_are_checked_against_the_weights() {
    let mut model = tiny().sized().unwrap();
    dense(&mut model, 0).bits = 13;

    assert!(model.check().unwrap_err().to_string().starts_with("layer dense0: sums reach"));
}

/// Two trees over three of four inputs, products, and a dense layer over everything.
fn mixed(rng: &mut StdRng) -> Model {
    let node = |source, rank, left, right| Node { source, rank, left, right };
    let forest = Forest {
        thresholds: vec![vec![-ONE, 0, 3 * ONE], vec![5], vec![ONE / 2, ONE]],
        bits: 0,
        trees: vec![
            Tree {
                nodes: vec![
                    node(0, 1, Child::Node(1), Child::Node(2)),
                    node(2, 0, Child::Leaf(0), Child::Leaf(1)),
                    node(0, 2, Child::Leaf(2), Child::Node(3)),
                    node(1, 0, Child::Leaf(3), Child::Leaf(4)),
                ],
            },
            Tree { nodes: vec![node(2, 1, Child::Leaf(1), Child::Leaf(0))] },
        ],
    };
    let weights = (0..2).map(|_| (0..12).map(|_| rng.gen_range(-(1_i64 << 27)..1 << 27)).collect()).collect();
    let activation = Activation::Curve(Curve::Tanh);
    let dense = Dense { weights, bias: vec![1 << 30; 2], shift: Dense::SHIFTS[1], bits: 0, activation };
    let layer = |name: &str, sources, op| Layer { name: name.into(), sources, op };
    let layers = vec![
        layer("trees", vec![3, 0, 1], Op::Forest(forest)),
        layer("products", vec![0, 2, 4, 1, 1, 2], Op::Multiply(Multiply::default())),
        layer("sum", (2..14).collect(), Op::Dense(dense)),
    ];
    Model { inputs: 4, layers, outputs: vec![15, 14, 6], private: Default::default() }.sized().unwrap()
}

#[test]
fn trees_and_products_equal_the_circuit_on_random_inputs() {
    let mut rng = StdRng::seed_from_u64(3);
    let model = mixed(&mut rng);
    for _ in 0..3_000 {
        let mut x = inputs(&mut rng, 4);
        if rng.gen_bool(0.3) {
            // on and beside a threshold
            let at = [-ONE, 0, 3 * ONE, 5, ONE / 2, ONE][rng.gen_range(0..6)];
            x[rng.gen_range(0..4)] = at - rng.gen_range(0..2);
        }
        let expected: Vec<Fr> = model.run(&x).unwrap().into_iter().map(|v| to_field(i128::from(v))).collect();
        assert_eq!(in_circuit(&model, &x), expected, "{x:?}");
    }
}

#[test]
fn an_architecture_is_the_model_without_its_weights() {
    let model = mixed(&mut StdRng::seed_from_u64(3));
    let architecture = Architecture::from(&model);
    assert_eq!(architecture.model().unwrap(), model.without_weights());
    assert_eq!(Architecture::from(&model.without_weights()), architecture);
    let other = mixed(&mut StdRng::seed_from_u64(4));
    assert_ne!(other, model);
    assert_eq!(Architecture::from(&other), architecture);
}

#[test_case(|f| f.thresholds[0].reverse(), "layer trees: tree 0: expected 1 to 8191 rising thresholds of its source"; "falling thresholds")]
#[test_case(|f| f.trees[0].nodes[3].right = Child::Leaf(3), "layer trees: tree 0: expected a binary tree, parents before children, over thresholds that exist"; "leaf with two parents")]
#[test_case(|f| f.trees[1].nodes[0].left = Child::Node(0), "layer trees: tree 1: expected a binary tree, parents before children, over thresholds that exist"; "circle")]
#[test_case(|f| f.trees[0].nodes[0].rank = 3, "layer trees: tree 0: expected a binary tree, parents before children, over thresholds that exist"; "unknown threshold")]
#[test_case(|f| { f.thresholds.pop(); }, "layer trees: the list of thresholds has 2 entries: expected 3"; "source without thresholds")]
fn refuses_trees(damage: fn(&mut Forest), message: &str) {
    let mut model = mixed(&mut StdRng::seed_from_u64(3));
    let Op::Forest(forest) = &mut model.layers[0].op else { panic!("expected trees") };
    damage(forest);
    assert_eq!(model.check().unwrap_err().to_string(), message);
}

#[test]
fn refuses_a_value_that_comes_later() {
    let mut model = mixed(&mut StdRng::seed_from_u64(3));
    model.layers[1].sources[0] = 11;
    assert_eq!(model.check().unwrap_err().to_string(), "layer products: reads a value beyond the 11 before it");
    let mut model = mixed(&mut StdRng::seed_from_u64(3));
    model.layers[1].sources.pop();
    assert_eq!(model.check().unwrap_err().to_string(), "layer products: pairs has 5 entries: expected 6");
}
