//! `Relu LeakyRelu PRelu ThresholdedRelu Elu Selu Celu Sigmoid HardSigmoid HardSwish Swish Tanh Softplus Softsign Mish Gelu Erf Exp
//! Log Sqrt Reciprocal Pow Abs Clip Min Max`.
//!
//! What bends at 0 is a multiple of the operand and of its ReLU; GELU, ELU and softplus are ReLU and a tail that is looked up.

use super::{Call, Folder};
use crate::onnx::{FloatActivation, error::OnnxError, linear::Tensor};
use vouch_circuits::layers::curve::Curve;

impl Folder {
    pub(super) fn activation(&mut self, call: &Call) -> Result<Option<Tensor>, OnnxError> {
        let curve = |curve| Some(FloatActivation::Curve(curve));
        let single = match call.node.op.as_str() {
            "Relu" => Some(FloatActivation::Relu),
            "Sigmoid" => curve(Curve::Sigmoid),
            "Tanh" => curve(Curve::Tanh),
            "Erf" => curve(Curve::Erf),
            "Exp" => curve(Curve::Exp),
            "Sqrt" => Some(FloatActivation::Sqrt),
            _ => None,
        };
        if let Some(activation) = single {
            let x = call.operand(0)?.clone();
            return Ok(Some(self.activate(call, &x, activation)));
        }
        let named = |result| call.named(result);
        let x = match call.operands.first() {
            Some(Some(x)) => x.clone(),
            _ => return Ok(None),
        };
        Ok(Some(match call.node.op.as_str() {
            "LeakyRelu" => {
                let slope = Tensor::scalar(call.float("alpha", 0.01));
                self.bent(call, &x, &slope)?
            }
            "PRelu" => self.bent(call, &x, call.operand(1)?)?,
            "Abs" => self.bent(call, &x, &Tensor::scalar(-1.0))?,
            "Elu" => self.with_tail(call, &x, Curve::EluTail, call.float("alpha", 1.0))?,
            "Celu" => {
                let alpha = call.float("alpha", 1.0);
                let tail = self.activate(call, &x.scaled(1.0 / alpha), FloatActivation::Curve(Curve::EluTail));
                let relu = self.activate(call, &x, FloatActivation::Relu);
                named(relu.add(&tail, alpha))?
            }
            "Selu" => {
                let elu = self.with_tail(call, &x, Curve::EluTail, call.float("alpha", 1.673_263_192_176_818_8))?;
                elu.scaled(call.float("gamma", 1.050_701_022_148_132_3))
            }
            "Softplus" => self.with_tail(call, &x, Curve::SoftplusTail, 1.0)?,
            "Gelu" if call.node.text("approximate").as_deref() == Some("tanh") => self.gelu_by_tanh(call, &x)?,
            "Gelu" => self.with_tail(call, &x, Curve::GeluTail, 1.0)?,
            "HardSigmoid" => self.hard_sigmoid(call, &x, call.float("alpha", 0.2), call.float("beta", 0.5))?,
            "HardSwish" => {
                let gate = self.hard_sigmoid(call, &x, 1.0 / 6.0, 0.5)?;
                self.product(call, &x, &gate)?
            }
            "Swish" => {
                let gate = x.scaled(call.float("alpha", 1.0));
                let gate = self.activate(call, &gate, FloatActivation::Curve(Curve::Sigmoid));
                self.product(call, &x, &gate)?
            }
            "Mish" => {
                let softplus = self.with_tail(call, &x, Curve::SoftplusTail, 1.0)?;
                let gate = self.activate(call, &softplus, FloatActivation::Curve(Curve::Tanh));
                self.product(call, &x, &gate)?
            }
            "Clip" => self.clip(call, &x)?,
            "Softsign" => {
                let absolute = self.bent(call, &x, &Tensor::scalar(-1.0))?;
                let divisor = named(absolute.add(&Tensor::scalar(1.0), 1.0))?;
                self.quotient(call, &x, &divisor)?
            }
            "ThresholdedRelu" => {
                let threshold = Tensor::scalar(call.float("alpha", 1.0));
                let gap = named(x.add(&threshold, -1.0))?;
                let above = self.activate(call, &gap, FloatActivation::Step);
                self.product(call, &above, &x)?
            }
            "Reciprocal" => self.quotient(call, &Tensor::scalar(1.0), &x)?,
            "Log" => self.activate(call, &x, FloatActivation::Log2).scaled(std::f64::consts::LN_2),
            "Pow" => self.power(call, &x)?,
            op @ ("Max" | "Min") => {
                let mut best = x;
                for i in 1..call.operands.len() {
                    best = self.extreme(call, &best, call.operand(i)?, op == "Max")?;
                }
                best
            }
            _ => return Ok(None),
        }))
    }

    /// `x` above 0, `slope x` below; the slopes are numbers.
    fn bent(&mut self, call: &Call, x: &Tensor, slope: &Tensor) -> Result<Tensor, OnnxError> {
        let relu = self.activate(call, x, FloatActivation::Relu);
        let ones = Tensor::constant(slope.shape.clone(), vec![1.0; slope.data.len()]);
        let rest = call.named(ones.add(slope, -1.0))?;
        let parts = (call.named(x.multiply(slope))?, call.named(relu.multiply(&rest))?);
        call.named(parts.0.add(&parts.1, 1.0))
    }

    /// `max(x, 0) + scale tail(x)`.
    fn with_tail(&mut self, call: &Call, x: &Tensor, tail: Curve, scale: f64) -> Result<Tensor, OnnxError> {
        let relu = self.activate(call, x, FloatActivation::Relu);
        let tail = self.activate(call, x, FloatActivation::Curve(tail));
        call.named(relu.add(&tail, scale))
    }

