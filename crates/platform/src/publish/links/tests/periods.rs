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
    for (from, to, expect) in
        [("odds = 4", "odds = 3", "odds-exceeded"), ("rounding = 1", "rounding = 5", "terms.rounding")]
    {
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
    assert!(report.contains("its corrections are not published, as others came since"), "{report}");
    assert_eq!((all(&platform, &reader), entries(&platform)), (shown.clone(), 1));
    revise(&platform);
    assert_ne!(all(&platform, &reader), shown);
    assert_eq!(preview(&platform).corrections, 0);
}

/// Of other services a figure would mean something else: what is out of the old ones is not shown under the new definition, and is again
/// under the old.
#[test]
fn other_datasets_are_other_figures() {
    let (small, mut platform, reader) = published();
    let shown = all(&platform, &reader);
    let ambulance = "\"north-west-ambulance.call-outs\",\n";
    let wellbeing = format!("\"{WELLBEING}\",\n");
    let one_more = format!("{wellbeing}  {ambulance}");
    for other in [ambulance, &one_more] {
        drop(platform);
        small.describe(LINKS, &wellbeing, other);
        platform = small.open();
        let hidden = |platform: &Platform| {
            let asked = ask(platform, &reader, AreaType::District).map(|answer| answer.rows.get().len());
            assert!(matches!(asked, Err(PlatformError::NotFound { .. }) | Ok(0)), "{other}: {asked:?}");
        };
        hidden(&platform);
        publish(&platform);
        hidden(&platform);
        drop(platform);
        small.describe(LINKS, other, &wellbeing);
        platform = small.open();
        publish(&platform);
        assert_eq!(all(&platform, &reader), shown);
    }
}

/// What was agreed of one year is no reason to close another. Sent again under what is agreed now, it is there as it was.
#[test]
fn what_closes_one_period_closes_no_other() {
    let (small, platform, reader) = published();
    let of_2024 = all(&platform, &reader);
    // Looser, so that it does not stand in the place of the one that the files of 2024 came under.
    small.renegotiate("wellbeing-referrals", "odds = 4", "odds = 9");
    platform.refresh_agreements().unwrap();
    let refused = ask(&platform, &reader, AreaType::District).map(|answer| answer.view).unwrap_err();
    assert!(matches!(refused, PlatformError::Denied { .. }), "{refused:?}");
    take_in_2025(&platform, 1..=4);
    cases_2025(&platform);
    let report = publish(&platform);
    assert!(report.contains("of 2024 is not allowed by the agreements"), "{report}");
    let of_2025 = all(&platform, &reader);
    assert_eq!(of_2025.len(), of_2024.len());
    assert!(of_2025.iter().all(|row| row.0 == "2025"), "{of_2025:?}");
    for (quarter, people) in (1..=4).zip([&REFERRED[..], &[20], &[20], &[20]]) {
        take_in_referrals(&platform, quarter, people);
    }
    publish(&platform);
    let both = all(&platform, &reader);
    assert_eq!(both.iter().filter(|row| row.0 == "2024").cloned().collect::<Vec<_>>(), of_2024);
    assert_eq!(both.len(), 2 * of_2024.len());
    assert_eq!(entries(&platform), 3);
    assert_eq!(publish(&platform), "published nothing new");
}

/// What was withdrawn after a reviewer asked comes back by another review.
#[test]
fn a_revision_ends_with_what_it_was_asked_of() {
    let (_small, platform, reader) = published();
    take_in_referrals(&platform, 4, &[1]);
    let digest = preview(&platform).plan.unwrap().digest;
    let id: DatasetId = LINKS.parse().unwrap();
    platform.revise(&reviewer(&platform), &id, digest).unwrap();
    let officer = platform.local_officer(&WELLBEING.parse().unwrap()).unwrap();
    platform.withdraw(&officer, &WELLBEING.parse().unwrap(), "2024-10-01/P3M").unwrap();
    publish(&platform);
    assert!(!platform.awaits_revision(&id).unwrap());
    take_in_referrals(&platform, 4, &[1]);
    assert!(publish(&platform).contains("corrected files"));
    assert!(matches!(ask(&platform, &reader, AreaType::District), Err(PlatformError::NotFound { .. })));
    revise(&platform);
    assert_eq!(entries(&platform), 2);
    // Asked for, and cut short after it was published: it is, and nothing else is said.
    let versions = platform.state().released[&id].basis.versions();
    platform.remember(&id, |remembered| (remembered.revised, remembered.agreed) = (versions, Some(digest))).unwrap();
    let report = publish(&platform);
    assert!(!report.contains("not published"), "{report}");
    assert!(!platform.awaits_revision(&id).unwrap());
}

