//! `RNN GRU LSTM`: unrolled, one step a place of the sequence, with the same weights.

use super::{Call, Folder};
use crate::onnx::{
    FloatActivation,
    error::OnnxError,
    linear::{Linear, MAX_ELEMENTS, Tensor, size, within},
};
use vouch_circuits::layers::curve::Curve;

/// Sizes and weights of a node.
struct Cell {
    hidden: usize,
    /// Numbers of the input at one place.
    width: usize,
    /// By direction, gate and unit: a row of the input, a row of the state, and both biases.
    w: Vec<f64>,
    r: Vec<f64>,
    b: Vec<f64>,
    gates: usize,
    /// Peepholes of an LSTM.
    p: Vec<f64>,
    /// Of one direction after the other.
    activations: Vec<FloatActivation>,
    linear_before_reset: bool,
}

impl Cell {
    fn read(call: &Call, gates: usize, directions: usize) -> Result<Self, OnnxError> {
        let shape = |i: usize| call.operand(i).map(|t| t.shape.clone());
        let (w, r) = (shape(1)?, shape(2)?);
        let (&[d, rows, width], &[d2, rows2, hidden]) = (w.as_slice(), r.as_slice()) else {
            return Err(call.problem("expected weights of three dimensions"));
        };
        if [d, d2] != [directions; 2] || hidden == 0 || Some(rows) != hidden.checked_mul(gates) || rows != rows2 {
            return Err(call.problem(format!("expected {directions} directions of {gates} gates, got {w:?} and {r:?}")));
        }
        let optional = |i: usize, count: usize| {
            let numbers = if call.given(i) { call.numbers(i)? } else { vec![0.0; count] };
            let wrong = || call.problem(format!("expected operand {i} of {count} numbers"));
            if numbers.len() == count { Ok(numbers) } else { Err(wrong()) }
        };
        for name in ["clip", "activation_alpha", "activation_beta"] {
            if call.node.float(name).is_some() {
                return Err(call.problem(format!("attribute {name} is not supported; export without it")));
            }
        }
        if call.node.integer("input_forget").unwrap_or(0) != 0 {
            return Err(call.problem("attribute input_forget is not supported; export without it"));
        }
        let default: &[&str] = match gates {
            4 => &["Sigmoid", "Tanh", "Tanh"],
            3 => &["Sigmoid", "Tanh"],
            _ => &["Tanh"],
        };
        let mut names = call.node.texts("activations");
        if names.is_empty() {
            names = (0..directions).flat_map(|_| default.iter().map(|s| (*s).to_owned())).collect();
        }
        if names.len() != directions * default.len() {
            return Err(call.problem(format!(
                "expected {} activations, got {}",
                directions * default.len(),
                names.len()
            )));
        }
        let one = |name: &String| match name.to_lowercase().as_str() {
            "sigmoid" => Ok(FloatActivation::Curve(Curve::Sigmoid)),
            "tanh" => Ok(FloatActivation::Curve(Curve::Tanh)),
            "relu" => Ok(FloatActivation::Relu),
            _ => Err(call.problem(format!("expected activations Sigmoid, Tanh or Relu, got {name}"))),
        };
        Ok(Self {
            hidden,
            width,
            w: call.numbers(1)?,
            r: call.numbers(2)?,
            b: optional(3, directions * 2 * rows)?,
            gates,
            p: if gates == 4 { optional(7, directions * 3 * hidden)? } else { Vec::new() },
            activations: names.iter().map(one).collect::<Result<_, _>>()?,
            linear_before_reset: call.node.integer("linear_before_reset").unwrap_or(0) != 0,
        })
    }

    fn activation(&self, direction: usize, which: usize) -> FloatActivation {
        let each = if self.gates == 1 { 1 } else { self.gates - 1 };
        self.activations[direction * each + which]
    }

