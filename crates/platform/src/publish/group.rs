//! One group: planned, recorded, released.

use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::{DatasetVersion, VersionStatus};
use disclosure::{
    DurableReceipt, GroupTables, LedgerError, LedgerState, OpenSource, Plan, Policy, Released, Shown, Unreleased,
    ViewChange,
};
use model::contract::DatasetContract;
use model::{DatasetId, Digest, Exposure, PurposeId};
use uuid::Uuid;

use super::allowed::{Allowed, nothing_left};
use super::attempt::{Attempt, definitions_of, target};
use super::audit::Audit;
use super::basis::{Basis, Registration};
use super::contract;
use super::failure::{ends_revision, has_no_plan, not_as_previewed, plan_error, waits};
use super::ledger::{Ledger, LeftOut, Opened, Remembered, ledger_state};
use super::queue::{public_reason, withdrawn_meanwhile};
use super::revision::Settled;
use crate::error::{PlatformError, causes};
use crate::platform::Platform;
use crate::requests;
use crate::review::reported_views;
use crate::state::{Group, State, digest_of};

/// What publishing one dataset came to.
pub(super) struct Outcome {
    pub(super) group: Arc<Group>,
    /// Corrections that wait for a revision: what they replace was used instead.
    pub(super) held: BTreeSet<Uuid>,
    /// What comes after a revision.
    pub(super) later: Vec<Uuid>,
    /// What of the definitions cannot be published, and why.
    pub(super) refused: Vec<String>,
    /// Whether it stands on something else than what was shown before.
    pub(super) fresh: bool,
    /// Whether it shows corrections that a revision was asked of.
    pub(super) revised: bool,
}

/// What publishing a dataset starts from.
pub(super) struct Work<'a> {
    pub(super) state: &'a State,
    pub(super) contract: &'a DatasetContract,
    pub(super) past: &'a [Opened],
}

/// What work is about, for the audit log.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) purpose: Option<PurposeId>,
    pub(super) datasets: BTreeSet<DatasetId>,
    /// Those that permit it.
    pub(super) agreements: BTreeSet<Digest>,
    /// The state of all agreements.
    pub(super) epoch: Digest,
}

impl Subject {
    pub(super) fn of(attempt: &Attempt<'_>) -> Self {
        let permits = || attempt.allowed.permits.values();
        Self {
            purpose: permits().next().map(|permit| permit.purpose().clone()),
            datasets: BTreeSet::from([attempt.contract.id.clone()]),
            agreements: permits().flat_map(|permit| permit.agreements().keys().copied()).collect(),
            epoch: attempt.state.snapshot.epoch().digest(),
        }
    }
}

impl Platform {
    /// Takes one dataset's group through the gate.
    pub(super) fn publish_group(&self, dataset: &DatasetId) -> Result<Outcome, PlatformError> {
        self.refresh_agreements()?;
        let state = self.state();
        let contract = contract(&state, dataset)?;
        if let Some(links) = &contract.links {
            return self.publish_linked(&state, contract, links);
        }
        let current = self.current_versions(dataset)?;
        if current.is_empty() {
            return Err(PlatformError::Unpublishable { reason: format!("`{dataset}` has no data yet") });
        }
        // Before the agreements are asked: what they say otherwise later is tried again.
        let target = target(&state, contract, &current, self.now())?;
        let past = self.released_entries(dataset)?;
        let work = Work { state: &state, contract, past: &past };
        let outcome = self.revise_or_extend(&work, &current);
        if outcome.as_ref().err().is_none_or(|error| plan_error(error).is_some() || waits(error)) {
            self.remember(dataset, |remembered| remembered.tried = Some(target))?;
        }
        outcome
    }

