//! Linked records: people known to several services, counted under a permit to link and published with noise that excludes nothing.
//!
//! What is published of the datasets by themselves is proved without regard to these figures. That stays true whatever they are, as they
//! exclude no world (ADR 106). So they are a group of their own, whose one account is how much they tell of a person in one period.

mod basis;
mod release;
mod terms;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use model::contract::{DatasetContract, Links};
use model::{AreaType, DatasetId, Period, PeriodType};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::work::Work;
use super::failure::plan_error;
use super::group::Outcome;
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::state::{Group, State};

/// What linked figures stand on beside what all do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Linked {
    /// Each dataset with the versions whose records were linked.
    pub(crate) versions: BTreeMap<DatasetId, BTreeSet<Uuid>>,
    /// Everything that was ever registered to be published by.
    pub(crate) areas: BTreeSet<AreaType>,
    /// The type of period that a person is counted in.
    pub(crate) period: PeriodType,
    /// By how many times odds about one person may change.
    pub(crate) odds: u32,
    /// The periods that all datasets cover.
    pub(crate) periods: Vec<Period>,
    /// When they were linked.
    pub(crate) at: Timestamp,
}

/// Whether linked figures may be published otherwise than when that was last tried.
enum Changed {
    /// No period is covered.
    NoData,
    Nothing,
    /// With one version of the data.
    Since(Uuid),
}

fn unpublishable<T>(reason: impl Into<String>) -> Result<T, PlatformError> {
    Err(PlatformError::Unpublishable { reason: reason.into() })
}

impl Platform {
    /// The linked data that indicators stand on and that may be published otherwise than when it was last tried; and in words what
    /// waits for data. What cannot be read is tried, so that its failure is told and is that of nothing else.
    pub(super) fn changed_links(&self) -> (BTreeSet<DatasetId>, Vec<String>) {
        let (state, mut changed, mut waiting) = (self.state(), BTreeSet::new(), Vec::new());
        for contract in state.definitions.linked() {
            let Some(links) = &contract.links else { continue };
            if state.definitions.indicators_on(&contract.id).next().is_none() {
                continue;
            }
            match Work::new(self, &state, contract, links).and_then(|work| self.changed(&work)) {
                Ok(Changed::NoData) => {
                    waiting.push(format!("{}: no {} is covered by all of its datasets", contract.id, links.period));
                }
                Ok(Changed::Nothing) => {}
                Ok(Changed::Since(_)) | Err(_) => drop(changed.insert(contract.id.clone())),
            }
        }
        (changed, waiting)
    }

    /// One version of the data that linked figures would be made of, if they may be published otherwise than when it was last tried.
    pub(super) fn changed_link(
        &self,
        state: &State,
        contract: &DatasetContract,
    ) -> Result<Option<Uuid>, PlatformError> {
        let Some(links) = &contract.links else { return Ok(None) };
        Ok(match self.changed(&Work::new(self, state, contract, links)?)? {
            Changed::Since(version) => Some(version),
            Changed::Nothing | Changed::NoData => None,
        })
    }

    fn changed(&self, work: &Work<'_>) -> Result<Changed, PlatformError> {
        let Some((_, version)) = work.versions().next() else { return Ok(Changed::NoData) };
        let tried = self.remembered(&work.contract.id)?.tried;
        let same = tried == Some(work.target(self.now())?);
        Ok(if same { Changed::Nothing } else { Changed::Since(version.facts.id) })
    }

    /// Takes the linked figures of all covered periods through the gate.
    pub(super) fn publish_linked(
        &self,
        state: &State,
        contract: &DatasetContract,
        links: &Links,
    ) -> Result<Outcome, PlatformError> {
        let mut work = Work::new(self, state, contract, links)?;
        if work.periods.is_empty() {
            return unpublishable(format!("no {} is covered by all of its datasets", links.period));
        }
        let target = work.target(self.now())?;
        let outcome = self.link(&mut work);
        let is_lasting = |error: &PlatformError| {
            plan_error(error).is_some()
                || matches!(error, PlatformError::Unpublishable { .. } | PlatformError::Denied { .. })
        };
        if outcome.as_ref().err().is_none_or(is_lasting) {
            self.remember(&contract.id, |remembered| remembered.tried = Some(target))?;
        }
        let (group, refused) = outcome?;
        Ok(Outcome { group, held: BTreeSet::new(), later: Vec::new(), refused, fresh: false, revised: false })
    }

    fn link(&self, work: &mut Work<'_>) -> Result<(Arc<Group>, Vec<String>), PlatformError> {
        let past = self.released_entries(&work.contract.id)?;
        let stay = self.keep_within_room(work, past.last())?;
        if work.periods.is_empty() {
            return unpublishable(stay.join("; "));
        }
        let work = &*work;
        self.counted_elsewhere(work)?;
        let mut permitted = self.permitted(work)?;
        permitted.refused.extend(stay);
        let basis = self.basis_of_links(work, &permitted, past.last())?;
        let group = match past.last().filter(|last| last.basis.revision == basis.revision) {
            Some(last) => self.group_of(last)?,
            None => {
                let subject = permitted.subject(work.state);
                let release = |work_id| self.release_linked(work_id, (work, &permitted), &basis, &past);
                self.on_record(&subject, (audit::Work::Publish, None), release)?
            }
        };
        Ok((group, permitted.refused))
    }

    /// Refuses to count people where other linked figures count or ever counted any: of somebody who is in both, each would tell as much as
    /// is agreed, whichever datasets they are of.
    fn counted_elsewhere(&self, work: &Work<'_>) -> Result<(), PlatformError> {
        for other in self.planned_datasets()?.into_iter().filter(|other| *other != work.contract.id) {
            let known = work.state.out.get(&other).map(|group| group.basis.linked.clone());
            let linked = match known {
                Some(linked) => linked,
                None => self.released_entries(&other)?.pop().and_then(|last| last.basis.linked),
            };
            if linked.is_some() {
                return unpublishable(format!(
                    "people were counted by `{other}`, and what both say of somebody together is more than either may: put `{other}` back in its place"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
