//! What the engine adds up from encrypted files, against a naive reference: from memory and from the files, as tables and by the query
//! engine's own aggregation.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, FixedSizeBinaryArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    UInt16Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt16Type};
use model::{DatasetId, Digest, Exposure, Month, PeriodType};
use proptest::prelude::*;
use vault::{FileKey, OsEntropy, TableIdentity, TableKeys, Vault, write_table};

use super::grouping::Grouping;
use super::session::Session;
use crate::data::hot::Hot;
use crate::error::EngineError;
use crate::facts::{Facts, UNKNOWN};
use crate::request::{
    AreaSet, Contributors, Deadline, Dimension, GroupRequest, Limits, MeasureSpec, StoredTable, TableSpec,
};

mod bounds;

pub(crate) const AREAS: [&str; 5] = ["E01000001", "E01000002", "E01000003", "E01000004", "E01000005"];
pub(crate) const KINDS: [&str; 3] = ["minor", "severe", "other"];

/// One row: area, month since the first, kind, person, contacts, score in thousandths.
pub(crate) type Record = (usize, i32, Option<usize>, Option<u8>, Option<i64>, Option<i64>);

pub(crate) fn first_month() -> i32 {
    "2025-01".parse::<Month>().unwrap().ordinal()
}

fn schema() -> SchemaRef {
    let text = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8));
    Arc::new(Schema::new(vec![
        Field::new("area", text.clone(), false),
        Field::new("month", DataType::Int32, false),
        Field::new("kind", text, true),
        Field::new("contributor", DataType::FixedSizeBinary(16), true),
        Field::new("contacts", DataType::Int64, true),
        Field::new("score", DataType::Float64, true),
        Field::new("record_key", DataType::UInt64, false),
    ]))
}

fn texts(codes: impl Iterator<Item = Option<usize>>, values: &[&str]) -> ArrayRef {
    let keys: UInt16Array = codes.map(|code| code.map(|code| u16::try_from(code).unwrap())).collect();
    Arc::new(DictionaryArray::<UInt16Type>::new(keys, Arc::new(StringArray::from(values.to_vec()))))
}

