//! Arithmetic on cells, a row at a time.

use super::{Builder, Cell, In, Kind};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

const ZERO: In = In::Const(Fr::ZERO);

impl Builder {
    /// `Σ x y + add + k` over at most three products: one row.
    ///
    /// # Panics
    /// On more than three products.
    pub fn arith(&mut self, products: &[(In, In)], add: Option<In>, k: Fr) -> Cell {
        assert!(products.len() <= 3, "a row holds three products, got {}", products.len());
        let mut inputs = Vec::with_capacity(7);
        let mut value = k;
        for slot in 0..3 {
            match products.get(slot) {
                Some((x, y)) => {
                    value += x.value() * y.value();
                    inputs.extend([(2 * slot, *x), (2 * slot + 1, *y)]);
                }
                // one zero factor silences the product
                None => inputs.push((2 * slot, ZERO)),
            }
        }
        let add = add.unwrap_or(ZERO);
        value += add.value();
        inputs.push((6, add));
        let mut values = [Fr::ZERO; 8];
        values[7] = value;
        self.push(Kind::Arith, &inputs, values, [k, Fr::ZERO, Fr::ZERO, Fr::ZERO])[7]
    }

    /// `from - Σ x y` over at most three products: one row, with the result as its addend.
    ///
    /// # Panics
    /// On more than three products.
    pub fn arith_minus(&mut self, from: Cell, products: &[(In, In)]) -> Cell {
        assert!(products.len() <= 3, "a row holds three products, got {}", products.len());
        let mut inputs = Vec::with_capacity(7);
        let mut values = [Fr::ZERO; 8];
        values[6] = from.value();
        for slot in 0..3 {
            match products.get(slot) {
                Some((x, y)) => {
                    values[6] -= x.value() * y.value();
                    inputs.extend([(2 * slot, *x), (2 * slot + 1, *y)]);
                }
                None => inputs.push((2 * slot, ZERO)),
            }
        }
        inputs.push((7, from.into()));
        self.push(Kind::Arith, &inputs, values, [Fr::ZERO; 4])[6]
    }

    /// `Σ x y + k` over any number of products.
    pub fn dot(&mut self, products: &[(In, In)], k: Fr) -> Cell {
        let mut chunks = products.chunks(3);
        let mut sum = self.arith(chunks.next().unwrap_or(&[]), None, k);
        for chunk in chunks {
            sum = self.arith(chunk, Some(sum.into()), Fr::ZERO);
        }
        sum
    }

    /// `(s a, s b, s c)`: one row.
    pub fn scale3(&mut self, s: impl Into<In>, [a, b, c]: [In; 3]) -> [Cell; 3] {
        let s = s.into();
        self.mul_row(s, a, (s, b), c)
    }

    /// `(a b, c d, a e)`: one row.
    pub fn mul_row(&mut self, a: In, b: In, (c, d): (In, In), e: In) -> [Cell; 3] {
        let mut values = [Fr::ZERO; 8];
        values[2] = a.value() * b.value();
        values[5] = c.value() * d.value();
        values[7] = a.value() * e.value();
        let row = self.push(Kind::Mul, &[(0, a), (1, b), (3, c), (4, d), (6, e)], values, [Fr::ZERO; 4]);
        [row[2], row[5], row[7]]
    }

    /// `(a b, a b c)`: one row.
    pub fn chain2(&mut self, a: In, b: In, c: In) -> [Cell; 2] {
        let ab = a.value() * b.value();
        let mut values = [Fr::ZERO; 8];
        (values[2], values[5]) = (ab, ab * c.value());
        let row = self.push(Kind::Mul, &[(0, a), (1, b), (3, In::Free(ab)), (4, c), (6, ZERO)], values, [Fr::ZERO; 4]);
        self.assert_equal(row[2], row[3]);
        [row[2], row[5]]
    }

