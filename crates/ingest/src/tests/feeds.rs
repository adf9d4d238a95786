//! The real feeds' formats, in small.

use arrow::datatypes::DataType;

use super::{Setting, lines, names};
use crate::{DropReason, Kind};

const HEAD: &str = r#"
title = "t"
description = "d"
release = "1"
"#;

pub(crate) fn police() -> String {
    format!(
        r#"id = "lancashire-constabulary.street-crime"{HEAD}
level = "event"
partition = "month"
exposure = {{ kind = "open", source = "data.police.uk", licence = "OGL" }}
file = {{ format = "csv" }}
tolerance = {{ unplaced_per_thousand = 150 }}
geography = {{ area_type = "lsoa", boundary_year = 2021, sources = ["longitude-latitude", "area-code"] }}
[[column]]
source = "Crime ID"
name = "crime_id"
type = "text"
role = "special"
treatment = "drop"
unique = true
[[column]]
source = "Month"
name = "month_of_crime"
type = "month"
role = "time"
formats = ["%Y-%m"]
required = true
[[column]]
source = "Longitude"
name = "longitude"
type = "decimal"
role = "geography"
place = "longitude"
[[column]]
source = "Latitude"
name = "latitude"
type = "decimal"
role = "geography"
place = "latitude"
[[column]]
source = "LSOA code"
name = "lsoa"
type = "text"
role = "geography"
place = "area-code"
[[column]]
source = "Crime type"
name = "crime_type"
type = "text"
role = "dimension"
required = true
[[column]]
source = "Last outcome category"
aliases = ["Outcome"]
name = "outcome"
type = "text"
role = "dimension"
"#
    )
}

#[test]
fn police_street_crime() {
    let file = "\u{feff}Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Crime type,\
                Last outcome category,Context \n\
                a1,2018-12,X,X,-2.75,53.7,\"On or near Park, Road\",E01990001,Chorley 001A,Burglary,Under investigation,\n\
                a1,2018-12,X,X,-2.75,53.7,\"On or near Park, Road\",E01990001,Chorley 001A,Burglary,Under investigation,\n\
                ,2018-12,X,X,-2.65,53.7,near,E01990002,Chorley 001B,Anti-social behaviour,,\n\
                ,2018-12,X,X,-2.65,53.7,near,E01990002,Chorley 001B,Anti-social behaviour,,\n\
                a2,2018-12,X,X,-2.65,53.7,near,E01990001,Chorley 001A,Drugs,Local resolution,\n\
                a3,2018-12,X,X,,,No Location,,,Drugs,Local resolution,\n\
                a4,2018-12,X,X,,,No Location,E01990003,,Drugs,Local resolution,\n\
                a5,2018-12,X,X,-0.1,51.5,far,E01000366,Bexley 015D,Drugs,Local resolution,\n";
    let mut setting = Setting::new(&police(), "2018-12");
    setting.file_name = Some("2018-12-lancashire-street.csv");
    let cleaned = setting.ok(file);
    assert_eq!(
        names(&cleaned.batch),
        ["area", "month", "crime_type", "outcome", "count", "geography_method", "contributor", "record_key"]
    );
    assert_eq!(
        lines(&cleaned.batch),
        [
            "E01990001|2018-12|burglary|under investigation|1|point",
            "E01990002|2018-12|anti-social behaviour|unknown|1|point",
            "E01990002|2018-12|anti-social behaviour|unknown|1|point",
            "E01990002|2018-12|drugs|local resolution|1|point",
            "E01990003|2018-12|drugs|local resolution|1|supplied",
        ]
    );
    let found = &cleaned.findings;
    let counts = found.counts;
    assert_eq!(
        (counts.rows_read, counts.kept, counts.outside, counts.without_location, counts.duplicates),
        (8, 5, 1, 1, 1)
    );
    assert_eq!(found.disagreements, 1);
    assert_eq!(found.methods.get("point"), Some(&4));
    let strangers: Vec<&str> = found.dropped_columns.iter().map(|dropped| dropped.column.as_str()).collect();
    assert_eq!(strangers, ["Context", "Falls within", "LSOA name", "Location", "Reported by"]);
    assert!(found.dropped_columns.iter().all(|dropped| dropped.reason == DropReason::NotInContract));
    assert_eq!(cleaned.months.iter().map(ToString::to_string).collect::<Vec<_>>(), ["2018-12"]);
    assert_eq!(setting.ok(file).schema_hash, cleaned.schema_hash);
}

