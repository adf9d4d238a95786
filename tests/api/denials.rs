//! Every operation, refused: the list is held against the description of the API, so that a new operation needs a row.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::http::Method;
use platform::{Platform, PlatformError};

use crate::support::{Demo, files, fires, settings};

struct Case {
    operation: &'static str,
    method: Method,
    path: &'static str,
    key: Option<&'static str>,
    status: u16,
    problem: &'static str,
}

fn case(
    operation: &'static str,
    method: Method,
    path: &'static str,
    key: Option<&'static str>,
    status: u16,
    problem: &'static str,
) -> Case {
    Case { operation, method, path, key, status, problem }
}

/// A decision about a publication that does not wait.
macro_rules! decision {
    ($dataset:literal, $verdict:literal) => {
        concat!(
            "/v1/publications/",
            $dataset,
            "/decision?digest=0000000000000000000000000000000000000000000000000000000000000000&because=as-agreed&verdict=",
            $verdict
        )
    };
}

macro_rules! revision {
    ($dataset:literal) => {
        concat!(
            "/v1/publications/",
            $dataset,
            "/revision?digest=0000000000000000000000000000000000000000000000000000000000000000"
        )
    };
}

macro_rules! table {
    ($dataset:literal, $format:literal) => {
        concat!("/v1/tables.", $format, "?dataset=", $dataset, "&area_type=lsoa&purpose=service-planning")
    };
}

