//! Architecture: a model without its weights, as a file. With the plan it is all that a structure id needs.

use super::{Dense, Layer, Model, ModelError, Op};
use crate::plan::Private;
use serde::{Deserialize, Serialize};

/// Most inputs and outputs of dense layers in a file.
const MAX_VALUES: usize = 1 << 20;
/// Most values that all layers in a file read.
const MAX_SOURCES: usize = 1 << 21;
/// Most weights in a file: the largest class has fewer rows for them.
const MAX_WEIGHTS: usize = 1 << 23;

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
    /// Those of the inputs that come from a commitment.
    #[serde(default)]
    pub private: Private,
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
        let Model { inputs, layers, outputs, private } = model.without_weights();
        Self { inputs, layers: layers.into_iter().map(shape).collect(), outputs: runs(&outputs), private }
    }
}

impl Architecture {
    /// The model with meaningless weights: the same circuit, but for the weight columns.
    ///
    /// # Errors
    /// [`ModelError`] if no model has this architecture; nothing is made of one that is [`ModelError::TooLarge`].
    pub fn model(&self) -> Result<Model, ModelError> {
        self.check_size()?;
        let layer = |shape: &Shape| {
            let sources = positions(&shape.sources);
            let op = match &shape.op {
                Op::Dense(dense) => Op::Dense(Dense {
                    weights: vec![vec![0; sources.len()]; shape.outputs],
                    bias: vec![0; shape.outputs],
                    ..dense.clone()
                }),
                op => op.clone(),
            };
            Layer { name: shape.name.clone(), sources, op }
        };
        let layers = self.layers.iter().map(layer).collect();
        let model = Model { inputs: self.inputs, layers, outputs: positions(&self.outputs), private: self.private };
        model.check()?;
        Ok(model)
    }

    /// Bounds what all layers together say they have, before anything of that size is made.
    fn check_size(&self) -> Result<(), ModelError> {
        let within = |layer: &str, what, got, expected| match got > expected {
            true => Err(ModelError::TooLarge { layer: layer.to_owned(), what, expected, got }),
            false => Ok(()),
        };
        let (mut values, mut sources, mut weights) = (self.inputs, 0_usize, 0_usize);
        within("input", "values", values, MAX_VALUES)?;
        for Shape { name, sources: read, outputs, .. } in &self.layers {
            let read = entries(read);
            values = values.saturating_add(*outputs);
            sources = sources.saturating_add(read);
            weights = weights.saturating_add(read.saturating_mul(*outputs));
            within(name, "values", values, MAX_VALUES)?;
            within(name, "sources", sources, MAX_SOURCES)?;
            within(name, "weights", weights, MAX_WEIGHTS)?;
        }
        within("output", "outputs", entries(&self.outputs), super::MAX_OUTPUTS)
    }
}

/// Positions in a list of runs.
fn entries(runs: &[[usize; 2]]) -> usize {
    runs.iter().fold(0_usize, |n, [_, count]| n.saturating_add(*count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    /// Each is refused before anything of its size is made: none could be.
    #[test_case(10, r#"{"name":"a","sources":[],"outputs":1000000000000,OP}"#, "layer a: values are 1000000000010: expected at most 1048576"; "outputs of no sources")]
    #[test_case(10, r#"{"name":"a","sources":[[0,1000000000000]],"outputs":1,OP}"#, "layer a: sources are 1000000000000: expected at most 2097152"; "sources")]
    #[test_case(10, r#"{"name":"a","sources":[[0,1000000]],"outputs":1000000,OP}"#, "layer a: weights are 1000000000000: expected at most 8388608"; "weights")]
    #[test_case(10, r#"{"name":"a","sources":[[0,1000000]],"outputs":8,OP},{"name":"b","sources":[[0,1000000]],"outputs":8,OP}"#, "layer b: weights are 16000000: expected at most 8388608"; "weights together")]
    #[test_case(1_000_000_000_000, r#"{"name":"a","sources":[[0,10]],"outputs":1,OP}"#, "layer input: values are 1000000000000: expected at most 1048576"; "inputs")]
    fn refuses_sizes(inputs: usize, layers: &str, message: &str) {
        let op = r#""op":{"dense":{"weights":[],"bias":[],"shift":26,"bits":65,"activation":"relu"}}"#;
        let file = |layers: &str, inputs| {
            format!(r#"{{"inputs":{inputs},"layers":[{layers}],"outputs":[[0,1]]}}"#).replace("OP", op)
        };
        let parse = |text: &str| serde_json::from_str::<Architecture>(text).unwrap().model();
        parse(&file(r#"{"name":"a","sources":[[0,10]],"outputs":1,OP}"#, 10)).unwrap();
        assert_eq!(parse(&file(layers, inputs)).unwrap_err().to_string(), message);
    }

    #[test]
    fn positions_survive_their_runs() {
        for list in [vec![], vec![3], vec![0, 1, 2, 7, 8, 2, 1]] {
            assert_eq!(positions(&runs(&list)), list);
        }
        assert_eq!(runs(&[0, 1, 2, 7]), [[0, 3], [7, 1]]);
    }
}
