//! Every file of `shared/fixtures/onnx` against its expected output, circuit and executor bit for bit.

use super::{
    linear::{Linear, Tensor},
    *,
};
use prost::Message;
use std::path::{Path, PathBuf};
use test_case::test_case;
use tract_onnx::{
    pb,
    prelude::{Framework, InferenceModelExt, IntoRunnable, IntoTensor, tvec},
};
use vouch_circuits::{
    fixed,
    layers::curve::Curve,
    model::{self, Model, Op},
    score::sheet::{Cell, Sheet, value},
};

/// The fixture's folder; `None`, with a message, where the fixtures are absent.
fn fixture(name: &str) -> Option<PathBuf> {
    let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures");
    let root = std::env::var_os("VOUCH_FIXTURES").map_or_else(|| PathBuf::from(shared), PathBuf::from);
    let path = root.join("onnx").join(name);
    if !path.is_dir() {
        eprintln!("skipped: no fixture {}; set VOUCH_FIXTURES", path.display());
        return None;
    }
    Some(path)
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// Integer outputs of the quantised model on one row.
fn integers(float: &FloatModel, row: &[f64]) -> Vec<f64> {
    let calibration = Calibration { rows: vec![row.to_vec()], labels: vec![] };
    let quantised = quantise(float, &calibration).unwrap();
    let inputs: Vec<i64> = row.iter().map(|v| fixed::from_real(*v)).collect();
    let outputs = quantised.model.run(&inputs).unwrap();
    assert_eq!(in_circuit(&quantised.model, &inputs), outputs);
    outputs.into_iter().map(fixed::to_real).collect()
}

/// What the circuit says; panics if a constraint fails.
pub(super) fn in_circuit(model: &Model, inputs: &[i64]) -> Vec<i64> {
    let mut sheet = Sheet::default();
    let cells: Vec<Cell> = inputs.iter().map(|x| sheet.witness(fixed::to_field((*x).into()))).collect();
    let outputs = model::constrain(&mut sheet, model, &cells);
    assert_eq!(sheet.violations(&[]), []);
    outputs.iter().map(|cell| model::output(value(cell))).collect()
}

fn check(float: &FloatModel, row: &[f64], expected: &[f64]) {
    let close = |got: &[f64], tolerance: f64| {
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < tolerance * expected.abs().max(1.0), "{got}, expected {expected}");
        }
    };
    close(&float.run(row), 1e-5);
    close(&integers(float, row), 1e-3);
}

#[test_case("node_test_add_bcast")]
#[test_case("node_test_clip")]
#[test_case("node_test_div")]
#[test_case("node_test_gemm_all_attributes")]
#[test_case("node_test_gemm_default_vector_bias")]
#[test_case("node_test_matmul_2d")]
#[test_case("node_test_relu")]
#[test_case("node_test_sigmoid")]
#[test_case("node_test_argmax_default_axis_example")]
#[test_case("node_test_greater")]
#[test_case("node_test_softmax_example")]
#[test_case("onnx_pytorch-converted__test_BatchNorm2d_eval")]
#[test_case("onnx_pytorch-converted__test_Conv2d")]
#[test_case("onnx_pytorch-converted__test_Linear")]
#[test_case("onnx_pytorch-converted__test_Linear_no_bias")]
#[test_case("onnx_pytorch-converted__test_MaxPool2d")]
#[test_case("onnx_pytorch-converted__test_ReLU")]
#[test_case("onnx_pytorch-converted__test_Sigmoid")]
#[test_case("onnx_pytorch-operator__test_operator_addmm")]
#[test_case("onnx_pytorch-operator__test_operator_basic")]
#[test_case("onnx_pytorch-operator__test_operator_clip")]
#[test_case("onnx_pytorch-operator__test_operator_mm")]
fn equals_the_expected_outputs(name: &str) {
    let Some(folder) = fixture(name) else { return };
    let model = read(&folder.join("model.onnx"));
    let graph = pb::ModelProto::decode(model.as_slice()).unwrap().graph.unwrap();
    let constant = |name: &str| graph.initializer.iter().any(|t| t.name == name);
    let names: Vec<&str> = graph.input.iter().map(|i| i.name.as_str()).filter(|n| !constant(n)).collect();
    let data = folder.join("test_data_set_0");
    let files: Vec<Vec<u8>> = (0..names.len()).map(|i| read(&data.join(format!("input_{i}.pb")))).collect();
    // the first input is the data, the others are what a trained model would hold
    let bound: Vec<(&str, &[u8])> = names.iter().copied().zip(files.iter().map(Vec::as_slice)).skip(1).collect();
    let float = FloatModel::import_bound(&model, &bound).unwrap();
    let (_, row) = tensor(&files[0]).unwrap();
    let (_, expected) = tensor(&read(&data.join("output_0.pb"))).unwrap();
    check(&float, &row, &expected);
}

