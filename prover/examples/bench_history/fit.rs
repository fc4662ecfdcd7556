//! Cost against size: each size in a process of its own, a straight line through processor times, and a drawing.

use eyre::{OptionExt, Result, WrapErr, ensure};
use plotters::prelude::*;
use serde_json::Value;
use std::{env, path::Path, process::Command};

use crate::plot::{Axes, load_font, panel};
use crate::sizes;

/// What each of `sizes` costs: the lines that `bench_history size PERMUTATIONS K` prints for the fewest rows that are enough.
pub fn measure(sizes: &[usize]) -> Result<Vec<Value>> {
    let mut lines = Vec::new();
    for size in sizes {
        let mut found = None;
        for k in sizes::ROWS {
            // too few rows end the process when its key is made
            let out = Command::new(env::current_exe()?).args(["size", &size.to_string(), &k.to_string()]).output()?;
            let text = String::from_utf8_lossy(&out.stderr);
            ensure!(out.status.success() || text.contains("not fit"), "size {size}: {text}");
            if out.status.success() {
                found = Some(out.stdout);
                break;
            }
        }
        let out = found.ok_or_eyre("no number of rows is enough")?;
        let line: Value = serde_json::from_slice(&out).wrap_err_with(|| format!("size {size}"))?;
        eprintln!("{} permutations: {} CPU-s, {} MB", line["permutations"], line["prove_cpu_s"], line["peak_mb"]);
        lines.push(line);
    }
    Ok(lines)
}

/// A straight line with the least squares of relative errors, so that small sizes count as much as large ones.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    /// At zero.
    pub fixed: f64,
    /// A unit of x.
    pub slope: f64,
}

impl Fit {
    /// Through points with y > 0.
    pub fn new(points: &[(f64, f64)]) -> Self {
        let sum = |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|(x, y)| of(*x, *y) / (y * y)).sum::<f64>();
        let (n, x, y) = (sum(&|_, _| 1.0), sum(&|x, _| x), sum(&|_, y| y));
        let (xx, xy) = (sum(&|x, _| x * x), sum(&|x, y| x * y));
        let slope = (n * xy - x * y) / (n * xx - x * x);
        Self { fixed: (y - slope * x) / n, slope }
    }

    fn at(&self, x: f64) -> f64 {
        self.fixed + self.slope * x
    }
}

/// One field of the lines over permutations.
pub fn points(lines: &[Value], field: &str) -> Result<Vec<(f64, f64)>> {
    let number = |line: &Value, name: &str| line[name].as_f64().ok_or_eyre("a line has no such number");
    lines.iter().map(|line| Ok((number(line, "permutations")?, number(line, field)?))).collect()
}

/// The cases `marginal` and `fixed`: the largest and the smallest size, with slope and start of the line.
pub fn cases(lines: &[Value]) -> Result<[Value; 2]> {
    let points = points(lines, "prove_cpu_s")?;
    ensure!(points.len() > 1, "a line needs two sizes");
    let fit = Fit::new(&points);
    let worst = points.iter().map(|(x, y)| (fit.at(*x) / y - 1.0).abs()).fold(0.0, f64::max);
    let line = |case: &str, of: &Value| {
        let mut line = of.clone();
        line["case"] = case.into();
        line["cpu_ms_per_permutation"] = (fit.slope * 1000.0).into();
        line["fixed_cpu_s"] = fit.fixed.into();
        line["sizes"] = points.iter().map(|(x, _)| *x as u64).collect::<Vec<_>>().into();
        line["largest_deviation"] = worst.into();
        line
    };
    Ok([line("marginal", &lines[lines.len() - 1]), line("fixed", &lines[0])])
}

/// Draws processor time, wall time and peak memory over permutations to the PNG file `out`, on logarithmic axes.
pub fn draw(lines: &[Value], out: &Path) -> Result<()> {
    load_font()?;
    let root = BitMapBackend::new(out, (1200, 1000)).into_drawing_area();
    root.fill(&WHITE)?;
    let (upper, lower) = root.split_vertically(520);
    let cpu = points(lines, "prove_cpu_s")?;
    let fit = Fit::new(&cpu);
    let caption = format!(
        "proving time: {:.1} CPU-ms a permutation and {:.1} CPU-s besides (line)",
        fit.slope * 1000.0,
        fit.fixed
    );
    let line: Vec<(f64, f64)> = cpu.iter().map(|(x, _)| (*x, fit.at(*x))).collect();
    let wall = points(lines, "prove_wall_s")?;
    let axes = |y| Axes { x: "keccak-f permutations", base: 2.0, y };
    let series = [("CPU-s", BLUE, cpu.as_slice()), ("wall s", GREEN, wall.as_slice())];
    panel(&upper, &caption, &axes("seconds"), &series, &line)?;
    let memory = points(lines, "peak_mb")?;
    panel(&lower, "peak memory of the prover", &axes("MB"), &[("MB", RED, memory.as_slice())], &[])?;
    root.present()?;
    Ok(())
}
