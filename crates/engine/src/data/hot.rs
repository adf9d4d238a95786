//! Columns that were used lately, in bounded memory.
//!
//! Stored files never change: a correction is another file. So what is kept is never out of date; it only has to be forgotten with its
//! file.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::DatasetId;

use super::column::{Column, Kind};
use super::file::Footer;
use super::values::{Interner, SharedValues, Values};

/// One column of one row group of one file; or, without these, what a file consists of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ColumnKey {
    pub(crate) path: Arc<PathBuf>,
    pub(crate) group: usize,
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
struct Entry {
    column: Arc<Column>,
    /// What it is coded with.
    values: Option<SharedValues>,
    dataset: DatasetId,
    used: u64,
}

#[derive(Debug, Default)]
struct Inner {
    columns: HashMap<ColumnKey, Entry>,
    /// Least recently used first.
    order: BTreeMap<u64, ColumnKey>,
    footers: HashMap<PathBuf, Arc<Footer>>,
    values: HashMap<(DatasetId, Arc<str>, Kind), SharedValues>,
    clock: u64,
    /// Bytes of all columns.
    bytes: usize,
}

/// What is in memory.
#[derive(Debug)]
pub(crate) struct Hot {
    inner: Mutex<Inner>,
    /// Bytes that columns and values may take.
    capacity: usize,
}

/// How much is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Columns of row groups.
    pub columns: usize,
    /// Their bytes, with those of their values.
    pub bytes: usize,
    /// The bytes that they may be.
    pub capacity: usize,
}

impl Hot {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { inner: Mutex::default(), capacity }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Each change is whole before the lock is given back.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// What a file consists of, if it is known.
    pub(crate) fn footer(&self, path: &Path) -> Option<Arc<Footer>> {
        self.lock().footers.get(path).cloned()
    }

    pub(crate) fn keep_footer(&self, path: &Path, footer: Arc<Footer>) {
        self.lock().footers.insert(path.to_owned(), footer);
    }

    /// The values that the columns of a dataset with this name are coded with.
    pub(crate) fn values(&self, dataset: &DatasetId, name: &Arc<str>, kind: Kind) -> SharedValues {
        let mut inner = self.lock();
        let key = (dataset.clone(), Arc::clone(name), kind);
        inner.values.entry(key).or_insert_with(|| no_values(kind)).clone()
    }

    /// A column, if it is there and coded with these values: others took their place where a file was forgotten meanwhile.
    pub(crate) fn column(&self, key: &ColumnKey, values: Option<&SharedValues>) -> Option<Arc<Column>> {
        let mut inner = self.lock();
        inner.clock += 1;
        let now = inner.clock;
        let entry = inner.columns.get_mut(key)?;
        if !values.zip(entry.values.as_ref()).is_none_or(|(asked, known)| asked.is(known)) {
            return None;
        }
        let before = std::mem::replace(&mut entry.used, now);
        let column = Arc::clone(&entry.column);
        if let Some(key) = inner.order.remove(&before) {
            inner.order.insert(now, key);
        }
        Some(column)
    }

    /// Keeps a column that is coded with these values, and lets go of those that were not used for longest where memory is short.
    pub(crate) fn keep(
        &self,
        dataset: &DatasetId,
        key: ColumnKey,
        values: Option<&SharedValues>,
        column: &Arc<Column>,
    ) {
        let mut inner = self.lock();
        if let Some(values) = values {
            // Forgotten meanwhile: its codes would be others'.
            let of = inner.values.get(&(dataset.clone(), Arc::clone(&key.name), key.kind));
            if !of.is_some_and(|known| known.is(values)) {
                return;
            }
        }
        if inner.columns.contains_key(&key) {
            return;
        }
        inner.clock += 1;
        let used = inner.clock;
        inner.bytes += column.bytes();
        inner.order.insert(used, key.clone());
        inner
            .columns
            .insert(key, Entry { column: Arc::clone(column), values: values.cloned(), dataset: dataset.clone(), used });
        let values: usize = inner.values.values().map(SharedValues::bytes).sum();
        while inner.bytes + values > self.capacity {
            let Some((_, oldest)) = inner.order.pop_first() else { break };
            inner.remove(&oldest);
        }
    }

    /// Forgets everything that was read from a file, and who the people of its dataset are.
    pub(crate) fn forget(&self, dataset: &DatasetId, path: &Path) {
        let mut inner = self.lock();
        inner.footers.remove(path);
        let of_it = |key: &ColumnKey, entry: &Entry| {
            **key.path == *path || (key.kind == Kind::Person && entry.dataset == *dataset)
        };
        let gone: Vec<ColumnKey> =
            inner.columns.iter().filter(|(key, entry)| of_it(key, entry)).map(|(key, _)| key.clone()).collect();
        for key in gone {
            if let Some(entry) = inner.remove(&key) {
                inner.order.remove(&entry.used);
            }
        }
        inner.values.retain(|(of, _, kind), _| *kind != Kind::Person || of != dataset);
    }

    pub(crate) fn held(&self) -> Held {
        let inner = self.lock();
        let values: usize = inner.values.values().map(SharedValues::bytes).sum();
        Held { columns: inner.columns.len(), bytes: inner.bytes + values, capacity: self.capacity }
    }
}

impl Inner {
    fn remove(&mut self, key: &ColumnKey) -> Option<Entry> {
        let entry = self.columns.remove(key)?;
        self.bytes -= entry.column.bytes();
        Some(entry)
    }
}

/// Values of a kind of column before any was seen.
pub(crate) fn no_values(kind: Kind) -> SharedValues {
    SharedValues::new(match kind {
        Kind::Month => Values::Months(Interner::default()),
        Kind::Person => Values::People(Interner::default()),
        Kind::Text | Kind::Amount | Kind::Decimal | Kind::Key => Values::Texts(Interner::default()),
    })
}
