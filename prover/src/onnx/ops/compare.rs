//! `Greater GreaterOrEqual Less LessOrEqual Equal Not And Or Xor Where Sign Floor Ceil Round Cast OneHot`, `Gather` and `Imputer` of what
//! depends on the input, and of `ai.onnx.ml` `Binarizer OneHotEncoder LabelEncoder`.
//!
//! Comparisons are exact on the integers; numbers closer to each other than a weight's last bit are compared as they were rounded.

use super::{Call, Folder};
use crate::onnx::{
    FloatActivation,
    error::OnnxError,
    linear::{Linear, MAX_ELEMENTS, Tensor, size, within},
    place,
};

/// ONNX's numbers for types.
mod to {
    pub const FLOAT: i64 = 1;
    pub const DOUBLE: i64 = 11;
    pub const INT32: i64 = 6;
    pub const INT64: i64 = 7;
    pub const BOOL: i64 = 9;
}

impl Folder {
    pub(super) fn compare(&mut self, call: &Call) -> Result<Option<Tensor>, OnnxError> {
        let moving = |i: usize| call.operands.get(i).and_then(Option::as_ref).is_some_and(|t| !t.is_constant());
        Ok(Some(match call.node.op.as_str() {
            "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Equal" | "And" | "Or" | "Xor" => {
                self.relation(call)?
            }
            "Not" => {
                let x = call.operand(0)?;
                call.named(Tensor::scalar(1.0).add(x, -1.0))?
            }
            "Where" if moving(0) => self.choose_between(call, call.operand(0)?, call.operand(1)?, call.operand(2)?)?,
            "Sign" => {
                let x = call.operand(0)?.clone();
                let (above, below) = (self.above_zero(call, &x), self.above_zero(call, &x.scaled(-1.0)));
                call.named(above.add(&below, -1.0))?
            }
            "Floor" => self.floor(call, call.operand(0)?),
            "Ceil" => self.floor(call, &call.operand(0)?.scaled(-1.0)).scaled(-1.0),
            "Round" => self.round(call)?,
            "Cast" => self.cast(call)?,
            "Gather" if moving(1) => self.gather(call, call.operand(0)?, call.operand(1)?)?,
            "OneHot" => self.one_hot(call)?,
            "ai.onnx.ml.Imputer" => self.impute(call)?,
            "ai.onnx.ml.Binarizer" => {
                let threshold = Tensor::scalar(call.float("threshold", 0.0));
                let gap = call.named(call.operand(0)?.add(&threshold, -1.0))?;
                self.above_zero(call, &gap)
            }
            "ai.onnx.ml.OneHotEncoder" => self.encode(call)?,
            "ai.onnx.ml.LabelEncoder" => self.encoded(call)?,
            _ => return Ok(None),
        }))
    }

    /// 1 where an element is above 0, else 0.
    fn above_zero(&mut self, call: &Call, x: &Tensor) -> Tensor {
        // products of many bits cost more than a step; of indices they are shared
        let most = |e: &Linear| if self.is_whole(e) { usize::MAX } else { 2 };
        let tables: Vec<_> = x.data.iter().map(|e| self.table(e).filter(|t| t.bits.len() <= most(e))).collect();
        let plain = x.data.iter().zip(&tables).filter(|(_, t)| t.is_none()).map(|(e, _)| e.clone()).collect();
        let mut made = self.activated(call, plain, FloatActivation::Step).into_iter();
        let mut data = Vec::with_capacity(x.data.len());
        for table in &tables {
            data.push(match table {
                Some(table) => self.mapped(&call.node.name, table, |v| f64::from(u8::from(v > 0.0))),
                None => made.next().unwrap_or_default(),
            });
        }
        Tensor { shape: x.shape.clone(), data }
    }

    fn relation(&mut self, call: &Call) -> Result<Tensor, OnnxError> {
        let op = call.node.op.as_str();
        let (a, b) = call.named(call.operand(0)?.pair(call.operand(1)?))?;
        if matches!(op, "And" | "Or" | "Xor") {
            let both = self.product(call, &a, &b)?;
            // a + b - c ab
            let c = if op == "Or" { 1.0 } else { 2.0 };
            let sum = call.named(a.add(&b, 1.0))?;
            return if op == "And" { Ok(both) } else { call.named(sum.add(&both, -c)) };
        }
        let (gap, back) = (call.named(a.add(&b, -1.0))?, call.named(b.add(&a, -1.0))?);
        let one = Tensor::scalar(1.0);
        match op {
            "Greater" => Ok(self.above_zero(call, &gap)),
            "Less" => Ok(self.above_zero(call, &back)),
            "GreaterOrEqual" => call.named(one.add(&self.above_zero(call, &back), -1.0)),
            "LessOrEqual" => call.named(one.add(&self.above_zero(call, &gap), -1.0)),
            _ => {
                let above = self.above_zero(call, &gap);
                let below = self.above_zero(call, &back);
                let apart = call.named(above.add(&below, 1.0))?;
                call.named(one.add(&apart, -1.0))
            }
        }
    }

