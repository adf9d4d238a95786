//! Corrections. What was published is final until somebody revises it: whether and when a correction is shown must not depend on
//! what it changes, or it would say by how much. Until then everything of the dataset, also what is new, stands on the files that
//! its figures were published from.

use std::collections::BTreeSet;
use std::fmt;

use catalog::{DatasetVersion, VersionStatus};
use disclosure::{Changes, LedgerState, NoiseState, Plan};
use model::contract::{DatasetContract, Links};
use model::{DatasetId, Digest, Period};
use uuid::Uuid;

use super::attempt::Attempt;
use super::basis::Basis;
use super::contract;
use super::failure::ends_revision;
use super::group::{Subject, Work, shows_nothing_new};
use super::ledger::{Opened, Previewed, ledger_state};
use super::queue::public_reason;
use crate::caller::Caller;
use crate::error::{PlatformError, causes};
use crate::platform::Platform;
use crate::requests;
use crate::review::reported_views;
use crate::state::State;

/// Some versions for each partition of a dataset.
pub(super) struct Settled {
    /// What is published from.
    pub(super) versions: Vec<DatasetVersion>,
    /// Corrections that wait for a revision.
    pub(super) held: BTreeSet<Uuid>,
    /// What is of periods that are not out: not together with a revision. Of all who believe that little changed, what is new would tell
    /// who kept the old figures what was withheld among them.
    pub(super) later: Vec<Uuid>,
}

/// What a revision would publish, for those who may ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionPreview {
    /// The dataset.
    pub dataset: DatasetId,
    /// How many corrected files wait.
    pub corrections: usize,
    /// What it would show; none where nothing waits or it cannot be published.
    pub plan: Option<RevisionPlan>,
    /// Why it cannot be published, if it cannot.
    pub refused: Option<String>,
}

/// What a revision would show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionPlan {
    /// Names what is asked for, and nothing else is: all that everybody would see, under a key of the dataset, or the data it is of.
    pub digest: Digest,
    /// What becomes of the numbers that are shown now.
    pub shows: Shows,
}

/// What a revision would show: as much of it as may be said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shows {
    /// Which numbers change.
    Changes {
        /// These.
        changes: Changes,
        /// Where figures have noise, with how many states of its data each may be published.
        states: Option<u32>,
    },
    /// People over several datasets: whatever is shown of their figures is published.
    Links {
        /// The periods that are decided anew.
        periods: Vec<RevisedPeriod>,
        /// With how many states of its data each may be published.
        most: u32,
        /// That the definition names other datasets by now, in words.
        other: Option<String>,
    },
}

/// A period of which all figures would be others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevisedPeriod {
    /// The period.
    pub period: Period,
    /// With how many states of its data it is out.
    pub published: usize,
}

impl RevisionPlan {
    /// The numbers that change, where that may be said.
    #[must_use]
    pub const fn changes(&self) -> Option<&Changes> {
        match &self.shows {
            Shows::Changes { changes, .. } => Some(changes),
            Shows::Links { .. } => None,
        }
    }
}

impl Platform {
    /// The versions that the last release stands on, where there are any; for what was never released, and for the corrections that
    /// a revision was asked of, the current ones. None of a period of which something was released and withdrawn.
    pub(super) fn settled(
        &self,
        current: &[DatasetVersion],
        past: &[Opened],
        revised: &BTreeSet<Uuid>,
    ) -> Result<Settled, PlatformError> {
        // Open figures have no plan that a correction could be seen through.
        let past = if past.last().is_some_and(|last| last.basis.open) { &[] } else { past };
        let partition =
            |basis: &Basis, period| basis.partitions.iter().find(|used| used.period == period).map(|used| used.version);
        let mut out = past.iter().flat_map(|opened| opened.basis.periods()).collect::<Vec<_>>();
        out.sort_unstable();
        out.dedup();
        // Also as part of a longer period, or in shorter ones.
        let was_out = |period: Period| out.iter().any(|other| other.overlaps(period));
        let mut settled =
            Settled { versions: Vec::with_capacity(current.len()), held: BTreeSet::new(), later: Vec::new() };
        for version in current {
            let facts = &version.facts;
            let is_new = !was_out(facts.period);
            if is_new && !revised.is_empty() {
                settled.later.push(facts.id);
                continue;
            }
            let used = past.last().and_then(|last| partition(&last.basis, facts.period));
            if is_new || used == Some(facts.id) || revised.contains(&facts.id) {
                settled.versions.push(version.clone());
                continue;
            }
            settled.held.insert(facts.id);
            let earlier = used.map(|used| self.catalog().version(used)).transpose();
            let earlier = earlier.map_err(PlatformError::failed("read a version"))?.flatten();
            // What was withdrawn or erased is never opened again.
            let is_there = |old: &DatasetVersion| {
                let withdrawn = self.recorded().withdrawn().contains(&old.facts.id);
                old.status == VersionStatus::Superseded && old.table_keys.is_some() && !withdrawn
            };
            settled.versions.extend(earlier.filter(is_there));
        }
        Ok(settled)
    }

