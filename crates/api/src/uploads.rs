//! Uploads: a partition of a dataset, streamed to the platform, answered with its findings.

use std::io;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use model::{DatasetId, Digest};
use platform::{PlatformError, UploadRequest};
use tokio::time::Instant;
use tokio_util::io::{StreamReader, SyncIoBridge};
use utoipa::ToSchema;

use crate::headers::{apart, caller};
use crate::params::Params;
use crate::problem::{self, Problem};
use crate::{App, HttpLimits};

/// The file itself, as it is.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "it is described, and read as a stream")]
pub(crate) struct FileBody(Vec<u8>);

/// Sends one period of a dataset. The body is the file itself.
#[utoipa::path(post, path = "/v1/datasets/{id}/versions", tag = "datasets",
    params(("id" = String, Path, description = "dataset id, for example lancashire-fire-and-rescue.incidents"),
        ("period" = String, Query, description = "the period that the file covers, ISO 8601 interval such as 2024-01-01/P3M"),
        ("empty" = Option<String>, Query, description = "`confirmed`: there was nothing to report in the period, and the file has no rows to keep"),
        ("revision" = Option<String>, Query, description = "`declared`: the file corrects what is held of the period; without it other content for a period that is held is refused"),
        ("opt_outs_applied" = Option<String>, Query, description = "when opt-outs were applied to this file, where the agreement asks you to: a day such as 2026-03-31, or an instant"),
        ("Idempotency-Key" = Option<String>, Header, description = "the same key and file again give the same version"),
        ("Content-Digest" = Option<String>, Header, description = "sha-256=:base64: of the body")),
    request_body(content = FileBody, content_type = "application/octet-stream"),
    responses((status = 201, description = "stored; findings in the body", body = Object),
        (status = 200, description = "already stored", body = Object), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 408, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem),
        (status = 429, body = Problem), (status = 503, body = Problem), (status = 504, body = Problem), (status = 507, body = Problem)))]
pub(crate) async fn create(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["period", "empty", "opt_outs_applied", "revision"], app.limits.query_bytes)?;
    let (platform, presented) = (app.platform.clone(), headers.clone());
    let caller = apart(move || caller(&platform, &presented)).await?;
    let dataset = dataset(&id)?;
    let Some(organisation) = caller.organisation() else {
        return Err(PlatformError::NotFound { what: format!("dataset `{dataset}`") }.into());
    };
    let request = UploadRequest {
        dataset,
        period: params.required("period")?.to_owned(),
        idempotency_key: header_text(&headers, "idempotency-key")?.map(str::to_owned),
        digest: header_text(&headers, "content-digest")?.map(content_digest).transpose()?,
        empty: says(&params, "empty", "confirmed")?,
        corrects: says(&params, "revision", "declared")?,
        opt_outs_applied: params.text("opt_outs_applied").map(str::to_owned),
    };
    let place = app.places.take(organisation).map_err(|why| Problem::new(problem::BUSY, why))?;
    let reader = SyncIoBridge::new(StreamReader::new(Box::pin(in_time(body, &app.limits))));
    let platform = app.platform.clone();
    let receipt = apart(move || {
        let receipt = platform.upload(&caller, &request, reader);
        drop(place);
        Ok(receipt?)
    })
    .await?;
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
    apart(move || {
        let caller = caller(&app.platform, &headers)?;
        Ok(Json(app.platform.version(&caller, &dataset(&id)?, &version)?).into_response())
    })
    .await
}

/// Withdraws a period with all its corrections: for its supplier, and for the partnership's operator. When this is answered, nothing that
/// stands on it is served; what is left of the dataset is again as soon as it is published without. It is on record.
#[utoipa::path(delete, path = "/v1/datasets/{id}/versions", tag = "datasets",
    params(("id" = String, Path, description = "dataset id"),
        ("period" = String, Query, description = "the period as it was sent, for example 2024-01-01/P3M")),
    responses((status = 200, description = "how many files were withdrawn", body = Object), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn withdraw(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["period"], app.limits.query_bytes)?;
    let period = params.required("period")?.to_owned();
    apart(move || {
        let caller = caller(&app.platform, &headers)?;
        Ok(Json(app.platform.withdraw(&caller, &dataset(&id)?, &period)?).into_response())
    })
    .await
}

/// A body that ends in an error where nothing comes for too long, or the whole takes too long: whoever sends slowly must
/// not keep a place.
fn in_time(body: Body, limits: &HttpLimits) -> impl Stream<Item = io::Result<Bytes>> + use<> {
    let idle = Duration::from_secs(limits.upload_idle_seconds);
    let end = Instant::now() + Duration::from_secs(limits.upload_seconds);
    futures::stream::try_unfold(body.into_data_stream(), move |mut stream| async move {
        match tokio::time::timeout_at(end.min(Instant::now() + idle), stream.next()).await {
            Ok(Some(Ok(bytes))) => Ok(Some((bytes, stream))),
            Ok(Some(Err(error))) => Err(io::Error::other(error)),
            Ok(None) => Ok(None),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    })
}

/// Whether a parameter says the one thing that it may.
fn says(params: &Params, name: &'static str, word: &str) -> Result<bool, Problem> {
    match params.text(name) {
        None => Ok(false),
        Some(said) if said == word => Ok(true),
        Some(_) => Err(Problem::new(problem::BAD_PARAMETER, format!("`{name}`: write `{word}`, or leave it out"))),
    }
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
