//! Data about people: pseudonyms, opt-outs, duplicates, and messages that never quote a cell.

use std::collections::BTreeSet;

use arrow::array::{Array, AsArray};
use arrow::datatypes::UInt64Type;

use super::{Plain, Setting, lines};
use crate::{IngestError, Kind, Pseudonymiser};

pub(crate) const CONTRACT: &str = r#"
id = "north-west-ambulance.call-outs"
title = "t"
description = "d"
release = "1"
level = "person"
partition = "quarter"
exposure = { kind = "controlled" }
file = { format = "csv", null_values = ["NULL"] }
tolerance = { refused_per_thousand = 1000, unplaced_per_thousand = 1000 }
geography = { area_type = "lsoa", boundary_year = 2021, sources = ["postcode"] }
[[column]]
source = "CallDate"
aliases = ["Call Date"]
name = "date"
type = "date"
role = "time"
treatment = "truncate"
required = true
formats = ["%d/%m/%Y", "%Y-%m-%d"]
[[column]]
source = "NHSNumber"
name = "nhs_number"
type = "text"
role = "link"
scheme = "nhs-number"
treatment = "pseudonymise"
[[column]]
source = "Postcode"
name = "postcode"
type = "text"
role = "geography"
place = "postcode"
treatment = "truncate"
[[column]]
source = "Gender"
name = "sex"
type = "text"
role = "dimension"
recode = { M = "male", F = "female" }
[[column]]
source = "Age"
name = "age"
type = "integer"
role = "dimension"
treatment = "band"
bands = ["0-15", "16-64", "65+"]
range = [0, 120]
[[column]]
source = "Contacts"
name = "contacts"
type = "integer"
role = "measure"
required = true
range = [0, 500]
"#;

const HEADER: &str = "Name,Call Date,NHS Number,Postcode,Gender,Age,Contacts\n";

fn setting() -> Setting {
    let mut setting = Setting::new(&CONTRACT.replace("\"NHSNumber\"", "\"NHS Number\""), "2024-01");
    setting.limits.findings = 100;
    setting
}

#[test]
fn people_become_pseudonyms() {
    let file = format!(
        "{HEADER}Ann,01/02/2024,943 476 5919,zz1 1aa,F,70,3\n\
         Ann,2024-03-31,9434765919,ZZ11AB,F,70,4\n\
         Bob,15/01/2024,9434765918,ZZ9 9ZZ,M,15,1\n\
         Cat,15/01/2024,,ZZ1 1AA,X,NULL,1\n\
         Cat,15/01/2024,,ZZ1 1AA,X,NULL,2\n\
         Dan,16/01/2024,9990000018,ZZ1 1AA,M,40,2\n\
         Dan,16/01/2024,9990000018,ZZ1 1AA,M,40,2\n\
         Eve,16/01/2024,9990000026,ZZ1 1AA,M,40,2\n"
    );
    let mut setting = setting();
    setting.opt_outs = BTreeSet::from([Plain.pseudonym("nhs", "9990000026")]);
    let cleaned = setting.ok(&file);
    assert_eq!(
        lines(&cleaned.batch),
        [
            "E01990001|2024-01|male|16-64|1|2|postcode",
            "E01990001|2024-01|unknown|unknown|1|1|postcode",
            "E01990001|2024-01|unknown|unknown|1|2|postcode",
            "E01990002|2024-01|male|0-15|1|1|postcode",
            "E01990001|2024-02|female|65+|1|3|postcode",
            "E01990002|2024-03|female|65+|1|4|postcode",
        ]
    );
    let contributors = cleaned.batch.column_by_name("contributor").unwrap().as_fixed_size_binary();
    assert_eq!(contributors.value(4), contributors.value(5));
    assert_eq!(contributors.value(4), Plain.pseudonym("nhs", "9434765919"));
    assert_eq!((1..4).filter(|row| contributors.is_null(*row)).count(), 3);
    let keys = cleaned.batch.column_by_name("record_key").unwrap().as_primitive::<UInt64Type>();
    assert_eq!(keys.value(4), keys.value(5));
    let distinct: BTreeSet<u64> = keys.values().iter().copied().collect();
    assert_eq!((distinct.len(), keys.null_count()), (5, 0));
    let found = &cleaned.findings;
    assert_eq!((found.counts.opted_out, found.counts.duplicates, found.counts.corrected), (1, 1, 2));
    assert_eq!((found.count(Kind::InvalidIdentifier), found.count(Kind::TerminatedPostcode)), (1, 1));
    let dropped: Vec<&str> = found.dropped_columns.iter().map(|dropped| dropped.column.as_str()).collect();
    assert_eq!(dropped, ["Name"]);
    assert_eq!(format!("{cleaned:?}"), "Cleaned(6 rows, redacted)");
}

