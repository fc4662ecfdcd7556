//! The operations: `Gemm MatMul Add Sub Mul Div Neg BatchNormalization`, `Relu Sigmoid Clip`, and what only moves numbers:
//! `Identity Dropout Cast Flatten Reshape Squeeze Unsqueeze Transpose Constant`.

use super::{
    FloatActivation, FloatLayer, FloatModel,
    error::OnnxError,
    file::{Graph, Node},
    linear::{Tensor, size},
};
use std::collections::HashMap;

struct Folder {
    values: HashMap<String, Tensor>,
    layers: Vec<FloatLayer>,
}

/// Folds the graph into dense layers.
pub fn fold(graph: &Graph) -> Result<FloatModel, OnnxError> {
    let (input, shape) = &graph.input;
    let inputs = size(shape).unwrap_or(0);
    let mut folder = Folder { values: graph.constants.clone(), layers: Vec::new() };
    folder.values.insert(input.clone(), Tensor::activations(shape.clone(), 0));
    for node in &graph.nodes {
        let result = folder.run(node)?;
        if let Some(output) = node.outputs.first() {
            folder.values.insert(output.clone(), result);
        }
    }
    let [name] = graph.outputs.as_slice() else {
        let expected = "one; name the score as the only output when exporting";
        return Err(OnnxError::Graph { what: "outputs", expected, got: graph.outputs.len() });
    };
    let output = folder.values.remove(name);
    let output = output.ok_or_else(|| OnnxError::Dangling { node: "output".into(), name: name.clone() })?;
    let base = folder.layers.len();
    if output.base != Some(base) {
        let problem =
            "expected the output to depend on the last activation, got a constant or an earlier branch".into();
        return Err(OnnxError::Operand { node: name.clone(), op: "output".into(), problem });
    }
    let bare = base > 0 && output.data == Tensor::activations(output.shape.clone(), base).data;
    if !bare {
        folder.close(name, &output, FloatActivation::Identity);
    }
    Ok(FloatModel { inputs, layers: folder.layers })
}

