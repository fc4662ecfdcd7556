//! What only moves elements: each result says for every place of its shape which element of the operand stands there.

use super::linear::{Linear, MAX_ELEMENTS, Tensor, size, within};
use std::collections::HashMap;

/// The places of a shape in row-major order.
fn places(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    let place = move |mut index: usize| {
        let mut place = vec![0; shape.len()];
        for (at, dim) in place.iter_mut().zip(shape).rev() {
            *at = index % dim;
            index /= dim;
        }
        place
    };
    (0..size(shape).unwrap_or(0)).map(place)
}

/// An axis that may count from the end.
pub fn axis(axis: i64, rank: usize) -> Result<usize, String> {
    let positive = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(positive)
        .ok()
        .filter(|a| *a < rank)
        .ok_or_else(|| format!("expected axes below {rank}, got {axis}"))
}

impl Tensor {
    /// The element at a place.
    pub fn at(&self, place: &[usize]) -> &Linear {
        let index = self.shape.iter().zip(place).fold(0, |index, (dim, at)| index * dim + at);
        &self.data[index]
    }

    /// The tensor of `shape` with the element `from(place)` of this one at each place, or `default`.
    pub fn moved(
        &self,
        shape: Vec<usize>,
        default: f64,
        from: impl Fn(&[usize]) -> Option<Vec<usize>>,
    ) -> Result<Self, String> {
        let inside =
            |place: &Vec<usize>| place.len() == self.shape.len() && place.iter().zip(&self.shape).all(|(p, d)| p < d);
        let element = |place: Vec<usize>| match from(&place) {
            None => Ok(Linear::constant(default)),
            Some(place) if inside(&place) => Ok(self.at(&place).clone()),
            Some(place) => Err(format!("expected places inside shape {:?}, got {place:?}", self.shape)),
        };
        within("elements", size(&shape), MAX_ELEMENTS)?;
        let data = places(&shape).map(element).collect::<Result<_, _>>()?;
        Ok(Self { data, shape })
    }

    /// Dimension `i` of the result is dimension `permutation[i]`.
    pub fn transpose(&self, permutation: &[usize]) -> Result<Self, String> {
        let rank = self.shape.len();
        let mut sorted = permutation.to_vec();
        sorted.sort_unstable();
        if sorted != (0..rank).collect::<Vec<_>>() {
            return Err(format!("expected a permutation of {rank} dimensions, got {permutation:?}"));
        }
        let shape = permutation.iter().map(|p| self.shape[*p]).collect();
        self.moved(shape, 0.0, |place| {
            let mut from = vec![0; rank];
            permutation.iter().zip(place).for_each(|(p, at)| from[*p] = *at);
            Some(from)
        })
    }

    /// `indices` of dimension `axis`, in the shape of `indices`.
    pub fn gather(&self, axis: usize, indices: &[f64], shape: &[usize]) -> Result<Self, String> {
        let dim = self.shape[axis] as i64;
        let index = |v: &f64| usize::try_from(if *v < 0.0 { *v as i64 + dim } else { *v as i64 }).unwrap_or(usize::MAX);
        let indices: Vec<usize> = indices.iter().map(index).collect();
        let out = [&self.shape[..axis], shape, &self.shape[axis + 1..]].concat();
        self.moved(out, 0.0, |place| {
            let inner = &place[axis..axis + shape.len()];
            let at = shape.iter().zip(inner).fold(0, |at, (dim, i)| at * dim + i);
            Some([&place[..axis], &[indices[at]], &place[axis + shape.len()..]].concat())
        })
    }

    /// Every `step`-th of `start..end` of one dimension; bounds may count from the end and are cut to the dimension.
    pub fn slice(&self, axis: usize, start: i64, end: i64, step: i64) -> Result<Self, String> {
        let dim = self.shape[axis] as i64;
        if step == 0 {
            return Err("expected a step that is not zero".into());
        }
        let from_start = |v: i64| if v < 0 { v.saturating_add(dim) } else { v };
        let (low, high) = if step > 0 { (0, dim) } else { (-1, dim - 1) };
        let (start, end) = (from_start(start).clamp(low.max(0), high.max(0)), from_start(end).clamp(low, high));
        let mut indices = Vec::new();
        let mut at = start;
        while (step > 0 && at < end) || (step < 0 && at > end) {
            indices.push(at as f64);
            at = at.saturating_add(step);
        }
        let count = indices.len();
        self.gather(axis, &indices, &[count])
    }

