//! Lays a builder out in the columns, phase by phase.

use super::builder::{Row, Stream};
use super::check::tuple;
use super::config::{NO_CHALLENGE, area, selector, weights_constants};
use super::{Builder, Cell, GridConfig, Kind, MEMORY};
use halo2_base::halo2_proofs::{
    arithmetic::Field,
    circuit::{Cell as HaloCell, Layouter, Region, Value},
    halo2curves::bn256::Fr,
    plonk::{Advice, Challenge, Column, Error, Fixed},
};

/// What halo2 knows of a challenge at this moment.
fn challenge(region: &Region<'_, Fr>, c: Challenge) -> Fr {
    let mut known = NO_CHALLENGE;
    region.get_challenge(c).map(|v| known = v);
    known
}

fn put(region: &mut Region<'_, Fr>, column: Column<Advice>, row: usize, value: Fr) {
    region.assign_advice(column, row, Value::known(value));
}

fn fix(region: &mut Region<'_, Fr>, column: Column<Fixed>, row: usize, value: Fr) {
    if value != Fr::ZERO {
        region.assign_fixed(column, row, value);
    }
}

/// Lays out `builder`; `finish` adds the rows that depend on the challenge drawn after the bytes are committed, by then
/// set with [`Builder::set_seed`].
///
/// # Errors
/// Whatever halo2 reports.
///
/// # Panics
/// If the rows do not fit, with the numbers.
pub fn assign(
    config: &GridConfig,
    mut layouter: impl Layouter<Fr>,
    builder: &Builder,
    finish: impl FnOnce(&mut Builder),
) -> Result<(), Error> {
    let mut finish = Some(finish);
    layouter.assign_region(
        || "grid",
        |mut region| {
            let finish = finish.take().expect("the region is laid out once");
            let mut builder = builder.clone();
            let (provided, reads) = builder.multiplicities();
            assign_memory(config, &mut region, &builder, &reads);
            #[cfg(test)]
            assign_lies(config, &mut region, &builder, 0..3);
            region.next_phase();
            builder.set_seed(challenge(&region, config.seed));
            let before = builder.main.len();
            finish(&mut builder);
            // only rows recorded before the challenge may read memory: how often is already committed
            assert!(builder.main[before..].iter().all(|r| r.kind != Kind::Read && r.kind != Kind::Send));
            let layout = Layout::new(&builder);
            for (row, count) in provided.into_iter().enumerate().filter(|(_, count)| *count > 0) {
                builder.main[row].cells[6] = Fr::from(count);
            }
            assign_main(config, &mut region, &builder, &layout);
            #[cfg(test)]
            assign_lies(config, &mut region, &builder, 3..12);
            region.next_phase();
            assign_sums(config, &mut region, &builder, &reads, &layout);
            #[cfg(test)]
            assign_lies(config, &mut region, &builder, 12..14);
            Ok(())
        },
    )
}

/// First rows of the streams.
struct Layout {
    sponge: usize,
    weights: usize,
    last: usize,
}

impl Layout {
    fn new(builder: &Builder) -> Self {
        let layout =
            Self { sponge: builder.main.len(), weights: builder.shape.weights_row(), last: builder.shape.last_row() };
        assert!(
            builder.rows() <= layout.weights,
            "{} main and {} Poseidon rows do not fit in {}",
            builder.main.len(),
            builder.sponge.len(),
            layout.weights
        );
        layout
    }

    fn row(&self, stream: Stream, row: usize) -> usize {
        row + match stream {
            Stream::Main | Stream::Lane => 0,
            Stream::Sponge => self.sponge,
            Stream::Weights => self.weights,
        }
    }

    fn cell(&self, config: &GridConfig, cell: &Cell) -> HaloCell {
        let column = match cell.stream {
            Stream::Lane => config.weight,
            _ => config.main[cell.column as usize],
        };
        HaloCell { row_offset: self.row(cell.stream, cell.row as usize), column: column.into() }
    }
}

