//! The whole way through the engine: permits, an encrypted file, a plan, the table with all its totals.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agreements::{Derive, Permit, Principal, Registry, Request, Role, Snapshot, SourceFile, decide};
use anyhow::Context as _;
use arrow::array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray, UInt16Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt16Type};
use commonground_benches::{Numbers, peak_memory, timed};
use engine::{AreaSet, CommonDataSet, CountPermit, CountRequest, Dimension, Limits, StoredTable};
use jiff::Timestamp;
use model::{AreaCode, AreaType, DatasetId, Month, PeriodType};
use serde_json::{Value, json};
use vault::{FileKey, OsEntropy, TableIdentity, TableKeys, Vault, write_table};

use crate::columns::{column, narrow_column};
use crate::work::{TIMES, report};

/// A dataset of the sample agreements, with a person a row and three dimensions.
const DATASET: &str = "lancashire-county-council.wellbeing-referrals";
const STAGES: [&str; 5] = ["prevention", "self-management", "community support", "specialist support", "emergency"];
const AREAS: usize = 33_755;
const ROWS_AT_ONCE: usize = 1 << 20;

/// What is counted, of how many rows, and whether from memory after the first time.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    rows: usize,
    areas: usize,
    stages: bool,
    hot: bool,
    times: usize,
}

impl Case {
    /// 60 million people by area, sex, age and stage of need.
    pub(crate) const fn all(hot: bool) -> Self {
        Self { rows: usize::MAX, areas: 33_755, stages: true, hot, times: TIMES }
    }

    /// A table that somebody asks for: 250,000 people of 140 areas by sex and age, with record keys.
    pub(crate) const fn asked_for() -> Self {
        Self { rows: 250_000, areas: 140, stages: false, hot: true, times: 500 }
    }
}

/// Counts with all totals, from the encrypted file each time or from memory.
pub(crate) fn stored(folder: &Path, threads: usize, case: Case) -> anyhow::Result<Value> {
    let place = tempfile::tempdir_in(folder.parent().unwrap_or(folder))?;
    let table = write(folder, place.path(), case)?;
    let bytes = std::fs::metadata(&table.path)?.len();
    let snapshot = snapshot()?;
    let now: Timestamp = "2026-01-15T09:00:00Z".parse()?;
    let permit = permit(&snapshot, now)?;
    let permit = CountPermit { permit: &permit, snapshot: &snapshot, now };
    let request = request(case)?;
    let limits = Limits {
        memory_bytes: 2 << 30,
        timeout: Duration::from_secs(60),
        max_cells: 20_000_000,
        threads,
        ..Limits::default()
    };
    let common = CommonDataSet::new(if case.hot { 4 << 30 } else { 0 });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let tables = [table];
    let count = || Ok(runtime.block_on(common.count(&permit, &tables, &request, &limits))?);
    if case.hot {
        count()?;
    }
    let before = peak_memory();
    let (seconds, last) = timed(case.times, count)?;
    let cells = last.context("nothing was measured")?.cells();
    let p99 = seconds.get(case.times * 99 / 100);
    let held = common.held().bytes;
    let found = json!({ "cells": cells, "file_bytes": bytes, "held_bytes": held, "p99": p99 });
    let shown = seconds.get(..case.times.min(TIMES)).unwrap_or_default();
    let mut report = report("stored", shown, before, found);
    if let Some(report) = report.as_object_mut() {
        report.insert("median".to_owned(), json!(seconds.get(case.times / 2)));
    }
    Ok(report)
}

fn dataset() -> anyhow::Result<DatasetId> {
    Ok(DATASET.parse()?)
}

fn area(number: usize) -> String {
    format!("E01{number:06}")
}

fn age(number: usize) -> String {
    if number == 17 { "85+".to_owned() } else { format!("{}-{}", number * 5, number * 5 + 4) }
}

