//! The common data set and the cross-tabulations over it: the only user of the query engine.
//!
//! A table is opened with a `Permit`; what comes out is [`disclosure::Unreleased`], which nothing outside `disclosure`
//! can open. A row about a person never leaves this crate.
//!
//! **Architecture invariants:** callers send typed requests, never SQL; every logical plan passes an allow-list visitor;
//! the session of a request holds only its permitted tables and columns; nothing is spilled to disk.

mod allow_list;
mod choice;
mod error;
mod facts;
mod nested;
mod people;
mod permitted;
mod request;
mod session;
mod universe;
mod unreported;

use std::sync::Arc;

use disclosure::Unreleased;

pub use error::EngineError;
pub use facts::UNKNOWN;
pub use permitted::Permits;
pub use request::{AreaSet, Contributors, Dimension, GroupRequest, Limits, MeasureSpec, StoredTable, TableSpec};

/// Computes everything a group publishes from the current partitions of its dataset.
///
/// Every cell of every table of the request is present in the answer, empty ones included; a cell over a value that is
/// missing at its source, or over an area that was not reported, is marked as not available.
///
/// # Errors
/// If the permits do not cover all of it at this moment, a table cannot be opened, or a limit is reached.
pub async fn tabulate(
    permits: &Permits<'_>,
    tables: &[StoredTable],
    request: &GroupRequest,
    limits: &Limits,
) -> Result<Unreleased, EngineError> {
    let deadline = request::Deadline::new(limits);
    request.check(limits)?;
    permits.check(tables, request)?;
    let work = async {
        let session = session::Session::open(tables, request, limits)?;
        let batches = session.aggregate(request, limits).await?;
        facts::Facts::read(&batches, request)
    };
    let facts = tokio::time::timeout(limits.timeout, work)
        .await
        .map_err(|_| EngineError::TimedOut { seconds: limits.timeout.as_secs() })??;
    let facts = Arc::new(facts);
    universe::tabulate(&facts, request, limits, deadline)
}
