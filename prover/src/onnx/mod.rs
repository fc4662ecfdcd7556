//! From an ONNX file to the integer program: parse, fold, quantise, and say how far the integers are from the floats.
//!
//! Supported: see `ops`. What is linear is folded into the layer that it belongs to. Dimensions without a size (the batch) are taken
//! as 1.

pub mod calibrate;
pub mod error;
mod file;
mod float;
mod linear;
mod ops;
mod place;
pub mod precision;
pub mod quantise;
mod report;

pub use calibrate::Calibration;
pub use error::OnnxError;
pub use float::{FloatActivation, FloatLayer, FloatModel, FloatNode, FloatNorm, FloatOp, FloatTree};
pub use precision::Precision;
pub use quantise::{Quantised, quantise, quantise_at};
pub use report::Report;

use linear::Tensor;

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
