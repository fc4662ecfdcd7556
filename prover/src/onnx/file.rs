//! The ONNX protobuf: nodes, constants, inputs and outputs. (Message types of `tract-onnx`.)

use super::{
    error::OnnxError,
    linear::{MAX_ELEMENTS, Tensor, size},
};
use prost::Message;
use std::collections::{HashMap, HashSet};
use tract_onnx::pb::{
    self, AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
    tensor_proto::{DataLocation, DataType},
    tensor_shape_proto::dimension::Value as Dimension,
    type_proto::Value as Type,
};

/// Most inputs.
const MAX_INPUTS: usize = 1 << 16;
/// Versions of the operations whose meaning the importer knows.
const OPSETS: std::ops::RangeInclusive<i64> = 6..=24;

/// The decoded graph.
pub struct Graph {
    /// Those that an output needs, in topological order, as ONNX demands.
    pub nodes: Vec<Node>,
    /// Initializers that they read, and bound inputs.
    pub constants: HashMap<String, Tensor>,
    /// The free inputs, one behind the other: name and shape.
    pub inputs: Vec<(String, Vec<usize>)>,
    /// Names of the outputs that may be scores: those that are whole numbers or texts by their type are not, unless there are no others.
    pub outputs: Vec<String>,
    /// Names of constants that are integers or booleans.
    pub whole: HashSet<String>,
    /// Version of the operations of `ai.onnx`.
    pub opset: i64,
}

/// One operation.
pub struct Node {
    /// Its name, or that of its first output.
    pub name: String,
    /// The operation, with its domain if that is not `ai.onnx`.
    pub op: String,
    /// Names of the operands; empty where an optional one is left out.
    pub inputs: Vec<String>,
    /// Names of the results.
    pub outputs: Vec<String>,
    attributes: Vec<AttributeProto>,
}

impl Node {
    fn new(node: NodeProto) -> Self {
        let name = match node.name.is_empty() {
            true => node.output.iter().find(|o| !o.is_empty()).cloned().unwrap_or_default(),
            false => node.name,
        };
        let op = match node.domain.as_str() {
            "" | "ai.onnx" => node.op_type,
            domain => format!("{domain}.{}", node.op_type),
        };
        Self { name, op, inputs: node.input, outputs: node.output, attributes: node.attribute }
    }

    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.attributes.iter().find(|a| a.name == name)
    }

    /// A float attribute.
    pub fn float(&self, name: &str) -> Option<f64> {
        self.attribute(name).map(|a| f64::from(a.f))
    }

    /// An integer attribute.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.attribute(name).map(|a| a.i)
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.attribute(name).map(|a| String::from_utf8_lossy(&a.s).into_owned())
    }

    /// A list of texts; empty if there is none.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let list = self.attribute(name).map(|a| a.strings.as_slice()).unwrap_or_default();
        list.iter().map(|s| String::from_utf8_lossy(s).into_owned()).collect()
    }

    /// A list of floats, perhaps as a tensor of the name `…_as_tensor`.
    pub fn floats(&self, name: &str) -> Option<Vec<f64>> {
        let tensor = || self.tensor(&format!("{name}_as_tensor")).ok().flatten().and_then(|t| t.constants());
        let list = |a: &AttributeProto| a.floats.iter().map(|v| f64::from(*v)).collect();
        self.attribute(name).map(list).or_else(tensor)
    }

    /// A list of integers.
    pub fn integers(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|a| a.ints.as_slice())
    }

    /// Is a tensor attribute one of integers or booleans?
    pub fn is_whole(&self, name: &str) -> bool {
        self.attribute(name).and_then(|a| a.t.as_ref()).is_some_and(is_whole)
    }

    /// A tensor attribute.
    pub fn tensor(&self, name: &str) -> Result<Option<Tensor>, OnnxError> {
        self.attribute(name).and_then(|a| a.t.as_ref()).map(read_tensor).transpose()
    }
}

