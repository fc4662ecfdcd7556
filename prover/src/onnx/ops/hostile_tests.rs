//! Files made to mislead or to take all memory: each is refused with its node, before anything large is made.

use crate::onnx::FloatModel;
use prost::Message;
use test_case::test_case;
use tract_onnx::pb::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, attribute_proto::AttributeType, tensor_proto::DataType,
    tensor_shape_proto, type_proto,
};

fn node(op: &str, inputs: &[&str], output: &str, integers: &[(&str, &[i64])]) -> NodeProto {
    let list = |(name, ints): &(&str, &[i64])| AttributeProto {
        name: (*name).into(),
        ints: ints.to_vec(),
        i: ints.first().copied().unwrap_or(0),
        r#type: AttributeType::Ints as i32,
        ..Default::default()
    };
    NodeProto {
        op_type: op.into(),
        name: format!("the {op}"),
        input: inputs.iter().map(|i| (*i).into()).collect(),
        output: vec![output.into()],
        attribute: integers.iter().map(list).collect(),
        ..Default::default()
    }
}

fn numbers(name: &str, values: &[f64]) -> TensorProto {
    let dims = vec![values.len() as i64];
    let data_type = DataType::Double as i32;
    TensorProto { name: name.into(), dims, data_type, double_data: values.to_vec(), ..Default::default() }
}

fn integers(name: &str, values: &[i64]) -> TensorProto {
    let (dims, data_type) = (vec![values.len() as i64], DataType::Int64 as i32);
    TensorProto { name: name.into(), dims, data_type, int64_data: values.to_vec(), ..Default::default() }
}

