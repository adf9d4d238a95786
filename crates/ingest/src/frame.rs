//! The text of the agreed columns, column by column, and wide columns turned into rows.

use arrow::array::{Array, LargeStringArray, LargeStringBuilder};
use csv::StringRecord;
use model::contract::{Format, Level};
use sha2::{Digest, Sha256};

use crate::error::IngestError;
use crate::findings::{At, Kind, Recorder};
use crate::plan::Plan;
use crate::request::CleanRequest;
use crate::source::{Deadline, Records, limit};

/// How many rows are read between two looks at the clock.
const CLOCK: u64 = 4096;

/// The file's text.
pub(crate) struct TextFrame {
    /// One column a field of the plan, then one a wide column.
    columns: Vec<TextColumn>,
    /// How many of them are fields.
    fields: usize,
    /// The line of each row.
    pub(crate) lines: Vec<u64>,
    /// A digest of each row as a whole, to recognise repeated rows; it never leaves this process.
    pub(crate) digests: Vec<[u8; 32]>,
}

/// The cells of one column; a workbook's short rows have no cell.
pub(crate) struct TextColumn(LargeStringArray);

impl TextColumn {
    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        (row < self.0.len() && self.0.is_valid(row)).then(|| self.0.value(row))
    }
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
        let mut builders: Vec<LargeStringBuilder> = positions.iter().map(|_| LargeStringBuilder::new()).collect();
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
                counts.unattributed += u64::from(request.contract.level == Level::Aggregate);
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
        let columns = builders.into_iter().map(|mut builder| TextColumn(builder.finish())).collect();
        Ok(Self { columns, fields: plan.fields.len(), lines, digests })
    }

    /// The fields of the plan, in order.
    pub(crate) fn fields(&self) -> &[TextColumn] {
        self.columns.get(..self.fields).unwrap_or_default()
    }

    /// The wide columns as rows: every cell with its row and wide column, one wide column after another.
    pub(crate) fn unpivot(&self) -> impl Iterator<Item = WideCell<'_>> {
        let wides = self.columns.get(self.fields..).unwrap_or_default();
        wides.iter().enumerate().flat_map(|(wide, column)| {
            (0_u32..).zip(column.0.iter()).map(move |(row, text)| WideCell { row, wide, text })
        })
    }
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
    let short = record.len() < width && request.contract.file.format != Format::Xlsx;
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
