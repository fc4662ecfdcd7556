//! From files to an integer program and its keys.

use crate::draw::{self, View};
use crate::engine::{Adding, EngineError, NewModel};
use crate::expected::Expected;
use crate::keys::Keys;
use crate::onnx::{self, FloatModel};
use crate::score::{self, ScoreKeysError};
use crate::srs::Srs;
use std::path::Path;
use std::sync::Arc;
use vouch_circuits::model::{Activation, Architecture, Dense, Model};
use vouch_circuits::plan::Plan;
use vouch_circuits::score::{Class, ScoreCircuit, ScoreError, salt::Salt};

fn prover(e: impl std::fmt::Display) -> EngineError {
    EngineError::Prover { detail: e.to_string() }
}

/// A compiled model that is not stored.
pub struct Compiled {
    /// The integer program.
    pub model: Arc<Model>,
    /// The plan.
    pub plan: Arc<Plan>,
    /// Float against integers, if rows were given.
    pub report: Option<onnx::Report>,
    /// The rows.
    pub rows: onnx::Calibration,
    /// Fraction bits of each value, inputs first; none: all have the same.
    pub scales: Vec<u32>,
    /// With one, the weights are private.
    pub salt: Option<Salt>,
}

impl Compiled {
    /// The layers with their scales and, if the weights are public, the ranges of their values on the rows.
    ///
    /// # Errors
    /// [`EngineError::Prover`] if a row does not fit; it does not happen to rows that were compiled.
    pub fn views(&self) -> Result<Vec<View>, EngineError> {
        let rows = if self.salt.is_some() { &[][..] } else { &self.rows.rows };
        draw::views(&self.model, rows, &self.scales).map_err(prover)
    }

    /// What a data scientist asks before keys are made: sizes, errors and quality of the integers, and how full the circuit is.
    ///
    /// # Errors
    /// [`EngineError::Model`] if model and plan do not fit each other or the class.
    pub fn summary(&self, name: &str) -> Result<Vec<String>, EngineError> {
        let refuse = |e: ScoreError| EngineError::Model { name: name.to_owned(), detail: e.to_string() };
        let circuit = ScoreCircuit::keygen(self.model.clone(), self.plan.clone()).map_err(refuse)?;
        let rows = circuit.rows().map_err(|e| refuse(e.into()))?;
        let (features, facts) = (self.plan.features.len(), self.plan.facts.len());
        let (layers, outputs) = (self.model.layers.len(), self.model.outputs.len());
        let mut lines = vec![format!("{features} features of {facts} facts, {layers} layers, {outputs} outputs")];
        if self.plan.private.count > 0 {
            lines.push(format!("{} private inputs of {} bits", self.plan.private.count, self.plan.private.bits));
        }
        if let Some(d) = &self.plan.disclose {
            let (side, bound) = (if d.above { "above" } else { "below" }, vouch_circuits::fixed::to_real(d.bound));
            lines.push(format!("public is only whether output {} is {side} {bound}", d.output));
        }
        if let Some(report) = &self.report {
            let onnx::Report { rows, max_abs_error, mean_abs_error, .. } = report;
            lines.push(format!(
                "integers against floats on {rows} rows: at most {max_abs_error:.1e} apart, {mean_abs_error:.1e} in the mean"
            ));
            if let (Some(most), Some(mean)) = (report.max_relative_error, report.mean_relative_error) {
                lines.push(format!("of the range of the output: at most {most:.1e}, {mean:.1e} in the mean"));
            }
            let pairs = [
                ("accuracy", report.float_accuracy, report.integer_accuracy),
                ("AUC", report.float_auc, report.integer_auc),
            ];
            for (what, float, integer) in pairs {
                if let (Some(float), Some(integer)) = (float, integer) {
                    lines.push(format!("{what} {float:.4} as floats, {integer:.4} as integers"));
                }
            }
        }
        lines.push(format!(
            "class {}: {} cells of arithmetic; of {} rows {} ranges, {} tables, {} weights; {} rows of hashes",
            circuit.class().name,
            rows.gate,
            rows.glue,
            rows.range,
            rows.tables,
            rows.dense,
            rows.hash
        ));
        lines.extend(Expected::of(circuit.class().k).map(|expected| expected.line()));
        lines.extend(self.report.as_ref().and_then(onnx::Report::warning));
        Ok(lines)
    }
}

/// From an ONNX file and a plan to the integer program.
///
/// # Errors
/// [`EngineError::Model`] names the node and op, or the entry of the plan, that is at fault.
pub fn compile(new: &NewModel) -> Result<Compiled, EngineError> {
    compile_with(new, &|_| ())
}

/// The same; `tell` hears of each step as it begins.
///
/// # Errors
/// As [`compile`]; also if model and plan do not fit each other or any class.
pub fn compile_with(new: &NewModel, tell: &dyn Fn(Adding)) -> Result<Compiled, EngineError> {
    tell(Adding::Import);
    let refuse = |e: String| EngineError::Model { name: new.name.clone(), detail: e };
    let plan = Plan::parse(&new.plan).map_err(|e| refuse(e.to_string()))?;
    let mut float = FloatModel::import_wide(&new.onnx, plan.width()).map_err(|e| refuse(e.to_string()))?;
    float.check_inputs(plan.width()).map_err(|e| refuse(e.to_string()))?;
    float.private = plan.private;
    let names = plan.names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let rows = match &new.calibration {
        Some(text) => onnx::Calibration::parse(text, &names).map_err(|e| refuse(e.to_string()))?,
        None => onnx::Calibration::default(),
    };
    tell(Adding::Quantise);
    let quantised = onnx::quantise_at(&float, &rows, new.precision).map_err(|e| refuse(e.to_string()))?;
    let report = (!rows.rows.is_empty()).then_some(quantised.report);
    let (model, scales) = (Arc::new(quantised.model), quantised.scales);
    Ok(Compiled { model, plan: Arc::new(plan), report, rows, scales, salt: new.salt })
}