/// Writes the rows of a folder of plain columns as intake would: coded, sorted, encrypted with a key a column.
fn write(folder: &Path, place: &Path, case: Case) -> anyhow::Result<StoredTable> {
    let mut area_codes = column(folder, "area.u16", u16::from_le_bytes)?;
    area_codes.truncate(case.rows);
    let [sex, ages, stages] = ["sex.u8", "age.u8", "ethnicity.u8"].map(|name| narrow_column(folder, name));
    let (sex, ages, stages) = (sex?, ages?, stages?);
    let text = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8));
    let coded = |name: &str| Field::new(name, text.clone(), false);
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        coded("area"),
        Field::new("month", DataType::Int32, false),
        coded("sex"),
        coded("age"),
        coded("stage_of_need"),
        Field::new("record_key", DataType::UInt64, false),
    ]));
    let values = |texts: Vec<String>| Arc::new(StringArray::from(texts)) as ArrayRef;
    let areas = values((0..AREAS).map(area).collect());
    let sexes = values(["female", "male"].map(str::to_owned).to_vec());
    let bands = values((0..18).map(age).collect());
    let needs = values(STAGES.map(str::to_owned).to_vec());
    let month = "2025-01".parse::<Month>()?.ordinal();
    let dictionary = |keys: UInt16Array, values: &ArrayRef| -> anyhow::Result<ArrayRef> {
        Ok(Arc::new(DictionaryArray::<UInt16Type>::try_new(keys, Arc::clone(values))?))
    };
    let narrow = |codes: &[u8]| codes.iter().map(|code| u16::from(*code)).collect::<UInt16Array>();
    let mut numbers = Numbers::new(2);
    let mut batches = Vec::new();
    for start in (0..area_codes.len()).step_by(ROWS_AT_ONCE) {
        let end = area_codes.len().min(start + ROWS_AT_ONCE);
        let of = |codes: &[u8]| narrow(codes.get(start..end).unwrap_or_default());
        let columns = vec![
            dictionary(UInt16Array::from(area_codes.get(start..end).unwrap_or_default().to_vec()), &areas)?,
            Arc::new(Int32Array::from(vec![month; end - start])) as ArrayRef,
            dictionary(of(&sex), &sexes)?,
            dictionary(of(&ages), &bands)?,
            dictionary(of(&stages), &needs)?,
            Arc::new((start..end).map(|_| Some(numbers.next())).collect::<UInt64Array>()) as ArrayRef,
        ];
        batches.push(RecordBatch::try_new(Arc::clone(&schema), columns)?);
    }
    let key = FileKey::create(&place.join("key"), &place.join("data"), &mut OsEntropy)?;
    let identity =
        TableIdentity { dataset: dataset()?, version: uuid::Uuid::from_u128(1), agreements: BTreeSet::new() };
    let (keys, _) = TableKeys::generate(&Vault::new(Arc::new(key)), identity, &schema, &mut OsEntropy)?;
    let path = place.join("table");
    write_table(File::create(&path)?, &schema, batches, &keys)?;
    Ok(StoredTable { path, decryption: keys.decryption_properties()?, agreements: BTreeSet::new() })
}

fn request(case: Case) -> anyhow::Result<CountRequest> {
    let areas = (0..case.areas).map(|number| {
        let code: AreaCode = area(number).parse()?;
        Ok((code.clone(), vec![code]))
    });
    let by = |name: &str, categories: Vec<String>| Dimension { name: name.to_owned(), categories };
    let mut dimensions =
        vec![by("sex", ["female", "male"].map(str::to_owned).to_vec()), by("age", (0..18).map(age).collect())];
    dimensions.extend(case.stages.then(|| by("stage_of_need", STAGES.map(str::to_owned).to_vec())));
    Ok(CountRequest {
        dataset: dataset()?,
        areas: Arc::new(AreaSet { area_type: AreaType::Lsoa, areas: areas.collect::<anyhow::Result<_>>()? }),
        periods: vec![PeriodType::CalendarYear.containing("2025-01".parse()?)],
        by: dimensions,
        keys: true,
    })
}

/// The project's sample agreements.
fn snapshot() -> anyhow::Result<Snapshot> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../sharing-agreements");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            files.push(SourceFile { name, content: std::fs::read(&path)? });
        }
    }
    Ok(Registry::load(&files, &[])?.snapshot().clone())
}

fn permit(snapshot: &Snapshot, now: Timestamp) -> anyhow::Result<Permit<Derive>> {
    let register = snapshot.partnership();
    let purposes = register.purposes.iter().map(|purpose| purpose.id.clone());
    let operator = Principal::new(register.partnership.id.clone(), Role::Operator, purposes);
    let governing = snapshot.governing(&dataset()?, now);
    let request = Request::new(operator, "service-planning".parse()?, vec![governing]);
    let request = Request { opt_outs: Vec::new(), ..request };
    let level = agreements::Level::new(AreaType::Lsoa, PeriodType::CalendarYear);
    decide(snapshot, &request.with_outputs([level]), now).map_err(|denial| anyhow::anyhow!("denied: {denial:?}"))
}
