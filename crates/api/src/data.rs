//! Data answers: one query, CSV or JSON.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;
use disclosure::Released;
use model::TidyRow;
use platform::{DataAnswer, DataRequest, PlatformError};

use crate::App;
use crate::encode;
use crate::headers::{apart, caller, tagged};
use crate::params::Params;
use crate::problem::Problem;
use crate::schema::{DataDocument, SYNTHETIC_NOTICE};

/// Says why a table is empty: which parameter matched nothing, and what exists.
pub(crate) const NOTE: &str = "commonground-note";

const PARAMETERS: [&str; 10] =
    ["indicator", "area_type", "period_type", "area", "within", "period", "sex", "age", "breakdown", "purpose"];

/// Rows as CSV (UTF-8, RFC 4180) with the fixed columns.
#[utoipa::path(get, path = "/v1/data.csv", tag = "data", params(
        ("indicator" = String, Query, description = "indicator id"),
        ("area_type" = Option<String>, Query, description = "lsoa, msoa, ward, pcn, beat, neighbourhood, district, county or partnership; default: the indicator's first view"),
        ("period_type" = Option<String>, Query, description = "calendar-year, financial-year, academic-year, quarter, month or rolling-12"),
        ("area" = Option<String>, Query, description = "area codes, comma-separated"),
        ("within" = Option<String>, Query, description = "only areas inside this one"),
        ("period" = Option<String>, Query, description = "ISO 8601 interval such as 2024-01-01/P1Y, `all`, or `latest` (default)"),
        ("sex" = Option<String>, Query, description = "all (default), female, male or unknown"),
        ("age" = Option<String>, Query, description = "all (default) or a band such as 65+"),
        ("breakdown" = Option<String>, Query, description = "every category of this one dimension: sex, age or another of the view. Of a view by two dimensions choose one category of the other, as in sex=female&breakdown=age"),
        ("purpose" = Option<String>, Query, description = "the purpose, where what is asked for is not published")),
    responses((status = 200, description = "rows", content_type = "text/csv",
            headers(("commonground-note" = String, description = "where no row matches: which parameter matched nothing, and what exists"))),
        (status = 304, description = "unchanged"),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn csv(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    apart(move || {
        let (_, answer) = answer(&app, &uri, &headers)?;
        let body = encode::csv(&answer.rows, answer.synthetic.then_some(SYNTHETIC_NOTICE))
            .map_err(|source| PlatformError::Failed { operation: "write CSV", source: Box::new(source) })?;
        let etag = format!("{}-csv", answer.etag);
        let mut response = tagged(&headers, &etag, "text/csv; charset=utf-8; header=present", Body::from(body));
        if let Ok(name) = format!("inline; filename=\"{}.csv\"", answer.view.replace('/', "-")).parse() {
            response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
        }
        // A table has no place for words beside its rows.
        for note in answer.notes.iter().filter_map(|note| HeaderValue::from_str(note).ok()) {
            response.headers_mut().append(NOTE, note);
        }
        Ok(response)
    })
    .await
}

/// Rows as a JSON document with notes.
#[utoipa::path(get, path = "/v1/data.json", tag = "data", params(
        ("indicator" = String, Query, description = "indicator id; the other parameters are those of /v1/data.csv")),
    responses((status = 200, body = DataDocument), (status = 304, description = "unchanged"),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn json(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    apart(move || {
        let (indicator, answer) = answer(&app, &uri, &headers)?;
        let etag = format!("{}-json", answer.etag);
        let body = serde_json::to_vec(&document(indicator, answer))
            .map_err(|source| PlatformError::Failed { operation: "write JSON", source: Box::new(source) })?;
        Ok(tagged(&headers, &etag, "application/json", Body::from(body)))
    })
    .await
}

fn document(indicator: String, answer: DataAnswer) -> DataDocument {
    let rows: &Released<Vec<TidyRow>> = &answer.rows;
    DataDocument {
        indicator,
        rows: encode::json(rows),
        view: answer.view,
        synthetic: answer.synthetic,
        notice: answer.synthetic.then_some(SYNTHETIC_NOTICE),
        notes: answer.notes,
        agreements: answer.agreements.iter().map(ToString::to_string).collect(),
    }
}

fn answer(app: &App, uri: &Uri, headers: &HeaderMap) -> Result<(String, DataAnswer), Problem> {
    let params = Params::read(uri, &PARAMETERS, app.limits.query_bytes)?;
    let caller = caller(&app.platform, headers)?;
    let indicator = params.required("indicator")?;
    let request = DataRequest {
        indicator: indicator.parse().map_err(|_| PlatformError::NotFound { what: "this indicator".to_owned() })?,
        area_type: params.parsed("area_type")?,
        period_type: params.parsed("period_type")?,
        areas: params.list("area")?,
        within: params.parsed("within")?,
        period: params.period(),
        sex: params.parsed("sex")?,
        age: params.parsed("age")?,
        breakdown: params.text("breakdown").map(str::to_owned),
        purpose: params.text("purpose").map(str::to_owned),
    };
    let indicator = indicator.to_owned();
    Ok((indicator, app.platform.data(&caller, &request)?))
}
