//! The models of `models/`, each from its files: the integers are as close to the floats as `figures.json` says, and fit the class.
//! Some are proven. On random inputs, of any size that a model takes, its circuit gives what the native executor gives.

use halo2_base::halo2_proofs::{dev::MockProver, halo2curves::bn256::Fr};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::prelude::*;
use serde_json::Value;
use std::path::{Path, PathBuf};
use test_case::test_case;
use vouch_circuits::{
    facts::FactTree,
    fixed,
    model::{self, Model},
    plan::Private,
    score::{
        CLASSES, DEPLOYED, Request, ScoreCircuit, Secret,
        audit::{AuditCircuit, Row, Rule, instances},
        evaluate, open,
        sheet::{Cell, Sheet, value},
    },
};
use vouch_prover::{
    engine::{NewModel, Training},
    onnx::{Calibration, FloatModel, Precision, Report, quantise},
    score,
    scores::{Compiled, compile, keys},
    snark,
    srs::Srs,
};

/// Largest error of an output, as a share of the range of outputs.
const MAX_ERROR: f64 = 1e-3;
/// Random inputs for each model.
const CASES: usize = 10_000;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

fn text(name: &str, file: &str) -> String {
    std::fs::read_to_string(root().join(name).join(file)).unwrap()
}

fn onnx(name: &str) -> Vec<u8> {
    std::fs::read(root().join(name).join("model.onnx")).unwrap()
}

fn compiled(name: &str) -> Compiled {
    let calibration = Some(text(name, "calibrate.csv"));
    compile(&NewModel {
        name: name.into(),
        plan: text(name, "plan.toml"),
        onnx: onnx(name),
        calibration,
        salt: None,
        about: None,
        training: None,
        precision: Precision::NORMAL,
    })
    .unwrap()
}

fn names() -> Vec<String> {
    let folders = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap());
    let mut names: Vec<String> =
        folders.filter(|f| f.path().join("plan.toml").exists()).map(|f| f.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Range of what the float model says on the rows, over all outputs.
fn range(float: &FloatModel, rows: &[Vec<f64>]) -> f64 {
    let said: Vec<f64> = rows.iter().flat_map(|row| float.run(row)).collect();
    said.iter().copied().fold(f64::MIN, f64::max) - said.iter().copied().fold(f64::MAX, f64::min)
}

#[test]
fn scores_are_what_the_float_model_says() {
    let names = names();
    assert!(names.len() >= 2, "{names:?}");
    for name in names {
        let compiled = compiled(&name);
        let float = FloatModel::import_wide(&onnx(&name), compiled.plan.width()).unwrap();
        let allowed = MAX_ERROR * range(&float, &compiled.rows.rows);
        for (i, row) in compiled.rows.rows.iter().enumerate() {
            let inputs: Vec<i64> = row.iter().map(|v| fixed::from_real(*v)).collect();
            let integers: Vec<f64> = compiled.model.run(&inputs).unwrap().into_iter().map(fixed::to_real).collect();
            for (expected, got) in float.run(row).iter().zip(integers) {
                assert!((expected - got).abs() <= allowed, "{name}, row {i}: expected {expected}, got {got}");
            }
        }
        println!("{name}: {:?}", compiled.summary(&name).unwrap());
    }
}

/// `models/report.py` writes what this compares.
#[test]
fn figures_are_up_to_date() {
    for name in names() {
        let figures: Value = serde_json::from_str(&text(&name, "figures.json")).unwrap();
        let stated: Report = serde_json::from_value(figures["score"].clone()).unwrap();
        let got = compiled(&name).report.unwrap();
        assert_eq!(stated.rows, got.rows, "{name}");
        let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 5e-3,
            (a, b) => a == b,
        };
        let same = near(stated.float_accuracy, got.float_accuracy)
            && near(stated.integer_accuracy, got.integer_accuracy)
            && near(stated.float_auc, got.float_auc)
            && near(stated.integer_auc, got.integer_auc)
            && (stated.max_abs_error - got.max_abs_error).abs() < 1e-4;
        assert!(same, "{name}: figures.json has {stated:?}, got {got:?}");
        assert_eq!(got.warning(), None, "{name}");
        let training = Training::parse(&text(&name, "training.toml")).unwrap();
        let rows = |what: &str| figures["rows"][what].as_u64();
        assert_eq!(training.rows, rows("train").map(|count| count * rows("copies").unwrap_or(1)), "{name}");
        assert!(training.source.starts_with(figures["data"].as_str().unwrap()), "{name}: {}", training.source);
    }
}