    /// With the corrections that a revision was asked of; without them where they cannot be protected beside what is published, which
    /// ends the revision.
    fn revise_or_extend(&self, work: &Work<'_>, current: &[DatasetVersion]) -> Result<Outcome, PlatformError> {
        let dataset = &work.contract.id;
        let Remembered { mut revised, agreed, .. } = self.remembered(dataset)?;
        let is_out = work.past.last().is_some_and(|last| revised.is_subset(&last.basis.versions()));
        if !revised.is_empty() && (is_out || !revised.is_disjoint(self.recorded().withdrawn())) {
            // It is published, and what came after was cut short; or some of it was withdrawn since.
            self.end_revision(dataset, &revised)?;
            revised.clear();
        }
        let mut settled = self.settled(current, work.past, &revised)?;
        if settled.versions.is_empty() && !revised.is_empty() {
            // It was asked for files that others took the place of since, and nothing else is there.
            self.end_revision(dataset, &revised)?;
            revised.clear();
            settled = self.settled(current, work.past, &revised)?;
        }
        let asked = !revised.is_empty();
        let Settled { versions, mut held, mut later } = settled;
        if versions.is_empty() {
            return Err(PlatformError::AwaitsRevision { versions: held });
        }
        // Asked for before anything was previewed, or of files that others took the place of since.
        let is_there = |id: &Uuid| current.iter().any(|version| version.facts.id == *id);
        let agreed = agreed.filter(|_| revised.iter().all(is_there));
        let mut outcome = match (asked, agreed) {
            (true, None) => Err(not_as_previewed(dataset)),
            (_, agreed) => self.attempt(work, &versions, agreed),
        };
        let mut unrevised = None;
        if let Some(error) = outcome.as_ref().err().filter(|error| asked && ends_revision(error)) {
            tracing::warn!(dataset = dataset.as_str(), causes = causes(error), "a revision is not published");
            unrevised = Some(format!("{dataset}: its corrections are not published: {}", public_reason(error)));
            // Whatever becomes of the rest.
            self.end_revision(dataset, &revised)?;
            let settled = self.settled(current, work.past, &BTreeSet::new())?;
            // Of what was withdrawn there is nothing to go on with.
            if !settled.versions.is_empty() {
                outcome = self.attempt(work, &settled.versions, None);
                (held, later) = (settled.held, settled.later);
            }
        }
        let (group, mut refused) = outcome?;
        let is_revised = asked && unrevised.is_none();
        if is_revised {
            // What was left aside is published next. Before the revision is over, so that no end in between forgets it.
            let mut next = later.clone();
            next.extend(revised.iter().filter(|_| !refused.is_empty() || group.tables.get().more_follows()));
            self.queue_versions(&next)?;
            self.end_revision(dataset, &revised)?;
            self.wake_publisher();
        }
        refused.extend(unrevised);
        Ok(Outcome { group, held, later, refused, fresh: false, revised: is_revised })
    }

    /// Of a revision by these corrections nothing is left; somebody may have asked for another one since.
    pub(super) fn end_revision(&self, dataset: &DatasetId, revised: &BTreeSet<Uuid>) -> Result<(), PlatformError> {
        self.remember(dataset, |remembered| {
            if remembered.revised == *revised {
                remembered.end_revision();
            }
        })
    }

    /// With everything that the agreements allow; without the views that are new where these would take too much from the others, or
    /// have no plan beside them.
    fn attempt(
        &self,
        work: &Work<'_>,
        versions: &[DatasetVersion],
        agreed: Option<Digest>,
    ) -> Result<(Arc<Group>, Vec<String>), PlatformError> {
        let Work { contract, past, .. } = work;
        let mut allowed = self.allowed_of(work, versions, agreed.is_some())?;
        // As data grow, what took too much may not any more: tried again each time that they have doubled.
        let grown = versions.len().checked_ilog2().unwrap_or(0);
        let geography = work.state.geography()?.digest;
        let of = digest_of([&definitions_of(&allowed, contract)?.0[..], &geography.0, &grown.to_be_bytes()]);
        let known = self.remembered(&contract.id)?.left_out.filter(|known| known.of == of);
        if let Some((known, last)) = known.zip(past.last()) {
            allowed.leave_out_new(contract, &last.basis, &known.reason);
            if !allowed.shows_something(contract) {
                return Err(nothing_left(&allowed.refused, contract));
            }
        }
        let mut outcome = self.attempt_of(work, versions, &allowed, agreed);
        let reason = match &outcome {
            Err(PlatformError::TakesTooMuch { reason }) => Some(reason.clone()),
            Err(error) if has_no_plan(error) => Some(public_reason(error)),
            _ => None,
        };
        if let Some((reason, last)) = reason.zip(past.last())
            && allowed.leave_out_new(contract, &last.basis, &reason) > 0
            && allowed.shows_something(contract)
        {
            let causes = outcome.as_ref().err().map(|error| causes(error)).unwrap_or_default();
            tracing::warn!(dataset = contract.id.as_str(), causes, "not published with the views that are new");
            outcome = self.attempt_of(work, versions, &allowed, agreed);
            if outcome.as_ref().err().is_none_or(waits) {
                self.remember(&contract.id, |remembered| remembered.left_out = Some(LeftOut { of, reason }))?;
            }
        }
        Ok((outcome?, allowed.refused))
    }

