//! Tensors whose elements are linear in the activations before them: `bias + Σ weights[i] * x[i]`.

/// One element; without weights it is a constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// One for each activation of the base; empty for a constant.
    pub weights: Vec<f64>,
    /// What is added.
    pub bias: f64,
}

impl Linear {
    fn constant(bias: f64) -> Self {
        Self { weights: Vec::new(), bias }
    }

    fn combine(&self, other: &Self, scale: f64) -> Self {
        let weights = match (self.weights.is_empty(), other.weights.is_empty()) {
            (_, true) => self.weights.clone(),
            (true, false) => other.weights.iter().map(|w| w * scale).collect(),
            (false, false) => self.weights.iter().zip(&other.weights).map(|(a, b)| a + scale * b).collect(),
        };
        Self { weights, bias: self.bias + scale * other.bias }
    }

    fn scaled(&self, by: f64) -> Self {
        Self { weights: self.weights.iter().map(|w| w * by).collect(), bias: self.bias * by }
    }
}

/// A dense tensor in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// The activations that the weights belong to; `None` for constants.
    pub base: Option<usize>,
    /// The elements.
    pub data: Vec<Linear>,
}

/// Elements of a shape; `None` if that overflows.
pub fn size(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d))
}

impl Tensor {
    /// A tensor of numbers.
    pub fn constant(shape: Vec<usize>, numbers: Vec<f64>) -> Self {
        Self { shape, base: None, data: numbers.into_iter().map(Linear::constant).collect() }
    }

    /// The activations of `base` themselves.
    pub fn activations(shape: Vec<usize>, base: usize) -> Self {
        let count = size(&shape).unwrap_or(0);
        let unit = |i: usize| {
            let mut weights = vec![0.0; count];
            weights[i] = 1.0;
            Linear { weights, bias: 0.0 }
        };
        Self { shape, base: Some(base), data: (0..count).map(unit).collect() }
    }

    /// The numbers, if all elements are constant.
    pub fn constants(&self) -> Option<Vec<f64>> {
        self.base.is_none().then(|| self.data.iter().map(|v| v.bias).collect())
    }

    /// The base of a result of two tensors.
    fn join(&self, other: &Self) -> Result<Option<usize>, String> {
        match (self.base, other.base) {
            (Some(a), Some(b)) if a != b => {
                Err("expected operands of one layer, got a branch that skips an activation".into())
            }
            (a, b) => Ok(a.or(b)),
        }
    }

    /// Elementwise `self + scale * other`, with broadcasting.
    pub fn add(&self, other: &Self, scale: f64) -> Result<Self, String> {
        self.elementwise(other, |a, b| Ok(a.combine(b, scale)))
    }

    /// Elementwise product; one operand must be constant.
    pub fn multiply(&self, other: &Self) -> Result<Self, String> {
        if self.base.is_some() && other.base.is_some() {
            return Err("expected one constant operand, got two that depend on the input".into());
        }
        self.elementwise(other, |a, b| Ok(if b.weights.is_empty() { a.scaled(b.bias) } else { b.scaled(a.bias) }))
    }

    /// Elementwise quotient by a constant.
    pub fn divide(&self, other: &Self) -> Result<Self, String> {
        if other.base.is_some() {
            return Err("expected a constant divisor, got one that depends on the input".into());
        }
        self.elementwise(other, |a, b| match b.bias == 0.0 {
            true => Err("expected a divisor that is not zero".into()),
            false => Ok(a.scaled(1.0 / b.bias)),
        })
    }

