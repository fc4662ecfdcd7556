//! `ArgMax ArgMin TopK`, and the reductions `ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2
//! ReduceSumSquare ReduceLogSum ReduceLogSumExp`.

use super::{Call, Folder, layout};
use crate::onnx::{
    FloatActivation,
    error::OnnxError,
    linear::{Linear, Tensor},
    place,
};
use vouch_circuits::{features::extreme::Side, layers::curve::Curve};

/// Most elements that `TopK` ranks: it compares all pairs.
const MAX_RANKED: usize = 64;

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
        if op == "TopK" && call.numbers(1)? != [1.0] {
            return self.several(call).map(Some);
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

    /// `TopK` of more than one, by ranks: how many are before each element, counted by comparisons of all pairs.
    fn several(&mut self, call: &Call) -> Result<Vec<Tensor>, OnnxError> {
        let x = call.operand(0)?;
        let axis = call.named(place::axis(call.node.integer("axis").unwrap_or(-1), x.shape.len()))?;
        let (count, wanted) = (x.shape[axis], call.numbers(1)?);
        let &[wanted] = wanted.as_slice() else { return Err(call.problem("expected one number of elements")) };
        if !(1..=MAX_RANKED).contains(&count) || !(1.0..=count as f64).contains(&wanted) {
            let expected = format!("expected at most {MAX_RANKED} elements, and to take 1 to all of them");
            return Err(call.problem(format!("{expected}, got {count} and {wanted}")));
        }
        let (k, sign) = (wanted as usize, if call.node.integer("largest") == Some(0) { -1.0 } else { 1.0 });
        let (mut values, mut indices): (Vec<Vec<Linear>>, Vec<Vec<Linear>>) = (Vec::new(), Vec::new());
        for group in elements(x, &place::groups(&x.shape, &[axis])) {
            let at_least = self.at_least(call, &group, sign, k);
            let place = |row: &Vec<Linear>| Linear::sum(row.iter().enumerate().map(|(i, bit)| (i as f64, bit)));
            let places: Vec<Linear> = at_least.iter().map(place).collect();
            let pairs: Vec<_> = at_least.into_iter().map(|row| (row, group.clone())).collect();
            let sums = self.inner(&call.node.name, &pairs);
            // of rank r is what has at least r before it, and not r + 1
            let steps = |sums: &[Linear]| sums.windows(2).map(|w| Linear::sum([(1.0, &w[0]), (-1.0, &w[1])])).collect();
            indices.push(steps(&places));
            values.push(steps(&sums));
        }
        let mut shape = x.shape.clone();
        shape[axis] = k;
        let inner: usize = shape[axis + 1..].iter().product();
        let ordered = |groups: Vec<Vec<Linear>>| {
            let row = |block: &[Vec<Linear>]| {
                (0..k).flat_map(|r| block.iter().map(move |g| g[r].clone()).collect::<Vec<_>>()).collect()
            };
            let data: Vec<Vec<Linear>> = groups.chunks(inner.max(1)).map(row).collect();
            Tensor { shape: shape.clone(), data: data.concat() }
        };
        Ok(vec![ordered(values), ordered(indices)])
    }

    /// For each rank up to `k` and each element: 1 if that many are before it, else 0. Of equals the first comes first.
    fn at_least(&mut self, call: &Call, group: &[Linear], sign: f64, k: usize) -> Vec<Vec<Linear>> {
        let count = group.len();
        let pairs = || (0..count).flat_map(|i| (i + 1..count).map(move |j| (i, j)));
        let gap = |(i, j): (usize, usize)| Linear::sum([(sign, &group[j]), (-sign, &group[i])]);
        let later = self.activated(call, pairs().map(gap).collect(), FloatActivation::Step);
        // before an element is who is larger, and who is equal and stands before it
        let mut before: Vec<Linear> = (0..count).map(|i| Linear::constant(i as f64)).collect();
        for ((i, j), larger) in pairs().zip(&later) {
            before[i] = Linear::sum([(1.0, &before[i]), (1.0, larger)]);
            before[j] = Linear::sum([(1.0, &before[j]), (-1.0, larger)]);
        }
        let mut at_least = vec![vec![Linear::constant(1.0); count]];
        for rank in 1..=k {
            let half = Linear::constant(0.5 - rank as f64);
            let beyond = before.iter().map(|b| Linear::sum([(1.0, b), (1.0, &half)])).collect();
            at_least.push(self.activated(call, beyond, FloatActivation::Step));
        }
        at_least
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
