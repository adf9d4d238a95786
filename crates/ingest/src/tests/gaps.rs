//! What did not come about an area is not available, and never 0 unless the contract says so.

use super::{Setting, lines};
use crate::{IngestError, Kind};

const HEAD: &str = "Code,When,Sex,Age,People\n";

/// Claimants by two categories; a quarter's file holds the state of one month.
const CONTRACT: &str = r#"
id = "an-organisation.claimants"
title = "t"
description = "d"
release = "1"
level = "aggregate"
partition = "quarter"
exposure = { kind = "controlled" }
file = { format = "csv" }
tolerance = { refused_per_thousand = 900 }
geography = { area_type = "lsoa", boundary_year = 2021, sources = ["area-code"] }
[[column]]
source = "Code"
name = "code"
type = "text"
role = "geography"
place = "area-code"
[[column]]
source = "When"
name = "date"
type = "month"
role = "time"
formats = ["%Y-%m"]
[[column]]
source = "Sex"
name = "sex"
type = "text"
role = "dimension"
required = true
allowed = ["female", "male"]
[[column]]
source = "Age"
name = "age"
type = "text"
role = "dimension"
required = true
allowed = ["16-49", "50+"]
[[column]]
source = "People"
name = "people"
type = "integer"
role = "measure"
"#;

const ONE: &str = "E01990001,2024-06,female,16-49,1\nE01990001,2024-06,female,50+,2\n\
                   E01990001,2024-06,male,16-49,3\nE01990001,2024-06,male,50+,4\n";