fn cases() -> Vec<Case> {
    let get = |operation, path, key, status, problem| case(operation, Method::GET, path, key, status, problem);
    let upload = "post /v1/datasets/{id}/versions";
    let version = "get /v1/datasets/{id}/versions/{version}";
    let put = |path, key, status, problem| {
        case("put /v1/publications/{id}/decision", Method::PUT, path, key, status, problem)
    };
    let withdraw = |path, key, status, problem| {
        case("delete /v1/datasets/{id}/versions", Method::DELETE, path, key, status, problem)
    };
    let report = "get /v1/publications/{id}/report";
    let foresee = "get /v1/publications/{id}/revision";
    let revise = |path, key, status, problem| {
        case("put /v1/publications/{id}/revision", Method::PUT, path, key, status, problem)
    };
    let quarter = "/v1/datasets/lancashire-fire-and-rescue.incidents/versions?period=2025-01-01/P3M";
    vec![
        withdraw(quarter, None, 404, "not-found"),
        withdraw(quarter, Some("analyst"), 404, "not-found"),
        withdraw(quarter, Some("outsider"), 404, "not-found"),
        withdraw(
            "/v1/datasets/north-west-ambulance.call-outs/versions?period=2025-01-01/P3M",
            Some("officer"),
            404,
            "not-found",
        ),
        withdraw("/v1/datasets/no-such.dataset/versions?period=2025-01-01/P3M", Some("officer"), 404, "not-found"),
        withdraw(
            "/v1/datasets/lancashire-fire-and-rescue.incidents/versions?period=1999-01-01/P3M",
            Some("officer"),
            400,
            "bad-parameter",
        ),
        withdraw("/v1/datasets/lancashire-fire-and-rescue.incidents/versions", Some("officer"), 400, "bad-parameter"),
        get("get /v1/indicators", "/v1/indicators?x=1", None, 400, "unknown-parameter"),
        get("get /v1/indicators/{id}", "/v1/indicators/ambulance-call-outs", None, 404, "not-found"),
        get("get /v1/indicators/{id}", "/v1/indicators/no-such-thing", Some("analyst"), 404, "not-found"),
        get("get /v1/areas", "/v1/areas?area_type=planet", None, 400, "bad-parameter"),
        get("get /v1/areas", "/v1/areas?within=E99999999", None, 404, "not-found"),
        get(
            "get /v1/geographies/{area_type}/boundaries.geojson",
            "/v1/geographies/planet/boundaries.geojson",
            None,
            404,
            "not-found",
        ),
        get("get /v1/me", "/v1/me?who=1", None, 400, "unknown-parameter"),
        get("get /healthz", "/healthz?x=1", None, 400, "unknown-parameter"),
        get("get /readyz", "/readyz?x=1", None, 400, "unknown-parameter"),
        get("get /v1/data.csv", "/v1/data.csv", None, 400, "bad-parameter"),
        get("get /v1/data.csv", "/v1/data.csv?indicator=ambulance-call-outs", None, 404, "not-found"),
        get(
            "get /v1/data.csv",
            "/v1/data.csv?indicator=fire-incidents&indicator=all-crime",
            None,
            400,
            "duplicate-parameter",
        ),
        get(
            "get /v1/data.csv",
            "/v1/data.csv?indicator=fire-incidents&area_type=lsoa&period_type=month",
            None,
            400,
            "bad-parameter",
        ),
        get(
            "get /v1/data.csv",
            "/v1/data.csv?indicator=fire-incidents&purpose=advertising",
            None,
            400,
            "unknown-purpose",
        ),
        get(
            "get /v1/data.csv",
            "/v1/data.csv?indicator=ambulance-call-outs&purpose=advertising",
            Some("analyst"),
            403,
            "denied",
        ),
        get("get /v1/data.json", "/v1/data.json?indicator=emergency-attendances", None, 404, "not-found"),
        get("get /v1/data.json", "/v1/data.json?indicator=fire-incidents&period=lately", None, 400, "bad-parameter"),
        get("get /v1/tables", "/v1/tables?x=1", None, 400, "unknown-parameter"),
        get("get /v1/tables.csv", table!("runshaw-college.participation", "csv"), None, 404, "not-found"),
        get("get /v1/tables.csv", table!("runshaw-college.participation", "csv"), Some("outsider"), 404, "not-found"),
        get("get /v1/tables.csv", table!("runshaw-college.participation", "csv"), Some("performance"), 403, "denied"),
        get(
            "get /v1/tables.csv",
            "/v1/tables.csv?dataset=runshaw-college.participation&area_type=lsoa",
            Some("analyst"),
            400,
            "unknown-purpose",
        ),
        get("get /v1/tables.csv", "/v1/tables.csv?area_type=lsoa", Some("analyst"), 400, "bad-parameter"),
        get(
            "get /v1/tables.csv",
            "/v1/tables.csv?dataset=x&area_type=lsoa&area=E01990001",
            Some("analyst"),
            400,
            "unknown-parameter",
        ),
        // Its figures are withheld or shown, and no other table is made of it.
        get(
            "get /v1/tables.csv",
            table!("lancashire-fire-and-rescue.incidents", "csv"),
            Some("analyst"),
            404,
            "not-found",
        ),
        get("get /v1/tables.json", table!("runshaw-college.participation", "json"), None, 404, "not-found"),
        get("get /v1/tables.json", table!("no-such.dataset", "json"), Some("analyst"), 404, "not-found"),
        case(
            upload,
            Method::POST,
            "/v1/datasets/lancashire-fire-and-rescue.incidents/versions?period=2025-10-01/P3M",
            None,
            404,
            "not-found",
        ),
        case(
            upload,
            Method::POST,
            "/v1/datasets/lancashire-fire-and-rescue.incidents/versions?period=2025-10-01/P3M",
            Some("analyst"),
            403,
            "denied",
        ),
        case(
            upload,
            Method::POST,
            "/v1/datasets/north-west-ambulance.call-outs/versions?period=2025-10-01/P3M",
            Some("officer"),
            403,
            "denied",
        ),
        case(
            upload,
            Method::POST,
            "/v1/datasets/no-such.dataset/versions?period=2025-10-01/P3M",
            Some("officer"),
            404,
            "not-found",
        ),
        case(
            upload,
            Method::POST,
            "/v1/datasets/lancashire-fire-and-rescue.incidents/versions",
            Some("officer"),
            400,
            "bad-parameter",
        ),
        case(
            upload,
            Method::POST,
            "/v1/datasets/lancashire-fire-and-rescue.incidents/versions?period=2025-10-01/P1M",
            Some("officer"),
            400,
            "bad-parameter",
        ),
        get("get /v1/publications", "/v1/publications", None, 404, "not-found"),
        get("get /v1/publications", "/v1/publications", Some("analyst"), 404, "not-found"),
        get("get /v1/publications", "/v1/publications?x=1", None, 400, "unknown-parameter"),
        get(report, "/v1/publications/lancashire-fire-and-rescue.incidents/report", None, 404, "not-found"),
        get(report, "/v1/publications/lancashire-fire-and-rescue.incidents/report", Some("officer"), 404, "not-found"),
        get(report, "/v1/publications/no-such.dataset/report", Some("analyst"), 404, "not-found"),
        get(report, "/v1/publications/no-such.dataset/report?x=1", Some("analyst"), 400, "unknown-parameter"),
        get(foresee, "/v1/publications/lancashire-fire-and-rescue.incidents/revision", None, 404, "not-found"),
        get(
            foresee,
            "/v1/publications/lancashire-fire-and-rescue.incidents/revision",
            Some("officer"),
            404,
            "not-found",
        ),
        get(foresee, "/v1/publications/no-such.dataset/revision", Some("analyst"), 404, "not-found"),
        get(foresee, "/v1/publications/no-such.dataset/revision?digest=x", Some("analyst"), 400, "unknown-parameter"),
        revise(revision!("lancashire-fire-and-rescue.incidents"), None, 404, "not-found"),
        revise(revision!("lancashire-fire-and-rescue.incidents"), Some("officer"), 404, "not-found"),
        revise(revision!("no-such.dataset"), Some("analyst"), 404, "not-found"),
        revise("/v1/publications/no-such.dataset/revision", Some("analyst"), 400, "bad-parameter"),
        revise("/v1/publications/no-such.dataset/revision?digest=1", Some("analyst"), 400, "bad-parameter"),
        revise("/v1/publications/no-such.dataset/revision?x=1", Some("analyst"), 400, "unknown-parameter"),
        put(decision!("lancashire-fire-and-rescue.incidents", "approved"), None, 404, "not-found"),
        put(decision!("lancashire-fire-and-rescue.incidents", "approved"), Some("officer"), 404, "not-found"),
        put(decision!("no-such.dataset", "rejected"), Some("analyst"), 404, "not-found"),
        put(decision!("no-such.dataset", "perhaps"), Some("analyst"), 400, "bad-parameter"),
        get(
            version,
            "/v1/datasets/lancashire-fire-and-rescue.incidents/versions/00000000-0000-0000-0000-000000000000",
            None,
            404,
            "not-found",
        ),
        get(
            version,
            "/v1/datasets/lancashire-fire-and-rescue.incidents/versions/00000000-0000-0000-0000-000000000000",
            Some("officer"),
            404,
            "not-found",
        ),
        get(
            version,
            "/v1/datasets/north-west-ambulance.call-outs/versions/00000000-0000-0000-0000-000000000000",
            Some("officer"),
            403,
            "denied",
        ),
    ]
}

