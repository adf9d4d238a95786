//! After a start: what was released before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::{DatasetVersion, JobReason, NewJob};
use model::contract::DatasetContract;
use uuid::Uuid;

use super::group::target;
use crate::error::{PlatformError, causes};
use crate::platform::Platform;
use crate::state::{Group, State};

impl Platform {
    /// After a start: what was released before, from the ledger; open data are tabulated again. A group for which
    /// something changed since is queued.
    pub(crate) fn restore_published(&self) -> Result<(), PlatformError> {
        let state = self.state();
        if state.geography.is_none() {
            return Ok(());
        }
        let waiting =
            self.catalog().jobs(Some(catalog::JobState::Pending)).map_err(PlatformError::failed("read jobs"))?;
        let mut pending = BTreeSet::new();
        for job in &waiting {
            pending.extend(self.dataset_of(job)?);
        }
        let mut fresh = BTreeMap::new();
        for contract in state.definitions.contracts() {
            match self.restore_group(&state, contract, pending.contains(&contract.id)) {
                Ok(Some(group)) => {
                    fresh.insert(contract.id.clone(), group);
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(dataset = contract.id.as_str(), causes = causes(&error), "not restored");
                }
            }
        }
        self.swap(fresh, &BTreeSet::new())
    }

    fn restore_group(
        &self,
        state: &State,
        contract: &DatasetContract,
        pending: bool,
    ) -> Result<Option<Arc<Group>>, PlatformError> {
        // First of all, whether the ledger can be trusted.
        let past = self.released_entries(&contract.id)?;
        let Ok(versions) = self.current_versions(&contract.id) else { return Ok(None) };
        if state.definitions.indicators_on(&contract.id).next().is_none() {
            return Ok(None);
        }
        let remembered = self.remembered(&contract.id)?;
        if remembered.tried != Some(target(state, contract, &versions)?) && !pending {
            let reason = JobReason::DefinitionsChanged;
            let version = versions.last().map(|version| version.facts.id);
            let job = NewJob { id: Uuid::now_v7(), reason, version, created_at: self.now() };
            self.catalog().enqueue(job).map_err(PlatformError::failed("queue a job"))?;
        }
        match (remembered.open, past.last()) {
            (Some(revision), _) => self.restore_open(state, contract, &versions, revision),
            (None, Some(last)) => self.group_of(last).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Open data, if they are still what was released.
    fn restore_open(
        &self,
        state: &State,
        contract: &DatasetContract,
        versions: &[DatasetVersion],
        revision: model::Digest,
    ) -> Result<Option<Arc<Group>>, PlatformError> {
        let allowed = self.allowed(state, contract, versions)?;
        let attempt = self.prepare(state, contract, versions, &allowed, None)?;
        if !allowed.open() || revision != attempt.revision() {
            return Ok(None);
        }
        self.open_again(&attempt).map(Some)
    }
}
