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
    let expected =
        Withdrawal { dataset: fires(), period: QUARTERS[0].to_owned(), versions: 1, views: 0, by_revision: true };
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
    let receipt = Small::upload(&platform, 1);
    let report = publish(&platform);
    assert_eq!(report.corrected.len(), 1, "{report}");
    assert!(Small::publication(&platform, &receipt).contains("until a reviewer asks for a revision"));
    assert!(shown(&platform).is_empty());

    let reviewer = platform.local_reviewer().unwrap();
    let report = platform.publication_report(&reviewer, &fires()).unwrap().to_string();
    assert!(report.contains("nothing of it is served before it is published without them"), "{report}");
    let preview = platform.preview_revision(&reviewer, &fires()).unwrap();
    assert_eq!(preview.corrections, 1);
    let text = preview.to_string();
    let appears = &preview.plan.as_ref().unwrap().changes().unwrap().all.appears;
    assert!(
        appears.cells > 0 && text.contains("would appear  appear as [c]") && text.contains("Jan to Mar 2025"),
        "{text}"
    );
    platform.revise(&reviewer, &fires(), preview.plan.unwrap().digest).unwrap();
    let report = publish(&platform);
    assert_eq!(report.revised, [fires()]);
    let after = shown(&platform);
    assert_eq!(after.keys().collect::<Vec<_>>(), [QUARTERS[0]]);
    assert_eq!(after[QUARTERS[0]], before[QUARTERS[0]], "the same file shows the same");
    verify(&platform);
    // A period that was never out comes as ever.
    Small::upload(&platform, 3);
    publish(&platform);
    assert_eq!(shown(&platform).len(), 2);
}

/// What is revised while a period is away leaves it behind for good, and who asks reads that first.
#[test]
fn a_period_that_is_away_while_others_are_revised_does_not_come_back() {
    let small = Small::new();
    let platform = published(&small);
    withdraw(&platform, QUARTERS[0]).unwrap();
    publish(&platform);
    let reviewer = platform.local_reviewer().unwrap();
    let revise = || {
        let preview = platform.preview_revision(&reviewer, &fires()).unwrap();
        let text = preview.to_string();
        platform.revise(&reviewer, &fires(), preview.plan.unwrap().digest).unwrap();
        assert_eq!(publish(&platform).revised, [fires()]);
        text
    };
    Small::take_in(&platform, Small::FIRES, QUARTERS[1], &Small::without(2, 150));
    publish(&platform);
    let text = revise();
    assert!(text.contains("never shown again") && text.contains("Jan to Mar 2025 (2)"), "{text}");
    let second = shown(&platform)[QUARTERS[1]].clone();
    Small::upload(&platform, 1);
    publish(&platform);
    let text = revise();
    assert!(!text.contains("never shown again"), "{text}");
    let after = shown(&platform);
    assert!(after[QUARTERS[0]].values().all(|cell| *cell == Cell::Withheld(model::Mark::X)), "{after:?}");
    assert_eq!(after[QUARTERS[1]], second);
    verify(&platform);
}

