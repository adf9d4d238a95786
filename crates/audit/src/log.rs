//! The log as it is written.

use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;

use crate::entry::Entry;
use crate::error::AuditError;
use crate::record::{Receipt, Record};
use crate::storage::{FolderStorage, Storage};
use crate::verify::{scan, segment_name};

/// How the log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// A segment that has reached this many bytes is followed by a new one.
    pub segment_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 8 * 1024 * 1024 }
    }
}

/// What opening the log found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// Records in the log.
    pub records: u64,
    /// Bytes of an unfinished last line that were cut off; they were never acknowledged.
    pub torn_bytes: u64,
}

/// An append-only log. One process at a time may hold it: the lock on the data folder sees to that.
pub struct AuditLog {
    state: Mutex<State>,
    options: Options,
}

struct State {
    storage: Box<dyn Storage>,
    head: Receipt,
    /// The segment in use and its length.
    segment: Option<(String, u64)>,
    poisoned: bool,
}

impl AuditLog {
    /// Opens the log in a folder, which is made if it does not exist.
    ///
    /// # Errors
    /// As [`AuditLog::open`].
    pub fn open_folder(folder: &Path, options: Options) -> Result<(Self, Recovery), AuditError> {
        let storage = FolderStorage::create(folder).map_err(|source| AuditError::Storage {
            operation: "open",
            name: folder.display().to_string(),
            source,
        })?;
        Self::open(Box::new(storage), options)
    }

    /// Verifies the whole chain and cuts off an unfinished last line, the only damage a crash can do to it.
    ///
    /// # Errors
    /// [`AuditError::Broken`] if anything else is wrong; then nothing was changed.
    pub fn open(mut storage: Box<dyn Storage>, options: Options) -> Result<(Self, Recovery), AuditError> {
        let scan = scan(storage.as_ref(), &mut |_, _| {})?;
        let report = scan.report;
        if let Some((name, length)) = &scan.last {
            let failed = |source| AuditError::Storage { operation: "recover", name: name.clone(), source };
            if report.torn_bytes > 0 {
                storage.truncate(name, *length).map_err(failed)?;
            }
            // Whole lines that were written but not yet acknowledged stay, and what follows builds on them.
            storage.sync(name).and_then(|()| storage.sync_folder()).map_err(failed)?;
        }
        let recovery = Recovery { records: report.records, torn_bytes: report.torn_bytes };
        let state = State { storage, head: report.head, segment: scan.last, poisoned: false };
        Ok((Self { state: Mutex::new(state), options }, recovery))
    }

    /// Appends one entry. When this returns, the record is on the disk.
    ///
    /// # Errors
    /// [`AuditError::Storage`] if the disk fails, and [`AuditError::Poisoned`] for everything after that: what must be
    /// recorded before it is done must then not be done.
    pub fn append(&self, entry: Entry, now: Timestamp) -> Result<Receipt, AuditError> {
        self.append_all(std::iter::once(entry), now).map(|(_, head)| head)
    }

    /// Appends several entries with one sync; they are contiguous, in order. Returns a receipt for each, and the head.
    ///
    /// # Errors
    /// As [`AuditLog::append`]. Then none is acknowledged, though the first few may be on the disk.
    pub fn append_all(
        &self,
        entries: impl IntoIterator<Item = Entry>,
        now: Timestamp,
    ) -> Result<(Vec<Receipt>, Receipt), AuditError> {
        let mut state = self.lock()?;
        let (mut lines, mut receipts, mut head) = (String::new(), Vec::new(), state.head);
        for entry in entries {
            let record = Record { sequence: head.sequence + 1, at: now, previous: head.hash, entry };
            let (line, receipt) = record.encode()?;
            lines.push_str(&line);
            receipts.push(receipt);
            head = receipt;
        }
        if !receipts.is_empty() {
            // Until the disk has confirmed, nothing is known.
            state.poisoned = true;
            state.write(lines.as_bytes(), self.options.segment_bytes)?;
            state.head = head;
            state.poisoned = false;
        }
        Ok((receipts, head))
    }

    /// The last acknowledged record. Kept elsewhere too, it shows later that the end of the log was not cut off.
    ///
    /// # Errors
    /// [`AuditError::Poisoned`] after a failed write.
    pub fn head(&self) -> Result<Receipt, AuditError> {
        Ok(self.lock()?.head)
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>, AuditError> {
        match self.state.lock() {
            Ok(state) if !state.poisoned => Ok(state),
            _ => Err(AuditError::Poisoned),
        }
    }
}

impl State {
    fn write(&mut self, bytes: &[u8], segment_bytes: u64) -> Result<(), AuditError> {
        let storage = &mut self.storage;
        let (name, length) = match self.segment.take() {
            Some((name, length)) if length < segment_bytes => (name, length),
            _ => {
                let name = segment_name(self.head.sequence + 1);
                storage.create(&name).and_then(|()| storage.sync_folder()).map_err(|source| AuditError::Storage {
                    operation: "extend",
                    name: name.clone(),
                    source,
                })?;
                (name, 0)
            }
        };
        storage.append(&name, bytes).and_then(|()| storage.sync(&name)).map_err(|source| AuditError::Storage {
            operation: "append to",
            name: name.clone(),
            source,
        })?;
        self.segment = Some((name, length + bytes.len() as u64));
        Ok(())
    }
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditLog").field("options", &self.options).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