    /// `a` where the condition is 1, `b` where it is 0: `b + condition (a - b)`.
    fn choose_between(&mut self, call: &Call, condition: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor, OnnxError> {
        let gap = call.named(a.add(b, -1.0))?;
        if gap.data.iter().any(|e| !e.bias.is_finite()) {
            return Err(call.problem("expected finite numbers to choose between"));
        }
        let (condition, gap) = call.named(condition.pair(&gap))?;
        // a bit as it is, or its opposite, needs no layer of its own
        let split = |c: &Linear| match c.weights.as_slice() {
            [(p, w)] => (Linear::value(*p), *w, c.bias),
            _ => (c.clone(), 1.0, 0.0),
        };
        let parts: Vec<(Linear, f64, f64)> = condition.data.iter().map(split).collect();
        let bits = Tensor { shape: gap.shape.clone(), data: parts.iter().map(|p| p.0.clone()).collect() };
        let times = self.product(call, &bits, &gap)?;
        let sum = |i: usize| Linear::sum([(parts[i].1, &times.data[i]), (parts[i].2, &gap.data[i])]);
        let sum = Tensor { data: (0..parts.len()).map(sum).collect(), shape: gap.shape };
        call.named(b.add(&sum, 1.0))
    }

    /// Is the element always a whole number?
    fn is_whole(&self, e: &Linear) -> bool {
        let whole = |v: f64| v.fract() == 0.0;
        whole(e.bias) && e.weights.iter().all(|(p, w)| whole(*w) && self.known.whole.contains(p))
    }

    fn floor(&mut self, call: &Call, x: &Tensor) -> Tensor {
        let whole: Vec<bool> = x.data.iter().map(|e| self.is_whole(e)).collect();
        let rest = x.data.iter().zip(&whole).filter(|(_, w)| !**w).map(|(e, _)| e.clone()).collect();
        let mut made = self.activated(call, rest, FloatActivation::Floor).into_iter();
        let element = |(e, whole): (&Linear, &bool)| if *whole { e.clone() } else { made.next().unwrap_or_default() };
        Tensor { shape: x.shape.clone(), data: x.data.iter().zip(&whole).map(element).collect() }
    }

    /// To the nearest whole number; of two, the even one.
    fn round(&mut self, call: &Call) -> Result<Tensor, OnnxError> {
        let above = call.named(call.operand(0)?.add(&Tensor::scalar(0.5), 1.0))?;
        let nearest = self.floor(call, &above);
        let gap = call.named(above.add(&nearest, -1.0))?;
        let no_tie = self.above_zero(call, &gap);
        let half = self.floor(call, &nearest.scaled(0.5));
        let odd = call.named(nearest.add(&half, -2.0))?;
        let down = call.named(odd.add(&no_tie, -1.0))?;
        let down = self.above_zero(call, &down);
        call.named(nearest.add(&down, -1.0))
    }

    /// Towards zero.
    fn truncate(&mut self, call: &Call, x: &Tensor) -> Result<Tensor, OnnxError> {
        if x.data.iter().all(|e| self.is_whole(e)) {
            return Ok(x.clone());
        }
        let [above, below] = [1.0, -1.0].map(|sign| {
            let side = self.activate(call, &x.scaled(sign), FloatActivation::Relu);
            self.floor(call, &side)
        });
        call.named(above.add(&below, -1.0))
    }

    fn cast(&mut self, call: &Call) -> Result<Tensor, OnnxError> {
        let x = call.operand(0)?;
        match call.node.integer("to") {
            Some(to::FLOAT | to::DOUBLE) => Ok(x.clone()),
            Some(to::INT32 | to::INT64) => self.truncate(call, x),
            Some(to::BOOL) => {
                let (above, below) = (self.above_zero(call, x), self.above_zero(call, &x.scaled(-1.0)));
                call.named(above.add(&below, 1.0))
            }
            other => {
                let got = other.map_or("none".into(), |to| to.to_string());
                Err(call.problem(format!(
                    "expected a cast to float, double, int32, int64 or bool, got type {got}; export in float32"
                )))
            }
        }
    }

    /// 1 where a whole number equals `v`, else 0.
    fn equals(&mut self, call: &Call, x: &Tensor, v: f64) -> Result<Tensor, OnnxError> {
        let v = Tensor::scalar(v);
        let (gap, back) = (call.named(x.add(&v, -1.0))?, call.named(v.add(x, -1.0))?);
        let (above, below) = (self.above_zero(call, &gap), self.above_zero(call, &back));
        let apart = call.named(above.add(&below, 1.0))?;
        call.named(Tensor::scalar(1.0).add(&apart, -1.0))
    }

    /// `parts` as the last dimension, then moved to `axis`.
    fn stacked(&self, call: &Call, parts: Vec<Tensor>, axis: usize) -> Result<Tensor, OnnxError> {
        let lengthen = |mut part: Tensor| {
            part.shape.insert(axis, 1);
            part
        };
        let parts: Vec<Tensor> = parts.into_iter().map(lengthen).collect();
        call.named(Tensor::concat(&parts.iter().collect::<Vec<_>>(), axis))
    }

    fn one_hot(&mut self, call: &Call) -> Result<Tensor, OnnxError> {
        let (depth, values) = (call.numbers(1)?, call.numbers(2)?);
        let (&[depth], &[off, on]) = (depth.as_slice(), values.as_slice()) else {
            return Err(call.problem("expected one depth and two values"));
        };
        if !(1.0..=4096.0).contains(&depth) {
            return Err(call.problem(format!("expected a depth from 1 to 4096, got {depth}")));
        }
        call.named(within("elements", size(&[depth as usize, call.operand(0)?.data.len()]), MAX_ELEMENTS))?;
        let indices = self.truncate(call, call.operand(0)?)?;
        let axis = call.named(place::axis(call.node.integer("axis").unwrap_or(-1), indices.shape.len() + 1))?;
        let mut parts = Vec::new();
        for i in 0..depth as usize {
            // an index may count from the end
            let (at, from_end) = (i as f64, i as f64 - depth);
            let (first, second) = (self.equals(call, &indices, at)?, self.equals(call, &indices, from_end)?);
            let found = call.named(first.add(&second, 1.0))?;
            parts.push(call.named(found.scaled(on - off).add(&Tensor::scalar(off), 1.0))?);
        }
        self.stacked(call, parts, axis)
    }

    fn encode(&mut self, call: &Call) -> Result<Tensor, OnnxError> {
        let Some(categories) = call.node.integers("cats_int64s").filter(|c| !c.is_empty()) else {
            return Err(call.problem("expected categories that are integers; encode texts as numbers before the model"));
        };
        if call.node.integer("zeros") == Some(0) {
            return Err(call.problem(
                "expected zeros = 1, so that an unknown category has a meaning; export with handle_unknown ignore",
            ));
        }
        let categories: Vec<f64> = categories.iter().map(|c| *c as f64).collect();
        call.named(within("elements", size(&[categories.len(), call.operand(0)?.data.len()]), MAX_ELEMENTS))?;
        let x = self.truncate(call, call.operand(0)?)?;
        let parts = categories.iter().map(|c| self.equals(call, &x, *c)).collect::<Result<Vec<_>, _>>()?;
        self.stacked(call, parts, x.shape.len())
    }

    /// Numbers are never missing here, but one number may stand for what is missing.
    fn impute(&mut self, call: &Call) -> Result<Tensor, OnnxError> {
        let x = call.operand(0)?;
        let whole = |name: &str| call.node.integers(name).map(|l| l.iter().map(|v| *v as f64).collect::<Vec<_>>());
        let marker = call.node.float("replaced_value_float");
        let marker = marker.or_else(|| call.node.integer("replaced_value_int64").map(|v| v as f64)).unwrap_or(0.0);
        if marker.is_nan() {
            return Ok(x.clone());
        }
        let values = call.node.floats("imputed_value_floats").or_else(|| whole("imputed_value_int64s"));
        let values = values.ok_or_else(|| call.problem("expected imputed_value_floats"))?;
        let count = x.shape.last().copied().unwrap_or(1);
        if values.len() != count && values.len() != 1 {
            return Err(call.problem(format!("expected 1 or {count} imputed values, got {}", values.len())));
        }
        let values = Tensor::constant(vec![values.len()], values);
        let missing = self.equals(call, x, marker)?;
        let values = call.named(values.expand(&x.shape))?;
        self.choose_between(call, &missing, &values, x)
    }
}
