//! From an ONNX file to the integer program: parse, fold, quantise, and say how far the integers are from the floats.
//!
//! Supported: what exports of multi-layer perceptrons use (see `ops`). Every linear operation is folded into the dense
//! layer it belongs to; each Relu, Sigmoid or Clip ends a layer. Dimensions without a size (the batch) are taken as 1.

pub mod calibrate;
pub mod error;
mod file;
mod linear;
mod ops;
pub mod quantise;

pub use calibrate::Calibration;
pub use error::OnnxError;
pub use quantise::{Quantised, Report, quantise};

use file::Graph;
use linear::Tensor;

/// What ends a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FloatActivation {
    /// Nothing.
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// Saturation.
    Clip {
        /// Smallest result.
        low: f64,
        /// Largest result.
        high: f64,
    },
}

impl FloatActivation {
    /// The value at `x`.
    pub fn run(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::Relu => x.max(0.0),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Clip { low, high } => x.max(low).min(high),
        }
    }
}

/// A dense layer in floating point.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatLayer {
    /// The node that ends it.
    pub name: String,
    /// One row an output.
    pub weights: Vec<Vec<f64>>,
    /// One an output.
    pub bias: Vec<f64>,
    /// What follows.
    pub activation: FloatActivation,
}

/// The folded model in floating point: the reference for the quantised one.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatModel {
    /// Numbers that go in.
    pub inputs: usize,
    /// In order.
    pub layers: Vec<FloatLayer>,
}

impl FloatModel {
    /// The layers of an ONNX file with one input.
    ///
    /// # Errors
    /// [`OnnxError`], with the node and what to do about it.
    pub fn import(bytes: &[u8]) -> Result<Self, OnnxError> {
        Self::import_bound(bytes, &[])
    }

    /// The same for a file with several inputs, all but one of which are given by `values` (serialised tensors, by
    /// input name).
    ///
    /// # Errors
    /// As [`FloatModel::import`].
    pub fn import_bound(bytes: &[u8], values: &[(&str, &[u8])]) -> Result<Self, OnnxError> {
        let graph = Graph::decode(bytes, values)?;
        ops::fold(&graph)
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
        self.activations(inputs).pop().unwrap_or_default()
    }

    /// The inputs of every layer and, last, the outputs.
    pub fn activations(&self, inputs: &[f64]) -> Vec<Vec<f64>> {
        let mut all = vec![inputs.to_vec()];
        for layer in &self.layers {
            let x = &all[all.len() - 1];
            let row = |(weights, bias): (&Vec<f64>, &f64)| {
                let sum: f64 = weights.iter().zip(x).map(|(w, x)| w * x).sum();
                layer.activation.run(sum + bias)
            };
            let next = layer.weights.iter().zip(&layer.bias).map(row).collect();
            all.push(next);
        }
        all
    }
}

/// A serialised ONNX tensor as its shape and its numbers.
///
/// # Errors
/// [`OnnxError`] if it is not a tensor of numbers.
pub fn tensor(bytes: &[u8]) -> Result<(Vec<usize>, Vec<f64>), OnnxError> {
    let tensor: Tensor = file::decode_tensor(bytes, "tensor")?;
    let numbers = tensor.constants().unwrap_or_default();
    Ok((tensor.shape, numbers))
}

#[cfg(test)]
mod tests;
