//! The common data set and the cross-tabulations over it: the only user of the query engine.
//!
//! A table is opened with a `Permit`; what comes out is [`disclosure::Unreleased`], which nothing outside `disclosure`
//! can open. A row about a person never leaves this crate.
//!
//! **Architecture invariants:** callers send typed requests, never SQL; every logical plan passes an allow-list visitor;
//! the session of a request holds only its permitted tables and columns; nothing is spilled to disk.

mod choice;
mod counts;
mod data;
mod error;
mod facts;
mod links;
mod nested;
mod people;
mod permitted;
mod query;
mod request;
mod universe;
mod unreported;

use std::path::Path;
use std::sync::Arc;

use disclosure::{Unreleased, UnreleasedCounts};
use model::DatasetId;

use data::hot::Hot;
use query::grouping::Grouping;
use query::session::Session;

pub use counts::{CountPermit, CountRequest, Of, SumOf};
pub use data::hot::Held;
pub use error::EngineError;
pub use facts::UNKNOWN;
pub use links::{LinkPermit, LinkRequest, LinkedDataset};
pub use permitted::Permits;
/// Told by whoever does not wait for an answer any more.
pub use tokio_util::sync::CancellationToken as Stop;

pub use request::{AreaSet, Contributors, Dimension, GroupRequest, Limits, MeasureSpec, StoredTable, TableSpec};

/// The common data set: the stored tables of all datasets, with the columns that were used lately in memory.
#[derive(Debug, Clone)]
pub struct CommonDataSet {
    hot: Arc<Hot>,
}

impl CommonDataSet {
    /// With so many bytes for columns in memory; the rest is read from the stored tables each time.
    #[must_use]
    pub fn new(memory_bytes: usize) -> Self {
        Self { hot: Arc::new(Hot::new(memory_bytes)) }
    }

    /// Computes everything a group publishes from the current partitions of its dataset.
    ///
    /// Every cell of every table of the request is present in the answer, empty ones included; a cell over a value that is
    /// missing at its source, or over an area that was not reported, is marked as not available.
    ///
    /// # Errors
    /// If the permits do not cover all of it at this moment, a table cannot be opened, or a limit is reached.
    pub async fn tabulate(
        &self,
        permits: &Permits<'_>,
        tables: &[StoredTable],
        request: &GroupRequest,
        limits: &Limits,
    ) -> Result<Unreleased, EngineError> {
        let deadline = request::Deadline::new(limits);
        request.check(limits)?;
        permits.check(tables, request)?;
        let work = async {
            let grouping = Grouping::of_group(request, limits.max_contributions);
            let session = Session::open(&self.hot, (&request.dataset, tables), grouping, limits)?;
            let batches = session.aggregate().await?;
            facts::Facts::read(&batches, request, session.snapshot(), &deadline)
        };
        let facts = Arc::new(within(limits, work).await?);
        universe::tabulate(&facts, request, limits, &deadline)
    }

    /// Counts rows or people of a dataset by area, period and dimensions, and adds up their record keys: for the cell-key method. In row-major
    /// order of [`CountRequest::sizes`].
    ///
    /// # Errors
    /// If the permit does not cover all of it at this moment, a table cannot be opened, a row would be in two cells, or a limit is
    /// reached.
    pub async fn count(
        &self,
        permit: &CountPermit<'_>,
        tables: &[StoredTable],
        request: &CountRequest,
        limits: &Limits,
    ) -> Result<UnreleasedCounts, EngineError> {
        let deadline = request::Deadline::new(limits);
        request.check(limits)?;
        permit.check(tables, request)?;
        let work = async {
            let counted = request.count(request.open(&self.hot, tables, limits)?, &deadline).await?;
            let Some(sum) = &request.sum else { return Ok(counted) };
            let session = request.open_sums(sum, (&self.hot, tables), limits)?;
            Ok(counted.with_sums(request.add_up(sum, session, &deadline).await?))
        };
        within(limits, work).await?.unreleased(request)
    }

    /// Joins records of several datasets by the pseudonyms that these share, and counts everybody once where most of their records of a
    /// period are, by how many of the datasets know them: one table for each set of areas of the request.
    ///
    /// # Errors
    /// If the permits do not cover all of it at this moment, a table cannot be opened, a row would be in two areas, or a limit is
    /// reached.
    pub async fn link(
        &self,
        permit: &LinkPermit<'_>,
        datasets: &[LinkedDataset],
        request: &LinkRequest,
        limits: &Limits,
    ) -> Result<Vec<UnreleasedCounts>, EngineError> {
        let deadline = request::Deadline::new(limits);
        permit.check(datasets, request)?;
        let work = links::Joined::read(&self.hot, datasets, request, (limits, &deadline));
        within(limits, work).await?.count()
    }

    /// Forgets what was read from a stored table, and who the people of its dataset are: after it was withdrawn, erased or its keys
    /// were destroyed.
    pub fn forget(&self, dataset: &DatasetId, table: &Path) {
        self.hot.forget(dataset, table);
    }

    /// Lets go of all that is in memory: after agreements changed, so that what they closed is not kept.
    pub fn let_go(&self) {
        self.hot.let_go_of_all();
    }

    /// How much is in memory.
    #[must_use]
    pub fn held(&self) -> Held {
        self.hot.held()
    }
}

/// What work comes to, if it ends in time and somebody waits for it; it is stopped otherwise.
async fn within<T>(limits: &Limits, work: impl Future<Output = Result<T, EngineError>>) -> Result<T, EngineError> {
    let in_time = tokio::time::timeout(limits.timeout, work);
    let ended = limits.stop.run_until_cancelled(in_time).await.ok_or(EngineError::Stopped)?;
    ended.unwrap_or(Err(EngineError::TimedOut { seconds: limits.timeout.as_secs() }))
}
