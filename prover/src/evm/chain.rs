//! A chain in memory: revm at Prague, code size limit on, gas free of charge.

use alloy::primitives::Address;
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext,
    context::{
        TxEnv,
        result::{ExecutionResult, Output},
    },
    database::InMemoryDB,
    primitives::{TxKind, hardfork::SpecId},
};
use thiserror::Error;

/// EIP-170: bytes of the largest contract.
pub const MAX_CODE_BYTES: usize = 24_576;
/// Gas limit of a transaction, that of a mainnet block before the limit was raised.
const GAS_LIMIT: u64 = 30_000_000;

/// Why a transaction did not go through.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EvmError {
    /// The contract would be larger than a chain allows.
    #[error("contract has {got} bytes, a chain allows {MAX_CODE_BYTES}")]
    TooLarge {
        /// Bytes of the contract.
        got: usize,
    },
    /// The constructor reverted or ran out of something.
    #[error("deployment failed: {0}")]
    Deployment(String),
    /// The transaction was not valid at all.
    #[error("transaction refused: {0}")]
    Transaction(String),
}

/// A deployed contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// Where it is.
    pub address: Address,
    /// Gas of the deployment, with the 21,000 of the transaction.
    pub gas: u64,
    /// Bytes of its code.
    pub bytes: usize,
}

/// What a call did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it returned; otherwise it reverted or halted.
    pub success: bool,
    /// Gas of the transaction, with the 21,000 and the calldata.
    pub gas: u64,
    /// Returned or reverted bytes.
    pub output: Vec<u8>,
}

/// A chain with one sender.
#[derive(Debug, Default)]
pub struct Chain {
    db: InMemoryDB,
    nonce: u64,
}

impl Chain {
    /// Deploys creation code.
    ///
    /// # Errors
    /// [`EvmError::TooLarge`], [`EvmError::Deployment`].
    pub fn deploy(&mut self, creation_code: &[u8]) -> Result<Deployed, EvmError> {
        match self.transact(TxKind::Create, creation_code)? {
            ExecutionResult::Success { gas_used: gas, output: Output::Create(code, Some(address)), .. } => {
                let bytes = code.len();
                if bytes > MAX_CODE_BYTES {
                    Err(EvmError::TooLarge { got: bytes })
                } else {
                    Ok(Deployed { address, gas, bytes })
                }
            }
            other => Err(EvmError::Deployment(format!("{other:?}"))),
        }
    }

    /// The code that `creation_code` leaves on a chain.
    ///
    /// # Errors
    /// [`EvmError::Deployment`].
    pub fn runtime_code(&mut self, creation_code: &[u8]) -> Result<Vec<u8>, EvmError> {
        match self.transact(TxKind::Create, creation_code)? {
            ExecutionResult::Success { output: Output::Create(code, Some(_)), .. } => Ok(code.to_vec()),
            other => Err(EvmError::Deployment(format!("{other:?}"))),
        }
    }

    /// Calls `to`.
    ///
    /// # Errors
    /// [`EvmError::Transaction`]; a revert is an outcome, not an error.
    pub fn call(&mut self, to: Address, data: &[u8]) -> Result<Outcome, EvmError> {
        Ok(match self.transact(TxKind::Call(to), data)? {
            ExecutionResult::Success { gas_used: gas, output, .. } => {
                Outcome { success: true, gas, output: output.into_data().to_vec() }
            }
            ExecutionResult::Revert { gas_used: gas, output } => {
                Outcome { success: false, gas, output: output.to_vec() }
            }
            ExecutionResult::Halt { gas_used: gas, .. } => Outcome { success: false, gas, output: vec![] },
        })
    }

    fn transact(&mut self, kind: TxKind, data: &[u8]) -> Result<ExecutionResult, EvmError> {
        let mut evm = Context::mainnet()
            .modify_cfg_chained(|cfg| cfg.spec = SpecId::PRAGUE)
            .with_db(&mut self.db)
            .build_mainnet();
        let tx =
            TxEnv { gas_limit: GAS_LIMIT, kind, data: data.to_vec().into(), nonce: self.nonce, ..Default::default() };
        let result = evm.transact_commit(tx).map_err(|e| EvmError::Transaction(e.to_string()))?;
        self.nonce += 1;
        Ok(result)
    }
}