/// What tract, which shares no code with the importer but the message types, says.
fn in_tract(model: &[u8], shape: &[usize], row: &[f64]) -> Vec<f64> {
    let numbers: Vec<f32> = row.iter().map(|v| *v as f32).collect();
    let input = tract_onnx::prelude::tract_ndarray::ArrayD::from_shape_vec(shape, numbers).unwrap().into_tensor();
    let fact = tract_onnx::prelude::InferenceFact::dt_shape(tract_onnx::prelude::DatumType::F32, shape);
    let mut bytes = model;
    let plan = tract_onnx::onnx().model_for_read(&mut bytes).unwrap().with_input_fact(0, fact).unwrap();
    let plan = plan.into_optimized().unwrap().into_runnable().unwrap();
    let outputs = plan.run(tvec!(input.into())).unwrap();
    outputs[0].to_plain_array_view::<f32>().unwrap().iter().map(|v| f64::from(*v)).collect()
}

#[test]
fn iris_equals_tract_on_every_row() {
    let Some(folder) = fixture("deepprove_mlp-iris-01") else { return };
    let model = read(&folder.join("model.onnx"));
    let float = FloatModel::import(&model).unwrap();
    assert_eq!((float.inputs, float.layers.len()), (4, 4));
    let json: serde_json::Value = serde_json::from_slice(&read(&folder.join("input.json"))).unwrap();
    let rows: Vec<Vec<f64>> = serde_json::from_value(json["input_data"].clone()).unwrap();
    assert_eq!(rows.len(), 30);
    for row in &rows {
        check(&float, row, &in_tract(&model, &[1, 4], row));
    }
    let report = quantise(&float, &Calibration { rows, labels: vec![] }).unwrap().report;
    assert!(report.max_abs_error < 1e-3, "{report:?}");
}

#[test]
fn a_sigmoid_of_three_dimensions_equals_tract() {
    let Some(folder) = fixture("ort_sigmoid") else { return };
    let model = read(&folder.join("model.onnx"));
    let row: Vec<f64> = (0..60).map(|i| f64::from(i) / 3.0 - 10.0).collect();
    check(&FloatModel::import(&model).unwrap(), &row, &in_tract(&model, &[3, 4, 5], &row));
}

/// Three rows, and what onnxruntime 1.31 says of them.
#[test]
fn logistic_regression_on_iris_equals_onnxruntime() {
    let Some(folder) = fixture("ort_logreg_iris") else { return };
    let float = FloatModel::import(&read(&folder.join("model.onnx"))).unwrap();
    let expected = [
        [0.950_599_79, 0.027_834_143, 0.021_566_056],
        [0.013_932_211, 0.118_789_114, 0.867_278_64],
        [0.541_243_79, 0.255_751_91, 0.203_004_35],
    ];
    check(&float, &[1.0, 2.0, 3.0, -4.0, 0.5, 0.25], expected.as_flattened());
}

/// Trees as tensors: places in a table that depend on comparisons. The row and the output are those of the fixture's `io.npz`.
#[test]
fn trees_of_lightgbm_as_tensors_equal_the_expected_output() {
    let Some(folder) = fixture("tract_lgbm_regressor_tensor") else { return };
    let float = FloatModel::import(&read(&folder.join("model.onnx"))).unwrap();
    let row = [14.23, 1.71, 2.43, 15.6, 127.0, 2.8, 3.06, 0.28, 2.29, 5.64, 1.04, 3.92, 1_065.0];
    check(&float, &row, &[0.322_696_91]);
}

/// A row and the output that the fixture keeps for it in `io.npz`.
#[test]
fn trees_of_xgboost_equal_the_expected_output() {
    let Some(folder) = fixture("tract_xgboost_regressor_tree") else { return };
    let float = FloatModel::import(&read(&folder.join("model.onnx"))).unwrap();
    let row = [14.23, 1.71, 2.43, 15.6, 127.0, 2.8, 3.06, 0.28, 2.29, 5.64, 1.04, 3.92, 1_065.0];
    check(&float, &row, &[0.014_516_592]);
}