#[test]
fn ages_come_from_dates_of_birth() {
    let contract = CONTRACT.replace(
        "\"Age\"\nname = \"age\"\ntype = \"integer\"",
        "\"Age\"\nname = \"age\"\ntype = \"date\"\nformats = [\"%d/%m/%Y\"]",
    );
    let file = "Call Date,NHSNumber,Postcode,Gender,Age,Contacts\n\
                10/02/2024,,ZZ1 1AA,F,10/02/2008,1\n10/02/2024,,ZZ1 1AA,F,11/02/2008,1\n10/02/2024,,ZZ1 1AA,F,x,1\n";
    assert_eq!(
        lines(&Setting::new(&contract, "2024-01").ok(file).batch),
        [
            "E01990001|2024-02|female|0-15|1|1|postcode",
            "E01990001|2024-02|female|16-64|1|1|postcode",
            "E01990001|2024-02|female|unknown|1|1|postcode",
        ]
    );
}

/// Every cell is a canary in one way or another, and each is found wanting for another reason.
#[test]
fn messages_never_quote_people() {
    let canaries = ["CANARYNAME", "CANARYDATE", "CANARYNHS", "CANARYPC", "CANARYSEX", "CANARYAGE", "CANARYNUM"];
    let rows = [
        canaries.join(","),
        "CANARYNAME,01/02/2024,CANARYNHS,CANARYPC,CANARYSEX,CANARYAGE,7".to_owned(),
        "CANARYNAME,01/02/1999,CANARYNHS,,CANARYSEX,999,CANARYNUM".to_owned(),
        "CANARYNAME,01/02/2024,CANARYNHS,Q,M,1,1".to_owned(),
        "CANARYNAME,01/02/2024,CANARYNHS,Q,M,1,1".to_owned(),
        "CANARYNAME,CANARYDATE".to_owned(),
        "CANARYNAME,01/02/2024,9434765919,ZZ1 1AA,CANARYSEX,CANARYAGE,501".to_owned(),
        "CANARYNAME,01/02/2024,9434765919,ZZ1 1AA,CANARYSEX,CANARYAGE,5".to_owned(),
    ];
    let quiet = |text: &str| assert!(!text.contains("CANARY"), "{text}");
    let file = format!("{HEADER}{}\n", rows.join("\n"));
    let mut setting = setting();
    let cleaned = setting.ok(&file);
    assert!(cleaned.findings.first.len() > 10);
    quiet(&serde_json::to_string(&cleaned.findings).unwrap());
    setting.contract.tolerance.refused_per_thousand = 0;
    let error = setting.clean(&file).unwrap_err();
    assert!(matches!(error, IngestError::OverTolerance { .. }));
    quiet(&format!("{error} {error:?}"));
    // No header: the first row is somebody.
    for broken in [rows.join("\n"), format!("{HEADER}\"CANARYNAME"), format!("{HEADER}CANARY\u{0}")] {
        let error = setting.clean(&broken).unwrap_err();
        quiet(&format!("{error} {error:?}"));
    }
}
