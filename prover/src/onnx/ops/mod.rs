//! The operations. What is linear is folded into the layer that it belongs to; an activation, a product of two values and a tree
//! make layers. Each file says which operations it knows.

mod activation;
mod arithmetic;
mod classic;
mod layout;
mod pool;
mod trees;

#[cfg(test)]
mod tests;

use super::{
    FloatActivation, FloatLayer, FloatModel, FloatOp,
    error::OnnxError,
    file::{Graph, Node},
    linear::{Linear, Tensor, size},
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Most values of a model.
const MAX_VALUES: usize = 1 << 20;

/// Operands of a product saturate at this magnitude, so that no chain of products leaves the integers.
const PRODUCT_LIMIT: f64 = 262_144.0;

/// The model so far.
struct Folder {
    tensors: HashMap<String, Tensor>,
    /// Results that are labels, not scores.
    labels: HashSet<String>,
    layers: Vec<FloatLayer>,
    /// Values so far: inputs, and outputs of layers.
    values: usize,
    /// Positions of values that an activation keeps small.
    small: HashSet<usize>,
}

/// One operation with its operands.
struct Call<'a> {
    node: &'a Node,
    /// `None` where an optional operand is left out.
    operands: Vec<Option<Tensor>>,
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
        numbers.ok_or_else(|| self.problem(format!("expected operand {index} to be constant")))
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
}

