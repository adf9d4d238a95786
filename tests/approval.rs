//! An agreement that comes to ask for approval: nothing of what waits is seen by any route, what was approved is what is shown,
//! and what was rejected leaves nothing behind.

use axum::http::Method;
use serde_json::Value;

use crate::cli::program;
use crate::publishing::{
    DISTRICTS, FIRES, counts, figures, nobody_is_seen, own, own_definitions, publication, published, quarter, records,
    upload,
};
use crate::standing::second_version;
use crate::support::Demo;

/// The demo, whose fires need approval from now on; a reviewer of the supplier and one of another organisation.
fn asks() -> Demo {
    let demo = with_reviewers(own(Demo::open()));
    let asked = ("\nrounding = 1\n", "\nrounding = 1\napproval = [\"reviewer\"]\n");
    second_version(&demo.folder.path().join("agreements"), asked);
    demo
}

fn with_reviewers(mut demo: Demo) -> Demo {
    for (name, organisation) in [("reviewer", "chorley-council"), ("own", "lancashire-fire-and-rescue")] {
        let purposes = ["neighbourhood-needs".to_owned(), "service-planning".to_owned()];
        let key = demo.platform.add_credential(organisation, "reviewer", &purposes, true).unwrap();
        demo.keys.insert(name, key.as_str().to_owned());
    }
    demo
}

fn again(demo: Demo) -> Demo {
    let Demo { platform, router, folder, .. } = demo;
    drop((platform, router));
    open(folder)
}

fn open(folder: tempfile::TempDir) -> Demo {
    let settings = own_definitions(folder.path());
    with_reviewers(Demo::over(folder, settings))
}

async fn waiting(demo: &Demo, key: &str) -> Value {
    let answer = demo.get("/v1/publications", Some(key)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut publications = answer.json()["publications"].as_array().unwrap().clone();
    assert_eq!(publications.len(), 1, "{publications:?}");
    publications.remove(0)
}

async fn decide(demo: &Demo, key: &str, digest: &Value, verdict: &str) -> (u16, String) {
    let digest = digest.as_str().unwrap();
    let because = if verdict == "approved" { "as-agreed" } else { "not-now" };
    let path = format!("/v1/publications/{FIRES}/decision?digest={digest}&verdict={verdict}&because={because}");
    let answer = demo.send(Method::PUT, &path, Some(key), &[], Vec::new()).await;
    (answer.status.as_u16(), answer.text())
}

/// Everything that the API answers about fires to the public, an analyst and a reviewer.
async fn everything(demo: &Demo) -> Vec<String> {
    let mut paths = vec!["/v1/indicators".to_owned()];
    for indicator in ["fire-incidents", "deliberate-fires"] {
        let card = demo.get(&format!("/v1/indicators/{indicator}"), None).await.json();
        for view in card["views"].as_array().unwrap() {
            let [area_type, period_type] = ["area_type", "period_type"].map(|name| view[name].as_str().unwrap());
            let request = format!("indicator={indicator}&area_type={area_type}&period_type={period_type}&period=all");
            paths.push(format!("/v1/data.json?{request}"));
        }
    }
    let mut seen = Vec::new();
    for key in [None, Some("analyst"), Some("reviewer")] {
        for path in &paths {
            let answer = demo.get(path, key).await;
            seen.push(format!("{key:?} {path} {} {}", answer.status, answer.text()));
        }
    }
    assert!(seen.len() > 20, "{paths:?}");
    seen
}

#[tokio::test]
async fn what_waits_is_seen_by_nobody_and_what_was_approved_is_what_is_shown() {
    let demo = asks();
    demo.platform.publish_pending(&mut |_| ()).unwrap();
    let (before, released) = (everything(&demo).await, records(demo.folder.path(), "released"));
    let rows = counts(&figures(&demo).await);

    let first = upload(&demo, "2026-01-01/P3M", quarter("2026", 25)).await;
    let report = demo.platform.publish_pending(&mut |_| ()).unwrap();
    assert_eq!((report.published.len(), report.unapproved.len()), (0, 1), "{report}");
    let told = publication(&demo, &first).await;
    assert_eq!(told, "waits for approval by reviewer; nothing of it is shown until then");
    assert!(everything(&demo).await == before, "what waits is seen");
    for key in ["analyst", "officer", "outsider", "dashboard"] {
        let answer = demo.get("/v1/publications", Some(key)).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (404, "not-found".to_owned()), "{key}");
    }
    let preview = waiting(&demo, "reviewer").await;
    assert!(preview["void"].is_null() && preview["views"].as_array().unwrap().len() >= 3, "{preview}");
    assert_eq!(preview["digest"], waiting(&demo, "own").await["digest"]);

    // A correction while it waits: what was previewed is void, before and after it is planned.
    let corrected = upload(&demo, "2026-01-01/P3M", quarter("2026", 0)).await;
    assert_eq!(waiting(&demo, "reviewer").await["void"], "other data came");
    let (status, text) = decide(&demo, "reviewer", &preview["digest"], "approved").await;
    assert!(status == 400 && text.contains("is void: other data came"), "{text}");
    demo.platform.publish_pending(&mut |_| ()).unwrap();
    let second = waiting(&demo, "reviewer").await;
    assert!(second["void"].is_null() && second["digest"] != preview["digest"]);
    assert_eq!(decide(&demo, "reviewer", &preview["digest"], "approved").await.0, 400);

    // Its own supplier cannot approve it; whoever is not asked does not find it.
    let (status, text) = decide(&demo, "own", &second["digest"], "approved").await;
    assert!(status == 403 && text.contains("your organisation's own"), "{text}");
    assert_eq!(decide(&demo, "analyst", &second["digest"], "approved").await.0, 404);
    let demo = again(demo);
    assert_eq!(waiting(&demo, "reviewer").await["digest"], second["digest"]);
    let shown = everything(&demo).await;
    let (status, said) = decide(&demo, "reviewer", &second["digest"], "approved").await;
    assert!(status == 200 && said.contains("approved: it is published with the next run"), "{said}");
    assert!(everything(&demo).await == shown, "a decision shows nothing");
    let report = demo.platform.publish_pending(&mut |_| ()).unwrap();
    assert_eq!(report.published, [FIRES.parse().unwrap()], "{report}");
    assert!(publication(&demo, &corrected).await.starts_with("done: published"));
    let after = counts(&figures(&demo).await);
    assert_eq!(after.len(), rows.len() + 6, "three months of two districts");
    nobody_is_seen(&rows, &after);
    assert_eq!(records(demo.folder.path(), "released"), released + 1);
    let on_record = ["previewed", "decided"].map(|kind| records(demo.folder.path(), kind));
    assert_eq!(on_record, [2, 1]);
    let demo = again(demo);
    assert_eq!(counts(&figures(&demo).await), after);
    let reviewer = demo.platform.local_reviewer().unwrap();
    demo.platform.verify_ledger(&reviewer, &FIRES.parse().unwrap()).unwrap();
    assert_eq!(demo.platform.previews(&reviewer).unwrap(), []);
    let report = demo.get(&format!("/v1/publications/{FIRES}/report"), Some("reviewer")).await;
    let text = report.json()["report"].as_str().unwrap_or_default().to_owned();
    assert!(report.status == 200 && text.contains("why cells are withheld"), "{}", report.text());
    assert_eq!(demo.get(&format!("/v1/publications/{FIRES}/report"), Some("analyst")).await.status, 404);
}

