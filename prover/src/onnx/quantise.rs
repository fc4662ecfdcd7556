//! Quantise: floating-point layers to the integer program, and the error that makes.

use super::{Calibration, FloatActivation, FloatLayer, FloatModel, error::OnnxError};
use serde::{Deserialize, Serialize};
use vouch_circuits::{
    fixed,
    model::{Activation, BIAS_BITS, Layer, Model, ModelError},
};

/// Weights may use the integers below this.
const WEIGHT_LIMIT: f64 = (1_u64 << 62) as f64;
/// Bits of the largest output, without its sign.
const OUTPUT_BITS: usize = 63;
/// What rounding the weights of one layer may add to its sums, on calibrated inputs: an eighth of the last bit.
const ERROR_AIM: f64 = 1.0 / (1_u64 << (fixed::FRAC_BITS + 3)) as f64;

/// How far the integers are from the floats on the calibration rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Rows compared.
    pub rows: usize,
    /// Largest absolute difference of an output.
    pub max_abs_error: f64,
    /// Mean absolute difference.
    pub mean_abs_error: f64,
    /// Share of rows whose first output is on the label's side of 1/2: floats.
    pub float_accuracy: Option<f64>,
    /// The same, integers.
    pub integer_accuracy: Option<f64>,
    /// Area under the ROC curve of the first output: floats.
    pub float_auc: Option<f64>,
    /// The same, integers.
    pub integer_auc: Option<f64>,
}

/// The integer program with its report.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    /// Checked: no accumulator can leave its range.
    pub model: Model,
    /// On the calibration rows.
    pub report: Report,
}

/// Quantises `float`; the rows choose the scale of the weights and measure the error.
///
/// # Errors
/// [`OnnxError`] with the layer, or the row that does not fit.
pub fn quantise(float: &FloatModel, calibration: &Calibration) -> Result<Quantised, OnnxError> {
    if let Some(row) = calibration.rows.iter().position(|r| r.len() != float.inputs) {
        let got = calibration.rows[row].len();
        return Err(OnnxError::Calibration(format!("row {}: expected {} numbers, got {got}", row + 1, float.inputs)));
    }
    // largest magnitude of each layer's inputs
    let mut reach: Vec<Vec<f64>> = Vec::new();
    for row in &calibration.rows {
        for (layer, values) in float.activations(row).into_iter().enumerate() {
            match reach.get_mut(layer) {
                None => reach.push(values.iter().map(|v| v.abs()).collect()),
                Some(seen) => seen.iter_mut().zip(values).for_each(|(seen, v)| *seen = seen.max(v.abs())),
            }
        }
    }
    let layers = float.layers.iter().enumerate().map(|(i, layer)| quantise_layer(layer, reach.get(i)));
    let model = Model { inputs: float.inputs, layers: layers.collect::<Result<_, _>>()? }.sized()?;
    check_outputs(&model)?;
    let report = report(float, &model, calibration)?;
    Ok(Quantised { model, report })
}

/// Fails if an output could leave [`OUTPUT_BITS`]: such a subject would have no proof.
fn check_outputs(model: &Model) -> Result<(), OnnxError> {
    let mut narrow = model.clone();
    match narrow.layers.last_mut() {
        Some(last) if matches!(last.activation, Activation::Identity | Activation::Relu) => last.bits = OUTPUT_BITS,
        _ => return Ok(()),
    }
    match narrow.check() {
        Err(ModelError::Bits { layer, expected, got }) => Err(OnnxError::Output { layer, expected, got }),
        other => Ok(other?),
    }
}

fn quantise_layer(layer: &FloatLayer, reach: Option<&Vec<f64>>) -> Result<Layer, OnnxError> {
    let [coarse, fine] = Layer::SHIFTS;
    let error: f64 = reach.map_or(f64::INFINITY, |r| r.iter().sum::<f64>() / f64::from(coarse + 1).exp2());
    let shift = if error <= ERROR_AIM { coarse } else { fine };
    let integer = |v: f64, bits: u32| {
        let scaled = (v * f64::from(bits).exp2()).round();
        match scaled.abs() < WEIGHT_LIMIT {
            true => Ok(scaled as i64),
            false => {
                let expected = WEIGHT_LIMIT / f64::from(bits).exp2();
                Err(OnnxError::Weight { layer: layer.name.clone(), expected, got: v })
            }
        }
    };
    let row = |row: &Vec<f64>| row.iter().map(|w| integer(*w, shift)).collect();
    Ok(Layer {
        name: layer.name.clone(),
        weights: layer.weights.iter().map(row).collect::<Result<_, _>>()?,
        bias: layer.bias.iter().map(|b| integer(*b, BIAS_BITS as u32)).collect::<Result<_, _>>()?,
        shift,
        bits: 0,
        activation: match layer.activation {
            FloatActivation::Identity => Activation::Identity,
            FloatActivation::Relu => Activation::Relu,
            FloatActivation::Sigmoid => Activation::Sigmoid,
            FloatActivation::Clip { low, high } => {
                Activation::Clip { low: fixed::from_real(low), high: fixed::from_real(high) }
            }
        },
    })
}

fn report(float: &FloatModel, model: &Model, calibration: &Calibration) -> Result<Report, OnnxError> {
    let mut report = Report { rows: calibration.rows.len(), ..Report::default() };
    let (mut floats, mut integers) = (Vec::new(), Vec::new());
    let (mut total, mut count) = (0.0, 0_usize);
    for row in &calibration.rows {
        let expected = float.run(row);
        let inputs: Vec<i64> = row.iter().map(|v| fixed::from_real(*v)).collect();
        let got: Vec<f64> = model.run(&inputs)?.into_iter().map(fixed::to_real).collect();
        for (a, b) in expected.iter().zip(&got) {
            report.max_abs_error = report.max_abs_error.max((a - b).abs());
            total += (a - b).abs();
            count += 1;
        }
        floats.extend(expected.first());
        integers.extend(got.first());
    }
    report.mean_abs_error = total / count.max(1) as f64;
    if !calibration.labels.is_empty() {
        report.float_accuracy = Some(accuracy(&floats, &calibration.labels));
        report.integer_accuracy = Some(accuracy(&integers, &calibration.labels));
        report.float_auc = auc(&floats, &calibration.labels);
        report.integer_auc = auc(&integers, &calibration.labels);
    }
    Ok(report)
}

fn accuracy(scores: &[f64], labels: &[f64]) -> f64 {
    let right = scores.iter().zip(labels).filter(|(s, l)| (**s >= 0.5) == (**l >= 0.5)).count();
    right as f64 / labels.len() as f64
}

/// The chance that a positive scores above a negative, ties counted half; `None` without both.
fn auc(scores: &[f64], labels: &[f64]) -> Option<f64> {
    let of = |positive: bool| -> Vec<f64> {
        scores.iter().zip(labels).filter(|(_, l)| (**l >= 0.5) == positive).map(|(s, _)| *s).collect()
    };
    let (positive, negative) = (of(true), of(false));
    let wins: f64 = positive
        .iter()
        .flat_map(|p| {
            negative.iter().map(move |n| {
                if p > n {
                    1.0
                } else if p == n {
                    0.5
                } else {
                    0.0
                }
            })
        })
        .sum();
    let pairs = positive.len() * negative.len();
    (pairs > 0).then(|| wins / pairs as f64)
}