/// From an architecture and a plan to an integer program with meaningless weights: its keys have the structure id, and no model id.
///
/// # Errors
/// [`EngineError::Model`] if no model has this architecture, or the plan is refused.
pub fn compile_architecture(name: &str, architecture: &Architecture, plan: &str) -> Result<Compiled, EngineError> {
    let refuse = |e: String| EngineError::Model { name: name.to_owned(), detail: e };
    let plan = Plan::parse(plan).map_err(|e| refuse(e.to_string()))?;
    let model = architecture.model().map_err(|e| refuse(e.to_string()))?;
    let rows = onnx::Calibration::default();
    let (model, plan) = (Arc::new(model), Arc::new(plan));
    Ok(Compiled { model, plan, report: None, rows, scales: Vec::new(), salt: None })
}

/// Reads the keys of a compiled model from `dir`, or makes and stores them.
///
/// # Errors
/// [`EngineError::Model`] if model and plan do not fit the class, [`EngineError::Prover`] otherwise.
pub fn keys(dir: &Path, srs: &Srs, name: &str, compiled: &Compiled) -> Result<Keys, EngineError> {
    score::keys(dir, srs, &compiled.model, &compiled.plan, compiled.salt).map_err(|e| match e {
        ScoreKeysError::Score(e) => EngineError::Model { name: name.to_owned(), detail: e.to_string() },
        ScoreKeysError::Keys(e) => prover(e),
    })
}

/// The keys of [`sample`] in the class `size`: what its verifier is made of.
///
/// # Errors
/// [`EngineError::Prover`].
pub fn sample_keys(dir: &Path, srs: &Srs, size: Class) -> Result<Keys, EngineError> {
    let sample = sample()?;
    score::keys_in(dir, srs, size, &sample.model, &sample.plan).map_err(prover)
}

/// The plan of [`sample`].
pub(crate) const SAMPLE_PLAN: &str = r#"
blocks = { back = 0, every = 1 }
[[feature]]
name = "time"
source = { kind = "header", field = "timestamp", bits = "0..32", decimals = 9 }
make = "last"
"#;

/// A model that every class holds: the verifier contract of a class is the same for all of its models, so it can be made before any.
///
/// # Errors
/// [`EngineError::Model`]; it does not happen.
pub fn sample() -> Result<Compiled, EngineError> {
    let refuse = |e: String| EngineError::Model { name: "sample".into(), detail: e };
    let plan = Plan::parse(SAMPLE_PLAN).map_err(|e| refuse(e.to_string()))?;
    let layer = Dense {
        weights: vec![vec![1]],
        bias: vec![0],
        shift: Dense::SHIFTS[1],
        bits: 0,
        activation: Activation::Identity,
    };
    let model = Model::chain(1, [("sample".into(), layer)]).sized().map_err(|e| refuse(e.to_string()))?;
    Ok(Compiled {
        model: Arc::new(model),
        plan: Arc::new(plan),
        report: None,
        rows: onnx::Calibration::default(),
        scales: Vec::new(),
        salt: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snark::KeySource;

    #[test]
    fn a_summary_has_errors_quality_and_size() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/logistic");
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let onnx = std::fs::read(folder.join("model.onnx")).unwrap();
        let calibration = Some(text("calibrate.csv"));
        let new = NewModel {
            name: "logistic".into(),
            plan: text("plan.toml"),
            onnx,
            calibration,
            salt: None,
            about: None,
            training: None,
            precision: Default::default(),
        };
        let lines = compile(&new).unwrap().summary("logistic").unwrap();
        assert_eq!(lines[0], "9 features of 13 facts, 1 layers, 1 outputs");
        assert!(lines[1].starts_with("integers against floats on 256 rows: at most "), "{lines:?}");
        assert!(lines[2].starts_with("of the range of the output: at most "), "{lines:?}");
        assert!(lines[3].starts_with("accuracy 0.") && lines[4].starts_with("AUC 0."), "{lines:?}");
        assert!(lines[5].starts_with("class score_1") && lines[5].ends_with(" rows of hashes"), "{lines:?}");
        assert!(lines[6].starts_with("expected of a proof: ") && lines.len() == 7, "{lines:?}");
    }

    #[test]
    fn an_architecture_has_the_structure_id_of_its_model() {
        let dir = std::env::temp_dir().join("vouch-test-srs");
        let srs = Srs::development(&dir, score::CLASSES[0].k).unwrap();
        let sample = sample().unwrap();
        let text = serde_json::to_string(&Architecture::from(&*sample.model)).unwrap();
        let bare = compile_architecture("bare", &serde_json::from_str(&text).unwrap(), SAMPLE_PLAN).unwrap();
        let ids = [&sample, &bare].map(|compiled| {
            let KeySource::Data(key) = keys(&dir, &srs, "sample", compiled).unwrap().source else {
                unreachable!("a score class")
            };
            (key.structure_id(), key.model_id())
        });
        assert_eq!(ids[0].0, ids[1].0);
        assert_ne!(ids[0].1, ids[1].1);
    }
}