/// A misspelt header would otherwise put every row in no category, and each figure about one would be zero.
#[test]
fn a_file_without_a_column_of_categories_is_refused() {
    let setting = Setting::new(&police(), "2018-12");
    let row = "a1,2018-12,-2.75,53.7,E01990001,Burglary,Under investigation\n";
    let head = "Crime ID,Month,Longitude,Latitude,LSOA code,Crime type,Last outcome category\n";
    assert_eq!(setting.ok(format!("{head}{row}")).findings.counts.kept, 1);
    assert_eq!(
        setting.ok(format!("{}{row}", head.replace("Last outcome category", "outcome"))).findings.counts.kept,
        1
    );
    for (column, misspelt) in [("Last outcome category", "Last outcome categry"), ("Crime type", "Crime_typ")] {
        let refusal = setting.refusal(format!("{}{row}", head.replace(column, misspelt)));
        assert!(refusal.contains(&format!("expected `{column}`")) && refusal.contains(misspelt), "{refusal}");
    }
}

#[test]
fn deprivation_scores_are_carried_over_and_averaged() {
    let contract = format!(
        r#"id = "ministry-of-housing.deprivation"{HEAD}
level = "aggregate"
partition = "calendar-year"
exposure = {{ kind = "open", source = "MHCLG", licence = "OGL" }}
file = {{ format = "csv" }}
geography = {{ area_type = "lsoa", boundary_year = 2011, sources = ["area-code"] }}
[[column]]
source = "LSOA code (2011)"
name = "lsoa"
type = "text"
role = "geography"
place = "area-code"
required = true
[[column]]
source = "Index of Multiple Deprivation (IMD) Score"
name = "imd_score"
type = "decimal"
role = "measure"
[[column]]
source = "Income Deprivation Affecting Older People (IDAOPI) Rank (where 1 is most deprived, of all)"
name = "older_rank"
type = "decimal"
role = "measure"
[[column]]
source = "Total population: mid 2015 (excluding prisoners)"
name = "people"
type = "integer"
role = "measure"
"#
    );
    let file = "LSOA code (2011),LSOA name (2011),Index of Multiple Deprivation (IMD) Score,\
                \"Income Deprivation Affecting Older People (IDAOPI) Rank (where 1 is most deprived, of all)\",\
                Total population: mid 2015 (excluding prisoners) \n\
                E01980001,A,10.5,\"1,200\",1500\n\
                E01980002,B,20.25,9.0,\"1,001\"\n\
                E01980003,C,40,100,900\n\
                E01980004,D,20,300,300\n\
                E01000001,E,1,1,1\n";
    let cleaned = Setting::new(&contract, "2019-01").ok(file);
    // The split area of 1,001: half of it is outside the partnership, 600 and 400 of 2,000 inside.
    assert_eq!(
        lines(&cleaned.batch),
        [
            "E01990001|2019-01|10.5|1200|1500|exact",
            "E01990002|2019-01|20.25|9|300|modelled",
            "E01990003|2019-01|20.25|9|200|modelled",
            "E01990004|2019-01|35|150|1200|exact",
        ]
    );
    assert_eq!((cleaned.findings.counts.kept, cleaned.findings.counts.outside), (4, 1));
}

