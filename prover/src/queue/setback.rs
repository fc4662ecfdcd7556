//! How a stage ends without a result, and which errors end it how.

use super::QueueError;
use crate::engine::EngineError;
use crate::evidence::EvidenceError;
use crate::jobs::{Failure, JobError};
use crate::parts::PartError;
use vouch_indexer::IndexError;
use vouch_indexer::node::NodeError;

/// How a stage ended without a result.
pub(super) enum Setback {
    /// Blocks left the chain: start anew.
    Reorg(String),
    /// May pass: try again later.
    Retry(Cause, String),
    /// Nobody gave the opening of the private inputs: wait for it.
    NoOpening(String),
    /// Will not pass.
    Fail(Failure),
    /// Somebody gave the job up meanwhile.
    GivenUp,
    /// The store or the runtime failed: nothing was changed.
    Stop(QueueError),
}

/// What has to change for a retry to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The node has to answer again.
    Outage,
    /// Its answer has to be another.
    Answer,
    /// A node has to have the state of the block.
    NoState,
    /// Something that all blocks of a watched entry need has to come.
    Entry,
}

impl From<JobError> for Setback {
    fn from(e: JobError) -> Self {
        Self::Stop(e.into())
    }
}

impl From<EngineError> for Setback {
    fn from(e: EngineError) -> Self {
        let kind = match &e {
            EngineError::UnknownModel { .. } | EngineError::Plan { .. } | EngineError::Model { .. } => "query",
            EngineError::Capacity { .. } => "capacity",
            EngineError::Audit { .. } => "audit",
            EngineError::Prover { .. } => "prover",
            EngineError::Rejected { .. } => "rejected",
            EngineError::Exhausted { .. } => "exhausted",
        };
        Self::Fail(Failure { kind: kind.into(), detail: e.to_string() })
    }
}

impl From<EvidenceError> for Setback {
    fn from(e: EvidenceError) -> Self {
        let kind = match e {
            EvidenceError::Index(IndexError::Db(e)) => return Self::Stop(IndexError::Db(e).into()),
            EvidenceError::Index(IndexError::BeforeWindow { .. }) => "query",
            EvidenceError::Index(
                IndexError::Node(NodeError::Unreachable { .. }) | IndexError::Empty | IndexError::Future { .. },
            ) => {
                return Self::Retry(Cause::Outage, e.to_string());
            }
            EvidenceError::Index(IndexError::Node(NodeError::MissingState { .. })) => {
                return Self::Retry(Cause::NoState, e.to_string());
            }
            EvidenceError::Index(_) | EvidenceError::Untold { .. } => return Self::Retry(Cause::Answer, e.to_string()),
            EvidenceError::TooManyFacts { .. }
            | EvidenceError::TooManyBlocks { .. }
            | EvidenceError::TooManyHops { .. }
            | EvidenceError::NoClass { .. }
            | EvidenceError::RangeTooLong { .. }
            | EvidenceError::TooManyParts { .. } => "capacity",
            EvidenceError::NoSuchField { .. }
            | EvidenceError::NoCode { .. }
            | EvidenceError::Entry { .. }
            | EvidenceError::Nameless { .. } => "query",
        };
        Self::Fail(Failure { kind: kind.into(), detail: e.to_string() })
    }
}

impl From<PartError> for Setback {
    fn from(e: PartError) -> Self {
        match e {
            PartError::Evidence(e) => e.into(),
            PartError::Engine(e) => e.into(),
        }
    }
}
