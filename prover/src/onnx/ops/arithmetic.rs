//! `Add Sub Mul Div Mod Neg Sum Mean MatMul Gemm BatchNormalization`.

use super::{Call, Folder};
use crate::onnx::{
    error::OnnxError,
    linear::{Linear, Tensor},
};

impl Folder {
    pub(super) fn arithmetic(&mut self, call: &Call) -> Result<Option<Tensor>, OnnxError> {
        let named = |result| call.named(result);
        Ok(Some(match call.node.op.as_str() {
            "Add" => named(call.operand(0)?.add(call.operand(1)?, 1.0))?,
            "Sub" => named(call.operand(0)?.add(call.operand(1)?, -1.0))?,
            "Mul" => self.product(call, call.operand(0)?, call.operand(1)?)?,
            "Div" if call.is_whole(0) => self.whole_quotient(call)?,
            "Div" => self.quotient(call, call.operand(0)?, call.operand(1)?)?,
            "Mod" => remainder(call)?,
            "Neg" => call.operand(0)?.scaled(-1.0),
            op @ ("Sum" | "Mean") => {
                let mut sum = call.operand(0)?.clone();
                for i in 1..call.operands.len() {
                    sum = named(sum.add(call.operand(i)?, 1.0))?;
                }
                if op == "Mean" { sum.scaled(1.0 / call.operands.len() as f64) } else { sum }
            }
            "MatMul" => self.matmul(call, call.operand(0)?, call.operand(1)?)?,
            "Gemm" => {
                let side = |index: usize, flag: &str| match call.node.integer(flag).unwrap_or(0) {
                    0 => call.operand(index).cloned(),
                    _ => named(call.operand(index)?.transpose(&[1, 0])),
                };
                let (a, b) = (side(0, "transA")?, side(1, "transB")?);
                let product = self.matmul(call, &a, &b)?.scaled(call.float("alpha", 1.0));
                match call.given(2) {
                    true => named(product.add(call.operand(2)?, call.float("beta", 1.0)))?,
                    false => product,
                }
            }
            "BatchNormalization" => {
                let flag = |name: &str, default: i64| call.node.integer(name).unwrap_or(default);
                // before version 7 a flag said what is so since
                let is_trained = flag("training_mode", 0) == 0 && (self.opset >= 7 || flag("is_test", 0) != 0);
                if !is_trained || flag("spatial", 1) == 0 {
                    return Err(call.problem("expected means and variances that are constant, one a channel; export in evaluation mode, and without spatial = 0"));
                }
                let [scale, shift, mean, variance] =
                    [call.numbers(1)?, call.numbers(2)?, call.numbers(3)?, call.numbers(4)?];
                let epsilon = call.float("epsilon", 1e-5);
                let factor: Vec<f64> = scale.iter().zip(&variance).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
                let offset = shift.iter().zip(&mean).zip(&factor).map(|((b, m), f)| b - m * f).collect();
                // one number a channel, the second dimension
                let shape = [vec![factor.len()], vec![1; call.operand(0)?.shape.len().saturating_sub(2)]].concat();
                let scaled = named(call.operand(0)?.multiply(&Tensor::constant(shape.clone(), factor)))?;
                named(scaled.add(&Tensor::constant(shape, offset), 1.0))?
            }
            _ => return Ok(None),
        }))
    }

    /// ONNX divides integers towards zero.
    fn whole_quotient(&mut self, call: &Call) -> Result<Tensor, OnnxError> {
        let (a, b) = call.named(call.operand(0)?.pair(call.operand(1)?))?;
        let (Some(a), Some(numbers)) = (a.constants(), b.constants()) else {
            return Err(call.problem("expected integers that are constant; cast to float before, and use Floor"));
        };
        if numbers.contains(&0.0) {
            return Err(call.problem("expected a divisor that is not zero"));
        }
        Ok(Tensor::constant(b.shape.clone(), a.iter().zip(&numbers).map(|(a, b)| (a / b).trunc()).collect()))
    }

    fn matmul(&mut self, call: &Call, a: &Tensor, b: &Tensor) -> Result<Tensor, OnnxError> {
        let constant = |row: &[&Linear]| row.iter().all(|v| v.weights.is_empty());
        let numbers = |side: &[&Linear]| side.iter().map(|v| v.bias).collect::<Vec<_>>();
        let owned = |side: &[&Linear]| side.iter().map(|v| (*v).clone()).collect::<Vec<_>>();
        // where both depend on the input, products are a layer: of all of them at once
        let (mut slots, mut pairs, mut count) = (Vec::new(), Vec::new(), 0);
        let product = |row: &[&Linear], column: &[&Linear]| {
            count += 1;
            if constant(column) {
                return Ok(Linear::sum(numbers(column).into_iter().zip(row.iter().copied())));
            }
            if constant(row) {
                return Ok(Linear::sum(numbers(row).into_iter().zip(column.iter().copied())));
            }
            slots.push(count - 1);
            pairs.push((owned(row), owned(column)));
            Ok(Linear::default())
        };
        let mut result = call.named(a.matmul(b, product))?;
        for (slot, sum) in slots.into_iter().zip(self.inner(&call.node.name, &pairs)) {
            result.data[slot] = sum;
        }
        Ok(result)
    }
}

/// Of integers, with the sign of the divisor; of numbers, with that of the dividend.
fn remainder(call: &Call) -> Result<Tensor, OnnxError> {
    let (a, b) = call.named(call.operand(0)?.pair(call.operand(1)?))?;
    let (Some(dividends), Some(divisors)) = (a.constants(), b.constants()) else {
        return Err(call.problem("expected operands that are constant; use x - b * Floor(x / b)"));
    };
    if divisors.contains(&0.0) {
        return Err(call.problem("expected a divisor that is not zero"));
    }
    let truncates = call.node.integer("fmod").unwrap_or(0) != 0;
    let rest = |(a, b): (&f64, &f64)| if truncates { a % b } else { a - b * (a / b).floor() };
    Ok(Tensor::constant(a.shape, dividends.iter().zip(&divisors).map(rest).collect()))
}
