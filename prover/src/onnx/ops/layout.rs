//! What moves numbers or makes constants: `Identity Dropout Constant ConstantOfShape Shape Size Range Flatten Reshape Squeeze Unsqueeze
//! Transpose Concat Split Slice Gather Expand Tile Pad Where Trilu IsNaN IsInf`, and of `ai.onnx.ml` `ZipMap FeatureVectorizer ArrayFeatureExtractor`.

use super::{Call, Folder};
use crate::onnx::{
    error::OnnxError,
    linear::{Linear, MAX_ELEMENTS, Tensor, broadcast, size, within},
    place,
};

/// Axes that may count from the end.
pub fn axes(axes: &[i64], rank: usize) -> Result<Vec<usize>, String> {
    axes.iter().map(|a| place::axis(*a, rank)).collect()
}

impl Folder {
    pub(super) fn layout(&mut self, call: &Call) -> Result<Option<Vec<Tensor>>, OnnxError> {
        run(call)
    }
}

/// The results, if the operation is one of these.
fn run(call: &Call) -> Result<Option<Vec<Tensor>>, OnnxError> {
    let named = |result| call.named(result);
    let axis = |default: i64, rank: usize| call.named(place::axis(call.node.integer("axis").unwrap_or(default), rank));
    let one = match call.node.op.as_str() {
        "Constant" => constant(call)?,
        "Dropout" if call.given(2) && call.numbers(2)? != [0.0] => {
            return Err(call.problem(
                "expected training_mode false: a score has to be the same each time; export in evaluation mode",
            ));
        }
        "Identity" | "Dropout" | "ai.onnx.ml.ZipMap" => call.operand(0)?.clone(),
        // of what depends on the inputs nothing is missing or infinite: quotients and curves saturate
        op @ ("IsNaN" | "IsInf") => {
            let flag = |name: &str| call.node.integer(name).unwrap_or(1) != 0;
            let (above, below) = (flag("detect_positive"), flag("detect_negative"));
            let x = call.operand(0)?;
            let is = |e: &Linear| match op {
                "IsNaN" => e.bias.is_nan(),
                _ => e.bias.is_infinite() && if e.bias > 0.0 { above } else { below },
            };
            Tensor::constant(x.shape.clone(), x.data.iter().map(|e| f64::from(u8::from(is(e)))).collect())
        }
        "ConstantOfShape" => {
            let shape: Vec<usize> = call.numbers(0)?.iter().map(|d| *d as usize).collect();
            let value = call.node.tensor("value")?.and_then(|t| t.constants()).and_then(|v| v.first().copied());
            let count = call.named(within("elements", size(&shape), MAX_ELEMENTS))?;
            Tensor::constant(shape, vec![value.unwrap_or(0.0); count])
        }
        "Shape" => {
            let shape = &call.operand(0)?.shape;
            let rank = shape.len() as i64;
            // bounds may count from the end and are cut to the dimensions
            let bound = |name: &str, default: i64| {
                let at = call.node.integer(name).unwrap_or(default);
                let at = if at < 0 { at.saturating_add(rank) } else { at };
                at.clamp(0, rank) as usize
            };
            let (start, end) = (bound("start", 0), bound("end", rank));
            let part = shape.get(start..end).unwrap_or_default();
            Tensor::constant(vec![part.len()], part.iter().map(|d| *d as f64).collect())
        }
        "Size" => Tensor::scalar(call.operand(0)?.data.len() as f64),
        "Range" => {
            let one = |i: usize| Ok::<f64, OnnxError>(call.numbers(i)?.first().copied().unwrap_or(0.0));
            let (start, limit, step) = (one(0)?, one(1)?, one(2)?);
            let count = ((limit - start) / step).ceil().max(0.0);
            let count = if count.is_finite() { count as usize } else { usize::MAX };
            let count = call.named(within("elements", Some(count), MAX_ELEMENTS))?;
            Tensor::constant(vec![count], (0..count).map(|i| start + i as f64 * step).collect())
        }
        "Trilu" => trilu(call)?,
        "ai.onnx.ml.ArrayFeatureExtractor" => {
            let tensor = call.operand(0)?;
            let axis = axis(-1, tensor.shape.len())?;
            let indices = call.numbers(1)?;
            let count = indices.len();
            named(tensor.gather(axis, &indices, &[count]))?
        }
        "Flatten" => {
            let tensor = call.operand(0)?.clone();
            let rank = tensor.shape.len() as i64;
            let axis = call.node.integer("axis").unwrap_or(1);
            let axis = usize::try_from(if axis < 0 { axis + rank } else { axis }).unwrap_or(0);
            let (head, tail) = tensor.shape.split_at(axis.min(tensor.shape.len()));
            let shape = vec![head.iter().product(), tail.iter().product()];
            named(tensor.reshape(shape))?
        }
        "Reshape" => {
            let target = call.integers("shape", 1)?.ok_or_else(|| call.problem("expected a shape, got none"))?;
            let tensor = call.operand(0)?.clone();
            if call.node.integer("allowzero").unwrap_or(0) != 0 && target.contains(&0) {
                return Err(call.problem("expected a shape of at least one element"));
            }
            let shape = resolve(&tensor.shape, &target);
            named(tensor.reshape(shape))?
        }
        "Squeeze" | "Unsqueeze" => {
            let tensor = call.operand(0)?.clone();
            let shape = call.named(squeezed(&call.node.op, &tensor.shape, call.integers("axes", 1)?))?;
            named(tensor.reshape(shape))?
        }
        "Transpose" => {
            let tensor = call.operand(0)?;
            let reversed = || (0..tensor.shape.len()).rev().collect();
            let whole = |p: &[i64]| p.iter().map(|d| usize::try_from(*d).unwrap_or(usize::MAX)).collect();
            let permutation: Vec<usize> = call.node.integers("perm").map_or_else(reversed, whole);
            named(tensor.transpose(&permutation))?
        }
        "Concat" | "ai.onnx.ml.FeatureVectorizer" => {
            let parts = (0..call.operands.len()).map(|i| call.operand(i)).collect::<Result<Vec<_>, _>>()?;
            let axis = axis(-1, parts.first().map_or(0, |p| p.shape.len()))?;
            let lengths: Vec<i64> = parts.iter().filter_map(|p| p.shape.get(axis)).map(|d| *d as i64).collect();
            if call.node.integers("inputdimensions").is_some_and(|wanted| wanted != lengths.as_slice()) {
                return Err(call.problem(format!("expected inputdimensions {lengths:?}, those of the operands")));
            }
            named(Tensor::concat(&parts, axis))?
        }
        "Split" => return split(call).map(Some),
        "Slice" => slice(call)?,
        "Gather" => {
            let tensor = call.operand(0)?;
            let axis = axis(0, tensor.shape.len())?;
            named(tensor.gather(axis, &call.numbers(1)?, &call.operand(1)?.shape))?
        }
        "Expand" => {
            let shape: Vec<usize> = call.numbers(1)?.iter().map(|d| *d as usize).collect();
            let tensor = call.operand(0)?;
            let shape = call.named(broadcast(&tensor.shape, &shape))?;
            named(tensor.expand(&shape))?
        }
        "Tile" => {
            let (tensor, repeats) = (call.operand(0)?, call.numbers(1)?);
            let mut tiled = tensor.clone();
            for (axis, repeat) in repeats.iter().enumerate().take(tensor.shape.len()) {
                let count = tensor.data.len().checked_mul((*repeat).max(1.0) as usize);
                call.named(within("elements", count, MAX_ELEMENTS))?;
                let parts = vec![&tiled; *repeat as usize];
                tiled = call.named(Tensor::concat(&parts, axis))?;
            }
            tiled
        }
        "Pad" => pad(call)?,
        "Where" => {
            let (condition, b) = call.named(call.operand(0)?.pair(call.operand(1)?))?;
            let (condition, b, c) = {
                let (condition, c) = call.named(condition.pair(call.operand(2)?))?;
                let b = call.named(b.expand(&condition.shape))?;
                (condition, b, c)
            };
            let chosen = condition.constants().ok_or_else(|| call.problem("expected a constant condition"))?;
            let pick = |(i, chosen): (usize, f64)| if chosen != 0.0 { b.data[i].clone() } else { c.data[i].clone() };
            Tensor { shape: condition.shape.clone(), data: chosen.into_iter().enumerate().map(pick).collect() }
        }
        _ => return Ok(None),
    };
    Ok(Some(vec![one]))
}