    fn elementwise(
        &self,
        other: &Self,
        op: impl Fn(&Linear, &Linear) -> Result<Linear, String>,
    ) -> Result<Self, String> {
        let base = self.join(other)?;
        let rank = self.shape.len().max(other.shape.len());
        let padded = |shape: &[usize]| [vec![1; rank - shape.len()], shape.to_vec()].concat();
        let (a, b) = (padded(&self.shape), padded(&other.shape));
        let mut shape = Vec::with_capacity(rank);
        for (x, y) in a.iter().zip(&b) {
            if x != y && *x != 1 && *y != 1 {
                return Err(format!("expected shapes that broadcast, got {:?} and {:?}", self.shape, other.shape));
            }
            shape.push(*x.max(y));
        }
        // position in a broadcast operand: dimensions of size 1 do not move
        let place = |dims: &[usize], mut index: usize| {
            let (mut at, mut stride) = (0, 1);
            for (dim, out) in dims.iter().zip(&shape).rev() {
                at += if *dim == 1 { 0 } else { index % out * stride };
                stride *= dim;
                index /= out;
            }
            at
        };
        let count = size(&shape).unwrap_or(0);
        let data =
            (0..count).map(|i| op(&self.data[place(&a, i)], &other.data[place(&b, i)])).collect::<Result<_, _>>()?;
        Ok(Self { shape, base, data })
    }

    /// Matrix product of two matrices, or with a vector on either side; one operand must be constant.
    pub fn matmul(&self, other: &Self) -> Result<Self, String> {
        if self.base.is_some() && other.base.is_some() {
            return Err("expected one constant operand, got two that depend on the input".into());
        }
        let base = self.join(other)?;
        let (rows, inner) = match self.shape.as_slice() {
            [k] => (1, *k),
            [m, k] => (*m, *k),
            shape => return Err(format!("expected at most two dimensions, got shape {shape:?}")),
        };
        let (inner2, columns) = match other.shape.as_slice() {
            [k] => (*k, 1),
            [k, n] => (*k, *n),
            shape => return Err(format!("expected at most two dimensions, got shape {shape:?}")),
        };
        if inner != inner2 {
            return Err(format!("expected matching inner sizes, got {:?} and {:?}", self.shape, other.shape));
        }
        let mut data = Vec::with_capacity(rows * columns);
        for i in 0..rows {
            for j in 0..columns {
                let product = |k: usize| {
                    let (a, b) = (&self.data[i * inner + k], &other.data[k * columns + j]);
                    if b.weights.is_empty() { a.scaled(b.bias) } else { b.scaled(a.bias) }
                };
                data.push((0..inner).map(product).fold(Linear::constant(0.0), |sum, p| sum.combine(&p, 1.0)));
            }
        }
        let mut shape = Vec::new();
        shape.extend((self.shape.len() == 2).then_some(rows));
        shape.extend((other.shape.len() == 2).then_some(columns));
        Ok(Self { shape, base, data })
    }

    /// The same with dimension `i` of the result being dimension `permutation[i]`.
    pub fn transpose(&self, permutation: &[usize]) -> Result<Self, String> {
        let rank = self.shape.len();
        let mut sorted = permutation.to_vec();
        sorted.sort_unstable();
        if sorted != (0..rank).collect::<Vec<_>>() {
            return Err(format!("expected a permutation of {rank} dimensions, got {permutation:?}"));
        }
        let shape: Vec<usize> = permutation.iter().map(|p| self.shape[*p]).collect();
        let stride = |dim: usize| self.shape[dim + 1..].iter().product::<usize>();
        let place = |mut index: usize| {
            let mut at = 0;
            for (size, from) in shape.iter().zip(permutation).rev() {
                at += index % size * stride(*from);
                index /= size;
            }
            at
        };
        let data = (0..self.data.len()).map(|i| self.data[place(i)].clone()).collect();
        Ok(Self { shape, base: self.base, data })
    }

    /// The same elements in another shape.
    pub fn reshape(mut self, shape: Vec<usize>) -> Result<Self, String> {
        if size(&shape) != Some(self.data.len()) {
            return Err(format!("expected a shape of {} elements, got {shape:?}", self.data.len()));
        }
        self.shape = shape;
        Ok(self)
    }
}
