//! Problems: every failed request answers `application/problem+json` (RFC 9457) with a kind that programs can match.

use super::REQUEST_ID;
use crate::archive::ArchiveError;
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use vouch_indexer::IndexError;
use vouch_indexer::db::DbError;
use vouch_prover::engine::EngineError;
use vouch_prover::evidence::EvidenceError;
use vouch_prover::jobs::JobError;
use vouch_prover::opening::OpeningError;
use vouch_prover::queue::QueueError;

/// A problem document.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:vouch:problem:KIND`.
    pub r#type: String,
    /// The same for every problem of this kind.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What was expected, what came, and where.
    pub detail: String,
    /// Machine-readable kind, snake_case.
    pub kind: &'static str,
    /// The request id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(status: StatusCode, kind: &'static str, title: &str, detail: impl ToString) -> Self {
        Self {
            r#type: format!("urn:vouch:problem:{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.to_string(),
            kind,
            instance: None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the request id into the problem that a handler answered.
pub async fn name_instance(request: Request, next: Next) -> Response {
    let id = request.headers().get(REQUEST_ID).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) if id.is_some() => {
            let mut named = Problem { instance: id, ..problem }.into_response();
            named.extensions_mut().remove::<Problem>();
            named
        }
        _ => response,
    }
}

impl From<QueueError> for Problem {
    fn from(e: QueueError) -> Self {
        match e {
            QueueError::Engine(e) => e.into(),
            QueueError::Index(e) => e.into(),
            QueueError::Evidence(e) => e.into(),
            QueueError::Job(e) => e.into(),
            QueueError::Opening(e) => e.into(),
            QueueError::NotProven { .. } => {
                Self::new(StatusCode::CONFLICT, "not_proven", "the query has no proof (yet)", e)
            }
        }
    }
}

impl From<EngineError> for Problem {
    fn from(e: EngineError) -> Self {
        let (status, kind, title) = match &e {
            EngineError::UnknownModel { .. } => (StatusCode::NOT_FOUND, "unknown_model", "no such model"),
            EngineError::Model { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "model", "the model cannot be compiled"),
            EngineError::Exhausted { .. } => (StatusCode::CONFLICT, "exhausted", "private weights have no proofs left"),
            EngineError::Plan { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "plan", "the plan does not apply"),
            EngineError::Audit { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "audit", "there is no such audit"),
            EngineError::Capacity { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "capacity", "the query does not fit one proof")
            }
            EngineError::Prover { .. } | EngineError::Rejected { .. } => {
                (StatusCode::INTERNAL_SERVER_ERROR, "prover", "proving failed")
            }
        };
        Self::new(status, kind, title, e)
    }
}

impl From<IndexError> for Problem {
    fn from(e: IndexError) -> Self {
        let (status, kind, title) = match &e {
            IndexError::Future { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "block_in_the_future", "the block does not exist yet")
            }
            IndexError::BeforeWindow { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "block_before_the_window", "the block is not indexed")
            }
            IndexError::Empty => (StatusCode::SERVICE_UNAVAILABLE, "starting", "nothing is indexed yet"),
            IndexError::Db(DbError::Full { .. }) => {
                (StatusCode::INSUFFICIENT_STORAGE, "disk_full", "the disk of the node is full")
            }
            IndexError::Db(_) | IndexError::MissingNode { .. } => {
                (StatusCode::INTERNAL_SERVER_ERROR, "store", "the store failed")
            }
            _ => (StatusCode::BAD_GATEWAY, "chain_node", "the chain's node failed or is not believed"),
        };
        Self::new(status, kind, title, e)
    }
}

impl From<EvidenceError> for Problem {
    fn from(e: EvidenceError) -> Self {
        let (kind, title) = match e {
            EvidenceError::Index(e) => return e.into(),
            EvidenceError::NoCode { .. } => ("contract_without_code", "the plan names a contract without code"),
            EvidenceError::NoSuchField { .. } | EvidenceError::Entry { .. } => ("plan", "the plan does not apply"),
            EvidenceError::Nameless { .. } => ("block_out_of_reach", "nothing leads to the block"),
            e @ EvidenceError::Untold { .. } => {
                let title = "the chain's node failed or is not believed";
                return Self::new(StatusCode::BAD_GATEWAY, "chain_node", title, e);
            }
            EvidenceError::TooManyFacts { .. }
            | EvidenceError::TooManyBlocks { .. }
            | EvidenceError::TooManyHops { .. }
            | EvidenceError::NoClass { .. }
            | EvidenceError::RangeTooLong { .. }
            | EvidenceError::TooManyParts { .. } => ("capacity", "the query does not fit the proofs of one score"),
        };
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, title, e)
    }
}

impl From<JobError> for Problem {
    fn from(e: JobError) -> Self {
        match e {
            JobError::QueueFull { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "queue_full", "too many queries are waiting", e)
            }
            JobError::Unknown { .. } => Self::new(StatusCode::NOT_FOUND, "unknown_query", "no such query", e),
            JobError::Db(e) => IndexError::Db(e).into(),
            JobError::Record { .. } => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store", "the store failed", e),
        }
    }
}

impl From<OpeningError> for Problem {
    fn from(e: OpeningError) -> Self {
        let (status, kind, title) = match &e {
            OpeningError::Needed { .. } | OpeningError::Unknown { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "opening_needed", "the private inputs are not at hand")
            }
            OpeningError::Full { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "openings_full", "too many openings are held")
            }
            _ => (StatusCode::UNPROCESSABLE_ENTITY, "opening", "the private inputs are not what was committed to"),
        };
        Self::new(status, kind, title, e)
    }
}

impl From<ArchiveError> for Problem {
    fn from(e: ArchiveError) -> Self {
        match e {
            ArchiveError::Db(e) => IndexError::Db(e).into(),
            ArchiveError::Index(e) => e.into(),
            e => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "archive", "the archive cannot be read", e),
        }
    }
}

/// A JSON body whose rejection is a problem.
#[derive(FromRequest)]
#[from_request(via(Json), rejection(Problem))]
pub struct Body<T>(pub T);

impl From<JsonRejection> for Problem {
    fn from(e: JsonRejection) -> Self {
        let title = "the body is not what this path takes";
        Self::new(e.status(), "body", title, e.body_text())
    }
}

/// Path parameters whose rejection is a problem.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct InPath<T>(pub T);

impl From<PathRejection> for Problem {
    fn from(e: PathRejection) -> Self {
        Self::new(e.status(), "path", "the path does not parse", e.body_text())
    }
}
