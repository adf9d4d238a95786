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
use commonground_benches::{Numbers, forget_peak, peak_memory, timed};
use engine::{AreaSet, CommonDataSet, CountPermit, CountRequest, Dimension, Limits, Of, StoredTable};
use jiff::Timestamp;
use model::{AreaCode, AreaType, Digest, Month, Period, PeriodType};
use serde_json::{Value, json};
use vault::{FileKey, OsEntropy, TableIdentity, TableKeys, Vault, write_table};

use crate::columns::{column, narrow_column};
use crate::work::{TIMES, report};

const AREAS: usize = 33_755;
const ROWS_AT_ONCE: usize = 1 << 20;

/// What is counted, of how many rows, and whether from memory after the first time.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    /// A dataset of the sample agreements.
    dataset: &'static str,
    /// The folder of its rows.
    source: &'static str,
    rows: usize,
    areas: usize,
    of: Of,
    hot: bool,
    times: usize,
}

const CRIME: &str = "lancashire-constabulary.street-crime";
const REFERRALS: &str = "lancashire-county-council.wellbeing-referrals";

impl Case {
    /// 60 million events of open data by area, kind (18) and outcome (10): the rows that the peers count by area, sex, age and
    /// ethnicity, with sex and ethnicity in one column.
    pub(crate) const fn all(hot: bool) -> Self {
        let (rows, of) = (usize::MAX, Of::OpenRows);
        Self { dataset: CRIME, source: "sorted", rows, areas: AREAS, of, hot, times: TIMES }
    }

    /// 60 million people by area, sex and age, with record keys.
    pub(crate) const fn people(hot: bool) -> Self {
        Self { dataset: REFERRALS, of: Of::Rows, ..Self::all(hot) }
    }

    /// 10 million events by area and month, each of 3 million contributors counted once a cell, with record keys.
    pub(crate) const fn contributors(hot: bool) -> Self {
        Self { dataset: REFERRALS, source: "events", of: Of::People, ..Self::all(hot) }
    }

    /// A table that somebody asks for: 250,000 people of 140 areas by sex and age, with record keys.
    pub(crate) const fn asked_for() -> Self {
        Self { rows: 250_000, areas: 140, times: 500, ..Self::people(true) }
    }

    /// No agreement of the sample has people by small areas and months: they are called districts there.
    fn area_type(self) -> AreaType {
        if self.of == Of::People { AreaType::District } else { AreaType::Lsoa }
    }

    fn dimensions(self) -> Vec<(&'static str, Vec<String>)> {
        let numbered = |name: &str, count: usize| (0..count).map(|number| format!("{name} {number}")).collect();
        if self.of == Of::People {
            Vec::new()
        } else if self.of == Of::Rows {
            let ages =
                (0..18).map(|age| if age == 17 { "85+".to_owned() } else { format!("{}-{}", age * 5, age * 5 + 4) });
            vec![("sex", ["female", "male"].map(str::to_owned).to_vec()), ("age", ages.collect())]
        } else {
            vec![("crime_type", numbered("kind", 18)), ("outcome", numbered("outcome", 10))]
        }
    }

    /// The codes of each dimension.
    fn codes(self, folder: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
        if self.of == Of::People {
            return Ok(Vec::new());
        }
        let [sex, ages, ethnicity] = ["sex.u8", "age.u8", "ethnicity.u8"].map(|name| narrow_column(folder, name));
        let (sex, ages) = (sex?, ages?);
        if self.of == Of::Rows {
            return Ok(vec![sex, ages]);
        }
        Ok(vec![ages, sex.iter().zip(ethnicity?).map(|(sex, ethnicity)| sex * 5 + ethnicity).collect()])
    }

    /// The month of each row, from the first one.
    fn months(self, folder: &Path, rows: usize) -> anyhow::Result<Vec<u8>> {
        if self.of == Of::People { narrow_column(folder, "month.u8") } else { Ok(vec![0; rows]) }
    }

    /// The record key of each row, where people are told apart or their keys are added up.
    fn keys(self, folder: &Path, rows: usize) -> anyhow::Result<Vec<u64>> {
        let mut numbers = Numbers::new(2);
        match self.of {
            Of::OpenRows => Ok(Vec::new()),
            Of::Rows => Ok((0..rows).map(|_| numbers.next()).collect()),
            Of::People => {
                let who = column(folder, "who.u32", u32::from_le_bytes)?;
                let people = who.iter().max().map_or(0, |last| last + 1);
                let keys: Vec<u64> = (0..people).map(|_| numbers.next()).collect();
                Ok(who.iter().filter_map(|who| keys.get(usize::try_from(*who).ok()?).copied()).collect())
            }
        }
    }
}