fn constant(call: &Call) -> Result<Tensor, OnnxError> {
    if let Some(tensor) = call.node.tensor("value")? {
        return Ok(tensor);
    }
    if let Some(value) = call.node.float("value_float") {
        return Ok(Tensor::scalar(value));
    }
    if let Some(values) = call.node.floats("value_floats") {
        return Ok(Tensor::constant(vec![values.len()], values));
    }
    if let Some(values) = call.node.integers("value_ints") {
        return Ok(Tensor::constant(vec![values.len()], values.iter().map(|v| *v as f64).collect()));
    }
    if let Some(value) = call.node.integer("value_int") {
        return Ok(Tensor::scalar(value as f64));
    }
    Err(call.problem("expected attribute value, value_float, value_floats, value_int or value_ints"))
}

/// ONNX Reshape: 0 keeps a dimension, -1 takes what is left.
fn resolve(old: &[usize], target: &[i64]) -> Vec<usize> {
    let total = size(old).unwrap_or(0);
    let kept = |(i, d): (usize, &i64)| match d {
        0 => old.get(i).copied().unwrap_or(1),
        d => usize::try_from(*d).unwrap_or(0),
    };
    let mut shape: Vec<usize> = target.iter().enumerate().map(kept).collect();
    let known: Vec<usize> = shape.iter().zip(target).filter(|(_, d)| **d >= 0).map(|(d, _)| *d).collect();
    let known = size(&known).unwrap_or(0);
    for (d, wanted) in shape.iter_mut().zip(target) {
        if *wanted < 0 {
            *d = total.checked_div(known).unwrap_or(0);
        }
    }
    shape
}

