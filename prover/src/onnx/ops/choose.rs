//! `ArgMax ArgMin TopK` (of one), and the reductions `ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2
//! ReduceSumSquare ReduceLogSum ReduceLogSumExp`.

use super::{Call, Folder, layout};
use crate::onnx::{
    FloatActivation,
    error::OnnxError,
    linear::{Linear, Tensor},
    place,
};
use vouch_circuits::{features::extreme::Side, layers::curve::Curve};

/// A shape without, or with 1 instead of, some dimensions.
fn reduced(shape: &[usize], axes: &[usize], keep: bool) -> Vec<usize> {
    let kept = |(i, d): (usize, &usize)| match axes.contains(&i) {
        true => keep.then_some(1),
        false => Some(*d),
    };
    shape.iter().enumerate().filter_map(kept).collect()
}

/// The elements of a tensor in groups.
pub(super) fn elements(x: &Tensor, groups: &[Vec<usize>]) -> Vec<Vec<Linear>> {
    groups.iter().map(|g| g.iter().map(|i| x.data[*i].clone()).collect()).collect()
}

impl Folder {
    pub(super) fn choose(&mut self, call: &Call) -> Result<Option<Vec<Tensor>>, OnnxError> {
        let op = call.node.op.as_str();
        if op.starts_with("Reduce") {
            return self.reduce(call, op).map(|result| result.map(|r| vec![r]));
        }
        if op == "TopK" && call.numbers(1).ok().as_deref() != Some(&[1.0]) {
            return Ok(None);
        }
        if !matches!(op, "ArgMax" | "ArgMin" | "TopK") {
            return Ok(None);
        }
        let x = call.operand(0)?;
        let axis = call.node.integer("axis").unwrap_or(if op == "TopK" { -1 } else { 0 });
        let axis = call.named(place::axis(axis, x.shape.len()))?;
        let groups = place::groups(&x.shape, &[axis]);
        let keep = op == "TopK" || call.node.integer("keepdims").unwrap_or(1) == 1;
        let smallest = op == "ArgMin" || (op == "TopK" && call.node.integer("largest") == Some(0));
        let last = op != "TopK" && call.node.integer("select_last_index") == Some(1);
        if x.shape[axis] == 0 {
            return Err(call.problem("expected at least one element, got none"));
        }
        let sign = if smallest { -1.0 } else { 1.0 };
        let mut ordered = elements(&x.scaled(sign), &groups);
        if last {
            ordered.iter_mut().for_each(|g| g.reverse());
        }
        let index = |bits: Vec<Linear>| {
            let count = bits.len();
            let place = |i: usize| (if last { count - 1 - i } else { i }) as f64;
            Linear::sum(bits.iter().enumerate().map(|(i, bit)| (place(i), bit)))
        };
        let shape = reduced(&x.shape, &[axis], keep);
        let data = self.choices(&call.node.name, &ordered).into_iter().map(index).collect();
        let indices = Tensor { shape: shape.clone(), data };
        if op != "TopK" {
            return Ok(Some(vec![indices]));
        }
        let side = if smallest { Side::Min } else { Side::Max };
        let values = self.extremes(&call.node.name, &elements(x, &groups), side);
        Ok(Some(vec![Tensor { shape, data: values }, indices]))
    }

    fn reduce(&mut self, call: &Call, op: &str) -> Result<Option<Tensor>, OnnxError> {
        let x = call.operand(0)?;
        let rank = x.shape.len();
        let axes = match call.integers("axes", 1)? {
            Some(axes) if !axes.is_empty() => call.named(layout::axes(&axes, rank))?,
            _ if call.node.integer("noop_with_empty_axes") == Some(1) => return Ok(Some(x.clone())),
            _ => (0..rank).collect(),
        };
        let shape = reduced(&x.shape, &axes, call.node.integer("keepdims").unwrap_or(1) == 1);
        let groups = elements(x, &place::groups(&x.shape, &axes));
        if groups.is_empty() {
            return Err(call.problem("expected at least one element, got none"));
        }
        let sum = |group: &Vec<Linear>| Linear::sum(group.iter().map(|e| (1.0, e)));
        let row = |data: Vec<Linear>| Tensor { shape: vec![data.len()], data };
        let data = match op {
            "ReduceSum" => groups.iter().map(sum).collect(),
            "ReduceMean" => groups.iter().map(|g| sum(g).scaled(1.0 / g.len() as f64)).collect(),
            "ReduceMax" => self.extremes(&call.node.name, &groups, Side::Max),
            "ReduceMin" => self.extremes(&call.node.name, &groups, Side::Min),
            "ReduceL1" => {
                let absolute: Vec<Vec<Linear>> = groups.into_iter().map(|g| self.absolute(call, g)).collect();
                absolute.iter().map(sum).collect()
            }
            "ReduceSumSquare" | "ReduceL2" => {
                let pairs: Vec<_> = groups.into_iter().map(|g| (g.clone(), g)).collect();
                let squares = self.inner(&call.node.name, &pairs);
                match op {
                    "ReduceL2" => self.activated(call, squares, FloatActivation::Sqrt),
                    _ => squares,
                }
            }
            "ReduceProd" => {
                let longest = groups.iter().map(Vec::len).max().unwrap_or(0);
                let at = |i: usize| row(groups.iter().map(|g| g[i].clone()).collect());
                let mut product = at(0);
                for i in 1..longest {
                    product = self.product(call, &product, &at(i))?;
                }
                product.data
            }
            "ReduceLogSum" => {
                let sums = groups.iter().map(sum).collect();
                let logs = self.activated(call, sums, FloatActivation::Log2);
                logs.iter().map(|l| l.scaled(std::f64::consts::LN_2)).collect()
            }
            "ReduceLogSumExp" => {
                let most = self.extremes(&call.node.name, &groups, Side::Max);
                let mut sums = Vec::new();
                for (group, most) in groups.iter().zip(&most) {
                    let below = group.iter().map(|e| Linear::sum([(1.0, e), (-1.0, most)])).collect();
                    sums.push(sum(&self.activated(call, below, FloatActivation::Curve(Curve::Exp))));
                }
                let logs = self.activated(call, sums, FloatActivation::Log2);
                let whole = |(l, m): (&Linear, &Linear)| Linear::sum([(std::f64::consts::LN_2, l), (1.0, m)]);
                logs.iter().zip(&most).map(whole).collect()
            }
            _ => return Ok(None),
        };
        Ok(Some(Tensor { shape, data }))
    }

    /// Magnitudes.
    pub(super) fn absolute(&mut self, call: &Call, row: Vec<Linear>) -> Vec<Linear> {
        if row.iter().all(|e| self.is_positive(e)) {
            return row;
        }
        let relu = self.activated(call, row.clone(), FloatActivation::Relu);
        // |x| = 2 max(x, 0) - x
        relu.iter().zip(&row).map(|(r, x)| Linear::sum([(2.0, r), (-1.0, x)])).collect()
    }
}
