//! Records main rows, their witness and their copy constraints.

use super::{Kind, Memory};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use std::collections::HashMap;

/// Rows at the end of the circuit that stay empty: halo2 blinds the last ones.
const BLINDED_ROWS: usize = 16;
/// Rows of the byte table of the keccak binding, just before the blinded ones.
const WEIGHT_ROWS: usize = 256;

/// Rows at the start of the circuit whose first cell is public: public inputs of a grid.
pub const PUBLIC_ROWS: usize = 18;

/// Size of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// log2 of the rows.
    pub k: u32,
    /// Keccak-f permutations that the message memory has room for.
    pub blocks: usize,
}

impl Shape {
    /// The row at which both running sums must be back at zero.
    pub fn last_row(&self) -> usize {
        (1 << self.k) - BLINDED_ROWS
    }

    /// Row of entry 0 of the byte table of the keccak binding.
    pub fn weights_row(&self) -> usize {
        self.last_row() - WEIGHT_ROWS - 1
    }
}

/// Where the rows of a cell are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Stream {
    /// The main rows, from row 0.
    Main,
    /// The Poseidon rows, laid out after the main rows.
    Sponge,
    /// The byte table of the keccak binding.
    Weights,
    /// Column `w` of the message memory.
    Lane,
}

/// A cell with its value. Made only by a row of a [`Builder`].
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    pub(super) stream: Stream,
    pub(super) row: u32,
    pub(super) column: u8,
    value: Fr,
}

impl Cell {
    pub(super) fn new(stream: Stream, row: usize, column: usize, value: Fr) -> Self {
        Self { stream, row: row as u32, column: column as u8, value }
    }

    /// The witness.
    pub fn value(&self) -> Fr {
        self.value
    }
}

/// What goes into a cell of a new row.
#[derive(Clone, Copy, Debug)]
pub enum In {
    /// A copy of an existing cell.
    Cell(Cell),
    /// A new witness.
    Free(Fr),
    /// A fixed value.
    Const(Fr),
}

impl From<Cell> for In {
    fn from(cell: Cell) -> Self {
        In::Cell(cell)
    }
}

impl In {
    /// The witness.
    pub fn value(&self) -> Fr {
        match self {
            In::Cell(cell) => cell.value,
            In::Free(v) | In::Const(v) => *v,
        }
    }
}

/// One row of main cells.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub kind: Kind,
    pub cells: [Fr; 8],
    pub k: [Fr; 4],
}

/// A growing circuit.
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) shape: Shape,
    pub(super) memory: Memory,
    pub(super) main: Vec<Row>,
    pub(super) sponge: Vec<Row>,
    pub(super) weights: Vec<[Fr; 8]>,
    /// Weight of every lane of the message memory, with the cell that it is copied from.
    pub(super) lanes: Vec<Fr>,
    pub(super) copies: Vec<(Cell, Cell)>,
    /// Values of the public inputs given so far.
    pub(super) instances: Vec<Fr>,
    constants: HashMap<Fr, Cell>,
    /// Rows and columns of fixed rows that hold no constant yet, last first.
    open_constants: Vec<(usize, usize)>,
    open_witnesses: Option<(usize, usize)>,
    seed: Option<Cell>,
    pub(super) seed_value: Fr,
    /// A row whose weight is not its lane's.
    #[cfg(test)]
    pub(super) weight_lie: Option<(usize, Fr)>,
    /// Cells (advice column, row) that are committed with another value than the circuit's.
    #[cfg(test)]
    pub(super) cell_lies: Vec<(usize, usize, Fr)>,
    /// What is added to a whole running sum, of the bus or of the binding.
    #[cfg(test)]
    pub(super) sum_lies: [Fr; 2],
}

/// Columns of a fixed row that hold constants.
const CONSTANT_COLUMNS: [usize; 3] = [0, 2, 3];

impl Builder {
    /// An empty circuit over the committed `memory`.
    ///
    /// # Panics
    /// If the memory does not fit above the byte table of the binding.
    pub fn new(shape: Shape, memory: Memory) -> Self {
        assert!(
            memory.rows() < shape.weights_row(),
            "message memory of {} rows does not fit k = {}",
            memory.rows(),
            shape.k
        );
        let mut builder = Self {
            shape,
            memory,
            main: Vec::new(),
            sponge: Vec::new(),
            weights: Vec::new(),
            lanes: Vec::new(),
            copies: Vec::new(),
            instances: Vec::new(),
            constants: HashMap::new(),
            open_constants: Vec::new(),
            open_witnesses: None,
            seed: None,
            seed_value: Fr::ZERO,
            #[cfg(test)]
            weight_lie: None,
            #[cfg(test)]
            cell_lies: Vec::new(),
            #[cfg(test)]
            sum_lies: [Fr::ZERO; 2],
        };
        for _ in 0..PUBLIC_ROWS {
            let row = builder.fixed_row(false, [Fr::ZERO; 4]);
            builder.open_constants.extend(CONSTANT_COLUMNS[1..].iter().map(|column| (row, *column)));
        }
        builder
    }