fn batch(records: &[Record]) -> RecordBatch {
    let who = records.iter().map(|record| record.3.map(|who| [who; 16]));
    let columns: Vec<ArrayRef> = vec![
        texts(records.iter().map(|record| Some(record.0)), &AREAS),
        Arc::new(records.iter().map(|record| first_month() + record.1).collect::<Int32Array>()),
        texts(records.iter().map(|record| record.2), &KINDS),
        Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(who, 16).unwrap()),
        Arc::new(records.iter().map(|record| record.4).collect::<Int64Array>()),
        Arc::new(records.iter().map(|record| record.5.map(|score| score as f64 / 1000.0)).collect::<Float64Array>()),
        Arc::new(records.iter().map(|record| Some(record_key(record))).collect::<UInt64Array>()),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

/// A key that looks random and follows from the record.
pub(crate) fn record_key(record: &Record) -> u64 {
    let who = u64::from(record.3.unwrap_or(200)) << 8 | record.0 as u64;
    who.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

pub(crate) fn dataset() -> DatasetId {
    "org.data".parse().unwrap()
}

/// An encrypted file of some records.
pub(crate) fn stored(folder: &Path, number: u8, records: &[Record]) -> StoredTable {
    write(folder, number, &batch(records))
}

fn write(folder: &Path, number: u8, batch: &RecordBatch) -> StoredTable {
    let key = FileKey::create(&folder.join(format!("{number}.key")), &folder.join("data"), &mut OsEntropy).unwrap();
    let vault = Vault::new(Arc::new(key));
    let identity =
        TableIdentity { dataset: dataset(), version: uuid::Uuid::from_u128(u128::from(number)), agreements: [].into() };
    let (keys, _) = TableKeys::generate(&vault, identity, &batch.schema(), &mut OsEntropy).unwrap();
    let path = folder.join(format!("{number}"));
    write_table(std::fs::File::create(&path).unwrap(), &batch.schema(), [batch.clone()], &keys).unwrap();
    StoredTable { path, decryption: keys.decryption_properties().unwrap(), agreements: [].into() }
}

fn request(contributors: Contributors) -> GroupRequest {
    let area = |code: &&str| (code.parse().unwrap(), vec![code.parse().unwrap()]);
    let areas = Arc::new(AreaSet { area_type: model::AreaType::Lsoa, areas: AREAS.iter().map(area).collect() });
    let table = |column: &str| TableSpec {
        measure: MeasureSpec { id: column.parse().unwrap(), column: column.to_owned(), filter: BTreeMap::new() },
        areas: Arc::clone(&areas),
        period_type: PeriodType::Month,
        periods: vec![PeriodType::Month.containing(Month::from_ordinal(first_month()).unwrap())],
        by: vec![Dimension { name: "kind".to_owned(), categories: KINDS.map(str::to_owned).to_vec() }],
        asked_by: [].into(),
    };
    GroupRequest {
        group: "test".parse().unwrap(),
        revision: Digest([0; 32]),
        dataset: dataset(),
        exposure: Exposure::Controlled,
        contributors,
        partner: None,
        sensitive: [].into(),
        known_upper: BTreeMap::new(),
        parts: BTreeMap::new(),
        decimals: ["score".to_owned()].into(),
        reporting: Vec::new(),
        classifications: BTreeMap::from([("kind".to_owned(), KINDS.map(str::to_owned).to_vec())]),
        tables: vec![table("contacts"), table("score")],
    }
}

/// Area, month, kind and person, to contacts and scores: what is known of them, and whether that is all.
type Sums = BTreeMap<(String, i32, String, Option<[u8; 16]>), [(i64, bool); 2]>;

fn naive(files: &[Vec<Record>], people: bool) -> Sums {
    let mut sums: Sums = BTreeMap::new();
    for (area, month, kind, who, contacts, score) in files.iter().flatten() {
        let who = who.filter(|_| people).map(|who| [who; 16]);
        let kind = kind.map_or(UNKNOWN, |kind| KINDS[kind]).to_owned();
        let cell = sums.entry((AREAS[*area].to_owned(), first_month() + month, kind, who)).or_insert([(0, true); 2]);
        for (sum, amount) in cell.iter_mut().zip([contacts, score]) {
            sum.0 += amount.unwrap_or(0);
            sum.1 &= amount.is_some();
        }
    }
    sums
}

fn of_facts(facts: &Facts) -> Sums {
    let mut sums = Sums::new();
    for row in &facts.rows {
        let area = facts.areas.texts()[row.area].clone();
        let kind = facts.categories[0].texts()[row.categories[0]].clone();
        let before = sums.insert((area, row.month, kind, row.contributor), [row.sums[0], row.sums[1]]);
        assert!(before.is_none(), "a cell comes once");
    }
    sums
}

pub(crate) fn limits(threads: usize) -> Limits {
    Limits { threads, ..Limits::default() }
}

pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

fn facts(
    hot: &Arc<Hot>,
    tables: &[StoredTable],
    request: &GroupRequest,
    limits: &Limits,
) -> Result<Facts, EngineError> {
    run(async {
        let session = open(hot, tables, request, limits)?;
        let batches = session.aggregate().await?;
        Facts::read(&batches, request, session.snapshot(), &Deadline::new(limits))
    })
}

fn open(
    hot: &Arc<Hot>,
    tables: &[StoredTable],
    request: &GroupRequest,
    limits: &Limits,
) -> Result<Session, EngineError> {
    Session::open(hot, (&request.dataset, tables), grouping(request), limits)
}

fn grouping(request: &GroupRequest) -> Grouping {
    Grouping::of_group(request, Limits::default().max_contributions)
}

pub(crate) fn records() -> impl Strategy<Value = Vec<Record>> {
    let record = (
        0..AREAS.len(),
        0..3_i32,
        prop::option::weighted(0.9, 0..KINDS.len()),
        prop::option::weighted(0.8, 0..9_u8),
        prop::option::weighted(0.9, 0..5_i64),
        prop::option::weighted(0.9, -3000..3000_i64),
    );
    prop::collection::vec(record, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn files_add_up_to_what_a_naive_sum_says(
        files in prop::collection::vec(records(), 0..4),
        people in any::<bool>(),
        threads in 1..4_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let tables: Vec<StoredTable> =
            (0..).zip(&files).map(|(number, records)| stored(folder.path(), number, records)).collect();
        let request = request(if people { Contributors::Linked } else { Contributors::Figures });
        let expect = naive(&files, people);
        let warm = Arc::new(Hot::new(1 << 20));
        // Twice: what is read the second time is in memory. With little of it everything is read again.
        for hot in [&warm, &warm, &Arc::new(Hot::new(100)), &Arc::new(Hot::new(0))] {
            let facts = facts(hot, &tables, &request, &limits(threads)).unwrap();
            prop_assert_eq!(&of_facts(&facts), &expect);
            prop_assert!(hot.held().bytes <= hot.held().capacity);
        }
        let general = run(async {
            let session = open(&warm, &tables, &request, &limits(threads)).unwrap().without_tables();
            let batches = session.aggregate().await.unwrap();
            Facts::read(&batches, &request, session.snapshot(), &Deadline::new(&limits(1))).unwrap()
        });
        prop_assert_eq!(&of_facts(&general), &expect);
        let rows: usize = files.iter().map(Vec::len).sum();
        prop_assert_eq!(warm.held().columns > 0, rows > 0);
    }
}

/// So many rows of five people in three months, sorted as intake sorts them.
fn many(rows: i32) -> Vec<Record> {
    let row = |row: i32| {
        let area = usize::try_from(row * 5 / rows).unwrap();
        (area, row % 3, Some(usize::from(row % 2 == 0)), Some(u8::try_from(row % 5).unwrap()), Some(1), None)
    };
    (0..rows).map(row).collect()
}

#[test]
fn of_a_column_that_a_file_does_not_have_nothing_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (many(40), many(60));
    let without = |names: &[&str], number: u8| {
        let is_there = |column: &usize| !names.contains(&schema().field(*column).name().as_str());
        let columns: Vec<usize> = (0..schema().fields().len()).filter(is_there).collect();
        write(folder.path(), number, &batch(&old).project(&columns).unwrap())
    };
    let request = request(Contributors::Linked);
    let known: Vec<Record> = old.iter().map(|record| (record.0, record.1, None, record.3, None, None)).collect();
    let tables = [without(&["kind", "contacts", "score"], 1), stored(folder.path(), 2, &new)];
    let hot = Arc::new(Hot::new(1 << 20));
    for _ in 0..2 {
        let sums = of_facts(&facts(&hot, &tables, &request, &limits(1)).unwrap());
        assert_eq!(sums, naive(&[known.clone(), new.clone()], true));
    }
    // Also where it is the only one that is not in memory yet.
    let hot = Arc::new(Hot::new(1 << 20));
    let mut plain = request.clone();
    plain.tables.iter_mut().for_each(|table| table.by.clear());
    facts(&hot, &tables, &plain, &limits(1)).unwrap();
    let sums = of_facts(&facts(&hot, &tables, &request, &limits(1)).unwrap());
    assert_eq!(sums, naive(&[known, new], true));
    for (number, column) in (3..).zip(["area", "month", "contributor"]) {
        let error = facts(&hot, &[without(&[column], number)], &request, &limits(1)).err().unwrap();
        assert!(error.to_string().contains(&format!("column `{column}` is missing")), "{error}");
    }
}

/// Eleven dimensions of which each row has values of its own: more combinations than can be numbered.
#[test]
fn what_cannot_be_counted_in_a_table_is_left_to_the_query_engine() {
    let folder = tempfile::tempdir().unwrap();
    let rows = 60;
    let names: Vec<String> = (0..11).map(|number| format!("dimension_{number:02}")).collect();
    let records = many(rows);
    let values: Vec<String> = (0..rows).map(|row| format!("value {row}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let mut fields: Vec<Field> = schema().fields().iter().map(|field| (**field).clone()).collect();
    let mut columns = batch(&records).columns().to_vec();
    for name in &names {
        let column = texts((0..values.len()).map(Some), &values);
        fields.push(Field::new(name, column.data_type().clone(), true));
        columns.push(column);
    }
    let wide = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let tables = [write(folder.path(), 1, &wide)];
    let mut request = request(Contributors::Figures);
    let by = |name: &String| Dimension { name: name.clone(), categories: Vec::new() };
    request.tables.iter_mut().for_each(|table| table.by = names.iter().map(by).collect());
    let warm = Arc::new(Hot::new(1 << 20));
    // From the files nobody knows how many values there are before all are read; from memory it is known at once.
    for hot in [&Arc::new(Hot::new(0)), &warm, &warm] {
        let facts = facts(hot, &tables, &request, &limits(2)).unwrap();
        assert_eq!(facts.rows.len(), values.len(), "a row by itself");
        let contacts: i64 = facts.rows.iter().map(|row| row.sums[0].0).sum();
        assert_eq!(contacts, records.iter().map(|record| record.4.unwrap()).sum::<i64>());
    }
}

#[test]
fn several_threads_read_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let records = many(600_000);
    let tables = [stored(folder.path(), 1, &records)];
    let request = request(Contributors::Linked);
    let hot = Arc::new(Hot::new(0));
    assert_eq!(open(&hot, &tables, &request, &limits(3)).unwrap().snapshot().pieces().len(), 3, "row groups");
    let sums = of_facts(&facts(&hot, &tables, &request, &limits(3)).unwrap());
    assert_eq!(sums, naive(&[records], true));
}

#[test]
fn what_is_forgotten_is_read_again_and_nobody_sees_half_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (many(50), many(90).into_iter().rev().collect::<Vec<_>>());
    let tables = [stored(folder.path(), 1, &one), stored(folder.path(), 2, &other)];
    let hot = Arc::new(Hot::new(1 << 20));
    let request = request(Contributors::Linked);
    let sums = |tables: &[StoredTable]| of_facts(&facts(&hot, tables, &request, &limits(1)).unwrap());
    assert_eq!(sums(&tables), naive(&[one.clone(), other.clone()], true));
    let before = hot.held();
    // These have begun with the people as they were numbered then.
    let early = open(&hot, &tables, &request, &limits(1)).unwrap();
    let of_other = open(&hot, &tables[1..], &request, &limits(1)).unwrap();
    hot.forget(&dataset(), &tables[0].path);
    assert!(hot.held().columns < before.columns);
    assert_eq!(sums(&tables[1..]), naive(std::slice::from_ref(&other), true), "numbered anew, in another order");
    let of_other = run(async {
        let batches = of_other.aggregate().await.unwrap();
        Facts::read(&batches, &request, of_other.snapshot(), &Deadline::new(&limits(1))).unwrap()
    });
    assert_eq!(of_facts(&of_other), naive(&[other], true));
    // Nobody reads on in what is forgotten, or begins to.
    hot.forget(&dataset(), &tables[1].path);
    let begun = run(early.aggregate()).unwrap_err();
    assert!(matches!(begun, EngineError::Withdrawn { .. }), "{begun}");
    assert!(matches!(open(&hot, &tables, &request, &limits(1)).err(), Some(EngineError::Withdrawn { .. })));
    assert_eq!(hot.held().columns, 0);
}

#[test]
fn files_without_any_of_the_areas_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let of = |area: usize| vec![(area, 0, None, None, Some(1), None)];
    let tables: Vec<StoredTable> =
        (0_u8..).zip([0, 2, 4]).map(|(number, area)| stored(folder.path(), number, &of(area))).collect();
    let mut request = request(Contributors::Figures);
    let hot = Arc::new(Hot::new(1 << 20));
    let pieces = |request: &GroupRequest| open(&hot, &tables, request, &limits(1)).unwrap().snapshot().pieces().len();
    assert_eq!(pieces(&request), 3);
    for table in &mut request.tables {
        table.areas = Arc::new(AreaSet { areas: table.areas.areas[1..3].to_vec(), ..(*table.areas).clone() });
    }
    assert_eq!(pieces(&request), 1);
    // Where areas report, one that nobody asks about says that its partition is not empty.
    let reporting = vec![request.tables[0].periods[0]];
    assert_eq!(pieces(&GroupRequest { reporting, ..request.clone() }), 3);
    // And with another key a file is none of ours.
    let mut wrong = tables.clone();
    wrong[1].decryption = Arc::clone(&tables[0].decryption);
    let error = facts(&Arc::new(Hot::new(0)), &wrong, &request, &limits(1)).err().unwrap();
    assert!(error.to_string().contains("not encrypted with its keys"), "{error}");
}
