//! Figures that stayed when data were corrected may be those of an earlier revision.

use super::{dimension, problem};
use crate::{Cell, Comparison, Feed, GroupReport, Older, Options, Problem, Table, Value, attack, jointly};

/// A district of eight areas in a quarter: areas for the quarter, months for the district.
fn quarter(areas: [u64; 8], months: [Option<u64>; 3], older: Option<Older>) -> Problem {
    let area = dimension("area", "m1 m2 m3 m4 m5 m6 m7 m8", &[]);
    let period = dimension("period", "jan feb mar", &[]);
    let cell = |area: String, period: &str, count: Option<u64>| Cell {
        codes: vec![area, period.to_owned()],
        value: count.map_or(Value::Withheld, Value::Released),
    };
    let quarter = (1..).zip(areas).map(|(number, count)| cell(format!("m{number}"), "all", Some(count)));
    let months =
        ["jan", "feb", "mar"].into_iter().zip(months).map(|(month, count)| cell("all".to_owned(), month, count));
    let table = |name: &str, cells: Vec<Cell>| Table {
        name: name.to_owned(),
        zeros_published: true,
        may_be_older: older,
        cells,
        ..Table::default()
    };
    problem(vec![area, period], vec![table("areas", quarter.collect()), table("months", months.collect())])
}

fn attacked(problem: &Problem) -> GroupReport {
    attack(problem, &super::exact()).unwrap()
}

const FEW: Option<Older> = Some(Older::ByFewerThan(5));

/// January was 97, and is 70 since a correction that took fewer than five from each of the areas, whose figures wait.
#[test]
fn what_waits_is_no_recovery_of_what_is() {
    let withheld_january = |older| quarter([35; 8], [None, Some(92), Some(91)], older);
    let wrong = attacked(&withheld_january(None));
    assert_eq!(wrong.with_marks.recovered.len(), 1, "without the option, a false 97 is recovered");
    assert_eq!(wrong.with_marks.recovered[0].lower, 97);
    for older in [FEW, Some(Older::ByAnyNumber)] {
        let found = attacked(&withheld_january(older));
        assert!(found.with_marks.recovered.is_empty() && found.with_marks.provably_small.is_empty());
        assert!(found.with_marks.narrow.is_empty() && found.with_marks.not_finished.is_empty());
        let range = crate::ranges(&withheld_january(older), &Options::default()).unwrap()["months: period=jan"];
        assert!((range.0..=range.1).contains(&70), "{range:?}");
    }
    // Fewer than 5 in each of eight areas and two months.
    let range = crate::ranges(&withheld_january(FEW), &Options::default()).unwrap()["months: period=jan"];
    assert_eq!(range, (97 - 40, 97 + 40));
}

/// Saying that figures may be older excuses no small count that is printed: it was true once.
#[test]
fn a_small_count_that_is_printed_is_found_whatever_its_age() {
    let small = |older| attacked(&quarter([2, 35, 35, 35, 35, 35, 35, 35], [Some(65), Some(92), Some(90)], older));
    for older in [FEW, Some(Older::ByAnyNumber)] {
        let found = small(older);
        assert_eq!(found.with_marks.provably_small.len(), 1, "{found:?}");
        assert_eq!(found.older, 11);
    }
    assert_eq!(small(None).older, 0);
}

/// With the revision before at hand: figures that are printed as before may be older, all others are of today.
#[test]
fn what_changed_is_of_today() {
    let before = || quarter([35; 8], [Some(97), Some(92), Some(91)], None);
    let over_time = |after: &Problem| attacked(&jointly(&[before(), after.clone()], Feed::Corrects).unwrap());
    // All areas wait; January, changed by many, is withheld.
    let waiting = over_time(&quarter([35; 8], [None, Some(92), Some(91)], FEW));
    assert!(waiting.with_marks.recovered.is_empty() && waiting.with_marks.narrow.is_empty(), "{waiting:?}");
    // Every area and month is decided anew: January is what is left of them, 3.
    let leaking = over_time(&quarter([30; 8], [None, Some(120), Some(117)], FEW));
    let found: Vec<(i64, &str)> =
        leaking.with_marks.recovered.iter().map(|finding| (finding.lower, finding.cell.as_str())).collect();
    assert_eq!(found, [(3, "months as of 2: period=jan revision=as of 2")]);
    assert_eq!(leaking.with_marks.provably_small.len(), 1);
    // One area waits: January is known to within less than k either way, not less.
    let nearly = over_time(&quarter([30, 30, 30, 30, 30, 30, 30, 35], [None, Some(100), Some(117)], FEW));
    assert!(nearly.with_marks.recovered.is_empty() && nearly.with_marks.narrow.is_empty());
}

/// A count of today that differs from what is printed by few tells how many came or went.
#[test]
fn who_came_since_is_a_finding() {
    let before = quarter([35; 8], [Some(97), Some(92), Some(91)], None);
    let recovered = |eighth: u64, march: u64| {
        let after = quarter([30, 30, 30, 30, 30, 30, 30, eighth], [Some(60), Some(80), Some(march)], FEW);
        let joint = jointly(&[before.clone(), after], Feed::Corrects).unwrap();
        let found = attacked(&joint).with_marks.recovered;
        found.iter().map(|finding| (finding.cell.clone(), finding.lower)).collect::<Vec<_>>()
    };
    // 247 less seven times 30: the eighth area has 37 today, and 35 were printed.
    assert_eq!(recovered(35, 107), [("areas as of 2: area=m8 revision=as of 2".to_owned(), 37)]);
    // That it did not change tells nothing.
    assert_eq!(recovered(35, 105), []);
}

/// Of an older mark the records may have gone since, and an older zero may be few today.
#[test]
fn marks_and_zeros_may_be_older() {
    let range = |older| {
        let tables = quarter([0; 8], [None, Some(0), Some(0)], older);
        crate::ranges(&tables, &Options::default()).map(|ranges| ranges["months: period=jan"])
    };
    assert!(range(None).is_err(), "at least one, of none");
    assert_eq!(range(FEW).unwrap(), (0, 32));
    // A real leak: what is left of few is few, however old they are; and the few are printed.
    let two = attacked(&quarter([0, 0, 0, 0, 0, 0, 0, 1], [None, Some(0), Some(0)], Some(Older::ByFewerThan(1))));
    assert_eq!(two.with_marks.provably_small.len(), 2);
}

#[test]
fn rates_and_words_are_as_old_as_the_counts() {
    let terms = || vec![(vec!["a".to_owned()], 3), (vec!["b".to_owned()], -2)];
    let comparison = |low, high| Comparison { terms: terms(), low, high };
    let older = |older: Older, low, high| older.comparison(comparison(low, high)).map(|c| (c.low, c.high));
    assert_eq!(older(Older::ByFewerThan(5), Some(1), None), Some((Some(-19), None)));
    assert_eq!(older(Older::ByFewerThan(1), Some(0), Some(0)), Some((Some(0), Some(0))));
    assert_eq!(older(Older::ByAnyNumber, Some(0), None), None);
    assert_eq!(Older::ByFewerThan(5).range(3, 8), (0, Some(12)));
    // As it is written in a folder.
    let text = |text: &str| serde_json::from_str::<Older>(text).ok();
    assert_eq!(text("5"), FEW);
    assert_eq!(text("\"by_any_number\""), Some(Older::ByAnyNumber));
    assert_eq!((text("0"), text("\"any\""), text("-1")), (None, None, None));
}
