//! Why a file is refused whole. One bad row is a finding, not an error.

use crate::findings::Findings;
use crate::workbook::WorkbookError;

/// Why a file is refused whole. No message contains a cell's value.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The bytes are of another kind than the contract reads.
    #[error("the file is {found}, but the contract reads {expected}: send {expected}")]
    Format {
        /// What the contract reads.
        expected: &'static str,
        /// What the first bytes say.
        found: &'static str,
    },
    /// The file's name says another kind than the contract reads.
    #[error("the file's name ends in `.{extension}`, but the contract reads {expected}: send {expected}")]
    Extension {
        /// The extension found.
        extension: String,
        /// What the contract reads.
        expected: &'static str,
    },
    /// A limit on size, rows, columns or fields.
    #[error("{what} over the limit of {limit}{hint}")]
    Limit {
        /// What is too large.
        what: String,
        /// The limit.
        limit: u64,
        /// What to do, or nothing.
        hint: &'static str,
    },
    /// Compressed content that expands suspiciously.
    #[error("the compressed content expands more than {ratio} times: send it uncompressed")]
    Ratio {
        /// The greatest ratio accepted.
        ratio: u64,
    },
    /// Compressed content that cannot be read.
    #[error("the compressed content is damaged or ends early: compress and send it again")]
    Compressed,
    /// Text in another encoding than the contract says.
    #[error("line {line}: the text is not {encoding}: save the file as UTF-8")]
    Encoding {
        /// Line of the first wrong byte, from 1.
        line: u64,
        /// The encoding expected.
        encoding: &'static str,
    },
    /// The outer structure is broken.
    #[error("line {line}: {message}")]
    Structure {
        /// Line (CSV), row (workbook) or feature (GeoJSON), from 1.
        line: u64,
        /// What is wrong and what would be right.
        message: &'static str,
    },
    /// Columns that the contract needs are not in the header.
    #[error("required columns are missing: expected {expected}; found {found}")]
    MissingColumns {
        /// Their headers as published.
        expected: String,
        /// What the header row holds.
        found: String,
    },
    /// Two headers claim to be one column.
    #[error("two columns of the file are `{column}`: {headers}: keep one")]
    AmbiguousColumn {
        /// The contract's name.
        column: String,
        /// The headers found.
        headers: String,
    },
    /// A column the contract cannot do without is not agreed.
    #[error("no agreement allows {columns}, and without it {purpose}: agree it, or change the contract")]
    NotAgreed {
        /// The columns, as in the contract.
        columns: String,
        /// What cannot be done.
        purpose: &'static str,
    },
    /// The contract asks for something that cannot be done.
    #[error("the contract of `{dataset}` {message}")]
    Contract {
        /// The dataset.
        dataset: String,
        /// What is wrong.
        message: String,
    },
    /// More rows say nothing usable about where than the contract tolerates.
    #[error(
        "{unplaced} of {rows} rows say nothing usable about where, the contract accepts {tolerance} in a thousand: \
         correct the places in the findings and send the file again"
    )]
    Unplaced {
        /// Rows without a usable place.
        unplaced: u64,
        /// Rows the contract means.
        rows: u64,
        /// The contract's tolerance, per thousand.
        tolerance: u32,
        /// What was found.
        findings: Box<Findings>,
    },
    /// More rows were refused, or have a figure that cannot be read, than the contract tolerates.
    #[error(
        "{refused} of {rows} rows were refused or have a figure that cannot be read, the contract accepts {tolerance} \
         in a thousand: correct the rows in the findings and send the file again"
    )]
    OverTolerance {
        /// Rows refused, or with a figure that cannot be read.
        refused: u64,
        /// Rows the contract means.
        rows: u64,
        /// The contract's tolerance, per thousand.
        tolerance: u32,
        /// What was found.
        findings: Box<Findings>,
    },
    /// Rows were refused that do not say which figure they are, and a figure that is missing counts as 0.
    #[error(
        "{lost} of {rows} rows were refused and do not say which area they are about; by the contract what has no row is \
         0, so that some area's figure would be too low: correct the rows in the findings and send the file again"
    )]
    Unattributed {
        /// Refused rows whose area is not known.
        lost: u64,
        /// Rows the contract means.
        rows: u64,
        /// What was found.
        findings: Box<Findings>,
    },
    /// A file of a stock has rows of more than one month: they would be added up.
    #[error(
        "the contract says that the figures are a state at one date (`stock`), but the rows are dated in {months} months \
         and would be added up: send one state a period, or correct the dates"
    )]
    SeveralStates {
        /// Months that have rows.
        months: usize,
        /// What was found.
        findings: Box<Findings>,
    },
    /// No row with a figure was kept: the file would stand for a period in which nothing happened.
    #[error(
        "nothing in the file was kept: {rows} rows were read, {outside} of them outside the partnership, {unusable} \
         refused or without a usable place; correct the file or, if there was nothing to report, confirm that the \
         period is empty (`empty=confirmed`, on the command line `--empty-period`)"
    )]
    NothingKept {
        /// Rows read.
        rows: u64,
        /// Rows of places outside the partnership.
        outside: u64,
        /// Rows that were refused or say nothing usable about where.
        unusable: u64,
        /// What was found.
        findings: Box<Findings>,
    },
    /// The supplier confirmed an empty period, and the file says otherwise.
    #[error(
        "the file was sent as one of an empty period, but {kept} of its rows were kept and {unusable} could not be \
         read or placed: correct it, or send it without confirming that the period is empty"
    )]
    NotEmpty {
        /// Rows kept.
        kept: u64,
        /// Rows that were refused or say nothing usable about where.
        unusable: u64,
        /// What was found.
        findings: Box<Findings>,
    },
    /// Reading took too long.
    #[error("reading took longer than {seconds} s and was stopped: send a smaller file")]
    TimeLimit {
        /// The limit.
        seconds: u64,
    },
    /// The workbook's child process refused it, or died of it.
    #[error("the workbook cannot be read: {0}")]
    Workbook(#[from] WorkbookError),
    /// A table operation failed.
    #[error("{operation} failed")]
    Table {
        /// What was being done.
        operation: &'static str,
        /// The library's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl IngestError {
    pub(crate) fn table(operation: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Table { operation, source: source.into() }
    }

    /// What was found, where the file was read before it was refused.
    #[must_use]
    pub fn findings(&self) -> Option<&Findings> {
        match self {
            Self::OverTolerance { findings, .. }
            | Self::Unplaced { findings, .. }
            | Self::Unattributed { findings, .. }
            | Self::SeveralStates { findings, .. }
            | Self::NothingKept { findings, .. }
            | Self::NotEmpty { findings, .. } => Some(findings),
            _ => None,
        }
    }
}
