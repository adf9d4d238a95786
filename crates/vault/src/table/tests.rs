use super::*;
use crate::SeededEntropy;
use arrow::array::{
    ArrayRef, DictionaryArray, FixedSizeBinaryBuilder, Float64Array, Int32Array, Int64Array, UInt64Array,
};
use arrow::datatypes::{Field, UInt16Type};
use proptest::prelude::*;

const CANARY: &str = "canary-lsoa-name";

fn vault() -> Vault {
    crate::testing::vault(1).unwrap()
}

fn identity(agreements: &[u8]) -> TableIdentity {
    TableIdentity {
        dataset: "one-org.two-set".parse().unwrap(),
        version: Uuid::from_u128(7),
        agreements: agreements.iter().map(|b| Digest([*b; 32])).collect(),
    }
}

/// A table in the shape of the common data set, sorted by area.
fn batch(rows: i32) -> RecordBatch {
    let areas: DictionaryArray<UInt16Type> =
        (0..rows).map(|i| Some(if i < rows / 2 { "E01990001" } else { CANARY })).collect();
    let mut contributors = FixedSizeBinaryBuilder::new(16);
    (0..rows).for_each(|i| {
        if i % 5 == 0 {
            contributors.append_null();
        } else {
            contributors.append_value(u128::try_from(i * 77 + 1).unwrap().to_be_bytes()).unwrap();
        }
    });
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("area", Arc::new(areas), false),
        ("month", Arc::new((0..rows).map(|i| Some(24_276 + i % 12)).collect::<Int32Array>()), false),
        ("count", Arc::new((0..rows).map(|i| (i % 7 != 0).then_some(i64::from(i))).collect::<Int64Array>()), true),
        ("score", Arc::new((0..rows).map(|i| Some(f64::from(i) / 3.0)).collect::<Float64Array>()), true),
        ("contributor", Arc::new(contributors.finish()), true),
        ("record_key", Arc::new((0..rows).map(|i| Some(u64::try_from(i).unwrap())).collect::<UInt64Array>()), false),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn written(rows: i32) -> (Vec<u8>, WrappedTableKeys, RecordBatch) {
    let batch = batch(rows);
    let (keys, wrapped) =
        TableKeys::generate(&vault(), identity(&[1, 2]), &batch.schema(), &mut SeededEntropy::new(2)).unwrap();
    let mut file = Vec::new();
    let summary = write_table(&mut file, &batch.schema(), [batch.clone()], &keys).unwrap();
    assert_eq!(summary.rows, u64::try_from(rows).unwrap());
    (file, wrapped, batch)
}

fn unwrapped(wrapped: &WrappedTableKeys, only: Option<&[&str]>) -> TableKeys {
    TableKeys::unwrap(&vault(), wrapped, identity(&[1, 2]), only).unwrap()
}

fn read(file: &[u8], keys: &TableKeys) -> Result<RecordBatch, VaultError> {
    let batches = read_table(Bytes::copy_from_slice(file), keys)?;
    let schema = batches[0].schema();
    Ok(arrow::compute::concat_batches(&schema, &batches).unwrap())
}

fn contains(file: &[u8], text: &str) -> bool {
    file.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_table_round_trips_with_its_types() {
    let (file, wrapped, batch) = written(1000);
    assert_eq!(read(&file, &unwrapped(&wrapped, None)).unwrap(), batch);
    let text = serde_json::to_string(&wrapped).unwrap();
    let stored: WrappedTableKeys = serde_json::from_str(&text).unwrap();
    assert_eq!(read(&file, &unwrapped(&stored, None)).unwrap(), batch);
}

#[test]
fn an_empty_table_round_trips() {
    let (file, wrapped, _) = written(0);
    let batches = read_table(Bytes::from(file), &unwrapped(&wrapped, None)).unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
}

#[test]
fn no_name_or_value_is_in_plain_sight() {
    let (file, _, batch) = written(1000);
    let (mut plain, names) = (Vec::new(), ["record_key", "contributor", CANARY]);
    let uncompressed = WriterProperties::builder().set_compression(Compression::UNCOMPRESSED).build();
    let mut writer = ArrowWriter::try_new(&mut plain, batch.schema(), Some(uncompressed)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    assert!(names.iter().all(|name| contains(&plain, name)), "the control must show them");
    // The paths of columns are part of the encrypted footer too.
    assert!(names.iter().all(|name| !contains(&file, name)));
}

#[test]
fn keys_open_only_their_columns_and_a_destroyed_key_closes_one() {
    let (file, mut wrapped, batch) = written(1000);
    let some = read(&file, &unwrapped(&wrapped, Some(&["count", "area"]))).unwrap();
    assert_eq!(some, batch.project(&[0, 2]).unwrap());
    let unknown = TableKeys::unwrap(&vault(), &wrapped, identity(&[1, 2]), Some(&["name"]));
    assert!(matches!(unknown, Err(VaultError::NoKey { .. })));
    assert!(wrapped.destroy("contributor"));
    let rest = read(&file, &unwrapped(&wrapped, None)).unwrap();
    assert_eq!(rest, batch.project(&[0, 1, 2, 3, 5]).unwrap());
    // Even the key of another column does not open it.
    let exchanged = wrapped.columns["count"].clone();
    wrapped.columns.insert("contributor".to_owned(), exchanged);
    assert!(TableKeys::unwrap(&vault(), &wrapped, identity(&[1, 2]), None).is_err());
}

#[test]
fn a_table_is_bound_to_its_dataset_version_and_agreements() {
    let (file, wrapped, _) = written(10);
    let wrong = [
        TableIdentity { dataset: "one-org.two-sets".parse().unwrap(), ..identity(&[1, 2]) },
        TableIdentity { version: Uuid::from_u128(8), ..identity(&[1, 2]) },
        identity(&[1]),
        identity(&[1, 2, 3]),
        identity(&[]),
    ];
    for identity in wrong {
        assert!(TableKeys::unwrap(&vault(), &wrapped, identity.clone(), None).is_err());
        // Also when the keys themselves are right: the pages authenticate the identity.
        let mut keys = unwrapped(&wrapped, None);
        keys.identity = identity;
        assert!(read(&file, &keys).is_err());
    }
}

#[test]
fn a_plain_file_does_not_pass_for_an_encrypted_one() {
    let (_, wrapped, batch) = written(10);
    let mut plain = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut plain, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let keys = unwrapped(&wrapped, None);
    // The library itself would read it: the reason for the check.
    let options = ArrowReaderOptions::new().with_file_decryption_properties(keys.decryption_properties().unwrap());
    assert!(ParquetRecordBatchReaderBuilder::try_new_with_options(Bytes::from(plain.clone()), options).is_ok());
    assert!(matches!(read(&plain, &keys), Err(VaultError::NotAuthentic { .. })));
    for short in [&b""[..], b"PARE", b"PAREPARE"] {
        assert!(require_encrypted(&mut std::io::Cursor::new(short)).is_err());
    }
}

#[test]
fn tables_that_would_leak_or_cannot_be_written_are_refused() {
    let batch = batch(10);
    let entropy = &mut SeededEntropy::new(2);
    let (keys, _) = TableKeys::generate(&vault(), identity(&[1]), &batch.schema(), entropy).unwrap();
    let fewer = batch.project(&[0, 1]).unwrap();
    assert!(matches!(write_table(Vec::new(), &fewer.schema(), [fewer.clone()], &keys), Err(VaultError::Table { .. })));
    let (few_keys, _) = TableKeys::generate(&vault(), identity(&[1]), &fewer.schema(), entropy).unwrap();
    assert!(matches!(
        write_table(Vec::new(), &batch.schema(), [batch.clone()], &few_keys),
        Err(VaultError::NoKey { .. })
    ));
    assert!(matches!(
        write_table(Vec::new(), &fewer.schema(), [batch.clone()], &few_keys),
        Err(VaultError::Table { .. })
    ));
    let nested = Field::new("list", DataType::new_list(DataType::Int32, true), true);
    let twice = Field::new("a", DataType::Int32, true);
    for fields in [vec![], vec![nested], vec![twice.clone(), twice]] {
        let result = TableKeys::generate(&vault(), identity(&[1]), &Schema::new(fields), entropy);
        assert!(matches!(result, Err(VaultError::Table { .. })));
    }
}

#[test]
fn statistics_are_kept_per_row_group_and_none_for_identifiers() {
    let (file, wrapped, batch) = written(1000);
    let keys = unwrapped(&wrapped, None);
    let options = ArrowReaderOptions::new().with_file_decryption_properties(keys.decryption_properties().unwrap());
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(Bytes::from(file), options).unwrap();
    let group = reader.metadata().row_group(0);
    for (index, field) in batch.schema().fields().iter().enumerate() {
        let column = group.column(index);
        let identifier = ["contributor", "record_key"].contains(&field.name().as_str());
        let minimum = column.statistics().is_some_and(|s| s.min_bytes_opt().is_some());
        assert_eq!(minimum, !identifier, "{}", field.name());
        assert_eq!(column.bloom_filter_offset(), None);
        assert_eq!((column.column_index_offset(), column.offset_index_offset()), (None, None));
        assert!(matches!(column.compression(), Compression::ZSTD(_)));
    }
}

#[test]
fn large_tables_are_cut_into_row_groups() {
    let rows = i32::try_from(ROWS_PER_GROUP).unwrap() + 1;
    let batch = batch(rows).project(&[0, 1]).unwrap();
    let (keys, _) = TableKeys::generate(&vault(), identity(&[1]), &batch.schema(), &mut SeededEntropy::new(2)).unwrap();
    let mut file = Vec::new();
    let summary = write_table(&mut file, &batch.schema(), [batch.clone()], &keys).unwrap();
    assert_eq!(summary, TableSummary { rows: u64::try_from(rows).unwrap(), row_groups: 2 });
    assert_eq!(read(&file, &keys).unwrap(), batch);
}

#[test]
fn nothing_prints_a_key() {
    let (_, wrapped, _) = written(1);
    let keys = unwrapped(&wrapped, None);
    for text in [format!("{keys:?}"), format!("{:?}", keys.decryption_properties().unwrap())] {
        for key in std::iter::once(&keys.footer).chain(keys.columns.values()) {
            let start: Vec<String> = key.bytes()[..4].iter().map(u8::to_string).collect();
            assert!(!text.contains(&start.join(", ")), "{text}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A changed byte is refused, or lies where nothing is read from: then the table reads the same. (Modules carry an
    /// unauthenticated length that the reader mostly ignores, but may panic on: the reason to compare digests first.)
    #[test]
    fn a_changed_byte_never_changes_what_is_read(place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let (mut file, wrapped, batch) = written(200);
        let keys = unwrapped(&wrapped, None);
        let place = place.index(file.len());
        file[place] ^= 1 << bit;
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(&file, &keys)));
        if let Ok(Ok(read)) = outcome {
            prop_assert!(read == batch, "byte {} of {} was changed and not noticed", place, file.len());
        }
    }
}
