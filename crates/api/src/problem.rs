//! Every error that the API answers with: one list of problem types (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use platform::{Blocker, PlatformError};
use serde::Serialize;
use utoipa::ToSchema;

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemType {
    /// Last part of the `type` address.
    pub id: &'static str,
    /// HTTP status.
    pub status: StatusCode,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

macro_rules! problems {
    ($($name:ident = $status:ident, $id:literal, $title:literal, $advice:literal;)*) => {
        $(
            #[doc = $title]
            pub const $name: ProblemType =
                ProblemType { id: $id, status: StatusCode::$status, title: $title, advice: $advice };
        )*
        /// Every problem type, in order of status.
        pub const ALL: &[ProblemType] = &[$($name),*];
    };
}

problems! {
    BAD_PARAMETER = BAD_REQUEST, "bad-parameter", "a parameter cannot be used", "correct the parameter that `detail` names";
    UNKNOWN_PARAMETER = BAD_REQUEST, "unknown-parameter", "a parameter is not known here", "remove it, or correct its name; `detail` lists those that exist";
    DUPLICATE_PARAMETER = BAD_REQUEST, "duplicate-parameter", "a parameter is given twice", "give it once";
    UNKNOWN_PURPOSE = BAD_REQUEST, "unknown-purpose", "the purpose is not registered", "name one of those that `/v1/me` lists; what is public needs none";
    DIGEST_MISMATCH = BAD_REQUEST, "digest-mismatch", "the content does not match its digest", "send the file again with its own digest";
    UNAUTHENTICATED = UNAUTHORIZED, "unauthenticated", "the credential is missing, unknown or revoked", "send `Authorization: Bearer cg_...` with a key that is in force";
    DENIED = FORBIDDEN, "denied", "the agreements do not allow this", "see `blockers`, or quote `reference` to the programme office";
    NOT_FOUND = NOT_FOUND, "not-found", "no such thing, or not visible to you", "check the address; sign in if it is not public";
    METHOD = METHOD_NOT_ALLOWED, "method-not-allowed", "this address does not take that method", "see /openapi.json for what it takes";
    STALLED = REQUEST_TIMEOUT, "upload-stalled", "the file stopped arriving", "send it again; nothing was stored";
    CONFLICT = CONFLICT, "idempotency-conflict", "this idempotency key was used for other content", "send a new key for a new file";
    HELD = CONFLICT, "period-held", "other data of this period are held", "if the file corrects them, send it again with `revision=declared`; if not, check its period";
    TOO_LARGE = PAYLOAD_TOO_LARGE, "too-large", "the content is larger than allowed", "send less at once; `detail` names the limit";
    URI_TOO_LONG = URI_TOO_LONG, "query-too-long", "the query is longer than allowed", "ask for fewer areas at once";
    REFUSED = UNPROCESSABLE_ENTITY, "contract-refused", "the file does not fit its contract; nothing was stored", "correct the file and send it again; `findings`, where rows were read, say which";
    BUSY = TOO_MANY_REQUESTS, "busy", "too many uploads at once", "wait for your organisation's other uploads to end, or try again in a minute";
    BUDGET_SPENT = TOO_MANY_REQUESTS, "query-budget-spent", "no more new tables this year", "ask for tables that were asked for before, or have the agreement's `query_budget` raised";
    INTERNAL = INTERNAL_SERVER_ERROR, "internal", "something failed here", "try again; if it stays, quote `reference` to the programme office";
    FULL = INSUFFICIENT_STORAGE, "storage-full", "there is no room to store this", "tell the programme office: it makes room, and may have to start the service again; then send it again";
    UNAVAILABLE = SERVICE_UNAVAILABLE, "unavailable", "not available now", "try again later";
    TIMEOUT = GATEWAY_TIMEOUT, "timeout", "the request took too long and was stopped", "ask for less at once";
    UPLOAD_TIMEOUT = GATEWAY_TIMEOUT, "upload-timeout", "the upload took too long to be answered", "it may be stored: if nothing newer of this period was sent since, send it again with the same idempotency key";
}

/// Problem details as they are sent (`application/problem+json`).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Address of the problem type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is.
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What is wrong with this request.
    pub detail: String,
    /// What to do.
    pub advice: &'static str,
    /// What to quote when asking about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Every reason of a denial, for parties to the agreement.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub blockers: Vec<Blocker>,
    /// What was found in a refused file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub findings: Option<serde_json::Value>,
}

