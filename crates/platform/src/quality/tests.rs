//! Quality of files against what was planted in them.

use super::*;
use crate::testing::Small;

fn period(text: &str, of: PeriodType) -> Period {
    Period::parse(text, of).unwrap()
}

#[test]
fn a_file_is_in_time_before_the_next_one_is_due() {
    let quarter = period("2026-01-01/P3M", PeriodType::Quarter);
    let month = period("2026-01-01/P1M", PeriodType::Month);
    for (of, frequency, received, days, due, in_time) in [
        (quarter, Some(PeriodType::Quarter), "2026-04-01T00:00:00Z", 0, Some("2026-06-30"), Some(true)),
        (quarter, Some(PeriodType::Quarter), "2026-06-30T23:59:59Z", 90, Some("2026-06-30"), Some(true)),
        (quarter, Some(PeriodType::Quarter), "2026-07-01T00:00:00Z", 91, Some("2026-06-30"), Some(false)),
        (quarter, Some(PeriodType::Quarter), "2026-03-30T12:00:00Z", -2, Some("2026-06-30"), Some(true)),
        (month, Some(PeriodType::Month), "2026-03-01T00:00:00Z", 28, Some("2026-02-28"), Some(false)),
        (month, Some(PeriodType::CalendarYear), "2026-03-01T00:00:00Z", 28, Some("2026-12-31"), Some(true)),
        (month, None, "2026-03-01T00:00:00Z", 28, None, None),
    ] {
        let found = Timeliness::of(of, received.parse().unwrap(), frequency);
        let due = due.map(|due| due.parse().unwrap());
        assert_eq!(found, Timeliness { days_after_period: days, due, in_time }, "{received}");
    }
}

/// Three rows of ten are planted with faults, and a correction has one row less.
#[test]
fn a_receipt_says_how_good_a_file_is_and_what_changed() {
    let small = Small::new();
    let platform = small.open();
    let first = Small::try_upload(&platform, 1).unwrap();
    assert_eq!((&first.since_last_revision, &first.since_last_period), (&None, &None));
    assert_eq!(first.quality.timeliness.due, Some("2025-06-30".parse().unwrap()));
    let kept = first.findings.counts.kept;
    // Places that are not known, and a date that is none.
    let text = String::from_utf8(Small::without(1, 1)).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let broken = rows.replacen("2025-01", "2025-99", 1);
    let corrected = Small::take_in(&platform, Small::FIRES, "2025-01-01/P3M", format!("{header}\n{broken}").as_bytes());
    assert_eq!(corrected.revision, 2);
    let difference = corrected.since_last_revision.clone().unwrap();
    assert_eq!((difference.revision, difference.kept), (1, [kept, kept - 2]), "{difference}");
    assert_eq!(difference.refused[1], difference.refused[0] + 1, "{difference}");
    let read = corrected.findings.counts.rows_read as f64;
    let invalid = corrected.quality.columns.values().map(|of| of.valid_percent).fold(100.0, f64::min);
    assert!(invalid <= 100.0 * (read - 1.0) / read + 0.05, "{}", corrected.quality);
    assert!(corrected.quality.kept_percent.unwrap() < 100.0);
    // Of the next quarter, beside this one as it is now.
    let second = Small::try_upload(&platform, 2).unwrap();
    let beside = second.since_last_period.unwrap();
    assert_eq!((beside.revision, beside.kept[0], &*beside.period), (2, kept - 2, "2025-01-01/P3M"));
    assert_eq!(second.since_last_revision, None);
    // Asked for later it is the same.
    let caller = platform.local_officer(&Small::FIRES.parse().unwrap()).unwrap();
    let again = platform.version(&caller, &corrected.dataset, &corrected.version.to_string()).unwrap();
    assert_eq!((again.quality, again.since_last_revision), (corrected.quality, corrected.since_last_revision));
}
