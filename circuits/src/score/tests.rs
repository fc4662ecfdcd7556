//! The whole score circuit: accepted when true, rejected lie by lie, and one constraint system for all models.

use super::{sheet::Violation, *};
use crate::{
    facts::FactKind,
    fixed::ONE,
    layers::curve::Curve,
    model::{Activation, tests::random},
};
use halo2_base::halo2_proofs::dev::MockProver;
use rand::{Rng, SeedableRng, rngs::StdRng};

pub(super) mod columns;
mod disclosing;
mod gates;
mod meaning;
mod phases;

use gates::{Bare, gate};

const SUBJECT: [u8; 20] = [0xb1; 20];
const AS_OF: u64 = 2_000;

const PLAN: &str = r#"
blocks = { back = 30, every = 10 }
missing = -1.0
[[feature]]
name = "debt"
source = { kind = "mapping", contract = "0x00000000000000000000000000000000000000aa", slot = 2, key = "subject", bits = "128..256", decimals = 18 }
make = "mean"
[[feature]]
name = "collateral"
source = { kind = "mapping", contract = "0x00000000000000000000000000000000000000aa", slot = 2, key = "subject", bits = "0..128", decimals = 18 }
make = "min"
[[feature]]
name = "ratio"
source = { kind = "mapping", contract = "0x00000000000000000000000000000000000000aa", slot = 2, key = "subject", bits = "128..256", decimals = 18 }
make = "ratio"
over = "collateral"
[[feature]]
name = "balance"
source = { kind = "account", contract = "subject", field = "balance", decimals = 18 }
make = "max"
[[feature]]
name = "seconds"
source = { kind = "header", field = "timestamp", decimals = 3 }
make = "delta"
[[feature]]
name = "allowance"
source = { kind = "nested", contract = "0x00000000000000000000000000000000000000bb", slot = "0xff00000000000000000000000000000000000000000000000000000000000001", key = "subject", key2 = 7, bits = "0..64" }
make = "last"
"#;

fn plan() -> Arc<Plan> {
    Arc::new(Plan::parse(PLAN).unwrap())
}

fn mlp(seed: u64) -> Arc<Model> {
    Arc::new(random(&mut StdRng::seed_from_u64(seed), &[6, 8, 1], Activation::Curve(Curve::Sigmoid)))
}

fn word(rng: &mut StdRng, kind: FactKind) -> [u8; 32] {
    let mut word = [0; 32];
    let mut number = |at: usize, below: u128| {
        word[at..at + 16].copy_from_slice(&rng.gen_range(0..below).to_be_bytes());
    };
    match kind {
        FactKind::Mapping => {
            number(0, 20 * 10_u128.pow(18));
            number(16, 20 * 10_u128.pow(18));
        }
        FactKind::Header => number(16, 1 << 32),
        _ => number(16, 5 * 10_u128.pow(18)),
    }
    word
}

/// Two trees that hold the facts of the plan between them, among others.
fn trees(plan: &Plan) -> Vec<(FactTree, Vec<Fact>)> {
    let mut rng = StdRng::seed_from_u64(3);
    let keys = plan.resolve(SUBJECT, AS_OF).unwrap();
    let mut lists = [Vec::new(), Vec::new()];
    for (i, key) in keys.into_iter().enumerate() {
        lists[i % 2].push(key.holds(word(&mut rng, key.kind)));
    }
    lists.map(|facts| (FactTree::new(&facts).unwrap(), facts)).into()
}

fn request() -> Request {
    Request { chain_id: 31_337, payee: [0x99; 20], subject: SUBJECT, as_of: AS_OF }
}

fn circuit() -> ScoreCircuit {
    let plan = plan();
    let (roots, openings) = open(&plan, SUBJECT, AS_OF, &trees(&plan)).unwrap();
    assert_eq!(roots.len(), 2);
    ScoreCircuit::new(mlp(1), plan, &request(), &roots, &openings, &Secret::default()).unwrap()
}

#[test]
fn accepts_the_true_score() {
    let circuit = circuit();
    let instances = circuit.instances().to_fields();
    assert_eq!(circuit.sheet().violations(&instances), []);
    let output = model::output(circuit.instances().outputs[0]);
    assert!((0..=ONE).contains(&output), "{output}");
    MockProver::run(circuit.class.k, &circuit, vec![instances]).unwrap().assert_satisfied();
}

