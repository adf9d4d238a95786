//! The rows of a snapshot as a table of the query engine: coded columns are numbers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, UInt32Array, UInt64Array};
use arrow::compute::nullif;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use crosstab::{Codes, CrosstabError};
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result as QueryResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::StreamExt;

use crate::data::column::{Column, Kind};
use crate::data::snapshot::Snapshot;

/// A snapshot, as what a plan scans.
#[derive(Debug)]
pub(crate) struct CommonTable {
    snapshot: Arc<Snapshot>,
    schema: SchemaRef,
    threads: usize,
}

impl CommonTable {
    pub(crate) fn new(snapshot: Arc<Snapshot>, threads: usize) -> Self {
        let field = |name: &str, kind: Kind| match kind {
            Kind::Text | Kind::Month | Kind::Person => Field::new(name, DataType::UInt32, false),
            Kind::Amount | Kind::Decimal => Field::new(name, DataType::Int64, true),
            Kind::Key => Field::new(name, DataType::UInt64, false),
        };
        let fields: Vec<Field> = snapshot.columns().iter().map(|column| field(&column.name, column.kind)).collect();
        Self { snapshot, schema: Arc::new(Schema::new(fields)), threads: threads.max(1) }
    }
}

#[async_trait]
impl TableProvider for CommonTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> QueryResult<Arc<dyn ExecutionPlan>> {
        let columns = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let schema = Arc::new(self.schema.project(&columns)?);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(self.threads),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Arc::new(CommonScan {
            snapshot: Arc::clone(&self.snapshot),
            totals: columns.iter().map(|_| AtomicU64::new(0)).collect(),
            columns,
            schema,
            threads: self.threads,
            properties: Arc::new(properties),
        }))
    }
}

/// Reads columns of a snapshot.
#[derive(Debug)]
pub(crate) struct CommonScan {
    pub(crate) snapshot: Arc<Snapshot>,
    /// Numbers of the columns in the snapshot.
    pub(crate) columns: Vec<usize>,
    schema: SchemaRef,
    pub(crate) threads: usize,
    properties: Arc<PlanProperties>,
    /// What the absolute amounts of each column that was read so far add up to.
    totals: Arc<[AtomicU64]>,
}

impl DisplayAs for CommonScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommonScan: {} columns", self.columns.len())
    }
}

impl ExecutionPlan for CommonScan {
    fn name(&self) -> &'static str {
        "CommonScan"
    }

    leaf_of_a_plan!();

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> QueryResult<SendableRecordBatchStream> {
        let pieces: Vec<_> = self.snapshot.pieces().iter().copied().skip(partition).step_by(self.threads).collect();
        let (snapshot, columns, schema) = (Arc::clone(&self.snapshot), self.columns.clone(), Arc::clone(&self.schema));
        let totals = Arc::clone(&self.totals);
        let read = move |piece| -> QueryResult<RecordBatch> {
            let read = snapshot.read(&piece, &columns).map_err(|error| DataFusionError::External(Box::new(error)))?;
            are_held(&read, &totals).map_err(|error| DataFusionError::External(Box::new(error)))?;
            let arrays = read.iter().map(|column| array(column)).collect::<QueryResult<Vec<_>>>()?;
            Ok(RecordBatch::try_new(Arc::clone(&schema), arrays)?)
        };
        // Each on a thread for such work: on this one nobody could be told meanwhile that time is up.
        let read = Arc::new(read);
        let stream = futures::stream::iter(pieces).then(move |piece| {
            let read = Arc::clone(&read);
            async move {
                let read = tokio::task::spawn_blocking(move || read(piece));
                read.await.map_err(|error| DataFusionError::External(Box::new(error)))?
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream)))
    }
}

/// Whether every sum can be held, by what all absolute amounts add up to: the query engine's own sums wrap without a word.
fn are_held(read: &[Arc<Column>], totals: &[AtomicU64]) -> Result<(), CrosstabError> {
    let amounts = read.iter().zip(totals).filter_map(|(column, total)| Some((column.amounts()?, total)));
    for (measure, (amounts, total)) in amounts.enumerate() {
        let magnitude = amounts.magnitude();
        let add = |total: u64| Some(total.saturating_add(magnitude));
        let before = total.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).unwrap_or(u64::MAX);
        if before.saturating_add(magnitude) > i64::MAX.unsigned_abs() {
            return Err(CrosstabError::TooMuch { measure });
        }
    }
    Ok(())
}

fn array(column: &Column) -> QueryResult<ArrayRef> {
    if let Some(codes) = column.codes() {
        return Ok(Arc::new(match codes {
            Codes::U8(codes) => codes.iter().map(|code| u32::from(*code)).collect::<UInt32Array>(),
            Codes::U16(codes) => codes.iter().map(|code| u32::from(*code)).collect(),
            Codes::U32(codes) => UInt32Array::from(codes.to_vec()),
        }));
    }
    if let Some(keys) = column.keys() {
        return Ok(Arc::new(UInt64Array::from(keys.to_vec())));
    }
    let of = column.amounts().ok_or_else(|| DataFusionError::Internal("a column of no kind".to_owned()))?;
    let amounts: ArrayRef = Arc::new(Int64Array::from(of.amounts.to_vec()));
    match of.known {
        None => Ok(amounts),
        Some(known) => Ok(nullif(&amounts, &BooleanArray::from_iter(known.iter().map(|known| Some(!known))))?),
    }
}
