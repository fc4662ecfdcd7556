//! The integer program: what the quantised model computes, exactly.
//!
//! Statement: `outputs = run(inputs)`. The native executor here and the circuit of [`constrain`] are the same integers on
//! every input, because [`Model::check`] proves by interval analysis that no accumulator leaves its range check.
//!
//! The values of a model are its inputs and, after them, the outputs of each layer in order; a layer names those it reads.

pub mod architecture;
mod argmax;
mod dense;
mod divide;
mod error;
mod extreme;
mod forest;
mod interval;
mod multiply;
mod normalize;

pub use architecture::Architecture;
pub use argmax::Argmax;
pub use dense::{Activation, BIAS_BITS, Dense};
pub use divide::Divide;
pub use error::ModelError;
pub use extreme::Extreme;
pub use forest::{Child, Forest, Node, Tree};
pub use interval::Interval;
pub use multiply::Multiply;
pub use normalize::{Norm, Normalize};

use crate::{
    fixed::{FEATURE_BITS, FEATURE_MAX, to_integer},
    plan::Private,
    score::sheet::{Cell, Sheet},
};
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use serde::{Deserialize, Serialize};

/// Outputs of one model; those beyond the fourth are public by a digest.
pub const MAX_OUTPUTS: usize = 1024;
/// Accumulators stay below `2^MAX_ACC_BITS`: room in `i128`, and far from the field.
pub const MAX_ACC_BITS: usize = 120;
/// Bits of the largest output, without its sign.
pub const MAX_OUTPUT_BITS: usize = 63;

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// For messages: the node of the ONNX file.
    pub name: String,
    /// The values it reads: positions among the inputs and the outputs of the layers before.
    pub sources: Vec<usize>,
    /// What it computes of them.
    pub op: Op,
}

/// What a layer computes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Sums with fixed weights, and an activation.
    Dense(Dense),
    /// Products of two values.
    Multiply(Multiply),
    /// For each leaf of some trees: is it the one that is reached?
    Forest(Forest),
    /// Quotients of two values.
    Divide(Divide),
    /// Shares of a sum or of a length.
    Normalize(Normalize),
    /// The largest or smallest of some values.
    Extreme(Extreme),
    /// For each of some values: is it the largest?
    Argmax(Argmax),
}

/// A quantised model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Width of the input.
    pub inputs: usize,
    /// In order; at least one.
    pub layers: Vec<Layer>,
    /// Positions of the outputs among the values.
    pub outputs: Vec<usize>,
    /// Those of the inputs, the last ones, that come from a commitment.
    #[serde(default)]
    pub private: Private,
}

/// Bits of a magnitude.
pub(crate) fn bits(magnitude: i128) -> usize {
    128 - magnitude.leading_zeros() as usize
}

impl Layer {
    /// Values that come out.
    pub fn width(&self) -> usize {
        match &self.op {
            Op::Dense(dense) => dense.bias.len(),
            Op::Multiply(multiply) => self.sources.len() / 2 / multiply.terms.max(1),
            Op::Divide(_) => self.sources.len() / 2,
            Op::Forest(forest) => forest.leaves(),
            Op::Normalize(_) | Op::Argmax(_) => self.sources.len(),
            Op::Extreme(extreme) => self.sources.len() / extreme.group.max(1),
        }
    }

    /// Checks the layer, given what its sources can be; returns what its outputs can be.
    fn check(&self, bounds: &[Interval]) -> Result<Vec<Interval>, ModelError> {
        match &self.op {
            Op::Dense(dense) => dense.check(&self.name, bounds),
            Op::Multiply(multiply) => multiply.check(&self.name, bounds),
            Op::Forest(forest) => forest.check(&self.name, bounds),
            Op::Divide(divide) => divide.check(&self.name, bounds),
            Op::Normalize(normalize) => normalize.check(&self.name, bounds),
            Op::Extreme(extreme) => extreme.check(&self.name, bounds),
            Op::Argmax(argmax) => argmax.check(&self.name, bounds),
        }
    }

    fn run(&self, inputs: &[i128]) -> Result<Vec<i128>, ModelError> {
        match &self.op {
            Op::Dense(dense) => dense.run(&self.name, inputs),
            Op::Multiply(multiply) => multiply.run(&self.name, inputs),
            Op::Forest(forest) => Ok(forest.run(inputs)),
            Op::Divide(divide) => Ok(divide.run(inputs)),
            Op::Normalize(normalize) => Ok(normalize.run(inputs)),
            Op::Extreme(extreme) => Ok(extreme.run(inputs)),
            Op::Argmax(argmax) => Ok(argmax.run(inputs)),
        }
    }
}

