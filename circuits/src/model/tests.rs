//! The executor against the circuit, and the limits of models.

use super::*;
use crate::fixed::{ONE, to_field};
use rand::{Rng, SeedableRng, rngs::StdRng};
use test_case::test_case;

/// A random model of these widths, checked.
pub(crate) fn random(rng: &mut StdRng, widths: &[usize], last: Activation) -> Model {
    let layers = widths.windows(2).enumerate().map(|(i, w)| {
        let shift = Layer::SHIFTS[i % 2];
        let weight = |rng: &mut StdRng| (rng.gen_range(-1.5..1.5) * f64::from(shift).exp2()) as i64;
        Layer {
            name: format!("dense{i}"),
            weights: (0..w[1]).map(|_| (0..w[0]).map(|_| weight(rng)).collect()).collect(),
            bias: (0..w[1]).map(|_| rng.gen_range(-(1 << 33)..1 << 33)).collect(),
            shift,
            bits: 0,
            activation: if i + 2 == widths.len() { last } else { Activation::Relu },
        }
    });
    let model = Model { inputs: widths[0], layers: layers.collect() };
    model.sized().unwrap()
}

fn inputs(rng: &mut StdRng, count: usize) -> Vec<i64> {
    let one = |rng: &mut StdRng| match rng.gen_range(0..20) {
        0 => FEATURE_MAX,
        1 => -FEATURE_MAX,
        2 => 0,
        _ => rng.gen_range(-(1_i64 << 22)..1 << 22),
    };
    (0..count).map(|_| one(rng)).collect()
}

/// The circuit's outputs on `inputs`; panics if a constraint fails.
fn in_circuit(model: &Model, inputs: &[i64]) -> Vec<Fr> {
    let mut sheet = Sheet::default();
    let cells: Vec<Cell> = inputs.iter().map(|x| sheet.witness(to_field(i128::from(*x)))).collect();
    let outputs = constrain(&mut sheet, model, &cells);
    assert_eq!(sheet.violations(&[]), []);
    outputs.iter().map(value).collect()
}

#[test_case(&[16, 32, 16, 1], Activation::Sigmoid, 5_000; "score model")]
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
    let layer = Layer {
        name: "dense0".into(),
        weights: vec![vec![1 << shift, -(1 << shift)]],
        bias: vec![1 << 31],
        shift,
        bits: 0,
        activation: Activation::Identity,
    };
    Model { inputs: 2, layers: vec![layer] }
}

#[test]
fn rounds_to_nearest() {
    let mut model = tiny();
    model.layers[0].weights = vec![vec![3 << 24, 0]]; // 0.75
    model.layers[0].bias = vec![0];
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

#[test_case(|m| m.layers[0].shift = 20, "layer dense0: weights have 20 fraction bits: expected one of [26, 39]"; "scale")]
#[test_case(|m| m.layers[0].bias.clear(), "layer dense0: the bias has 0 entries: expected 1"; "bias")]
#[test_case(|m| m.layers[0].weights[0].push(1), "layer dense0: a row of weights has 3 entries: expected 2"; "row")]
#[test_case(|m| m.layers.clear(), "model has no layers"; "no layers")]
#[test_case(|m| m.layers[0].activation = Activation::Clip { low: 1, high: 0 }, "layer dense0: clip from 1 to 0: expected low <= high, both within the features' range"; "clip")]
fn refuses(damage: fn(&mut Model), message: &str) {
    assert!(tiny().sized().is_ok());
    let mut model = tiny();
    damage(&mut model);
    assert_eq!(model.sized().unwrap_err().to_string(), message);
}

#[test]
fn more_outputs_than_public_inputs_are_refused() {
    let mut model = tiny();
    assert_eq!(model.check_outputs(), Ok(()));
    model.layers[0].weights = vec![vec![0, 0]; 5];
    assert_eq!(model.check_outputs().unwrap_err().to_string(), "model has 5 outputs: expected at most 4");
}

#[test]
fn interval_analysis_stops_before_the_field() {
    let mut model = tiny();
    model.layers[0].weights = vec![vec![i64::MAX, i64::MAX]];
    let mut second = model.layers[0].clone();
    second.name = "dense1".into();
    second.weights = vec![vec![i64::MAX]];
    model.layers.push(second);

    assert!(model.clone().sized().is_err());
    let error = model.clone().sized().unwrap_err().to_string();
    assert!(error.starts_with("layer dense1: an accumulator needs"), "{error}");
    model.layers[0].activation = Activation::Clip { low: -ONE, high: ONE };
    assert!(model.sized().is_ok());
}

#[test]
fn declared_bits_are_checked_against_the_weights() {
    let mut model = tiny().sized().unwrap();
    model.layers[0].bits = 13;

    assert!(model.check().unwrap_err().to_string().starts_with("layer dense0: sums reach"));
}
