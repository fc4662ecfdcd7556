//! Single cells of the columns that no chip writes: sums, products, factors and multiplicities, overwritten when all else is laid out.

use super::*;
use crate::score::config::TABLE_START;
use halo2_base::halo2_proofs::{
    circuit::Value,
    dev::{AdviceCellValue, VerifyFailure},
    plonk::{Advice, Column},
};

/// A column, by its name in a configuration.
pub(in crate::score) type Named<C> = fn(&<C as Circuit<Fr>>::Config) -> Column<Advice>;

/// A circuit, some cells of which hold something else than it wrote.
pub(in crate::score) struct Overwritten<'c, C: Circuit<Fr>> {
    pub circuit: &'c C,
    pub cells: Vec<(Named<C>, usize, Fr)>,
}

impl<C: Circuit<Fr>> Circuit<Fr> for Overwritten<'_, C> {
    type Config = C::Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = C::Params;

    fn without_witnesses(&self) -> Self {
        unreachable!("the shape does not depend on the witness")
    }

    fn params(&self) -> C::Params {
        self.circuit.params()
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, params: C::Params) -> C::Config {
        C::configure_with_params(meta, params)
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> C::Config {
        C::configure(meta)
    }

    fn synthesize(&self, config: C::Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        self.circuit.synthesize(config.clone(), layouter.namespace(|| "as it is"))?;
        layouter.assign_region(
            || "overwritten",
            |mut region| {
                for (column, row, value) in &self.cells {
                    region.assign_advice(column(&config), *row, Value::known(*value));
                }
                Ok(())
            },
        )
    }
}

impl<'c, C: Circuit<Fr>> Overwritten<'c, C> {
    fn mock(&self, k: u32) -> MockProver<Fr> {
        MockProver::run(k, self, vec![vec![]]).unwrap()
    }

    pub fn new(circuit: &'c C, cells: impl IntoIterator<Item = (Named<C>, usize, Fr)>) -> Self {
        Self { circuit, cells: cells.into_iter().collect() }
    }

    pub fn is_accepted(&self, k: u32) -> bool {
        self.mock(k).verify().is_ok()
    }

    /// Constraints that do not hold, each row counted.
    pub fn broken(&self, k: u32) -> usize {
        self.mock(k).verify().map_or_else(|failures| failures.len(), |()| 0)
    }

    /// Whether it is refused, and by copies only.
    pub fn breaks_copies_only(&self, k: u32) -> bool {
        let broken = self.mock(k).verify().expect_err("it is accepted");
        broken.iter().all(|failure| matches!(failure, VerifyFailure::Permutation { .. }))
    }
}

/// What a circuit writes into a column; nothing is 0.
pub(in crate::score) fn written<C: Circuit<Fr>>(circuit: &C, k: u32, column: Named<C>) -> Vec<Fr> {
    let config = C::configure_with_params(&mut ConstraintSystem::default(), circuit.params());
    let mock = Overwritten::new(circuit, []).mock(k);
    let value = |cell: &AdviceCellValue<Fr>| match cell {
        AdviceCellValue::Assigned(value) => value.evaluate(),
        _ => Fr::ZERO,
    };
    mock.advice_values(column(&config)).iter().map(value).collect()
}

const CLASS: Class = CLASSES[1];

/// Something of each list; the last output of a product is wrong by `lie`. Its factor stands in [`LAST_OUTPUT`].
fn sheet(lie: Fr) -> Bare {
    let mut sheet = Sheet::default();
    gate(&mut sheet, Fr::ZERO);
    for (value, bits) in [((1 << 26) - 1, 26), (31, 5)] {
        let cell = sheet.witness(Fr::from(value));
        sheet.check_bits(cell, bits);
    }
    let [low, high] = [100, 101].map(|i| to_field(i128::from(Curve::Tanh.samples()[i])));
    let [index, low, high] = [Fr::from(100), low, high].map(|v| sheet.witness(v));
    sheet.check_point(Curve::Tanh, index, low, high);
    // two blocks
    let weights: Vec<Vec<Fr>> = (0..10).map(|j| vec![Fr::from(j), Fr::from(2 * j + 1)]).collect();
    let inputs = [3, 4].map(|v| sheet.witness(Fr::from(v))).into();
    let output = |j: u64| Fr::from(3 * j + 4 * (2 * j + 1) + 1) + if j == 9 { lie } else { Fr::ZERO };
    let outputs = (0..10).map(|j| sheet.witness(output(j))).collect();
    sheet.products.push(sheet::Product { inputs, outputs, weights, bias: vec![Fr::ONE; 10] });
    Bare(sheet, CLASS)
}

/// Behind the first block's eight outputs, two inputs and bias.
const LAST_OUTPUT: usize = 11;

const SUM: Named<Bare> = |config| config.sum;
const PRODUCT: Named<Bare> = |config| config.product;
const FACTOR: Named<Bare> = |config| config.factor;
const RANGE: Named<Bare> = |config| config.state[2];
const MULTIPLICITY: Named<Bare> = |config| config.state[3];

/// Whether `column` may have another number in `row`.
fn is_free(circuit: &Bare, column: Named<Bare>, row: usize) -> bool {
    let other = written(circuit, CLASS.k, column)[row] + Fr::from(7);
    Overwritten::new(circuit, [(column, row, other)]).is_accepted(CLASS.k)
}