/// A model of one feature, twelve private inputs and six outputs.
fn private_circuit() -> ScoreCircuit {
    let text = "private = { name = \"x\", count = 12, bits = 30 }\n[[feature]]\nname = \"time\"\nmake = \"last\"\nsource = { \
                kind = \"header\", field = \"timestamp\", decimals = 9 }";
    let plan = Arc::new(Plan::parse(text).unwrap());
    let mut model = random(&mut StdRng::seed_from_u64(2), &[13, 6], Activation::Identity);
    model.private = plan.private;
    let (roots, openings) = open(&plan, SUBJECT, AS_OF, &trees(&plan)).unwrap();
    let secret = Secret { values: (0..12).map(|i| i * ONE / 2 - 3 * ONE).collect(), salt: Fr::from(5) };
    ScoreCircuit::new(Arc::new(model.sized().unwrap()), plan, &request(), &roots, &openings, &secret).unwrap()
}

#[test]
fn private_inputs_and_more_outputs_are_bound() {
    let circuit = private_circuit();
    let instances = circuit.instances().to_fields();
    assert!(instances[12..].iter().all(|v| *v != Fr::ZERO));
    assert_eq!(circuit.sheet().violations(&instances), []);
    MockProver::run(circuit.class.k, &circuit, vec![instances.clone()]).unwrap().assert_satisfied();
    for i in 0..instances.len() {
        let mut lie = instances.clone();
        lie[i] += Fr::ONE;
        assert_eq!(circuit.sheet().violations(&lie), [Violation::Instance(i)]);
    }
    // other inputs or another salt: what the commitment says, or what the model says, is no longer true
    let changes: [fn(&mut Secret); 3] =
        [|s| s.values[11] += 1, |s| s.salt += Fr::ONE, |s| s.values[0] = s.values[0].wrapping_add(1)];
    for change in changes {
        let mut lie = circuit.clone();
        change(&mut lie.secret);
        let found = lie.sheet().violations(&instances);
        assert!(found.contains(&Violation::Instance(12)), "{found:?}");
    }
    let mut large = circuit;
    large.secret.values[3] = 1 << 29;
    assert!(large.sheet().violations(&instances).iter().any(|v| matches!(v, Violation::Range(_))));
}

/// A plan of one word at the end of a path.
fn path_plan(steps: &str) -> Arc<Plan> {
    let text = format!(
        "[[feature]]\nname = \"x\"\nmake = \"last\"\nsource = {{ kind = \"path\", contract = \"0x{:040x}\", slot = 5, path = \
         [{steps}], decimals = 18 }}",
        0xbb
    );
    Arc::new(Plan::parse(&text).unwrap())
}

#[test]
fn a_path_is_opened_by_its_name() {
    let model = Arc::new(random(&mut StdRng::seed_from_u64(4), &[1, 2], Activation::Identity));
    let top = format!("{{ key = \"0xff{:062x}\" }}", 3);
    let paths = [
        format!("{top}, {{ key = \"subject\" }}, {{ words = 1 }}, \"elements\", {top}, {{ words = 2 }}"),
        "{ key = \"subject\" }, { words = 1 }".into(),
        format!("{top}, {{ key = 1 }}, {{ key = 2 }}"),
    ];
    for steps in &paths {
        let plan = path_plan(steps);
        let (roots, openings) = open(&plan, SUBJECT, AS_OF, &trees(&plan)).unwrap();
        let circuit =
            ScoreCircuit::new(model.clone(), plan, &request(), &roots, &openings, &Secret::default()).unwrap();
        let instances = circuit.instances().to_fields();
        assert_eq!(circuit.sheet().violations(&instances), [], "{steps}");
        let changes = [
            ("words = 1", "words = 2"),
            ("words = 2 }", "words = 3 }"),
            ("0xff", "0xfe"),
            ("\"elements\"", "{ key = 0 }"),
        ];
        let changes = changes.into_iter().chain([("key = 2", "key = 4"), ("\"subject\"", "7")]);
        for other in changes.map(|(from, to)| steps.replacen(from, to, 1)).filter(|other| other != steps) {
            let lie = ScoreCircuit { plan: path_plan(&other), ..circuit.clone() };
            assert!(only_gates(&lie.sheet().violations(&instances)), "{steps} read as {other}");
        }
    }
}

#[test]
fn plan_and_model_agree_on_private_inputs() {
    let circuit = private_circuit();
    let public = Arc::new(Model { private: Default::default(), ..(*circuit.model).clone() });
    let said = ScoreCircuit::keygen(public, circuit.plan.clone()).unwrap_err().to_string();
    assert_eq!(said, "the plan has 12 private inputs of 30 bits: the model expects 0 of 0");
    let (roots, openings) = open(&circuit.plan, SUBJECT, AS_OF, &trees(&circuit.plan)).unwrap();
    let none = Secret::default();
    let said = ScoreCircuit::new(circuit.model, circuit.plan, &request(), &roots, &openings, &none).unwrap_err();
    assert_eq!(said.to_string(), "0 private inputs: the plan has 12");
}

