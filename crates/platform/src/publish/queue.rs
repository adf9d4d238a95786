//! The queue: which datasets wait, and what became of each job.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use catalog::{Job, JobOutcome, JobReason};
use disclosure::PlanError;
use model::DatasetId;
use uuid::Uuid;

use super::PublishReport;
use super::coarser::fineness;
use super::failure::plan_error;
use super::group::Outcome;
use crate::error::{PlatformError, causes};
use crate::platform::Platform;
use crate::requests;
use crate::state::State;

/// How often a job is tried before it is given up.
const ATTEMPTS: u32 = 3;
/// What a supplier reads about a correction that is not published.
const CORRECTION: &str = "taken in; nothing of it is shown until a reviewer asks for a revision";
/// What a supplier reads about a file that is not part of what waits for approval.
const BEHIND: &str = "taken in; something else of this dataset waits for approval first";
/// What a supplier reads about what comes after a revision.
const NEXT: &str = "taken in; corrections are published first, and it with the next run";
/// What a supplier reads about a file that was not published before another came.
pub(crate) const REPLACED: &str = "taken in; a file that came later took its place, and nothing of this one is shown";
/// What a supplier reads about data that nothing is computed from.
const UNUSED: &str = "taken in; no indicator stands on it, so nothing of it is published";

/// A job that was taken from the queue and has no outcome yet.
struct Claimed {
    job: Job,
    /// The dataset it is about; all of them without one.
    dataset: Option<DatasetId>,
}

/// What a run came to, by dataset.
#[derive(Default)]
struct Run {
    failed: BTreeMap<DatasetId, PlatformError>,
    /// What waits for approval, and by whom.
    unapproved: BTreeMap<DatasetId, Said>,
    /// Corrections that wait for a revision.
    held: BTreeSet<Uuid>,
    /// What comes after a revision.
    later: BTreeSet<Uuid>,
    /// What is published of it; nothing is of a dataset that is not here.
    published: BTreeMap<DatasetId, Said>,
}

/// What a supplier reads of a publication.
struct Said {
    text: String,
    /// The versions that it stands on.
    of: BTreeSet<Uuid>,
}

impl Platform {
    /// Does every queued publish job. `done` hears of each dataset as it is finished.
    ///
    /// # Errors
    /// If the queue cannot be read or written; a dataset that cannot be published is in the report instead.
    pub fn publish_pending(&self, done: &mut (dyn FnMut(&DatasetId) + Send)) -> Result<PublishReport, PlatformError> {
        let _one_at_a_time = self.publishing();
        // What keeps every dataset from being published is a fault of the run.
        self.refresh_agreements()?;
        self.notice_dates(self.now())?;
        self.restore_the_rest()?;
        self.finish_withdrawals()?;
        // There is one publisher: what is running now was left by a run that could not even give it back.
        self.catalog().requeue_jobs(self.now()).map_err(PlatformError::failed("requeue jobs"))?;
        let report = self.work_off(done);
        // A run that fails as a whole is no fault of any job: none of them has used up an attempt.
        if report.is_err()
            && let Err(error) = self.catalog().requeue_jobs(self.now())
        {
            tracing::error!(causes = causes(&error), "jobs are given back with the next run only");
        }
        report
    }

