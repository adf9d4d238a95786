//! Whatever the bytes: no panic, every row accounted for, and the order of rows leaves no trace.

use proptest::prelude::*;

use model::contract::{Absence, Tolerance};

use super::feeds::{police, practices};
use super::people::CONTRACT;
use super::{Setting, lines};
use crate::{Counts, IngestError, Kind};

/// Counts of a file that was taken or refused for its rows.
fn counts(setting: &Setting, file: &[u8]) -> Option<Counts> {
    match setting.clean(file) {
        Ok(cleaned) => Some(cleaned.findings.counts),
        Err(error) => error.findings().map(|findings| findings.counts),
    }
}

fn person_row() -> impl Strategy<Value = String> {
    let dates =
        prop::sample::select(vec!["01/02/2024", "31/03/2024", "2024-01-15", "31/02/2024", "01/02/2023", "", "x"]);
    let numbers = prop::sample::select(vec!["9434765919", "9990000018", "943 476 5919", "9434765918", "", "NULL"]);
    let postcodes = prop::sample::select(vec!["ZZ1 1AA", "zz11ab", "ZZ9 9ZZ", "M1 1AA", "ZZ1 1XX", "?", "", "É"]);
    let sexes = prop::sample::select(vec!["F", "M", "female", "", "other"]);
    let ages = prop::sample::select(vec!["0", "15", "16", "64", "65", "120", "121", "-1", "", "x", "1,0"]);
    let contacts = prop::sample::select(vec!["0", "1", "2", "500", "501", "", "\"1,000\"", "y"]);
    let tails = prop::sample::select(vec!["", "", "", "", ",", ",extra", "\"broken"]);
    (dates, numbers, postcodes, sexes, ages, contacts, tails)
        .prop_map(|(d, n, p, s, a, c, tail)| format!("{d},{n},{p},{s},{a},{c}{tail}"))
}

fn person_file(rows: &[String]) -> String {
    format!("CallDate,NHSNumber,Postcode,Gender,Age,Contacts\n{}\n", rows.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 0_usize..60) {
        let header = b"Crime ID,Month,Longitude,Latitude,LSOA code,Crime type,Outcome\n";
        let setting = Setting::new(&police(), "2018-12");
        let mut file = header.get(cut.min(header.len())..).unwrap_or_default().to_vec();
        file.extend(&bytes);
        let _ = setting.clean(&file);
        let mut whole = header.to_vec();
        whole.extend(&bytes);
        if let Some(counts) = counts(&setting, &whole) {
            prop_assert!(counts.add_up(), "{counts:?}");
        }
        let mut compressed = vec![0x1f, 0x8b, 8];
        compressed.extend(&bytes);
        let _ = setting.clean(&compressed);
    }

    #[test]
    fn any_text_in_any_cell_is_accounted_for(cells in prop::collection::vec("[ -~é\n\"]{0,12}", 0..60)) {
        let setting = Setting::new(&police(), "2018-12");
        let quoted: Vec<String> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
        let rows: Vec<String> = quoted.chunks(7).map(|row| row.join(",")).collect();
        let file = format!("Crime ID,Month,Longitude,Latitude,LSOA code,Crime type,Outcome\n{}\n", rows.join("\n"));
        let counts = counts(&setting, file.as_bytes());
        prop_assert!(counts.is_some_and(|counts| counts.add_up()));
    }

    #[test]
    fn order_leaves_no_trace(
        rows in prop::collection::vec(person_row(), 0..40),
        order in prop::collection::vec(any::<prop::sample::Index>(), 40),
    ) {
        let setting = Setting::new(CONTRACT, "2024-01");
        let rows: Vec<String> = rows.into_iter().filter(|row| !row.ends_with("\"broken")).collect();
        let mut shuffled = rows.clone();
        for (from, to) in order.iter().enumerate().take(rows.len()) {
            shuffled.swap(from, to.index(rows.len()));
        }
        let (a, b) = match (setting.clean(person_file(&rows)), setting.clean(person_file(&shuffled))) {
            (Ok(a), Ok(b)) => (a, b),
            (Err(IngestError::NothingKept { .. }), Err(IngestError::NothingKept { .. })) => return Ok(()),
            (a, b) => return Err(TestCaseError::fail(format!("{a:?} {b:?}"))),
        };
        prop_assert_eq!(a.content, b.content);
        prop_assert_eq!(&a.batch, &b.batch);
        prop_assert_eq!(a.findings.counts, b.findings.counts);
        prop_assert_eq!(a.findings.tallies, b.findings.tallies);
        prop_assert_eq!(a.findings.methods, b.findings.methods);
        prop_assert_eq!(a.batch.num_rows() as u64, a.findings.counts.kept);
    }

    #[test]
    fn broken_quotes_are_refused_or_accounted_for(rows in prop::collection::vec(person_row(), 0..20)) {
        let setting = Setting::new(CONTRACT, "2024-01");
        if let Some(counts) = counts(&setting, person_file(&rows).as_bytes()) {
            prop_assert!(counts.add_up(), "{counts:?}");
        }
    }
}

