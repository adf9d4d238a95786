//! The cross-tabulation of a snapshot as an operator of the query engine: scan and aggregation in one.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow::datatypes::SchemaRef;
use crosstab::{Block, CrosstabError};
use datafusion::error::{DataFusionError, Result as QueryResult};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::TryStreamExt;

use super::output::{Output, batches};
use super::tally::{Finished, Room, Table, shape_of};
use crate::data::snapshot::Snapshot;

/// What a cross-tabulation computes.
#[derive(Debug, Clone)]
pub(crate) struct Crosstab {
    pub(crate) snapshot: Arc<Snapshot>,
    /// Columns of the snapshot that rows are grouped by.
    pub(crate) axes: Vec<usize>,
    /// Columns that are summed.
    pub(crate) measures: Vec<usize>,
    /// The column of record keys that is summed.
    pub(crate) keys: Option<usize>,
    /// The column of record keys that rows are grouped by, after the axes: who is in which cell. Nothing is summed then.
    pub(crate) people: Option<usize>,
    /// What comes out, after the axes.
    pub(crate) outputs: Vec<Output>,
}

impl Crosstab {
    /// How many values each axis has by now.
    fn sizes(&self) -> Vec<u32> {
        let columns = self.snapshot.columns();
        let size = |axis: &usize| columns.get(*axis).map_or(0, |column| column.values.len());
        self.axes.iter().map(|axis| u32::try_from(size(axis)).unwrap_or(u32::MAX)).collect()
    }

    /// Whether the cells can be numbered.
    pub(crate) fn fits(&self) -> bool {
        shape_of(self.sizes()).is_ok()
    }

    fn columns(&self) -> Vec<usize> {
        self.axes.iter().chain(&self.measures).chain(&self.keys).chain(&self.people).copied().collect()
    }
}

/// Runs a cross-tabulation.
#[derive(Debug)]
pub(crate) struct CrosstabExec {
    work: Arc<Crosstab>,
    threads: usize,
    properties: Arc<PlanProperties>,
}

impl CrosstabExec {
    pub(crate) fn new(work: Crosstab, schema: SchemaRef, threads: usize) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { work: Arc::new(work), threads: threads.max(1), properties: Arc::new(properties) }
    }
}

impl DisplayAs for CrosstabExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crosstab: {} axes, {} measures", self.work.axes.len(), self.work.measures.len())
    }
}

impl ExecutionPlan for CrosstabExec {
    fn name(&self) -> &'static str {
        "Crosstab"
    }

    leaf_of_a_plan!();

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> QueryResult<SendableRecordBatchStream> {
        let (work, schema) = (Arc::clone(&self.work), self.schema());
        let (threads, of) = (self.threads, Arc::clone(&schema));
        let pool = Arc::clone(context.memory_pool());
        let batches = async move {
            let outputs = work.outputs.clone();
            let (table, reservation) = run(work, threads, &pool).await?;
            // Its memory is free when the last batch is.
            Ok::<_, DataFusionError>(futures::stream::iter(batches(table, outputs, of).inspect(move |_| {
                let _held = &reservation;
            })))
        };
        let stream = futures::stream::once(batches).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }
}