impl Problem {
    /// A problem of a type with its detail.
    #[must_use]
    pub fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/problems/{}", kind.id),
            title: kind.title,
            status: kind.status.as_u16(),
            detail: detail.into(),
            advice: kind.advice,
            reference: None,
            blockers: Vec::new(),
            findings: None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<PlatformError> for Problem {
    fn from(error: PlatformError) -> Self {
        let detail = error.to_string();
        match error {
            PlatformError::NotFound { .. } => Self::new(NOT_FOUND, detail),
            PlatformError::BadParameter { parameter: "purpose", .. } => Self::new(UNKNOWN_PURPOSE, detail),
            PlatformError::BadParameter { .. } | PlatformError::Name(_) => Self::new(BAD_PARAMETER, detail),
            PlatformError::Unauthenticated => Self::new(UNAUTHENTICATED, detail),
            PlatformError::Denied { reference, blockers, .. } => {
                Self { reference: Some(reference), blockers, ..Self::new(DENIED, detail) }
            }
            PlatformError::IdempotencyConflict { .. } => Self::new(CONFLICT, detail),
            PlatformError::DigestMismatch => Self::new(DIGEST_MISMATCH, detail),
            PlatformError::BudgetSpent { .. } => Self::new(BUDGET_SPENT, detail),
            PlatformError::TooLarge { .. } => Self::new(TOO_LARGE, detail),
            PlatformError::Held { .. } => Self::new(HELD, detail),
            PlatformError::Stalled => Self::new(STALLED, detail),
            PlatformError::Refused { findings, .. } => {
                let findings = findings.and_then(|f| serde_json::to_value(f).ok());
                Self { findings, ..Self::new(REFUSED, detail) }
            }
            PlatformError::Unavailable { .. } => Self::new(UNAVAILABLE, detail),
            PlatformError::TimedOut { .. } => Self::new(TIMEOUT, detail),
            PlatformError::Failed { .. } if error.needs_a_start() => {
                let detail = "an earlier write failed: nothing is stored until the service is started again";
                Self { reference: Some(logged(&error)), ..Self::new(UNAVAILABLE, detail) }
            }
            PlatformError::Failed { .. } if error.is_out_of_space() => {
                Self { reference: Some(logged(&error)), ..Self::new(FULL, "the disk is full") }
            }
            PlatformError::Unpublishable { .. }
            | PlatformError::TakesTooMuch { .. }
            | PlatformError::AwaitsApproval { .. }
            | PlatformError::AwaitsRevision { .. }
            | PlatformError::Unregistrable { .. }
            | PlatformError::Folder(_)
            | PlatformError::WrongKey { .. }
            | PlatformError::Definition(_)
            | PlatformError::Failed { .. } => internal(&error),
        }
    }
}

/// Details stay in the operator's log; the caller gets a reference to it.
fn internal(error: &PlatformError) -> Problem {
    Problem { reference: Some(logged(error)), ..Problem::new(INTERNAL, "the request could not be completed") }
}

fn logged(error: &PlatformError) -> String {
    let reference = uuid::Uuid::new_v4().to_string();
    tracing::error!(reference, causes = platform::causes(error), "a request failed");
    reference
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_types_are_distinct_and_say_what_to_do() {
        let mut ids: Vec<&str> = ALL.iter().map(|p| p.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ALL.len());
        assert!(ALL.iter().all(|p| p.status.as_u16() >= 400 && !p.title.is_empty() && !p.advice.is_empty()));
    }

    #[test]
    fn internal_causes_are_not_shown() {
        let source = std::io::Error::other("secret value 12345");
        let error = PlatformError::Failed { operation: "read a table", source: Box::new(source) };
        let text = serde_json::to_string(&Problem::from(error)).unwrap();
        assert!(!text.contains("12345"), "{text}");
        assert!(text.contains("reference"));
    }

    #[test]
    fn a_full_disk_is_told_as_such() {
        let failed = |kind: std::io::ErrorKind| {
            let source = Box::new(std::io::Error::from(kind));
            Problem::from(PlatformError::Failed { operation: "write a table", source }).status
        };
        assert_eq!(failed(std::io::ErrorKind::StorageFull), 507);
        assert_eq!(failed(std::io::ErrorKind::PermissionDenied), 500);
    }
}
