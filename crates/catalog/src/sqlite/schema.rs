//! Tables, and how a database of an earlier program becomes one of this program.
//!
//! What a record is and never changes stands in one JSON column, `facts`; what is searched for or changes has a column
//! of its own.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::failed;
use crate::error::CatalogError;

/// Step i brings a database from `user_version` i to i + 1. Steps are only ever added.
const MIGRATIONS: [&str; 2] = [include_str!("0001.sql"), include_str!("0002.sql")];

pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), CatalogError> {
    let operation = "bring its database up to date";
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(operation))?;
    let found: i64 =
        transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed(operation))?;
    if found > known {
        return Err(CatalogError::Newer { path: path.to_owned(), found, known });
    }
    let done = usize::try_from(found).unwrap_or_default();
    for step in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(step).map_err(failed(operation))?;
    }
    if found < known {
        transaction.pragma_update(None, "user_version", known).map_err(failed(operation))?;
    }
    transaction.commit().map_err(failed(operation))
}
