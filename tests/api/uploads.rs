//! Uploads through the API: once, twice, wrong.

use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use api::HttpLimits;
use axum::body::{Body, Bytes};
use axum::http::{Method, Request};
use tower::ServiceExt;

use crate::intake::with_comment;
use crate::publishing::quarter;
use crate::support::{self, Demo, fires, moved, root};

const PATH: &str = "/v1/datasets/lancashire-fire-and-rescue.incidents/versions?period=2026-01-01/P3M";
const OTHER_QUARTER: &str = "/v1/datasets/lancashire-fire-and-rescue.incidents/versions?period=2026-04-01/P3M";

#[tokio::test]
async fn an_upload_is_taken_in_once_and_published() {
    let demo = Demo::open();
    let post = |path: &'static str, key: &'static str, body: Vec<u8>| {
        let demo = &demo;
        async move { demo.send(Method::POST, path, Some("officer"), &[("idempotency-key", key)], body).await }
    };
    let first = post(PATH, "one", fires()).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let receipt = first.json();
    let counts = &receipt["findings"]["counts"];
    assert!(counts["kept"].as_u64().unwrap() > 100, "{receipt}");
    assert!(!receipt["findings"]["dropped_columns"].as_array().unwrap().is_empty(), "{receipt}");

    let same_key = post(PATH, "one", fires()).await;
    assert_eq!((same_key.status.as_u16(), same_key.json()["version"].clone()), (200, receipt["version"].clone()));
    let same_content = post(PATH, "two", fires()).await;
    assert_eq!(
        (same_content.status.as_u16(), same_content.json()["version"].clone()),
        (200, receipt["version"].clone())
    );
    // Whether its file had to be read or was known, a key stands for what it first came with.
    for key in ["one", "two"] {
        let other_content = post(PATH, key, quarter("2026", 1)).await;
        assert_eq!(other_content.problem(), "idempotency-conflict", "{key}");
        assert_eq!(post(OTHER_QUARTER, key, fires()).await.problem(), "idempotency-conflict", "{key}: another period");
        assert_eq!(post(PATH, key, fires()).await.status, 200, "{key}");
    }

    let report = demo.platform.publish_pending(&mut |_| ()).unwrap();
    assert_eq!(report.failures, Vec::<String>::new());
    let location = first.headers["location"].to_str().unwrap().to_owned();
    let version = demo.get(&location, Some("officer")).await;
    assert!(version.json()["publication"].as_str().unwrap().starts_with("done"), "{}", version.text());
    let data = demo.get("/v1/data.json?indicator=fire-incidents&area_type=district&period_type=month", None).await;
    assert_eq!(data.json()["rows"][0]["period"], "2026-03-01/P1M");
}

#[tokio::test]
async fn files_that_do_not_fit_leave_nothing() {
    let demo = Demo::open();
    let before = demo.platform.holdings().unwrap().to_string();
    let good = fires();
    let mut binary = good.clone();
    binary.splice(200..240, [0_u8; 40]);
    let packed = std::fs::read(root().join("sample-data/partners/lancashire-fire-and-rescue/incidents/2025-Q1.csv.gz"));
    let packed = packed.unwrap();
    let twice = String::from_utf8(good.clone()).unwrap().replacen("IncidentGroup", "postcode_full", 1).into_bytes();
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("bytes that are no text", binary, "contract-refused"),
        ("half of a gzip", packed[..packed.len() / 2].to_vec(), "contract-refused"),
        ("two headers of one column", twice, "contract-refused"),
        ("empty", Vec::new(), "contract-refused"),
        ("no header", b"\n\n\n".to_vec(), "contract-refused"),
        ("another file", b"a,b,c\n1,2,3\n".to_vec(), "contract-refused"),
        ("a workbook", b"PK\x03\x04 not really".to_vec(), "contract-refused"),
        ("a gzip bomb's head", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03rubbish".to_vec(), "contract-refused"),
        ("another quarter", good, "contract-refused"),
    ];
    for (name, body, problem) in cases {
        let path = if name == "another quarter" { OTHER_QUARTER } else { PATH };
        let answer = demo.send(Method::POST, path, Some("officer"), &[], body).await;
        assert_eq!(answer.problem(), problem, "{name}: {}", answer.text());
    }
    let digest = [("content-digest", "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:")];
    let answer = demo.send(Method::POST, PATH, Some("officer"), &digest, fires()).await;
    assert_eq!(answer.problem(), "digest-mismatch");
    assert_eq!(demo.platform.holdings().unwrap().to_string(), before);
    let quarantine = demo.folder.path().join("data/quarantine");
    assert_eq!(std::fs::read_dir(quarantine).unwrap().count(), 0);
}

