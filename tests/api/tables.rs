//! Tables that somebody asks for, of figures with noise.

use std::collections::BTreeMap;

use axum::http::Method;

use crate::support::Demo;

const TABLE: &str = "?dataset=runshaw-college.participation&area_type=district&by=level,sex&purpose=service-planning";

#[tokio::test]
async fn what_may_be_asked_for_is_listed_and_answered_alike_in_both_formats() {
    let demo = Demo::open();
    let listed = demo.get("/v1/tables", Some("analyst")).await.json();
    let tables = listed["tables"].as_array().unwrap();
    assert_eq!(tables.len(), 1, "{listed}");
    assert_eq!(tables[0]["dataset"], "runshaw-college.participation");
    assert_eq!(tables[0]["counts"], "people");
    assert_eq!(tables[0]["by"][1]["name"], "sex");
    assert_eq!(demo.get("/v1/tables", None).await.json()["tables"].as_array().unwrap().len(), 0);
    assert_eq!(demo.get("/v1/tables", Some("outsider")).await.json()["tables"].as_array().unwrap().len(), 0);

    let csv = demo.get(&format!("/v1/tables.csv{TABLE}"), Some("analyst")).await;
    assert_eq!(csv.status, 200, "{}", csv.text());
    let notes: Vec<&str> = csv.headers.get_all("commonground-note").iter().map(|note| note.to_str().unwrap()).collect();
    assert!(notes.iter().any(|note| note.contains("noise of at most 10")), "{notes:?}");
    let text = csv.text();
    let mut lines = text.lines();
    assert_eq!(
        lines.next().unwrap(),
        "dataset,area_code,area_name,area_type,boundary_year,period,period_label,period_type,level,sex,count,caveat"
    );
    let rows: Vec<Vec<&str>> = lines.map(|line| line.splitn(12, ',').collect()).collect();
    assert_eq!(rows.len(), 2 * 5 * 4);
    assert!(rows.iter().all(|row| row[11].contains("Synthetic") && row[11].contains("noise of at most 10")));
    let json = demo.get(&format!("/v1/tables.json{TABLE}"), Some("analyst")).await.json();
    assert_eq!(json["by"], serde_json::json!(["level", "sex"]));
    for (row, object) in rows.iter().zip(json["rows"].as_array().unwrap()) {
        let fields =
            [&object["area_code"], &object["period"], &object["level"], &object["sex"]].map(|v| v.as_str().unwrap());
        assert_eq!(fields, [row[1], row[5], row[8], row[9]]);
        assert_eq!(object["count"].as_u64().unwrap().to_string(), row[10]);
    }
    assert_eq!((&json["sum"], &listed["tables"][0]["sums"]), (&serde_json::Value::Null, &serde_json::json!([])));
    let sum = demo.get(&format!("/v1/tables.json{TABLE}&sum=hours"), Some("analyst")).await;
    assert_eq!(sum.status, 400);
    assert!(sum.text().contains("registers no sums of `hours`"), "{}", sum.text());
    // What brings no table is not counted, and not on record.
    let recorded = || {
        let folder = demo.folder.path().join("data/audit");
        audit::verify(&folder, &[]).unwrap().kinds.get("answered").copied().unwrap_or(0)
    };
    let before = recorded();
    let area = "/v1/tables.csv?dataset=runshaw-college.participation&area_type=lsoa&purpose=service-planning";
    let head = demo.send(Method::HEAD, area, Some("analyst"), &[], Vec::new()).await;
    assert_eq!(head.status, 405);
    let empty = demo.get(&format!("{area}&sum="), Some("analyst")).await;
    assert_eq!((empty.status.as_u16(), empty.text().contains("`sum` is empty")), (400, true), "{}", empty.text());
    assert_eq!(recorded(), before);
    let any = demo.send(Method::GET, area, Some("analyst"), &[("if-none-match", "*")], Vec::new()).await;
    assert_eq!((any.status.as_u16(), any.text().is_empty(), recorded()), (200, false, before + 1));
    // The views of the indicator show the same figures.
    let path = "/v1/data.json?indicator=college-participation&area_type=district&sex=female&breakdown=level";
    let data = demo.get(path, Some("analyst")).await.json();
    let of_women: BTreeMap<(&str, &str), &str> =
        rows.iter().filter(|row| row[9] == "female").map(|row| ((row[1], row[8]), row[10])).collect();
    let shown = data["rows"].as_array().unwrap();
    assert_eq!(shown.len(), of_women.len());
    for row in shown {
        let cell = (row["area_code"].as_str().unwrap(), row["breakdown"].as_str().unwrap());
        assert_eq!(row["count"].as_u64().unwrap().to_string(), of_women[&cell]);
    }
}

#[tokio::test]
async fn an_answer_that_is_known_is_not_sent_again() {
    let demo = Demo::open();
    let path = format!("/v1/tables.csv{TABLE}");
    let first = demo.get(&path, Some("analyst")).await;
    let etag = first.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(first.headers["vary"].to_str().unwrap().to_lowercase(), "authorization");
    let again = demo.send(Method::GET, &path, Some("analyst"), &[("if-none-match", &etag)], Vec::new()).await;
    assert_eq!(again.status, 304);
    // Another order is the same table; another table is not.
    let other = demo.get(&path.replace("level,sex", "sex,level"), Some("dashboard")).await;
    assert_eq!(other.headers["etag"].to_str().unwrap(), etag);
    assert_eq!(other.body, first.body);
    let less = demo.get(&path.replace("level,sex", "sex"), Some("analyst")).await;
    assert_ne!(less.headers["etag"].to_str().unwrap(), etag);
}

/// Two who ask for the same new table at once get the same answer, and the audit log has it once.
#[tokio::test]
async fn two_at_once_are_one_answer() {
    let demo = Demo::open();
    let path = format!("/v1/tables.json{TABLE}");
    let (one, other) = tokio::join!(demo.get(&path, Some("analyst")), demo.get(&path, Some("dashboard")));
    assert_eq!((one.status.as_u16(), other.status.as_u16()), (200, 200));
    assert_eq!(one.body, other.body);
    let storage = audit::FolderStorage::new(&demo.folder.path().join("data/audit"));
    let mut answered = 0;
    audit::verify_storage(&storage, &[], &mut |record| answered += usize::from(record.entry.kind() == "answered"))
        .unwrap();
    assert_eq!(answered, 1);
}
