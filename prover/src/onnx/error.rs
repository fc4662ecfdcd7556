//! What can be wrong with an ONNX file or its calibration rows. None is recoverable without changing the file named.

use thiserror::Error;
use vouch_circuits::model::ModelError;

/// See each variant.
#[derive(Debug, Error, PartialEq)]
pub enum OnnxError {
    /// The bytes are not an ONNX file.
    #[error("not an ONNX file: {0}")]
    Decode(String),
    /// An operation that is not known.
    #[error("node {node}: op {op} is not supported; {way_out}")]
    Unsupported {
        /// Name of the node, or of its first output.
        node: String,
        /// The operation, with its domain if that is not `ai.onnx`.
        op: String,
        /// What to do about it.
        way_out: String,
    },
    /// A supported operation on operands that do not fit it.
    #[error("node {node} ({op}): {problem}")]
    Operand {
        /// Name of the node, or of its first output.
        node: String,
        /// The operation.
        op: String,
        /// Expected and got.
        problem: String,
    },
    /// The graph has no input, or several that are no rows of known length.
    #[error(
        "graph has {} free inputs ({}): expected one, the features, or several of shape [batch, columns], which are read one behind the other; \
         concatenate them into one input when exporting, and make initializers of what are weights or states",
        .names.len(),
        .names.join(", ")
    )]
    Inputs {
        /// Their names.
        names: Vec<String>,
    },
    /// The graph has no output that is a score, or several.
    #[error("graph has {} outputs that may be the score ({}): expected one; name the score as the only output when exporting", .names.len(), .names.join(", "))]
    Outputs {
        /// Their names.
        names: Vec<String>,
    },
    /// A name that nothing produces.
    #[error("node {node} reads {name}, which no node, input or initializer produces")]
    Dangling {
        /// The node.
        node: String,
        /// The name.
        name: String,
    },
    /// A tensor that is not numbers in the file itself.
    #[error("tensor {name}: {problem}")]
    Tensor {
        /// Its name.
        name: String,
        /// Expected and got.
        problem: String,
    },
    /// The model reads another number of inputs than the plan makes features.
    #[error(
        "model input has {got} numbers: the plan makes {expected} features; export with batch 1, or change the plan"
    )]
    Width {
        /// Features of the plan.
        expected: usize,
        /// Inputs of the model.
        got: usize,
    },
    /// The calibration rows do not fit the model.
    #[error("calibration: {0}")]
    Calibration(String),
    /// A weight or bias that is not a number or too large for the integers.
    #[error("layer {layer}: weight or bias {got} does not fit: expected a magnitude below {expected}")]
    Weight {
        /// The layer.
        layer: String,
        /// The bound.
        expected: f64,
        /// The value.
        got: f64,
    },
    /// The integer program was refused.
    #[error(transparent)]
    Model(#[from] ModelError),
}