#[tokio::test]
async fn refusals_never_show_a_value() {
    let demo = Demo::open();
    let text = String::from_utf8(fires()).unwrap().replace("2026", "Zq-secret-20");
    let answer = demo.send(Method::POST, PATH, Some("officer"), &[], text.into_bytes()).await;
    assert_eq!(answer.problem(), "contract-refused");
    assert!(!answer.text().contains("Zq-secret"), "{}", answer.text());
}

/// A file of which nothing is kept would publish zeros. Its sender can say that there was nothing, and only so.
#[tokio::test]
async fn an_empty_period_must_be_confirmed() {
    let demo = Demo::open();
    let file = String::from_utf8(fires()).unwrap();
    let header = format!("{}\n", file.lines().next().unwrap());
    let before = demo.platform.holdings().unwrap().to_string();
    let post = |empty: &str, body: &str| {
        let (demo, path, body) = (&demo, format!("{PATH}{empty}"), body.as_bytes().to_vec());
        async move { demo.send(Method::POST, &path, Some("officer"), &[], body).await }
    };
    let refused = post("", &header).await;
    assert_eq!(refused.problem(), "contract-refused");
    assert!(refused.text().contains("empty=confirmed"), "{}", refused.text());
    assert_eq!(refused.json()["findings"]["counts"]["rows_read"], 0);
    assert_eq!(post("&empty=confirmed", &file).await.problem(), "contract-refused");
    assert_eq!(post("&empty=yes", &header).await.problem(), "bad-parameter");
    assert_eq!(demo.platform.holdings().unwrap().to_string(), before);
    let confirmed = post("&empty=confirmed", &header).await;
    assert_eq!(confirmed.status, 201, "{}", confirmed.text());
    assert_eq!(demo.platform.publish_pending(&mut |_| ()).unwrap().failures, Vec::<String>::new());
}

/// The same figures are the same content, whatever bytes they come in.
#[tokio::test]
async fn other_bytes_with_the_same_figures_are_no_revision() {
    let demo = Demo::open();
    let file = String::from_utf8(fires()).unwrap();
    let post = |body: String| demo.send(Method::POST, PATH, Some("officer"), &[], body.into_bytes());
    let first = post(file.clone()).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let (header, rows) = file.split_once('\n').unwrap();
    let reversed: Vec<&str> = rows.lines().rev().collect();
    for (name, same) in [
        ("rows in another order", format!("{header}\n{}\n", reversed.join("\n"))),
        ("a byte order mark", format!("\u{feff}{file}")),
        ("other line ends", file.replace('\n', "\r\n")),
    ] {
        let again = post(same).await;
        assert_eq!(again.status, 200, "{name}: {}", again.text());
        assert_eq!(
            (&again.json()["version"], &again.json()["revision"]),
            (&first.json()["version"], &1.into()),
            "{name}"
        );
    }
    // Other records for a period that is held are a correction only if their sender says so.
    let fewer = format!("{header}\n{}\n", reversed[1..].join("\n"));
    let stored = demo.platform.holdings().unwrap();
    let unsaid = post(fewer.clone()).await;
    assert_eq!((unsaid.status.as_u16(), unsaid.problem().as_str()), (409, "period-held"), "{}", unsaid.text());
    let detail = unsaid.json()["detail"].as_str().unwrap().to_owned();
    for said in ["revision 1", "Jan to Mar 2026", "nothing was stored", "`revision=declared`"] {
        assert!(detail.contains(said), "{detail}");
    }
    assert_eq!(demo.platform.holdings().unwrap(), stored);
    assert_eq!(
        demo.send(Method::POST, &format!("{PATH}&revision=yes"), Some("officer"), &[], fewer.clone().into_bytes())
            .await
            .status,
        400
    );
    let path = format!("{PATH}&revision=declared");
    let revision = demo.send(Method::POST, &path, Some("officer"), &[], fewer.into_bytes()).await;
    assert_eq!((revision.status.as_u16(), &revision.json()["revision"]), (201, &2.into()), "{}", revision.text());
    // The first file again would take its place, too.
    let back = post(file.clone()).await;
    assert_eq!((back.status.as_u16(), back.problem().as_str()), (409, "period-held"), "{}", back.text());
}

