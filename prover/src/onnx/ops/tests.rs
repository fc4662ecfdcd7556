//! Every operation against onnxruntime: `models/ops.py` makes the file that is read here.

use crate::onnx::{Calibration, FloatModel, quantise};
use serde::Deserialize;
use std::path::Path;
use vouch_circuits::fixed;

#[derive(Deserialize)]
struct Case {
    name: String,
    width: usize,
    onnx: String,
    rows: Vec<Vec<f64>>,
    expected: Vec<Vec<f64>>,
}

fn cases() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ops.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// How far `got` is from `expected`, relative where that is above 1.
fn distance(got: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    got.iter().zip(expected).map(|(a, b)| (a - b).abs() / b.abs().max(1.0)).fold(0.0, f64::max)
}

#[test]
fn every_operation_equals_onnxruntime() {
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(cases.len() >= 60);
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
        for (row, expected) in rows.iter().zip(&expected) {
            let inputs: Vec<i64> = row.iter().map(|v| fixed::from_real(*v)).collect();
            let integers: Vec<f64> = model.run(&inputs).unwrap().into_iter().map(fixed::to_real).collect();
            let far = [distance(&float.run(row), expected), distance(&integers, expected)];
            if far[0] > 2e-5 || far[1] > 1e-3 {
                wrong.push(format!("{name}: floats are off by {}, integers by {}", far[0], far[1]));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
