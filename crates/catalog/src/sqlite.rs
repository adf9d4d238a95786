//! The catalogue in one SQLite file: write-ahead log, every commit synced.

mod jobs;
mod ledger;
mod schema;
mod settings;
mod versions;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use model::{DatasetId, Label};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::error::CatalogError;
use crate::port::Catalog;
use crate::records::{
    Commit, Credential, DatasetVersion, Job, JobOutcome, JobState, LedgerEntry, NewJob, Upload, VersionFacts,
    VersionStatus,
};

type Result<T> = std::result::Result<T, CatalogError>;

const BUSY: Duration = Duration::from_secs(5);

/// A catalogue in a SQLite file.
#[derive(Debug)]
pub struct SqliteCatalog {
    // One connection: commits are few, and readers of published tables do not come here.
    connection: Mutex<Connection>,
    // After a commit that failed it is unknown what is on the disk.
    poisoned: AtomicBool,
}

impl SqliteCatalog {
    /// Makes a database (mode 0600) where there is none, and opens it.
    ///
    /// # Errors
    /// If there is one, or the disk or the database fails.
    pub fn create(path: &Path) -> Result<Self> {
        let made = |source| CatalogError::File { operation: "create", path: path.to_owned(), source };
        // Made here for its mode and for the durability of its name; SQLite takes an empty file for a new database, and
        // gives its write-ahead log the same mode.
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(made)?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(made)?;
        Self::open(path)
    }

    /// Opens the database that is there, and brings its schema up to date. It never makes one: an empty catalogue in the
    /// place of one that is missing would say that nothing was ever stored.
    ///
    /// # Errors
    /// [`CatalogError::File`] if there is none; [`CatalogError::Newer`] if a later program wrote it; otherwise if the disk
    /// or the database fails.
    pub fn open(path: &Path) -> Result<Self> {
        std::fs::metadata(path).map_err(|source| CatalogError::File {
            operation: "open",
            path: path.to_owned(),
            source,
        })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(failed("open its database"))?;
        configure(&connection).map_err(failed("configure its database"))?;
        schema::migrate(&mut connection, path)?;
        Ok(Self { connection: Mutex::new(connection), poisoned: AtomicBool::new(false) })
    }

    fn lock(&self) -> Result<MutexGuard<'_, Connection>> {
        match self.connection.lock() {
            Ok(connection) if !self.poisoned.load(Ordering::Acquire) => Ok(connection),
            _ => Err(CatalogError::Poisoned),
        }
    }

    /// Runs one writing transaction: committed if `work` succeeds, undone if it does not.
    fn write<T>(&self, operation: &'static str, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut connection = self.lock()?;
        // Immediate: a transaction that reads first and writes later could otherwise find itself unable to.
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(operation))?;
        let result = work(&transaction)?;
        transaction.commit().map_err(|error| {
            self.poisoned.store(true, Ordering::Release);
            failed(operation)(error)
        })?;
        Ok(result)
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Without it, REPLACE removes rows of append-only tables unseen by their triggers.
    connection.pragma_update(None, "recursive_triggers", true)?;
    // A destroyed key must not survive in a free page.
    connection.pragma_update(None, "secure_delete", true)?;
    // No temporary files.
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "trusted_schema", false)
}

pub(crate) fn failed(operation: &'static str) -> impl FnOnce(rusqlite::Error) -> CatalogError {
    move |source| CatalogError::Database { operation, source }
}

fn to_json<T: Serialize>(what: &'static str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|_| CatalogError::Invalid { what, reason: "it cannot be written as text" })
}

/// Reads a stored value; the text is kept out of the error.
fn from_json<T: DeserializeOwned>(what: &'static str, id: impl ToString, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| CatalogError::damaged(what, id, "its record cannot be read"))
}

/// Reads a stored id or timestamp.
fn parse<T: std::str::FromStr>(what: &'static str, id: impl ToString, text: &str) -> Result<T> {
    text.parse().map_err(|_| CatalogError::damaged(what, id, "its record cannot be read"))
}

/// Collects the rows of a query, each turned into a record by `read`.
fn rows<T, Row>(
    connection: &Connection,
    operation: &'static str,
    sql: &str,
    parameters: impl rusqlite::Params,
    row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<Row>,
    read: impl FnMut(Row) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql).map_err(failed(operation))?;
    let found = statement.query_map(parameters, row).map_err(failed(operation))?;
    let found: Vec<Row> = found.collect::<rusqlite::Result<_>>().map_err(failed(operation))?;
    found.into_iter().map(read).collect()
}