fn squeezed(op: &str, shape: &[usize], axes: Option<Vec<i64>>) -> Result<Vec<usize>, String> {
    let Some(axes) = axes else {
        return Ok(shape.iter().copied().filter(|d| *d != 1).collect());
    };
    let rank = if op == "Squeeze" { shape.len() } else { shape.len() + axes.len() };
    let axes = self::axes(&axes, rank)?;
    if op == "Squeeze" {
        return Ok(shape.iter().enumerate().filter(|(i, _)| !axes.contains(i)).map(|(_, d)| *d).collect());
    }
    let mut old = shape.iter().copied();
    Ok((0..rank).map(|i| if axes.contains(&i) { 1 } else { old.next().unwrap_or(1) }).collect())
}

fn split(call: &Call) -> Result<Vec<Tensor>, OnnxError> {
    let tensor = call.operand(0)?;
    let axis = call.named(place::axis(call.node.integer("axis").unwrap_or(0), tensor.shape.len()))?;
    let count = call.node.outputs.len().max(1);
    let even = || vec![tensor.shape[axis].div_ceil(count) as i64; count];
    let (mut start, mut parts) = (0_i64, Vec::new());
    for size in call.integers("split", 1)?.unwrap_or_else(even) {
        let end = start.checked_add(size).filter(|_| size >= 0);
        let end = end.ok_or_else(|| call.problem(format!("expected sizes of parts, got {size}")))?;
        parts.push(call.named(tensor.slice(axis, start, end, 1))?);
        start = end;
    }
    Ok(parts)
}

fn slice(call: &Call) -> Result<Tensor, OnnxError> {
    let mut tensor = call.operand(0)?.clone();
    let missing = || call.problem("expected starts and ends");
    let starts = call.integers("starts", 1)?.ok_or_else(missing)?;
    let ends = call.integers("ends", 2)?.ok_or_else(missing)?;
    let axes = call.integers("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let axes = call.named(self::axes(&axes, tensor.shape.len()))?;
    let steps = call.integers("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    for (((axis, start), end), step) in axes.into_iter().zip(starts).zip(ends).zip(steps) {
        tensor = call.named(tensor.slice(axis, start, end, step))?;
    }
    Ok(tensor)
}

fn pad(call: &Call) -> Result<Tensor, OnnxError> {
    let tensor = call.operand(0)?;
    if !matches!(call.node.text("mode").as_deref(), None | Some("constant")) {
        return Err(call.problem("expected mode constant; pad before the model"));
    }
    let pads = call.integers("pads", 1)?.ok_or_else(|| call.problem("expected pads, got none"))?;
    let value = match call.given(2) {
        true => call.numbers(2)?.first().copied().unwrap_or(0.0),
        false => call.float("value", 0.0),
    };
    let rank = tensor.shape.len();
    let axes = match call.given(3) {
        true => call.named(axes(&call.integers("axes", 3)?.unwrap_or_default(), rank))?,
        false => (0..rank).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(call.problem(format!("expected {} pads, got {}", 2 * axes.len(), pads.len())));
    }
    let (mut before, mut after) = (vec![0; rank], vec![0; rank]);
    for (i, axis) in axes.iter().enumerate() {
        (before[*axis], after[*axis]) = (pads[i], pads[axes.len() + i]);
    }
    call.named(tensor.pad(&before, &after, value))
}

/// The upper or lower triangle of the last two dimensions; the rest is 0.
fn trilu(call: &Call) -> Result<Tensor, OnnxError> {
    let x = call.operand(0)?;
    let k = if call.given(1) { call.numbers(1)?.first().copied().unwrap_or(0.0) } else { 0.0 };
    let upper = call.node.integer("upper").unwrap_or(1) == 1;
    let [.., rows, columns] = x.shape.as_slice() else {
        return Err(call.problem(format!("expected at least two dimensions, got shape {:?}", x.shape)));
    };
    let kept = |i: usize| {
        let (row, column) = (i / columns % rows, i % columns);
        let beyond = column as f64 - row as f64 - k;
        if upper { beyond >= 0.0 } else { beyond <= 0.0 }
    };
    let element = |(i, e): (usize, &Linear)| if kept(i) { e.clone() } else { Linear::constant(0.0) };
    Ok(Tensor { shape: x.shape.clone(), data: x.data.iter().enumerate().map(element).collect() })
}
