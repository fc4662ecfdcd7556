//! `vouch model add`: from an ONNX file to a model that the node proves and contracts know.

use super::NodeArg;
use super::client::Client;
use super::model::{PrecisionArg, lines, read, text};
use super::register::{self, RegisterArgs};
use super::report::Report;
use super::salt;
use super::threshold;
use alloy::primitives::B256;
use clap::{ArgGroup, Args};
use eyre::OptionExt;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use vouch_prover::engine::{Adding, NewModel, Training};
use vouch_prover::scores;

/// How often the node is asked how far it is.
const LOOK: Duration = Duration::from_millis(300);

/// A model to add.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples, the second with a model of this repository:\n  vouch model add model.onnx --plan plan.toml --calibrate rows.csv\n  \
    vouch model add models/risk/model.onnx --name risk --plan models/risk/plan.toml \\\n    --calibrate models/risk/calibrate.csv --training models/risk/training.toml\n  \
    VOUCH_SIGNER_KEY=0x… vouch model add model.onnx --plan plan.toml --registry 0x… --rpc http://127.0.0.1:8545\n\nIt imports, folds, quantises and \
    calibrates here, to say what is wrong and what a proof will cost, then on the node, which makes the keys. Without a registry and a key that pays, the \
    answer has the transaction that registers the model."
)]
#[command(group = ArgGroup::new("model_file").args(["file", "onnx"]).required(true))]
pub struct AddArgs {
    /// The node.
    #[command(flatten)]
    node: NodeArg,
    /// The ONNX file.
    #[arg(value_name = "MODEL.onnx")]
    file: Option<PathBuf>,
    /// The ONNX file, too.
    #[arg(long, value_name = "FILE")]
    onnx: Option<PathBuf>,
    /// A name for people; that of the file if it is left out.
    #[arg(long)]
    name: Option<String>,
    /// The plan (TOML): where each feature comes from.
    #[arg(long)]
    plan: PathBuf,
    /// Rows of features (CSV). They choose the scale of the weights, so the ids depend on them, and the float and the integer
    /// model are compared on them.
    #[arg(long, visible_alias = "calibrate")]
    calibration: Option<PathBuf>,
    /// Make the weights private: a file with 32 secret random bytes in hex, made if it is not there. Keep it: with the other files it
    /// gives the same model id again. The node counts proofs and refuses those beyond what the salt hides.
    #[arg(long, value_name = "FILE")]
    salt: Option<PathBuf>,
    /// Make only this public: whether the first output is above the number (1.0 or 0; a tie is a no). The same as `disclose` in the plan.
    #[arg(long, value_name = "NUMBER", conflicts_with = "below", allow_negative_numbers = true)]
    above: Option<f64>,
    /// Make only this public: whether the first output is below the number.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    below: Option<f64>,
    /// A text about the model (Markdown): purpose, limits. The node shows it to whoever asks.
    #[arg(long, value_name = "FILE")]
    about: Option<PathBuf>,
    /// What it was trained on (TOML or JSON): `source`, and if known `period`, `rows` and `hash`. The node shows it, too.
    #[arg(long, value_name = "FILE")]
    training: Option<PathBuf>,
    /// Its fraction bits.
    #[command(flatten)]
    precision: PrecisionArg,
    /// Where it is registered.
    #[command(flatten)]
    register: RegisterArgs,
}

impl AddArgs {
    /// All files read.
    fn new_model(&self) -> eyre::Result<NewModel> {
        let file = self.file.as_ref().or(self.onnx.as_ref()).ok_or_eyre("expected an ONNX file")?;
        let stem = || file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let training = self.training.as_deref().map(text).transpose()?;
        let training = training.map(|text| Training::parse(&text)).transpose();
        Ok(NewModel {
            name: self.name.clone().or_else(stem).ok_or_eyre("expected --name")?,
            onnx: read(file)?,
            plan: threshold::add(text(&self.plan)?, self.above, self.below)?,
            calibration: self.calibration.as_deref().map(text).transpose()?,
            salt: self.salt.as_deref().map(salt::read_or_make).transpose()?,
            about: self.about.as_deref().map(text).transpose()?,
            training: training.map_err(|e| eyre::eyre!("--training: {e}"))?,
            precision: self.precision.precision,
        })
    }
}

/// A bar over the steps; lines where there is no terminal.
#[derive(Clone)]
struct Steps {
    bar: ProgressBar,
    report: Report,
}

/// Steps that are made here, before those of the node.
const HERE: usize = 3;

impl Steps {
    fn new(report: Report, registers: bool) -> eyre::Result<Self> {
        let bar = ProgressBar::new((HERE + Adding::ALL.len() + usize::from(registers)) as u64);
        bar.set_style(ProgressStyle::with_template("[{elapsed}] [{bar:24}] {pos}/{len} {msg}")?);
        bar.enable_steady_tick(Duration::from_millis(200));
        Ok(Self { bar, report })
    }

    fn begin(&self, step: usize, words: &str) {
        if self.bar.message() == words {
            return;
        }
        self.bar.set_position(step as u64);
        self.bar.set_message(words.to_owned());
        if self.bar.is_hidden() {
            self.report.say(words);
        }
    }

    fn say(&self, line: &str) {
        self.bar.suspend(|| self.report.say(line));
    }

