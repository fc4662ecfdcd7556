//! Gates of the layout: each list of a sheet laid out by itself, honest and wrong by one; every kind of layer.

use super::*;
use test_case::test_case;

/// A sheet as a circuit of its own, so that a damaged one can be laid out.
#[derive(Clone)]
pub(in crate::score) struct Bare(pub Sheet, pub Class);

impl Circuit<Fr> for Bare {
    type Config = ScoreConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Class;
    fn without_witnesses(&self) -> Self {
        self.clone()
    }
    fn params(&self) -> Class {
        self.1
    }
    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, class: Class) -> ScoreConfig {
        ScoreConfig::configure(meta, class)
    }
    fn configure(meta: &mut ConstraintSystem<Fr>) -> ScoreConfig {
        ScoreConfig::configure(meta, Class::default())
    }
    fn synthesize(&self, config: ScoreConfig, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        layouter.assign_region(
            || "sheet",
            |mut region| {
                layout::assign(&self.0, &Frame::new(&self.0, self.1).unwrap(), None, &config, &mut region);
                Ok(())
            },
        )
    }
}

/// Writes one constraint on a sheet of a class, wrong by the given amount.
type Lie = fn(&mut Sheet, Fr, Class);

/// `2 + 3 * 5 = 17`, wrong by `lie`.
pub(super) fn gate(sheet: &mut Sheet, lie: Fr) {
    let cells = [2, 3, 5, 17].map(|v| sheet.witness(Fr::from(v)));
    sheet.ctx.assign_region(cells, [0]);
    let last = sheet.ctx.get(-1);
    last.debug_prank(&mut sheet.ctx, Fr::from(17) + lie);
    cells[3].debug_prank(&mut sheet.ctx, Fr::from(17) + lie);
}

/// The same behind so many other cells that it comes to stand in `column`.
fn gate_on(column: usize, sheet: &mut Sheet, lie: Fr, class: Class) {
    let glue = Frame::new(sheet, class).unwrap().rows.glue;
    for _ in 0..column * glue {
        sheet.witness(Fr::from(7));
    }
    gate(sheet, lie);
    assert_eq!(Frame::new(sheet, class).unwrap().cells.last().unwrap().0, column);
}

/// One list of the sheet at a time, so that only the gate of that list can object. The classes have limbs of three widths.
#[test_case(CLASSES[1])]
#[test_case(CLASSES[2])]
#[test_case(CLASSES[3])]
fn each_gate_of_the_layout_rejects_its_lie(class: Class) {
    let satisfied = |sheet: &Sheet| {
        let layout = MockProver::run(class.k, &Bare(sheet.clone(), class), vec![vec![]]).unwrap().verify().is_ok();
        assert_eq!(layout, sheet.violations(&[]).is_empty());
        layout
    };
    let cases: [(&str, Lie); 13] = [
        ("vertical gate", |sheet, lie, _| gate(sheet, lie)),
        ("vertical gate on the second column", |sheet, lie, class| gate_on(1, sheet, lie, class)),
        ("vertical gate on the third column", |sheet, lie, class| gate_on(2, sheet, lie, class)),
        ("vertical gate on the fourth column", |sheet, lie, class| gate_on(3, sheet, lie, class)),
        ("constant", |sheet, lie, _| {
            let cell = sheet.constant(Fr::from(9));
            cell.debug_prank(&mut sheet.ctx, Fr::from(9) + lie);
        }),
        ("range", |sheet, lie, _| {
            let cell = sheet.witness(Fr::from((1 << 26) - 1) + lie);
            sheet.check_bits(cell, 26);
        }),
        ("range that ends within a limb", |sheet, lie, _| {
            let cell = sheet.witness(Fr::from((1 << 23) - 1) + lie);
            sheet.check_bits(cell, 23);
        }),
        ("range below one limb", |sheet, lie, _| {
            let cell = sheet.witness(Fr::from(31) + lie);
            sheet.check_bits(cell, 5);
        }),
        ("range below zero", |sheet, lie, _| {
            let cell = sheet.witness(-lie);
            sheet.check_bits(cell, 5);
        }),
        ("point of a curve", |sheet, lie, _| {
            let [low, high] = [100, 101].map(|i| to_field(i128::from(Curve::Tanh.samples()[i])));
            let [index, low, high] = [Fr::from(100), low + lie, high].map(|v| sheet.witness(v));
            sheet.check_point(Curve::Tanh, index, low, high);
        }),
        ("point of the first of two curves", |sheet, lie, _| {
            for curve in [Curve::Tanh, Curve::Erf] {
                let [low, high] = [5, 6].map(|i| to_field(i128::from(curve.samples()[i])));
                let [index, low, high] = [Fr::from(5) + lie, low, high].map(|v| sheet.witness(v));
                sheet.check_point(curve, index, low, high);
            }
        }),
        ("permutation", |sheet, lie, _| {
            let zero = sheet.constant(Fr::ZERO);
            let mut state = [Fr::ZERO; 4];
            poseidon::permute(&mut state);
            let output = sheet.witness(state[1] + lie);
            sheet.permutations.push(sheet::Permutation { input: [zero; 4], output: vec![(1, output)] });
        }),
        ("dense product", |sheet, lie, _| {
            let inputs: Vec<Cell> = [3, 4].map(|v| sheet.witness(Fr::from(v))).into();
            // [[1, 2], [5, 6], [7, 8]] x + [1, 1, 1]
            let outputs =
                vec![sheet.witness(Fr::from(12)), sheet.witness(Fr::from(40) + lie), sheet.witness(Fr::from(54))];
            let weights = [[1, 2], [5, 6], [7, 8]].map(|row| row.map(Fr::from).into()).into();
            sheet.products.push(sheet::Product { inputs, outputs, weights, bias: vec![Fr::ONE; 3] });
        }),
    ];
    for (name, build) in cases {
        for (lie, expected) in [(Fr::ZERO, true), (Fr::ONE, false)] {
            let mut sheet = Sheet::default();
            build(&mut sheet, lie, class);
            assert_eq!(satisfied(&sheet), expected, "{name}");
        }
    }
}

/// Quotients, shares, extremes, choices, steps and floors on the columns, at the ends of their inputs.
#[test_case(CLASSES[1])]
#[test_case(CLASSES[2])]
#[test_case(CLASSES[3])]
fn every_kind_of_layer_is_laid_out(class: Class) {
    let (model, inputs) = crate::model::op_tests::every_layer();
    let mut sheet = Sheet::default();
    let cells: Vec<_> = inputs.iter().map(|x| sheet.witness(crate::fixed::to_field((*x).into()))).collect();
    let outputs = crate::model::constrain(&mut sheet, &model, &cells);
    let got: Vec<i64> = outputs.iter().map(|cell| crate::model::output(sheet::value(cell))).collect();
    assert_eq!(got, model.run(&inputs).unwrap());
    MockProver::run(class.k, &Bare(sheet, class), vec![vec![]]).unwrap().assert_satisfied();
}