/// Counts with all totals, from the encrypted file each time or from memory.
pub(crate) fn stored(folder: &Path, threads: usize, case: Case) -> anyhow::Result<Value> {
    let place = tempfile::tempdir_in(folder)?;
    let table = write(&folder.join(case.source), place.path(), case)?;
    let bytes = std::fs::metadata(&table.path)?.len();
    let snapshot = snapshot()?;
    let now: Timestamp = "2026-01-15T09:00:00Z".parse()?;
    let permit = permit(&snapshot, case, now)?;
    let permit = CountPermit { permit: &permit, snapshot: &snapshot, now };
    let request = request(case)?;
    let limits = Limits {
        memory_bytes: 2 << 30,
        timeout: Duration::from_secs(60),
        max_cells: 20_000_000,
        max_contributions: 20_000_000,
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
    forget_peak();
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

fn area(number: usize) -> String {
    format!("E01{number:06}")
}

/// Writes the rows of a folder of plain columns as intake would: coded, sorted, encrypted with a key a column.
fn write(folder: &Path, place: &Path, case: Case) -> anyhow::Result<StoredTable> {
    let mut area_codes = column(folder, "area.u16", u16::from_le_bytes)?;
    area_codes.truncate(case.rows);
    let codes = case.codes(folder)?;
    let text = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8));
    let mut fields = vec![Field::new("area", text.clone(), false), Field::new("month", DataType::Int32, false)];
    let values = |texts: Vec<String>| Arc::new(StringArray::from(texts)) as ArrayRef;
    let areas = values((0..AREAS).map(area).collect());
    let mut dimensions = Vec::new();
    for ((name, texts), codes) in case.dimensions().into_iter().zip(&codes) {
        fields.push(Field::new(name, text.clone(), false));
        dimensions.push((values(texts), codes));
    }
    if case.of != Of::OpenRows {
        fields.push(Field::new("record_key", DataType::UInt64, false));
    }
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let first = "2025-01".parse::<Month>()?.ordinal();
    let (months, record_keys) = (case.months(folder, area_codes.len())?, case.keys(folder, area_codes.len())?);
    let dictionary = |keys: UInt16Array, values: &ArrayRef| -> anyhow::Result<ArrayRef> {
        Ok(Arc::new(DictionaryArray::<UInt16Type>::try_new(keys, Arc::clone(values))?))
    };
    let mut batches = Vec::new();
    for start in (0..area_codes.len()).step_by(ROWS_AT_ONCE) {
        let end = area_codes.len().min(start + ROWS_AT_ONCE);
        let mut columns = vec![
            dictionary(UInt16Array::from(part(&area_codes, start, end).to_vec()), &areas)?,
            Arc::new(part(&months, start, end).iter().map(|month| first + i32::from(*month)).collect::<Int32Array>())
                as ArrayRef,
        ];
        for (values, codes) in &dimensions {
            let keys = part(codes, start, end).iter().map(|code| u16::from(*code));
            columns.push(dictionary(keys.collect(), values)?);
        }
        if case.of != Of::OpenRows {
            columns.push(Arc::new(UInt64Array::from(part(&record_keys, start, end).to_vec())));
        }
        batches.push(RecordBatch::try_new(Arc::clone(&schema), columns)?);
    }
    let key = FileKey::create(&place.join("key"), &place.join("data"), &mut OsEntropy)?;
    let identity = TableIdentity {
        dataset: case.dataset.parse()?,
        version: uuid::Uuid::from_u128(1),
        agreements: BTreeSet::new(),
    };
    let (keys, _) = TableKeys::generate(&Vault::new(Arc::new(key)), identity, &schema, &mut OsEntropy)?;
    let path = place.join("table");
    write_table(File::create(&path)?, &schema, batches, &keys)?;
    Ok(StoredTable { path, decryption: keys.decryption_properties()?, agreements: BTreeSet::new() })
}

fn part<T>(all: &[T], start: usize, end: usize) -> &[T] {
    all.get(start..end).unwrap_or_default()
}

fn request(case: Case) -> anyhow::Result<CountRequest> {
    let areas = (0..case.areas).map(|number| {
        let code: AreaCode = area(number).parse()?;
        Ok((code.clone(), vec![code]))
    });
    let by = |(name, categories): (&str, Vec<String>)| Dimension { name: name.to_owned(), categories };
    Ok(CountRequest {
        release: (case.dataset.parse()?, Digest([0; 32])),
        dataset: case.dataset.parse()?,
        areas: Arc::new(AreaSet { area_type: case.area_type(), areas: areas.collect::<anyhow::Result<_>>()? }),
        periods: periods(case)?,
        by: case.dimensions().into_iter().map(by).collect(),
        of: case.of,
        sum: None,
    })
}

fn periods(case: Case) -> anyhow::Result<Vec<Period>> {
    let first: Month = "2025-01".parse()?;
    if case.of != Of::People {
        return Ok(vec![PeriodType::CalendarYear.containing(first)]);
    }
    let months = (0..12).filter_map(|after| Month::from_ordinal(first.ordinal() + after));
    Ok(months.map(|month| PeriodType::Month.containing(month)).collect())
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

fn permit(snapshot: &Snapshot, case: Case, now: Timestamp) -> anyhow::Result<Permit<Derive>> {
    let register = snapshot.partnership();
    let purposes = register.purposes.iter().map(|purpose| purpose.id.clone());
    let operator = Principal::new(register.partnership.id.clone(), Role::Operator, purposes);
    let governing = snapshot.governing(&case.dataset.parse()?, now);
    let request = Request::new(operator, "service-planning".parse()?, vec![governing]);
    let request = Request { opt_outs: Vec::new(), ..request };
    let period_type = if case.of == Of::People { PeriodType::Month } else { PeriodType::CalendarYear };
    let level = agreements::Level::new(case.area_type(), period_type);
    decide(snapshot, &request.with_outputs([level]), now).map_err(|denial| anyhow::anyhow!("denied: {denial:?}"))
}
