//! `LabelEncoder` of `ai.onnx.ml`: a number for a number, where the operand takes few, as the number of a tree's leaf does.

use super::{Call, Folder};
use crate::onnx::{
    error::OnnxError,
    linear::{Linear, Tensor},
};
use std::collections::HashMap;

/// What stands for what; and for all else.
struct Code {
    values: HashMap<u64, f64>,
    default: f64,
}

impl Code {
    fn read(call: &Call) -> Result<Self, OnnxError> {
        let whole =
            |name: &str| call.node.integers(name).map(|list| list.iter().map(|v| *v as f64).collect::<Vec<_>>());
        let list = |side: &str| {
            let named = |kind: &str| format!("{side}_{kind}");
            whole(&named("int64s")).or_else(|| call.node.floats(&named("floats")))
        };
        let (Some(keys), Some(values)) = (list("keys"), list("values")) else {
            return Err(
                call.problem("expected keys and values that are numbers; encode texts as numbers before the model")
            );
        };
        if keys.len() != values.len() {
            return Err(call.problem(format!("expected {} values, got {}", keys.len(), values.len())));
        }
        let default = match call.node.integers("values_int64s") {
            Some(_) => call.node.integer("default_int64").unwrap_or(-1) as f64,
            None => call.float("default_float", 0.0),
        };
        // of a key that stands there twice, the first counts
        let values = keys.iter().zip(values).rev().map(|(key, value)| (bits(*key), value)).collect();
        Ok(Self { values, default })
    }

    fn of(&self, key: f64) -> f64 {
        self.values.get(&bits(key)).copied().unwrap_or(self.default)
    }
}

/// 0 and -0 are the same key.
fn bits(key: f64) -> u64 {
    (key + 0.0).to_bits()
}

impl Folder {
    pub(super) fn encoded(&mut self, call: &Call) -> Result<Tensor, OnnxError> {
        let (x, code) = (call.operand(0)?, Code::read(call)?);
        let mut data = Vec::with_capacity(x.data.len());
        for element in &x.data {
            data.push(match (self.table(element), self.tree_of(element)) {
                (Some(table), _) => self.mapped(&call.node.name, &table, |v| code.of(v)),
                // one leaf of the tree is 1, the others are 0
                (None, true) => {
                    let other = code.of(element.bias);
                    let at = |(leaf, weight): &(usize, f64)| (*leaf, code.of(element.bias + weight) - other);
                    Linear { weights: element.weights.iter().map(at).collect(), bias: other }
                }
                (None, false) => {
                    let expected = "expected an operand that is constant, the number of a leaf, or made of at most six comparisons; use a tree";
                    return Err(call.problem(expected));
                }
            });
        }
        Ok(Tensor { shape: x.shape.clone(), data })
    }

    /// Is the element a sum of leaves of one tree?
    fn tree_of(&self, element: &Linear) -> bool {
        let mut trees = element.weights.iter().map(|(position, _)| self.known.trees.get(position));
        match trees.next() {
            Some(Some(first)) => trees.all(|tree| tree == Some(first)),
            _ => false,
        }
    }
}
