//! Reading a log from its first byte to its last, changing nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;

use crate::error::AuditError;
use crate::record::{Receipt, Record};
use crate::storage::{FolderStorage, Storage};

/// What a verified log holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Records.
    pub records: u64,
    /// Segment files.
    pub segments: usize,
    /// The last record.
    pub head: Receipt,
    /// When the first record was appended.
    pub first_at: Option<Timestamp>,
    /// When the last record was appended.
    pub last_at: Option<Timestamp>,
    /// Records by kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Bytes of a line that was never finished, at the very end: what a crash leaves; not a record.
    pub torn_bytes: u64,
}

/// Verifies the log in a folder: every record has its hash and follows the one before, and every receipt given (kept
/// elsewhere, by the catalogue or by a witness) is in it.
///
/// # Errors
/// [`AuditError::Broken`] with the place, [`AuditError::MissingReceipt`], or if reading fails.
pub fn verify(folder: &Path, receipts: &[Receipt]) -> Result<Report, AuditError> {
    verify_storage(&FolderStorage::new(folder), receipts, &mut |_| {})
}

/// [`verify`] for any storage; shows every record to `visit`.
///
/// # Errors
/// As [`verify`].
pub fn verify_storage(
    storage: &dyn Storage,
    receipts: &[Receipt],
    visit: &mut dyn FnMut(&Record),
) -> Result<Report, AuditError> {
    let mut missing: BTreeSet<(u64, [u8; 32])> =
        receipts.iter().filter(|r| **r != Receipt::GENESIS).map(|r| (r.sequence, r.hash.0)).collect();
    let scan = scan(storage, &mut |record, receipt| {
        missing.remove(&(receipt.sequence, receipt.hash.0));
        visit(record);
    })?;
    match missing.first() {
        Some((sequence, _)) => Err(AuditError::MissingReceipt { sequence: *sequence }),
        None => Ok(scan.report),
    }
}

pub(crate) struct Scan {
    pub(crate) report: Report,
    /// The last segment and the length of its whole lines.
    pub(crate) last: Option<(String, u64)>,
}

const EXTENSION: &str = ".jsonl";

/// The name of the segment whose first record has this sequence number. Names sort as numbers do.
pub(crate) fn segment_name(first: u64) -> String {
    format!("{first:020}{EXTENSION}")
}

pub(crate) fn scan(storage: &dyn Storage, visit: &mut dyn FnMut(&Record, Receipt)) -> Result<Scan, AuditError> {
    let failed = |operation, name: &str| {
        let name = name.to_owned();
        move |source| AuditError::Storage { operation, name, source }
    };
    let mut names = storage.list().map_err(failed("list", "audit"))?;
    names.sort();
    let report = Report {
        records: 0,
        segments: names.len(),
        head: Receipt::GENESIS,
        first_at: None,
        last_at: None,
        kinds: BTreeMap::new(),
        torn_bytes: 0,
    };
    let mut scan = Scan { report, last: None };
    let count = names.len();
    for (index, name) in names.into_iter().enumerate() {
        let broken = |line, reason| AuditError::Broken { segment: name.clone(), line, reason };
        if Some(&name) != scan.report.head.sequence.checked_add(1).map(segment_name).as_ref() {
            return Err(broken(0, "it is not the segment that follows: a file is missing, strange or renamed"));
        }
        let bytes = storage.read(&name).map_err(failed("read", &name))?;
        let mut whole = 0_u64;
        for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let Some(line) = line.strip_suffix(b"\n") else {
                scan.report.torn_bytes = line.len() as u64;
                break;
            };
            let (record, receipt) =
                Record::decode(line, scan.report.head).map_err(|reason| broken(number + 1, reason))?;
            visit(&record, receipt);
            whole += line.len() as u64 + 1;
            note(&mut scan.report, &record, receipt);
        }
        if index + 1 < count && (whole == 0 || scan.report.torn_bytes > 0) {
            return Err(broken(0, "it ends in the middle of a record, and another segment follows"));
        }
        scan.last = Some((name, whole));
    }
    Ok(scan)
}

fn note(report: &mut Report, record: &Record, receipt: Receipt) {
    report.records += 1;
    report.head = receipt;
    report.first_at = report.first_at.or(Some(record.at));
    report.last_at = Some(record.at);
    *report.kinds.entry(record.entry.kind()).or_default() += 1;
}
