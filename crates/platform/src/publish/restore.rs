//! After a start: what was released before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::{DatasetVersion, JobReason};
use model::DatasetId;
use model::contract::DatasetContract;
use uuid::Uuid;

use super::attempt::target;
use super::ledger::{Remembered, ledger_group};
use super::releases::last_was_open;
use super::residents::in_use;
use crate::error::{PlatformError, causes};
use crate::platform::Platform;
use crate::state::{Group, State};

/// What was published of a dataset before.
#[derive(Default)]
struct Restored {
    group: Option<Arc<Group>>,
    /// It was withdrawn since: it is not shown, and what it stands on is out all the same.
    withdrawn: bool,
    /// The latest version, if something changed since.
    changed: Option<Uuid>,
}

impl Platform {
    /// After a start: what was released before, from the ledger; open data are tabulated again. How many people live where
    /// comes first, as what others show depends on it. A group for which something changed since is queued. One that cannot be restored is not served, and tried again with each run.
    pub(crate) fn restore_published(&self) -> Result<(), PlatformError> {
        let state = self.state();
        let residents = state.definitions.residents().map(|contract| &contract.id);
        self.restore(&state, state.definitions.residents().into_iter())?;
        let others = state.definitions.contracts().chain(state.definitions.linked());
        let others = others.filter(|contract| Some(&contract.id) != residents);
        self.restore(&self.state(), others)
    }

    /// What could not be restored before.
    pub(super) fn restore_the_rest(&self) -> Result<(), PlatformError> {
        let state = self.state();
        if state.distrusted.is_empty() {
            return Ok(());
        }
        self.restore(&state, state.distrusted.keys().filter_map(|dataset| state.definitions.contract(dataset)))?;
        // What waited for them has had its answer.
        if in_use(&state) == in_use(&self.state()) { Ok(()) } else { self.queue_bounded() }
    }

    fn restore<'a>(
        &self,
        state: &State,
        contracts: impl Iterator<Item = &'a DatasetContract>,
    ) -> Result<(), PlatformError> {
        if state.geography.is_none() {
            return Ok(());
        }
        let pending = self.waiting_datasets()?;
        let contracts: BTreeMap<DatasetId, &DatasetContract> =
            contracts.map(|contract| (contract.id.clone(), contract)).collect();
        let datasets = contracts.keys().cloned().collect();
        // Each is proved again from its ledger entry, which takes its time.
        let results = self.for_each_dataset(&datasets, |dataset| {
            let contract = contracts.get(dataset);
            contract.map_or(Ok(Restored::default()), |contract| {
                self.restore_group(state, contract, pending.contains(dataset))
            })
        });
        let (mut fresh, mut restored, mut faults) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
        for (dataset, result) in results {
            match result.and_then(|found| self.queue_changed(&dataset, found)) {
                Ok(group) => {
                    restored.insert(dataset.clone());
                    fresh.extend(group.map(|group| (dataset, group)));
                }
                Err(error) => faults.push((dataset, error)),
            }
        }
        self.change(|state| state.distrusted.retain(|dataset, _| !restored.contains(dataset)));
        faults.extend(self.swap_each(fresh));
        for (dataset, error) in faults {
            tracing::error!(dataset = dataset.as_str(), causes = causes(&error), "not restored: not served");
            self.out_of_service(&dataset, causes(&error));
        }
        Ok(())
    }

    fn restore_group(
        &self,
        state: &State,
        contract: &DatasetContract,
        pending: bool,
    ) -> Result<Restored, PlatformError> {
        // First of all, whether the ledger can be trusted.
        let past = self.released_entries(&contract.id)?;
        if contract.links.is_some() {
            // What cannot be read of the data says nothing of what is out; a run tries it, and tells.
            let changed = self.changed_link(state, contract).unwrap_or_else(|error| {
                tracing::error!(dataset = contract.id.as_str(), causes = causes(&error), "linked data cannot be read");
                None
            });
            let group = past.last().map(|last| self.group_of(last)).transpose()?;
            let withdrawn = past.last().is_some_and(|last| self.recorded().is_withdrawn(&last.basis));
            return Ok(Restored { group, withdrawn, changed });
        }
        let versions = self.current_versions(&contract.id)?;
        let remembered = self.remembered(&contract.id)?;
        let is_open = self.is_open(&contract.id, &remembered)?;
        // What is open by now stands on other files.
        if let Some(last) = past.last().filter(|last| !is_open && self.recorded().is_withdrawn(&last.basis)) {
            let changed = versions.last().filter(|_| !pending).map(|version| version.facts.id);
            return Ok(Restored { group: Some(self.group_of(last)?), withdrawn: true, changed });
        }
        if versions.is_empty() || state.definitions.indicators_on(&contract.id).next().is_none() {
            return Ok(Restored::default());
        }
        let target = target(state, contract, &versions, self.now())?;
        // Whoever asked for a revision has its answer, also where the job was not queued any more.
        let changed = (remembered.tried != Some(target) || !remembered.revised.is_empty()) && !pending;
        let changed = versions.last().filter(|_| changed).map(|version| version.facts.id);
        let group = match (is_open, past.last()) {
            (true, _) => self.restore_open(state, contract, &versions, remembered.open)?,
            (false, Some(last)) => Some(self.group_of(last)?),
            (false, None) => None,
        };
        // What follows a revision was queued with it, and that job may have been given up.
        let follows = group.as_ref().is_some_and(|group| group.tables.get().more_follows()) && !pending;
        let changed = changed.or(versions.last().filter(|_| follows).map(|version| version.facts.id));
        Ok(Restored { group, withdrawn: false, changed })
    }

    /// Queues what changed since it was published, and hands over what is shown until then.
    fn queue_changed(&self, dataset: &DatasetId, restored: Restored) -> Result<Option<Arc<Group>>, PlatformError> {
        if restored.changed.is_some() {
            self.queue(JobReason::DefinitionsChanged, restored.changed, self.now())?;
        }
        if restored.withdrawn {
            self.change(|state| state.out.extend(restored.group.map(|group| (dataset.clone(), group))));
            return Ok(None);
        }
        Ok(restored.group)
    }

    fn is_open(&self, dataset: &DatasetId, remembered: &Remembered) -> Result<bool, PlatformError> {
        let group = ledger_group(dataset)?;
        let (open, plans) = {
            let recorded = self.recorded();
            (recorded.is_open(&group), recorded.releases_of(&group))
        };
        let last = plans.last_key_value().map_or(0, |(sequence, _)| *sequence);
        let open = last_was_open(open, last, remembered.released, remembered.open.is_some());
        open.map_err(|fault| self.distrust(dataset, &fault))
    }

    /// Open data, if they are still what was released.
    fn restore_open(
        &self,
        state: &State,
        contract: &DatasetContract,
        versions: &[DatasetVersion],
        revision: Option<model::Digest>,
    ) -> Result<Option<Arc<Group>>, PlatformError> {
        let allowed = match self.allowed(state, contract, versions) {
            // What may not be shown any more is no fault.
            Err(PlatformError::Denied { .. } | PlatformError::Unpublishable { .. }) => return Ok(None),
            other => other?,
        };
        let attempt = self.prepare(state, contract, versions, &allowed, None)?;
        if !allowed.open() || revision != Some(attempt.revision()) {
            return Ok(None);
        }
        self.open_again(&attempt).map(Some)
    }
}
