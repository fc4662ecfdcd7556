//! Models that cannot be compiled, and models of other circuits.

use super::*;
use crate::compile::SAMPLE_PLAN;
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
    };
    let record = Record { info: info.clone(), model: (*sample.model).clone(), made_with: made_with.into() };
    let mut batch = Batch::default();
    batch.put(Column::Models, info.model_id.as_slice(), serde_json::to_vec(&record).unwrap());
    scores.db.write(batch).unwrap();
    info
}

#[test]
fn model_stored_under_other_circuits_is_named_with_both_ids_before_proving() {
    let dir = tempfile::tempdir().unwrap();
    let keys = std::env::temp_dir().join("vouch-test-srs");
    let srs = Srs::development(&keys, score::class().k).unwrap();
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
    };
    assert_eq!(scores.prove(&task).unwrap_err().to_string(), said);
}

#[test]
fn model_that_cannot_be_compiled_is_named_with_its_fault() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let read = |path: &str| std::fs::read(folder.join(path)).unwrap();
    let text = |path: &str| String::from_utf8(read(path)).unwrap();
    let new = |onnx: Vec<u8>, plan: String| NewModel { name: "m".into(), plan, onnx, calibration: None };
    let said = |new: NewModel| compile(&new).err().map(|e| e.to_string());
    assert_eq!(said(new(read("risk/model.onnx"), text("risk/plan.toml"))), None);
    let width =
        "model m: model input has 16 numbers: the plan makes 9 features; export with batch 1, or change the plan";
    assert_eq!(said(new(read("risk/model.onnx"), text("logistic/plan.toml"))).as_deref(), Some(width));
    let short = read("risk/model.onnx")[..1_000].to_vec();
    assert!(said(new(short, text("risk/plan.toml"))).unwrap().starts_with("model m: "));
    assert!(said(new(read("risk/model.onnx"), "blocks = 3".into())).unwrap().starts_with("model m: "));
}
