//! Agreements that come to stand otherwise: by a date, and by a later version.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use agreements::{EventKind, agreement_digest, demo};
use jiff::Timestamp;
use platform::Clock;

use crate::publishing::{DISTRICTS, append, append_at, own, own_definitions, publication, quarter, registry, upload};
use crate::support::Demo;

/// A clock that the test moves.
#[derive(Clone)]
struct Moved(Arc<AtomicI64>);

impl Moved {
    fn at(text: &str) -> Self {
        Self(Arc::new(AtomicI64::new(text.parse::<Timestamp>().unwrap().as_second())))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }

    fn to(&self, text: &str) {
        self.0.store(text.parse::<Timestamp>().unwrap().as_second(), Ordering::SeqCst);
    }

    fn open(&self, demo: Demo) -> Demo {
        let Demo { platform, router, folder, .. } = demo;
        drop((platform, router));
        let clock = self.clone();
        let settings = own_definitions(folder.path());
        Demo::over(folder, platform::Settings { clock: Clock::of(move || clock.now()), ..settings })
    }
}

fn publish(demo: &Demo) {
    demo.platform.publish_pending(&mut |_| ()).unwrap();
}

/// New Year's Day 2027, and an agreement that is suspended until ten in the morning; nothing of it is published.
async fn suspended_until_ten() -> (Moved, Demo) {
    let clock = Moved::at("2027-01-01T00:00:00Z");
    let demo = clock.open(own(Demo::open()));
    let agreements = demo.folder.path().join("agreements");
    append_at(&agreements, EventKind::Suspended, "2026-12-31T00:00:00Z".parse().unwrap());
    append_at(&agreements, EventKind::Resumed, "2027-01-01T10:00:00Z".parse().unwrap());
    assert_eq!(demo.get(DISTRICTS, None).await.status, 404);
    publish(&demo);
    (clock, demo)
}

/// No file changes when an agreement begins to allow something, or ends to.
#[tokio::test]
async fn what_begins_and_ends_by_its_date_is_published_and_taken_away() {
    let (clock, demo) = suspended_until_ten().await;
    clock.to("2027-01-01T09:59:59Z");
    publish(&demo);
    assert_eq!(demo.get(DISTRICTS, None).await.status, 404, "a second too early");
    clock.to("2027-01-01T10:00:00Z");
    publish(&demo);
    assert_eq!(demo.get(DISTRICTS, None).await.status, 200, "it was resumed");

    let views = demo.platform.holdings().unwrap().views;
    clock.to("2028-12-31T23:59:59Z");
    publish(&demo);
    assert_eq!(demo.platform.holdings().unwrap().views, views);
    clock.to("2029-01-01T00:00:00Z");
    publish(&demo);
    assert_eq!(demo.get(DISTRICTS, None).await.status, 404, "it has expired");
    assert!(demo.platform.holdings().unwrap().views < views, "and its tables are gone");
}

/// What began while nothing ran is noticed at the start.
#[tokio::test]
async fn what_began_while_the_service_was_stopped_is_published() {
    let (clock, demo) = suspended_until_ten().await;
    clock.to("2027-01-02T00:00:00Z");
    let demo = clock.open(demo);
    assert!(demo.platform.pending().unwrap() > 0);
    publish(&demo);
    assert_eq!(demo.get(DISTRICTS, None).await.status, 200);
}

/// Puts a second version of the agreement about fires beside the first, signed by all.
pub(crate) fn second_version(agreements: &Path, edit: (&str, &str)) {
    let registry = registry(agreements);
    let first = registry.snapshot().agreements().find(|a| a.name() == "fire-incidents@1").unwrap().digest();
    let text = fs::read_to_string(agreements.join("fire-incidents.toml")).unwrap();
    let text = text.replacen("version = 1\n", &format!("version = 2\nsupersedes = \"{first}\"\n"), 1);
    assert!(text.contains(edit.0));
    let at = "2026-11-01T00:00:00Z".parse().unwrap();
    let text = demo::sign("second.toml", &text.replacen(edit.0, edit.1, 1), "illustrative signatory", at).unwrap();
    let digest = agreement_digest("second.toml", &text).unwrap();
    let by = "lancashire-fire-and-rescue".parse().unwrap();
    let event = demo::event(EventKind::Signed, at, &by, "a test", digest, digest);
    fs::write(agreements.join("fire-incidents-2.events.toml"), event.to_toml()).unwrap();
    fs::write(agreements.join("fire-incidents-2.toml"), text).unwrap();
}

#[tokio::test]
async fn a_version_that_is_no_looser_governs_what_came_under_the_first() {
    let demo = own(Demo::open());
    let agreements = demo.folder.path().join("agreements");
    let before = demo.get(DISTRICTS, None).await.json()["rows"].clone();
    second_version(&agreements, ("expires = 2029-01-01", "expires = 2031-01-01"));
    assert_eq!(demo.get(DISTRICTS, None).await.json()["rows"], before);
    let report = demo.platform.publish_pending(&mut |_| ()).unwrap();
    assert_eq!((report.published, report.failures), (Vec::new(), Vec::new()), "nothing is released anew");
    // What comes now is bound to the second version, and published together with what came before.
    let new = upload(&demo, "2026-01-01/P3M", quarter("2026", 0)).await;
    assert_eq!(demo.platform.publish_pending(&mut |_| ()).unwrap().failures, Vec::<String>::new());
    assert_eq!(publication(&demo, &new).await, "done: published");
    assert_eq!(demo.get(DISTRICTS, None).await.json()["rows"][0]["period"], "2026-03-01/P1M");
}

#[tokio::test]
async fn a_looser_version_denies_what_came_under_the_first_and_says_why() {
    let demo = own(Demo::open());
    let agreements = demo.folder.path().join("agreements");
    second_version(&agreements, ("k = 5\n", "k = 4\n"));
    assert_eq!(demo.get(DISTRICTS, None).await.status, 404);
    let denied = demo.get(DISTRICTS, Some("analyst")).await;
    assert_eq!(denied.problem(), "denied");
    let blocker = &denied.json()["blockers"][0];
    assert_eq!((&blocker["code"], &blocker["agreement"]), (&"superseded".into(), &"fire-incidents@1".into()));
    assert_eq!(blocker["actual"], "fire-incidents@2: terms.k", "{blocker}");
    assert!(blocker["remedy"].as_str().unwrap().starts_with("send the files again"), "{blocker}");
    publish(&demo);
    // The second version itself is in force: what comes under it is taken in.
    upload(&demo, "2026-01-01/P3M", quarter("2026", 0)).await;
    // A suspension of the first version changes nothing of that, and nothing is looser by it.
    append(&agreements, EventKind::Suspended);
    assert_eq!(demo.get(DISTRICTS, None).await.status, 404);
}