    /// How many corrections of a dataset wait for a revision.
    pub(crate) fn corrections(&self, dataset: &DatasetId, past: &[Opened]) -> Result<usize, PlatformError> {
        let state = self.state();
        if let Some(links) = linked(&state, dataset) {
            return self.waiting_links(&state, links, past);
        }
        Ok(self.settled(&self.current_versions(dataset)?, past, &BTreeSet::new())?.held.len())
    }

    /// What a revision would publish of the corrections of a dataset that wait; nothing is published. On record.
    ///
    /// # Errors
    /// If the agreements do not let the caller review the dataset, nothing of it was published by a plan, or it cannot be computed
    /// now.
    pub fn preview_revision(&self, caller: &Caller, dataset: &DatasetId) -> Result<RevisionPreview, PlatformError> {
        // Whoever may not ask waits for nothing.
        self.reviewed(caller, dataset, audit::Question::PreviewRevision)?;
        let busy = || PlatformError::Unavailable { reason: "something is being published: ask again soon".to_owned() };
        let _nobody_publishes = self.try_publishing().ok_or_else(busy)?;
        self.refresh_agreements()?;
        let (state, past) = (self.state(), self.released_entries(dataset)?);
        if let Some(links) = linked(&state, dataset) {
            return self.preview_linked(&state, links, &past);
        }
        let work = Work { state: &state, contract: contract(&state, dataset)?, past: &past };
        let current = self.current_versions(dataset)?;
        let waiting = self.settled(&current, &past, &BTreeSet::new())?.held;
        let mut preview =
            RevisionPreview { dataset: dataset.clone(), corrections: waiting.len(), plan: None, refused: None };
        let held = match self.with_room(work.contract, (&current, &past), waiting.clone()) {
            Err(error) if ends_revision(&error) => {
                preview.refused = Some(public_reason(&error));
                return Ok(preview);
            }
            held => held?,
        };
        // Of those that can never be published alone, why is said.
        let held = if held.is_empty() { waiting } else { held };
        if held.is_empty() {
            return Ok(preview);
        }
        preview.corrections = held.len();
        preview.refused = self.rejection(dataset, &held)?;
        if preview.refused.is_some() {
            return Ok(preview);
        }
        match self.foresee(caller, &work, &self.settled(&current, &past, &held)?.versions) {
            Ok(plan) => {
                let previewed = Some(Previewed { digest: plan.digest, held });
                self.remember(dataset, |remembered| remembered.previewed = previewed)?;
                preview.plan = Some(plan);
            }
            Err(error) if ends_revision(&error) => {
                tracing::warn!(dataset = dataset.as_str(), causes = causes(&error), "a revision has no plan");
                preview.refused = Some(public_reason(&error));
            }
            Err(error) => return Err(error),
        }
        Ok(preview)
    }

    /// Asks that the corrections of a dataset that wait be published with the next run, all figures that they change decided anew, if
    /// that shows exactly what was previewed; on record. How many there are.
    ///
    /// # Errors
    /// If the agreements do not let the caller review the dataset, nothing of it was published by a plan, another revision was asked for
    /// and waits, or this is not what was previewed last of these corrections.
    pub fn revise(&self, caller: &Caller, dataset: &DatasetId, previewed: Digest) -> Result<usize, PlatformError> {
        let entries = self.reviewed(caller, dataset, audit::Question::Revise)?;
        let state = self.state();
        if let Some(links) = linked(&state, dataset) {
            return self.revise_linked(&state, links, (&entries, previewed));
        }
        let contract = contract(&state, dataset)?;
        let current = self.current_versions(dataset)?;
        let waiting = self.settled(&current, &entries, &BTreeSet::new())?.held;
        let bad = |problem: &str| Err(PlatformError::BadParameter { parameter: "digest", problem: problem.to_owned() });
        if waiting.is_empty() {
            return Ok(0);
        }
        let held = self.with_room(contract, (&current, &entries), waiting)?;
        if held.is_empty() {
            return bad("none of the corrections that wait can be published: the preview says why");
        }
        let remembered = self.remembered(dataset)?;
        if !remembered.revised.is_empty() && remembered.agreed != Some(previewed) {
            return bad(
                "another revision was asked for and waits to be published or approved: ask again when it is, or reject it",
            );
        }
        if remembered.previewed != Some(Previewed { digest: previewed, held: held.clone() }) {
            return bad(
                "it is not what was previewed last, or other corrections came since: preview the revision again",
            );
        }
        if let Some(rejected) = self.rejection(dataset, &held)? {
            return bad(&rejected);
        }
        // What is asked for first, so that no run that is begun by the jobs misses it.
        self.remember(dataset, |remembered| {
            (remembered.revised, remembered.agreed) = (held.clone(), Some(previewed));
        })?;
        self.queue_versions(&held.iter().copied().collect::<Vec<_>>())?;
        self.wake_publisher();
        Ok(held.len())
    }

