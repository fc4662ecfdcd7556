//! Public and private weights on public and private inputs, and thresholds: real proofs, accepted by the Solidity verifier of the class.

use super::*;
use crate::opening::Opening;
use crate::score::tests as examples;
use std::path::Path;

fn model(scores: &Scores, name: &str, more: &str, salt: Option<Salt>) -> ModelInfo {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(name);
    let text = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    let onnx = std::fs::read(folder.join("model.onnx")).unwrap();
    let (plan, calibration) = (format!("{more}\n{}", text("plan.toml")), Some(text("calibrate.csv")));
    scores
        .add(&NewModel {
            name: name.into(),
            plan,
            onnx,
            calibration,
            salt,
            about: None,
            training: None,
            precision: Default::default(),
        })
        .unwrap()
}

fn task(model: &ModelInfo, private: Option<Opening>) -> ScoreTask {
    let plan = Plan::parse(&model.plan).unwrap();
    let request = examples::REQUEST;
    let facts = examples::facts(&plan);
    let tree = |facts: &[Fact]| word(&FactTree::new(facts).unwrap().root());
    ScoreTask {
        chain_id: request.chain_id,
        model: model.model_id,
        subject: request.subject.into(),
        as_of: request.as_of,
        payee: request.payee.into(),
        roots: if facts.is_empty() { vec![] } else { vec![(tree(&facts), facts)] },
        private,
    }
}

fn opening(values: [f64; 4]) -> Opening {
    let values = values.map(|v| (v * 65_536.0) as i64).to_vec();
    Opening::new(30, values, B256::with_last_byte(0x99)).unwrap()
}

/// 112,345 dollars a year and few debts.
const GOOD: [f64; 4] = [11.2345, 0.3456, 1.9876, 0.2211];

fn open(dir: &Path) -> Scores {
    let keys = std::env::temp_dir().join("vouch-test-srs");
    let srs = Srs::development(&keys, score::CLASSES[4].k).unwrap();
    Scores::open(Db::open(dir).unwrap(), keys, srs).unwrap()
}

/// | | chain inputs | private inputs |
/// |---|---|---|
/// | public weights | `logistic` | `affordability` |
/// | private weights | `logistic`, salted | `affordability`, salted |
#[test]
fn all_four_combinations_are_proven() {
    let dir = tempfile::tempdir().unwrap();
    let scores = open(dir.path());
    for (name, private) in [("logistic", None), ("affordability", Some(opening(GOOD)))] {
        let [public, one, other] =
            [None, Some(Salt([0xa1; 32])), Some(Salt([0xa2; 32]))].map(|salt| model(&scores, name, "", salt));
        assert!(public.structure_id == one.structure_id && one.structure_id == other.structure_id);
        assert!(public.model_id != one.model_id && one.model_id != other.model_id && one.key != other.key);
        let mut outputs = Vec::new();
        for model in [&public, &one] {
            let task = task(model, private.clone());
            let proof = scores.prove(&task).unwrap();
            scores.verify(&task, &proof).unwrap();
            let commitment = private.as_ref().map_or(B256::ZERO, |opening| opening.commitment);
            assert_eq!((proof.inputs, proof.instances[12]), (commitment, commitment));
            // another commitment, and the other salt's model
            let lie = ScoreProof { inputs: B256::with_last_byte(1), ..proof.clone() };
            assert!(scores.verify(&task, &lie).is_err());
            assert!(scores.verify(&ScoreTask { model: other.model_id, ..task.clone() }, &proof).is_err());
            // what is kept of the task says nothing of the inputs
            let kept = serde_json::to_string(&task).unwrap() + &format!("{task:?}");
            for value in private.iter().flat_map(|opening| &opening.values) {
                assert!(!kept.contains(&value.to_string()), "{value} in {kept}");
            }
            outputs.push(proof.outputs);
        }
        assert_eq!(outputs[0], outputs[1], "hidden or not, the weights are the same");
        let served = serde_json::to_string(&scores.models()).unwrap();
        assert!(!served.contains(&"a1".repeat(16)) && !served.contains("161,161,161"), "the salt is served");
    }
}

#[test]
fn a_threshold_tells_one_bit() {
    let dir = tempfile::tempdir().unwrap();
    let scores = open(dir.path());
    let whole = model(&scores, "affordability", "", None);
    let score = scores.prove(&task(&whole, Some(opening(GOOD)))).unwrap().outputs[0];
    assert!((1..65_536 / 5).contains(&score), "{score}");
    let text = |bound: i64| (bound as f64 / 65_536.0).to_string();
    let mut ids = vec![whole.model_id];
    let cases = [
        (format!("disclose = {{ above = {} }}", text(score - 1)), 65_536),
        (format!("disclose = {{ above = {} }}", text(score)), 0),
        (format!("disclose = {{ below = {} }}", text(score)), 0),
    ];
    for (entry, says) in cases {
        let model = model(&scores, "affordability", &entry, None);
        assert_eq!(model.outputs, 1);
        assert!(!ids.contains(&model.model_id) && model.structure_id != whole.structure_id);
        ids.push(model.model_id);
        let task = task(&model, Some(opening(GOOD)));
        let proof = scores.prove(&task).unwrap();
        scores.verify(&task, &proof).unwrap();
        assert_eq!((proof.outputs, proof.digest), ([says, 0, 0, 0], B256::ZERO));
        let score = word(&Fr::from(score as u64));
        assert!(!proof.instances.contains(&score), "the score is public");
        // the other answer, and the proof under another threshold
        let mut lie = proof.clone();
        lie.outputs[0] = 65_536 - says;
        assert!(scores.verify(&task, &lie).is_err());
        lie.instances = public_inputs(&task, &lie);
        assert!(scores.verify(&task, &lie).is_err());
        assert!(scores.verify(&ScoreTask { model: whole.model_id, ..task }, &proof).is_err());
    }
}
