//! `Softmax LogSoftmax LayerNormalization RMSNormalization InstanceNormalization GroupNormalization MeanVarianceNormalization
//! LpNormalization Hardmax`, and `Normalizer` of `ai.onnx.ml`.

use super::{Call, Folder, choose::elements};
use crate::onnx::{
    FloatActivation, FloatNorm,
    error::OnnxError,
    linear::{Linear, Tensor},
    place,
};
use vouch_circuits::{features::extreme::Side, layers::curve::Curve};

/// Groups with their results, back in the order of a tensor.
fn scattered(shape: Vec<usize>, groups: &[Vec<usize>], results: Vec<Vec<Linear>>) -> Tensor {
    let mut data = vec![Linear::default(); groups.iter().map(Vec::len).sum()];
    for (group, results) in groups.iter().zip(results) {
        group.iter().zip(results).for_each(|(i, r)| data[*i] = r);
    }
    Tensor { shape, data }
}

impl Folder {
    pub(super) fn normal(&mut self, call: &Call) -> Result<Option<Tensor>, OnnxError> {
        let op = call.node.op.as_str();
        let x = match call.operands.first() {
            Some(Some(x)) => x.clone(),
            _ => return Ok(None),
        };
        let rank = x.shape.len();
        let axis = |default: i64| call.named(place::axis(call.node.integer("axis").unwrap_or(default), rank));
        let epsilon = call.float("epsilon", 1e-5);
        Ok(Some(match op {
            "Softmax" | "LogSoftmax" | "Hardmax" => {
                // before version 13 all dimensions from the axis on are one
                let axes = if self.opset < 13 { (axis(1)?..rank).collect() } else { vec![axis(-1)?] };
                let groups = place::groups(&x.shape, &axes);
                let rows = elements(&x, &groups);
                let results = match op {
                    "Softmax" => self.softmax(call, rows)?,
                    "LogSoftmax" => self.log_softmax(call, rows),
                    _ => self.choices(&call.node.name, &rows),
                };
                scattered(x.shape.clone(), &groups, results)
            }
            "LayerNormalization" | "RMSNormalization" => {
                let axes: Vec<usize> = (axis(-1)?..rank).collect();
                let normal = self.standardised(call, &x, &axes, epsilon, op == "LayerNormalization");
                let scaled = self.product(call, &normal, call.operand(1)?)?;
                if call.given(2) { call.named(scaled.add(call.operand(2)?, 1.0))? } else { scaled }
            }
            "MeanVarianceNormalization" => {
                let axes = call.node.integers("axes").map_or_else(|| vec![0, 2, 3], <[i64]>::to_vec);
                let axes = call.named(super::layout::axes(&axes, rank))?;
                // the deviation and 1e-9, which is less than the last bit
                self.standardised(call, &x, &axes, 0.0, true)
            }
            "InstanceNormalization" | "GroupNormalization" => self.by_channel(call, &x, op, epsilon)?,
            "LpNormalization" => {
                let groups = place::groups(&x.shape, &[axis(-1)?]);
                let rows = elements(&x, &groups);
                let results = match call.node.integer("p").unwrap_or(2) {
                    1 => self.shares_of_magnitudes(call, rows),
                    2 => self.shares_of_length(call, rows),
                    other => return Err(call.problem(format!("expected p = 1 or 2, got {other}"))),
                };
                scattered(x.shape.clone(), &groups, results)
            }
            "ai.onnx.ml.Normalizer" => {
                let groups = place::groups(&x.shape, &[rank.saturating_sub(1)]);
                let rows = elements(&x, &groups);
                let results = match call.node.text("norm").as_deref() {
                    None | Some("MAX" | "") => {
                        let most = self.extremes(&call.node.name, &rows, Side::Max);
                        let divide = |(row, most): (Vec<Linear>, Linear)| {
                            let row = Tensor { shape: vec![row.len()], data: row };
                            let most = Tensor { shape: vec![1], data: vec![most] };
                            self.quotient(call, &row, &most).map(|q| q.data)
                        };
                        rows.into_iter().zip(most).map(divide).collect::<Result<_, _>>()?
                    }
                    Some("L1") => self.shares_of_magnitudes(call, rows),
                    Some("L2") => self.shares_of_length(call, rows),
                    Some(other) => return Err(call.problem(format!("expected norm MAX, L1 or L2, got {other}"))),
                };
                scattered(x.shape.clone(), &groups, results)
            }
            _ => return Ok(None),
        }))
    }

