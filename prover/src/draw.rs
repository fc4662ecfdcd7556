//! The layers of a quantised model with their scales and ranges, as text and as a picture.

use crate::onnx::OnnxError;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use vouch_circuits::{
    fixed,
    model::{Activation, Model, Norm, Op},
};

/// What is shown of the layers that one node of the ONNX file makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// The node.
    pub name: String,
    /// The operation.
    pub op: String,
    /// Values it reads.
    pub reads: usize,
    /// Values that come out.
    pub gives: usize,
    /// Fraction bits of the weights and of what comes out, and bits of the largest sum.
    pub scale: String,
    /// Smallest and largest value that came out on the calibration rows.
    pub range: Option<(f64, f64)>,
}

/// One view a node, inputs first. `scales` are the fraction bits of the values, inputs first; those beyond have as many as a feature.
///
/// # Errors
/// [`OnnxError::Model`] if a row does not fit the model.
pub fn views(model: &Model, rows: &[Vec<f64>], scales: &[u32]) -> Result<Vec<View>, OnnxError> {
    let bits = |value: usize| scales.get(value).copied().unwrap_or(fixed::FRAC_BITS as u32);
    let mut ranges: Vec<(f64, f64)> = Vec::new();
    for row in rows {
        let inputs: Vec<i64> = row.iter().map(|v| fixed::from_real(*v)).collect();
        let values = model.values(&inputs)?.into_iter().zip(0..).map(|(v, at)| v as f64 / f64::from(bits(at)).exp2());
        match ranges.is_empty() {
            true => ranges = values.map(|v| (v, v)).collect(),
            false => ranges.iter_mut().zip(values).for_each(|(r, v)| *r = (r.0.min(v), r.1.max(v))),
        }
    }
    let range = |from: usize, count: usize| {
        let all = ranges.get(from..from + count)?.iter().copied();
        all.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    };
    let input = View {
        name: "input".into(),
        op: "features".into(),
        reads: 0,
        gives: model.inputs,
        scale: format!("2^-{}", fixed::FRAC_BITS),
        range: range(0, model.inputs),
    };
    let mut views = vec![input];
    let mut first = model.inputs;
    for layer in &model.layers {
        let width = layer.width();
        let (op, scale) = match &layer.op {
            Op::Dense(d) => (
                format!("dense, {}", activation(d.activation)),
                format!("weights 2^-{}, sums {} bits", d.shift, d.bits),
            ),
            Op::Multiply(m) if m.terms > 1 => {
                (format!("sums of {} products", m.terms), format!("sums {} bits", m.bits))
            }
            Op::Multiply(m) => ("product".into(), format!("products {} bits", m.bits)),
            Op::Divide(d) => ("quotient".into(), format!("{} bits", d.bits)),
            Op::Normalize(n) => {
                let norm = if n.norm == Norm::Sum { "sum" } else { "length" };
                (format!("shares of the {norm} of {}", n.group), format!("sums {} bits", n.bits))
            }
            Op::Extreme(e) => (format!("{:?} of {}", e.side, e.group).to_lowercase(), format!("{} bits", e.bits)),
            Op::Argmax(a) => (format!("argmax of {}", a.group), format!("{} bits", a.bits)),
            Op::Forest(f) => {
                let thresholds: usize = f.thresholds.iter().map(Vec::len).sum();
                (format!("{} trees", f.trees.len()), format!("{thresholds} thresholds, {} bits", f.bits))
            }
        };
        let scale = match bits(first) as usize {
            fixed::FRAC_BITS => scale,
            other => format!("{scale}, values 2^-{other}"),
        };
        let view = View {
            name: layer.name.clone(),
            op,
            reads: layer.sources.len(),
            gives: width,
            scale,
            range: range(first, width),
        };
        first += width;
        match views.last_mut() {
            // the importer splits a node into layers of equal sources
            Some(last) if last.name == view.name && last.op == view.op && last.scale == view.scale => {
                last.reads += view.reads;
                last.gives += view.gives;
                last.range = last.range.zip(view.range).map(|(a, b)| (a.0.min(b.0), a.1.max(b.1)));
            }
            _ => views.push(view),
        }
    }
    Ok(views)
}

