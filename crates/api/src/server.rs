//! The router and its limits.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use platform::Platform;
use tokio::sync::Semaphore;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower_http::compression::CompressionLayer;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::places::UploadPlaces;
use crate::problem::{self, Problem};
use crate::{App, HttpLimits, data, headers, pages, publications, reference, tables, uploads};

/// The description of every operation.
#[must_use]
pub fn openapi() -> OpenApi {
    with_keys(operations().into_openapi())
}

/// Says that a key may be sent, and that none is needed for what is public.
fn with_keys(mut document: OpenApi) -> OpenApi {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("cg_...").build();
    document.components.get_or_insert_default().add_security_scheme(KEY, SecurityScheme::Http(bearer));
    document.security = Some(vec![SecurityRequirement::default(), SecurityRequirement::new(KEY, [""; 0])]);
    document
}

fn operations() -> OpenApiRouter<App> {
    let info = InfoBuilder::new()
        .title("Commonground")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Aggregated, disclosure-controlled indicators of a partnership."))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").build()))
        .build();
    OpenApiRouter::with_openapi(OpenApiBuilder::new().info(info).build())
        .routes(routes!(reference::indicators))
        .routes(routes!(reference::indicator))
        .routes(routes!(reference::areas))
        .routes(routes!(reference::boundaries))
        .routes(routes!(reference::me))
        .routes(routes!(reference::healthz))
        .routes(routes!(reference::readyz))
        .routes(routes!(data::csv))
        .routes(routes!(data::json))
        .routes(routes!(tables::list))
        .routes(routes!(tables::csv))
        .routes(routes!(tables::json))
        .routes(routes!(uploads::create))
        .routes(routes!(uploads::version))
        .routes(routes!(uploads::withdraw))
        .routes(routes!(publications::waiting))
        .routes(routes!(publications::decide))
        .routes(routes!(publications::report))
        .routes(routes!(publications::preview_revision))
        .routes(routes!(publications::revise))
}

/// The name of the key in the description.
const KEY: &str = "key";
/// What answers while the platform is loading.
const ANSWER_ALWAYS: [&str; 2] = ["/healthz", "/readyz"];
/// Seconds after which a caller may ask again while the platform is loading.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// Every route over a platform. While the platform is loading, only health answers; everything else is told to come back.
pub fn router(platform: Platform, limits: HttpLimits) -> Router {
    let limits = Arc::new(limits);
    let places = Arc::new(UploadPlaces::new(limits.uploads, limits.uploads_per_organisation));
    let tables = Arc::new(Semaphore::new(limits.tables.clamp(1, Semaphore::MAX_PERMITS)));
    let app = App { platform, places, tables, limits: Arc::clone(&limits) };
    let loading = app.platform.clone();
    let times = Times::new(&limits, app.platform.seconds_after_arrival());
    let (router, document) = operations().split_for_parts();
    router
        .route("/openapi.json", get(reference::openapi))
        .layer(Extension(Arc::new(with_keys(document))))
        .method_not_allowed_fallback(|| async { Problem::new(problem::METHOD, "see /openapi.json") })
        .fallback(pages::serve)
        .layer(middleware::from_fn(move |request: Request, next: Next| timed(request, next, times)))
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            let platform = loading.clone();
            async move { once_loaded(request, next, &platform).await }
        }))
        .layer(middleware::from_fn(with_fixed_headers))
        .layer(CompressionLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(app.limits.concurrency))
        .with_state(app)
}

async fn once_loaded(request: Request, next: Next, platform: &Platform) -> Response {
    match platform.loading() {
        Some(what) if !ANSWER_ALWAYS.contains(&request.uri().path()) => {
            let mut response = Problem::new(problem::UNAVAILABLE, format!("loading: {what}")).into_response();
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_SECONDS);
            response
        }
        _ => next.run(request).await,
    }
}

/// How long requests may take.
#[derive(Clone, Copy)]
struct Times {
    request: Duration,
    /// An upload comes in, and then it is read and stored. What is stored is answered with a receipt.
    upload: Duration,
}

impl Times {
    fn new(limits: &HttpLimits, after_arrival: u64) -> Self {
        let upload = limits.upload_seconds.saturating_add(after_arrival);
        Self { request: Duration::from_secs(limits.request_seconds), upload: Duration::from_secs(upload) }
    }
}

async fn timed(request: Request, next: Next, times: Times) -> Response {
    let method = request.method().clone();
    let (limit, late) = if method == axum::http::Method::POST {
        (times.upload, problem::UPLOAD_TIMEOUT)
    } else {
        (times.request, problem::TIMEOUT)
    };
    // The path alone: queries may hold what somebody is interested in.
    let path = request.uri().path().to_owned();
    let start = std::time::Instant::now();
    let response = match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(late, format!("no answer after {} s", limit.as_secs())).into_response(),
    };
    let duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(%method, path, status = response.status().as_u16(), duration_ms, "answered");
    response
}

async fn with_fixed_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().extend(headers::fixed());
    response
}

#[cfg(test)]
mod tests {
    /// Programs made from the description know of the key and of the file.
    #[test]
    fn the_description_has_the_key_and_a_file_as_a_body() {
        let document = serde_json::to_value(super::openapi()).unwrap();
        assert_eq!(document["components"]["securitySchemes"]["key"]["scheme"], "bearer");
        assert_eq!(document["security"], serde_json::json!([{}, { "key": [] }]));
        let body = &document["paths"]["/v1/datasets/{id}/versions"]["post"]["requestBody"]["content"];
        let schema = &body["application/octet-stream"]["schema"];
        let file = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next());
        let schema = file.map_or(schema, |name| &document["components"]["schemas"][name]);
        assert_eq!((&schema["type"], &schema["format"]), (&"string".into(), &"binary".into()), "{schema}");
    }

    use axum::body::{Body, to_bytes};
    use axum::http::Method;
    use axum::routing::any;
    use tower::ServiceExt;

    use super::*;

    /// What is told of an upload that was not answered is not what is told of a question: it may have been stored.
    #[tokio::test]
    async fn a_late_upload_is_told_to_be_sent_again() {
        let times = Times { request: Duration::from_millis(10), upload: Duration::from_millis(20) };
        let never = Router::new()
            .route("/", any(std::future::pending::<()>))
            .layer(middleware::from_fn(move |request: Request, next: Next| timed(request, next, times)));
        for (method, kind, advice) in [
            (
                Method::POST,
                "upload-timeout",
                "it may be stored: if nothing newer of this period was sent since, send it again with the same idempotency key",
            ),
            (Method::GET, "timeout", "ask for less at once"),
        ] {
            let request = Request::builder().method(method).uri("/").body(Body::empty()).unwrap();
            let response = never.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), 504);
            let body = to_bytes(response.into_body(), 10_000).await.unwrap();
            let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(problem["type"], format!("/problems/{kind}"));
            assert_eq!(problem["advice"], advice);
            assert!(!problem["title"].as_str().unwrap().contains("stopped") || kind == "timeout", "{problem}");
        }
    }

    /// The time of an upload holds all of its parts.
    #[test]
    fn an_upload_has_time_to_come_and_to_be_stored() {
        let limits = HttpLimits { upload_seconds: 7, request_seconds: 3, ..HttpLimits::default() };
        let times = Times::new(&limits, 100);
        assert_eq!((times.request.as_secs(), times.upload.as_secs()), (3, 107));
    }
}
