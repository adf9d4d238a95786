//! From a partner's file to a clean table: [`clean`] sniffs, decodes and reads the file, keeps only agreed columns,
//! parses every cell against the contract, finds each row's area, replaces identifiers by pseudonyms, and hands over a
//! sorted Arrow table together with everything it found on the way.
//!
//! **Architecture invariants:** a column that is not agreed is dropped before any of its cells is read. Precise
//! locations and identifiers end here. Workbooks are parsed in a child
//! process that may die.

mod assemble;
mod error;
mod figures;
mod findings;
mod frame;
mod gaps;
mod intern;
mod locate;
mod parse;
mod places;
mod plan;
mod request;
mod rows;
mod say;
mod source;
mod table;
pub mod workbook;

use std::collections::BTreeSet;
use std::fmt;

use arrow::array::RecordBatch;
use arrow::ipc::writer::StreamWriter;
use csv::StringRecord;
use model::contract::{Absence, Format, Level};
use model::{Digest, Month};
use sha2::Digest as _;

pub use error::IngestError;
pub use findings::{Counts, DropReason, DroppedColumn, Finding, Findings, Kind};
pub use locate::{Answer, Change, CodeAnswer, Locator, Method, Piece, PostcodeAnswer};
pub use request::{AgreedColumn, CleanRequest, Limits, Pseudonymiser};
pub use workbook::{WorkbookError, WorkbookReader};

use findings::{At, Recorder};
use frame::TextFrame;
use plan::Plan;
use source::{Deadline, Records};

/// A file that was read: the table, and what was found.
pub struct Cleaned {
    /// The rows, sorted by month, area and dimensions. Columns: `area`, `month`, the dimensions, the measures,
    /// `geography_method`, and for events and people `contributor` and `record_key`.
    pub batch: RecordBatch,
    /// What was found.
    pub findings: Findings,
    /// The months that have rows.
    pub months: BTreeSet<Month>,
    /// A digest of the table's column names, types and nullability.
    pub schema_hash: Digest,
    /// A digest of the table itself: the same whatever the order, line ends or encoding of the rows it was made from.
    /// Small tables can be guessed, so it must be keyed before anybody sees it.
    pub content: Digest,
}

impl fmt::Debug for Cleaned {
    /// Without rows: they may be about people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cleaned({} rows, redacted)", self.batch.num_rows())
    }
}

/// Reads one upload.
///
/// The result depends on the rows, not on their order. A bad row is a finding; over the contract's tolerance the file
/// is refused whole, with the findings.
///
/// # Errors
/// If the file as a whole cannot be taken: wrong kind, over a limit, missing columns, nothing agreed that makes a row,
/// too many bad rows, or no row with a figure although the supplier did not confirm an empty period.
pub fn clean(file: &[u8], request: &CleanRequest<'_>) -> Result<Cleaned, IngestError> {
    let deadline = Deadline::start(request.limits);
    let mut recorder = Recorder::new(request.limits.findings);
    let bytes = source::unpack(file, request)?;
    let text;
    let mut records = if request.contract.file.format == Format::Xlsx {
        Records::Rows(sheet(&bytes, request, &deadline)?.into_iter())
    } else {
        text = source::decode(&bytes, request, &mut recorder)?;
        source::open_text(&text, request)?
    };
    let mut header = StringRecord::new();
    let line = records.next(&mut header)?.unwrap_or(0);
    let columns = u64::try_from(header.len()).unwrap_or(u64::MAX);
    if line == 0 && header.is_empty() {
        return Err(IngestError::Structure { line: 1, message: "the file has no header row" });
    }
    if columns > request.limits.columns {
        return Err(source::limit("the header has columns", request.limits.columns, ""));
    }
    let plan = Plan::make(request, &header, &mut recorder)?;
    let frame = TextFrame::read(&mut records, &plan, request, &deadline, &mut recorder)?;
    let found = rows::candidates(&frame, &plan, *request, &mut recorder, || deadline.check())?;
    let table = assemble::assemble(found, &frame, &plan, request, &mut recorder)?;
    if recorder.findings.counts.rows_read == 0 {
        recorder.record(At { row: 0, column: "", clause: "" }, Kind::Empty, || say::problem(Kind::Empty, None));
    }
    let findings = recorder.finish();
    tolerate(&findings, request)?;
    expect_figures(&findings, table.has_figures(), request)?;
    let months: BTreeSet<Month> = table.entries.iter().filter_map(|entry| Month::from_ordinal(entry.month)).collect();
    if request.contract.stock && months.len() > 1 {
        return Err(IngestError::SeveralStates { months: months.len(), findings: Box::new(findings) });
    }
    let batch = table.into_batch(&plan, request)?;
    let schema_hash = schema_hash(&batch);
    let content = content_digest(&batch)?;
    Ok(Cleaned { batch, findings, months, schema_hash, content })
}

