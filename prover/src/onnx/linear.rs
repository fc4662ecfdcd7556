//! Tensors whose elements are linear in values of the model: `bias + Σ weight * value`.

use std::collections::BTreeMap;

/// One element; without weights it is a constant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Linear {
    /// Positions of values with their weights, rising.
    pub weights: Vec<(usize, f64)>,
    /// What is added.
    pub bias: f64,
}

impl Linear {
    /// A number.
    pub fn constant(bias: f64) -> Self {
        Self { weights: Vec::new(), bias }
    }

    /// A value of the model.
    pub fn value(position: usize) -> Self {
        Self { weights: vec![(position, 1.0)], bias: 0.0 }
    }

    /// The value's position, if the element is nothing but a value.
    pub fn position(&self) -> Option<usize> {
        match self.weights.as_slice() {
            [(position, weight)] if *weight == 1.0 && self.bias == 0.0 => Some(*position),
            _ => None,
        }
    }

    /// `Σ scale * term`.
    pub fn sum<'a>(terms: impl IntoIterator<Item = (f64, &'a Self)>) -> Self {
        let (mut weights, mut bias) = (BTreeMap::new(), 0.0);
        for (scale, term) in terms {
            bias += scale * term.bias;
            for (position, weight) in &term.weights {
                *weights.entry(*position).or_insert(0.0) += scale * weight;
            }
        }
        Self { weights: weights.into_iter().collect(), bias }
    }

    /// The element times a number.
    pub fn scaled(&self, by: f64) -> Self {
        Self { weights: self.weights.iter().map(|(p, w)| (*p, w * by)).collect(), bias: self.bias * by }
    }
}

/// A dense tensor in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// The elements.
    pub data: Vec<Linear>,
}

/// Most elements of a tensor, and a fourth of the terms that a matrix product or a convolution may add up.
pub const MAX_ELEMENTS: usize = 1 << 22;

/// Fails before something too large is made.
pub fn within(what: &str, count: Option<usize>, most: usize) -> Result<usize, String> {
    match count {
        Some(count) if count <= most => Ok(count),
        _ => Err(format!("expected at most {most} {what}, got {}", count.map_or("more".into(), |n| n.to_string()))),
    }
}

/// Elements of a shape; `None` if that overflows.
pub fn size(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d))
}

/// The shape that two shapes broadcast to.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
    let rank = a.len().max(b.len());
    let at = |shape: &[usize], i: usize| (i + shape.len()).checked_sub(rank).map_or(1, |i| shape[i]);
    let dimension = |i: usize| match (at(a, i), at(b, i)) {
        (x, y) if x == y || y == 1 => Ok(x),
        (1, y) => Ok(y),
        _ => Err(format!("expected shapes that broadcast, got {a:?} and {b:?}")),
    };
    (0..rank).map(dimension).collect()
}

impl Tensor {
    /// A tensor of numbers.
    pub fn constant(shape: Vec<usize>, numbers: Vec<f64>) -> Self {
        Self { shape, data: numbers.into_iter().map(Linear::constant).collect() }
    }

    /// One number.
    pub fn scalar(number: f64) -> Self {
        Self::constant(vec![], vec![number])
    }

    /// Values of the model.
    pub fn values(shape: Vec<usize>, positions: impl IntoIterator<Item = usize>) -> Self {
        Self { shape, data: positions.into_iter().map(Linear::value).collect() }
    }

    /// Are all elements constant?
    pub fn is_constant(&self) -> bool {
        self.data.iter().all(|v| v.weights.is_empty())
    }

    /// The numbers, if all elements are constant.
    pub fn constants(&self) -> Option<Vec<f64>> {
        self.is_constant().then(|| self.data.iter().map(|v| v.bias).collect())
    }

    /// Elements and terms: what it takes of memory.
    pub fn held(&self) -> usize {
        self.data.iter().map(|e| 1 + e.weights.len()).sum()
    }

    /// The same broadcast to `shape`, which must be what [`broadcast`] gives for it and another.
    pub fn expand(&self, shape: &[usize]) -> Result<Self, String> {
        let count = within("elements", size(shape), MAX_ELEMENTS)?;
        let times = count.checked_div(self.data.len()).unwrap_or(0);
        within("terms", self.held().checked_mul(times), 4 * MAX_ELEMENTS)?;
        // dimensions of size 1 do not move
        let place = |mut index: usize| {
            let (mut at, mut stride) = (0, 1);
            for (dim, out) in self.shape.iter().rev().zip(shape.iter().rev()) {
                at += if *dim == 1 { 0 } else { index % out * stride };
                stride *= dim;
                index /= out;
            }
            at
        };
        Ok(Self { shape: shape.to_vec(), data: (0..count).map(|i| self.data[place(i)].clone()).collect() })
    }

