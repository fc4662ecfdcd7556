//! An audit: accepted when true, refused lie by lie.

use super::*;
use crate::score::tests::columns::{Named, Overwritten, written};
use crate::{
    fixed::ONE,
    model::{Activation, tests::random},
};
use halo2_base::halo2_proofs::dev::MockProver;
use rand::{SeedableRng, rngs::StdRng};
use test_case::test_case;

const PLAN: &str = r#"
[[feature]]
name = "time"
source = { kind = "header", field = "timestamp", bits = "0..32", decimals = 9 }
make = "last"
"#;

const RULE: Rule = Rule::Threshold { output: 0, at: ONE / 2 };

fn keygen() -> AuditCircuit {
    let model = random(&mut StdRng::seed_from_u64(6), &[1, 3, 1], Activation::Identity);
    AuditCircuit::keygen(Arc::new(model), Arc::new(Plan::parse(PLAN).unwrap()), RULE, None).unwrap()
}

/// As many rows as there are; every third label is wrong.
fn rows(circuit: &AuditCircuit, count: i64) -> Vec<Row> {
    let row = |i: i64| {
        let inputs = vec![i * ONE / 3 - 4 * ONE];
        let says_one = RULE.is_right(&circuit.model.run(&inputs).unwrap(), 1);
        Row { inputs, label: i64::from(says_one == (i % 3 != 0)), counts: true }
    };
    (0..count).map(row).collect()
}

fn honest(count: i64) -> (AuditCircuit, Vec<Row>, Vec<Fr>) {
    let circuit = keygen();
    let rows = rows(&circuit, count);
    let circuit = circuit.with_rows(&rows).unwrap();
    let public = instances(&rows, circuit.length(), circuit.count().unwrap());
    (circuit, rows, public)
}

fn accepts(circuit: &AuditCircuit, public: &[Fr]) -> bool {
    MockProver::run(circuit.class().k, circuit, vec![public.to_vec()]).unwrap().verify().is_ok()
}

#[test]
fn accepts_the_true_count_of_a_whole_and_of_a_short_part() {
    let length = keygen().length();
    assert!((20..MAX_LENGTH).contains(&length), "{length}");
    for count in [length as i64, 7] {
        let (circuit, rows, public) = honest(count);
        assert_eq!(circuit.count().unwrap(), rows.iter().enumerate().filter(|(i, _)| i % 3 != 0).count() as u64);
        assert!(accepts(&circuit, &public));
    }
}

#[test]
fn one_row_more_has_no_room() {
    let mut circuit = keygen();
    assert!(circuit.written().is_ok());
    circuit.rows = filled(&circuit.rows, circuit.length() + 1);
    assert!(circuit.written().is_err());
}

/// Place among the public inputs (the count, then three for each row) and what is added.
#[test_case(0, Fr::ONE; "one more is right")]
#[test_case(0, -Fr::ONE; "one less")]
#[test_case(1, -Fr::ONE; "a row does not count")]
#[test_case(13, Fr::ONE; "a row counts twice")]
#[test_case(17, Fr::from(5); "another label")]
#[test_case(18, Fr::ONE; "another row")]
fn refuses_lies(place: usize, more: Fr) {
    let (circuit, rows, mut public) = honest(20);
    assert!(rows[0].counts && rows[4].counts);
    public[place] += more;
    assert!(!accepts(&circuit, &public));
}

/// A prover who knows better than the labels: each lie is a witness of its own, not only other public inputs.
#[test]
fn a_witness_of_other_rows_does_not_fit_the_public_ones() {
    let (circuit, honest, public) = honest(20);
    let changes: [fn(&mut Vec<Row>); 4] = [
        |rows| rows[3].label = 1 - rows[3].label,
        |rows| rows[3].inputs[0] += 1,
        |rows| rows[3].counts = false,
        |rows| rows.swap(3, 4),
    ];
    for change in changes {
        let mut rows = honest.clone();
        change(&mut rows);
        assert!(!accepts(&circuit.clone().with_rows(&rows).unwrap(), &public));
    }
}

#[test]
fn rows_that_share_a_cell_which_others_do_not_are_refused() {
    let mut sheet = Sheet::default();
    let shared = sheet.witness(Fr::ONE);
    for row in 0..3 {
        let own = sheet.witness(Fr::from(row));
        let inputs = if row == 0 { [shared, shared] } else { [shared, own] };
        crate::layers::dense::constrain(&mut sheet, &inputs, &[vec![3, -2]], &[5], &[0]);
    }
    assert_eq!(Folds::new(&mut sheet, 3).unwrap_err(), ScoreError::Uneven { row: 1 });
}

#[test]
fn rows_of_other_numbers_of_cells_or_products_are_refused() {
    let refusal = |widths: &[usize]| {
        let mut sheet = Sheet::default();
        for width in widths {
            let inputs: Vec<_> = (0..*width as u64).map(|i| sheet.witness(Fr::from(i))).collect();
            crate::layers::dense::constrain(&mut sheet, &inputs, &[vec![3; *width]], &[5], &[0]);
        }
        Folds::new(&mut sheet, 3).err()
    };
    assert_eq!(refusal(&[2, 2, 2]), None);
    assert_eq!(refusal(&[2, 2, 3]), Some(ScoreError::Uneven { row: 2 }));
    assert_eq!(refusal(&[2; 7]), Some(ScoreError::Uneven { row: 3 }), "a product that belongs to no row");
}

