//! The integer program: what the quantised model computes, exactly.
//!
//! Statement: `outputs = run(inputs)`. The native executor here and the circuit of [`constrain`] are the same integers on
//! every input, because [`Model::check`] proves by interval analysis that no accumulator leaves its range check.

use crate::{
    fixed::{FEATURE_MAX, FRAC_BITS, to_integer},
    layers::{clip, dense, rescale, sigmoid},
    score::sheet::{Cell, LIMB_BITS, Sheet, value},
};
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Outputs that the public inputs have room for.
pub const MAX_OUTPUTS: usize = 4;
/// Accumulators stay below `2^MAX_ACC_BITS`: room in `i128`, and far from the field.
pub const MAX_ACC_BITS: usize = 120;
/// Fraction bits of a bias.
pub const BIAS_BITS: usize = 32;

/// What follows a dense product, after the rescale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// The fixed table of [`sigmoid`].
    Sigmoid,
    /// Saturation between two fixed-point bounds.
    Clip {
        /// Smallest result.
        low: i64,
        /// Largest result.
        high: i64,
    },
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// For messages: the node of the ONNX file.
    pub name: String,
    /// One row an output, with `shift` fraction bits.
    pub weights: Vec<Vec<i64>>,
    /// With [`BIAS_BITS`] fraction bits.
    pub bias: Vec<i64>,
    /// Fraction bits of the weights, a multiple of [`LIMB_BITS`], from [`Layer::SHIFTS`].
    pub shift: u32,
    /// The rescaled sums stay below `2^bits` in magnitude. Part of the structure, so that it is known without the weights.
    pub bits: usize,
    /// What follows.
    pub activation: Activation,
}

impl Layer {
    /// Fraction bits that weights may have.
    pub const SHIFTS: [u32; 2] = [2 * LIMB_BITS as u32, 3 * LIMB_BITS as u32];

    /// The bias at the scale of the accumulator, with the half that makes the rescale a rounding.
    fn bias_at_acc(&self) -> Vec<i128> {
        let scale = FRAC_BITS as u32 + self.shift - BIAS_BITS as u32;
        self.bias.iter().map(|b| (i128::from(*b) << scale) + rescale::half(self.shift)).collect()
    }
}

/// A quantised model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Width of the input.
    pub inputs: usize,
    /// In order; at least one.
    pub layers: Vec<Layer>,
}

/// Why a model was refused. Not recoverable without changing the model.
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
    /// A weight scale that the circuit has no range check for.
    #[error("layer {layer}: weights have {got} fraction bits: expected one of {:?}", Layer::SHIFTS)]
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
    /// An input number beyond what a feature can be.
    #[error("input {index} is {got}: expected a magnitude of at most {FEATURE_MAX}")]
    InputRange {
        /// Its position.
        index: usize,
        /// Its value.
        got: i64,
    },
}

/// Bits of a magnitude.
fn bits(magnitude: i128) -> usize {
    128 - magnitude.leading_zeros() as usize
}

/// Largest magnitude of a layer's accumulators for inputs of magnitude at most `input`; saturates.
fn reach(layer: &Layer, input: i128) -> i128 {
    let row = |(weights, bias): (&Vec<i64>, i128)| {
        weights.iter().fold(bias.saturating_abs(), |sum, w| {
            sum.saturating_add(i128::from(*w).saturating_abs().saturating_mul(input))
        })
    };
    layer.weights.iter().zip(layer.bias_at_acc()).map(row).max().unwrap_or(0)
}