/// The agreement says who applies opt-outs; nobody else's word counts, and nobody's silence.
#[tokio::test]
async fn opt_outs_are_declared_by_whoever_applies_them() {
    let demo = Demo::open();
    let path = "/v1/datasets/north-west-ambulance.call-outs/versions?period=2026-01-01/P3M";
    let today = demo.platform.now().to_string();
    let post = |declared: &str| {
        let (demo, path) = (&demo, format!("{path}{declared}"));
        async move { demo.send(Method::POST, &path, Some("ambulance"), &[], moved("north-west-ambulance/call-outs")).await }
    };
    for (declared, status, expect) in [
        ("", 403, "no evidence"),
        ("&opt_outs_applied=2026-01-01", 403, "less than 21 days ago"),
        ("&opt_outs_applied=2999-01-01", 400, "future"),
        ("&opt_outs_applied=yesterday", 400, "write a day"),
    ] {
        let answer = post(declared).await;
        assert_eq!(answer.status, status, "{declared}: {}", answer.text());
        assert!(answer.text().contains(expect), "{declared}: {}", answer.text());
    }
    let stored = post(&format!("&opt_outs_applied={today}")).await;
    assert_eq!(stored.status, 201, "{}", stored.text());
    assert_eq!(stored.json()["opt_outs_applied"], today);
    let version = demo.get(stored.headers["location"].to_str().unwrap(), Some("ambulance")).await;
    assert_eq!(version.json()["opt_outs_applied"], today, "{}", version.text());
}

/// The time in which a file must arrive is not the time in which it must be read: what is stored is answered.
#[tokio::test]
async fn a_file_that_takes_long_to_read_is_answered() {
    let demo = Demo::open_with(|settings, folder| {
        let script = format!("#!/bin/sh\nsleep 2\nexec '{}' \"$@\"\n", support::binary().display());
        settings.workbook_program = folder.join("reader");
        fs::write(&settings.workbook_program, script).unwrap();
        fs::set_permissions(&settings.workbook_program, fs::Permissions::from_mode(0o700)).unwrap();
    });
    let purposes = ["neighbourhood-needs", "service-planning"].map(str::to_owned);
    let key = demo.platform.add_credential("chorley-council", "partner-officer", &purposes, true).unwrap();
    let router = api::router(demo.platform.clone(), HttpLimits { upload_seconds: 1, ..HttpLimits::default() });
    let file =
        fs::read(support::root().join("sample-data/partners/chorley-council/homelessness/2025-Q1.xlsx")).unwrap();
    let request = Request::post("/v1/datasets/chorley-council.homelessness/versions?period=2025-01-01/P3M")
        .header("authorization", format!("Bearer {}", key.as_str()))
        .body(Body::from(with_comment(&file)))
        .unwrap();
    assert_eq!(router.oneshot(request).await.unwrap().status(), 200);
}

#[tokio::test]
async fn slow_senders_keep_no_places() {
    let demo = Demo::open();
    let limits =
        HttpLimits { upload_idle_seconds: 1, uploads: 2, uploads_per_organisation: 1, ..HttpLimits::default() };
    let router = api::router(demo.platform.clone(), limits);
    let send = |key: &str, path: &str, body: Body| {
        let request = Request::post(path).header("authorization", format!("Bearer {}", demo.keys[key]));
        let (router, request) = (router.clone(), request.body(body).unwrap());
        async move { router.oneshot(request).await.unwrap() }
    };
    let silent = futures::stream::pending::<Result<Bytes, Infallible>>();
    let slow = tokio::spawn(send("officer", PATH, Body::from_stream(silent)));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let second = send("officer", PATH, Body::from(fires())).await;
    assert_eq!(second.status(), 429, "an organisation has one place here");
    let other = "/v1/datasets/north-west-ambulance.call-outs/versions?period=2026-01-01/P3M";
    assert_eq!(send("ambulance", other, Body::empty()).await.status(), 403, "another organisation still has its own");
    let slow = tokio::time::timeout(Duration::from_secs(20), slow).await.unwrap().unwrap();
    assert_eq!(slow.status(), 408);
    assert_eq!(send("officer", PATH, Body::from(fires())).await.status(), 201, "the place was given back");
}
