//! The grid's constraints on the recorded rows, evaluated natively: fast enough to try many lies.
//!
//! Says the same as the gates of `config`; the tests compare the two on the mock prover.

use super::builder::{Row, Stream};
use super::memory::low_u64;
use super::{Builder, Cell, Kind, MEMORY};
use crate::poseidon::{WIDTH, recurrence::rows};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use std::collections::HashMap;

/// The first constraint that the witness breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A row does not satisfy the gate of its kind.
    #[error("main row {row}: gate {kind:?} is not satisfied")]
    Gate {
        /// Index of the row.
        row: usize,
        /// Its kind.
        kind: Kind,
    },
    /// A tuple is sent that no row provides.
    #[error("main row {row}: tuple {tuple:?} of tag {tag:?} is provided nowhere")]
    Bus {
        /// Index of the sending row.
        row: usize,
        /// Its tag.
        tag: Fr,
        /// What it sends.
        tuple: [Fr; 4],
    },
    /// Two cells that must be equal differ.
    #[error("copy constraint: {left:?} is not {right:?}")]
    Copy {
        /// One cell.
        left: Cell,
        /// The other.
        right: Cell,
    },
    /// A permutation is wrong.
    #[error("sponge row {row}: wrong permutation")]
    Permutation {
        /// Row of its input.
        row: usize,
    },
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        (self.stream, self.row, self.column) == (other.stream, other.row, other.column)
    }
}

impl Eq for Cell {}

/// The tuple of a bus row.
pub(super) fn tuple(row: &Row) -> (Fr, [Fr; 4]) {
    (row.k[0], [row.cells[0], row.cells[2], row.cells[3], row.cells[4]])
}

