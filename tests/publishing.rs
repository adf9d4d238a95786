//! Publishing through its accidents: crashes, corrections, suspensions, starting again.

use std::fs;
use std::path::Path;

use agreements::{EventKind, Registry, SourceFile, demo::event};
use axum::http::Method;
use catalog::{Catalog, DataFolder, LedgerEntry, SqliteCatalog};
use platform::{Platform, Settings};
use serde_json::Value;

use crate::support::{self, Demo, root};

pub(crate) const FIRES: &str = "lancashire-fire-and-rescue.incidents";
pub(crate) const DISTRICTS: &str = "/v1/data.json?indicator=fire-incidents&area_type=district&period_type=month";

/// The lines of a quarter of fires; from another year with `year`, and without the last `dropped`.
pub(crate) fn quarter(year: &str, dropped: usize) -> Vec<u8> {
    let path = root().join("sample-data/partners/lancashire-fire-and-rescue/incidents/2025-Q1.csv.gz");
    let text = String::from_utf8(testkit::inflate(&fs::read(path).unwrap()).unwrap()).unwrap().replace("2025", year);
    let lines: Vec<&str> = text.lines().collect();
    format!("{}\n", lines[..lines.len() - dropped].join("\n")).into_bytes()
}

pub(crate) async fn upload(demo: &Demo, period: &str, body: Vec<u8>) -> String {
    let path = format!("/v1/datasets/{FIRES}/versions?period={period}&revision=declared");
    let answer = demo.send(Method::POST, &path, Some("officer"), &[], body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.headers["location"].to_str().unwrap().to_owned()
}

pub(crate) async fn publication(demo: &Demo, version: &str) -> String {
    demo.get(version, Some("officer")).await.json()["publication"].as_str().unwrap().to_owned()
}

pub(crate) async fn figures(demo: &Demo) -> Value {
    demo.get(&format!("{DISTRICTS}&period=all"), None).await.json()["rows"].clone()
}

/// How many records of a kind the audit log has.
pub(crate) fn records(folder: &Path, kind: &str) -> u64 {
    let report = audit::verify(&folder.join("data/audit"), &[]).unwrap();
    report.kinds.get(kind).copied().unwrap_or(0)
}

fn ledger_in(folder: &Path) -> Vec<LedgerEntry> {
    let data = DataFolder::open(&folder.join("data")).unwrap();
    ledger(&SqliteCatalog::open(&data.catalog()).unwrap())
}

fn ledger(catalog: &SqliteCatalog) -> Vec<LedgerEntry> {
    catalog.ledger(&FIRES.parse().unwrap(), 0).unwrap()
}

/// Closes the platform, changes its folder, and opens it again.
pub(crate) fn again(demo: Demo, change: impl FnOnce(&Path)) -> Demo {
    let Demo { platform, router, folder, .. } = demo;
    drop((platform, router));
    change(folder.path());
    let settings = support::settings(folder.path());
    Demo::over(folder, settings)
}

/// How many datasets a run publishes anew.
pub(crate) fn published(demo: &Demo) -> usize {
    demo.platform.publish_pending(&mut |_| ()).unwrap().published.len()
}

/// Rows by everything but what a correction may change, with their counts.
pub(crate) fn counts(figures: &Value) -> Vec<(String, Option<i64>)> {
    let row = |row: &Value| (format!("{} {}", row["area_code"], row["period"]), row["count"].as_i64());
    figures.as_array().unwrap().iter().map(row).collect()
}

/// What was shown is shown as it was, or differs by k or more, or is withheld.
pub(crate) fn nobody_is_seen(before: &[(String, Option<i64>)], after: &[(String, Option<i64>)]) {
    for (row, old) in before {
        let new = after.iter().find(|(other, _)| other == row).unwrap().1;
        let close = new.zip(*old).is_some_and(|(new, old)| new != old && (new - old).abs() < 5);
        assert!(!close, "{row}: {old:?} became {new:?}");
    }
}

/// A supplier takes a quarter back: at once nothing stands on it, and then the other quarters are as they were.
#[tokio::test]
async fn a_quarter_that_is_withdrawn_is_gone_and_takes_no_other_with_it() {
    let demo = Demo::open();
    let before = counts(&figures(&demo).await);
    let path = format!("/v1/datasets/{FIRES}/versions?period=2025-01-01/P3M");
    let answer = demo.send(Method::DELETE, &path, Some("officer"), &[], Vec::new()).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["versions"]), (200, &1.into()), "{}", answer.text());
    assert_eq!(demo.get(DISTRICTS, None).await.status, 404, "until it is published without");
    let report = demo.platform.publish_pending(&mut |_| ()).unwrap();
    assert!(report.failures.is_empty(), "{report}");
    let after = counts(&figures(&demo).await);
    let first =
        |row: &(String, Option<i64>)| ["2025-01", "2025-02", "2025-03"].iter().any(|month| row.0.contains(month));
    let (gone, left): (Vec<_>, Vec<_>) = before.into_iter().partition(first);
    assert!(!gone.is_empty());
    assert_eq!(after, left);
    assert_eq!(records(demo.folder.path(), "withdrawn"), 1);
    let demo = again(demo, |_| ());
    assert_eq!(counts(&figures(&demo).await), left);
}