impl Graph {
    /// Decodes a file; `values` are serialised tensors for inputs that the caller fixes, `width` is the number of features where the
    /// file does not say it.
    pub fn decode(bytes: &[u8], values: &[(&str, &[u8])], width: usize) -> Result<Self, OnnxError> {
        let model = ModelProto::decode(bytes).map_err(|e| OnnxError::Decode(e.to_string()))?;
        let graph: GraphProto = model.graph.ok_or_else(|| OnnxError::Decode("it has no graph".into()))?;
        if !model.functions.is_empty() {
            let problem = "it has functions of its own, which are not read; export with them inlined";
            return Err(OnnxError::Decode(problem.into()));
        }
        let version = |o: &&pb::OperatorSetIdProto| matches!(o.domain.as_str(), "" | "ai.onnx");
        let opset = model.opset_import.iter().find(version).map_or(*OPSETS.end(), |o| o.version);
        if !OPSETS.contains(&opset) {
            let (first, last) = (OPSETS.start(), OPSETS.end());
            return Err(OnnxError::Decode(format!(
                "expected an opset from {first} to {last}, got {opset}; export with 17"
            )));
        }
        let initial: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
        let bound = |name: &str| initial.contains(name) || values.iter().any(|(value, _)| *value == name);
        let inputs = inputs(graph.input.iter().filter(|i| !bound(&i.name)).collect(), width)?;
        let outputs = scores(&graph.output);
        let nodes = needed(graph.node.into_iter().map(Node::new).collect(), &outputs);
        let read: HashSet<&str> = nodes.iter().flat_map(|n| &n.inputs).chain(&outputs).map(String::as_str).collect();
        let (mut constants, mut whole, mut count) = (HashMap::new(), HashSet::new(), 0);
        for tensor in graph.initializer.iter().filter(|t| read.contains(t.name.as_str())) {
            let numbers = read_tensor(tensor)?;
            count += numbers.data.len();
            if count > MAX_ELEMENTS {
                let problem = format!("expected at most {MAX_ELEMENTS} numbers in all constants, got more");
                return Err(OnnxError::Tensor { name: tensor.name.clone(), problem });
            }
            whole.extend(is_whole(tensor).then(|| tensor.name.clone()));
            constants.insert(tensor.name.clone(), numbers);
        }
        for (name, bytes) in values {
            constants.insert((*name).to_owned(), decode_tensor(bytes, name)?);
        }
        Ok(Self { outputs, inputs, constants, whole, opset, nodes })
    }
}

/// The free inputs: one of any shape, or several rows of which each says how long it is, as pipelines of scikit-learn have columns.
fn inputs(free: Vec<&ValueInfoProto>, width: usize) -> Result<Vec<(String, Vec<usize>)>, OnnxError> {
    let shapes: Vec<Vec<usize>> = match free.as_slice() {
        [input] => vec![shape(input, width)?],
        // 0 is a dimension that is left open
        inputs => inputs.iter().map(|input| shape(input, 0)).collect::<Result<_, _>>()?,
    };
    let is_row = |shape: &Vec<usize>| matches!(shape.as_slice(), [1, columns] if *columns > 0);
    if free.is_empty() || (free.len() > 1 && !shapes.iter().all(is_row)) {
        return Err(OnnxError::Inputs { names: free.iter().map(|input| input.name.clone()).collect() });
    }
    let got: usize = shapes.iter().flatten().sum();
    if free.len() > 1 && got > MAX_INPUTS {
        let name = free.last().map(|input| input.name.clone()).unwrap_or_default();
        let problem = format!("expected at most {MAX_INPUTS} elements in all inputs, got more up to this one");
        return Err(OnnxError::Tensor { name, problem });
    }
    Ok(free.iter().map(|input| input.name.clone()).zip(shapes).collect())
}

/// Names of the outputs that may be scores.
fn scores(outputs: &[ValueInfoProto]) -> Vec<String> {
    let is_label = |info: &&ValueInfoProto| {
        let of = info.r#type.as_ref().and_then(|t| t.value.as_ref());
        let Some(Type::TensorType(tensor)) = of else { return false };
        matches!(
            DataType::try_from(tensor.elem_type),
            Ok(DataType::Int64 | DataType::Int32 | DataType::Bool | DataType::String)
        )
    };
    let names = |list: Vec<&ValueInfoProto>| list.into_iter().map(|o| o.name.clone()).collect();
    let scores: Vec<&ValueInfoProto> = outputs.iter().filter(|o| !is_label(o)).collect();
    names(if scores.is_empty() { outputs.iter().collect() } else { scores })
}

/// Those of the nodes that `outputs` depend on: what only makes a label may be of any operation.
fn needed(nodes: Vec<Node>, outputs: &[String]) -> Vec<Node> {
    let made_by: HashMap<&str, usize> = nodes
        .iter()
        .enumerate()
        .flat_map(|(i, node)| node.outputs.iter().map(move |name| (name.as_str(), i)))
        .filter(|(name, _)| !name.is_empty())
        .collect();
    let mut kept = vec![false; nodes.len()];
    let mut open: Vec<&str> = outputs.iter().map(String::as_str).collect();
    while let Some(name) = open.pop() {
        if let Some(&i) = made_by.get(name)
            && !std::mem::replace(&mut kept[i], true)
        {
            open.extend(nodes[i].inputs.iter().map(String::as_str));
        }
    }
    nodes.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(node, _)| node).collect()
}