/// One product over three rows, with free outputs: `y = 3 x_0 - 2 x_1 + 5`.
#[derive(Clone)]
struct Bare([i64; 3]);

impl Bare {
    fn written(&self) -> (Sheet, Frame, Folds) {
        let mut sheet = Sheet::default();
        for (row, output) in [[1, 2], [10, 0], [-4, 7]].into_iter().zip(self.0) {
            let integer = |v: i64| to_field(i128::from(v));
            let inputs = row.map(|v| sheet.witness(integer(v)));
            let claim = [i128::from(output)];
            crate::layers::dense::constrain(&mut sheet, &inputs, &[vec![3, -2]], &[5], &claim);
        }
        let folds = Folds::new(&mut sheet, 3).unwrap();
        let frame = Frame::new(&sheet, Class::default()).unwrap();
        (sheet, frame, folds)
    }
}

impl Circuit<Fr> for Bare {
    type Config = AuditConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Class;

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn params(&self) -> Class {
        Class::default()
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, class: Class) -> AuditConfig {
        AuditConfig::configure(meta, class)
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> AuditConfig {
        Self::configure_with_params(meta, Class::default())
    }

    fn synthesize(&self, config: AuditConfig, layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let (sheet, frame, folds) = self.written();
        let key = frame.clone();
        lay_out((&sheet, &frame, &folds), (&key, None), &config, layouter)
    }
}

#[test_case([4, 35, -21], true; "honest")]
#[test_case([5, 35, -21], false; "wrong in the first row")]
#[test_case([4, 36, -21], false; "wrong in the second row")]
#[test_case([4, 35, -22], false; "wrong in the last row")]
#[test_case([5, 34, -21], false; "wrong in two rows, with the right sum")]
#[test_case([35, 4, -21], false; "outputs of each other")]
#[test_case([0, 0, 0], false; "nothing")]
fn a_fold_tells_rows_apart(outputs: [i64; 3], accept: bool) {
    let result = MockProver::run(11, &Bare(outputs), vec![vec![]]).unwrap().verify();
    assert_eq!(result.is_ok(), accept, "{result:?}");
}

#[test]
fn rows_that_the_model_does_not_take_are_refused() {
    let row = |inputs| Row { inputs, label: 0, counts: true };
    let said = |inputs| keygen().with_rows(&[row(vec![0]), row(inputs)]).unwrap_err().to_string();
    assert_eq!(said(vec![0, 1]), "input has 2 numbers: expected 1");
    assert!(said(vec![1 << 60]).starts_with("input 0 is 1152921504606846976"));
}

const BARE_K: u32 = 11;
const FACTOR: Named<Bare> = |config| config.score.factor;
const PRODUCT: Named<Bare> = |config| config.score.product;
const ITEM: Named<Bare> = |config| config.item;
/// The last column that copies reach.
const FOLD: Named<Bare> = |_| {
    let mut meta = ConstraintSystem::default();
    AuditConfig::configure(&mut meta, Class::default());
    let columns = meta.permutation().get_columns();
    columns.last().copied().unwrap().try_into().unwrap()
};

#[test]
fn no_cell_of_the_folds_is_free() {
    let honest = Bare([4, 35, -21]);
    let (_, frame, folds) = honest.written();
    // one output, two inputs, a bias; three cells each
    let runs = folds.runs.len();
    assert_eq!((runs, folds.length, frame.rows.dense), (4, 3, 5));
    for (column, rows, name) in
        [(FACTOR, 5, "factor"), (PRODUCT, 6, "product"), (ITEM, 3 * runs, "item"), (FOLD, 3 * runs, "fold")]
    {
        let now = written(&honest, BARE_K, column);
        for (row, value) in now.into_iter().enumerate().take(rows) {
            let lie = Overwritten::new(&honest, [(column, row, value + Fr::from(7))]);
            assert!(!lie.is_accepted(BARE_K), "{name} of row {row}");
        }
        assert!(Overwritten::new(&honest, [(column, 3 * runs, Fr::from(7))]).is_accepted(BARE_K), "{name} behind all");
    }
}

/// Factor and product are those of the true outputs, the folds are of others: only the copies of the factors tell.
#[test]
fn a_factor_is_the_end_of_its_fold() {
    let [honest, lying] = [Bare([4, 35, -21]), Bare([5, 35, -21])];
    let [factors, products] = [FACTOR, PRODUCT].map(|column| written(&honest, BARE_K, column));
    let cells = |column: Named<Bare>, values: &[Fr], rows: usize| {
        values.iter().take(rows).enumerate().map(|(row, value)| (column, row, *value)).collect::<Vec<_>>()
    };
    let all = [cells(FACTOR, &factors, 4), cells(PRODUCT, &products, 6)].concat();
    assert!(Overwritten::new(&honest, all.clone()).is_accepted(BARE_K));
    assert!(!Overwritten::new(&lying, []).is_accepted(BARE_K));
    assert!(Overwritten::new(&lying, all).breaks_copies_only(BARE_K));
}