fn value(name: &str, shape: &[i64]) -> ValueInfoProto {
    let dimension = |d: &i64| tensor_shape_proto::Dimension {
        value: Some(tensor_shape_proto::dimension::Value::DimValue(*d)),
        ..Default::default()
    };
    let shape = Some(TensorShapeProto { dim: shape.iter().map(dimension).collect() });
    let tensor = type_proto::Tensor { elem_type: DataType::Float as i32, shape };
    let r#type = Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() });
    ValueInfoProto { name: name.into(), r#type, ..Default::default() }
}

fn file(shape: &[i64], nodes: Vec<NodeProto>, constants: Vec<TensorProto>) -> ModelProto {
    let graph = GraphProto {
        node: nodes,
        initializer: constants,
        input: vec![value("x", shape)],
        output: vec![value("y", &[])],
        ..Default::default()
    };
    let opset_import = vec![OperatorSetIdProto { version: 17, ..Default::default() }];
    ModelProto { graph: Some(graph), opset_import, ..Default::default() }
}

fn refusal(model: &ModelProto) -> String {
    FloatModel::import(&model.encode_to_vec()).unwrap_err().to_string()
}

const HUGE: i64 = 1 << 20;

#[test_case(node("Expand", &["x", "s"], "y", &[]), &[HUGE, HUGE]; "expand")]
#[test_case(node("Tile", &["x", "s"], "y", &[]), &[1, 1_000_000_000_000_000_000]; "tile, capacity overflow")]
#[test_case(node("Tile", &["x", "s"], "y", &[]), &[1, 1 << 36]; "tile, allocation failure")]
#[test_case(node("Pad", &["x", "s"], "y", &[]), &[0, 0, 0, 1 << 60]; "pad")]
#[test_case(node("Pad", &["x", "s"], "y", &[]), &[0, i64::MAX, 0, i64::MAX]; "pad, overflow")]
#[test_case(node("Reshape", &["x", "s"], "y", &[]), &[1 << 62, 1 << 62, -1]; "reshape, overflow")]
#[test_case(node("ConstantOfShape", &["s"], "y", &[]), &[HUGE, HUGE]; "constant of a shape")]
#[test_case(node("Range", &["x", "s", "s"], "y", &[]), &[i64::MAX]; "range of what depends on the input")]
fn too_much_of_a_shape_is_refused(node: NodeProto, shape: &[i64]) {
    let name = node.name.clone();
    let error = refusal(&file(&[1, 4], vec![node], vec![integers("s", shape)]));
    assert!(error.starts_with(&format!("node {name} (")), "{error}");
    assert!(error.contains("expected"), "{error}");
}

#[test]
fn products_and_sums_of_long_vectors_are_refused() {
    let wide = |op: &str| {
        let nodes = vec![
            node("ConstantOfShape", &["column"], "a", &[]),
            node("ConstantOfShape", &["row"], "b", &[]),
            node(op, &["a", "b"], "y", &[]),
        ];
        refusal(&file(&[1, 4], nodes, vec![integers("column", &[HUGE, 1]), integers("row", &[1, HUGE])]))
    };
    for op in ["Add", "Mul", "MatMul"] {
        let error = wide(op);
        assert!(error.starts_with(&format!("node the {op} ({op}): expected at most")), "{error}");
    }
}

#[test]
fn doubling_forty_times_is_refused() {
    let double = |i: usize| {
        let (from, to) = (format!("x{i}"), if i == 39 { "y".into() } else { format!("x{}", i + 1) });
        node("Concat", &[if i == 0 { "x" } else { &from }, if i == 0 { "x" } else { &from }], &to, &[("axis", &[1])])
    };
    let error = refusal(&file(&[1, 4], (0..40).map(double).collect(), vec![]));
    assert!(error.starts_with("node the Concat (Concat): expected at most"), "{error}");
}

#[test_case(&[("pads", &[1 << 40, 1 << 40])]; "pads")]
#[test_case(&[("dilations", &[i64::MAX])]; "dilation")]
#[test_case(&[("pads", &[i64::MAX, i64::MAX])]; "pads, overflow")]
fn windows_of_padding_are_refused(attributes: &[(&str, &[i64])]) {
    let pool = |attributes: &[(&str, &[i64])]| {
        let kernel: &[(&str, &[i64])] = &[("kernel_shape", &[2])];
        file(&[1, 1, 4], vec![node("AveragePool", &["x"], "y", &[kernel, attributes].concat())], vec![])
    };
    FloatModel::import(&pool(&[]).encode_to_vec()).unwrap();
    let error = refusal(&pool(attributes));
    assert!(error.starts_with("node the AveragePool (AveragePool): expected"), "{error}");
}

#[test]
fn many_windows_indices_and_places_are_refused() {
    // 65,536 numbers in windows of as many, a table of 4,096 places each, and a sequence of wide states
    let pool = node("AveragePool", &["x"], "y", &[("kernel_shape", &[100, 100]), ("pads", &[99, 99, 99, 99])]);
    let error = refusal(&file(&[1, 1, 256, 256], vec![pool], vec![]));
    assert!(error.starts_with("node the AveragePool (AveragePool): expected at most"), "{error}");
    let hot = node("OneHot", &["x", "depth", "values"], "y", &[]);
    let error =
        refusal(&file(&[1, 65_536], vec![hot], vec![integers("depth", &[4_096]), numbers("values", &[0.0, 1.0])]));
    assert!(error.starts_with("node the OneHot (OneHot): expected at most"), "{error}");
    let nodes = vec![
        node("ConstantOfShape", &["w"], "a", &[]),
        node("ConstantOfShape", &["r"], "b", &[]),
        node("RNN", &["x", "a", "b"], "y", &[]),
    ];
    let constants = vec![integers("w", &[1, 2_048, 1]), integers("r", &[1, 2_048, 2_048])];
    let error = refusal(&file(&[65_536, 1, 1], nodes, constants));
    assert!(error.starts_with("node the RNN (RNN): expected at most"), "{error}");
}

#[test]
fn a_long_input_is_refused() {
    let error = refusal(&file(&[1, 1 << 24], vec![node("Relu", &["x"], "y", &[])], vec![]));
    assert_eq!(error, "tensor x: expected at most 65536 elements, got shape [1, 16777216]");
}

#[test]
fn inputs_that_are_long_together_are_refused() {
    let mut file = file(&[1, 1 << 15], vec![node("Identity", &["x"], "y", &[])], vec![]);
    let more = (0..1_000).map(|i| value(&format!("z{i}"), &[1, 1 << 15]));
    file.graph.as_mut().unwrap().input.extend(more);
    let said = refusal(&file);
    assert_eq!(said, "tensor z999: expected at most 65536 elements in all inputs, got more up to this one");
}

fn clip(low: f64, high: f64) -> ModelProto {
    file(
        &[1, 2],
        vec![node("Clip", &["x", "low", "high"], "y", &[])],
        vec![numbers("low", &[low]), numbers("high", &[high])],
    )
}

#[test]
fn bounds_of_a_clip_are_numbers() {
    let run = |low, high, x: [f64; 2]| FloatModel::import(&clip(low, high).encode_to_vec()).unwrap().run(&x);
    assert_eq!(run(-1.0, 2.0, [-3.0, 3.0]), [-1.0, 2.0]);
    // a bound among the features is one, however large
    assert_eq!(run(0.0, 1.1e10, [-3.0, 6e10]), [0.0, 1.1e10]);
    assert_eq!(run(f64::NEG_INFINITY, 1.1e10, [-6e10, 6e10]), [-6e10, 1.1e10]);
    assert_eq!(run(-8e10, f64::INFINITY, [-6e10, 6e10]), [-6e10, 6e10]);
    assert_eq!(refusal(&clip(f64::NAN, 1.0)), "tensor low: expected numbers, got NaN");
    let error = refusal(&clip(2.0, 1.0));
    assert!(error.starts_with("node the Clip (Clip): expected bounds that are numbers"), "{error}");
}

#[test]
fn what_the_importer_does_not_know_is_refused() {
    let honest = file(&[1, 2], vec![node("Relu", &["x"], "y", &[])], vec![]);
    FloatModel::import(&honest.encode_to_vec()).unwrap();
    let mut newer = honest.clone();
    newer.opset_import[0].version = 99;
    assert_eq!(refusal(&newer), "not an ONNX file: expected an opset from 6 to 24, got 99; export with 17");
    let mut functions = honest;
    functions.functions.push(FunctionProto::default());
    let message = "not an ONNX file: it has functions of its own, which are not read; export with them inlined";
    assert_eq!(refusal(&functions), message);
}

#[test_case(10; "float16")]
#[test_case(2; "uint8")]
#[test_case(8; "text")]
fn casts_that_are_no_identity_are_refused(to: i64) {
    let error = refusal(&file(&[1, 2], vec![node("Cast", &["x"], "y", &[("to", &[to])])], vec![]));
    assert!(
        error.starts_with("node the Cast (Cast): expected a cast to float, double, int32, int64 or bool"),
        "{error}"
    );
}

/// A refusal, and beside it the nearest file that is accepted, with what it says of a row.
fn honest(model: &ModelProto, row: &[f64]) -> Vec<f64> {
    FloatModel::import(&model.encode_to_vec()).unwrap().run(row)
}

#[test]
fn normalisation_in_training_is_refused() {
    let normal = |attributes: &[(&str, &[i64])], opset| {
        let names = ["x", "scale", "shift", "mean", "variance"];
        let constants =
            [1.0, 0.0, 2.0, 4.0].iter().zip(&names[1..]).map(|(v, name)| numbers(name, &[*v, *v])).collect();
        let mut file = file(&[1, 2], vec![node("BatchNormalization", &names, "y", attributes)], constants);
        file.opset_import[0].version = opset;
        file
    };
    let said = "node the BatchNormalization (BatchNormalization): expected means and variances that are constant";
    for (attributes, opset) in [(("training_mode", &[1]), 15), (("spatial", &[0]), 8), (("is_test", &[0]), 6)] {
        let error = refusal(&normal(&[(attributes.0, attributes.1.as_slice())], opset));
        assert!(error.starts_with(said), "{error}");
    }
    assert!(refusal(&normal(&[], 6)).starts_with(said));
    for file in
        [normal(&[("training_mode", &[0])], 15), normal(&[("is_test", &[1])], 6), normal(&[("spatial", &[1])], 8)]
    {
        let got = honest(&file, &[6.0, 2.0]);
        assert!((got[0] - 2.0).abs() < 1e-5 && got[1].abs() < 1e-5, "{got:?}");
    }
    let drop = |training| {
        let flag = TensorProto { data_type: DataType::Bool as i32, ..integers("t", &[0]) };
        let flag = TensorProto { int64_data: vec![], int32_data: vec![training], ..flag };
        file(&[1, 2], vec![node("Dropout", &["x", "", "t"], "y", &[])], vec![flag])
    };
    assert_eq!(honest(&drop(0), &[1.0, 2.0]), [1.0, 2.0]);
    assert!(refusal(&drop(1)).starts_with("node the Dropout (Dropout): expected training_mode false"));
    let old = |attributes: &[(&str, &[i64])]| {
        let mut file = file(&[1, 2], vec![node("Dropout", &["x"], "y", attributes)], vec![]);
        file.opset_import[0].version = 6;
        file
    };
    assert_eq!(honest(&old(&[("is_test", &[1])]), &[1.0, 2.0]), [1.0, 2.0]);
    assert!(refusal(&old(&[])).starts_with("node the Dropout (Dropout): expected is_test 1"));
}

/// Version 6 aligns the second operand from an axis on; no runtime of today runs it, so the numbers are by hand.
#[test]
fn operands_before_version_7_are_aligned_by_their_axis() {
    let legacy = |op: &str, shape: &[i64], attributes: &[(&str, &[i64])]| {
        let mut file = file(shape, vec![node(op, &["x", "b"], "y", attributes)], vec![numbers("b", &[2.0, 3.0])]);
        file.opset_import[0].version = 6;
        file
    };
    let row = [1.0, 1.0, -1.0, -1.0];
    // two channels of two places
    let at_channel: &[(&str, &[i64])] = &[("axis", &[1]), ("broadcast", &[1])];
    assert_eq!(honest(&legacy("Mul", &[1, 2, 2], at_channel), &row), [2.0, 2.0, -3.0, -3.0]);
    assert_eq!(honest(&legacy("Sub", &[1, 2, 2], at_channel), &row), [-1.0, -1.0, -4.0, -4.0]);
    assert_eq!(honest(&legacy("Mul", &[1, 2, 2], &[("axis", &[-2])]), &row), [2.0, 2.0, -3.0, -3.0]);
    assert_eq!(honest(&legacy("Mul", &[1, 2, 2], &[("broadcast", &[1])]), &row), [2.0, 3.0, -2.0, -3.0]);
    assert_eq!(honest(&legacy("PRelu", &[1, 2, 2], &[]), &row), [1.0, 1.0, -3.0, -3.0]);
    let error = refusal(&legacy("Add", &[1, 3, 2], &[("axis", &[1])]));
    let said = "node the Add (Add): expected operand 1 to have the dimensions of operand 0 from axis 1 on, got [1, 3, 2] and [2]";
    assert_eq!(error, said);
    // since version 7 there is no axis, and the last dimensions are meant
    let mut newer = legacy("Mul", &[1, 2, 2], at_channel);
    newer.opset_import[0].version = 7;
    assert_eq!(honest(&newer, &row), [2.0, 3.0, -2.0, -3.0]);
}

#[test]
fn types_and_inputs_that_are_no_features_are_refused_with_a_way_out() {
    let relu = || node("Relu", &["x"], "y", &[]);
    let typed = |data_type: DataType| {
        let mut file = file(&[1, 2], vec![relu()], vec![]);
        let input = &mut file.graph.as_mut().unwrap().input[0];
        let Some(type_proto::Value::TensorType(tensor)) = &mut input.r#type.as_mut().unwrap().value else {
            unreachable!()
        };
        tensor.elem_type = data_type as i32;
        file
    };
    assert_eq!(honest(&typed(DataType::Double), &[1.5, -1.0]), [1.5, 0.0]);
    for (data_type, name) in [(DataType::Int64, "int64"), (DataType::Float16, "float16"), (DataType::String, "string")]
    {
        let error = refusal(&typed(data_type));
        let said = format!(
            "tensor x: expected an input of float or double, got {name}; features are real numbers: export in float32"
        );
        assert!(error.starts_with(&said), "{error}");
    }
    let half = TensorProto { data_type: DataType::Float16 as i32, ..numbers("w", &[1.0]) };
    let error = refusal(&file(&[1, 2], vec![node("Mul", &["x", "w"], "y", &[])], vec![half]));
    assert_eq!(error, "tensor w: expected float, double, int32, int64 or bool, got float16; export in float32");
    // an initializer that no score needs may be anything
    let text = TensorProto { data_type: DataType::String as i32, ..numbers("classes", &[]) };
    assert_eq!(honest(&file(&[1, 2], vec![relu()], vec![text]), &[1.0, -1.0]), [1.0, 0.0]);

    let two = |second: &[i64]| {
        let mut file = file(&[1, 2], vec![node("Concat", &["z", "x"], "y", &[("axis", &[1])])], vec![]);
        file.graph.as_mut().unwrap().input.push(value("z", second));
        file
    };
    assert_eq!(honest(&two(&[1, 1]), &[1.0, 2.0, 3.0]), [3.0, 1.0, 2.0]);
    for second in [&[1_i64, 1, 1][..], &[2, 1], &[1]] {
        let error = refusal(&two(second));
        assert!(error.starts_with("graph has 2 free inputs (x, z): expected one, the features, or several"), "{error}");
    }
    let error = refusal(&file(&[1, 2], vec![node("Reshape", &["x", "x"], "y", &[])], vec![]));
    assert!(error.ends_with("compute it when exporting, or give the input a fixed shape"), "{error}");
}