/// What was published is final: a correction changes nothing of it, however much it corrects, and everything that is new goes on
/// beside it. Once somebody asks, it is decided anew, and nobody is seen coming or going.
#[tokio::test]
async fn a_correction_waits_for_a_revision() {
    let demo = Demo::open();
    let before = counts(&figures(&demo).await);
    let corrected = upload(&demo, "2025-01-01/P3M", quarter("2025", 25)).await;
    let report = demo.platform.publish_pending(&mut |_| ()).unwrap();
    assert_eq!((report.published.len(), report.failures.len(), report.corrected.len()), (0, 0, 1), "{report}");
    assert!(report.corrected[0].contains(&format!("1 corrected files; `commonground disclosure revise {FIRES}`")));
    let told = "done: taken in; nothing of it is shown until a reviewer asks for a revision";
    assert_eq!(publication(&demo, &corrected).await, told);
    let reviewer = demo.platform.local_reviewer().unwrap();
    let fires = FIRES.parse().unwrap();
    let report = demo.platform.publication_report(&reviewer, &fires).unwrap().to_string();
    assert!(report.contains("1, which wait for a revision"), "{report}");
    assert_eq!(counts(&figures(&demo).await), before);

    let new = upload(&demo, "2026-01-01/P3M", quarter("2026", 0)).await;
    demo.platform.publish_pending(&mut |_| ()).unwrap();
    assert!(publication(&demo, &new).await.starts_with("done: published"), "{}", publication(&demo, &new).await);
    let rows = figures(&demo).await;
    let longer = counts(&rows);
    assert_eq!(longer.len(), before.len() + 6, "three months of two districts");
    assert!(before.iter().all(|row| longer.contains(row)));
    assert!(!rows[0]["caveat"].as_str().unwrap_or_default().contains("corrected"), "{}", rows[0]);

    // What a revision would change is told before it is asked for, and tells nobody else anything.
    let demo = again(demo, |_| ());
    let releases = records(demo.folder.path(), "released");
    let preview = demo.platform.preview_revision(&reviewer, &fires).unwrap();
    assert_eq!((preview.corrections, records(demo.folder.path(), "released")), (1, releases), "{preview}");
    assert_eq!(counts(&figures(&demo).await), longer);
    assert!(preview.plan.is_some() != preview.refused.is_some(), "{preview}");
    assert_eq!(demo.platform.preview_revision(&reviewer, &fires).unwrap(), preview);

    // Nothing else than what was previewed can be asked for.
    let other = demo.platform.revise(&reviewer, &fires, model::Digest([7; 32])).unwrap_err();
    assert!(other.to_string().contains("not what was previewed last"), "{other}");

    // A revision is published as a whole and shows nobody coming or going; where it cannot be, that was said.
    let mut revised = longer.clone();
    if let Some(plan) = &preview.plan {
        assert_eq!(demo.platform.revise(&reviewer, &fires, plan.digest).unwrap(), 1);
        let report = demo.platform.publish_pending(&mut |_| ()).unwrap();
        assert_eq!((report.published.as_slice(), report.corrected.len()), ([fires.clone()].as_slice(), 0), "{report}");
        let rows = figures(&demo).await;
        revised = counts(&rows);
        assert!(
            rows[0]["caveat"].as_str().unwrap().contains("corrected since they were first published"),
            "{}",
            rows[0]
        );
        assert!(revised.len() == longer.len() && revised != longer);
        nobody_is_seen(&longer, &revised);
        let view =
            plan.changes().unwrap().views.iter().find(|view| view.name == "fire-incidents/district-month").unwrap();
        let told = view.all;
        assert_eq!(told.withheld, view.periods.values().map(|period| period.withheld).sum::<usize>(), "{preview}");
        let pairs = || longer.iter().zip(&revised).filter(|(old, _)| old.1.is_some());
        let changed = pairs().filter(|(old, new)| new.1.is_some() && old != new).count();
        let withheld = pairs().filter(|(_, new)| new.1.is_none()).count();
        assert_eq!(
            (told.before.numbers, told.changed, told.withheld),
            (pairs().count(), changed, withheld),
            "{preview}"
        );
        assert_eq!(demo.platform.preview_revision(&reviewer, &fires).unwrap().corrections, 0);
    }
    demo.platform.verify_ledger(&reviewer, &fires).unwrap();
    // It is not tried again, and all is the same after a start.
    let demo = again(demo, |_| ());
    assert_eq!(counts(&figures(&demo).await), revised);
    assert_eq!(demo.platform.pending().unwrap(), 0);
}

