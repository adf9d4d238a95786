//! The web application's files, and what every other address answers.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::headers::tagged;
use crate::problem::{self, Problem};

/// Serves a file of the web application; addresses without a file extension get the application itself.
pub(crate) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("v1/") || path == "v1" {
        return Problem::new(problem::NOT_FOUND, "no such address; see /openapi.json").into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return Problem::new(problem::METHOD, "this address can only be read").into_response();
    }
    let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    let wanted = if is_file { path } else { "index.html" };
    match dashboard::file(wanted) {
        Some(file) => {
            let hashed = path.starts_with("assets/");
            let mut response = tagged(&headers, &file.etag, file.content_type, Body::from(file.bytes));
            if hashed {
                // The build puts a content hash in the name: the bytes behind it never change.
                let forever = header::HeaderValue::from_static("public, max-age=31536000, immutable");
                response.headers_mut().insert(header::CACHE_CONTROL, forever);
            }
            response
        }
        None if is_file => Problem::new(problem::NOT_FOUND, "no such file").into_response(),
        None => Problem::new(
            problem::UNAVAILABLE,
            "the web application was not built into this binary: run `make dashboard` and build again",
        )
        .into_response(),
    }
}
