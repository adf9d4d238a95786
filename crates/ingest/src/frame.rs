//! The text of the agreed columns as a data frame, and wide columns turned into rows: where Polars is used.
//!
//! Its own unpivot needs features that cost a good deal of building; walking the wide columns is the same.

use csv::StringRecord;
use polars::prelude::{Column, DataFrame, IntoColumn, StringChunked, StringChunkedBuilder};
use sha2::{Digest, Sha256};

use crate::error::IngestError;
use crate::findings::{At, Kind, Recorder};
use crate::plan::Plan;
use crate::request::CleanRequest;
use crate::source::{Deadline, Records, limit};

/// How many rows are read between two looks at the clock.
const CLOCK: u64 = 4096;

/// The file's text: one column a field of the plan (`f0`...), one a wide column (`w0`...).
pub(crate) struct TextFrame {
    frame: DataFrame,
    /// The line of each row.
    pub(crate) lines: Vec<u64>,
    /// A digest of each row as a whole, to recognise repeated rows; it never leaves this process.
    pub(crate) digests: Vec<[u8; 32]>,
}

/// One cell of a wide column.
pub(crate) struct WideCell<'t> {
    pub(crate) row: u32,
    pub(crate) wide: usize,
    pub(crate) text: Option<&'t str>,
}

impl TextFrame {
    /// Reads all rows. Only cells of the plan's columns are kept; a row with too many or too few fields is a finding.
    pub(crate) fn read(
        records: &mut Records<'_>,
        plan: &Plan<'_>,
        request: &CleanRequest<'_>,
        deadline: &Deadline,
        recorder: &mut Recorder,
    ) -> Result<Self, IngestError> {
        let positions = plan.fields.iter().map(|field| field.position);
        let positions: Vec<usize> = positions.chain(plan.wides.iter().map(|wide| wide.position)).collect();
        let names = (0..plan.fields.len()).map(|i| format!("f{i}"));
        let names = names.chain((0..plan.wides.len()).map(|i| format!("w{i}")));
        let mut builders: Vec<StringChunkedBuilder> =
            names.map(|name| StringChunkedBuilder::new(name.into(), 0)).collect();
        let (mut lines, mut digests) = (Vec::new(), Vec::new());
        let mut record = StringRecord::new();
        while let Some(line) = records.next(&mut record)? {
            if record.iter().all(|field| field.trim().is_empty()) {
                continue;
            }
            let counts = &mut recorder.findings.counts;
            counts.rows_read += 1;
            if counts.rows_read > request.limits.rows {
                return Err(limit("the file has rows", request.limits.rows, ": split it by period"));
            }
            if counts.rows_read.is_multiple_of(CLOCK) {
                deadline.check()?;
            }
            check_fields(&record, line, request)?;
            if is_ragged(&record, plan.width, request) {
                counts.refused += 1;
                let (found, expected) = (record.len(), plan.width);
                recorder.record(At { row: line, column: "", clause: "" }, Kind::Ragged, || {
                    format!("{found} fields under a header of {expected}: quote fields that hold commas")
                });
                continue;
            }
            for (builder, position) in builders.iter_mut().zip(&positions) {
                builder.append_option(record.get(*position));
            }
            lines.push(line);
            digests.push(digest(&record));
        }
        let columns: Vec<Column> = builders.into_iter().map(|builder| builder.finish().into_column()).collect();
        let frame =
            DataFrame::new(lines.len(), columns).map_err(|e| IngestError::table("building the table of text", e))?;
        Ok(Self { frame, lines, digests })
    }

    /// The text of a field, row by row.
    pub(crate) fn field(&self, index: usize) -> Result<&StringChunked, IngestError> {
        text_column(&self.frame, &format!("f{index}"))
    }

    /// The wide columns as rows: every cell with its row and wide column, one wide column after another.
    pub(crate) fn unpivot(&self, wides: usize) -> Result<impl Iterator<Item = WideCell<'_>>, IngestError> {
        let columns: Vec<&StringChunked> =
            (0..wides).map(|index| text_column(&self.frame, &format!("w{index}"))).collect::<Result<_, _>>()?;
        Ok(columns.into_iter().enumerate().flat_map(|(wide, column)| {
            (0_u32..).zip(column.iter()).map(move |(row, text)| WideCell { row, wide, text })
        }))
    }
}

fn text_column<'f>(frame: &'f DataFrame, name: &str) -> Result<&'f StringChunked, IngestError> {
    frame.column(name).and_then(|column| column.str()).map_err(|e| IngestError::table("reading a column of text", e))
}

fn check_fields(record: &StringRecord, line: u64, request: &CleanRequest<'_>) -> Result<(), IngestError> {
    let longest = record.iter().map(str::len).max().unwrap_or(0);
    if u64::try_from(longest).unwrap_or(u64::MAX) > request.limits.field_bytes {
        let hint = " bytes: a quote may not be closed";
        return Err(limit(format!("line {line}: a field is"), request.limits.field_bytes, hint));
    }
    Ok(())
}

/// Empty fields behind the last column are tolerated, and so are missing ones in workbooks, which store no empty cells.
fn is_ragged(record: &StringRecord, width: usize, request: &CleanRequest<'_>) -> bool {
    let extra = record.iter().skip(width).any(|field| !field.trim().is_empty());
    let short = record.len() < width && request.contract.file.format != model::contract::Format::Xlsx;
    extra || short
}

fn digest(record: &StringRecord) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for field in record {
        let field = field.trim();
        hasher.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(field.as_bytes());
    }
    hasher.finalize().into()
}
