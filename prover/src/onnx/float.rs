//! The folded model in floating point: the reference for the quantised one.

use super::{error::OnnxError, file::Graph, ops};
use vouch_circuits::{features::extreme::Side, fixed, layers::curve::Curve, model::Child, plan::Private};

/// What ends a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FloatActivation {
    /// Nothing.
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// Saturation.
    Clip {
        /// Smallest result.
        low: f64,
        /// Largest result.
        high: f64,
    },
    /// A function that the circuit looks up.
    Curve(Curve),
    /// `sqrt(max(x, 0))`.
    Sqrt,
    /// `log2(max(x, 2^-16))`.
    Log2,
    /// 1 where `x > 0`, else 0.
    Step,
    /// The largest whole number that is not above `x`.
    Floor,
}

impl FloatActivation {
    /// The value at `x`.
    pub fn run(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::Relu => x.max(0.0),
            Self::Clip { low, high } => x.max(low).min(high),
            Self::Curve(Curve::Erf) if x.abs() > 5.0 => x.signum(),
            Self::Curve(Curve::GeluTail) if x.abs() > 8.0 => 0.0,
            Self::Curve(curve) => curve.real(x),
            Self::Sqrt => x.max(0.0).sqrt(),
            Self::Log2 => x.max(1.0 / 65_536.0).log2(),
            Self::Step => f64::from(u8::from(x > 0.0)),
            Self::Floor => x.floor(),
        }
    }
}

/// A branch: right if the source is above the threshold, or equal where `inclusive`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FloatNode {
    /// Which of the layer's sources.
    pub source: usize,
    /// What it is compared with.
    pub threshold: f64,
    /// Is the threshold itself on the right?
    pub inclusive: bool,
    /// Below.
    pub left: Child,
    /// Above.
    pub right: Child,
}

/// A tree; its root is node 0.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatTree {
    /// Parents before children.
    pub nodes: Vec<FloatNode>,
}

impl FloatTree {
    fn leaf(&self, x: &[f64]) -> usize {
        let mut at = Child::Node(0);
        loop {
            at = match at {
                Child::Leaf(leaf) => return leaf,
                Child::Node(n) => {
                    let node = &self.nodes[n];
                    let x = x[node.source];
                    let right = x > node.threshold || (node.inclusive && x == node.threshold);
                    if right { node.right } else { node.left }
                }
            };
        }
    }
}

/// What a share is a share of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FloatNorm {
    /// The sum of numbers that are not negative.
    Sum,
    /// `sqrt(Σ x^2 + epsilon)`.
    Length {
        /// Keeps the length above 0.
        epsilon: f64,
    },
}

/// What a layer computes of its sources.
#[derive(Clone, Debug, PartialEq)]
pub enum FloatOp {
    /// Sums and an activation.
    Dense {
        /// One row an output.
        weights: Vec<Vec<f64>>,
        /// One an output.
        bias: Vec<f64>,
        /// What follows.
        activation: FloatActivation,
    },
    /// Products of the first half of the sources with the second, and sums of so many of them.
    Multiply(usize),
    /// Quotients of the first half of the sources by the second.
    Divide,
    /// Shares of the sum, or of the length, of groups of so many sources.
    Normalize(usize, FloatNorm),
    /// The largest or smallest of groups of so many sources.
    Extreme(usize, Side),
    /// For each source: 1 if it is the first largest of its group of so many, else 0.
    Argmax(usize),
    /// For each leaf of each tree: 1 if it is reached, else 0.
    Forest(Vec<FloatTree>),
}

impl FloatNorm {
    fn shares(self, x: &[f64]) -> Vec<f64> {
        let divisor = match self {
            Self::Sum => x.iter().sum(),
            Self::Length { epsilon } => (x.iter().map(|x| x * x).sum::<f64>() + epsilon).sqrt(),
        };
        x.iter().map(|x| if divisor == 0.0 { 0.0 } else { x / divisor }).collect()
    }
}

/// As the circuit does: 0 counts as the smallest number, and quotients stop at the bounds of a feature.
pub(super) fn divided(a: f64, b: f64) -> f64 {
    let most = fixed::to_real(fixed::FEATURE_MAX);
    let b = if b == 0.0 { fixed::to_real(1) } else { b };
    (a / b).clamp(-most, most)
}

pub(super) fn extreme(side: Side, x: &[f64]) -> f64 {
    match side {
        Side::Max => x.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Side::Min => x.iter().copied().fold(f64::INFINITY, f64::min),
    }
}

fn argmax(x: &[f64]) -> Vec<f64> {
    let best = (1..x.len()).fold(0, |best, i| if x[i] > x[best] { i } else { best });
    (0..x.len()).map(|i| f64::from(u8::from(i == best))).collect()
}

