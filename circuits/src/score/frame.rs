//! Frame: which rows and columns each list of a sheet takes in a class.
//!
//! It follows from the structure alone, so that two layouts of one model and plan differ in no fixed cell and no copy. The
//! permutations stand at the end, the rows before them are glue. Gates fill what the other lists leave of the four columns.

use super::{
    class::{CLASSES, Class},
    config::TABLE_START,
    lookups::{Table, table_end, tables},
    poseidon_rows,
    sheet::{FOLD, Sheet},
};
use thiserror::Error;

/// Rows between glue and permutations, for the ends of columns.
const GAP: usize = 8;
/// Rows at the end that blind the columns, and some to spare.
pub(super) const UNUSABLE: usize = 16;

/// A model or plan that is too large for its class. Not recoverable without a smaller one.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what}: {got} rows, expected at most {expected}: model and plan are too large for the class {class}")]
pub struct TooLarge {
    /// The class.
    pub class: &'static str,
    /// Which rows.
    pub what: &'static str,
    /// Rows of the class.
    pub expected: usize,
    /// Rows needed.
    pub got: usize,
}

/// Rows in use, of those that the class has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Cells of the vertical gates, on all columns.
    pub gate: usize,
    /// Of the range checks and the points of curves.
    pub range: usize,
    /// Of the tables.
    pub tables: usize,
    /// Of the dense products.
    pub dense: usize,
    /// Distinct constants.
    pub constants: usize,
    /// Of the permutations.
    pub hash: usize,
    /// Rows for all of these but the permutations.
    pub glue: usize,
}

impl Rows {
    /// About how many rows of data fit where one takes `one` and two take these, with `runs` folded cells each.
    pub(super) fn lengths(&self, one: &Self, runs: usize) -> usize {
        let more = |wide: fn(&Self) -> usize, room: usize| {
            let (first, second) = (wide(one), wide(self));
            room.saturating_sub(first) / (second - first).max(1) + 1
        };
        let cells = 4 * self.glue - self.tables - self.dense;
        more(|rows| rows.range, self.glue - 1).min(more(|rows| rows.gate + rows.range, cells)).min(self.glue / runs)
    }
}

/// Where everything goes.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The class.
    pub class: Class,
    /// Rows in use.
    pub rows: Rows,
    /// Behind the limbs.
    pub tables: Vec<Table>,
    /// Column among the four, and row, of each cell of the gates.
    pub cells: Vec<(usize, usize)>,
}

/// Rows of a dense product.
fn dense_rows(inputs: usize, outputs: usize) -> usize {
    outputs + outputs.div_ceil(FOLD) * (inputs + 1)
}

/// Rows of a range check: the limbs, and 0 or what names the width of the topmost limb.
fn range_rows(class: Class, bits: usize) -> usize {
    let (limbs, top) = class.limbs(bits);
    limbs + if top == 0 { 1 } else { 3 }
}

/// Runs of cells that gates hold together: first cell and length, in order.
fn runs(sheet: &Sheet) -> Vec<(usize, usize)> {
    let (mut runs, mut start, mut end) = (Vec::new(), 0, 1);
    for (at, on) in sheet.ctx.selector.iter().enumerate() {
        if at >= end {
            runs.push((start, at - start));
            start = at;
        }
        end = end.max(if *on { at + 4 } else { at + 1 });
    }
    if start < sheet.ctx.selector.len() {
        runs.push((start, sheet.ctx.selector.len() - start));
    }
    runs
}

impl Frame {
    /// The smallest class that holds `sheet`.
    ///
    /// # Errors
    /// [`TooLarge`] for the largest class.
    pub fn smallest(sheet: &Sheet) -> Result<Self, TooLarge> {
        let last = CLASSES.len() - 1;
        CLASSES[..last]
            .iter()
            .find_map(|class| Self::new(sheet, *class).ok())
            .map_or_else(|| Self::new(sheet, CLASSES[last]), Ok)
    }

    /// # Errors
    /// [`TooLarge`] names the first list that does not fit.
    pub fn new(sheet: &Sheet, class: Class) -> Result<Self, TooLarge> {
        let too_large = |what, expected, got| TooLarge { class: class.name, what, expected, got };
        let usable = (1 << class.k) - UNUSABLE - GAP;
        let hash = sheet.permutations.len() * poseidon_rows::ROWS;
        if hash >= usable {
            return Err(too_large("Poseidon permutations", usable - 1, hash));
        }
        let glue = usable - hash;
        let tables = tables(sheet, class);
        let copies = sheet.ctx.copy_manager.lock().expect("the sheet is used by one thread");
        let rows = Rows {
            gate: sheet.ctx.advice.len(),
            range: TABLE_START
                + sheet.ranges.iter().map(|r| range_rows(class, r.bits)).sum::<usize>()
                + 3 * sheet.points.len(),
            tables: table_end(&tables, class),
            dense: 1 + sheet.products.iter().map(|p| dense_rows(p.inputs.len(), p.outputs.len())).sum::<usize>(),
            // 0 and 1 are used by ranges and biases, others by widths of topmost limbs
            constants: copies.num_distinct_constants() + 2 + class.limb_bits,
            hash,
            glue,
        };
        let lists = [
            ("range checks", rows.range),
            ("tables", rows.tables),
            ("dense products", rows.dense),
            ("constants", rows.constants),
        ];
        for (what, got) in lists {
            if got >= glue {
                return Err(too_large(what, glue - 1, got));
            }
        }
        // a product's last sum stands in the row behind its factors
        let mut free = [0, rows.dense + 1, rows.range, rows.tables];
        let mut cells = Vec::with_capacity(rows.gate);
        for (_, length) in runs(sheet) {
            let Some(lane) = (0..free.len()).find(|lane| free[*lane] + length <= glue) else {
                return Err(too_large("arithmetic", cells.len(), rows.gate));
            };
            cells.extend((free[lane]..free[lane] + length).map(|row| (lane, row)));
            free[lane] += length;
        }
        Ok(Self { class, rows, tables, cells })
    }

    /// First row of the permutations.
    pub fn hash_start(&self) -> usize {
        self.rows.glue + GAP
    }
}
