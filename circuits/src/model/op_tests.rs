//! Quotients, shares, extremes, choices, steps and floors: the executor against the circuit at the bounds, and against real numbers.

use super::{
    tests::{in_circuit, inputs},
    *,
};
use crate::{
    features::extreme::Side,
    fixed::{ONE, to_field, to_real},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use test_case::test_case;

fn dense(weights: Vec<Vec<i64>>, activation: Activation) -> Op {
    let weights: Vec<Vec<i64>> = weights.into_iter().map(|row| row.into_iter().map(|w| w << 26).collect()).collect();
    Op::Dense(Dense { bias: vec![0; weights.len()], weights, shift: 26, bits: 0, activation })
}

/// One layer over `inputs` values, all of which are outputs; behind a ReLU if they may not be negative.
fn single(inputs: usize, op: Op, relu: bool) -> Result<Model, ModelError> {
    let mut layers = Vec::new();
    let first = if relu { inputs } else { 0 };
    if relu {
        let one = |i| (0..inputs).map(|j| i64::from(i == j)).collect();
        let op = dense((0..inputs).map(one).collect(), Activation::Relu);
        layers.push(Layer { name: "relu".into(), sources: (0..inputs).collect(), op });
    }
    let layer = Layer { name: "layer".into(), sources: (first..first + inputs).collect(), op };
    let outputs = (first + inputs..first + inputs + layer.width()).collect();
    layers.push(layer);
    Model { inputs, layers, outputs, private: Default::default() }.sized()
}

fn shares(norm: Norm, group: usize) -> Op {
    Op::Normalize(Normalize { group, norm, bits: 0 })
}

fn length(epsilon: i64, group: usize) -> Op {
    shares(Norm::Length { epsilon }, group)
}

fn extreme(side: Side, group: usize) -> Op {
    Op::Extreme(Extreme { group, side, bits: 0 })
}

fn argmax(group: usize) -> Op {
    Op::Argmax(Argmax { group, bits: 0 })
}

#[test_case(8, Op::Divide(Divide::default()), false; "quotients")]
#[test_case(8, Op::Multiply(Multiply { terms: 2, bits: 0 }), false; "sums of products")]
#[test_case(6, shares(Norm::Sum, 3), true; "shares of a sum")]
#[test_case(6, length(1, 6), false; "shares of a length")]
#[test_case(6, length(1 << 40, 2), false; "shares of a length with an epsilon")]
#[test_case(6, extreme(Side::Max, 3), false; "largest")]
#[test_case(6, extreme(Side::Min, 2), false; "smallest")]
#[test_case(5, argmax(5), false; "first of the largest")]
fn executor_equals_circuit(width: usize, op: Op, relu: bool) {
    let mut rng = StdRng::seed_from_u64(9);
    let model = single(width, op, relu).unwrap();
    for round in 0..1_500 {
        let mut x = inputs(&mut rng, width);
        match round % 6 {
            0 => x.iter_mut().for_each(|v| *v = rng.gen_range(-2..=2)),
            1 => x.iter_mut().for_each(|v| *v = [FEATURE_MAX, -FEATURE_MAX, 0, 1, -1][rng.gen_range(0..5)]),
            2 => x = vec![x[0]; width],
            _ => {}
        }
        // sums of products may have more bits than an output
        let values = model.values(&x).unwrap();
        let expected: Vec<Fr> = model.outputs.iter().map(|o| to_field(values[*o])).collect();
        assert_eq!(in_circuit(&model, &x), expected, "{x:?}");
        // what interval analysis says holds
        let bounds = model.clone().bounds(|layer, bounds| layer.check(bounds)).unwrap();
        for (o, bound) in model.outputs.iter().zip(bounds) {
            assert!(bound.low <= values[*o] && values[*o] <= bound.high, "{x:?}: {} not in {bound:?}", values[*o]);
        }
    }
}

/// Behind products the sources have more bits than a feature.
#[test]
fn quotients_of_wide_values_equal_the_circuit() {
    let clip = Activation::Clip { low: -(1 << 37), high: 1 << 37 };
    let layer = |name: &str, sources, op| Layer { name: name.into(), sources, op };
    let layers = vec![
        layer("clip", vec![0, 1], dense(vec![vec![1, 0], vec![0, 1]], clip)),
        layer("product", vec![2, 2, 3, 3], Op::Multiply(Multiply::default())),
        layer("quotient", vec![4, 5, 1, 1, 0, 4], Op::Divide(Divide::default())),
    ];
    let model = Model { inputs: 2, layers, outputs: vec![6, 7, 8], private: Default::default() }.sized().unwrap();
    let Op::Divide(divide) = &model.layers[2].op else { panic!("expected quotients") };
    assert_eq!(divide.bits, 60);
    let mut rng = StdRng::seed_from_u64(4);
    for _ in 0..500 {
        let x = inputs(&mut rng, 2);
        let expected: Vec<Fr> = model.run(&x).unwrap().into_iter().map(|v| to_field(i128::from(v))).collect();
        assert_eq!(in_circuit(&model, &x), expected, "{x:?}");
    }
}

/// A model with every kind of layer but trees, and inputs at its ends.
pub(crate) fn every_layer() -> (Model, Vec<i64>) {
    let layer = |name: &str, sources, op| Layer { name: name.into(), sources, op };
    let one = |i: usize| (0..4).map(|j| i64::from(i == j)).collect();
    let weights: Vec<Vec<i64>> = (0..4).map(one).collect();
    let layers = vec![
        layer("relu", vec![0, 1, 2, 3], dense(weights.clone(), Activation::Relu)),
        layer("step", vec![0, 1, 2, 3], dense(weights.clone(), Activation::Step)),
        layer("floor", vec![0, 1, 2, 3], dense(weights, Activation::Floor)),
        layer("quotients", vec![0, 3, 1, 2], Op::Divide(Divide::default())),
        layer("shares", vec![4, 5, 6, 7], shares(Norm::Sum, 2)),
        layer("directions", vec![0, 1, 2, 3], length(9, 4)),
        layer("largest", vec![0, 1, 2, 3], extreme(Side::Max, 4)),
        layer("choice", vec![0, 1, 2, 3], argmax(4)),
        layer("products", vec![8, 9, 10, 11, 0, 1, 2, 3], Op::Multiply(Multiply { terms: 4, bits: 0 })),
    ];
    let model =
        Model { inputs: 4, layers, outputs: vec![16, 18, 22, 27], private: Default::default() }.sized().unwrap();
    (model, vec![FEATURE_MAX, -3 * ONE + 1, 0, -FEATURE_MAX])
}

#[test_case(7 * ONE, 2 * ONE, 7 * ONE / 2)]
#[test_case(7 * ONE, -2 * ONE, -7 * ONE / 2)]
#[test_case(-ONE, 3 * ONE, -21_845)]
#[test_case(FEATURE_MAX, 0, FEATURE_MAX; "division by zero saturates")]
#[test_case(-FEATURE_MAX, 0, -FEATURE_MAX; "negative division by zero saturates")]
#[test_case(0, 0, 0; "nothing of nothing")]
#[test_case(FEATURE_MAX, -1, -FEATURE_MAX; "saturates below")]
fn divides(a: i64, b: i64, expected: i64) {
    let model = single(2, Op::Divide(Divide::default()), false).unwrap();
    assert_eq!(model.run(&[a, b]).unwrap(), [expected]);
}

#[test]
fn shares_are_near_the_real_ones() {
    let mut rng = StdRng::seed_from_u64(5);
    let sum = single(4, shares(Norm::Sum, 4), true).unwrap();
    let long = single(4, length(1, 4), false).unwrap();
    assert_eq!(sum.run(&[0; 4]).unwrap(), [0; 4]);
    assert_eq!(long.run(&[0; 4]).unwrap(), [0; 4]);
    assert_eq!(sum.run(&[FEATURE_MAX, 0, 0, 0]).unwrap(), [ONE, 0, 0, 0]);
    assert_eq!(long.run(&[-FEATURE_MAX, 0, 0, 0]).unwrap(), [-ONE, 0, 0, 0]);
    for _ in 0..500 {
        let x: Vec<i64> = (0..4).map(|_| rng.gen_range(1..ONE * 50)).collect();
        let real: Vec<f64> = x.iter().map(|v| to_real(*v)).collect();
        let total: f64 = real.iter().sum();
        let length = real.iter().map(|v| v * v).sum::<f64>().sqrt();
        for (model, divisor) in [(&sum, total), (&long, length)] {
            for (y, v) in model.run(&x).unwrap().iter().zip(&real) {
                assert!((to_real(*y) - v / divisor).abs() < 3e-5 / divisor.min(1.0), "{x:?}");
            }
        }
    }
}

/// The sum is not rounded before it is asked for its sign.
#[test_case(1, 0, [1, 1]; "smallest above")]
#[test_case(0, 0, [0, 0]; "zero")]
#[test_case(-1, 0, [0, 0]; "below")]
#[test_case(0, 1, [1, 0]; "a quarter of the last bit")]
#[test_case(0, -1, [0, 0]; "a quarter below zero")]
fn steps_are_exact(x: i64, quarters: i64, expected: [i64; 2]) {
    let mut op = dense(vec![vec![1], vec![1]], Activation::Step);
    let Op::Dense(dense) = &mut op else { panic!("expected a dense layer") };
    dense.bias[0] = quarters << (BIAS_BITS - crate::fixed::FRAC_BITS - 2);
    let model = single(1, op, false).unwrap();
    assert_eq!(model.run(&[x]).unwrap(), expected.map(|v| v * ONE));
    assert_eq!(in_circuit(&model, &[x]), expected.map(|v| to_field(i128::from(v * ONE))));
}

#[test_case(ONE - 1, 0)]
#[test_case(ONE, ONE)]
#[test_case(-1, -ONE)]
#[test_case(-ONE, -ONE)]
#[test_case(FEATURE_MAX, FEATURE_MAX - ONE + 1)]
fn floors_are_exact(x: i64, expected: i64) {
    let model = single(1, dense(vec![vec![1]], Activation::Floor), false).unwrap();
    assert_eq!(model.run(&[x]).unwrap(), [expected]);
    assert_eq!(in_circuit(&model, &[x]), [to_field(i128::from(expected))]);
}

#[test_case(3, Op::Divide(Divide::default()), "layer layer: pairs has 3 entries: expected 4"; "half a pair")]
#[test_case(3, extreme(Side::Max, 2), "layer layer: the last of its groups has 1 entries: expected 2"; "half a group")]
#[test_case(6, Op::Multiply(Multiply { terms: 2, bits: 0 }), "layer layer: the last of its groups has 1 entries: expected 2"; "half a sum of products")]
#[test_case(3, argmax(0), "layer layer: the last of its groups has 0 entries: expected 0"; "groups of nothing")]
#[test_case(3, shares(Norm::Sum, 3), "layer layer: shares of a sum need numbers that are not negative; use Relu or Exp before"; "negative")]
#[test_case(3, length(0, 3), "layer layer: a length needs an epsilon of at least 2^-32, got 0 * 2^-32"; "epsilon")]
fn refuses(width: usize, op: Op, message: &str) {
    assert_eq!(single(width, op, false).unwrap_err().to_string(), message);
}

/// Sources beyond 60 bits are refused with the layer, and so are declared bits beyond them; before, they were a panic.
#[test]
fn ranges_of_trees_and_quotients_end_at_60_bits() {
    let scaled = |by: i64, op: Op| {
        let layer = |name: &str, sources, op| Layer { name: name.into(), sources, op };
        let layers = vec![
            layer("scale", vec![0], dense(vec![vec![by], vec![by]], Activation::Identity)),
            layer("wide", vec![1, 2], op),
        ];
        Model { inputs: 1, layers, outputs: vec![3], private: Default::default() }.sized()
    };
    let tree = Tree { nodes: vec![Node { source: 0, rank: 0, left: Child::Leaf(0), right: Child::Leaf(1) }] };
    let forest = |thresholds| Op::Forest(Forest { thresholds, bits: 0, trees: vec![tree.clone()] });
    let forest = |t| forest(vec![vec![t], vec![0]]);
    for op in [forest(5), forest(1 << 59), Op::Divide(Divide::default())] {
        let model = scaled(255, op.clone()).unwrap();
        for x in [0, 1, -1, FEATURE_MAX, -FEATURE_MAX] {
            let expected: Vec<Fr> = model.run(&[x]).unwrap().into_iter().map(|v| to_field(i128::from(v))).collect();
            assert_eq!(in_circuit(&model, &[x]), expected);
        }
        let message =
            "layer wide: an accumulator needs 61 bits: expected at most 60; scale the weights or clip the layer before";
        assert_eq!(scaled(256 + 8, op).unwrap_err().to_string(), message);
        for declared in [61, 63, 65, 73, usize::MAX] {
            let mut model = model.clone();
            match &mut model.layers[1].op {
                Op::Forest(forest) => forest.bits = declared,
                Op::Divide(divide) => divide.bits = declared,
                _ => panic!("expected trees or quotients"),
            }
            let error = model.check().unwrap_err().to_string();
            assert!(error.starts_with(&format!("layer wide: an accumulator needs {declared} bits")), "{error}");
        }
    }
    let message =
        "layer wide: an accumulator needs 61 bits: expected at most 60; scale the weights or clip the layer before";
    assert_eq!(scaled(1, forest(1 << 60)).unwrap_err().to_string(), message);
}