#[test]
fn population_by_single_year_is_wide() {
    let contract = format!(
        r#"id = "office-for-national-statistics.population"{HEAD}
level = "aggregate"
partition = "calendar-year"
exposure = {{ kind = "open", source = "ONS", licence = "OGL" }}
file = {{ format = "csv", withheld_values = ["[c]"] }}
tolerance = {{ refused_per_thousand = 500 }}
geography = {{ area_type = "lsoa", boundary_year = 2021, sources = ["area-code"] }}
[[column]]
source = "LSOA 2021 Code"
name = "lsoa"
type = "text"
role = "geography"
place = "area-code"
required = true
[[unpivot]]
prefix = "F"
into = "age"
set = {{ sex = "female" }}
value = "population"
[[unpivot]]
prefix = "M"
into = "age"
set = {{ sex = "male" }}
value = "population"
"#
    );
    let file = "LAD 2023 Code,LSOA 2021 Code,LSOA 2021 Name,Total,F0,F1,F90,M0,M1,M90,Final note\n\
                E07,E01990002,A,24,1,2,3,4,\"5,000\",6,x\n\
                E07,E01990001,B,24,7,[c],9,,11,12,x\n\
                E07,E01990003,C,24,7,eight,9,10,11,12,x\n";
    let cleaned = Setting::new(&contract, "2023-01").ok(file);
    let rows = lines(&cleaned.batch);
    assert_eq!(rows.len(), 18);
    assert_eq!(rows[0], "E01990001|2023-01|0|female|7|supplied");
    assert!(rows.contains(&"E01990001|2023-01|0|male|-|supplied".to_owned()));
    assert!(rows.contains(&"E01990001|2023-01|1|female|-|supplied".to_owned()));
    assert!(rows.contains(&"E01990002|2023-01|1|male|5000|supplied".to_owned()));
    assert!(rows.contains(&"E01990002|2023-01|90|female|3|supplied".to_owned()));
    assert!(rows.contains(&"E01990003|2023-01|0|female|7|supplied".to_owned()));
    assert!(rows.contains(&"E01990003|2023-01|1|female|-|supplied".to_owned()), "what cannot be read is not available");
    let counts = cleaned.findings.counts;
    assert_eq!((counts.rows_read, counts.kept, counts.refused), (3, 3, 0));
    assert_eq!((counts.unreadable, counts.withheld, counts.rows_written), (1, 1, 18));
    assert_eq!(cleaned.findings.count(Kind::NotANumber), 1);
}

#[test]
fn nomis_extract_with_totals_to_skip() {
    let contract = format!(
        r#"id = "department-for-work-and-pensions.claimants"{HEAD}
level = "aggregate"
partition = "quarter"
exposure = {{ kind = "controlled" }}
file = {{ format = "csv" }}
geography = {{ area_type = "lsoa", boundary_year = 2021, sources = ["area-code"] }}
[[column]]
source = "DATE"
name = "date"
type = "month"
role = "time"
formats = ["%Y-%m"]
[[column]]
source = "GEOGRAPHY_CODE"
name = "lsoa"
type = "text"
role = "geography"
place = "area-code"
[[column]]
source = "GENDER_NAME"
name = "sex"
type = "text"
role = "dimension"
only = ["Female", "Male"]
[[column]]
source = "AGE_NAME"
name = "age"
type = "text"
role = "dimension"
only = ["16-24", "50+"]
recode = {{ "Aged 16-24" = "16-24", "Aged 50+" = "50+" }}
[[column]]
source = "MEASURES_NAME"
name = "measures_name"
type = "text"
role = "special"
treatment = "drop"
only = ["Value"]
[[column]]
source = "OBS_VALUE"
name = "claimants"
type = "integer"
role = "measure"
range = [0, 10000]
"#
    );
    let file = "DATE,DATE_NAME,GEOGRAPHY_CODE,GENDER_NAME,AGE_NAME,MEASURES_NAME,OBS_VALUE,OBS_STATUS\n\
                2024-06,June 2024,E01990001,Total,Aged 16-24,Value,30,A\n\
                2024-06,June 2024,E01990001,Male,Aged 16-24,Value,20,A\n\
                2024-06,June 2024,E01990001,Female,Aged 50+,Value,10,A\n\
                2024-06,June 2024,E01990001,Female,All,Value,10,A\n\
                2024-06,June 2024,E01990001,Female,Aged 50+,Percent,1.5,A\n\
                2024-06,June 2024,E01000001,Female,Aged 50+,Value,10,A\n";
    let cleaned = Setting::new(&contract, "2024-04").ok(file);
    assert_eq!(
        lines(&cleaned.batch),
        ["E01990001|2024-06|female|50+|10|supplied", "E01990001|2024-06|male|16-24|20|supplied"]
    );
    assert_eq!((cleaned.findings.counts.skipped, cleaned.findings.counts.outside), (3, 1));
    let refused = Setting::new(&contract, "2024-07").refusal(file);
    assert!(refused.contains("3 of 3 rows"), "{refused}");
}

pub(crate) fn practices() -> String {
    format!(
        r#"id = "nhs-ccg.practice-prevalence"{HEAD}
level = "aggregate"
partition = "financial-year"
exposure = {{ kind = "controlled" }}
file = {{ format = "csv", withheld_values = ["*"] }}
tolerance = {{ refused_per_thousand = 300, unplaced_per_thousand = 300 }}
geography = {{ area_type = "pcn", boundary_year = 2025, sources = ["practice"] }}
[[column]]
source = "PRACTICE_CODE"
name = "practice"
type = "text"
role = "geography"
place = "practice"
required = true
[[column]]
source = "GROUP_CODE"
name = "condition"
type = "text"
role = "dimension"
allowed = ["copd", "diabetes"]
recode = {{ DM = "diabetes" }}
[[column]]
source = "REGISTER"
name = "register"
type = "integer"
role = "measure"
range = [0, 1000]
[[column]]
source = "PRACTICE_LIST_SIZE"
name = "list_size"
type = "integer"
role = "measure"
"#
    )
}

