//! What a caller gives: contract, agreement, gazetteer, pseudonyms, period and limits.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::DatasetContract;
use model::contract::Treatment;
use model::id::DatasetId;
use model::period::Period;

use crate::locate::Locator;
use crate::source::greatest_inflated;
use crate::workbook::WorkbookReader;

/// What the agreements allow for one column, named as in the contract (for wide columns: the dimension or the measure).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreedColumn {
    /// The least that must be done to it; the contract may do more.
    pub treatment: Treatment,
    /// The clause that allows it, for the findings.
    pub clause: String,
}

/// Keyed pseudonyms and record keys; the vault holds the keys.
pub trait Pseudonymiser {
    /// The pseudonym of an identifier within a linkage domain (`nhs`, or a dataset's id).
    fn pseudonym(&self, domain: &str, text: &str) -> [u8; 16];
    /// The record key of a contributor of a dataset; the same in every revision.
    fn record_key(&self, dataset: &DatasetId, text: &str) -> u64;
}

/// Limits on an upload. The defaults are those of the security design.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file as sent.
    pub bytes: u64,
    /// Bytes after inflating.
    pub inflated_bytes: u64,
    /// Greatest ratio of inflated to sent bytes.
    pub ratio: u64,
    /// Rows, the header not counted.
    pub rows: u64,
    /// Columns.
    pub columns: u64,
    /// Bytes of one field.
    pub field_bytes: u64,
    /// Findings kept one by one; the tallies always count all.
    pub findings: usize,
    /// Wall clock for reading and cleaning.
    pub time: Duration,
    /// Address space of the child process that reads workbooks, bytes.
    pub workbook_memory: u64,
    /// Wall clock for that process, which is killed when it is over.
    pub workbook_time: Duration,
    /// Parts of a workbook's archive.
    pub workbook_entries: u64,
    /// Cells of a sheet, the empty ones before the last of each row included.
    pub workbook_cells: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 256 << 20,
            inflated_bytes: 1 << 30,
            ratio: 100,
            rows: 5_000_000,
            columns: 2_000,
            field_bytes: 1 << 20,
            findings: 1_000,
            time: Duration::from_secs(300),
            workbook_memory: 1 << 30,
            workbook_time: Duration::from_secs(60),
            workbook_entries: 1_000,
            workbook_cells: 20_000_000,
        }
    }
}

impl Limits {
    /// The most bytes that a file of so many may become when it is decompressed.
    #[must_use]
    pub fn greatest_inflated(&self, sent: u64) -> u64 {
        greatest_inflated(sent, self.ratio, self.inflated_bytes)
    }
}

/// Everything `clean` needs beside the bytes.
#[derive(Clone, Copy)]
pub struct CleanRequest<'a> {
    /// How to read the file.
    pub contract: &'a DatasetContract,
    /// Which columns may be taken. A contract column that is not here is dropped before anything reads it.
    pub agreed: &'a BTreeMap<String, AgreedColumn>,
    /// Areas, postcodes and lookups.
    pub gazetteer: &'a dyn Locator,
    /// Pseudonyms and record keys.
    pub pseudonymiser: &'a dyn Pseudonymiser,
    /// The partition the file is sent for.
    pub period: Period,
    /// Limits.
    pub limits: &'a Limits,
    /// Whether the supplier confirms that there was nothing to report. Without it a file of which nothing is kept is
    /// refused; with it, a file with figures is.
    pub empty: bool,
    /// Pseudonyms of people who opted out; their rows are left out and counted.
    pub opt_outs: &'a BTreeSet<[u8; 16]>,
    /// The file's name as sent, if known; only its extension is looked at.
    pub file_name: Option<&'a str>,
    /// The child process that reads workbooks; needed for XLSX only.
    pub workbook: Option<&'a WorkbookReader>,
}