impl Model {
    /// A chain of dense layers, each of which reads all that comes out of the one before.
    pub fn chain(inputs: usize, layers: impl IntoIterator<Item = (String, Dense)>) -> Self {
        let (mut first, mut width) = (0, inputs);
        let mut model = Self { inputs, layers: Vec::new(), outputs: Vec::new(), private: Private::default() };
        for (name, dense) in layers {
            let sources = (first..first + width).collect();
            (first, width) = (first + width, dense.bias.len());
            model.layers.push(Layer { name, sources, op: Op::Dense(dense) });
        }
        model.outputs = (first..first + width).collect();
        model
    }

    /// What the inputs can be.
    fn input_bounds(&self) -> Result<Vec<Interval>, ModelError> {
        let Private { count, bits } = self.private;
        let problem = |what, expected, got| ModelError::Shape { layer: "input".into(), what, expected, got };
        let features = self.inputs.checked_sub(count).ok_or_else(|| problem("private inputs", self.inputs, count))?;
        let mut bounds = vec![Interval::around(FEATURE_MAX.into()); features];
        if count > 0 {
            if !(2..=FEATURE_BITS).contains(&bits) {
                return Err(problem("bits of private inputs", FEATURE_BITS, bits));
            }
            bounds.resize(self.inputs, Interval::new(-(1 << (bits - 1)), (1 << (bits - 1)) - 1));
        }
        Ok(bounds)
    }

    /// Calls `step` with each layer and what its sources can be; `step` returns what its outputs can be.
    fn bounds(
        &mut self,
        mut step: impl FnMut(&mut Layer, &[Interval]) -> Result<Vec<Interval>, ModelError>,
    ) -> Result<Vec<Interval>, ModelError> {
        if self.inputs == 0 || self.layers.is_empty() || self.outputs.is_empty() {
            let what = [(self.inputs == 0, "inputs"), (self.layers.is_empty(), "layers"), (true, "outputs")];
            return Err(ModelError::Empty(what.iter().find(|(none, _)| *none).map_or("", |(_, what)| what)));
        }
        let mut bounds = self.input_bounds()?;
        for layer in &mut self.layers {
            let bound = |source: &usize| bounds.get(*source).copied();
            let read: Option<Vec<Interval>> = layer.sources.iter().map(bound).collect();
            let read = read.ok_or_else(|| ModelError::Source { layer: layer.name.clone(), expected: bounds.len() })?;
            bounds.extend(step(layer, &read)?);
        }
        let bound = |source: &usize| bounds.get(*source).copied();
        let outputs: Option<Vec<Interval>> = self.outputs.iter().map(bound).collect();
        outputs.ok_or_else(|| ModelError::Source { layer: "output".into(), expected: bounds.len() })
    }

    /// Sets each layer's `bits` to what interval analysis finds, then checks the model.
    ///
    /// # Errors
    /// [`ModelError`], with the layer's name and the numbers.
    pub fn sized(mut self) -> Result<Self, ModelError> {
        self.bounds(|layer, bounds| {
            match &mut layer.op {
                Op::Dense(dense) => dense.size(&layer.name, bounds)?,
                Op::Multiply(multiply) => multiply.size(bounds),
                Op::Forest(forest) => forest.size(bounds),
                Op::Divide(divide) => divide.size(bounds),
                Op::Normalize(normalize) => normalize.size(bounds),
                Op::Extreme(extreme) => extreme.size(bounds),
                Op::Argmax(argmax) => argmax.size(bounds),
            }
            layer.check(bounds)
        })?;
        self.check()?;
        Ok(self)
    }

    /// Checks shapes and bounds: afterwards no input of features can break a range check.
    ///
    /// # Errors
    /// [`ModelError`], with the layer's name and the numbers.
    pub fn check(&self) -> Result<(), ModelError> {
        self.clone().bounds(|layer, bounds| layer.check(bounds)).map(drop)
    }

    /// Checks that the public inputs have room for the outputs, and that none can leave [`MAX_OUTPUT_BITS`].
    ///
    /// # Errors
    /// [`ModelError::Outputs`], [`ModelError::Output`].
    pub fn check_outputs(&self) -> Result<(), ModelError> {
        if self.outputs.len() > MAX_OUTPUTS {
            return Err(ModelError::Outputs { expected: MAX_OUTPUTS, got: self.outputs.len() });
        }
        self.check_output_bits()
    }

