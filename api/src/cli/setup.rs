//! `vouch setup`: reference string, keys and verifiers, once; the next start finds them.

use super::report::Report;
use clap::Args;
use eyre::WrapErr;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;
use vouch_circuits::history::Class;
use vouch_circuits::history::ancestry::Size;
use vouch_prover::ancestries;
use vouch_prover::evm::Passport;
use vouch_prover::histories::{self, CLASSES};
use vouch_prover::keys::Keys;
use vouch_prover::score;
use vouch_prover::scores;
use vouch_prover::srs::Srs;
use vouch_prover::verifiers;

/// Which reference string, and where keys are.
#[derive(Clone, Debug, Args)]
pub struct SrsArgs {
    /// Folder of reference string, keys and verifiers.
    #[arg(long, env = "VOUCH_KEYS", default_value_os_t = super::cache_dir().join("keys"))]
    pub keys: PathBuf,
    /// A powers-of-tau file of a ceremony (halo2 raw or snarkjs .ptau). Without it: a development string, whose secret
    /// is public, accepted on local chains only.
    #[arg(long, value_name = "FILE")]
    pub ceremony: Option<PathBuf>,
    /// SHA-256 that the ceremony file must have, in hex.
    #[arg(long, value_name = "HEX", requires = "ceremony")]
    pub ceremony_sha256: Option<String>,
    /// The history classes of 2^18 rows too: H for facts of blocks that anchors no longer reach, by hops, and R for facts of receipts, logs
    /// and transactions, and counts of logs. Needs a string of 2^18 points.
    #[arg(long, visible_alias = "receipts")]
    pub hops: bool,
    /// The history class B of 2^19 rows too, for receipts and counts in blocks of up to 511 receipts and 2,047 logs; what --hops does as well.
    /// Needs a string of 2^19 points, and 2.5 GB of memory a proof.
    #[arg(long)]
    pub large_blocks: bool,
}

impl SrsArgs {
    /// The history classes in use.
    pub fn classes(&self) -> &'static [Class] {
        let count = match (self.links_blocks(), self.large_blocks) {
            (_, true) => CLASSES.len(),
            (true, false) => histories::WITHOUT_LARGE_BLOCKS,
            (false, false) => histories::WITHOUT_HOPS,
        };
        &CLASSES[..count]
    }

    /// Whether there are classes for blocks that anchors no longer reach.
    pub fn links_blocks(&self) -> bool {
        self.hops || self.large_blocks
    }

    /// Rows of the largest circuit, log2.
    fn largest(&self) -> u32 {
        self.classes().iter().map(|class| class.k).max().unwrap_or_default()
    }

    /// Loads or makes the string.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn load(&self) -> eyre::Result<Srs> {
        self.load_at_least(0)
    }

    /// Loads or makes the string, with at least `2^k` points.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn load_at_least(&self, k: u32) -> eyre::Result<Srs> {
        let k = self.largest().max(k);
        let Some(source) = &self.ceremony else { return Ok(Srs::development(&self.keys, k)?) };
        let pin = match &self.ceremony_sha256 {
            None => None,
            Some(text) => {
                let bytes = hex::decode(text.trim_start_matches("0x")).wrap_err("--ceremony-sha256 is not hex")?;
                let got = bytes.len();
                Some(bytes.try_into().map_err(|_| eyre::eyre!("--ceremony-sha256: expected 32 bytes, got {got}"))?)
            }
        };
        Ok(Srs::ceremony(&self.keys, source, k, pin)?)
    }
}

/// What to set up.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  vouch setup --dev\n  vouch setup --ceremony powers_of_tau_17.ptau --ceremony-sha256 HEX   \
    2^17 points or more\n  vouch setup --dev --hops   models may count logs, and read blocks older than a day\n\nWith --json it prints what a deployer needs: bytecode, lengths, class ids \
    (contracts/script/Deploy.s.sol reads it)."
)]
pub struct SetupArgs {
    /// Say that the development string is meant (it is the default; real chains need --ceremony).
    #[arg(long, conflicts_with = "ceremony")]
    dev: bool,
    /// The verifier of runs of headers too: block hashes are then deployed as an archive that reaches back to genesis.
    #[arg(long)]
    archive: bool,
    /// Blocks of the runs that the archive takes: 128, or some of 32,128,1024. The keys of the larger one take 3.2 GB and minutes to make.
    #[arg(long, value_name = "BLOCKS", value_delimiter = ',', default_value = "128", requires = "archive", value_parser = super::archive::run_size)]
    archive_runs: Vec<Size>,
    /// String and keys.
    #[command(flatten)]
    srs: SrsArgs,
}