    /// What a revision by some versions would show and change, for who asks; nothing is published.
    pub(super) fn foresee(
        &self,
        caller: &Caller,
        work: &Work<'_>,
        versions: &[DatasetVersion],
    ) -> Result<RevisionPlan, PlatformError> {
        let Work { state, contract, past } = work;
        let allowed = self.allowed_of(work, versions, true)?;
        let last = past.last().map(|last| &last.basis);
        let attempt = self.prepare(state, contract, versions, &allowed, last)?;
        shows_nothing_new(&attempt, last)?;
        let ids = last.into_iter().flat_map(|last| &last.views).chain(&attempt.basis.views).collect();
        let views = reported_views(state, &contract.id, ids)?;
        self.on_record(&Subject::of(&attempt), (audit::Work::Review, caller.actor.clone()), |_| {
            // Of what was withdrawn as a whole nothing is shown, though the ledger ends with it.
            let withdrawn = last.is_some_and(|last| self.recorded().is_withdrawn(last));
            if let Some(noise) = &allowed.noise {
                let (before, plan) = self.noise_plan(&attempt, past, noise)?;
                let nothing = NoiseState::empty(requests::group_of(&contract.id)?);
                let changes = plan.changes(if withdrawn { &nothing } else { &before }, &views);
                let states = attempt.basis.grammar.as_ref().map(|grammar| grammar.revisions);
                let shows = Shows::Changes { changes, states };
                return Ok(RevisionPlan { digest: plan.code(&self.keys().plan_key(&contract.id)?), shows });
            }
            let unreleased = self.truth_of(&attempt, past)?;
            let past = ledger_state(&contract.id, past)?;
            let plan = self.plan(&contract.id, &past, &unreleased, &allowed.policy)?;
            let nothing = LedgerState::empty(requests::group_of(&contract.id)?);
            let changes = plan.changes(if withdrawn { &nothing } else { &past }, &views);
            let shows = Shows::Changes { changes, states: None };
            Ok(RevisionPlan { digest: self.code_of(&plan, &attempt)?, shows })
        })
    }

    /// Names what a plan would show, for who may say that it is to be shown.
    pub(super) fn code_of(&self, plan: &Plan, attempt: &Attempt<'_>) -> Result<Digest, PlatformError> {
        Ok(plan.code(&self.keys().plan_key(&attempt.contract.id)?, attempt.revision()))
    }

    /// Whether a revision was asked for that is not published yet, and not over.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    pub fn awaits_revision(&self, dataset: &DatasetId) -> Result<bool, PlatformError> {
        Ok(!self.remembered(dataset)?.revised.is_empty())
    }
}

impl fmt::Display for RevisionPreview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dataset, corrections, plan, refused } = self;
        let files = if *corrections == 1 { "file waits" } else { "files wait" };
        writeln!(f, "{dataset}: {corrections} corrected {files}")?;
        refused.iter().try_for_each(|why| writeln!(f, "cannot be published: {why}"))?;
        let Some(RevisionPlan { digest, shows }) = plan else { return Ok(()) };
        writeln!(f, "\n{shows}")?;
        writeln!(f, "  commonground disclosure revise {dataset} --publish {digest}")
    }
}

impl fmt::Display for Shows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changes { changes, states: Some(states) } => {
                writeln!(f, "{changes}")?;
                writeln!(
                    f,
                    "All figures of the periods that are corrected get other noise. Each may be published with {states} states of its"
                )?;
                writeln!(
                    f,
                    "data, the first and all corrections and erasures together, for good: publish corrections together."
                )?;
                write!(f, "Nothing is published yet; exactly this is by")
            }
            Self::Changes { changes, states: None } => {
                writeln!(f, "{changes}")?;
                writeln!(
                    f,
                    "What is [c] then stays so, whatever is corrected later. New marks may tell where something was corrected,"
                )?;
                write!(f, "so do not say what it was. Nothing is published yet; exactly this is by")
            }
            Self::Links { periods, most, other } => {
                other.iter().try_for_each(|other| writeln!(f, "Caution: {other}."))?;
                for RevisedPeriod { period, published } in periods {
                    writeln!(
                        f,
                        "{}: published with {published} of {most} states of its data; this is one more",
                        period.label()
                    )?;
                }
                writeln!(
                    f,
                    "All figures of these periods get other noise, and nobody is told which before they are published. What is spent of"
                )?;
                writeln!(
                    f,
                    "the states is spent for good: wait for the corrections of all suppliers, and publish them together."
                )?;
                write!(f, "Nothing is published yet; exactly these data are by")
            }
        }
    }
}

/// A dataset of linked records.
fn linked<'a>(state: &'a State, dataset: &DatasetId) -> Option<(&'a DatasetContract, &'a Links)> {
    let contract = state.definitions.contract(dataset)?;
    Some((contract, contract.links.as_ref()?))
}

#[cfg(test)]
mod tests;