fn setting(changes: &[(&str, &str)]) -> Setting {
    let contract = changes.iter().fold(CONTRACT.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    Setting::new(&contract, "2024-04")
}

/// The rows without a figure of the table made from these rows of area 2, beside a whole area 1.
fn blanks(setting: &Setting, rows: &str) -> Vec<String> {
    let cleaned = setting.ok(format!("{HEAD}{ONE}{rows}"));
    let lines = lines(&cleaned.batch);
    assert_eq!(lines.iter().filter(|line| line.starts_with("E01990001") && !line.contains("|-|")).count(), 4);
    lines.into_iter().filter_map(|line| line.strip_suffix("|-|supplied").map(str::to_owned)).collect()
}

#[test]
fn a_listed_category_without_a_row_is_not_available() {
    let setting = setting(&[]);
    let all = "E01990002,2024-06,female,16-49,1\nE01990002,2024-06,female,50+,0\nE01990002,2024-06,male,16-49,0\n";
    assert_eq!(blanks(&setting, all), ["E01990002|2024-06|male|50+"]);
    let whole = format!("{all}E01990002,2024-06,male,50+,0\n");
    assert_eq!(blanks(&setting, &whole), Vec::<String>::new());
    // What is in no listed category stands for none.
    let other = "E01990002,2024-06,female,16-49,1\nE01990002,2024-06,female,50+,0\n\
                 E01990002,2024-06,male,16-49,0\nE01990002,2024-06,male,99,0\n";
    assert_eq!(blanks(&setting, other), ["E01990002|2024-06|male|50+"]);

    let cleaned = setting.ok(format!("{HEAD}{ONE}{all}"));
    assert_eq!((cleaned.findings.counts.kept, cleaned.findings.counts.absent), (7, 1));
    assert_eq!(cleaned.findings.counts.rows_written, 8);
    let finding = cleaned.findings.first.iter().find(|finding| finding.kind == Kind::Absent).unwrap();
    assert_eq!(finding.message, "no row for `E01990002`, 2024-06, `male`, `50+`: not available");
    // An area without any row is seen where all areas are known; and a month with rows needs all of them.
    assert_eq!(setting.ok(format!("{HEAD}{ONE}")).findings.counts.absent, 0);
    let month = format!("{whole}E01990002,2024-05,female,16-49,1\n");
    let found = blanks(&setting, &month);
    assert_eq!(found.len(), 7, "{found:?}");
    assert!(found.iter().all(|line| line.contains("2024-05")), "{found:?}");
}

#[test]
fn a_contract_may_say_that_absence_means_none() {
    let setting = setting(&[("level = \"aggregate\"", "level = \"aggregate\"\nabsence = \"zero\"")]);
    assert_eq!(blanks(&setting, "E01990002,2024-06,female,16-49,1\n"), Vec::<String>::new());
}

#[test]
fn categories_that_are_not_listed_are_not_missed() {
    let setting = setting(&[("allowed = [\"16-49\", \"50+\"]", "")]);
    let rows = "E01990002,2024-06,female,16-49,1\nE01990002,2024-06,male,16-49,1\nE01990002,2024-06,male,65+,1\n";
    assert_eq!(blanks(&setting, rows), ["E01990002|2024-06|female|65+"]);
}

/// A refused row hides its own figure, and where its category cannot be read, all that it may be.
#[test]
fn a_refused_row_is_not_available_where_it_says_which_figure_it_is() {
    let whole = "E01990002,2024-06,female,16-49,1\nE01990002,2024-06,female,50+,0\n\
                 E01990002,2024-06,male,16-49,0\nE01990002,2024-06,male,50+,5\n";
    let cases = [
        ("E01990002,June,male,50+,9\n", &["E01990002|2024-06|male|50+"][..]),
        (
            "E01990002,2024-06,male,,9\n",
            &["E01990002|2024-06|male|16-49", "E01990002|2024-06|male|50+", "E01990002|2024-06|male|unknown"],
        ),
        // Of another period, or of a place elsewhere: nothing is missing here.
        ("E01990002,2024-07,male,50+,9\n", &[]),
        ("E01000001,June,male,50+,9\n", &[]),
        ("X,June,male,50+,9\n", &[]),
    ];
    for absence in ["not-reported", "zero"] {
        let level = format!("level = \"aggregate\"\nabsence = \"{absence}\"");
        let setting = setting(&[("level = \"aggregate\"", &level)]);
        for (row, expect) in cases {
            if absence == "zero" && row.starts_with('X') {
                continue;
            }
            assert_eq!(blanks(&setting, &format!("{whole}{row}")), expect, "{row}");
        }
        // The only row of its area.
        let found = blanks(&setting, "E01990002,June,male,50+,9\n");
        assert_eq!(found.len(), if absence == "zero" { 1 } else { 4 }, "{found:?}");
        assert!(found.contains(&"E01990002|2024-06|male|50+".to_owned()), "{found:?}");
    }
}

/// Where absence means 0, a lost row leaves no gap: any that may be about an area of the partnership refuses the file.
#[test]
fn a_row_that_may_be_any_figure_refuses_the_file_where_absence_means_none() {
    let setting = setting(&[("level = \"aggregate\"", "level = \"aggregate\"\nabsence = \"zero\"")]);
    for lost in ["X,June,male,50+,9\n", "E01990002,2024-06,male\n"] {
        let refused = setting.clean(format!("{HEAD}{ONE}{lost}"));
        let Err(IngestError::Unattributed { lost, rows, findings }) = refused else { panic!("{refused:?}") };
        assert_eq!((lost, rows, findings.counts.unattributed), (1, 5, 1));
    }
}

#[test]
fn a_state_is_of_one_month() {
    let setting = setting(&[("partition = \"quarter\"", "partition = \"quarter\"\nstock = true")]);
    assert!(setting.clean(format!("{HEAD}{ONE}")).is_ok());
    let refused = setting.refusal(format!("{HEAD}{ONE}E01990001,2024-05,female,16-49,1\n"));
    assert!(refused.contains("dated in 2 months"), "{refused}");
}

#[test]
fn a_listed_wide_column_that_did_not_come_refuses_the_file() {
    let wide = "[[unpivot]]\nprefix = \"P\"\ninto = \"kind\"\nallowed = [\"one\", \"two\"]\nvalue = \"people\"\n";
    let contract = CONTRACT.split("[[column]]\nsource = \"Age\"").next().unwrap();
    let setting = Setting::new(&format!("{contract}{wide}"), "2024-04");
    let header = "Code,When,Sex,P one,P two\n";
    let rows = "E01990001,2024-06,female,1,2\nE01990001,2024-06,male,1,2\nE01990002,2024-06,male,1,2\n";
    // What is missing in a wide file is missing in all its columns.
    let cleaned = setting.ok(format!("{header}{rows}"));
    let empty: Vec<String> = lines(&cleaned.batch).into_iter().filter(|line| line.contains("|-|")).collect();
    assert_eq!(empty, ["E01990002|2024-06|female|one|-|supplied", "E01990002|2024-06|female|two|-|supplied"]);
    let refused = setting.refusal("Code,When,Sex,P one\nE01990001,2024-06,female,1\n");
    assert!(refused.contains("expected `Ptwo`"), "{refused}");
}
