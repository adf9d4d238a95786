//! What one request sees: some files, and of each only the columns that it names.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use model::DatasetId;

use super::column::{Column, Kind};
use super::file::{Footer, OpenFile};
use super::hot::{ColumnKey, Hot, no_values};
use super::values::SharedValues;
use crate::error::EngineError;
use crate::request::StoredTable;

/// A column of a request.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) values: SharedValues,
}

/// One row group of one file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    file: usize,
    group: usize,
    pub(crate) rows: usize,
}

/// The permitted files and columns of one request. Files are never written again, so that what it sees does not change while it is used.
pub(crate) struct Snapshot {
    dataset: DatasetId,
    tables: Vec<StoredTable>,
    paths: Vec<Arc<PathBuf>>,
    columns: Vec<Wanted>,
    pieces: Vec<Piece>,
    hot: Arc<Hot>,
    /// Whether what is read is kept for the next request: not where it would push out everything else.
    keeps: bool,
    open: Mutex<BTreeMap<usize, Arc<OpenFile>>>,
    /// How long each piece takes to read, and how many were read.
    #[cfg(test)]
    slow: Mutex<(std::time::Duration, usize)>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot({}, {} files)", self.dataset, self.tables.len())
    }
}

impl Snapshot {
    /// Files and columns, without row groups that hold none of the areas from `areas.0` to `areas.1`.
    ///
    /// # Errors
    /// If a file is not what the catalogue says.
    pub(crate) fn new(
        hot: &Arc<Hot>,
        dataset: &DatasetId,
        tables: &[StoredTable],
        columns: Vec<(Arc<str>, Kind)>,
        areas: Option<(&str, &str)>,
    ) -> Result<Self, EngineError> {
        let paths = tables.iter().map(|table| Arc::new(table.path.clone())).collect();
        let mut snapshot = Self {
            dataset: dataset.clone(),
            tables: tables.to_vec(),
            paths,
            columns: Vec::new(),
            pieces: Vec::new(),
            hot: Arc::clone(hot),
            keeps: false,
            open: Mutex::default(),
            #[cfg(test)]
            slow: Mutex::default(),
        };
        for (file, table) in tables.iter().enumerate() {
            if hot.is_forgotten(&table.path) {
                return Err(EngineError::Withdrawn { dataset: dataset.to_string() });
            }
            let footer = snapshot.footer(file)?;
            let in_range = |of: &Option<(Box<str>, Box<str>)>| match (of, areas) {
                (Some((first, last)), Some((least, greatest))) => &**first <= greatest && least <= &**last,
                _ => true,
            };
            let groups = footer.groups.iter().enumerate().filter(|(_, group)| in_range(&group.areas));
            snapshot.pieces.extend(groups.map(|(group, of)| Piece { file, group, rows: of.rows }));
        }
        // As much as all of it may take at its widest, or took when it was read before; half of the memory is left to other datasets.
        let rows = snapshot.rows();
        let bytes = columns.iter().map(|(name, kind)| hot.estimate(dataset, name, *kind, rows));
        snapshot.keeps = bytes.fold(0_usize, usize::saturating_add) <= hot.capacity() / 2;
        snapshot.columns = columns
            .into_iter()
            .map(|(name, kind)| {
                let values = if snapshot.keeps { hot.values(dataset, &name, kind) } else { no_values(kind) };
                Wanted { name, kind, values }
            })
            .collect();
        Ok(snapshot)
    }