#[tokio::test]
async fn every_operation_refuses_what_it_must() {
    let demo = Demo::open();
    for case in cases() {
        let answer = demo.send(case.method, case.path, case.key, &[], Vec::new()).await;
        let shown = format!("{} {:?}: {}", case.path, case.key, answer.text());
        assert_eq!(answer.status, case.status, "{shown}");
        assert_eq!(answer.problem(), case.problem, "{shown}");
    }
}

/// A party to an agreement reads the clause that denies; for anybody else the dataset does not exist, in the same words.
#[tokio::test]
async fn a_denial_tells_outsiders_nothing() {
    let demo = Demo::open();
    let (real, invented) = ("north-west-ambulance.call-outs", "north-west-ambulance.no-such-data");
    for (method, rest) in [
        (Method::POST, "versions?period=2025-10-01/P3M"),
        (Method::GET, "versions/00000000-0000-0000-0000-000000000000"),
    ] {
        let ask = |dataset: &'static str, key| {
            let (demo, path) = (&demo, format!("/v1/datasets/{dataset}/{rest}"));
            let method = method.clone();
            async move { demo.send(method, &path, key, &[], Vec::new()).await }
        };
        for key in [None, Some("outsider")] {
            let (known, unknown) = (ask(real, key).await, ask(invented, key).await);
            assert_eq!(
                (known.status, known.problem()),
                (404.try_into().unwrap(), "not-found".to_owned()),
                "{rest} {key:?}"
            );
            assert_eq!(known.text().replace(real, "X"), unknown.text().replace(invented, "X"), "{rest} {key:?}");
        }
        let party = ask(real, Some("officer")).await;
        assert_eq!(party.problem(), "denied", "{rest}");
        let blockers = party.json()["blockers"].clone();
        let named = |blocker: &serde_json::Value| blocker["agreement"].as_str().is_some_and(|name| name.contains('@'));
        assert!(blockers.as_array().unwrap().iter().any(named), "{rest}: {blockers}");
    }
    let unseen = demo.get("/v1/data.csv?indicator=ambulance-call-outs", Some("outsider")).await;
    let unknown = demo.get("/v1/data.csv?indicator=no-such-indicator", Some("outsider")).await;
    let same = unseen.text().replace("ambulance-call-outs", "no-such-indicator");
    assert_eq!((unseen.status.as_u16(), same), (404, unknown.text()));
}

