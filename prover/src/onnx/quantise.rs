//! Quantise: floating-point layers to the integer program, and the error that makes.

use super::{
    Calibration, FloatActivation, FloatLayer, FloatModel, FloatNorm, FloatOp, FloatTree,
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
/// What rounding the weights of one layer may add to its sums, on calibrated inputs: an eighth of the last bit.
const ERROR_AIM: f64 = 1.0 / (1_u64 << (fixed::FRAC_BITS + 3)) as f64;
/// Thresholds beyond this are beyond all features.
const THRESHOLD_LIMIT: f64 = (1_u64 << 54) as f64;

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
    // largest magnitude of each value; nothing is known of it without rows
    let mut reach: Vec<f64> = Vec::new();
    for row in &calibration.rows {
        let values = float.values(row);
        reach.resize(values.len(), 0.0);
        reach.iter_mut().zip(values).for_each(|(seen, v)| *seen = seen.max(v.abs()));
    }
    let layer = |layer: &FloatLayer| {
        let op = match &layer.op {
            FloatOp::Dense { weights, bias, activation } => {
                let known = layer.sources.iter().map(|s| reach.get(*s).copied()).sum::<Option<f64>>();
                Op::Dense(dense(&layer.name, weights, bias, *activation, known)?)
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
    Ok(Quantised { model, report })
}

/// `reach` is the sum of the largest magnitudes of what the layer reads.
fn dense(
    name: &str,
    weights: &[Vec<f64>],
    bias: &[f64],
    activation: FloatActivation,
    reach: Option<f64>,
) -> Result<Dense, OnnxError> {
    let [_, coarse, fine] = Dense::SHIFTS;
    let error = reach.map_or(f64::INFINITY, |reach| reach / f64::from(coarse + 1).exp2());
    let shift = if error <= ERROR_AIM { coarse } else { fine };
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