    /// The sums of one gate: of the input, and of the state, with their biases.
    fn sums(&self, direction: usize, gate: usize, x: &[Linear], h: &[Linear]) -> Vec<[Linear; 2]> {
        let rows = self.gates * self.hidden;
        let unit = |j: usize| {
            let row = gate * self.hidden + j;
            let weighted = |weights: &[f64], of: &[Linear], bias: f64| {
                let at = (direction * rows + row) * of.len();
                let sum = Linear::sum(weights[at..at + of.len()].iter().copied().zip(of));
                Linear { bias: sum.bias + bias, ..sum }
            };
            let bias = |half: usize| self.b[direction * 2 * rows + half * rows + row];
            [weighted(&self.w, x, bias(0)), weighted(&self.r, h, bias(1))]
        };
        (0..self.hidden).map(unit).collect()
    }
}

fn joined(sums: Vec<[Linear; 2]>) -> Vec<Linear> {
    sums.iter().map(|[x, h]| Linear::sum([(1.0, x), (1.0, h)])).collect()
}

impl Folder {
    pub(super) fn recurrent(&mut self, call: &Call) -> Result<Option<Vec<Tensor>>, OnnxError> {
        let gates = match call.node.op.as_str() {
            "RNN" => 1,
            "GRU" => 3,
            "LSTM" => 4,
            _ => return Ok(None),
        };
        let backwards: &[bool] = match call.node.text("direction").as_deref() {
            None | Some("forward" | "") => &[false],
            Some("reverse") => &[true],
            Some("bidirectional") => &[false, true],
            Some(other) => return Err(call.problem(format!("expected a direction, got {other}"))),
        };
        let cell = Cell::read(call, gates, backwards.len())?;
        let x = match call.node.integer("layout").unwrap_or(0) {
            0 => call.operand(0)?.clone(),
            _ => call.named(call.operand(0)?.transpose(&[1, 0, 2]))?,
        };
        let &[steps, batch, width] = x.shape.as_slice() else {
            return Err(call.problem(format!("expected an input of three dimensions, got shape {:?}", x.shape)));
        };
        if width != cell.width || steps == 0 || batch != 1 {
            let got = format!("got shape {:?}", x.shape);
            return Err(
                call.problem(format!("expected a sequence of {} numbers a step and a batch of 1, {got}", cell.width))
            );
        }
        let terms = size(&[backwards.len(), steps, gates, cell.hidden, width.saturating_add(cell.hidden)]);
        call.named(within("terms", terms, 4 * MAX_ELEMENTS))?;
        if call.given(4) && call.numbers(4)?.iter().any(|n| *n != steps as f64) {
            return Err(call.problem(format!("expected a sequence length of {steps}: cut the input instead")));
        }
        let state = |index: usize, d: usize| -> Result<Vec<Linear>, OnnxError> {
            if !call.given(index) {
                return Ok(vec![Linear::constant(0.0); cell.hidden]);
            }
            let all = &call.operand(index)?.data;
            let part = all.get(d * cell.hidden..(d + 1) * cell.hidden);
            part.map(<[Linear]>::to_vec).ok_or_else(|| call.problem("expected an initial state of the hidden size"))
        };
        let directions = backwards.len();
        let mut all = vec![Vec::new(); steps * directions];
        let (mut last, mut cells) = (Vec::new(), Vec::new());
        for (d, backwards) in backwards.iter().enumerate() {
            let (mut h, mut c) = (state(5, d)?, state(6, d)?);
            for i in 0..steps {
                let t = if *backwards { steps - 1 - i } else { i };
                let x = &x.data[t * width..(t + 1) * width];
                h = match gates {
                    1 => {
                        let sums = joined(cell.sums(d, 0, x, &h));
                        self.activated(call, sums, cell.activation(d, 0))
                    }
                    3 => self.gru(call, &cell, d, x, &h),
                    _ => self.lstm(call, &cell, d, x, &h, &mut c),
                };
                all[t * directions + d].clone_from(&h);
            }
            last.extend(h);
            cells.extend(c);
        }
        let hidden = cell.hidden;
        let all = Tensor { shape: vec![steps, directions, 1, hidden], data: all.into_iter().flatten().collect() };
        let ends = [last, cells].map(|data| Tensor { shape: vec![directions, 1, hidden], data });
        let [last, cells] = ends;
        if call.node.integer("layout").unwrap_or(0) == 0 {
            return Ok(Some(vec![all, last, cells]));
        }
        // batch first
        let all = call.named(all.transpose(&[2, 0, 1, 3]))?;
        let (last, cells) = (call.named(last.transpose(&[1, 0, 2]))?, call.named(cells.transpose(&[1, 0, 2]))?);
        Ok(Some(vec![all, last, cells]))
    }