    /// Rows in use by main rows and Poseidon rows together.
    pub fn rows(&self) -> usize {
        self.main.len() + self.sponge.len()
    }

    /// The size of the grid.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The committed bytes.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Appends a main row: each cell with an input is filled (and tied), the others hold `values`.
    pub(super) fn push(&mut self, kind: Kind, inputs: &[(usize, In)], values: [Fr; 8], k: [Fr; 4]) -> [Cell; 8] {
        let mut cells = values;
        for (column, input) in inputs {
            cells[*column] = input.value();
        }
        // constants may need rows of their own, which come first
        let sources: Vec<Option<Cell>> = inputs.iter().map(|(_, input)| self.source(*input)).collect();
        let row = self.main.len();
        self.main.push(Row { kind, cells, k });
        let made = std::array::from_fn(|c| Cell::new(Stream::Main, row, c, cells[c]));
        for ((column, _), source) in inputs.iter().zip(sources) {
            if let Some(source) = source {
                self.copies.push((source, made[*column]));
            }
        }
        made
    }

    /// The cell that an input is a copy of, if it is one.
    pub(super) fn source(&mut self, input: In) -> Option<Cell> {
        match input {
            In::Cell(cell) => Some(cell),
            In::Free(_) => None,
            In::Const(v) => Some(self.constant(v)),
        }
    }

    /// A cell that is forced to `value`; made once for each value.
    pub fn constant(&mut self, value: Fr) -> Cell {
        if value == Fr::ZERO {
            return self.zero();
        }
        if let Some(cell) = self.constants.get(&value) {
            return *cell;
        }
        let (row, column) = self.open_constants.pop().unwrap_or_else(|| {
            let row = self.fixed_row(false, [Fr::ZERO; 4]);
            self.open_constants.extend(CONSTANT_COLUMNS[1..].iter().map(|column| (row, *column)));
            (row, CONSTANT_COLUMNS[0])
        });
        self.main[row].cells[column] = value;
        self.main[row].k[if column == 0 { 1 } else { column }] = value;
        let cell = Cell::new(Stream::Main, row, column, value);
        self.constants.insert(value, cell);
        cell
    }

    /// A cell that is forced to zero.
    pub fn zero(&self) -> Cell {
        Cell::new(Stream::Main, 0, 4, Fr::ZERO)
    }

    fn fixed_row(&mut self, table: bool, k: [Fr; 4]) -> usize {
        let row = self.main.len();
        let mut cells = [Fr::ZERO; 8];
        for (i, column) in CONSTANT_COLUMNS.into_iter().enumerate() {
            cells[column] = k[i + 1];
        }
        cells[5] = self.seed_value;
        self.main.push(Row { kind: Kind::Fixed { table }, cells, k });
        row
    }

    /// Puts (tag; entry, 0) on the bus for each entry of a table that is part of the key.
    pub fn fixed_table(&mut self, tag: u64, entries: impl IntoIterator<Item = [Fr; 3]>) {
        for [a, b, c] in entries {
            self.fixed_row(true, [Fr::from(tag), a, b, c]);
        }
    }

    /// A free witness: it means nothing until a row constrains it.
    pub fn witness(&mut self, value: Fr) -> Cell {
        let (row, column) = match self.open_witnesses {
            Some((row, used)) if used < 8 => (row, used),
            _ => {
                self.main.push(Row { kind: Kind::Free, cells: [Fr::ZERO; 8], k: [Fr::ZERO; 4] });
                (self.main.len() - 1, 0)
            }
        };
        self.open_witnesses = Some((row, column + 1));
        self.main[row].cells[column] = value;
        Cell::new(Stream::Main, row, column, value)
    }

    /// Forces two cells to be equal.
    pub fn assert_equal(&mut self, a: Cell, b: Cell) {
        self.copies.push((a, b));
    }

    /// Forces a cell to a fixed value.
    pub fn assert_constant(&mut self, a: Cell, value: Fr) {
        let constant = self.constant(value);
        self.assert_equal(a, constant);
    }

