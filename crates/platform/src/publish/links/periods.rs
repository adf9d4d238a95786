//! What becomes of each period: its figures stay as they are, its records are linked, or a correction of them waits.
//!
//! What was published is final until a reviewer asks for a revision: each state of the data is fresh noise of nearly the same counts, and
//! how many there may be is registered for good. What stays is never linked again: its figures are in the ledger.

use std::collections::{BTreeMap, BTreeSet};

use disclosure::NoiseState;
use model::{Digest, Period};
use uuid::Uuid;

use super::super::ledger::Opened;
use super::work::Work;
use super::{LinkedPeriod, unpublishable};
use crate::error::PlatformError;
use crate::state::digest_of;

/// See the module.
#[derive(Default)]
pub(super) struct Periods {
    /// The state of the data that each period is shown with.
    pub(super) states: BTreeMap<Period, Digest>,
    /// What stays as it is.
    pub(super) kept: BTreeMap<Period, LinkedPeriod>,
    /// What is linked, and what stays in its place if that is not permitted.
    pub(super) due: BTreeMap<Period, Option<(LinkedPeriod, Digest)>>,
    /// Other data than what was published, which wait for a revision.
    pub(super) waiting: BTreeMap<Period, Digest>,
    /// Other data than what was published with as many states as are registered.
    pub(super) full: BTreeSet<Period>,
    /// With how many states of its data each period is out.
    pub(super) editions: BTreeMap<Period, usize>,
    /// The corrections that a revision was asked of.
    corrected: BTreeSet<Period>,
    /// The state of the data that there are.
    current: BTreeMap<Period, Digest>,
    /// The files that anything was ever published from.
    known: BTreeSet<Uuid>,
}

impl Periods {
    /// By what is out, what was withdrawn, and which corrections a revision was asked of.
    pub(super) fn new(
        work: &Work<'_>,
        (before, past): (&NoiseState, &[Opened]),
        withdrawn: &BTreeSet<Uuid>,
        agreed: Option<Digest>,
    ) -> Result<Self, PlatformError> {
        let linked = past.last().and_then(|last| last.basis.linked.as_ref());
        if let Some(known) = linked.filter(|known| known.period != work.links.period) {
            return unpublishable(format!(
                "people were counted by {} at its last release, and who is in one of these would be in another again: keep that, or count them under another name",
                known.period
            ));
        }
        let mut stays = BTreeMap::new();
        for of in linked.into_iter().flat_map(|linked| &linked.periods) {
            let stands = of.is_of(work.links) && of.versions().is_disjoint(withdrawn);
            if let Some(state) = before.state(of.period).filter(|_| stands) {
                stays.insert(of.period, (of.clone(), state));
            }
        }
        let registered = linked.iter().flat_map(|linked| &linked.areas).chain(&work.links.areas);
        let states = work.states(&work.areas(&registered.copied().collect())?);
        let known = past.iter().flat_map(|opened| opened.basis.versions()).collect();
        let mut periods = Self { current: states.clone(), known, ..Self::default() };
        periods.find_corrections(&states, before, work.links.revisions);
        if agreed.is_some() && agreed == periods.code() {
            periods.corrected = std::mem::take(&mut periods.waiting).into_keys().collect();
        }
        let shown_by = work.shown_by();
        for (period, state) in states {
            let stays = stays.remove(&period);
            let waits = periods.full.contains(&period) || periods.waiting.contains_key(&period);
            let is_there = before.areas(period).is_superset(&shown_by);
            match stays {
                Some((of, known)) if waits || (known == state && is_there) => periods.keep(of, known),
                None if waits => {}
                stays => {
                    periods.states.insert(period, state);
                    periods.due.insert(period, stays);
                }
            }
        }
        stays.into_values().for_each(|(of, state)| periods.keep(of, state));
        Ok(periods)
    }

    fn find_corrections(&mut self, states: &BTreeMap<Period, Digest>, before: &NoiseState, revisions: u32) {
        let most = usize::try_from(revisions).unwrap_or(usize::MAX);
        for (period, state) in states {
            let editions = before.editions(*period);
            if editions.is_empty() || editions.contains(state) {
                continue;
            }
            self.editions.insert(*period, editions.len());
            if editions.len() >= most {
                self.full.insert(*period);
            } else {
                self.waiting.insert(*period, *state);
            }
        }
    }

    fn keep(&mut self, of: LinkedPeriod, state: Digest) {
        self.states.insert(of.period, state);
        self.kept.insert(of.period, of);
    }

    /// Does not link a period: what is out of it stays.
    pub(super) fn leave(&mut self, period: Period) {
        self.states.remove(&period);
        if let Some((of, state)) = self.due.remove(&period).flatten() {
            self.keep(of, state);
        }
    }

    /// All corrections are published together: where one may not be linked, none is. Returns those that might have been.
    pub(super) fn leave_corrected_together(&mut self) -> Vec<Period> {
        if self.revises() {
            return Vec::new();
        }
        let due: Vec<Period> = self.corrected.iter().copied().filter(|of| self.due.contains_key(of)).collect();
        due.iter().for_each(|period| self.leave(*period));
        due
    }

    /// Whether records of what stays came again, the same by other files or declarations.
    pub(super) fn may_be_linked_again(&self, period: Period, work: &Work<'_>) -> bool {
        let same = self.current.get(&period).is_some_and(|state| self.states.get(&period) == Some(state));
        same && self.kept.get(&period).is_some_and(|of| of.from != work.partitions(period))
    }

    /// Links what stays, with figures that are the same.
    pub(super) fn link_again(&mut self, period: Period) {
        if let Some((of, state)) = self.kept.remove(&period).zip(self.states.get(&period).copied()) {
            self.due.insert(period, Some((of, state)));
        }
    }

    /// Whether nothing can be shown.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.due.is_empty()
    }

    /// Whether the corrections that a revision was asked of are what is linked.
    pub(super) fn revises(&self) -> bool {
        !self.corrected.is_empty() && self.corrected.iter().all(|period| self.due.contains_key(period))
    }

    /// Names the corrections that wait: the states of their data, whose digests are keyed.
    pub(super) fn code(&self) -> Option<Digest> {
        let parts =
            || self.waiting.iter().flat_map(|(period, state)| [period.to_string().into_bytes(), state.0.to_vec()]);
        let parts: Vec<Vec<u8>> = std::iter::once(b"links".to_vec()).chain(parts()).collect();
        (!self.waiting.is_empty()).then(|| digest_of(parts.iter().map(Vec::as_slice)))
    }

    /// The files of the corrections that wait.
    pub(super) fn held(&self, work: &Work<'_>) -> BTreeSet<Uuid> {
        let mut held = BTreeSet::new();
        for period in self.waiting.keys() {
            let versions = work.versions_of(*period).flat_map(|(_, versions)| versions);
            let fresh: BTreeSet<Uuid> = versions.map(|version| version.facts.id).collect();
            // Without other files it is what areas are, or which of them rows carry.
            let others: BTreeSet<Uuid> = fresh.difference(&self.known).copied().collect();
            held.extend(if others.is_empty() { fresh } else { others });
        }
        held
    }

    /// The periods that stay for good, in words.
    pub(super) fn full(&self, work: &Work<'_>) -> Vec<String> {
        let said = |period: &Period| {
            let stays = if self.kept.contains_key(period) { "stays as it is" } else { "is not shown" };
            format!(
                "{}: {} was published with {} states of its data, as many as are registered, and {stays}: send files again that it was published from",
                work.contract.id,
                period.label(),
                work.links.revisions
            )
        };
        self.full.iter().map(said).collect()
    }
}