#[test]
fn trees_of_four_classes_are_read() {
    let Some(folder) = fixture("skl2onnx_treecl3") else { return };
    let float = FloatModel::import_wide(&read(&folder.join("model.onnx")), 10).unwrap();
    assert_eq!((float.inputs, float.outputs.len()), (10, 4));
    // what onnxruntime says of it: models/exports.py
    let kept: serde_json::Value = serde_json::from_str(include_str!("../../tests/data/treecl3.json")).unwrap();
    let numbers = |row: &serde_json::Value| serde_json::from_value::<Vec<f64>>(row.clone()).unwrap();
    let rows: Vec<Vec<f64>> = kept["rows"].as_array().unwrap().iter().map(numbers).collect();
    let expected: Vec<Vec<f64>> = kept["expected"].as_array().unwrap().iter().map(numbers).collect();
    assert!(rows.len() == 8 && expected.len() == 8);
    for (row, expected) in rows.iter().zip(&expected) {
        check(&float, row, expected);
    }
}

#[test]
fn refuses_a_graph_of_two_inputs() {
    let Some(folder) = fixture("node_test_greater") else { return };
    let error = FloatModel::import(&read(&folder.join("model.onnx"))).unwrap_err();
    let said = error.to_string();
    assert!(
        said.starts_with("graph has 2 free inputs (x, y): expected one, the features, or several of shape"),
        "{said}"
    );
    assert!(said.contains("concatenate them into one input when exporting"), "{said}");
}

#[test]
fn refuses_bytes_that_are_no_model() {
    assert!(matches!(FloatModel::import(b"not a model"), Err(OnnxError::Decode(_))));
    let message = "not an ONNX file: it has no graph";
    assert_eq!(FloatModel::import(b"").unwrap_err().to_string(), message);
}

/// An example model of this repository, with its calibration rows.
fn example(name: &str) -> (FloatModel, Calibration) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(name);
    let plan = std::fs::read_to_string(folder.join("plan.toml")).unwrap();
    let plan = vouch_circuits::plan::Plan::parse(&plan).unwrap();
    let names: Vec<&str> = plan.features.iter().map(|f| f.name.as_str()).collect();
    let rows = std::fs::read_to_string(folder.join("calibrate.csv")).unwrap();
    (FloatModel::import(&read(&folder.join("model.onnx"))).unwrap(), Calibration::parse(&rows, &names).unwrap())
}

#[test_case("risk")]
#[test_case("logistic")]
fn examples_stay_within_a_thousandth(name: &str) {
    let (float, calibration) = example(name);
    let Quantised { model, report, .. } = quantise(&float, &calibration).unwrap();
    println!("{name}: {report:?}");
    assert_eq!(report.rows, calibration.rows.len());
    assert!(report.max_abs_error < 1e-3, "{report:?}");
    assert!(report.integer_auc >= report.float_auc.map(|auc| auc - 1e-3), "{report:?}");
    for layer in &model.layers {
        if let Op::Dense(dense) = &layer.op {
            println!("{name}: {} shift {} bits {}", layer.name, dense.shift, dense.bits);
        }
    }
}

/// Needs no fixture: the sigmoid at the end of an example becomes another op of seven letters.
#[test]
fn an_unsupported_op_of_an_example_is_named_with_its_node() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/logistic");
    let honest = read(&folder.join("model.onnx"));
    FloatModel::import(&honest).unwrap();
    let at = honest.windows(7).position(|w| w == b"Sigmoid").unwrap();
    let changed = [&honest[..at], b"NonZero", &honest[at + 7..]].concat();
    let error = FloatModel::import(&changed).unwrap_err().to_string();
    let way_out = "see docs/models.md for what can be imported; compute what is constant before exporting";
    assert_eq!(error, format!("node risk: op NonZero is not supported; {way_out}"));
}

#[test]
fn a_wrong_width_is_named() {
    let (float, _) = example("risk");
    let message = "model input has 16 numbers: the plan makes 9 features; export with batch 1, or change the plan";
    assert_eq!(float.check_inputs(9).unwrap_err().to_string(), message);
    assert_eq!(float.check_inputs(16), Ok(()));
}