    /// What `GET /v1/adding` answered.
    fn node_is(&self, now: &Value, name: &str) {
        let stage = serde_json::from_value::<Adding>(now["stage"].clone());
        match (stage, now["name"].as_str()) {
            (Ok(stage), Some(adding)) if adding == name => {
                self.begin(HERE + stage as usize, &format!("the node: {}", stage.words()));
            }
            (Ok(_), Some(other)) => self.begin(HERE, &format!("the node adds model {other} first")),
            _ => {}
        }
    }
}

/// Adds, with progress.
pub async fn run(args: AddArgs, report: Report) -> eyre::Result<()> {
    let new = args.new_model()?;
    let client = Client::new(&args.node.node);
    let target = args.register.target(&client).await?;
    let name = new.name.clone();
    let body = json!({
        "name": new.name,
        "onnx": base64(&new.onnx),
        "plan": new.plan,
        "calibration": new.calibration,
        "about": new.about,
        "training": new.training,
        "precision": new.precision.bits(),
        "salt": new.salt.map(|salt| B256::from(salt.0)),
    });
    let steps = Steps::new(report, target.is_some())?;
    let here = steps.clone();
    let summary = tokio::task::spawn_blocking(move || {
        let tell = |stage: Adding| here.begin(stage as usize, stage.words());
        let compiled = scores::compile_with(&new, &tell)?;
        tell(Adding::Check);
        compiled.summary(&new.name)
    });
    summary.await??.iter().for_each(|line| steps.say(line));
    steps.begin(HERE, "the node: waiting for its turn");
    let adding = client.post("/v1/models", &body);
    tokio::pin!(adding);
    let mut look = tokio::time::interval(LOOK);
    let mut model = loop {
        tokio::select! {
            model = &mut adding => break model?,
            _ = look.tick() => {
                // a look that hangs must not keep the answer waiting
                if let Ok(Ok(now)) = tokio::time::timeout(LOOK * 10, client.get("/v1/adding")).await {
                    steps.node_is(&now, &name);
                }
            }
        }
    };
    if target.is_some() {
        steps.begin(HERE + Adding::ALL.len(), "registering");
    }
    let registration = register::run(target, args.register.registry, &model).await;
    steps.bar.finish_and_clear();
    // the model is in the node, whatever became of its registration
    let registration = match registration {
        Ok(registration) => registration,
        Err(e) => {
            report.result(&model, || lines(&model))?;
            return Err(e.wrap_err("the node has the model, but it is not registered; the same command tries again"));
        }
    };
    model["registration"] = serde_json::to_value(&registration)?;
    report.result(&model, || format!("{}{}", lines(&model), registration.words()))
}

/// Padded base64 of RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |i: usize| u32::from(group.get(i).copied().unwrap_or_default());
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= group.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command, model};
    use clap::Parser;

    fn parse(line: &str) -> Result<AddArgs, String> {
        match Cli::try_parse_from(line.split(' ')).map_err(|e| e.to_string())?.command {
            Command::Model(model::Command::Add(args)) => Ok(*args),
            other => Err(format!("expected add, got {other:?}")),
        }
    }

    #[test]
    fn one_line_is_enough() {
        let args = parse("vouch model add model.onnx --plan plan.toml --calibrate rows.csv").unwrap();
        assert_eq!(args.file, Some("model.onnx".into()));
        assert_eq!((args.plan, args.calibration), ("plan.toml".into(), Some("rows.csv".into())));
        let longer = "vouch model add --onnx model.onnx --name risk --plan plan.toml --calibration rows.csv";
        assert_eq!(parse(longer).unwrap().name.as_deref(), Some("risk"));
        assert!(parse("vouch model add --plan plan.toml").unwrap_err().contains("<MODEL.onnx|--onnx <FILE>>"));
        let twice = "vouch model add model.onnx --onnx model.onnx --plan plan.toml";
        assert!(parse(twice).unwrap_err().contains("cannot be used with"));
    }

    #[test]
    fn files_of_an_example_are_read_and_named_after_the_file() {
        let risk = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/risk");
        let line = format!(
            "vouch model add {risk}/model.onnx --plan {risk}/plan.toml --calibrate {risk}/calibrate.csv --training {risk}/training.toml"
        );
        let new = parse(&line).unwrap().new_model().unwrap();
        assert_eq!(new.name, "model");
        assert_eq!(new.training.unwrap().rows, Some(21_600));
        assert_eq!(parse(&format!("{line} --name risk")).unwrap().new_model().unwrap().name, "risk");
    }

    #[test]
    fn the_bar_says_what_the_node_does() {
        let steps = Steps::new(Report::new(false), true).unwrap();
        let now = |name: &str, stage: &str| steps.node_is(&json!({"name": name, "stage": stage}), "risk");
        now("risk", "keys");
        assert_eq!((steps.bar.position(), steps.bar.message()), (6, "the node: making the keys".into()));
        now("other", "import");
        assert_eq!((steps.bar.position(), steps.bar.message()), (3, "the node adds model other first".into()));
        steps.node_is(&Value::Null, "risk");
        assert_eq!(steps.bar.position(), 3);
    }

    #[test]
    fn base64_of_rfc_4648() {
        for (text, expected) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }
}
