//! The arithmetic that the verifier is written in: field elements natively, cells in the circuit.

use crate::poseidon;
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

/// Field arithmetic as rows of the circuit.
///
/// Three kinds of row exist besides the rows of the sponge; `c0..c7` are the cells of one row:
///
/// | kind    | constraint                                                            | methods |
/// |---------|-----------------------------------------------------------------------|---------|
/// | dot     | `c0*c1 + c2*c3 + c4*c5 + c6 + constant = c7`                          | `dot`, `minus`, `linear` |
/// | mul     | `c0*c1 = c2`, `c3*c4 = c5`, `c0*c6 = c7`                              | `scale3`, `mul2`, `chain2`, `powers` |
/// | round   | `c7 = c6 + (c0 - c1)*c2 + c0*(c0 - 1)*(c3 + c0*c4)` (degree 4)        | `round3` |
///
/// Every method but `dot` has a default in terms of `dot`, so that a backend can start with one kind.
pub trait Arith {
    /// A value: a field element, or a cell.
    type V: Copy;

    /// A fixed value. In the circuit one cell for each distinct constant.
    fn constant(&mut self, value: Fr) -> Self::V;

    /// `addend + Σ terms + constant`: one row for each three terms (at least one row).
    fn dot(&mut self, addend: Option<Self::V>, terms: &[(Self::V, Self::V)], constant: Fr) -> Self::V;

    /// One permutation of the sponge (Poseidon, t = 4) after at most three values were added to its rate.
    fn permute(&mut self, state: [Self::V; 4], absorbed: &[Self::V]) -> [Self::V; 4];

    /// Enforces `left = right`: a copy constraint. `what` names the check to whoever reads a rejection.
    fn assert_equal(&mut self, left: Self::V, right: Self::V, what: &'static str);

    /// `from - Σ terms`, at most three terms: one dot row, in which `from` is `c7` and the result `c6`.
    fn minus(&mut self, from: Self::V, terms: &[(Self::V, Self::V)]) -> Self::V {
        let minus_one = self.constant(-Fr::ONE);
        let sum = self.dot(None, terms, Fr::ZERO);
        self.dot(Some(from), &[(minus_one, sum)], Fr::ZERO)
    }

    /// `addend + Σ coefficient * value + constant`: rows as [`Arith::dot`]; the coefficients are cached constants.
    fn linear(&mut self, addend: Option<Self::V>, terms: &[(Fr, Self::V)], constant: Fr) -> Self::V {
        let terms: Vec<_> = terms.iter().map(|(c, v)| (self.constant(*c), *v)).collect();
        self.dot(addend, &terms, constant)
    }

    /// `left * right`: one row. Prefer the methods that put two or three products into one.
    fn mul(&mut self, left: Self::V, right: Self::V) -> Self::V {
        self.dot(None, &[(left, right)], Fr::ZERO)
    }

    /// `[s * a, s * b, s * c]`: one mul row.
    fn scale3(&mut self, s: Self::V, values: [Self::V; 3]) -> [Self::V; 3] {
        values.map(|v| self.mul(s, v))
    }

    /// `[a * b, c * d]`: one mul row.
    fn mul2(&mut self, (a, b): (Self::V, Self::V), (c, d): (Self::V, Self::V)) -> [Self::V; 2] {
        [self.mul(a, b), self.mul(c, d)]
    }

    /// `[a * b, a * b * c]`: one mul row.
    fn chain2(&mut self, a: Self::V, b: Self::V, c: Self::V) -> [Self::V; 2] {
        let ab = self.mul(a, b);
        [ab, self.mul(ab, c)]
    }

    /// `[s^2, s^3, s^4]`: one mul row.
    fn powers(&mut self, s: Self::V) -> [Self::V; 3] {
        let s2 = self.mul(s, s);
        let s3 = self.mul(s, s2);
        [s2, s3, self.mul(s, s3)]
    }

    /// `claim + (r - w) * slope + r * (r - 1) * (b0 + r * b1)`: one round row.
    fn round3(&mut self, claim: Self::V, w: Self::V, r: Self::V, [slope, b0, b1]: [Self::V; 3]) -> Self::V {
        let minus_one = self.constant(-Fr::ONE);
        let at_zero = self.minus(claim, &[(w, slope)]);
        let square = self.dot(None, &[(r, r), (minus_one, r)], Fr::ZERO);
        let quotient = self.dot(Some(b0), &[(r, b1)], Fr::ZERO);
        self.dot(Some(at_zero), &[(r, slope), (square, quotient)], Fr::ZERO)
    }
}

/// Field elements; remembers the first check that failed.
#[derive(Debug, Default)]
pub struct Native {
    /// Name of the first check that failed.
    pub failure: Option<&'static str>,
}

impl Arith for Native {
    type V = Fr;

    fn constant(&mut self, value: Fr) -> Fr {
        value
    }

    fn dot(&mut self, addend: Option<Fr>, terms: &[(Fr, Fr)], constant: Fr) -> Fr {
        terms.iter().fold(addend.unwrap_or(Fr::ZERO) + constant, |sum, (a, b)| sum + a * b)
    }

    fn permute(&mut self, mut state: [Fr; 4], absorbed: &[Fr]) -> [Fr; 4] {
        for (s, value) in state[1..].iter_mut().zip(absorbed) {
            *s += value;
        }
        // A proof that is already rejected needs no more challenges.
        if self.failure.is_none() {
            poseidon::permute(&mut state);
        }
        state
    }

    fn assert_equal(&mut self, left: Fr, right: Fr, what: &'static str) {
        if left != right && self.failure.is_none() {
            self.failure = Some(what);
        }
    }
}