impl Catalog for SqliteCatalog {
    fn find_upload(&self, dataset: &DatasetId, upload: &Upload) -> Result<Option<DatasetVersion>> {
        let connection = self.lock()?;
        versions::find_upload(&connection, dataset, upload)
    }

    fn record_upload(&self, id: Uuid, upload: &Upload) -> Result<()> {
        self.write("record an upload", |transaction| versions::record_upload(transaction, id, upload))
    }

    fn commit_version(
        &self,
        facts: VersionFacts,
        table_keys: &str,
        status: VersionStatus,
        job: Option<NewJob>,
    ) -> Result<Commit> {
        self.write("record a version", |transaction| versions::commit(transaction, facts, table_keys, status, job))
    }

    fn discard_version(&self, id: Uuid) -> Result<()> {
        self.write("discard a version", |transaction| versions::discard(transaction, id))
    }

    fn change_version(&self, id: Uuid, to: VersionStatus, job: Option<NewJob>) -> Result<DatasetVersion> {
        self.write("change a version", |transaction| versions::change(transaction, id, to, job))
    }

    fn replace_table_keys(&self, id: Uuid, keys: Option<&str>) -> Result<()> {
        self.write("replace keys", |transaction| versions::replace_keys(transaction, id, keys))?;
        // The write-ahead log still holds the page with the old keys: empty it.
        let connection = self.lock()?;
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
            .map_err(failed("remove destroyed keys"))
            .map(|_| ())
    }

    fn version(&self, id: Uuid) -> Result<Option<DatasetVersion>> {
        let connection = self.lock()?;
        versions::by_id(&connection, id)
    }

    fn versions(&self, dataset: Option<&DatasetId>, status: Option<VersionStatus>) -> Result<Vec<DatasetVersion>> {
        let connection = self.lock()?;
        versions::list(&connection, dataset, status)
    }

    fn enqueue(&self, job: NewJob) -> Result<()> {
        self.write("queue a job", |transaction| jobs::insert(transaction, &job))
    }

    fn claim_job(&self, now: Timestamp) -> Result<Option<Job>> {
        self.write("take a job", |transaction| jobs::claim(transaction, now))
    }

    fn finish_job(&self, id: Uuid, outcome: JobOutcome, now: Timestamp) -> Result<()> {
        self.write("finish a job", |transaction| jobs::finish(transaction, id, outcome, now))
    }

    fn requeue_jobs(&self, now: Timestamp) -> Result<u64> {
        self.write("requeue jobs", |transaction| jobs::requeue(transaction, now))
    }

    fn jobs(&self, state: Option<JobState>) -> Result<Vec<Job>> {
        let connection = self.lock()?;
        jobs::list(&connection, state)
    }

    fn append_ledger(&self, entry: &LedgerEntry) -> Result<()> {
        self.write("append to a ledger", |transaction| ledger::append(transaction, entry))
    }

    fn ledger(&self, group: &Label, after: u64) -> Result<Vec<LedgerEntry>> {
        let connection = self.lock()?;
        ledger::entries(&connection, group, after)
    }

    fn ledger_groups(&self) -> Result<Vec<Label>> {
        let connection = self.lock()?;
        ledger::groups(&connection)
    }

    fn add_credential(&self, credential: &Credential) -> Result<()> {
        self.write("record a credential", |transaction| settings::add_credential(transaction, credential))
    }

    fn revoke_credential(&self, id: &Label, now: Timestamp) -> Result<()> {
        self.write("revoke a credential", |transaction| settings::revoke_credential(transaction, id, now))
    }

    fn credentials(&self) -> Result<Vec<Credential>> {
        let connection = self.lock()?;
        settings::credentials(&connection)
    }

    fn setting(&self, name: &Label) -> Result<Option<String>> {
        let connection = self.lock()?;
        settings::setting(&connection, name)
    }

    fn replace_setting(&self, name: &Label, expected: Option<&str>, value: &str) -> Result<()> {
        self.write("change a setting", |transaction| settings::replace_setting(transaction, name, expected, value))
    }
}

#[cfg(test)]
mod tests;