/// All main rows with the row they lie at.
fn placed<'b>(builder: &'b Builder, layout: &Layout) -> impl Iterator<Item = (usize, &'b Row)> {
    let sponge = layout.sponge;
    let main = builder.main.iter().enumerate();
    main.chain(builder.sponge.iter().enumerate().map(move |(row, r)| (row + sponge, r)))
}

fn assign_memory(config: &GridConfig, region: &mut Region<'_, Fr>, builder: &Builder, reads: &[u64]) {
    let memory = &builder.memory;
    for (row, &read) in reads.iter().enumerate().take(memory.rows()) {
        put(region, config.byte, row, memory.committed(2 * row));
        put(region, config.reads, row, Fr::from(read));
    }
    for row in 0..=memory.rows() {
        put(region, config.num, row, memory.num(row));
    }
    for byte in 0..256 {
        put(region, config.byte, builder.shape.weights_row() + byte, Fr::from(byte as u64));
    }
    for row in 0..builder.shape.last_row() {
        let area = match row {
            _ if row >= memory.rows() => area::INNER,
            _ if row % 4 < 2 => area::FIRST_HALF,
            _ => area::SECOND_HALF,
        };
        fix(region, config.area, row, Fr::from(area));
        fix(region, config.index, row, Fr::from(row as u64));
    }
}

fn assign_main(config: &GridConfig, region: &mut Region<'_, Fr>, builder: &Builder, layout: &Layout) {
    for (row, r) in placed(builder, layout) {
        for (column, value) in config.main.into_iter().zip(r.cells) {
            put(region, column, row, value);
        }
        let (kinds, flags) = selector(r.kind);
        for ((column, value), flag) in config.constants.into_iter().zip(r.k).zip(flags) {
            fix(region, column, row, value + Fr::from(flag));
        }
        for (column, value) in config.kinds.into_iter().zip(kinds) {
            fix(region, column, row, Fr::from(value));
        }
    }
    for (byte, weights) in builder.weights.iter().enumerate() {
        let row = layout.weights + byte;
        for (column, value) in config.main.into_iter().zip(*weights) {
            put(region, column, row, value);
        }
        for (column, value) in config.constants.into_iter().zip(weights_constants(byte as u64)) {
            fix(region, column, row, Fr::from(value));
        }
    }
    assign_weights(config, region, builder, layout);
    for (a, b) in &builder.copies {
        region.constrain_equal(layout.cell(config, a), layout.cell(config, b));
    }
}

/// The column `w`: all rows of a lane have its weight, all rows that are no memory have 0.
fn assign_weights(config: &GridConfig, region: &mut Region<'_, Fr>, builder: &Builder, layout: &Layout) {
    let cell = |row| HaloCell { row_offset: row, column: config.weight.into() };
    let zero = layout.cell(config, &builder.zero());
    for row in 0..layout.last {
        let weight = builder.weight(row);
        if weight != Fr::ZERO {
            put(region, config.weight, row, weight);
        }
        match row {
            _ if row >= builder.memory.rows() => region.constrain_equal(zero, cell(row)),
            _ if row % 4 > 0 => region.constrain_equal(cell(row - row % 4), cell(row)),
            _ => {}
        }
    }
}

/// Whether rows of this kind send to the bus and whether they provide.
fn bus_side(kind: Kind) -> (bool, bool) {
    match kind {
        Kind::Read | Kind::Send => (true, false),
        Kind::Provide | Kind::Fixed { table: true } => (false, true),
        _ => (false, false),
    }
}

/// Fractions that a running sum grows by, inverted together.
#[derive(Default)]
struct Sum {
    rows: Vec<usize>,
    above: Vec<Fr>,
    below: Vec<Fr>,
}

impl Sum {
    fn add(&mut self, row: usize, above: Fr, below: Fr) {
        self.rows.push(row);
        self.above.push(above);
        self.below.push(below);
    }