    fn hard_sigmoid(&mut self, call: &Call, x: &Tensor, alpha: f64, beta: f64) -> Result<Tensor, OnnxError> {
        let line = call.named(x.scaled(alpha).add(&Tensor::scalar(beta), 1.0))?;
        Ok(self.activate(call, &line, FloatActivation::Clip { low: 0.0, high: 1.0 }))
    }

    /// `x (1 + tanh(sqrt(2/π) (x + 0.044715 x^3))) / 2`.
    fn gelu_by_tanh(&mut self, call: &Call, x: &Tensor) -> Result<Tensor, OnnxError> {
        // beyond ±8 the tanh is ±1 in all bits, so the cube may stop there
        let near = self.activate(call, x, FloatActivation::Clip { low: -8.0, high: 8.0 });
        let square = self.product(call, &near, &near)?;
        let cube = self.product(call, &square, &near)?;
        let inner = call.named(near.add(&cube, 0.044_715))?.scaled((2.0 / std::f64::consts::PI).sqrt());
        let tanh = self.activate(call, &inner, FloatActivation::Curve(Curve::Tanh));
        let gate = call.named(tanh.scaled(0.5).add(&Tensor::scalar(0.5), 1.0))?;
        self.product(call, x, &gate)
    }

    /// The larger or smaller of two: `a + max(b - a, 0)`, `a - max(a - b, 0)`.
    fn extreme(&mut self, call: &Call, a: &Tensor, b: &Tensor, larger: bool) -> Result<Tensor, OnnxError> {
        if b.constants().is_some_and(|b| b.iter().all(|v| *v == 0.0)) && larger {
            let (a, _) = call.named(a.pair(b))?;
            return Ok(self.activate(call, &a, FloatActivation::Relu));
        }
        let sign = if larger { 1.0 } else { -1.0 };
        let gap = call.named(b.add(a, -1.0))?.scaled(sign);
        let gap = self.activate(call, &gap, FloatActivation::Relu);
        call.named(a.add(&gap, sign))
    }

    fn power(&mut self, call: &Call, x: &Tensor) -> Result<Tensor, OnnxError> {
        let exponent = call.operand(1)?;
        if let (Some(bases), false) = (x.constants(), exponent.is_constant()) {
            // a^x = e^(x ln a)
            if bases.iter().any(|base| !(*base > 0.0 && base.is_finite())) {
                return Err(call.problem("expected a base above 0 under an exponent that depends on the input"));
            }
            let logs = Tensor::constant(x.shape.clone(), bases.iter().map(|base| base.ln()).collect());
            let inner = call.named(exponent.multiply(&logs))?;
            return Ok(self.activate(call, &inner, FloatActivation::Curve(Curve::Exp)));
        }
        let exponents = call.numbers(1)?;
        if let Some(numbers) = x.constants() {
            let exponents = Tensor::constant(call.operand(1)?.shape.clone(), exponents);
            let (a, b) = call.named(Tensor::constant(x.shape.clone(), numbers).pair(&exponents))?;
            let numbers = a.data.iter().zip(&b.data).map(|(a, b)| a.bias.powf(b.bias)).collect();
            return Ok(Tensor::constant(a.shape, numbers));
        }
        let first = exponents.first().copied().unwrap_or(0.0);
        if exponents.iter().any(|e| *e != first) {
            return Err(call.problem("expected one exponent, got several"));
        }
        match first {
            0.0 => Ok(Tensor::constant(x.shape.clone(), vec![1.0; x.data.len()])),
            -0.5 => {
                let root = self.activate(call, x, FloatActivation::Sqrt);
                self.quotient(call, &Tensor::scalar(1.0), &root)
            }
            -1.0 => self.quotient(call, &Tensor::scalar(1.0), x),
            -2.0 => {
                let square = self.product(call, x, x)?;
                self.quotient(call, &Tensor::scalar(1.0), &square)
            }
            0.5 => Ok(self.activate(call, x, FloatActivation::Sqrt)),
            1.0 => Ok(x.clone()),
            2.0 | 3.0 | 4.0 => {
                let square = self.product(call, x, x)?;
                match first {
                    2.0 => Ok(square),
                    3.0 => self.product(call, &square, x),
                    _ => self.product(call, &square, &square),
                }
            }
            other => Err(call.problem(format!(
                "expected an exponent of -2, -1, -0.5, 0, 0.5, 1, 2, 3 or 4, got {other}; use Exp(exponent * Log(x))"
            ))),
        }
    }

    /// Bounds that are far beyond all features are none; one bound alone is a ReLU.
    fn clip(&mut self, call: &Call, x: &Tensor) -> Result<Tensor, OnnxError> {
        let bound = |index: usize, name: &str, default: f64| match call.given(index) {
            true => Ok(call.numbers(index)?.first().copied().unwrap_or(default)),
            false => Ok::<f64, OnnxError>(call.float(name, default)),
        };
        let (low, high) = (bound(1, "min", f64::NEG_INFINITY)?, bound(2, "max", f64::INFINITY)?);
        if low.is_nan() || high.is_nan() || low > high {
            return Err(call.problem(format!(
                "expected bounds that are numbers, the first not above the second, got {low} and {high}"
            )));
        }
        let inside = |v: f64| v.abs() < Self::largest();
        if inside(low) && inside(high) {
            return Ok(self.activate(call, x, FloatActivation::Clip { low, high }));
        }
        let mut clipped = x.clone();
        // the type of exported weights ends at 3.4e38: such a bound is none
        if low > -1e30 {
            clipped = self.extreme(call, &clipped, &Tensor::scalar(low), true)?;
        }
        if high < 1e30 {
            clipped = self.extreme(call, &clipped, &Tensor::scalar(high), false)?;
        }
        Ok(clipped)
    }
}