/// Files that take the place of those that a revision was asked of, of what was withdrawn, end that revision.
#[test]
fn a_revision_of_files_that_were_replaced_stops_nothing() {
    let small = Small::new();
    let platform = small.open();
    Small::upload(&platform, 1);
    publish(&platform);
    withdraw(&platform, QUARTERS[0]).unwrap();
    publish(&platform);
    let reviewer = platform.local_reviewer().unwrap();
    let preview = || platform.preview_revision(&reviewer, &fires()).unwrap().plan.unwrap().digest;
    Small::upload(&platform, 1);
    publish(&platform);
    platform.revise(&reviewer, &fires(), preview()).unwrap();
    Small::take_in(&platform, Small::FIRES, QUARTERS[0], &Small::without(1, 150));
    assert_eq!(publish(&platform).corrected.len(), 1);
    platform.revise(&reviewer, &fires(), preview()).unwrap();
    assert_eq!(publish(&platform).revised, [fires()]);
    assert_eq!(shown(&platform).len(), 1);
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

/// A release that was computed before is not shown after: what was shown is, if it does not stand on it.
#[test]
fn nobody_shows_what_was_withdrawn_meanwhile() {
    let small = Small::new().without_denominator();
    let platform = small.open();
    Small::upload(&platform, 1);
    publish(&platform);
    let before = platform.state();
    Small::upload(&platform, 2);
    publish(&platform);
    let both = platform.state().released[&fires()].clone();
    platform.change(|state| *state = crate::state::State::clone(&before));
    withdraw(&platform, QUARTERS[1]).unwrap();
    let swap =
        |platform: &Platform| platform.swap(BTreeMap::from([(fires(), both.clone())]), &BTreeSet::new()).unwrap();
    swap(&platform);
    let cubes = |state: &crate::state::State| -> Vec<String> {
        state.cubes.values().map(|cube| format!("{} {}", cube.view, cube.basis.etag)).collect()
    };
    assert_eq!(shown(&platform).keys().collect::<Vec<_>>(), [QUARTERS[0]]);
    assert!(!before.cubes.is_empty());
    assert_eq!(cubes(&platform.state()), cubes(&before), "the tables are those of what is shown");
    // What is shown by then stands on nothing withdrawn, and is not taken away.
    platform.take_out_withdrawn();
    assert_eq!(shown(&platform).len(), 1);
    withdraw(&platform, QUARTERS[0]).unwrap();
    swap(&platform);
    assert!(shown(&platform).is_empty() && platform.state().cubes.is_empty());
}

/// A table of whatever was out stays part of what may come back, and its areas stay those that they were.
#[test]
fn what_was_out_of_a_withdrawn_period_is_not_forgotten() {
    let small = Small::new();
    let platform = published(&small);
    let known = |platform: &Platform| platform.state().out[&fires()].basis.tables.clone();
    let before = known(&platform);
    withdraw(&platform, QUARTERS[0]).unwrap();
    publish(&platform);
    assert_eq!(known(&platform), before);
    withdraw(&platform, QUARTERS[1]).unwrap();
    drop(platform);
    assert_eq!(known(&small.open()), before, "also after a start, with nothing shown");
}

/// What is registered while a period is away is not shown of it by the revision that brings it back.
#[test]
fn a_view_that_is_new_meanwhile_does_not_come_with_what_comes_back() {
    let small = Small::new().without_denominator();
    drop(published(&small));
    let platform = small.open();
    withdraw(&platform, QUARTERS[0]).unwrap();
    publish(&platform);
    drop(platform);
    let path = small.indicators().join("deliberate-fires.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let view = "\n[[view]]\nname = \"county-quarter\"\narea_type = \"partnership\"\nperiod_type = \"quarter\"\n";
    std::fs::write(&path, format!("{text}{view}")).unwrap();
    let platform = small.open();
    let by_area_type = |platform: &Platform| -> BTreeSet<(String, String)> {
        let state = platform.state();
        let there =
            state.released[&fires()].tables.get().iter().filter(|(_, cell)| *cell != Cell::Withheld(model::Mark::X));
        there.map(|(id, _)| (id.key.area_type.to_string(), id.key.period.to_string())).collect()
    };
    publish(&platform);
    let new = |quarter: &str| ("partnership".to_owned(), quarter.to_owned());
    assert!(by_area_type(&platform).contains(&new(QUARTERS[1])));
    Small::take_in(&platform, Small::FIRES, QUARTERS[0], &Small::without(1, 150));
    publish(&platform);
    let reviewer = platform.local_reviewer().unwrap();
    let plan = platform.preview_revision(&reviewer, &fires()).unwrap().plan.unwrap();
    platform.revise(&reviewer, &fires(), plan.digest).unwrap();
    let report = platform.publish_pending(&mut |_| ()).unwrap();
    assert_eq!(report.revised, [fires()], "{report}");
    assert!(!by_area_type(&platform).contains(&new(QUARTERS[0])), "{report}");
    publish(&platform);
    assert!(by_area_type(&platform).contains(&new(QUARTERS[0])), "it follows");
}

/// A file that was withdrawn is not said to be stored because its key was used before.
#[test]
fn the_key_of_a_withdrawn_file_is_used_up() {
    let small = Small::new();
    let platform = small.open();
    let officer = platform.local_officer(&fires()).unwrap();
    Small::send(&platform, &officer, 1, Some("a-key")).unwrap();
    withdraw(&platform, QUARTERS[0]).unwrap();
    let refused = Small::send(&platform, &officer, 1, Some("a-key")).unwrap_err().to_string();
    assert!(refused.contains("was withdrawn: send it with another key"), "{refused}");
    assert!(Small::send(&platform, &officer, 1, Some("another-key")).unwrap().created);
}

/// An audit log from before a withdrawal would bring it back.
#[test]
fn an_audit_log_without_the_withdrawal_is_refused() {
    let small = Small::new();
    let platform = published(&small);
    drop(platform);
    let (audit, kept) = (small.settings().data.join("audit"), small.folder.path().join("kept"));
    crate::testing::copy(&audit, &kept);
    let platform = small.open();
    withdraw(&platform, QUARTERS[0]).unwrap();
    drop(platform);
    std::fs::remove_dir_all(&audit).unwrap();
    crate::testing::copy(&kept, &audit);
    let error = Platform::attach(small.settings()).err().unwrap().to_string();
    assert!(error.contains("the audit log of the data folder"), "{error}");
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
    let missing: DatasetId = "lancashire-fire-and-rescue.nothing".parse().unwrap();
    let refused = platform.withdraw(&platform.local_operator().unwrap(), &missing, QUARTERS[0]);
    assert!(matches!(refused, Err(PlatformError::NotFound { .. })), "{refused:?}");
    let refused = withdraw(&platform, "nonsense").unwrap_err().to_string();
    assert!(refused.contains("there is nothing of `nonsense` to withdraw"), "{refused}");
}
