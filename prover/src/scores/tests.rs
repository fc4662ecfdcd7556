//! Models that cannot be compiled, and models of other circuits.

use super::*;
use crate::compile::SAMPLE_PLAN;
use crate::engine::AuditTask;
use alloy::primitives::keccak256;
use std::path::Path;

/// A model of one layer, without touching ONNX.
fn record(scores: &Scores, srs: &Srs, id: Option<B256>, made_with: &str) -> ModelInfo {
    let sample = sample().unwrap();
    let keys = keys(&scores.dir, srs, "sample", &sample).unwrap();
    let KeySource::Data(key) = &keys.source else { unreachable!("a score class") };
    let info = ModelInfo {
        model_id: id.unwrap_or(key.model_id()),
        structure_id: key.structure_id(),
        class_id: key.class_id,
        name: "sample".into(),
        plan: SAMPLE_PLAN.into(),
        key: key.bytes().into(),
        inputs: 1,
        outputs: 1,
        facts: 1,
        window_blocks: 1,
        calibration: None,
        keygen_s: 0.0,
        key_mb: 0.0,
        expected: None,
        proofs_left: None,
        precision: 16,
        layers: vec![],
        card: Card::default(),
    };
    let record = Record { info: info.clone(), model: (*sample.model).clone(), made_with: made_with.into(), salt: None };
    let mut batch = Batch::default();
    batch.put(Column::Models, info.model_id.as_slice(), serde_json::to_vec(&record).unwrap());
    scores.db.write(batch).unwrap();
    info
}

#[test]
fn model_stored_under_other_circuits_is_named_with_both_ids_before_proving() {
    let dir = tempfile::tempdir().unwrap();
    let keys = std::env::temp_dir().join("vouch-test-srs");
    let srs = Srs::development(&keys, score::CLASSES[4].k).unwrap();
    let db = Db::open(dir.path()).unwrap();
    let open = || Scores::open(db.clone(), keys.clone(), srs.clone()).unwrap();
    let old = B256::repeat_byte(0x0d);
    let now = record(&open(), &srs, None, "other sources").model_id;
    record(&open(), &srs, Some(old), "other sources");

    let scores = open();
    let ask = |model| scores.questions(model, Address::ZERO, 10);
    let said = ask(old).unwrap_err().to_string();
    let expected = format!(
        "model sample: stored as model {old}, but with these circuits and this reference string it is model {now}: "
    );
    assert!(said.starts_with(&expected), "{said}");
    // Whatever the record says it was made with, the same id is the same model.
    assert_eq!(ask(now).unwrap().len(), 1);
    let task = ScoreTask {
        chain_id: 31_337,
        model: old,
        subject: Address::ZERO,
        as_of: 10,
        payee: Address::ZERO,
        roots: vec![],
        private: None,
    };
    assert_eq!(scores.prove(&task).unwrap_err().to_string(), said);
}

#[test]
fn model_that_cannot_be_compiled_is_named_with_its_fault() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let read = |path: &str| std::fs::read(folder.join(path)).unwrap();
    let text = |path: &str| String::from_utf8(read(path)).unwrap();
    let new = |onnx: Vec<u8>, plan: String| NewModel {
        name: "m".into(),
        plan,
        onnx,
        calibration: None,
        salt: None,
        about: None,
        training: None,
        precision: Default::default(),
    };
    let said = |new: NewModel| compile(&new).err().map(|e| e.to_string());
    assert_eq!(said(new(read("risk/model.onnx"), text("risk/plan.toml"))), None);
    let width =
        "model m: model input has 16 numbers: the plan makes 9 features; export with batch 1, or change the plan";
    assert_eq!(said(new(read("risk/model.onnx"), text("logistic/plan.toml"))).as_deref(), Some(width));
    let short = read("risk/model.onnx")[..1_000].to_vec();
    assert!(said(new(short, text("risk/plan.toml"))).unwrap().starts_with("model m: "));
    assert!(said(new(read("risk/model.onnx"), "blocks = 3".into())).unwrap().starts_with("model m: "));
}

/// The sample model with private weights, added to `scores`.
fn private(scores: &Scores, salt: Option<Salt>) -> ModelInfo {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/logistic");
    let onnx = std::fs::read(folder.join("model.onnx")).unwrap();
    let plan = std::fs::read_to_string(folder.join("plan.toml")).unwrap();
    scores
        .add(&NewModel {
            name: "private".into(),
            plan,
            onnx,
            calibration: None,
            salt,
            about: None,
            training: None,
            precision: Default::default(),
        })
        .unwrap()
}