impl Folder {
    fn run(&mut self, node: &Node) -> Result<Tensor, OnnxError> {
        let problem = |problem: String| OnnxError::Operand { node: node.name.clone(), op: node.op.clone(), problem };
        let operand = |index: usize| -> Result<&Tensor, OnnxError> {
            let name = node.inputs.get(index).filter(|n| !n.is_empty());
            let name = name.ok_or_else(|| problem(format!("expected operand {index}, got none")))?;
            let dangling = || OnnxError::Dangling { node: node.name.clone(), name: name.clone() };
            self.values.get(name).ok_or_else(dangling)
        };
        let given = |index: usize| node.inputs.get(index).is_some_and(|n| !n.is_empty());
        let numbers = |index: usize| -> Result<Vec<f64>, OnnxError> {
            operand(index)?.constants().ok_or_else(|| problem(format!("expected operand {index} to be constant")))
        };
        let x = |result: Result<Tensor, String>| result.map_err(problem);
        match node.op.as_str() {
            "Constant" => constant(node),
            "Identity" | "Dropout" | "Cast" => operand(0).cloned(),
            "Add" => x(operand(0)?.add(operand(1)?, 1.0)),
            "Sub" => x(operand(0)?.add(operand(1)?, -1.0)),
            "Mul" => x(operand(0)?.multiply(operand(1)?)),
            "Div" => x(operand(0)?.divide(operand(1)?)),
            "Neg" => x(operand(0)?.multiply(&Tensor::constant(vec![], vec![-1.0]))),
            "MatMul" => x(operand(0)?.matmul(operand(1)?)),
            "Gemm" => {
                let side = |index: usize, flag: &str| match node.integer(flag).unwrap_or(0) {
                    0 => operand(index).cloned(),
                    _ => x(operand(index)?.transpose(&[1, 0])),
                };
                let product = x(side(0, "transA")?.matmul(&side(1, "transB")?))?;
                let alpha = Tensor::constant(vec![], vec![node.float("alpha").unwrap_or(1.0)]);
                let product = x(product.multiply(&alpha))?;
                match given(2) {
                    true => x(product.add(operand(2)?, node.float("beta").unwrap_or(1.0))),
                    false => Ok(product),
                }
            }
            "BatchNormalization" => {
                let [scale, shift, mean, variance] = [numbers(1)?, numbers(2)?, numbers(3)?, numbers(4)?];
                let epsilon = node.float("epsilon").unwrap_or(1e-5);
                let factor: Vec<f64> = scale.iter().zip(&variance).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
                let offset = shift.iter().zip(&mean).zip(&factor).map(|((b, m), f)| b - m * f).collect();
                // one number a channel, the second dimension
                let shape = [vec![factor.len()], vec![1; operand(0)?.shape.len().saturating_sub(2)]].concat();
                let scaled = x(operand(0)?.multiply(&Tensor::constant(shape.clone(), factor)))?;
                x(scaled.add(&Tensor::constant(shape, offset), 1.0))
            }
            "Flatten" => {
                let tensor = operand(0)?.clone();
                let rank = tensor.shape.len() as i64;
                let axis = node.integer("axis").unwrap_or(1);
                let axis = usize::try_from(if axis < 0 { axis + rank } else { axis }).unwrap_or(0);
                let (head, tail) = tensor.shape.split_at(axis.min(tensor.shape.len()));
                let shape = vec![head.iter().product(), tail.iter().product()];
                x(tensor.reshape(shape))
            }
            "Reshape" => {
                let target = match node.integers("shape") {
                    Some(shape) => shape.iter().map(|d| *d as f64).collect(),
                    None => numbers(1)?,
                };
                let tensor = operand(0)?.clone();
                let shape = resolve(&tensor.shape, &target);
                x(tensor.reshape(shape))
            }
            "Squeeze" | "Unsqueeze" => {
                let tensor = operand(0)?.clone();
                let axes = match node.integers("axes") {
                    Some(axes) => Some(axes.to_vec()),
                    None if given(1) => Some(numbers(1)?.iter().map(|a| *a as i64).collect()),
                    None => None,
                };
                let shape = x(squeezed(&node.op, &tensor.shape, axes).map(|s| Tensor::constant(s, vec![])))?.shape;
                x(tensor.reshape(shape))
            }
            "Transpose" => {
                let tensor = operand(0)?;
                let reversed = || (0..tensor.shape.len()).rev().collect();
                let permutation: Vec<usize> = node
                    .integers("perm")
                    .map_or_else(reversed, |p| p.iter().map(|d| usize::try_from(*d).unwrap_or(usize::MAX)).collect());
                x(tensor.transpose(&permutation))
            }
            "Relu" | "Sigmoid" => {
                let tensor = operand(0)?.clone();
                let relu = node.op == "Relu";
                self.activate(node, tensor, if relu { FloatActivation::Relu } else { FloatActivation::Sigmoid })
            }
            "Clip" => {
                let bound = |index: usize, name: &str, default: f64| match given(index) {
                    true => Ok(numbers(index)?.first().copied().unwrap_or(default)),
                    false => Ok::<f64, OnnxError>(node.float(name).unwrap_or(default)),
                };
                let low = bound(1, "min", f64::NEG_INFINITY)?;
                let high = bound(2, "max", f64::INFINITY)?;
                let tensor = operand(0)?.clone();
                self.activate(node, tensor, FloatActivation::Clip { low, high })
            }
            op => Err(OnnxError::Unsupported { node: node.name.clone(), op: op.into(), way_out: way_out(op).into() }),
        }
    }

