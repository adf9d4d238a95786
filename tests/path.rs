//! The whole path: loading, loading again, canaries, what a stolen folder shows.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayData, RecordBatch};
use catalog::{Catalog, DataFolder, DatasetVersion, ObjectStore, SqliteCatalog};
use vault::{FileKey, TableIdentity, TableKeys, Vault};

use crate::publishing::records;
use crate::support::{self, Demo};

#[test]
fn loading_twice_duplicates_nothing() {
    let demo = Demo::open();
    let before = demo.platform.holdings().unwrap();
    let intents = records(demo.folder.path(), "intent");
    drop(demo.router);
    drop(demo.platform);
    let text = support::load(demo.folder.path());
    let (platform, _) = platform::Platform::open(support::settings(demo.folder.path())).unwrap();
    assert_eq!(platform.holdings().unwrap().to_string(), before.to_string(), "{text}");
    assert!(!text.contains("cg_"), "keys are printed once: {text}");
    assert_eq!(records(demo.folder.path(), "intent"), intents, "a file that is known is nothing to begin with");
}

/// How many rows a file had is a true total of what may be few people.
#[test]
fn no_count_of_rows_is_plain_text() {
    let demo = Demo::open();
    // Five digits: no group of a UUID has as many, and the random bytes of a catalogue spell a shorter number now and then.
    let count = 23_457;
    let text = String::from_utf8(support::fires()).unwrap();
    let (head, row) = (text.lines().next().unwrap(), text.lines().nth(1).unwrap().split_once(',').unwrap().1);
    let rows = (0..count).map(|number| format!("2026-C{number},{row}\n"));
    let file: String = std::iter::once(format!("{head}\n")).chain(rows).collect();
    let request = platform::UploadRequest {
        dataset: "lancashire-fire-and-rescue.incidents".parse().unwrap(),
        period: "2026-01-01/P3M".to_owned(),
        idempotency_key: None,
        digest: None,
        empty: false,
        corrects: true,
        opt_outs_applied: None,
    };
    let officer = demo.platform.local_officer(&request.dataset).unwrap();
    let receipt = demo.platform.upload(&officer, &request, file.as_bytes()).unwrap();
    demo.platform.publish_pending(&mut |_| ()).unwrap();
    let counts = &receipt.findings.counts;
    assert_eq!(counts.rows_read, count as u64);
    let numbers = [counts.rows_read.to_string(), counts.kept.to_string()];
    let held = |bytes: &[u8]| {
        let words = bytes.split(|byte| !byte.is_ascii_alphanumeric());
        words.filter(|word| numbers.iter().any(|number| number.as_bytes() == *word)).count()
    };
    let Demo { platform, router, folder, .. } = demo;
    drop((platform, router));
    let found = || -> usize {
        let files = support::files(&folder.path().join("data")).into_iter();
        let plain = files.filter(|path| !path.to_string_lossy().contains("/objects/"));
        plain.map(|path| held(&fs::read(path).unwrap())).sum()
    };
    assert_eq!(found(), 0);
    // The control: the same search finds them in what the sender is told, and in the catalogue if they were there.
    assert!(held(&serde_json::to_vec(&receipt).unwrap()) >= 2);
    let data = DataFolder::open(&folder.path().join("data")).unwrap();
    let catalog = SqliteCatalog::open(&data.catalog()).unwrap();
    catalog.replace_setting(&"control".parse().unwrap(), None, &format!("{{\"rows\":{count}}}")).unwrap();
    drop(catalog);
    assert!(found() >= 1);
}

/// Neither the data folder nor what was said while it was loaded; the temporary folder is empty, which loading asserts.
#[test]
fn no_byte_of_the_folder_or_of_the_log_holds_a_canary() {
    let demo = Demo::open();
    let canaries = testkit::canaries();
    assert!(canaries.len() > 20, "{}", canaries.len());
    let found = |bytes: &[u8]| canaries.iter().filter(|canary| contains(bytes, canary.as_bytes())).count();

    // The control: the same search finds them in the files that were taken in.
    let mut control = 0;
    for path in support::files(&support::root().join("sample-data/partners")) {
        control += found(&testkit::inflate(&fs::read(&path).unwrap()).unwrap());
    }
    assert!(control >= canaries.len(), "{control} of {}", canaries.len());

    let mut searched = std::collections::BTreeSet::new();
    for path in support::files(demo.folder.path()) {
        assert_eq!(found(&fs::read(&path).unwrap()), 0, "{}", path.display());
        searched.insert(path.strip_prefix(demo.folder.path()).unwrap().to_owned());
    }
    assert!(searched.len() > 200, "{}", searched.len());
    for known in ["data/catalog.sqlite", support::LOG] {
        assert!(searched.contains(Path::new(known)), "{known} was not searched: {searched:?}");
    }
    let log = fs::read_to_string(demo.folder.path().join(support::LOG)).unwrap();
    assert!(log.contains("17 datasets"), "{log}");
    for (name, bytes) in decoded_tables(demo) {
        assert_eq!(found(&bytes), 0, "decoded {name}");
    }
}

/// Every stored table, opened with the master key.
fn decoded_tables(demo: Demo) -> Vec<(String, Vec<u8>)> {
    let Demo { platform, router, folder, .. } = demo;
    drop((platform, router));
    let data = DataFolder::open(&folder.path().join("data")).unwrap();
    let key = FileKey::open(&folder.path().join("data.key"), data.root()).unwrap();
    let vault = Vault::new(Arc::new(key));
    let catalog = SqliteCatalog::open(&data.catalog()).unwrap();
    let store = ObjectStore::open(&data.objects()).unwrap();
    let versions = catalog.versions(None, None).unwrap();
    assert!(versions.len() > 50, "{}", versions.len());
    let decode = |version: DatasetVersion| {
        let facts = version.facts;
        let wrapped = serde_json::from_str(version.table_keys.as_deref().unwrap()).unwrap();
        let identity =
            TableIdentity { dataset: facts.dataset.clone(), version: facts.id, agreements: facts.agreements.clone() };
        let keys = TableKeys::unwrap(&vault, &wrapped, identity, None).unwrap();
        let batches = vault::read_table(store.read(&facts.table).unwrap().into(), &keys).unwrap();
        (facts.table.name.to_string(), bytes_of(&batches))
    };
    versions.into_iter().map(decode).collect()
}

#[test]
fn stored_tables_cannot_be_read_without_their_keys() {
    let demo = Demo::open();
    let tables: Vec<_> = support::files(&demo.folder.path().join("data/objects"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "parquet"))
        .collect();
    assert!(tables.len() > 50, "{}", tables.len());
    for path in tables {
        let file = fs::File::open(&path).unwrap();
        let read = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file);
        assert!(read.is_err(), "{} opens without a key", path.display());
    }
}

/// The bytes of every decoded column.
fn bytes_of(batches: &[RecordBatch]) -> Vec<u8> {
    fn gather(data: &ArrayData, bytes: &mut Vec<u8>) {
        data.buffers().iter().for_each(|buffer| bytes.extend_from_slice(buffer));
        data.child_data().iter().for_each(|child| gather(child, bytes));
    }
    let mut bytes = Vec::new();
    for column in batches.iter().flat_map(RecordBatch::columns) {
        gather(&column.to_data(), &mut bytes);
    }
    bytes
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(bytes, needle).is_some()
}