/// Corrections that were asked for together are published together, and no state is spent on a part of them.
#[test]
fn corrections_of_several_periods_are_published_together_or_not_at_all() {
    let (small, platform, reader) = published();
    take_in_2025(&platform, 1..=4);
    cases_2025(&platform);
    publish(&platform);
    let shown = all(&platform, &reader);
    small.days.store(60, std::sync::atomic::Ordering::Relaxed);
    for quarter in 1..=4 {
        take_in_referrals(&platform, quarter, &[quarter.into()]);
    }
    cases_2025(&platform);
    let period = "2025-10-01/P3M";
    Small::take_in(&platform, WELLBEING, period, in_2025(referrals(4, &[1])).as_bytes());
    publish(&platform);
    let report = revise(&platform);
    // Three quarters of 2025 were not sent again.
    assert!(report.contains("2025 is not published: not allowed by the agreements: opt-out-evidence"), "{report}");
    assert!(report.contains("2024 is not published: its corrections are published together"), "{report}");
    assert_eq!((all(&platform, &reader), entries(&platform)), (shown.clone(), 2));
    for quarter in 1..=3 {
        take_in_2025(&platform, quarter..=quarter);
    }
    let report = revise(&platform);
    assert!(report.contains(LINKS) && !report.contains("not published"), "{report}");
    let revised = all(&platform, &reader);
    assert!(["2024", "2025"].iter().all(|year| {
        let of = |rows: &[(String, String, Option<String>, Option<u64>)]| {
            rows.iter().filter(|row| row.0 == **year).cloned().collect::<Vec<_>>()
        };
        of(&revised) != of(&shown)
    }));
}

/// A period whose files cannot be read is told, and is no reason to show nothing of others.
#[test]
fn a_period_that_cannot_be_counted_stops_no_other() {
    let (_small, platform, reader) = published();
    let of_2024 = all(&platform, &reader);
    take_in_2025(&platform, 1..=4);
    cases_2025(&platform);
    let versions = platform.current_versions(&TEAM.parse().unwrap()).unwrap();
    let of_2025 = versions.iter().find(|version| version.facts.period.label().contains("2025")).unwrap();
    let path = platform.store().path(of_2025.facts.table.name);
    let table = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let report = publish(&platform);
    assert!(report.contains("2025 is not published"), "{report}");
    assert_eq!(all(&platform, &reader), of_2024);
    // It may be there another time.
    std::fs::write(&path, table).unwrap();
    publish(&platform);
    assert_eq!(all(&platform, &reader).len(), 2 * of_2024.len());
}

/// By areas that were registered from the beginning, of the periods that may be linked by then.
#[test]
fn a_view_that_comes_later_shows_what_was_linked_for_it() {
    let small = small();
    let (indicator, text, _) = by_district_alone(&small);
    let platform = small.open();
    take_in(&platform, [&REFERRED, &[20], &[20], &[20]]);
    publish(&platform);
    let reader = analyst(&platform);
    drop(platform);
    std::fs::write(&indicator, text).unwrap();
    small.days.store(60, std::sync::atomic::Ordering::Relaxed);
    let platform = small.open();
    take_in_2025(&platform, 1..=4);
    cases_2025(&platform);
    publish(&platform);
    let years = |area_type| -> BTreeSet<String> {
        let request = DataRequest { period: PeriodChoice::All, ..request(area_type) };
        let answer = platform.data(&reader, &request).unwrap();
        answer.rows.get().iter().filter(|row| row.count.is_some()).map(|row| row.period.label()).collect()
    };
    assert_eq!(years(AreaType::District), ["2024", "2025"].map(str::to_owned).into());
    assert_eq!(years(AreaType::Msoa), ["2025"].map(str::to_owned).into());
}

/// The same rows in other bytes are no new version either, and their sender's word counts.
#[test]
fn a_declaration_counts_whatever_bytes_it_comes_with() {
    let (small, platform, _) = published();
    small.days.store(60, std::sync::atomic::Ordering::Relaxed);
    let file = referrals(4, &[20]).replace('\n', "\r\n");
    let receipt = Small::take_in(&platform, WELLBEING, "2024-10-01/P3M", file.as_bytes());
    assert!(!receipt.created);
    let later = platform.now() - jiff::SignedDuration::from_hours(1);
    assert!(receipt.opt_outs_applied.unwrap() > later, "{receipt:?}");
    // An older word takes nothing back.
    small.days.store(30, std::sync::atomic::Ordering::Relaxed);
    let again = Small::take_in(&platform, WELLBEING, "2024-10-01/P3M", file.as_bytes());
    assert_eq!(again.opt_outs_applied, receipt.opt_outs_applied);
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

/// What a reviewer is told before asking: that it would be refused, that it would mean something else, and how many files are new.
#[test]
fn a_preview_says_what_would_not_be_published_or_mean_something_else() {
    let (small, mut platform, _) = published();
    take_in_referrals(&platform, 4, &[1]);
    for (from, to) in
        [("revisions = 2", "revisions = 3"), ("\"msoa\", \"district\"", "\"msoa\", \"ward\", \"district\"")]
    {
        drop(platform);
        small.describe(LINKS, from, to);
        platform = small.open();
        let told = preview(&platform);
        assert!(told.plan.is_none() && told.refused.unwrap().contains("put them back"), "{to}");
        small.describe(LINKS, to, from);
    }
    drop(platform);
    let wellbeing = format!("\"{WELLBEING}\",\n");
    let other = format!("{wellbeing}  \"north-west-ambulance.call-outs\",\n");
    small.describe(LINKS, &wellbeing, &other);
    let told = preview(&small.open()).to_string();
    small.describe(LINKS, &other, &wellbeing);
    let platform = small.open();
    // Without data of the third nothing is there to ask for.
    assert!(!told.contains("--publish"), "{told}");
    let officer = platform.local_officer(&TEAM.parse().unwrap()).unwrap();
    platform.withdraw(&officer, &TEAM.parse().unwrap(), "2024-01-01/P1Y").unwrap();
    Small::take_in(&platform, TEAM, "2024-01-01/P1Y", cases(&CASES[1..]).as_bytes());
    publish(&platform);
    assert_eq!(preview(&platform).corrections, 2, "one of each supplier");
}