    /// `e^(x - max) / Σ e^(x - max)` of each row; what is minus infinity, by a mask, has no share.
    pub(super) fn softmax(&mut self, call: &Call, rows: Vec<Vec<Linear>>) -> Result<Vec<Vec<Linear>>, OnnxError> {
        // or the least number of a type: nothing that a value can be makes up for it
        let masked = |e: &Linear| e.bias < -1e30;
        let open: Vec<Vec<Linear>> =
            rows.iter().map(|row| row.iter().filter(|e| !masked(e)).cloned().collect()).collect();
        if open.iter().any(Vec::is_empty) {
            return Err(call.problem("expected a number that is not masked in each row"));
        }
        let mut shares: Vec<Vec<Linear>> = Vec::with_capacity(rows.len());
        let (mut slots, mut long) = (Vec::new(), Vec::new());
        for (i, row) in open.into_iter().enumerate() {
            shares.push(match row.as_slice() {
                [_] => vec![Linear::constant(1.0)],
                [a, b] => {
                    let gap = [Linear::sum([(1.0, a), (-1.0, b)]), Linear::sum([(1.0, b), (-1.0, a)])];
                    self.activated(call, gap.to_vec(), FloatActivation::Curve(Curve::Sigmoid))
                }
                _ => {
                    slots.push(i);
                    long.push(row);
                    Vec::new()
                }
            });
        }
        let exps = self.exponentials(call, &long).1;
        for (slot, row) in slots.into_iter().zip(self.shares(&call.node.name, &exps, FloatNorm::Sum)) {
            shares[slot] = row;
        }
        let filled = |(row, shares): (Vec<Linear>, Vec<Linear>)| -> Vec<Linear> {
            let mut shares = shares.into_iter();
            row.iter()
                .map(|e| if masked(e) { Linear::constant(0.0) } else { shares.next().unwrap_or_default() })
                .collect()
        };
        Ok(rows.into_iter().zip(shares).map(filled).collect())
    }

    /// The largest of each row, and `e^(x - max)`.
    fn exponentials(&mut self, call: &Call, rows: &[Vec<Linear>]) -> (Vec<Linear>, Vec<Vec<Linear>>) {
        let most = self.extremes(&call.node.name, rows, Side::Max);
        let below: Vec<Linear> = rows
            .iter()
            .zip(&most)
            .flat_map(|(row, most)| row.iter().map(move |e| Linear::sum([(1.0, e), (-1.0, most)])))
            .collect();
        let mut exps = self.activated(call, below, FloatActivation::Curve(Curve::Exp)).into_iter();
        let exps = rows.iter().map(|row| exps.by_ref().take(row.len()).collect()).collect();
        (most, exps)
    }

    /// `x - max - ln Σ e^(x - max)`.
    fn log_softmax(&mut self, call: &Call, rows: Vec<Vec<Linear>>) -> Vec<Vec<Linear>> {
        let (most, exps) = self.exponentials(call, &rows);
        let sums = exps.iter().map(|row| Linear::sum(row.iter().map(|e| (1.0, e)))).collect();
        let logs = self.activated(call, sums, FloatActivation::Log2);
        let ln = std::f64::consts::LN_2;
        let row = |((row, most), log): ((Vec<Linear>, &Linear), &Linear)| {
            row.iter().map(|e| Linear::sum([(1.0, e), (-1.0, most), (-ln, log)])).collect()
        };
        rows.into_iter().zip(&most).zip(&logs).map(row).collect()
    }

