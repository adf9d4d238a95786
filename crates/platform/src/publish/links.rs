//! Linked records: people known to several services, counted under a permit to link and published with noise that excludes nothing.
//!
//! What is published of the datasets by themselves is proved without regard to these figures. That stays true whatever they are, as they
//! exclude no world (ADR 106). So they are a group of their own, whose one account is how much they tell of a person in one period.

mod basis;
mod periods;
mod release;
mod revision;
mod stored;
mod terms;
mod work;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use agreements::Snapshot;
use disclosure::NoiseState;
use jiff::Timestamp;
use model::contract::{DatasetContract, Links};
use model::{AreaType, DatasetId, Period, PeriodType};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::periods::Periods;
use self::work::Work;
use super::basis::Partition;
use super::failure::plan_error;
use super::group::Outcome;
use super::ledger::{Opened, Remembered};
use super::noise::lasting;
use super::queue::public_reason;
use crate::cube::LinkedRecords;
use crate::error::{PlatformError, causes};
use crate::platform::Platform;
use crate::requests;
use crate::state::State;

/// What linked figures stand on beside what all do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "stored::Stored")]
pub(crate) struct Linked {
    /// Everything that was ever registered to be published by.
    pub(crate) areas: BTreeSet<AreaType>,
    /// The type of period that a person is counted in.
    pub(crate) period: PeriodType,
    /// By how many times odds about one person may change.
    pub(crate) odds: u32,
    /// What figures are rounded to.
    pub(crate) rounding: u32,
    /// What is shown, in order.
    pub(crate) periods: Vec<LinkedPeriod>,
    /// Of an older entry, the versions of all its periods.
    #[serde(skip)]
    before: Option<BTreeMap<DatasetId, BTreeSet<Uuid>>>,
}

/// A period of which people are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkedPeriod {
    /// The period.
    pub(crate) period: Period,
    /// When its records were linked.
    pub(crate) at: Timestamp,
    /// Of each dataset what they came from.
    pub(crate) from: BTreeMap<DatasetId, Vec<Partition>>,
}

impl LinkedPeriod {
    fn versions(&self) -> BTreeSet<Uuid> {
        self.from.values().flatten().map(|partition| partition.version).collect()
    }

    /// Whether it counts people over the datasets that a definition names now: over others its figures mean something else.
    fn is_of(&self, links: &Links) -> bool {
        self.from.keys().collect::<BTreeSet<_>>() == links.datasets.iter().collect()
    }
}

impl Linked {
    const fn new(
        areas: BTreeSet<AreaType>,
        period: PeriodType,
        (odds, rounding): (u32, u32),
        periods: Vec<LinkedPeriod>,
    ) -> Self {
        Self { areas, period, odds, rounding, periods, before: None }
    }

    /// Of each dataset everything that records came from.
    pub(super) fn from(&self) -> BTreeMap<&DatasetId, Vec<&Partition>> {
        let mut from: BTreeMap<&DatasetId, Vec<&Partition>> = BTreeMap::new();
        for (dataset, partitions) in self.periods.iter().flat_map(|of| &of.from) {
            from.entry(dataset).or_default().extend(partitions);
        }
        from
    }

    /// Whether a period is there that counts people over the datasets that a definition names now.
    pub(super) fn is_of(&self, period: Period, links: &Links) -> bool {
        self.periods.iter().any(|of| of.period == period && of.is_of(links))
    }