    fn work_off(&self, done: &mut (dyn FnMut(&DatasetId) + Send)) -> Result<PublishReport, PlatformError> {
        let mut claimed = self.claim()?;
        let mut datasets: BTreeSet<DatasetId> = claimed.iter().filter_map(|one| one.dataset.clone()).collect();
        if claimed.iter().any(|one| one.dataset.is_none()) {
            datasets.extend(self.held()?);
        }
        // Reference data that no indicator uses has nothing to publish, nor has what was withdrawn as a whole.
        let used = |dataset: &DatasetId| self.state().definitions.indicators_on(dataset).next().is_some();
        let withdrawn = |dataset: &DatasetId| self.current_versions(dataset).is_ok_and(|versions| versions.is_empty());
        datasets.retain(|dataset| used(dataset) && !withdrawn(dataset));
        let (mut report, mut run) = (PublishReport::default(), Run::default());
        // First how many people live where: it bounds what others count.
        let residents = self.state().definitions.residents().map(|contract| contract.id.clone());
        if let Some(residents) = residents.and_then(|id| datasets.take(&id)) {
            let outcomes = self.publish_datasets(&BTreeSet::from([residents]), done);
            let changed = outcomes.values().flatten().any(|outcome| outcome.fresh);
            self.tell(outcomes, &mut report, &mut run);
            if changed {
                let bounded = self.claim()?;
                datasets.extend(bounded.iter().filter_map(|one| one.dataset.clone()));
                claimed.extend(bounded);
            }
        }
        let outcomes = self.publish_datasets(&datasets, done);
        self.tell(outcomes, &mut report, &mut run);
        // What is counted over several of them is no part of any job.
        let (linked, without_data) = self.changed_links();
        let outcomes = self.publish_datasets(&linked, done);
        self.tell(outcomes, &mut report, &mut run);
        report.waiting.extend(without_data);
        // By what all of them came to.
        let state = self.state();
        let waiting: BTreeSet<String> = run.published.keys().flat_map(|dataset| waiting(&state, dataset)).collect();
        report.waiting.extend(waiting);
        for Claimed { job, dataset } in &claimed {
            self.finish(job, run.outcome(job, dataset.as_ref()))?;
        }
        Ok(report)
    }

