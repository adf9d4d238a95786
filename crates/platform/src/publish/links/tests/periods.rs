//! Each period by itself: what is out stays, whatever becomes of files, opt-outs and agreements since.

use agreements::EventKind;

use super::*;

fn in_2025(text: String) -> String {
    text.replace("/2024", "/2025")
}

fn take_in_2025(platform: &Platform, quarters: impl Iterator<Item = u8>) {
    for quarter in quarters {
        let period = format!("2025-{:02}-01/P3M", quarter * 3 - 2);
        Small::take_in(platform, WELLBEING, &period, in_2025(referrals(quarter, &REFERRED)).as_bytes());
    }
}

fn cases_2025(platform: &Platform) {
    Small::take_in(platform, TEAM, "2025-01-01/P1Y", in_2025(cases(&CASES)).as_bytes());
}

/// By year, area and category.
fn all(platform: &Platform, reader: &Caller) -> Vec<(String, String, Option<String>, Option<u64>)> {
    let request = DataRequest { period: PeriodChoice::All, ..request(AreaType::Msoa) };
    let answer = platform.data(reader, &request).unwrap();
    let rows = answer.rows.get().iter();
    rows.map(|row| (row.period.label(), row.area_name.clone(), row.breakdown.clone(), row.count)).collect()
}

fn entries(platform: &Platform) -> usize {
    platform.verify_ledger(&reviewer(platform), &LINKS.parse().unwrap()).unwrap().entries
}

/// Files come by the quarter, and a year is linked when the last of them is there: by then the first are older than opt-outs may be. They
/// are sent again with what was applied since, and nothing that is out depends on it.
#[test]
fn opt_outs_are_declared_anew_for_what_is_linked_and_for_nothing_else() {
    let (small, platform, reader) = published();
    let of_2024 = all(&platform, &reader);
    small.days.store(60, std::sync::atomic::Ordering::Relaxed);
    take_in_2025(&platform, 1..=4);
    assert_eq!(publish(&platform).matches(LINKS).count(), 0);
    small.days.store(90, std::sync::atomic::Ordering::Relaxed);
    cases_2025(&platform);
    let report = publish(&platform);
    assert!(report.contains("2025 is not published: not allowed by the agreements: opt-out-evidence"), "{report}");
    assert_eq!(all(&platform, &reader), of_2024);
    let sent_again = |quarter: u8| {
        let period = format!("2025-{:02}-01/P3M", quarter * 3 - 2);
        Small::take_in(&platform, WELLBEING, &period, in_2025(referrals(quarter, &REFERRED)).as_bytes())
    };
    for quarter in 1..=4 {
        let before = platform.now();
        let receipt = sent_again(quarter);
        assert!(!receipt.created && receipt.opt_outs_applied.unwrap() >= before, "{receipt:?}");
    }
    let report = publish(&platform);
    assert!(report.contains(LINKS) && !report.contains("not published"), "{report}");
    let both = all(&platform, &reader);
    assert_eq!(both.iter().filter(|row| row.0 == "2024").cloned().collect::<Vec<_>>(), of_2024);
    assert_eq!(both.len(), 2 * of_2024.len());
    // Long after.
    small.days.store(400, std::sync::atomic::Ordering::Relaxed);
    small.renegotiate("wellbeing-referrals", "expires = 2029-01-01", "expires = 2031-01-01");
    assert_eq!(publish(&platform), "published nothing new");
    drop(platform);
    let platform = small.open();
    publish(&platform);
    assert_eq!((all(&platform, &reader), entries(&platform)), (both, 2));
}

/// What a figure was made of may be gone: it is never asked for again.
#[test]
fn files_that_figures_were_made_of_are_not_opened_again() {
    let (_small, platform, reader) = published();
    let of_2024 = all(&platform, &reader);
    for dataset in [TEAM, WELLBEING] {
        for version in platform.current_versions(&dataset.parse().unwrap()).unwrap() {
            std::fs::remove_file(platform.store().path(version.facts.table.name)).unwrap();
        }
    }
    take_in_2025(&platform, 1..=4);
    cases_2025(&platform);
    let report = publish(&platform);
    assert!(report.contains(LINKS) && !report.contains("not published"), "{report}");
    let both = all(&platform, &reader);
    assert_eq!(both.iter().filter(|row| row.0 == "2024").cloned().collect::<Vec<_>>(), of_2024);
    assert_eq!(both.len(), 2 * of_2024.len());
}

