//! The virtual sheet of a score: what the chips write before it is laid out on columns.
//!
//! Statement: every gate, copy, range, curve point, permutation and dense product on the sheet holds. [`Sheet::violations`] says so
//! natively, constraint by constraint; `layout` puts the same six lists on the columns of [`super::config`].

use crate::{
    fixed::{low_128, power_of_two, to_field},
    layers::curve::Curve,
    poseidon,
};
use halo2_base::{
    AssignedValue, Context, ContextCell,
    QuantumCell::{self, Constant, Existing},
    gates::{GateChip, GateInstructions},
    halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr},
    virtual_region::copy_constraints::SharedCopyConstraintManager,
};

/// A cell of the sheet.
pub type Cell = AssignedValue<Fr>;

/// What chips round the widths of their ranges to, so that retrained weights of like size keep the structure; in the large
/// classes a limb of the lookup.
pub const LIMB_BITS: usize = 13;
/// Widest range check: `2^(MAX_RANGE_BITS + 1) < p`.
pub const MAX_RANGE_BITS: usize = 19 * LIMB_BITS;
/// Outputs of a dense layer that one run of rows folds.
pub const FOLD: usize = 8;

/// `value < 2^bits`.
#[derive(Clone, Debug)]
pub struct Range {
    /// The checked cell.
    pub cell: Cell,
    /// At most [`MAX_RANGE_BITS`].
    pub bits: usize,
}

/// Two neighbouring samples of a curve.
#[derive(Clone, Debug)]
pub struct Point {
    /// Names curve and index: see [`Sheet::check_point`].
    pub key: Cell,
    /// The sample at the index.
    pub low: Cell,
    /// The one after.
    pub high: Cell,
}

/// Keys of the `n`-th curve of a sheet start at `(n + 1) 2^KEY_BITS`.
pub const KEY_BITS: usize = 20;

/// One Poseidon permutation.
#[derive(Clone, Debug)]
pub struct Permutation {
    /// The whole state before.
    pub input: [Cell; poseidon::WIDTH],
    /// Elements of the state after, with their positions.
    pub output: Vec<(usize, Cell)>,
}

/// `outputs[j] = Σ_i weights[j][i] * inputs[i] + bias[j]` in the field.
#[derive(Clone, Debug)]
pub struct Product {
    /// Inputs of the layer.
    pub inputs: Vec<Cell>,
    /// Accumulators of the layer.
    pub outputs: Vec<Cell>,
    /// One row an output.
    pub weights: Vec<Vec<Fr>>,
    /// At the scale of the accumulators.
    pub bias: Vec<Fr>,
}

/// A constraint that does not hold, by its list and position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The gate at this offset.
    Gate(usize),
    /// A cell that should hold a constant.
    Constant(usize),
    /// Two cells that should be equal.
    Copy(usize, usize),
    /// This range check.
    Range(usize),
    /// This point of a curve.
    Point(usize),
    /// This permutation.
    Permutation(usize),
    /// This dense product.
    Product(usize),
    /// This public input.
    Instance(usize),
}

/// Everything a score circuit constrains.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// halo2-base's vertical gate `a + b * c = d` on one column.
    pub ctx: Context<Fr>,
    /// Arithmetic on `ctx`.
    pub gate: GateChip<Fr>,
    pub(crate) ranges: Vec<Range>,
    pub(crate) points: Vec<Point>,
    /// In the order of first use.
    pub(crate) curves: Vec<Curve>,
    pub(crate) permutations: Vec<Permutation>,
    pub(crate) products: Vec<Product>,
    pub(crate) public: Vec<Cell>,
}

impl Default for Sheet {
    fn default() -> Self {
        let copies = SharedCopyConstraintManager::default();
        Self {
            ctx: Context::new(false, 0, "vouch-circuits:score", 0, copies),
            gate: GateChip::default(),
            ranges: Vec::new(),
            points: Vec::new(),
            curves: Vec::new(),
            permutations: Vec::new(),
            products: Vec::new(),
            public: Vec::new(),
        }
    }
}

impl Sheet {
    /// A witness cell.
    pub fn witness(&mut self, value: Fr) -> Cell {
        self.ctx.load_witness(value)
    }

    /// A constant cell.
    pub fn constant(&mut self, value: Fr) -> Cell {
        self.ctx.load_constant(value)
    }

