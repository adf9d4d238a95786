//! Tables that somebody asks for, as CSV or JSON, and what may be asked for.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::Response;
use axum::{Extension, Json};
use platform::{PlatformError, Stop, TableAnswer, TableOutcome, TableRequest};

use crate::App;
use crate::data::NOTE;
use crate::encode;
use crate::headers::{PeerGone, apart, caller, is_known, tagged, while_wanted};
use crate::params::Params;
use crate::problem::{self, Problem};
use crate::schema::{SYNTHETIC_NOTICE, TableDocument, TableList};

const PARAMETERS: [&str; 7] = ["dataset", "area_type", "period_type", "period", "by", "sum", "purpose"];

/// The datasets of which the caller may ask for tables, with what may be crossed with what.
#[utoipa::path(get, path = "/v1/tables", tag = "tables",
    responses((status = 200, body = TableList), (status = 401, body = Problem)))]
pub(crate) async fn list(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Result<Json<TableList>, Problem> {
    apart(move || {
        Params::read(&uri, &[], app.limits.query_bytes)?;
        let caller = caller(&app.platform, &headers)?;
        Ok(Json(TableList { tables: app.platform.tables(&caller) }))
    })
    .await
}

/// A table of counts with noise as CSV (UTF-8, RFC 4180): any crossing of what its dataset registers, with all totals.
#[utoipa::path(get, path = "/v1/tables.csv", tag = "tables", params(
        ("dataset" = String, Query, description = "dataset id, one of those that /v1/tables lists"),
        ("area_type" = String, Query, description = "one of the dataset's types of areas"),
        ("period_type" = Option<String>, Query, description = "one of the dataset's types of periods; needed if it has several"),
        ("period" = Option<String>, Query, description = "ISO 8601 interval such as 2024-01-01/P1Y, `all`, or `latest` (default)"),
        ("by" = Option<String>, Query, description = "dimensions, comma-separated; none if absent"),
        ("sum" = Option<String>, Query, description = "a measure to add up instead of counting, one of those that /v1/tables lists"),
        ("purpose" = String, Query, description = "one of your key's purposes: what is not published is asked for with one")),
    responses((status = 200, description = "rows", content_type = "text/csv",
            headers(("commonground-note" = String, description = "what is counted, and what the noise is"))),
        (status = 304, description = "unchanged"),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem), (status = 504, body = Problem)))]
pub(crate) async fn csv(
    State(app): State<App>,
    method: Method,
    gone: Option<Extension<PeerGone>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    is_read(&method)?;
    while_wanted(Arc::clone(&app.tables), gone.unwrap_or_default().0, move |stop| {
        let write = |answer: &TableAnswer| {
            let body = encode::table_csv(answer, answer.synthetic.then_some(SYNTHETIC_NOTICE))
                .map_err(|source| PlatformError::Failed { operation: "write CSV", source: Box::new(source) })?;
            let named = format!("inline; filename=\"{}-{}.csv\"", answer.dataset, answer.area_type);
            Ok((format!("{}-csv", answer.etag), body, named, answer.notes.clone()))
        };
        let kind = "text/csv; charset=utf-8; header=present";
        let (etag, body, named, notes) = match ask(&app, (&uri, &headers), "csv", stop, write)? {
            TableOutcome::Unchanged { etag } => {
                return Ok(tagged(&headers, &format!("{etag}-csv"), kind, Body::empty()));
            }
            TableOutcome::Written(written) => written,
        };
        let mut response = tagged(&headers, &etag, kind, Body::from(body));
        if let Ok(named) = named.parse() {
            response.headers_mut().insert(header::CONTENT_DISPOSITION, named);
        }
        // What is said of it has one line each.
        let lines = notes.iter().map(|note| note.split_whitespace().collect::<Vec<_>>().join(" "));
        for note in lines.filter_map(|note| HeaderValue::from_str(&note).ok()) {
            response.headers_mut().append(NOTE, note);
        }
        Ok(response)
    })
    .await
}

/// The same as a JSON document.
#[utoipa::path(get, path = "/v1/tables.json", tag = "tables", params(
        ("dataset" = String, Query, description = "dataset id, one of those that /v1/tables lists"),
        ("area_type" = String, Query, description = "as for /v1/tables.csv"),
        ("period_type" = Option<String>, Query, description = "as for /v1/tables.csv"),
        ("period" = Option<String>, Query, description = "as for /v1/tables.csv"),
        ("by" = Option<String>, Query, description = "as for /v1/tables.csv"),
        ("sum" = Option<String>, Query, description = "as for /v1/tables.csv"),
        ("purpose" = String, Query, description = "as for /v1/tables.csv")),
    responses((status = 200, body = TableDocument<'_>), (status = 304, description = "unchanged"),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem), (status = 504, body = Problem)))]
pub(crate) async fn json(
    State(app): State<App>,
    method: Method,
    gone: Option<Extension<PeerGone>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    is_read(&method)?;
    while_wanted(Arc::clone(&app.tables), gone.unwrap_or_default().0, move |stop| {
        let write = |answer: &TableAnswer| {
            let body = serde_json::to_vec(&document(answer))
                .map_err(|source| PlatformError::Failed { operation: "write JSON", source: Box::new(source) })?;
            Ok((answer.etag.clone(), body))
        };
        let (etag, body) = match ask(&app, (&uri, &headers), "json", stop, write)? {
            TableOutcome::Unchanged { etag } => (etag, Vec::new()),
            TableOutcome::Written(written) => written,
        };
        Ok(tagged(&headers, &format!("{etag}-json"), "application/json", Body::from(body)))
    })
    .await
}

/// Refuses to count a table of which only the head is asked for: it would be on record, and nobody would have it.
fn is_read(method: &Method) -> Result<(), Problem> {
    if *method == Method::GET {
        Ok(())
    } else {
        Err(Problem::new(problem::METHOD, "a table is counted when it is read: GET"))
    }
}

fn document(answer: &TableAnswer) -> TableDocument<'_> {
    TableDocument {
        dataset: answer.dataset.to_string(),
        area_type: answer.area_type.to_string(),
        boundary_year: answer.boundary_year.map(|year| year.get()),
        by: answer.by.clone(),
        sum: answer.sum.clone(),
        rows: encode::JsonRows(answer),
        synthetic: answer.synthetic,
        notice: answer.synthetic.then_some(SYNTHETIC_NOTICE),
        notes: answer.notes.clone(),
        agreements: answer.agreements.iter().map(ToString::to_string).collect(),
    }
}

/// Asks for a table and writes it, unless the caller has it in this format.
fn ask<T>(
    app: &App,
    (uri, headers): (&Uri, &HeaderMap),
    format: &str,
    stop: &Stop,
    write: impl FnOnce(&TableAnswer) -> Result<T, PlatformError>,
) -> Result<TableOutcome<T>, Problem> {
    let params = Params::read(uri, &PARAMETERS, app.limits.query_bytes)?;
    let caller = caller(&app.platform, headers)?;
    let dataset = params.required("dataset")?;
    let request = TableRequest {
        dataset: dataset.parse().map_err(|_| PlatformError::NotFound { what: "a table of it".to_owned() })?,
        area_type: params.needed("area_type")?,
        period_type: params.parsed("period_type")?,
        period: params.period(),
        by: params.list("by")?,
        sum: params.given("sum")?.map(str::to_owned),
        purpose: params.text("purpose").map(str::to_owned),
        stop: stop.clone(),
    };
    let has = |etag: &str| is_known(headers, &format!("{etag}-{format}"));
    Ok(app.platform.table(&caller, &request, &has, write)?)
}
