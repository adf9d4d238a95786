//! Entity tags, authentication and the headers of every answer.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use platform::{Caller, Platform, PlatformError, Stop};
use tokio::sync::Semaphore;

use crate::problem::Problem;

/// Nothing is loaded from elsewhere, nothing inline is run, nobody may frame the page.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Headers that every answer carries.
pub(crate) fn fixed() -> [(HeaderName, HeaderValue); 5] {
    [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
        (
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
        ),
    ]
}

/// Who asks: the bearer of a key, or the public.
pub(crate) fn caller(platform: &Platform, headers: &HeaderMap) -> Result<Caller, Problem> {
    let token = match headers.get(header::AUTHORIZATION) {
        None => None,
        Some(value) => {
            let token = value.to_str().ok().and_then(bearer).ok_or(PlatformError::Unauthenticated)?;
            Some(token)
        }
    };
    Ok(platform.authenticate(token)?)
}

/// Runs what reads files or waits for the disk on a thread of its own kind, where it holds up no other request.
///
/// # Errors
/// As the work; [`PlatformError::Failed`] if it ended on a defect.
pub(crate) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let outcome = tokio::task::spawn_blocking(work).await;
    outcome.unwrap_or_else(|source| {
        Err(PlatformError::Failed { operation: "finish a request", source: Box::new(source) }.into())
    })
}

/// Told when the peer of a connection has closed it.
#[derive(Debug, Clone, Default)]
pub(crate) struct PeerGone(pub(crate) Stop);

/// Runs what may take long on a thread of its own kind, as long as somebody waits for it: where the caller goes away, or time is up,
/// the work is told to stop. So many at once as there are places; the others wait where they hold no thread.
///
/// # Errors
/// As [`apart`].
pub(crate) async fn while_wanted<T: Send + 'static>(
    places: Arc<Semaphore>,
    PeerGone(gone): PeerGone,
    work: impl FnOnce(&Stop) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let unwanted = || PlatformError::Unavailable { reason: "nobody waits for it any more".to_owned() };
    let stop = gone.child_token();
    // Dropped with this future, which nobody polls then.
    let _wanted = stop.clone().drop_guard();
    let place = gone.run_until_cancelled(places.acquire_owned()).await.ok_or_else(unwanted)?;
    let place = place.map_err(|_| unwanted())?;
    apart(move || {
        let done = if stop.is_cancelled() { Err(unwanted().into()) } else { work(&stop) };
        drop(place);
        done
    })
    .await
}

/// The token behind the scheme, whose case does not matter (RFC 9110, 11.1).
fn bearer(text: &str) -> Option<&str> {
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether the caller has the answer with this tag.
pub(crate) fn is_known(request: &HeaderMap, etag: &str) -> bool {
    let opaque = format!("\"{etag}\"");
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        // `*` names no content that anybody has.
        .any(|tag| tag.trim().trim_start_matches("W/") == opaque)
}

/// An answer that may be kept but must be asked about each time; 304 if the caller has it. The tag is weak (RFC 9110, 8.8.1):
/// the same answer goes out as it is and compressed, and a strong tag would name bytes.
pub(crate) fn tagged(request: &HeaderMap, etag: &str, content_type: &'static str, body: Body) -> Response<Body> {
    let opaque = format!("\"{etag}\"");
    let mut response = if is_known(request, etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        (StatusCode::OK, body).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("Authorization"));
    if let Ok(value) = HeaderValue::from_str(&format!("W/{opaque}")) {
        headers.insert(header::ETAG, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_read_in_any_case() {
        for (text, expect) in [
            ("Bearer cg_a_b", Some("cg_a_b")),
            ("bearer cg_a_b", Some("cg_a_b")),
            ("BEARER  cg_a_b ", Some("cg_a_b")),
            ("Basic cg_a_b", None),
            ("bearercg_a_b", None),
            ("Bearer", None),
            ("", None),
        ] {
            assert_eq!(bearer(text), expect, "{text}");
        }
    }

    #[tokio::test]
    async fn work_is_told_when_nobody_waits_any_more() {
        let (told, was_told) = tokio::sync::oneshot::channel();
        let places = Arc::new(Semaphore::new(1));
        let waits = while_wanted(Arc::clone(&places), PeerGone::default(), move |stop| {
            let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
            while !stop.is_cancelled() && std::time::Instant::now() < until {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            let _ = told.send(stop.is_cancelled());
            Ok(())
        });
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), waits).await.is_err());
        assert!(was_told.await.unwrap(), "it stopped");
        let fine = |stop: &Stop| Ok(stop.is_cancelled());
        assert!(while_wanted(Arc::clone(&places), PeerGone::default(), fine).await.is_ok_and(|stopped| !stopped));
        // Whoever has gone while it waited for a place gets none.
        let _taken = places.acquire().await.unwrap();
        let gone = PeerGone::default();
        gone.0.cancel();
        assert!(while_wanted(Arc::clone(&places), gone, fine).await.is_err());
    }

    #[test]
    fn known_content_is_not_sent_again() {
        for (sent, status) in [
            (None, 200),
            (Some("\"abc\""), 304),
            (Some("W/\"abc\""), 304),
            (Some("\"x\", \"abc\""), 304),
            (Some("*"), 200),
            (Some("\"other\""), 200),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(sent) = sent {
                headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(sent));
            }
            let response = tagged(&headers, "abc", "text/csv", Body::empty());
            assert_eq!(response.status().as_u16(), status, "{sent:?}");
            assert_eq!(response.headers()[header::ETAG], "W/\"abc\"");
        }
    }
}