    /// Enforces `cell < 2^bits` with limbs from the table.
    ///
    /// # Panics
    /// If `bits` is above [`MAX_RANGE_BITS`]: a shape error, found when keys are made.
    pub fn check_bits(&mut self, cell: Cell, bits: usize) {
        assert!(bits <= MAX_RANGE_BITS, "a range check of {bits} bits wraps the field");
        self.ranges.push(Range { cell, bits });
    }

    /// Enforces `cell <= bound`, for a constant `bound < 2^bound_bits`.
    pub fn check_at_most(&mut self, cell: Cell, bound: QuantumCell<Fr>, bound_bits: usize) {
        let rest = self.gate.sub(&mut self.ctx, bound, cell);
        for cell in [cell, rest] {
            self.check_bits(cell, bound_bits.next_multiple_of(LIMB_BITS));
        }
    }

    /// Enforces that `low` and `high` are the samples of `curve` at `index` and after it.
    ///
    /// Assumes `index < 2^KEY_BITS`; with that, the key is no other curve's.
    pub fn check_point(&mut self, curve: Curve, index: Cell, low: Cell, high: Cell) {
        let place = self.curves.iter().position(|c| *c == curve).unwrap_or_else(|| {
            self.curves.push(curve);
            self.curves.len() - 1
        });
        let key = self.gate.add(&mut self.ctx, index, Constant(first_key(place)));
        self.points.push(Point { key, low, high });
    }

    /// Enforces that `a * b = 0`.
    pub fn check_product_zero(&mut self, a: impl Into<QuantumCell<Fr>>, b: impl Into<QuantumCell<Fr>>) {
        self.ctx.assign_region([Constant(Fr::ZERO), a.into(), b.into(), Constant(Fr::ZERO)], [0]);
    }

    /// A cell that holds 0 or 1.
    pub fn bit(&mut self, value: bool) -> Cell {
        let bit = self.witness(Fr::from(u64::from(value)));
        self.gate.assert_bit(&mut self.ctx, bit);
        bit
    }

    /// The elements `wanted` of the permutation of `input`.
    pub fn permute<const N: usize>(&mut self, input: [Cell; poseidon::WIDTH], wanted: [usize; N]) -> [Cell; N] {
        let mut state = input.map(|cell| value(&cell));
        poseidon::permute(&mut state);
        let output = wanted.map(|i| self.witness(state[i]));
        self.permutations.push(Permutation { input, output: wanted.into_iter().zip(output).collect() });
        output
    }

    /// Enforces that `cell` is the next public input.
    pub fn publish(&mut self, cell: Cell) {
        self.public.push(cell);
    }

    /// `a == b` by a copy constraint.
    pub fn check_equal(&mut self, a: &Cell, b: &Cell) {
        self.ctx.constrain_equal(a, b);
    }

    /// `Σ cells[i] * 2^shifts[i]`.
    pub fn weighted_sum(&mut self, terms: &[(Cell, usize)]) -> Cell {
        let (cells, weights): (Vec<_>, Vec<_>) =
            terms.iter().map(|(cell, shift)| (Existing(*cell), Constant(power_of_two(*shift)))).unzip();
        self.gate.inner_product(&mut self.ctx, cells, weights)
    }

    /// The samples that a key names.
    fn samples(&self, key: Fr) -> Option<[i64; 2]> {
        let (place, index) = (low_128(key) >> KEY_BITS, low_128(key) % (1 << KEY_BITS));
        let curve = self.curves.get(usize::try_from(place.checked_sub(1)?).ok()?)?;
        let index = usize::try_from(index).ok().filter(|_| key < power_of_two(64))?;
        curve.samples().get(index..index + 2).map(|pair| [pair[0], pair[1]])
    }

