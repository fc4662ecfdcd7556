//! Cost over the number of weights: each size in a process of its own, so that its peak memory is, and a drawing.

use eyre::{OptionExt, Result, WrapErr, ensure};
use plotters::prelude::*;
use serde_json::Value;
use std::{env, fs, path::Path, process::Command};

use crate::plot::{Axes, load_font, panel};

/// The lines of `bench_models scale I` for each `I` below `sizes`; they go to standard output, too.
pub fn measure(sizes: usize) -> Result<Vec<Value>> {
    let one = |i: usize| {
        let out = Command::new(env::current_exe()?).args(["scale", &i.to_string()]).output()?;
        ensure!(out.status.success(), "size {i}: {}", String::from_utf8_lossy(&out.stderr));
        let line: Value = serde_json::from_slice(&out.stdout).wrap_err_with(|| format!("size {i}"))?;
        println!("{line}");
        eprintln!("{}: {} CPU-s, {} MB", line["case"], line["prove_cpu_s"], line["peak_mb"]);
        Ok(line)
    };
    (0..sizes).map(one).collect()
}

/// Lines that were measured before.
pub fn read(path: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(path)?;
    text.lines().map(|line| serde_json::from_str(line).wrap_err("not a line of JSON")).collect()
}

/// Draws processor time, wall time, peak memory and key over weights to the PNG file `out`, on logarithmic axes.
pub fn draw(lines: &[Value], out: Option<&String>) -> Result<()> {
    let out = out.ok_or_eyre("expected a file to draw to")?;
    ensure!(lines.len() > 1, "a drawing needs two sizes");
    let points = |field: &str| -> Result<Vec<(f64, f64)>> {
        let number = |line: &Value, name: &str| line[name].as_f64().ok_or_eyre("a line has no such number");
        lines.iter().map(|line| Ok((number(line, "weights")?, number(line, field)?))).collect()
    };
    load_font()?;
    let root = BitMapBackend::new(out, (1200, 1000)).into_drawing_area();
    root.fill(&WHITE)?;
    let (upper, lower) = root.split_vertically(500);
    let axes = |y| Axes { x: "weights", base: 10.0, y };
    let (cpu, wall) = (points("prove_cpu_s")?, points("prove_wall_s")?);
    let series = [("CPU-s", BLUE, cpu.as_slice()), ("wall s", GREEN, wall.as_slice())];
    panel(&upper, "proving time of a score, private inputs", &axes("seconds"), &series, &[])?;
    let (memory, key) = (points("peak_mb")?, points("key_mb")?);
    let series = [("peak memory of the prover", RED, memory.as_slice()), ("proving key", BLACK, key.as_slice())];
    panel(&lower, "peak memory and proving key", &axes("MB"), &series, &[])?;
    root.present()?;
    Ok(())
}