    /// `(s^2, s^3, s^4)`: one row.
    pub fn powers(&mut self, s: In) -> [Cell; 3] {
        let v = s.value();
        let (s2, s3) = (v.square(), v.square() * v);
        let mut values = [Fr::ZERO; 8];
        (values[2], values[5], values[7]) = (s2, s3, s2.square());
        let row = self.push(
            Kind::Mul,
            &[(0, s), (1, s), (3, In::Free(s2)), (4, s), (6, In::Free(s3))],
            values,
            [Fr::ZERO; 4],
        );
        self.assert_equal(row[2], row[3]);
        self.assert_equal(row[5], row[6]);
        [row[2], row[5], row[7]]
    }

    /// `claim + (r - w) slope + r (r - 1) (b0 + r b1)`: one row.
    pub fn round(&mut self, claim: In, w: In, r: In, [slope, b0, b1]: [In; 3]) -> Cell {
        let v = r.value();
        let mut values = [Fr::ZERO; 8];
        values[5] = v * (v - Fr::ONE);
        values[7] = claim.value() + (v - w.value()) * slope.value() + values[5] * (b0.value() + v * b1.value());
        let inputs = [(0, r), (1, w), (2, slope), (3, b0), (4, b1), (6, claim)];
        self.push(Kind::Round, &inputs, values, [Fr::ZERO; 4])[7]
    }

    /// `a + b`.
    pub fn add(&mut self, a: Cell, b: Cell) -> Cell {
        self.arith(&[(a.into(), In::Const(Fr::ONE))], Some(b.into()), Fr::ZERO)
    }

    /// `a - b`.
    pub fn sub(&mut self, a: Cell, b: Cell) -> Cell {
        self.arith(&[(b.into(), In::Const(-Fr::ONE))], Some(a.into()), Fr::ZERO)
    }

    /// `a b`.
    pub fn mul(&mut self, a: Cell, b: Cell) -> Cell {
        self.arith(&[(a.into(), b.into())], None, Fr::ZERO)
    }

    /// `a + k`.
    pub fn add_constant(&mut self, a: Cell, k: Fr) -> Cell {
        self.arith(&[], Some(a.into()), k)
    }

    /// `if bit { a } else { b }`. Assumes `bit` is 0 or 1.
    pub fn select(&mut self, bit: Cell, a: Cell, b: Cell) -> Cell {
        // bit a - bit b + b
        let minus = self.mul_constant(b, -Fr::ONE);
        self.arith(&[(bit.into(), a.into()), (bit.into(), minus.into())], Some(b.into()), Fr::ZERO)
    }

    /// `a k`.
    pub fn mul_constant(&mut self, a: Cell, k: Fr) -> Cell {
        self.arith(&[(a.into(), In::Const(k))], None, Fr::ZERO)
    }

    /// Forces `x` to 0 or 1.
    pub fn assert_bool(&mut self, x: Cell) {
        let square = self.mul(x, x);
        self.assert_equal(square, x);
    }

    /// Forces `x` to zero.
    pub fn assert_zero(&mut self, x: Cell) {
        self.assert_constant(x, Fr::ZERO);
    }

    /// Forces `x` to zero unless `gate` is zero.
    pub fn assert_zero_if(&mut self, gate: Cell, x: Cell) {
        let product = self.mul(gate, x);
        self.assert_zero(product);
    }

    /// 1 if `x` is zero, else 0.
    ///
    /// Sound: `x inverse + bit = 1` and `x bit = 0` leave `bit = 1` for `x = 0` and `bit = 0` otherwise.
    pub fn is_zero(&mut self, x: Cell) -> Cell {
        let inverse = x.value().invert().unwrap_or(Fr::ZERO);
        let bit = Fr::from(u64::from(x.value() == Fr::ZERO));
        self.is_zero_with(x, inverse, bit)
    }

    /// [`Self::is_zero`] with a chosen hint.
    pub(crate) fn is_zero_with(&mut self, x: Cell, inverse: Fr, bit: Fr) -> Cell {
        let bit = self.witness(bit);
        let one = self.arith(&[(x.into(), In::Free(inverse))], Some(bit.into()), Fr::ZERO);
        self.assert_constant(one, Fr::ONE);
        self.assert_zero_if(x, bit);
        bit
    }
}