#[test_case("credit"; "trees")]
#[test_case("guard"; "an autoencoder and products")]
#[test_case("amm"; "three outputs")]
#[test_case("digits"; "convolutions and argmax, private inputs")]
#[test_case("rhythm"; "a recurrent network")]
#[test_case("attention"; "a transformer block")]
#[test_case("direction"; "what a vault trades on")]
#[test_case("reputation"; "a logistic model")]
fn a_score_is_proven(name: &str) {
    let compiled = compiled(name);
    let directory = tempfile::tempdir().unwrap();
    let srs = Srs::development(directory.path(), CLASSES[DEPLOYED - 1].k).unwrap();
    let keys = keys(directory.path(), &srs, name, &compiled).unwrap();

    let request = Request { chain_id: 31_337, payee: [0x11; 20], subject: [0xb1; 20], as_of: 20_000 };
    let mut rng = StdRng::seed_from_u64(1);
    let mut word = || {
        let mut word = [0; 32];
        for half in word.chunks_mut(16) {
            half.copy_from_slice(&rng.gen_range(0..20 * 10_u128.pow(18)).to_be_bytes());
        }
        word
    };
    let facts: Vec<_> = compiled.plan.resolve(request.subject, request.as_of).unwrap();
    let facts: Vec<_> = facts.into_iter().map(|key| key.holds(word())).collect();
    let words: Vec<_> = facts.iter().map(|fact| fact.value).collect();
    // the columns of a row after its features
    let private = &compiled.rows.rows[0][compiled.plan.features.len()..];
    let values: Vec<i64> = private.iter().map(|v| fixed::from_real(*v)).collect();
    let (_, expected) = evaluate(&compiled.model, &compiled.plan, &words, &values).unwrap();
    let trees = if facts.is_empty() { vec![] } else { vec![(FactTree::new(&facts).unwrap(), facts)] };
    let (roots, openings) = open(&compiled.plan, request.subject, request.as_of, &trees).unwrap();
    let secret = Secret { values, ..Secret::default() };
    let circuit = ScoreCircuit::new(compiled.model, compiled.plan, &request, &roots, &openings, &secret).unwrap();
    let outputs = circuit.instances().outputs.map(vouch_circuits::model::output);
    assert_eq!(outputs[..expected.len()], expected);

    let mut proof = score::prove(&keys, circuit).unwrap();
    assert!(snark::verify(&keys.srs, keys.vk(), &keys.source, &proof));
    let other = proof.instances[0];
    proof.instances[8] += other;
    assert!(!snark::verify(&keys.srs, keys.vk(), &keys.source, &proof));
}

/// Every kind of layer can be audited: the true count is accepted, another one refused.
#[test]
fn audits_of_every_model() {
    for name in names() {
        let Compiled { model, plan, rows, .. } = compiled(&name);
        let rule = if model.outputs.len() == 1 { Rule::Nearest } else { Rule::Largest };
        let circuit = AuditCircuit::keygen(model.clone(), plan, rule, None).unwrap();
        let row = |(i, row): (usize, &Vec<f64>)| {
            let inputs: Vec<i64> = row.iter().map(|v| fixed::from_real(*v)).collect();
            let outputs = model.run(&inputs).unwrap();
            let label = (0..outputs.len().max(2) as i64).find(|label| rule.is_right(&outputs, *label)).unwrap_or(0);
            // every third label is wrong
            let wrong = (label + 1) % outputs.len().max(2) as i64;
            Row { inputs, label: if i % 3 == 0 { wrong } else { label }, counts: true }
        };
        let rows: Vec<Row> = rows.rows.iter().take(circuit.length()).enumerate().map(row).collect();
        let circuit = circuit.with_rows(&rows).unwrap();
        let count = circuit.count().unwrap();
        println!("{name}: {} rows a part, {count} of {} right", circuit.length(), rows.len());
        for (claim, accept) in [(count, true), (count + 1, false)] {
            let public = instances(&rows, circuit.length(), claim);
            let mock = MockProver::run(circuit.class().k, &circuit, vec![public]).unwrap();
            assert_eq!(mock.verify().is_ok(), accept, "{name}");
        }
    }
}