    /// Every constraint of the sheet that its values break, given the public inputs.
    pub fn violations(&self, instances: &[Fr]) -> Vec<Violation> {
        let advice: Vec<Fr> = self.ctx.advice.iter().map(|v| v.evaluate()).collect();
        let at = |cell: &Cell| advice[offset(cell)];
        let mut found = Vec::new();
        for (i, _) in self.ctx.selector.iter().enumerate().filter(|(_, on)| **on) {
            if advice[i] + advice[i + 1] * advice[i + 2] != advice[i + 3] {
                found.push(Violation::Gate(i));
            }
        }
        let copies = self.ctx.copy_manager.lock().expect("the sheet is used by one thread");
        for (constant, cell) in &copies.constant_equalities {
            if advice[cell.offset] != *constant {
                found.push(Violation::Constant(cell.offset));
            }
        }
        for (a, b) in &copies.advice_equalities {
            if advice[a.offset] != advice[b.offset] {
                found.push(Violation::Copy(a.offset, b.offset));
            }
        }
        for (i, range) in self.ranges.iter().enumerate() {
            if at(&range.cell) >= power_of_two(range.bits) {
                found.push(Violation::Range(i));
            }
        }
        for (i, point) in self.points.iter().enumerate() {
            let samples = self.samples(at(&point.key)).map(|pair| pair.map(|v| to_field(i128::from(v))));
            if samples != Some([at(&point.low), at(&point.high)]) {
                found.push(Violation::Point(i));
            }
        }
        for (i, permutation) in self.permutations.iter().enumerate() {
            let mut state = permutation.input.map(|cell| at(&cell));
            poseidon::permute(&mut state);
            if permutation.output.iter().any(|(element, cell)| state[*element] != at(cell)) {
                found.push(Violation::Permutation(i));
            }
        }
        for (i, product) in self.products.iter().enumerate() {
            let inputs: Vec<Fr> = product.inputs.iter().map(at).collect();
            let holds = product.outputs.iter().enumerate().all(|(j, output)| {
                let sum: Fr = product.weights[j].iter().zip(&inputs).map(|(w, x)| *w * x).sum();
                sum + product.bias[j] == at(output)
            });
            if !holds {
                found.push(Violation::Product(i));
            }
        }
        for (i, cell) in self.public.iter().enumerate() {
            if instances.get(i) != Some(&at(cell)) {
                found.push(Violation::Instance(i));
            }
        }
        found
    }
}

/// The key of the first sample of the `place`-th curve.
pub(super) fn first_key(place: usize) -> Fr {
    Fr::from((place as u64 + 1) << KEY_BITS)
}

/// The value of a cell; cells are never unevaluated fractions where chips read them.
pub fn value(cell: &Cell) -> Fr {
    cell.value.evaluate()
}

/// The row of a cell: the sheet's only context has one column.
pub fn offset(cell: &Cell) -> usize {
    let ContextCell { offset, .. } = cell.cell.expect("the sheet always records its cells");
    offset
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    #[test_case(0, 8, true; "zero")]
    #[test_case(255, 8, true; "largest of eight bits")]
    #[test_case(256, 8, false; "smallest of nine bits")]
    #[test_case(8191, 13, true; "largest of one limb")]
    #[test_case(8192, 13, false; "more than one limb")]
    #[test_case(8192, 26, true; "two limbs")]
    fn ranges_are_exact(v: u64, bits: usize, accept: bool) {
        let mut sheet = Sheet::default();
        let cell = sheet.witness(Fr::from(v));
        sheet.check_bits(cell, bits);
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
        let mut sheet = Sheet::default();
        let cell = sheet.witness(-Fr::from(v) - Fr::ONE);
        sheet.check_bits(cell, bits);
        assert!(!sheet.violations(&[]).is_empty(), "below zero");
    }

    #[test_case(6, true; "below")]
    #[test_case(7, true; "equal")]
    #[test_case(8, false; "above")]
    fn bounds_are_exact(v: u64, accept: bool) {
        let mut sheet = Sheet::default();
        let cell = sheet.witness(Fr::from(v));
        sheet.check_at_most(cell, Constant(Fr::from(7)), 3);
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }

    #[test]
    fn each_list_is_checked() {
        let mut sheet = Sheet::default();
        let zero = sheet.constant(Fr::ZERO);
        let [out] = sheet.permute([zero; 4], [1]);
        sheet.publish(out);
        let honest = value(&out);
        assert_eq!(sheet.violations(&[honest]), []);
        assert_eq!(sheet.violations(&[Fr::ONE]), [Violation::Instance(0)]);
        out.debug_prank(&mut sheet.ctx, Fr::ONE);
        assert_eq!(sheet.violations(&[Fr::ONE]), [Violation::Permutation(0)]);
    }
}
