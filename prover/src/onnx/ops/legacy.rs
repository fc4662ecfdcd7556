//! What is otherwise before version 7: operations of two operands broadcast so that the second one has dimensions from `axis` on,
//! not the last ones, and `Dropout` drops unless it is told not to.

use crate::onnx::{error::OnnxError, file::Node, linear::Tensor};

/// Refuses what draws numbers at random.
///
/// # Errors
/// [`OnnxError::Operand`] for a `Dropout` in training.
pub(super) fn check(node: &Node) -> Result<(), OnnxError> {
    if node.op != "Dropout" || node.integer("is_test").unwrap_or(0) != 0 {
        return Ok(());
    }
    let problem = "expected is_test 1: a score has to be the same each time; export in evaluation mode".into();
    Err(OnnxError::Operand { node: node.name.clone(), op: node.op.clone(), problem })
}

/// Gives the second operand the shape that broadcasts to the first as later versions do it.
///
/// # Errors
/// [`OnnxError::Operand`] if it has no place there.
pub(super) fn align(node: &Node, operands: &mut [Option<Tensor>]) -> Result<(), OnnxError> {
    let [Some(a), Some(b)] = operands else { return Ok(()) };
    let axis = match node.op.as_str() {
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "And" | "Or" | "Xor" | "Equal" | "Greater" | "Less" => {
            node.integer("axis")
        }
        // one slope a channel
        "PRelu" if b.shape.len() == 1 && b.data.len() > 1 => Some(1),
        _ => None,
    };
    let Some(axis) = axis else { return Ok(()) };
    let rank = a.shape.len();
    let first = usize::try_from(if axis < 0 { axis.saturating_add(rank as i64) } else { axis }).unwrap_or(usize::MAX);
    let behind = rank.checked_sub(first).and_then(|rest| rest.checked_sub(b.shape.len()));
    let fits = |first: usize| a.shape[first..].iter().zip(&b.shape).all(|(a, b)| a == b || *b == 1);
    match behind {
        Some(behind) if fits(first) => {
            b.shape.extend(vec![1; behind]);
            Ok(())
        }
        _ => {
            let problem = format!(
                "expected operand 1 to have the dimensions of operand 0 from axis {axis} on, got {:?} and {:?}",
                a.shape, b.shape
            );
            Err(OnnxError::Operand { node: node.name.clone(), op: node.op.clone(), problem })
        }
    }
}