    /// Checks that no output can leave [`MAX_OUTPUT_BITS`].
    ///
    /// # Errors
    /// [`ModelError::Output`], with the layer that makes it.
    pub fn check_output_bits(&self) -> Result<(), ModelError> {
        let bounds = self.clone().bounds(|layer, bounds| layer.check(bounds))?;
        for (position, bound) in self.outputs.iter().zip(bounds) {
            let got = bits(bound.most());
            if got > MAX_OUTPUT_BITS {
                let mut first = self.inputs;
                let makes = |layer: &&Layer| {
                    first += layer.width();
                    *position < first
                };
                let layer = self.layers.iter().find(makes).map_or_else(String::new, |l| l.name.clone());
                return Err(ModelError::Output { layer, expected: MAX_OUTPUT_BITS, got });
            }
        }
        Ok(())
    }

    /// The outputs of `inputs`, with [`crate::fixed::FRAC_BITS`] fraction bits.
    ///
    /// # Errors
    /// [`ModelError::Input`] or [`ModelError::InputRange`]; recoverable: give other inputs.
    pub fn run(&self, inputs: &[i64]) -> Result<Vec<i64>, ModelError> {
        let values = self.values(inputs)?;
        let narrow = |v: i128| i64::try_from(v).unwrap_or(if v < 0 { i64::MIN } else { i64::MAX });
        Ok(self.outputs.iter().map(|o| narrow(values[*o])).collect())
    }

    /// Checks that `inputs` are as many as there are, and each in its range.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub fn check_inputs(&self, inputs: &[i64]) -> Result<(), ModelError> {
        if inputs.len() != self.inputs {
            return Err(ModelError::Input { expected: self.inputs, got: inputs.len() });
        }
        let bounds = self.input_bounds()?;
        if let Some(index) = inputs.iter().zip(&bounds).position(|(x, bound)| !bound.contains(i128::from(*x))) {
            return Err(ModelError::InputRange { index, expected: bounds[index].high, got: inputs[index] });
        }
        Ok(())
    }

    /// All values on `inputs`.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub fn values(&self, inputs: &[i64]) -> Result<Vec<i128>, ModelError> {
        self.check_inputs(inputs)?;
        let mut values: Vec<i128> = inputs.iter().map(|x| i128::from(*x)).collect();
        for layer in &self.layers {
            let read: Vec<i128> = layer.sources.iter().map(|s| values[*s]).collect();
            values.extend(layer.run(&read)?);
        }
        Ok(values)
    }

    /// Numbers that are weights: of dense layers with their biases, and thresholds of trees.
    pub fn weights(&self) -> usize {
        let of = |layer: &Layer| match &layer.op {
            Op::Dense(dense) => dense.bias.len() + dense.weights.iter().map(Vec::len).sum::<usize>(),
            Op::Forest(forest) => forest.thresholds.iter().map(Vec::len).sum(),
            _ => 0,
        };
        self.layers.iter().map(of).sum()
    }

    /// The same model with meaningless weights: its structure.
    pub fn without_weights(&self) -> Self {
        let mut model = self.clone();
        for layer in &mut model.layers {
            match &mut layer.op {
                Op::Dense(dense) => {
                    dense.weights.iter_mut().for_each(|row| row.fill(0));
                    dense.bias.fill(0);
                }
                Op::Multiply(_) | Op::Divide(_) | Op::Normalize(_) | Op::Extreme(_) | Op::Argmax(_) => {}
                Op::Forest(forest) => {
                    // rising, as thresholds have to be
                    forest.thresholds.iter_mut().for_each(|t| (0..).zip(t).for_each(|(i, t)| *t = i));
                }
            }
        }
        model
    }
}

/// The outputs of the model in the circuit; assumes a checked model and inputs that are features.
pub fn constrain(sheet: &mut Sheet, model: &Model, inputs: &[Cell]) -> Vec<Cell> {
    let mut cells = inputs.to_vec();
    for layer in &model.layers {
        let read: Vec<Cell> = layer.sources.iter().map(|s| cells[*s]).collect();
        cells.extend(match &layer.op {
            Op::Dense(dense) => dense.constrain(sheet, &read),
            Op::Multiply(multiply) => multiply.constrain(sheet, &read),
            Op::Forest(forest) => forest.constrain(sheet, &read),
            Op::Divide(divide) => divide.constrain(sheet, &read),
            Op::Normalize(normalize) => normalize.constrain(sheet, &read),
            Op::Extreme(extreme) => extreme.constrain(sheet, &read),
            Op::Argmax(argmax) => argmax.constrain(sheet, &read),
        });
    }
    model.outputs.iter().map(|o| cells[*o]).collect()
}

/// The integer that an output cell of an honest proof holds.
pub fn output(cell: Fr) -> i64 {
    to_integer(cell) as i64
}

#[cfg(test)]
mod bounds_tests;
#[cfg(test)]
pub(crate) mod op_tests;
#[cfg(test)]
pub(crate) mod tests;
