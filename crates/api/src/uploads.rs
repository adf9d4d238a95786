//! Uploads: a partition of a dataset, streamed to the platform, answered with its findings.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::TryStreamExt;
use model::{DatasetId, Digest};
use platform::{PlatformError, UploadRequest};
use tokio_util::io::{StreamReader, SyncIoBridge};

use crate::App;
use crate::headers::caller;
use crate::params::Params;
use crate::problem::{self, Problem};

/// Sends one period of a dataset. The body is the file itself.
#[utoipa::path(post, path = "/v1/datasets/{id}/versions", tag = "datasets",
    params(("id" = String, Path, description = "dataset id, for example lancashire-fire-and-rescue.incidents"),
        ("period" = String, Query, description = "the period that the file covers, ISO 8601 interval such as 2024-01-01/P3M"),
        ("Idempotency-Key" = Option<String>, Header, description = "the same key and file again give the same version"),
        ("Content-Digest" = Option<String>, Header, description = "sha-256=:base64: of the body")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "stored; findings in the body", body = Object),
        (status = 200, description = "already stored", body = Object), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem),
        (status = 429, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn create(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["period"], app.limits.query_bytes)?;
    let caller = caller(&app.platform, &headers)?;
    if caller.is_public() {
        return Err(PlatformError::Unauthenticated.into());
    }
    let request = UploadRequest {
        dataset: dataset(&id)?,
        period: params.required("period")?.to_owned(),
        idempotency_key: header_text(&headers, "idempotency-key")?.map(str::to_owned),
        digest: header_text(&headers, "content-digest")?.map(content_digest).transpose()?,
    };
    let permit = std::sync::Arc::clone(&app.uploads)
        .try_acquire_owned()
        .map_err(|_| Problem::new(problem::BUSY, "all upload places are taken"))?;
    let stream = body.into_data_stream().map_err(std::io::Error::other);
    let reader = SyncIoBridge::new(StreamReader::new(stream));
    let platform = app.platform.clone();
    let work = tokio::task::spawn_blocking(move || {
        let receipt = platform.upload(&caller, &request, reader);
        drop(permit);
        receipt
    });
    let receipt = work
        .await
        .map_err(|source| PlatformError::Failed { operation: "finish an upload", source: Box::new(source) })??;
    let status = if receipt.created { StatusCode::CREATED } else { StatusCode::OK };
    let location = format!("/v1/datasets/{}/versions/{}", receipt.dataset, receipt.version);
    Ok((status, [(header::LOCATION, location)], Json(receipt)).into_response())
}

/// A stored version: its findings and how far its publication has come.
#[utoipa::path(get, path = "/v1/datasets/{id}/versions/{version}", tag = "datasets",
    params(("id" = String, Path, description = "dataset id"), ("version" = String, Path, description = "version id")),
    responses((status = 200, body = Object), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn version(
    State(app): State<App>,
    Path((id, version)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Params::read(&uri, &[], app.limits.query_bytes)?;
    let caller = caller(&app.platform, &headers)?;
    if caller.is_public() {
        return Err(PlatformError::Unauthenticated.into());
    }
    Ok(Json(app.platform.version(&caller, &dataset(&id)?, &version)?).into_response())
}

fn dataset(text: &str) -> Result<DatasetId, Problem> {
    text.parse().map_err(|_| PlatformError::NotFound { what: "this dataset".to_owned() }.into())
}

fn header_text<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Problem> {
    headers
        .get(name)
        .map(|value| {
            value.to_str().map_err(|_| Problem::new(problem::BAD_PARAMETER, format!("`{name}` is not plain text")))
        })
        .transpose()
}

/// The SHA-256 of a `Content-Digest` header (RFC 9530).
fn content_digest(text: &str) -> Result<Digest, Problem> {
    let bad =
        || Problem::new(problem::BAD_PARAMETER, "`content-digest`: write `sha-256=:` + base64 of the digest + `:`");
    let value = text.split(',').find_map(|part| part.trim().strip_prefix("sha-256=:")).ok_or_else(bad)?;
    let bytes = STANDARD.decode(value.strip_suffix(':').ok_or_else(bad)?).map_err(|_| bad())?;
    Ok(Digest(bytes.try_into().map_err(|_| bad())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_digests_are_read() {
        let encoded = STANDARD.encode([7_u8; 32]);
        assert_eq!(content_digest(&format!("sha-256=:{encoded}:")).unwrap(), Digest([7; 32]));
        assert_eq!(content_digest(&format!("sha-512=:x:, sha-256=:{encoded}:")).unwrap(), Digest([7; 32]));
        for bad in ["", "sha-256=abc", "sha-256=:abc:", "md5=:abc:"] {
            assert!(content_digest(bad).is_err(), "{bad}");
        }
    }
}
