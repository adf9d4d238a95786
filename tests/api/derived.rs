//! Whatever is derived is a function of what the same answer prints, and a mark looks the same whatever it stands for.

use std::collections::{BTreeMap, BTreeSet};

use model::indicator::{Indicator, IndicatorType, IntervalMethod};
use model::{AgeBand, Sex, TidyRow};
use platform::{DataRequest, PeriodChoice};
use serde_json::Value;
use statistics::{Confidence, Estimate};

use crate::api::data::all_rows;
use crate::support::{Demo, files, root};

fn definitions() -> BTreeMap<String, Indicator> {
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let indicator = Indicator::parse("i.toml", &text).unwrap();
        (indicator.id.to_string(), indicator)
    };
    files(&root().join("sample-data/indicators")).into_iter().map(read).collect()
}

/// What the definition makes of a printed count and denominator: value, 95 % and 99.8 % limits.
fn computed(indicator: &Indicator, count: u64, denominator: Option<u64>) -> [f64; 5] {
    let multiplier = f64::from(indicator.multiplier);
    let at = |confidence| -> Estimate {
        match (indicator.indicator_type, denominator) {
            (IndicatorType::Proportion, Some(of)) => statistics::proportion(count, of, multiplier, confidence),
            (_, Some(of)) => statistics::crude_rate(count, of as f64, multiplier, confidence),
            (_, None) => statistics::count(count, confidence),
        }
        .unwrap()
    };
    let (a, b) = (at(Confidence::P95), at(Confidence::P998));
    [a.value, a.interval.lower, a.interval.upper, b.interval.lower, b.interval.upper]
}

/// Rates and limits are those of the printed counts, so that they tell no more than these; where a count is withheld, nothing
/// derived from it is there.
#[tokio::test]
async fn every_rate_and_limit_follows_from_what_is_printed_beside_it() {
    let demo = Demo::open();
    let definitions = definitions();
    let (mut checked, mut withheld, mut with_noise) = (0, 0, 0);
    for (id, view, rows) in all_rows(&demo).await {
        let indicator = &definitions[&id];
        for row in rows {
            let derived =
                ["value", "lower_95", "upper_95", "lower_998", "upper_998"].map(|column| row[column].as_f64());
            // How much of open data was divided between areas follows from the geography.
            let divided = row["status"] == "modelled";
            let words = [&row["significance"], &row["trend"]];
            assert!(words.iter().all(|word| word.is_null()), "{id}/{view}: {row}");
            assert!(divided || row["modelled_share"].is_null(), "{id}/{view}: {row}");
            if row["status"] != "ok" && !divided {
                withheld += 1;
                assert_eq!(derived, [None; 5], "{id}/{view}: {row}");
                continue;
            }
            if indicator.indicator_type == IndicatorType::Score {
                // As its source published it, and nothing else.
                assert!(derived[0].is_some() && derived[1..].iter().all(Option::is_none), "{id}/{view}: {row}");
                continue;
            }
            let count = row["count"].as_u64().unwrap();
            let mut expect = computed(indicator, count, row["denominator"].as_u64());
            // Limits allow for noise, whose variance is agreed and public.
            if let Some(variance) = variance_of_noise(&row) {
                let count = count.max(1) as f64;
                let wider = ((count + variance) / count).sqrt();
                let value = expect[0];
                expect = expect.map(|limit| (value + (limit - value) * wider).max(0.0));
                with_noise += 1;
            }
            let given = if indicator.interval == IntervalMethod::None { 1 } else { 5 };
            for (found, expect) in derived.iter().zip(expect).take(given) {
                assert!((found.unwrap() - expect).abs() <= 5.1e-7, "{id}/{view}: {expect} in {row}");
            }
            assert!(derived[given..].iter().all(Option::is_none), "{id}/{view}: {row}");
            checked += 1;
        }
    }
    assert!(checked > 10_000 && withheld > 100 && with_noise > 100, "{checked} {withheld} {with_noise}");
}

