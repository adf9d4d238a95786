//! Reads of published tables, counted in memory and logged in batches.

use std::collections::BTreeMap;
use std::sync::Mutex;

use audit::{Access, Actor};
use jiff::Timestamp;
use model::ViewId;

use crate::error::PlatformError;
use crate::platform::Platform;

/// Counts since the last batch.
pub(crate) struct Accesses(Mutex<Batch>);

struct Batch {
    from: Timestamp,
    reads: BTreeMap<(ViewId, Option<Actor>), u64>,
}

impl Accesses {
    pub(crate) const fn new(now: Timestamp) -> Self {
        Self(Mutex::new(Batch { from: now, reads: BTreeMap::new() }))
    }

    pub(crate) fn count(&self, view: ViewId, actor: Option<Actor>) {
        let mut batch = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *batch.reads.entry((view, actor)).or_default() += 1;
    }

    fn take(&self, now: Timestamp) -> Batch {
        let mut batch = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::replace(&mut *batch, Batch { from: now, reads: BTreeMap::new() })
    }

    /// What could not be logged waits for the next batch.
    fn put_back(&self, earlier: Batch) {
        let mut batch = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        batch.from = batch.from.min(earlier.from);
        for (key, reads) in earlier.reads {
            *batch.reads.entry(key).or_default() += reads;
        }
    }

    /// Logs what was read since the last time, if anything was; what could not be logged is kept.
    fn log<E>(&self, now: Timestamp, record: impl FnOnce(audit::Entry) -> Result<(), E>) -> Result<(), E> {
        let batch = self.take(now);
        if batch.reads.is_empty() {
            return Ok(());
        }
        let access = |((view, actor), reads): (&(ViewId, Option<Actor>), &u64)| Access {
            view: view.clone(),
            actor: actor.clone(),
            reads: *reads,
        };
        let accesses = batch.reads.iter().map(access).collect();
        record(audit::Entry::Accessed { from: batch.from, until: now, accesses }).inspect_err(|_| self.put_back(batch))
    }
}

impl Platform {
    /// Logs what was read since the last time; nothing if nothing was.
    ///
    /// # Errors
    /// If the audit log cannot be written.
    pub(crate) fn log_accesses(&self) -> Result<(), PlatformError> {
        self.accesses().log(self.now(), |entry| self.record(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_could_not_be_logged_are_logged_with_the_next() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let view: ViewId = "fire-incidents/lsoa-year".parse().unwrap();
        let counts = Accesses::new(at(0));
        counts.count(view.clone(), None);
        counts.count(view.clone(), None);
        counts.log(at(1), |_| Err("the disk is full")).unwrap_err();
        counts.count(view.clone(), None);
        let mut logged = Vec::new();
        let mut keep = |entry| {
            logged.push(entry);
            Ok::<(), ()>(())
        };
        counts.log(at(2), &mut keep).unwrap();
        counts.log(at(3), &mut keep).unwrap();
        let accesses = vec![Access { view, actor: None, reads: 3 }];
        assert_eq!(logged, [audit::Entry::Accessed { from: at(0), until: at(2), accesses }]);
    }
}