#[test]
fn no_cell_of_a_running_sum_is_free() {
    let circuit = sheet(Fr::ZERO);
    let rows = Frame::new(&circuit.0, CLASS).unwrap().rows;
    let [point, limb, table] = [rows.range - 3, TABLE_START + 255, rows.tables - 5];
    for row in [TABLE_START, TABLE_START + 1, point, limb, limb + 1, table, rows.glue - 1, rows.glue] {
        assert!(!is_free(&circuit, SUM, row), "sum of row {row}");
    }
    for row in 0..=rows.dense {
        assert!(!is_free(&circuit, PRODUCT, row), "product of row {row}");
    }
    // before the lookups begin, and behind the last row of each
    assert!(is_free(&circuit, SUM, 0) && is_free(&circuit, SUM, rows.glue + 1));
    assert!(is_free(&circuit, PRODUCT, rows.dense + 1));
}

/// The trap of a lookup that a row does not select: a limb there, or a point, could be anything.
#[test]
fn every_row_of_a_range_check_and_of_a_point_is_looked_up() {
    let circuit = sheet(Fr::ZERO);
    let rows = Frame::new(&circuit.0, CLASS).unwrap().rows;
    for row in TABLE_START..rows.range {
        assert!(!is_free(&circuit, RANGE, row), "row {row}");
    }
    // nothing is looked up behind them
    assert!(is_free(&circuit, RANGE, rows.glue - 1));
}

#[test]
fn a_sum_of_lookups_begins_and_ends_at_zero() {
    let circuit = sheet(Fr::ZERO);
    let glue = Frame::new(&circuit.0, CLASS).unwrap().rows.glue;
    let honest = written(&circuit, CLASS.k, SUM);
    assert_eq!((honest[TABLE_START], honest[glue]), (Fr::ZERO, Fr::ZERO));
    for more in [Fr::ZERO, Fr::ONE] {
        let cells = (TABLE_START..=glue).map(|row| (SUM, row, honest[row] + more));
        assert_eq!(Overwritten::new(&circuit, cells).is_accepted(CLASS.k), more == Fr::ZERO);
    }
}

/// The sum follows the lie, so that only its end tells, or its beginning.
#[test]
fn a_limb_that_is_counted_once_too_often() {
    let circuit = sheet(Fr::ZERO);
    let glue = Frame::new(&circuit.0, CLASS).unwrap().rows.glue;
    let [sums, counts] = [SUM, MULTIPLICITY].map(|column| written(&circuit, CLASS.k, column));
    // no gate stands in these rows, nor is anything looked up there: what the sum grows by names the challenge
    let (limb, zero, outside) = (TABLE_START + 255, TABLE_START, glue - 1);
    let grows = sums[limb + 1] - sums[limb];
    assert!(counts[limb] == Fr::from(3) && counts[outside] == Fr::ZERO);
    let alpha = -counts[limb] * grows.invert().unwrap() - Fr::from(255);
    let counted = |changes: &[(usize, Fr, u64)]| {
        let more = |row: usize| -> Fr {
            let before = changes.iter().filter(|(at, ..)| *at < row);
            before.map(|(_, count, entry)| -*count * (alpha + Fr::from(*entry)).invert().unwrap()).sum()
        };
        let cells = changes.iter().map(|(row, count, _)| (MULTIPLICITY, *row, counts[*row] + count));
        let sums = (TABLE_START..=glue).map(|row| (SUM, row, sums[row] + more(row)));
        Overwritten::new(&circuit, cells.chain(sums)).broken(CLASS.k)
    };
    assert_eq!(counted(&[]), 0);
    for (row, entry) in [(limb, 255), (limb - 1, 254), (zero, 0), (outside, 0)] {
        assert_eq!(counted(&[(row, Fr::ONE, entry)]), 1, "row {row}");
        assert!(!is_free(&circuit, MULTIPLICITY, row), "row {row}");
    }
    assert_eq!(counted(&[(limb, Fr::ONE, 255), (limb - 1, -Fr::ONE, 254)]), 1, "one limb for another");
    // a row outside the tables is the limb 0 once more
    assert_eq!(counted(&[(zero, Fr::ONE, 0), (outside, -Fr::ONE, 0)]), 0);
    // a sum that begins with what it is to lose
    let ahead = (alpha + Fr::from(255)).invert().unwrap();
    let early = (TABLE_START..=limb).map(|row| (SUM, row, sums[row] + ahead));
    let cells = early.chain([(MULTIPLICITY, limb, counts[limb] + Fr::ONE)]);
    assert_eq!(Overwritten::new(&circuit, cells).broken(CLASS.k), 1);
}

/// The product is that of the true output, the sheet has another one: only the copy of the factor tells.
#[test]
fn a_factor_is_the_cell_of_the_sheet() {
    let [honest, lying] = [Fr::ZERO, Fr::ONE].map(sheet);
    let dense = Frame::new(&honest.0, CLASS).unwrap().rows.dense;
    let [products, factors] = [PRODUCT, FACTOR].map(|column| written(&honest, CLASS.k, column));
    let cells =
        (0..=dense).map(|row| (PRODUCT, row, products[row])).chain([(FACTOR, LAST_OUTPUT, factors[LAST_OUTPUT])]);
    let cells: Vec<_> = cells.collect();
    assert!(Overwritten::new(&honest, cells.clone()).is_accepted(CLASS.k));
    assert!(!Overwritten::new(&lying, []).is_accepted(CLASS.k));
    assert!(Overwritten::new(&lying, cells).breaks_copies_only(CLASS.k));
    for row in 0..dense {
        assert!(!is_free(&honest, FACTOR, row), "factor of row {row}");
    }
}