/// A file of which nothing is kept would publish zeros: it is refused, unless its sender says that the period is empty.
#[test]
fn an_empty_period_is_said_and_never_guessed() {
    let header = "CallDate,NHSNumber,Postcode,Gender,Age,Contacts\n";
    let kept = "01/02/2024,9434765919,ZZ1 1AA,F,40,1\n";
    let outside = "01/02/2024,9434765919,M1 1AA,F,40,1\n";
    let nowhere = "01/02/2024,9434765919,,F,40,1\n";
    let refused = "x,9434765919,ZZ1 1AA,F,40,1\n";
    let cases = [
        (vec![], Some("0 rows were read"), None),
        (vec![outside, outside], Some("2 rows were read, 2 of them outside"), None),
        (vec![nowhere], Some("1 refused or without a usable place"), Some("1 could not be read or placed")),
        (vec![refused], Some("1 refused or without a usable place"), Some("1 could not be read or placed")),
        (vec![kept, outside], None, Some("1 of its rows were kept")),
    ];
    let mut setting = Setting::new(CONTRACT, "2024-01");
    for (rows, unsaid, said) in cases {
        let file = format!("{header}{}", rows.concat());
        for (empty, expect) in [(false, unsaid), (true, said)] {
            setting.empty = empty;
            match (setting.clean(&file), expect) {
                (Ok(cleaned), None) => assert_eq!(cleaned.batch.num_rows() == 0, empty, "{file}"),
                (Err(error), Some(expect)) => {
                    assert!(error.to_string().contains(expect), "{file} {error}");
                    assert_eq!(error.findings().unwrap().counts.rows_read, rows.len() as u64, "{file}");
                }
                (outcome, _) => panic!("{file} {empty}: {outcome:?}"),
            }
        }
    }
}

/// Rows in no place make areas' counts too low: over the contract's tolerance the file is refused, whatever the places of
/// the other rows.
#[test]
fn rows_without_a_place_have_a_limit_of_their_own() {
    let mut setting = Setting::new(CONTRACT, "2024-01");
    let row = |postcode: &str| format!("01/02/2024,9434765919,{postcode},F,40,1\n");
    let file = |broken: &str, unplaced: usize| {
        let rows = [row(broken).repeat(unplaced), row("ZZ1 1AA").repeat(100 - unplaced)].concat();
        format!("CallDate,NHSNumber,Postcode,Gender,Age,Contacts\n{rows}")
    };
    setting.contract.tolerance = Tolerance::default();
    for broken in ["ZZ1", "ZZ1 1XX", ""] {
        assert_eq!(setting.ok(file(broken, 5)).findings.counts.without_location, 5, "{broken}");
        for unplaced in [6, 95] {
            let error = setting.clean(file(broken, unplaced)).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(&format!("{unplaced} of 100 rows say nothing usable about where")), "{text}");
            assert_eq!(error.findings().unwrap().counts.without_location, unplaced as u64, "{broken}");
        }
    }
    // Rows of other places are no broken places.
    setting.ok(file("M1 1AA", 95));
    setting.contract.tolerance.unplaced_per_thousand = 95;
    assert!(setting.clean(file("", 10)).is_err());
    setting.ok(file("", 9));
}

/// A figure about an area that cannot be read is not available. Without its row, the area's sum would be too low.
#[test]
fn an_unreadable_figure_about_an_area_is_not_available() {
    let mut setting = Setting::new(&practices(), "2023-04");
    setting.contract.absence = Absence::Zero;
    let file = |register: &str| {
        format!("PRACTICE_CODE,GROUP_CODE,REGISTER,PRACTICE_LIST_SIZE\nP99001,DM,{register},50\nP99002,DM,7,60\n")
    };
    for required in [false, true] {
        setting.contract.columns[2].required = required;
        setting.contract.tolerance.refused_per_thousand = 500;
        for bad in ["n/a", "1001", "-1", "1.5", "*", ""] {
            let cleaned = setting.ok(file(bad));
            assert_eq!(
                lines(&cleaned.batch),
                ["U99001|2023-04|diabetes|-|50|practice-list", "U99001|2023-04|diabetes|7|60|practice-list"],
                "{bad}"
            );
            let unreadable = u64::from(bad != "*" && (required || !bad.is_empty()));
            assert_eq!(cleaned.findings.counts.unreadable, unreadable, "{bad}");
        }
        // And it counts against the tolerance as a refused row does.
        setting.contract.tolerance.refused_per_thousand = 499;
        assert!(setting.refusal(file("n/a")).contains("1 of 2 rows were refused or have a figure that cannot be read"));
        setting.ok(file("*"));
    }
}

