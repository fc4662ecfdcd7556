//! Quantise: floating-point layers to the integer program, and the error that makes.

use super::{
    Calibration, FloatActivation, FloatLayer, FloatModel, FloatNorm, FloatOp, FloatTree, Precision,
    error::OnnxError,
    report::{Report, report},
};
use vouch_circuits::{
    fixed,
    model::{
        Activation, Argmax, BIAS_BITS, Dense, Divide, Extreme, Forest, Layer, Model, Multiply, Node, Norm, Normalize,
        Op, Tree,
    },
};

/// Weights may use the integers below this.
const WEIGHT_LIMIT: f64 = (1_u64 << 62) as f64;
/// Thresholds beyond this are beyond all features.
const THRESHOLD_LIMIT: f64 = (1_u64 << 54) as f64;

/// The integer program with its report.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    /// Checked: no accumulator can leave its range.
    pub model: Model,
    /// On the calibration rows.
    pub report: Report,
    /// Fraction bits of each value of the model, inputs first.
    pub scales: Vec<u32>,
}

/// Quantises `float` at the default precision; the rows choose the scale of the weights and measure the error.
///
/// # Errors
/// [`OnnxError`] with the layer, or the row that does not fit.
pub fn quantise(float: &FloatModel, calibration: &Calibration) -> Result<Quantised, OnnxError> {
    quantise_at(float, calibration, Precision::NORMAL)
}

/// The same with another number of fraction bits between the layers.
///
/// # Errors
/// As [`quantise`].
pub fn quantise_at(
    float: &FloatModel,
    calibration: &Calibration,
    precision: Precision,
) -> Result<Quantised, OnnxError> {
    if let Some(row) = calibration.rows.iter().position(|r| r.len() != float.inputs) {
        let got = calibration.rows[row].len();
        return Err(OnnxError::Calibration(format!("row {}: expected {} numbers, got {got}", row + 1, float.inputs)));
    }
    // largest magnitude of each value; nothing is known of it without rows
    let mut reach: Vec<f64> = Vec::new();
    for row in &calibration.rows {
        let values = float.values(row);
        reach.resize(values.len(), 0.0);
        reach.iter_mut().zip(values).for_each(|(seen, v)| *seen = seen.max(v.abs()));
    }
    let extra = precision.extra(float);
    let mut first = float.inputs;
    let layer = |layer: &FloatLayer| {
        let gives = extra.get(first).copied().unwrap_or_default();
        first += layer.width();
        let op = match &layer.op {
            FloatOp::Dense { weights, bias, activation } => {
                let scaled = |s: &usize| reach.get(*s).map(|reach| reach * f64::from(extra[*s]).exp2());
                let known = layer.sources.iter().map(scaled).sum::<Option<f64>>();
                let scale = |s: &usize| f64::from(gives - extra[*s]).exp2();
                let scales: Vec<f64> = layer.sources.iter().map(scale).collect();
                let scaled = |row: &Vec<f64>| row.iter().zip(&scales).map(|(w, s)| w * s).collect();
                let weights: Vec<Vec<f64>> = weights.iter().map(scaled).collect();
                let one = f64::from(gives).exp2();
                let bias: Vec<f64> = bias.iter().map(|b| b * one).collect();
                let activation = match *activation {
                    FloatActivation::Clip { low, high } => FloatActivation::Clip { low: low * one, high: high * one },
                    other => other,
                };
                Op::Dense(dense(&layer.name, &weights, &bias, activation, known, precision.error_aim())?)
            }
            FloatOp::Multiply(terms) => Op::Multiply(Multiply { terms: *terms, bits: 0 }),
            FloatOp::Divide => Op::Divide(Divide::default()),
            FloatOp::Normalize(group, norm) => {
                let norm = match norm {
                    FloatNorm::Sum => Norm::Sum,
                    FloatNorm::Length { epsilon } => {
                        let scaled = (epsilon * f64::from(2 * fixed::FRAC_BITS as u32).exp2()).round();
                        Norm::Length { epsilon: (scaled.min(WEIGHT_LIMIT) as i64).max(1) }
                    }
                };
                Op::Normalize(Normalize { group: *group, norm, bits: 0 })
            }
            FloatOp::Extreme(group, side) => Op::Extreme(Extreme { group: *group, side: *side, bits: 0 }),
            FloatOp::Argmax(group) => Op::Argmax(Argmax { group: *group, bits: 0 }),
            FloatOp::Forest(trees) => Op::Forest(forest(trees, layer.sources.len())),
        };
        Ok(Layer { name: layer.name.clone(), sources: layer.sources.clone(), op })
    };
    let layers = float.layers.iter().map(layer).collect::<Result<_, OnnxError>>()?;
    let (outputs, private) = (float.outputs.clone(), float.private);
    let model = Model { inputs: float.inputs, layers, outputs, private }.sized()?;
    model.check_output_bits()?;
    let report = report(float, &model, calibration)?;
    let scales = extra.into_iter().map(|extra| (fixed::FRAC_BITS as i32 + extra) as u32).collect();
    Ok(Quantised { model, report, scales })
}