/// Stops the service, and previews and approves by the command line.
fn approved_at_the_machine(demo: Demo, digest: &str) -> Demo {
    let Demo { platform, router, folder, .. } = demo;
    drop((platform, router));
    let said = |arguments: &[&str]| {
        let mut command = program(folder.path(), arguments);
        command.env("COMMONGROUND_AGREEMENTS", folder.path().join("agreements"));
        let output = command.env("COMMONGROUND_INDICATORS", folder.path().join("indicators")).output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(output.status.success(), "{arguments:?}: {text}");
        text
    };
    let text = said(&["disclosure", "preview"]);
    for part in [digest, "waits for approval by reviewer", "cells withheld", "everything together"] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    let text = said(&["disclosure", "approve", FIRES, digest, "--because", "as-agreed"]);
    assert!(text.contains(&format!("published {FIRES}")), "{text}");
    open(folder)
}

/// Two partnerships with the same keys and the same data. In one, a quarter was planned with rows that are missing, and rejected,
/// before it was sent whole; in the other it came whole. Nobody can tell which is which by any figure.
#[tokio::test]
async fn a_rejected_publication_leaves_nothing_behind() {
    let mut shown = Vec::new();
    for rejected in [true, false] {
        let demo = asks();
        demo.platform.publish_pending(&mut |_| ()).unwrap();
        let before = counts(&figures(&demo).await);
        if rejected {
            upload(&demo, "2026-01-01/P3M", quarter("2026", 25)).await;
            let all = everything(&demo).await;
            assert_eq!(published(&demo), 0);
            let preview = waiting(&demo, "reviewer").await;
            assert_eq!(decide(&demo, "reviewer", &preview["digest"], "rejected").await.0, 200);
            let report = demo.platform.publish_pending(&mut |_| ()).unwrap();
            assert!(report.failures.join("").contains("rejected by reviewer (not-now)"), "{report}");
            assert!(everything(&demo).await == all);
        }
        upload(&demo, "2026-01-01/P3M", quarter("2026", 0)).await;
        assert_eq!(published(&demo), 0);
        let digest = waiting(&demo, "reviewer").await["digest"].clone();
        let demo = if rejected {
            assert_eq!(decide(&demo, "reviewer", &digest, "approved").await.0, 200);
            assert_eq!(published(&demo), 1);
            demo
        } else {
            approved_at_the_machine(demo, digest.as_str().unwrap())
        };
        let after = counts(&figures(&demo).await);
        assert!(before.iter().all(|row| after.contains(row)), "{after:?}");
        let reviewer = demo.platform.local_reviewer().unwrap();
        demo.platform.verify_ledger(&reviewer, &FIRES.parse().unwrap()).unwrap();
        let rows = demo.get(&format!("{DISTRICTS}&period=all"), None).await.json();
        shown.push((rows["rows"].clone(), everything(&demo).await));
    }
    assert_eq!(shown[0].0, shown[1].0);
    assert!(shown[0].1 == shown[1].1, "a rejected publication is seen");
}