fn shape(info: &ValueInfoProto, width: usize) -> Result<Vec<usize>, OnnxError> {
    let problem = |problem: &str| OnnxError::Tensor { name: info.name.clone(), problem: problem.into() };
    let Some(Type::TensorType(tensor)) = info.r#type.as_ref().and_then(|t| t.value.as_ref()) else {
        return Err(problem("expected a tensor"));
    };
    if !matches!(DataType::try_from(tensor.elem_type), Ok(DataType::Float | DataType::Double)) {
        let got = type_name(tensor.elem_type);
        return Err(problem(&format!(
            "expected an input of float or double, got {got}; features are real numbers: export in float32, and cast in the model where it needs whole numbers"
        )));
    }
    let dims = &tensor.shape.as_ref().ok_or_else(|| problem("expected a shape, got none"))?.dim;
    let dimension = |(i, d): (usize, &pb::tensor_shape_proto::Dimension)| match d.value {
        Some(Dimension::DimValue(v)) if v > 0 => usize::try_from(v).unwrap_or(usize::MAX),
        // a batch, or rows of as many features as there are
        _ => {
            if i == 1 && dims.len() == 2 {
                width
            } else {
                1
            }
        }
    };
    let shape: Vec<usize> = dims.iter().enumerate().map(dimension).collect();
    match size(&shape) {
        Some(count) if count <= MAX_INPUTS => Ok(shape),
        _ => Err(problem(&format!("expected at most {MAX_INPUTS} elements, got shape {shape:?}"))),
    }
}

fn is_whole(tensor: &TensorProto) -> bool {
    matches!(DataType::try_from(tensor.data_type), Ok(DataType::Int64 | DataType::Int32 | DataType::Bool))
}

/// ONNX's name of a type of elements, in lower case.
fn type_name(data_type: i32) -> String {
    DataType::try_from(data_type).map_or_else(|_| format!("type {data_type}"), |t| t.as_str_name().to_lowercase())
}

/// Decodes a serialised tensor.
pub fn decode_tensor(bytes: &[u8], name: &str) -> Result<Tensor, OnnxError> {
    let tensor = TensorProto::decode(bytes)
        .map_err(|e| OnnxError::Tensor { name: name.into(), problem: format!("expected a tensor, got {e}") })?;
    read_tensor(&tensor)
}

fn chunks<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.chunks_exact(N).map(|c| read(std::array::from_fn(|i| c[i]))).collect()
}

fn read_tensor(tensor: &TensorProto) -> Result<Tensor, OnnxError> {
    let problem = |problem: String| OnnxError::Tensor { name: tensor.name.clone(), problem };
    if tensor.data_location == Some(DataLocation::External as i32) {
        return Err(problem(
            "expected data in the file itself, got external data; export without external data".into(),
        ));
    }
    let raw = &tensor.raw_data;
    if raw.len() > 8 * MAX_ELEMENTS {
        return Err(problem(format!("expected at most {MAX_ELEMENTS} numbers, got {} bytes", raw.len())));
    }
    let integers = |v: &[i32]| v.iter().map(|v| f64::from(*v)).collect();
    let data: Vec<f64> = match DataType::try_from(tensor.data_type) {
        Ok(DataType::Float) if raw.is_empty() => tensor.float_data.iter().map(|v| f64::from(*v)).collect(),
        Ok(DataType::Float) => chunks(raw, |b| f64::from(f32::from_le_bytes(b))),
        Ok(DataType::Double) if raw.is_empty() => tensor.double_data.clone(),
        Ok(DataType::Double) => chunks(raw, f64::from_le_bytes),
        Ok(DataType::Int64) if raw.is_empty() => tensor.int64_data.iter().map(|v| *v as f64).collect(),
        Ok(DataType::Int64) => chunks(raw, |b| i64::from_le_bytes(b) as f64),
        Ok(DataType::Bool) if !raw.is_empty() => raw.iter().map(|v| f64::from(u8::from(*v != 0))).collect(),
        Ok(DataType::Bool) => integers(&tensor.int32_data),
        Ok(DataType::Int32) if raw.is_empty() => integers(&tensor.int32_data),
        Ok(DataType::Int32) => chunks(raw, |b| f64::from(i32::from_le_bytes(b))),
        _ => {
            let got = type_name(tensor.data_type);
            return Err(problem(format!("expected float, double, int32, int64 or bool, got {got}; export in float32")));
        }
    };
    let shape: Vec<usize> = tensor.dims.iter().map(|d| usize::try_from(*d).unwrap_or(0)).collect();
    if size(&shape) != Some(data.len()) {
        return Err(problem(format!("expected as many numbers as shape {shape:?} says, got {}", data.len())));
    }
    if data.iter().any(|v| v.is_nan()) {
        return Err(problem("expected numbers, got NaN".into()));
    }
    Ok(Tensor::constant(shape, data))
}
