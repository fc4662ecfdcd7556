//! `Conv MaxPool AveragePool GlobalMaxPool GlobalAveragePool`, in any number of dimensions.

use super::{Call, Folder};
use crate::onnx::{
    error::OnnxError,
    linear::{Linear, MAX_ELEMENTS, Tensor, size, within},
    place::Window,
};
use vouch_circuits::features::extreme::Side;

impl Folder {
    pub(super) fn pool(&mut self, call: &Call) -> Result<Option<Tensor>, OnnxError> {
        Ok(Some(match call.node.op.as_str() {
            "Conv" => convolution(call)?,
            op @ ("MaxPool" | "AveragePool" | "GlobalMaxPool" | "GlobalAveragePool") => {
                let x = call.operand(0)?;
                let spatial = x.shape.get(2..).unwrap_or_default();
                let global = op.starts_with("Global");
                let kernel: Vec<i64> = match call.node.integers("kernel_shape") {
                    Some(kernel) if !global => kernel.to_vec(),
                    _ if global => spatial.iter().map(|d| *d as i64).collect(),
                    _ => return Err(call.problem("expected kernel_shape, got none")),
                };
                let window = window(call, &kernel, spatial)?;
                let whole = call.node.integer("count_include_pad").unwrap_or(0) == 1;
                self.windows(call, x, &window, op.ends_with("MaxPool"), whole)?
            }
            _ => return Ok(None),
        }))
    }

    fn windows(
        &mut self,
        call: &Call,
        x: &Tensor,
        window: &Window,
        max: bool,
        whole: bool,
    ) -> Result<Tensor, OnnxError> {
        let windows = call.named(x.windows(window))?;
        let out = call.named(window.out(&x.shape[2..]))?;
        let terms = size(&[x.shape[0], x.shape[1], windows.len(), windows.first().map_or(0, Vec::len)]);
        call.named(within("terms", terms, 4 * MAX_ELEMENTS))?;
        let (mut data, mut groups) = (Vec::new(), Vec::new());
        for batch in 0..x.shape[0] {
            for channel in 0..x.shape[1] {
                for places in &windows {
                    let at = |place: &Vec<usize>| x.at(&[&[batch, channel], place.as_slice()].concat()).clone();
                    let inside: Vec<Linear> = places.iter().filter(|p| !p.is_empty()).map(at).collect();
                    let count = if whole { places.len() } else { inside.len() };
                    if inside.is_empty() {
                        return Err(call.problem("expected windows that touch the input, got one of padding alone"));
                    }
                    match max {
                        false => data.push(Linear::sum(inside.iter().map(|e| (1.0 / count as f64, e)))),
                        true => groups.push(inside),
                    }
                }
            }
        }
        if max {
            data = self.extremes(&call.node.name, &groups, Side::Max);
        }
        Ok(Tensor { shape: [&x.shape[..2], &out].concat(), data })
    }
}