/// Folds the graph into layers.
pub fn fold(graph: &Graph) -> Result<FloatModel, OnnxError> {
    let (input, shape) = &graph.input;
    let inputs = size(shape).unwrap_or(0);
    let mut folder = Folder {
        tensors: graph.constants.clone(),
        labels: HashSet::new(),
        layers: Vec::new(),
        values: inputs,
        small: HashSet::new(),
    };
    folder.tensors.insert(input.clone(), Tensor::values(shape.clone(), 0..inputs));
    for node in &graph.nodes {
        folder.node(node)?;
    }
    let scores: Vec<&String> = graph.outputs.iter().filter(|name| !folder.labels.contains(*name)).collect();
    let [name] = scores.as_slice() else {
        let expected = "one; name the score as the only output when exporting";
        return Err(OnnxError::Graph { what: "outputs", expected, got: scores.len() });
    };
    let output = folder.tensors.remove(*name);
    let output = output.ok_or_else(|| OnnxError::Dangling { node: "output".into(), name: (*name).clone() })?;
    if output.is_constant() {
        let problem = "expected the output to depend on the input, got a constant".into();
        return Err(OnnxError::Operand { node: (*name).clone(), op: "output".into(), problem });
    }
    let outputs = folder.positions(name, &output.data, folder.layers.is_empty());
    Ok(FloatModel { inputs, layers: folder.layers, outputs })
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
        let operands = node.inputs.iter().map(operand).collect::<Result<Vec<_>, _>>()?;
        let call = Call { node, operands };
        let results = self.run(&call)?;
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
        if let Some(results) = layout::run(call)? {
            return Ok(results);
        }
        let ops = [Self::arithmetic, Self::activation, Self::pool, Self::trees, Self::classic];
        for op in ops {
            if let Some(result) = op(self, call)? {
                return Ok(vec![result]);
            }
        }
        let (node, op) = (call.node.name.clone(), call.node.op.clone());
        let way_out = way_out(&op).into();
        Err(OnnxError::Unsupported { node, op, way_out })
    }

    /// The positions of `elements` among the values; those that are more than a value become a layer, or all of them do.
    fn positions(&mut self, name: &str, elements: &[Linear], all: bool) -> Vec<usize> {
        let known: Vec<Option<usize>> = elements.iter().map(|e| e.position().filter(|_| !all)).collect();
        let rest: Vec<&Linear> = elements.iter().zip(&known).filter(|(_, k)| k.is_none()).map(|(e, _)| e).collect();
        let mut made = self.layer(name, &rest, FloatActivation::Identity).into_iter();
        known.into_iter().map(|k| k.or_else(|| made.next()).unwrap_or(0)).collect()
    }

    /// The positions of `elements` among the values; those that may be large are clipped.
    fn small(&mut self, name: &str, elements: &[Linear]) -> Vec<usize> {
        let known: Vec<Option<usize>> =
            elements.iter().map(|e| e.position().filter(|p| self.small.contains(p))).collect();
        let rest: Vec<&Linear> = elements.iter().zip(&known).filter(|(_, k)| k.is_none()).map(|(e, _)| e).collect();
        let clip = FloatActivation::Clip { low: -PRODUCT_LIMIT, high: PRODUCT_LIMIT };
        let mut made = self.layer(name, &rest, clip).into_iter();
        known.into_iter().map(|k| k.or_else(|| made.next()).unwrap_or(0)).collect()
    }

    /// Layers of `elements` with an activation: one for all elements of the same sources. Returns the positions of their results.
    fn layer(&mut self, name: &str, elements: &[&Linear], activation: FloatActivation) -> Vec<usize> {
        let mut groups: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
        let mut known: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
        for (i, element) in elements.iter().enumerate() {
            // a constant reads a value too, with the weight 0
            let sources: Vec<usize> = element.weights.iter().map(|(p, _)| *p).collect();
            let sources = if sources.is_empty() { vec![0] } else { sources };
            let group = *known.entry(sources.clone()).or_insert_with(|| {
                groups.push((sources, Vec::new()));
                groups.len() - 1
            });
            groups[group].1.push(i);
        }
        let mut positions = vec![0; elements.len()];
        for (sources, members) in groups {
            let row = |i: &usize| {
                let weights: Vec<f64> = elements[*i].weights.iter().map(|(_, w)| *w).collect();
                if weights.is_empty() { vec![0.0] } else { weights }
            };
            let weights = members.iter().map(row).collect();
            let bias = members.iter().map(|i| elements[*i].bias).collect();
            self.layers.push(FloatLayer {
                name: name.into(),
                sources,
                op: FloatOp::Dense { weights, bias, activation },
            });
            let small = !matches!(activation, FloatActivation::Identity | FloatActivation::Relu);
            for i in members {
                positions[i] = self.values;
                self.small.extend(small.then_some(self.values));
                self.values += 1;
            }
        }
        positions
    }

    /// Ends a layer; of constants, computes the numbers.
    fn activate(&mut self, call: &Call, tensor: &Tensor, activation: FloatActivation) -> Tensor {
        let moving: Vec<&Linear> = tensor.data.iter().filter(|e| !e.weights.is_empty()).collect();
        let mut positions = self.layer(&call.node.name, &moving, activation).into_iter();
        let element = |e: &Linear| match e.weights.is_empty() {
            true => Linear::constant(activation.run(e.bias)),
            false => Linear::value(positions.next().unwrap_or(0)),
        };
        Tensor { shape: tensor.shape.clone(), data: tensor.data.iter().map(element).collect() }
    }

    /// Elementwise products; a layer, unless one operand is constant.
    fn product(&mut self, call: &Call, a: &Tensor, b: &Tensor) -> Result<Tensor, OnnxError> {
        let (a, b) = call.named(a.pair(b))?;
        let pairs: Vec<(&Linear, &Linear)> = a.data.iter().zip(&b.data).collect();
        let moving = |(a, b): &&(&Linear, &Linear)| !a.weights.is_empty() && !b.weights.is_empty();
        let both: Vec<_> = pairs.iter().filter(moving).collect();
        let mut made = Vec::new();
        if !both.is_empty() {
            let left: Vec<Linear> = both.iter().map(|(a, _)| (*a).clone()).collect();
            let right: Vec<Linear> = both.iter().map(|(_, b)| (*b).clone()).collect();
            let mut sources = self.small(&call.node.name, &left);
            sources.extend(self.small(&call.node.name, &right));
            self.layers.push(FloatLayer { name: call.node.name.clone(), sources, op: FloatOp::Multiply });
            made.extend(self.values..self.values + both.len());
            self.values += both.len();
        }
        let mut made = made.into_iter();
        let element = |pair: &(&Linear, &Linear)| match pair {
            pair if moving(&pair) => Linear::value(made.next().unwrap_or(0)),
            (a, b) if b.weights.is_empty() => a.scaled(b.bias),
            (a, b) => b.scaled(a.bias),
        };
        Ok(Tensor { data: pairs.iter().map(element).collect(), shape: a.shape.clone() })
    }
}

fn way_out(op: &str) -> &'static str {
    match op {
        "Softmax" | "LogSoftmax" => "export the logits before it: their order is the same",
        "ArgMax" | "ArgMin" | "TopK" => "export the scores before it and compare them where they are used",
        "LSTM" | "GRU" | "RNN" => {
            "unroll it when exporting, or use features over a window (ema, mean, std) and dense layers"
        }
        "LayerNormalization" | "InstanceNormalization" => {
            "use batch normalisation, which folds into the layer before it"
        }
        "Greater" | "Less" | "Equal" | "GreaterOrEqual" | "LessOrEqual" | "Not" | "And" | "Or" | "Sign" | "Round"
        | "Floor" | "Ceil" => "a step has no bound on its error: use a steep Sigmoid, or a tree",
        "ai.onnx.ml.SVMClassifier" | "ai.onnx.ml.SVMRegressor" | "ai.onnx.ml.Normalizer" => {
            "use a linear model, trees or dense layers; without Normalizer for a logistic regression"
        }
        _ => "see docs/models.md for what can be imported; compute what is constant before exporting",
    }
}
