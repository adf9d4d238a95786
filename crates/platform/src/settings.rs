//! Where things are and how much work is allowed.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// Places of a platform.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Data folder.
    pub data: PathBuf,
    /// Master key file, outside the data folder.
    pub key_file: PathBuf,
    /// Folder of sharing agreements.
    pub agreements: PathBuf,
    /// Folder of dataset contracts.
    pub contracts: PathBuf,
    /// Folder of indicator definitions.
    pub indicators: PathBuf,
    /// The program to start for reading workbooks: this one.
    pub workbook_program: PathBuf,
    /// Limits of work.
    pub limits: Limits,
    /// Where the time is read.
    pub clock: Clock,
}

/// Limits of work; every one can be configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of one upload.
    pub upload_bytes: u64,
    /// Bytes of one upload after decompression.
    pub inflated_bytes: u64,
    /// Bytes of all uploads that are read at once, decompressed: more wait. Reading takes a few times as much memory.
    pub uploads_bytes: u64,
    /// Rows of one upload.
    pub rows: u64,
    /// Columns of one upload.
    pub columns: u64,
    /// Bytes of one cell.
    pub field_bytes: u64,
    /// Findings kept one by one; all are counted.
    pub findings: usize,
    /// Seconds for cleaning one upload.
    pub ingest_seconds: u64,
    /// Bytes of memory of the process that reads a workbook.
    pub workbook_memory_bytes: u64,
    /// Seconds for that process; then it is killed.
    pub workbook_seconds: u64,
    /// Parts of a workbook's archive.
    pub workbook_entries: u64,
    /// Cells of a workbook's sheet, the empty ones before the last of each row included.
    pub workbook_cells: u64,
    /// How many times larger an upload may become when it is decompressed.
    pub inflation_ratio: u64,
    /// Bytes of memory of the query engine for one table or protection group.
    pub query_memory_bytes: usize,
    /// Bytes of stored columns that are kept in memory between requests.
    pub common_data_bytes: usize,
    /// Seconds for counting one table or protection group.
    pub query_seconds: u64,
    /// Cells of one protection group.
    pub max_cells: u64,
    /// Cells of one view in one year.
    pub view_cells: u64,
    /// The fewest people that may live in an area of which controlled data are published, and in what two such areas differ by.
    pub least_population: u64,
    /// Threads that count for one table or protection group; 0 for as many as the machine has.
    pub query_threads: usize,
    /// Bytes of all tables that are being counted and answered at once, each with as much as the query engine may take: more wait.
    pub tables_bytes: u64,
    /// Atoms of one protection group.
    pub max_atoms: u64,
    /// Records of single contributors in one protection group.
    pub max_contributions: u64,
    /// Protection groups worked on at once.
    pub publish_threads: usize,
    /// Days for which stored objects that nothing names are kept aside.
    pub set_aside_days: u16,
    /// Metres by which display boundaries may be simplified.
    pub boundary_tolerance_m: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            upload_bytes: 256 << 20,
            inflated_bytes: 1 << 30,
            uploads_bytes: 1 << 30,
            rows: 20_000_000,
            columns: 2_000,
            field_bytes: 1 << 20,
            findings: 1_000,
            ingest_seconds: 300,
            workbook_memory_bytes: 1 << 30,
            workbook_seconds: 60,
            workbook_entries: 1_000,
            workbook_cells: 20_000_000,
            inflation_ratio: 100,
            query_memory_bytes: 512 << 20,
            common_data_bytes: 1 << 30,
            query_seconds: 120,
            max_cells: 1_000_000,
            view_cells: 100_000,
            least_population: 1_000,
            query_threads: 0,
            tables_bytes: 2 << 30,
            max_atoms: 4_000_000,
            max_contributions: 4_000_000,
            publish_threads: 2,
            set_aside_days: 30,
            boundary_tolerance_m: 20,
        }
    }
}

/// Less memory than this counts no table, and nothing that was published could be shown again at a start.
const LEAST_QUERY_MEMORY: usize = 16 << 20;

impl Limits {
    /// Refuses what nothing could work with.
    ///
    /// # Errors
    /// With the setting and what it has to be at least.
    pub fn check(&self) -> Result<(), String> {
        if self.query_seconds == 0 {
            return Err("`limits.query_seconds` is 0: nothing could be counted, choose at least 1".to_owned());
        }
        if self.query_memory_bytes < LEAST_QUERY_MEMORY {
            return Err(format!(
                "`limits.query_memory_bytes` is {}: nothing could be counted, choose at least {LEAST_QUERY_MEMORY}",
                self.query_memory_bytes
            ));
        }
        Ok(())
    }

    pub(crate) fn ingest(&self) -> ingest::Limits {
        ingest::Limits {
            bytes: self.upload_bytes,
            inflated_bytes: self.inflated_bytes,
            rows: self.rows,
            columns: self.columns,
            field_bytes: self.field_bytes,
            findings: self.findings,
            time: Duration::from_secs(self.ingest_seconds),
            ratio: self.inflation_ratio,
            workbook_memory: self.workbook_memory_bytes,
            workbook_time: Duration::from_secs(self.workbook_seconds),
            workbook_entries: self.workbook_entries,
            workbook_cells: self.workbook_cells,
        }
    }

    /// Those of one request, until `stop` is told that nobody waits for it any more.
    pub(crate) fn engine(&self, stop: &engine::Stop) -> engine::Limits {
        let all = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        engine::Limits {
            memory_bytes: self.query_memory_bytes,
            timeout: Duration::from_secs(self.query_seconds),
            max_cells: self.max_cells,
            max_atoms: self.max_atoms,
            max_contributions: self.max_contributions,
            threads: if self.query_threads == 0 { all() } else { self.query_threads },
            stop: stop.clone(),
        }
    }
}