#[test_case("a,b\n1,2", "column 2: expected c, got b"; "other column")]
#[test_case("a,c,d\n1,2,3", "expected 2 columns and perhaps label, got 3 columns"; "column too many")]
#[test_case("a,c\n1,x", "row 1: expected a number, got x"; "no number")]
#[test_case("a,c\n1,inf", "row 1: expected a number, got inf"; "infinite")]
fn refuses_calibration(text: &str, message: &str) {
    assert!(Calibration::parse("a,c,label\n1,2,0", &["a", "c"]).is_ok());
    let error = Calibration::parse(text, &["a", "c"]).unwrap_err().to_string();
    assert_eq!(error, format!("calibration: {message}"));
}

/// One layer of one weight.
fn single(weight: f64, activation: FloatActivation) -> FloatModel {
    let op = FloatOp::Dense { weights: vec![vec![weight]], bias: vec![0.0], activation };
    let layers = vec![FloatLayer { name: "dense0".into(), sources: vec![0], op }];
    FloatModel { inputs: 1, layers, outputs: vec![1], private: Default::default() }
}

#[test]
fn large_weights_are_refused_with_their_layer() {
    let float = single(1e12, FloatActivation::Identity);
    let error = quantise(&float, &Calibration::default()).unwrap_err().to_string();
    assert_eq!(error, "layer dense0: weight or bias 1000000000000 does not fit: expected a magnitude below 8388608");
}

/// A weight of 2^12 takes the largest feature just beyond 63 bits.
#[test]
fn outputs_that_leave_64_bits_are_refused_with_their_layer() {
    let quantise = |weight, activation| quantise(&single(weight, activation), &Calibration::default());
    quantise(2048.0, FloatActivation::Identity).unwrap();
    for activation in [FloatActivation::Identity, FloatActivation::Relu] {
        let error = quantise(4096.0, activation).unwrap_err().to_string();
        let expected = "layer dense0: an output can reach 64 bits: expected at most 63; end the model with Sigmoid or Clip, or scale the weights";
        assert_eq!(error, expected);
    }
    quantise(4096.0, FloatActivation::Curve(Curve::Sigmoid)).unwrap();
    quantise(4096.0, FloatActivation::Clip { low: 0.0, high: 1.0 }).unwrap();
}