#[test]
fn practice_prevalence_by_network() {
    let file = "practice_code ,GROUP_CODE,REGISTER,PATIENT_LIST_TYPE,PRACTICE_LIST_SIZE\n\
                P99001,DM,400,17OV,8000\nP99002,COPD,*,TOTAL,7000\nP99003,XX,5,TOTAL,6000\n\
                Y00000,DM,1,TOTAL,1\nP99003,DM,2000,TOTAL,6000\n";
    let cleaned = Setting::new(&practices(), "2023-04").ok(file);
    assert_eq!(
        lines(&cleaned.batch),
        [
            "U99001|2023-04|copd|-|-|practice-list",
            "U99001|2023-04|copd|-|7000|practice-list",
            "U99001|2023-04|diabetes|-|-|practice-list",
            "U99001|2023-04|diabetes|400|8000|practice-list",
            "U99002|2023-04|copd|-|-|practice-list",
            "U99002|2023-04|diabetes|-|6000|practice-list",
            "U99002|2023-04|other|5|6000|practice-list",
        ]
    );
    let found = &cleaned.findings;
    assert_eq!(
        (found.counts.without_location, found.counts.unreadable, found.counts.withheld, found.counts.corrected),
        (1, 1, 1, 1)
    );
    assert_eq!(found.counts.absent, 3, "each practice has a row for one condition");
    let unknown = found.first.iter().find(|finding| finding.kind == Kind::UnknownCode).unwrap();
    assert_eq!((unknown.row, unknown.message.as_str()), (5, "no known code: `Y00000`"));
}

#[test]
fn asset_points_from_geojson_and_easting_northing() {
    let contract = format!(
        r#"id = "community-futures.assets"{HEAD}
level = "event"
partition = "calendar-year"
exposure = {{ kind = "open", source = "x", licence = "OGL" }}
file = {{ format = "geojson" }}
tolerance = {{ unplaced_per_thousand = 400 }}
geography = {{ area_type = "lsoa", boundary_year = 2021, sources = ["longitude-latitude"] }}
[[column]]
source = "longitude"
name = "longitude"
type = "decimal"
role = "geography"
place = "longitude"
[[column]]
source = "latitude"
name = "latitude"
type = "decimal"
role = "geography"
place = "latitude"
[[column]]
source = "Asset Type"
name = "asset_type"
type = "text"
role = "dimension"
"#
    );
    let feature = |kind: &str, geometry: &str| {
        format!(r#"{{"type":"Feature","properties":{{"asset_type":"{kind}"}},"geometry":{geometry}}}"#)
    };
    let features = [
        feature("x", r#"{"type":"Point","coordinates":[-2.75,53.7]}"#),
        feature("Village hall", r#"{"type":"Point","coordinates":[-2.65,53.7]}"#),
        feature("Park", r#"{"type":"Point","coordinates":[0,0]}"#),
        feature("Park", "null"),
    ];
    let file = format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(","));
    let file = file.replace("asset_type", "Asset type");
    let cleaned = Setting::new(&contract, "2024-01").ok(&file);
    assert_eq!(lines(&cleaned.batch), ["E01990001|2024-01|x|1|point", "E01990002|2024-01|village hall|1|point"]);
    assert_eq!((cleaned.findings.counts.outside, cleaned.findings.counts.without_location), (1, 1));

    let grid = contract
        .replace("geojson", "csv")
        .replace("longitude-latitude", "easting-northing")
        .replace("\"longitude\"", "\"easting\"")
        .replace("\"latitude\"", "\"northing\"");
    let file = "easting,northing,asset type\n\"355,000\",420000,a\n1,2,b\nx,2,c\n";
    let cleaned = Setting::new(&grid, "2024-01").ok(file);
    assert_eq!(lines(&cleaned.batch), ["E01990003|2024-01|a|1|point"]);
    assert_eq!(cleaned.findings.count(Kind::InvalidCoordinates), 1);
    let dictionary = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8));
    assert_eq!(cleaned.batch.schema().field(0).data_type(), &dictionary);
}
