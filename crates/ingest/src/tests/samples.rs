//! The sample partnership's files through their own contracts and geography, against what was planted in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type, UInt64Type};
use geography::{Gazetteer, Importer, Manifest};
use model::AreaType;
use model::period::{Month, Period, PeriodType};
use serde_json::Value;

use super::Setting;
use crate::{CleanRequest, Cleaned};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sample-data")
}

fn gazetteer() -> Gazetteer {
    let folder = samples().join("geography");
    let manifest = std::fs::read_to_string(folder.join("geography.toml")).unwrap();
    let mut importer = Importer::new(Manifest::parse("geography.toml", &manifest).unwrap());
    let paths: Vec<String> = importer.paths().iter().map(ToString::to_string).collect();
    for path in paths {
        importer.file(&path, &std::fs::read(folder.join(&path)).unwrap()).unwrap();
    }
    importer.finish().unwrap().0
}

fn truth() -> Value {
    serde_json::from_slice(&std::fs::read(samples().join("truth.json")).unwrap()).unwrap()
}

fn period(of: &Value) -> Period {
    let period_type: PeriodType = of["period_type"].as_str().unwrap().parse().unwrap();
    Period::parse(of["period"].as_str().unwrap(), period_type).unwrap()
}

/// Cleans one of the files and compares the counts.
fn check(file: &Value, gazetteer: &Gazetteer) -> Cleaned {
    let (path, dataset) = (file["path"].as_str().unwrap(), file["dataset"].as_str().unwrap());
    let contract = std::fs::read_to_string(samples().join(format!("contracts/{dataset}.toml"))).unwrap();
    let setting = Setting::new(&contract, &period(file).start().to_string());
    let reader = crate::workbook::tests::reader();
    let request = CleanRequest { file_name: Some(path), workbook: Some(&reader), ..setting.request(gazetteer) };
    let cleaned = crate::clean(&std::fs::read(samples().join(path)).unwrap(), &request)
        .unwrap_or_else(|error| panic!("{path}: {error}: {:#?}", error.findings()));
    let found = serde_json::to_value(cleaned.findings.counts).unwrap();
    let names =
        ["rows_read", "kept", "refused", "outside", "without_location", "duplicates", "skipped", "rows_written"];
    for name in names {
        assert_eq!(found[name], file[name], "{path}: {name}: {:#?}", cleaned.findings);
    }
    cleaned
}

#[test]
fn one_file_of_every_feed_gives_what_was_planted() {
    let (gazetteer, truth) = (gazetteer(), truth());
    let files: BTreeMap<&str, &Value> =
        truth["files"].as_array().unwrap().iter().map(|file| (file["dataset"].as_str().unwrap(), file)).collect();
    assert!(files.len() > 10);
    let mut checked = 0;
    for file in files.values() {
        let mut totals = Totals::default();
        totals.add(&check(file, &gazetteer).batch, &gazetteer);
        let of_file = |total: &&Value| total["dataset"] == file["dataset"] && total["period"] == file["period"];
        for total in truth["totals"].as_array().unwrap().iter().filter(of_file) {
            totals.compare(total);
            checked += 1;
        }
    }
    assert!(checked >= 2 * files.len(), "{checked}");
}

