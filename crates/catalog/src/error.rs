//! What can go wrong with the catalogue and the object store.

use std::io;
use std::path::PathBuf;

/// An error of the catalogue or the object store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// Something else is already recorded.
    #[error("{what} `{id}` conflicts with what is recorded: {reason}")]
    Conflict {
        /// Kind of record.
        what: &'static str,
        /// Its id.
        id: String,
        /// Why, and what to do.
        reason: &'static str,
    },
    /// No such record.
    #[error("there is no {what} `{id}`")]
    NotFound {
        /// Kind of record.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// A value that cannot be stored.
    #[error("{what} cannot be stored: {reason}")]
    Invalid {
        /// Kind of record.
        what: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// Stored bytes are not what was written.
    #[error("{what} `{id}` is damaged: {reason}; restore it from a backup")]
    Damaged {
        /// Kind of record.
        what: &'static str,
        /// Its id.
        id: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The database refused.
    #[error("the catalogue could not {operation}")]
    Database {
        /// What was tried, as an infinitive.
        operation: &'static str,
        /// The cause.
        #[source]
        source: rusqlite::Error,
    },
    /// The data folder was written by a later version of the program.
    #[error("`{}` has format {found}, and this program knows formats up to {known}; use a newer program", path.display())]
    Newer {
        /// The database or folder.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The latest format this program knows.
        known: i64,
    },
    /// A folder that is not a data folder.
    #[error("`{}` is not a Commonground data folder: {reason}", path.display())]
    NotADataFolder {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// Another process uses the data folder.
    #[error(
        "the data folder `{}` is in use by {}; stop that program first; while the service runs, files go in through its API, and a key is revoked with `credential revoke`",
        path.display(), holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The process that holds the lock, if it is known.
        holder: Option<u32>,
    },
    /// A file operation failed.
    #[error("could not {operation} `{}`", path.display())]
    File {
        /// What was tried, as an infinitive.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// An earlier write failed, so it is unknown what is on the disk.
    #[error("an earlier write to the data folder failed; nothing more is accepted until the program is started again")]
    Poisoned,
}

impl CatalogError {
    /// Whether the database has no room on its disk.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let Self::Database { source, .. } = self else { return false };
        source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
    }

    pub(crate) fn not_found(what: &'static str, id: impl ToString) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    pub(crate) fn conflict(what: &'static str, id: impl ToString, reason: &'static str) -> Self {
        Self::Conflict { what, id: id.to_string(), reason }
    }

    pub(crate) fn damaged(what: &'static str, id: impl ToString, reason: &'static str) -> Self {
        Self::Damaged { what, id: id.to_string(), reason }
    }
}
