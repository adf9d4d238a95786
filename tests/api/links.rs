//! How many people are known to several services, of the whole sample, against what was planted in it.

use platform::{DataRequest, PeriodChoice, PlatformError};
use serde_json::Value;

use crate::support::{Demo, root};

const FIGURES: &str =
    "/v1/data.json?indicator=people-known-to-services&area_type=district&breakdown=services&period=all";
/// Noise is further away once in 10^11.
const FAR: u64 = 150;

#[tokio::test]
async fn people_known_to_several_services_are_as_many_as_were_planted() {
    let demo = Demo::open();
    let answer = demo.get(FIGURES, Some("analyst")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let rows = answer["rows"].as_array().unwrap();
    let truth: Value =
        serde_json::from_str(&std::fs::read_to_string(root().join("sample-data/truth.json")).unwrap()).unwrap();
    let planted = truth["planted"]["known_to_services"].as_array().unwrap();
    assert_eq!((planted.len(), rows.len()), (6, 6 * 4));
    let mut exact = 0;
    for known in planted {
        let figure = |services: &str| {
            let is = |row: &&Value| {
                row["area_code"] == known["district"]
                    && row["period"] == format!("{}-01-01/P1Y", known["year"])
                    && row["breakdown"] == services
            };
            rows.iter().find(is).unwrap()["count"].as_u64().unwrap()
        };
        for (services, planted) in [("1", "one"), ("2", "two"), ("3+", "three_or_more")] {
            let (shown, planted) = (figure(services), known[planted].as_u64().unwrap());
            assert!(shown.abs_diff(planted) < FAR, "{services} {known}: {shown}");
            exact += usize::from(shown == planted);
        }
        assert_eq!(figure("all"), figure("1") + figure("2") + figure("3+"));
    }
    assert!(exact < 12, "figures have noise: {exact} of 18 have none");
    for row in rows {
        // A total is the sum of three figures with noise.
        let within = if row["breakdown"] == "all" { 29 } else { 17 };
        let caveat = row["caveat"].as_str().unwrap();
        assert!(caveat.contains(&format!("19 of 20 such figures are within {within} of what was counted")), "{caveat}");
    }
    // Once for all of them, and as wide as the widest.
    let notes = answer["notes"].as_array().unwrap();
    assert!(
        matches!(&notes[..], [note] if note.as_str().unwrap().contains("within 29 of what was counted")),
        "{notes:?}"
    );
    assert_eq!(answer["synthetic"], true);
    let exact = demo.get("/v1/data.json?indicator=fire-incidents&area_type=district", None).await.json();
    assert_eq!((exact["notes"].as_array().unwrap().len(), exact["rows"].as_array().unwrap().is_empty()), (0, false));
}

#[tokio::test]
async fn only_whoever_may_link_reads_them() {
    let demo = Demo::open();
    // Each of them reads the figures of every one of the four datasets.
    for (key, status, problem) in [
        (None, 404, "not-found"),
        (Some("outsider"), 404, "not-found"),
        (Some("dashboard"), 403, "denied"),
        // Of another purpose.
        (Some("performance"), 403, "denied"),
    ] {
        let answer = demo.get(FIGURES, key).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (status, problem),
            "{key:?}: {}",
            answer.text()
        );
        let listed = demo.get("/v1/indicators", key).await.text();
        assert!(!listed.contains("people-known-to-services"), "{key:?}");
    }
    assert!(demo.get("/v1/indicators", Some("analyst")).await.text().contains("people-known-to-services"));
    // There is no file to send, and no table to ask for.
    let tables = demo.get("/v1/tables", Some("analyst")).await.text();
    assert!(!tables.contains("people-by-services"), "{tables}");
    let path = "/v1/datasets/csr-partnership.people-by-services/versions?period=2026-01-01/P1Y";
    for key in ["analyst", "officer", "outsider"] {
        let sent = demo.send(axum::http::Method::POST, path, Some(key), &[], b"services\n1\n".to_vec()).await;
        assert!([403, 404].contains(&sent.status.as_u16()), "{key}: {}", sent.text());
    }
}

/// A reviewer decides about publications, and is told what noise figures have; those of linked records are not among what it reads.
#[tokio::test]
async fn a_reviewer_is_told_what_noise_figures_have() {
    let demo = Demo::open();
    let reviewer = demo.platform.local_reviewer().unwrap();
    let explained = |indicator: &str| {
        let request = DataRequest {
            indicator: indicator.parse().unwrap(),
            area_type: Some(model::AreaType::District),
            period_type: None,
            areas: Vec::new(),
            within: None,
            period: PeriodChoice::Latest,
            sex: None,
            age: None,
            breakdown: None,
            purpose: None,
        };
        demo.platform.explain(&reviewer, &request)
    };
    let rows = explained("college-participation").unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        let said = row.to_string();
        assert!(
            said.contains("released with noise, nothing is withheld. To protect people, counts have noise of at most"),
            "{said}"
        );
    }
    let denied = explained("people-known-to-services").unwrap_err();
    assert!(matches!(&denied, PlatformError::Denied { code, .. } if code == "role-not-permitted"), "{denied}");
}
