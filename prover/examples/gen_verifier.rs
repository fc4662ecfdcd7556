//! Writes the verifier contracts of every class, with their passports, or checks those that are written. See scripts/gen-verifier.
//!
//! `gen_verifier --keys DIR --out DIR [--check] [--only CLASS]`: keys are read from or made in `--keys`; verifiers go to `--out`. With
//! `--check` nothing is written: each passport's inputs (circuits, proof system, reference string) are compared, and only where they
//! differ the verifier is made again and compared as a whole. `--only` leaves all other classes alone.

use std::{env, path::PathBuf, process::ExitCode};
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

impl Options {
    fn is_asked(&self, class: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == class)
    }
}

fn options() -> Result<Options, String> {
    let (mut keys, mut out, mut check, mut only) = (None, None, false, None);
    let mut args = env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--keys" => keys = args.next().map(PathBuf::from),
            "--out" => out = args.next().map(PathBuf::from),
            "--check" => check = true,
            "--only" => only = Some(args.next().ok_or("--only: expected the name of a class, got nothing")?),
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

fn run(options: &Options) -> Result<bool, Failure> {
    let dir = &options.keys;
    let largest = CLASSES.iter().map(|c| c.k).max().ok_or("there are history classes")?;
    let srs = Srs::development(dir, largest)?;
    let history = |index: usize| -> Result<Keys, Failure> { Ok(histories::keys(dir, &srs, index)?) };
    let mut current = true;
    for index in 0..CLASSES.len() {
        let class = histories::class(index);
        if !options.is_asked(class.name) {
            continue;
        }
        if options.check {
            current &= is_current(options, &srs.downsize(class.k)?.name(), class.name, || history(index))?;
        } else {
            write(options, &history(index)?)?;
        }
    }
    let class = ancestries::class(&ancestries::SIZE);
    let ancestry = || -> Result<Keys, Failure> { Ok(ancestries::keys(dir, &srs)?) };
    match (options.is_asked(class.name), options.check) {
        (false, _) => {}
        (true, true) => current &= is_current(options, &srs.downsize(class.k)?.name(), class.name, ancestry)?,
        (true, false) => write(options, &ancestry()?)?,
    }
    for size in score::CLASSES[..score::DEPLOYED].iter().filter(|size| options.is_asked(size.name)) {
        let score = || -> Result<Keys, Failure> { Ok(scores::sample_keys(dir, &srs, *size)?) };
        if options.check {
            current &= is_current(options, &srs.downsize(size.k)?.name(), size.name, score)?;
        } else {
            write(options, &score()?)?;
        }
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