    /// How many rows it has.
    pub(crate) fn rows(&self) -> usize {
        self.pieces.iter().map(|piece| piece.rows).sum()
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    pub(crate) fn columns(&self) -> &[Wanted] {
        &self.columns
    }

    /// Bytes of the values that were met by this request and are nobody else's.
    pub(crate) fn bytes_of_values(&self) -> usize {
        if self.keeps { 0 } else { self.columns.iter().map(|column| column.values.bytes()).sum() }
    }

    /// Bytes that a piece takes while it is read, at most.
    pub(crate) fn bytes_of(&self, piece: &Piece, columns: &[usize]) -> usize {
        let wanted = columns.iter().filter_map(|column| self.columns.get(*column));
        // Codes are 32 bits wide before they are made as narrow as they are, and once more while they are.
        let width: usize = wanted.map(|wanted| if wanted.kind.is_coded() { 8 } else { 18 }).sum();
        piece.rows.saturating_mul(width)
    }

    /// Columns of a piece by their numbers, from memory where they are there.
    ///
    /// # Errors
    /// If a file is not what the catalogue says.
    pub(crate) fn read(&self, piece: &Piece, columns: &[usize]) -> Result<Vec<Arc<Column>>, EngineError> {
        // What was withdrawn since the request began is not read any more: who its people are would stay in memory.
        if self.paths.get(piece.file).is_some_and(|path| self.hot.is_forgotten(path)) {
            return Err(EngineError::Withdrawn { dataset: self.dataset.to_string() });
        }
        let wanted: Vec<&Wanted> = columns.iter().filter_map(|column| self.columns.get(*column)).collect();
        let key = |wanted: &Wanted| {
            let path = Arc::clone(self.paths.get(piece.file)?);
            Some(ColumnKey { path, group: piece.group, name: Arc::clone(&wanted.name), kind: wanted.kind })
        };
        let values = |wanted: &Wanted| wanted.kind.is_coded().then(|| wanted.values.clone());
        let hot = |wanted: &&Wanted| self.hot.column(&key(wanted).filter(|_| self.keeps)?, values(wanted).as_ref());
        let mut found: Vec<Option<Arc<Column>>> = wanted.iter().map(hot).collect();
        let missing: Vec<&Wanted> =
            wanted.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(wanted, _)| *wanted).collect();
        if !missing.is_empty() {
            let names: Vec<_> = missing.iter().map(|wanted| (&*wanted.name, wanted.kind, &wanted.values)).collect();
            #[cfg(test)]
            self.wait();
            let read = self.file(piece.file)?.columns(piece.group, &names)?;
            if !self.keeps {
                let met = missing.iter().filter(|wanted| wanted.kind.is_coded());
                met.for_each(|of| self.hot.learn(&self.dataset, &of.name, of.kind, of.values.len()));
            }
            let slots = found.iter_mut().filter(|slot| slot.is_none());
            for ((slot, wanted), column) in slots.zip(missing).zip(read) {
                let column = Arc::new(column);
                if let Some(key) = key(wanted).filter(|_| self.keeps) {
                    self.hot.keep(&self.dataset, key, values(wanted).as_ref(), &column);
                }
                *slot = Some(column);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    fn footer(&self, file: usize) -> Result<Arc<Footer>, EngineError> {
        let path = self.paths.get(file).ok_or_else(|| self.no_such_file())?;
        if let Some(footer) = self.hot.footer(path) {
            return Ok(footer);
        }
        let footer = Arc::new(self.file(file)?.footer());
        self.hot.keep_footer(path, Arc::clone(&footer));
        Ok(footer)
    }

    fn file(&self, file: usize) -> Result<Arc<OpenFile>, EngineError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(&file) {
            return Ok(Arc::clone(file));
        }
        let table = self.tables.get(file).ok_or_else(|| self.no_such_file())?;
        let opened = Arc::new(OpenFile::open(table, &self.dataset)?);
        open.insert(file, Arc::clone(&opened));
        Ok(opened)
    }

    fn no_such_file(&self) -> EngineError {
        EngineError::Stored { dataset: self.dataset.to_string(), problem: "it has no such file".to_owned() }
    }
}

#[cfg(test)]
impl Snapshot {
    pub(crate) fn slow_down(&self, each: std::time::Duration) {
        self.slow.lock().unwrap().0 = each;
    }

    /// How many pieces were read from files.
    pub(crate) fn read_so_far(&self) -> usize {
        self.slow.lock().unwrap().1
    }

    fn wait(&self) {
        let each = {
            let mut slow = self.slow.lock().unwrap();
            slow.1 += 1;
            slow.0
        };
        std::thread::sleep(each);
    }
}
