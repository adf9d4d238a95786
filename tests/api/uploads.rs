//! Uploads through the API: once, twice, wrong.

use axum::http::Method;

use crate::support::{Demo, root};

const PATH: &str = "/v1/datasets/lancashire-fire-and-rescue.incidents/versions?period=2026-01-01/P3M";
const OTHER_QUARTER: &str = "/v1/datasets/lancashire-fire-and-rescue.incidents/versions?period=2026-04-01/P3M";

/// A quarter of fires, moved from 2025 to 2026.
fn quarter() -> Vec<u8> {
    let folder = root().join("sample-data/partners/lancashire-fire-and-rescue/incidents");
    let path = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.to_string_lossy().contains("2025-Q1"))
        .unwrap();
    String::from_utf8(testkit::inflate(&std::fs::read(path).unwrap()).unwrap())
        .unwrap()
        .replace("2025", "2026")
        .into_bytes()
}

#[tokio::test]
async fn an_upload_is_taken_in_once_and_published() {
    let demo = Demo::open();
    let post = |path: &'static str, key: &'static str, body: Vec<u8>| {
        let demo = &demo;
        async move { demo.send(Method::POST, path, Some("officer"), &[("idempotency-key", key)], body).await }
    };
    let first = post(PATH, "one", quarter()).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let receipt = first.json();
    let counts = &receipt["findings"]["counts"];
    assert!(counts["kept"].as_u64().unwrap() > 100, "{receipt}");
    assert!(!receipt["findings"]["dropped_columns"].as_array().unwrap().is_empty(), "{receipt}");

    let same_key = post(PATH, "one", quarter()).await;
    assert_eq!((same_key.status.as_u16(), same_key.json()["version"].clone()), (200, receipt["version"].clone()));
    let same_content = post(PATH, "two", quarter()).await;
    assert_eq!(
        (same_content.status.as_u16(), same_content.json()["version"].clone()),
        (200, receipt["version"].clone())
    );
    let other_content = post(PATH, "one", b"nothing".to_vec()).await;
    assert_eq!(other_content.problem(), "idempotency-conflict");

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
    let good = quarter();
    let mut binary = good.clone();
    binary.splice(200..240, [0_u8; 40]);
    let cases: [(&str, Vec<u8>, &str); 6] = [
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
    let answer = demo.send(Method::POST, PATH, Some("officer"), &digest, quarter()).await;
    assert_eq!(answer.problem(), "digest-mismatch");
    assert_eq!(demo.platform.holdings().unwrap().to_string(), before);
    let quarantine = demo.folder.path().join("data/quarantine");
    assert_eq!(std::fs::read_dir(quarantine).unwrap().count(), 0);
}

#[tokio::test]
async fn refusals_never_show_a_value() {
    let demo = Demo::open();
    let text = String::from_utf8(quarter()).unwrap().replace("2026", "Zq-secret-20");
    let answer = demo.send(Method::POST, PATH, Some("officer"), &[], text.into_bytes()).await;
    assert_eq!(answer.problem(), "contract-refused");
    assert!(!answer.text().contains("Zq-secret"), "{}", answer.text());
}
