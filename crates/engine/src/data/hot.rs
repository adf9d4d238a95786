//! Columns that were used lately, in bounded memory.
//!
//! Stored files never change: a correction is another file. So what is kept is never out of date; it only has to be forgotten with its
//! file.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
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

struct Entry {
    column: Arc<Column>,
    /// What it is coded with.
    values: Option<SharedValues>,
    dataset: DatasetId,
    used: u64,
}

#[derive(Default)]
struct Inner {
    columns: HashMap<ColumnKey, Entry>,
    /// Least recently used first.
    order: BTreeMap<u64, ColumnKey>,
    footers: HashMap<PathBuf, Arc<Footer>>,
    values: HashMap<(DatasetId, Arc<str>, Kind), SharedValues>,
    /// How many values the columns of a dataset with this name had, where they were too large to be kept.
    met: HashMap<(DatasetId, Arc<str>, Kind), usize>,
    /// Files of which nothing is kept any more: who was reading one when it was forgotten may not bring it back.
    forgotten: HashSet<PathBuf>,
    clock: u64,
    /// Bytes of all columns.
    bytes: usize,
}

/// What is in memory.
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

/// How much it is, and nothing of it.
impl fmt::Debug for Hot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hot({:?}, redacted)", self.held())
    }
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

    /// Whether a file was forgotten: it is not to be read again.
    pub(crate) fn is_forgotten(&self, path: &Path) -> bool {
        self.lock().forgotten.contains(path)
    }

    /// What a file consists of, if it is known.
    pub(crate) fn footer(&self, path: &Path) -> Option<Arc<Footer>> {
        self.lock().footers.get(path).cloned()
    }

    pub(crate) fn keep_footer(&self, path: &Path, footer: Arc<Footer>) {
        let mut inner = self.lock();
        if !inner.forgotten.contains(path) {
            inner.footers.insert(path.to_owned(), footer);
        }
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
        if inner.forgotten.contains(&**key.path) {
            return;
        }
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
        while inner.bytes + inner.bytes_of_values() > self.capacity {
            let Some((_, oldest)) = inner.order.pop_first() else { break };
            inner.let_go(&oldest);
        }
    }

    /// Forgets everything that was read from a file, and who the people of its dataset are.
    pub(crate) fn forget(&self, dataset: &DatasetId, path: &Path) {
        let mut inner = self.lock();
        inner.forgotten.insert(path.to_owned());
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

    /// Lets go of everything; who reads at this moment brings nothing of it back, as its values are others then.
    pub(crate) fn let_go_of_all(&self) {
        let mut inner = self.lock();
        inner.columns.clear();
        inner.order.clear();
        inner.values.clear();
        inner.bytes = 0;
    }

    /// How many values a column had when it was read last, without being kept.
    pub(crate) fn learn(&self, dataset: &DatasetId, name: &Arc<str>, kind: Kind, values: usize) {
        self.lock().met.insert((dataset.clone(), Arc::clone(name), kind), values);
    }

    /// Bytes that so many rows of a column take, by what is known of it.
    pub(crate) fn estimate(&self, dataset: &DatasetId, name: &Arc<str>, kind: Kind, rows: usize) -> usize {
        let met = self.lock().met.get(&(dataset.clone(), Arc::clone(name), kind)).copied();
        kind.bytes(rows, met.unwrap_or(usize::MAX))
    }

    pub(crate) fn held(&self) -> Held {
        let inner = self.lock();
        let bytes = inner.bytes + inner.bytes_of_values();
        Held { columns: inner.columns.len(), bytes, capacity: self.capacity }
    }
}

impl Inner {
    fn bytes_of_values(&self) -> usize {
        self.values.values().map(SharedValues::bytes).sum()
    }

    /// Lets go of a column, and of its values with the last column that is coded with them.
    fn let_go(&mut self, key: &ColumnKey) {
        let Some(entry) = self.remove(key).filter(|_| key.kind.is_coded()) else { return };
        let of_it = |other: &ColumnKey, of: &Entry| {
            other.name == key.name && other.kind == key.kind && of.dataset == entry.dataset
        };
        if !self.columns.iter().any(|(other, of)| of_it(other, of)) {
            self.values.remove(&(entry.dataset, Arc::clone(&key.name), key.kind));
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(group: usize, name: &str, kind: Kind) -> ColumnKey {
        ColumnKey { path: Arc::new(PathBuf::from("file")), group, name: Arc::from(name), kind }
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first_and_people_with_their_last_column() {
        let dataset: DatasetId = "org.data".parse().unwrap();
        let hot = Hot::new(3000);
        let name: Arc<str> = Arc::from("contributor");
        let people = hot.values(&dataset, &name, Kind::Person);
        let mut codes = Vec::new();
        people.of_people((0..8).map(|who| Some([who; 16])), &mut codes).unwrap();
        let column = |bytes: usize| Arc::new(Column::Narrow(vec![0; bytes]));
        let person = key(0, "contributor", Kind::Person);
        hot.keep(&dataset, person.clone(), Some(&people), &column(500));
        hot.keep(&dataset, key(1, "count", Kind::Amount), None, &column(500));
        assert!(hot.column(&person, Some(&people)).is_some(), "used after the other");
        let told = format!("{hot:?} {people:?} {:?}", column(4));
        assert_eq!(told.matches("redacted").count(), 3, "{told}");
        assert!(!told.contains('['), "no list of anything: {told}");
        let all = hot.held();
        assert!(all.columns == 2 && all.bytes > 1000 && all.bytes < 2000, "{all:?}");
        hot.keep(&dataset, key(2, "count", Kind::Amount), None, &column(1800));
        assert!(hot.column(&key(1, "count", Kind::Amount), None).is_none());
        assert!(hot.column(&person, Some(&people)).is_some());
        hot.keep(&dataset, key(3, "count", Kind::Amount), None, &column(2900));
        assert_eq!(hot.held(), Held { columns: 1, bytes: 2900, capacity: 3000 });
        // Numbered anew: a column with the old numbers is not kept beside them.
        assert!(!hot.values(&dataset, &name, Kind::Person).is(&people));
        hot.keep(&dataset, person.clone(), Some(&people), &column(10));
        assert!(hot.column(&person, None).is_none());
        // What is larger than everything pushes everything out, and goes itself.
        hot.keep(&dataset, key(4, "count", Kind::Amount), None, &column(3001));
        assert_eq!(hot.held().columns, 0);
    }
}