    /// What is asked when figures are read: of each period by itself, with opt-outs as they were when it was linked.
    pub(super) fn reads(&self, snapshot: &Snapshot) -> Vec<LinkedRecords> {
        self.periods.iter().map(|of| of.read(snapshot, (self.odds, self.rounding))).collect()
    }
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
                    // Whatever a revision was asked of is gone, and may not come back by it.
                    if self.forget_revision(&contract.id).is_err() {
                        changed.insert(contract.id.clone());
                    }
                    waiting.push(format!("{}: no {} is covered by all of its datasets", contract.id, links.period));
                }
                Ok(Changed::Nothing) => {}
                Ok(Changed::Since(_)) | Err(_) => drop(changed.insert(contract.id.clone())),
            }
        }
        (changed, waiting)
    }

    fn forget_revision(&self, dataset: &DatasetId) -> Result<(), PlatformError> {
        let revised = self.remembered(dataset)?.revised;
        if revised.is_empty() { Ok(()) } else { self.end_revision(dataset, &revised) }
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
        let remembered = self.remembered(&work.contract.id)?;
        let same = remembered.revised.is_empty() && remembered.tried == Some(work.target(self.now())?);
        Ok(if same { Changed::Nothing } else { Changed::Since(version.facts.id) })
    }

    /// Takes linked figures through the gate: those of periods that are new, and what a revision was asked of.
    pub(super) fn publish_linked(
        &self,
        state: &State,
        contract: &DatasetContract,
        links: &Links,
    ) -> Result<Outcome, PlatformError> {
        let work = Work::new(self, state, contract, links)?;
        let target = work.target(self.now())?;
        let outcome = self.link(&work);
        let is_over = match &outcome {
            Ok((_, is_over)) => *is_over,
            Err(error) => is_lasting(error),
        };
        if is_over {
            self.remember(&contract.id, |remembered| remembered.tried = Some(target))?;
        }
        outcome.map(|(outcome, _)| outcome)
    }

    /// Of each period by itself: none waits for another. And whether it would be the same another time.
    fn link(&self, work: &Work<'_>) -> Result<(Outcome, bool), PlatformError> {
        let dataset = &work.contract.id;
        let past = self.released_entries(dataset)?;
        let last = past.last();
        let before = noise_of(dataset, last)?;
        let Remembered { revised, agreed, .. } = self.remembered(dataset)?;
        let withdrawn = self.recorded().withdrawn().clone();
        // What was withdrawn or replaced since is not what was asked for, though it may come again.
        let agreed = agreed.filter(|_| !revised.is_empty() && work.has(&revised));
        let periods = Periods::new(work, (&before, &past), &withdrawn, agreed)?;
        // Published before an end of the service, so that only the note is left.
        let is_out = periods.waiting.is_empty() && last.is_some_and(|last| revised.is_subset(&last.basis.versions()));
        let outcome = self.link_periods(work, (&before, last), periods);
        if revised.is_empty() {
            return outcome;
        }
        // Whatever became of it: it is asked for again, or not.
        self.end_revision(dataset, &revised)?;
        let (mut outcome, is_over) = outcome?;
        outcome.revised |= is_out;
        if !outcome.revised {
            outcome.refused.push(format!("{dataset}: its corrections are not published, as others came since or some may not be linked: preview the revision again"));
        }
        Ok((outcome, is_over))
    }

    fn link_periods(
        &self,
        work: &Work<'_>,
        (before, last): (&NoiseState, Option<&Opened>),
        mut periods: Periods,
    ) -> Result<(Outcome, bool), PlatformError> {
        if periods.is_empty() {
            let (versions, full) = (periods.held(work), periods.full(work));
            return match (versions.is_empty(), full.is_empty()) {
                (false, _) => Err(PlatformError::AwaitsRevision { versions }),
                (true, false) => unpublishable(full.join("; ")),
                (true, true) => unpublishable(format!("no {} is covered by all of its datasets", work.links.period)),
            };
        }
        self.counted_elsewhere(work)?;
        let mut permitted = self.permitted(work, &mut periods, before)?;
        let (mut unlinked, mut is_over) = (Vec::new(), true);
        let group = loop {
            let basis = self.basis_of_links(work, &periods, &permitted, last)?;
            if let Some(last) = last.filter(|last| last.basis.revision == basis.revision) {
                break self.group_of(last)?;
            }
            let subject = permitted.subject(work, &basis);
            let uncounted = Cell::new(None);
            let of = (work, &periods, &permitted);
            let release = |work_id| self.release_linked(work_id, of, (&basis, before), &uncounted);
            let error = match self.on_record(&subject, (audit::Work::Publish, None), release) {
                Ok(group) => break group,
                Err(error) => error,
            };
            // A period that cannot be counted stops no other.
            let others = !periods.kept.is_empty() || periods.due.len() > 1;
            let Some(period) = uncounted.get().filter(|_| others) else { return Err(error) };
            tracing::error!(causes = causes(&error), "the records of a period cannot be linked");
            is_over &= is_lasting(&error);
            let why = public_reason(&error);
            unlinked.push(format!("{}: {} is not published: {why}", work.contract.id, period.label()));
            periods.leave(period);
            permitted.linked.remove(&period);
            for period in periods.leave_corrected_together() {
                permitted.linked.remove(&period);
            }
            if periods.is_empty() {
                return Err(error);
            }
        };
        let (mut refused, revised) = (permitted.refused.clone(), periods.revises());
        refused.extend(unlinked);
        refused.extend(periods.full(work));
        let held = periods.held(work);
        Ok((Outcome { group, held, later: Vec::new(), refused, fresh: false, revised }, is_over))
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

/// Whether it would fail so another time.
fn is_lasting(error: &PlatformError) -> bool {
    let is_ours = matches!(
        error,
        PlatformError::Unpublishable { .. } | PlatformError::Denied { .. } | PlatformError::AwaitsRevision { .. }
    );
    is_ours || plan_error(error).is_some()
}

fn noise_of(dataset: &DatasetId, last: Option<&Opened>) -> Result<NoiseState, PlatformError> {
    let state = NoiseState::decode(requests::group_of(dataset)?, last.map(|last| &last.entry));
    state.map_err(|error| lasting(error.to_string()))
}

#[cfg(test)]
mod tests;