#[tokio::test]
async fn starting_again_and_publishing_again_records_nothing() {
    let demo = Demo::open();
    let (before, releases) = (figures(&demo).await, records(demo.folder.path(), "released"));
    let demo = again(demo, |folder| {
        let entries = ledger_in(folder).len();
        let (platform, _) = Platform::open(support::settings(folder)).unwrap();
        // An import of the same geography has everything published again.
        platform.import_geography(&root().join("sample-data/geography/geography.toml"), None).unwrap();
        let report = platform.publish_pending(&mut |_| ()).unwrap();
        assert_eq!((report.published, report.failures), (Vec::new(), Vec::new()));
        drop(platform);
        assert_eq!(ledger_in(folder).len(), entries);
    });
    assert_eq!(records(demo.folder.path(), "released"), releases);
    assert_eq!(figures(&demo).await, before);
}

#[tokio::test]
async fn an_entry_that_was_never_released_is_passed_over() {
    let demo = Demo::open();
    let before = figures(&demo).await;
    let demo = again(demo, |folder| {
        // As a crash leaves it: durable in the ledger, not in the audit log.
        let last = ledger_in(folder).len() as u64;
        let data = DataFolder::open(&folder.join("data")).unwrap();
        let catalog = SqliteCatalog::open(&data.catalog()).unwrap();
        let ciphertext = b"a plan that nobody was told of".to_vec();
        let digest = catalog::port::digest_of(&ciphertext);
        let entry = LedgerEntry { group: FIRES.parse().unwrap(), sequence: last + 1, digest, ciphertext };
        catalog.append_ledger(&entry).unwrap();
    });
    assert_eq!(figures(&demo).await, before);
    let new = upload(&demo, "2026-01-01/P3M", quarter("2026", 0)).await;
    demo.platform.publish_pending(&mut |_| ()).unwrap();
    assert!(publication(&demo, &new).await.starts_with("done"));
    let demo = again(demo, |_| ());
    assert_eq!(figures(&demo).await.as_array().unwrap().len(), before.as_array().unwrap().len() + 6);
}

/// Takes the catalogue away.
pub(crate) fn take_catalogue(folder: &Path) {
    for extra in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(folder.join(format!("data/catalog.sqlite{extra}")));
    }
}