/// A layer in floating point.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatLayer {
    /// The node that makes it.
    pub name: String,
    /// Positions of what it reads, among the inputs and the outputs of the layers before.
    pub sources: Vec<usize>,
    /// What it computes.
    pub op: FloatOp,
}

impl FloatLayer {
    /// Values that come out.
    pub fn width(&self) -> usize {
        match &self.op {
            FloatOp::Dense { bias, .. } => bias.len(),
            FloatOp::Multiply(terms) => self.sources.len() / 2 / (*terms).max(1),
            FloatOp::Divide => self.sources.len() / 2,
            FloatOp::Normalize(..) | FloatOp::Argmax(_) => self.sources.len(),
            FloatOp::Extreme(group, _) => self.sources.len() / (*group).max(1),
            FloatOp::Forest(trees) => trees.iter().map(|tree| tree.nodes.len() + 1).sum(),
        }
    }

    fn run(&self, x: &[f64]) -> Vec<f64> {
        match &self.op {
            FloatOp::Dense { weights, bias, activation } => {
                let row = |(weights, bias): (&Vec<f64>, &f64)| {
                    let sum: f64 = weights.iter().zip(x).map(|(w, x)| w * x).sum();
                    activation.run(sum + bias)
                };
                weights.iter().zip(bias).map(row).collect()
            }
            FloatOp::Multiply(terms) => {
                let (a, b) = x.split_at(x.len() / 2);
                let products: Vec<f64> = a.iter().zip(b).map(|(a, b)| a * b).collect();
                products.chunks((*terms).max(1)).map(|sum| sum.iter().sum()).collect()
            }
            FloatOp::Divide => {
                let (a, b) = x.split_at(x.len() / 2);
                a.iter().zip(b).map(|(a, b)| divided(*a, *b)).collect()
            }
            FloatOp::Normalize(group, norm) => x.chunks((*group).max(1)).flat_map(|g| norm.shares(g)).collect(),
            FloatOp::Extreme(group, side) => x.chunks((*group).max(1)).map(|g| extreme(*side, g)).collect(),
            FloatOp::Argmax(group) => x.chunks((*group).max(1)).flat_map(argmax).collect(),
            FloatOp::Forest(trees) => {
                let mut out = Vec::new();
                for tree in trees {
                    let reached = tree.leaf(x);
                    out.extend((0..=tree.nodes.len()).map(|leaf| f64::from(u8::from(leaf == reached))));
                }
                out
            }
        }
    }
}

/// The folded model.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatModel {
    /// Numbers that go in.
    pub inputs: usize,
    /// In order.
    pub layers: Vec<FloatLayer>,
    /// Positions of the outputs.
    pub outputs: Vec<usize>,
    /// Those of the inputs that come from a commitment: the plan says so, not the file.
    pub private: Private,
}

impl FloatModel {
    /// The layers of an ONNX file with one input.
    ///
    /// # Errors
    /// [`OnnxError`], with the node and what to do about it.
    pub fn import(bytes: &[u8]) -> Result<Self, OnnxError> {
        Self::import_wide(bytes, 1)
    }

    /// The same for a file that may leave open how many features a row has: `width`.
    ///
    /// # Errors
    /// As [`FloatModel::import`].
    pub fn import_wide(bytes: &[u8], width: usize) -> Result<Self, OnnxError> {
        ops::fold(Graph::decode(bytes, &[], width)?)
    }

    /// The same for a file with several inputs, all but one of which are given by `values` (serialised tensors, by
    /// input name).
    ///
    /// # Errors
    /// As [`FloatModel::import`].
    pub fn import_bound(bytes: &[u8], values: &[(&str, &[u8])]) -> Result<Self, OnnxError> {
        ops::fold(Graph::decode(bytes, values, 1)?)
    }

    /// Fails unless the model takes `expected` numbers.
    ///
    /// # Errors
    /// [`OnnxError::Width`].
    pub fn check_inputs(&self, expected: usize) -> Result<(), OnnxError> {
        match self.inputs == expected {
            true => Ok(()),
            false => Err(OnnxError::Width { expected, got: self.inputs }),
        }
    }

    /// The outputs. Numbers that are missing count as 0.
    pub fn run(&self, inputs: &[f64]) -> Vec<f64> {
        let values = self.values(inputs);
        self.outputs.iter().map(|o| values[*o]).collect()
    }

    /// The inputs and the outputs of every layer.
    pub fn values(&self, inputs: &[f64]) -> Vec<f64> {
        let mut values = inputs.to_vec();
        values.resize(self.inputs, 0.0);
        for layer in &self.layers {
            let x: Vec<f64> = layer.sources.iter().map(|s| values[*s]).collect();
            values.extend(layer.run(&x));
        }
        values
    }
}
