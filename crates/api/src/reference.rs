//! Reference answers: indicators, areas, boundaries, who I am, health.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use model::{AreaType, IndicatorId};
use platform::{AreasRequest, PlatformError, Readiness};
use utoipa::openapi::OpenApi;

use crate::App;
use crate::headers::{apart, caller, tagged};
use crate::params::Params;
use crate::problem::Problem;
use crate::schema::{AreaList, Health, IndicatorItem, IndicatorList, MeDocument, SYNTHETIC_NOTICE};

/// The indicators that the caller may read.
#[utoipa::path(get, path = "/v1/indicators", tag = "reference",
    responses((status = 200, body = IndicatorList), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(crate) async fn indicators(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<IndicatorList>, Problem> {
    Params::read(&uri, &[], app.limits.query_bytes)?;
    let cards = apart(move || Ok(app.platform.indicators(&caller(&app.platform, &headers)?))).await?;
    let synthetic = cards.iter().any(|card| card.synthetic);
    Ok(Json(IndicatorList {
        synthetic,
        notice: synthetic.then_some(SYNTHETIC_NOTICE),
        indicators: cards.into_iter().map(IndicatorItem::from).collect(),
    }))
}

/// One indicator.
#[utoipa::path(get, path = "/v1/indicators/{id}", tag = "reference",
    params(("id" = String, Path, description = "indicator id")),
    responses((status = 200, body = IndicatorItem), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn indicator(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<IndicatorItem>, Problem> {
    Params::read(&uri, &[], app.limits.query_bytes)?;
    apart(move || {
        let caller = caller(&app.platform, &headers)?;
        let missing = || PlatformError::NotFound { what: "this indicator".to_owned() };
        let id: IndicatorId = id.parse().map_err(|_| missing())?;
        let card = app.platform.indicators(&caller).into_iter().find(|card| card.id == id).ok_or_else(missing)?;
        Ok(Json(card.into()))
    })
    .await
}

/// The areas of the partnership, all types or one.
#[utoipa::path(get, path = "/v1/areas", tag = "reference",
    params(("area_type" = Option<String>, Query, description = "only this type"),
        ("within" = Option<String>, Query, description = "only areas inside this one")),
    responses((status = 200, body = AreaList), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn areas(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Result<Json<AreaList>, Problem> {
    let params = Params::read(&uri, &["area_type", "within"], app.limits.query_bytes)?;
    apart(move || {
        caller(&app.platform, &headers)?;
        let request = AreasRequest { area_type: params.parsed("area_type")?, within: params.parsed("within")? };
        Ok(Json(AreaList { synthetic: app.platform.geography_is_synthetic(), areas: app.platform.areas(&request)? }))
    })
    .await
}

/// Display boundaries of one area type, longitude and latitude.
#[utoipa::path(get, path = "/v1/geographies/{area_type}/boundaries.geojson", tag = "reference",
    params(("area_type" = String, Path, description = "area type, for example lsoa")),
    responses((status = 200, description = "a GeoJSON feature collection", content_type = "application/geo+json"),
        (status = 304, description = "unchanged"), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn boundaries(
    State(app): State<App>,
    Path(area_type): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Params::read(&uri, &[], app.limits.query_bytes)?;
    apart(move || {
        caller(&app.platform, &headers)?;
        let area_type: AreaType =
            area_type.parse().map_err(|_| PlatformError::NotFound { what: "this geography".to_owned() })?;
        let boundaries = app.platform.boundaries(area_type)?;
        Ok(tagged(&headers, &boundaries.etag, "application/geo+json", Body::from(boundaries.geojson.to_vec())))
    })
    .await
}

/// What the caller may do.
#[utoipa::path(get, path = "/v1/me", tag = "reference",
    responses((status = 200, body = MeDocument), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(crate) async fn me(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Result<Json<MeDocument>, Problem> {
    Params::read(&uri, &[], app.limits.query_bytes)?;
    apart(move || Ok(Json(MeDocument { me: app.platform.me(&caller(&app.platform, &headers)?) }))).await
}

/// This description.
pub(crate) async fn openapi(
    State(app): State<App>,
    Extension(document): Extension<std::sync::Arc<OpenApi>>,
    uri: Uri,
) -> Result<Json<OpenApi>, Problem> {
    Params::read(&uri, &[], app.limits.query_bytes)?;
    Ok(Json(document.as_ref().clone()))
}

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", tag = "health",
    responses((status = 200, body = Health), (status = 400, body = Problem)))]
pub(crate) async fn healthz(State(app): State<App>, uri: Uri) -> Result<Json<Health>, Problem> {
    Params::read(&uri, &[], app.limits.query_bytes)?;
    Ok(Json(Health::of("ok")))
}

/// Whether it can do its work: geography, catalogue, audit log, object store, and everything restored that was released. It is
/// `degraded`, and that is no failure of its own, when data that it holds are closed or credentials are not accepted.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, body = Health), (status = 400, body = Problem), (status = 503, body = Health)))]
pub(crate) async fn readyz(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    Params::read(&uri, &[], app.limits.query_bytes)?;
    let readiness = apart(move || Ok(app.platform.readiness())).await?;
    Ok(match readiness {
        Readiness::Ready => Json(Health::of("ok")).into_response(),
        Readiness::Degraded { problems } => Json(Health { problems, ..Health::of("degraded") }).into_response(),
        Readiness::NotReady { reason } => (StatusCode::SERVICE_UNAVAILABLE, Json(Health::of(&reason))).into_response(),
    })
}