/// Files of the data folder, put back as they were before a further quarter, which had come already, was published.
async fn put_back(names: &[&str]) {
    let kept = tempfile::tempdir().unwrap();
    let demo = Demo::open();
    upload(&demo, "2026-01-01/P3M", quarter("2026", 0)).await;
    let demo = again(demo, |folder| support::copy(&folder.join("data"), kept.path()));
    demo.platform.publish_pending(&mut |_| ()).unwrap();
    let demo = again(demo, |folder| {
        for name in names {
            let target = folder.join("data").join(name);
            if target.is_dir() {
                fs::remove_dir_all(&target).unwrap();
                support::copy(&kept.path().join(name), &target);
            } else {
                take_catalogue(folder);
                fs::copy(kept.path().join(name), &target).unwrap();
            }
        }
    });
    assert_eq!(demo.get(DISTRICTS, None).await.status, 503, "{names:?}");
    let ready = demo.get("/readyz", None).await;
    assert!(ready.text().contains("disagree about what was released"), "{}", ready.text());
    // The others are served as before.
    let other = demo.get("/v1/data.json?indicator=all-crime", None).await;
    assert_eq!(other.status, 200, "{}", other.text());
}

#[tokio::test]
async fn a_cut_ledger_is_noticed_and_not_served() {
    put_back(&["catalog.sqlite"]).await;
}

#[tokio::test]
async fn a_cut_audit_log_is_noticed_and_not_served() {
    put_back(&["audit"]).await;
}

/// The sample's agreements and indicators, copied so that they can be changed.
pub(crate) fn own_definitions(folder: &Path) -> Settings {
    for (from, to) in [("sharing-agreements", "agreements"), ("sample-data/indicators", "indicators")] {
        if !folder.join(to).exists() {
            support::copy(&root().join(from), &folder.join(to));
        }
    }
    Settings {
        agreements: folder.join("agreements"),
        indicators: folder.join("indicators"),
        ..support::settings(folder)
    }
}

pub(crate) fn own(demo: Demo) -> Demo {
    let Demo { platform, router, folder, .. } = demo;
    drop((platform, router));
    let settings = own_definitions(folder.path());
    Demo::over(folder, settings)
}

#[allow(clippy::disallowed_methods, reason = "an event of this moment")]
fn this_second() -> jiff::Timestamp {
    jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).unwrap()
}

/// Appends a signed event of this moment to the agreement about fires.
pub(crate) fn append(agreements: &Path, kind: EventKind) {
    append_at(agreements, kind, this_second());
}

/// The agreements of a folder.
pub(crate) fn registry(agreements: &Path) -> Registry {
    let files: Vec<SourceFile> = support::files(agreements)
        .iter()
        .filter(|path| path.parent() == Some(agreements) && path.extension().is_some_and(|e| e == "toml"))
        .map(|path| SourceFile {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            content: fs::read(path).unwrap(),
        })
        .collect();
    Registry::load(&files, &[]).unwrap()
}

/// Appends a signed event to the agreement about fires.
pub(crate) fn append_at(agreements: &Path, kind: EventKind, at: jiff::Timestamp) {
    let registry = registry(agreements);
    let snapshot = registry.snapshot();
    let agreement = snapshot.agreements().find(|a| a.name().starts_with("fire-incidents@")).unwrap();
    let digest = agreement.digest();
    let previous = snapshot.events(&digest).unwrap().head(agreement);
    let by = "lancashire-fire-and-rescue".parse().unwrap();
    let event = event(kind, at, &by, "a test", digest, previous);
    let path = agreements.join("fire-incidents.events.toml");
    fs::write(&path, format!("{}\n{}", fs::read_to_string(&path).unwrap(), event.to_toml())).unwrap();
}

