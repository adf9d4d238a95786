//! The database itself: what SQL may not change, damage, versions of the program, and what stays in its files.

use super::*;

#[test]
fn sql_cannot_change_what_is_append_only() {
    let (_folder, catalog) = open();
    for sequence in 1..=2 {
        catalog.append_ledger(&entry(1, sequence, 3)).unwrap();
    }
    let before = contents(&catalog);
    let row = "('group-1', 1, 'x', x'00')";
    for sql in [
        "UPDATE ledger SET ciphertext = x'00'",
        "UPDATE ledger SET sequence = 9 WHERE sequence = 2",
        "DELETE FROM ledger",
        "DELETE FROM ledger WHERE sequence = 2",
        &format!("INSERT INTO ledger VALUES {row}"),
        &format!("INSERT OR REPLACE INTO ledger VALUES {row}"),
        &format!("REPLACE INTO ledger VALUES {row}"),
        &format!("INSERT INTO ledger VALUES {row} ON CONFLICT DO UPDATE SET digest = 'y'"),
        "INSERT INTO ledger VALUES ('group-1', 4, 'x', x'00')",
    ] {
        let error = catalog.lock().unwrap().execute(sql, []).unwrap_err();
        assert!(error.to_string().contains("append-only"), "{sql}: {error}");
    }
    assert_eq!(contents(&catalog), before);
    // Insert ... or ignore does nothing, and says nothing.
    let ignored = catalog.lock().unwrap().execute(&format!("INSERT OR IGNORE INTO ledger VALUES {row}"), []);
    assert!(ignored.is_err() || contents(&catalog) == before);
}

#[test]
fn damaged_records_are_noticed_and_not_shown() {
    let (_folder, catalog) = open();
    let _ = commit(&catalog, facts(1, 0, 1, 1, None)).unwrap();
    catalog.append_ledger(&entry(1, 1, 3)).unwrap();
    let sql = |text: &str| catalog.lock().unwrap().execute_batch(text).unwrap();
    sql("DROP TRIGGER ledger_stays; UPDATE ledger SET ciphertext = x'030304'");
    assert!(matches!(catalog.ledger(&label("group", 1), 0), Err(CatalogError::Damaged { .. })));
    sql("UPDATE version SET facts = '{\"secret\": 1}'");
    let error = catalog.version(id(1)).unwrap_err();
    assert!(matches!(error, CatalogError::Damaged { .. }));
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[test]
fn settings_of_the_database_hold() {
    let (folder, catalog) = open();
    let connection = catalog.lock().unwrap();
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    let text = |name| connection.pragma_query_value(None, name, |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(text("journal_mode"), "wal");
    for (name, value) in
        [("synchronous", 2), ("foreign_keys", 1), ("recursive_triggers", 1), ("secure_delete", 1), ("temp_store", 2)]
    {
        assert_eq!(number(name), value, "{name}");
    }
    use std::os::unix::fs::PermissionsExt;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.file_name());
    }
}

/// A record that nobody can read is given up, and keeps no other job.
#[test]
fn a_damaged_job_is_passed_over() {
    let (_folder, catalog) = open();
    for n in [1, 2] {
        catalog.enqueue(job(n, None)).unwrap();
    }
    let damage = |transaction: &rusqlite::Transaction<'_>| {
        let sql = "UPDATE job SET facts = 'nonsense' WHERE sequence = (SELECT min(sequence) FROM job)";
        transaction.execute(sql, []).map_err(failed("damage a job"))
    };
    assert_eq!(catalog.write("damage a job", damage).unwrap(), 1);
    assert_eq!(catalog.claim_job(at(10)).unwrap().unwrap().facts.id, id(2));
    assert_eq!(catalog.claim_job(at(11)).unwrap(), None);
    // Whoever asks for the others' states is not kept from them either.
    let known: Vec<_> = catalog.jobs(None).unwrap().iter().map(|job| (job.facts.id, job.state)).collect();
    assert_eq!(known, [(id(2), JobState::Running)]);
}