    /// Ends a layer; of constants, computes the numbers.
    fn activate(&mut self, node: &Node, tensor: Tensor, activation: FloatActivation) -> Result<Tensor, OnnxError> {
        if let Some(numbers) = tensor.constants() {
            return Ok(Tensor::constant(tensor.shape, numbers.into_iter().map(|v| activation.run(v)).collect()));
        }
        if tensor.base != Some(self.layers.len()) {
            let problem = "expected an operand of the current layer, got a branch of an earlier one".into();
            return Err(OnnxError::Operand { node: node.name.clone(), op: node.op.clone(), problem });
        }
        self.close(&node.name, &tensor, activation);
        Ok(Tensor::activations(tensor.shape, self.layers.len()))
    }

    fn close(&mut self, name: &str, tensor: &Tensor, activation: FloatActivation) {
        let width = tensor.data.iter().map(|v| v.weights.len()).max().unwrap_or(0);
        let row = |weights: &Vec<f64>| if weights.is_empty() { vec![0.0; width] } else { weights.clone() };
        self.layers.push(FloatLayer {
            name: name.into(),
            weights: tensor.data.iter().map(|v| row(&v.weights)).collect(),
            bias: tensor.data.iter().map(|v| v.bias).collect(),
            activation,
        });
    }
}

fn constant(node: &Node) -> Result<Tensor, OnnxError> {
    if let Some(tensor) = node.tensor("value")? {
        return Ok(tensor);
    }
    if let Some(value) = node.float("value_float") {
        return Ok(Tensor::constant(vec![], vec![value]));
    }
    if let Some(values) = node.integers("value_ints") {
        return Ok(Tensor::constant(vec![values.len()], values.iter().map(|v| *v as f64).collect()));
    }
    let problem = "expected attribute value, value_float or value_ints".into();
    Err(OnnxError::Operand { node: node.name.clone(), op: node.op.clone(), problem })
}

/// ONNX Reshape: 0 keeps a dimension, -1 takes what is left.
fn resolve(old: &[usize], target: &[f64]) -> Vec<usize> {
    let total = size(old).unwrap_or(0);
    let kept = |(i, d): (usize, &f64)| match *d as i64 {
        0 => old.get(i).copied().unwrap_or(1),
        d => usize::try_from(d).unwrap_or(0),
    };
    let mut shape: Vec<usize> = target.iter().enumerate().map(kept).collect();
    let known: usize = shape.iter().zip(target).filter(|(_, d)| **d >= 0.0).map(|(d, _)| *d).product();
    for (d, wanted) in shape.iter_mut().zip(target) {
        if *wanted < 0.0 {
            *d = total.checked_div(known).unwrap_or(0);
        }
    }
    shape
}

fn squeezed(op: &str, shape: &[usize], axes: Option<Vec<i64>>) -> Result<Vec<usize>, String> {
    let Some(axes) = axes else {
        return Ok(shape.iter().copied().filter(|d| *d != 1).collect());
    };
    let rank = if op == "Squeeze" { shape.len() } else { shape.len() + axes.len() } as i64;
    let normal = |axis: &i64| {
        let positive = if *axis < 0 { axis + rank } else { *axis };
        usize::try_from(positive).ok().filter(|_| positive < rank)
    };
    let axes: Option<Vec<usize>> = axes.iter().map(normal).collect();
    let axes = axes.ok_or_else(|| format!("expected axes below {rank}"))?;
    if op == "Squeeze" {
        return Ok(shape.iter().enumerate().filter(|(i, _)| !axes.contains(i)).map(|(_, d)| *d).collect());
    }
    let mut old = shape.iter().copied();
    Ok((0..rank as usize).map(|i| if axes.contains(&i) { 1 } else { old.next().unwrap_or(1) }).collect())
}

fn way_out(op: &str) -> &'static str {
    match op {
        "Softmax" | "LogSoftmax" => "export the logits before it: their order is the same",
        "ArgMax" => "export the scores before it and compare them where they are used",
        "Tanh" => "use Relu or Sigmoid, or rewrite tanh(x) as 2 sigmoid(2 x) - 1",
        _ if op.starts_with("ai.onnx.ml.") => "classic models are not supported yet: train a multi-layer perceptron",
        _ => "only dense layers with Relu, Sigmoid or Clip are supported",
    }
}
