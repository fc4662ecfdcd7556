//! The operations. What is linear is folded into the layer that it belongs to; all else makes layers (`make`). Each file says which
//! operations it knows.

mod activation;
mod arithmetic;
mod choose;
mod classic;
mod compare;
mod discrete;
mod encode;
mod layout;
mod legacy;
mod make;
mod normal;
mod pool;
mod recurrent;
mod svm;
mod trees;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;

use super::{
    FloatLayer, FloatModel,
    error::OnnxError,
    file::{Graph, Node},
    linear::{MAX_ELEMENTS, Tensor, size, within},
};
use make::Known;
use std::collections::{HashMap, HashSet};
use vouch_circuits::plan::Private;

/// Most values of a model: more than any class has rows for.
const MAX_VALUES: usize = 1 << 18;

/// The model so far.
struct Folder {
    tensors: HashMap<String, Tensor>,
    /// Results that are labels, not scores.
    labels: HashSet<String>,
    /// Tensors that ONNX has as integers or booleans.
    whole: HashSet<String>,
    layers: Vec<FloatLayer>,
    /// Values so far: inputs, and outputs of layers.
    values: usize,
    /// What is known of them.
    known: Known,
    /// Elements and terms of all tensors so far.
    held: usize,
    /// Version of the operations of `ai.onnx`.
    opset: i64,
}

/// One operation with its operands.
struct Call<'a> {
    node: &'a Node,
    /// `None` where an optional operand is left out.
    operands: Vec<Option<Tensor>>,
    /// Which operands ONNX has as integers or booleans.
    whole: Vec<bool>,
}

impl Call<'_> {
    fn problem(&self, problem: impl Into<String>) -> OnnxError {
        OnnxError::Operand { node: self.node.name.clone(), op: self.node.op.clone(), problem: problem.into() }
    }

    /// Adds the node's name to a problem.
    fn named<T>(&self, result: Result<T, String>) -> Result<T, OnnxError> {
        result.map_err(|problem| self.problem(problem))
    }

    fn given(&self, index: usize) -> bool {
        self.operands.get(index).is_some_and(Option::is_some)
    }

    fn operand(&self, index: usize) -> Result<&Tensor, OnnxError> {
        let operand = self.operands.get(index).and_then(Option::as_ref);
        operand.ok_or_else(|| self.problem(format!("expected operand {index}, got none")))
    }

    fn numbers(&self, index: usize) -> Result<Vec<f64>, OnnxError> {
        let numbers = self.operand(index)?.constants();
        numbers.ok_or_else(|| {
            self.problem(format!(
                "expected operand {index} to be constant, got one that depends on the input; compute it when exporting, or give the input a fixed shape"
            ))
        })
    }

    /// Integers from attribute `name`, or from operand `index` if that is given.
    fn integers(&self, name: &str, index: usize) -> Result<Option<Vec<i64>>, OnnxError> {
        match self.node.integers(name) {
            Some(list) => Ok(Some(list.to_vec())),
            None if self.given(index) => Ok(Some(self.numbers(index)?.iter().map(|v| *v as i64).collect())),
            None => Ok(None),
        }
    }

    fn float(&self, name: &str, default: f64) -> f64 {
        self.node.float(name).unwrap_or(default)
    }

    /// Is an operand of integers or booleans?
    fn is_whole(&self, index: usize) -> bool {
        self.whole.get(index) == Some(&true)
    }

    /// Are the results integers or booleans?
    fn makes_whole(&self) -> bool {
        match self.node.op.as_str() {
            "Shape" | "Size" | "IsNaN" | "IsInf" | "ArgMax" | "ArgMin" | "Equal" | "Greater" | "Less"
            | "GreaterOrEqual" | "LessOrEqual" | "Not" | "And" | "Or" | "Xor" => true,
            "Cast" => matches!(self.node.integer("to"), Some(6 | 7 | 9)),
            "Constant" | "ConstantOfShape" => {
                self.node.is_whole("value")
                    || self.node.integer("value_int").is_some()
                    || self.node.integers("value_ints").is_some()
            }
            "ai.onnx.ml.LabelEncoder" => self.node.integers("values_int64s").is_some(),
            "Where" => self.is_whole(1) && self.is_whole(2),
            "OneHot" => self.is_whole(2),
            "Identity" | "Reshape" | "Squeeze" | "Unsqueeze" | "Transpose" | "Concat" | "Split" | "Slice"
            | "Gather" | "Expand" | "Tile" | "Pad" | "Flatten" | "Add" | "Sub" | "Mul" | "Div" | "Neg" | "Abs"
            | "Max" | "Min" | "Sum" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "Range" | "Sign"
            | "Trilu" | "Mod" | "TopK" => self.is_whole(0),
            _ => false,
        }
    }
}

