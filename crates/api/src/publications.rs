//! Publications that wait for approval: for those whom the agreements ask, and for nobody else.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use model::{DatasetId, Digest};
use platform::{PlatformError, Verdict};

use crate::App;
use crate::headers::{apart, caller};
use crate::params::Params;
use crate::problem::{self, Problem};
use crate::schema::{PublicationItem, PublicationList, ReportItem, RevisionItem, RevisionPreviewItem, StandingItem};

/// The publications that wait and that the caller may decide about. Each question is on record.
#[utoipa::path(get, path = "/v1/publications", tag = "publications",
    responses((status = 200, body = PublicationList), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn waiting(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<PublicationList>, Problem> {
    Params::read(&uri, &[], app.limits.query_bytes)?;
    apart(move || {
        let previews = app.platform.previews(&caller(&app.platform, &headers)?)?;
        Ok(Json(PublicationList { publications: previews.into_iter().map(PublicationItem::from).collect() }))
    })
    .await
}

/// What the last publication of a dataset released and withheld, after checking its proof: for reviewers. It is on record.
#[utoipa::path(get, path = "/v1/publications/{id}/report", tag = "publications",
    params(("id" = String, Path, description = "dataset id")),
    responses((status = 200, body = ReportItem), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn report(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<ReportItem>, Problem> {
    Params::read(&uri, &[], app.limits.query_bytes)?;
    apart(move || {
        let (caller, dataset) = (caller(&app.platform, &headers)?, dataset(&id)?);
        let report = app.platform.publication_report(&caller, &dataset)?;
        Ok(Json(ReportItem::new(&dataset, &report)))
    })
    .await
}

/// What a revision would publish of the corrections of a dataset that wait: nothing is published. It is on record.
#[utoipa::path(get, path = "/v1/publications/{id}/revision", tag = "publications",
    params(("id" = String, Path, description = "dataset id")),
    responses((status = 200, body = RevisionPreviewItem), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn preview_revision(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<RevisionPreviewItem>, Problem> {
    Params::read(&uri, &[], app.limits.query_bytes)?;
    apart(move || {
        let caller = caller(&app.platform, &headers)?;
        Ok(Json(RevisionPreviewItem::from(app.platform.preview_revision(&caller, &dataset(&id)?)?)))
    })
    .await
}

/// Publishes the corrections of a dataset that wait, with the next run, if that shows exactly what was previewed: every figure that
/// they change is decided anew. It is on record. Without it, what was published stays as it was.
#[utoipa::path(put, path = "/v1/publications/{id}/revision", tag = "publications",
    params(("id" = String, Path, description = "dataset id"),
        ("digest" = String, Query, description = "what is asked for: the digest that the preview gave")),
    responses((status = 200, body = RevisionItem), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn revise(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<RevisionItem>, Problem> {
    let params = Params::read(&uri, &["digest"], app.limits.query_bytes)?;
    let previewed = digest(&params, "`/v1/publications/{id}/revision`")?;
    apart(move || {
        let caller = caller(&app.platform, &headers)?;
        Ok(Json(RevisionItem { corrections: app.platform.revise(&caller, &dataset(&id)?, previewed)? }))
    })
    .await
}

/// The digest of a request, which a preview gave.
fn digest(params: &Params, from: &str) -> Result<Digest, Problem> {
    params.required("digest")?.parse().map_err(|_| {
        Problem::new(problem::BAD_PARAMETER, format!("`digest`: write the digest that {from} gives, 64 hex digits"))
    })
}

fn dataset(id: &str) -> Result<DatasetId, PlatformError> {
    id.parse().map_err(|_| PlatformError::NotFound { what: "this publication".to_owned() })
}

/// Approves or rejects exactly what was previewed. It is on record before it counts; what is approved by each role that is
/// asked is published with the next run.
#[utoipa::path(put, path = "/v1/publications/{id}/decision", tag = "publications",
    params(("id" = String, Path, description = "dataset id"),
        ("digest" = String, Query, description = "what is decided about: the digest that the preview gave"),
        ("verdict" = String, Query, description = "`approved` or `rejected`"),
        ("because" = String, Query, description = "`as-agreed`, `shows-too-much`, `withholds-too-much`, `data-in-doubt` or `not-now`")),
    responses((status = 200, body = StandingItem), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn decide(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<StandingItem>, Problem> {
    let params = Params::read(&uri, &["digest", "verdict", "because"], app.limits.query_bytes)?;
    let digest = digest(&params, "`/v1/publications`")?;
    let verdict: Verdict = params.needed("verdict")?;
    let grounds = params.needed("because")?;
    apart(move || {
        let caller = caller(&app.platform, &headers)?;
        let standing = app.platform.decide_publication(&caller, &dataset(&id)?, digest, verdict, grounds)?;
        Ok(Json(StandingItem { standing }))
    })
    .await
}
