//! A public logistic model on its 256 held-out rows: proven, verified, and refused lie by lie.

use super::{
    verify::{Demand, Verifier, verify},
    *,
};
use crate::compile::{Compiled, compile, keys};
use crate::engine::NewModel;
use crate::model_key::{point_bytes, points};
use crate::score;
use crate::snark::KeySource;
use crate::srs::Srs;
use std::path::Path;
use vouch_circuits::score::audit::{AuditCircuit, Row};

fn text(model: &str, file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(model);
    std::fs::read_to_string(folder.join(file)).unwrap()
}

fn compiled(name: &str) -> Compiled {
    let onnx = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(name).join("model.onnx"));
    let (plan, calibration) = (text(name, "plan.toml"), Some(text(name, "calibrate.csv")));
    compile(&NewModel {
        name: name.into(),
        plan,
        onnx: onnx.unwrap(),
        calibration,
        salt: None,
        about: None,
        training: None,
        precision: Default::default(),
    })
    .unwrap()
}

fn srs() -> Srs {
    Srs::development(&std::env::temp_dir().join("vouch-test-srs"), score::CLASSES[3].k).unwrap()
}

struct Made {
    audit: Audit,
    data: Data,
    circuit: AuditCircuit,
}

/// The audit of `name` on the rows that are kept with it.
fn made(name: &str, at_least: f64) -> Made {
    let compiled = compiled(name);
    let keys = keys(&std::env::temp_dir().join("vouch-test-srs"), &srs(), name, &compiled).unwrap();
    let KeySource::Data(key) = &keys.source else { unreachable!("a score class") };
    let data = Data::parse(&text(name, "calibrate.csv"), &compiled.plan.names(), "label").unwrap();
    let rule = data.rule(compiled.model.outputs.len(), None).unwrap();
    let circuit = AuditCircuit::keygen(compiled.model.clone(), compiled.plan.clone(), rule, None).unwrap();
    let start = std::time::Instant::now();
    let auditor = Auditor::new(&srs(), circuit.clone(), key).unwrap();
    println!("{name}: {}, {} rows a part, keys {:?}", circuit.class().name, circuit.length(), start.elapsed());
    let start = std::time::Instant::now();
    let parts: Vec<Part> = data.rows.chunks(auditor.length()).map(|rows| auditor.prove(rows).unwrap()).collect();
    println!("{name}: {} proofs of {} bytes, {:?}", parts.len(), parts[0].proof.len(), start.elapsed());
    let audit = Audit {
        model_id: key.model_id(),
        data_keccak: data.keccak,
        label: "label".into(),
        rule,
        at_least,
        plan: text(name, "plan.toml"),
        architecture: Architecture::from(&*compiled.model),
        weights: point_bytes(&key.weights).into(),
        parts,
    };
    Made { audit, data, circuit }
}

#[test]
fn an_audit_holds_without_weights_and_lies_do_not() {
    let csv = text("logistic", "calibrate.csv");
    let Made { audit, data, circuit } = made("logistic", 0.85);
    let (model, dir) = (compiled("logistic"), tempfile::tempdir().unwrap());
    let accuracy = model.report.unwrap().integer_accuracy.unwrap();

    // as a file, and back
    let path = dir.path().join("audit.json");
    std::fs::write(&path, serde_json::to_vec(&audit).unwrap()).unwrap();
    let audit: Audit = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let start = std::time::Instant::now();
    let mut seen = 0;
    let verified = verify(&audit, &csv, &srs(), Demand::default(), |_, _| seen += 1).unwrap();
    println!("verified in {:?}", start.elapsed());
    assert_eq!((verified.rows, verified.accuracy, seen), (256, accuracy, audit.parts.len()));
    assert_eq!((verified.model_id, verified.has_trees), (audit.model_id, false));

    let refused =
        |audit: &Audit, csv: &str, demand| verify(audit, csv, &srs(), demand, |_, _| ()).unwrap_err().to_string();
    let changed = |change: fn(&mut Audit)| {
        let mut audit = audit.clone();
        change(&mut audit);
        refused(&audit, &csv, Demand::default())
    };
    // the file says something else than its proofs
    let said = changed(|audit| drop(audit.parts.pop()));
    assert!(said.starts_with("audit: parts: expected "), "{said}");
    let said = changed(|audit| audit.parts[1] = audit.parts[0].clone());
    assert!(said.starts_with("part 2 of the audit does not verify"), "{said}");
    let said = changed(|audit| audit.parts[0].right += 1);
    assert!(said.starts_with("part 1 of the audit does not verify: its proof is not of rows 1 to "), "{said}");
    let said = changed(|audit| audit.model_id.0[0] ^= 1);
    assert!(said.starts_with("audit: model id of plan, architecture and weights"), "{said}");
    let said = changed(|audit| audit.plan = audit.plan.replace("missing = 0.0", "missing = 1.0"));
    assert!(said.starts_with("audit: model id of plan, architecture and weights"), "{said}");
    let said = changed(|audit| audit.rule = Rule::Threshold { output: 0, at: 7 });
    assert!(said.starts_with("audit: rule of right answers"), "{said}");
    let said = changed(|audit| audit.weights = vec![1; 512].into());
    assert_eq!(said, "audit: weight commitments: expected 8 points of the curve, got others");
    // other rows, or the same in another order
    let (head, rest) = csv.split_once('\n').unwrap();
    let (first, rest) = rest.split_once('\n').unwrap();
    let (second, rest) = rest.split_once('\n').unwrap();
    let swapped = format!("{head}\n{second}\n{first}\n{rest}");
    assert!(refused(&audit, &swapped, Demand::default()).starts_with("audit: hash of the rows"));
    // more than was asked for, or another threshold
    let demand = Demand { at_least: Some(0.999), threshold: None };
    assert!(
        refused(&audit, &csv, demand)
            .starts_with("the model answers 230 of 256 rows rightly, 0.8984: expected at least 0.999")
    );
    let demand = Demand { at_least: None, threshold: Some(0.25) };
    assert!(refused(&audit, &csv, demand).starts_with("audit: rule of right answers"));

    // the same lies with everything around them adjusted: the proof itself refuses
    let weights = points(&audit.weights).unwrap();
    let verifier = Verifier::new(&srs(), &circuit, &weights).unwrap();
    let length = circuit.length();
    let (rows, part) = (&data.rows[..length], &audit.parts[0]);
    assert!(verifier.accepts(rows, part));
    let lies: [fn(&mut Vec<Row>); 5] = [
        |rows| rows[0].label = 1 - rows[0].label,
        |rows| rows[5].inputs[2] += 1,
        |rows| rows.swap(0, 1),
        |rows| rows[1] = rows[0].clone(),
        |rows| rows[15].counts = false,
    ];
    for (i, lie) in lies.into_iter().enumerate() {
        let mut rows = rows.to_vec();
        lie(&mut rows);
        assert!(!verifier.accepts(&rows, part), "lie {i}");
    }
    assert!(!verifier.accepts(&data.rows[256 - length..], part), "other rows");
    assert!(!verifier.accepts(rows, &Part { right: part.right - 1, ..part.clone() }));
    // the weights of another model of the same structure
    let mut other = weights.clone();
    other.swap(0, 1);
    assert!(!Verifier::new(&srs(), &circuit, &other).unwrap().accepts(rows, part));
}