#[test]
fn a_failed_commit_poisons_the_catalogue() {
    let (folder, catalog) = open();
    let _ = commit(&catalog, facts(1, 0, 1, 1, None)).unwrap();
    // A deferred constraint fails on commit, and not before: as a disk does.
    let broken = catalog.write("break", |transaction| {
        let sql = "PRAGMA defer_foreign_keys = on; INSERT INTO upload VALUES ('d', 'k', 'b', 'no such version')";
        transaction.execute_batch(sql).map_err(failed("break"))
    });
    assert!(matches!(broken, Err(CatalogError::Database { .. })));
    assert!(matches!(catalog.version(id(1)), Err(CatalogError::Poisoned)));
    assert!(matches!(catalog.requeue_jobs(at(1)), Err(CatalogError::Poisoned)));
    drop(catalog);
    let again = SqliteCatalog::open(&folder.path().join("catalog.sqlite")).unwrap();
    assert!(again.version(id(1)).unwrap().is_some());
    assert!(again.find_upload(&dataset(0), &upload(0, 0)).unwrap().is_none());
}

#[test]
fn a_database_of_an_earlier_program_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    let earlier = rusqlite::Connection::open(&path).unwrap();
    earlier.execute_batch(include_str!("../0001.sql")).unwrap();
    earlier.execute_batch("INSERT INTO agreement_event VALUES (1, '{}'); PRAGMA user_version = 1").unwrap();
    drop(earlier);
    let catalog = SqliteCatalog::open(&path).unwrap();
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'agreement_event%'";
    assert_eq!(catalog.lock().unwrap().query_row(tables, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    assert!(matches!(commit(&catalog, facts(1, 0, 1, 1, None)), Ok(Commit::New(_))));
}

#[test]
fn a_database_of_a_later_program_is_refused() {
    let (folder, catalog) = open();
    catalog.lock().unwrap().pragma_update(None, "user_version", 99).unwrap();
    drop(catalog);
    let error = SqliteCatalog::open(&folder.path().join("catalog.sqlite")).unwrap_err();
    assert!(matches!(error, CatalogError::Newer { found: 99, .. }), "{error}");
}

#[test]
fn destroyed_keys_leave_no_trace_in_the_files() {
    let (folder, catalog) = open();
    let keys = format!("canary-{}", "k".repeat(3000));
    let _ = catalog.commit_version(facts(1, 0, 1, 1, None), &keys, VersionStatus::Current, None).unwrap();
    let found = || {
        std::fs::read_dir(folder.path()).unwrap().any(|entry| {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            bytes.windows(12).any(|window| window == b"canary-kkkkk" || window == b"kkkkkkkkkkkk")
        })
    };
    assert!(found(), "the search must find them before");
    catalog.replace_table_keys(id(1), None).unwrap();
    assert!(!found());
    assert_eq!(catalog.version(id(1)).unwrap().unwrap().table_keys, None);
    assert!(catalog.replace_table_keys(id(1), Some("new")).is_err());
}

/// What was staged and discarded leaves nothing: neither its number, nor its content, nor the key it was sent with.
/// A database is made once, and only where one is to be made: an empty one in the place of one that is missing would say
/// that nothing was ever stored.
#[test]
fn a_missing_database_is_not_made_by_opening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    let error = SqliteCatalog::open(&path).unwrap_err();
    assert!(matches!(error, CatalogError::File { operation: "open", .. }), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let _ = commit(&SqliteCatalog::create(&path).unwrap(), facts(1, 0, 1, 1, None)).unwrap();
    let error = SqliteCatalog::create(&path).unwrap_err();
    assert!(matches!(error, CatalogError::File { operation: "create", .. }), "{error}");
    assert!(SqliteCatalog::open(&path).unwrap().version(id(1)).unwrap().is_some());
}