    /// What the agreements allow; of a revision only what is shown already: see [`Settled::later`].
    pub(super) fn allowed_of(
        &self,
        work: &Work<'_>,
        versions: &[DatasetVersion],
        revises: bool,
    ) -> Result<Allowed, PlatformError> {
        let mut allowed = self.allowed(work.state, work.contract, versions)?;
        if revises {
            let reason = "corrections are published first, and it with the next run";
            if let Some(last) = work.past.last() {
                allowed.leave_out_new(work.contract, &last.basis, reason);
            }
            if !allowed.shows_something(work.contract) {
                return Err(nothing_left(&allowed.refused, work.contract));
            }
        }
        Ok(allowed)
    }

    fn attempt_of(
        &self,
        work: &Work<'_>,
        versions: &[DatasetVersion],
        allowed: &Allowed,
        agreed: Option<Digest>,
    ) -> Result<Arc<Group>, PlatformError> {
        let Work { state, contract, past } = work;
        let last = past.last().map(|last| &last.basis);
        let mut attempt = self.prepare(state, contract, versions, allowed, last)?;
        attempt.agreed = agreed;
        if agreed.is_some() {
            shows_nothing_new(&attempt, last)?;
        }
        let revision = attempt.basis.revision;
        // An entry from before areas were kept is written once more, so that it tells what they are while they are still known.
        let same = |last: &&Opened| last.basis.revision == revision && last.basis.knows_its_areas();
        let known =
            past.last().filter(|last| !allowed.open() && same(last)).map(|last| self.group_of(last)).transpose()?;
        match known.filter(|group| !group.tables.get().more_follows()) {
            // Nothing changed: no further record.
            Some(group) => Ok(group),
            None => match state.released.get(&contract.id).filter(|group| group.basis.revision == revision) {
                Some(group) if allowed.open() => Ok(Arc::clone(group)),
                _ => self.release(&attempt, past),
            },
        }
    }

    fn release(&self, attempt: &Attempt<'_>, past: &[Opened]) -> Result<Arc<Group>, PlatformError> {
        let subject = Subject::of(attempt);
        self.on_record(&subject, (audit::Work::Publish, None), |work_id| self.release_as(work_id, attempt, past))
    }

    /// Does work on something, between its intent and its end in the audit log.
    pub(super) fn on_record<T>(
        &self,
        subject: &Subject,
        (kind, actor): (audit::Work, Option<audit::Actor>),
        work: impl FnOnce(Uuid) -> Result<T, PlatformError>,
    ) -> Result<T, PlatformError> {
        let work_id = Uuid::now_v7();
        let Subject { purpose, datasets, agreements, epoch } = subject.clone();
        self.record(audit::Entry::Intent { work_id, work: kind, actor, purpose, datasets, agreements, epoch })?;
        let outcome = work(work_id);
        self.record_end(work_id, &outcome);
        outcome
    }

    fn release_as(&self, work_id: Uuid, attempt: &Attempt<'_>, past: &[Opened]) -> Result<Arc<Group>, PlatformError> {
        let (dataset, allowed) = (&attempt.contract.id, attempt.allowed);
        let mut audit = Audit {
            platform: self,
            work_id,
            views: attempt.basis.views.clone(),
            // Those that the data came under, and those that stand in their place by now.
            agreements: allowed
                .permits
                .values()
                .flat_map(|permit| permit.agreements().keys().copied())
                .chain(attempt.basis.agreements())
                .collect(),
        };
        if let Some(noise) = &allowed.noise {
            return self.release_with_noise(attempt, past, noise, &mut audit);
        }
        let unreleased = self.truth_of(attempt, past)?;
        if !allowed.open() {
            return self.protect(attempt, past, &unreleased, &mut audit);
        }
        self.still_permitted(allowed, &attempt.basis)?;
        audit.record_open(dataset)?;
        let tables = release_open(attempt, unreleased)?;
        self.remember(dataset, |remembered| remembered.open = Some(attempt.basis.revision))?;
        Ok(Arc::new(Group { tables, basis: attempt.basis.clone(), noisy: None }))
    }