    /// Both broadcast to one shape.
    pub fn pair(&self, other: &Self) -> Result<(Self, Self), String> {
        let shape = broadcast(&self.shape, &other.shape)?;
        Ok((self.expand(&shape)?, other.expand(&shape)?))
    }

    /// Elementwise `self + scale * other`, with broadcasting.
    pub fn add(&self, other: &Self, scale: f64) -> Result<Self, String> {
        let (a, b) = self.pair(other)?;
        let data = a.data.iter().zip(&b.data).map(|(a, b)| Linear::sum([(1.0, a), (scale, b)])).collect();
        Ok(Self { shape: a.shape, data })
    }

    /// The tensor times a number.
    pub fn scaled(&self, by: f64) -> Self {
        Self { shape: self.shape.clone(), data: self.data.iter().map(|v| v.scaled(by)).collect() }
    }

    /// Elementwise product with numbers, with broadcasting.
    pub fn multiply(&self, numbers: &Self) -> Result<Self, String> {
        let (a, b) = self.pair(numbers)?;
        if !b.is_constant() {
            return Err("expected one constant operand, got two that depend on the input".into());
        }
        let data = a.data.iter().zip(&b.data).map(|(a, b)| a.scaled(b.bias)).collect();
        Ok(Self { shape: a.shape, data })
    }

    /// The same elements in another shape.
    pub fn reshape(mut self, shape: Vec<usize>) -> Result<Self, String> {
        if size(&shape) != Some(self.data.len()) {
            return Err(format!("expected a shape of {} elements, got {shape:?}", self.data.len()));
        }
        self.shape = shape;
        Ok(self)
    }

    /// Calls `product` with the row of `self` and the column of `other` for each element of the matrix product.
    pub fn matmul(
        &self,
        other: &Self,
        mut product: impl FnMut(&[&Linear], &[&Linear]) -> Result<Linear, String>,
    ) -> Result<Self, String> {
        let (Some(_), Some(_)) = (self.shape.last(), other.shape.last()) else {
            return Err(format!("expected at least one dimension, got {:?} and {:?}", self.shape, other.shape));
        };
        let matrix = |shape: &[usize], left: bool| match shape {
            [k] if left => vec![1, *k],
            [k] => vec![*k, 1],
            shape => shape.to_vec(),
        };
        let (a, b) = (matrix(&self.shape, true), matrix(&other.shape, false));
        let (heads, [m, k]) = (&a[..a.len() - 2], [a[a.len() - 2], a[a.len() - 1]]);
        let (heads2, [k2, n]) = (&b[..b.len() - 2], [b[b.len() - 2], b[b.len() - 1]]);
        if k != k2 {
            return Err(format!("expected matching inner sizes, got {:?} and {:?}", self.shape, other.shape));
        }
        let head = broadcast(heads, heads2)?;
        let left = Self { shape: a.clone(), data: self.data.clone() }.expand(&[&head[..], &[m, k]].concat())?;
        let right = Self { shape: b.clone(), data: other.data.clone() }.expand(&[&head[..], &[k, n]].concat())?;
        let terms = left.held().checked_mul(n).zip(right.held().checked_mul(m)).and_then(|(a, b)| a.checked_add(b));
        within("terms", terms, 4 * MAX_ELEMENTS)?;
        let batches = size(&head).unwrap_or(0);
        let mut data = Vec::with_capacity(batches * m * n);
        for batch in 0..batches {
            for i in 0..m {
                let row: Vec<&Linear> = (0..k).map(|t| &left.data[(batch * m + i) * k + t]).collect();
                for j in 0..n {
                    let column: Vec<&Linear> = (0..k).map(|t| &right.data[(batch * k + t) * n + j]).collect();
                    data.push(product(&row, &column)?);
                }
            }
        }
        let mut shape = head;
        shape.extend((self.shape.len() > 1).then_some(m));
        shape.extend((other.shape.len() > 1).then_some(n));
        Ok(Self { shape, data })
    }
}
