//! An audit: accepted when true, refused lie by lie.

use super::*;
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

#[test]
fn accepts_the_true_count_of_a_whole_and_of_a_short_part() {
    let circuit = keygen();
    let Size { class, lanes } = circuit.size();
    assert_eq!((class.k, lanes), (11, 32));
    for (count, right) in [(32, 21), (7, 4)] {
        let rows = rows(&circuit, count);
        let circuit = circuit.clone().with_rows(&rows).unwrap();
        assert_eq!(circuit.count().unwrap(), right);
        let public = instances(&rows, lanes, right);
        MockProver::run(class.k, &circuit, public).unwrap().assert_satisfied();
    }
}

/// Lane, public input and what is added to it.
#[test_case(31, 1, Fr::ONE; "one more is right")]
#[test_case(31, 1, -Fr::ONE; "one less")]
#[test_case(0, 0, Fr::ONE; "the count begins at one")]
#[test_case(0, 2, -Fr::ONE; "a row does not count")]
#[test_case(5, 3, Fr::ONE; "another label")]
#[test_case(9, 4, Fr::from(4 * ONE as u64); "another row")]
#[test_case(20, 2, Fr::ONE; "a row counts twice")]
fn refuses_lies(lane: usize, row: usize, more: Fr) {
    let circuit = keygen();
    let rows = rows(&circuit, 32);
    let circuit = circuit.with_rows(&rows).unwrap();
    let mut public = instances(&rows, 32, circuit.count().unwrap());
    public[lane][row] += more;
    assert!(MockProver::run(11, &circuit, public).unwrap().verify().is_err());
}

/// A prover who knows better than its labels: each lie is a witness of its own, not only other public inputs.
#[test]
fn a_witness_of_other_rows_does_not_fit_the_public_ones() {
    let circuit = keygen();
    let honest = rows(&circuit, 32);
    let public = instances(&honest, 32, circuit.clone().with_rows(&honest).unwrap().count().unwrap());
    let changes: [fn(&mut Vec<Row>); 4] = [
        |rows| rows[3].label = 1 - rows[3].label,
        |rows| rows[3].inputs[0] += 1,
        |rows| rows[3].counts = false,
        |rows| rows.swap(3, 4),
    ];
    for change in changes {
        let mut rows = honest.clone();
        change(&mut rows);
        let lie = circuit.clone().with_rows(&rows).unwrap();
        assert!(MockProver::run(11, &lie, public.clone()).unwrap().verify().is_err());
    }
}

#[test]
fn public_inputs_that_mean_nothing_are_free_and_all_others_are_not() {
    let rows = rows(&keygen(), 32);
    let public = instances(&rows, 32, 5);
    assert_eq!(public.len(), 32);
    assert!(public.iter().all(|lane| lane.len() == 5 && lane[0] == Fr::ZERO && lane[2] == Fr::ONE));
    assert_eq!((public[30][1], public[31][1]), (Fr::ZERO, Fr::from(5)));
}

#[test]
fn rows_that_the_model_does_not_take_are_refused() {
    let row = |inputs| Row { inputs, label: 0, counts: true };
    let said = |inputs| keygen().with_rows(&[row(vec![0]), row(inputs)]).unwrap_err().to_string();
    assert_eq!(said(vec![0, 1]), "input has 2 numbers: expected 1");
    assert!(said(vec![1 << 60]).starts_with("input 0 is 1152921504606846976"));
}

#[test]
fn parts_are_shorter_where_lanes_are_longer() {
    let counts = super::super::CLASSES.map(lanes);
    assert_eq!(counts, [32, 32, 16, 8, 4, 2, 1, 1, 1]);
}
