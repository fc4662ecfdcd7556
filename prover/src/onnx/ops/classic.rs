//! `Scaler LinearRegressor LinearClassifier` of `ai.onnx.ml`.

use super::{Call, Folder};
use crate::onnx::{
    error::OnnxError,
    linear::{Linear, Tensor},
};

impl Folder {
    pub(super) fn classic(&mut self, call: &Call) -> Result<Option<Tensor>, OnnxError> {
        match call.node.op.as_str() {
            "ai.onnx.ml.Scaler" => {
                let row = |name: &str, default: f64| {
                    let numbers = call.node.floats(name).unwrap_or_else(|| vec![default]);
                    Tensor::constant(vec![numbers.len()], numbers)
                };
                let moved = call.named(call.operand(0)?.add(&row("offset", 0.0), -1.0))?;
                call.named(moved.multiply(&row("scale", 1.0))).map(Some)
            }
            "ai.onnx.ml.LinearRegressor" => {
                let targets = usize::try_from(call.node.integer("targets").unwrap_or(1)).unwrap_or(0);
                let scores = scores(call, targets)?;
                self.post_transform(call, scores, 0.0).map(Some)
            }
            "ai.onnx.ml.LinearClassifier" => {
                let features = call.operand(0)?.data.len();
                let rows = call.node.floats("coefficients").map_or(0, |c| c.len() / features.max(1));
                let mut scores = scores(call, rows)?;
                let labels = call.node.integers("classlabels_ints").map_or(0, <[i64]>::len);
                let labels = labels.max(call.node.texts("classlabels_strings").len());
                if let ([score], 2) = (scores.as_slice(), labels) {
                    scores = vec![Linear::sum([(-1.0, score)]), score.clone()];
                }
                self.post_transform(call, scores, 0.0).map(Some)
            }
            _ => Ok(None),
        }
    }
}

fn scores(call: &Call, rows: usize) -> Result<Vec<Linear>, OnnxError> {
    let x = &call.operand(0)?.data;
    let coefficients = call.node.floats("coefficients").unwrap_or_default();
    let intercepts = call.node.floats("intercepts").unwrap_or_default();
    if rows == 0 || coefficients.len() != rows * x.len() {
        let (expected, got) = (rows * x.len(), coefficients.len());
        return Err(
            call.problem(format!("expected {expected} coefficients for one row of {} numbers, got {got}", x.len()))
        );
    }
    let row = |i: usize| {
        let sum = Linear::sum(coefficients[i * x.len()..(i + 1) * x.len()].iter().copied().zip(x));
        Linear { bias: sum.bias + intercepts.get(i).copied().unwrap_or(0.0), ..sum }
    };
    Ok((0..rows).map(row).collect())
}