#[tokio::test]
async fn a_suspension_counts_from_the_next_request() {
    let demo = own(Demo::open());
    let folder = demo.folder.path().join("agreements");
    let changes = records(demo.folder.path(), "agreement");
    assert_eq!(demo.get(DISTRICTS, None).await.status, 200);
    append(&folder, EventKind::Suspended);
    assert_eq!(demo.get(DISTRICTS, None).await.status, 404);
    assert_eq!(demo.get(DISTRICTS, Some("analyst")).await.problem(), "denied");
    // Publishing meanwhile takes its tables away, and brings them back afterwards without another release.
    demo.platform.publish_pending(&mut |_| ()).unwrap();
    assert_eq!(demo.get(DISTRICTS, None).await.status, 404);
    assert_eq!(demo.get(DISTRICTS, Some("analyst")).await.problem(), "denied", "as before the tables went");
    assert_eq!(demo.get("/v1/data.json?indicator=all-crime", None).await.status, 200);
    append(&folder, EventKind::Resumed);
    let releases = records(demo.folder.path(), "released");
    demo.get("/v1/me", None).await;
    demo.platform.publish_pending(&mut |_| ()).unwrap();
    assert_eq!(demo.get(DISTRICTS, None).await.status, 200);
    assert_eq!(records(demo.folder.path(), "released"), releases);
    assert_eq!(records(demo.folder.path(), "agreement"), changes + 2, "suspended, resumed");
}

#[tokio::test]
async fn what_happens_to_an_agreement_while_the_service_is_stopped_is_recorded() {
    let demo = own(Demo::open());
    let changes = records(demo.folder.path(), "agreement");
    let demo = own(demo);
    assert_eq!(records(demo.folder.path(), "agreement"), changes, "nothing happened");
    append(&demo.folder.path().join("agreements"), EventKind::Suspended);
    let demo = own(demo);
    assert_eq!(records(demo.folder.path(), "agreement"), changes + 1, "suspended");
}

/// A name that is not registered leaves the same trace as one that is and may not be read.
#[tokio::test]
async fn a_guessed_name_is_recorded() {
    let demo = Demo::open();
    for (n, indicator) in ["no-such-indicator", "ambulance-call-outs"].into_iter().enumerate() {
        let denied = records(demo.folder.path(), "denied");
        let answer = demo.get(&format!("/v1/data.json?indicator={indicator}"), Some("outsider")).await;
        assert_eq!(answer.problem(), "not-found");
        assert_eq!(records(demo.folder.path(), "denied"), denied + 1, "{n}: {indicator}");
    }
}

#[tokio::test]
async fn a_removed_indicator_is_not_served_and_does_not_hold_up_the_others() {
    const DELIBERATE: &str = "/v1/data.json?indicator=deliberate-fires&period=all";
    let demo = own(Demo::open());
    let before = demo.get(DELIBERATE, None).await.json()["rows"].clone();
    let path = demo.folder.path().join("indicators/deliberate-fires.toml");
    let text = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let demo = own(demo);
    assert_eq!(demo.get(DELIBERATE, None).await.status, 404);
    upload(&demo, "2026-01-01/P3M", quarter("2026", 0)).await;
    let report = demo.platform.publish_pending(&mut |_| ()).unwrap();
    assert_eq!(report.failures, Vec::<String>::new());
    assert_eq!(demo.get(DISTRICTS, None).await.json()["rows"][0]["period"], "2026-03-01/P1M");
    // Brought back, it has what was decided before, and the new periods.
    fs::write(&path, text).unwrap();
    let demo = own(demo);
    let report = demo.platform.publish_pending(&mut |_| ()).unwrap();
    assert_eq!(report.failures, Vec::<String>::new());
    let after = demo.get(DELIBERATE, None).await.json()["rows"].clone();
    let (before, after) = (before.as_array().unwrap(), after.as_array().unwrap());
    assert!(after.len() >= before.len() && before.iter().all(|row| after.contains(row)));
}

