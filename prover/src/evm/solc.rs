//! Compiles Solidity with `scripts/solc` (npm's solc behind the command line of the native one).

use serde_json::{Value, json};
use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use thiserror::Error;

/// Why a source was not compiled.
#[derive(Debug, Error)]
pub enum SolcError {
    /// There is no compiler. Recoverable: install it or name it in `VOUCH_SOLC`.
    #[error("solc: {path}: {why}", path = path.display())]
    NotRunnable {
        /// What was tried.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The compiler refused the source.
    #[error("solc refused {file}: {why}")]
    Refused {
        /// Name of the source.
        file: String,
        /// Its first error.
        why: String,
    },
}

/// A compiler.
#[derive(Clone, Debug)]
pub struct Solc {
    path: PathBuf,
}

/// How to compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pipeline {
    /// No optimiser: what generated verifiers were measured with.
    Plain,
    /// Through the intermediate language, with the one optimiser step that neither runs out of stack nor moves memory.
    ViaIr,
    /// The optimiser as the contracts of this project use it.
    Optimised,
}

impl Solc {
    /// The compiler named in `VOUCH_SOLC`, else `scripts/solc` here or in a folder above, else `solc` on the path.
    pub fn find() -> Self {
        if let Some(path) = env::var_os("VOUCH_SOLC") {
            return Self { path: path.into() };
        }
        let here = env::current_dir().unwrap_or_default();
        let script = here.ancestors().map(|dir| dir.join("scripts/solc")).find(|path| path.is_file());
        Self { path: script.unwrap_or_else(|| "solc".into()) }
    }

    /// Whether the compiler answers.
    ///
    /// # Errors
    /// [`SolcError::NotRunnable`] says why not.
    pub fn check(&self) -> Result<(), SolcError> {
        let out = Command::new(&self.path).arg("--version").output().map_err(|e| self.not_runnable(e))?;
        if out.status.success() { Ok(()) } else { Err(self.not_runnable(String::from_utf8_lossy(&out.stderr))) }
    }

    /// Creation code of `contract` in `source`, which may import files relative to `base`.
    ///
    /// # Errors
    /// [`SolcError`].
    pub fn compile(
        &self,
        file: &str,
        source: &str,
        contract: &str,
        pipeline: Pipeline,
        base: &Path,
    ) -> Result<Vec<u8>, SolcError> {
        let one_step = json!({ "enabled": true, "details": { "yul": true, "yulDetails": { "optimizerSteps": "u" } } });
        let (via_ir, optimizer, evm) = match pipeline {
            Pipeline::Plain => (false, json!({ "enabled": false }), "paris"),
            Pipeline::Optimised => (false, json!({ "enabled": true, "runs": 1000 }), "prague"),
            Pipeline::ViaIr => (true, one_step, "paris"),
        };
        let input = json!({
            "language": "Solidity",
            "sources": { file: { "content": source } },
            "settings": {
                "viaIR": via_ir,
                "evmVersion": evm,
                "optimizer": optimizer,
                "remappings": ["solady/=node_modules/solady/src/"],
                "metadata": { "bytecodeHash": "none", "appendCBOR": false },
                "outputSelection": { file: { contract: ["evm.bytecode.object"] } },
            },
        });
        let output = self.run(&input.to_string(), base)?;
        let refused = |why: &str| SolcError::Refused { file: file.into(), why: why.trim().into() };
        let output: Value = serde_json::from_slice(&output).map_err(|e| refused(&e.to_string()))?;
        let errors = output["errors"].as_array().into_iter().flatten();
        if let Some(error) = errors.into_iter().find(|e| e["severity"] == "error") {
            return Err(refused(error["formattedMessage"].as_str().unwrap_or("unknown error")));
        }
        let code = output["contracts"][file][contract]["evm"]["bytecode"]["object"].as_str().unwrap_or_default();
        match hex::decode(code) {
            Ok(code) if !code.is_empty() => Ok(code),
            _ => Err(refused("no code came out")),
        }
    }

    fn run(&self, input: &str, base: &Path) -> Result<Vec<u8>, SolcError> {
        let mut child = Command::new(&self.path)
            .args(["--standard-json", "--base-path"])
            .arg(base)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| self.not_runnable(e))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes()).map_err(|e| self.not_runnable(e))?;
        }
        let out = child.wait_with_output().map_err(|e| self.not_runnable(e))?;
        if out.status.success() { Ok(out.stdout) } else { Err(self.not_runnable(String::from_utf8_lossy(&out.stderr))) }
    }

    fn not_runnable(&self, why: impl ToString) -> SolcError {
        SolcError::NotRunnable { path: self.path.clone(), why: why.to_string().trim().into() }
    }
}
