//! What a cross-tabulation gives back to the query engine: a row for each cell that some row is in.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt32Array, UInt64Array};
use arrow::datatypes::SchemaRef;
use crosstab::{Run, Shape};
use datafusion::error::{DataFusionError, Result as QueryResult};

use super::tally::Finished;

/// Cells of one batch.
const CELLS_AT_ONCE: usize = 64 * 1024;

/// A column after the axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// The sum of a measure; null where none of its amounts is known.
    Sum(usize),
    /// How many of a measure's amounts are known.
    Known(usize),
    /// How many rows there are.
    Rows,
    /// The sum of all record keys modulo 2^64.
    Keys,
}

/// The batches of a table, one at a time.
pub(super) fn batches(
    table: Finished,
    outputs: Vec<Output>,
    schema: SchemaRef,
) -> impl Iterator<Item = QueryResult<RecordBatch>> {
    let table = Arc::new(table);
    let lengths: Vec<usize> = match &*table {
        Finished::Cells(table) => table.runs().iter().map(|run| run.cells().len()).collect(),
        Finished::Pairs(table) => table.runs().iter().map(|run| run.cells().len()).collect(),
    };
    let parts: Vec<(usize, usize)> = (lengths.into_iter().enumerate())
        .flat_map(|(run, length)| (0..length).step_by(CELLS_AT_ONCE).map(move |start| (run, start)))
        .collect();
    parts.into_iter().map(move |(run, start)| {
        let no_run = || DataFusionError::Internal("a run is missing".to_owned());
        let coded = |shape: &Shape, cells: &[u64]| -> Vec<ArrayRef> {
            let codes = shape.columns(part(cells, start)).into_iter();
            codes.map(|codes| Arc::new(UInt32Array::from(codes)) as ArrayRef).collect()
        };
        let columns = match &*table {
            Finished::Cells(table) => {
                let run = table.runs().get(run).ok_or_else(no_run)?;
                let mut columns = coded(table.shape(), run.cells());
                columns.extend(outputs.iter().map(|output| column(run, *output, start)));
                columns
            }
            Finished::Pairs(table) => {
                let run = table.runs().get(run).ok_or_else(no_run)?;
                let mut columns = coded(table.shape(), run.cells());
                columns.push(Arc::new(UInt64Array::from(part(run.keys(), start).to_vec())));
                columns
            }
        };
        Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
    })
}

fn part<T>(all: &[T], start: usize) -> &[T] {
    let end = all.len().min(start + CELLS_AT_ONCE);
    all.get(start..end).unwrap_or_default()
}

fn column(run: &Run, output: Output, start: usize) -> ArrayRef {
    let rows = part(run.rows(), start).iter().map(|rows| i64::from(*rows));
    let known = |measure: usize| {
        let unknown = part(run.unknown(measure), start).iter().copied().chain(std::iter::repeat(0));
        rows.clone().zip(unknown).map(|(rows, unknown)| rows - i64::from(unknown))
    };
    match output {
        Output::Rows => Arc::new(rows.collect::<Int64Array>()),
        Output::Known(measure) => Arc::new(known(measure).collect::<Int64Array>()),
        Output::Sum(measure) => {
            let sums = part(run.sums(measure), start).iter().zip(known(measure));
            Arc::new(sums.map(|(sum, known)| Some(*sum).filter(|_| known > 0)).collect::<Int64Array>())
        }
        Output::Keys => Arc::new(part(run.keys(), start).iter().copied().collect::<UInt64Array>()),
    }
}
