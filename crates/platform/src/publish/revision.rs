//! Corrections. What was published is final until somebody revises it: whether and when a correction is shown must not depend on
//! what it changes, or it would say by how much. Until then everything of the dataset, also what is new, stands on the files that
//! its figures were published from.

use std::collections::BTreeSet;

use catalog::{DatasetVersion, VersionStatus};
use model::DatasetId;
use uuid::Uuid;

use super::basis::Basis;
use super::contract;
use crate::caller::Caller;
use crate::error::PlatformError;
use crate::platform::Platform;

/// Some versions for each partition of a dataset.
pub(super) struct Settled {
    /// What is published from.
    pub(super) versions: Vec<DatasetVersion>,
    /// Corrections that wait for a revision.
    pub(super) held: BTreeSet<Uuid>,
}

impl Platform {
    /// The versions that the last release stands on, where there are any; for what was never released, and for the corrections that
    /// a revision was asked of, the current ones.
    pub(super) fn settled(
        &self,
        current: &[DatasetVersion],
        last: Option<&Basis>,
        revised: &BTreeSet<Uuid>,
    ) -> Result<Settled, PlatformError> {
        // Open figures have no plan that a correction could be seen through.
        let last = last.filter(|last| !last.open);
        let mut settled = Settled { versions: Vec::with_capacity(current.len()), held: BTreeSet::new() };
        for version in current {
            let facts = &version.facts;
            let used = last.into_iter().flat_map(|last| &last.partitions).find(|used| used.period == facts.period);
            let used = used.filter(|used| used.version != facts.id && !revised.contains(&facts.id));
            let earlier = used.map(|used| self.catalog().version(used.version)).transpose();
            let earlier = earlier.map_err(PlatformError::failed("read a version"))?.flatten();
            // What was withdrawn or erased is never opened again.
            match earlier.filter(|old| old.status == VersionStatus::Superseded && old.table_keys.is_some()) {
                Some(earlier) => {
                    settled.held.insert(facts.id);
                    settled.versions.push(earlier);
                }
                None => settled.versions.push(version.clone()),
            }
        }
        Ok(settled)
    }

    /// How many corrections of a dataset wait for a revision.
    pub(crate) fn corrections(&self, dataset: &DatasetId, last: &Basis) -> Result<usize, PlatformError> {
        Ok(self.settled(&self.current_versions(dataset)?, Some(last), &BTreeSet::new())?.held.len())
    }

    /// Asks that the corrections of a dataset that wait be published with the next run, all figures that they change decided anew; on
    /// record. How many there are.
    ///
    /// # Errors
    /// If the agreements do not let the caller review the dataset, or nothing of it was published by a plan.
    pub fn revise(&self, caller: &Caller, dataset: &DatasetId) -> Result<usize, PlatformError> {
        let entries = self.reviewed(caller, dataset, audit::Question::Revise)?;
        contract(&self.state(), dataset)?;
        let current = self.current_versions(dataset)?;
        let last = entries.last().map(|last| &last.basis);
        let held = self.settled(&current, last, &BTreeSet::new())?.held;
        // What is asked for first, so that no run that is begun by the jobs misses it.
        self.remember(dataset, |remembered| remembered.revised.clone_from(&held))?;
        self.queue_versions(&held.iter().copied().collect::<Vec<_>>())?;
        self.wake_publisher();
        Ok(held.len())
    }
}
