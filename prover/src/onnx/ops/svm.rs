//! `SVMRegressor SVMClassifier` of `ai.onnx.ml`, with linear, polynomial, radial and sigmoid kernels.

use super::{Call, Folder};
use crate::onnx::{
    FloatActivation,
    error::OnnxError,
    linear::{Linear, Tensor},
};
use vouch_circuits::layers::curve::Curve;

impl Folder {
    pub(super) fn svm(&mut self, call: &Call) -> Result<Option<Tensor>, OnnxError> {
        match call.node.op.as_str() {
            "ai.onnx.ml.SVMRegressor" => self.svm_regressor(call).map(Some),
            "ai.onnx.ml.SVMClassifier" => self.svm_classifier(call).map(Some),
            _ => Ok(None),
        }
    }

    fn svm_regressor(&mut self, call: &Call) -> Result<Tensor, OnnxError> {
        let supports = call.node.integer("n_supports").unwrap_or(0) > 0;
        let rho = call.node.floats("rho").and_then(|r| r.first().copied()).unwrap_or(0.0);
        let coefficients = call.node.floats("coefficients").unwrap_or_default();
        if call.node.integer("one_class").unwrap_or(0) != 0 {
            return Err(call.problem("one_class gives 1 or -1, without a score; export decision_function instead"));
        }
        let sum = match supports {
            true => {
                let kernels = self.kernels(call, &call.node.floats("support_vectors").unwrap_or_default())?;
                if kernels.len() != coefficients.len() {
                    let (expected, got) = (kernels.len(), coefficients.len());
                    return Err(call.problem(format!("expected {expected} coefficients, got {got}")));
                }
                Linear::sum(coefficients.iter().copied().zip(&kernels))
            }
            false => self.kernels(call, &coefficients)?.first().cloned().unwrap_or_default(),
        };
        self.post_transform(call, vec![sum], rho)
    }

    /// Of two classes: more are decided by votes, which are no scores.
    fn svm_classifier(&mut self, call: &Call) -> Result<Tensor, OnnxError> {
        let list = |name: &str| call.node.floats(name).unwrap_or_default();
        let labels = call.node.integers("classlabels_ints").map_or(0, <[i64]>::len);
        let classes = labels.max(call.node.texts("classlabels_strings").len());
        let per_class = call.node.integers("vectors_per_class").unwrap_or_default();
        if classes != 2 || per_class.len() != 2 {
            let problem = format!("expected support vectors of 2 classes, got {classes}");
            return Err(call.problem(format!("{problem}; use one classifier for each class (one against the rest)")));
        }
        let (coefficients, rho) = (list("coefficients"), list("rho"));
        let kernels = self.kernels(call, &list("support_vectors"))?;
        if kernels.len() != coefficients.len() || rho.is_empty() {
            let (expected, got) = (kernels.len(), coefficients.len());
            return Err(call.problem(format!("expected {expected} coefficients and rho, got {got}")));
        }
        let sum = Linear::sum(coefficients.iter().copied().zip(&kernels));
        let score = Linear { bias: sum.bias + rho[0], ..sum };
        if let (Some(a), Some(b)) = (list("prob_a").first(), list("prob_b").first()) {
            // Platt: the chance of the first class is 1 / (1 + e^(a score + b))
            let first = Linear { bias: -b - a * score.bias, ..score.scaled(-a) };
            let second = Linear { bias: b + a * score.bias, ..score.scaled(*a) };
            let curve = FloatActivation::Curve(Curve::Sigmoid);
            return Ok(Tensor { shape: vec![1, 2], data: self.activated(call, vec![first, second], curve) });
        }
        self.post_transform(call, vec![score.scaled(-1.0), score], 0.0)
    }

    /// The kernel of the input with each row of `vectors`.
    fn kernels(&mut self, call: &Call, vectors: &[f64]) -> Result<Vec<Linear>, OnnxError> {
        let x = call.operand(0)?.data.clone();
        if x.is_empty() || vectors.is_empty() || !vectors.len().is_multiple_of(x.len()) {
            return Err(call.problem(format!("expected vectors of {} numbers, got {} in all", x.len(), vectors.len())));
        }
        let [gamma, offset, degree] =
            call.node.floats("kernel_params").and_then(|p| p.try_into().ok()).unwrap_or([0.0; 3]);
        let rows = || vectors.chunks(x.len());
        let dots: Vec<Linear> = rows().map(|row| Linear::sum(row.iter().copied().zip(&x))).collect();
        let line = |dot: &Linear| Linear { bias: gamma * dot.bias + offset, ..dot.scaled(gamma) };
        match call.node.text("kernel_type").as_deref() {
            None | Some("LINEAR" | "") => Ok(dots),
            Some("SIGMOID") => {
                let lines = dots.iter().map(line).collect();
                Ok(self.activated(call, lines, FloatActivation::Curve(Curve::Tanh)))
            }
            Some("RBF") => {
                // |x - v|^2 = |x|^2 - 2 x v + |v|^2, and |x|^2 is made once
                let square = self.inner(&call.node.name, &[(x.clone(), x.clone())]).swap_remove(0);
                let exponent = |(row, dot): (&[f64], &Linear)| {
                    let length: f64 = row.iter().map(|v| v * v).sum();
                    let sum = Linear::sum([(-gamma, &square), (2.0 * gamma, dot)]);
                    Linear { bias: sum.bias - gamma * length, ..sum }
                };
                let exponents = rows().zip(&dots).map(exponent).collect();
                Ok(self.activated(call, exponents, FloatActivation::Curve(Curve::Exp)))
            }
            Some("POLY") if [1.0, 2.0, 3.0].contains(&degree) => {
                let lines = Tensor { shape: vec![dots.len()], data: dots.iter().map(line).collect() };
                let mut power = lines.clone();
                for _ in 1..degree as usize {
                    power = self.product(call, &power, &lines)?;
                }
                Ok(power.data)
            }
            Some(other) => Err(call.problem(format!(
                "kernel {other} of degree {degree} is not supported; use LINEAR, RBF, SIGMOID, or POLY of degree 1 to 3"
            ))),
        }
    }
}