/// Open data: rows kept, rows outside, rows of the table, areas with rows.
#[test]
fn open_feeds_are_kept_as_published() {
    let gazetteer = gazetteer();
    let cases = [
        ("office-for-national-statistics", "population", "2024-01", "2024.csv.gz"),
        ("office-for-national-statistics", "projections", "2025-01", "2025.csv.gz"),
        ("ministry-of-housing-communities-and-local-government", "deprivation", "2019-01", "2019.csv.gz"),
        ("lancashire-constabulary", "street-crime", "2023-01", "2023-01.csv.gz"),
        ("community-futures", "assets", "2025-01", "2025.geojson.gz"),
    ];
    for (organisation, dataset, start, name) in cases {
        let contract = samples().join(format!("contracts/{organisation}.{dataset}.toml"));
        let setting = Setting::new(&std::fs::read_to_string(contract).unwrap(), start);
        let file = std::fs::read(samples().join(format!("partners/{organisation}/{dataset}/{name}"))).unwrap();
        let request = setting.request(&gazetteer);
        let cleaned = crate::clean(&file, &request).unwrap_or_else(|error| panic!("{dataset}: {error}"));
        let counts = cleaned.findings.counts;
        assert!(counts.add_up() && counts.kept > 0, "{dataset}: {counts:?}");
        assert_eq!((counts.refused, counts.corrected), (0, 0), "{dataset}: {:#?}", cleaned.findings);
        eprintln!("{dataset}: {counts:?}, {} disagreements", cleaned.findings.disagreements);
        if dataset == "deprivation" {
            // Splits and merges later, every atom has one row, and no rank or decile was added up or divided.
            assert_eq!(cleaned.batch.num_rows(), gazetteer.atoms().len());
            for (column, least, greatest) in
                [("imd_score", 0.0, 100.0), ("imd_rank", 1.0, 32_844.0), ("imd_decile", 1.0, 10.0)]
            {
                let values = cleaned.batch.column_by_name(column).unwrap().as_primitive::<Float64Type>();
                assert!(values.iter().flatten().all(|value| (least..=greatest).contains(&value)), "{column}");
            }
        }
    }
}

/// Measure, month and district.
type Key = (String, i32, String);

/// Sums of measures and the contributors. A row without a person is somebody of its own.
#[derive(Default)]
struct Totals(BTreeMap<Key, (i64, BTreeSet<Vec<u8>>)>);

impl Totals {
    fn add(&mut self, batch: &RecordBatch, gazetteer: &Gazetteer) {
        let months = batch.column_by_name("month").unwrap().as_primitive::<Int32Type>();
        let areas = batch.column_by_name("area").unwrap().as_any_dictionary();
        let codes = areas.values().as_string::<i32>();
        for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
            let Some(numbers) = array.as_primitive_opt::<Int64Type>() else { continue };
            for (row, key) in areas.normalized_keys().into_iter().enumerate().filter(|(row, _)| numbers.is_valid(*row))
            {
                let code = codes.value(key);
                let district = gazetteer.atom(code).and_then(|atom| gazetteer.area_of(atom, AreaType::District));
                let area = district.map_or_else(|| code.to_owned(), |area| area.code.to_string());
                let key = (field.name().clone(), months.value(row), area);
                let entry = self.0.entry(key).or_default();
                entry.0 += numbers.value(row);
                let Some(people) = batch.column_by_name("contributor") else { continue };
                let keys = batch.column_by_name("record_key").unwrap().as_primitive::<UInt64Type>();
                entry.1.insert(match people.is_valid(row) {
                    true => people.as_fixed_size_binary().value(row).to_vec(),
                    false => keys.value(row).to_le_bytes().to_vec(),
                });
            }
        }
    }

    /// Compares with a total that was planted: the sum, and how many people stand behind it.
    fn compare(&self, total: &Value) {
        let period = period(total);
        let wanted = |key: &Key| {
            key.0 == total["measure"].as_str().unwrap()
                && key.2 == total["area"].as_str().unwrap()
                && Month::from_ordinal(key.1).is_some_and(|month| period.contains(month))
        };
        let found: Vec<_> = self.0.iter().filter(|(key, _)| wanted(key)).map(|(_, value)| value).collect();
        assert_eq!(Some(found.iter().map(|(sum, _)| sum).sum()), total["value"].as_i64(), "{total}");
        if let Some(contributors) = total["contributors"].as_u64() {
            let people: BTreeSet<&Vec<u8>> = found.iter().flat_map(|(_, people)| people).collect();
            assert_eq!(people.len() as u64, contributors, "{total}");
        }
    }
}