#[test]
fn each_public_input_is_bound() {
    let circuit = circuit();
    let instances = circuit.instances().to_fields();
    let sheet = circuit.sheet();
    for i in 0..instances.len() {
        let mut lie = instances.clone();
        lie[i] += Fr::ONE;
        assert_eq!(sheet.violations(&lie), [Violation::Instance(i)]);
    }
    let mut lie = instances;
    lie[8] += Fr::ONE;
    assert!(MockProver::run(circuit.class.k, &circuit, vec![lie]).unwrap().verify().is_err());
}

/// Runs the circuit with a damaged statement, everything else recomputed consistently.
fn broken(damage: impl FnOnce(&mut ScoreCircuit)) -> Vec<Violation> {
    let mut circuit = circuit();
    damage(&mut circuit);
    // outputs follow from the lie, so that only the lie itself is left to find
    let sheet = circuit.sheet();
    let instances: Vec<Fr> = sheet.public.iter().map(sheet::value).collect();
    sheet.violations(&instances)
}

fn only_gates(found: &[Violation]) -> bool {
    !found.is_empty() && found.iter().all(|v| matches!(v, Violation::Gate(_)))
}

#[test]
fn another_subject_needs_other_facts() {
    assert!(broken(|_| ()).is_empty());
    assert!(only_gates(&broken(|c| c.instances.subject[19] ^= 1)));
}

#[test]
fn another_block_needs_other_facts() {
    assert!(only_gates(&broken(|c| c.instances.as_of += 1)));
}

#[test]
fn another_value_is_not_under_the_root() {
    assert!(only_gates(&broken(|c| c.hints[0].low248 += Fr::ONE)));
    assert!(only_gates(&broken(|c| c.hints[1].top8 += Fr::ONE)));
}

#[test]
fn another_fact_of_the_tree_is_not_the_planned_one() {
    assert!(only_gates(&broken(|c| c.hints.swap(0, 2))));
}

#[test]
fn a_tree_of_another_root_is_refused() {
    assert!(only_gates(&broken(|c| c.hints[0].levels[3][2] += Fr::ONE)));
    let found = broken(|c| c.instances.roots = [Fr::ONE; MAX_ROOTS]);
    assert_eq!(found.len(), circuit().plan.facts.len());
}

#[test]
fn a_word_of_more_than_256_bits_is_refused() {
    // moves 2^248 from one part to the other: the leaf differs, and so does the range
    let found = broken(|c| c.hints[0].top8 = Fr::from(256));
    assert!(found.iter().any(|v| matches!(v, Violation::Range(_) | Violation::Copy(..))), "{found:?}");
}

#[test]
fn a_block_below_zero_is_refused() {
    let found = broken(|c| c.instances.as_of = 29);
    assert!(found.iter().any(|v| matches!(v, Violation::Range(_))), "{found:?}");
}

#[test]
fn the_mock_prover_finds_what_the_sheet_finds() {
    let lies: [fn(&mut ScoreCircuit); 3] =
        [|c| c.hints[0].low248 += Fr::ONE, |c| c.hints[0].top8 = Fr::from(256), |c| c.instances.as_of = 29];
    for damage in lies {
        let mut circuit = circuit();
        damage(&mut circuit);
        let sheet = circuit.sheet();
        let instances: Vec<Fr> = sheet.public.iter().map(sheet::value).collect();
        assert!(!sheet.violations(&instances).is_empty());
        assert!(MockProver::run(circuit.class.k, &circuit, vec![instances]).unwrap().verify().is_err());
    }
}

fn constraint_system() -> ConstraintSystem<Fr> {
    let mut meta = ConstraintSystem::default();
    ScoreConfig::configure(&mut meta, CLASSES[0]);
    meta
}

#[test]
fn the_constraint_system_is_narrow() {
    let meta = constraint_system();
    assert_eq!((meta.num_advice_columns(), meta.num_fixed_columns(), meta.num_selectors()), (6, 16, 0));
    assert!(meta.lookups().is_empty());
    assert_eq!(meta.permutation().get_columns().len(), 6);
}

/// The fixed columns of a circuit.
fn fixed(circuit: &ScoreCircuit) -> Vec<Vec<halo2_base::halo2_proofs::dev::CellValue<Fr>>> {
    let prover = MockProver::run(circuit.class.k, circuit, vec![circuit.instances().to_fields()]).unwrap();
    prover.fixed().clone()
}

#[test]
fn weights_stay_in_their_columns() {
    let circuit = circuit();
    let zero = ScoreCircuit::keygen(Arc::new(circuit.model.without_weights()), plan()).unwrap();
    let (a, b) = (fixed(&circuit), fixed(&zero));
    for (column, (a, b)) in a.iter().zip(&b).enumerate() {
        assert_eq!(a != b, ScoreConfig::WEIGHT_COLUMNS.contains(&column), "column {column}");
    }
}