/// Whoever can write the catalogue cannot give a key other rights.
#[test]
fn a_credential_that_was_changed_in_the_catalogue_is_not_accepted() {
    let Demo { platform, router, folder, .. } = Demo::open();
    let key = platform.add_credential("chorley-council", "reviewer", &["service-planning".to_owned()], true).unwrap();
    drop((platform, router));
    let open = || Platform::open(settings(folder.path())).unwrap().0;
    assert!(open().authenticate(Some(&key)).is_ok());
    let file = folder.path().join("data/catalog.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, br#""role":"reviewer""#).collect();
    assert_eq!(places.len(), 1);
    let changed = br#""role":"operator""#;
    bytes[places[0]..places[0] + changed.len()].copy_from_slice(changed);
    std::fs::write(&file, bytes).unwrap();
    let platform = open();
    assert!(matches!(platform.authenticate(Some(&key)), Err(PlatformError::Unauthenticated)));
    let platform::Readiness::Degraded { problems } = platform.readiness() else { panic!("nobody is told") };
    assert!(problems[0].starts_with("1 credentials are not accepted"), "{problems:?}");
}

/// What is stored is read when it is asked for: a disk that is slow with that holds up nobody else.
#[tokio::test]
async fn a_request_that_waits_for_the_disk_holds_up_no_other() {
    let demo = Demo::open();
    let objects = demo.folder.path().join("data/objects");
    let before: BTreeSet<_> = files(&objects).into_iter().collect();
    let path = "/v1/datasets/lancashire-fire-and-rescue.incidents/versions?period=2026-01-01/P3M";
    let stored = demo.send(Method::POST, path, Some("officer"), &[], fires()).await;
    assert_eq!(stored.status, 201, "{}", stored.text());
    let version = stored.headers["location"].to_str().unwrap().to_owned();
    // Reading a pipe waits for somebody to write.
    let pipes: Vec<_> = files(&objects).into_iter().filter(|file| !before.contains(file)).collect();
    assert_eq!(pipes.len(), 2, "a table and findings");
    for pipe in &pipes {
        std::fs::remove_file(pipe).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    }
    let answered = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&answered);
    // Lets it go at last, whatever happens.
    let watch = std::thread::spawn(move || {
        let started = Instant::now();
        while !seen.load(Ordering::SeqCst) && started.elapsed().as_secs() < 10 {
            std::thread::sleep(Duration::from_millis(10));
        }
        let open = |pipe| std::fs::OpenOptions::new().read(true).write(true).open(pipe).unwrap();
        (seen.load(Ordering::SeqCst), pipes.iter().map(open).collect::<Vec<_>>())
    });
    let waiting = AtomicBool::new(true);
    let slow = async {
        let answer = demo.get(&version, Some("officer")).await;
        waiting.store(false, Ordering::SeqCst);
        answer
    };
    let quick = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(demo.get("/healthz", None).await.status, 200);
        assert!(waiting.load(Ordering::SeqCst), "it did not wait for the disk");
        answered.store(true, Ordering::SeqCst);
    };
    let (slow, ()) = tokio::join!(slow, quick);
    assert!(watch.join().unwrap().0, "it was held up");
    assert!(slow.status.is_server_error(), "{}: what is stored is no file any more", slow.status);
}

