//! Architecture: a model without its weights, as a file. With the plan it is all that a structure id needs.

use super::{Dense, Layer, Model, ModelError, Op};
use serde::{Deserialize, Serialize};

/// Everything of a model but its weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Width of the input.
    pub inputs: usize,
    /// In order.
    pub layers: Vec<Shape>,
    /// Positions of the outputs among the values, as runs `[first, count]`.
    pub outputs: Vec<[usize; 2]>,
}

/// A layer without its weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// For messages; not part of the structure.
    pub name: String,
    /// Positions of what it reads, as runs `[first, count]`.
    pub sources: Vec<[usize; 2]>,
    /// Outputs of a dense layer.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub outputs: usize,
    /// The operation; weights of a dense layer are left out, thresholds of trees are their numbers.
    pub op: Op,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

fn runs(positions: &[usize]) -> Vec<[usize; 2]> {
    let mut runs: Vec<[usize; 2]> = Vec::new();
    for p in positions {
        match runs.last_mut() {
            Some([first, count]) if *first + *count == *p => *count += 1,
            _ => runs.push([*p, 1]),
        }
    }
    runs
}

fn positions(runs: &[[usize; 2]]) -> Vec<usize> {
    runs.iter().flat_map(|[first, count]| (0..*count).map(move |i| first.saturating_add(i))).collect()
}

impl From<&Model> for Architecture {
    fn from(model: &Model) -> Self {
        let shape = |layer: Layer| {
            let (outputs, op) = match layer.op {
                Op::Dense(dense) => (dense.bias.len(), Op::Dense(Dense { weights: vec![], bias: vec![], ..dense })),
                op => (0, op),
            };
            Shape { name: layer.name, sources: runs(&layer.sources), outputs, op }
        };
        let Model { inputs, layers, outputs } = model.without_weights();
        Self { inputs, layers: layers.into_iter().map(shape).collect(), outputs: runs(&outputs) }
    }
}

impl Architecture {
    /// The model with meaningless weights: the same circuit, but for the weight columns.
    ///
    /// # Errors
    /// [`ModelError`] if no model has this architecture.
    pub fn model(&self) -> Result<Model, ModelError> {
        let most = 1 << 20;
        let entries = |runs: &[[usize; 2]]| runs.iter().fold(0_usize, |n, [_, count]| n.saturating_add(*count));
        let layer = |shape: &Shape| {
            let (sources, outputs) = (entries(&shape.sources), shape.outputs);
            if sources > most || sources.saturating_mul(outputs.max(1)) > 16 * most {
                let layer = shape.name.clone();
                return Err(ModelError::Shape { layer, what: "the list of sources", expected: most, got: sources });
            }
            let op = match &shape.op {
                Op::Dense(dense) => Op::Dense(Dense {
                    weights: vec![vec![0; sources]; outputs],
                    bias: vec![0; outputs],
                    ..dense.clone()
                }),
                op => op.clone(),
            };
            Ok(Layer { name: shape.name.clone(), sources: positions(&shape.sources), op })
        };
        let layers = self.layers.iter().map(layer).collect::<Result<_, _>>()?;
        if entries(&self.outputs) > most {
            return Err(ModelError::Outputs { expected: super::MAX_OUTPUTS, got: entries(&self.outputs) });
        }
        let model = Model { inputs: self.inputs, layers, outputs: positions(&self.outputs) };
        model.check()?;
        Ok(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_survive_their_runs() {
        for list in [vec![], vec![3], vec![0, 1, 2, 7, 8, 2, 1]] {
            assert_eq!(positions(&runs(&list)), list);
        }
        assert_eq!(runs(&[0, 1, 2, 7]), [[0, 3], [7, 1]]);
    }
}