    /// Makes `cell` public input `index`; indices are given in order.
    ///
    /// Sound: the first cell of fixed row `index` is the instance column's value there, and `cell` is a copy of it.
    ///
    /// # Panics
    /// If an index is skipped, or above what a grid has room for.
    pub fn instance(&mut self, index: usize, cell: Cell) {
        assert_eq!(index, self.instances.len(), "public inputs are exposed in order");
        assert!(index < PUBLIC_ROWS, "a grid has {PUBLIC_ROWS} public inputs, got index {index}");
        self.instances.push(cell.value());
        self.main[index].cells[0] = cell.value();
        self.copies.push((cell, Cell::new(Stream::Main, index, 0, cell.value())));
    }

    /// Values of the public inputs.
    pub fn instances(&self) -> Vec<Fr> {
        self.instances.clone()
    }

    /// Sends a tuple on the bus: some row must provide it.
    pub fn send(&mut self, tag: u64, tuple: [In; 4]) -> [Cell; 4] {
        self.bus_row(Kind::Send, tag, tuple)
    }

    /// Sends a tuple and returns it with the sum of `base` and its second element, in the same row.
    pub fn send_sum(&mut self, tag: u64, tuple: [In; 4], base: impl Into<In>) -> ([Cell; 4], Cell) {
        let ([a, b, c, d], base) = (tuple, base.into());
        let mut values = [Fr::ZERO; 8];
        values[7] = base.value() + b.value();
        let k = [Fr::from(tag), Fr::ZERO, Fr::ONE, Fr::ZERO];
        let cells = self.push(Kind::Send, &[(0, a), (2, b), (3, c), (4, d), (5, base)], values, k);
        ([cells[0], cells[2], cells[3], cells[4]], cells[7])
    }

    /// Provides a tuple on the bus, as often as it is sent (counted when the circuit is laid out).
    pub fn provide(&mut self, tag: u64, tuple: [In; 4]) -> [Cell; 4] {
        self.bus_row(Kind::Provide, tag, tuple)
    }

    fn bus_row(&mut self, kind: Kind, tag: u64, tuple: [In; 4]) -> [Cell; 4] {
        assert_ne!(tag, 0, "the tag of constants: whoever sends it believes what is free in their rows");
        let [a, b, c, d] = tuple;
        let k = [Fr::from(tag), Fr::ZERO, Fr::ZERO, Fr::ZERO];
        let cells = self.push(kind, &[(0, a), (2, b), (3, c), (4, d)], [Fr::ZERO; 8], k);
        [cells[0], cells[2], cells[3], cells[4]]
    }

    /// The halo2 challenge drawn after all bytes are committed.
    pub fn seed(&mut self) -> Cell {
        if let Some(cell) = self.seed {
            return cell;
        }
        let zero = self.zero();
        let cell = Cell::new(zero.stream, zero.row as usize, 5, self.seed_value);
        self.seed = Some(cell);
        cell
    }

    /// Tells the circuit the value of the challenge, once it is known.
    pub fn set_seed(&mut self, value: Fr) {
        self.seed_value = value;
        for row in self.main.iter_mut().filter(|r| matches!(r.kind, Kind::Fixed { .. })) {
            row.cells[5] = value;
        }
        self.seed = None;
    }

    /// Sets the weight of lane `lane` of the message memory to `cell`.
    ///
    /// # Panics
    /// If lanes are not given in order.
    pub fn weigh_lane(&mut self, lane: usize, cell: Cell) {
        assert_eq!(lane, self.lanes.len(), "lanes are weighed in order");
        self.lanes.push(cell.value());
        self.copies.push((cell, Cell::new(Stream::Lane, lane * 4, 8, cell.value())));
    }

    /// The weight in row `row`: 0 beyond the lanes given so far.
    pub(super) fn weight(&self, row: usize) -> Fr {
        #[cfg(test)]
        if let Some((_, lie)) = self.weight_lie.filter(|(at, _)| *at == row) {
            return lie;
        }
        self.lanes.get(row / 4).copied().unwrap_or(Fr::ZERO)
    }

    /// The byte table of the binding for the lane weights given so far: entry `b`, position `j` is the sum of the
    /// weights of all lanes whose byte `j` is `b`.
    pub fn lane_weights(&mut self) -> Vec<[Cell; 8]> {
        let mut table = vec![[Fr::ZERO; 8]; WEIGHT_ROWS];
        for (weight, bytes) in self.lanes.iter().zip(self.memory.bytes().chunks(8)) {
            for (j, byte) in bytes.iter().enumerate() {
                table[*byte as usize][j] += weight;
            }
        }
        self.weights = table;
        let cell =
            |(row, weights): (usize, &[Fr; 8])| std::array::from_fn(|c| Cell::new(Stream::Weights, row, c, weights[c]));
        self.weights.iter().enumerate().map(cell).collect()
    }
}