#[test]
fn private_weights_have_an_id_for_each_salt_and_a_count_that_lasts() {
    let dir = tempfile::tempdir().unwrap();
    let keys = std::env::temp_dir().join("vouch-test-srs");
    let srs = Srs::development(&keys, score::CLASSES[4].k).unwrap();
    let db = Db::open(dir.path()).unwrap();
    let open = || Scores::open(db.clone(), keys.clone(), srs.clone()).unwrap();
    let scores = open();
    let [public, one, other] = [None, Some(Salt([1; 32])), Some(Salt([2; 32]))].map(|salt| private(&scores, salt));
    assert!(public.structure_id == one.structure_id && one.structure_id == other.structure_id);
    assert!(public.model_id != one.model_id && one.model_id != other.model_id);
    assert_eq!(private(&scores, Some(Salt([1; 32]))).model_id, one.model_id);

    let left = |scores: &Scores, id| scores.models().into_iter().find(|m| m.model_id == id).unwrap().proofs_left;
    assert_eq!(left(&scores, public.model_id), None);
    let whole = left(&scores, one.model_id).unwrap();

    let (model, plan) = crate::score::tests::example("logistic");
    let circuit = crate::score::tests::circuit(&model, &plan);
    let instances = circuit.instances();
    let facts = crate::score::tests::facts(&plan);
    let task = ScoreTask {
        chain_id: instances.chain_id,
        model: one.model_id,
        subject: instances.subject.into(),
        as_of: instances.as_of,
        payee: instances.payee.into(),
        roots: vec![(word(&instances.roots[0]), facts)],
        private: None,
    };
    let proof = scores.prove(&task).unwrap();
    scores.verify(&task, &proof).unwrap();
    assert_eq!(left(&scores, one.model_id), Some(whole - 1));
    // the count and the salt outlive the process
    assert_eq!(left(&open(), one.model_id), Some(whole - 1));
    open().prove(&task).unwrap();
    assert_eq!(left(&scores, one.model_id), Some(whole - 2));
    assert_eq!(left(&scores, other.model_id), Some(whole));
    // the proof of one salt is none of the other
    assert!(scores.verify(&ScoreTask { model: other.model_id, ..task }, &proof).is_err());
}

/// A salted network on its 256 held-out rows: each part is one proof of the budget, and what is verified has no weights.
#[test]
fn an_audit_of_private_weights_is_counted_part_by_part() {
    let dir = tempfile::tempdir().unwrap();
    let keys = std::env::temp_dir().join("vouch-test-srs");
    let srs = Srs::development(&keys, score::CLASSES[4].k).unwrap();
    let db = Db::open(dir.path()).unwrap();
    let scores = Scores::open(db.clone(), keys, srs.clone()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/risk");
    let text = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    let (plan, data) = (text("plan.toml"), text("calibrate.csv"));
    let onnx = std::fs::read(folder.join("model.onnx")).unwrap();
    let (salt, calibration) = (Some(Salt([3; 32])), Some(data.clone()));
    let info = scores
        .add(&NewModel {
            name: "risk".into(),
            plan,
            onnx,
            calibration,
            salt,
            about: None,
            training: None,
            precision: Default::default(),
        })
        .unwrap();
    let whole = info.proofs_left.unwrap();
    let left = || scores.models()[0].proofs_left.unwrap();

    let model = info.model_id;
    let task = |part, at_least| AuditTask {
        model,
        data: data.clone(),
        label: "label".into(),
        threshold: None,
        at_least,
        part,
    };
    let said = scores.audit(&task(0, 0.95)).unwrap_err().to_string();
    assert!(said.ends_with("how many is not said, and this was one proof of the salt's budget"), "{said}");
    assert!(!said.contains("230"), "{said}");
    assert_eq!(left(), whole - 1, "a refusal tells of the weights");

    let first = scores.audit(&task(0, 0.89)).unwrap();
    let mut audit = first.audit.unwrap();
    audit.parts.push(first.part);
    for part in 1..first.parts {
        audit.parts.push(scores.audit(&task(part, 0.89)).unwrap().part);
    }
    assert_eq!(left(), whole - 1 - first.parts as u64);
    let verified = crate::audit::verify(&audit, &data, &srs, Default::default(), |_, _| ()).unwrap();
    assert_eq!((verified.model_id, verified.right, verified.rows), (model, 230, 256));

    let said = scores.audit(&task(first.parts, 0.89)).unwrap_err().to_string();
    assert!(said.ends_with(&format!("expected a part below {0}, got {0}", first.parts)), "{said}");
    // a budget with room for all parts but one
    let weights = keccak256(&info.key[info.key.len() - 8 * crate::model_key::POINT_BYTES..]);
    let mut batch = Batch::default();
    let made = whole - first.parts as u64 + 1;
    batch.put(Column::Meta, [b"proofs of ".as_slice(), weights.as_slice()].concat(), made.to_be_bytes());
    db.write(batch).unwrap();
    let said = scores.audit(&task(0, 0.89)).unwrap_err().to_string();
    let (parts, few) = (first.parts, first.parts - 1);
    assert!(
        said.contains(&format!("it takes {parts} proofs, and the salt hides the weights for {few} more")),
        "{said}"
    );
    assert_eq!(left(), few as u64);
}
