use std::collections::BTreeMap;

use disclosure::{Cell, CellId};

use super::*;
use crate::testing::Small;

const QUARTERS: [&str; 2] = ["2025-01-01/P3M", "2025-04-01/P3M"];

fn fires() -> DatasetId {
    Small::FIRES.parse().unwrap()
}

/// Two quarters of fires, published.
fn published(small: &Small) -> Platform {
    let platform = small.open();
    for quarter in [1, 2] {
        Small::upload(&platform, quarter);
    }
    publish(&platform);
    platform
}

fn publish(platform: &Platform) -> crate::PublishReport {
    let report = platform.publish_pending(&mut |_| ()).unwrap();
    assert_eq!(report.failures, [""; 0], "{report}");
    report
}

fn withdraw(platform: &Platform, period: &str) -> Result<Withdrawal, PlatformError> {
    platform.withdraw(&platform.local_operator().unwrap(), &fires(), period)
}

/// What everybody sees of fires, by period; nothing where they are not served.
fn shown(platform: &Platform) -> BTreeMap<String, BTreeMap<CellId, Cell>> {
    let state = platform.state();
    let mut shown: BTreeMap<String, BTreeMap<CellId, Cell>> = BTreeMap::new();
    let Some(group) = state.released.get(&fires()) else { return shown };
    for (id, cell) in group.tables.get().iter() {
        shown.entry(id.key.period.to_string()).or_default().insert(id.clone(), cell);
    }
    shown
}

fn verify(platform: &Platform) -> usize {
    platform.verify_ledger(&platform.local_reviewer().unwrap(), &fires()).unwrap().entries
}

#[test]
fn a_period_goes_at_once_and_the_others_stay_as_they_are() {
    let small = Small::new();
    let platform = published(&small);
    let before = shown(&platform);
    assert!(QUARTERS.iter().all(|quarter| before.contains_key(*quarter)), "{:?}", before.keys());
    let expected = Withdrawal { dataset: fires(), period: QUARTERS[0].to_owned(), versions: 1 };
    assert_eq!(withdraw(&platform, QUARTERS[0]).unwrap(), expected);
    assert!(
        shown(&platform).is_empty() && platform.state().cubes.is_empty(),
        "nothing is served until it is published"
    );
    let report = publish(&platform);
    assert_eq!(report.published, [fires()]);
    let after = shown(&platform);
    assert_eq!(after.keys().collect::<Vec<_>>(), [QUARTERS[1]]);
    assert_eq!(after[QUARTERS[1]], before[QUARTERS[1]], "what is left is as it was");
    assert_eq!(verify(&platform), 2);
    let version = platform.catalog().versions(Some(&fires()), Some(VersionStatus::Withdrawn)).unwrap()[0].facts.id;
    let officer = platform.local_officer(&fires()).unwrap();
    assert_eq!(platform.version(&officer, &fires(), &version.to_string()).unwrap().publication, "withdrawn");
    drop(platform);
    assert_eq!(shown(&small.open()), after, "also after a start");
}

/// A group that is not published without it yet is not served, also after a start.
#[test]
fn what_stands_on_it_is_not_restored() {
    let small = Small::new();
    let platform = published(&small);
    withdraw(&platform, QUARTERS[1]).unwrap();
    drop(platform);
    let platform = small.open();
    assert!(shown(&platform).is_empty());
    publish(&platform);
    assert_eq!(shown(&platform).len(), 1);
}