#[test]
fn a_suspended_agreement_closes_the_figures_and_they_come_back_as_they_were() {
    let (small, platform, reader) = published();
    let shown = all(&platform, &reader);
    let denied = || {
        platform.refresh_agreements().unwrap();
        let refused = ask(&platform, &reader, AreaType::District).map(|answer| answer.view).unwrap_err();
        assert!(matches!(refused, PlatformError::Denied { .. }), "{refused:?}");
    };
    small.happens("integrated-action-team", EventKind::Suspended);
    denied();
    publish(&platform);
    denied();
    small.happens("integrated-action-team", EventKind::Resumed);
    publish(&platform);
    assert_eq!((all(&platform, &reader), entries(&platform)), (shown, 1));
    // Until the agreements end.
    small.days.store(3_000, std::sync::atomic::Ordering::Relaxed);
    denied();
    publish(&platform);
    denied();
}

/// Later versions count at once for what is out, and let nothing more be linked with its noise.
#[test]
fn agreements_that_let_figures_tell_less_later_close_them() {
    for (from, to, expect) in [
        ("odds = 4", "odds = 3", "odds-exceeded"),
        ("rounding = 1", "rounding = 5", "terms.rounding"),
    ] {
        let (small, platform, reader) = published();
        small.renegotiate("wellbeing-referrals", from, to);
        platform.refresh_agreements().unwrap();
        let refused = ask(&platform, &reader, AreaType::District).map(|answer| answer.view).unwrap_err();
        let PlatformError::Denied { blockers, .. } = &refused else { panic!("{to}: {refused:?}") };
        let blockers = format!("{blockers:?}");
        assert!(blockers.contains(expect), "{to}: {blockers}");
    }
}

/// Exactly what was previewed is published; what came since waits.
#[test]
fn corrections_that_came_after_the_preview_are_not_published_with_it() {
    let (_small, platform, reader) = published();
    let shown = all(&platform, &reader);
    take_in_referrals(&platform, 4, &[1]);
    let digest = preview(&platform).plan.unwrap().digest;
    let ask_for = |digest| platform.revise(&reviewer(&platform), &LINKS.parse().unwrap(), digest);
    take_in_referrals(&platform, 4, &[1, 2]);
    assert!(ask_for(digest).unwrap_err().to_string().contains("preview the revision again"));
    let digest = preview(&platform).plan.unwrap().digest;
    assert_eq!(ask_for(digest).unwrap(), 1);
    take_in_referrals(&platform, 4, &[1, 2, 3]);
    let report = publish(&platform);
    assert!(report.contains("its corrections are not published: others came since"), "{report}");
    assert_eq!((all(&platform, &reader), entries(&platform)), (shown.clone(), 1));
    revise(&platform);
    assert_ne!(all(&platform, &reader), shown);
    assert_eq!(preview(&platform).corrections, 0);
}

/// Of other services a figure would mean something else: what is out of the old ones is not shown under the new definition.
#[test]
fn other_datasets_are_other_figures() {
    let (small, platform, reader) = published();
    drop(platform);
    small.describe(LINKS, "datasets = [\n", "datasets = [\n  \"north-west-ambulance.call-outs\",\n");
    let platform = small.open();
    publish(&platform);
    assert!(matches!(ask(&platform, &reader, AreaType::District), Err(PlatformError::NotFound { .. })));
}

#[test]
fn entries_that_linked_all_periods_at_once_are_read() {
    let (_small, platform, _) = published();
    let basis = platform.state().released[&LINKS.parse::<DatasetId>().unwrap()].basis.clone();
    let linked = basis.linked.unwrap();
    let versions: BTreeMap<_, BTreeSet<_>> = linked
        .from()
        .into_iter()
        .map(|(dataset, partitions)| (dataset, partitions.iter().map(|partition| partition.version).collect()))
        .collect();
    let before = serde_json::json!({
        "versions": versions, "areas": linked.areas, "period": linked.period, "odds": linked.odds,
        "periods": linked.periods.iter().map(|of| of.period).collect::<Vec<_>>(), "at": linked.periods[0].at,
    });
    let mut read: Linked = serde_json::from_value(before).unwrap();
    read.complete(&basis.partitions);
    let of = |linked: &Linked| linked.periods.iter().map(|of| (of.period, of.at, of.versions())).collect::<Vec<_>>();
    assert_eq!(of(&read), of(&linked));
    assert_eq!((read.rounding, read.odds), (1, linked.odds));
}