/// Strides, dilations and padding of a node.
fn window(call: &Call, kernel: &[i64], spatial: &[usize]) -> Result<Window, OnnxError> {
    let rank = kernel.len();
    let list = |name: &str, default: i64, count: usize| {
        let list = call.node.integers(name).map_or_else(|| vec![default; count], <[i64]>::to_vec);
        let list: Option<Vec<usize>> = list.iter().map(|v| usize::try_from(*v).ok()).collect();
        let fits = list.filter(|l| l.len() == count && (name == "pads" || !l.contains(&0)));
        fits.ok_or_else(|| call.problem(format!("expected {count} numbers above 0 as {name}")))
    };
    let (strides, dilations) = (list("strides", 1, rank)?, list("dilations", 1, rank)?);
    let kernel: Vec<usize> = kernel.iter().map(|k| usize::try_from(*k).unwrap_or(0)).collect();
    let pads = list("pads", 0, 2 * rank)?;
    let (mut before, mut after) = (pads[..rank].to_vec(), pads[rank..].to_vec());
    match call.node.text("auto_pad").as_deref() {
        None | Some("NOTSET" | "") => {}
        Some("VALID") => (before, after) = (vec![0; rank], vec![0; rank]),
        Some(same @ ("SAME_UPPER" | "SAME_LOWER")) => {
            for i in 0..rank.min(spatial.len()) {
                let reach = dilations[i].saturating_mul(kernel[i].saturating_sub(1)).saturating_add(1);
                let steps = spatial[i].div_ceil(strides[i]).saturating_sub(1).saturating_mul(strides[i]);
                let total = steps.saturating_add(reach).saturating_sub(spatial[i]);
                let (small, large) = (total / 2, total - total / 2);
                (before[i], after[i]) = if same == "SAME_UPPER" { (small, large) } else { (large, small) };
            }
        }
        Some(other) => return Err(call.problem(format!("expected auto_pad NOTSET, VALID or SAME, got {other}"))),
    }
    if call.node.integer("ceil_mode").unwrap_or(0) != 0 {
        if call.node.integer("count_include_pad").unwrap_or(0) != 0 && call.node.op == "AveragePool" {
            return Err(call.problem("expected ceil_mode 0 where padding counts; pad before the pool"));
        }
        for i in 0..rank.min(spatial.len()) {
            let reach = dilations[i].saturating_mul(kernel[i].saturating_sub(1)).saturating_add(1);
            let padded = spatial[i].saturating_add(before[i]).saturating_add(after[i]);
            let rest = padded.saturating_sub(reach) % strides[i];
            // one window more, unless it would begin behind the input
            let next = padded.saturating_sub(reach).saturating_sub(rest).saturating_add(strides[i]);
            if rest > 0 && next < spatial[i].saturating_add(before[i]) {
                after[i] = after[i].saturating_add(strides[i] - rest);
            }
        }
    }
    Ok(Window { kernel, strides, dilations, before, after })
}

fn convolution(call: &Call) -> Result<Tensor, OnnxError> {
    let (x, w) = (call.operand(0)?, call.operand(1)?);
    let weights = call.numbers(1)?;
    let bias = if call.given(2) { call.numbers(2)? } else { Vec::new() };
    let group = usize::try_from(call.node.integer("group").unwrap_or(1)).unwrap_or(0);
    let (Some([batches, channels]), Some([outputs, inner])) = (x.shape.first_chunk(), w.shape.first_chunk()) else {
        return Err(call.problem(format!("expected batch and channels, got shapes {:?} and {:?}", x.shape, w.shape)));
    };
    if group == 0 || inner.checked_mul(group) != Some(*channels) || outputs % group != 0 {
        return Err(call.problem(format!("expected {group} groups of {inner} channels, got {channels} channels")));
    }
    let kernel: Vec<i64> = w.shape[2..].iter().map(|d| *d as i64).collect();
    let window = window(call, &kernel, &x.shape[2..])?;
    let windows = call.named(x.windows(&window))?;
    let out = call.named(window.out(&x.shape[2..]))?;
    let terms = size(&[*batches, *outputs, *inner, windows.len(), windows.first().map_or(0, Vec::len)]);
    call.named(within("terms", terms, 4 * MAX_ELEMENTS))?;
    let mut data = Vec::new();
    for batch in 0..*batches {
        for output in 0..*outputs {
            let first = output / (outputs / group) * inner;
            for places in &windows {
                let mut terms = Vec::new();
                for channel in 0..*inner {
                    let base = (output * inner + channel) * places.len();
                    for (i, place) in places.iter().enumerate().filter(|(_, p)| !p.is_empty()) {
                        terms.push((weights[base + i], x.at(&[&[batch, first + channel], place.as_slice()].concat())));
                    }
                }
                let mut element = Linear::sum(terms);
                element.bias += bias.get(output).copied().unwrap_or(0.0);
                data.push(element);
            }
        }
    }
    Ok(Tensor { shape: [&[*batches, *outputs], out.as_slice()].concat(), data })
}