/// Folds the graph into layers.
pub fn fold(graph: Graph) -> Result<FloatModel, OnnxError> {
    let lengths: Vec<usize> = graph.inputs.iter().map(|(_, shape)| size(shape).unwrap_or(0)).collect();
    let inputs = lengths.iter().sum();
    let mut folder = Folder {
        tensors: graph.constants,
        labels: HashSet::new(),
        whole: graph.whole,
        layers: Vec::new(),
        values: inputs,
        known: Known::default(),
        held: 0,
        opset: graph.opset,
    };
    let mut first = 0;
    for ((name, shape), length) in graph.inputs.into_iter().zip(lengths) {
        folder.tensors.insert(name, Tensor::values(shape, first..first + length));
        first += length;
    }
    for node in &graph.nodes {
        folder.node(node)?;
    }
    let scores: Vec<&String> = graph.outputs.iter().filter(|name| !folder.labels.contains(*name)).collect();
    let [name] = scores.as_slice() else {
        return Err(OnnxError::Outputs { names: scores.into_iter().cloned().collect() });
    };
    let output = folder.tensors.remove(*name);
    let output = output.ok_or_else(|| OnnxError::Dangling { node: "output".into(), name: (*name).clone() })?;
    if output.is_constant() {
        let problem = "expected the output to depend on the input, got a constant".into();
        return Err(OnnxError::Operand { node: (*name).clone(), op: "output".into(), problem });
    }
    let outputs = folder.positions(name, &output.data, folder.layers.is_empty());
    Ok(FloatModel { inputs, layers: folder.layers, outputs, private: Private::default() })
}

impl Folder {
    fn node(&mut self, node: &Node) -> Result<(), OnnxError> {
        if node.inputs.iter().any(|name| self.labels.contains(name)) {
            self.labels.extend(node.outputs.iter().cloned());
            return Ok(());
        }
        let operand = |name: &String| match name.is_empty() {
            true => Ok(None),
            false => {
                let dangling = || OnnxError::Dangling { node: node.name.clone(), name: name.clone() };
                self.tensors.get(name).cloned().map(Some).ok_or_else(dangling)
            }
        };
        let mut operands = node.inputs.iter().map(operand).collect::<Result<Vec<_>, _>>()?;
        if self.opset < 7 {
            legacy::check(node)?;
            legacy::align(node, &mut operands)?;
        }
        let live = |t: &Tensor| t.data.iter().filter(|e| !e.weights.is_empty()).count();
        let most = operands.iter().flatten().map(live).max();
        let whole = node.inputs.iter().map(|name| self.whole.contains(name)).collect();
        let call = Call { node, operands, whole };
        call.named(within("numbers that depend on the input", most.or(Some(0)), MAX_VALUES))?;
        let results = self.run(&call)?;
        self.held += results.iter().map(Tensor::held).sum::<usize>();
        call.named(within("elements and terms in all tensors", Some(self.held), 4 * MAX_ELEMENTS))?;
        self.whole.extend(node.outputs.iter().filter(|_| call.makes_whole()).cloned());
        let outputs = match node.op.ends_with("Classifier") && node.op.starts_with("ai.onnx.ml.") {
            true => {
                self.labels.extend(node.outputs.first().cloned());
                node.outputs.get(1..).unwrap_or_default()
            }
            false => &node.outputs,
        };
        for (name, tensor) in outputs.iter().zip(results) {
            self.tensors.insert(name.clone(), tensor);
        }
        match self.values > MAX_VALUES {
            true => Err(call.problem(format!("expected a model of at most {MAX_VALUES} values, got {}", self.values))),
            false => Ok(()),
        }
    }

    fn run(&mut self, call: &Call) -> Result<Vec<Tensor>, OnnxError> {
        // what is discrete goes first: of some operations, `layout` knows only the form with constants
        if let Some(result) = self.compare(call)? {
            return Ok(vec![result]);
        }
        for op in [Self::layout, Self::choose, Self::recurrent] {
            if let Some(results) = op(self, call)? {
                return Ok(results);
            }
        }
        let ops = [Self::arithmetic, Self::activation, Self::normal, Self::pool, Self::trees, Self::classic, Self::svm];
        for op in ops {
            if let Some(result) = op(self, call)? {
                return Ok(vec![result]);
            }
        }
        let (node, op) = (call.node.name.clone(), call.node.op.clone());
        let way_out = way_out(&op).into();
        Err(OnnxError::Unsupported { node, op, way_out })
    }
}

fn way_out(op: &str) -> &'static str {
    match op {
        "Loop" | "Scan" | "If" => "unroll it when exporting",
        "Resize" | "Upsample" | "ConvTranspose" | "LRN" => "use Conv, pools and Reshape",
        "Einsum" => "write it as MatMul, Transpose and Reshape",
        "QuantizeLinear" | "DequantizeLinear" | "DynamicQuantizeLinear" => {
            "export the model in floating point: it is quantised here"
        }
        "RandomNormal" | "RandomUniform" | "Multinomial" | "Bernoulli" => "a score has to be the same each time",
        "Sin" | "Cos" | "Tan" | "Asin" | "Acos" | "Atan" => {
            "compute it before the model, or approximate it with dense layers"
        }
        _ => "see docs/models.md for what can be imported; compute what is constant before exporting",
    }
}