    /// All `parts` one behind the other along `axis`.
    pub fn concat(parts: &[&Self], axis: usize) -> Result<Self, String> {
        let first = parts.first().ok_or("expected an operand, got none")?;
        let mut shape = first.shape.clone();
        let others = |shape: &[usize]| [&shape[..axis], &shape[axis + 1..]].concat();
        if parts.iter().any(|p| p.shape.len() != shape.len() || others(&p.shape) != others(&shape)) {
            let shapes: Vec<_> = parts.iter().map(|p| &p.shape).collect();
            return Err(format!("expected shapes that differ in dimension {axis} only, got {shapes:?}"));
        }
        shape[axis] = parts.iter().map(|p| p.shape[axis]).sum();
        within("elements", size(&shape), MAX_ELEMENTS)?;
        let element = |mut place: Vec<usize>| {
            let mut rest = parts;
            while let [part, more @ ..] = rest {
                if place[axis] < part.shape[axis] {
                    return part.at(&place).clone();
                }
                place[axis] -= part.shape[axis];
                rest = more;
            }
            Linear::default()
        };
        Ok(Self { data: places(&shape).map(element).collect(), shape })
    }

    /// `before[i]` and `after[i]` more places of `default` in dimension `i`.
    pub fn pad(&self, before: &[i64], after: &[i64], default: f64) -> Result<Self, String> {
        let grown = |((dim, b), a): ((&usize, &i64), &i64)| {
            let grown = (*dim as i64).checked_add(*b).and_then(|d| d.checked_add(*a));
            grown.and_then(|d| usize::try_from(d).ok()).ok_or("expected a size above 0")
        };
        let shape = self.shape.iter().zip(before).zip(after).map(grown).collect::<Result<Vec<_>, _>>()?;
        self.moved(shape, default, |place| {
            let from = |((at, before), dim): ((&usize, &i64), &usize)| {
                (*at as i64).checked_sub(*before).and_then(|at| usize::try_from(at).ok()).filter(|at| at < dim)
            };
            place.iter().zip(before).zip(&self.shape).map(from).collect()
        })
    }

    /// For each window of the spatial dimensions (all but the first two) the places in it; no place at all for padding.
    pub fn windows(&self, window: &Window) -> Result<Vec<Vec<Vec<usize>>>, String> {
        let rank = window.kernel.len();
        let wrong = || format!("expected {} spatial dimensions, got shape {:?}", rank, self.shape);
        let spatial = self.shape.get(2..).filter(|s| s.len() == rank).ok_or_else(wrong)?;
        let out = window.out(spatial)?;
        let all = [&out[..], &window.kernel].concat();
        within("places in windows", size(&all), MAX_ELEMENTS)?;
        let offsets: Vec<Vec<usize>> = places(&window.kernel).collect();
        let at = |place: Vec<usize>| {
            let inside = offsets.iter().map(|offset| {
                let one = |i: usize| {
                    let at = place[i] * window.strides[i] + offset[i] * window.dilations[i];
                    at.checked_sub(window.before[i]).filter(|at| *at < spatial[i])
                };
                (0..rank).map(one).collect::<Option<Vec<_>>>().unwrap_or_default()
            });
            inside.collect()
        };
        Ok(places(&out).map(at).collect())
    }
}

/// The elements of a shape, by place in the dimensions that are not `axes`; both in row-major order.
pub fn groups(shape: &[usize], axes: &[usize]) -> Vec<Vec<usize>> {
    let mut known: HashMap<Vec<usize>, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (i, mut place) in places(shape).enumerate() {
        axes.iter().for_each(|a| place[*a] = 0);
        let group = *known.entry(place).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(i);
    }
    groups
}

/// Windows of a convolution or a pool; one entry a spatial dimension.
#[derive(Clone, Debug)]
pub struct Window {
    /// Sizes.
    pub kernel: Vec<usize>,
    /// Steps from window to window.
    pub strides: Vec<usize>,
    /// Steps within a window.
    pub dilations: Vec<usize>,
    /// Padding before.
    pub before: Vec<usize>,
    /// Padding behind.
    pub after: Vec<usize>,
}

impl Window {
    /// Sizes of the result.
    pub fn out(&self, spatial: &[usize]) -> Result<Vec<usize>, String> {
        let one = |i: usize| {
            let large = || "expected windows and padding below 2^32".to_string();
            let reach = self.dilations[i].checked_mul(self.kernel[i].saturating_sub(1)).and_then(|r| r.checked_add(1));
            let padded = spatial[i].checked_add(self.before[i]).and_then(|p| p.checked_add(self.after[i]));
            let small = |v: &usize| *v < 1 << 32;
            let (reach, padded) = reach.filter(small).zip(padded.filter(small)).ok_or_else(large)?;
            let free = padded
                .checked_sub(reach)
                .ok_or_else(|| format!("expected a window of at most {padded}, got {reach}"))?;
            Ok(free / self.strides[i].max(1) + 1)
        };
        (0..self.kernel.len()).map(one).collect()
    }
}