impl Builder {
    /// Evaluates every constraint of the recorded rows.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn check(&self) -> Result<(), Violation> {
        for (row, r) in self.main.iter().enumerate() {
            if !self.gate_holds(r, self.instances.get(row).copied().unwrap_or(Fr::ZERO)) {
                return Err(Violation::Gate { row, kind: r.kind });
            }
        }
        self.check_bus()?;
        for (left, right) in &self.copies {
            if self.current(left) != self.current(right) {
                return Err(Violation::Copy { left: *left, right: *right });
            }
        }
        self.check_sponge()
    }

    fn gate_holds(&self, r: &Row, instance: Fr) -> bool {
        let (c, k) = (&r.cells, &r.k);
        match r.kind {
            Kind::Arith => c[0] * c[1] + c[2] * c[3] + c[4] * c[5] + c[6] + k[0] == c[7],
            Kind::Mul => c[0] * c[1] == c[2] && c[3] * c[4] == c[5] && c[0] * c[6] == c[7],
            Kind::Round => {
                c[0] * (c[0] - Fr::ONE) == c[5] && c[6] + (c[0] - c[1]) * c[2] + c[5] * (c[3] + c[0] * c[4]) == c[7]
            }
            Kind::Fixed { .. } => {
                c[0] == k[1] + instance && c[2] == k[2] && c[3] == k[3] && c[4] == Fr::ZERO && c[5] == self.seed_value
            }
            Kind::Read => {
                c[1].square() == c[1]
                    && c[0].double() + c[1] == c[5] + k[1]
                    && c[4] + c[1] * (Fr::from(255) * c[4] + c[2]) == c[6]
                    && c[2] + c[1] * (c[3] - c[2]) == c[7]
            }
            Kind::Send => k[2] == Fr::ZERO || c[5] + c[2] == c[7],
            Kind::Free | Kind::Provide => true,
            Kind::Inject | Kind::Boxes(_) => false,
        }
    }

    fn check_bus(&self) -> Result<(), Violation> {
        let mut provided: HashMap<(Fr, [Fr; 4]), ()> = HashMap::new();
        for r in &self.main {
            if matches!(r.kind, Kind::Provide | Kind::Fixed { table: true }) {
                provided.insert(tuple(r), ());
            }
        }
        for (row, r) in self.main.iter().enumerate() {
            let (tag, values) = tuple(r);
            let found = match r.kind {
                Kind::Send => provided.contains_key(&(tag, values)),
                Kind::Read => self.memory_holds(values),
                _ => true,
            };
            if !found {
                return Err(Violation::Bus { row, tag, tuple: values });
            }
        }
        Ok(())
    }

    fn memory_holds(&self, [row, b0, b1, num]: [Fr; 4]) -> bool {
        let index = low_u64(row) as usize;
        let byte = |a: usize| Fr::from(u64::from(self.memory.byte(a)));
        Fr::from(index as u64) == row
            && index < self.memory.rows()
            && [b0, b1, num] == [byte(2 * index), byte(2 * index + 1), self.memory.num(index)]
    }

    /// The value that a cell has now (rows may have been tampered with since it was made).
    fn current(&self, cell: &Cell) -> Fr {
        let (row, column) = (cell.row as usize, cell.column as usize);
        match cell.stream {
            Stream::Main => self.main[row].cells[column],
            Stream::Sponge => self.sponge[row].cells[column],
            Stream::Weights => self.weights[row][column],
            Stream::Lane => self.lanes[row / 4],
        }
    }

    fn check_sponge(&self) -> Result<(), Violation> {
        for (row, r) in self.sponge.iter().enumerate() {
            if r.kind != Kind::Inject {
                continue;
            }
            let input = std::array::from_fn(|i| r.cells[i] + r.cells[WIDTH + i]);
            let honest = rows(input);
            let same = honest.iter().enumerate().all(|(i, x)| {
                let cells = &self.sponge[row + 1 + i].cells;
                (0..WIDTH).all(|j| {
                    let is_box = i + 1 < honest.len();
                    cells[j] == x[j] && (!is_box || cells[WIDTH + j] == x[j].square())
                })
            });
            if !same {
                return Err(Violation::Permutation { row });
            }
        }
        Ok(())
    }

    /// A hash of everything that must not depend on the witness: kinds, constants and copies.
    #[cfg(test)]
    pub(crate) fn fingerprint(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        for r in self.main.iter().chain(&self.sponge) {
            (format!("{:?}", r.kind), r.k.map(|k| k.to_bytes())).hash(&mut hasher);
        }
        for cell in self.copies.iter().flat_map(|(a, b)| [a, b]) {
            (cell.stream, cell.row, cell.column).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// The cells of all tuples on the bus, by tag, column and whether they are provided.
    #[cfg(test)]
    pub(crate) fn bus_cells(&self) -> std::collections::BTreeMap<(Fr, u8, bool), Vec<Cell>> {
        let mut cells: std::collections::BTreeMap<_, Vec<Cell>> = Default::default();
        for (row, r) in self.main.iter().enumerate() {
            if matches!(r.kind, Kind::Send | Kind::Provide | Kind::Read) {
                for c in [0, 2, 3, 4] {
                    let cell = Cell::new(Stream::Main, row, c, r.cells[c]);
                    cells.entry((r.k[0], cell.column, r.kind == Kind::Provide)).or_default().push(cell);
                }
            }
        }
        cells
    }

    /// Changes the witness of a cell without telling anyone: for tests of what the constraints catch.
    #[cfg(test)]
    pub(crate) fn tamper(&mut self, cell: Cell, value: Fr) {
        let (row, column) = (cell.row as usize, cell.column as usize);
        match cell.stream {
            Stream::Main => self.main[row].cells[column] = value,
            Stream::Sponge => self.sponge[row].cells[column] = value,
            Stream::Weights => self.weights[row][column] = value,
            Stream::Lane => self.lanes[row / 4] = value,
        }
    }

    /// How often each provided tuple is sent, and each memory row read.
    pub(super) fn multiplicities(&self) -> (Vec<u64>, Vec<u64>) {
        let mut provider: HashMap<(Fr, [Fr; 4]), usize> = HashMap::new();
        for (row, r) in self.main.iter().enumerate() {
            if matches!(r.kind, Kind::Provide | Kind::Fixed { table: true }) {
                provider.entry(tuple(r)).or_insert(row);
            }
        }
        let (mut provided, mut reads) = (vec![0; self.main.len()], vec![0; self.memory.rows()]);
        for r in &self.main {
            let key = tuple(r);
            match r.kind {
                Kind::Send => {
                    if let Some(row) = provider.get(&key) {
                        provided[*row] += 1;
                    }
                }
                Kind::Read if key.0 == Fr::from(MEMORY) => {
                    if let Some(count) = reads.get_mut(low_u64(key.1[0]) as usize) {
                        *count += 1;
                    }
                }
                _ => {}
            }
        }
        (provided, reads)
    }
}