/// What comes in its place is no new period: it is shown by a revision, decided beside what was shown.
#[test]
fn what_comes_in_its_place_waits_for_a_revision() {
    let small = Small::new();
    let platform = published(&small);
    let before = shown(&platform);
    for period in QUARTERS {
        withdraw(&platform, period).unwrap();
    }
    let report = publish(&platform);
    assert!(report.published.is_empty() && shown(&platform).is_empty(), "{report}");
    Small::upload(&platform, 1);
    let report = platform.publish_pending(&mut |_| ()).unwrap();
    assert!(report.failures[0].contains("waits until a reviewer asks for a revision"), "{report}");
    assert!(shown(&platform).is_empty());

    let reviewer = platform.local_reviewer().unwrap();
    let preview = platform.preview_revision(&reviewer, &fires()).unwrap();
    assert_eq!(preview.corrections, 1);
    platform.revise(&reviewer, &fires(), preview.plan.unwrap().digest).unwrap();
    let report = publish(&platform);
    assert_eq!(report.revised, [fires()]);
    let after = shown(&platform);
    assert_eq!(after.keys().collect::<Vec<_>>(), [QUARTERS[0]]);
    for (id, cell) in &after[QUARTERS[0]] {
        let was = before[QUARTERS[0]][id];
        assert!(was.value().is_some() || cell.value().is_none() || cell.value() == Some(0), "{id} was withheld");
    }
    verify(&platform);
    // A period that was never out comes as ever.
    Small::upload(&platform, 3);
    publish(&platform);
    assert_eq!(shown(&platform).len(), 2);
}

/// With the period go its corrections, and the files that they took the place of.
#[test]
fn corrections_go_with_their_period() {
    let small = Small::new();
    let platform = published(&small);
    Small::take_in(&platform, Small::FIRES, QUARTERS[0], &Small::sample(Small::FIRES, "2025-Q1")[..]);
    let other = platform.catalog().versions(Some(&fires()), None).unwrap().len();
    assert_eq!(other, 2, "the same file again is no correction");
    Small::take_in(&platform, Small::FIRES, QUARTERS[0], &Small::without(1, 150));
    assert_eq!(publish(&platform).corrected.len(), 1);
    assert_eq!(withdraw(&platform, QUARTERS[0]).unwrap().versions, 2);
    let report = publish(&platform);
    assert_eq!((report.corrected.len(), shown(&platform).len()), (0, 1), "{report}");
    let refused = withdraw(&platform, QUARTERS[0]).unwrap_err().to_string();
    assert!(refused.contains("of this dataset is stored: 2025-04-01/P3M"), "{refused}");
}

/// What the audit log calls withdrawn is, though the catalogue could not be written.
#[test]
fn a_withdrawal_that_is_cut_short_counts() {
    let small = Small::new();
    let platform = published(&small);
    small.faults.set(&["change_version"]);
    withdraw(&platform, QUARTERS[0]).unwrap_err();
    assert!(shown(&platform).is_empty());
    small.faults.set(&[]);
    drop(platform);
    let platform = small.open();
    let withdrawn = platform.catalog().versions(Some(&fires()), Some(VersionStatus::Withdrawn)).unwrap();
    assert_eq!(withdrawn.len(), 1);
    publish(&platform);
    assert_eq!(shown(&platform).keys().collect::<Vec<_>>(), [QUARTERS[1]]);
}

/// A release that was computed before is not shown after.
#[test]
fn nobody_shows_what_was_withdrawn_meanwhile() {
    let small = Small::new();
    let platform = published(&small);
    let group = platform.state().released[&fires()].clone();
    withdraw(&platform, QUARTERS[0]).unwrap();
    platform.swap(BTreeMap::from([(fires(), group)]), &BTreeSet::new()).unwrap();
    assert!(shown(&platform).is_empty() && platform.state().cubes.is_empty());
}

#[test]
fn only_its_supplier_and_the_operator_withdraw() {
    let small = Small::new();
    let platform = published(&small);
    let other: DatasetId = "lancashire-constabulary.crime-events".parse().unwrap();
    for caller in [
        platform.local_officer(&other).unwrap(),
        platform.local_reviewer().unwrap(),
        platform.local_governance().unwrap(),
        Caller::public(),
    ] {
        for period in [QUARTERS[0], "2001-01-01/P3M", "nonsense"] {
            let refused = platform.withdraw(&caller, &fires(), period);
            assert!(matches!(refused, Err(PlatformError::NotFound { .. })), "{refused:?}");
        }
    }
    assert_eq!(shown(&platform).len(), 2);
    platform.withdraw(&platform.local_officer(&fires()).unwrap(), &fires(), QUARTERS[0]).unwrap();
    let refused = withdraw(&platform, "nonsense").unwrap_err().to_string();
    assert!(refused.contains("there is nothing of `nonsense` to withdraw"), "{refused}");
}