fn activation(activation: Activation) -> String {
    match activation {
        Activation::Identity => "no activation".into(),
        Activation::Relu => "relu".into(),
        Activation::Clip { low, high } => format!("clip {} to {}", fixed::to_real(low), fixed::to_real(high)),
        Activation::Curve(curve) => format!("{curve:?}").to_lowercase(),
        Activation::Sqrt => "sqrt".into(),
        Activation::Log2 => "log2".into(),
        Activation::Step => "step".into(),
        Activation::Floor => "floor".into(),
    }
}

fn shown(range: Option<(f64, f64)>) -> String {
    range.map_or_else(|| "not calibrated".into(), |(low, high)| format!("{low:.4} to {high:.4}"))
}

/// A table to read.
pub fn table(views: &[View]) -> String {
    let cells = |v: &View| {
        [v.name.clone(), v.op.clone(), format!("{} -> {}", v.reads, v.gives), v.scale.clone(), shown(v.range)]
    };
    let mut rows = vec![["node", "operation", "values", "scale", "range"].map(String::from)];
    rows.extend(views.iter().map(cells));
    let width = |i: usize| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let mut out = String::new();
    for row in &rows {
        let line: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(out, "{}", line.join("  ").trim_end());
    }
    out.trim_end().to_owned()
}

/// A box a view, from the inputs down.
pub fn svg(views: &[View]) -> String {
    const HEIGHT: usize = 64;
    const GAP: usize = 24;
    let total = views.len() * (HEIGHT + GAP) + GAP;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"560\" height=\"{total}\" font-family=\"sans-serif\" font-size=\"13\">\n"
    );
    for (i, view) in views.iter().enumerate() {
        let top = GAP + i * (HEIGHT + GAP);
        if i > 0 {
            let _ = writeln!(out, "<line x1=\"280\" x2=\"280\" y1=\"{}\" y2=\"{top}\" stroke=\"#667\"/>", top - GAP);
        }
        let _ = writeln!(
            out,
            "<rect x=\"20\" y=\"{top}\" width=\"520\" height=\"{HEIGHT}\" rx=\"6\" fill=\"#eef\" stroke=\"#667\"/>"
        );
        let lines = [
            format!("{}: {}", view.name, view.op),
            format!("{} values, {}", view.gives, view.scale),
            format!("range {}", shown(view.range)),
        ];
        for (line, text) in lines.iter().enumerate() {
            let _ = writeln!(out, "<text x=\"32\" y=\"{}\">{}</text>", top + 20 + 18 * line, escaped(text));
        }
    }
    out + "</svg>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use vouch_circuits::{layers::curve::Curve, model::Dense};

    #[test]
    fn shows_each_node_with_scale_and_range() {
        let dense = |weight: i64, activation| Dense {
            weights: vec![vec![weight << 26]; 2],
            bias: vec![0; 2],
            shift: 26,
            bits: 0,
            activation,
        };
        let mut second = dense(1, Activation::Curve(Curve::Tanh));
        second.weights = vec![vec![1 << 26, 1 << 26]];
        second.bias.pop();
        let layers = [("a<b".to_owned(), dense(3, Activation::Relu)), ("score".to_owned(), second)];
        let model = Model::chain(1, layers).sized().unwrap();
        let views = views(&model, &[vec![-1.0], vec![0.5]], &[16, 16, 16, 16]).unwrap();
        let table = table(&views);
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<String> = table.lines().map(words).collect();
        assert_eq!(lines[0], "node operation values scale range");
        assert_eq!(lines[1], "input features 0 -> 1 2^-16 -1.0000 to 0.5000");
        assert!(lines[2].starts_with("a<b dense, relu 1 -> 2 weights 2^-26, sums "), "{}", lines[2]);
        assert!(lines[2].ends_with(" bits 0.0000 to 1.5000"), "{}", lines[2]);
        assert!(lines[3].starts_with("score dense, tanh 2 -> 1"), "{}", lines[3]);
        let picture = svg(&views);
        assert!(picture.contains("a&lt;b: dense, relu") && picture.matches("<rect").count() == 3, "{picture}");
    }
}
