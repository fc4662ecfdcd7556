//! Why a model is refused.

use super::Dense;
use thiserror::Error;

/// Not recoverable without changing the model, except [`ModelError::Input`] and [`ModelError::InputRange`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ModelError {
    /// A model without layers, inputs or outputs.
    #[error("model has no {0}")]
    Empty(&'static str),
    /// A row of weights or the bias has the wrong length.
    #[error("layer {layer}: {what} has {got} entries: expected {expected}")]
    Shape {
        /// The layer.
        layer: String,
        /// What is too short or too long.
        what: &'static str,
        /// Entries needed.
        expected: usize,
        /// Entries found.
        got: usize,
    },
    /// A layer that reads a value which comes later or never.
    #[error("layer {layer}: reads a value beyond the {expected} before it")]
    Source {
        /// The layer.
        layer: String,
        /// Values before the layer.
        expected: usize,
    },
    /// A weight scale that the circuit has no range check for.
    #[error("layer {layer}: weights have {got} fraction bits: expected one of {:?}", Dense::SHIFTS)]
    Shift {
        /// The layer.
        layer: String,
        /// Fraction bits found.
        got: u32,
    },
    /// An accumulator that could leave the integers the circuit can hold.
    #[error(
        "layer {layer}: an accumulator needs {got} bits: expected at most {expected}; scale the weights or clip the layer before"
    )]
    Overflow {
        /// The layer.
        layer: String,
        /// Bits available.
        expected: usize,
        /// Bits needed.
        got: usize,
    },
    /// The declared range is too small for what the weights can reach.
    #[error("layer {layer}: sums reach {got} bits: expected at most the declared {expected}")]
    Bits {
        /// The layer.
        layer: String,
        /// Bits declared.
        expected: usize,
        /// Bits needed.
        got: usize,
    },
    /// Clip bounds the wrong way round, or too large.
    #[error("layer {layer}: clip from {low} to {high}: expected low <= high, both within the features' range")]
    Clip {
        /// The layer.
        layer: String,
        /// Smallest result.
        low: i64,
        /// Largest result.
        high: i64,
    },
    /// A tree that is none, or thresholds that do not rise.
    #[error("layer {layer}: tree {tree}: {problem}")]
    Tree {
        /// The layer.
        layer: String,
        /// Position of the tree, or of the source whose thresholds are wrong.
        tree: usize,
        /// Expected and got.
        problem: &'static str,
    },
    /// Shares of a sum that could be negative.
    #[error("layer {layer}: shares of a sum need numbers that are not negative; use Relu or Exp before")]
    Negative {
        /// The layer.
        layer: String,
    },
    /// A length that could be 0.
    #[error("layer {layer}: a length needs an epsilon of at least 2^-32, got {got} * 2^-32")]
    Epsilon {
        /// The layer.
        layer: String,
        /// Found.
        got: i64,
    },
    /// More of something than any circuit has rows for.
    #[error("layer {layer}: {what} are {got}: expected at most {expected}")]
    TooLarge {
        /// The layer at which the sum passes the bound.
        layer: String,
        /// What is counted.
        what: &'static str,
        /// Most of all layers together.
        expected: usize,
        /// Found so far.
        got: usize,
    },
    /// An output that could leave the 64 bits in which it is handed out.
    #[error(
        "layer {layer}: an output can reach {got} bits: expected at most {expected}; end the model with Sigmoid or Clip, or scale \
         the weights"
    )]
    Output {
        /// The layer that makes it.
        layer: String,
        /// Bits available, without the sign.
        expected: usize,
        /// Bits needed.
        got: usize,
    },
    /// More outputs than public inputs.
    #[error("model has {got} outputs: expected at most {expected}")]
    Outputs {
        /// Most outputs.
        expected: usize,
        /// Outputs found.
        got: usize,
    },
    /// The input does not have the width of the model.
    #[error("input has {got} numbers: expected {expected}")]
    Input {
        /// Width of the model.
        expected: usize,
        /// Numbers given.
        got: usize,
    },
    /// An input number beyond what a feature, or a private input, can be.
    #[error("input {index} is {got}: expected a magnitude of at most {expected}")]
    InputRange {
        /// Its position.
        index: usize,
        /// The largest.
        expected: i128,
        /// Its value.
        got: i64,
    },
}