/// `reach` is the sum of the largest magnitudes of what the layer reads, `aim` what rounding the weights may add to a sum, in units of its
/// last bit.
fn dense(
    name: &str,
    weights: &[Vec<f64>],
    bias: &[f64],
    activation: FloatActivation,
    reach: Option<f64>,
    aim: f64,
) -> Result<Dense, OnnxError> {
    let [.., finest] = Dense::SHIFTS;
    let units = reach.map_or(f64::INFINITY, |reach| reach * fixed::ONE as f64);
    let enough = |shift: &u32| units / f64::from(*shift + 1).exp2() <= aim;
    let shift = Dense::SHIFTS.into_iter().find(enough).unwrap_or(finest);
    let integer = |v: f64, bits: u32| {
        let scaled = (v * f64::from(bits).exp2()).round();
        match scaled.abs() < WEIGHT_LIMIT {
            true => Ok(scaled as i64),
            false => {
                let expected = WEIGHT_LIMIT / f64::from(bits).exp2();
                Err(OnnxError::Weight { layer: name.to_owned(), expected, got: v })
            }
        }
    };
    let row = |row: &Vec<f64>| row.iter().map(|w| integer(*w, shift)).collect();
    Ok(Dense {
        weights: weights.iter().map(row).collect::<Result<_, _>>()?,
        bias: bias.iter().map(|b| integer(*b, BIAS_BITS as u32)).collect::<Result<_, _>>()?,
        shift,
        bits: 0,
        activation: match activation {
            FloatActivation::Identity => Activation::Identity,
            FloatActivation::Relu => Activation::Relu,
            FloatActivation::Clip { low, high } => {
                Activation::Clip { low: fixed::from_real(low), high: fixed::from_real(high) }
            }
            FloatActivation::Curve(curve) => Activation::Curve(curve),
            FloatActivation::Sqrt => Activation::Sqrt,
            FloatActivation::Log2 => Activation::Log2,
            FloatActivation::Step => Activation::Step,
            FloatActivation::Floor => Activation::Floor,
        },
    })
}

/// The smallest fixed-point number on the right of a threshold.
fn threshold(v: f64, inclusive: bool) -> i64 {
    let scaled = v * fixed::ONE as f64;
    let first = if inclusive { scaled.ceil() } else { scaled.floor() + 1.0 };
    first.clamp(-THRESHOLD_LIMIT, THRESHOLD_LIMIT) as i64
}

fn forest(trees: &[FloatTree], sources: usize) -> Forest {
    let mut thresholds = vec![Vec::new(); sources];
    for node in trees.iter().flat_map(|t| &t.nodes) {
        thresholds[node.source].push(threshold(node.threshold, node.inclusive));
    }
    for list in &mut thresholds {
        list.sort_unstable();
        list.dedup();
    }
    let tree = |tree: &FloatTree| Tree {
        nodes: tree
            .nodes
            .iter()
            .map(|n| {
                let first = threshold(n.threshold, n.inclusive);
                let rank = thresholds[n.source].partition_point(|t| *t < first);
                Node { source: n.source, rank, left: n.left, right: n.right }
            })
            .collect(),
    };
    let trees = trees.iter().map(tree).collect();
    Forest { trees, thresholds, bits: 0 }
}
