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

    /// A score for each pair of classes; of two classes, one for each.
    fn svm_classifier(&mut self, call: &Call) -> Result<Tensor, OnnxError> {
        let list = |name: &str| call.node.floats(name).unwrap_or_default();
        let per_class = call.node.integers("vectors_per_class").unwrap_or_default();
        let per_class: Option<Vec<usize>> = per_class.iter().map(|n| usize::try_from(*n).ok()).collect();
        let per_class = per_class.filter(|n| n.len() > 1);
        let per_class = per_class.ok_or_else(|| call.problem("expected support vectors of at least two classes"))?;
        let classes = per_class.len();
        let (coefficients, rho) = (list("coefficients"), list("rho"));
        let kernels = self.kernels(call, &list("support_vectors"))?;
        let starts: Vec<usize> = per_class
            .iter()
            .scan(0_usize, |sum, n| {
                let start = *sum;
                *sum = sum.saturating_add(*n);
                Some(start)
            })
            .collect();
        let count = starts[classes - 1].saturating_add(per_class[classes - 1]);
        if count != kernels.len()
            || coefficients.len() != count * (classes - 1)
            || rho.len() < classes * (classes - 1) / 2
        {
            let problem =
                format!("expected {} coefficients of {} vectors", kernels.len() * (classes - 1), kernels.len());
            return Err(call.problem(format!("{problem} and rho of each pair of classes, got {}", coefficients.len())));
        }
        let mut scores = Vec::new();
        for i in 0..classes {
            for j in i + 1..classes {
                // the vectors of each class have a row of coefficients for each other class
                let part = |class: usize, row: usize| {
                    let range = starts[class]..starts[class] + per_class[class];
                    range.map(|v| (coefficients[row * count + v], &kernels[v])).collect::<Vec<_>>()
                };
                let sum = Linear::sum([part(i, j - 1), part(j, i)].concat());
                scores.push(Linear { bias: sum.bias + rho[scores.len()], ..sum });
            }
        }
        match (list("prob_a").first(), list("prob_b").first(), scores.as_slice()) {
            (Some(a), Some(b), [score]) => {
                // Platt: the chance of the first class is 1 / (1 + e^(a score + b))
                let first = Linear { bias: -b - a * score.bias, ..score.scaled(-a) };
                let second = Linear { bias: b + a * score.bias, ..score.scaled(*a) };
                let curve = FloatActivation::Curve(Curve::Sigmoid);
                Ok(Tensor { shape: vec![1, 2], data: self.activated(call, vec![first, second], curve) })
            }
            (None, _, [score]) => {
                let whole = call.node.text("post_transform").as_deref() == Some("SOFTMAX");
                self.one_score(call, score.clone(), whole)
            }
            (None, ..) => self.post_transform(call, scores, 0.0),
            _ => Err(call.problem(format!(
                "chances of {classes} classes are found by a search; export the scores (decision_function), or one classifier a class"
            ))),
        }
    }

    /// The kernel of the input with each row of `vectors`.
    fn kernels(&mut self, call: &Call, vectors: &[f64]) -> Result<Vec<Linear>, OnnxError> {
        if matches!(call.operand(0)?.shape.as_slice(), [rows, _, ..] if *rows > 1) {
            return Err(call.problem("expected one row; export with batch 1"));
        }
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
