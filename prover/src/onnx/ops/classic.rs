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
                self.by_row(call, |_| targets).map(Some)
            }
            "ai.onnx.ml.LinearClassifier" => {
                // as onnxruntime does: one class an intercept, whatever else there is of coefficients
                let count = |name: &str| call.node.floats(name).map_or(0, |list| list.len());
                let (count, classes) = (count("coefficients"), count("intercepts"));
                self.by_row(call, |features| if classes > 0 { classes } else { count / features.max(1) }).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The scores of each row of the operand.
    fn by_row(&mut self, call: &Call, count: impl Fn(usize) -> usize) -> Result<Tensor, OnnxError> {
        let x = call.operand(0)?;
        let features = if x.shape.len() > 1 { x.shape[1..].iter().product() } else { x.data.len() };
        let labels = call.node.integers("classlabels_ints").map_or(0, <[i64]>::len);
        let labels = labels.max(call.node.texts("classlabels_strings").len());
        let rows = count(features);
        let mut results = Vec::new();
        for row in x.data.chunks(features.max(1)) {
            let scores = scores(call, row, rows)?;
            results.push(match (scores.as_slice(), labels) {
                ([score], 2) => self.one_score(call, score.clone(), true)?,
                _ => self.post_transform(call, scores, 0.0)?,
            });
        }
        call.named(Tensor::concat(&results.iter().collect::<Vec<_>>(), 0))
    }
}

fn scores(call: &Call, x: &[Linear], rows: usize) -> Result<Vec<Linear>, OnnxError> {
    let coefficients = call.node.floats("coefficients").unwrap_or_default();
    let intercepts = call.node.floats("intercepts").unwrap_or_default();
    if rows == 0 || rows.checked_mul(x.len()).is_none_or(|n| n > coefficients.len()) {
        let (expected, got) = (rows.saturating_mul(x.len()), coefficients.len());
        return Err(
            call.problem(format!("expected {expected} coefficients for a row of {} numbers, got {got}", x.len()))
        );
    }
    let row = |i: usize| {
        let sum = Linear::sum(coefficients[i * x.len()..(i + 1) * x.len()].iter().copied().zip(x));
        Linear { bias: sum.bias + intercepts.get(i).copied().unwrap_or(0.0), ..sum }
    };
    Ok((0..rows).map(row).collect())
}
