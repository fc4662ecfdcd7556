//! Poseidon in rows of s-boxes.

use super::builder::{Row, Stream};
use super::{Builder, Cell, In, Kind};
use crate::poseidon::{
    RATE, WIDTH,
    recurrence::{RECURRENCE, ROWS, rows, step},
};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

const ZERO: In = In::Const(Fr::ZERO);

impl Builder {
    /// One permutation of `state + add`: 23 rows, 24 if `state` is not the output of the permutation just made.
    pub fn permute(&mut self, state: [In; WIDTH], add: [In; WIDTH]) -> [Cell; WIDTH] {
        let sources: [Option<Cell>; 8] =
            std::array::from_fn(|i| self.source(if i < WIDTH { state[i] } else { add[i - WIDTH] }));
        let continues = (0..WIDTH).all(|i| {
            matches!(state[i], In::Cell(c) if c.stream == Stream::Sponge
                && c.row as usize + 1 == self.sponge.len() && c.column as usize == i)
        });
        if !continues {
            self.sponge.push(free_row([Fr::ZERO; WIDTH]));
        }
        let row = self.sponge.len() - 1;
        let inject = &mut self.sponge[row];
        inject.kind = Kind::Inject;
        for i in 0..WIDTH {
            inject.cells[i] = state[i].value();
            inject.cells[WIDTH + i] = add[i].value();
        }
        let cells = inject.cells;
        for (column, source) in sources.into_iter().enumerate() {
            let made = Cell::new(Stream::Sponge, row, column, cells[column]);
            if let Some(source) = source.filter(|_| !continues || column >= WIDTH) {
                self.copies.push((source, made));
            }
        }
        let boxes = rows(std::array::from_fn(|i| cells[i] + cells[WIDTH + i]));
        for (i, x) in boxes[..ROWS].iter().enumerate() {
            let cells = std::array::from_fn(|c| if c < WIDTH { x[c] } else { x[c - WIDTH].square() });
            self.sponge.push(Row { kind: Kind::Boxes(step(i)), cells, k: RECURRENCE.constants[i] });
        }
        self.sponge.push(free_row(boxes[ROWS]));
        let row = self.sponge.len() - 1;
        std::array::from_fn(|c| Cell::new(Stream::Sponge, row, c, boxes[ROWS][c]))
    }

    /// [`crate::poseidon::hash`] of cells.
    pub fn hash(&mut self, domain: u64, inputs: &[In]) -> Cell {
        let mut state = [In::Const(Fr::from(domain)), ZERO, ZERO, ZERO];
        for chunk in inputs.chunks(RATE) {
            let mut add = [ZERO; WIDTH];
            add[1..=chunk.len()].copy_from_slice(chunk);
            state = self.permute(state, add).map(In::Cell);
        }
        match state[1] {
            In::Cell(cell) => cell,
            _ => unreachable!("a hash has at least one input"),
        }
    }
}

fn free_row(state: [Fr; WIDTH]) -> Row {
    let cells = std::array::from_fn(|c| if c < WIDTH { state[c] } else { Fr::ZERO });
    Row { kind: Kind::Free, cells, k: [Fr::ZERO; WIDTH] }
}
