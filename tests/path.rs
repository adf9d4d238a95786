//! The whole path: loading, loading again, canaries, what a stolen folder shows.

use std::fs;
use std::sync::Arc;

use catalog::{Catalog, DataFolder, DatasetVersion, ObjectStore, SqliteCatalog};
use vault::{FileKey, TableIdentity, TableKeys, Vault};

use crate::support::{self, Demo};

#[test]
fn loading_twice_duplicates_nothing() {
    let demo = Demo::open();
    let before = demo.platform.holdings().unwrap();
    drop(demo.router);
    drop(demo.platform);
    let text = support::load(demo.folder.path());
    let (platform, _) = platform::Platform::open(support::settings(demo.folder.path())).unwrap();
    assert_eq!(platform.holdings().unwrap().to_string(), before.to_string(), "{text}");
    assert!(!text.contains("cg_"), "keys are printed once: {text}");
}

#[test]
fn no_byte_of_the_folder_holds_a_canary() {
    let demo = Demo::open();
    let canaries = testkit::canaries().unwrap();
    assert!(canaries.len() > 20, "{}", canaries.len());
    let found = |bytes: &[u8]| canaries.iter().filter(|canary| contains(bytes, canary.as_bytes())).count();

    // The control: the same search finds them in the files that were taken in.
    let mut control = 0;
    for path in support::files(&support::root().join("sample-data/partners")) {
        control += found(&testkit::inflate(&fs::read(&path).unwrap()));
    }
    assert!(control >= canaries.len(), "{control} of {}", canaries.len());

    for path in support::files(demo.folder.path()) {
        assert_eq!(found(&fs::read(&path).unwrap()), 0, "{}", path.display());
    }
    for (name, text) in decoded_tables(demo) {
        assert_eq!(found(text.as_bytes()), 0, "decoded {name}");
    }
}

/// Every stored table, opened with the master key and printed.
fn decoded_tables(demo: Demo) -> Vec<(String, String)> {
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
        (facts.table.name.to_string(), text_of(&batches))
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

/// Every value of every column, as text.
fn text_of(batches: &[arrow::array::RecordBatch]) -> String {
    let options = arrow::util::display::FormatOptions::default();
    let mut text = String::new();
    for batch in batches {
        for column in batch.columns() {
            let formatter = arrow::util::display::ArrayFormatter::try_new(column, &options).unwrap();
            for row in 0..batch.num_rows() {
                text.push_str(&formatter.value(row).to_string());
                text.push('\n');
            }
        }
    }
    text
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