/// A verifier, ready to deploy.
#[derive(Serialize)]
struct VerifierView {
    class: String,
    bytecode: String,
    instances: usize,
    proof_bytes: usize,
    verifier_bytes: usize,
    k: u32,
    key_mb: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    class_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    structure_points: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight_points: Option<usize>,
    /// log2 of the headers of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    depth: Option<u32>,
}

impl VerifierView {
    fn new(class: &str, passport: Passport, key_bytes: u64) -> Self {
        Self {
            class: class.to_owned(),
            bytecode: passport.bytecode.to_string(),
            instances: passport.num_instances,
            proof_bytes: passport.proof_bytes,
            verifier_bytes: passport.runtime_bytes,
            k: passport.k,
            key_mb: key_bytes as f64 / f64::from(1 << 20),
            class_id: passport.class_id.map(|id| id.to_string()),
            structure_points: passport.structure_points,
            weight_points: passport.weight_points,
            depth: None,
        }
    }
}

/// Everything a deployer needs.
#[derive(Serialize)]
struct SetupView {
    keys: PathBuf,
    srs: String,
    is_development: bool,
    history: Vec<VerifierView>,
    score: Vec<VerifierView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ancestry: Vec<VerifierView>,
}

/// Sets up, with a progress bar.
pub async fn run(args: SetupArgs, report: Report) -> eyre::Result<()> {
    let view = tokio::task::spawn_blocking(move || make(&args)).await??;
    report.result(&view, || {
        let line = |v: &VerifierView| {
            format!(
                "{:<10} k {}  key {:>6.0} MB  proof {} bytes  verifier {} bytes",
                v.class, v.k, v.key_mb, v.proof_bytes, v.verifier_bytes
            )
        };
        let mut lines: Vec<String> = view.history.iter().chain(&view.score).chain(&view.ancestry).map(line).collect();
        lines.insert(
            0,
            format!(
                "reference string {}{}",
                view.srs,
                if view.is_development { " (development: local chains only)" } else { "" }
            ),
        );
        lines.push(format!("everything is in {}", view.keys.display()));
        lines.join("\n")
    })
}

/// The verifier for `keys`, compared with one made again: it will be deployed.
fn verifier(args: &SrsArgs, keys: &Keys) -> eyre::Result<Passport> {
    let passport = verifiers::load_or_make(&args.keys, keys)?;
    if !verifiers::compare(&args.keys, keys, &passport)? {
        tracing::warn!(
            class = keys.class.name,
            "no Solidity compiler: the bytecode could not be compared with its source"
        );
    }
    Ok(passport)
}

fn make(SetupArgs { archive, archive_runs, srs: args, .. }: &SetupArgs) -> eyre::Result<SetupView> {
    // rising and each once, as the contract wants them
    let runs: Vec<Size> =
        ancestries::SIZES.into_iter().filter(|size| *archive && archive_runs.contains(size)).collect();
    let bar = ProgressBar::new((1 + runs.len() + score::DEPLOYED + args.classes().len()) as u64);
    bar.set_style(ProgressStyle::with_template("[{elapsed}] [{bar:24}] {pos}/{len} {msg}")?);
    bar.enable_steady_tick(Duration::from_millis(500));
    bar.set_message("reference string");
    let srs = args.load_at_least(runs.iter().map(|size| size.k).max().unwrap_or(0))?;
    bar.inc(1);
    let mut history = Vec::new();
    for (index, class) in args.classes().iter().enumerate() {
        bar.set_message(format!("keys of history class {}", class.name));
        let keys = histories::keys(&args.keys, &srs, index)?;
        bar.set_message(format!("verifier of history class {}", class.name));
        history.push(VerifierView::new(class.name, verifier(args, &keys)?, keys.file_bytes));
        bar.inc(1);
    }
    let mut ancestry = Vec::new();
    for size in &runs {
        bar.set_message(format!("keys and verifier of runs of {} headers", size.headers()));
        let keys = ancestries::keys(&args.keys, &srs, size)?;
        let view = VerifierView::new(keys.class.name, verifier(args, &keys)?, keys.file_bytes);
        ancestry.push(VerifierView { depth: Some(size.depth), ..view });
        bar.inc(1);
    }
    let mut scores_of = Vec::new();
    for size in &score::CLASSES[..score::DEPLOYED] {
        bar.set_message(format!("verifier of score class {}", size.name));
        let keys = scores::sample_keys(&args.keys, &srs, *size)?;
        scores_of.push(VerifierView::new(size.name, verifier(args, &keys)?, keys.file_bytes));
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(SetupView {
        keys: args.keys.clone(),
        srs: srs.name(),
        is_development: srs.origin == vouch_prover::srs::Origin::UnsafeDevelopment,
        history,
        score: scores_of,
        ancestry,
    })
}