/// A reference leads to its record: who asked, for what, and which agreement denied.
#[tokio::test]
async fn a_denial_is_found_in_the_audit_log_by_its_reference() {
    let demo = Demo::open();
    let path = "/v1/datasets/north-west-ambulance.call-outs/versions?period=2025-10-01/P3M";
    let denied = demo.send(Method::POST, path, Some("officer"), &[], Vec::new()).await;
    let reference = denied.json()["reference"].as_str().unwrap().to_owned();
    let mut found = Vec::new();
    let storage = audit::FolderStorage::new(&demo.folder.path().join("data/audit"));
    audit::verify_storage(&storage, &[], &mut |record| {
        if let audit::Entry::Denied { reference: Some(known), purpose, agreement, .. } = &record.entry
            && known.as_str() == reference
        {
            found.push((purpose.clone(), *agreement));
        }
    })
    .unwrap();
    assert_eq!(found.len(), 1, "{reference}");
    assert!(found[0].0.is_some() && found[0].1.is_some(), "{found:?}");
}

/// An unknown parameter is told also where nothing else is asked for.
#[tokio::test]
async fn the_description_takes_no_parameters() {
    let demo = Demo::open();
    assert_eq!(demo.get("/openapi.json?x=1", None).await.problem(), "unknown-parameter");
    assert_eq!(demo.get("/openapi.json", None).await.status, 200);
}

#[tokio::test]
async fn the_scheme_of_a_credential_is_read_in_any_case() {
    let demo = Demo::open();
    for scheme in ["bearer", "BEARER"] {
        let value = format!("{scheme} {}", demo.keys["analyst"]);
        let answer = demo.send(Method::GET, "/v1/me", None, &[("authorization", &value)], Vec::new()).await;
        assert_eq!(answer.json()["role"], "analyst", "{}", answer.text());
    }
}

#[tokio::test]
async fn no_operation_is_without_a_denial() {
    let document = serde_json::to_value(api::openapi()).unwrap();
    let mut operations = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            operations.insert(format!("{method} {path}"));
        }
    }
    let denied: BTreeSet<String> = cases().iter().map(|case| case.operation.to_owned()).collect();
    assert_eq!(operations, denied);
}

#[tokio::test]
async fn bad_credentials_are_refused_everywhere() {
    let demo = Demo::open();
    for value in ["Bearer cg_nobody_nothing", "Bearer ", "Basic abc", "Bearer cg_", "nonsense"] {
        for path in ["/v1/me", "/v1/indicators", "/v1/data.csv?indicator=fire-incidents", "/v1/areas"] {
            let answer = demo.send(Method::GET, path, None, &[("authorization", value)], Vec::new()).await;
            assert_eq!(answer.problem(), "unauthenticated", "{path} {value}");
        }
    }
    demo.platform.revoke_credential(demo.keys["analyst"].split('_').nth(1).unwrap()).unwrap();
    assert_eq!(demo.get("/v1/me", Some("analyst")).await.problem(), "unauthenticated");
}

#[tokio::test]
async fn answers_carry_the_security_headers() {
    let demo = Demo::open();
    for path in ["/", "/v1/me", "/v1/nothing", "/healthz"] {
        let answer = demo.get(path, None).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
    }
}
