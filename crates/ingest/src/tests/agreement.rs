//! What agreements leave out, what makes a file refused whole, and what the findings say about it.

use std::io::Write;

use model::contract::Treatment;

use super::feeds::police;
use super::people::CONTRACT;
use super::{Setting, lines, names};
use crate::{DropReason, DroppedColumn, IngestError, Kind, Limits};

const FILE: &str = "CallDate,NHSNumber,Postcode,Gender,Age,Contacts\n01/02/2024,9434765919,ZZ1 1AA,F,70,3\n";

#[test]
fn only_agreed_columns_are_stored() {
    let mut setting = Setting::new(CONTRACT, "2024-01");
    setting.agreed.remove("age");
    setting.agreed.get_mut("sex").unwrap().treatment = Treatment::Drop;
    setting.agreed.get_mut("nhs_number").unwrap().treatment = Treatment::Keep;
    let cleaned = setting.ok(FILE);
    assert_eq!(
        names(&cleaned.batch),
        ["area", "month", "count", "contacts", "geography_method", "contributor", "record_key"]
    );
    assert_eq!(lines(&cleaned.batch), ["E01990001|2024-02|1|3|postcode"]);
    let dropped = |column: &str, reason, clause: Option<&str>| DroppedColumn {
        column: column.to_owned(),
        reason,
        clause: clause.map(str::to_owned),
    };
    assert_eq!(
        cleaned.findings.dropped_columns,
        [dropped("age", DropReason::NotAgreed, None), dropped("sex", DropReason::RuleOnly, Some("clause 1"))]
    );
    let everything = Setting::new(CONTRACT, "2024-01").ok(FILE);
    assert_ne!(everything.schema_hash, cleaned.schema_hash);
    // A stricter treatment that the contract cannot give means the column is left out.
    setting.agreed.get_mut("sex").unwrap().treatment = Treatment::Band;
    let reasons: Vec<DropReason> = setting.ok(FILE).findings.dropped_columns.iter().map(|d| d.reason).collect();
    assert_eq!(reasons, [DropReason::NotAgreed, DropReason::TreatmentUnavailable]);
}

#[test]
fn a_dropped_link_leaves_no_contributor() {
    let mut setting = Setting::new(CONTRACT, "2024-01");
    setting.agreed.get_mut("nhs_number").unwrap().treatment = Treatment::Drop;
    let cleaned = setting.ok(FILE);
    assert_eq!(cleaned.batch.column_by_name("contributor").unwrap().null_count(), 1);
}

#[test]
fn what_no_row_can_do_without_must_be_agreed() {
    for (column, expect) in [("date", "no period"), ("postcode", "no area")] {
        let mut setting = Setting::new(CONTRACT, "2024-01");
        setting.agreed.remove(column);
        let refusal = setting.refusal(FILE);
        assert!(refusal.contains(expect) && refusal.contains(column), "{refusal}");
    }
    // An opt-out flag that may not be read would let everybody in.
    let contract = CONTRACT.replace("name = \"sex\"", "name = \"sex\"\nonly = [\"F\"]");
    let mut setting = Setting::new(&contract, "2024-01");
    setting.agreed.remove("sex");
    assert!(setting.refusal(FILE).contains("cannot be told"));
}

/// Street crime whose outcomes are not agreed, so that a file need not have them.
fn crimes() -> Setting {
    let mut setting = Setting::new(&police(), "2018-12");
    setting.agreed.remove("outcome");
    setting
}

#[test]
fn files_are_refused_whole_with_reasons() {
    let header = "Crime ID,Month,Longitude,Latitude,LSOA code,Crime type,Outcome\n";
    let cases = [
        ("", "empty"),
        ("\n\n", "no header row"),
        ("<html><body>Not found</body></html>", "web page"),
        ("a,b\n1,2\n", "expected `Month`, `Crime type`; found `a`, `b`"),
        ("Month,month ,Crime type,LSOA code\n", "two columns"),
        ("Month,Crime type\n2018-12,x\n", "geography source"),
        ("Month,Crime type,LSOA code\n\"2018-12,x,E01990001\n", "line 2: a quote in this row is never closed"),
    ];
    for (file, expect) in cases {
        let refusal = crimes().refusal(file);
        assert!(refusal.contains(expect), "{file:?}: {refusal}");
    }
    let mut small = crimes();
    small.limits = Limits { columns: 6, ..Limits::default() };
    assert!(small.refusal(header).contains("6"));
    small.limits = Limits { rows: 1, ..Limits::default() };
    let row = ",2018-12,,,E01990001,Drugs,\n";
    assert!(small.refusal(format!("{header}{row}{row}")).contains("split it"));
    small.limits = Limits { field_bytes: 10, ..Limits::default() };
    assert!(small.refusal(format!("{header},2018-12,,,E01990001,{},\n", "x".repeat(11))).contains("line 2"));
    small.limits = Limits { bytes: 10, ..Limits::default() };
    assert!(small.refusal(header).contains("10 bytes"));
    small.limits = Limits { time: std::time::Duration::ZERO, ..Limits::default() };
    assert!(matches!(small.clean(format!("{header}{row}")), Err(IngestError::TimeLimit { .. })));
    let mut named = crimes();
    named.file_name = Some("street.xlsx");
    assert!(named.refusal(header).contains("`.xlsx`"));
}

#[test]
fn bad_rows_are_findings_until_they_are_too_many() {
    let mut file = "Month,Crime type,LSOA code\n".to_owned();
    for row in 0..100 {
        file.push_str(if row < 2 { "2018-13,x,E01990001\n" } else { "2018-12,x,E01990001\n" });
    }
    let cleaned = crimes().ok(&file);
    assert_eq!((cleaned.findings.counts.refused, cleaned.batch.num_rows()), (2, 98));
    let first = &cleaned.findings.first.iter().find(|finding| finding.kind == Kind::NotADate).unwrap();
    assert_eq!((first.row, first.column.as_str(), first.clause.as_str()), (2, "month_of_crime", "clause 1"));
    assert!(first.message.contains("`2018-13`"));
    file.push_str("2018-12,x\n");
    let error = crimes().clean(&file).unwrap_err();
    assert_eq!(error.findings().map(|findings| findings.counts.refused), Some(3));
}

#[test]
fn compressed_and_windows_files_are_read() {
    let text = "Month,Crime type,LSOA code\n2018-12,caf\u{e9},E01990001\n";
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    let mut setting = crimes();
    setting.file_name = Some("street.csv.gz");
    let expect = ["E01990001|2018-12|caf\u{e9}|1|supplied"];
    assert_eq!(lines(&setting.ok(encoder.finish().unwrap()).batch), expect);
    let windows: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let cleaned = setting.ok(&windows);
    assert_eq!(lines(&cleaned.batch), expect);
    assert_eq!(cleaned.findings.first.iter().find(|f| f.kind == Kind::Encoding).map(|f| f.row), Some(2));
}

#[test]
fn findings_are_stored_and_limited() {
    let mut setting = crimes();
    setting.limits.findings = 3;
    setting.contract.tolerance.refused_per_thousand = 1000;
    let bad = "x,y,E01990001\n".repeat(10);
    let file = format!("Month,Crime type,LSOA code\n{bad}2018-12,Burglary,E01990001\n");
    let findings = setting.ok(&file).findings;
    assert_eq!((findings.first.len(), findings.count(Kind::NotADate)), (3, 10));
    let json = serde_json::to_string(&findings).unwrap();
    assert_eq!(serde_json::from_str::<crate::Findings>(&json).unwrap(), findings);
}
