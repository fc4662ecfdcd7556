//! How far the integers of a model are from its floats on its calibration rows, as JSON: `models/report.py` keeps it.

use eyre::{OptionExt, WrapErr};
use std::path::PathBuf;
use vouch_prover::{engine::NewModel, scores::compile};

fn main() -> eyre::Result<()> {
    let folder = std::env::args().nth(1).map(PathBuf::from).ok_or_eyre("expected the folder of a model")?;
    let read = |file: &str| std::fs::read(folder.join(file)).wrap_err_with(|| format!("cannot read {file}"));
    let text = |file: &str| Ok::<_, eyre::Report>(String::from_utf8(read(file)?)?);
    let name = folder.display().to_string();
    let calibration = Some(text("calibrate.csv")?);
    let new = NewModel {
        name,
        plan: text("plan.toml")?,
        onnx: read("model.onnx")?,
        calibration,
        salt: None,
        about: None,
        training: None,
        precision: Default::default(),
    };
    let compiled = compile(&new)?;
    for line in compiled.summary(&new.name)? {
        eprintln!("{line}");
    }
    println!("{}", serde_json::to_string(&compiled.report.ok_or_eyre("no calibration rows")?)?);
    Ok(())
}
