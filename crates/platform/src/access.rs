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
}

impl Platform {
    /// Logs what was read since the last time; nothing if nothing was.
    ///
    /// # Errors
    /// If the audit log cannot be written.
    pub(crate) fn log_accesses(&self) -> Result<(), PlatformError> {
        let now = self.now();
        let batch = self.accesses().take(now);
        if batch.reads.is_empty() {
            return Ok(());
        }
        let accesses = batch.reads.into_iter().map(|((view, actor), reads)| Access { view, actor, reads }).collect();
        self.record(audit::Entry::Accessed { from: batch.from, until: now, accesses })
    }
}
