//! A disk that forgets what was not synced.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::storage::Storage;

/// What a crash leaves of bytes that were written but not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// A part of them, from the start.
    AsWritten,
    /// The file has grown, but the bytes never arrived.
    Zeros,
}

#[derive(Debug, Clone, Default)]
struct SimulatedFile {
    content: Vec<u8>,
    durable: usize,
    name_durable: bool,
}

#[derive(Debug, Default)]
struct Disk {
    files: BTreeMap<String, SimulatedFile>,
    operations: u64,
    fails_at: Option<u64>,
}

/// A simulated disk. Clones share it, so that a test keeps a hold of the disk of a log.
#[derive(Debug, Clone, Default)]
pub struct SimulatedDisk(Arc<Mutex<Disk>>);

impl SimulatedDisk {
    /// Makes the n-th changing operation from the start (from 0) fail, once. A failing append has written its bytes, a
    /// failing sync has made nothing durable.
    pub fn fail_at(&self, operation: u64) {
        self.disk().fails_at = Some(operation);
    }

    /// Changing operations so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.disk().operations
    }

    /// Most bytes that any file would lose in a crash.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        self.disk().files.values().map(|file| file.content.len() - file.durable).max().unwrap_or_default()
    }

    /// The disk after a power cut: of each file, what was durable and up to `keep` bytes more; files whose names were
    /// not durable are gone if `lose_names`.
    #[must_use]
    pub fn after_crash(&self, keep: usize, tail: Tail, lose_names: bool) -> Self {
        let mut files = BTreeMap::new();
        for (name, file) in &self.disk().files {
            if lose_names && !file.name_durable {
                continue;
            }
            let length = file.content.len().min(file.durable + keep);
            let mut content: Vec<u8> = file.content.iter().copied().take(length).collect();
            if tail == Tail::Zeros {
                content.iter_mut().skip(file.durable).for_each(|byte| *byte = 0);
            }
            files.insert(name.clone(), SimulatedFile { durable: length, content, name_durable: true });
        }
        Self(Arc::new(Mutex::new(Disk { files, operations: 0, fails_at: None })))
    }

    /// Changes the durable content of a file, as an intruder would.
    pub fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(file) = self.disk().files.get_mut(name) {
            change(&mut file.content);
            file.durable = file.content.len();
        }
    }

    /// Removes a file, as an intruder would.
    pub fn remove(&self, name: &str) {
        self.disk().files.remove(name);
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation, applies it, and says whether it is the one that fails.
    fn change(&self, fails_before: bool, apply: impl FnOnce(&mut Disk) -> io::Result<()>) -> io::Result<()> {
        let mut disk = self.disk();
        let fails = disk.fails_at == Some(disk.operations);
        disk.operations += 1;
        if !(fails && fails_before) {
            apply(&mut disk)?;
        }
        if fails { Err(io::Error::other("simulated failure")) } else { Ok(()) }
    }
}

fn missing() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Storage for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.disk().files.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.disk().files.get(name).map(|file| file.content.clone()).ok_or_else(missing)
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        self.change(false, |disk| match disk.files.insert(name.to_owned(), SimulatedFile::default()) {
            None => Ok(()),
            Some(_) => Err(io::Error::from(io::ErrorKind::AlreadyExists)),
        })
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.change(false, |disk| {
            disk.files.get_mut(name).ok_or_else(missing)?.content.extend_from_slice(bytes);
            Ok(())
        })
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.change(true, |disk| {
            let file = disk.files.get_mut(name).ok_or_else(missing)?;
            file.durable = file.content.len();
            Ok(())
        })
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.change(true, |disk| {
            disk.files.values_mut().for_each(|file| file.name_durable = true);
            Ok(())
        })
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        self.change(false, |disk| {
            let file = disk.files.get_mut(name).ok_or_else(missing)?;
            file.content.truncate(usize::try_from(length).unwrap_or(usize::MAX));
            file.durable = file.durable.min(file.content.len());
            Ok(())
        })
    }
}