/// What the circuit makes of `inputs`; panics if its own values break one of its constraints.
fn in_circuit(model: &Model, inputs: &[i64]) -> (Vec<Fr>, usize) {
    let mut sheet = Sheet::default();
    let cells: Vec<Cell> = inputs.iter().map(|x| sheet.witness(fixed::to_field(i128::from(*x)))).collect();
    let outputs = model::constrain(&mut sheet, model, &cells);
    assert_eq!(sheet.violations(&[]), []);
    (outputs.iter().map(value).collect(), sheet.ctx.advice.len())
}

/// Inputs in the calibrated range and out of it: rows as they are, rows with some numbers moved near and far, numbers of any size that the
/// model takes, and its ends.
fn drawn(rng: &mut StdRng, model: &Model, rows: &[Vec<f64>]) -> Vec<i64> {
    let private = model.inputs - model.private.count;
    let ends = |i: usize| match i < private {
        true => (-fixed::FEATURE_MAX, fixed::FEATURE_MAX),
        false => (-(1 << (model.private.bits - 1)), (1 << (model.private.bits - 1)) - 1),
    };
    let row = &rows[rng.gen_range(0..rows.len())];
    let kind = rng.gen_range(0..5);
    let mut one = |(i, v): (usize, &f64)| {
        let (low, high) = ends(i);
        let v = fixed::from_real(*v).clamp(low, high);
        let size = rng.gen_range(0..52);
        let near = rng.gen_range(-(1_i64 << size)..=1 << size);
        match kind {
            0 => v,
            1 => v.saturating_add(rng.gen_range(-fixed::ONE..=fixed::ONE)).clamp(low, high),
            2 if rng.gen_bool(0.7) => v,
            2 | 3 => near.clamp(low, high),
            _ => [low, high, 0, 1, -1, fixed::ONE, v][rng.gen_range(0..7)],
        }
    };
    row.iter().enumerate().map(&mut one).collect()
}

/// Native executor and circuit are the same integers on random inputs, and every constraint of the circuit holds: on [`CASES`], or as
/// many as make `cells` cells.
fn agree(name: &str, model: &Model, rows: &[Vec<f64>], cells: usize) {
    let start = std::time::Instant::now();
    let (_, each) = in_circuit(model, &vec![0; model.inputs]);
    let cases = CASES.min((cells / each).max(8));
    (0..cases).into_par_iter().for_each(|i| {
        let inputs = drawn(&mut StdRng::seed_from_u64(i as u64), model, rows);
        let expected: Vec<Fr> =
            model.run(&inputs).unwrap().into_iter().map(|v| fixed::to_field(i128::from(v))).collect();
        assert_eq!(in_circuit(model, &inputs).0, expected, "{name}, case {i}: {inputs:?}");
    });
    println!("{name}: {cases} cases of {each} cells, {:.1} s", start.elapsed().as_secs_f64());
}

/// The ten shapes of `scripts/bench models`, if `models/shapes.py` has written them (`VOUCH_SHAPES` names another folder).
fn shapes() -> Vec<(String, Model, Vec<Vec<f64>>)> {
    let folder = std::env::var_os("VOUCH_SHAPES").map_or_else(|| root().join("../target/shapes"), PathBuf::from);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: no shapes in {}; models/shapes.py makes them", folder.display());
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "onnx"));
    files.sort();
    let shape = |file: PathBuf| {
        let mut float = FloatModel::import(&std::fs::read(&file).unwrap()).unwrap();
        float.private = Private { count: float.inputs, bits: 26 };
        let mut rng = StdRng::seed_from_u64(1);
        let rows: Vec<Vec<f64>> =
            (0..50).map(|_| (0..float.inputs).map(|_| rng.gen_range(0.0..1.0)).collect()).collect();
        let model = quantise(&float, &Calibration { rows: rows.clone(), labels: vec![] }).unwrap().model;
        (file.file_stem().unwrap().to_string_lossy().into_owned(), model, rows)
    };
    files.into_iter().map(shape).collect()
}

fn agree_all(cells: usize) {
    for name in names() {
        let compiled = compiled(&name);
        agree(&name, &compiled.model, &compiled.rows.rows, cells);
    }
    for (name, model, rows) in shapes() {
        agree(&name, &model, &rows, cells);
    }
}

#[test]
fn executor_equals_circuit_on_random_inputs() {
    agree_all(1_000_000);
}

#[test]
#[ignore = "five minutes of two cores; with the ten shapes in VOUCH_SHAPES half an hour"]
fn executor_equals_circuit_on_ten_thousand_random_inputs() {
    agree_all(usize::MAX);
}