/// Tells the workers to stop when whoever waits for them does not any more.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The table, and the memory that it takes.
async fn run(
    work: Arc<Crosstab>,
    threads: usize,
    pool: &Arc<dyn MemoryPool>,
) -> QueryResult<(Finished, MemoryReservation)> {
    let stop = Stop(Arc::default());
    let next = Arc::new(AtomicUsize::new(0));
    let threads = threads.min(work.snapshot.pieces().len()).max(1);
    let values = Arc::new(MemoryConsumer::new("values of columns").register(pool));
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let worker = Worker {
                work: Arc::clone(&work),
                next: Arc::clone(&next),
                stop: Arc::clone(&stop.0),
                values: Arc::clone(&values),
                reservation: MemoryConsumer::new("cross-tabulation").register(pool),
            };
            let stop = Arc::clone(&stop.0);
            tokio::task::spawn_blocking(move || {
                let counted = worker.count();
                if counted.is_err() {
                    // Nobody needs what the others would find.
                    stop.store(true, Ordering::Relaxed);
                }
                counted
            })
        })
        .collect();
    let (mut parts, mut failed) = (Vec::new(), None);
    for worker in workers {
        match worker.await.map_err(|_| stopped()).flatten() {
            Ok(part) => parts.push(part),
            // What one of them met, not that the others were stopped for it.
            Err(error) => failed = failed.filter(|first| !is_stop(first)).or(Some(error)),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let told = Arc::clone(&stop.0);
    let finish = tokio::task::spawn_blocking(move || work.together(parts, threads, &|| told.load(Ordering::Relaxed)));
    finish.await.map_err(|_| stopped())?
}

impl Crosstab {
    fn together(
        &self,
        parts: Vec<(Table, MemoryReservation)>,
        threads: usize,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> QueryResult<(Finished, MemoryReservation)> {
        let mut parts = parts.into_iter();
        let (mut all, reservation) = parts.next().ok_or_else(stopped)?;
        for (part, of_part) in parts {
            if stop() {
                return Err(stopped());
            }
            let room = Room { rows: self.rows(), beside: part.bytes(), reservation: &reservation };
            all = all.merge(part, &room).map_err(refused)?;
            drop(of_part);
        }
        // What it is, and what it becomes: of each cell its number beside what it holds.
        reservation.try_resize(all.bytes().saturating_mul(4))?;
        let finished = all.finish(threads, stop).map_err(refused)?;
        reservation.try_resize(finished.bytes())?;
        Ok((finished, reservation))
    }

    fn rows(&self) -> u64 {
        u64::try_from(self.snapshot.rows()).unwrap_or(u64::MAX)
    }
}

struct Worker {
    work: Arc<Crosstab>,
    /// The next piece that nobody has taken.
    next: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    /// For the values of columns that are this request's alone: all workers add to the same ones.
    values: Arc<MemoryReservation>,
    reservation: MemoryReservation,
}

impl Worker {
    fn count(self) -> QueryResult<(Table, MemoryReservation)> {
        let work = &self.work;
        let (axes, measures) = (work.axes.len(), work.measures.len());
        let table = match work.people {
            Some(_) => Table::of_people(axes),
            None => Table::new(axes, measures, work.keys.is_some()),
        };
        let mut table = table.map_err(refused)?;
        let columns = work.columns();
        while let Some(piece) = work.snapshot.pieces().get(self.next.fetch_add(1, Ordering::Relaxed)) {
            if self.stop.load(Ordering::Relaxed) {
                return Err(stopped());
            }
            let needed = work.snapshot.bytes_of(piece, &columns);
            self.reservation.try_resize(table.bytes().saturating_add(needed))?;
            let read =
                work.snapshot.read(piece, &columns).map_err(|error| DataFusionError::External(Box::new(error)))?;
            self.values.try_resize(work.snapshot.bytes_of_values())?;
            let room = Room { rows: work.rows(), beside: needed, reservation: &self.reservation };
            table = table.with_room_for(&work.sizes(), &room).map_err(refused)?;
            let (coded, rest) = read.split_at_checked(axes).unwrap_or_default();
            let (amounts, keys) = rest.split_at_checked(measures).unwrap_or_default();
            let block = Block {
                rows: piece.rows,
                axes: coded.iter().filter_map(|column| column.codes()).collect(),
                measures: amounts.iter().filter_map(|column| column.amounts()).collect(),
                keys: keys.first().and_then(|column| column.keys()),
            };
            table.add(&block).map_err(refused)?;
            self.reservation.try_resize(table.bytes())?;
        }
        Ok((table, self.reservation))
    }
}

fn is_stop(error: &DataFusionError) -> bool {
    let DataFusionError::External(inner) = error else { return false };
    inner.downcast_ref::<CrosstabError>().is_some_and(|error| *error == CrosstabError::Stopped)
}

fn stopped() -> DataFusionError {
    refused(CrosstabError::Stopped)
}

fn refused(error: CrosstabError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
