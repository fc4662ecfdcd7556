//! The vouch program.

use clap::Parser;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use vouch_api::cli::report::Report;
use vouch_api::cli::{Cli, run};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // the flag itself could not be read: it is looked for
        Err(error) if error.use_stderr() && std::env::args().any(|argument| argument == "--json") => {
            Report::new(true).failed(error.to_string().trim_start_matches("error: "));
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
        Err(error) => error.exit(),
    };
    let report = Report::new(cli.json);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,halo2_base=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            report.failed(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(run(cli));
    // A proof under way is abandoned: its job resumes at the next start.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report.failed(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
