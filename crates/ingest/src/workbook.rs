//! Excel workbooks, parsed in a child process that may be killed.
//!
//! The spreadsheet library aborts the process on some tiny hostile files, and an abort cannot be caught: so the parent
//! never opens a workbook. It starts the same program with a hidden subcommand, sends the file to its standard input
//! and reads frames from its standard output. The child limits its own address space, processor time, file sizes and
//! core dumps before it looks at a byte; the parent waits no longer than its time limit.
//!
//! Frames are CSV records: `row,{number},{column},{text},{column},{text}...` with numbers from 1 and only cells that
//! hold something, then one `end,{rows}` or `refused,{message}`. A stream without either means the child died.

mod child;
mod package;
mod parent;

pub use child::child_main;
pub use parent::WorkbookReader;

use serde::{Deserialize, Serialize};

/// Why a workbook was not read.
#[derive(Debug, thiserror::Error)]
pub enum WorkbookError {
    /// The composition root gave no child process.
    #[error("this process has no workbook reader configured: give it one, or send CSV")]
    NotConfigured,
    /// The child could not be started.
    #[error("the workbook reader cannot be started")]
    Start(#[source] std::io::Error),
    /// The child died: the file asked for too much memory or processor time, or broke the parser.
    #[error(
        "its reader died ({how}): the file asks for too much memory or is damaged; save the sheet as CSV, or copy its \
         values into a new workbook"
    )]
    Died {
        /// Exit code or signal.
        how: String,
    },
    /// The child took too long and was killed.
    #[error("its reader took longer than {seconds} s and was stopped: save the sheet as CSV")]
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// The child wrote more than the limits allow.
    #[error("it holds more than {limit} bytes of text: split it, or send CSV")]
    TooLong {
        /// The limit.
        limit: u64,
    },
    /// The sheet is too large with its empty cells.
    #[error("its rows have more than {limit} cells together, the empty ones included: split it, or send CSV")]
    TooManyCells {
        /// The limit.
        limit: u64,
    },
    /// The child read the file and refused it.
    #[error("{0}")]
    Refused(String),
    /// The child wrote something that is no frame.
    #[error("its reader answered out of turn")]
    Protocol,
}

/// What the parent asks the child, one line of JSON before the file's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Task {
    sheet: Option<String>,
    rows: u64,
    columns: u64,
    field_bytes: u64,
    entries: u64,
    inflated_bytes: u64,
    ratio: u64,
    address_space: u64,
    processor_seconds: u64,
}

#[cfg(test)]
pub(crate) mod tests;