fn sheet(
    bytes: &[u8],
    request: &CleanRequest<'_>,
    deadline: &Deadline,
) -> Result<Vec<(u64, StringRecord)>, IngestError> {
    let reader = request.workbook.ok_or(WorkbookError::NotConfigured)?;
    let file = &request.contract.file;
    let time = deadline.left().min(request.limits.workbook_time);
    Ok(reader.rows(bytes, file.sheet.as_deref(), file.skip_rows, request.limits, time)?)
}

/// Refuses the file whole where more rows than the contract tolerates were refused, have a figure that cannot be read, or
/// are in no place; and for any refused row that may be about an area whose missing figures count as 0.
fn tolerate(findings: &Findings, request: &CleanRequest<'_>) -> Result<(), IngestError> {
    let counts = findings.counts;
    let rows = counts.rows_read.saturating_sub(counts.skipped);
    let over = |count: u64, tolerance: u32| count.saturating_mul(1000) > rows.saturating_mul(u64::from(tolerance));
    let findings = || Box::new(findings.clone());
    let refused = counts.refused.saturating_add(counts.unreadable);
    let tolerance = request.contract.tolerance.refused_per_thousand;
    if over(refused, tolerance) {
        return Err(IngestError::OverTolerance { refused, rows, tolerance, findings: findings() });
    }
    let zero = request.contract.level == Level::Aggregate && request.contract.absence == Absence::Zero;
    if zero && counts.unattributed > 0 {
        return Err(IngestError::Unattributed { lost: counts.unattributed, rows, findings: findings() });
    }
    let tolerance = request.contract.tolerance.unplaced_per_thousand;
    if over(counts.without_location, tolerance) {
        return Err(IngestError::Unplaced { unplaced: counts.without_location, rows, tolerance, findings: findings() });
    }
    Ok(())
}

/// Nothing kept is refused unless it is confirmed, and a confirmation is refused unless nothing was there to keep: a row
/// that could not be read or placed may have been something.
fn expect_figures(findings: &Findings, any: bool, request: &CleanRequest<'_>) -> Result<(), IngestError> {
    let counts = findings.counts;
    let unusable = counts.refused.saturating_add(counts.without_location);
    let findings = || Box::new(findings.clone());
    match (request.empty, any) {
        (false, true) => Ok(()),
        (true, false) if unusable == 0 => Ok(()),
        (false, false) => Err(IngestError::NothingKept {
            rows: counts.rows_read,
            outside: counts.outside,
            unusable,
            findings: findings(),
        }),
        (true, _) => Err(IngestError::NotEmpty { kept: counts.kept, unusable, findings: findings() }),
    }
}

/// SHA-256 over the table as an Arrow stream.
fn content_digest(batch: &RecordBatch) -> Result<Digest, IngestError> {
    struct Hashing(sha2::Sha256);
    impl std::io::Write for Hashing {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let failed = |error| IngestError::table("digesting the table", error);
    let mut writer = StreamWriter::try_new(Hashing(sha2::Sha256::new()), &batch.schema()).map_err(failed)?;
    writer.write(batch).map_err(failed)?;
    let hashing = writer.into_inner().map_err(failed)?;
    Ok(Digest(hashing.0.finalize().into()))
}

fn schema_hash(batch: &RecordBatch) -> Digest {
    let mut hasher = sha2::Sha256::new();
    for field in batch.schema_ref().fields() {
        hasher.update(format!("{}:{}:{}\n", field.name(), field.data_type(), field.is_nullable()));
    }
    Digest(hasher.finalize().into())
}

#[cfg(test)]
pub(crate) mod tests;
