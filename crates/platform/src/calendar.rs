//! What happens to agreements by the calendar alone. No file changes when one takes effect, ends, or comes to an event whose
//! time was still to come; what it governs is published or taken away all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use agreements::{Snapshot, Status};
use catalog::{JobReason, NewJob, VersionStatus};
use jiff::Timestamp;
use model::{DatasetId, Digest};
use uuid::Uuid;

use crate::error::PlatformError;
use crate::platform::Platform;

/// Where every agreement stood when that was last looked at.
pub(crate) struct Calendar(Mutex<BTreeMap<Digest, Standing>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    status: Option<Status>,
    /// Whether the day of its review has come: nothing follows from it but a word to the operator.
    review_due: bool,
}

impl Calendar {
    pub(crate) fn new(snapshot: &Snapshot, now: Timestamp) -> Self {
        Self(Mutex::new(standings(snapshot, now)))
    }

    /// Takes the agreements as they are now for looked at.
    pub(crate) fn replace(&self, snapshot: &Snapshot, now: Timestamp) {
        *self.lock() = standings(snapshot, now);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, Standing>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn standings(snapshot: &Snapshot, now: Timestamp) -> BTreeMap<Digest, Standing> {
    let standing = |agreement: &agreements::Agreement| {
        let status = snapshot.status(&agreement.digest(), now);
        (agreement.digest(), Standing { status, review_due: agreement.is_due_for_review(now) })
    };
    snapshot.agreements().map(standing).collect()
}

impl Platform {
    /// Queues what those agreements govern that stand otherwise than when this was last asked.
    ///
    /// # Errors
    /// If the catalogue cannot be read or written; then it is all noticed the next time.
    pub(crate) fn notice_dates(&self, now: Timestamp) -> Result<(), PlatformError> {
        let snapshot = self.state().snapshot.clone();
        let mut known = self.calendar().lock();
        let current = standings(&snapshot, now);
        if *known == current {
            return Ok(());
        }
        let mut datasets: BTreeSet<DatasetId> = BTreeSet::new();
        for agreement in snapshot.agreements() {
            let (before, after) = (known.get(&agreement.digest()), current.get(&agreement.digest()));
            if after.is_some_and(|after| after.review_due) && before.is_some_and(|before| !before.review_due) {
                tracing::warn!(agreement = agreement.name(), "the day of an agreement's review has come");
            }
            if before.map(|standing| standing.status) == after.map(|standing| standing.status) {
                continue;
            }
            if let Some(status) = after.and_then(|standing| standing.status) {
                tracing::info!(agreement = agreement.name(), %status, "an agreement stands otherwise by its dates");
            }
            datasets.extend(agreement.document().datasets.iter().map(|dataset| dataset.id.clone()));
        }
        for dataset in &datasets {
            self.queue_dataset(dataset, now)?;
        }
        *known = current;
        Ok(())
    }

    fn queue_dataset(&self, dataset: &DatasetId, now: Timestamp) -> Result<(), PlatformError> {
        let current = self.catalog().versions(Some(dataset), Some(VersionStatus::Current));
        let current = current.map_err(PlatformError::failed("read versions"))?;
        let Some(version) = current.last().map(|version| version.facts.id) else { return Ok(()) };
        self.queue(JobReason::AgreementChanged, Some(version), now)
    }

    /// Queues a publish job: for the dataset of a version, or for all.
    pub(crate) fn queue(
        &self,
        reason: JobReason,
        version: Option<Uuid>,
        created_at: Timestamp,
    ) -> Result<(), PlatformError> {
        let job = NewJob { id: Uuid::now_v7(), reason, version, created_at };
        self.catalog().enqueue(job).map_err(PlatformError::failed("queue a job"))
    }
}