#[test]
fn tensors_broadcast_and_transpose_like_onnx() {
    let matrix = Tensor::constant(vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let column = Tensor::constant(vec![2, 1], vec![10.0, 20.0]);
    let numbers = |t: Result<Tensor, String>| t.unwrap().constants().unwrap();
    assert_eq!(numbers(matrix.add(&column, 1.0)), [11.0, 12.0, 13.0, 24.0, 25.0, 26.0]);
    let transposed = matrix.transpose(&[1, 0]).unwrap();
    assert_eq!(transposed.shape, [3, 2]);
    assert_eq!(transposed.constants().unwrap(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    let product = matrix.matmul(&column.clone().reshape(vec![2, 1]).unwrap(), |_, _| Ok(Linear::default()));
    assert_eq!(product.unwrap_err(), "expected matching inner sizes, got [2, 3] and [2, 1]");
    assert_eq!(numbers(matrix.slice(1, -1, i64::MIN, -2)), [3.0, 1.0, 6.0, 4.0]);
    assert_eq!(numbers(matrix.gather(0, &[-1.0, 0.0], &[2])), [4.0, 5.0, 6.0, 1.0, 2.0, 3.0]);
    assert_eq!(numbers(Tensor::concat(&[&matrix, &column], 1)), [1.0, 2.0, 3.0, 10.0, 4.0, 5.0, 6.0, 20.0]);
    assert_eq!(numbers(column.pad(&[0, 1], &[1, 0], 7.0)), [7.0, 10.0, 7.0, 20.0, 7.0, 7.0]);
}

/// Error, and bits that are range-checked after the sums of dense layers, at a precision.
fn error_and_size(float: &FloatModel, calibration: &Calibration, bits: u32) -> (f64, usize) {
    let Quantised { model, report, .. } = quantise_at(float, calibration, Precision::new(bits).unwrap()).unwrap();
    let bits = |op: &Op| match op {
        Op::Dense(dense) => dense.bias.len() * (dense.bits + dense.shift as usize),
        _ => 0,
    };
    let inputs: Vec<i64> = calibration.rows[0].iter().map(|v| fixed::from_real(*v)).collect();
    assert_eq!(in_circuit(&model, &inputs), model.run(&inputs).unwrap());
    (report.mean_abs_error, model.layers.iter().map(|layer| bits(&layer.op)).sum())
}

/// Of a shallow model more than the default gains nothing: the 16 bits of inputs and outputs are what errs.
#[test_case("risk")]
#[test_case("direction")]
#[test_case("amm")]
fn less_precision_errs_more_and_takes_less(name: &str) {
    let found = [8, 12, 16, 20].map(|bits| {
        let (float, calibration) = example(name);
        error_and_size(&float, &calibration, bits)
    });
    println!("{name}: {found:?}");
    assert!(found[..3].windows(2).all(|w| w[1].0 < w[0].0 && w[1].1 >= w[0].1), "{found:?}");
    assert!(found[3].0 < 1.1 * found[2].0 && found[0].1 < found[2].1 && found[2].1 < found[3].1, "{found:?}");
}

/// Eight layers of sums with ReLU, on rows that have 16 bits.
#[test]
fn more_precision_of_a_deep_model_errs_less_and_takes_more() {
    let layer = |i: usize| {
        let weight = |j: usize, k: usize| ((i * 31 + j * 17 + k * 7) % 23) as f64 / 30.0 - 0.3;
        let weights: Vec<Vec<f64>> = (0..8).map(|j| (0..8).map(|k| weight(j, k)).collect()).collect();
        let op = FloatOp::Dense { weights, bias: vec![0.3; 8], activation: FloatActivation::Relu };
        FloatLayer { name: format!("dense{i}"), sources: (8 * i..8 * i + 8).collect(), op }
    };
    let private = vouch_circuits::plan::Private { count: 8, bits: 26 };
    let float = FloatModel { inputs: 8, layers: (0..8).map(layer).collect(), outputs: (64..72).collect(), private };
    let rows = (0..50).map(|row| (0..8).map(|i| fixed::to_real((row * 9_377 + i * 31_337) % 65_536)).collect());
    let rows = Calibration { rows: rows.collect(), labels: vec![] };
    let found = [8, 12, 16, 20].map(|bits| error_and_size(&float, &rows, bits));
    println!("{found:?}");
    assert!(found.windows(2).all(|w| w[1].0 < 0.8 * w[0].0 && w[1].1 > w[0].1), "{found:?}");
}

/// Extremes are scaled with what they compare, products are not scaled, and outputs never are.
#[test]
fn only_sums_and_their_extremes_are_scaled() {
    let dense = |name: &str, sources: Vec<usize>, rows: usize, activation| {
        let op = FloatOp::Dense { weights: vec![vec![0.5; sources.len()]; rows], bias: vec![0.25; rows], activation };
        FloatLayer { name: name.into(), sources, op }
    };
    let layer = |name: &str, sources: Vec<usize>, op| FloatLayer { name: name.into(), sources, op };
    let layers = vec![
        dense("a", vec![0, 1], 2, FloatActivation::Relu), // 2, 3
        layer("largest", vec![2, 3], FloatOp::Extreme(2, vouch_circuits::features::extreme::Side::Max)), // 4
        dense("b", vec![4], 2, FloatActivation::Clip { low: 0.0, high: 6.0 }), // 5, 6
        dense("c", vec![4, 5], 1, FloatActivation::Identity), // 7
        layer("product", vec![7, 0], FloatOp::Multiply(1)), // 8
        dense("d", vec![5, 6, 8], 1, FloatActivation::Identity), // 9
    ];
    let private = vouch_circuits::plan::Private { count: 2, bits: 26 };
    let float = FloatModel { inputs: 2, layers, outputs: vec![9], private };
    let rows = Calibration { rows: vec![vec![0.7, -0.2], vec![3.0, 1.5]], labels: vec![] };
    let Quantised { model, report, scales } = quantise_at(&float, &rows, Precision::new(20).unwrap()).unwrap();
    assert_eq!(scales, [16, 16, 20, 20, 20, 20, 20, 16, 16, 16]);
    assert!(report.max_abs_error < 3e-5, "{report:?}");
    let values = model.values(&[fixed::ONE, fixed::ONE]).unwrap();
    assert_eq!(values[2], 5 << 18);
    assert_eq!(quantise(&float, &rows).unwrap().scales, [16; 10]);
}

#[test]
fn a_precision_that_is_not_offered_is_refused_with_the_reason() {
    for (text, bits) in [("low", 10), ("normal", 16), ("high", 22), ("8", 8), ("24", 24)] {
        assert_eq!(text.parse::<Precision>().unwrap().bits(), bits);
    }
    for text in ["7", "25", "", "fine", "-1"] {
        let said = text.parse::<Precision>().unwrap_err().to_string();
        assert!(said.starts_with("precision: expected low, normal, high, or 8 to 24 fraction bits, got "), "{said}");
    }
}