/// 9 in the one dataset of the sample whose agreement says so; where records are linked, odds of four over two types of areas with two
/// states each.
fn variance_of_noise(row: &Value) -> Option<f64> {
    let caveat = row["caveat"].as_str()?;
    let ratio = 4_f64.powf(-1.0 / 8.0);
    // A total is the sum of the figures by one, two, and three services or more.
    let figures = if row["breakdown"] == "all" || row["breakdown"].is_null() { 3.0 } else { 1.0 };
    let linked = caveat
        .contains("counts have noise, which the limits allow for")
        .then(|| figures * 2.0 * ratio / (1.0 - ratio).powi(2));
    linked.or(caveat.contains("noise of at most 10").then_some(9.0))
}

fn request(indicator: &str, view: &Value, breakdown: Option<&str>) -> DataRequest {
    DataRequest {
        indicator: indicator.parse().unwrap(),
        area_type: Some(view["area_type"].as_str().unwrap().parse().unwrap()),
        period_type: Some(view["period_type"].as_str().unwrap().parse().unwrap()),
        areas: Vec::new(),
        within: None,
        period: PeriodChoice::All,
        sex: None,
        age: None,
        breakdown: breakdown.map(str::to_owned),
        purpose: None,
    }
}

/// A row without what says where, when and of whom it is, and without an open denominator, which everybody has.
fn anonymous(row: &TidyRow) -> TidyRow {
    let (area_code, area_name, period) = ("AREA-0".parse().unwrap(), String::new(), "2024-01-01/P1M");
    let period = model::Period::parse(period, model::PeriodType::Month).unwrap();
    let breakdown = row.breakdown.as_ref().map(|_| String::new());
    let sex = (Sex::All, AgeBand::All);
    let row = row.clone();
    TidyRow { area_code, area_name, period, breakdown, sex: sex.0, age: sex.1, denominator: None, caveat: None, ..row }
}

/// Primary, secondary, drawn and hidden: in JSON and in CSV, the API's rows and the command line's are one and the same but for
/// what says which cell they are. Tables for reading and the page are made of these rows alone.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a released row by itself")]
async fn no_route_tells_why_a_cell_is_withheld() {
    let demo = Demo::open();
    let reviewer = demo.platform.local_reviewer().unwrap();
    let analyst = demo.platform.authenticate(Some(&demo.keys["analyst"])).unwrap();
    let catalogue = demo.get("/v1/indicators", Some("analyst")).await.json();
    let mut reasons = BTreeSet::new();
    for indicator in catalogue["indicators"].as_array().unwrap() {
        let id = indicator["id"].as_str().unwrap();
        let withholds = |view: &&Value| view["visible"] != view["cells"];
        for view in indicator["views"].as_array().unwrap().iter().filter(withholds) {
            let by = view["by"].as_array().unwrap();
            for breakdown in std::iter::once(None).chain(by.iter().map(|dimension| dimension.as_str())) {
                let request = request(id, view, breakdown);
                let Ok(explained) = demo.platform.explain(&reviewer, &request) else { continue };
                let rows = demo.platform.data(&analyst, &request).unwrap().rows;
                assert_eq!(rows.get(), demo.platform.data(&reviewer, &request).unwrap().rows.get());
                assert_eq!(rows.get().len(), explained.len());
                let mut looks: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
                for (row, why) in rows.get().iter().zip(&explained) {
                    let Some(reason) = why.cells.iter().find_map(|cell| cell.reason) else { continue };
                    let one = rows.as_ref().map(|_| vec![anonymous(row)]);
                    let json = api::json(&one).to_string();
                    let csv = String::from_utf8(api::csv(&one, None).unwrap()).unwrap();
                    looks.entry(format!("{json}\n{csv}")).or_default().insert(format!("{reason:?}"));
                    reasons.insert(format!("{reason:?}"));
                }
                assert!(looks.len() <= 1, "{id} {view}: {looks:#?}");
            }
        }
    }
    assert!(reasons.len() >= 2 && reasons.contains("Threshold") && reasons.contains("Secondary"), "{reasons:?}");
}