    /// What is tabulated, and whether records that figures stood on were replaced by others since: said by the files, not by what any
    /// figure shows of it.
    pub(super) fn truth_of(&self, attempt: &Attempt<'_>, past: &[Opened]) -> Result<Unreleased, PlatformError> {
        let unreleased = self.tabulate(attempt)?;
        for version in attempt.versions {
            let facts = &version.facts;
            let used = |opened: &Opened| {
                opened.basis.partitions.iter().find(|used| used.period == facts.period).map(|used| used.version)
            };
            let Some(before) = past.iter().rev().find_map(used) else {
                // Part of what was out as a longer period, or the other way round.
                let overlaps = |opened: &Opened| opened.basis.periods().iter().any(|out| out.overlaps(facts.period));
                if past.iter().any(overlaps) {
                    return Ok(unreleased.of_other_records());
                }
                continue;
            };
            if before == facts.id {
                continue;
            }
            let before = self.catalog().version(before).map_err(PlatformError::failed("read a version"))?;
            if before.is_none_or(|before| before.facts.content != facts.content) {
                return Ok(unreleased.of_other_records());
            }
        }
        Ok(unreleased)
    }

    /// Open data as they were released before, computed anew: everybody has them, and nothing is recorded again.
    pub(super) fn open_again(&self, attempt: &Attempt<'_>) -> Result<Arc<Group>, PlatformError> {
        let tables = release_open(attempt, self.tabulate(attempt)?)?;
        Ok(Arc::new(Group { tables, basis: attempt.basis.clone(), noisy: None }))
    }

    fn protect(
        &self,
        attempt: &Attempt<'_>,
        past: &[Opened],
        unreleased: &Unreleased,
        audit: &mut Audit<'_>,
    ) -> Result<Arc<Group>, PlatformError> {
        let (dataset, basis) = (&attempt.contract.id, &attempt.basis);
        let known = ledger_state(dataset, past)?;
        let plan = self.plan_of(attempt, past, unreleased, &known)?;
        if let Some(agreed) = attempt.agreed
            && agreed != self.code_of(&plan, attempt)?
        {
            return Err(not_as_previewed(dataset));
        }
        if let Some(last) = past.last().filter(|last| attempt.basis.registers_more_than(&last.basis)) {
            self.spares_others(attempt, &last.basis, unreleased, &known)?;
        }
        let same = |last: &&Opened| last.shown == Some(plan.digest()) && last.basis.stands_on_the_same(basis);
        if let Some(last) = past.last().filter(same) {
            let group = self.group_of(last)?;
            // What should have followed does not: on record once, or it would be tried with every run.
            if !group.tables.get().more_follows() {
                return Ok(group);
            }
        }
        // The last moment before it is durable; whoever reads it later is asked about again, each time.
        self.still_permitted(attempt.allowed, basis)?;
        let mut ledger = Ledger::new(self, dataset, basis)?;
        let summary = plan.summary();
        let proposed = (plan.ledger_entry(), (summary.released(), summary.withheld(), summary.steps));
        let _nobody_decides =
            self.approved((dataset, basis), proposed, &attempt.allowed.approval, &mut ledger, audit)?;
        let receipt = DurableReceipt::obtain(&plan, &mut ledger, audit, self.now().as_second())
            .map_err(PlatformError::failed("record a release"))?;
        let sequence = receipt.ledger_entry();
        self.remember(dataset, |remembered| (remembered.released, remembered.open) = (sequence, None))?;
        let tables = disclosure::commit(plan, receipt).map_err(PlatformError::failed("release"))?;
        Ok(Arc::new(Group { tables, basis: basis.clone(), noisy: None }))
    }

    /// Refuses what is registered anew where views of which enough is shown would show too little beside it in the periods to come: what
    /// is withheld once stays so. What is out is shown whatever is new, so the plan that tells is one of all periods by nothing before.
    fn spares_others(
        &self,
        attempt: &Attempt<'_>,
        last: &Basis,
        unreleased: &Unreleased,
        known: &LedgerState,
    ) -> Result<(), PlatformError> {
        let dataset = &attempt.contract.id;
        let nothing = LedgerState::empty(requests::group_of(dataset)?);
        let plan = self.plan(dataset, &nothing, unreleased, &attempt.allowed.policy)?;
        let views = reported_views(attempt.state, dataset, last.views.intersection(&attempt.basis.views).collect())?;
        for ViewChange { name, all, .. } in plan.changes(known, &views).views {
            if all.becomes_too_fine() {
                let reason = format!(
                    "beside what is registered anew, view `{name}` would show {} % of its cells in periods to come, and {} % is the \
                     least: register coarser views, or fewer",
                    all.after.percent(),
                    Shown::LEAST_PERCENT
                );
                return Err(PlatformError::TakesTooMuch { reason });
            }
        }
        Ok(())
    }