#[tokio::test]
async fn a_view_by_areas_that_the_data_cannot_tell_apart_is_refused() {
    let demo = own(Demo::open());
    let path = demo.folder.path().join("indicators/copd-prevalence.toml");
    let view = "[[view]]\nname = \"overlapping\"\narea_type = \"neighbourhood\"\nperiod_type = \"financial-year\"\n";
    let text = fs::read_to_string(&path).unwrap();
    let (head, views) = text.split_at(text.find("[[view]]").unwrap());
    fs::write(&path, format!("{head}{view}\n{views}")).unwrap();
    let demo = own(demo);
    let report = demo.platform.publish_pending(&mut |_| ()).unwrap();
    assert!(report.failures.iter().any(|failure| failure.contains("copd-prevalence/overlapping")), "{report}");
    // It is the first of the indicator's views, and no reader is told of it.
    let answer = demo.get("/v1/data.json?indicator=copd-prevalence", Some("analyst")).await;
    assert_eq!(answer.json()["view"], "copd-prevalence/pcn-financial-year", "{}", answer.text());
    let answer = demo.get("/v1/data.json?indicator=copd-prevalence&area_type=neighbourhood", Some("analyst")).await;
    assert_eq!(answer.problem(), "bad-parameter");
    assert!(answer.text().contains("it has: area_type=pcn"), "{}", answer.text());
    assert!(!answer.text().contains("area_type=neighbourhood"), "{}", answer.text());

    // Where it is the only one, the supplier learns that there is one, and not whose.
    for file in support::files(&demo.folder.path().join("indicators")) {
        let stands =
            fs::read_to_string(&file).unwrap().contains("nhs-chorley-and-south-ribble-ccg.practice-prevalence");
        if stands && file != path {
            fs::remove_file(file).unwrap();
        }
    }
    fs::write(&path, format!("{head}{view}")).unwrap();
    let demo = own(demo);
    assert_eq!(demo.platform.publish_pending(&mut |_| ()).unwrap().failures.len(), 1);
    let publication = publication_of(&demo, "nhs-chorley-and-south-ribble-ccg/practice-prevalence");
    assert!(publication.starts_with("failed: cannot be published: none of the 1 views"), "{publication}");
    assert!(!publication.contains("copd"), "{publication}");
}

/// How far the publication of a partner's last file of the sample has come, as its supplier reads it.
fn publication_of(demo: &Demo, feed: &str) -> String {
    let file = support::files(&root().join("sample-data/partners").join(feed)).pop().unwrap();
    let dataset: model::DatasetId = feed.replace('/', ".").parse().unwrap();
    let name = file.file_name().unwrap().to_string_lossy().split('.').next().unwrap().to_owned();
    let period = demo.platform.partition(&dataset, &name).unwrap();
    assert!(demo.platform.was_taken_in(&dataset, period).unwrap());
    // Sent again it is the same version.
    let caller = demo.platform.local_officer(&dataset).unwrap();
    let request = platform::UploadRequest {
        dataset,
        period: period.to_string(),
        idempotency_key: None,
        digest: None,
        empty: false,
        corrects: true,
        opt_outs_applied: Some(demo.platform.now().to_string()),
    };
    let known = demo.platform.upload(&caller, &request, fs::File::open(&file).unwrap()).unwrap();
    assert!(!known.created);
    known.publication
}

/// Where nothing is computed from data, nothing is published, and that is what is said.
#[test]
fn data_without_an_indicator_are_not_called_published() {
    let demo = Demo::open();
    let publication = publication_of(&demo, "office-for-national-statistics/projections");
    assert!(publication.starts_with("done: taken in; no indicator stands on it"), "{publication}");
    assert_eq!(publication_of(&demo, "lancashire-fire-and-rescue/incidents"), "done: published");
}

/// Open data that became controlled: the process was killed when the release was recorded and not yet remembered.
#[tokio::test]
async fn the_audit_log_says_which_release_was_the_last() {
    let demo = Demo::open();
    let before = figures(&demo).await;
    let demo = again(demo, |folder| {
        let data = DataFolder::open(&folder.join("data")).unwrap();
        let catalog = SqliteCatalog::open(&data.catalog()).unwrap();
        let name = format!("published/{FIRES}").parse().unwrap();
        let text = catalog.setting(&name).unwrap().unwrap();
        let number = ledger(&catalog).len();
        let (released, open) = (format!("\"released\":{number}"), "\"open\":null");
        assert!(text.contains(&released) && text.contains(open), "{text}");
        let before = text.replace(open, &format!("\"open\":\"{}\"", "7".repeat(64)));
        let before = before.replace(&released, &format!("\"released\":{}", number - 1));
        catalog.replace_setting(&name, Some(&text), &before).unwrap();
    });
    assert_eq!(figures(&demo).await, before);
}
