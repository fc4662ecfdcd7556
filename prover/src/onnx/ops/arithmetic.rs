//! `Add Sub Mul Div Neg Sum Mean MatMul Gemm BatchNormalization ReduceSum ReduceMean ReduceMax ReduceMin`.

use super::{Call, Folder, layout};
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
            "Div" => named(call.operand(0)?.divide(call.operand(1)?))?,
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
            op @ ("ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin") => self.reduce(call, op)?,
            _ => return Ok(None),
        }))
    }

    fn matmul(&mut self, call: &Call, a: &Tensor, b: &Tensor) -> Result<Tensor, OnnxError> {
        let constant = |row: &[&Linear]| row.iter().all(|v| v.weights.is_empty());
        let product = |row: &[&Linear], column: &[&Linear]| {
            let numbers = |side: &[&Linear]| side.iter().map(|v| v.bias).collect::<Vec<_>>();
            if constant(column) {
                return Ok(Linear::sum(numbers(column).into_iter().zip(row.iter().copied())));
            }
            if constant(row) {
                return Ok(Linear::sum(numbers(row).into_iter().zip(column.iter().copied())));
            }
            // both depend on the input: each product is a value
            let tensor = |side: &[&Linear]| Tensor {
                shape: vec![side.len()],
                data: side.iter().map(|v| (*v).clone()).collect(),
            };
            let products = self.product(call, &tensor(row), &tensor(column)).map_err(|e| e.to_string())?;
            Ok(Linear::sum(products.data.iter().map(|p| (1.0, p))))
        };
        call.named(a.matmul(b, product))
    }

    fn reduce(&mut self, call: &Call, op: &str) -> Result<Tensor, OnnxError> {
        let x = call.operand(0)?;
        let rank = x.shape.len();
        let axes = match call.integers("axes", 1)? {
            Some(axes) if !axes.is_empty() => call.named(layout::axes(&axes, rank))?,
            _ if call.node.integer("noop_with_empty_axes") == Some(1) => return Ok(x.clone()),
            _ => (0..rank).collect(),
        };
        let mut result = x.clone();
        for axis in axes {
            let parts: Vec<Tensor> = (0..result.shape[axis])
                .map(|i| call.named(result.slice(axis, i as i64, i as i64 + 1, 1)))
                .collect::<Result<_, _>>()?;
            result = self.combine(call, parts, op)?;
        }
        if call.node.integer("keepdims").unwrap_or(1) == 0 {
            let axes = call.integers("axes", 1)?.unwrap_or_else(|| (0..rank as i64).collect());
            let axes = call.named(layout::axes(&axes, rank))?;
            let shape = (0..rank).filter(|i| !axes.contains(i)).map(|i| result.shape[i]).collect();
            result = call.named(result.reshape(shape))?;
        }
        Ok(result)
    }

    /// Sum, mean, or extreme of tensors of one shape; extremes two by two.
    pub(super) fn combine(&mut self, call: &Call, mut parts: Vec<Tensor>, op: &str) -> Result<Tensor, OnnxError> {
        let count = parts.len();
        let Some(first) = parts.first() else { return Err(call.problem("expected at least one element, got none")) };
        if op == "ReduceSum" || op == "ReduceMean" {
            let scale = if op == "ReduceMean" { 1.0 / count as f64 } else { 1.0 };
            let element = |i: usize| Linear::sum(parts.iter().map(|p| (scale, &p.data[i])));
            return Ok(Tensor { shape: first.shape.clone(), data: (0..first.data.len()).map(element).collect() });
        }
        while parts.len() > 1 {
            let mut next = Vec::with_capacity(parts.len().div_ceil(2));
            for pair in parts.chunks(2) {
                next.push(match pair {
                    [a, b] => self.extreme(call, a, b, op == "ReduceMax")?,
                    rest => rest[0].clone(),
                });
            }
            parts = next;
        }
        Ok(parts.swap_remove(0))
    }
}