/// A part that is more than its whole is a fault of one of the two; neither is believed, and neither is quoted.
#[test]
fn a_part_that_is_more_than_its_whole_is_not_available() {
    let mut setting = Setting::new(&practices(), "2023-04");
    setting.contract.absence = Absence::Zero;
    setting.contract.tolerance.refused_per_thousand = 500;
    let register = setting.contract.columns.iter_mut().find(|column| column.name == "register").unwrap();
    register.part_of = Some("list_size".to_owned());
    let file = |register: &str| {
        format!("PRACTICE_CODE,GROUP_CODE,REGISTER,PRACTICE_LIST_SIZE\nP99001,DM,{register},50\nP99002,DM,7,60\n")
    };
    let cleaned = setting.ok(file("51"));
    assert_eq!(
        lines(&cleaned.batch),
        ["U99001|2023-04|diabetes|-|-|practice-list", "U99001|2023-04|diabetes|7|60|practice-list"]
    );
    assert_eq!((cleaned.findings.counts.unreadable, cleaned.findings.count(Kind::MoreThanWhole)), (1, 1));
    assert!(cleaned.findings.first.iter().all(|finding| !finding.message.contains("51")));
    for fits in ["50", "*", ""] {
        assert_eq!(setting.ok(file(fits)).findings.count(Kind::MoreThanWhole), 0, "{fits}");
    }
}

/// A sum without it would show that somebody is there; so a row about somebody has its figures, or is refused.
#[test]
fn a_row_about_somebody_without_its_figure_is_refused() {
    let mut setting = Setting::new(CONTRACT, "2024-01");
    setting.contract.file.withheld_values = vec!["*".to_owned()];
    let header = "CallDate,NHSNumber,Postcode,Gender,Age,Contacts\n";
    for (contacts, kept) in [("3", 2), ("", 1), ("NULL", 1), ("*", 1), ("many", 1)] {
        let rows = format!("01/02/2024,9434765919,ZZ1 1AA,F,70,{contacts}\n02/02/2024,9434765870,ZZ1 1AA,M,40,5\n");
        let cleaned = setting.ok(format!("{header}{rows}"));
        assert_eq!((cleaned.batch.num_rows(), cleaned.findings.counts.kept), (kept, kept as u64), "{contacts}");
    }
}

/// Rows whose every figure is withheld say nothing either.
#[test]
fn rows_without_a_figure_are_nothing() {
    let mut setting = Setting::new(&practices(), "2023-04");
    setting.contract.absence = Absence::Zero;
    let file = |register: &str| {
        format!("PRACTICE_CODE,GROUP_CODE,REGISTER,PRACTICE_LIST_SIZE\nP99001,DM,{register},*\nP99002,DM,*,*\n")
    };
    assert_eq!(setting.ok(file("0")).batch.num_rows(), 2);
    assert!(setting.refusal(file("*")).contains("nothing in the file was kept"));
}

/// The digest of the table is that of its figures, not of the bytes they came in.
#[test]
fn other_bytes_with_the_same_figures_have_the_same_digest() {
    let setting = Setting::new(CONTRACT, "2024-01");
    let header = "CallDate,NHSNumber,Postcode,Gender,Age,Contacts\n";
    let (one, two) = ("01/02/2024,9434765919,ZZ1 1AA,F,40,1\n", "02/02/2024,9990000018,ZZ1 1AB,M,70,2\n");
    let digest = |file: String| setting.ok(file).content;
    let first = digest(format!("{header}{one}{two}"));
    for same in [
        format!("{header}{two}{one}"),
        format!("\u{feff}{header}{one}{two}"),
        format!("{header}{one}{two}").replace('\n', "\r\n"),
        format!("{header}{one}{}", two.trim_end()),
        format!("{header}{one}{two}").replace("ZZ1 1AA", "zz11aa"),
    ] {
        assert_eq!(digest(same.clone()), first, "{same}");
    }
    for other in [format!("{header}{one}"), format!("{header}{one}{two}").replace(",70,", ",60,")] {
        assert_ne!(digest(other.clone()), first, "{other}");
    }
}
