//! Data answers: columns, rows, withheld cells, formats, caching.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{Method, header};
use model::tidy::COLUMNS;
use serde_json::Value;

use crate::support::{Demo, fires};

#[tokio::test]
async fn a_view_by_lsoa_has_one_row_an_area_in_the_documented_columns() {
    let demo = Demo::open();
    for indicator in ["fire-incidents", "all-crime", "ambulance-call-outs"] {
        let answer = demo.get(&format!("/v1/data.csv?indicator={indicator}&area_type=lsoa"), Some("analyst")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        let mut lines = text.lines();
        assert_eq!(lines.next().unwrap(), COLUMNS.join(","));
        assert_eq!(lines.count(), 140, "{indicator}");
    }
}

#[tokio::test]
async fn no_controlled_count_is_small_and_enough_is_visible() {
    let demo = Demo::open();
    let (mut cells, mut shown, mut checked) = (0, 0, [0, 0]);
    for (indicator, view, rows) in all_rows(&demo).await {
        let visible = rows.iter().filter(|row| !row["value"].is_null()).count();
        (cells, shown) = (cells + rows.len(), shown + visible);
        assert!(visible * 10 >= rows.len() * 6, "{indicator}/{view}: {visible} of {} visible", rows.len());
        for row in &rows {
            let withheld = row["status"] != "ok" && row["status"] != "modelled";
            for column in ["value", "count", "lower_95", "upper_95", "lower_998", "upper_998", "significance", "trend"]
            {
                // Where only the rate is not available, the count is.
                let shown = row["status"] == "x" && column == "count";
                assert!(!withheld || shown || row[column].is_null(), "{indicator}: {row}");
            }
        }
        let (numerator, denominator) = controlled(&indicator);
        for (column, controlled) in [("count", numerator), ("denominator", denominator)] {
            // With noise, a small figure is no small count; what is never shown is not.
            let least = match indicator.as_str() {
                "college-participation" => 3,
                "people-known-to-services" => 0,
                _ => 5,
            };
            let small = |row: &&Value| row[column].as_u64().is_some_and(|count| (1..least).contains(&count));
            let small = if controlled { rows.iter().filter(small).count() } else { 0 };
            assert_eq!(small, 0, "{column} of {indicator}/{view}");
            checked[usize::from(column == "denominator")] += usize::from(controlled);
        }
    }
    println!("{shown} of {cells} cells visible; {checked:?} views with a controlled numerator, denominator");
    assert!(checked[0] >= 20 && checked[1] >= 3, "{checked:?}");
    assert!(cells > 10_000 && shown * 10 >= cells * 6);
}

/// Every row of every view that analysts may read, for all purposes together.
pub(crate) async fn all_rows(demo: &Demo) -> Vec<(String, String, Vec<Value>)> {
    let mut tables = rows_for(demo, "analyst").await;
    let known: BTreeSet<String> = tables.iter().map(|(indicator, view, _)| format!("{indicator}/{view}")).collect();
    let others = rows_for(demo, "performance").await.into_iter();
    tables.extend(others.filter(|(indicator, view, _)| !known.contains(&format!("{indicator}/{view}"))));
    tables
}

async fn rows_for(demo: &Demo, who: &str) -> Vec<(String, String, Vec<Value>)> {
    let mut tables = Vec::new();
    let catalogue = demo.get("/v1/indicators", Some(who)).await.json();
    for indicator in catalogue["indicators"].as_array().unwrap() {
        let id = indicator["id"].as_str().unwrap();
        for view in indicator["views"].as_array().unwrap() {
            let (area_type, period_type) = (view["area_type"].as_str().unwrap(), view["period_type"].as_str().unwrap());
            let by: Vec<&str> = view["by"].as_array().unwrap().iter().map(|d| d.as_str().unwrap()).collect();
            let mut rows: BTreeMap<String, Value> = BTreeMap::new();
            let mut queries = vec![String::new()];
            queries.extend(by.iter().map(|dimension| format!("&breakdown={dimension}")));
            if by.len() == 2 && by.contains(&"sex") {
                let other = by.iter().find(|d| **d != "sex").unwrap();
                queries.extend(["female", "male", "unknown"].map(|sex| format!("&sex={sex}&breakdown={other}")));
            }
            for query in queries {
                let path = format!(
                    "/v1/data.json?indicator={id}&area_type={area_type}&period_type={period_type}&period=all{query}"
                );
                let answer = demo.get(&path, Some(who)).await;
                assert_eq!(answer.status, 200, "{path}: {}", answer.text());
                for row in answer.json()["rows"].as_array().unwrap() {
                    let key = format!(
                        "{} {} {} {} {}",
                        row["area_code"], row["period"], row["sex"], row["age"], row["breakdown"]
                    );
                    rows.insert(key, row.clone());
                }
            }
            tables.push((id.to_owned(), view["name"].as_str().unwrap().to_owned(), rows.into_values().collect()));
        }
    }
    tables
}

/// Whether numerator and denominator of an indicator are protected.
fn controlled(indicator: &str) -> (bool, bool) {
    let path = crate::support::root().join(format!("sample-data/indicators/{indicator}.toml"));
    let indicator = model::Indicator::parse(indicator, &std::fs::read_to_string(path).unwrap()).unwrap();
    let controlled = |measure: &model::indicator::Measure| {
        let path = crate::support::root().join(format!("sample-data/contracts/{}.toml", measure.dataset));
        let contract = model::DatasetContract::parse("contract", &std::fs::read_to_string(path).unwrap()).unwrap();
        !contract.exposure.is_open()
    };
    (controlled(&indicator.numerator), indicator.denominator.as_ref().is_some_and(controlled))
}

/// Until the next population comes, the last one stands in, and every row over it says so.
#[tokio::test]
async fn a_denominator_of_another_year_is_named_in_the_row() {
    let demo = Demo::open();
    let upload = "/v1/datasets/lancashire-fire-and-rescue.incidents/versions?period=2026-01-01/P3M";
    let answer = demo.send(Method::POST, upload, Some("officer"), &[], fires()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    demo.platform.publish_pending(&mut |_| ()).unwrap();
    let path = "/v1/data.json?indicator=fire-incidents&area_type=district&period_type=quarter&period=all";
    let rows = demo.get(path, None).await.json()["rows"].clone();
    let (mut said, mut unsaid) = (0, 0);
    for row in rows.as_array().unwrap() {
        let caveat = row["caveat"].as_str().unwrap_or_default();
        let of_2025 = caveat.ends_with("The denominator is that of 2025: there is none of this period.");
        let new = row["period"].as_str().unwrap().starts_with("2026");
        assert_eq!(of_2025, new, "{row}");
        *(if new { &mut said } else { &mut unsaid }) += 1;
    }
    assert_eq!((said, unsaid), (2, 24));
}

/// Scores of 2011 areas on the areas of 2021: of one that was split, one that was redrawn, one that was merged and one that
/// is as it was.
#[tokio::test]
async fn a_figure_that_is_carried_over_says_how() {
    let demo = Demo::open();
    let rows = demo.get("/v1/data.json?indicator=deprivation-score&area_type=lsoa", None).await.json()["rows"].clone();
    let cases = [
        ("E01990055", "modelled", "supplied, modelled", "of a larger area of 2011"),
        ("E01990018", "modelled", "supplied, modelled", "redrawn irregularly between 2011 and 2021"),
        ("E01990039", "modelled", "supplied, modelled", "plain mean of areas of 2011"),
        ("E01990073", "ok", "supplied", ""),
    ];
    for (code, status, method, caveat) in cases {
        let row = rows.as_array().unwrap().iter().find(|row| row["area_code"] == code).unwrap();
        assert_eq!((&row["status"], &row["geography_method"]), (&status.into(), &method.into()), "{row}");
        let said = row["caveat"].as_str().unwrap();
        assert!(said.contains(caveat) && said.contains("2011") != caveat.is_empty(), "{row}");
        assert!(!row["value"].is_null(), "{row}");
    }
    let modelled = rows.as_array().unwrap().iter().filter(|row| row["status"] == "modelled").count();
    println!("{modelled} of 140 modelled");
    assert!((10..30).contains(&modelled), "{modelled}");
}

#[tokio::test]
async fn csv_and_json_hold_the_same_figures() {
    let demo = Demo::open();
    let csv = demo.get("/v1/data.csv?indicator=fire-incidents&area_type=lsoa", None).await.text();
    let json = demo.get("/v1/data.json?indicator=fire-incidents&area_type=lsoa", None).await.json();
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(json["synthetic"], true);
    let position = |name: &str| COLUMNS.iter().position(|column| *column == name).unwrap();
    for (line, row) in csv.lines().skip(1).zip(rows) {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields[position("area_code")], row["area_code"].as_str().unwrap());
        let value = row["value"].as_f64().map(|v| v.to_string()).unwrap_or_default();
        assert_eq!(fields[position("value")], value);
        // The last column; quoted, as its sentences may hold commas.
        assert_eq!(line.matches("Synthetic data: ").count(), 1, "{line}");
    }
}

#[tokio::test]
async fn unchanged_answers_are_not_sent_again() {
    let demo = Demo::open();
    for path in ["/v1/data.csv?indicator=fire-incidents", "/v1/geographies/lsoa/boundaries.geojson"] {
        let first = demo.get(path, None).await;
        let etag = first.headers[header::ETAG].to_str().unwrap().to_owned();
        let again = demo.send(axum::http::Method::GET, path, None, &[("if-none-match", &etag)], Vec::new()).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{path}");
        assert_eq!(first.headers[header::CACHE_CONTROL], "no-cache");
    }
}

#[tokio::test]
async fn boundaries_cover_the_partnership() {
    let demo = Demo::open();
    for (area_type, count) in
        [("lsoa", 140), ("msoa", 31), ("ward", 37), ("pcn", 6), ("beat", 10), ("neighbourhood", 9), ("district", 2)]
    {
        let answer = demo.get(&format!("/v1/geographies/{area_type}/boundaries.geojson"), None).await;
        assert_eq!(answer.json()["features"].as_array().unwrap().len(), count, "{area_type}");
        let areas = demo.get(&format!("/v1/areas?area_type={area_type}"), None).await.json();
        assert_eq!(areas["areas"].as_array().unwrap().len(), count, "{area_type}");
    }
}

/// In JSON beside the rows; in CSV, which has no place for it, in a header.
#[tokio::test]
async fn an_empty_match_says_which_parameter_matched_nothing_and_what_exists() {
    let demo = Demo::open();
    let cases = [
        ("area_type=lsoa&period=1999-01-01/P1Y", "nothing matches `period=1999-01-01/P1Y`; "),
        ("area_type=lsoa&area=E07990118,E07990126", "nothing matches `area=E07990118 and 1 more`; "),
        (
            "area_type=lsoa&area=E09999999&period=1999-01-01/P1Y",
            "nothing matches `period=1999-01-01/P1Y`, nor `area=E09999999`; ",
        ),
        // An area of Chorley, and all of South Ribble.
        (
            "area_type=lsoa&area=E01990001&within=E07990126",
            "nothing matches `area=E01990001`, `within=E07990126` together, though each does alone; ",
        ),
        ("area_type=district&within=E01990001", "nothing matches `within=E01990001`; "),
    ];
    for (query, reason) in cases {
        let answer = demo.get(&format!("/v1/data.json?indicator=fire-incidents&{query}"), None).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let json = answer.json();
        assert_eq!(json["rows"].as_array().unwrap().len(), 0, "{query}");
        let note = json["notes"][0].as_str().unwrap();
        assert!(note.starts_with(reason), "{query}: {note}");
        for exists in ["`fire-incidents/", "has periods 2023-", " areas, sex all, age all"] {
            assert!(note.contains(exists), "{query}: {note}");
        }
        let csv = demo.get(&format!("/v1/data.csv?indicator=fire-incidents&{query}"), None).await;
        assert_eq!((csv.status.as_u16(), csv.text().lines().count()), (200, 1), "{query}");
        assert_eq!(csv.headers["commonground-note"], note, "{query}");
    }
    let full = demo.get("/v1/data.csv?indicator=fire-incidents&area_type=lsoa", None).await;
    assert!(!full.headers.contains_key("commonground-note"));
}