    /// The plan; where nothing is registered anew and none is found, one without what is new of months that are out already: a view that
    /// follows a revision, or a gap that is filled, must not hold up the months to come.
    fn plan_of(
        &self,
        attempt: &Attempt<'_>,
        past: &[Opened],
        unreleased: &Unreleased,
        known: &LedgerState,
    ) -> Result<Plan, PlatformError> {
        let (dataset, policy) = (&attempt.contract.id, &attempt.allowed.policy);
        let plan = self.plan(dataset, known, unreleased, policy);
        let registers = past.last().is_none_or(|last| attempt.basis.registers_more_than(&last.basis));
        let is_extension = !registers && attempt.agreed.is_none();
        let Some(error) = plan.as_ref().err().filter(|error| is_extension && has_no_plan(error)) else { return plan };
        tracing::warn!(
            dataset = dataset.as_str(),
            causes = causes(error),
            "what is new of months that are out is left out"
        );
        let key = self.keys().plan_key(dataset)?;
        disclosure::plan_without_what_is_late(known, unreleased, policy, &key)
            .map_err(PlatformError::failed("plan what is released"))
    }

    pub(super) fn plan(
        &self,
        dataset: &DatasetId,
        past: &LedgerState,
        unreleased: &Unreleased,
        policy: &Policy,
    ) -> Result<Plan, PlatformError> {
        let key = self.keys().plan_key(dataset)?;
        disclosure::plan(past, unreleased, policy, &key).map_err(PlatformError::failed("plan what is released"))
    }

    /// What an entry released, its proof checked once more.
    pub(super) fn group_of(&self, opened: &Opened) -> Result<Arc<Group>, PlatformError> {
        let failed = PlatformError::failed::<LedgerError>;
        let (tables, noisy) = if opened.basis.has_noise() {
            disclosure::restore_noise(&opened.group, &opened.entry).map_err(failed("restore from the ledger"))?
        } else {
            (disclosure::restore(&opened.entry).map_err(failed("restore from the ledger"))?, None)
        };
        Ok(Arc::new(Group { tables, basis: opened.basis.clone(), noisy }))
    }

    /// Whether every permit holds at this moment, by the agreements as they are on the disk now, and nothing was withdrawn.
    pub(super) fn still_permitted(&self, allowed: &Allowed, basis: &Basis) -> Result<(), PlatformError> {
        self.refresh_agreements()?;
        if self.recorded().is_withdrawn(basis) {
            return Err(withdrawn_meanwhile());
        }
        let (snapshot, now) = (self.state().snapshot.clone(), self.now());
        let derive = allowed.permits.values().all(|permit| permit.is_valid(&snapshot, now));
        if derive && allowed.releases.iter().all(|permit| permit.is_valid(&snapshot, now)) {
            return Ok(());
        }
        let reason = "an agreement was suspended or ended while its figures were computed: they are not released";
        Err(PlatformError::Unavailable { reason: reason.to_owned() })
    }

    pub(crate) fn current_versions(&self, dataset: &DatasetId) -> Result<Vec<DatasetVersion>, PlatformError> {
        let mut versions = self
            .catalog()
            .versions(Some(dataset), Some(VersionStatus::Current))
            .map_err(PlatformError::failed("read versions"))?;
        // A withdrawal may not have got as far as the catalogue.
        let recorded = self.recorded();
        versions.retain(|version| !recorded.withdrawn().contains(&version.facts.id));
        Ok(versions)
    }
}

fn release_open(attempt: &Attempt<'_>, unreleased: Unreleased) -> Result<Released<GroupTables>, PlatformError> {
    let Exposure::Open { source, licence } = &attempt.allowed.exposure else {
        return Err(PlatformError::Unpublishable { reason: format!("`{}` is not open", attempt.contract.id) });
    };
    let open = OpenSource { source: source.clone(), licence: licence.clone() };
    unreleased.release_open(&open).map_err(PlatformError::failed("release open data"))
}

/// Refuses to revise what shows something else under its old name; see [`Platform::allowed_of`].
pub(super) fn shows_nothing_new(attempt: &Attempt<'_>, last: Option<&Basis>) -> Result<(), PlatformError> {
    let mut asked = attempt.request.tables.iter().filter(|table| !table.asked_by.is_empty()).map(Registration::of);
    if last.is_some_and(|last| asked.any(|table| !last.decides(&table))) {
        let reason = "a view of it was defined otherwise and is not published as it is now: ask again when it is";
        return Err(PlatformError::Unpublishable { reason: reason.to_owned() });
    }
    Ok(())
}
