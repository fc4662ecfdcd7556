//! The verifier's arithmetic as rows of the grid.

use super::arith::Arith;
use crate::grid::{Builder, Cell, In};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

const ZERO: In = In::Const(Fr::ZERO);

impl Arith for Builder {
    type V = Cell;

    fn constant(&mut self, value: Fr) -> Cell {
        Builder::constant(self, value)
    }

    fn dot(&mut self, addend: Option<Cell>, terms: &[(Cell, Cell)], constant: Fr) -> Cell {
        let terms: Vec<(In, In)> = terms.iter().map(|(a, b)| (In::Cell(*a), In::Cell(*b))).collect();
        let mut chunks = terms.chunks(3);
        let mut sum = self.arith(chunks.next().unwrap_or(&[]), addend.map(In::Cell), constant);
        for chunk in chunks {
            sum = self.arith(chunk, Some(sum.into()), Fr::ZERO);
        }
        sum
    }

    fn permute(&mut self, state: [Cell; 4], absorbed: &[Cell]) -> [Cell; 4] {
        let mut add = [ZERO; 4];
        for (slot, cell) in add[1..].iter_mut().zip(absorbed) {
            *slot = In::Cell(*cell);
        }
        Builder::permute(self, state.map(In::Cell), add)
    }

    fn assert_equal(&mut self, left: Cell, right: Cell, _what: &'static str) {
        Builder::assert_equal(self, left, right);
    }

    fn minus(&mut self, from: Cell, terms: &[(Cell, Cell)]) -> Cell {
        let terms: Vec<(In, In)> = terms.iter().map(|(a, b)| (In::Cell(*a), In::Cell(*b))).collect();
        self.arith_minus(from, &terms)
    }

    fn scale3(&mut self, s: Cell, values: [Cell; 3]) -> [Cell; 3] {
        Builder::scale3(self, s, values.map(In::Cell))
    }

    fn mul2(&mut self, (a, b): (Cell, Cell), (c, d): (Cell, Cell)) -> [Cell; 2] {
        let [ab, cd, _] = self.mul_row(a.into(), b.into(), (c.into(), d.into()), ZERO);
        [ab, cd]
    }

    fn chain2(&mut self, a: Cell, b: Cell, c: Cell) -> [Cell; 2] {
        Builder::chain2(self, a.into(), b.into(), c.into())
    }

    fn powers(&mut self, s: Cell) -> [Cell; 3] {
        Builder::powers(self, s.into())
    }

    fn round3(&mut self, claim: Cell, w: Cell, r: Cell, polynomial: [Cell; 3]) -> Cell {
        self.round(claim.into(), w.into(), r.into(), polynomial.map(In::Cell))
    }
}