    /// `x / Σ |x|`.
    fn shares_of_magnitudes(&mut self, call: &Call, rows: Vec<Vec<Linear>>) -> Vec<Vec<Linear>> {
        if rows.iter().flatten().all(|e| self.is_positive(e) && e.position().is_some()) {
            return self.shares(&call.node.name, &rows, FloatNorm::Sum);
        }
        // of what is above 0 and of what is below
        let mut both = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut sides = self.activated(call, row.clone(), FloatActivation::Relu);
            let below = row.iter().map(|e| e.scaled(-1.0)).collect();
            sides.extend(self.activated(call, below, FloatActivation::Relu));
            both.push(sides);
        }
        let shares = self.shares(&call.node.name, &both, FloatNorm::Sum);
        let joined = |sides: Vec<Linear>| {
            let (above, below) = sides.split_at(sides.len() / 2);
            above.iter().zip(below).map(|(a, b)| Linear::sum([(1.0, a), (-1.0, b)])).collect()
        };
        shares.into_iter().map(joined).collect()
    }

    /// `x / sqrt(Σ x^2)`.
    fn shares_of_length(&mut self, call: &Call, mut rows: Vec<Vec<Linear>>) -> Vec<Vec<Linear>> {
        for row in &mut rows {
            *row = self.bounded(&call.node.name, row).into_iter().map(Linear::value).collect();
        }
        self.shares(&call.node.name, &rows, FloatNorm::Length { epsilon: 0.0 })
    }

    /// `(x - mean) / sqrt(variance + epsilon)` over some dimensions, or without the mean.
    fn standardised(&mut self, call: &Call, x: &Tensor, axes: &[usize], epsilon: f64, centred: bool) -> Tensor {
        let name = &call.node.name;
        let groups = place::groups(&x.shape, axes);
        let count = groups.first().map_or(1, Vec::len) as f64;
        let positions = self.positions(name, &x.data, false);
        let values = Tensor::values(x.shape.clone(), positions);
        let mut rows = elements(&values, &groups);
        if centred {
            let mean = |row: &Vec<Linear>| Linear::sum(row.iter().map(|e| (1.0 / count, e)));
            let means: Vec<Linear> = rows.iter().map(mean).collect();
            let means = self.positions(name, &means, false);
            for (row, mean) in rows.iter_mut().zip(means) {
                let mean = Linear::value(mean);
                row.iter_mut().for_each(|e| *e = Linear::sum([(1.0, &*e), (-1.0, &mean)]));
            }
        }
        for row in &mut rows {
            *row = self.bounded(name, row).into_iter().map(Linear::value).collect();
        }
        // over the length, which is sqrt(count) times the deviation
        let shares = self.shares(name, &rows, FloatNorm::Length { epsilon: epsilon * count });
        scattered(x.shape.clone(), &groups, shares).scaled(count.sqrt())
    }

    fn by_channel(&mut self, call: &Call, x: &Tensor, op: &str, epsilon: f64) -> Result<Tensor, OnnxError> {
        let (Some([batch, channels]), Some(spatial)) = (x.shape.first_chunk(), x.shape.get(2..)) else {
            return Err(call.problem(format!("expected batch and channels, got shape {:?}", x.shape)));
        };
        let groups = match op {
            "GroupNormalization" => usize::try_from(call.node.integer("num_groups").unwrap_or(0)).unwrap_or(0),
            _ => *channels,
        };
        if groups == 0 || channels % groups != 0 {
            return Err(call.problem(format!("expected groups that divide {channels} channels, got {groups}")));
        }
        let split = [&[*batch, groups, channels / groups], spatial].concat();
        let parted = call.named(x.clone().reshape(split.clone()))?;
        let axes: Vec<usize> = (2..split.len()).collect();
        let normal = call.named(self.standardised(call, &parted, &axes, epsilon, true).reshape(x.shape.clone()))?;
        let of_channels = |numbers: Vec<f64>| {
            // before version 21 there is one number a group
            let each = channels / numbers.len().max(1);
            let numbers: Vec<f64> = numbers.iter().flat_map(|n| vec![*n; each]).collect();
            Tensor::constant([vec![numbers.len()], vec![1; spatial.len()]].concat(), numbers)
        };
        let scaled = call.named(normal.multiply(&of_channels(call.numbers(1)?)))?;
        call.named(scaled.add(&of_channels(call.numbers(2)?), 1.0))
    }
}