    /// Every job that waits. One whose own record is damaged is given up, and stops no other.
    fn claim(&self) -> Result<Vec<Claimed>, PlatformError> {
        let mut claimed = Vec::new();
        while let Some(job) = self.catalog().claim_job(self.now()).map_err(PlatformError::failed("take a job"))? {
            match self.dataset_of(&job) {
                Ok(dataset) => claimed.push(Claimed { job, dataset }),
                Err(error) if is_damaged(&error) => {
                    tracing::error!(causes = causes(&error), "a job is given up");
                    self.finish(&job, JobOutcome::Failed(public_reason(&error)))?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(claimed)
    }

    /// The datasets that have data. One whose versions cannot be read is among them, so that its failure is told.
    fn held(&self) -> Result<Vec<DatasetId>, PlatformError> {
        let state = self.state();
        let mut held = Vec::new();
        for contract in state.definitions.contracts() {
            match self.current_versions(&contract.id) {
                Ok(versions) if versions.is_empty() => {}
                Err(error) if !is_damaged(&error) => return Err(error),
                _ => held.push(contract.id.clone()),
            }
        }
        Ok(held)
    }

    /// Queues every dataset that has data, indicators and figures that are not open: how many people live where may bound what
    /// it counts, and which of its areas are too small.
    pub(super) fn queue_bounded(&self) -> Result<(), PlatformError> {
        let state = self.state();
        let open = |dataset: &DatasetId| state.released.get(dataset).is_some_and(|group| group.basis.open);
        for contract in state.definitions.contracts().filter(|contract| !open(&contract.id)) {
            if state.definitions.indicators_on(&contract.id).next().is_none() {
                continue;
            }
            match self.current_versions(&contract.id) {
                Ok(versions) => {
                    if let Some(latest) = versions.last() {
                        self.queue(JobReason::DefinitionsChanged, Some(latest.facts.id), self.now())?;
                    }
                }
                // It is told by what is about it, and holds nothing else up.
                Err(error) if is_damaged(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// How many datasets wait to be published.
    ///
    /// # Errors
    /// If the queue cannot be read.
    pub fn pending(&self) -> Result<usize, PlatformError> {
        Ok(self.waiting_datasets()?.len())
    }

    /// The datasets that jobs wait for. One whose version is damaged is given up when it is taken.
    pub(super) fn waiting_datasets(&self) -> Result<BTreeSet<DatasetId>, PlatformError> {
        let jobs = self.catalog().jobs(Some(catalog::JobState::Pending)).map_err(PlatformError::failed("read jobs"))?;
        let mut datasets = BTreeSet::new();
        for job in &jobs {
            match self.dataset_of(job) {
                Ok(dataset) => datasets.extend(dataset),
                Err(error) if is_damaged(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(datasets)
    }

    fn dataset_of(&self, job: &Job) -> Result<Option<DatasetId>, PlatformError> {
        let Some(version) = job.facts.version else { return Ok(None) };
        let version = self.catalog().version(version).map_err(PlatformError::failed("read a version"))?;
        Ok(version.map(|version| version.facts.dataset))
    }

    fn finish(&self, job: &Job, outcome: JobOutcome) -> Result<(), PlatformError> {
        self.catalog().finish_job(job.facts.id, outcome, self.now()).map_err(PlatformError::failed("end a job"))
    }

    /// Puts what was released in its place, at once: a job is done when readers see what it made, and no group waits for another.
    fn show(&self, dataset: &DatasetId, outcome: Result<Outcome, PlatformError>) -> Result<Outcome, PlatformError> {
        let mut outcome = match outcome {
            // What may not be shown any more goes, whatever becomes of the rest.
            Err(error @ PlatformError::Denied { .. }) => {
                self.swap(BTreeMap::new(), &BTreeSet::from([dataset.clone()]))?;
                return Err(error);
            }
            outcome => outcome?,
        };
        let state = self.state();
        outcome.fresh = state.released.get(dataset).is_none_or(|known| known.basis != outcome.group.basis);
        let residents = state.definitions.residents().is_some_and(|contract| contract.id == *dataset);
        if outcome.fresh && residents {
            // Queued before it is shown, so that no failure in between forgets it.
            self.queue_bounded()?;
        }
        let fresh = BTreeMap::from([(dataset.clone(), Arc::clone(&outcome.group))]);
        if let Some((_, error)) = self.swap_each(fresh).pop() {
            return Err(error);
        }
        // Between its record and this moment.
        if self.recorded().is_withdrawn(&outcome.group.basis) {
            return Err(withdrawn_meanwhile());
        }
        Ok(outcome)
    }

    /// What a run came to, for whoever started it and for the suppliers.
    fn tell(
        &self,
        outcomes: BTreeMap<DatasetId, Result<Outcome, PlatformError>>,
        report: &mut PublishReport,
        run: &mut Run,
    ) {
        let state = self.state();
        for (dataset, outcome) in outcomes {
            // What waits to be linked may be out by itself.
            let is_linked = state.definitions.contract(&dataset).is_some_and(|contract| contract.links.is_some());
            match outcome {
                Ok(Outcome { group, held, later, refused, fresh, revised }) => {
                    report.revised.extend(revised.then(|| dataset.clone()));
                    // A view that stands on several datasets is told once.
                    for view in refused {
                        if !report.failures.contains(&view) {
                            report.failures.push(view);
                        }
                    }
                    report.corrected.extend((!held.is_empty()).then(|| corrected(&dataset, held.len())));
                    run.held.extend(held.into_iter().filter(|_| !is_linked));
                    run.later.extend(later);
                    let fineness = fineness(&state, &dataset);
                    let text = published(fineness.views, fineness.too_fine.len());
                    run.published.insert(dataset.clone(), Said { text, of: group.basis.versions() });
                    if group.tables.get().is_without_late() {
                        let why = "what was registered since has no plan for months that were out before, and shows nothing of them";
                        report.failures.push(format!("{dataset}: {why}: register it coarser"));
                    }
                    // What is new after a revision is there with the next run.
                    report
                        .too_fine
                        .extend(fineness.too_fine.into_iter().filter(|_| !group.tables.get().more_follows()));
                    report.published.extend(fresh.then_some(dataset));
                }
                Err(PlatformError::AwaitsRevision { versions }) => {
                    report.corrected.push(corrected(&dataset, versions.len()));
                    run.held.extend(versions.into_iter().filter(|_| !is_linked));
                    run.published.insert(dataset, Said { text: CORRECTION.to_owned(), of: BTreeSet::new() });
                }
                Err(PlatformError::AwaitsApproval { reason, versions }) => {
                    report.unapproved.push(format!("{dataset}: {reason}"));
                    run.unapproved.insert(dataset, Said { text: reason, of: versions });
                }
                Err(error) => {
                    report.fail(&dataset, &error);
                    run.failed.insert(dataset, error);
                }
            }
        }
    }

    /// Several groups at once, each by one thread; each is shown as soon as it is released.
    fn publish_datasets(
        &self,
        datasets: &BTreeSet<DatasetId>,
        done: &mut (dyn FnMut(&DatasetId) + Send),
    ) -> BTreeMap<DatasetId, Result<Outcome, PlatformError>> {
        let done = Mutex::new(done);
        self.for_each_dataset(datasets, |dataset| {
            let outcome = self.publish_group(dataset);
            // One after the other: what is shown is put together from what is shown.
            let mut done = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let outcome = self.show(dataset, outcome);
            done(dataset);
            outcome
        })
    }

    /// Works on datasets by as many threads as may publish. A defect in one is its error, and ends nothing else.
    pub(super) fn for_each_dataset<T: Send>(
        &self,
        datasets: &BTreeSet<DatasetId>,
        work: impl Fn(&DatasetId) -> Result<T, PlatformError> + Sync,
    ) -> BTreeMap<DatasetId, Result<T, PlatformError>> {
        let queue = Mutex::new(self.largest_last(datasets));
        let results = Mutex::new(BTreeMap::new());
        std::thread::scope(|scope| {
            for _ in 0..self.threads() {
                scope.spawn(|| {
                    loop {
                        let next = queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
                        let Some(dataset) = next else { break };
                        let work = std::panic::AssertUnwindSafe(|| work(&dataset));
                        let result = std::panic::catch_unwind(work).unwrap_or_else(|_| {
                            Err(PlatformError::Unavailable { reason: "publishing stopped on a defect".to_owned() })
                        });
                        results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(dataset, result);
                    }
                });
            }
        });
        results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// By how many atoms their tables tell apart, about, so that no thread is left with the largest when the others have nothing to
    /// do. One that cannot be read counts as small: its own work says why.
    fn largest_last(&self, datasets: &BTreeSet<DatasetId>) -> Vec<DatasetId> {
        let state = self.state();
        let size = |dataset: &DatasetId| -> u64 {
            let Some(contract) = state.definitions.contract(dataset) else { return 0 };
            let mut categories: BTreeMap<String, u64> = BTreeMap::new();
            let indicators = state.definitions.indicators_on(dataset);
            let own = indicators.filter(|indicator| indicator.numerator.dataset == *dataset);
            for dimension in own.flat_map(|own| &own.views).flat_map(|view| requests::dimensions(contract, view)) {
                let most = categories.entry(dimension.name).or_insert(1);
                *most = (*most).max(dimension.categories.len() as u64);
            }
            let versions = self.current_versions(dataset).unwrap_or_default();
            let months: u64 = versions.iter().map(|version| version.facts.period.months().count() as u64).sum();
            categories.into_values().fold(months, u64::saturating_mul)
        };
        let mut ordered: Vec<DatasetId> = datasets.iter().cloned().collect();
        ordered.sort_by_cached_key(size);
        ordered
    }
}

fn corrected(dataset: &DatasetId, files: usize) -> String {
    format!(
        "{dataset}: {files} corrected files; `commonground disclosure revise {dataset}` says what they would change"
    )
}

/// The indicators on a dataset that wait for another one, each with what it waits for.
fn waiting(state: &State, dataset: &DatasetId) -> Vec<String> {
    let mut waiting = Vec::new();
    for indicator in state.definitions.indicators_on(dataset) {
        let missing = indicator.datasets().find(|used| !state.released.contains_key(*used));
        waiting.extend(missing.map(|missing| format!("`{}` waits for data of `{missing}`", indicator.id)));
    }
    waiting
}

impl PublishReport {
    fn fail(&mut self, dataset: &DatasetId, error: &PlatformError) {
        tracing::error!(dataset = dataset.as_str(), causes = causes(error), "not published");
        self.failures.push(format!("{dataset}: {}", public_reason(error)));
    }
}

impl Run {
    fn outcome(&self, job: &Job, dataset: Option<&DatasetId>) -> JobOutcome {
        let Some(dataset) = dataset else { return self.of_all(job) };
        if let Some(error) = self.failed.get(dataset) {
            return outcome_of(job, error);
        }
        let is_in = |versions: &BTreeSet<Uuid>| job.facts.version.is_some_and(|version| versions.contains(&version));
        let said = match (self.unapproved.get(dataset), self.published.get(dataset)) {
            (Some(waits), _) if is_in(&waits.of) => &waits.text,
            (Some(_), _) => BEHIND,
            (None, Some(_)) if is_in(&self.held) => CORRECTION,
            (None, Some(_)) if is_in(&self.later) => NEXT,
            (None, Some(published)) if is_in(&published.of) => &published.text,
            (None, Some(_)) => REPLACED,
            (None, None) => UNUSED,
        };
        JobOutcome::Done(said.to_owned())
    }

    /// A job about every dataset: what may go another time is tried again with it, as nothing else may wait for it.
    fn of_all(&self, job: &Job) -> JobOutcome {
        let reason = || format!("{} datasets could not be published", self.failed.len());
        if self.failed.values().any(may_pass) && job.attempts < ATTEMPTS {
            JobOutcome::Retry(reason())
        } else if self.failed.is_empty() {
            JobOutcome::Done("done".to_owned())
        } else {
            JobOutcome::Failed(reason())
        }
    }
}

fn outcome_of(job: &Job, error: &PlatformError) -> JobOutcome {
    if may_pass(error) && job.attempts < ATTEMPTS {
        return JobOutcome::Retry(public_reason(error));
    }
    JobOutcome::Failed(public_reason(error))
}

/// Whether it may go another time. A plan that failed would fail again, and so would what the agreements or the definitions
/// do not allow.
fn may_pass(error: &PlatformError) -> bool {
    match error {
        PlatformError::Unavailable { .. } | PlatformError::TimedOut { .. } => true,
        PlatformError::Failed { .. } => plan_error(error).is_none(),
        _ => false,
    }
}

/// Whether a record of the catalogue cannot be read: it would be the same another time, and says nothing of others.
fn is_damaged(error: &PlatformError) -> bool {
    let PlatformError::Failed { source, .. } = error else { return false };
    matches!(source.downcast_ref(), Some(catalog::CatalogError::Damaged { .. }))
}

/// Why figures are not released that stand on what was withdrawn while they were computed.
pub(super) fn withdrawn_meanwhile() -> PlatformError {
    let reason = "data were withdrawn while its figures were computed: they are not released".to_owned();
    PlatformError::Unavailable { reason }
}

/// What a supplier reads when its data are published: how many views, and never which, as it may not know of them all.
fn published(views: usize, too_fine: usize) -> String {
    if too_fine == 0 {
        return "published".to_owned();
    }
    format!(
        "published; {too_fine} of {views} views show less than 60 % of their cells: they are too fine, and coarser ones are proposed to the operator"
    )
}

/// What a supplier may read about a failure: never which cell it was about, nor the name of an indicator.
pub(super) fn public_reason(error: &PlatformError) -> String {
    if let Some(plan) = plan_error(error) {
        return match plan {
            PlanError::Unprovable { .. } => {
                "its tables cannot be protected beside what is published: register coarser views"
            }
            PlanError::GrownTogether(_) => {
                "a total that its tables share would change by too little to be shown, and they are too large to be protected \
                 without it: wait until it changes by more, or register coarser views"
            }
            _ => "no plan of what to release could be made",
        }
        .to_owned();
    }
    match error {
        PlatformError::Failed { operation, .. } => format!("could not {operation}"),
        PlatformError::Unavailable { .. }
        | PlatformError::TimedOut { .. }
        | PlatformError::Unpublishable { .. }
        | PlatformError::Denied { .. } => error.to_string(),
        // The supplier may not know of every view.
        PlatformError::TakesTooMuch { .. } => {
            "views that are new would take too much from those that are shown: the service's log says which".to_owned()
        }
        _ => "it could not be published: the service's log says why".to_owned(),
    }
}

#[cfg(test)]
mod tests;