#[test]
fn salt_fills_what_no_gate_reads() {
    let circuit = circuit();
    let dense = circuit.rows().unwrap().dense;
    let salted = |seed| circuit.clone().salted(Some(salt::Salt([seed; 32])));
    MockProver::run(circuit.class.k, &salted(1), vec![circuit.instances().to_fields()]).unwrap().assert_satisfied();
    let [public, one, again, other] = [circuit.clone(), salted(1), salted(1), salted(2)].map(|c| fixed(&c));
    assert_eq!(one, again);
    for (column, cells) in public.iter().enumerate() {
        let differ = |a: &[_], b: &[_]| a.iter().zip(b).filter(|(a, b)| a != b).count();
        let private = ScoreConfig::WEIGHT_COLUMNS.contains(&column);
        let rows = if private { circuit.budget().unwrap() as usize + 1 } else { 0 };
        assert_eq!(
            (differ(cells, &one[column]), differ(&one[column], &other[column])),
            (rows, rows),
            "column {column}"
        );
        assert_eq!(differ(&cells[..dense], &one[column][..dense]), 0, "column {column}");
    }
}

#[test]
fn one_salt_gives_two_models_other_numbers() {
    let salt = salt::Salt([7; 32]);
    let [a, b] = [1, 2].map(|seed| ScoreCircuit::keygen(mlp(seed), plan()).unwrap().salted(Some(salt)));
    let last = (1 << a.class.k) - 20;
    let (a, b) = (fixed(&a), fixed(&b));
    for column in ScoreConfig::WEIGHT_COLUMNS {
        assert_ne!(a[column][last], b[column][last], "column {column}");
    }
}

#[test]
fn no_fixed_column_is_zero() {
    use halo2_base::halo2_proofs::dev::CellValue;
    let zero = ScoreCircuit::keygen(Arc::new(mlp(1).without_weights()), plan()).unwrap();
    for (column, cells) in fixed(&zero).iter().enumerate() {
        let holds = |cell: &CellValue<Fr>| matches!(cell, CellValue::Assigned(v) if *v != Fr::ZERO);
        assert!(cells.iter().any(holds), "column {column}");
    }
}

#[test]
fn a_full_plan_and_model_take_the_class_that_holds_them() {
    let mut text = String::from("blocks = { back = 20, every = 10 }");
    for i in 0..24 {
        let make = ["mean", "min", "max"][i % 3];
        text += &format!(
            "\n[[feature]]\nname = \"f{i}\"\nmake = \"{make}\"\nsource = {{ kind = \"mapping\", contract = \"subject\", key = \"subject\", slot = {}, bits = \"0..128\", decimals = 18 }}",
            i % 16
        );
    }
    let plan = Arc::new(Plan::parse(&text).unwrap());
    assert_eq!(plan.facts.len(), 48);
    let model = random(&mut StdRng::seed_from_u64(5), &[24, 64, 32, 1], Activation::Curve(Curve::Sigmoid));
    let circuit = ScoreCircuit::keygen(Arc::new(model), plan).unwrap();
    assert_eq!(circuit.class().name, "score_15", "{:?}", circuit.rows());
    let what = circuit.clone().in_class(CLASSES[3]).unwrap_err().to_string();
    assert!(what.starts_with("Poseidon permutations: 16992 rows, expected at most 16359: "), "{what}");
}

#[test]
fn refuses_what_does_not_belong_together() {
    let plan = plan();
    let trees = trees(&plan);
    let (roots, openings) = open(&plan, SUBJECT, AS_OF, &trees).unwrap();
    let new = |roots: &[Fr], openings: &[Opening]| {
        ScoreCircuit::new(mlp(1), plan.clone(), &request(), roots, openings, &Secret::default())
            .map(|_| ())
            .map_err(|e| e.to_string())
    };
    assert_eq!(new(&roots, &openings), Ok(()));
    assert_eq!(new(&[], &openings).unwrap_err(), "0 roots: expected 1 to 4");
    assert_eq!(new(&roots, &openings[1..]).unwrap_err(), "10 openings: the plan reads 11 facts");
    let message = "fact 1 of the plan (block 1990) is under none of the 1 roots given";
    assert_eq!(new(&roots[..1], &openings).unwrap_err(), message);
    let error = open(&plan, SUBJECT, AS_OF + 1, &trees).unwrap_err().to_string();
    assert_eq!(error, "fact 0 of the plan (block 2001) is under none of the 2 roots given");
    let narrow = Arc::new(random(&mut StdRng::seed_from_u64(1), &[5, 1], Activation::Identity));
    let error = ScoreCircuit::keygen(narrow, plan.clone()).unwrap_err().to_string();
    assert_eq!(error, "the plan makes 6 features: the model expects 5");
}
