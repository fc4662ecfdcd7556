//! Writes the verifier contracts of every class, with their passports, or checks those that are written. See scripts/gen-verifier.
//!
//! `gen_verifier --keys DIR --out DIR [--check] [--only CLASS]`: keys are read from or made in `--keys`; verifiers go to `--out`. With `--check`
//! nothing is written: each passport's inputs (circuits, proof system, reference string) are compared, and only where they
//! differ the verifier is made again and compared as a whole. Those of runs of 1,024 headers and of class B are only made, or made again, if `--only`
//! names them: such a key takes up to three gigabytes of memory and two minutes of a processor. Else its file is compared with its passport.

use std::{env, path::PathBuf, process::ExitCode};
use vouch_circuits::history::ancestry::Size;
use vouch_prover::{
    ancestries,
    evm::{Artifact, Passport, Solc},
    histories::{self, CLASSES},
    keys::{Keys, SOURCES},
    score, scores,
    srs::Srs,
};

type Failure = Box<dyn std::error::Error>;

struct Options {
    keys: PathBuf,
    out: PathBuf,
    check: bool,
    only: Option<String>,
}

fn options() -> Result<Options, String> {
    let (mut keys, mut out, mut check, mut only) = (None, None, false, None);
    let mut args = env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--keys" => keys = args.next().map(PathBuf::from),
            "--out" => out = args.next().map(PathBuf::from),
            "--check" => check = true,
            "--only" => only = args.next(),
            other => return Err(format!("expected --keys DIR, --out DIR, --check or --only CLASS, got {other}")),
        }
    }
    match (keys, out) {
        (Some(keys), Some(out)) => Ok(Options { keys, out, check, only }),
        _ => Err("expected --keys DIR and --out DIR".into()),
    }
}

/// Whether the committed verifier of `class` is the one that these sources make.
fn is_current(
    options: &Options,
    srs: &str,
    class: &str,
    make: impl FnOnce() -> Result<Keys, Failure>,
) -> Result<bool, Failure> {
    let committed = Passport::read(&options.out, class)?;
    if committed.sources_sha256 == SOURCES && committed.srs == srs && committed.is_of(&options.out)? {
        println!("{class}: inputs unchanged");
        return Ok(true);
    }
    let made = Artifact::generate(&make()?, &Solc::find())?;
    let same = Passport { sources_sha256: committed.sources_sha256.clone(), ..made.passport } == committed
        && committed.is_of(&options.out)?;
    println!("{class}: made again, {}", if same { "the same" } else { "different: run scripts/gen-verifier" });
    Ok(same)
}

fn write(options: &Options, keys: &Keys) -> Result<(), Failure> {
    let artifact = Artifact::generate(keys, &Solc::find())?;
    artifact.write(&options.out)?;
    let passport = &artifact.passport;
    println!("{}: {} bytes of code, {} bytes of proof", passport.circuit, passport.runtime_bytes, passport.proof_bytes);
    Ok(())
}

/// Classes whose keys take too much for every machine that checks.
const LARGE: [&str; 2] = [Size::A10.key_name, "history_b"];

impl Options {
    fn makes(&self, class: &str) -> bool {
        self.only.as_ref().map_or(!LARGE.contains(&class), |only| only == class)
    }
}

/// Writes or checks the verifier of one class; false if it is not current.
fn treat(
    options: &Options,
    srs: &Srs,
    (class, k): (&str, u32),
    make: impl FnOnce() -> Result<Keys, Failure>,
) -> Result<bool, Failure> {
    match (options.check, options.makes(class)) {
        (true, true) => is_current(options, &srs.downsize(k)?.name(), class, make),
        (false, true) => write(options, &make()?).map(|()| true),
        (true, false) if options.only.is_none() => {
            let is_whole = Passport::read(&options.out, class)?.is_of(&options.out)?;
            println!(
                "{class}: {}; --only {class} makes it again",
                if is_whole { "as its passport says" } else { "changed" }
            );
            Ok(is_whole)
        }
        _ => Ok(true),
    }
}

fn run(options: &Options) -> Result<bool, Failure> {
    let dir = &options.keys;
    let runs = ancestries::SIZES.iter().map(|size| (size.key_name, size.k));
    let classes = (0..CLASSES.len()).map(|index| (histories::class(index).name, CLASSES[index].k)).chain(runs);
    let largest = classes.filter(|(class, _)| options.makes(class)).map(|(_, k)| k).max();
    let srs = Srs::development(dir, largest.unwrap_or(score::CLASSES[score::DEPLOYED - 1].k))?;
    let mut current = true;
    for (index, class) in CLASSES.iter().enumerate() {
        let keys = || -> Result<Keys, Failure> { Ok(histories::keys(dir, &srs, index)?) };
        current &= treat(options, &srs, (histories::class(index).name, class.k), keys)?;
    }
    for size in &ancestries::SIZES {
        let keys = || -> Result<Keys, Failure> { Ok(ancestries::keys(dir, &srs, size)?) };
        current &= treat(options, &srs, (size.key_name, size.k), keys)?;
    }
    for size in &score::CLASSES[..score::DEPLOYED] {
        let keys = || -> Result<Keys, Failure> { Ok(scores::sample_keys(dir, &srs, *size)?) };
        current &= treat(options, &srs, (size.name, size.k), keys)?;
    }
    Ok(current)
}

fn main() -> ExitCode {
    let outcome = options().map_err(Failure::from).and_then(|options| run(&options));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