    /// Gates in the order update, reset, new: `h' = (1 - z) n + z h`.
    fn gru(&mut self, call: &Call, cell: &Cell, d: usize, x: &[Linear], h: &[Linear]) -> Vec<Linear> {
        let name = &call.node.name;
        let mut gates = joined(cell.sums(d, 0, x, h));
        gates.extend(joined(cell.sums(d, 1, x, h)));
        let gates = self.activated(call, gates, cell.activation(d, 0));
        let (z, r) = gates.split_at(cell.hidden);
        let one = |a: &Linear, b: &Linear| (vec![a.clone()], vec![b.clone()]);
        let sums = if cell.linear_before_reset {
            let sums = cell.sums(d, 2, x, h);
            let pairs: Vec<_> = r.iter().zip(&sums).map(|(r, [_, h])| one(r, h)).collect();
            let reset = self.inner(name, &pairs);
            sums.iter().zip(&reset).map(|([x, _], h)| Linear::sum([(1.0, x), (1.0, h)])).collect()
        } else {
            let pairs: Vec<_> = r.iter().zip(h).map(|(r, h)| one(r, h)).collect();
            let reset = self.inner(name, &pairs);
            joined(cell.sums(d, 2, x, &reset))
        };
        let new = self.activated(call, sums, cell.activation(d, 1));
        let pair = |i: usize| {
            let rest = Linear::sum([(-1.0, &z[i])]);
            let rest = Linear { bias: 1.0 + rest.bias, ..rest };
            (vec![rest, z[i].clone()], vec![new[i].clone(), h[i].clone()])
        };
        let pairs: Vec<_> = (0..cell.hidden).map(pair).collect();
        self.inner(name, &pairs)
    }

    /// Gates in the order input, output, forget, cell: `c' = f c + i g`, `h' = o tanh(c')`.
    fn lstm(
        &mut self,
        call: &Call,
        cell: &Cell,
        d: usize,
        x: &[Linear],
        h: &[Linear],
        c: &mut Vec<Linear>,
    ) -> Vec<Linear> {
        let (name, hidden) = (&call.node.name, cell.hidden);
        let gate = |gate: usize, peephole: Option<(usize, &[Linear])>| -> Vec<Linear> {
            let mut sums = joined(cell.sums(d, gate, x, h));
            if let Some((which, c)) = peephole {
                for (j, sum) in sums.iter_mut().enumerate() {
                    let weight = cell.p[(d * 3 + which) * hidden + j];
                    if weight != 0.0 {
                        *sum = Linear::sum([(1.0, &*sum), (weight, &c[j])]);
                    }
                }
            }
            sums
        };
        // peepholes in the order input, output, forget
        let gates = [gate(0, Some((0, c.as_slice()))), gate(2, Some((2, c.as_slice())))].concat();
        let gates = self.activated(call, gates, cell.activation(d, 0));
        let (i, f) = gates.split_at(hidden);
        let new = self.activated(call, gate(3, None), cell.activation(d, 1));
        let pair = |j: usize| (vec![f[j].clone(), i[j].clone()], vec![c[j].clone(), new[j].clone()]);
        let pairs: Vec<_> = (0..hidden).map(pair).collect();
        *c = self.inner(name, &pairs);
        let o = self.activated(call, gate(1, Some((1, c.as_slice()))), cell.activation(d, 0));
        let outer = self.activated(call, c.clone(), cell.activation(d, 2));
        let pairs: Vec<_> = o.into_iter().zip(outer).map(|(o, c)| (vec![o], vec![c])).collect();
        self.inner(name, &pairs)
    }
}