impl Model {
    /// Numbers that come out.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |l| l.weights.len())
    }

    /// Sets each layer's `bits` to what interval analysis finds, then checks the model.
    ///
    /// # Errors
    /// [`ModelError`], with the layer's name and the numbers.
    pub fn sized(mut self) -> Result<Self, ModelError> {
        let mut input = i128::from(FEATURE_MAX);
        for layer in &mut self.layers {
            if !Layer::SHIFTS.contains(&layer.shift) {
                return Err(ModelError::Shift { layer: layer.name.clone(), got: layer.shift });
            }
            let quotient = (reach(layer, input) >> layer.shift).saturating_add(1);
            // rounded up to limbs, so that retrained weights of like size keep the structure
            layer.bits = bits(quotient).next_multiple_of(LIMB_BITS);
            input = after(layer, quotient);
        }
        self.check()?;
        Ok(self)
    }

    /// Checks shapes and bounds: afterwards no input of features can break a range check.
    ///
    /// # Errors
    /// [`ModelError`], with the layer's name and the numbers.
    pub fn check(&self) -> Result<(), ModelError> {
        if self.inputs == 0 || self.layers.is_empty() {
            return Err(ModelError::Empty(if self.inputs == 0 { "inputs" } else { "layers" }));
        }
        let (mut width, mut input) = (self.inputs, i128::from(FEATURE_MAX));
        for layer in &self.layers {
            let name = || layer.name.clone();
            let shape = |what, expected, got| match expected == got {
                true => Ok(()),
                false => Err(ModelError::Shape { layer: name(), what, expected, got }),
            };
            if layer.weights.is_empty() {
                return Err(ModelError::Empty("outputs"));
            }
            for row in &layer.weights {
                shape("a row of weights", width, row.len())?;
            }
            shape("the bias", layer.weights.len(), layer.bias.len())?;
            if !Layer::SHIFTS.contains(&layer.shift) {
                return Err(ModelError::Shift { layer: name(), got: layer.shift });
            }
            if let Activation::Clip { low, high } = layer.activation
                && (low > high || low < -FEATURE_MAX || high > FEATURE_MAX)
            {
                return Err(ModelError::Clip { layer: name(), low, high });
            }
            let acc = reach(layer, input);
            if bits(acc) > MAX_ACC_BITS {
                return Err(ModelError::Overflow { layer: name(), expected: MAX_ACC_BITS, got: bits(acc) });
            }
            let quotient = (acc >> layer.shift) + 1;
            if bits(quotient) > layer.bits || layer.bits > MAX_ACC_BITS {
                return Err(ModelError::Bits { layer: name(), expected: layer.bits, got: bits(quotient) });
            }
            input = after(layer, quotient);
            width = layer.weights.len();
        }
        Ok(())
    }

    /// Checks that the public inputs have room for the outputs.
    ///
    /// # Errors
    /// [`ModelError::Outputs`].
    pub fn check_outputs(&self) -> Result<(), ModelError> {
        match self.outputs() <= MAX_OUTPUTS {
            true => Ok(()),
            false => Err(ModelError::Outputs { expected: MAX_OUTPUTS, got: self.outputs() }),
        }
    }

    /// The outputs of `inputs`, with [`FRAC_BITS`] fraction bits.
    ///
    /// # Errors
    /// [`ModelError::Input`] or [`ModelError::InputRange`]; recoverable: give other inputs.
    pub fn run(&self, inputs: &[i64]) -> Result<Vec<i64>, ModelError> {
        if inputs.len() != self.inputs {
            return Err(ModelError::Input { expected: self.inputs, got: inputs.len() });
        }
        if let Some(index) = inputs.iter().position(|x| x.unsigned_abs() > FEATURE_MAX as u64) {
            return Err(ModelError::InputRange { index, got: inputs[index] });
        }
        let mut values: Vec<i128> = inputs.iter().map(|x| i128::from(*x)).collect();
        for layer in &self.layers {
            let overflow =
                || ModelError::Overflow { layer: layer.name.clone(), expected: MAX_ACC_BITS, got: MAX_ACC_BITS + 1 };
            let sums = dense::hint(&values, &layer.weights, &layer.bias_at_acc()).ok_or_else(overflow)?;
            values = sums.into_iter().map(|acc| activate(layer, acc >> layer.shift)).collect();
        }
        let narrow = |v: i128| i64::try_from(v).unwrap_or(if v < 0 { i64::MIN } else { i64::MAX });
        Ok(values.into_iter().map(narrow).collect())
    }

    /// The same model with all weights and biases zero: its structure.
    pub fn without_weights(&self) -> Self {
        let mut model = self.clone();
        for layer in &mut model.layers {
            layer.weights.iter_mut().for_each(|row| row.fill(0));
            layer.bias.fill(0);
        }
        model
    }
}

fn activate(layer: &Layer, x: i128) -> i128 {
    match layer.activation {
        Activation::Identity => x,
        Activation::Relu => x.max(0),
        Activation::Sigmoid => sigmoid::run(x),
        Activation::Clip { low, high } => clip::run(x, low, high),
    }
}

/// Largest magnitude after the activation.
fn after(layer: &Layer, quotient: i128) -> i128 {
    match layer.activation {
        Activation::Identity | Activation::Relu => quotient,
        Activation::Sigmoid => i128::from(crate::fixed::ONE),
        Activation::Clip { low, high } => i128::from(low.unsigned_abs().max(high.unsigned_abs())),
    }
}

/// The model in the circuit; assumes a checked model and inputs that are features.
pub fn constrain(sheet: &mut Sheet, model: &Model, inputs: &[Cell]) -> Vec<Cell> {
    let mut cells = inputs.to_vec();
    for layer in &model.layers {
        let values: Vec<i128> = cells.iter().map(|c| to_integer(value(c))).collect();
        let bias = layer.bias_at_acc();
        // key generation runs on arbitrary values: an overflow there is no product, and no proof either
        let sums = dense::hint(&values, &layer.weights, &bias).unwrap_or_else(|| vec![0; bias.len()]);
        let sums = dense::constrain(sheet, &cells, &layer.weights, &bias, &sums);
        let relu = layer.activation == Activation::Relu;
        let step = |cell: &Cell| {
            let hint = rescale::hint(to_integer(value(cell)), layer.shift);
            let x = rescale::constrain(sheet, *cell, layer.shift as usize, layer.bits, relu, hint);
            match layer.activation {
                Activation::Identity | Activation::Relu => x,
                Activation::Sigmoid => sigmoid::apply(sheet, x, layer.bits),
                Activation::Clip { low, high } => clip::constrain(sheet, x, low, high, layer.bits.max(52)),
            }
        };
        cells = sums.iter().map(step).collect();
    }
    cells
}

/// The integer that an output cell of an honest proof holds.
pub fn output(cell: Fr) -> i64 {
    to_integer(cell) as i64
}

#[cfg(test)]
pub(crate) mod tests;