    /// The sum before each row up to `last`.
    fn run(mut self, last: usize) -> Vec<Fr> {
        invert_all(&mut self.below);
        let mut steps = vec![Fr::ZERO; last];
        for ((row, above), below) in self.rows.iter().zip(&self.above).zip(&self.below) {
            steps[*row] += above * below;
        }
        let mut sums = vec![Fr::ZERO];
        sums.extend(steps.iter().scan(Fr::ZERO, |sum, step| {
            *sum += step;
            Some(*sum)
        }));
        sums
    }
}

/// Inverts in place with one inversion; zeros stay zero.
fn invert_all(values: &mut [Fr]) {
    let mut product = Fr::ONE;
    let mut before = Vec::with_capacity(values.len());
    for v in values.iter().filter(|v| **v != Fr::ZERO) {
        before.push(product);
        product *= v;
    }
    let mut inverse = product.invert().unwrap_or(Fr::ZERO);
    for v in values.iter_mut().rev().filter(|v| **v != Fr::ZERO) {
        let rest = before.pop().expect("one prefix for each non-zero value");
        let own = inverse * rest;
        inverse *= *v;
        *v = own;
    }
}

fn assign_sums(config: &GridConfig, region: &mut Region<'_, Fr>, builder: &Builder, reads: &[u64], layout: &Layout) {
    let [fold, point, lane] = [config.fold, config.point, config.lane].map(|c| challenge(region, c));
    let folded = |tag: Fr, t: [Fr; 4]| tag + t.into_iter().rev().fold(Fr::ZERO, |acc, v| (acc + v) * fold);
    let mut bus = Sum::default();
    for (row, r) in placed(builder, layout) {
        let (send, provide) = bus_side(r.kind);
        if send || provide {
            let (tag, values) = tuple(r);
            let above = if send { Fr::ONE } else { -r.cells[6] };
            if above != Fr::ZERO {
                bus.add(row, above, point - folded(tag, values));
            }
        }
    }
    let memory = &builder.memory;
    let byte = |a: usize| memory.committed(a);
    for (row, count) in reads.iter().enumerate().filter(|(_, count)| **count > 0) {
        let entry = [Fr::from(row as u64), byte(2 * row), byte(2 * row + 1), memory.num(row)];
        bus.add(row, -Fr::from(*count), point - folded(Fr::from(MEMORY), entry));
    }
    let mut bind = Sum::default();
    let powers: Vec<Fr> = (0..8).scan(Fr::ONE, |p, _| Some(std::mem::replace(p, *p * lane))).collect();
    for i in 0..builder.lanes.len() {
        for (j, power) in powers.iter().enumerate() {
            let row = i * 4 + j / 2;
            bind.add(row, builder.weight(row) * power, point - byte(8 * i + j));
        }
    }
    for (b, weights) in builder.weights.iter().enumerate() {
        let above: Fr = weights.iter().zip(&powers).map(|(w, p)| w * p).sum();
        bind.add(layout.weights + b, -above, point - Fr::from(b as u64));
    }
    for (column, sum) in [(config.bus, bus), (config.bind, bind)] {
        let values = sum.run(layout.last);
        #[cfg(test)]
        let values = values.into_iter().map(|v| v + builder.sum_lies[usize::from(column == config.bind)]);
        for (row, value) in values.into_iter().enumerate() {
            put(region, column, row, value);
        }
    }
}

/// Overwrites the cells that tests lie in, of the advice columns `of`, which are those of one phase.
#[cfg(test)]
fn assign_lies(config: &GridConfig, region: &mut Region<'_, Fr>, builder: &Builder, of: std::ops::Range<usize>) {
    let columns = config.advice();
    for (column, row, value) in builder.cell_lies.iter().filter(|(column, ..)| of.contains(column)) {
        put(region, columns[*column], *row, *value);
    }
}
